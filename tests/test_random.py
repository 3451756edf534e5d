"""Random small archives, baked with random options, against what netCDF4 or h5py read in every file, bit for bit.

Every number is one archive and one recipe, the same in every run. A bake may refuse (options are drawn without regard
to what fits), but what it bakes must be right, `verify` must agree, and after damage to one object `verify` must not
find everything in order while zarr-python reads something else.
"""

import random
import zlib

import h5py
import netCDF4
import numpy as np
import pytest
import zarr

import arco

METADATA = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}
DIMS = ["time", "x", "y", "z", "one"]
FILTERS = [
    {},
    {"zlib": True, "complevel": 1},
    {"zlib": True, "shuffle": True},
    {"zlib": True, "shuffle": False, "fletcher32": True},
    {"fletcher32": True},
]
CODECS = [
    "default",
    "source",
    "source",
    "none",
    "[shuffle, {zlib: 4}]",
    "[{gzip: 2}]",
    "[crc32c]",
    "[{blosc: {cname: lz4}}]",
]
REFUSED = {"output-invalid"}  # a shard that does not hold whole chunks


def cells(seed, dtype, shape):
    """Any bits at all, small numbers, or zeros."""
    rng = np.random.default_rng(seed)
    dtype, count = np.dtype(dtype), int(np.prod(shape))
    style = rng.integers(3)
    if style == 0:
        return np.frombuffer(rng.bytes(count * dtype.itemsize), dtype).reshape(shape)
    return (np.arange(count) % 100 * (style == 1)).astype(dtype).reshape(shape)


def raw(array):
    array = np.ascontiguousarray(array)
    return array.astype(array.dtype.newbyteorder("=")).tobytes()


class Archive:
    """Files of one dataset cut along up to two axes, and the arrays that libraries read in them."""

    def __init__(self, seed, folder):
        self.r, self.folder = random.Random(seed), folder
        r = self.r
        self.container = r.choice(["nc4", "nc4", "h5", "nc3"])
        self.axes = r.choice([[], ["time"], ["time"], ["time", "x"], ["x", "time"]])
        self.cuts = {a: [r.choice([1, 2, 3, 4, 7, 12]) for _ in range(r.randint(1, 4))] for a in self.axes}
        for cuts in self.cuts.values():
            if r.random() < 0.3:
                cuts[:] = cuts[:1] * len(cuts)
            elif r.random() < 0.1 and self.container != "nc3":
                cuts[0] = 0
        self.sizes = {d: r.choice([1, 2, 3, 5, 8]) for d in DIMS} | {"one": 1}
        self.sizes |= {a: sum(cuts) for a, cuts in self.cuts.items()}
        self.unlimited = r.choice([None, "time", "x"]) if self.container == "nc4" else None
        self.variables = {
            f"v{n}": self.variable([d for d in DIMS if r.random() < 0.55]) for n in range(r.randint(1, 3))
        }
        self.variables |= {f"along_{a}": self.variable([a]) for a in self.axes}
        self.truth = {}
        positions = [{}]
        for a in self.axes:
            positions = [p | {a: n} for p in positions for n in range(len(self.cuts[a]))]
        for position in positions:
            path = folder / f"f{''.join(f'_{position[a]}' for a in self.axes)}.nc"
            {"nc4": self.netcdf, "nc3": self.netcdf, "h5": self.hdf5}[self.container](path, position)
            self.read(path, position)

    def variable(self, dims):
        r = self.r
        if self.unlimited not in dims:
            r.shuffle(dims)
        else:  # the NetCDF library pads short records wrongly where the unlimited dimension is not the first
            dims.sort(key=lambda d: d != self.unlimited)
        wide = ["u1", "u2", "u4", "i8", "u8"] + (["f2"] if self.container == "h5" else [])
        dtype = np.dtype(r.choice(["i1", "i2", "i4", "f4", "f8"] + (wide if self.container != "nc3" else [])))
        fill = r.choice([None, dtype.type(7), dtype.type("nan") if dtype.kind == "f" else dtype.type(0)])
        return {
            "dims": dims,
            "dtype": dtype.newbyteorder(r.choice("<<>")) if self.container != "nc3" else dtype,
            "fill": fill,
            "group": r.choice(["", "", "g/h"]) if self.container != "nc3" else "",
            "chunked": r.random() < 0.7,
            "chunk": {d: r.choice([1, 2, 3, 5]) for d in dims},
            "filters": r.choice(FILTERS),
            "written": r.choice(["all", "all", "part", "nothing"]),
            "seed": r.randrange(1 << 30),
            "unmarked": r.random() < 0.2,  # an HDF5 fill value without the attribute
        }

    def part(self, v, position):
        """A variable's shape in one file, its chunk, a seed of the part, and the box that is written."""
        shape = [self.cuts[d][position[d]] if d in position else self.sizes[d] for d in v["dims"]]
        where = repr([(d, n) for d, n in sorted(position.items()) if d in v["dims"]])
        seed = zlib.crc32(where.encode()) + v["seed"]
        least = {d: max(1, min(self.cuts.get(d, [self.sizes[d]]))) for d in v["dims"]}
        chunk = [min(v["chunk"][d], least[d]) for d in v["dims"]]
        r = random.Random(seed)
        box = tuple(slice(0, n if v["written"] == "all" else r.randint(0, n)) for n in shape)
        return shape, chunk, seed, box

    def netcdf(self, path, position):
        with netCDF4.Dataset(path, "w", format="NETCDF4" if self.container == "nc4" else "NETCDF3_64BIT_OFFSET") as ds:
            for d in DIMS:
                size = self.cuts[d][position[d]] if d in position else self.sizes[d]
                ds.createDimension(d, None if d == self.unlimited or size == 0 else size)
                if d == self.unlimited and size:
                    ds.createVariable("grown", "i1", (d,))[:] = np.zeros(size)
            for name, v in self.variables.items():
                shape, chunk, seed, box = self.part(v, position)
                keywords = {"fill_value": v["fill"]} if v["fill"] is not None else {}
                if self.container == "nc4" and shape and v["chunked"]:
                    keywords |= {"chunksizes": chunk, **v["filters"]}
                if self.container == "nc4":
                    keywords["endian"] = {">": "big"}.get(v["dtype"].byteorder, "little")
                group = ds.createGroup(v["group"]) if v["group"] else ds
                variable = group.createVariable(name, v["dtype"].newbyteorder("="), v["dims"], **keywords)
                variable.set_auto_maskandscale(False)
                values = cells(seed, v["dtype"].newbyteorder("="), shape)
                if v["written"] != "nothing" and values[box].size:
                    variable[box if shape else ...] = values[box]

    def hdf5(self, path, position):
        with h5py.File(path, "w", libver=self.r.choice(["earliest", "latest"])) as file:
            for d in DIMS:
                size = self.cuts[d][position[d]] if d in position else self.sizes[d]
                file.create_dataset(d, (size,), "f4").make_scale(
                    f"This is a netCDF dimension but not a netCDF variable.{size:10}"
                )
            for name, v in self.variables.items():
                shape, chunk, seed, box = self.part(v, position)
                keywords = {"fillvalue": v["fill"]} if v["fill"] is not None else {}
                if shape and v["chunked"] and 0 not in shape:
                    filters = v["filters"]
                    keywords |= {"chunks": tuple(chunk), "shuffle": filters.get("shuffle", False)}
                    keywords |= {"compression": 3 if "zlib" in filters else None, "fletcher32": "fletcher32" in filters}
                dataset = file.require_group(v["group"] or "/").create_dataset(name, shape, v["dtype"], **keywords)
                if v["fill"] is not None and not v["unmarked"]:
                    dataset.attrs["_FillValue"] = np.array([v["fill"]], v["dtype"])
                values = cells(seed, v["dtype"].newbyteorder("="), shape)
                if v["written"] != "nothing" and values[box].size:
                    dataset[box] = values[box]
                for number, d in enumerate(v["dims"]):
                    dataset.dims[number].attach_scale(file[d])

    def read(self, path, position):
        with h5py.File(path) if self.container == "h5" else netCDF4.Dataset(path) as file:
            for name, v in self.variables.items():
                variable = file[f"{v['group']}/{name}" if v["group"] else name]
                if self.container != "h5":
                    variable.set_auto_maskandscale(False)
                key = name, *(position[a] for a in self.axes if a in v["dims"])
                self.truth.setdefault(key, np.asarray(variable[...]))

    def whole(self, name):
        dims = self.variables[name]["dims"]

        def joined(key, axes):
            if not axes:
                return self.truth[name, *key]
            parts = [joined([*key, n], axes[1:]) for n in range(len(self.cuts[axes[0]]))]
            return np.concatenate(parts, axis=dims.index(axes[0]))

        return joined([], [a for a in self.axes if a in dims])

    def recipe(self):
        """A random recipe; the variables it should give: name → dimensions and array."""
        r = self.r
        used = [d for d in DIMS if any(d in v["dims"] for v in self.variables.values())]
        squeezed = ["one"] if "one" in used and r.random() < 0.5 else []
        order = r.sample(used, len(used)) if r.random() < 0.3 else []
        order = [d for d in order if d not in squeezed]
        steps = [f"squeeze: {squeezed}"] * bool(squeezed) + [f"transpose: {order}"] * bool(order)
        steps += ["drop: [grown]"] * (self.unlimited is not None and self.sizes[self.unlimited] > 0)
        v = r.choice(list(self.variables.values()))
        source = {d: min(v["chunk"][d], *self.cuts.get(d, [self.sizes[d]])) or 1 for d in v["dims"]}
        chunks = r.choice([{}, source, source, {d: r.choice([1, 2, 3, 7, "whole"]) for d in used}])
        chunks = {d: n for d, n in chunks.items() if d not in squeezed}
        shards = {d: "whole" if n == "whole" else n * r.choice([1, 2, 3]) for d, n in chunks.items()}
        format = r.choice(["zarr3", "zarr3", "zarr2"])
        axes = "".join(f"\n  {a}: {{concat: {{from: 0, to: {len(self.cuts[a]) - 1}}}}}" for a in self.axes) or " {}"
        text = f"axes:{axes}\nsource:\n  url: {self.folder}/f{''.join(f'_{{{a}}}' for a in self.axes)}.nc\n"
        text += "".join(f"{'steps:' if n == 0 else ''}\n  - {step}" for n, step in enumerate(steps)) + "\n"
        text += f"output:\n  format: {format}\n  codecs: {r.choice(CODECS)}\n  chunks: {braces(chunks)}\n"
        text += f"  shards: {braces(shards)}\n" if format == "zarr3" and r.random() < 0.4 else ""
        expected = {}
        for name, v in self.variables.items():
            kept = [d for d in v["dims"] if d not in squeezed]
            array = self.whole(name).reshape([self.sizes[d] for d in kept])
            dims = [d for d in order if d in kept] + [d for d in kept if d not in order]
            array = array.transpose([kept.index(d) for d in dims])
            expected[f"{v['group']}/{name}".lstrip("/")] = dims, array
        return arco.recipe(self.folder, text), expected


def braces(lengths):
    return "{" + ", ".join(f"{d}: {n}" for d, n in lengths.items()) + "}"


def wrong(store, expected):
    """Every variable that zarr-python reads otherwise, or not at all."""
    found = []
    for name, (dims, array) in expected.items():
        try:
            baked = zarr.open_array(store / name, mode="r")
            names = baked.attrs.get("_ARRAY_DIMENSIONS", getattr(baked.metadata, "dimension_names", None))
            values = np.asarray(baked[...])
        except Exception as error:  # whatever a codec raises on damage
            found.append(f"{name}: {error!r}")
            continue
        same = (list(names or []), values.shape, values.dtype.kind) == (dims, array.shape, array.dtype.kind)
        if not same or raw(values) != raw(array):
            found.append(f"{name}: {names} {values!r}, expected {dims} {array!r}")
    return found


def damage(r, path):
    """Changes, cuts, extends or removes one object."""
    data = bytearray(path.read_bytes())
    kind = r.choice(["change", "cut", "extend", "remove"])
    if kind == "change":
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    path.write_bytes(data[: r.randrange(len(data))] if kind == "cut" else data + b"x" * (kind == "extend"))
    if kind == "remove":
        path.unlink()
    return f"{kind} {path.name}"


@pytest.mark.parametrize("seed", range(60))
def test_random_archives(seed, tmp_path, store):
    archive = Archive(seed, tmp_path)
    recipe, expected = archive.recipe()
    done = arco.run("bake", recipe, "--to", store, "--workers", archive.r.choice([1, 3]), "--memory", "128MiB")
    if done.code != 0:
        code = done.err.partition("error[")[2].partition("]")[0]
        assert code in REFUSED, f"{recipe.read_text()}\n{done.text}"
        assert "variable `" in done.err or " `v" in done.err or " `along" in done.err, done.text
        arco.nothing_left(store)
        return
    found = wrong(store, expected)
    assert not found, recipe.read_text() + "\n".join(found)
    assert arco.run("verify", recipe, "--to", store).code == 0
    objects = [p for p in sorted(store.rglob("*")) if p.is_file() and p.name not in METADATA]
    if objects:
        what = damage(archive.r, archive.r.choice(objects))
        again = arco.run("verify", recipe, "--to", store)
        assert again.code in (0, 6), f"{what}: {again.text}"
        assert again.code or not wrong(store, expected), f"{what}: not seen\n{recipe.read_text()}"


def test_verify_reads_every_chunk_once(tmp_path, store):
    """A static array is held in memory; comparing all of it again for each of 2,500 chunks took minutes."""
    values = np.arange(1_000_000, dtype="i4").reshape(1000, 1000)
    with netCDF4.Dataset(tmp_path / "static.nc", "w") as ds:
        ds.createDimension("y", 1000)
        ds.createDimension("x", 1000)
        ds.createVariable("v", "i4", ("y", "x"))[...] = values
    options = ["--chunks", "y=20,x=20"]
    arco.bake(tmp_path / "static.nc", *options, to=store)
    done = arco.run("verify", tmp_path / "static.nc", "--to", store, *options, timeout=30)
    assert done.code == 0 and "1,000,000 cells" in done.text
    (store / "v" / "c" / "49" / "49").write_bytes((store / "v" / "c" / "0" / "0").read_bytes())
    done = arco.run("verify", tmp_path / "static.nc", "--to", store, *options, timeout=30)
    assert done.code == 6 and "[49, 49]" in done.text, done.text


@pytest.mark.parametrize("short", [0, 1, 2])
def test_records_that_only_some_files_have(short, tmp_path, store):
    """One file's variable ends before the unlimited dimension does; the NetCDF library fills it up."""
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.nc")
        with netCDF4.Dataset(paths[-1], "w") as ds:
            ds.createDimension("time", None)
            ds.createDimension("x", 3)
            ds.createVariable("time", "f8", ("time",))[:] = np.arange(4) + 4 * number
            v = ds.createVariable("v", "i4", ("time", "x"), fill_value=-1, zlib=True, chunksizes=(2, 3))
            ds.createVariable("w", "i4", ("time", "x"))  # no record at all in any file
            count = 1 if number == short else 4
            v[:count] = np.arange(3 * count).reshape(count, 3) + 100 * number
    arco.bake(*paths, "--concat", "time", "--chunks", "time=2", "--codecs", "source", to=store)
    for name in "vw":
        want = []
        for path in paths:
            with netCDF4.Dataset(path) as ds:
                ds[name].set_auto_maskandscale(False)
                want.append(ds[name][...])
        assert np.array_equal(zarr.open_array(store / name, mode="r")[...], np.concatenate(want)), name


@pytest.mark.parametrize("value", [0.5, 100_000, float("nan"), -40_000.0, [1, 2], np.bytes_(b"-1"), []], ids=repr)
def test_a_fill_value_that_is_no_value_of_its_type(value, tmp_path, store):
    """xarray reads `_FillValue: 0.5` of integers as 0 in Zarr v3, and can't open a store with a list or a text."""
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file.create_dataset("v", data=np.arange(4, dtype="i2")).attrs["_FillValue"] = value
    arco.refuse("bake", tmp_path / "odd.h5", "--to", store, exit="target", mention=["odd.h5", "`v`", "_FillValue"])
    arco.nothing_left(store)
    arco.bake(tmp_path / "odd.h5", "--step", "attrs: {delete: ['v@_FillValue']}", to=store)

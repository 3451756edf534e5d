"""Bakes of files that the tests write: the baked dataset against the arrays that went into the files."""

import os
import signal
import subprocess

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

import arco
import made
import oracle

FORMATS = ("zarr3", "zarr2")


def opened(store, **keywords):
    return xr.open_zarr(store, chunks=None, **keywords)


def assert_equal(expected, actual):
    found = oracle.datasets(expected.load(), actual.load())
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("format", FORMATS)
def test_concat_of_uneven_files(format, tmp_path, store):
    paths, whole = made.days(tmp_path, [3, 1, 5])
    arco.bake(*paths, "--concat", "time", "--format", format, to=store)
    ds = opened(store)
    assert np.array_equal(ds.t.values, whole)
    assert ds.time.values.astype("M8[D]").tolist() == np.arange("2000-01-01", "2000-01-10", dtype="M8[D]").tolist()
    assert ds.attrs == {"title": "made"}, "`number` differs between the files and is dropped"
    assert ds.t.attrs == {"units": "K", "long_name": "temperature"}


def test_globs_and_folders_are_inputs(tmp_path, store):
    (tmp_path / "in").mkdir()
    paths, whole = made.days(tmp_path / "in", [1, 1, 1])
    arco.bake(paths[0].parent, "--concat", "time", to=store)
    arco.bake(str(paths[0].parent / "*.nc"), "--concat", "time", to=store.with_name("glob.zarr"))
    assert np.array_equal(opened(store).t.values, whole)
    assert arco.digest(store) == arco.digest(store.with_name("glob.zarr"))


@pytest.mark.parametrize("format", FORMATS)
def test_one_file_is_copied_as_it_is(format, tmp_path, store):
    (path,), _ = made.days(tmp_path, [4])
    arco.bake(path, "--format", format, to=store)
    assert_equal(xr.open_dataset(path), opened(store))


def test_merge_times_concat(tmp_path, store):
    truth = {}
    for variable in ("sst", "ice"):
        for part, length in enumerate((2, 3)):
            values = np.random.default_rng(part).normal(size=(length, 2)).astype("f4") + ord(variable[0])
            truth.setdefault(variable, []).append(values)
            made.netcdf(
                tmp_path / f"{variable}_{part}.nc",
                {
                    "time": (("time",), np.arange(length) + 2 * part, {"units": "hours since 2001-01-01"}),
                    "x": (("x",), np.array([1.5, 2.5])),
                    variable: (("time", "x"), values),
                },
                {"time": length, "x": 2},
            )
    recipe = arco.recipe(
        tmp_path,
        """
axes:
  variable: {merge: [sst, ice]}
  time: {concat: [0, 1]}
source: {url: "{variable}_{time}.nc"}
""",
    )
    arco.bake(recipe, to=store)
    ds = opened(store)
    for variable, parts in truth.items():
        assert np.array_equal(ds[variable].values, np.concatenate(parts))
    assert ds.sizes == {"time": 5, "x": 2}


def test_bounds_follow_and_statics_are_kept_once(tmp_path, store):
    def extra(number, part):
        edges = np.arange(part.start, part.stop, dtype="f8")
        return {
            "time_bnds": (("time", "bnds"), np.stack([edges, edges + 1], 1)),
            "lat_bnds": (("lat", "bnds"), np.arange(6.0).reshape(3, 2)),
            "area": (("lat", "lon"), np.full((3, 4), 2.5)),
            "crs": ((), np.int32(7), {"grid_mapping_name": "latitude_longitude"}),
        }

    paths, _ = made.days(tmp_path, [2, 2], extra=extra)
    arco.bake(*paths, "--concat", "time", to=store)
    ds = opened(store, decode_times=False)
    assert ds.time_bnds.dims == ("time", "bnds")
    assert ds.time_bnds.values[:, 0].tolist() == [0, 1, 2, 3]
    assert ds.lat_bnds.dims == ("lat", "bnds")
    assert ds.area.dims == ("lat", "lon")
    assert ds.crs.dims == ()
    assert int(ds.crs) == 7


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day", "proleptic_gregorian", "julian", "all_leap"])
def test_reference_dates_per_file(calendar, tmp_path, store):
    """Every file counts from its own first day, one of them in hours."""
    units = ["days since 2003-02-26", "hours since 2003-02-28 00:00:00", "days since 2003-03-02 12:00"]
    values = [[0.0, 1.0], [0.0, 12.0], [0.5]]
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    paths = []
    for number, (unit, numbers) in enumerate(zip(units, values, strict=True)):
        attrs = {"units": unit, "calendar": calendar}
        variables = {"time": (("time",), np.array(numbers), attrs), "v": (("time",), np.array(numbers))}
        paths.append(made.netcdf(tmp_path / f"f{number}.nc", variables, {"time": len(numbers)}))
    arco.bake(*paths, "--concat", "time", to=store)
    want = np.concatenate([xr.open_dataset(p, decode_times=coder).time.values for p in paths])
    got = opened(store, decode_times=coder).time.values
    assert [t.isoformat() for t in got] == [t.isoformat() for t in want]
    assert {t.calendar for t in got} == {t.calendar for t in want}


TYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2", ">i4", ">f4", ">f8"]


@pytest.mark.parametrize("format", FORMATS)
def test_types_and_fill_values(format, tmp_path, store):
    paths = []
    truth = {}
    for part in range(2):
        variables = {"x": (("x",), np.arange(3) + 3 * part)}
        for dtype in TYPES:
            name = dtype.replace(">", "b")
            values = (np.array([1, 2, 100]) + part).astype(dtype)
            variables[name] = (
                ("x",),
                values,
                {},
                {"fill_value": values[1], "endian": "big" if ">" in dtype else "native"},
            )
            truth.setdefault(name, []).append(values)
        paths.append(made.netcdf(tmp_path / f"p{part}.nc", variables, {"x": 3}))
    first = opened_raw(tmp_path, paths[:1], store.with_name("one.zarr"), format)
    for name, parts in truth.items():
        assert first[name].values.tolist() == parts[0].tolist(), name
        assert first[name].dtype == np.dtype(name.replace("b", "")), name
        assert first[name].attrs["_FillValue"] == parts[0][1], name
    strict = ["--concat", "x", "--set", "combine.fill=error"]
    named = ["combine-fill", "p0.nc", "p1.nc", "i1"]
    done = arco.refuse("bake", *paths, *strict, "--to", store, exit="refused", mention=named)
    assert "_FillValue" in done.text


def opened_raw(tmp_path, paths, store, format):
    arco.bake(*paths, "--format", format, to=store)
    return opened(store, mask_and_scale=False, decode_times=False)


@pytest.mark.parametrize("format", FORMATS)
def test_packed_integers_keep_their_bits(format, tmp_path, store):
    attrs = {"scale_factor": np.float64(0.01), "add_offset": np.float64(5), "valid_range": np.array([-3, 30], "i2")}
    keywords = {"fill_value": np.int16(-999), "zlib": True, "shuffle": True, "chunksizes": (1, 3)}
    paths = []
    for part in range(3):
        values = np.array([[part, -999, 20 + part]], "i2")
        variables = {"time": (("time",), np.array([part])), "v": (("time", "x"), values, attrs, keywords)}
        paths.append(made.netcdf(tmp_path / f"p{part}.nc", variables, {"time": 1, "x": 3}))
    arco.bake(*paths, "--concat", "time", "--format", format, to=store)
    raw = opened(store, mask_and_scale=False).v
    assert raw.dtype == np.int16
    assert raw.values.tolist() == [[p, -999, 20 + p] for p in range(3)]
    assert {k: raw.attrs[k] for k in ("scale_factor", "add_offset", "_FillValue")} == {
        "scale_factor": 0.01,
        "add_offset": 5.0,
        "_FillValue": -999,
    }
    assert list(raw.attrs["valid_range"]) == [-3, 30]
    decoded = opened(store).v.values
    assert np.isnan(decoded[:, 1]).all()
    assert decoded[2, 2] == 22 * 0.01 + 5


@pytest.mark.parametrize("format", FORMATS)
def test_groups(format, tmp_path, store):
    paths = []
    for part in range(2):
        inner = {"v": (("time", "k"), np.arange(4.0).reshape(2, 2) + 10 * part, {"units": "m"})}
        groups = {"product": ({"k": 2}, inner, {"level": "two"})}
        variables = {"time": (("time",), np.arange(2) + 2 * part)}
        paths.append(made.netcdf(tmp_path / f"p{part}.nc", variables, {"time": 2}, {"title": "root"}, groups=groups))
    arco.bake(*paths, "--concat", "time", "--format", format, to=store)
    tree = xr.open_datatree(store, engine="zarr")
    assert tree["product"].v.values[:, 0].tolist() == [0, 2, 10, 12]
    assert tree["product"].attrs == {"level": "two"}
    assert tree.time.values.tolist() == [0, 1, 2, 3]
    alone = store.with_name("group.zarr")
    arco.bake(*paths, "--concat", "time", "--group", "product", "--format", format, to=alone)
    assert opened(alone).v.values.tolist() == tree["product"].v.values.tolist()


@pytest.mark.parametrize("format", FORMATS)
def test_groups_within_groups(format, tmp_path, store):
    """Groups and arrays side by side at every level, with the same names: as a tree, and through consolidated metadata."""
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for path in ("", "scan", "scan/first", "scan/first/band", "scan/second", "what"):
            group = file.require_group(path) if path else file
            group.attrs["level"] = path or "root"
            group["data"] = np.arange(3.0) + len(path)
            group.create_group("how").attrs["of"] = path or "root"
    arco.bake(tmp_path / "f.h5", "--format", format, to=store)
    for consolidated in (True, False):
        options = {"mode": "r", "use_consolidated": consolidated, "zarr_format": int(format[-1])}
        members = dict(zarr.open_group(store, **options).members(max_depth=None))
        with h5py.File(tmp_path / "f.h5") as file:
            wanted = []
            file.visit(wanted.append)
            assert sorted(members) == sorted(wanted)
            for path in wanted:
                if isinstance(file[path], h5py.Dataset):
                    assert np.array_equal(members[path][...], file[path][...])
                else:
                    assert dict(members[path].attrs) == dict(file[path].attrs)
    assert set(xr.open_datatree(store, engine="zarr").groups) == {"/", *(f"/{p}" for p in wanted if "data" not in p)}


def test_names_that_the_target_reserves(tmp_path, store):
    """Zarr v3 keeps names that begin with `__` for itself: refused by the plan, before anything is written."""
    path = made.netcdf(tmp_path / "f.nc", {"__v": (("x",), np.arange(3.0))}, {"x": 3})
    for command in (["plan", path], ["bake", path, "--to", store]):
        arco.refuse(*command, exit="target", mention=["__v", "f.nc", "rename"])
    arco.nothing_left(store)
    arco.bake(path, "--step", "rename: {__v: v}", to=store)
    assert opened(store).v.values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("format", FORMATS)
def test_strings_and_chars(format, tmp_path, store):
    words = np.array(["", "sea ice", "ünïcode 海"], dtype=object)
    chars = np.array([list(b"ab "), list(b"c\0\0")], "u1").view("S1")
    path = made.netcdf(
        tmp_path / "f.nc", {"word": (("n",), words), "code": (("m", "len"), chars)}, {"n": 3, "m": 2, "len": 3}
    )
    arco.bake(path, "--format", format, to=store)
    ds = opened(store)
    assert oracle.texts(ds.word.values).tolist() == words.tolist()
    for number, codecs in enumerate(("none", "[{zlib: 4}]", "[{gzip: 4}]", "[{zstd: 4}]", "[{bzip2: 4}]", "[crc32c]")):
        if codecs == "[crc32c]" and format == "zarr2":
            continue
        other = store.with_name(f"{number}.zarr")
        command = (path, "--format", format, "--codecs", codecs, "--to", other)
        assert (done := arco.run("bake", *command)).code == 0, done.text
        assert oracle.texts(opened(other).word.values).tolist() == words.tolist(), codecs
        assert (done := arco.run("verify", *command)).code == 0, f"{codecs}: {done.text}"
    assert oracle.texts(ds.code.values).tolist() == ["ab ", "c"]
    assert ds.code.dims == ("m",)


def test_enums_become_flags(tmp_path, store):
    import netCDF4

    path = tmp_path / "f.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 3)
        clouds = file.createEnumType(np.uint8, "clouds", {"clear": 0, "some": 1, "missing": 255})
        file.createVariable("c", clouds, ("x",), fill_value=255)[:] = np.array([0, 1, 0], "u1")
    arco.bake(path, to=store)
    ds = opened(store, mask_and_scale=False)
    assert ds.c.values.tolist() == [0, 1, 0]
    assert ds.c.dtype == np.uint8
    assert list(ds.c.attrs["flag_values"]) == [0, 1, 255]
    assert ds.c.attrs["flag_meanings"].split() == ["clear", "some", "missing"]


@pytest.mark.parametrize("source", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"])
def test_netcdf_formats_and_record_dimensions(source, tmp_path, store):
    """Records of odd length: in NetCDF-3 each variable's part is padded to four bytes, but for a lone record variable."""
    for many in (False, True):
        paths, whole = [], []
        for part in range(2):
            values = np.arange(15, dtype="i1").reshape(5, 3) + 20 * part
            variables = {"v": (("time", "x"), values)}
            if many:
                variables["w"] = (("time",), np.arange(5, dtype="i2") + part)
            whole.append(values)
            paths.append(
                made.netcdf(
                    tmp_path / f"{many}{part}.nc", variables, {"time": 5, "x": 3}, format=source, unlimited=("time",)
                )
            )
        target = store.with_name(f"{many}.zarr")
        arco.bake(*paths, "--concat", "time", to=target)
        assert np.array_equal(opened(target).v.values, np.concatenate(whole))


def test_unlimited_dimensions_that_nobody_wrote(tmp_path, store):
    (path,) = [
        made.netcdf(tmp_path / "f.nc", {"v": (("t", "x"), np.zeros((0, 2)))}, {"t": 0, "x": 2}, unlimited=("t",))
    ]
    arco.bake(path, to=store)
    assert opened(store).v.shape == (0, 2)


def test_chunks_and_shards(tmp_path, store):
    paths, whole = made.days(tmp_path, [1] * 12, grid=(6, 8))
    arco.bake(*paths, "--concat", "time", "--chunks", "time=2,lat=3", "--shards", "time=4", to=store)
    array = zarr.open_array(store, path="t", mode="r")
    assert (array.chunks, array.shards) == ((2, 3, 8), (4, 3, 8)), "a dimension without a shard length has its chunk's"
    assert np.array_equal(array[...], whole)
    assert [k for k in arco.keys(store) if k.startswith("t/")] == [
        *(f"t/c/{time}/{lat}/0" for time in range(3) for lat in range(2)),
        "t/zarr.json",
    ]
    assert zarr.open_group(store, mode="r").metadata.consolidated_metadata is not None


def test_keys_of_a_store(tmp_path, store):
    paths, _ = made.days(tmp_path, [1, 1])
    arco.bake(*paths, "--concat", "time", "--chunks", "time=1", to=store)
    assert arco.keys(store) == [
        "lat/c/0",
        "lat/zarr.json",
        "lon/c/0",
        "lon/zarr.json",
        "t/c/0/0/0",
        "t/c/1/0/0",
        "t/zarr.json",
        "time/c/0",
        "time/zarr.json",
        "zarr.json",
    ]
    old = store.with_name("v2.zarr")
    arco.bake(*paths, "--concat", "time", "--chunks", "time=1", "--format", "zarr2", to=old)
    assert arco.keys(old) == sorted(
        [
            ".zattrs",
            ".zgroup",
            ".zmetadata",
            *(f"{v}/{k}" for v in ("lat", "lon", "time") for k in (".zarray", ".zattrs", "0")),
            "t/.zarray",
            "t/.zattrs",
            "t/0.0.0",
            "t/1.0.0",
        ]
    )


@pytest.mark.parametrize(
    "options", [[], ["--format", "zarr2"], ["--chunks", "time=2", "--shards", "time=4"], ["--chunks", "time=3,lat=2"]]
)
def test_bytes_do_not_depend_on_the_workers(options, tmp_path, store):
    paths, _ = made.days(tmp_path, [3, 2, 4, 3], grid=(5, 7))
    digests = []
    for workers in (1, 4):
        target = store.with_name(f"w{workers}.zarr")
        arco.bake(*paths, "--concat", "time", "--workers", workers, *options, to=target)
        digests.append(arco.digest(target))
    assert digests[0] == digests[1]


def test_overwrite_replaces_and_nothing_else_does(tmp_path, store):
    paths, whole = made.days(tmp_path, [2, 2])
    arco.bake(*paths[:1], to=store)
    before = arco.digest(store)
    arco.refuse(
        "bake", *paths, "--concat", "time", "--to", store, exit="target", mention=["exists", "--overwrite", store.name]
    )
    assert arco.digest(store) == before
    arco.bake(*paths, "--concat", "time", "--overwrite", to=store)
    assert np.array_equal(opened(store).t.values, whole)


def test_a_failed_overwrite_leaves_the_old_store(tmp_path, store):
    paths, _ = made.days(tmp_path, [2, 2])
    arco.bake(*paths[:1], to=store)
    before = arco.digest(store)
    paths[1].write_bytes(paths[1].read_bytes()[:-2000])
    arco.refuse(
        "bake", *paths, "--concat", "time", "--overwrite", "--to", store, exit="source", mention=[paths[1].name]
    )
    assert arco.digest(store) == before


def test_interrupted_bakes_leave_no_store(tmp_path, store):
    """Ctrl-C after the first, second, … event: no store, exit 130; the same command afterwards gives the same bytes as a quiet run."""
    values = np.random.default_rng(1).normal(size=(400, 600)).astype("f8")
    paths = [
        made.netcdf(
            tmp_path / f"f{n:02d}.nc",
            {"time": (("time",), np.array([n])), "v": (("time", "y", "x"), values[None] + n)},
            {"time": 1, "y": 400, "x": 600},
        )
        for n in range(40)
    ]
    command = [str(arco.binary()), "bake", *map(str, paths), "--concat", "time", "--json", "--to", str(store)]
    interrupted = 0
    for events in range(1, 6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(events):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        interrupted += 1
        assert process.returncode == arco.EXIT["interrupted"], out + err
        assert not store.exists(), "a half store is visible"
        assert "interrupted" in (out + err).lower(), out + err
    assert interrupted, "the bake was too quick to be interrupted"
    if not store.exists():
        arco.bake(*paths, "--concat", "time", to=store)
    quiet = store.with_name("quiet.zarr")
    arco.bake(*paths, "--concat", "time", to=quiet)
    assert arco.digest(store) == arco.digest(quiet)
    assert not [
        name for name in os.listdir(store.parent) if name not in (store.name, quiet.name) and not name.endswith(".bake")
    ]

"""Targets of references: what fsspec and xarray read through them is what the files hold, and nothing was copied."""

import base64
import json
import os
import shutil
import warnings
from functools import partial
from pathlib import Path

import fsspec
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from fsspec.implementations.reference import LazyReferenceMapper
from zarr.storage import FsspecStore

import arco
import made
import oracle
import web
from test_series import NAMES, expected, keywords, prepare

FORMATS = {"kerchunk-json": "out.json", "kerchunk-parquet": "out.parq"}
LIMIT = 1 << 20
MANY = 3000
ZLIB = {"zlib": True, "shuffle": True}


@pytest.fixture(params=FORMATS)
def format(request):
    if request.param == "kerchunk-parquet":
        pytest.importorskip("pyarrow", reason="reads the Parquet files")
    return request.param


def store(target, group=None):
    """What zarr reads a target of references by."""
    target = Path(target)
    references = LazyReferenceMapper(str(target), engine="pyarrow") if target.is_dir() else str(target)
    options = {"remote_protocol": "file", "asynchronous": True, "skip_instance_cache": True}
    return FsspecStore(fsspec.filesystem("reference", fo=references, **options), read_only=True, path=group or "")


def every_reference(target):
    """Every key of a target of either format, and its reference: text, or [URL, offset, bytes]."""
    if Path(target).is_file():
        return json.loads(Path(target).read_text())["refs"]
    metadata = json.loads((target / ".zmetadata").read_text())
    found, size = {key: json.dumps(value) for key, value in metadata["metadata"].items()}, metadata["record_size"]
    for key in [key for key in found if key.endswith(".zarray")]:
        array, name = json.loads(found[key]), key.removesuffix("/.zarray")
        grid = [-(-length // chunk) for length, chunk in zip(array["shape"], array["chunks"], strict=True)]
        for number, index in enumerate(np.ndindex(*grid)):
            if number % size == 0:
                rows = pd.read_parquet(target / name / f"refs.{number // size}.parq").to_dict("records")
            row = rows[number % size]
            chunk = f"{name}/{'.'.join(map(str, index)) or '0'}"
            if row.get("raw") is not None:
                found[chunk] = row["raw"]
            elif isinstance(row["path"], str):
                found[chunk] = [row["path"], int(row["offset"]), int(row["size"])]
    return found | {".zmetadata": json.dumps({"zarr_consolidated_format": 1, "metadata": metadata["metadata"]})}


def unpacked(target):
    """A target of references as a plain Zarr store: fsspec takes minutes for hundreds of thousands of chunks."""
    files, held = {}, {}
    for key, value in every_reference(target).items():
        if isinstance(value, list):
            url, *where = value
            if url not in files:
                files[url] = Path(url.removeprefix("file://")).read_bytes()
            file = files[url]
            value = file[where[0] : sum(where)] if where else file
        elif isinstance(value, str):
            value = base64.b64decode(value[7:]) if value.startswith("base64:") else value.encode()
        held[key] = zarr.core.buffer.cpu.Buffer.from_bytes(value)
    return zarr.storage.MemoryStore(held)


def opened(target, group=None, **options):
    """A target of references as xarray has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return xr.open_zarr(store(target, group), chunks=None, consolidated=not group, **options)


def raw(path, name):
    """The numbers of a file as they are stored."""
    with netCDF4.Dataset(path) as ds:
        ds.set_auto_maskandscale(False)
        return np.asarray(ds[name][...])


def refer(*args, to, format, **kwargs):
    return arco.bake(*args, "--format", format, to=to, **kwargs)


def references(target):
    """Every chunk of a JSON target that is a range: key → [URL, offset, bytes]."""
    refs = json.loads(Path(target).read_text())["refs"]
    return {key: value for key, value in refs.items() if isinstance(value, list)}


def whole_files(folder, **keywords):
    """Larger than what is written into the target."""
    shape = (512, 600)
    paths = []
    for number in range(3):
        values = np.arange(np.prod(shape), dtype="f4").reshape(1, *shape) + number
        variables = {
            "time": (("time",), np.array([number], "f8"), {"units": "days since 2000-01-01"}),
            "t": (("time", "y", "x"), values, {"units": "K"}, keywords),
        }
        paths.append(made.netcdf(folder / f"day{number}.nc", variables))
    return paths


# how files store it, and whether they are NetCDF classic
KINDS = {
    "chunked": ({"chunksizes": (1, 128, 600), **ZLIB}, "NETCDF4"),
    "checked": ({"chunksizes": (1, 256, 300), "fletcher32": True, **ZLIB}, "NETCDF4"),
    "edges": ({"chunksizes": (1, 100, 250), **ZLIB}, "NETCDF4"),
    "zstd": ({"chunksizes": (1, 128, 600), "compression": "zstd"}, "NETCDF4"),
    "plain": ({"chunksizes": (1, 128, 600)}, "NETCDF4"),
    "contiguous": ({"contiguous": True}, "NETCDF4"),
    "classic": ({}, "NETCDF3_CLASSIC"),
    "cdf5": ({}, "NETCDF3_64BIT_DATA"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_stay_in_their_files(kind, format, tmp_path):
    keywords, file_format = KINDS[kind]
    paths = []
    shape = (1, 512, 600)
    for number in range(3):
        values = (np.arange(np.prod(shape), dtype="f4") * (number + 1)).reshape(shape)
        variables = {
            "time": (("time",), np.array([number], "f8"), {"units": "days since 2000-01-01"}),
            "y": (("y",), np.arange(512, dtype="f4")),
            "t": (("time", "y", "x"), values, {"units": "K"}, keywords),
        }
        path = tmp_path / f"day{number}.nc"
        try:
            paths.append(made.netcdf(path, variables, format=file_format))
        except RuntimeError as e:
            pytest.skip(f"this netCDF library can't write it: {e}")
    target = tmp_path / FORMATS[format]
    refer(*paths, "--concat", "time", to=target, format=format)
    ours = opened(target)
    np.testing.assert_array_equal(ours.t, np.concatenate([raw(path, "t") for path in paths]))
    np.testing.assert_array_equal(ours.y, np.arange(512))
    size = sum(f.stat().st_size for f in ([target] if target.is_file() else target.rglob("*")) if f.is_file())
    assert size < 40_000, "data was copied"
    if format == "kerchunk-json":
        found = references(target)
        assert {url for url, *_ in found.values()} == {str(path) for path in paths}
        assert all(key.startswith("t/") for key in found)
    verified = arco.run("verify", *paths, "--concat", "time", "--format", format, "--to", target)
    assert verified.code == 0, verified.text


@pytest.mark.parametrize("unlimited", [False, True], ids=["fixed", "records"])
@pytest.mark.parametrize("lengths", [(4, 4), (4, 2), (3, 4)])
def test_parts_of_classic_files(lengths, unlimited, format, tmp_path):
    """Records of several variables lie between each other; files of other lengths have a common part."""
    paths, whole = [], []
    for number, length in enumerate(lengths):
        first = sum(lengths[:number])
        values = (np.arange(length * 300 * 300, dtype=">f4").reshape(length, 300, 300) + 1000 * number)
        variables = {
            "time": (("time",), np.arange(first, first + length, dtype="f8"), {"units": "days since 2000-01-01"}),
            "t": (("time", "y", "x"), values),
            "u": (("time", "y", "x"), -values),
        }
        keywords = {"unlimited": ("time",)} if unlimited else {}
        paths.append(made.netcdf(tmp_path / f"f{number}.nc", variables, format="NETCDF3_CLASSIC", **keywords))
        whole.append(values)
    target = tmp_path / FORMATS[format]
    refer(*paths, "--concat", "time", to=target, format=format)
    ours = opened(target)
    np.testing.assert_array_equal(ours.t, np.concatenate(whole))
    np.testing.assert_array_equal(ours.u, -np.concatenate(whole))
    if format == "kerchunk-json":
        assert any(key.startswith("t/") for key in references(target))


def test_small_arrays_are_written_into_the_target(format, tmp_path):
    """Text, scalars, coordinates, and what can't be referenced: said, and up to 1 MiB."""
    paths, whole = made.days(tmp_path, [2, 1], extra=lambda n, part: {
        "name": (("lat",), np.array(["a", "bb", "é"])),
        "crs": ((), np.int32(5), {"grid_mapping_name": "latitude_longitude"}),
    })  # fmt: skip
    target = tmp_path / FORMATS[format]
    done = refer(*paths, "--concat", "time", "--step", "cast: {t: float64}", to=target, format=format)
    assert "`t`: written into the target" in done.err and "changes its values" in done.err, done.err
    ours = opened(target)
    np.testing.assert_array_equal(ours.t, whole)
    assert ours.t.dtype == "f8" and ours.crs == 5 and list(ours.name.values) == ["a", "bb", "é"]
    if format == "kerchunk-json":
        assert not references(target)


def test_groups(format, tmp_path):
    big = np.arange(2 * 512 * 600, dtype="f4").reshape(2, 512, 600)
    group = {"g": ({}, {"v": (("y", "x"), big[0], {}, ZLIB)}, {"title": "inner"})}
    path = made.netcdf(tmp_path / "a.nc", {"w": (("y", "x"), big[1], {}, ZLIB)}, groups=group)
    target = tmp_path / FORMATS[format]
    refer(path, to=target, format=format)
    np.testing.assert_array_equal(opened(target).w, big[1])
    inner = opened(target, group="g")
    np.testing.assert_array_equal(inner.v, big[0])
    assert inner.attrs["title"] == "inner"


def test_members_that_archives_store_as_they_are(tmp_path):
    paths = whole_files(tmp_path, **ZLIB)
    archive = shutil.make_archive(str(tmp_path / "all"), "tar", tmp_path, ".")
    inputs = [f"{archive}#./{path.name}" for path in paths]
    target = tmp_path / "out.json"
    refer(*inputs, "--concat", "time", to=target, format="kerchunk-json")
    assert {url for url, *_ in references(target).values()} == {archive}
    np.testing.assert_array_equal(opened(target).t, np.concatenate([raw(path, "t") for path in paths]))


@pytest.mark.parametrize("name", NAMES)
def test_series(name, data, format, tmp_path):
    """Real archives: equal to xarray's own answer, or refused with the reason and what to change."""
    recipe, files = prepare(name, data, tmp_path)
    target = tmp_path / FORMATS[format]
    done = arco.run("bake", recipe, "--format", format, "--to", target, cwd=tmp_path)
    if done.code:
        text = Path(recipe).read_text()
        asked = any(f"\n  {key}:" in text or f"\n{key}:" in text for key in ("chunks", "codecs", "shards"))
        assert done.code in (arco.EXIT["target"], arco.EXIT["recipe"] if asked else -1), done.text
        assert "can't be referenced" in done.text or asked, done.text
        pytest.skip(f"refused: {done.err.splitlines()[-3:]}")
    copied = tmp_path / "copied.zarr"
    arco.bake(recipe, "--format", "zarr2", to=copied, cwd=tmp_path)
    many = sum(isinstance(value, list) for value in every_reference(target).values()) > MANY
    plain = unpacked(target) if many else None
    for masked in (True,) if many else (True, False):
        want = expected(name, files, masked)
        options = keywords(name, masked)
        # what differs from the files is what differs of data that is copied, which test_series has reviewed
        for group, ds in want.items():
            if many:
                ours = xr.open_zarr(plain, group=group or None, consolidated=not group, chunks=None, **options).load()
            else:
                ours = opened(target, group, **options).load()
            theirs = xr.open_zarr(copied, group=group or None, consolidated=not group, chunks=None, **options)
            assert str(oracle.datasets(ds, ours, group)) == str(oracle.datasets(ds, theirs.load(), group))


# refusals: each names the variable, the reason and what to change


def large(folder, number=0, chunks=(1, 128, 600), dtype="f4", shape=(1, 512, 600), **keywords):
    values = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    times = number + np.arange(shape[0], dtype="f8")
    variables = {
        "time": (("time",), times, {"units": "days since 2000-01-01"}),
        "t": (("time", "y", "x"), values, keywords.pop("attrs", {}), {"chunksizes": chunks, **ZLIB, **keywords}),
    }
    return made.netcdf(folder / f"day{number}.nc", variables)


def two(folder, first=None, second=None):
    return [large(folder, 0, **(first or {})), large(folder, 1, **(second or {}))]


def with_steps(*steps):
    return [word for step in steps for word in ("--step", step)]


REFUSED = {
    "cast": (lambda f: (two(f), with_steps("cast: {t: float64}")), ["changes its values", "leave out the step"]),
    "subset": (lambda f: (two(f), with_steps("subset: {y: {start: 0, stop: 500}}")), ["some of its cells"]),
    "set": (lambda f: (two(f), with_steps("set: {t: {expression: 't * 2'}}")), ["t`"]),
    "transpose": (lambda f: (two(f), with_steps("transpose: [time, x, y]")), ["order of its dimensions"]),
    "chunk shapes": (lambda f: (two(f, None, {"chunks": (1, 64, 600)}), []), ["shape of chunks"]),
    "codecs": (lambda f: (two(f, None, {"shuffle": False}), []), ["codecs or byte order"]),
    "dtype": (
        lambda f: (two(f, None, {"dtype": "f8"}), ["--set", "combine.dtype=promote"]),
        ["changes its values"],
    ),
    "ends": (
        lambda f: (
            [large(f, 0, chunks=(2, 128, 600), shape=(3, 512, 600)), large(f, 3, chunks=(2, 128, 600), shape=(3, 512, 600))],
            [],
        ),
        ["chunks hold 2 cells along `time`"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, format, tmp_path):
    make, mention = REFUSED[case]
    paths, args = make(tmp_path)
    target = tmp_path / FORMATS[format]
    for command in ("plan", "bake"):
        arco.refuse(
            command, *paths, "--concat", "time", *args, "--format", format, "--to", target,
            exit="target", mention=["`t` can't be referenced", *mention],
        )  # fmt: skip
        assert not target.exists() and not Path(f"{target}.bake").exists()


def test_all_that_is_in_the_way_is_told_at_once(tmp_path):
    values = np.zeros((512, 600), "f4") + 1
    variables = {name: (("y", "x"), values, {}, ZLIB) for name in ("a", "b", "c")}
    paths = [
        made.netcdf(tmp_path / f"{n}.nc", {"time": (("time",), [float(n)], {"units": "days since 2000-01-01"})} | {
            k: (("time", *v[0]), v[1][None], *v[2:]) for k, v in variables.items()
        })
        for n in range(2)
    ]  # fmt: skip
    done = arco.refuse(
        "bake", *paths, "--concat", "time", "--step", "cast: {a: float64, c: float64}", "--format", "kerchunk-json",
        "--to", tmp_path / "out.json", exit="target", mention=["`a` can't be referenced", "`c` can't be referenced"],
    )  # fmt: skip
    assert "`b` can't" not in done.text


def test_compressed_files_have_no_ranges(tmp_path):
    import gzip

    paths = []
    for path in two(tmp_path):
        packed = Path(f"{path}.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        paths.append(packed)
    arco.refuse(
        "bake", *paths, "--concat", "time", "--format", "kerchunk-json", "--to", tmp_path / "out.json",
        exit="target", mention=["compressed as a whole", "day0.nc.gz"],
    )  # fmt: skip


def test_unwritten_chunks(format, tmp_path):
    """With a `_FillValue` they are left out; without one nothing tells readers what they hold."""
    for fill in (-1.0, None):
        path = tmp_path / f"fill{fill}.nc"
        with netCDF4.Dataset(path, "w") as ds:
            ds.createDimension("y", 1024)
            ds.createDimension("x", 600)
            keywords = {} if fill is None else {"fill_value": fill}
            variable = ds.createVariable("t", "f4", ("y", "x"), chunksizes=(256, 600), zlib=True, **keywords)
            variable[:256] = 3.0
        target = tmp_path / f"{fill}-{FORMATS[format]}"
        args = (path, "--format", format)
        if fill is None:
            arco.refuse("bake", *args, "--to", target, exit="target", mention=["never written", "9.96920996"])
            continue
        arco.bake(*args, to=target)
        if format == "kerchunk-parquet":
            # fsspec takes the NaN that pandas 3 makes of an absent URL for a URL: look at the table itself
            import pyarrow.parquet

            rows = pyarrow.parquet.read_table(target / "t" / "refs.0.parq").to_pylist()
            assert [row["path"] for row in rows] == [str(path), None, None, None]
            assert [row["raw"] for row in rows] == [None] * 4 and rows[1]["size"] == 0 < rows[0]["size"]
            continue
        np.testing.assert_array_equal(opened(target, mask_and_scale=False).t, raw(path, "t"))


@pytest.mark.parametrize("key", ["chunks: {y: 3}", "codecs: [{zstd: 3}]"])
def test_chunks_and_codecs_are_those_of_the_files(key, format, tmp_path):
    two(tmp_path)
    recipe = arco.recipe(
        tmp_path, f"axes: {{time: {{concat: [0, 1]}}}}\nsource: {{url: 'day{{time}}.nc'}}\noutput: {{format: {format}, {key}}}\n"
    )
    arco.refuse("bake", recipe, "--to", tmp_path / FORMATS[format], exit="recipe", mention=[key.split(":")[0]])


# publishing


def test_running_again(format, tmp_path):
    paths = two(tmp_path)
    target = tmp_path / FORMATS[format]
    refer(*paths, "--concat", "time", to=target, format=format)
    before = arco.digest(tmp_path)
    assert "nothing to do" in refer(*paths, "--concat", "time", to=target, format=format).err
    assert arco.digest(tmp_path) == before
    recipe = ["--concat", "time", "--format", format, "--to", target]
    third = large(tmp_path, 2)
    refused = arco.refuse("bake", *paths, third, *recipe, exit="target")
    assert "--update" in refused.text and arco.digest(target if target.is_dir() else tmp_path)
    arco.bake(*paths, third, *recipe[:-2], "--update", to=target)
    np.testing.assert_array_equal(opened(target).t, np.concatenate([raw(p, "t") for p in [*paths, third]]))
    arco.bake(*paths, *recipe[:-2], "--overwrite", to=target)
    assert opened(target).sizes["time"] == 2


def test_strangers_stay(format, tmp_path):
    paths = two(tmp_path)
    for name, text in [("notes.txt", "mine"), ("data.json", '{"a": 1}')]:
        target = tmp_path / name
        target.write_text(text)
        for more in ([], ["--overwrite"]):
            args = ["--concat", "time", "--format", format, "--to", target, *more]
            arco.refuse("bake", *paths, *args, exit="target", mention=["found a file"])
        assert target.read_text() == text
    # references that somebody else made are replaced where that is asked for
    target = tmp_path / "theirs.json"
    target.write_text('{"version": 1, "refs": {".zgroup": "{}"}}')
    args = ["--concat", "time", "--format", "kerchunk-json"]
    arco.refuse("bake", *paths, *args, "--to", target, exit="target", mention=["--overwrite"])
    arco.bake(*paths, *args, "--overwrite", to=target)
    assert opened(target).sizes["time"] == 2


@pytest.mark.parametrize("action", ["before", "after"])
@pytest.mark.parametrize("replaced", [False, True], ids=["new", "overwritten"])
def test_killed_at_any_call(action, replaced, format, failpoints, tmp_path):
    """Readers see what was there or the new references, and the next run ends what was begun."""
    paths = two(tmp_path)
    folder = tmp_path / "out"
    target = folder / FORMATS[format]
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = ["--concat", "time", "--format", format]

    def fresh():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if replaced:
            arco.bake(paths[0], *command, to=target, env=env)

    def now():
        return arco.digest(target) if target.is_dir() else target.read_bytes() if target.exists() else None

    fresh()
    before = now()
    log = tmp_path / "calls"
    end = ["bake", *paths, *command, "--overwrite", "--to", target]
    assert arco.run(*end, env=env, by=[str(failpoints), str(folder), "0", "count", str(log)]).code == 0
    whole, calls = now(), len(log.read_text().splitlines())
    assert whole is not None and whole != before
    for number in range(1, calls + 1):
        fresh()
        arco.run(*end, env=env, by=[str(failpoints), str(folder), str(number), action, str(log)])
        assert now() in (before, whole), f"half of it after call {number}"
        done = arco.run(*end, env=env)
        assert done.code == 0 and now() == whole, f"call {number}: {done.text}"
        left = sorted(p.name for p in folder.iterdir())
        assert left == sorted([target.name, f"{target.name}.bake"]), f"call {number}: {left}"
        kept = {p.name for p in next(p for p in (folder / f"{target.name}.bake").iterdir() if p.is_dir()).iterdir()}
        assert kept <= {"plan.json", "done"}, f"call {number}: {kept}"


def test_absolute_paths_stand_for_relative_ones(tmp_path):
    two(tmp_path)
    done = arco.run(
        "bake", "day0.nc", "day1.nc", "--concat", "time", "--format", "kerchunk-json", "--to", "out.json", cwd=tmp_path
    )
    assert done.code == 0, done.text
    urls = {url for url, *_ in references(tmp_path / "out.json").values()}
    assert urls == {os.path.join(tmp_path, f"day{n}.nc") for n in range(2)}


# stores and references as inputs


def grid(version=3, shards=None):
    """A store with two arrays, some chunks of which were never written."""
    group = {"zarr_format": version}

    def make(path):
        root = zarr.open_group(path, mode="w", **group)
        values = np.arange(60 * 40, dtype="f4").reshape(60, 40)
        names = {"dimension_names": ("y", "x")} if version == 3 else {}
        more = {"shards": shards} if shards else {}
        array = root.create_array("v", shape=(60, 40), chunks=(10, 20), dtype="f4", fill_value=-1.0, **names, **more)
        array[:30] = values[:30]
        array[50:, 20:] = values[50:, 20:]
        label = root.create_array("y", shape=(60,), chunks=(60,), dtype="i4", **({"dimension_names": ("y",)} if names else {}))
        label[:] = np.arange(60)
        if version == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = ["y", "x"]
            label.attrs["_ARRAY_DIMENSIONS"] = ["y"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(path, zarr_format=version)
        return np.asarray(array[:])

    return make


STORES = {"v3": grid(), "v2": grid(2), "shards": grid(3, (20, 40)), "large shards": grid(3, (50, 40))}


@pytest.mark.parametrize("place", ["folder", "server"])
@pytest.mark.parametrize("kind", STORES)
def test_a_store_is_rechunked(kind, place, tmp_path):
    source = tmp_path / "in.zarr"
    whole = STORES[kind](source)
    out = tmp_path / "out.zarr"
    with web.Server(partial(Ranges, directory=str(tmp_path))) as server:
        url = source if place == "folder" else f"{server.url}/in.zarr"
        recipe = arco.recipe(tmp_path, f"axes: {{}}\nsource: {{url: '{url}'}}\noutput: {{chunks: {{y: 60, x: 5}}}}\n")
        arco.bake(recipe, to=out)
        arco.bake(url, to=tmp_path / "same.zarr")
        verified = arco.run("verify", recipe, "--to", out)
        assert verified.code == 0, verified.text
        shown = arco.run("inspect", url)
        assert shown.code == 0 and "v(y, x)" in shown.out, shown.text
    np.testing.assert_array_equal(zarr.open(out)["v"][:], whole)
    assert zarr.open(out)["v"].chunks == (60, 5)
    np.testing.assert_array_equal(zarr.open(tmp_path / "same.zarr")["v"][:], whole)


class Ranges(web.Folder):
    """Python's server of a folder, with ranges."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        self.answer(200, path.read_bytes()) if path.is_file() else self.answer(404, b"no")

    def do_HEAD(self):
        self.do_GET()


def test_references_are_inputs(tmp_path):
    """Ours, and as kerchunk writes them by hand: templates, text, one URL for the whole."""
    paths = whole_files(tmp_path, chunksizes=(1, 128, 600), **ZLIB)
    target = tmp_path / "refs.json"
    refer(*paths, "--concat", "time", to=target, format="kerchunk-json")
    document = json.loads(target.read_text())
    document["templates"] = {"u": str(tmp_path)}
    document["refs"] = {
        key: [value[0].replace(str(tmp_path), "{{u}}"), *value[1:]] if isinstance(value, list) else value
        for key, value in document["refs"].items()
    }
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps(document))
    want = np.concatenate([raw(path, "t") for path in paths])
    for number, source in enumerate([target, theirs]):
        out = tmp_path / f"out{number}.zarr"
        arco.bake(source, "--chunks", "time=3,y=64", to=out)
        np.testing.assert_array_equal(zarr.open(out)["t"][:], want)
        again = tmp_path / f"again{number}.json"
        refer(source, to=again, format="kerchunk-json")
        assert references(again) == references(target)


def test_stores_follow_each_other(tmp_path):
    """Two stores along a dimension, their chunks copied as they are."""
    for n in range(2):
        values = np.arange(8 * 300 * 300, dtype="f4").reshape(8, 300, 300) + n
        ds = xr.Dataset({"t": (("time", "y", "x"), values)}, {"time": ("time", np.arange(8) + 8 * n)})
        ds.to_zarr(tmp_path / f"{n}.zarr", zarr_format=3, encoding={"t": {"chunks": (4, 300, 300)}})
    out = tmp_path / "out.zarr"
    arco.bake(tmp_path / "0.zarr", tmp_path / "1.zarr", "--concat", "time", to=out)
    parts = [xr.open_zarr(tmp_path / f"{n}.zarr").t.values for n in range(2)]
    np.testing.assert_array_equal(xr.open_zarr(out).t, np.concatenate(parts))

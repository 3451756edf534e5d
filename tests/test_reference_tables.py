"""References in Parquet tables as inputs and read back: written by fsspec (`LazyReferenceMapper`, as kerchunk does) of Zarr
stores that zarr-python made, and by bakes."""

import base64
import json
import sys
import types
from functools import partial

import numpy as np
import pytest
import xarray as xr
import zarr
from fsspec.implementations.reference import LazyReferenceMapper

import arco
import made
import web
from test_references import Ranges

pytest.importorskip("pyarrow", reason="writes the Parquet files")

RECORDS = 4  # in one table


def text_or_base64(data):
    data = data if isinstance(data, bytes) else data.encode()
    return base64.b64decode(data[7:]) if data.startswith(b"base64:") else data


try:
    import kerchunk.df  # noqa: F401  whether it is there
except ImportError:  # all that fsspec wants of it
    kerchunk = types.ModuleType("kerchunk")
    kerchunk.df = types.ModuleType("kerchunk.df")
    kerchunk.df._proc_raw = text_or_base64
    sys.modules |= {"kerchunk": kerchunk, "kerchunk.df": kerchunk.df}


def source(folder):
    """A Zarr v2 store of several tables' chunks, of which one is missing; what it holds."""
    path = folder / "plain.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    rng = np.random.default_rng(5)
    cells = {"v": rng.normal(size=(10, 12)).astype("f4"), "deep/w": rng.integers(0, 99, 50, dtype="i8"), "s": np.float64(7)}
    for name, values in cells.items():
        chunks = {2: (3, 5), 1: (8,), 0: ()}[values.ndim]
        array = root.create_array(name, shape=values.shape, chunks=chunks or "auto", dtype=values.dtype, fill_value=-1)
        array.attrs["_ARRAY_DIMENSIONS"] = [f"{name[-1]}{n}" for n in range(values.ndim)]
        array[...] = values
    root["v"].attrs["missing_value"] = float("nan")
    (path / "v" / "1.2").unlink()
    return path, {name: zarr.open(path, mode="r")[name][...] for name in cells}


def referred(store, target, place, ways=("range", "inline", "whole")):
    """Tables of references to the chunks of a store: ranges of one file, bytes, whole files, one after the other."""
    files = sorted(path for path in store.rglob("*") if path.is_file())
    blob, keys = bytearray(b"head"), {}
    lookup = LazyReferenceMapper.create(str(target), record_size=RECORDS, engine="pyarrow")
    for number, path in enumerate(files):
        key, content = str(path.relative_to(store)), path.read_bytes()
        if path.name in (".zgroup", ".zarray", ".zattrs"):
            keys[key] = content.decode()
            continue
        way = ways[number % len(ways)]
        if way == "range":
            keys[key] = [f"{place}/blob.bin", len(blob), len(content)]
            blob += content
        else:
            keys[key] = [f"{place}/{store.name}/{key}"] if way == "whole" else content
    (store.parent / "blob.bin").write_bytes(blob)
    # metadata first: which table a chunk is in follows from its array
    for key, value in sorted(keys.items(), key=lambda item: isinstance(item[1], list | bytes)):
        lookup[key] = value
    lookup.flush()


def same(store, want):
    found = zarr.open(store, mode="r")
    for name, values in want.items():
        np.testing.assert_array_equal(found[name][...], values, err_msg=name)


@pytest.mark.parametrize("ways", [("range", "inline", "whole"), ("range",), ("whole",), ("inline",)], ids="-".join)
def test_tables_that_fsspec_wrote(ways, tmp_path):
    store, want = source(tmp_path)
    target, out = tmp_path / "refs.parq", tmp_path / "out.zarr"
    referred(store, target, str(tmp_path), ways)
    assert len(list((target / "v").glob("refs.*.parq"))) == 3
    arco.bake(target, to=out)
    same(out, want)
    # attributes go the same way as those of the store itself
    arco.bake(store, to=tmp_path / "plain-out.zarr")
    same(tmp_path / "plain-out.zarr", want)
    attrs = [dict(zarr.open(path, mode="r")["v"].attrs) for path in (out, tmp_path / "plain-out.zarr")]
    assert attrs[0] == attrs[1] and "missing_value" in attrs[0]
    verified = arco.run("verify", target, "--to", out)
    assert verified.code == 0, verified.text


@pytest.mark.parametrize("name", ["refs.parq", "refs.parquet", "refs.zarr"])
def test_tables_on_a_server(name, tmp_path):
    store, want = source(tmp_path)
    with web.Server(partial(Ranges, directory=str(tmp_path))) as server:
        referred(store, tmp_path / name, server.url)
        recipe = arco.recipe(tmp_path, f"axes: {{}}\nsource: {{url: '{server.url}/{name}'}}\noutput: {{chunks: {{v0: 10}}}}\n")
        arco.bake(recipe, to=tmp_path / "out.zarr")
        same(tmp_path / "out.zarr", want)
        # what a server says leads to no file of this machine
        referred(store, tmp_path / "local.parq", str(tmp_path))
        target = tmp_path / "none.zarr"
        arco.refuse("bake", f"{server.url}/local.parq", "--to", target, exit="source", mention=["this machine"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "v/refs.1.parq").write_bytes(b"PAR1"), ["v/refs.1.parq", "Parquet"]),
        (lambda folder: cut(folder / "v/refs.0.parq"), ["v/refs.0.parq"]),
        (lambda folder: record_size(folder, 0), ["record_size", "0"]),
        (lambda folder: record_size(folder, 3), ["refs.0.parq", "at most 3"]),
        (lambda folder: separator(folder), ["v/.zarray", "/"]),
        (lambda folder: (folder / ".zmetadata").write_text('{"record_size": 4, "metadata": {'), [".zmetadata"]),
    ],
    ids=["no-parquet", "cut", "no-records", "more-records", "separator", "no-json"],
)
def test_damage_is_refused(change, words, tmp_path):
    store, _ = source(tmp_path)
    target = tmp_path / "refs.parq"
    referred(store, target, str(tmp_path))
    change(target)
    arco.refuse("bake", target, "--to", tmp_path / "out.zarr", exit="source", mention=["refs.parq", *words])


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def separator(folder):
    path = folder / ".zmetadata"
    document = json.loads(path.read_text())
    document["metadata"]["v/.zarray"]["dimension_separator"] = "/"
    path.write_text(json.dumps(document))


def record_size(folder, number):
    path = folder / ".zmetadata"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"record_size": number}))


def test_what_is_baked_is_read_back(tmp_path):
    """Checks, `verify`, and a bake of the references themselves; what was changed since is found."""
    paths, whole = made.days(tmp_path, [2, 2, 2], grid=(300, 400))
    target = tmp_path / "out.parq"
    recipe = arco.recipe(
        tmp_path,
        f"axes: {{time: {{concat: [0, 1, 2]}}}}\nsource: {{files: {[str(path) for path in paths]}}}\n"
        "output: {format: kerchunk-parquet}\nchecks: [{size: {time: 6}}]\n",
    )
    arco.bake(recipe, to=target)
    verified = arco.run("verify", recipe, "--to", target)
    assert verified.code == 0, verified.text
    arco.bake(target, to=tmp_path / "again.zarr")
    with xr.open_zarr(tmp_path / "again.zarr") as ds:
        np.testing.assert_array_equal(ds["t"].values, whole)
    tables = sorted(target.glob("t/refs.*.parq"))
    tables[0].write_bytes(tables[0].read_bytes()[:-9])
    assert arco.run("verify", recipe, "--to", target).code != 0
    strict = recipe.read_text().replace("{time: 6}", "{time: 7}")
    recipe.write_text(strict)
    done = arco.run("bake", recipe, "--to", tmp_path / "strict.parq")
    assert done.code == arco.EXIT["refused"] and not (tmp_path / "strict.parq").exists(), done.text

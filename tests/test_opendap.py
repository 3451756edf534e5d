"""Datasets of OPeNDAP servers: pydap's on the loopback, against the arrays that it serves and what netCDF's own client reads."""

import threading
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import web

pytest.importorskip("pydap")

from pydap.handlers.lib import BaseHandler  # noqa: E402
from pydap.model import BaseType, DatasetType, GridType, StructureType  # noqa: E402

RNG = np.random.default_rng(5)
DTYPES = ["u1", "i2", "u2", "i4", "u4", "f4", "f8"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Served:
    """Serves datasets by name; `asked` has the path and query of every request."""

    def __init__(self, **datasets):
        self.apps = {name: BaseHandler(dataset) for name, dataset in datasets.items()}
        self.asked = []
        self.server = make_server("127.0.0.1", 0, self.app, handler_class=Quiet)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def app(self, environ, start_response):
        path, query = environ["PATH_INFO"], unquote(environ.get("QUERY_STRING", ""))
        self.asked.append((path, query))
        app = self.apps.get(path.strip("/").split(".")[0])
        if app is None:
            start_response("404 Not Found", [])
            return [b"nothing here"]
        return app(environ, start_response)

    def __enter__(self):
        return f"http://127.0.0.1:{self.server.server_port}", self.asked

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def values(dtype, shape):
    if dtype[0] == "f":
        return RNG.standard_normal(shape).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return RNG.integers(low, high, shape, dtype=dtype, endpoint=True)


def dataset(day=0, shape=(4, 30, 40)):
    """Of every type an array; a grid, texts and a scalar."""
    ds = DatasetType("test", attributes={"NC_GLOBAL": {"title": "of all types", "numbers": [1.5, 2.5]}})
    time = day + np.arange(shape[0], dtype="f8")
    ds["time"] = BaseType("time", time, dims=("time",), attributes={"units": "days since 2000-01-01"})
    for dtype in DTYPES:
        attributes = {"_FillValue": np.array(3, dtype).item(), "long_name": f"of type {dtype}"} if dtype != "u1" else {}
        ds[dtype] = BaseType(dtype, values(dtype, shape), dims=("time", "lat", "lon"), attributes=attributes)
    ds["lat"] = BaseType("lat", np.linspace(-60, 60, shape[1]), dims=("lat",), attributes={"units": "degrees_north"})
    ds["lon"] = BaseType("lon", np.arange(shape[2], dtype="f4"), dims=("lon",), attributes={"units": "degrees_east"})
    grid = GridType("sst", attributes={"units": "K"})
    grid["sst"] = BaseType("sst", values("i2", shape[:2]), dims=("time", "depth"))
    grid["time"] = BaseType("time", time, dims=("time",))
    grid["depth"] = BaseType("depth", np.arange(shape[1], dtype="i4"), dims=("depth",), attributes={"units": "m"})
    ds["sst"] = grid
    ds["station"] = BaseType("station", np.array([f"s{'x' * n}" for n in range(shape[1])]), dims=("lat",))
    ds["number"] = BaseType("number", np.array(7, dtype="i4"))
    return ds


def array(ds, name):
    return np.asarray(ds["sst"]["sst"].data if name == "sst" else ds[name].data)


def test_a_dataset_equals_what_is_served_and_what_netcdf_reads(store):
    ds = dataset()
    with Served(a=ds) as (url, _):
        arco.bake(f"dap2+{url}/a", to=store)
        found = xr.open_zarr(store, decode_cf=False)
        with netCDF4.Dataset(f"{url}/a") as client:
            client.set_auto_maskandscale(False)
            for name in [*DTYPES, "time", "lat", "lon", "number"]:
                assert np.array_equal(found[name].values, array(ds, name)), name
                assert found[name].dtype == array(ds, name).dtype, name
                # netCDF's client takes the bytes of DAP2, which have no sign, for signed ones
                read = np.asarray(client[name][...]).astype(found[name].dtype)
                assert np.array_equal(found[name].values, read.reshape(found[name].shape)), name
                for key in client[name].ncattrs():
                    own = found[name].attrs.get(key, found[name].encoding.get(key))
                    assert np.array_equal(own, client[name].getncattr(key)), key
            assert found.attrs["title"] == client.title and np.array_equal(found.attrs["numbers"], client.numbers)
    assert np.array_equal(found.sst.values, array(ds, "sst")) and found.sst.dims == ("time", "depth")
    assert np.array_equal(found.depth.values, np.arange(30)) and found.sst.attrs["units"] == "K"
    texts = xr.open_zarr(store).station.values
    assert [str(text) for text in texts] == [f"s{'x' * n}" for n in range(30)]


def test_several_datasets_are_combined(tmp_path, store):
    parts = {f"day{n}": dataset(4 * n) for n in range(3)}
    with Served(**parts) as (url, _):
        recipe = arco.recipe(
            tmp_path,
            "axes: {time: {concat: [0, 1, 2]}}\n"
            f"source: {{url: 'dap2+{url}/day{{time}}'}}\nsteps: [{{keep: [f4, i2]}}]\n",
        )
        arco.bake(recipe, to=store)
    found = xr.open_zarr(store, decode_cf=False)
    for name in ("f4", "i2"):
        assert np.array_equal(found[name].values, np.concatenate([array(ds, name) for ds in parts.values()]))


def test_only_what_is_wanted_is_asked_for(tmp_path, store):
    shape = (40, 200, 200)
    with Served(a=dataset(shape=shape)) as (url, asked):
        arco.bake(f"dap2+{url}/a", "--step", "keep: [f8]", "--step", "subset: {time: {start: 3, stop: 5}}", to=store)
        data = [query for path, query in asked if path.endswith(".dods")]
        big = [query for query in data if query.startswith("f8[")]
        assert 1 <= len(big) <= 3 and not any(query.startswith(("f4[", "i4[", "u1[")) for query in data), data
    assert xr.open_zarr(store).f8.shape[1:] == shape[1:]


def test_named_variables_alone(store):
    with Served(a=dataset()) as (url, _):
        arco.bake(f"dap2+{url}/a?f4,time", to=store)
    assert set(xr.open_zarr(store).variables) == {"f4", "time"}


def nested():
    ds = DatasetType("test")
    ds["deep"] = StructureType("deep")
    ds["deep"]["x"] = BaseType("x", np.arange(3), dims=("x",))
    return ds


class Strange(web.Answers):
    """Answers that are none."""

    def do_GET(self):
        path = unquote(self.path)
        self.answer(200, next((body for end, body in self.server.bodies.items() if end in path), b""))


DDS, DAS = b"Dataset {\n Float32 a[x = 3];\n} b;\n", b"Attributes {\n}\n"
STRANGE = {
    "an error with status 200": ({".dds": b'Error {\n code = 500;\n message = "no such dataset";\n};\n'}, "no such dataset"),
    "a page": ({".dds": b"<!DOCTYPE html><title>Form</title>"}, "web page"),
    "fewer values": ({".dds": DDS, ".das": DAS, ".dods": DDS + b"Data:\n" + b"\0\0\0\2" * 2 + bytes(8)}, "2 values, expected 3"),
    "cut off": ({".dds": DDS, ".das": DAS, ".dods": DDS + b"Data:\n" + b"\0\0\0\3" * 2 + bytes(8)}, "source-corrupt"),
    "no values": ({".dds": DDS, ".das": DAS, ".dods": b"Dataset {} b;\n"}, "no DAP2 values"),
    "not DAP": ({".dds": b"hello", ".das": DAS}, "expected `Dataset`"),
    "too long": ({".dds": b"Dataset { Float64 a[x = 9999999999999999999][y = 99]; } b;", ".das": DAS}, "source-limit"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_answer_is_refused(store, kind):
    bodies, says = STRANGE[kind]
    with web.Server(Strange, bodies=bodies) as server:
        done = arco.run("bake", f"dap2+{server.url}/a", "--to", store)
    assert done.code == arco.EXIT["source"] and says in done.err and "panicked" not in done.err, done.text
    arco.nothing_left(store)


def test_refusals(store):
    with Served(a=dataset(), deep=nested()) as (url, _):
        for path, says in [
            ("dap2+{}/nowhere", "source-not-found"),
            ("dap2+{}/deep", "`deep` is a structure"),
            ("dap4+{}/a", "dap2+"),
            ("dap2+{}/a?f4[0:1]", "subset"),
        ]:
            done = arco.run("bake", path.format(url), "--to", store)
            assert done.code == arco.EXIT["source"] and says in done.err, done.text

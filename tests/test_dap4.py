"""Datasets of servers that speak DAP4: a server after the specification, held to pydap's client, against what netCDF4 reads."""

import threading

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import dap4
import web
from dap4 import ERROR, LAST, LITTLE_ENDIAN, chunk

RNG = np.random.default_rng(7)
DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
COORDINATES = ["time", "lat", "lon"]


def values(dtype, shape):
    if dtype[0] == "f":
        return RNG.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def written(path, day=0, shape=(4, 30, 40)):
    """A file with a variable of every type, groups, attributes of every type, texts, an enumeration and scalars."""
    with netCDF4.Dataset(path, "w") as file:
        for name, length in zip(COORDINATES, shape, strict=True):
            file.createDimension(name, length)
            cells = day + np.arange(length) if name == "time" else np.linspace(-60, 60, length)
            file.createVariable(name, "f8", (name,))[:] = cells
        file["time"].units = "days since 2000-01-01"
        for dtype in DTYPES:
            variable = file.createVariable(dtype, dtype, COORDINATES, fill_value=np.array(3, dtype))
            variable[:] = values(dtype, shape)
            variable.setncattr("valid_range", np.array([1, np.iinfo(dtype).max if dtype[0] != "f" else 0.1], dtype))
        file["i2"].setncattr("scale_factor", np.float32(0.01))
        file["i2"].long_name = 'with <signs> & "quotes" · ü'
        file.createDimension("length", 5)
        file.createVariable("letters", "S1", ("lat", "length"))[:] = RNG.choice(list(b"abc"), (shape[1], 5)).astype("u1").view("S1")
        texts = file.createVariable("station", str, ("lat",))
        texts[:] = np.array([f"s{'ü' * (n % 7)}{n}" for n in range(shape[1])], object)
        file.createVariable("label", str, ())[...] = "one text"
        file.createVariable("number", "i8", ())[...] = -(2**60)
        file.createVariable("odd.name x", "i4", ("lat",))[:] = np.arange(shape[1])
        kind = file.createEnumType("u1", "cloud", {"Clear": 0, "Fog": 9, "Missing": 255})
        file.createVariable("sky", kind, ("time",))[:] = np.resize([0, 9, 255], shape[0])
        file.title, file.numbers, file.big = "of all types", np.array([1.5, 0.1]), np.int64(2**62)
        file.setncattr_string("list", ["a", "", "c d"])
        deep = file.createGroup("g").createGroup("deep")
        file["g"].about, file["g"].level = "a group", np.int16(7)
        deep.createDimension("x", 6)
        deep.createVariable("x", "f4", ("x",))[:] = np.arange(6)
        deep.createVariable("v", "u2", ("time", "x"))[:] = values("u2", (shape[0], 6))
        deep["v"].units = "K"
        file["g"].createVariable("w", "i8", ("lat",))[:] = values("i8", shape[1])
    return dap4.opened(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = written(tmp_path_factory.mktemp("dap4") / "a.nc")
    yield file
    file.close()


def serve(order="<", checksums="asked", whole_sum=True, chunk_bytes=1 << 20, maps=None, **files):
    how = {"order": order, "checksums": checksums, "whole_sum": whole_sum, "chunk_bytes": chunk_bytes, "maps": maps or {}}
    return web.Server(dap4.Handler, files=files, asked=[], lock=threading.Lock(), **how)


def same(variable, expected):
    """Whether a variable of a store has the values and attributes of the file's."""
    read = np.asarray(expected[...] if expected.ndim else expected[...])
    if read.dtype.kind == "S":
        assert [str(text) for text in variable.values] == [b"".join(row).decode() for row in read]
    elif read.dtype.kind in "OU":
        assert [str(text) for text in np.ravel(variable.values)] == [str(text) for text in np.ravel(read)]
    else:
        assert variable.dtype == read.dtype and np.array_equal(variable.values, read), expected.name
    for key in expected.ncattrs():
        own = variable.attrs.get(key, variable.encoding.get(key))
        told = expected.getncattr(key)
        assert np.array_equal(own, told), (expected.name, key, own, told)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"order": ">", "checksums": "always", "whole_sum": False, "chunk_bytes": 1000},
        {"checksums": "never", "chunk_bytes": 7777},
    ],
    ids=["little", "big", "bare"],
)
def test_a_dataset_equals_the_file_that_is_served(file, store, how):
    with serve(a=file, **how) as server:
        arco.bake(f"dap4+{server.url}/a", to=store)
    with xr.open_zarr(store, decode_cf=False) as found:
        assert set(found.variables) == set(file.variables)
        for name, variable in file.variables.items():
            same(found[name], variable)
            if name != "letters":
                assert found[name].dims == variable.dimensions
        for key in file.ncattrs():
            assert np.array_equal(found.attrs[key], file.getncattr(key)), key
        assert found.sky.attrs["flag_values"] == [0, 9, 255] and found.sky.attrs["flag_meanings"] == "Clear Fog Missing"
    with xr.open_zarr(store, group="g", decode_cf=False) as group:
        same(group.w, file["g"]["w"])
        assert group.attrs == {"about": "a group", "level": 7}
    with xr.open_zarr(store, group="g/deep", decode_cf=False) as deep:
        same(deep.v, file["g/deep"]["v"])
        same(deep.x, file["g/deep"]["x"])
        assert deep.v.dims == ("time", "x")


def test_the_server_of_these_tests_answers_pydap(file):
    client = pytest.importorskip("pydap.client")
    for order in "<>":
        with serve(order=order, a=file, chunk_bytes=999) as server:
            dataset = client.open_url(f"{server.url}/a", protocol="dap4", user_charset="utf-8")
            for name in [*DTYPES, *COORDINATES]:
                read = dataset[name][...] if name in COORDINATES else dataset[name][1:3, 2:7, 0:40]
                expected = file[name][...] if name in COORDINATES else file[name][1:3, 2:7, 0:40]
                assert np.array_equal(np.asarray(read.data if hasattr(read, "data") else read), np.asarray(expected)), name
            assert dataset["i2"].attributes["scale_factor"] == pytest.approx(0.01)


def test_several_datasets_are_combined(tmp_path, store):
    files = {f"day{n}": written(tmp_path / f"{n}.nc", 4 * n) for n in range(3)}
    with serve(**files) as server:
        recipe = arco.recipe(
            tmp_path,
            "axes: {time: {concat: [0, 1, 2]}}\n"
            f"source: {{url: 'dap4+{server.url}/day{{time}}'}}\nsteps: [{{keep: [f4, i8]}}]\n",
        )
        arco.bake(recipe, to=store)
    found = xr.open_zarr(store, decode_cf=False)
    for name in ("f4", "i8", "time"):
        assert np.array_equal(found[name].values, np.concatenate([file[name][...] for file in files.values()])), name


def test_only_what_is_wanted_is_asked_for(tmp_path, store):
    with written(tmp_path / "a.nc", shape=(40, 200, 200)) as file, serve(a=file) as server:
        arco.bake(f"dap4+{server.url}/a", "--step", "keep: [f8]", "--step", "subset: {time: {start: 3, stop: 5}}", to=store)
        data = [query for path, query in server.asked if path.endswith(".dap")]
        big = [query for query in data if query.startswith("dap4.ce=/f8[")]
        assert 1 <= len(big) <= 3, data
        assert not any(query.startswith(("dap4.ce=/f4[", "dap4.ce=/g/")) for query in data), data
        # rows of 320 kB, 13 of which are less than 4 MiB
        assert big[0] == "dap4.ce=/f8[0:1:12][0:1:199][0:1:199]&dap4.checksum=true"
        assert np.array_equal(xr.open_zarr(store).f8.values[0], file["f8"][3])


def test_named_variables_alone(file, store, tmp_path):
    with serve(a=file) as server:
        arco.bake(f"dap4+{server.url}/a?token=x&dap4.ce=/f4;/time;/g/deep", to=store)
        assert all(query.startswith("token=x") for _, query in server.asked)
        done = arco.run("bake", f"dap4+{server.url}/a?dap4.ce=/nowhere", "--to", tmp_path / "b.zarr")
    assert set(xr.open_zarr(store).variables) == {"f4", "time"}
    assert set(xr.open_zarr(store, group="g/deep").variables) == {"v", "x"}
    assert done.code == arco.EXIT["source"] and "`/nowhere`" in done.err, done.text


def test_maps_become_coordinates(tmp_path, store):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as made:
        for name in "yx":
            made.createDimension(name, 3)
        for name in ("lat", "lon", "sst"):
            made.createVariable(name, "f4", ("y", "x"))[:] = values("f4", (3, 3))
    with dap4.opened(tmp_path / "a.nc") as file, serve(a=file, maps={"/sst": ["/lat", "/lon"]}) as server:
        arco.bake(f"dap4+{server.url}/a", to=store)
    assert set(xr.open_zarr(store).sst.coords) == {"lat", "lon"}


DMR = b"<Dataset name='a'><Dimension name='x' size='3'/><Int16 name='a'><Dim name='/x'/></Int16></Dataset>"
WIRE = np.array([1, 2, 3], "<i2").tobytes()
GOOD = dap4.answer(DMR, WIRE, dap4.serialized(np.array([1, 2, 3], "i2"), "<")[1])
STRANGE = {
    "cut within the values": ({".dmr": DMR, ".dap": GOOD[:-7]}, "cut off"),
    "cut between chunks": ({".dmr": DMR, ".dap": GOOD[: len(DMR) + 4]}, "cut off"),
    "nothing": ({".dmr": DMR, ".dap": b""}, "source-"),
    "a longer chunk": ({".dmr": DMR, ".dap": GOOD.replace(b"\0\0\x0a", b"\0\0\xff")}, "says 255 bytes"),
    "a shorter chunk": ({".dmr": DMR, ".dap": GOOD.replace(b"\0\0\x0a", b"\0\0\x08")}, "behind the last chunk"),
    "bytes behind": ({".dmr": DMR, ".dap": GOOD + b"\0"}, "behind the last chunk"),
    "another checksum": ({".dmr": DMR, ".dap": dap4.answer(DMR, WIRE, 77)}, "the server says 0000004d"),
    "a changed value": ({".dmr": DMR, ".dap": GOOD.replace(b"\2\0\3", b"\2\1\3")}, "checksum"),
    "fewer values": ({".dmr": DMR, ".dap": dap4.answer(DMR, WIRE[:4], None)}, "4 bytes of values, expected 6"),
    "more values": ({".dmr": DMR, ".dap": dap4.answer(DMR, WIRE * 2, None)}, "12 bytes of values, expected 6"),
    "an error in a chunk": (
        {".dmr": DMR, ".dap": chunk(LITTLE_ENDIAN, DMR) + chunk(ERROR | LAST, b"<Error><Message>disk on fire</Message></Error>")},
        "disk on fire",
    ),
    "an error as XML": ({".dmr": b"<?xml version='1.0'?><Error httpcode='403'><Message>no such file</Message></Error>"}, "no such file"),
    "a page": ({".dmr": b"<!DOCTYPE html><title>Form</title>"}, "web page"),
    "a page for values": ({".dmr": DMR, ".dap": b"<html><title>Log in</title></html>"}, "web page"),
    "not DAP": ({".dmr": b"hello"}, "expected XML of `Dataset`"),
    "values of DAP2": ({".dmr": DMR, ".dap": b"Dataset {\n Int16 a[x = 3];\n} b;\nData:\n" + bytes(20)}, "not valid DAP4"),
    "XML that ends early": ({".dmr": DMR[:-9]}, "no XML"),
    "too long": ({".dmr": b"<Dataset><Int64 name='a'><Dim size='9999999999999999999'/><Dim size='99'/></Int64></Dataset>"}, "source-limit"),
    "texts without end": (
        {".dmr": b"<Dataset><String name='a'/></Dataset>", ".dap": dap4.answer(DMR, b"\xff" * 8 + b"abc", None)},
        "ends within text 1 of 1",
    ),
    "a structure": ({".dmr": b"<Dataset><Group name='g'><Structure name='deep'/></Group></Dataset>"}, "`g/deep` is a structure"),
    "a sequence": ({".dmr": b"<Dataset><Sequence name='s'><Int8 name='a'/></Sequence></Dataset>"}, "`s` is a sequence"),
    "opaque values": ({".dmr": b"<Dataset><Opaque name='blob'/></Dataset>"}, "`blob` is opaque"),
    "DAP2 alone": ({".dds": b"Dataset {\n Float32 a[x = 3];\n} b;\n"}, "dap2+https://"),
}


class Strange(web.Answers):
    """Answers by the end of the path, else none."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        body = next((body for end, body in self.server.bodies.items() if path.endswith(end)), None)
        self.answer(404 if body is None else 200, body or b"")


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_answer_is_refused(store, kind):
    bodies, says = STRANGE[kind]
    with web.Server(Strange, bodies=bodies) as server:
        done = arco.run("bake", f"dap4+{server.url}/a", "--to", store)
    assert done.code == arco.EXIT["source"] and says in done.err and "panicked" not in done.err, done.text
    arco.nothing_left(store)


def test_damaged_answers_are_never_taken(tmp_path):
    """Whatever byte of an answer is another, or where it is cut: refused, but where the change means nothing."""
    for number in range(60):
        body = bytearray(GOOD)
        at = int(RNG.integers(len(body)))
        body = body[:at] if number % 3 == 0 else body[:at] + bytes([body[at] ^ (1 << (number % 8))]) + body[at + 1 :]
        store = tmp_path / f"{number}.zarr"
        with web.Server(Strange, bodies={".dmr": DMR, ".dap": bytes(body)}) as server:
            done = arco.run("bake", f"dap4+{server.url}/a", "--to", store)
        assert "panicked" not in done.text, done.text
        if done.code:
            assert done.code == arco.EXIT["source"] and "source-" in done.err, done.text
        else:
            assert np.array_equal(xr.open_zarr(store).a.values, [1, 2, 3]), bytes(body)


def test_a_server_of_dap4_alone_is_told_to_who_asks_by_dap2(file, store):
    with serve(a=file) as server:
        done = arco.run("bake", f"dap2+{server.url}/a", "--to", store)
        assert done.code == arco.EXIT["source"] and "dap4+https://" in done.err, done.text
        for query, says in [("?f4,time", "?dap4.ce="), ("?dap4.ce=/f4%5B0:1:2%5D", "subset")]:
            done = arco.run("bake", f"dap4+{server.url}/a{query}", "--to", store)
            assert done.code == arco.EXIT["source"] and says in done.err, done.text


@pytest.mark.parametrize("format", ["kerchunk-json", "kerchunk-parquet", "icechunk-virtual"])
def test_nothing_refers_to_what_a_server_makes(tmp_path, format):
    with written(tmp_path / "a.nc", shape=(4, 200, 300)) as file, serve(a=file) as server:
        source = [f"dap4+{server.url}/a?dap4.ce=/f8", "--format", format, "--to", tmp_path / "out"]
        arco.bake(source[0], to=tmp_path / "known.zarr")
        arco.refuse("bake", *source, exit="target", mention=["`f8` can't be referenced", "OPeNDAP"])

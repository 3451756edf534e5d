"""Chunks of files behind a server are fetched before they are needed.

The server holds back a file's chunk until those of the files behind it were asked for as well, so no bake ends that fetches
one only when the one before it is decoded. Truth is what the files were made of.
"""

import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import made
import web

FILES = 12
SHAPE = (400, 500)
# requests for metadata, and what opening a file brings along, are not longer
CHUNK = 1 << 19


class Holding(web.Quiet, BaseHTTPRequestHandler):
    """Answers a request for a chunk once those of the `ahead` files behind it have arrived; with 404 if they do not come.

    Their order of arrival says nothing: requests that leave together arrive in any order, and what is in hand is bounded.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, name = self.server, self.path.rsplit("/", 1)[1]
        body = (server.folder / name).read_bytes()
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        status = 200
        if last + 1 - first > CHUNK:
            with server.arrived:
                number = int(name.removesuffix(".nc"))
                server.asked.add(number)
                server.arrived.notify_all()
                behind = set(range(number, server.files)[: server.ahead + 1])
                came = server.arrived.wait_for(lambda: server.released or behind <= server.asked, timeout=30)
            status = 404 if name in server.gone or not came else 200
        self.answer(status, body, {"ETag": f'"{len(body)}"'})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    cells = np.random.default_rng(3).integers(0, 1 << 30, (FILES, *SHAPE), dtype="i4")
    for number, values in enumerate(cells):
        variables = {
            "time": (("time",), np.array([float(number)]), {"units": "days since 2000-01-01"}),
            "v": (("time", "y", "x"), values[None], {}, {"zlib": True, "chunksizes": (1, *SHAPE)}),
        }
        made.netcdf(folder / f"{number:02d}.nc", variables)
    assert all(path.stat().st_size > CHUNK + (64 << 10) for path in folder.glob("*.nc"))
    return folder, cells


def serve(folder, ahead=3, gone=(), files=FILES):
    state = {"folder": folder, "ahead": ahead, "gone": gone, "files": files, "asked": set(), "released": False}
    return web.Server(Holding, arrived=threading.Condition(), **state)


def inputs(server):
    return [f"{server.url}/{number:02d}.nc" for number in range(FILES)]


GIVEN = ["--concat", "time", "--workers", "1", "--no-survey-cache"]


@pytest.mark.parametrize(
    "ways",
    [
        ["--chunks", f"time={FILES}"],
        ["--chunks", f"time={FILES},y=100,x=100"],
        ["--chunks", "time=1"],
        ["--chunks", "time=1", "--shards", f"time={FILES}"],
        ["--chunks", "time=1", "--codecs", "source"],
        ["--chunks", "time=1", "--shards", f"time={FILES}", "--codecs", "source"],
        ["--chunks", "time=1", "--memory", "48MiB"],
        ["--chunks", "time=4", "--step", 'set: {w: "v * 2"}'],
        ["--chunks", "time=4", "--step", "flip: [y]"],
        ["--chunks", "time=4", "--step", "subset: {y: {start: 10, stop: 60}}"],
    ],
    ids=[
        "slab",
        "rechunked",
        "tasks",
        "shard",
        "copied",
        "copied-shard",
        "little-memory",
        "computed",
        "flipped",
        "cut",
    ],
)
def test_fetched_before_it_is_needed(ways, folder, store):
    path, cells = folder
    with serve(path) as server:
        arco.bake(*inputs(server), *GIVEN, *ways, to=store)
    step = ways[-1].partition(":")[0]
    cut = {"flip": cells[:, ::-1], "subset": cells[:, 10:60]}.get(step, cells)
    expected = {"v": cut} | ({"w": 2.0 * cells} if step == "set" else {})
    with xr.open_zarr(store, consolidated=False, mask_and_scale=False) as found:
        for name, values in expected.items():
            assert np.array_equal(found[name].values, values), name


@pytest.mark.parametrize(
    "ways", [["--chunks", "time=1"], ["--chunks", "time=1", "--codecs", "source"]], ids=["encoded", "copied"]
)
@pytest.mark.parametrize("changed", [FILES, FILES - 1])
def test_an_update_fetches_ahead_what_changed(changed, ways, folder, tmp_path, store):
    """An earlier bake made every chunk, of other versions: none is taken, which is known before its task runs."""
    path, cells = folder
    now = cells.copy()
    for number in range(FILES):
        shutil.copy(path / f"{number:02d}.nc", tmp_path)
        with netCDF4.Dataset(tmp_path / f"{number:02d}.nc", "a") as ds:
            if number >= FILES - changed:
                ds["v"][:] = now[number] = now[number] // 3
                ds["time"].comment = "corrected"
    with serve(tmp_path) as server:
        url = server.url
        server.folder = path
        arco.bake(*inputs(server), *GIVEN, *ways, to=store)
        server.folder = tmp_path
        server.asked.clear()
        done = arco.bake(*inputs(server), *GIVEN, *ways, "--update", "--json", to=store)
        assert url == server.url
    assert len(server.asked) == changed
    assert done.events()[-1]["objects_kept"] >= FILES - changed
    with xr.open_zarr(store, consolidated=False, mask_and_scale=False) as found:
        assert np.array_equal(found["v"].values, now)


def test_what_fails_ahead_is_told_with_its_file(folder, store):
    with serve(folder[0], gone=["07.nc"]) as server:
        done = arco.run("bake", *inputs(server), *GIVEN, "--chunks", "time=1", "--to", store)
    assert done.code == arco.EXIT["source"] and "panicked" not in done.text, done.text
    assert "07.nc" in done.text and "06.nc" not in done.text and "source-not-found" in done.text, done.text


def test_an_interrupt_ends_what_is_fetched_ahead(folder, store):
    """All chunks are held back for good: for one that never comes."""
    with serve(folder[0], ahead=FILES, files=FILES + 1) as server:
        with subprocess.Popen(
            [arco.binary(), "bake", *inputs(server), *GIVEN, "--chunks", "time=1", "--to", store],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            with server.arrived:
                assert server.arrived.wait_for(lambda: len(server.asked) >= 4, timeout=60)
                run.send_signal(signal.SIGINT)
            _, text = run.communicate(timeout=20)
        with server.arrived:
            server.released = True
            server.arrived.notify_all()
    assert run.returncode == 130 and "panicked" not in text, text


# small chunks


class Counting(web.Quiet, BaseHTTPRequestHandler):
    """Counts requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.counted:
            self.server.requests += 1
        body = (self.server.folder / self.path.strip("/")).read_bytes()
        self.answer(200, body, {"ETag": f'"{len(body)}"'})


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Files of 512 chunks of about 6 KB each."""
    folder = tmp_path_factory.mktemp("small")
    cells = np.random.default_rng(5).integers(0, 1 << 30, (2, 8, 320, 320), dtype="i4")
    for number, values in enumerate(cells):
        variables = {
            "time": (("time",), np.arange(8.0) + 8 * number, {"units": "days since 2000-01-01"}),
            "v": (("time", "y", "x"), values, {}, {"zlib": True, "chunksizes": (1, 40, 40)}),
        }
        made.netcdf(folder / f"{number}.nc", variables)
    return folder, cells.reshape(-1, 320, 320)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "ways",
    [
        ["--chunks", "time=1,y=40,x=40", "--codecs", "source"],
        ["--chunks", "time=1,y=40,x=40"],
        ["--chunks", "time=8,y=40,x=40"],
        ["--chunks", "time=1,y=40,x=40", "--memory", "64MiB"],
    ],
    ids=["copied", "encoded", "gathered", "little-memory"],
)
def test_near_chunks_are_one_request(ways, workers, small, store):
    """Whatever tasks need them: a request for each would be 1,024 of them."""
    folder, cells = small
    state = {"folder": folder, "counted": threading.Lock(), "requests": 0}
    with web.Server(Counting, **state) as server:
        inputs = [f"{server.url}/{number}.nc" for number in range(2)]
        words = ["--concat", "time", "--no-survey-cache", "--workers", workers, "--json"]
        done = arco.bake(*inputs, *words, *ways, to=store)
    read = done.events()[-1]["bytes_read"]
    assert server.requests <= 60, f"{server.requests} requests, {read} bytes"
    with xr.open_zarr(store, consolidated=False, mask_and_scale=False) as found:
        assert np.array_equal(found["v"].values, cells)

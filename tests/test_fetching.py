"""Servers that misbehave, on loopback: right values or a clear refusal, nothing half-written, a cache that holds no lies.

The server is the corpus's ($ARCOFORGE_CORPUS, default ../shared/corpus beside the repository), else tests/misbehaving.py.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import arco
import made
import misbehaving

# what every kind comes to; the texts are in the message
REFUSED = {
    "truncate": ("source-unreachable", "the connection was closed after", "6 attempts"),
    "shortlen": ("source-corrupt", "truncated"),
    "html200": ("source-not-data", "web page", "log"),
    "login": ("source-not-data", "web page", "redirected to"),
    "auth/basic": ("source-denied", "401"),
    "auth/bearer": ("source-denied", "401"),
    "loop": ("source-unreachable", "redirected more than 10 times"),
    "huge": ("source-limit", "4611686018427387904"),
}
KINDS = [*misbehaving.KINDS, "auth/bearer"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`a.nc`, larger than what the first request brings along, and `small.nc`."""
    folder = tmp_path_factory.mktemp("served")
    values = np.random.default_rng(1).integers(0, 2**31 - 1, (4, 300, 300), dtype="i4")
    made.netcdf(folder / "a.nc", {"v": (("t", "y", "x"), values)})
    made.netcdf(folder / "small.nc", {"v": (("x",), np.arange(200, dtype="f4"))}, format="NETCDF3_CLASSIC")
    return folder


@pytest.fixture(scope="module")
def base(folder):
    """The address of the corpus's server, else of our own."""
    script = Path(os.environ.get("ARCOFORGE_CORPUS", arco.ROOT.parent / "shared" / "corpus")) / "http_server.py"
    if not script.exists():
        with misbehaving.serve(folder) as server:
            yield server.url
        return
    with subprocess.Popen(
        [sys.executable, script, folder, "--seconds", "600"], stdout=subprocess.PIPE, text=True
    ) as server:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


def address(base, kind):
    name = "small.nc" if kind == "slow" else "a.nc"
    if kind == "redirect":
        return f"{base}/redirect?to={base}/ok/{name}", name
    return (f"{base}/{kind}", name) if kind in ("loop", "huge") else (f"{base}/{kind}/{name}", name)


def is_right(store, path):
    with xr.open_zarr(store, consolidated=False) as found, xr.open_dataset(path) as expected:
        return np.array_equal(found.v.values, expected.v.values)


def half(cache):
    """Files of a cache that are neither locks nor complete entries."""
    folders = {path.parent for path in cache.rglob("lock")}
    whole = {folder for folder in folders if (folder / "entry.json").exists()}
    return [
        str(path.relative_to(cache))
        for path in cache.rglob("*")
        if path.is_file()
        and cache / "survey" not in path.parents
        and path.name != "lock"
        and not (path.parent in whole and not path.name.startswith("."))
    ]


@pytest.mark.parametrize("cached", [False, True], ids=["ranges", "cache"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_bad_answer(kind, cached, base, folder, store, tmp_path):
    url, name = address(base, kind)
    cache = tmp_path / "cache"
    started = time.monotonic()
    done = arco.run("bake", url, "--to", store, *(["--cache", cache] if cached else []), timeout=60)
    assert time.monotonic() - started < 45, "not within seconds"
    if kind == "changing":
        # read in one request it is one version, whose first bytes are no format's
        words = ("source-format", "not known") if cached else ("source-changed", "changed on the server")
    else:
        words = REFUSED.get(kind)
    if words is None:
        assert done.code == 0, done.text
        assert is_right(store, folder / name)
    else:
        assert done.code == arco.EXIT["source"] and "panicked" not in done.text, done.text
        # a line may end anywhere
        text = " ".join(done.text.split())
        assert all(word in text for word in (*words, url.split("?")[0])), done.text
        arco.nothing_left(store)
    assert half(cache) == []


@pytest.mark.parametrize("kind", [kind for kind in misbehaving.KINDS if kind not in ("truncate", "slow", "redirect")])
def test_a_cache_holds_no_lies(kind, folder, store, tmp_path):
    """What a server sent while it misbehaved is not what a later run reads."""
    cache = tmp_path / "cache"
    with misbehaving.serve(folder) as server:
        url, name = f"{server.url}/{kind}/a.nc", "a.nc"
        arco.run("bake", url, "--to", store, "--cache", cache)
        server.healed = True
        arco.bake(url, "--cache", cache, "--overwrite", to=store)
    assert is_right(store, folder / name)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    values = np.random.default_rng(2).integers(0, 2**31 - 1, (6, 1024, 1024), dtype="i4")
    made.netcdf(folder / "a.nc", {"v": (("t", "y", "x"), values)}, format="NETCDF3_CLASSIC")
    return folder


@pytest.mark.parametrize(
    ("there", "changes", "asks"),
    [(20 << 20, False, True), (20 << 20, True, True), (3 << 20, False, False), (0, False, False)],
    ids=["goes-on", "another-version", "too-little", "nothing"],
)
def test_killed_while_it_downloads(there, changes, asks, large, store, tmp_path):
    cache = tmp_path / "cache"
    with misbehaving.serve(large) as server:
        url = f"{server.url}/hold/{there}/a.nc"
        with subprocess.Popen(
            [arco.binary(), "bake", url, "--to", store, "--cache", cache],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as run:
            assert server.held.wait(60)
            # what was sent has arrived, but for less than a buffer
            while there and not any(path.stat().st_size > there - (256 << 10) for path in cache.rglob(".data.partial")):
                assert run.poll() is None
                time.sleep(0.01)
            os.kill(run.pid, signal.SIGKILL)
        server.go_on.set()
        server.healed, server.seen[:] = True, []
        if changes:
            server.version = 2
        arco.bake(url, "--cache", cache, to=store)
        # one request, for the rest where a part may be of use, and none of it is where the version is another
        (header,) = server.seen
        assert ("If-Range" in header, "Range" in header) == (asks, asks)
    assert is_right(store, large / "a.nc") and half(cache) == []


def test_one_download_for_several_processes(large, tmp_path):
    """Three runs share a cache: one fetches, the others wait and ask whether it is still current."""
    cache = tmp_path / "cache"
    stores = [tmp_path / f"{number}.zarr" for number in range(3)]
    with misbehaving.serve(large) as server:
        url = f"{server.url}/ok/a.nc"
        runs = [
            subprocess.Popen([arco.binary(), "bake", url, "--to", to, "--cache", cache], stderr=subprocess.DEVNULL)
            for to in stores
        ]
        assert [run.wait(120) for run in runs] == [0, 0, 0]
        conditional = sorted("If-None-Match" in header for header in server.seen)
        assert conditional == [False, True, True]
    assert all(is_right(store, large / "a.nc") for store in stores)


def test_limits_of_a_recipe(folder, store, tmp_path):
    """Eight files, no more than two requests at a time and twenty in a second."""
    for number in range(8):
        made.netcdf(folder / f"{number}.nc", {"v": (("t", "x"), [[number, 1.0]])}, format="NETCDF3_CLASSIC")
    with misbehaving.serve(folder) as server:
        recipe = arco.recipe(
            tmp_path,
            "axes: {t: {concat: {from: 0, to: 7}}}\n"
            f'source: {{url: "{server.url}/ok/{{t}}.nc", limits: {{connections: 2, rate: 20/s}}}}\n',
        )
        started = time.monotonic()
        arco.bake(recipe, to=store)
        took, requests = time.monotonic() - started, len(server.seen)
    # what came along with the first request to a file is not asked for again
    assert requests == 8 and took >= (requests - 1) / 20
    assert (xr.open_zarr(store).v[:, 0] == np.arange(8)).all()

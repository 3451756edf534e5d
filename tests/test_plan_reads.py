"""What a plan says of reading inputs from servers is what the server sees: by ranges or whole, how many requests, how many
bytes. Requests of a plan alone are those of the survey, which a bake makes as well."""

import threading
from http.server import BaseHTTPRequestHandler

import eccodes as ec
import numpy as np
import pytest
import rasterio

import arco
import made
import web

FILES = 5


class Counting(web.Quiet, BaseHTTPRequestHandler):
    """Counts requests and the bytes of their answers; knows ranges where `self.server.ranges`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (self.server.folder / self.path.rsplit("/", 1)[1]).read_bytes()
        if not self.server.ranges:
            del self.headers["Range"]
        span, length = self.headers.get("Range"), len(body)
        if span:
            first, last = (int(n) for n in span.removeprefix("bytes=").split("-"))
            length = min(last + 1, len(body)) - first
        with self.server.guard:
            # whether a file changed is asked by HEAD
            self.server.counts += np.array([1, length]) * (self.command == "GET")
        self.answer(200, body, {"ETag": f'"{len(body)}"'})

    def do_HEAD(self):
        self.do_GET()


def serve(folder, ranges=True):
    return web.Server(Counting, folder=folder, ranges=ranges, counts=np.zeros(2, int), guard=threading.Lock())


def netcdf(folder, chunks):
    """Files of about 2 MB."""
    cells = np.random.default_rng(3).integers(0, 1 << 30, (FILES, 800, 1000), dtype="i4")
    for number, values in enumerate(cells):
        variables = {
            "time": (("time",), np.array([float(number)]), {"units": "days since 2000-01-01"}),
            "v": (("time", "y", "x"), values[None], {}, {"zlib": True, "chunksizes": chunks}),
            "w": (("time", "y", "x"), values[None] + 1, {}, {"zlib": True, "chunksizes": chunks}),
        }
        made.netcdf(folder / f"{number}.nc", variables)
    return [f"{number}.nc" for number in range(FILES)], ["--concat", "time"]


def grib(folder):
    """Files of one step, of two parameters on three levels in turn: messages of 400 kB."""
    names = [f"{step:02}.grib" for step in range(0, 12, 6)]
    for step, path in zip((0, 6), names, strict=True):
        content = b""
        for level in (1000, 850, 500):
            for name in ("t", "u"):
                handle = ec.codes_grib_new_from_samples("regular_ll_pl_grib2")
                keys = {"Ni": 500, "Nj": 400, "latitudeOfFirstGridPointInDegrees": 80, "latitudeOfLastGridPointInDegrees": 0.2}
                keys |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 99.8}
                keys |= {"iDirectionIncrementInDegrees": 0.2, "jDirectionIncrementInDegrees": 0.2, "stepRange": str(step)}
                for key, value in (keys | {"shortName": name, "level": level, "bitsPerValue": 16}).items():
                    ec.codes_set(handle, key, value)
                ec.codes_set_values(handle, np.random.default_rng(level + step).normal(280, 10, 200_000))
                content += ec.codes_get_message(handle)
        (folder / path).write_bytes(content)
    return names, ["--concat", "step"]


def tiff(folder):
    """Tiled images of 8 MB."""
    profile = {"driver": "GTiff", "width": 2048, "height": 2048, "count": 1, "dtype": "uint16"}
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "transform": rasterio.Affine(30, 0, 0, 0, -30, 0)}
    names = ["0.tif", "1.tif"]
    for name in names:
        cells = np.random.default_rng(int(name[0])).integers(0, 1 << 16, (2048, 2048), dtype="u2")
        with rasterio.open(folder / name, "w", **profile, **tiles) as file:
            file.write(cells, 1)
    steps = ["squeeze: [band]", "add_dim: {time: {key: time, variables: [band_data]}}"]
    return names, ["--concat", "time", *(word for step in steps for word in ("--step", step))]


def figures(folder, names, more, ranges=True):
    """The plan, and what the server saw of the bake alone."""
    with serve(folder, ranges) as server:
        args = [*(f"{server.url}/{name}" for name in names), *more, "--no-survey-cache"]
        done = arco.run("plan", *args, "--json")
        assert done.code == 0, done.text
        plan = done.events()[-1]["plan"]
        survey, server.counts = server.counts, np.zeros(2, int)
        arco.bake(*args, to=folder / "out.zarr")
        return plan, server.counts - survey, arco.run("plan", *args).out


ROWS = {
    "files-of-one-chunk": (lambda folder: netcdf(folder, (1, 800, 1000)), ["--chunks", "time=1"]),
    "files-of-many-chunks": (lambda folder: netcdf(folder, (1, 100, 250)), ["--chunks", "time=1,y=800,x=1000"]),
    "one-of-two-variables": (lambda folder: netcdf(folder, (1, 800, 1000)), ["--chunks", "time=1", "--step", "keep: [v]"]),
    "a-part": (lambda folder: netcdf(folder, (1, 100, 1000)), ["--chunks", "time=1", "--step", "subset: {y: {start: 500, stop: 700}}"]),
    "copied": (lambda folder: netcdf(folder, (1, 800, 1000)), ["--chunks", "time=1", "--codecs", "source"]),
    "chunks-of-all-files": (lambda folder: netcdf(folder, (1, 800, 1000)), ["--chunks", f"time={FILES},y=200,x=250", "--memory", "1GiB"]),
    "messages": (grib, []),
    "every-second-message": (grib, ["--step", "keep: [t]"]),
    "tiles": (tiff, []),
}


@pytest.mark.parametrize("row", ROWS)
def test_ranges_are_as_the_plan_says(row, tmp_path):
    make, more = ROWS[row]
    names, given = make(tmp_path)
    plan, (requests, length), text = figures(tmp_path, names, [*given, *more])
    assert all(one["read"] == "ranges" for one in plan["inputs"])
    assert plan["requests"] == sum(one["requests"] for one in plan["inputs"]) > 0
    assert plan["bytes_requested"] == sum(one["bytes_read"] for one in plan["inputs"])
    # near ranges of what comes next are one request only where they are known when it is sent: where parameters lie in turn,
    # a task of one may begin before it is known what those of the other read
    most = 1.5 * plan["requests"] + (6 if row == "messages" else 2)
    assert plan["requests"] - 2 <= requests <= most, (plan["requests"], requests)
    assert abs(plan["bytes_requested"] - length) <= 0.05 * length + (64 << 10), (plan["bytes_requested"], length)
    assert "read by ranges: " in text and "request" in text


def test_servers_without_ranges_are_read_whole(tmp_path):
    names, given = netcdf(tmp_path, (1, 800, 1000))
    size = sum((tmp_path / name).stat().st_size for name in names)
    plan, counts, text = figures(tmp_path, names, given, ranges=False)
    assert {(one["read"], one["whole_because"]) for one in plan["inputs"]} == {("whole", "the server sends no ranges")}
    # whoever plans has them already, and whoever bakes reads them as often
    assert plan["requests"] == 0 and counts.tolist() == [0, 0]
    assert sum(one["bytes"] for one in plan["inputs"]) == size
    assert f"fetched whole: {FILES} files" in text and "no ranges" in text


def test_a_cache_keeps_whole_files(tmp_path):
    names, given = netcdf(tmp_path, (1, 800, 1000))
    plan, counts, text = figures(tmp_path, names, [*given, "--cache", tmp_path / "cache"])
    assert {one["read"] for one in plan["inputs"]} == {"whole"} and plan["requests"] == 0
    assert "`--cache` keeps whole files" in text and counts[1] <= 0


def test_inputs_of_this_machine_are_not_mentioned(tmp_path):
    names, given = netcdf(tmp_path, (1, 800, 1000))
    done = arco.run("plan", *(tmp_path / name for name in names), *given, "--json")
    plan = done.events()[-1]["plan"]
    assert {one["read"] for one in plan["inputs"]} == {"here"} and plan["requests"] == 0
    text = arco.run("plan", *(tmp_path / name for name in names), *given).out
    assert "ranges" not in text and "whole" not in text


def test_references_copy_nothing(tmp_path):
    names, given = netcdf(tmp_path, (1, 800, 1000))
    with serve(tmp_path) as server:
        urls = [f"{server.url}/{name}" for name in names]
        plan = arco.run("plan", *urls, *given, "--format", "kerchunk-json", "--json").events()[-1]["plan"]
        text = arco.run("plan", *urls, *given, "--format", "kerchunk-json").text
    assert plan["requests"] == 0 and plan["bytes_requested"] == 0 and "read by ranges" not in text

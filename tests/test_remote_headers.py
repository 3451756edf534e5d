"""What surveying files on servers costs: headers of GRIB messages and directories of TIFF files in few requests of few bytes,
with an index beside the file or without, and the same schema whatever the index says."""

import json
import threading
from http.server import BaseHTTPRequestHandler

import eccodes as ec
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.enums import Resampling

import arco
import made
import web

KIB = 1 << 10


class Counting(web.Quiet, BaseHTTPRequestHandler):
    """Serves what is in memory by ranges, and notes which."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        body = self.server.files.get(name)
        if body is None:
            spans, length = None, 0
        else:
            first, last = (int(n) for n in self.headers.get("Range", f"bytes=0-{len(body)}").removeprefix("bytes=").split("-"))
            spans, length = (first, min(last + 1, len(body))), min(last + 1, len(body)) - first
        if self.command == "GET":
            with self.server.guard:
                self.server.seen.append((name, spans, length))
        self.answer(404 if body is None else 200, body or b"", {"ETag": '"1"'})

    def do_HEAD(self):
        self.do_GET()


def survey(files, name):
    """What `inspect` shows of a file on a server, and its requests."""
    with web.Server(Counting, files=files, seen=[], guard=threading.Lock()) as server:
        done = arco.run("inspect", f"{server.url}/{name}", "--json")
        assert done.code == 0, done.text
        return shown(done), server.seen


def shown(done):
    """The schema alone."""
    return {key: value for key, value in json.loads(done.out)["file"].items() if key != "input"}


def local(folder, content):
    path = folder / "local.grib"
    path.write_bytes(content)
    done = arco.run("inspect", path, "--json")
    assert done.code == 0, done.text
    return shown(done)


def message(points, level=1000, bits=16, sample="regular_ll_pl_grib2", masked=False):
    handle = ec.codes_grib_new_from_samples(sample)
    columns, rows = points
    keys = {"Ni": columns, "Nj": rows, "latitudeOfFirstGridPointInDegrees": 0.1 * (rows - 1), "latitudeOfLastGridPointInDegrees": 0}
    keys |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 0.1 * (columns - 1)}
    keys |= {"iDirectionIncrementInDegrees": 0.1, "jDirectionIncrementInDegrees": 0.1, "level": level, "bitsPerValue": bits}
    for key, value in (keys | {"shortName": "t"}).items():
        ec.codes_set(handle, key, value)
    values = np.random.default_rng(level).normal(280, 10, columns * rows)
    if masked:
        ec.codes_set(handle, "bitmapPresent", 1)
        values[:: 3 + level % 5] = ec.codes_get_double(handle, "missingValue")
    ec.codes_set_values(handle, values)
    content = ec.codes_get_message(handle)
    ec.codes_release(handle)
    return content


def inventory(messages, shift=0, count=None):
    """wgrib2's."""
    starts = np.cumsum([0, *(len(one) for one in messages)])[:-1][:count]
    return "".join(f"{n + 1}:{start + shift * (n > 1)}:d=2024010100:T:mb:anl:\n" for n, start in enumerate(starts)).encode()


def json_lines(messages):
    starts = np.cumsum([0, *(len(one) for one in messages)])
    return "".join(json.dumps({"param": "t", "_offset": int(a), "_length": int(b - a)}) + "\n" for a, b in zip(starts, starts[1:], strict=False)).encode()


LEVELS = list(range(100, 1000, 30))
VARIED = [message((1000 + n, 500), level) for n, level in enumerate(LEVELS)]
ALIKE = [message((1000, 500), level) for level in LEVELS]
MASKED = [message((1600 + n, 1000), level, bits=8, masked=True) for n, level in enumerate(LEVELS[:12])]
FIRST = [message((1600 + n, 1000), level, bits=8, masked=True, sample="regular_ll_pl_grib1") for n, level in enumerate(LEVELS[:12])]
SMALL = [message((100 + n % 7, 50), 1 + n) for n in range(900)]
MIXED = [part for n, one in enumerate(VARIED[:12]) for part in (one, *SMALL[10 * n : 10 * n + 10])]

# messages, what lies beside the file, most requests for headers and most bytes of each message; the beginning, and the
# piece of it by which a server's honesty is told, are two requests and 512.5 KiB
ROWS = {
    "large": (VARIED, {}, 1 + len(VARIED) + 2, 5 * KIB),
    "large, alike": (ALIKE, {}, len(ALIKE) + 6, 6 * KIB),
    "large, wgrib2's index": (VARIED, {"a.grib2.idx": inventory(VARIED)}, len(VARIED) + 4, 6 * KIB),
    "large, ECMWF's index": (VARIED, {"a.index": json_lines(VARIED)}, len(VARIED) + 4, 7 * KIB),
    "bitmaps": (MASKED, {}, 2 * len(MASKED) + 4, 10 * KIB),
    "bitmaps, an index": (MASKED, {"a.grib2.idx": inventory(MASKED)}, 2 * len(MASKED) + 4, 10 * KIB),
    "bitmaps of edition 1": (FIRST, {}, 2 * len(FIRST) + 4, 10 * KIB),
    "bitmaps of edition 1, an index": (FIRST, {"a.grib2.idx": inventory(FIRST)}, 2 * len(FIRST) + 4, 10 * KIB),
    "padding between": ([one + b"\0" * 300 for one in VARIED], {}, 2 * len(VARIED) + 4, 10 * KIB),
    "small": (SMALL, {}, 7, 11 * KIB),
    "large and small": (MIXED, {}, 2 * 12 + 6, 70 * KIB),
    "large and small, an index": (MIXED, {"a.grib2.idx": inventory(MIXED)}, 2 * 12 + 6, 20 * KIB),
}


@pytest.mark.parametrize("row", ROWS)
def test_headers_alone_are_read(row, tmp_path):
    messages, beside, requests, each = ROWS[row]
    content = b"".join(messages)
    found, seen = survey({"a.grib2": content, **beside}, "a.grib2")
    assert found == local(tmp_path, content)
    asked = [length for name, _, length in seen if name == "a.grib2"]
    assert len(asked) <= 2 + requests
    assert sum(asked) <= 513 * KIB + each * len(messages)
    # a host is asked once for each kind of index, and only where there is something to win
    assert len(seen) - len(asked) <= (0 if row in ("small",) else 2)


LIES = {
    "of another version": lambda: inventory([one + b"ab" for one in VARIED]),
    "shifted": lambda: inventory(VARIED, shift=1),
    "too short": lambda: inventory(VARIED, count=20),
    "only the first": lambda: inventory(VARIED, count=1),
    "beyond the end": lambda: inventory([*VARIED, VARIED[0], VARIED[0]]),
    "in values": lambda: inventory(VARIED) + b"31:5000000:d=2024010100:T:mb:anl:\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_is_wrong_is_told_and_changes_nothing(lie, tmp_path):
    content = b"".join(VARIED)
    right = local(tmp_path, content)
    files = {"a.grib2": content, "a.grib2.idx": LIES[lie]()}
    found, seen = survey(files, "a.grib2")
    assert found == right and sum(length for name, _, length in seen if name == "a.grib2") < 900 * KIB
    with web.Server(Counting, files=files, seen=[], guard=threading.Lock()) as server:
        done = arco.run("plan", f"{server.url}/a.grib2", "--no-survey-cache")
    text = " ".join(done.text.split())
    assert done.code == 0 and "the index beside" in text and "a.grib2` is not of this file" in text, done.text


@pytest.mark.parametrize("text", [b"", b"<html><body>not found</body></html>", b"\xff\xfe", b"1:0", b'{"_offset": "a"}'], ids=range(5))
def test_what_is_no_index_is_not_mentioned(text, tmp_path):
    content = b"".join(VARIED)
    with web.Server(Counting, files={"a.grib2": content, "a.grib2.idx": text}, seen=[], guard=threading.Lock()) as server:
        done = arco.run("plan", f"{server.url}/a.grib2", "--no-survey-cache")
    assert done.code == 0 and "index beside" not in done.text, done.text


def test_a_host_without_indices_is_asked_once(tmp_path):
    contents = {f"{number}.grib2": b"".join(VARIED[:15]) for number in range(6)}
    with web.Server(Counting, files=contents, seen=[], guard=threading.Lock()) as server:
        recipe = arco.recipe(
            tmp_path,
            "axes: {t: {concat: {from: 0, to: 5}}}\n"
            f'source: {{url: "{server.url}/{{t}}.grib2", limits: {{connections: 1}}}}\n',
        )
        # whether these files make a dataset does not matter here
        arco.run("plan", recipe, "--no-survey-cache", "--workers", "1")
        assert [name for name, *_ in server.seen if name not in contents] == ["0.grib2.idx", "0.index"]
        assert {name for name, *_ in server.seen if name in contents} == set(contents)


def cog(folder, overviews=True):
    """A cloud-optimised image of 4096 x 4096 in tiles of 256 x 256, with what it costs less than its values."""
    path = folder / "a.tif"
    cells = np.random.default_rng(1).integers(0, 1 << 16, (4096, 4096), dtype="u2")
    profile = {"driver": "COG", "width": 4096, "height": 4096, "count": 1, "dtype": "uint16", "crs": "EPSG:32633", "blocksize": 256}
    profile |= {"transform": rasterio.Affine(30, 0, 500_000, 0, -30, 5_000_000), "overviews": "AUTO" if overviews else "NONE", "compress": "NONE"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(cells, 1)
    return path, cells


def of_a_bake(files, args, to):
    """What a server saw of a plan, and of the bake without what the plan had asked for; what the plan says of the latter."""
    with web.Server(Counting, files=files, seen=[], guard=threading.Lock()) as server:
        args = [f"{server.url}/{next(iter(files))}", *args, "--no-survey-cache"]
        done = arco.run("plan", *args, "--json")
        assert done.code == 0, done.text
        planned, server.seen = server.seen, []
        arco.bake(*args, to=to)
        return planned, server.seen, done.events()[-1]["plan"]


@pytest.mark.parametrize("overviews", [True, False])
def test_overviews_of_images_are_never_read(overviews, tmp_path):
    path, cells = cog(tmp_path, overviews)
    content, size = path.read_bytes(), cells.nbytes
    assert (len(content) > 1.3 * size) == overviews
    planned, baked, plan = of_a_bake({"a.tif": content}, [], tmp_path / "a.zarr")
    # the beginning, which holds all directories, and the piece by which honesty is told
    assert len(planned) == 2 and sum(length for *_, length in planned) <= 513 * KIB
    values = sum(length for *_, length in baked[2:])
    assert size - 512 * KIB <= values <= size + 512 * KIB and plan["bytes_requested"] <= size + 512 * KIB
    assert len(baked) - 2 <= 1.5 * plan["requests"] + 2
    assert (xr.open_zarr(tmp_path / "a.zarr", mask_and_scale=False).band_data.values[0] == cells).all()


def test_tiles_of_a_part_alone_are_read(tmp_path):
    path, cells = cog(tmp_path)
    step = ["--step", "subset: {y: {start: 1024, stop: 1280}, x: {start: 512, stop: 1024}}"]
    planned, baked, _ = of_a_bake({"a.tif": path.read_bytes()}, step, tmp_path / "a.zarr")
    # two tiles of 128 KiB, which a plan reads as well where a step cuts them out
    assert len(planned) <= 3 and sum(length for *_, length in planned[2:]) <= 260 * KIB
    assert sum(length for *_, length in baked[2:]) <= 260 * KIB
    assert (xr.open_zarr(tmp_path / "a.zarr", mask_and_scale=False).band_data.values[0] == cells[1024:1280, 512:1024]).all()


def test_directories_at_the_end_of_an_image_are_one_request(tmp_path):
    path, cells = tmp_path / "a.tif", np.random.default_rng(2).integers(0, 1 << 16, (2048, 2048), dtype="u2")
    profile = {"driver": "GTiff", "width": 2048, "height": 2048, "count": 1, "dtype": "uint16", "tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(30, 0, 0, 0, -30, 0)) as file:
        file.write(cells, 1)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.nearest)
        file.update_tags(long="x" * 3000)
    planned, baked, _ = of_a_bake({"a.tif": path.read_bytes()}, [], tmp_path / "a.zarr")
    # blocks of 512 KiB: one, or two where directories cross their border
    assert len(planned) <= 4 and sum(length for *_, length in planned) <= (513 + 1024) * KIB
    assert sum(length for *_, length in baked) <= cells.nbytes + 3 * 512 * KIB


ONE_FILE = {
    "plain": {},
    "chunks": {"zlib": True, "chunksizes": (4, 100, 100)},
}


@pytest.mark.parametrize("kind", ONE_FILE)
def test_a_plan_of_one_file_reads_no_values(kind, tmp_path):
    cells = np.random.default_rng(3).integers(0, 1 << 30, (4, 600, 700), dtype="i4")
    variables = {
        "time": (("time",), np.arange(4.0), {"units": "days since 2000-01-01"}),
        "a": (("time", "y", "x"), cells, {}, ONE_FILE[kind]),
        "b": (("time", "y", "x"), cells + 1, {}, ONE_FILE[kind]),
        "elevation": (("y", "x"), cells[0], {}, {}),
        "name": (("time",), np.array(["a", "b", "c", "d"], object)),
    }
    made.netcdf(tmp_path / "a.nc", variables)
    content = (tmp_path / "a.nc").read_bytes()
    planned, baked, plan = of_a_bake({"a.nc": content}, [], tmp_path / "a.zarr")
    asked = sum(length for *_, length in planned)
    assert asked < 2100 * KIB < len(content) / 4
    assert plan["requests"] > 0 and plan["bytes_requested"] > 0.8 * len(content)
    arco.bake(tmp_path / "a.nc", to=tmp_path / "here.zarr")
    with xr.open_zarr(tmp_path / "a.zarr") as found, xr.open_zarr(tmp_path / "here.zarr") as here:
        for name in ("a", "b", "elevation", "time", "name"):
            assert (found[name].values == here[name].values).all() and found[name].dtype == here[name].dtype
        assert (found.a.values == cells).all() and (found.elevation.values == cells[0]).all()

"""From any chunks to any others within a tight limit of memory: which way the plan takes, what it says of it, and that
values, bytes and peak memory are what they should be."""

import numpy as np
import pytest
import xarray as xr

import arco
import made

# (time, lat, lon) of all files, and steps per file
SHAPE, STEPS = (120, 256, 320), 5


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """40 MB in files of five steps each, one chunk a step: compressed by 2 and as it is, in NetCDF-4 and NetCDF-3."""
    folder = tmp_path_factory.mktemp("archive")
    random = np.random.default_rng(5)
    cells = random.integers(0, 4000, SHAPE).astype("f4") / 8
    kinds = {
        "deflated": {"format": "NETCDF4", "how": {"zlib": True, "complevel": 1, "chunksizes": (1, *SHAPE[1:])}},
        "plain": {"format": "NETCDF4", "how": {"contiguous": True}},
        "classic": {"format": "NETCDF3_64BIT_OFFSET", "how": {}},
    }
    paths = {}
    for kind, wanted in kinds.items():
        paths[kind] = []
        for start in range(0, SHAPE[0], STEPS):
            time = np.arange(start, start + STEPS, dtype="f8")
            variables = {
                "time": (("time",), time, {"units": "days since 2000-01-01"}),
                "lat": (("lat",), np.linspace(-90, 90, SHAPE[1])),
                "lon": (("lon",), np.linspace(0, 359, SHAPE[2])),
                "t": (("time", "lat", "lon"), cells[start : start + STEPS], {"units": "K"}, wanted["how"]),
            }
            path = folder / f"{kind}{start:03d}.nc"
            paths[kind].append(made.netcdf(path, variables, format=wanted["format"]))
    return paths, cells


def planned(*args):
    """The plan of `t`, and all that `plan` says to people and to programs."""
    done = arco.run("plan", *args)
    assert done.code == 0, done.text
    plan = arco.run("plan", *args, "--json").events()[-1]["plan"]
    (array,) = (array for array in plan["arrays"] if array["name"] == "t")
    return array, plan, done.out


SERIES = ["--concat", "time", "--chunks", "time=whole,lat=32,lon=32"]
MAPS = ["--concat", "time", "--chunks", "time=1"]
# what is asked, limit in MiB, workers: two stages, how often source chunks are decoded at most
ROWS = [
    ("deflated", SERIES, 256, 2, False, 1),
    ("deflated", SERIES, 64, 1, False, 2),
    ("deflated", SERIES, 48, 2, True, 1),
    ("deflated", SERIES, 48, 1, True, 1),
    ("deflated", [*SERIES, "--shards", "lat=128,lon=320"], 48, 1, True, 1),
    ("deflated", [*SERIES, "--format", "zarr2", "--codecs", "[shuffle, {zlib: 1}]"], 40, 1, True, 1),
    ("deflated", [*MAPS, "--step", "flip: [lat]"], 48, 2, False, 1),
    ("plain", SERIES, 48, 2, False, 1),
    ("classic", SERIES, 48, 2, False, 1),
    ("classic", MAPS, 48, 2, False, 1),
]


@pytest.mark.parametrize(("kind", "asked", "limit", "workers", "stages", "decodes"), ROWS)
def test_a_tight_limit_is_kept(kind, asked, limit, workers, stages, decodes, archive, tmp_path):
    paths, cells = archive
    options = [*asked, "--memory", f"{limit}MiB", "--workers", workers]
    array, plan, text = planned(*paths[kind], *options)
    assert (array["scratch"] is not None) == stages, array
    assert 1 <= array["decodes"] <= decodes * 1.3, array
    assert ("in two stages" in text) == stages, text
    assert ("of scratch storage first" in text) == stages, text
    assert plan["memory_bytes_max"] <= limit << 20
    assert (plan["bytes_scratch"] >= cells.nbytes) == stages

    store = tmp_path / "out" / "t.zarr"
    done, peak = arco.measured("bake", *paths[kind], *options, "--to", store)
    assert done.code == 0, done.text
    assert peak <= 1.1 * limit, f"{peak} MiB of {limit}"
    got = xr.open_zarr(store, consolidated=None)
    assert np.array_equal(got.t.values, cells[:, ::-1] if "--step" in asked else cells)
    assert got.t.attrs["units"] == "K"
    left = sorted(path.name for path in store.parent.rglob("*.cells"))
    assert left == [], "scratch storage is left"


def test_bytes_do_not_depend_on_the_way(archive, tmp_path):
    paths, _ = archive
    ways = {"once": ["--memory", "1GiB"], "twice": ["--memory", "64MiB", "--workers", "1"]}
    ways["stages"] = ["--memory", "48MiB", "--workers", "2"]
    digests = []
    for name, options in ways.items():
        store = tmp_path / f"{name}.zarr"
        arco.bake(*paths["deflated"], *SERIES, *options, to=store)
        digests.append(arco.digest(store))
    assert digests[0] == digests[1] == digests[2]


def test_scratch_storage_lies_where_it_is_asked_for(archive, tmp_path):
    paths, _ = archive
    scratch = tmp_path / "fast"
    options = [*SERIES, "--memory", "48MiB", "--workers", "2", "--scratch", scratch]
    arco.bake(*paths["deflated"], *options, to=tmp_path / "t.zarr")
    assert list(scratch.iterdir()) == [], "the folder is the user's, what was in it is gone"
    scratch.rmdir()
    scratch.write_text("no folder")
    done = arco.refuse("bake", *paths["deflated"], *options, "--to", tmp_path / "u.zarr", exit="target")
    assert "--scratch DIR" in done.text, done.text


def test_a_chunk_that_is_too_large_is_named(tmp_path):
    """The file's own chunk has 64 MB when it is decoded; the target's would fit."""
    cells = np.zeros((16, 1024, 1024), "f4")
    how = {"zlib": True, "complevel": 1, "chunksizes": cells.shape}
    variables = {"t": (("time", "lat", "lon"), cells, {}, how)}
    path = made.netcdf(tmp_path / "one.nc", variables)
    mention = ["`t`", "[16, 1024, 1024] cells of the files", "are allowed", "--memory"]
    asked = ["--chunks", "time=whole,lat=64,lon=64"]
    done = arco.refuse("bake", path, *asked, "--memory", "128MiB", "--to", tmp_path / "t.zarr", exit="target", mention=mention)
    needed = done.text.split("`--memory ")[1].split("`")[0]
    done, peak = arco.measured("bake", path, *asked, "--memory", needed, "--to", tmp_path / "t.zarr")
    assert done.code == 0, done.text
    assert peak <= 1.1 * int(needed.removesuffix("MiB")), f"{peak} MiB of {needed}"


# one chunk of 32 MB: what its values are, and how it is encoded
LARGE = [
    ("smooth", "f4", None),
    ("noise", "f8", None),
    ("half noise", "i2", None),
    ("half noise", "f4", "[{blosc: {cname: zstd, clevel: 3, shuffle: shuffle}}]"),
    ("noise", "i1", "[{blosc: {cname: lz4, clevel: 1, shuffle: noshuffle}}]"),
    ("smooth", "f8", "[{blosc: {cname: lz4hc, clevel: 1, shuffle: bitshuffle}}]"),
    ("half noise", "i2", "[{blosc: {cname: blosclz, clevel: 5, shuffle: shuffle, blocksize: 65536}}]"),
    ("constant", "f8", "[{blosc: {cname: zlib, clevel: 1, shuffle: shuffle}}]"),
]


@pytest.mark.parametrize(("kind", "dtype", "codecs"), LARGE)
def test_a_large_chunk_lies_in_memory_once(kind, dtype, codecs, tmp_path):
    """Encoded in the memory of its cells; what reads it is zarr-python, with numcodecs."""
    size = np.dtype(dtype).itemsize
    # no power of two, so that the last block is a part of one
    rows = 32_000_003 // 2048 // size
    random = np.random.default_rng(3).integers(0, 256, (rows, 2048 * size), "u1")
    random[..., size - 1 :: size] &= 0x3F  # no NaN
    smooth = (np.arange(rows * 2048).reshape(rows, 2048) // 100).astype(dtype)
    cells = {"smooth": smooth, "noise": random.view(dtype), "constant": np.full_like(smooth, 7)}
    cells["half noise"] = np.concatenate([smooth[: rows // 2], cells["noise"][rows // 2 :]])
    data = cells[kind]
    how = {"chunksizes": (100, 2048), "zlib": True, "complevel": 1}
    path = made.netcdf(tmp_path / "one.nc", {"t": (("y", "x"), data, {}, how)})
    options = ["--chunks", "y=whole,x=whole", "--memory", "72MiB", "--workers", "1"]
    options += ["--codecs", codecs] if codecs else []
    done, peak = arco.measured("bake", path, *options, "--to", tmp_path / "t.zarr")
    assert done.code == 0, done.text
    assert peak <= 72, f"{peak} MiB"
    assert np.array_equal(xr.open_zarr(tmp_path / "t.zarr", consolidated=None, decode_cf=False).t.values, data)


def test_a_shard_of_very_many_chunks(tmp_path):
    """What is kept of a quarter of a million inner chunks fits into the memory allowed: when the shard is baked, when the
    bake is begun again, and when a part of it is baked anew."""
    cells = (np.arange(4_000_000, dtype="i4") % 977).reshape(2000, 2000)
    how = {"chunksizes": (400, 400), "zlib": True, "complevel": 1}
    asked = ["--chunks", "y=4,x=4", "--shards", "y=2000,x=2000", "--memory", "56MiB", "--to", tmp_path / "t.zarr"]
    for update in ([], ["--update"]):
        path = made.netcdf(tmp_path / "one.nc", {"t": (("y", "x"), cells, {}, how)})
        done, peak = arco.measured("bake", path, *asked, *update)
        assert done.code == 0, done.text
        assert peak <= 56, f"{peak} MiB"
        got = xr.open_zarr(tmp_path / "t.zarr", consolidated=None).t
        for part in (slice(0, 12), slice(1990, 2000)):
            assert np.array_equal(got[part, part].values, cells[part, part])
        cells[5, 5] = -1

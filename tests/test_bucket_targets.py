"""Bakes to an object store: what readers see, what a cut-off bake leaves, and that no dataset is published twice."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import s3

DIRECTORY = 1 << 31
CHUNKS = ("--chunks", "time=2,lat=8,lon=16")


@pytest.fixture
def name(request, s3_store):
    """A bucket for one test."""
    name = "t" + str(abs(hash(request.node.name)) % 10**8)
    s3_store.put(f"{name}/other/readme.txt", b"not of the dataset")
    return name


def days(folder, first, count, scale=1.0, lat=16, lon=32):
    """Daily files with values that are all different."""
    folder.mkdir(exist_ok=True)
    for day in range(first, first + count):
        with netCDF4.Dataset(folder / f"day{day:03}.nc", "w") as file:
            for dim, length in {"time": None, "lat": lat, "lon": lon}.items():
                file.createDimension(dim, length)
            time_ = file.createVariable("time", "i4", ["time"])
            time_.units = "days since 2000-01-01"
            time_[:] = [day]
            for dim, length in {"lat": lat, "lon": lon}.items():
                coordinate = file.createVariable(dim, "f4", [dim])
                coordinate.units = {"lat": "degrees_north", "lon": "degrees_east"}[dim]
                coordinate[:] = np.arange(length)
            sst = file.createVariable("sst", "f4", ["time", "lat", "lon"])
            sst[0] = (np.arange(lat * lon, dtype="f4") + day * lat * lon).reshape(lat, lon) * np.float32(scale)
    return folder


def env(url):
    return s3.KEYS | {"AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true"}


def listed(s3_store, folder):
    """All objects below a folder of the server, by key."""
    request = urllib.request.Request(f"{s3_store.filer}/buckets/{folder}/?limit=100000", headers={"Accept": "application/json"})
    try:
        answer = json.load(urllib.request.urlopen(request, timeout=30))
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return {}
    found = {}
    for entry in answer["Entries"] or []:
        path = entry["FullPath"].removeprefix("/buckets/")
        if entry["Mode"] & DIRECTORY:
            found |= listed(s3_store, path)
        else:
            found[path] = urllib.request.urlopen(f"{s3_store.filer}/buckets/{path}", timeout=30).read()
    return found


def dataset(s3_store, bucket):
    """The objects of the dataset by their keys in it."""
    prefix = f"{bucket}/sst.zarr/"
    return {key.removeprefix(prefix): body for key, body in listed(s3_store, f"{bucket}/sst.zarr").items()}


def opened(s3_store, bucket, folder):
    """The dataset as xarray reads it."""
    for key, body in dataset(s3_store, bucket).items():
        path = folder / "copy.zarr" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return xr.open_zarr(folder / "copy.zarr").load()


def locally(data, folder):
    """What a bake to a folder writes."""
    target = folder / f"local{len(list(folder.iterdir()))}.zarr"
    arco.bake(*sorted(data.glob("*.nc")), "--concat", "time", *CHUNKS, to=target)
    return {key: (target / key).read_bytes() for key in arco.keys(target)}


def bake(s3_store, bucket, data, *options, url=None):
    files = sorted(data.glob("*.nc"))
    to = f"s3://{bucket}/sst.zarr"
    return arco.run("bake", *files, "--concat", "time", *CHUNKS, "--to", to, *options, env=env(url or s3_store.url))


def baked(*args, **kwargs):
    done = bake(*args, **kwargs)
    assert done.code == 0, done.text
    assert "hush" not in done.text
    return done


def test_a_bake_is_the_same_as_to_a_folder(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 5)
    baked(s3_store, name, data, "--stac")
    assert dataset(s3_store, name) == locally(data, tmp_path)
    again = baked(s3_store, name, data)
    assert "nothing to do" in again.text
    assert sorted(key.split("/")[1] for key in listed(s3_store, name)).count("other") == 1
    item = json.loads(listed(s3_store, f"{name}/sst.zarr.stac")[f"{name}/sst.zarr.stac/item.json"])
    assert item["assets"]["data"]["href"] == f"s3://{name}/sst.zarr"
    assert item["properties"]["cube:dimensions"]["time"]["extent"] == ["2000-01-01T00:00:00Z", "2000-01-05T00:00:00Z"]
    verified = arco.run("verify", *sorted(data.glob("*.nc")), "--concat", "time", *CHUNKS, "--to", f"s3://{name}/sst.zarr", env=env(s3_store.url))
    assert verified.code == 0 and "every value" in verified.text, verified.text


def test_shards_go_in_parts(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 3, lat=1024, lon=1024)
    files = sorted(data.glob("*.nc"))
    shape = ("--concat", "time", "--chunks", "time=1,lat=256,lon=256", "--shards", "time=3,lat=1024,lon=1024")
    recipe = ("--to", f"s3://{name}/sst.zarr")
    done = arco.run("bake", *files, *shape, *recipe, env=env(s3_store.url))
    assert done.code == 0, done.text
    arco.bake(*files, *shape, to=tmp_path / "local.zarr")
    assert dataset(s3_store, name) == {k: (tmp_path / "local.zarr" / k).read_bytes() for k in arco.keys(tmp_path / "local.zarr")}


def test_what_is_appended_lies_beyond_what_readers_see(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 5)
    baked(s3_store, name, data)
    before = dataset(s3_store, name)
    days(data, 5, 4)
    refused = bake(s3_store, name, data)
    assert refused.code == 6 and "4 inputs are new" in refused.text, refused.text
    baked(s3_store, name, data, "--update")
    after = dataset(s3_store, name)
    assert after == locally(data, tmp_path)
    kept = [key for key in before if key.startswith("sst/c/") and after[key] == before[key]]
    assert len(kept) == 2 * 4, "only the last chunks along time were half full"
    # whoever opened the dataset before sees what he saw
    copy = tmp_path / "old.zarr"
    for key, body in (after | {key: before[key] for key in before if key.endswith("zarr.json")}).items():
        (copy / key).parent.mkdir(parents=True, exist_ok=True)
        (copy / key).write_bytes(body)
    old = xr.open_zarr(copy).load()
    assert old.sizes["time"] == 5
    xr.testing.assert_identical(old, opened(s3_store, name, tmp_path).isel(time=slice(5)))


def test_cells_that_readers_see_change_in_place_only(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 4)
    baked(s3_store, name, data)
    before = dataset(s3_store, name)
    days(data, 1, 1, scale=2.0)
    refused = bake(s3_store, name, data, "--update")
    assert refused.code == 4 and "--in-place" in refused.text and "sst" in refused.text, refused.text
    assert dataset(s3_store, name) == before
    refused = bake(s3_store, name, data, "--overwrite")
    assert refused.code == 6 and "--in-place" in refused.text, refused.text
    assert dataset(s3_store, name) == before
    baked(s3_store, name, data, "--update", "--in-place")
    assert dataset(s3_store, name) == locally(data, tmp_path)
    days(data, 0, 2, scale=3.0)
    (data / "day003.nc").unlink()
    baked(s3_store, name, data, "--overwrite", "--in-place")
    assert dataset(s3_store, name) == locally(data, tmp_path), "nothing of the longer dataset is left"


def test_strangers_are_left_alone(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 2)
    s3_store.put(f"{name}/sst.zarr/notes.txt", b"mine")
    refused = bake(s3_store, name, data)
    assert refused.code == 6 and "no Zarr store" in refused.text, refused.text
    s3_store.put(f"{name}/sst.zarr/zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
    for option in ((), ("--update",), ("--overwrite",)):
        refused = bake(s3_store, name, data, *option)
        assert refused.code == 6, refused.text
    assert set(dataset(s3_store, name)) == {"notes.txt", "zarr.json"}


@pytest.mark.parametrize("option", ["--update", "--overwrite"])
def test_a_chunk_that_becomes_empty(s3_store, name, tmp_path, option):
    data = days(tmp_path / "data", 0, 4)
    fill(data)
    baked(s3_store, name, data)
    fill(data, blank=[0, 1])
    baked(s3_store, name, data, option, "--in-place")
    assert dataset(s3_store, name) == locally(data, tmp_path)


def fill(data, blank=()):
    """Gives the files a fill value, and some nothing but that."""
    for day, path in enumerate(sorted(data.glob("*.nc"))):
        with netCDF4.Dataset(path) as file:
            values = {name: (var[:], var.dimensions, var.ncattrs(), {a: var.getncattr(a) for a in var.ncattrs()}) for name, var in file.variables.items()}
        with netCDF4.Dataset(path, "w") as file:
            for dim, length in {"time": None, "lat": 16, "lon": 32}.items():
                file.createDimension(dim, length)
            for name, (array, dims, _, attrs) in values.items():
                var = file.createVariable(name, array.dtype, dims, fill_value=-1.0 if name == "sst" else None)
                var.setncatts({key: value for key, value in attrs.items() if key != "_FillValue"})
                var[:] = np.full_like(array, -1.0) if name == "sst" and day in blank else array


def test_objects_of_others_stay(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 4)
    baked(s3_store, name, data)
    s3_store.put(f"{name}/sst.zarr/notes.txt", b"mine")
    days(data, 4, 2)
    done = baked(s3_store, name, data, "--update")
    assert "notes.txt" in done.text
    found = dataset(s3_store, name)
    assert found.pop("notes.txt") == b"mine" and found == locally(data, tmp_path)


def test_version_2_is_whole_or_not_there(s3_store, name, tmp_path):
    days(tmp_path / "data", 0, 4)
    recipe = "axes: {time: {concat: found}}\nsource: {find: {glob: data/*.nc}}\noutput: {format: zarr2, chunks: {time: 2}}\nchecks: [{range: {sst: [0, %d]}}]\n"
    to = ("--to", f"s3://{name}/sst.zarr")
    refused = arco.run("bake", arco.recipe(tmp_path, recipe % 10), *to, env=env(s3_store.url))
    assert refused.code == 4, refused.text
    assert not [key for key in dataset(s3_store, name) if key.endswith((".zgroup", ".zmetadata", ".zarray"))]
    done = arco.run("bake", arco.recipe(tmp_path, recipe % 10**6), *to, env=env(s3_store.url))
    assert done.code == 0, done.text
    assert {".zgroup", ".zmetadata", "sst/.zarray"} <= set(dataset(s3_store, name))


def test_checks_come_before_the_dataset(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 4)
    recipe = "axes: {time: {concat: found}}\nsource: {find: {glob: data/*.nc}}\noutput: {chunks: {time: 2}}\nchecks: [{range: {sst: [0, %d]}}]\n"
    to = ("--to", f"s3://{name}/sst.zarr")
    refused = arco.run("bake", arco.recipe(tmp_path, recipe % 10), *to, env=env(s3_store.url))
    assert refused.code == 4 and "sst" in refused.text, refused.text
    assert "zarr.json" not in dataset(s3_store, name)
    done = arco.run("bake", arco.recipe(tmp_path, recipe % 10**6), *to, env=env(s3_store.url))
    assert done.code == 0, done.text


def test_killed_and_run_again(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 12)
    want = locally(data, tmp_path)
    files = [str(path) for path in sorted(data.glob("*.nc"))]
    command = [arco.binary(), "bake", *files, "--concat", "time", *CHUNKS, "--to", f"s3://{name}/sst.zarr"]
    seen = set()
    for wait in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
        process = subprocess.Popen(command, env=os.environ | env(s3_store.url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = dataset(s3_store, name)
        seen.add(len(found))
        if "zarr.json" in found:
            assert found == want, "what readers find is whole"
    baked(s3_store, name, data)
    assert dataset(s3_store, name) == want
    assert len(seen) > 1, "it was killed at different moments"
    left = {key.split("/")[-1]: body for key, body in listed(s3_store, f"{name}/sst.zarr.bake").items()}
    assert json.loads(left["claim.json"])["over"] and "done" in left and "visible" not in left
    assert not [key for key in left if key.startswith("clock")]


def test_interrupted_it_gives_up_its_claim_and_keeps_what_it_made(s3_store, name, tmp_path):
    """Chunks and receipts are there, and any machine may go on at once."""
    data = days(tmp_path / "data", 0, 40)
    with s3.faulty(s3_store, 1, wait=0.02) as proxy:
        command = [arco.binary(), "bake", *sorted(data.glob("*.nc")), "--concat", "time", *CHUNKS]
        command += ["--to", f"s3://{name}/sst.zarr"]
        process = subprocess.Popen(command, env=os.environ | env(proxy.url), stderr=subprocess.PIPE, text=True)
        while sum("/c/" in key for key in dataset(s3_store, name)) < 8:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
    assert process.returncode == arco.EXIT["interrupted"], text
    left = listed(s3_store, f"{name}/sst.zarr.bake")
    claim = next(json.loads(body) for key, body in left.items() if key.endswith("claim.json"))
    receipts = b"".join(body for key, body in left.items() if "/receipts/" in key)
    assert claim["over"] and receipts.count(b"\n") > 4, sorted(left)
    done = baked(s3_store, name, data, "--json").events()[-1]
    assert done["objects_kept"] >= 4, done
    assert dataset(s3_store, name) == locally(data, tmp_path)


def test_a_claim_of_another_machine_is_waited_for_by_the_stores_clock(s3_store, name, tmp_path):
    data = days(tmp_path / "data", 0, 4)
    claim = {"digest": "0" * 64, "host": "elsewhere", "boot": "x", "process": 7, "namespace": "y", "run": 1, "renewed": 3}
    for over in (False, True):
        s3_store.put(f"{name}/sst.zarr.bake/claim.json", json.dumps(claim | {"over": over}).encode())
        done = bake(s3_store, name, data)
        assert (done.code == 0) == over and ("process 7 of elsewhere" in done.text) != over, done.text
        assert not [key for key in listed(s3_store, f"{name}/sst.zarr.bake") if "clock" in key]


def test_two_at_once(s3_store, name, tmp_path):
    one, other = days(tmp_path / "one", 0, 40), days(tmp_path / "two", 0, 40, scale=2.0)
    command = lambda data: [arco.binary(), "bake", *sorted(data.glob("*.nc")), "--concat", "time", *CHUNKS, "--to", f"s3://{name}/sst.zarr"]
    both = [
        subprocess.Popen(command(data), env=os.environ | env(s3_store.url), stderr=subprocess.PIPE, text=True)
        for data in (one, other)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in both]
    codes = sorted(code for _, code in ended)
    assert codes == [0, 6], ended
    winner = one if ended[0][1] == 0 else other
    assert dataset(s3_store, name) == locally(winner, tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_requests_and_answers_that_are_lost(s3_store, name, tmp_path, seed):
    data = days(tmp_path / "data", 0, 4)
    with s3.faulty(s3_store, seed) as proxy:
        for _ in range(6):
            done = bake(s3_store, name, data, url=proxy.url)
            found = dataset(s3_store, name)
            if "zarr.json" in found:
                assert found == locally(data, tmp_path)
            if done.code == 0:
                break
            assert done.code in (5, 6), done.text
        assert done.code == 0, done.text
        days(data, 4, 2)
        for _ in range(6):
            done = bake(s3_store, name, data, "--update", url=proxy.url)
            if done.code == 0:
                break
            assert done.code in (5, 6), done.text
    assert done.code == 0, done.text
    assert dataset(s3_store, name) == locally(data, tmp_path)

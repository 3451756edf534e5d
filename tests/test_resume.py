"""Bakes that end before their time: killed at any moment, at any call, on a full disk; and what the next one takes over."""

import errno
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import kill
import made

SEED = int(os.environ.get("ARCOFORGE_SEED", "1"))
# fail points of every scenario and action that are tried: all of them, or as many as fit a short run
SAMPLE = int(os.environ.get("ARCOFORGE_FAILPOINTS", "3"))
KILLS = 25


@pytest.mark.parametrize("case", kill.CASES, ids=lambda case: case.name)
def test_killed_at_random_moments(case, tmp_path):
    print(f"seed {SEED}")
    kill.kill(case, -(-KILLS // len(kill.CASES)), SEED, tmp_path)


# fail points


SMALL = ("--chunks", "time=8,lat=10,lon=24")
SMALL_SHARDS = ("--chunks", "time=1,lat=10,lon=24", "--shards", "time=4")


def few(folder):
    kill.series(folder, lengths=(2,) * 4)


def fewer(folder):
    kill.series(folder, lengths=(2,) * 4, changed=[1])
    (folder / "day03.nc").unlink()


def more(folder):
    few(folder)
    kill.without_lock(folder)


SCENARIOS = [
    kill.Case("first", few, SMALL),
    kill.Case("shards", few, SMALL_SHARDS),
    kill.Case("update", more, (*SMALL, "--update"), before=(fewer, SMALL)),
    kill.Case("update-shards", more, (*SMALL_SHARDS, "--update"), before=(fewer, SMALL_SHARDS)),
    kill.Case("overwrite", more, (*SMALL, "--overwrite"), before=(fewer, SMALL_SHARDS)),
]
if SAMPLE > 3:
    SCENARIOS.append(kill.Case("two-stages", kill.wide, kill.SCRATCH))
ACTIONS = ["before", "after", errno.ENOSPC, errno.EIO, errno.EROFS, f"{errno.ENOSPC}+"]


class Points:
    """A case whose command runs under the program that fails a call."""

    def __init__(self, program, case, folder):
        self.bench = kill.Bench(case, folder, random.Random(SEED))
        self.program, self.log = program, folder / "calls"
        self.by(0, "count")
        self.calls = self.log.read_text().splitlines()

    def by(self, number, action):
        """The command from the first state on, with a failure at a call."""
        bench = self.bench
        bench.put_back()
        (command,) = bench.commands()
        by = [str(self.program), str(bench.work), str(number), str(action), str(self.log)]
        return arco.run(*command, "--workers", "1", env=bench.env, by=by)

    def sample(self):
        """Which calls fail and how: all, or some of each kind of failure and the last ones, where publications are."""
        every = range(1, len(self.calls) + 1)
        if SAMPLE >= len(self.calls):
            return [(n, action) for action in ACTIONS for n in every]
        r = random.Random(f"{self.bench.case.name}/{SEED}")
        last = every[-12:]
        return [(n, action) for action in ACTIONS for n in (*r.sample(every, SAMPLE - 1), r.choice(last))]

    def check(self, number, action):
        bench, name = self.bench, "out.zarr"
        done = self.by(number, action)
        what = f"{action} at call {number} ({self.calls[number - 1]}): exit {done.code}: {done.text}"
        allowed = (bench.old[name], bench.want[name])
        seen = kill.look(bench.work / name)
        assert seen in allowed, f"{kill.told(seen)} is visible; {what}"
        if action in ("before", "after"):
            assert done.code == 137, what
        elif done.code == 0:
            assert seen == bench.want[name], what
        else:
            assert done.code == arco.EXIT["target"] and "target-unwritable" in done.text, what
            assert "panicked" not in done.text and str(bench.work) in done.text, what
            # an error behind the rename says what readers see
            assert (seen == bench.want[name]) == ("the new dataset is at its target" in done.text), what
        (command,) = bench.commands()
        again = arco.run(*command, env=bench.env)
        assert again.code == 0, f"the next run: {again.text} after {what}"
        try:
            bench.check(command)
        except kill.Violation as violation:
            pytest.fail(f"{violation}, after {what}")


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_any_call_may_fail_or_be_the_last(failpoints, case, tmp_path):
    points = Points(failpoints, case, tmp_path)
    tried = points.sample()
    print(f"seed {SEED}, {len(points.calls)} calls, {len(tried)} failures tried")
    for number, action in tried:
        points.check(number, action)


# what is taken over


@pytest.fixture
def cache(tmp_path):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def recipe(folder, steps="", output=""):
    text = f'axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: "day*.nc"}}}}\n{steps}'
    kill.without_lock(folder)
    return arco.recipe(folder, text + (output or "output: {chunks: {time: 2, lat: 10, lon: 12}}\n"))


def cut_off(failpoints, folder, store, command, env):
    """Runs a bake that is killed when most of its chunks are there."""
    by = [str(failpoints), str(store.parent), "0", "count", str(folder / "calls")]
    copy = folder / "counted"
    copy.mkdir()
    done = arco.run(*command, "--to", copy / "out.zarr", env=env, by=[*by[:1], str(copy), *by[2:]])
    assert done.code == 0, done.text
    calls = (folder / "calls").read_text().splitlines()
    half = [n for n, line in enumerate(calls, 1) if "/receipts/" in line and " write " in line][-3]
    kill.without_lock(folder)
    by[2:4] = [str(half), "after"]
    assert arco.run(*command, "--to", store, env=env, by=by).code == 137
    shutil.rmtree(copy)
    shutil.rmtree(f"{copy}.bake", ignore_errors=True)


def change_input(folder):
    with netCDF4.Dataset(folder / "day02.nc", "a") as ds:
        ds["t"][0, 0, 0] = -5.0
    recipe(folder)


def change_units(folder):
    with netCDF4.Dataset(folder / "day02.nc", "a") as ds:
        ds["time"].units = "hours since 2000-01-05"
        ds["time"][:] = [0.0, 24.0]
    recipe(folder)


CHANGES = {
    "input": change_input,
    "units": change_units,
    "scale": lambda folder: recipe(folder, "steps: [{set: {t: t * 3}}]\n"),
    "mask": lambda folder: recipe(folder, "steps: [{mask: {t: {above: 900.5}}}]\n"),
    "cast": lambda folder: recipe(folder, "steps: [{cast: {t: float64}}]\n"),
    "fill": lambda folder: recipe(folder, "steps: [{fill: {t: 7}}]\n"),
    "flip": lambda folder: recipe(folder, "steps: [{flip: [lat]}]\n"),
    "subset": lambda folder: recipe(folder, "steps: [{subset: {lat: {start: 2, stop: 18}}}]\n"),
    "attrs": lambda folder: recipe(folder, "steps: [{attrs: {set: {'t@comment': other}}}]\n"),
    "codecs": lambda folder: recipe(
        folder, output="output: {chunks: {time: 2, lat: 10, lon: 12}, codecs: [{gzip: 2}]}\n"
    ),
    "none": lambda folder: recipe(folder, output="output: {chunks: {time: 2, lat: 10, lon: 12}, codecs: none}\n"),
    "chunks": lambda folder: recipe(folder, output="output: {chunks: {time: 2, lat: 10, lon: 8}}\n"),
    "same chunk, other edge": lambda folder: recipe(folder, "steps: [{subset: {lon: {start: 0, stop: 20}}}]\n"),
    "shards": lambda folder: recipe(
        folder, output="output: {chunks: {time: 2, lat: 10, lon: 12}, shards: {time: 4}}\n"
    ),
    "format": lambda folder: recipe(folder, output="output: {format: zarr2, chunks: {time: 2, lat: 10, lon: 12}}\n"),
    "fewer": lambda folder: (folder / "day05.nc").unlink() or recipe(folder),
    "order": lambda folder: os.rename(folder / "day00.nc", folder / "day09.nc") or recipe(folder),
}


@pytest.mark.parametrize("then", CHANGES)
@pytest.mark.parametrize("whole", [False, True], ids=["cut-off", "published"])
def test_a_change_never_mixes_with_what_was_there(failpoints, whole, then, tmp_path, store, cache):
    """By receipts of a bake that was cut off, and as `--overwrite` of one that was published."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path)
    if whole:
        arco.bake(path, to=store, env=cache)
    else:
        cut_off(failpoints, tmp_path, store, ("bake", path), cache)
    CHANGES[then](tmp_path)
    kill.without_lock(tmp_path)
    done = arco.run("bake", path, "--to", store, "--overwrite", "--json", env=cache)
    if then == "order":  # day09 comes last now, and its time is that of the first day
        assert done.code == arco.EXIT["refused"], done.text
        return
    assert done.code == 0, done.text
    kill.without_lock(tmp_path)
    (tmp_path / "anew").mkdir()
    arco.bake(path, to=tmp_path / "anew" / "out.zarr", env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "anew" / "out.zarr")
    kill.check_left(store.parent, ["out.zarr"])
    kept = done.events()[-1]["objects_kept"]
    if not whole and then in ("input", "fewer", "attrs", "units"):
        assert kept > 5, "what did not change is taken over"


# receipts


def test_torn_receipts_are_harmless(failpoints, tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path)
    arco.bake(path, to=tmp_path / "whole.zarr", env=cache)
    want = arco.digest(tmp_path / "whole.zarr")
    cut_off(failpoints, tmp_path, store, ("bake", path), cache)
    (receipts,) = store.parent.glob("*.bake/*/receipts/*.jsonl")
    content, r = receipts.read_bytes(), random.Random(SEED)
    shutil.copytree(store.parent, tmp_path / "before")
    ends = sorted({0, 1, len(content) - 1, *r.sample(range(len(content)), 12)})
    damages = [content[:end] for end in ends]
    damages += [content[:end] + b"\0" * 40 for end in ends[:3]]
    damages += [content[:end] + b"\n" + content[end:] for end in ends[2:5]]
    damages += [content[:end] + b"\xff" + content[end + 1 :] for end in ends[2:5]]
    for damaged in damages:
        shutil.rmtree(store.parent)
        shutil.copytree(tmp_path / "before", store.parent)
        receipts.write_bytes(damaged)
        kill.without_lock(tmp_path)
        done = arco.run("bake", path, "--to", store, env=cache)
        assert done.code == 0, done.text
        assert arco.digest(store) == want, damaged[-80:]


@pytest.mark.parametrize("boot", ["same", "other"])
@pytest.mark.parametrize("damage", ["length", "content", "gone"])
def test_what_receipts_are_trusted_for(failpoints, boot, damage, tmp_path, store, cache):
    """What changed since it was noted is compared, and all that an earlier run of the system wrote."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path)
    arco.bake(path, to=tmp_path / "whole.zarr", env=cache)
    cut_off(failpoints, tmp_path, store, ("bake", path), cache)
    (receipts,) = store.parent.glob("*.bake/*/receipts/*.jsonl")
    lines = receipts.read_text().splitlines()
    header = json.loads(lines[0])
    assert header["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if boot == "other":
        header["boot"] = "00000000-0000-0000-0000-000000000000"
        receipts.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    (staging,) = store.parent.glob("*.bake/*/store")
    noted = {json.loads(line)["array"] for line in lines[1:]}
    assert "t" in noted
    victim = sorted(path for path in (staging / "t" / "c").rglob("*") if path.is_file())[0]
    content = victim.read_bytes()
    if damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(content[:-1] if damage == "length" else bytes(255 - byte for byte in content))
    kill.without_lock(tmp_path)
    arco.bake(path, to=store, env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "whole.zarr")


def overwritten(victim):
    with open(victim, "r+b") as file:
        file.write(bytes(255 - byte for byte in victim.read_bytes()))


def restored(victim):
    """As `rsync --inplace --times`, or `cp -p` over it: other bytes, the length and the time of modification that were."""
    times = victim.stat()
    overwritten(victim)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))


def linked(victim):
    """As `cp -al` does for a backup: the same bytes."""
    os.link(victim, victim.parents[5] / "backup")


@pytest.mark.parametrize("then", [("--update",), ("--overwrite",), ("--update", "another plan"), ("--overwrite", "another plan")], ids=" ".join)
@pytest.mark.parametrize("touch", [overwritten, restored, linked])
@pytest.mark.parametrize("shards", [False, True], ids=["chunks", "shards"])
def test_a_published_store_that_changed_beside_an_unfinished_update(failpoints, shards, touch, then, tmp_path, store, cache):
    """Both have objects in common; what somebody wrote into one is published by no run."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    last = tmp_path / "day05.nc"
    last.rename(tmp_path / "later")
    path = recipe(tmp_path, output="output: {chunks: {time: 1, lat: 10, lon: 12}, shards: {time: 2, lat: 20, lon: 24}}\n" if shards else "")
    arco.bake(path, to=store, env=cache)
    (tmp_path / "later").rename(last)
    kill.without_lock(tmp_path)
    # a copy of it is brought up to date to count calls, and then it itself until most receipts are there
    copy, calls = tmp_path / "copy", tmp_path / "calls"
    shutil.copytree(store.parent, copy)
    by = [str(failpoints), str(copy), "0", "count", str(calls)]
    done = arco.run("bake", path, "--update", "--to", copy / store.name, env=cache, by=by)
    assert done.code == 0, done.text
    want = arco.digest(copy / store.name)
    kill.without_lock(tmp_path)
    noted = [n for n, line in enumerate(calls.read_text().splitlines(), 1) if "/receipts/" in line and " write " in line]
    by = [str(failpoints), str(store.parent), str(noted[-2]), "after", str(calls)]
    assert arco.run("bake", path, "--update", "--to", store, env=cache, by=by).code == 137
    victim = sorted(path for path in (store / "t/c").rglob("*") if path.is_file() and path.stat().st_nlink > 1)[0]
    touch(victim)
    if "another plan" in then:
        os.utime(last)
    kill.without_lock(tmp_path)
    done = arco.bake(path, then[0], "--json", to=store, env=cache)
    assert arco.digest(store) == want
    if touch is linked and then[0] == "--update" and "another plan" not in then:
        assert done.events()[-1]["objects_kept"] >= len(noted) - 4, done.text


def test_a_store_that_took_its_place_is_known(tmp_path, store, cache):
    """A bake that was cut off right behind its rename is the one that lies there, also where metadata are the same."""
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    path = recipe(tmp_path)
    arco.bake(path, to=store, env=cache)
    (old,) = (p for p in (store.parent / "out.zarr.bake").iterdir() if p.is_dir())
    keep = tmp_path / "old-state"
    shutil.copytree(old, keep)
    before = (tmp_path / "day02.nc").read_bytes()
    change_input(tmp_path)
    arco.bake(path, "--overwrite", to=store, env=cache)
    changed = arco.digest(store)
    # as if the process had been killed before it forgot the other state, and before it wrote that it is done
    (new,) = (p for p in (store.parent / "out.zarr.bake").iterdir() if p.is_dir())
    shutil.copytree(keep, old)
    (new / "done").rename(new / "visible")
    stat = (tmp_path / "day02.nc").stat()
    kill.without_lock(tmp_path)
    again = arco.run("bake", path, "--to", store, "--json", env=cache)
    assert again.code == 0 and again.events()[-1]["nothing_to_do"], again.text
    assert arco.digest(store) == changed
    kill.check_left(store.parent, ["out.zarr"])
    # and what was replaced is not taken for what lies there
    shutil.copytree(keep, old)
    (new / "done").rename(new / "visible")
    (tmp_path / "day02.nc").write_bytes(before)
    kill.without_lock(tmp_path)
    os.utime(tmp_path / "day02.nc", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
    arco.bake(path, "--overwrite", to=store, env=cache)
    assert arco.digest(store) != changed


# objects that a bake left behind without a receipt


def killed_behind(failpoints, folder, command, object_, env):
    """Runs a bake to `folder/out.zarr` that is killed right after it wrote the last bytes of an object."""
    counted, log = folder.with_name("counted"), folder.with_name("calls")
    shutil.copytree(folder, counted)
    done = arco.run(
        *command, "--to", counted / "out.zarr", env=env, by=[str(failpoints), str(counted), "0", "count", str(log)]
    )
    assert done.code == 0, done.text
    calls = [line.split() for line in log.read_text().splitlines()]
    last = max(n for n, (_, call, path, *_) in enumerate(calls, 1) if f"/store/{object_}" in path and "write" in call)
    kill.without_lock(folder.parent)
    by = [str(failpoints), str(folder), str(last), "after", str(log)]
    assert arco.run(*command, "--to", folder / "out.zarr", env=env, by=by).code == 137
    shutil.rmtree(counted)


@pytest.mark.parametrize("taken", [False, True], ids=["made", "taken-over"])
@pytest.mark.parametrize("shards", ["", ", shards: {time: 2}"], ids=["chunks", "shards"])
def test_what_is_left_out_takes_the_place_of_what_lies_there(failpoints, shards, taken, tmp_path, store, cache):
    """Nothing is stored of a chunk that is all fill, also where a bake that was killed had written other cells of it."""
    cells = np.arange(24, dtype="i4").reshape(4, 1, 6)

    def write(*filled):
        """All versions of a file look the same from outside."""
        for number, values in enumerate(cells):
            path = tmp_path / f"day{number}.nc"
            time = (("time",), np.array([float(number)]), {"units": "days since 2000-01-01"})
            values = np.full_like(values, -1) if number in filled else values
            made.netcdf(path, {"time": time, "t": (("time", "x"), values, {}, {"fill_value": -1})})
            os.utime(path, (1_600_000_000, 1_600_000_000))

    path = recipe(tmp_path, output="output: {chunks: {time: 1, x: 6}, codecs: none%s}\n" % shards)
    command = ("bake", path, "--no-survey-cache", "--workers", "1")
    if taken:
        write(2, 3)
        arco.bake(*command[1:], "--step", "attrs: {set: {title: before}}", to=store, env=cache)
        kill.without_lock(tmp_path)
    write()
    object_ = "t/c/1/0" if shards else "t/c/2/0"
    killed_behind(failpoints, store.parent, (*command, "--overwrite"), object_, cache)
    assert list(store.parent.glob(f"*.bake/*/store/{object_}")), "it lies there"
    write(2, 3)
    kill.without_lock(tmp_path)
    arco.bake(*command[1:], *(["--update"] if taken else []), to=store, env=cache)
    assert not (store / object_).exists()
    kill.without_lock(tmp_path)
    arco.bake(*command[1:], to=tmp_path / "anew.zarr", env=cache)
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")
    with xr.open_zarr(store, mask_and_scale=False) as found:
        np.testing.assert_array_equal(found.t[2:], np.full((2, 6), -1))
        np.testing.assert_array_equal(found.t[:2], cells[:2, 0])


# space


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only a superuser may mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("shards", [False, True], ids=["chunks", "shards"])
def test_a_full_disk(shards, disk, tmp_path, cache):
    made.days(tmp_path, [2] * 6, grid=(20, 24))
    output = "output: {chunks: {time: 2, lat: 4, lon: 8}, codecs: none%s}\n" % (", shards: {time: 6}" if shards else "")
    path = recipe(tmp_path, output=output)
    arco.bake(path, to=tmp_path / "whole.zarr", env=cache)
    kill.without_lock(tmp_path)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (440 << 10))
    store = disk / "folder" / "out.zarr"
    done = arco.run("bake", path, "--to", store, "--json", env=cache)
    assert done.code == arco.EXIT["target"], done.text
    assert "target-unwritable" in done.text and "the disk is full" in done.text and "free some space" in done.text
    assert not store.exists()
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    ballast.unlink()
    done = arco.run("bake", path, "--to", store, "--json", env=cache)
    assert done.code == 0, done.text
    assert shards or done.events()[-1]["objects_kept"] > 0, "what fitted is taken over"
    assert arco.digest(store) == arco.digest(tmp_path / "whole.zarr")
    kill.check_left(store.parent, ["out.zarr"])


def test_a_file_that_may_not_grow(tmp_path, store, cache):
    made.days(tmp_path, [2] * 6, grid=(100, 120))
    path = recipe(tmp_path, output="output: {chunks: {time: whole}, codecs: none}\n")
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"]
    done = arco.run("bake", path, "--to", store, env=cache, by=limited)
    assert done.code == arco.EXIT["target"], f"{done.code} {done.text}"
    assert "the file is larger than allowed here" in done.text and "ulimit" in done.text
    assert not store.exists()
    kill.without_lock(tmp_path)
    arco.bake(path, to=store, env=cache)
    with netCDF4.Dataset(tmp_path / "day03.nc") as ds, xr.open_zarr(store) as ours:
        np.testing.assert_array_equal(ours.t[6:8], ds["t"][...])

"""A store and what its bake keeps, copied to another place at any time: nothing is mixed, nothing is made twice, no backup is written to."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import arco
import kill
import made
from test_resume import SAMPLE, SEED, SMALL, SMALL_SHARDS, Points, few, fewer, more

PLAIN = (*SMALL, "--codecs", "none")


def as_it_was(folder):
    kill.series(folder, lengths=(2,) * 4, changed=[1])


# of the last, both versions have the same metadata and objects of the same lengths
CASES = [
    kill.Case("first", few, SMALL),
    kill.Case("update", more, (*SMALL, "--update"), before=(fewer, SMALL)),
    kill.Case("overwrite", more, (*SMALL, "--overwrite"), before=(fewer, SMALL_SHARDS)),
    kill.Case("same-form", more, (*PLAIN, "--update"), before=(as_it_was, PLAIN)),
]


def copied(folder, through):
    """Puts a copy in the place of a folder: as a backup that is restored, by way of another file system where one is there."""
    through = Path(through) / f"arcoforge-moved-{os.getpid()}"
    for source, to in ((folder, through), (through, folder)):
        subprocess.run(["cp", "-a", source, to], check=True)
        shutil.rmtree(source)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_publication_that_was_cut_off_and_copied(failpoints, case, tmp_path):
    """Whatever call was the last: the next bake sees which store is the new one, and makes no object again."""
    points = Points(failpoints, case, tmp_path)
    bench, store = points.bench, points.bench.work / "out.zarr"
    (command,) = bench.commands()
    marked = min(n for n, call in enumerate(points.calls, 1) if ".publishing" in call)
    every = range(marked, len(points.calls) + 1)
    exchange = next(
        n
        for n in every
        if points.calls[n - 1].split()[1] in ("rename", "renameat2") and "/out.zarr" == points.calls[n - 1][-9:]
    )
    r = random.Random(f"{case.name}/{SEED}")
    tried = every if SAMPLE > 3 else sorted({*range(exchange - 1, exchange + 3), every[-1], *r.sample(every, 2)})
    for number in tried:
        assert points.by(number, "before").code == 137
        copied(bench.work, "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path)
        what = f"killed before call {number} ({points.calls[number - 1]})"
        assert kill.look(store) in (bench.old["out.zarr"], bench.want["out.zarr"]), what
        done = arco.run(*command, env=bench.env)
        assert done.code == 0, f"{what}: {done.text}"
        last = done.events()[-1]
        anew = "overwrite" in case.name and number > exchange
        assert anew or last["bytes_read"] == 0, f"{what}: {last}"
        bench.check(command)


def contents(folder):
    """Bytes and times of modification of everything below a folder; the lock's time is that of the last bake."""
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.name == "lock" or p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize("way", [SMALL, SMALL_SHARDS, PLAIN], ids=["chunks", "shards", "plain"])
@pytest.mark.parametrize("with_state", [False, True])
def test_a_backup_of_hard_links_is_never_written_to(failpoints, with_state, way, tmp_path, store):
    """By a bake with nothing to do, an update, one that is killed, an `--overwrite`, nor where the backup is put back."""
    inputs = tmp_path / "in"
    fewer(inputs)
    path = inputs / "recipe.yaml"
    arco.bake(path, *way, to=store)
    backup = tmp_path / "backup"
    links(store.parent if with_state else store, backup)
    was = contents(backup)

    def unchanged(what):
        assert contents(backup) == was, what

    assert "nothing to do" in arco.run("bake", path, *way, "--to", store).text
    unchanged("nothing to do")
    with made.netCDF4.Dataset(inputs / "day02.nc", "a") as ds:
        ds["t"][0, 0, 0] = -7.0
    kill.without_lock(inputs)
    log = tmp_path / "calls"
    for number in (20, 40, 55, 65):  # at any call
        by = [str(failpoints), str(store.parent), str(number), "after", str(log)]
        arco.run("bake", path, *way, "--to", store, "--update", by=by)
        kill.without_lock(inputs)
        unchanged(f"killed behind call {number}")
    few(inputs)
    kill.without_lock(inputs)
    arco.bake(path, *way, "--update", to=store)
    unchanged("an update")
    kill.without_lock(inputs)
    arco.bake(path, *way, to=tmp_path / "anew.zarr")
    want = arco.digest(tmp_path / "anew.zarr")
    assert arco.digest(store) == want
    arco.bake(path, *way, "--overwrite", to=store)
    unchanged("an overwrite")
    # what was backed up is put back as links of itself, and brought up to date
    shutil.rmtree(store.parent if with_state else store)
    links(backup, store.parent if with_state else store)
    done = arco.run("bake", path, *way, "--to", store, "--update" if with_state else "--overwrite", "--json")
    assert done.code == 0, done.text
    unchanged("put back and updated")
    assert arco.digest(store) == want
    kill.check_left(store.parent, ["out.zarr"])


def links(source, to):
    subprocess.run(["cp", "-al", source, to], check=True)

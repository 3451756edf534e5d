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
from test_resume import SAMPLE, SEED, SMALL, SMALL_SHARDS, Points, failpoints, few, fewer, more  # noqa: F401

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
def test_a_publication_that_was_cut_off_and_copied(failpoints, case, tmp_path):  # noqa: F811
    """Whatever call was the last: the next bake sees which store is the new one, and makes no object again."""
    points = Points(failpoints, case, tmp_path)
    bench, store = points.bench, points.bench.work / "out.zarr"
    (command,) = bench.commands()
    marked = min(n for n, call in enumerate(points.calls, 1) if ".publishing" in call)
    every = range(marked, len(points.calls) + 1)
    exchange = next(n for n in every if points.calls[n - 1].split()[1] in ("rename", "renameat2") and "/out.zarr" == points.calls[n - 1][-9:])
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

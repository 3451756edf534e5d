"""Kills bakes at random moments with a reader beside them: cases, rounds, and what must hold after each.

    kill.py [--kills 300] [--seed N] [--case NAME]

A round puts a case into its first state, runs its command and kills it (SIGKILL) until a run comes to its end. All the time
a reader looks at the targets: it must see what was there before or the whole new dataset, nothing between. At the end
every byte must be that of a bake that nobody killed.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import arco
import made

# a run that is killed no more is ended after so many kills
KILLS_MAX = 4
KEPT = {"plan.json", "done", "receipts"}


class Violation(AssertionError):
    """Something that a reader or a later run must never see."""


@dataclass
class Case:
    """One kind of bake: its inputs in a folder, the words of the command, and what lies at the targets before."""

    name: str
    inputs: object
    args: tuple
    before: tuple | None = None
    targets: tuple = ("out.zarr",)
    units: int = 0

    @property
    def command(self):
        return ["bake", *self.args]


def series(folder, lengths=(2,) * 10, changed=(), grid=(20, 24)):
    """Daily files with a recipe over all that are there; the changed ones have other values in one corner."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, _ = made.days(folder, list(lengths), grid=grid)
    for number in changed:
        made.netCDF4.Dataset(paths[number], "a").close()
        with made.netCDF4.Dataset(paths[number], "a") as ds:
            ds["t"][0, :3, :3] = -1000.0
    arco.recipe(folder, 'axes: {time: {concat: found}}\nsource: {find: {glob: "day*.nc"}}\n')


def without_lock(folder):
    for lock in folder.rglob("*.lock"):
        lock.unlink()


def shrunk(folder):
    """The series as it was: two files fewer, one with other values."""
    series(folder, changed=[3])
    for path in sorted(folder.glob("day*.nc"))[-2:]:
        path.unlink()


def grown(folder):
    """What became of it: the file that changed, and two more."""
    series(folder)
    without_lock(folder)


def wide(folder):
    """Every file holds whole maps, and the target whole series of few cells: through scratch storage."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(24):
        rng = np.random.default_rng(number)
        values = (rng.integers(0, 2000, (2, 320, 320)) * 0.5).astype("f4")
        time_ = (("time",), np.arange(2 * number, 2 * number + 2.0), {"units": "days since 2000-01-01"})
        v = (("time", "y", "x"), values, {}, {"zlib": True, "complevel": 1, "chunksizes": (1, 320, 320)})
        made.netcdf(folder / f"day{number:02}.nc", {"time": time_, "v": v})
    arco.recipe(folder, 'axes: {time: {concat: found}}\nsource: {find: {glob: "day*.nc"}}\n')


def rows(folder):
    """A recipe that makes two datasets."""
    for number, part in enumerate(("east", "west")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        made.days(folder / part, [2, 3], start=100 * number, grid=(20, 24))
    (folder / "recipe.yaml").write_text(
        "schema: 1\nname: sst-{matrix.part}\nmatrix: {values: {part: [east, west]}}\n"
        'axes: {time: {concat: [0, 1]}}\nsource: {url: "{matrix.part}/day0{time}.nc"}\n'
    )


CHUNKS = ("--chunks", "time=2,lat=5,lon=8")
SHARDS = ("--chunks", "time=1,lat=5,lon=8", "--shards", "time=8,lat=10,lon=24")
SCRATCH = ("--chunks", "time=whole,y=40,x=40", "--memory", "33MiB", "--workers", "1")
BOTH = ("out-sst-east.zarr", "out-sst-west.zarr")
CASES = [
    Case("chunks", series, CHUNKS),
    Case("shards", series, SHARDS),
    Case("update", grown, (*CHUNKS, "--update"), before=(shrunk, CHUNKS)),
    Case("update-shards", grown, (*SHARDS, "--update"), before=(shrunk, SHARDS)),
    Case("overwrite", grown, (*CHUNKS, "--overwrite"), before=(shrunk, SHARDS)),
    Case("two-stages", wide, SCRATCH),
    Case("several", rows, CHUNKS, targets=BOTH),
    Case("units", series, CHUNKS, units=3),
]


class Reader(threading.Thread):
    """Looks at the targets until it is told to end."""

    def __init__(self, allowed):
        super().__init__(daemon=True)
        self.allowed, self.seen, self.wrong, self.ended = allowed, 0, [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            for target, allowed in self.allowed.items():
                found = look(target)
                self.seen += 1
                if found not in (*allowed, MOVED):
                    self.wrong.append(f"{target.name}: {told(found)}")
            self.ended.wait(0.0005)  # lets the other thread run

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


MOVED = "another store took its place meanwhile"


def look(target):
    """Every byte below a path; None where nothing is; MOVED where it changed place while it was read."""
    try:
        before = os.stat(target).st_ino
    except FileNotFoundError:
        return None
    found = {}
    try:
        found = arco.digest(target)
    except FileNotFoundError as error:
        found = {"gone while it was read": str(error)}
    try:
        return found if os.stat(target).st_ino == before else MOVED
    except FileNotFoundError:
        return {"the whole store": "gone"}


def told(found):
    return "nothing" if found is None else f"{len(found)} objects {sorted(found)[:5]}"


class Bench:
    """The inputs of a case, what lies at its targets before, and what must lie there at the end."""

    def __init__(self, case, folder, r):
        self.case, self.folder, self.r = case, folder, r
        self.inputs, self.work, first = folder / "in", folder / "work", folder / "first"
        self.env = {"XDG_CACHE_HOME": str(folder / "cache")}
        if case.before:
            make, args = case.before
            make(self.inputs)
            self.bake(first, *args)
            shutil.copytree(self.inputs, folder / "in-before")
        case.inputs(self.inputs)
        args = [a for a in case.args if a not in ("--update", "--overwrite")]
        self.bake(folder / "whole", *args)
        begun = time.monotonic()
        self.bake(folder / "again", *args)
        self.duration = time.monotonic() - begun
        without_lock(self.inputs)
        self.first = first if case.before else None
        self.want = {name: arco.digest(folder / "whole" / name) for name in case.targets}
        self.old = {name: arco.digest(first / name) if case.before else None for name in case.targets}

    def to(self, folder):
        return folder / ("out-{name}.zarr" if len(self.case.targets) > 1 else "out.zarr")

    def bake(self, folder, *args):
        folder.mkdir(exist_ok=True)
        arco.bake(self.inputs / "recipe.yaml", *args, to=self.to(folder), env=self.env)

    def commands(self):
        """What is run, each until it comes to its end."""
        recipe, out = self.inputs / "recipe.yaml", self.to(self.work)
        if not self.case.units:
            return [[*self.case.command[:1], recipe, *self.case.args, "--to", out, "--json"]]
        plan = self.folder / "units.plan"
        args = ("--to", out, "--units", self.case.units, "--save", plan)
        saved = arco.run("plan", recipe, *self.case.args, *args, env=self.env)
        assert saved.code == 0, saved.text
        order = self.r.sample(range(self.case.units), self.case.units)
        return [
            *(["unit", "--plan", plan, "--index", n, "--json"] for n in order),
            ["finish", "--plan", plan, "--json"],
        ]

    def put_back(self):
        shutil.rmtree(self.work, ignore_errors=True)
        without_lock(self.inputs)
        if self.first:
            shutil.copytree(self.first, self.work)
        else:
            self.work.mkdir()

    def round(self, kills_max=KILLS_MAX):
        """From the first state to the last; how often it was killed, and how often a reader looked."""
        self.put_back()
        commands, kills = self.commands(), 0
        allowed = {self.work / name: (self.old[name], self.want[name]) for name in self.case.targets}
        with Reader(allowed) as reader:
            for command in commands:
                for _ in range(self.r.randint(1, kills_max)):
                    if not self.killed(command):
                        break
                    kills += 1
                self.to_its_end(command)
        if reader.wrong:
            raise Violation(f"a reader saw {len(reader.wrong)} times: {reader.wrong[0]}")
        self.check(commands[-1])
        return kills, reader.seen

    def killed(self, command):
        """Runs a command and kills it at a random moment; whether it had not ended."""
        words = [str(arco.binary()), *(str(word) for word in command)]
        process = subprocess.Popen(
            words, env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            out, _ = process.communicate(timeout=self.r.random() * self.duration * 1.1)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        if process.returncode not in (0, -9):
            raise Violation(f"exit {process.returncode}: {out}")
        return process.returncode != 0

    def to_its_end(self, command):
        """Runs a command; what earlier runs noted is neither made again nor written again."""
        noted, files = self.noted(), self.files()
        begun = (store for store in self.work.glob("*.bake/*/store") if not publishing(store).exists())
        if "--overwrite" in command and not any(begun):
            # it was published before the kill, and who overwrites does not trust what is there
            noted, files = set(), {}
        done = arco.run(*command, env=self.env)
        if done.code != 0:
            raise Violation(f"exit {done.code}: {done.text}")
        last = done.events()[-1]
        if last.get("nothing_to_do") is False and len(self.case.targets) == 1 and "objects_kept" in last:
            if last["objects_kept"] < len(noted):
                raise Violation(f"{len(noted)} objects were noted, and {last['objects_kept']} kept")
            now = self.files(self.work / self.case.targets[0])
            again = [key for key, was in files.items() if key in now and now[key] != was]
            # metadata, and an object that was being written or whose line was
            if len([key for key in again if not key.endswith("zarr.json")]) > max(0, len(files) - len(noted)):
                raise Violation(f"written again: {again}, {len(noted)} were noted of {len(files)}")

    def noted(self):
        """Objects that receipts of bakes tell that have not ended."""
        found = set()
        for receipts in self.work.glob("*.bake/*/receipts/*.jsonl"):
            if (receipts.parent.parent / "done").exists():
                continue
            for line in receipts.read_bytes().split(b"\n")[:-1]:
                entry = json.loads(line)
                if entry.get("bytes") is not None:
                    found.add((entry["array"], entry["object"]))
        return found

    def files(self, root=None):
        """Inode and time of every file of a store, or of the one that is being filled."""
        roots = [root] if root else list(self.work.glob("*.bake/*/store"))
        return {
            str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for root in roots
            for path in root.rglob("*")
            if path.is_file()
        }

    def check(self, last):
        for name, want in self.want.items():
            found = arco.digest(self.work / name)
            if found != want:
                other = sorted(k for k in found.keys() | want.keys() if found.get(k) != want.get(k))
                raise Violation(f"{name} is not what a bake makes that nobody killed: {other[:5]}")
        check_left(self.work, self.case.targets)
        again = arco.run(*last, env=self.env)
        # who overwrites does not trust what is there, and is told that it was written anew
        nothing = "--overwrite" not in last
        if again.code != 0 or again.events()[-1].get("nothing_to_do", nothing) is not nothing:
            raise Violation(f"a further run: {again.text}")
        for name, want in self.want.items():
            if arco.digest(self.work / name) != want:
                raise Violation(f"{name} is another after a further run")
        check_left(self.work, self.case.targets)


def publishing(store):
    """The note of a publication that was begun from the folder of a store."""
    return store.with_name("store.publishing")


def check_left(folder, targets):
    """Beside the targets lies what a published bake keeps, and nothing else."""
    beside = sorted(p.name for p in folder.iterdir())
    expected = sorted(name + end for name in targets for end in ("", ".bake"))
    if beside != expected:
        raise Violation(f"left beside the targets: {beside}")
    for name in targets:
        root = folder / f"{name}.bake"
        states = [p for p in root.iterdir() if p.name != "lock"]
        kept = {p.name for state in states for p in state.iterdir()}
        receipts = {p.suffix for state in states for p in (state / "receipts").iterdir()}
        if len(states) != 1 or kept != KEPT or receipts != {".jsonl"}:
            raise Violation(f"left in {root.name}: {[p.name for p in states]} {kept} {receipts}")


def kill(case, kills, seed, folder):
    """Rounds of a case until so many runs were killed; how many rounds it took, and how often readers looked."""
    bench = Bench(case, folder, random.Random(f"{case.name}/{seed}"))
    done = rounds = looks = 0
    while done < kills:
        killed, looked = bench.round()
        done, looks, rounds = done + killed, looks + looked, rounds + 1
    return done, rounds, looks


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--case", choices=[case.name for case in CASES])
    options = options.parse_args()
    cases = [case for case in CASES if options.case in (None, case.name)]
    print(f"seed {options.seed}", flush=True)
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="arcoforge-kill-") as folder:
            try:
                done, rounds, looks = kill(case, -(-options.kills // len(cases)), options.seed, Path(folder))
                print(f"{case.name}: {done} killed in {rounds} rounds, {looks} looks, nothing wrong", flush=True)
            except Violation as violation:
                failed += 1
                print(f"{case.name}: {violation}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Units: parts of a bake that processes carry out by themselves, in any order, at a time, and more than once."""

import fcntl
import json
import random
import shutil
import subprocess
from pathlib import Path

import archive_recipe
import pytest

import arco
import kill
import made

CHUNKS = ("--chunks", "time=2,lat=5,lon=8")


@pytest.fixture
def env(tmp_path):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


class Plan:
    """A saved plan of units, and the bake that it must equal."""

    def __init__(self, recipe, folder, env, units, *args):
        self.recipe, self.env, self.args = recipe, env, args
        self.folder = folder / "units"
        self.folder.mkdir(exist_ok=True)
        self.store, self.path = self.folder / "out.zarr", folder / "units.plan"
        done = self.run("plan", recipe, *args, "--to", self.store, "--units", units, "--save", self.path)
        assert done.code == 0, done.text
        self.units = json.loads(self.path.read_text())["run"]["units"]

    def run(self, *command):
        return arco.run(*command, env=self.env)

    def unit(self, index, *more):
        return self.run("unit", "--plan", self.path, "--index", index, "--json", *more)

    def finish(self):
        return self.run("finish", "--plan", self.path, "--json")

    def start(self, index):
        """A unit in a process of its own, while others run."""
        command = [arco.binary(), "unit", "--plan", self.path, "--index", str(index)]
        env = {**kill.os.environ, **self.env}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

    def together(self, indices):
        for process in [self.start(index) for index in indices]:
            out, _ = process.communicate(timeout=120)
            assert process.returncode == 0, out


def series(folder, env, units, *args, make=kill.series):
    make(folder / "in")
    return Plan(folder / "in" / "recipe.yaml", folder, env, units, *args)


def whole(folder, env, recipe, *args):
    """The digest of every object of a plain bake."""
    out = folder / "whole.zarr"
    kill.without_lock(recipe.parent)
    arco.bake(recipe, *args, to=out, env=env)
    kill.without_lock(recipe.parent)
    return arco.digest(out)


ROWS = [
    ("chunks", kill.series, CHUNKS),
    ("shards", kill.series, kill.SHARDS),
    ("v2", kill.series, (*CHUNKS, "--format", "zarr2")),
    ("small memory", kill.series, (*CHUNKS, "--memory", "34MiB", "--workers", "8")),
    ("one worker", kill.series, (*CHUNKS, "--workers", "1")),
    ("scratch", kill.wide, kill.SCRATCH),
]


@pytest.mark.parametrize(("what", "make", "args"), ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_units_are_a_bake(count, what, make, args, tmp_path, env):
    """One after the other in any order; where a first stage moves cells, its units come first."""
    plan = series(tmp_path, env, count, *args, make=make)
    want = whole(tmp_path, env, plan.recipe, *[a for a in args if a not in ("8", "1", "--workers")])
    order = list(range(plan.units))
    if what != "scratch":
        random.Random(f"{what}/{count}").shuffle(order)
    for index in order:
        done = plan.unit(index, "--attempt", 1)
        assert done.code == 0, done.text
        assert not plan.store.exists()
    done = plan.finish()
    assert done.code == 0, done.text
    assert arco.digest(plan.store) == want
    kill.check_left(plan.folder, ["out.zarr"])
    for again in (plan.finish(), plan.unit(0)):
        assert again.code == 0 and again.events()[-1]["nothing_to_do"], again.text


def test_units_at_once_and_twice(tmp_path, env):
    plan = series(tmp_path, env, 5, *CHUNKS)
    want = whole(tmp_path, env, plan.recipe, *CHUNKS)
    plan.together([0, 0, 1, 1, 2])
    plan.together([1, 4, 3, 3, 4, 0])
    before = kill.Bench.files(None, next(plan.folder.glob("*.bake/*/store")))
    assert plan.unit(2, "--attempt", 2).code == 0
    after = kill.Bench.files(None, next(plan.folder.glob("*.bake/*/store")))
    assert before == after, "what is there is not written again"
    done = plan.finish()
    assert done.code == 0, done.text
    assert arco.digest(plan.store) == want
    kill.check_left(plan.folder, ["out.zarr"])


def test_units_of_both_stages_at_once(tmp_path, env):
    plan = series(tmp_path, env, 6, *kill.SCRATCH, make=kill.wide)
    want = whole(tmp_path, env, plan.recipe, *kill.SCRATCH)
    late = plan.unit(5)
    assert late.code == arco.EXIT["target"] and "units-missing" in late.text, late.text
    first = [n for n in range(plan.units) if plan.unit(n).code == 0]
    assert first, "units of the first stage need no other"
    plan.together([n for n in range(plan.units) for _ in range(2)])
    done = plan.finish()
    assert done.code == 0, done.text
    assert arco.digest(plan.store) == want


@pytest.mark.parametrize("seed", range(12))
def test_random_archives_by_units(seed, tmp_path, env):
    """Whatever a recipe says: 3 units by 8 threads and less memory make what one process makes."""
    r = random.Random(seed)
    folder = tmp_path / "in"
    folder.mkdir()
    case = archive_recipe.draw(1000 + seed, folder)
    path = archive_recipe.write(case)
    sets = [word for item in case.sets for word in ("--set", item)]
    alone = arco.run("bake", path, *sets, "--to", tmp_path / "whole.zarr", "--workers", "1", env=env)
    kill.without_lock(folder)
    if alone.code != 0:
        (tmp_path / "units").mkdir()
        args = ("--to", tmp_path / "units" / "o.zarr", "--units", "3", "--save", tmp_path / "p")
        assert arco.run("plan", path, *sets, *args, env=env).code == alone.code
        return
    plan = Plan(path, tmp_path, env, 3, *sets, "--workers", "8", "--memory", "128MiB")
    order = [*range(plan.units), r.randrange(plan.units)]
    r.shuffle(order)
    for index in order:
        done = plan.unit(index)
        assert done.code == 0, done.text
    assert plan.finish().code == 0
    assert arco.digest(plan.store) == arco.digest(tmp_path / "whole.zarr")


# what is refused


def refused(done, exit, code, *mention):
    assert done.code == arco.EXIT[exit], f"exit {done.code}: {done.text}"
    assert code in done.text and "panicked" not in done.text, done.text
    missing = [word for word in mention if word not in done.text]
    assert not missing, f"{missing}: {done.text}"


def changed(plan, change):
    content = json.loads(plan.path.read_text())
    change(content)
    plan.path.write_text(json.dumps(content))


PLANS = {
    "recipe": lambda plan: plan["recipe"].update(name="other"),
    "inputs": lambda plan: plan["inputs"].pop(),
    "dataset": lambda plan: plan["dataset"]["arrays"].pop(),
    "digest": lambda plan: plan.update(digest="0" * 64),
    "version": lambda plan: plan.update(version=99),
    "no run": lambda plan: plan.pop("run"),
    "no dataset": lambda plan: plan.pop("dataset"),
    "tasks": lambda plan: plan["run"].update(tasks=plan["run"]["tasks"] + 1),
}


@pytest.mark.parametrize("change", PLANS)
def test_a_plan_that_was_changed(change, tmp_path, env):
    plan = series(tmp_path, env, 2, *CHUNKS)
    changed(plan, PLANS[change])
    kept = plan.path.read_text()
    for done in (plan.unit(0), plan.finish()):
        refused(done, "usage", "plan-invalid", "arcoforge plan")
    assert not plan.store.exists() and plan.path.read_text() == kept


@pytest.mark.parametrize("content", [b"", b"{}", b"not JSON", b"\xff\xfe", None], ids=repr)
def test_a_file_that_is_no_plan(content, tmp_path, env):
    path = tmp_path / "some.plan"
    if content is not None:
        path.write_bytes(content)
    for command in (["unit", "--index", "0"], ["finish"]):
        refused(arco.run(*command, "--plan", path, env=env), "usage", "plan-invalid", "some.plan")


def test_an_input_that_changed(tmp_path, env):
    plan = series(tmp_path, env, 2, *CHUNKS)
    assert plan.unit(0).code == 0
    made.netCDF4.Dataset(tmp_path / "in" / "day03.nc", "a").close()
    (tmp_path / "in" / "day03.nc").touch()
    for done in (plan.unit(1), plan.finish()):
        refused(done, "usage", "plan-invalid", "day03.nc")
    assert not plan.store.exists()


def test_numbers_of_units(tmp_path, env):
    plan = series(tmp_path, env, 3, *CHUNKS)
    refused(plan.unit(3), "usage", "usage", "3 units", "0 to 2")
    refused(plan.finish(), "target", "units-missing", "0, 1, 2")
    assert plan.unit(1).code == 0
    refused(plan.finish(), "target", "units-missing", "0, 2", "--index 0")
    # more units than tasks is as many as tasks
    many = Plan(plan.recipe, tmp_path, env, 100_000, *CHUNKS)
    assert many.units == json.loads(many.path.read_text())["run"]["tasks"]


def test_only_one_bakes_to_a_target(tmp_path, env):
    """Units of a plan share a target; a bake and a publication have it alone."""
    plan = series(tmp_path, env, 2, *CHUNKS)
    assert plan.unit(0).code == 0
    lock = plan.folder / "out.zarr.bake" / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert plan.unit(1).code == 0
        refused(plan.finish(), "target", "target-busy", "out.zarr")
        bake = ("bake", plan.recipe, *CHUNKS, "--to", plan.store)
        refused(plan.run(*bake), "target", "target-busy", "another process")
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(plan.unit(1), "target", "target-busy")
    # whoever comes next goes on from what the units made
    done = plan.run(*bake, "--json")
    assert done.code == 0 and done.events()[-1]["objects_kept"] > 100, done.text
    assert plan.finish().events()[-1]["nothing_to_do"]


@pytest.mark.parametrize("when", ["plan", "unit", "finish"])
def test_a_store_in_the_way_is_seen_at_once(when, tmp_path, env):
    """Not after all units have run; what they made is kept for a plan that replaces the store."""
    plan = series(tmp_path, env, 2, *CHUNKS)
    want = whole(tmp_path, env, plan.recipe, *CHUNKS)
    other = ("--chunks", "time=5,lat=5,lon=8")
    if when == "finish":
        assert [plan.unit(index).code for index in (0, 1)] == [0, 0]
    done = plan.run("bake", plan.recipe, *other, "--to", plan.store, "--json")
    assert done.code == 0, done.text
    kill.without_lock(tmp_path)
    again = ("plan", plan.recipe, *CHUNKS, "--to", plan.store, "--units", "2", "--save", plan.path)
    late = {"plan": lambda: plan.run(*again), "unit": lambda: plan.unit(0), "finish": plan.finish}[when]()
    refused(late, "target", "target-exists", "out.zarr", "`--overwrite`")
    kept = [event["message"] for event in done.events() if event["event"] == "warning"]
    states = [path for path in (plan.folder / "out.zarr.bake").iterdir() if path.is_dir()]
    if when != "finish":
        assert not kept and len(states) == 1
        return
    assert len(states) == 2 and len(kept) == 1, "units that are done are not thrown away"
    assert any(str(state) in kept[0] for state in states) and "finish" in kept[0]
    assert plan.run(*again, "--overwrite").code == 0
    assert plan.finish().code == 0
    assert arco.digest(plan.store) == want
    kill.check_left(plan.folder, ["out.zarr"])


def test_the_order_of_units_is_told(tmp_path, env):
    """Which come first, for people and programs; by a unit that comes too early, and where units are missing."""
    plan = series(tmp_path, env, 6, *kill.SCRATCH, make=kill.wide)
    save = ("--units", "6", "--save", plan.path)
    command = ("plan", plan.recipe, *kill.SCRATCH, "--to", plan.store, *save)
    told = plan.run(*command, "--json").events()[-1]["units"]
    assert told["file"] == str(plan.path) and told["count"] == 6 and 1 <= told["first"] < 6
    named = "unit 0 moves" if told["first"] == 1 else f"units 0 to {told['first'] - 1} move"
    come = "comes" if told["first"] == 1 else "come"
    assert f"{named} cells to scratch storage and {come} first" in plan.run(*command).err
    refused(plan.unit(told["first"]), "target", "units-missing", named)
    refused(plan.finish(), "target", "units-missing", named)
    first = [index for index in range(6) if plan.unit(index).code == 0]
    assert first == list(range(6)), "in their order all run"
    one_stage = plan.run(*(word for word in command if word not in kill.SCRATCH), *CHUNKS[:1], "time=2", "--json")
    assert one_stage.events()[-1]["units"]["first"] == 0, one_stage.text


def test_units_agree_on_scratch_storage(tmp_path, env):
    """`plan --scratch` decides for all units, whatever folder they are run from."""
    scratch = tmp_path / "fast"
    plan = series(tmp_path, env, 4, *kill.SCRATCH, "--scratch", scratch, make=kill.wide)
    want = whole(tmp_path, env, plan.recipe, *kill.SCRATCH)
    for index in range(plan.units):
        assert plan.unit(index).code == 0
        assert [path.name for path in scratch.iterdir()], "cells lie there"
    assert not list(plan.folder.glob("*.bake/*/scratch"))
    assert plan.finish().code == 0
    assert arco.digest(plan.store) == want


def test_a_unit_after_scratch_storage_was_lost(tmp_path, env):
    """What receipts tell of scratch storage holds for the files that they were written for."""
    plan = series(tmp_path, env, 6, *kill.SCRATCH, make=kill.wide)
    want = whole(tmp_path, env, plan.recipe, *kill.SCRATCH)
    first = [n for n in range(plan.units) if plan.unit(n).code == 0]
    (scratch,) = Path(plan.folder).glob("*.bake/*/scratch")
    shutil.rmtree(scratch)
    rest = [n for n in range(plan.units) if n not in first or n == first[0]]
    for index in rest[:2] * 2:
        plan.unit(index)  # some can't run: what they need is gone
    for index in range(plan.units):
        done = plan.unit(index)
        assert done.code == 0, done.text
    assert plan.finish().code == 0
    assert arco.digest(plan.store) == want

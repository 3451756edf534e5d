"""Recipes that make several datasets: rows of a matrix, a list of outputs; all are published or none is."""

import json
import shutil
import signal
import subprocess

import numpy as np
import pytest
import xarray as xr

import arco
import made

MATRIX = """\
matrix: {{values: {{part: {parts}}}}}
axes: {{time: {{concat: [0, 1]}}}}
source: {{url: "{{matrix.part}}/day0{{time}}.nc"}}
"""


def matrix(folder, parts=("east", "west"), rest=""):
    """Folders of two files each, and the recipe over them; every part's temperatures are its own."""
    for number, part in enumerate(parts):
        (folder / part).mkdir()
        made.days(folder / part, [2, 3], start=100 * number)
    path = folder / "recipe.yaml"
    text = MATRIX.format(parts=json.dumps(list(parts)))
    path.write_text(f"schema: 1\nname: sst-{{matrix.part}}\n{text}{rest}")
    return path


def stores(folder):
    """Everything beside the inputs that a bake made."""
    return sorted(p.name for p in folder.iterdir() if ".zarr" in p.name and not arco.is_kept(p))


def test_every_row_of_a_matrix_becomes_a_store(tmp_path):
    recipe = matrix(tmp_path)
    done = arco.run("bake", recipe, cwd=tmp_path)
    assert done.code == 0, done.text
    for part, start in [("east", 0), ("west", 100)]:
        with (
            xr.open_zarr(tmp_path / f"sst-{part}.zarr", decode_times=False) as ours,
            xr.open_mfdataset(sorted((tmp_path / part).glob("*.nc")), decode_times=False) as truth,
        ):
            np.testing.assert_array_equal(ours.t, truth.t)
            assert ours.time[0] == start
        assert f"sst-{part}.zarr: " in done.err
    verified = arco.run("verify", recipe, cwd=tmp_path)
    assert (verified.code, verified.out.count("equal to its sources")) == (0, 2), verified.text
    again = arco.run("bake", recipe, cwd=tmp_path)
    assert (again.code, again.err.count("nothing to do")) == (0, 2), again.text


def test_a_list_of_outputs_makes_one_store_each(tmp_path):
    paths, whole = made.days(tmp_path, [2, 2])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "schema: 1\nname: sst\naxes: {time: {concat: [0, 1]}}\nsource: {url: 'day0{time}.nc'}\n"
        "output:\n  - {name: maps, chunks: {time: 1}}\n  - {name: series, chunks: {time: whole, lat: 1}, to: long.zarr}\n"
    )
    done = arco.run("bake", recipe, cwd=tmp_path)
    assert done.code == 0, done.text
    assert [name for name in stores(tmp_path) if not name.endswith(".bake")] == ["long.zarr", "sst-maps.zarr"]
    for name, chunks in [("sst-maps.zarr", (1, 3, 4)), ("long.zarr", (4, 1, 4))]:
        with xr.open_zarr(tmp_path / name) as ds:
            np.testing.assert_array_equal(ds.t, whole)
            assert ds.t.encoding["chunks"] == chunks


def test_check_plan_and_lock_take_all(tmp_path):
    recipe = matrix(tmp_path)
    check = arco.run("check", recipe)
    assert "ok, 2 datasets\n  sst-east: 2 inputs\n  sst-west: 2 inputs\n" in check.out, check.text
    plan = arco.run("plan", recipe, cwd=tmp_path)
    assert "dataset: sst-east\ntarget: sst-east.zarr" in plan.out and "dataset: sst-west\n" in plan.out, plan.text
    lock = arco.run("lock", recipe)
    assert lock.code == 0, lock.text
    locked = json.loads((tmp_path / "recipe.lock").read_text())["datasets"]
    assert {name: len(one["inputs"]) for name, one in locked.items()} == {"sst-east": 2, "sst-west": 2}
    (tmp_path / "west" / "day01.nc").write_bytes((tmp_path / "west" / "day01.nc").read_bytes() + b"\0")
    bake = ("bake", recipe, "--to", "{name}.zarr")
    arco.refuse(*bake, exit="source", mention=["lock-mismatch", "sst-west", "west/day01.nc"], cwd=tmp_path)
    assert stores(tmp_path) == []


def test_a_bake_writes_the_lock_and_adds_new_datasets(tmp_path):
    recipe = matrix(tmp_path)
    assert arco.run("bake", recipe, "--only", "sst-west", cwd=tmp_path).code == 0
    lock = tmp_path / "recipe.lock"
    first = json.loads(lock.read_text())["datasets"]
    assert list(first) == ["sst-west"]
    assert arco.run("bake", recipe, cwd=tmp_path).code == 0
    both = json.loads(lock.read_text())["datasets"]
    assert sorted(both) == ["sst-east", "sst-west"] and both["sst-west"] == first["sst-west"]


ONLY = [
    (["--only", "sst-west"], ["sst-west.zarr"]),
    (["--only", "*-east", "--only", "sst-w*"], ["sst-east.zarr", "sst-west.zarr"]),
    (["--only", "sst-east", "--to", "other.zarr"], ["other.zarr"]),
    (["--to", "all-{name}"], ["all-sst-east", "all-sst-west"]),
]


@pytest.mark.parametrize("options, names", ONLY, ids=[" ".join(o) for o, _ in ONLY])
def test_only_and_to(options, names, tmp_path):
    recipe = matrix(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    done = arco.run("bake", recipe, *options, cwd=out)
    assert done.code == 0, done.text
    assert sorted(p.name for p in out.iterdir() if p.suffix != ".bake") == names


REFUSED = [
    (["--only", "sst-wets"], "usage", ["no dataset", "did you mean `sst-west`?"]),
    (["--only", "zzz"], "usage", ["`sst-east`, `sst-west`"]),
    (["--to", "one.zarr"], "usage", ["2 datasets", "--to 'one/{name}.zarr'", "--only sst-east"]),
]


@pytest.mark.parametrize("command", ["bake", "plan", "verify"])
@pytest.mark.parametrize("options, exit, mention", REFUSED, ids=[" ".join(o) for o, *_ in REFUSED])
def test_what_would_surprise_is_refused(command, options, exit, mention, tmp_path):
    recipe = matrix(tmp_path)
    arco.refuse(command, recipe, *options, exit=exit, mention=mention, cwd=tmp_path)
    assert stores(tmp_path) == []


def test_targets_lie_apart(tmp_path):
    made.days(tmp_path, [2])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "schema: 1\nname: sst\naxes: {}\nsource: {url: 'day00.nc'}\n"
        "output: [{name: a, to: a.zarr}, {name: b, to: a.zarr/b}]\n"
    )
    arco.refuse("bake", recipe, exit="usage", mention=["sst-a", "sst-b", "a.zarr/b"], cwd=tmp_path)
    assert stores(tmp_path) == []


FAILURES = {
    "an input that lies": lambda folder: (folder / "west" / "day01.nc").write_bytes(b"no data at all"),
    "an input that is absent": lambda folder: (folder / "west" / "day01.nc").unlink(),
    "files that disagree": lambda folder: shutil.copy(folder / "west" / "day00.nc", folder / "west" / "day01.nc"),
}


@pytest.mark.parametrize("fails", [*FAILURES, "a check"])
def test_nothing_is_published_unless_all_are_complete(fails, tmp_path):
    recipe = matrix(tmp_path, rest="checks: [{range: {time: [0, 50]}}]\n" if fails == "a check" else "")
    old = tmp_path / "sst-east.zarr"
    xr.Dataset({"old": ("x", [1, 2])}).to_zarr(old)
    before = arco.digest(old)
    FAILURES.get(fails, lambda _: None)(tmp_path)
    done = arco.run("bake", recipe, "--overwrite", cwd=tmp_path)
    assert done.code in (4, 5), done.text
    assert "sst-west" in done.err
    assert arco.digest(old) == before
    assert stores(tmp_path) == ["sst-east.zarr"]
    assert not (tmp_path / "recipe.lock").exists()


def test_targets_are_looked_at_before_any_work(tmp_path):
    recipe = matrix(tmp_path)
    (tmp_path / "sst-west.zarr").write_text("a file")
    done = arco.run("bake", recipe, "--json", cwd=tmp_path)
    assert done.code == arco.EXIT["target"]
    assert [event["event"] for event in done.events()] == ["error"]
    assert stores(tmp_path) == ["sst-west.zarr"]


def test_an_interrupt_leaves_nothing_of_any(tmp_path):
    recipe = matrix(tmp_path, parts=[f"p{n}" for n in range(30)])
    for wait in range(1, 4):
        bake = subprocess.Popen(
            [arco.binary(), "bake", recipe, "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for line in bake.stdout:
            event = json.loads(line)
            if event["event"] == "finished" and event["stage"] == "bake" and event["dataset"] == f"sst-p{wait}":
                bake.send_signal(signal.SIGINT)
                break
        bake.communicate(timeout=60)
        assert bake.returncode == 130
        assert stores(tmp_path) == []


def test_json_names_the_dataset(tmp_path):
    recipe = matrix(tmp_path)
    events = arco.run("bake", recipe, "--json", cwd=tmp_path).events()
    staged = [event["dataset"] for event in events if event["event"] == "finished" and event["stage"] == "bake"]
    assert staged == ["sst-east", "sst-west"]
    assert [event["dataset"] for event in events if event["event"] == "dataset"] == ["sst-east", "sst-west"]
    assert events[-1] == {"event": "done", "command": "bake", "datasets": 2}
    order = [(event["event"], event.get("stage")) for event in events]
    assert order.index(("started", "publish")) > max(at for at, one in enumerate(order) if one == ("finished", "bake"))
    one = arco.run("bake", recipe, "--only", "sst-east", "--json", cwd=tmp_path).events()[-1]
    assert (one["event"], one["dataset"], one["target"]) == ("done", "sst-east", "sst-east.zarr")
    (tmp_path / "west" / "day01.nc").unlink()
    errors = [event for event in arco.run("plan", recipe, "--json").events() if event["event"] == "error"]
    assert errors and {event["dataset"] for event in errors} == {"sst-west"}


def test_a_table_beside_the_recipe(tmp_path):
    (tmp_path / "in").mkdir()
    recipe = matrix(tmp_path / "in")
    recipe.write_text(recipe.read_text().replace('{values: {part: ["east", "west"]}}', "{csv: parts.csv}"))
    arco.refuse("check", recipe, exit="recipe", mention=["parts.csv", "does not exist"])
    (tmp_path / "in" / "parts.csv").write_text("part\neast\nwest\n")
    done = arco.run("check", recipe)
    assert (done.code, "2 datasets" in done.out) == (0, True), done.text


def test_verify_tells_all_that_differ(tmp_path):
    recipe = matrix(tmp_path)
    assert arco.run("bake", recipe, cwd=tmp_path).code == 0
    shutil.rmtree(tmp_path / "sst-east.zarr")
    done = arco.run("verify", recipe, cwd=tmp_path)
    assert done.code == arco.EXIT["target"], done.text
    assert "sst-east.zarr" in done.err and "sst-west.zarr: equal" in done.out, done.text

"""The commands beside `bake`, the example of the README, and what people see."""

import json
import re
import shutil

import numpy as np
import pytest
import xarray as xr
import yaml

import arco
import made

COMMANDS = ["bake", "plan", "check", "lock", "inspect", "verify", "init", "schema"]
EXAMPLES = arco.ROOT / "examples"


@pytest.fixture
def example(tmp_path):
    """A copy of the small example, so that lock files do not end up in the repository."""
    # without the lock of somebody who followed the README
    left_out = shutil.ignore_patterns("*.lock", "*.zarr*")
    return shutil.copytree(EXAMPLES / "oisst-small", tmp_path / "oisst-small", ignore=left_out) / "recipe.yaml"


def test_the_example_bakes_equal_to_xarray(example, store):
    arco.bake(example, to=store)
    want = xr.open_mfdataset(
        sorted(example.parent.glob("archive/*/*.nc")), combine="by_coords", mask_and_scale=False
    ).load()
    got = xr.open_zarr(store, mask_and_scale=False)
    assert got.sizes == {"time": 36, "lat": 18, "lon": 36}
    for ours, theirs in (("sst", "sst"), ("anom", "anom"), ("err", "err"), ("sea_ice_fraction", "ice")):
        assert np.array_equal(got[ours].values, want[theirs].values[:, 0])
        assert got[ours].dtype == np.int16
        assert got[ours].encoding["chunks"][0] == 12
    assert np.array_equal(got.time.values, want.time.values)
    assert got.attrs["Conventions"] == "CF-1.11"
    assert "history" not in got.attrs
    assert got.attrs["title"] == want.attrs["title"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    done = arco.run(command, "--help")
    assert done.code == 0
    assert re.search(rf"arcoforge {command}\b", done.out)
    assert "example" in done.out.lower()


def test_version_and_top_level_help():
    assert re.match(r"arcoforge \d+\.\d+\.\d+", arco.run("--version").out)
    help_text = arco.run("--help").out
    assert all(command in help_text for command in COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell):
    done = arco.run("completions", shell)
    assert done.code == 0, done.text
    assert "arcoforge" in done.out


@pytest.mark.parametrize(
    "path", sorted((arco.ROOT / "tests" / "series").glob("*/recipe.yaml")), ids=lambda p: p.parent.name
)
def test_series_recipes_pass_check(path):
    done = arco.run("check", path)
    assert done.code == 0, done.text


def test_plan_shows_the_dataset_and_writes_nothing(example):
    before = arco.keys(example.parent)
    done = arco.run("plan", example)
    assert done.code == 0, done.text
    for word in ("36", "sst", "int16", "time", "lat", "lon", "sea_ice_fraction", "chunk"):
        assert word in done.out, f"{word} is not in the plan: {done.out}"
    assert arco.keys(example.parent) == before


def test_plan_is_the_same_every_time(example):
    assert arco.run("plan", example).out == arco.run("plan", example).out


def test_workers_change_nothing_in_the_plan_but_the_memory(example):
    def lines(workers):
        out = arco.run("plan", example, "--workers", workers).out
        return [line for line in out.splitlines() if "of memory" not in line]

    assert lines(1) == lines(4)


def test_plan_says_what_lies_at_the_target(example, store):
    def first_line(*options):
        done = arco.run("plan", example, "--to", store, *options)
        assert done.code == 0, done.text
        return done.out.splitlines()[0]

    assert "nothing is there yet" in first_line()
    arco.bake(example, to=store)
    assert "already" in first_line()
    # a part of another dataset, and of what is there
    for more in ((), ("--overwrite",)):
        assert "another target" in first_line("--take", "time=2", *more)
    assert "--overwrite" in first_line("--chunks", "time=4", "--format", "zarr2")
    assert "replaces" in first_line("--chunks", "time=4", "--overwrite")


def test_plan_json(example):
    done = arco.run("plan", example, "--json")
    assert done.code == 0, done.text
    assert done.events()


def test_plan_names_absent_files(example):
    victim = sorted(example.parent.glob("archive/*/*.nc"))[5]
    victim.unlink()
    done = arco.run("plan", example)
    assert victim.name in done.text


def test_lock_and_its_promise(example, store):
    assert arco.run("lock", example).code == 0
    lock = example.parent / "recipe.lock"
    assert lock.exists()
    text = lock.read_text()
    assert text.count("oisst-avhrr-v02r01.") >= 36
    arco.bake(example, to=store)
    assert lock.read_text() == text, "a bake uses the lock and does not change it"
    path = sorted(example.parent.glob("archive/*/*.nc"))[3]
    path.write_bytes(path.read_bytes() + b"\0" * 10)
    arco.refuse("bake", example, "--to", store.with_name("b.zarr"), exit="source", mention=["lock-mismatch", path.name])
    assert not store.with_name("b.zarr").exists()


def test_lock_says_what_changed(example):
    assert "before" not in arco.run("lock", example).text
    assert "as before" in arco.run("lock", example).text
    path = sorted(example.parent.glob("archive/*/*.nc"))[3]
    path.write_bytes(path.read_bytes() + b"\0" * 10)
    assert "0 new and 1 changed; 0 gone" in arco.run("lock", example).text


def test_errors_that_differ_in_the_file_only_are_told_once(example, store):
    done = arco.run("bake", example, "--to", store, "--group", "product")
    assert done.code == 3, done.text
    assert done.text.count("no group `product`") == 1, done.text
    assert "more" in done.text


def test_test_takes_what_the_recipe_says(example, store):
    done = arco.run("plan", example, "--test", "--json")
    assert done.code == 0, done.text
    assert len(done.events()[-1]["plan"]["inputs"]) == 2


def test_take_prunes(example, store):
    arco.bake(example, "--take", "time=2", to=store)
    assert xr.open_zarr(store).sizes["time"] == 2


def test_take_does_not_write_to_a_full_bake(example, store):
    arco.bake(example, to=store)
    before = arco.digest(store)
    arco.refuse("bake", example, "--take", "time=2", "--to", store, exit="target")
    assert arco.digest(store) == before


def test_running_again_does_nothing(example, store):
    arco.bake(example, to=store)
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*")}
    done = arco.run("bake", example, "--to", store)
    assert done.code in (0, arco.EXIT["target"]), done.text
    assert {p: p.stat().st_mtime_ns for p in store.rglob("*")} == before


def test_verify_finds_a_changed_byte(example, store):
    arco.bake(example, "--format", "zarr2", to=store)
    done = arco.run("verify", example, "--to", store)
    assert done.code == 0, done.text
    array = xr.open_zarr(store, mask_and_scale=False)
    import zarr

    target = zarr.open_array(store, path="sst", mode="r+")
    value = int(array.sst.values[7, 3, 4])
    target[7, 3, 4] = value + 1
    done = arco.run("verify", example, "--to", store)
    assert done.code == arco.EXIT["target"], done.text
    assert "sst" in done.text


def test_inspect_files_and_stores(example, store):
    path = sorted(example.parent.glob("archive/*/*.nc"))[0]
    done = arco.run("inspect", path)
    assert done.code == 0, done.text
    for word in (
        "NetCDF-4",
        "time",
        "zlev",
        "sst",
        "int16",
        "scale_factor",
        "deflate" if "deflate" in done.out else "zlib",
        "shuffle",
    ):
        assert word in done.out, f"{word}: {done.out}"
    assert arco.run("inspect", path, "--json").events()
    arco.bake(example, to=store)
    done = arco.run("inspect", store)
    assert done.code == 0, done.text
    assert "Zarr v3" in done.out
    assert "sea_ice_fraction" in done.out


def test_init_writes_a_recipe_that_bakes(example, tmp_path, store):
    files = sorted(example.parent.glob("archive/*/*.nc"))
    for number, arguments in enumerate(([example.parent / "archive"], files[:3])):
        folder = tmp_path / f"init{number}"
        folder.mkdir()
        done = arco.run("init", *arguments, cwd=folder)
        assert done.code == 0, done.text
        recipe = folder / "recipe.yaml"
        text = recipe.read_text() if recipe.exists() else done.out
        assert "#" in text, "the recipe explains itself"
        assert yaml.safe_load(text)["schema"] == 1
        recipe.write_text(text)
        target = store.with_name(f"{number}.zarr")
        arco.bake(recipe, to=target, cwd=folder)
        assert xr.open_zarr(target).sizes["time"] >= 3


def test_schema_is_json_schema_and_accepts_the_examples():
    schema = json.loads(arco.run("schema").out)
    assert "$schema" in schema
    assert {"axes", "source", "steps", "output"} <= set(schema["properties"])


def test_json_events_of_a_bake(example, store):
    done = arco.run("bake", example, "--to", store, "--json")
    assert done.code == 0, done.text
    events = done.events()
    assert all(isinstance(event, dict) for event in events)
    assert len(events) >= 2


def test_json_error(tmp_path, store):
    done = arco.run("bake", tmp_path / "missing.nc", "--to", store, "--json")
    assert done.code == arco.EXIT["source"]
    text = [line for line in (done.out + done.err).splitlines() if line.startswith("{")]
    assert any("source-not-found" in line for line in text), done.text


def test_quiet_when_piped(example, store):
    """Data on stdout, the rest on stderr, without control characters where it is not a terminal."""
    done = arco.run("bake", example, "--to", store)
    assert "\x1b" not in done.text
    assert "\r" not in done.text


def test_policies_from_the_command_line(tmp_path, store):
    paths, _ = made.days(tmp_path, [1, 1])
    done = arco.run("bake", *paths, "--concat", "time", "--set", "combine.units=convrt", "--to", store)
    assert done.code in (arco.EXIT["usage"], arco.EXIT["recipe"]), done.text
    arco.bake(*paths, "--concat", "time", "--set", "combine.units=error", to=store)
    done = arco.run(
        "bake", *paths, "--concat", "time", "--set", "combine.units=convert", "--to", store.with_name("b.zarr")
    )
    assert done.code in (0, arco.EXIT["usage"], arco.EXIT["recipe"], arco.EXIT["refused"]), (
        "a policy of later is an error, or works"
    )


def test_steps_from_the_command_line(tmp_path, store):
    paths, whole = made.days(tmp_path, [1, 1])
    arco.bake(
        *paths,
        "--concat",
        "time",
        "--step",
        "rename: {t: tas}",
        "--step",
        "transpose: [lat, lon, time]",
        "--step",
        "attrs: {set: {title: renamed, tas@units: kelvin}, delete: [tas@long_name]}",
        to=store,
    )
    ds = xr.open_zarr(store)
    assert ds.tas.dims == ("lat", "lon", "time")
    assert np.array_equal(ds.tas.values, whole.transpose(1, 2, 0))
    assert ds.tas.attrs == {"units": "kelvin"}
    assert ds.attrs["title"] == "renamed"


ADD_DIM = [
    ("file_name", "{member: {file_name: 'day(\\d+)'}}", [0, 1]),
    ("attr", "{member: {attr: number}}", [0, 1]),
    ("key", "{member: {key: member}}", [0, 1]),
    ("scalar", "{run: {scalar: run}}", [7, 8]),
]


@pytest.mark.parametrize(("step", "values"), [row[1:] for row in ADD_DIM], ids=[row[0] for row in ADD_DIM])
def test_add_dim(step, values, tmp_path, store):
    extra = lambda number, part: {"run": ((), np.int32(7 + number))}  # noqa: E731
    folder = tmp_path / "in"
    folder.mkdir()
    made.days(folder, [2], name="day{:02d}.nc", extra=extra)
    made.days(folder, [2], name="other{:02d}.nc", extra=lambda number, part: {"run": ((), np.int32(8))})
    made_path = folder / "other00.nc"
    made_path.rename(folder / "day01.nc")
    import netCDF4

    with netCDF4.Dataset(folder / "day01.nc", "a") as file:
        file.number = 1
    dim = step.strip("{").split(":")[0]
    drop = "" if "scalar" in step else "  - drop: [run]\n"
    path = arco.recipe(
        folder,
        f"axes: {{{dim}: {{concat: [0, 1]}}}}\nsource: {{url: 'day{{{dim}:02d}}.nc'}}\nsteps:\n{drop}  - add_dim: {step}\n",
    )
    arco.bake(path, to=store)
    ds = xr.open_zarr(store)
    assert [int(v) for v in ds[dim].values] == values
    assert ds.t.dims == (dim, "time", "lat", "lon")

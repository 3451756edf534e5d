"""Checks: what fails is named, nothing is published; what warns is published. Truth is numpy's and xarray's."""

import json

import numpy as np
import pytest
import xarray as xr

import arco
import kill
import made

TIME = {"units": "days since 2000-01-01", "calendar": "standard", "standard_name": "time"}
RNG = np.random.default_rng(5)


def series(folder, times=range(6), values=None, attrs=None, conventions="CF-1.8", fill=None):
    """One file with `t(time, lat)`."""
    times = np.asarray(times, "f8")
    values = np.arange(times.size * 3, dtype="f4").reshape(-1, 3) if values is None else values
    variables = {
        "time": (("time",), times, TIME),
        "lat": (("lat",), np.array([-10.0, 0.0, 10.0]), {"units": "degrees_north", "standard_name": "latitude"}),
        "t": (
            ("time", "lat"),
            values,
            {"units": "K", "long_name": "temperature"} | (attrs or {}),
            {"fill_value": fill, "chunksizes": (2, 3)},
        ),
    }
    attrs = {"Conventions": conventions} if conventions else {}
    return made.netcdf(folder / "in.nc", variables, {"time": times.size, "lat": 3}, attrs)


def recipe(folder, checks, more=""):
    text = f"axes: {{}}\nsource: {{files: [in.nc]}}\n{more}checks: {checks}\n"
    return arco.recipe(folder, text)


def bake(folder, checks, store, *args, more=""):
    return arco.run("bake", recipe(folder, checks, more), "--to", store, *args)


GOOD = (
    "[{monotonic: [time, lat]}, {gaps: {time: 1 day}}, {gaps: lat}, {range: {t: [0, 17]}}, "
    "{nan_fraction: {'*': 0}}, {size: {time: 6, lat: [1, 3]}}, {units: all}, {cf: true}]"
)

FAILING = [
    ("monotonic: time", {"times": [0, 1, 1, 2]}, ["`time`", "item 2 is 2000-01-02 after 2000-01-02"]),
    ("gaps: {time: 1 day}", {"times": [0, 1, 3]}, ["after 2000-01-02, 1 item missing"]),
    ("gaps: time", {"times": [0, 1, 3]}, ["after 2000-01-02, 1 item missing", "first step"]),
    ("gaps: {time: 1 month}", {"times": [0, 31, 91]}, ["after 2000-02-01, 1 item missing"]),
    ("range: {t: [0, 16]}", {}, ["1 of 18 values of `t`", "the greatest 17", "chunk [2, 0]"]),
    ("range: {'?': [1, 100]}", {}, ["`t`", "the least is 0", "chunk [0, 0]"]),
    ("nan_fraction: {t: 0.1}", {"values": np.where(np.arange(18) % 3, 1, np.nan).reshape(6, 3)}, ["0.333"]),
    ("size: {time: 366}", {}, ["`time` has the length 6, expected 366"]),
    ("units: all", {"attrs": {"units": "celcius"}}, ["celcius"]),
    ("cf: true", {"conventions": None}, ["CF 2.6.1", "Conventions"]),
    ("cf: true", {"attrs": {"standard_name": "sea_temprature"}}, ["CF 3.3", "sea_temprature"]),
    ("cf: true", {"attrs": {"bounds": "t_bnds"}}, ["CF 7.1", "t_bnds"]),
]


@pytest.mark.parametrize(("check", "made_with", "mention"), FAILING, ids=[row[0] for row in FAILING])
def test_a_failing_check_publishes_nothing(tmp_path, store, check, made_with, mention):
    series(tmp_path, **made_with)
    done = bake(tmp_path, f"[{{{check}}}]", store, more="output: {chunks: {time: 2}}\n")
    assert done.code == arco.EXIT["refused"], done.text
    assert "error[check-failed]" in done.text
    missing = [word for word in mention if word not in done.text]
    assert not missing, done.text
    arco.nothing_left(store)
    assert str(store.parent / "out.zarr.bake") in done.text and "without baking it again" in done.text, done.text


LAYOUTS = {
    "chunks": (kill.series, kill.CHUNKS),
    "shards": (kill.series, kill.SHARDS),
    "two stages": (kill.wide, kill.SCRATCH),
}


@pytest.mark.parametrize("by", ["bake", "bake from elsewhere", "finish", "other plan"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_checks_that_were_too_strict_do_not_cost_the_bake(layout, by, tmp_path, store):
    """With other checks in the recipe a bake goes on from what it has, and reads nothing again."""
    make, args = LAYOUTS[layout]
    make(tmp_path / "in")
    path = tmp_path / "in" / "recipe.yaml"
    text = path.read_text()
    path.write_text(text + "checks: [{size: {time: 1}}]\n")
    plan = ("plan", path, *args, "--to", store, "--units", "2", "--save", tmp_path / "plan")
    command = ("bake", path, *args, "--to", store, "--json")
    if by.startswith("bake"):
        done = arco.run(*command)
    else:
        assert arco.run(*plan).code == 0
        for index in range(2):
            assert arco.run("unit", "--plan", tmp_path / "plan", "--index", index).code == 0
        done = arco.run("finish", "--plan", tmp_path / "plan", "--json")
    assert done.code == arco.EXIT["refused"] and "check-failed" in done.text, done.text
    assert not store.exists()
    kill.without_lock(tmp_path)
    path.write_text(text + f"checks: [{{size: {{time: {48 if layout == 'two stages' else 20}}}}}]\n")
    cwd = tmp_path / "in" if by == "bake from elsewhere" else None
    if by == "other plan":
        assert arco.run(*plan).code == 0
        units = [arco.run("unit", "--plan", tmp_path / "plan", "--index", index, "--json") for index in range(2)]
        assert [unit.code for unit in units] == [0, 0]
        if layout != "two stages":
            assert [unit.events()[-1]["bytes_read"] for unit in units] == [0, 0]
        done = arco.run("finish", "--plan", tmp_path / "plan", "--json")
    else:
        done = arco.run(*(word if word != path else "recipe.yaml" if cwd else path for word in command), cwd=cwd)
        assert done.code == 0 and done.events()[-1]["bytes_read"] == 0, done.text
        receipts = list(store.parent.glob("*.bake/*/receipts/*.jsonl"))
        assert by == "finish" or len(receipts) == 2, "of the bake that failed, and of the one that went on"
    assert done.code == 0, done.text
    path.write_text(text)
    kill.without_lock(tmp_path)
    arco.bake(path, *args, to=tmp_path / "anew.zarr")
    assert arco.digest(store) == arco.digest(tmp_path / "anew.zarr")
    if by != "other plan":
        kill.check_left(store.parent, ["out.zarr"])


@pytest.mark.parametrize(("check", "made_with", "mention"), FAILING, ids=[row[0] for row in FAILING])
def test_a_warning_publishes(tmp_path, store, check, made_with, mention):
    series(tmp_path, **made_with)
    done = bake(tmp_path, f"[{{{check}, level: warn}}]", store)
    assert done.code == 0, done.text
    assert "warning" in done.err and "checks: 0 passed, 1 warned" in done.err
    assert all(word in done.err for word in mention if "chunk" not in word), done.err
    assert xr.open_zarr(store).sizes["lat"] == 3


def test_what_holds_passes(tmp_path, store):
    series(tmp_path)
    done = bake(tmp_path, GOOD, store)
    assert done.code == 0, done.text
    assert "checks: 8 passed" in done.err and "warn" not in done.err


@pytest.mark.parametrize(
    "shards", ["", "output: {chunks: {time: 1}, shards: {time: 4}}\n", "output: {format: zarr2}\n"]
)
def test_every_layout_is_read_back(tmp_path, store, shards):
    series(tmp_path)
    assert bake(tmp_path, GOOD, store, more=shards).code == 0
    done = bake(tmp_path, "[{range: {t: [0, 16.5]}}]", store, "--overwrite", more=shards)
    assert done.code == 4 and "1 of 18 values" in done.text


def test_all_failures_come_together_and_the_old_target_stays(tmp_path, store):
    series(tmp_path)
    assert bake(tmp_path, "[]", store).code == 0
    before = arco.digest(store)
    checks = "[{range: {t: [0, 1]}}, {size: {time: 7}}, {nan_fraction: {t: 0}}, {gaps: {time: 2 days}}]"
    done = bake(tmp_path, checks, store, "--overwrite", "--json")
    assert done.code == 4
    errors = [event for event in done.events() if event["event"] == "error"]
    assert [event["code"] for event in errors] == ["check-failed"] * 3
    assert errors[0]["place"]["variable"] == "t" and errors[0]["place"]["url"] is None
    assert all("nothing was published" in event["help"] and str(store) in event["help"] for event in errors)
    made_checks = [event for event in done.events() if event["event"] == "check"]
    assert [(event["check"], event["passed"]) for event in made_checks] == [
        ("range", False),
        ("size", False),
        ("nan_fraction", True),
        ("gaps", False),
    ]
    assert arco.digest(store) == before


def test_json_lists_each_check(tmp_path, store):
    series(tmp_path)
    done = bake(tmp_path, "[{range: {t: [0, 1]}, level: warn}, {size: {time: 6}}]", store, "--json")
    assert done.code == 0
    last = done.events()[-1]["checks"]
    assert [(c["check"], c["about"], c["level"], c["passed"]) for c in last] == [
        ("range", ["t"], "warn", False),
        ("size", ["time"], "error", True),
    ]
    assert last[0]["failures"][0]["chunk"] == [0, 0]
    assert any(event["event"] == "warning" for event in done.events())


@pytest.mark.parametrize(
    ("check", "mention"),
    [
        ("monotonic: tme", ["tme", "time"]),
        ("monotonic: t", ["2 dimensions"]),
        ("range: {tt: [0, 1]}", ["tt", "did you mean `t`"]),
        ("size: {lta: 3}", ["lta", "lat"]),
        ("gaps: {time: 2.5}", ["2.5", "1 day"]),
        ("units: [zz]", ["zz"]),
    ],
)
def test_what_the_dataset_lacks_is_refused_before_the_bake(tmp_path, store, check, mention):
    series(tmp_path)
    done = bake(tmp_path, f"[{{{check}}}]", store, "--json")
    assert done.code == arco.EXIT["recipe"], done.text
    assert all(word in done.text for word in mention), done.text
    assert not any(event.get("stage") == "bake" for event in done.events())


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("packed", [False, True])
def test_shares_and_extremes_are_those_of_xarray(tmp_path, store, dtype, packed):
    kind = np.dtype(dtype)
    fill = kind.type(99)
    stored = RNG.integers(0, 100, (6, 3)).astype(kind)
    stored[0, 0], stored[1, 1], stored[5, 2] = fill, 98, 98
    attrs = {"missing_value": kind.type(98)}
    attrs |= {"scale_factor": 0.25, "add_offset": -10.0} if packed else {}
    path = series(tmp_path, values=stored, attrs=attrs, fill=fill)
    decoded = xr.open_dataset(path)["t"].values
    share, least, greatest = np.isnan(decoded).mean(), np.nanmin(decoded), np.nanmax(decoded)
    good = f"[{{range: {{t: [{least}, {greatest}]}}}}, {{nan_fraction: {{t: {share}}}}}]"
    assert bake(tmp_path, good, store).code == 0
    bad = f"[{{range: {{t: [{least + 0.125}, {greatest - 0.125}]}}}}, {{nan_fraction: {{t: {share - 1e-9}}}}}]"
    done = bake(tmp_path, bad, store, "--overwrite", "--json")
    messages = [event["message"] for event in done.events() if event["event"] == "error"]
    outside = int(((decoded < least + 0.125) | (decoded > greatest - 0.125)).sum())
    assert len(messages) == 2 and messages[0].startswith(f"{outside} of {int((~np.isnan(decoded)).sum())} values")
    assert messages[1].startswith(f"{int(np.isnan(decoded).sum())} of 18 values")


def test_memory_stays_within_the_budget(tmp_path, store):
    values = np.zeros((64, 3), "f4")
    series(tmp_path, times=range(64), values=values)
    done = bake(tmp_path, GOOD.replace("6, lat", "64, lat"), store, "--memory", "64MiB")
    assert done.code == 0, done.text


def test_the_example_passes_checks(tmp_path, store):
    """The README's archive: its own conventions, packed values, 36 days with a jump."""
    archive = arco.ROOT / "examples" / "oisst-small" / "archive"
    find = f"axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: '{archive}/*/*.nc'}}}}\n"
    path = arco.recipe(
        tmp_path,
        find + "steps: [{squeeze: [zlev]}]\nchecks: [{monotonic: time}, {units: all}, {range: {sst: [-3, 45]}}]\n",
    )
    done = arco.run("bake", path, "--to", store, "--json")
    assert done.code == 0, done.text
    assert all(check["passed"] for check in done.events()[-1]["checks"]), json.dumps(done.events()[-1])

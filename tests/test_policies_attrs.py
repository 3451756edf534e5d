"""Attributes that differ between files, by policy; and disagreements that are told all at once."""

import json

import numpy as np
import pytest
import xarray as xr

import arco
import made

NUMBER = np.int16


def files(folder, variable, root, count=3):
    """Files along `time`; `variable` and `root`: attribute → value per file, None where it is absent."""

    def of(attrs, n):
        return {name: values[n] for name, values in attrs.items() if values[n] is not None}

    paths = []
    for n in range(count):
        variables = {
            "time": (("time",), [float(n)], {"units": "days since 2000-01-01"}),
            "t": (("time", "x"), [[n, n + 0.5]], {"units": "K"} | of(variable, n)),
            "u": (("time", "x"), [[n, n + 0.5]], of(variable, n)),
        }
        paths.append(made.netcdf(folder / f"f{n}.nc", variables, {"time": 1, "x": 2}, of(root, n)))
    return paths


TEXTS = {"comment": ["a", "b", "a"]}
NUMBERS = {"level": [NUMBER(3), NUMBER(1), NUMBER(3)]}
LATE = {"comment": [None, "b", "c"]}
ONE = {"comment": [None, "b", None]}
LISTS = {"flags": [["p", "q"], "r", ["p", "q"]]}
MIXED = {"level": [NUMBER(1), "two", 1.5]}
REALS = {"level": [NUMBER(1), 1.5, 1.0]}
SPLIT = {"coordinates": ["x", "y", "x"], "valid_min": [0.0, 1.0, 0.0]}

ROWS = [
    ("equal", TEXTS, {}),
    ("first", TEXTS, {"comment": "a"}),
    ("first", NUMBERS, {"level": 3}),
    ("first", LATE, {}),
    ("collect", TEXTS, {"comment": ["a", "b"]}),
    ("collect", NUMBERS, {"level": [3, 1]}),
    ("collect", LATE, {"comment": ["b", "c"]}),
    ("collect", ONE, {"comment": "b"}),
    ("collect", LISTS, {"flags": ["p", "q", "r"]}),
    ("collect", MIXED, {"level": ["1", "two", "1.5"]}),
    ("collect", REALS, {"level": [1.0, 1.5]}),
    ("collect", SPLIT, {}),
]


@pytest.mark.parametrize("format", ["zarr3", "zarr2"])
@pytest.mark.parametrize("policy, attrs, expected", ROWS, ids=[f"{p} {'+'.join(a)}" for p, a, _ in ROWS])
def test_attributes_that_differ(policy, attrs, expected, format, tmp_path):
    paths = files(tmp_path, attrs, {name: values for name, values in attrs.items() if name != "coordinates"})
    options = ("--set", f"combine.attrs={policy}", "--format", format)
    arco.bake(*paths, "--concat", "time", *options, to=tmp_path / "a.zarr")
    with xr.open_zarr(tmp_path / "a.zarr", decode_cf=False) as ds:
        assert dict(ds.attrs) == expected
        assert dict(ds.t.attrs) == {"units": "K"} | expected
    xr.open_zarr(tmp_path / "a.zarr").close()


def test_policies_of_variables(tmp_path):
    paths = files(tmp_path, TEXTS, TEXTS)
    options = ("--set", "combine.attrs=collect", "--set", "combine.attrs.u=first")
    arco.bake(*paths, "--concat", "time", *options, to=tmp_path / "a.zarr")
    with xr.open_zarr(tmp_path / "a.zarr") as ds:
        found = {name: ds[name].attrs["comment"] for name in "tu"}
    assert found == {"t": ["a", "b"], "u": "a"}


DECISIVE = [
    ("standard_name", ["a", "a", "b"]),
    ("cell_methods", ["time: mean", None, None]),
    ("units", ["K", "m", "K"]),
]


@pytest.mark.parametrize("policy", ["equal", "first", "collect", "error"])
@pytest.mark.parametrize("name, values", DECISIVE, ids=[name for name, _ in DECISIVE])
def test_what_numbers_mean_must_be_equal(name, values, policy, tmp_path):
    paths = files(tmp_path, {name: values}, {})
    given = ("bake", *paths, "--concat", "time", "--set", f"combine.attrs={policy}", "--to", tmp_path / "a.zarr")
    other = paths[[value == values[0] for value in values].index(False)].name
    arco.refuse(*given, exit="refused", mention=[name, other, "variable `u`"])


def test_error_names_files_and_attribute(tmp_path):
    paths = files(tmp_path, {}, {"history": ["h0", "h1", "h1", "h1"]}, count=4)
    given = ("bake", *paths, "--concat", "time", "--set", "combine.attrs=error", "--to", tmp_path / "a.zarr")
    arco.refuse(*given, exit="refused", mention=['f0.nc: history = "h0"', 'history = "h1": 3 files, first ', "f1.nc"])


def test_strings_as_they_are_have_no_type_in_zarr(tmp_path):
    paths = files(tmp_path, {}, {})
    given = ("bake", *paths, "--concat", "time", "--set", "combine.strings=keep", "--to", tmp_path / "a.zarr")
    arco.refuse(*given, exit="recipe", mention=["strings", "keep"])


def test_all_files_are_in_json_and_three_lines_on_the_terminal(tmp_path):
    packing = {"scale_factor": [0.01, 0.02, 0.02, 0.02, 0.03, 0.04, 0.05]}
    packing["add_offset"] = [0.0] * 7
    paths = files(tmp_path, packing, {}, count=7)
    given = ("plan", *paths, "--concat", "time", "--set", "combine.packing=error")
    shown = arco.refuse(*given, exit="refused")
    assert "f0.nc: scale_factor = 0.01\n" in shown.err
    assert "scale_factor = 0.02: 3 files, first " in shown.err
    assert "… and 2 more files; `--json` lists them" in shown.err
    events = [e for e in arco.run(*given, "--json").events() if e["event"] == "error"]
    of_t = next(e for e in events if e["place"]["variable"] == "t" and "scale_factor" in e["message"])
    found = [(one["url"].rsplit("/", 1)[1], one["has"]) for one in of_t["found"]]
    assert found == [(f"f{n}.nc", f"scale_factor = {value}") for n, value in enumerate(packing["scale_factor"])]
    assert of_t["found_total"] == 7 and "f0.nc" not in of_t["message"]


def test_unreadable_files_do_not_hide_what_others_disagree_on(tmp_path):
    paths = files(tmp_path, {"standard_name": ["a", "a", "b", "a"]}, {}, count=4)
    paths[1].write_bytes(b"no data at all")
    paths[3].unlink()
    done = arco.run("plan", *paths, "--concat", "time", "--json")
    assert done.code == arco.EXIT["source"], done.text
    codes = [event["code"] for event in done.events() if event["event"] == "error"]
    assert codes[:2] == ["source-format", "source-not-found"] and set(codes[2:]) == {"combine-attrs"}, done.text
    absent = next(event for event in done.events() if event.get("code") == "source-not-found")
    assert [one["url"] for one in absent["found"]] == [str(paths[3])], json.dumps(absent)

"""A corpus of edge cases ($ARCOFORGE_CORPUS, default ../shared/corpus beside the repository): each case as it is baked
without options, and with every policy that it speaks of.

A case is a folder with a generator and an `expected.json`; its inputs are written anew at test time, in a copy of its
folder, and its own comparison judges the store. What a policy gives is computed here, from the values that the case
expects or, where it expects a refusal, from its inputs as netCDF4 reads them.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco

NOT_READ = {
}


def corpus():
    folder = Path(os.environ.get("ARCOFORGE_CORPUS", arco.ROOT.parent / "shared" / "corpus"))
    return folder.resolve() if (folder / "check.py").exists() else None


def case_names():
    folder = corpus()
    return sorted(path.parent.name for path in folder.glob("*/make.py")) if folder else []


@cache
def comparison():
    """`compare(dataset, expected)` of the corpus; the script itself ends its process."""
    spec = importlib.util.spec_from_file_location("corpus_check", corpus() / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.compare


@dataclass
class Case:
    """A case whose inputs have been written."""

    name: str
    expected: dict
    inputs: list
    folder: Path

    @property
    def store(self):
        return self.folder / "target" / "out.zarr"

    def truth(self, name="t2m"):
        """The values that the case expects of a variable; missing ones are NaN."""
        return np.array(self.expected["variables"][name]["values"], dtype="f8")

    def raw(self, name="t2m"):
        """What netCDF4 reads of a variable, unscaled, one array per input."""
        out = []
        for path in self.inputs:
            with netCDF4.Dataset(path) as ds:
                ds.set_auto_maskandscale(False)
                out.append(np.asarray(ds[name][...]))
        return out

    def command(self, *options):
        """The plain command that a user would type; tiles in two dimensions need a recipe."""
        concat, out = self.expected["concat_dim"], [*options]
        if isinstance(concat, list):
            axes = {name: {"concat": list(range(length))} for name, length in concat}
            return [self.recipe({"axes": axes, "source": {"files": [str(i) for i in self.inputs]}}), *out]
        if concat:
            out += ["--concat", concat]
        if group := self.expected.get("group"):
            out += ["--group", group]
        if chunks := self.expected.get("target_chunks"):
            out += ["--chunks", ",".join(f"{dim}={length}" for dim, length in chunks.items())]
        return [*self.inputs, *out]

    def recipe(self, keys):
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps({"schema": 1, "name": "case", **keys}))
        return path

    def run(self, *options):
        self.store.parent.mkdir()
        return arco.run("bake", *self.command(*options), "--to", self.store)

    def judge(self):
        """The differences that the corpus finds. xarray makes doubles of integers that have a `_FillValue`; where the
        case asks for exact integers, they are judged as they are stored, by every reader that keeps them."""
        exact = any(v.get("exact") and "masked_as" in v for v in self.expected["variables"].values())
        with xr.open_zarr(self.store, consolidated=False, mask_and_scale=not exact) as ds:
            return comparison()(ds, self.expected)


@pytest.fixture(scope="session")
def prepare(tmp_path_factory):
    """Writes the inputs of a case; the folder's name says nothing, so that it can't pass for a name in a message."""

    def prepare(name):
        folder = tmp_path_factory.mktemp("n")
        shutil.copy(corpus() / "_lib.py", folder)
        (folder / "case").mkdir()
        shutil.copy(corpus() / name / "make.py", folder / "case")
        made = [sys.executable, folder / "case" / "make.py", folder / "in"]
        # netCDF4 leaves the folder of its own filters in the environment, where those of hdf5plugin are not
        env = {key: value for key, value in os.environ.items() if key != "HDF5_PLUGIN_PATH"}
        subprocess.run(made, check=True, capture_output=True, env=env)
        expected = json.loads((folder / "case" / "expected.json").read_text())
        return Case(name, expected, [folder / "in" / i for i in expected["inputs"]], folder)

    return prepare


def refused(done, case, words):
    """A clean refusal: neither a defect nor a hang, every word in the message, and nothing left behind."""
    assert done.code in (4, 5, 6), f"exit {done.code}: {done.text}"
    missing = [word for word in words if word.lower() not in done.text.lower()]
    assert not missing, f"the message does not name {missing}: {done.text}"
    arco.nothing_left(case.store)


def baked(done):
    assert done.code == 0, f"exit {done.code}: {done.text}"


def skipped(name):
    if name in NOT_READ:
        pytest.skip(f"{NOT_READ[name]} files are not read by this version")


@pytest.mark.parametrize("name", case_names())
def test_by_default(name, prepare):
    skipped(name)
    case = prepare(name)
    if checksums := case.expected.get("checksums"):
        return by_checksums(case, checksums)
    done = case.run()
    if done.code == 0:
        assert case.expected["default"] != "error", f"was to be refused: {done.text}"
        assert case.judge() == []
        missing = [word for word in case.expected.get("report_must_list", []) if word not in done.text]
        assert not missing, f"the output does not list {missing}: {done.text}"
    else:
        assert case.expected["default"] != "ok", f"was to be baked: {done.text}"
        refused(done, case, case.expected.get("error_must_mention", []))


def by_checksums(case, checksums):
    """What nothing in the file tells is told by the checksums that a recipe gives."""
    axes = {case.expected["concat_dim"]: {"concat": list(range(len(case.inputs)))}}
    files = [str(path) for path in case.inputs]
    recipe = case.recipe({"axes": axes, "source": {"files": files, "checksums": checksums}})
    case.store.parent.mkdir()
    mention = case.expected["error_must_mention"]
    arco.refuse("bake", recipe, "--to", case.store, exit="source", mention=mention)
    arco.nothing_left(case.store)


LIMITED = ["sec-h5-bomb-chunk", "sec-h5-link-cycle", "sec-nc3-absurd-header"]


@pytest.mark.parametrize("name", LIMITED if corpus() else [])
def test_limits_of_time_and_memory(name, prepare):
    case = prepare(name)
    limits = case.expected["limits"]
    case.store.parent.mkdir()
    _, peak = arco.measured("bake", *case.command(), "--to", case.store, timeout=limits["seconds"])
    assert peak <= limits["rss_mb"]


def test_limited_cases_are_all_measured():
    named = [n for n in case_names() if "limits" in json.loads((corpus() / n / "expected.json").read_text())]
    assert named == (LIMITED if corpus() else [])


def test_tasks_that_share_a_chunk_agree_every_time(prepare):
    if corpus() is None:
        pytest.skip("no corpus: set ARCOFORGE_CORPUS")
    case = prepare("chunk-not-divisible")
    digests = set()
    for at in range(case.expected["repeat"]):
        store = case.folder / f"{at}.zarr"
        arco.bake(*case.command("--workers", 8), to=store)
        digests.add(tuple(arco.digest(store).items()))
    assert len(digests) == 1


def test_the_second_file_of_record_padding(prepare):
    if corpus() is None:
        pytest.skip("no corpus: set ARCOFORGE_CORPUS")
    case = prepare("nc3-record-padding")
    second = case.expected["second"]
    arco.bake(case.folder / "in" / second["input"], to=case.store)
    with xr.open_zarr(case.store) as ds:
        assert ds.a.values.tolist() == second["a"] and ds.b.values.tolist() == second["b"]


# --- policies: (case, options, expected): a list of words is a refusal, else what checks the store ---


def same(case, ds, output):
    """The dataset of the case itself."""
    assert comparison()(ds, case.expected) == []


def values(name, expected, atol=0.0):
    def check(case, ds, output):
        np.testing.assert_allclose(ds[name].values, expected(case), rtol=0, atol=atol, equal_nan=True)

    return check


def times(*expected):
    def check(case, ds, output):
        assert ds.time.values.astype("M8[s]").tolist() == np.array(expected, "M8[s]").tolist()

    return check


def days(*numbers):
    return times(*(f"2000-01-{number:02d}" for number in numbers))


def attribute(name, expected, variable=None):
    def check(case, ds, output):
        assert (ds[variable] if variable else ds).attrs.get(name) == expected

    return check


def without(name):
    def check(case, ds, output):
        assert name not in ds.variables

    return check


def dtype(name, *expected):
    """The type that is stored, whatever xarray makes of missing cells and packing."""

    def check(case, ds, output):
        assert ds[name].encoding["dtype"] in [np.dtype(one) for one in expected]

    return check


def says(*words):
    def check(case, ds, output):
        assert [word for word in words if word not in output] == [], output

    return check


def every(*checks):
    def check(case, ds, output):
        for one in checks:
            one(case, ds, output)

    return check


def joined(*parts):
    """Cells of the inputs put together: (input, slice) each."""
    return values("t2m", lambda case: np.concatenate([case.raw()[i][part] for i, part in parts]))


def to_kelvin(case):
    first, second = case.raw()
    return np.concatenate([first.astype("f8"), second.astype("f8") + 273.15])


WHOLE = slice(None)
POLICIES = [
    ("attrs-conflict", "attrs=first", every(attribute("history", "h0"), attribute("comment", "c0", "t2m"))),
    ("attrs-conflict", "attrs=error", ["f1.nc", "history"]),
    ("attrs-conflict", "attrs=collect", every(attribute("history", ["h0", "h1"]), attribute("title", "T"))),
    ("coord-float-noise", "coords=error", ["f1.nc", "lat"]),
    ("coord-float-noise", "coords=override", same),
    (
        "coord-grid-differs",
        "coords=override",
        every(joined((0, WHOLE), (1, WHOLE)), values("lat", lambda c: c.raw("lat")[0])),
    ),
    ("coord-lat-flipped", "lat=align", same),
    ("coord-lat-flipped", "lat=error", ["f1.nc", "lat"]),
    ("coord-lon-convention", "lon=roll", same),
    ("coord-lon-convention", "lon=error", ["f1.nc", "lon"]),
    ("dims-order-differs", "dims=transpose", same),
    ("dims-order-differs", "dims=error", ["f1.nc", "t2m", "lat"]),
    ("enc-fillvalue-differs", "fill=mask", same),
    ("enc-fillvalue-differs", "fill=error", ["f1.nc", "t2m", "_FillValue"]),
    ("enc-int-width-differs", "dtype=promote", same),
    ("enc-int-width-differs", "dtype=error", ["f1.nc", "t2m"]),
    ("enc-int-width-differs", "dtype=first", ["f1.nc", "t2m"]),
    ("enc-packed-scale-differs", "packing=decode", same),
    ("enc-packed-scale-differs", "packing=auto", every(same, dtype("t2m", "i2", "i4"))),
    ("enc-packed-scale-differs", "packing=first", ["f1.nc", "t2m"]),
    ("enc-packed-scale-differs", "packing=error", ["f1.nc", "t2m", "scale_factor"]),
    ("enc-units-differ", "units=error", ["f0.nc", "f1.nc", "t2m", "K", "degC"]),
    ("enc-units-differ", "units=convert", every(values("t2m", to_kelvin, 3e-5), attribute("units", "K", "t2m"))),
    (
        "enc-units-differ",
        "units=first",
        every(joined((0, WHOLE), (1, WHOLE)), attribute("units", "K", "t2m"), says("units")),
    ),
    ("scalar-varying", "scalars=promote", same),
    ("scalar-varying", "scalars=drop", without("orbit")),
    ("scalar-varying", "scalars=error", ["f1.nc", "orbit"]),
    ("time-calendar-conflict", "calendar=convert:standard", every(days(1, 2, 3, 4), joined((0, WHOLE), (1, WHOLE)))),
    ("time-calendar-conflict", "calendar=error", ["f0.nc", "f1.nc", "noleap", "standard"]),
    (
        "time-months-since",
        "months=calendar",
        every(same, times("1979-01-01", "1979-02-01", "1979-03-01", "1979-04-01")),
    ),
    ("time-months-since", "months=error", ["f0.nc", "time", "months since"]),
    ("time-out-of-order", "order=sort", every(days(1, 2, 3, 4, 5, 6), joined((0, WHOLE), (2, WHOLE), (1, WHOLE)))),
    ("time-out-of-order", "order=keep", every(days(1, 2, 5, 6, 3, 4), joined((0, WHOLE), (1, WHOLE), (2, WHOLE)))),
    ("time-overlap", "duplicates=last", every(days(1, 2, 3, 4, 5, 6), joined((0, slice(2)), (1, WHOLE)))),
    ("time-overlap", "duplicates=first", every(days(1, 2, 3, 4, 5, 6), joined((0, WHOLE), (1, slice(2, None))))),
    ("time-overlap", "duplicates=identical", ["f0.nc", "f1.nc", "2000-01-03"]),
    ("time-refdate-per-file", "time=error", ["f0.nc", "f1.nc", "hours since"]),
    ("time-units-differ", "time=error", ["f0.nc", "f1.nc", "hours since", "days since"]),
    ("var-missing-in-first-int", "absent=fill", every(same, dtype("flag", "i2"))),
    ("var-missing-in-first-int", "absent=drop", every(joined((0, WHOLE), (1, WHOLE)), without("flag"))),
    ("var-missing-in-first-int", "absent=error", ["f0.nc", "f1.nc", "flag"]),
]


@pytest.mark.parametrize(
    ("name", "policy", "expected"),
    POLICIES if corpus() else [],
    ids=[f"{row[0]} {row[1]}" for row in POLICIES if corpus()],
)
def test_by_policy(name, policy, expected, prepare):
    case = prepare(name)
    done = case.run("--set", f"combine.{policy}")
    if isinstance(expected, list):
        return refused(done, case, expected)
    baked(done)
    with xr.open_zarr(case.store) as ds:
        expected(case, ds, done.text)


def test_every_policy_that_a_case_lists_has_a_row():
    known = {(name, policy) for name, policy, _ in POLICIES} | {("time-gap", "gaps=fill")}
    listed = set()
    for name in case_names():
        expected = json.loads((corpus() / name / "expected.json").read_text())
        listed |= {(name, row["set"]) for row in expected.get("policies", [])}
    assert listed - known == set()


@pytest.mark.skipif(corpus() is None, reason="no corpus: set ARCOFORGE_CORPUS")
@pytest.mark.parametrize(("policy", "kept"), [("fill", [1, 2, 3, 4]), ("skip", [1, 2, 4]), ("error", None)])
def test_a_gap_between_declared_days(policy, kept, prepare):
    """The day that is missing is declared, and its file is not there."""
    case = prepare("time-gap")
    files = [str(path) for path in case.inputs]
    files.insert(2, str(case.folder / "in" / "absent.nc"))
    axes = {"time": {"concat": {"from": "2000-01-01", "to": "2000-01-04", "every": "1 day"}}}
    recipe = case.recipe({"axes": axes, "source": {"files": files}, "combine": {"gaps": policy}})
    case.store.parent.mkdir()
    done = arco.run("bake", recipe, "--to", case.store)
    if kept is None:
        return refused(done, case, ["absent.nc"])
    baked(done)
    truth = dict(zip([1, 2, 4], case.truth(), strict=True))
    nothing = np.full(truth[1].shape, np.nan)
    with xr.open_zarr(case.store) as ds:
        days(*kept)(case, ds, done.text)
        np.testing.assert_array_equal(ds.t2m.values, np.stack([truth.get(day, nothing) for day in kept]))


def test_identifiers_keep_their_fill_value(prepare):
    """What the case says in words: the missing one is still -1, and `_FillValue` still says so."""
    if corpus() is None:
        pytest.skip("no corpus: set ARCOFORGE_CORPUS")
    case = prepare("enc-int64-fill-precision")
    baked(case.run())
    with xr.open_zarr(case.store, mask_and_scale=False) as ds:
        assert ds.t2m.dtype == np.int64 and ds.t2m.values[0, 0, 0] == -1 and ds.t2m.attrs["_FillValue"] == -1


@pytest.mark.skipif(corpus() is None, reason="no corpus: set ARCOFORGE_CORPUS")
@pytest.mark.parametrize(("name", "drop"), [("type-compound", "meta"), ("sec-h5-link-cycle", "a/b/loop")])
def test_what_is_refused_by_name_can_be_dropped(name, drop, prepare):
    case = prepare(name)
    baked(case.run("--step", f"drop: ['{drop}']"))
    assert case.judge() == []

"""Random small archives with random policies and steps, against a model in plain numpy.

    python tests/test_properties.py --seed 17            # one case, left in a folder to look at
    python tests/test_properties.py --from 0 --count 5000 --jobs 2

Every seed is one archive and one recipe, the same in every run. The model says what the dataset holds or with which
codes it is refused; a case that fails is reduced by leaving out what is not needed for the failure.
"""

import argparse
import re
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import hdf5plugin  # noqa: F401  before netCDF4
import numpy as np
import pytest
import xarray as xr

import archive_recipe
import arco
import oracle

COUNT = 480
PER_TEST = 20
# what is about no one file
OF_THE_RECIPE = {"combine-gaps", "step-unknown-variable"}
FOLLOWS = {"combine-fill", "combine-coords", "combine-static", "combine-duplicates", "combine-dims"}


def outcome(seed, folder, without=()):
    """(kind, text, topics): kind is `baked`, `refused`, `unsaid` or `wrong`."""
    folder = Path(folder)
    case = archive_recipe.draw(seed, folder, without)
    recipe = archive_recipe.write(case)
    store = folder / "out" / "out.zarr"
    r = case.rng("run")
    options = ["--workers", r.choice([1, 2]), "--memory", r.choice(["64MiB", "256MiB"]), "--quiet"]
    options += [word for text in case.sets for word in ("--set", text)]
    done = arco.run("bake", recipe, "--to", store, *options, timeout=120)
    topics = [
        *case.used,
        *(f"{key}={how}" for key, how in case.policies.items()),
        *(kind for kind, _ in case.steps + case.after),
    ]
    kind, text = judged(case, done, store)
    return kind, text, case.used, topics


def judged(case, done, store):
    expected = case.expected
    codes = set(re.findall(r"error\[([a-z-]+)\]", done.err))
    if "panicked" in done.text or done.code in (1, 101) or done.code < 0:
        return "wrong", f"exit {done.code}: {done.text}"
    if "?" in expected.codes:
        return "unsaid", ""
    if done.code != 0:
        if store.exists():
            return "wrong", f"refused, but there is a store: {done.text}"
        # what differs is all reported, also what follows from it
        others = {f"combine-{key}" for key in case.differ} | FOLLOWS if expected.codes else set()
        if not codes or not (codes <= expected.codes | others or codes <= expected.maybe):
            return "wrong", f"refused by {sorted(codes)}, expected {sorted(expected.codes) or 'a dataset'}:\n{done.err}"
        named = any(str(f["@path"].name) in done.err for f in case.files) or codes <= OF_THE_RECIPE
        return ("refused", "") if named else ("wrong", f"no file is named:\n{done.err}")
    if expected.codes:
        return "wrong", f"baked, expected {sorted(expected.codes)}"
    found = compare(expected, store)
    return ("wrong", "\n".join(found)) if found else ("baked", "")


def compare(expected, store):
    """Every difference between the model's dataset and what xarray reads."""
    found = []
    with xr.open_zarr(store, decode_cf=False, chunks=None) as ds:
        for name in expected.variables.keys() ^ set(ds.variables):
            found.append(f"{name}: {'missing' if name in expected.variables else 'not expected'}")
        for name, value in expected.attrs.items():
            if ds.attrs.get(name) != value:
                found.append(f"@{name}: expected {value!r}, got {ds.attrs.get(name)!r}")
        for name in sorted(expected.variables.keys() & set(ds.variables)):
            found += [f"{name}: {what}" for what in compare_one(name, expected, ds)]
    return found


def compare_one(name, expected, ds):
    v, variable = expected.variables[name], ds.variables[name]
    if variable.dims != v.dims or variable.shape != v.values.shape:
        return [f"expected {dict(zip(v.dims, v.values.shape, strict=True))}, got {dict(variable.sizes)}"]
    found = [
        f"attribute {key}: expected {x!r}, got {variable.attrs.get(key)!r}"
        for key, x in v.attrs.items()
        if x != "?" and variable.attrs.get(key) != x
    ]
    for key in {"comment", "standard_name"} & set(variable.attrs) - set(v.attrs):
        found.append(f"attribute {key}: expected none, got {variable.attrs[key]!r}")
    variable = in_order(expected, ds, variable, v.dims)
    if v.role == "text":
        return found + oracle_texts(v, variable)
    if v.role == "time":
        return found + ([] if name in expected.unknown else times(v, variable))
    if v.kept and v.error >= 0 and variable.dtype.str[1:] != v.dtype:
        found.append(f"expected type {v.dtype}, got {variable.dtype}")
    return found + numbers(v, variable)


def in_order(expected, ds, variable, dims):
    """Rows of dimensions whose labels may stand in any order, by their labels."""
    for dim in expected.unordered & set(dims):
        variable = variable.isel({dim: np.argsort(ds.variables[dim].values, kind="stable")})
    return variable


def oracle_texts(v, variable):
    want = oracle.texts(np.where(v.mask, "", v.values))
    got = oracle.texts(np.asarray(variable.values))
    return [] if np.array_equal(want, got) else [f"expected {want.tolist()}, got {got.tolist()}"]


def times(v, variable):
    decoded = xr.conventions.decode_cf_variable("time", variable)
    seconds = (decoded.values - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "ms") / 1000
    wrong = ~v.mask & (seconds != v.values)
    return [f"expected {v.values[wrong].tolist()} s, got {seconds[wrong].tolist()}: {variable}"] if wrong.any() else []


def numbers(v, variable):
    """Masked alike, and equal within what packing allows."""
    decoded = np.asarray(xr.conventions.decode_cf_variable("v", variable).values)
    gone = v.missing_cells()
    masked = np.isnan(decoded) if decoded.dtype.kind == "f" else np.zeros(decoded.shape, bool)
    if not np.array_equal(gone, masked):
        at = np.argwhere(gone != masked)[0].tolist()
        return [
            f"masked otherwise, first at {at}: expected {v.values.tolist()} without {gone.tolist()}, got {decoded.tolist()}"
        ]
    scale = abs(float(variable.attrs.get("scale_factor", 0)))
    error = scale * 0.5001 + 1e-5 if v.error < 0 else v.error
    off = np.abs(decoded[~gone].astype("f8") - v.values[~gone].astype("f8"))
    if (off > error).any():
        return [f"off by {off.max()} (allowed {error}): expected {v.values.tolist()}, got {decoded.tolist()}"]
    return []


def reduced(seed, used):
    """The topics that can be left out, so that the case still fails."""
    without = []
    for topic in used:
        with tempfile.TemporaryDirectory() as folder:
            try:
                if outcome(seed, folder, [*without, topic])[0] == "wrong":
                    without.append(topic)
            except Exception:  # a smaller case that can't be made
                continue
    return without


def failure(seed):
    """None, or what is wrong with a case, reduced."""
    with tempfile.TemporaryDirectory() as folder:
        kind, text, used, _ = outcome(seed, folder)
    if kind != "wrong":
        return kind, None
    without = reduced(seed, used)
    with tempfile.TemporaryDirectory() as folder:
        text, topics = outcome(seed, folder, without)[1::2]
        recipe = (Path(folder) / "recipe.yaml").read_text().replace("\n", " ")
    again = f"python tests/test_properties.py --seed {seed}" + "".join(f" --without {t}" for t in without)
    return kind, f"{again}\n{' '.join(topics)}\n{recipe}\n{text}"


@pytest.mark.parametrize("first", range(0, COUNT, PER_TEST))
def test_archives_against_the_model(first):
    found = Counter()
    wrong = []
    for seed in range(first, first + PER_TEST):
        kind, text = failure(seed)
        found[kind] += 1
        wrong += [text] if text else []
    print(f"seeds {first} to {first + PER_TEST - 1}: {dict(found)}")
    assert not wrong, "\n\n".join(wrong)


def guarded(seed):
    try:
        return seed, *failure(seed)
    except Exception:
        return seed, "broken", traceback.format_exc()


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="one case, kept in --folder")
    parser.add_argument("--without", action="append", default=[], help="topics to leave out of the case")
    parser.add_argument("--folder", default=None, help="where the case is left")
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.seed is not None:
        folder = Path(given.folder or tempfile.mkdtemp(prefix=f"seed{given.seed}-"))
        folder.mkdir(parents=True, exist_ok=True)
        kind, text, _, topics = outcome(given.seed, folder, given.without)
        print(f"{folder}\n{kind}: {' '.join(topics)}\n{text}")
        sys.exit(kind == "wrong")
    found = Counter()
    with ProcessPoolExecutor(given.jobs) as pool:
        for seed, kind, text in pool.map(guarded, range(given.first, given.first + given.count), chunksize=8):
            found[kind] += 1
            if text:
                print(f"seed {seed} is {kind}\n{text}\n", flush=True)
    print(f"seeds {given.first} to {given.first + given.count - 1}: {dict(found)}")
    sys.exit(bool(found["wrong"] or found["broken"]))


if __name__ == "__main__":
    main()

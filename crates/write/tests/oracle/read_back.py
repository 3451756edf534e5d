"""Opens stores with zarr-python 3 and xarray and compares them with expected.json.

    python read_back.py DIRECTORY     as written by the example `write_cases`

Every warning is an error. Exit status 1 and one line for each difference.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import zarr


def number(value):
    """The inverse of the generator's spelling: floats are texts, complex numbers pairs."""
    if isinstance(value, list):
        return complex(float(value[0]), float(value[1]))
    return float(value)


def values_of(spec):
    dtype, values = spec["dtype"], spec["values"]
    if dtype == "string":
        return np.array(values, dtype=object).reshape(spec["shape"])
    if dtype.startswith(("float", "complex")):
        values = [number(v) for v in values]
    return np.array(values, dtype=dtype).reshape(spec["shape"])


def same(found, expected):
    """Equal bit for bit, but any NaN equals any NaN."""
    if found.shape != expected.shape:
        return False
    if expected.dtype == object:
        return list(map(str, found.ravel().tolist())) == expected.ravel().tolist()
    if found.dtype.newbyteorder("=") != expected.dtype:
        return False
    found = found.astype(expected.dtype)
    if expected.dtype.kind in "fc":
        parts = [found.real, found.imag] if expected.dtype.kind == "c" else [found]
        wants = [expected.real, expected.imag] if expected.dtype.kind == "c" else [expected]
        return all(
            np.array_equal(p, w, equal_nan=True)
            and np.array_equal(np.signbit(p[~np.isnan(p)]), np.signbit(w[~np.isnan(w)]))
            for p, w in zip(parts, wants)
        )
    return np.array_equal(found, expected)


class Checks:
    def __init__(self, store):
        self.store, self.problems, self.passed = store, [], 0

    def that(self, what, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.problems.append(f"{self.store}: {what} {detail}")

    def equal(self, what, found, expected):
        self.that(what, found == expected, f"found {found!r}, expected {expected!r}")


def check_zarr(checks, path, expected):
    fmt = 3 if expected["format"] == "zarr3" else 2
    consolidated = zarr.open_consolidated(path, zarr_format=fmt)
    plain = zarr.open_group(path, mode="r", zarr_format=fmt, use_consolidated=False)
    for how, root in (("consolidated", consolidated), ("plain", plain)):
        names = {name: node for name, node in root.members(max_depth=None)}
        want = set(expected["arrays"]) | set(expected["groups"])
        checks.equal(f"{how} members", set(names), want)
        if expected["root_attrs"] is not None:
            checks.equal(f"{how} attributes", dict(root.attrs), expected["root_attrs"])
            checks.equal(f"{how} attribute order", list(root.attrs), list(expected["root_attrs"]))
        for group in expected["groups"]:
            checks.equal(f"{how} {group} title", names[group].attrs.get("title"), group)
        for name, spec in expected["arrays"].items():
            array, what = root[name], f"{how} {name}"
            checks.equal(f"{what} shape", list(array.shape), spec["shape"])
            checks.equal(f"{what} chunks", list(array.chunks), spec["chunks"])
            shards = list(array.shards) if array.shards is not None else None
            checks.equal(f"{what} shards", shards, spec["shards"])
            if fmt == 3:
                names3 = array.metadata.dimension_names
                checks.equal(f"{what} dimension names", list(names3 or []), spec["dims"])
            found = np.asarray(array[...])
            checks.that(f"{what} values", same(found, values_of(spec)), f"{found!r}")


def check_xarray(checks, path, expected):
    for group in ["", *expected["groups"]]:
        prefix = f"{group}/" if group else ""
        arrays = {
            name[len(prefix):]: spec
            for name, spec in expected["arrays"].items()
            if name.startswith(prefix) and "/" not in name[len(prefix):]
        }
        options = dict(group=group or None, consolidated=True, decode_times=False)
        raw = xr.open_zarr(path, mask_and_scale=False, chunks=None, **options)
        decoded = xr.open_zarr(path, chunks=None, **options)
        checks.equal(f"`{group}` variables", list(raw.variables), list(arrays))
        if expected["root_attrs"] is not None and not group:
            checks.equal("dataset attributes", raw.attrs, expected["root_attrs"])
        for name, spec in arrays.items():
            variable = raw[name]
            checks.equal(f"{name} dims", list(variable.dims), spec["dims"])
            checks.that(f"{name} raw values", same(np.asarray(variable.values), values_of(spec)), f"{variable.values!r}")
            if spec["attrs"] is not None:
                checks.equal(f"{name} attributes", variable.attrs, spec["attrs"])
                masked = [float(v) == 2.0 for v in spec["values"]]  # by missing_value
            else:
                masked = spec["masked"]
            found = np.asarray(pd.isnull(decoded[name].values)).reshape(-1).tolist()
            if spec["dtype"].startswith("complex"):  # NaN in one part is a value, not a mask
                masked = np.isnan(np.where(masked, np.nan, values_of(spec).ravel())).tolist()
            checks.equal(f"{name} masked", found, masked)
    tree = xr.open_datatree(path, engine="zarr", consolidated=True, decode_times=False)
    checks.equal("tree", {node.path.strip("/") for node in tree.subtree}, {"", *expected["groups"]})


def main(directory):
    stores = json.loads((directory / "expected.json").read_text())
    problems, passed = [], 0
    for name, expected in stores.items():
        checks, path = Checks(name), str(directory / name)
        for check in (check_zarr, check_xarray):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    check(checks, path, expected)
                except Exception as error:
                    checks.problems.append(f"{name}: {check.__name__} {type(error).__name__}: {error}")
        problems, passed = problems + checks.problems, passed + checks.passed
    for problem in problems:
        print(problem)
    print(f"{len(stores)} stores, {passed} checks passed, {len(problems)} failed (zarr {zarr.__version__}, xarray {xr.__version__})")
    return 1 if problems or not stores else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

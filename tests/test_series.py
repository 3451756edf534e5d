"""Real multi-file archives: each is baked by its recipe and compared with xarray's own answer, bit by bit.

`series/NAME/recipe.yaml` is the recipe, `series/calls.py` the oracle, `series/deviations.yaml` the reviewed list of
what may differ. The recipe is copied next to a link `data` to the series' folder.
"""

import glob
import shutil
import warnings

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml
import zarr

import arco
import oracle
from series import calls

SERIES = arco.ROOT / "tests" / "series"
CFTIME = {
    "cesmle_pop_shf_sto2",
    "canesm2_pr_tasmax_tasmin",
    "cmip5_hadgem2es_tas",
    "mpige_member_component",
    "sam0_siconc_decades",
}
BOTH_FORMATS = {
    "ostia_daily",
    "tempo_no2_l2_granules",
    "argo_profiles_r",
    "cesmle_pop_shf_sto2",
    "arm_sgpmet_e13_daily",
}
RECIPES = sorted(p.parent.name for p in SERIES.glob("*/recipe.yaml"))
# those that xarray has a call for; others are in test_series_fields.py
NAMES = [name for name in RECIPES if name != "cmip5_hadgem2es_tas" and hasattr(calls, name)]
DEVIATIONS = yaml.safe_load((SERIES / "deviations.yaml").read_text())
CASES = [(n, f) for n in NAMES for f in ("zarr3", "zarr2") if f == "zarr3" or n in BOTH_FORMATS]


def prepare(name, data, folder):
    """The recipe beside a link to its data; returns the recipe's path and the source files."""
    source = data / "series" / name
    (folder / "data").symlink_to(source)
    recipe = shutil.copy(SERIES / name / "recipe.yaml", folder / "recipe.yaml")
    return recipe, sorted(glob.glob(str(source / "*")))


def keywords(name, masked):
    out = {} if masked else {"mask_and_scale": False}
    return out | (calls.CFTIME if name in CFTIME else {"decode_times": False} if name == "woa18_monthly" else {})


def expected(name, files, masked):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {group: ds.load() for group, ds in getattr(calls, name)(files, **keywords(name, masked)).items()}


def differences(name, want, store, masked):
    """Between the oracle's groups and the store's, the group names in front."""
    found = []
    for group, ds in want.items():
        actual = xr.open_zarr(store, group=group or None, consolidated=not group, chunks=None, **keywords(name, masked))
        found += oracle.datasets(ds, actual.load(), group)
    return found


@pytest.mark.parametrize(("name", "format"), CASES, ids=[f"{n}-{f}" for n, f in CASES])
def test_equal_to_xarray(name, format, data, tmp_path):
    recipe, files = prepare(name, data, tmp_path)
    store = tmp_path / "out.zarr"
    arco.bake(recipe, "--format", format, to=store, cwd=tmp_path)
    reviewed = [d for d in DEVIATIONS["series"].get(name, []) if format in d.get("formats", [format])]
    used = set()
    for masked in (True, False):
        want = expected(name, files, masked)
        open_problems = []
        for difference in differences(name, want, store, masked):
            deviation = next((d for d in reviewed + DEVIATIONS["everywhere"] if oracle.matches(difference, d)), None)
            problem = explain(difference, deviation, files, store, name)
            if problem:
                open_problems.append(problem)
            elif deviation in reviewed:
                used.add(reviewed.index(deviation))
        assert not open_problems, "\n".join(open_problems)
    stale = [d for i, d in enumerate(reviewed) if i not in used]
    assert not stale, f"listed as deviations, but equal: {stale}"


def explain(difference, deviation, files, store, name):
    """None where a reviewed deviation covers the difference and its claim holds on the files; else what is wrong."""
    if deviation is None:
        return f"not reviewed: {difference}"
    if deviation.get("policy") == "attrs" and difference.kind == "extra-attribute":
        return None if in_every_file(files, difference) else f"not an attribute of every file: {difference}"
    if deviation.get("policy") == "attrs" and not files_disagree(files, difference.where):
        return f"dropped, but equal in every file: {difference}"
    if deviation.get("policy") == "strings" and not masks_the_same(files, store, difference.where):
        return f"not the fill value under another name: {difference}"
    if deviation.get("policy") == "scalars" and not promoted(files, store, difference.where, name):
        return f"not each file's value along the axis: {difference}"
    return None


def files_disagree(files, where):
    """Whether an attribute (`path/variable@name`) has other values in some of the files."""
    path, _, key = where.rpartition("@")
    values = []
    for file in files:
        with netCDF4.Dataset(file) as ds:
            node = ds[path] if path else ds
            values.append(oracle.plain(node.getncattr(key)) if key in node.ncattrs() else None)
    return any(not oracle.same_attribute(values[0], value) for value in values[1:])


def in_every_file(files, difference):
    """Whether HDF5 files have an attribute that the oracle hides, with the value that was baked."""
    variable, _, key = difference.where.rpartition("@")
    for file in files:
        with h5py.File(file) as source:
            nodes = []
            source.visititems(lambda path, node, nodes=nodes: nodes.append(node) if path.endswith(variable) else None)
            if not any(oracle.same_attribute(node.attrs.get(key), difference.actual) for node in nodes):
                return False
    return True


def masks_the_same(files, store, where):
    """Whether a text's `missing_value` in the store is the `_FillValue` of its files."""
    variable = where.rpartition("@")[0]
    actual = zarr.open_array(store, path=variable, mode="r").attrs.get("missing_value")
    for file in files:
        with netCDF4.Dataset(file) as source:
            if source[variable].dtype.kind != "S" or not oracle.same_attribute(source[variable]._FillValue, actual):
                return False
    return True


def promoted(files, store, variable, name):
    """Whether a scalar was repeated along the axis, once per item of its file."""
    actual = xr.open_zarr(store, chunks=None, **keywords(name, True))[variable]
    (dim,) = actual.dims
    parts = []
    for file in files:
        with xr.open_dataset(file, **keywords(name, True)) as ds:
            parts.append(np.repeat(ds[variable].values[None], ds.sizes[dim]))
    return not oracle.arrays(variable, np.concatenate(parts), actual.values)


def test_every_series_has_a_recipe(data):
    assert RECIPES == sorted(path.name for path in (data / "series").iterdir())


def test_cmip5_is_refused_for_its_duplicate_month(data, tmp_path, store):
    recipe, _ = prepare("cmip5_hadgem2es_tas", data, tmp_path)
    named = ["combine-duplicates", "208012-209912.nc", "209912-212411.nc", "time", "2099-12"]
    arco.refuse("bake", recipe, "--to", store, exit="refused", mention=named, cwd=tmp_path)
    arco.nothing_left(store)


def test_cmip5_bakes_as_far_as_its_files_do_not_overlap(data, tmp_path):
    name = "cmip5_hadgem2es_tas"
    recipe, files = prepare(name, data, tmp_path)
    store = tmp_path / "out.zarr"
    arco.bake(recipe, "--take", "time=4", to=store, cwd=tmp_path)
    want = expected(name, files[:4], masked=True)
    found = [d for d in differences(name, want, store, masked=True) if not d.kind.endswith("attribute")]
    assert not found, "\n".join(map(str, found))


def test_woa18_explains_that_months_have_no_length(data, tmp_path, store):
    recipe, _ = prepare("woa18_monthly", data, tmp_path)
    recipe.write_text(recipe.read_text().split("steps:")[0])
    named = ["combine-months", "time", "months since"]
    arco.refuse("bake", recipe, "--to", store, exit="refused", mention=named, cwd=tmp_path)
    arco.nothing_left(store)

"""Grids of GRIB messages that are easily taken for another: rows of different lengths with scanning modes, and sections
of the grid that differ in vertical coordinates only. Written by ecCodes."""

import eccodes as ec
import numpy as np
import pytest
import xarray as xr

import arco
from gribs import messages, unfound

REDUCED = ["reduced_gg_sfc_grib1", "reduced_gg_sfc_grib2", "reduced_ll_sfc_grib1", "reduced_ll_sfc_grib2"]
GAUSSIAN = ["regular_gg_sfc_grib1", "regular_gg_sfc_grib2"]
ENDS = ("latitudeOfFirstGridPoint", "latitudeOfLastGridPoint")


def written(path, sample, values=None, **keys):
    """A file of one message of a sample of ecCodes with keys set; its handle."""
    handle = ec.codes_grib_new_from_samples(sample)
    for key, to in keys.items():
        ec.codes_set(handle, key, to)
    count = ec.codes_get_size(handle, "values")
    ec.codes_set_values(handle, np.arange(count) / 4 if values is None else values)
    path.write_bytes(ec.codes_get_message(handle))
    return handle


def bake(path, folder):
    store = folder / "out.zarr"
    arco.bake(path, to=store)
    return store


def refused(path, folder, *words):
    arco.refuse("bake", path, "--to", folder / "out.zarr", exit="source", mention=["message 1", *words])


@pytest.mark.parametrize("sample", REDUCED)
def test_rows_of_different_lengths_run_one_way(sample, tmp_path):
    """ecCodes reads none of these bits for such rows: where their points lie can't be told."""
    modes = {"iScansNegatively": "east to west", "jPointsAreConsecutive": "by columns"}
    if sample.endswith("2"):
        modes["alternativeRowScanning"] = "alternating"
    for key, words in modes.items():
        path = tmp_path / f"{key}.grib"
        written(path, sample, **{key: 1})
        refused(path, tmp_path, "rows of different lengths", words)


@pytest.mark.parametrize("sample", REDUCED)
def test_rows_from_the_south(sample, tmp_path):
    """The rows of the sample from the last to the first: every point keeps its value and its place."""
    plain = ec.codes_grib_new_from_samples(sample)
    latitudes, longitudes = (ec.codes_get_array(plain, key) for key in ("latitudes", "longitudes"))
    lengths = ec.codes_get_array(plain, "pl")
    assert len(latitudes) == lengths.sum()
    rows = np.split(np.arange(len(latitudes)), np.cumsum(lengths)[:-1])
    order = np.concatenate(rows[::-1])
    first, last = (ec.codes_get(plain, key) for key in ENDS)
    path = tmp_path / "south.grib"
    handle = ec.codes_grib_new_from_samples(sample)
    ec.codes_set_array(handle, "pl", lengths[::-1])
    for key, to in (("jScansPositively", 1), (ENDS[0], last), (ENDS[1], first)):
        ec.codes_set(handle, key, to)
    ec.codes_set_values(handle, order / 4)
    path.write_bytes(ec.codes_get_message(handle))
    dataset = xr.open_zarr(bake(path, tmp_path), decode_cf=False, chunks=None)
    (name,) = [name for name, v in dataset.data_vars.items() if "GRIB_paramId" in v.attrs]
    assert np.array_equal(dataset[name].values.ravel(), messages(path)[0]["values"], equal_nan=True)
    assert np.abs(dataset["latitude"].values - latitudes[order]).max() < 1e-6
    assert np.abs((dataset["longitude"].values - longitudes[order] + 180) % 360 - 180).max() < 1e-6


@pytest.mark.parametrize("sample", REDUCED + GAUSSIAN)
def test_ends_that_contradict_the_scanning_mode(sample, tmp_path):
    path = tmp_path / "in.grib"
    written(path, sample, jScansPositively=1)
    refused(path, tmp_path, "latitude", "south to north")


KINDS = ("regular_ll", "regular_gg", "reduced_gg", "rotated_ll", "polar_stereographic")


@pytest.mark.parametrize("sample", [f"{kind}_sfc_grib1" for kind in KINDS])
def test_vertical_coordinates_make_no_other_grid(sample, tmp_path):
    """They lie in edition 1's section of the grid."""
    path, part = tmp_path / "in.grib", tmp_path / "part.grib"
    content = []
    for level, count in ((1, 0), (2, 6), (3, 8), (4, 120)):
        handle = ec.codes_grib_new_from_samples(sample)
        for key, to in (("shortName", "t"), ("typeOfLevel", "hybrid"), ("level", level)):
            ec.codes_set(handle, key, to)
        if count:
            ec.codes_set(handle, "PVPresent", 1)
            ec.codes_set_array(handle, "pv", np.arange(count, dtype=float))
        ec.codes_set_values(handle, np.arange(ec.codes_get_size(handle, "values")) / 4 + level)
        content.append(ec.codes_get_message(handle))
        part.write_bytes(content[-1])
        bake(part, tmp_path / str(level))
    path.write_bytes(b"".join(content))
    store = bake(path, tmp_path)
    dataset = xr.open_zarr(store, decode_cf=False, chunks=None)
    assert [name for name, v in dataset.data_vars.items() if "GRIB_paramId" in v.attrs] == ["t"]
    assert dataset["hybrid"].values.tolist() == [1, 2, 3, 4]
    assert unfound(store, messages(path)) == []
    for level in range(1, 5):
        alone = xr.open_zarr(tmp_path / str(level) / "out.zarr", decode_cf=False, chunks=None)
        for name in ("latitude", "longitude"):
            assert np.array_equal(alone[name].values, dataset[name].values)

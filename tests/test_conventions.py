"""What files leave unsaid: times without a dimension, groups that lean on the root, months, masks of the wrong type."""

import numpy as np
import pytest
import xarray as xr

import arco
import made


def test_a_scalar_time_becomes_the_axis(tmp_path, store):
    values = np.arange(6.0).reshape(2, 3)
    paths = [
        made.netcdf(
            tmp_path / f"{n}.nc",
            {"time": ((), np.float64(n), {"units": "days since 2000-01-01"}), "v": (("x",), values[n])},
            {"x": 3},
        )
        for n in range(2)
    ]
    arco.bake(*paths, "--concat", "time", to=store)
    with xr.open_zarr(store) as ds:
        assert ds.v.dims == ("time", "x") and np.array_equal(ds.v, values)
        assert list(ds.time.values) == [np.datetime64("2000-01-01", "ns"), np.datetime64("2000-01-02", "ns")]


def test_a_group_keeps_the_coordinates_of_its_dimensions(tmp_path, store):
    paths = [
        made.netcdf(
            tmp_path / f"{n}.nc",
            {"time": (("time",), [n], {"units": "days since 2000-01-01"}), "other": (("time",), [7.0])},
            {"time": 1},
            groups={"PRODUCT": ({"x": 2}, {"v": (("time", "x"), [[n, n + 10.0]])}, {"level": 2})},
        )
        for n in range(3)
    ]
    arco.bake(*paths, "--concat", "time", "--group", "/PRODUCT", to=store)
    with xr.open_zarr(store) as ds:
        assert sorted(ds.variables) == ["time", "v"] and ds.attrs == {"level": 2}
        assert ds.time.values[2] == np.datetime64("2000-01-03", "ns")
        assert np.array_equal(ds.v, [[n, n + 10.0] for n in range(3)])


@pytest.mark.parametrize("calendar", ["standard", "noleap"])
def test_missing_times_are_not_a_time(tmp_path, store, calendar):
    paths = [
        made.netcdf(
            tmp_path / f"{n}.nc",
            {
                "x": (("x",), [n]),
                "when": (("x",), [made.NAN if n else 2.0], {"units": f"days since 2000-01-0{n + 1}", "calendar": calendar}),
            },
            {"x": 1},
        )
        for n in range(2)
    ]
    arco.bake(*paths, "--concat", "x", to=store)
    with xr.open_zarr(store, decode_times=False) as ds:
        assert np.array_equal(ds.when, [2.0, np.nan], equal_nan=True)
        assert ds.when.attrs["units"] == "days since 2000-01-01" and ds.when.attrs["calendar"] == calendar
    xr.open_zarr(store).load()  # in every calendar


def test_months_have_no_length(tmp_path, store):
    time = {"time": (("time",), [0.5], {"units": "months since 1955-01-01"})}
    path = made.netcdf(tmp_path / "a.nc", time, {"time": 1})
    named = ["combine-months", "a.nc", "time", "months since 1955-01-01"]
    arco.refuse("bake", path, "--concat", "time", "--to", store, exit="refused", mention=named)
    arco.bake(path, "--concat", "time", "--step", "attrs: {move: {time@units: time@units_of_months}}", to=store)
    with xr.open_zarr(store) as ds:
        assert ds.time.values == [0.5] and ds.time.attrs == {"units_of_months": "months since 1955-01-01"}


def test_a_mask_that_is_text_masks_nothing(tmp_path, store):
    variables = {"v": (("x",), np.array([1.0, -999.0], "f4"), {"missing_value": "-999."})}
    path = made.netcdf(tmp_path / "a.nc", variables, {"x": 2})
    arco.refuse("bake", path, "--to", store, exit="refused", mention=["a.nc", "`v`", "missing_value", "-999."])
    arco.bake(path, "--step", "attrs: {set: {v@missing_value: -999.0}}", to=store)
    with xr.open_zarr(store) as ds:
        assert np.array_equal(ds.v, [1.0, np.nan], equal_nan=True)

"""Policies of grids, static arrays, scalars, absent variables and gaps, against what xarray makes of the same files."""

import numpy as np
import pytest
import xarray as xr

import arco

DAYS = "days since 2000-01-01"
ENCODING = {"time": {"units": DAYS, "dtype": "f8"}}


def day(time, lat=(0.0, 10.0, 20.0), lon=(0.0, 90.0, 180.0, 270.0), seed=0, **more):
    """One file's dataset: t(time, lat, lon) of random values."""
    shape = (len(time), len(lat), len(lon))
    values = np.random.default_rng(seed).random(shape, dtype="f4")
    times = np.datetime64("2000-01-01", "ns") + (np.asarray(time) * 86400e9).astype("m8[ns]")
    coords = {"time": times, "lat": np.asarray(lat), "lon": np.asarray(lon)}
    ds = xr.Dataset({"t": (("time", "lat", "lon"), values)}, coords)
    return ds.assign(more)


def write(folder, datasets):
    paths = []
    for number, ds in enumerate(datasets):
        paths.append(folder / f"f{number}.nc")
        ds.to_netcdf(paths[-1], encoding=ENCODING)
    return paths


def baked(paths, store, *policies):
    """The dataset, and what the bake told."""
    told = arco.bake(*paths, "--concat", "time", *arco.policies(*policies), to=store)
    with xr.open_zarr(store) as ds:
        return ds.load(), told.text


def mask(values):
    return ("lat", "lon"), np.asarray(values, "i4").reshape(3, 4)


def test_flipped_latitudes(tmp_path, store):
    first = day([0, 1], mask=mask(range(12)))
    other = day([2], seed=1, mask=mask(range(12)))
    paths = write(tmp_path, [first, other.isel(lat=slice(None, None, -1))])
    found, _ = baked(paths, store)
    xr.testing.assert_equal(found, xr.concat([first, other], "time", data_vars="minimal"))


def test_rolled_longitudes(tmp_path, store):
    first = day([0])
    other = day([1], lon=(-180.0, -90.0, 0.0, 90.0), seed=1)
    paths = write(tmp_path, [first, other])
    arco.refuse(
        "bake", *paths, "--concat", "time", "--to", store, exit="refused", mention=["combine-lon", "f1.nc", "lon: roll"]
    )
    found, _ = baked(paths, store, "lon=roll")
    same = other.assign_coords(lon=other.lon % 360).sortby("lon")
    xr.testing.assert_equal(found, xr.concat([first, same], "time"))


@pytest.mark.parametrize("join", ["outer", "inner", "override"])
@pytest.mark.parametrize("falling", [False, True])
def test_joined_labels(join, falling, tmp_path, store):
    datasets = [
        day([0, 1]),
        day([2], lat=(10.0, 20.0, 40.0), seed=1),
        day([3], lat=(5.0, 10.0, 20.0), lon=(90.0, 180.0, 270.0, 300.0), seed=2),
    ]
    if falling:
        datasets = [ds.isel(lat=slice(None, None, -1)) for ds in datasets]
    found, _ = baked(write(tmp_path, datasets), store, f"coords={join}")
    truth = xr.concat(datasets, "time", join=join)
    if falling and join == "outer":
        # the first file's direction is kept, where pandas sorts
        truth = truth.sortby("lat", ascending=False)
    xr.testing.assert_equal(found, truth)


def test_stacked_arrays(tmp_path, store):
    datasets = [
        day([0, 1], mask=mask(range(12)), same=mask([7] * 12)),
        day([2], mask=mask([9] * 12), same=mask([7] * 12), seed=1),
    ]
    paths = write(tmp_path, datasets)
    found, _ = baked(paths, store, "static=stack")
    truth = xr.concat([ds.assign(mask=ds.mask.expand_dims(time=ds.time)) for ds in datasets], "time", data_vars="minimal")
    xr.testing.assert_equal(found, truth)
    found, _ = baked(paths, store.parent / "first.zarr", "static=first")
    assert np.array_equal(found.mask, datasets[0].mask) and found.mask.dims == ("lat", "lon")


def test_scalars_that_vary(tmp_path, store):
    datasets = [day([n], seed=n, orbit=n, same=5).set_coords(["orbit", "same"]) for n in range(3)]
    paths = write(tmp_path, datasets)
    found, told = baked(paths, store, "scalars=drop")
    assert "orbit" not in found.variables and found.same == 5 and "`orbit`" in told
    xr.testing.assert_equal(found.t.drop_vars("same"), xr.concat(datasets, "time").t.drop_vars(["same", "orbit"]))


@pytest.mark.parametrize("at", [0, 1])
def test_absent_variables(at, tmp_path, store):
    datasets = [day([n], seed=n, flag=(("time", "lat"), np.full((1, 3), n, "i2"))) for n in range(3)]
    datasets[at] = datasets[at].drop_vars("flag")
    paths = write(tmp_path, datasets)
    arco.refuse("bake", *paths, "--concat", "time", "--to", store, exit="refused", mention=["flag", f"f{at}.nc"])
    found, _ = baked(paths, store, "absent=fill")
    xr.testing.assert_equal(found, xr.concat(datasets, "time"))
    found, told = baked(paths, store.parent / "dropped.zarr", "absent=drop")
    assert "flag" not in found and "`flag`" in told


def test_a_fill_value_that_the_data_hold(tmp_path, store):
    datasets = [day([0]), day([1], flag=("time", np.array([-32767], "i2")))]
    arco.refuse(
        "bake", *write(tmp_path, datasets), "--concat", "time", "--to", store, "--set", "combine.absent=fill",
        exit="refused", mention=["flag", "-32767"],
    )


def test_gaps_between_found_times(tmp_path, store):
    datasets = [day([n], seed=n) for n in (0, 1, 3)]
    paths = write(tmp_path, datasets)
    truth = xr.concat(datasets, "time")
    found, told = baked(paths, store)
    xr.testing.assert_equal(found, truth)
    assert "2000-01-03" in told
    found, told = baked(paths, store.parent / "filled.zarr", "gaps=fill")
    xr.testing.assert_equal(found, truth.resample(time="1D").asfreq())
    assert "2000-01-03" in told


@pytest.mark.parametrize("items", [1, 4])
def test_gaps_of_declared_files(items, tmp_path, store):
    """Files of noon, or of four times a day: what an absent one would hold is told by its key."""
    hours = np.array([0.5]) if items == 1 else np.arange(4) / 4
    datasets = {n: day(n + hours, seed=n) for n in (0, 1, 3)}
    for number, ds in datasets.items():
        ds.to_netcdf(tmp_path / f"d2000010{number + 1}.nc", encoding=ENCODING)
    recipe = arco.recipe(
        tmp_path,
        f"""axes: {{time: {{concat: {{from: 2000-01-01, to: 2000-01-05, every: 1 day}}, items_per_file: {items}}}}}
source: {{url: "d{{time:%Y%m%d}}.nc"}}
combine: {{gaps: fill}}
""",
    )
    arco.bake(recipe, to=store)
    with xr.open_zarr(store) as found:
        times = np.concatenate([day(n + hours).time for n in range(5)])
        xr.testing.assert_equal(found.load(), xr.concat(list(datasets.values()), "time").reindex(time=times))

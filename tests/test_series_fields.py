"""Real series of GRIB files and of images: each is baked by its recipe, and every field or image of its files is asked
for in the store, as ecCodes and GDAL (by rasterio) read it."""

import rasterio
import xarray as xr

import arco
import gribs
from test_series import prepare


def baked(name, data, folder, *more):
    """The store of a series, and its files."""
    recipe, files = prepare(name, data, folder)
    store = folder / "out.zarr"
    arco.bake(recipe, *more, to=store, cwd=folder)
    return store, files


def fields(files):
    """What ecCodes says of all messages of files, and their points by grid."""
    grids = {}
    for path in files:
        grids |= gribs.grids(path)
    return [one for path in files for one in gribs.messages(path)], grids


def test_steps_and_parameters_of_grib_files(data, tmp_path):
    store, files = baked("earthkit_grib_rtz", data, tmp_path)
    wanted, grids = fields(files)
    assert len(wanted) == 72
    assert gribs.unfound(store, wanted, grids) == []
    decoded = xr.open_zarr(store, chunks=None)
    assert set(decoded.data_vars) == {"r", "t", "z"}
    assert dict(decoded["t"].sizes) == {"step": 4, "isobaricInhPa": 6, "latitude": 5, "longitude": 6}
    hours = [0, 6, 12, 24]
    assert (decoded["step"].values / 3_600_000_000_000).astype(int).tolist() == hours
    assert (decoded["valid_time"] == decoded["time"] + decoded["step"]).all()


def test_parameters_at_levels_of_other_types(data, tmp_path):
    store, files = baked("hrrr_vars", data, tmp_path)
    wanted, grids = fields(files)
    assert len(wanted) == 3
    assert gribs.unfound(store, wanted, grids) == []
    ds = xr.open_zarr(store, chunks=None, decode_coords="all")
    assert set(ds.data_vars) == {"t", "u10", "cfrzr"} and dict(ds.sizes) == {"y": 1059, "x": 1799}
    assert ds["u10"].coords["heightAboveGround"] == 10 and ds["t"].coords["surface"] == 0
    assert ds["t"].encoding["grid_mapping"] == "crs" and ds["crs"].attrs["grid_mapping_name"] == "lambert_conformal_conic"


def test_years_of_a_cog(data, tmp_path):
    store, files = baked("lcmap_cog_years", data, tmp_path)
    with xr.open_zarr(store, chunks=None, consolidated=False, mask_and_scale=False) as ds:
        assert dict(ds.sizes) == {"time": 2, "y": 2048, "x": 2048} and list(ds.data_vars) == ["band_data"]
        assert list(ds.time.dt.year) == [2019, 2020] and ds.band_data.attrs["_FillValue"] == 0
        for at, path in enumerate(files):
            with rasterio.open(path) as file:
                assert ds.band_data[at].values.tobytes() == file.read(1).tobytes()
                assert (ds.x.values[0], ds.y.values[0]) == file.transform @ (0.5, 0.5)
        assert ds.spatial_ref.attrs["grid_mapping_name"] == "albers_conical_equal_area"


def test_dates_on_other_grids_are_refused_unless_a_policy_says_so(data, tmp_path, store):
    name = "landsat8_bands_dates"
    recipe, files = prepare(name, data, tmp_path)
    named = ["combine-coords", "`x`", "20180405_B2.TIF"]
    arco.refuse("bake", recipe, "--to", store, exit="refused", mention=named, cwd=tmp_path)
    arco.bake(recipe, *arco.policies("coords=override"), to=store, cwd=tmp_path)
    compare_bands(files, store, 8)


def test_bands_of_one_date(data, tmp_path):
    store, files = baked("landsat8_bands_dates", data, tmp_path, "--take", "time=1")
    compare_bands(files, store, 1)
    with xr.open_zarr(store, consolidated=False) as ds, rasterio.open(files[0]) as file:
        assert (ds.x.values[0], ds.y.values[0]) == file.transform @ (0.5, 0.5)


def compare_bands(files, store, dates):
    """Every image of the first dates, bit by bit, at the date of its name."""
    with xr.open_zarr(store, chunks=None, consolidated=False, mask_and_scale=False) as ds:
        assert dict(ds.sizes) == {"time": dates, "y": 77, "x": 76}
        assert sorted(ds.data_vars) == ["B2", "B3", "B4", "B5"]
        days = [str(day)[:10].replace("-", "") for day in ds.time.values]
        images = [path for path in files if path.split("_")[-2] in days]
        assert len(images) == 4 * dates
        for path in images:
            *_, day, band = path.removesuffix(".TIF").split("_")
            with rasterio.open(path) as file:
                assert ds[band][days.index(day)].values.tobytes() == file.read(1).tobytes(), path

"""Steps and policies of the combined dataset: sorted, rolled, cut, without duplicates, times stored anew. The truth is
what xarray makes of the same files."""

import numpy as np
import pytest
import xarray as xr

import arco
import made

RAW = {"decode_times": False, "mask_and_scale": False, "chunks": None, "consolidated": False}
DAYS = [[4, 9, 5], [0, 31, 2], [60, 45, 46]]


def write(folder, days=DAYS, offset=0, compression=True, calendar="standard"):
    """One file per list of days: packed `t(time, lat, lon)`, a map `m(lat, lon)`, bounds of time and lon."""
    lat, lon = np.array([60.0, 0.0, -60.0]), np.arange(8) * 45.0
    edges = np.stack([lon - 22.5, lon + 22.5], -1)
    keywords = {"zlib": True, "chunksizes": (1, 3, 8)} if compression else {}
    paths = []
    for number, list_of_days in enumerate(days):
        time = np.array(list_of_days, "f8") + offset
        value = time[:, None, None] * 100 + np.arange(24).reshape(3, 8)
        variables = {
            "time": (("time",), time, {"units": "days since 2000-01-01", "calendar": calendar, "bounds": "time_bnds"}),
            "time_bnds": (("time", "bnds"), np.stack([time - 0.5, time + 0.5], -1)),
            "lat": (("lat",), lat, {"units": "degrees_north"}),
            "lon": (("lon",), lon, {"units": "degrees_east", "bounds": "lon_bnds", "valid_min": 0.0}),
            "lon_bnds": (("lon", "bnds"), edges),
            "m": (("lat", "lon"), np.arange(24, dtype="i2").reshape(3, 8)),
            "t": (("time", "lat", "lon"), value.astype("i2"), {"scale_factor": 0.1, "units": "K"}, keywords),
        }
        dims = {"time": len(time), "lat": 3, "lon": 8, "bnds": 2}
        paths.append(made.netcdf(folder / f"f{number}.nc", variables, dims))
    return paths


def bake(folder, paths, rest):
    axis = f"axes: {{time: {{concat: {list(range(len(paths)))}}}}}\n"
    files = ", ".join(path.name for path in paths)
    recipe = arco.recipe(folder, f"{axis}source: {{files: [{files}]}}\n{rest}")
    store = folder / "out.zarr"
    done = arco.run("bake", recipe, "--to", store, cwd=folder)
    return done, store


def expected(paths):
    parts = [xr.open_dataset(path, decode_times=False, mask_and_scale=False).load() for path in paths]
    once = {name: parts[0][name] for name in ("m", "lon_bnds")}
    return xr.concat([part.drop_vars(list(once)) for part in parts], "time").assign(once)


def check(store, want, keywords=None):
    actual = xr.open_zarr(store, **{**RAW, **(keywords or {})})
    assert set(actual.variables) == set(want.variables)
    for name in want.variables:
        assert actual[name].dims == want[name].dims, name
        np.testing.assert_array_equal(actual[name].values, want[name].values, err_msg=name)


def rolled(ds, west):
    lon = (ds.lon - west) % 360 + west
    edges = ds.lon_bnds.values + (lon.values - ds.lon.values)[:, None]
    out = ds.assign_coords(lon=lon.assign_attrs(ds.lon.attrs)).assign(lon_bnds=(ds.lon_bnds.dims, edges))
    return out.roll(lon=-int(np.argmin(lon.values)), roll_coords=True)


KEEP = "combine: {order: keep}\n"
STEPS = [
    ("policy", "combine: {order: sort}\n", lambda ds: ds.sortby("time")),
    ("sort", KEEP + "steps: [{sort: [time]}]\n", lambda ds: ds.sortby("time")),
    ("sort-alone", "steps: [{sort: [time]}]\n", lambda ds: ds.sortby("time")),
    ("sort-falling", KEEP + "steps: [{sort: {time: descending}}]\n", lambda ds: ds.sortby("time", ascending=False)),
    ("sort-lat", KEEP + "steps: [{sort: [lat]}]\n", lambda ds: ds.sortby("lat")),
    ("roll", KEEP + "steps: [{roll: {lon: -180}}]\n", lambda ds: rolled(ds, -180)),
    ("roll-odd", KEEP + "steps: [{roll: {lon: 100}}, {sort: [time]}]\n", lambda ds: rolled(ds, 100).sortby("time")),
    (
        "labels",
        KEEP + "steps: [{subset: {time: {from: 2000-01-03, to: 2000-02}}}]\n",
        lambda ds: ds.isel(time=np.flatnonzero((ds.time >= 2) & (ds.time < 60))),
    ),
    ("values", KEEP + "steps: [{subset: {time: [2000-02-15, 2000-01-01]}}]\n", lambda ds: ds.sel(time=[45, 0])),
    (
        "range",
        KEEP + "steps: [{subset: {time: {start: 1, stop: -1, step: 3}}}]\n",
        lambda ds: ds.isel(time=slice(1, -1, 3)),
    ),
    ("items", KEEP + "steps: [{subset: {time: {items: [-1, 0, 4]}}}]\n", lambda ds: ds.isel(time=[-1, 0, 4])),
]


@pytest.mark.parametrize("compression", [True, False], ids=["chunks", "plain"])
@pytest.mark.parametrize(("rest", "truth"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_steps_of_the_dataset(rest, truth, compression, tmp_path):
    paths = write(tmp_path, compression=compression)
    done, store = bake(tmp_path, paths, rest)
    assert done.code == 0, done.text
    check(store, truth(expected(paths)))
    if "roll" in rest:
        assert "valid_min" not in xr.open_zarr(store, **RAW).lon.attrs
    assert arco.run("verify", tmp_path / "recipe.yaml", "--to", store, cwd=tmp_path).code == 0


OVERLAP = [[0, 1, 2, 3], [2, 3, 4], [4, 5]]


@pytest.mark.parametrize("keep", ["first", "last", "identical"])
@pytest.mark.parametrize("by", ["policy", "step", "step-alone"])
def test_duplicates(by, keep, tmp_path):
    paths = write(tmp_path, OVERLAP)
    whole = expected(paths)
    if keep == "first":
        with xr.open_dataset(paths[0]) as ds:
            assert ds.sizes["time"] == 4
    rest = {
        "policy": f"combine: {{duplicates: {keep}}}\n",
        "step": f"combine: {{order: keep, duplicates: {keep}}}\nsteps: [{{dedupe: {{time: {keep}}}}}]\n",
        "step-alone": f"steps: [{{dedupe: {{time: {keep}}}}}]\n",
    }[by]
    done, store = bake(tmp_path, paths, rest)
    assert done.code == 0, done.text
    check(store, whole.drop_duplicates("time", keep="first" if keep == "identical" else keep))


def test_a_step_of_the_command_line_decides_alone(tmp_path):
    paths = write(tmp_path, OVERLAP)
    store = tmp_path / "out.zarr"
    arco.bake(*paths, "--concat", "time", "--step", "dedupe: {time: first}", to=store)
    check(store, expected(paths).drop_duplicates("time"))


def test_which_file_wins(tmp_path):
    """The values of the files differ where they overlap."""
    first, second = write(tmp_path, [[0, 1, 2]]) + write_other(tmp_path, [1, 2, 3])
    whole = expected([first, second])
    for keep in ("first", "last"):
        folder = tmp_path / keep
        folder.mkdir()
        (folder / "f0.nc").hardlink_to(first)
        (folder / "g0.nc").hardlink_to(second)
        done, store = bake(folder, [folder / "f0.nc", folder / "g0.nc"], f"combine: {{duplicates: {keep}}}\n")
        assert done.code == 0, done.text
        check(store, whole.drop_duplicates("time", keep=keep))


def write_other(folder, days):
    other = folder / "other"
    other.mkdir()
    (path,) = write(other, [days])
    import netCDF4

    with netCDF4.Dataset(path, "a") as ds:
        ds["t"].set_auto_maskandscale(False)
        ds["t"][:] = ds["t"][:] + 1
    return [path.rename(folder / "g0.nc")]


def test_identical_reads_what_the_files_hold(tmp_path):
    first, second = write(tmp_path, [[0, 1, 2]]) + write_other(tmp_path, [1, 2, 3])
    done, store = bake(tmp_path, [first, second], "combine: {duplicates: identical}\n")
    assert done.code == arco.EXIT["refused"], done.text
    for word in ["combine-duplicates", "f0.nc", "g0.nc", "`t`", "2000-01-02", "100", "101"]:
        assert word in done.text, done.text
    assert not store.exists()


def test_duplicates_and_order_are_refused_at_once(tmp_path):
    paths = write(tmp_path, [[4, 5], [0, 4]])
    done, _ = bake(tmp_path, paths, "")
    assert done.code == arco.EXIT["refused"]
    for word in ["combine-duplicates", "combine-order", "2000-01-05", "f1.nc", "monotonic"]:
        assert word in done.text, done.text


def test_whole_files_are_copied_though_they_are_sorted(tmp_path):
    paths = write(tmp_path, [[4, 5], [0, 1], [2, 3]])
    output = "output: {chunks: {time: 1, lat: 3, lon: 8}, codecs: source}\n"
    done, store = bake(tmp_path, paths, "combine: {order: sort}\n" + output)
    assert done.code == 0, done.text
    plan = arco.run("plan", tmp_path / "recipe.yaml", cwd=tmp_path)
    assert "1 of 7 arrays copied without decoding" in plan.text, plan.text
    check(store, expected(paths).sortby("time"))


TIMES = [
    ("{units: hours since 1999-12-31}", {"units": "hours since 1999-12-31", "dtype": "i8"}),
    ("{units: days since 1900-01-01, dtype: float64}", {"units": "days since 1900-01-01", "dtype": "f8"}),
    ("{dtype: int32, units: minutes since 2000-01-01}", {"units": "minutes since 2000-01-01", "dtype": "i4"}),
    ("{calendar: noleap}", {"units": "hours since 2000-01-01", "dtype": "i8", "calendar": "noleap"}),
]


@pytest.mark.parametrize(("encoding", "stored"), TIMES)
def test_time_encoding(encoding, stored, tmp_path):
    paths = write(tmp_path, [[0, 1], [2, 3]])
    done, store = bake(tmp_path, paths, f"steps: [{{time_encoding: {{time: {encoding}}}}}]\n")
    assert done.code == 0, done.text
    calendar = stored.get("calendar", "standard")
    want = xr.decode_cf(expected(paths), use_cftime=True, mask_and_scale=False)
    if calendar != "standard":
        want = want.drop_vars("time_bnds").convert_calendar(calendar, use_cftime=True)
    raw = xr.open_zarr(store, **RAW)
    assert raw.time.attrs["units"] == stored["units"]
    assert raw.time.attrs["calendar"] == calendar
    assert raw.time.dtype == raw.time_bnds.dtype == np.dtype(stored["dtype"])
    actual = xr.open_zarr(store, chunks=None, consolidated=False, use_cftime=True, mask_and_scale=False)
    np.testing.assert_array_equal(actual.time.values, want.time.values)
    np.testing.assert_array_equal(actual.t.values, want.t.values)
    if calendar == "standard":
        np.testing.assert_array_equal(actual.time_bnds.values, want.time_bnds.values)


REFUSED = [
    ("sort: [tiem]", "recipe", ["tiem", "time"]),
    ("roll: {lat: 0}", "recipe", ["lat", "longitude"]),
    ("roll: {time: 0}", "recipe", ["time", "longitude"]),
    ("subset: {time: [2000-01-07]}", "recipe", ["2000-01-07", "nearest", "2000-01-06"]),
    ("subset: {time: {from: 2010-01-01}}", "recipe", ["2010-01-01", "2000-01-01 to 2000-03-01"]),
    ("time_encoding: {time: {units: days since 2000-01-01, dtype: int32}}", "refused", ["time", "-"]),
]


@pytest.mark.parametrize(("step", "exit", "mention"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_steps_refuse(step, exit, mention, tmp_path):
    paths = write(tmp_path)
    done, store = bake(tmp_path, paths, f"{KEEP}steps: [{{{step}}}]\n")
    assert done.code == arco.EXIT[exit], done.text
    assert "panicked" not in done.text
    for word in mention:
        assert word in done.text, done.text
    assert not store.exists()

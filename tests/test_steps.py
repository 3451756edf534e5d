"""Steps of files, end to end: each against what xarray makes of the same files."""

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
from made import NAN, netcdf

DAYS = 3


def source(count=DAYS):
    files = ", ".join(f"day{number}.nc" for number in range(count))
    return f"axes: {{time: {{concat: {list(range(count))}}}}}\nsource: {{files: [{files}]}}\n"


def made(folder, format="NETCDF4", big=False):
    """Three files of packed, masked, flagged and plain variables."""
    rng = np.random.default_rng(7)
    order = ">" if big else "<"
    for day in range(DAYS):
        shape = (2, 3, 4)
        packed = rng.integers(-300, 300, shape).astype(order + "i2")
        packed[0, 0, :2] = -999
        whole = rng.integers(0, 1000, shape).astype(order + "i4")
        whole[1, 1, 1] = -1
        u = rng.normal(size=shape).astype(order + "f4")
        u[0, 2, 3] = NAN
        dims = ("time", "lat", "lon")
        variables = {
            "time": (("time",), np.arange(2.0) + 2 * day, {"units": "days since 2000-01-01"}),
            "lat": (("lat",), np.array([-10.0, 0.0, 10.0]), {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lat_bnds": (("lat", "nv"), np.array([[-15.0, -5.0], [-5.0, 5.0], [5.0, 15.0]])),
            "lon": (("lon",), np.array([0.0, 90.0, 180.0, 270.0]), {"units": "degrees_east"}),
            "area": (("lat", "lon"), np.arange(12.0).reshape(3, 4), {"units": "m2"}),
            "packed": (
                dims,
                packed,
                {"scale_factor": 0.5, "add_offset": 10.0, "units": "K"},
                {"fill_value": -999, "zlib": format == "NETCDF4"},
            ),
            "whole": (dims, whole, {"missing_value": np.int32(-1)}),
            "u": (dims, u, {"units": "m s-1", "coordinates": "area", "long_name": "eastward"}),
            "v": (("lat", "lon"), np.sin(np.arange(12.0)).reshape(3, 4).astype("f4"), {"units": "m s-1"}),
            "flag": (
                dims,
                rng.integers(0, 3, shape).astype("i1"),
                {"flag_values": np.array([0, 1, 2], "i1"), "flag_meanings": "good cloud ice"},
            ),
            "year": (("time",), np.array([2000, 2000], "i4")),
            "month": (("time",), np.array([1, 2], "i2")),
            "day": (("time",), np.array([1 + day, 10 + day], "i2")),
        }
        sizes = {"time": 2, "lat": 3, "lon": 4, "nv": 2}
        netcdf(folder / f"day{day}.nc", variables, sizes, {"title": "made"}, format=format, unlimited=("time",))
    return [folder / f"day{day}.nc" for day in range(DAYS)]


def expected(paths, drop=()):
    """The files as xarray concatenates them."""
    opened = [xr.open_dataset(p, decode_times=False, drop_variables=list(drop)).load() for p in paths]
    return xr.concat(opened, "time", data_vars="minimal", coords="minimal", compat="override", join="override")


def baked(folder, steps, count=DAYS):
    recipe = arco.recipe(folder, source(count) + "steps:\n" + "".join(f"  - {s}\n" for s in steps))
    store = folder / "out.zarr"
    arco.bake(recipe, to=store, cwd=folder)
    return xr.open_zarr(store, decode_times=False, consolidated=False).load()


def alike(found, wanted, rtol=1e-6):
    assert found.dims == wanted.dims, (found.dims, wanted.dims)
    np.testing.assert_allclose(
        np.asarray(found.values, "f8"), np.asarray(wanted.values, "f8"), rtol=rtol, err_msg=str(found.name)
    )


def cloudy(ds):
    return ds.flag == 1


# steps, the variables that are compared with what xarray makes of the dataset: name → (function, dtype as stored)
ROWS = {
    "cast-packed": (["cast: {packed: float32}"], {"packed": (lambda d: d.packed, "float32")}),
    "cast-integers": (["cast: {whole: int16}"], {"whole": (lambda d: d.whole, "int16")}),
    "cast-glob": (['cast: {"w*": float64}'], {"whole": (lambda d: d.whole, "float64")}),
    "mask-decoded": (
        ["mask: {packed: {below: -50, above: 100.5}}"],
        {"packed": (lambda d: d.packed.where((d.packed >= -50) & (d.packed <= 100.5)), "int16")},
    ),
    "mask-float": (["mask: {u: {above: 0.5}}"], {"u": (lambda d: d.u.where(~(d.u > 0.5)), "float32")}),
    "mask-equals": (
        ["mask: {flag: {equals: [2]}}"],
        {"flag": (lambda d: d.flag.where(d.flag != 2), "int8")},
    ),
    "mask-flags": (
        ["mask: {u: {flags: {flag: [cloud]}}, packed: {flags: {flag: [cloud, 2]}}}"],
        {
            "u": (lambda d: d.u.where(~cloudy(d)), "float32"),
            "packed": (lambda d: d.packed.where(d.flag == 0), "int16"),
        },
    ),
    "subset-labels": (
        ["subset: {lat: {from: -10, to: 0}, lon: [270, 90]}"],
        {
            "u": (lambda d: d.u.sel(lat=[-10, 0], lon=[270, 90]), "float32"),
            "lat_bnds": (lambda d: d.lat_bnds.sel(lat=[-10, 0]), "float64"),
            "v": (lambda d: d.v.sel(lat=[-10, 0], lon=[270, 90]), "float32"),
        },
    ),
    "subset-items": (
        ["subset: {lon: {start: 1, step: 2}, lat: {items: [-1]}}"],
        {"packed": (lambda d: d.packed.isel(lon=[1, 3], lat=[-1]), "int16")},
    ),
    "subset-box": (
        ["subset: {bbox: [-100, -5, 10, 20]}"],
        {"u": (lambda d: d.u.sel(lat=[0, 10], lon=[270, 0]), "float32")},
    ),
    "fill": (
        ["fill: {packed: 11.5, u: -7, whole: 5}"],
        {
            "packed": (lambda d: d.packed.fillna(11.5), "int16"),
            "u": (lambda d: d.u.fillna(-7), "float32"),
            "whole": (lambda d: d.whole.fillna(5), "int32"),
        },
    ),
    "flip": (
        ["flip: [lat, lon]"],
        {
            name: (
                lambda d, name=name: d[name].isel(
                    {k: slice(None, None, -1) for k in ("lat", "lon") if k in d[name].dims}
                ),
                None,
            )
            for name in ("u", "v", "lat", "lat_bnds", "packed", "area")
        },
    ),
    "set": (
        ['set: {wind: "hypot(u, v)", warm: "packed * 2"}', "drop: [u]"],
        {
            "wind": (lambda d: np.hypot(d.u, d.v), "float32"),
            "warm": (lambda d: d.packed * 2, "float32"),
        },
    ),
    "set-itself": (
        ['set: {whole: "where(whole > 500, missing, whole)", area: {expression: "area / 1e6", attrs: {units: km2}}}'],
        {
            "whole": (lambda d: d.whole.where(~(d.whole > 500)), "float64"),
            "area": (lambda d: d.area / 1e6, "float64"),
        },
    ),
    "set-integers": (
        ['set: {n: {expression: "round(u * 10)", dtype: int16}}'],
        {"n": (lambda d: np.round(d.u.astype("f8") * 10), "int16")},
    ),
    "one-after-the-other": (
        [
            "cast: {packed: float64}",
            "mask: {packed: {above: 100}}",
            "flip: [lat]",
            "fill: {packed: 0}",
            "transpose: [lon, time]",
        ],
        {
            "packed": (
                lambda d: (
                    d.packed.where(~(d.packed > 100))
                    .isel(lat=slice(None, None, -1))
                    .fillna(0)
                    .transpose("lon", "time", "lat")
                ),
                "float64",
            )
        },
    ),
}


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC", "big"])
@pytest.mark.parametrize("name", ROWS)
def test_steps_as_xarray(tmp_path, name, kind):
    paths = made(tmp_path, "NETCDF4" if kind == "big" else kind, big=kind == "big")
    steps, wanted = ROWS[name]
    truth = expected(paths)
    found = baked(tmp_path, steps)
    for variable, (make, dtype) in wanted.items():
        alike(found[variable], make(truth))
        if dtype:
            assert found[variable].encoding["dtype"] == np.dtype(dtype), (variable, found[variable].encoding)


def test_reset_coords(tmp_path):
    made(tmp_path)
    before, after = baked(tmp_path, ["drop: [flag]"]), tmp_path / "again"
    assert "area" in before.coords
    after.mkdir()
    made(after)
    found = baked(after, ["reset_coords: [area]"])
    assert "area" in found.data_vars and "lat" in found.coords


def test_time_of_parts(tmp_path):
    made(tmp_path)
    steps = ["keep: [u, year, month, day]", "time_from: {when: {year: year, month: month, day: day}}"]
    raw = baked(tmp_path, steps)
    found = xr.decode_cf(raw)
    wanted = [np.datetime64(f"2000-{m:02d}-{d + day:02d}") for day in range(DAYS) for m, d in ((1, 1), (2, 10))]
    assert list(found.when.values.astype("M8[D]")) == wanted
    assert "year" not in found and "when" in found.coords and raw.when.dtype == np.int64


def test_time_of_parts_is_the_coordinate(tmp_path):
    for number in range(2):
        parts = {"year": (("time",), np.array([2000 + number], "i4")), "doy": (("time",), np.array([60], "i2"))}
        netcdf(tmp_path / f"day{number}.nc", parts | {"x": (("time",), np.array([1.0]))}, {"time": 1})
    raw = baked(tmp_path, ["time_from: {time: {year: year, day_of_year: doy, keep_parts: true}}"], 2)
    assert list(xr.decode_cf(raw).time.values.astype("M8[D]")) == [
        np.datetime64("2000-02-29"),
        np.datetime64("2001-03-01"),
    ]
    assert raw.year.values.tolist() == [2000, 2001] and raw.time.units == "days since 1970-01-01"


def test_flat_groups(tmp_path):
    for number in range(2):
        with netCDF4.Dataset(tmp_path / f"day{number}.nc", "w") as ds:
            ds.createDimension("time", 1)
            ds.createVariable("time", "f8", ("time",))[:] = number
            ds["time"].units = "days since 2000-01-01"
            group = ds.createGroup("product")
            group.title = "inner"
            group.createDimension("x", 2)
            group.createVariable("x", "f4", ("x",))[:] = [1, 2]
            group.createVariable("no2", "f4", ("time", "x"))[:] = [[number, number + 1]]
            group["no2"].coordinates = "/time x"
            deep = group.createGroup("detail")
            deep.createVariable("qa", "i1", ("time", "x"))[:] = 7
    found = baked(tmp_path, ["flatten_groups: _"], 2)
    assert found["product_no2"].dims == ("time", "product_x")
    assert found["product_no2"].values.tolist() == [[0, 1], [1, 2]]
    assert found["product_x"].values.tolist() == [1, 2] and "product_x" in found.indexes
    assert (found["product_detail_qa"] == 7).all()
    assert found.attrs["product_title"] == "inner"


def test_unsigned_and_h5py(tmp_path):
    for number in range(2):
        with h5py.File(tmp_path / f"day{number}.nc", "w") as f:
            f["time"] = np.array([number], "f8")
            f["time"].attrs["units"] = "days since 2000-01-01"
            f["time"].make_scale("time")
            f["x"] = np.arange(4, dtype="f4")
            f["x"].make_scale("x")
            f["a"] = np.array([[0, 100, -56, -1]], "i1")
            f["a"].attrs["_Unsigned"] = "true"
            f["a"].attrs["_FillValue"] = np.array([-1], "i1")
            f["h"] = np.array([[0.5, 1.5, 2.5, np.nan]], ">f8")
            for name in ("a", "h"):
                f[name].dims[0].attach_scale(f["time"])
                f[name].dims[1].attach_scale(f["x"])
    steps = ['set: {s: "a + h"}', "cast: {a: int32}", "mask: {h: {below: 1}}"]
    found = baked(tmp_path, steps, 2)
    np.testing.assert_array_equal(found["a"].values[1], [0, 100, 200, np.nan])
    np.testing.assert_array_equal(found["s"].values[0], [0.5, 101.5, 202.5, np.nan])
    np.testing.assert_array_equal(found["h"].values[0], [np.nan, 1.5, 2.5, np.nan])


REFUSED = [
    ("cast: {u: int32}", "refused", ["u", "day0.nc", "no value of type int32", "round("]),
    ("cast: {whole: int8}", "refused", ["whole", "day0.nc", "no value of type int8"]),
    ("fill: {packed: 0.3}", "recipe", ["packed", "can't be packed"]),
    ('set: {x: "u + packed"}', "recipe", ["u + packed", "m s-1", "K"]),
    ('set: {x: "uu + 1"}', "recipe", ["uu", "nearest name is `u`"]),
    ("subset: {lat: {from: 50, to: 60}}", "recipe", ["lat", "day0.nc"]),
    ("mask: {u: {flags: {flag: [clouds]}}}", "recipe", ["flag", "clouds", "cloud"]),
    ("reset_coords: [lat]", "recipe", ["lat", "dimension"]),
    ("flip: [latt]", "recipe", ["latt", "lat"]),
]


@pytest.mark.parametrize("step,exit,mention", REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(tmp_path, step, exit, mention):
    made(tmp_path)
    recipe = arco.recipe(tmp_path, source() + f"steps:\n  - {step}\n")
    arco.refuse("bake", recipe, "--to", tmp_path / "out.zarr", exit=exit, mention=mention, cwd=tmp_path)
    assert not (tmp_path / "out.zarr").exists()


APART = {
    "replaced": ('set: {u: "u - bias"}', ["`set` of `u`", "`bias`", "no file has all"]),
    "made": ('set: {w: "u - bias"}', ["`set` of `w`", "no file has all"]),
    "alone": ('set: {u: "bias * 2"}', ["`bias` for `u`", "would stay as it is", "u.nc"]),
    "flags": ("mask: {u: {flags: {qc: [bad]}}}", ["`mask` of `u`", "`qc`", "no file has all"]),
    "times": ("time_from: {time: {year: year, month: month}}", ["`time_from` of `time`", "no file has all"]),
    "name": ('set: {u: "u - biass"}', ["`biass`, which no file has"]),
}


@pytest.mark.parametrize("step,mention", APART.values(), ids=APART)
def test_variables_of_different_files(tmp_path, step, mention):
    """A step that would do nothing, as every file lacks something, is refused."""
    flags = {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "good bad"}
    for name, values, attrs in (
        ("u", np.array([3, 4, 5], "f4"), {}),
        ("bias", np.array([1, 1, 1], "f4"), {}),
        ("qc", np.array([0, 1, 0], "i1"), flags),
        ("year", np.array([2000, 2001, 2002], "i4"), {}),
        ("month", np.array([1, 2, 3], "i4"), {}),
    ):
        netcdf(tmp_path / f"{name}.nc", {name: (("x",), values, attrs)})
    pattern = 'axes: {p: {merge: [u, bias, qc, year, month]}}\nsource: {url: "{p}.nc"}\n'
    recipe = arco.recipe(tmp_path, pattern + f"steps:\n  - {step}\n")
    out = tmp_path / "out.zarr"
    arco.refuse("bake", recipe, "--to", out, exit="recipe", mention=mention, cwd=tmp_path)
    assert not out.exists()


@pytest.mark.parametrize("step", ['set: {u: "u - bias"}', "mask: {u: {flags: {bias: [1]}}}"])
def test_what_would_stay_as_it_is_in_one_file(step, tmp_path):
    """Along a concat axis a file without an input of `set`, or a flag, would keep what the others replace."""
    for day, has_bias in enumerate([True, False, True]):
        time = (("time",), np.array([float(day)]), {"units": "days since 2000-01-01"})
        variables = {"time": time, "u": (("time",), np.array([3.0]))}
        netcdf(tmp_path / f"day{day}.nc", variables | ({"bias": (("time",), np.array([1.0]))} if has_bias else {}))
    steps = f"combine: {{absent: fill}}\nsteps:\n  - {step}\n"
    recipe = arco.recipe(tmp_path, source() + steps)
    mention = ["day1.nc", "`bias` for `u`", "would stay as it is"]
    arco.refuse("bake", recipe, "--to", tmp_path / "out.zarr", exit="recipe", mention=mention, cwd=tmp_path)


def test_plan_shows_every_step(tmp_path):
    made(tmp_path)
    steps = [
        "drop: [flag]",
        "rename: {u: east}",
        "cast: {packed: float32}",
        "subset: {lat: {to: 0}}",
        'set: {wind: "hypot(east, v)"}',
    ]
    recipe = arco.recipe(tmp_path, source() + "steps:\n" + "".join(f"  - {s}\n" for s in steps))
    text = arco.run("plan", recipe, cwd=tmp_path)
    assert text.code == 0, text.text
    for line in ("- flag", "u -> east", "packed: int16 -> float32", "lat: 3 -> 2", "+ float32 wind(time, lat, lon)"):
        assert line in text.out, (line, text.out)
    shown = arco.run("plan", recipe, "--json", cwd=tmp_path).events()
    plan = next(e for e in shown if "steps" in e or "steps" in e.get("plan", {}))
    last = (plan.get("plan") or plan)["steps"][-1]
    assert last["step"] == "set" and {v["name"] for v in last["variables"]} >= {"wind", "east", "packed"}

"""Pyramids: coarser versions of a dataset beside it. The truth is numpy's on blocks of the level above, and xarray's
`coarsen`; coordinates are means of those of the dataset itself."""

import json
import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import kill
import made
import s3
from test_bucket_targets import listed

NAN = np.nan
RAW = {"decode_times": False, "mask_and_scale": False, "chunks": None}
STEP = "steps:\n  - pyramid: {}\n"
KEYS = ("multiscales", "zarr_conventions")


def grid(ny=45, nx=70, west=2.5):
    """Latitudes from north to south with edges from south to north, longitudes to the east."""
    lat = 90 - (np.arange(ny) + 0.5) * 180 / ny
    lon = (west + np.arange(nx) * 360 / nx) % 360
    half_y, half_x = 90 / ny, 180 / nx
    return {
        "lat": (("lat",), lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
        "lon": (("lon",), lon, {"units": "degrees_east", "bounds": "lon_bnds"}),
        "lat_bnds": (("lat", "nv"), np.stack([lat - half_y, lat + half_y], 1)),
        "lon_bnds": (("lon", "nv"), np.stack([lon - half_x, lon + half_x], 1)),
    }


def day(number, ny=45, nx=70, grid=grid):
    rng = np.random.default_rng(number)
    shape, dims = (1, ny, nx), ("time", "lat", "lon")
    sst = (rng.random(shape) * 30).astype("f4")
    sst[rng.random(shape) < 0.3] = NAN
    sst[0, :9, :9] = NAN
    packed = rng.integers(-300, 300, shape).astype("i2")
    packed[rng.random(shape) < 0.2] = -999
    packed[0, -9:, -9:] = -999
    return {
        "time": (("time",), [float(number)], {"units": "days since 2000-01-01"}),
        **grid(ny, nx),
        "sst": (dims, sst, {"units": "degC", "_FillValue": np.float32(NAN), "actual_range": [0.0, 30.0]}),
        "ice": (dims, packed, {"scale_factor": 0.01, "add_offset": 1.5, "_FillValue": np.int16(-999)}),
        "kind": (dims, rng.integers(0, 4, shape).astype("i1"), {"flag_values": np.arange(4, dtype="i1")}),
        "zonal": (("time", "lat"), rng.random((1, ny))),
        "depth": (("lat", "lon"), np.random.default_rng(7).random((ny, nx))),
        "land": (("lat", "lon"), (np.arange(ny * nx).reshape(ny, nx) % 3).astype("i1")),
        "count": (("time",), np.array([number * 10], "i4")),
        "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude", "crs_wkt": 'GEOGCRS["WGS 84"]'}),
    }


def files(folder, count=4, first=0, **keywords):
    folder.mkdir(parents=True, exist_ok=True)
    return [
        made.netcdf(folder / f"day{number:02}.nc", day(number, **keywords)) for number in range(first, first + count)
    ]


def recipe(folder, steps=STEP, output="output: {chunks: {time: 1, lat: 16, lon: 32}}\n", rest=""):
    kill.without_lock(folder)
    text = f'axes: {{time: {{concat: found}}}}\nsource: {{find: {{glob: "day*.nc"}}}}\n{steps}{output}{rest}'
    return arco.recipe(folder, text)


def baked(path, store, *args, code=0, env=None):
    done = arco.run("bake", path, "--to", store, *args, env=env)
    assert done.code == code, done.text
    return done


def levels(store, **keywords):
    """The levels as they are stored, and the layout of the root."""
    root = xr.open_zarr(store, **{**RAW, **keywords}).attrs
    layout = root["multiscales"]["layout"]
    return [xr.open_zarr(store, group=entry["asset"], **{**RAW, **keywords}).load() for entry in layout], root


def blocks(values, dims, factor=2, coarse=("lat", "lon")):
    """The cells of every block along new last dimensions, NaN where the array ends."""
    values = values.astype("f8")
    pad = [(0, -size % factor if dim in coarse else 0) for dim, size in zip(dims, values.shape, strict=True)]
    values = np.pad(values, pad, constant_values=NAN)
    shape = [
        n
        for dim, size in zip(dims, values.shape, strict=True)
        for n in ((size // factor, factor) if dim in coarse else (size, 1))
    ]
    values = values.reshape(shape)
    inner = range(1, len(shape), 2)
    values = np.moveaxis(values, list(inner), range(-len(dims), 0))
    return values.reshape(*values.shape[: len(dims)], -1)


def mode(cells):
    out = np.full(cells.shape[:-1], NAN)
    for at in np.ndindex(out.shape):
        found, counts = np.unique(cells[at][~np.isnan(cells[at])], return_counts=True)
        if len(found):
            out[at] = found[np.argmax(counts)]
    return out


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:All-NaN")
def reduced(variable, method, factor=2, fill=None):
    values = variable.values.astype("f8")
    if fill is not None and not np.isnan(fill):
        values = np.where(values == fill, NAN, values)
    cells = blocks(values, variable.dims, factor)
    with np.errstate(all="ignore"):
        out = {"mean": np.nanmean, "min": np.nanmin, "max": np.nanmax}.get(method, lambda cells, axis: mode(cells))(
            cells, axis=-1
        )
    if variable.dtype.kind == "i":
        out = np.rint(out)
        out = np.where(np.isnan(out), 0 if fill is None else fill, out)
    return out.astype(variable.dtype)


def nearest(variable, factor=2):
    def middle(size):
        starts = np.arange(0, size, factor)
        return starts + (np.minimum(starts + factor, size) - starts - 1) // 2

    return variable.isel({dim: middle(n) for dim, n in variable.sizes.items() if dim in ("lat", "lon")}).values


def check_levels(all_levels, factor=2, methods=None):
    """Every level is what the one above makes of it."""
    methods = {"sst": "mean", "ice": "mean", "zonal": "mean", "depth": "mean", "kind": "nearest", "land": "nearest"} | (
        methods or {}
    )
    finest = all_levels[0]
    for number, (above, own) in enumerate(zip(all_levels, all_levels[1:], strict=False), 1):
        assert set(own.variables) == set(finest.variables)
        for name in ("time", "count", "crs"):
            assert own[name].identical(finest[name]), name
        step = factor**number
        for dim in ("lat", "lon"):
            want = finest[dim].coarsen({dim: step}, boundary="pad").mean().values
            difference = own[dim].values - want
            np.testing.assert_allclose(difference, 0, atol=1e-9, err_msg=dim)
            edges, whole = own[f"{dim}_bnds"].values, finest[f"{dim}_bnds"].values
            last = np.minimum(np.arange(1, len(want) + 1) * step, len(whole)) - 1
            ends = np.stack(
                [whole[::step].min(1), whole[last].max(1)]
                if dim == "lon"
                else [whole[last].min(1), whole[::step].max(1)],
                1,
            )
            np.testing.assert_allclose(edges, ends, err_msg=f"{dim}_bnds")
        for name, method in methods.items():
            assert own[name].dtype == finest[name].dtype
            assert own[name].sizes == {
                d: -(-n // factor) if d in ("lat", "lon") else n for d, n in above[name].sizes.items()
            }
            if method == "nearest":
                np.testing.assert_array_equal(own[name].values, nearest(above[name], factor), err_msg=name)
                continue
            want = reduced(above[name], method, factor, finest[name].attrs.get("_FillValue"))
            np.testing.assert_allclose(own[name].values, want, rtol=2e-7, atol=0, err_msg=f"{name} of level {number}")
            kept = dict(finest[name].attrs)
            kept.pop("actual_range", None)
            assert {k: str(v) for k, v in own[name].attrs.items()} == {k: str(v) for k, v in kept.items()}


SHAPES = [
    ("v3", ()),
    ("v2", ("--format", "zarr2")),
    ("shards", ("--chunks", "time=2,lat=8,lon=16", "--shards", "time=4,lat=24,lon=32")),
]


@pytest.mark.parametrize(("args",), [(args,) for _, args in SHAPES], ids=[name for name, _ in SHAPES])
def test_levels_are_made_of_the_level_above(args, tmp_path, store):
    files(tmp_path)
    path = recipe(
        tmp_path,
        "steps:\n  - pyramid: 4\n",
        "" if "--shards" in args else "output: {chunks: {time: 1, lat: 16, lon: 32}}\n",
    )
    done = baked(path, store, *args)
    all_levels, root = levels(store)
    assert len(all_levels) == 4
    check_levels(all_levels)
    assert [entry["asset"] for entry in root["multiscales"]["layout"]] == ["0", "1", "2", "3"]
    assert root["multiscales"]["layout"][2]["derived_from"] == "1"
    assert root["multiscales"]["layout"][2]["transform"] == {"scale": [2.0, 2.0], "translation": [0.0, 0.0]}
    assert root["multiscales"]["layout"][3]["spatial:shape"] == [6, 9]
    np.testing.assert_allclose(root["spatial:bbox"], [2.5 - 180 / 70, -90, 362.5 - 180 / 70, 90])
    assert root["proj:wkt2"] == 'GEOGCRS["WGS 84"]'
    # the dataset itself is what it would be without coarser levels, byte for byte
    plain = tmp_path / "plain.zarr"
    kill.without_lock(tmp_path)
    baked(recipe(tmp_path, "", path.read_text().split("\n")[-2] + "\n" if "--shards" not in args else ""), plain, *args)
    chunks = {
        p.relative_to(plain): p.read_bytes()
        for p in plain.rglob("*")
        if p.is_file() and not p.name.startswith((".z", "zarr."))
    }
    assert chunks == {
        p.relative_to(store / "0"): p.read_bytes()
        for p in (store / "0").rglob("*")
        if p.is_file() and not p.name.startswith((".z", "zarr."))
    }
    tree = xr.open_datatree(store, engine="zarr")
    assert {"/", "/0", "/1", "/2", "/3"} == set(tree.groups)
    assert done.code == 0


def test_verify_compares_every_level(tmp_path, store):
    files(tmp_path, 2)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    baked(path, store)
    done = arco.run("verify", path, "--to", store)
    assert done.code == 0 and "every value" in done.text, done.text
    one = next((store / "2" / "sst" / "c" / "0").rglob("0/0"))
    other = next((store / "2" / "sst" / "c" / "1").rglob("0/0"))
    one.write_bytes(other.read_bytes())
    done = arco.run("verify", path, "--to", store)
    assert done.code != 0 and "2/sst" in done.text, done.text


METHODS = [
    ("all", "method: max", {"sst": "max", "ice": "max", "zonal": "max", "depth": "max", "kind": "max", "land": "max"}),
    ("some", "method: {sst: min, k*: mode}", {"sst": "min", "kind": "mode"}),
    ("factor", "factor: 3, method: {land: mode, ice: min}", {"land": "mode", "ice": "min"}),
]


@pytest.mark.parametrize(("written", "methods"), [m[1:] for m in METHODS], ids=[m[0] for m in METHODS])
def test_methods(written, methods, tmp_path, store):
    files(tmp_path, 2)
    baked(recipe(tmp_path, f"steps:\n  - pyramid: {{levels: 3, {written}}}\n"), store)
    all_levels, root = levels(store)
    check_levels(all_levels, 3 if "factor" in written else 2, methods)
    assert (
        root["multiscales"]["resampling_method"] == {"mean": "average"}.get(methods["sst"], methods["sst"])
        if "sst" in methods
        else True
    )


def test_longitudes_are_never_averaged_over_the_wrap(tmp_path, store):
    """A regional grid over Greenwich and a curved one over the date line."""
    lon = (np.arange(9) * 4.0 + 345) % 360
    two = (np.array([[179.0, -179.0, -177.0, -175.0], [178.0, 180.0, -178.0, -176.0]])).astype("f4")
    made.netcdf(
        tmp_path / "day00.nc",
        {
            "time": (("time",), [0.0], {"units": "days since 2000-01-01"}),
            "lon": (("lon",), lon, {"units": "degrees_east"}),
            "lat": (("lat",), [0.0, 1.0], {"units": "degrees_north"}),
            "v": (("time", "lat", "lon"), np.zeros((1, 2, 9), "f4"), {"coordinates": "curved"}),
            "curved": (("time", "lat", "x"), two[None], {"units": "degrees_east", "standard_name": "longitude"}),
            "x": (("x",), np.arange(4.0)),
        },
    )
    baked(recipe(tmp_path, "steps:\n  - pyramid: {dims: [lat, lon, x], levels: 2}\n", ""), store)
    own = xr.open_zarr(store, group="1", **RAW)
    np.testing.assert_allclose(own.lon, [347, 355, 3, 11, 17])
    np.testing.assert_allclose(own.curved[0, 0] % 360, [179.5, 183.5])
    assert own.lat.values.tolist() == [0.5]


def filling(dtype, values, scale=None, **attrs):
    """A variable of two equal rows, as it is stored."""
    attrs = {name: value if isinstance(value, str) else np.asarray(value, dtype) for name, value in attrs.items()}
    if scale is not None:
        attrs["scale_factor"] = scale
    return (("y", "x"), np.array([values, values], dtype), attrs)


F4, I2 = np.float32(9.969209968386869e36), -32767
LEAST = np.nextafter(np.float32(0), np.float32(1))
# two cells become one: as stored, and what the level below has; the truth is numpy's, of the cells that netCDF4 shows
SPECIAL = {
    "packed_lon": (filling("i2", [17990, -17990, 17950, 17990], 0.01, units="degrees_east"), [-18000, 17970]),
    "single_lon": (
        filling("i2", [17990, -17970, -17990, -17970], np.float32(0.01), units="degrees_east"),
        [-17990, -17980],
    ),
    "odd_lon": (filling("i2", [257, -257, 10, 20], 0.7, units="degrees_east"), [-257, 15]),
    "east_lon": (filling("u2", [35990, 30, 100, 200], 0.01, units="degrees_east"), [10, 150]),
    "zero": (filling("f4", [-1, 1, 0, 0], _FillValue=0), [LEAST, 0]),
    "default": (filling("f4", [F4, 4, F4, F4]), [4, F4]),
    "packed_default": (filling("i2", [I2, 4, I2, I2], 0.5), [4, I2]),
    "own_fill": (filling("i2", [I2, -32765, -1, 6], 0.5, _FillValue=-1), [-32766, 6]),
    "ranged": (filling("u1", [10, 255, 255, 254], 1.0, valid_range=[0, 250]), [10, 255]),
    "least": (filling("f4", [0.1, 0.05, -1, 3], valid_min=0.1, _FillValue=-9), [np.float32(0.1), 3]),
    "wind": (filling("f4", [350, 10, 90, 70], units="degree", standard_name="wind_from_direction"), [350, 90]),
}


def test_means_of_special_numbers(tmp_path, store):
    """Packed longitudes over the date line, means that are the fill value, cells that are missing by other attributes."""
    made.netcdf(tmp_path / "day00.nc", {name: variable for name, (variable, _) in SPECIAL.items()})
    path = recipe(tmp_path, "steps:\n  - pyramid: {dims: [y, x], levels: 2}\n", "")
    path.write_text(
        path.read_text().replace("{time: {concat: found}}", "{}").replace('find: {glob: "day*.nc"}', "url: day00.nc")
    )
    said = arco.run("plan", path).out
    assert "`wind`: a direction" in said, said
    baked(path, store)
    (finest, own), _ = levels(store)
    for name, (_, want) in SPECIAL.items():
        assert own[name].dtype == finest[name].dtype
        np.testing.assert_array_equal(own[name].values, np.array([want], own[name].dtype), err_msg=name)
        if name == "wind":
            continue
        # the same of what netCDF4 shows, which masks and decodes by itself
        with netCDF4.Dataset(tmp_path / "day00.nc") as source:
            shown = np.ma.masked_array(source[name][0]).astype("f8").reshape(2, 2)
        scale = float(finest[name].attrs.get("scale_factor", 1e-6))
        stored = own[name].values[0] * (scale if "scale_factor" in finest[name].attrs else 1.0)
        if "lon" in name:
            mean = np.degrees(np.angle(np.exp(1j * np.radians(shown)).mean(1)))
            difference = (stored - mean + 180) % 360 - 180
        else:
            difference = (stored - shown.mean(1)).compressed()
        assert (abs(difference) <= scale / 2 + 1e-9).all(), (name, difference)


def test_integers_and_texts_as_coordinates(tmp_path, store):
    made.netcdf(
        tmp_path / "day00.nc",
        {
            "time": (("time",), [0.0], {"units": "days since 2000-01-01"}),
            "y": (("y",), np.arange(5, dtype="i4") * 10, {"standard_name": "projection_y_coordinate"}),
            "x": (("x",), np.array(["a", "b", "c"])),
            "v": (("time", "y", "x"), np.arange(15.0).reshape(1, 5, 3)),
        },
    )
    baked(recipe(tmp_path, "steps:\n  - pyramid: {dims: [x, y], levels: 2}\n", ""), store)
    own = xr.open_zarr(store, group="1", **RAW)
    assert own.y.dtype == "f8" and own.y.values.tolist() == [5.0, 25.0, 40.0]
    assert own.x.values.tolist() == ["a", "c"]
    np.testing.assert_allclose(own.v[0], [[2, 3.5], [8, 9.5], [12.5, 14]])


def test_areas_and_curved_bounds_are_left_to_the_dataset_itself(tmp_path, store):
    variables = day(0) | {
        "area": (("lat", "lon"), np.ones((45, 70)), {"standard_name": "cell_area"}),
        "lon2": (("lat", "lon"), np.ones((45, 70)), {"units": "degrees_east", "bounds": "corners"}),
        "corners": (("lat", "lon", "four"), np.ones((45, 70, 4))),
    }
    variables["sst"] = (*variables["sst"][:2], variables["sst"][2] | {"cell_measures": "area: area"})
    made.netcdf(tmp_path / "day00.nc", variables)
    path = recipe(tmp_path, "steps:\n  - pyramid: 2\n")
    said = arco.run("plan", path).out
    assert "`area`: left out of coarser levels" in said
    baked(path, store)
    (finest, own), _ = levels(store)
    assert {"area", "corners"} <= set(finest.variables)
    assert not {"area", "corners"} & set(own.variables)
    assert "cell_measures" not in own.sst.attrs and "bounds" not in own.lon2.attrs
    baked(recipe(tmp_path, "steps:\n  - pyramid: {levels: 2, method: {area: mean}}\n"), tmp_path / "asked.zarr")
    assert "area" in levels(tmp_path / "asked.zarr")[0][1]


REFUSED = [
    ("pyramid: {dims: [lat, lo]}", "`lo` is no dimension of the dataset", "lon"),
    ("pyramid: {dims: [time, lat]}", "the dimension `time` is a time", "leave it out"),
    ("pyramid: {levels: 9}", "found 9 levels, and one cell is left with 8 (lat = 45, lon = 70)", "fewer"),
    ("pyramid: {method: {sts: mean}}", "`sts` is no variable of the dataset", "sst"),
    ("pyramid: 1", "expected 2 to 64", ""),
    ("pyramid: {levels: 2, method: {lon: max}}", "`lon`, which no method makes coarser", "leave it out"),
    ("pyramid: {levels: 2, method: {l*_bnds: max}}", "`l*_bnds`, which no method makes coarser", "outer edges"),
    ("pyramid: {levels: 2, method: {sst: max, count: mean}}", "`count`, which no method makes coarser", "lat and lon"),
]


@pytest.mark.parametrize(("step", "message", "more"), REFUSED)
def test_refusals(step, message, more, tmp_path, store):
    files(tmp_path, 1)
    done = arco.run("bake", recipe(tmp_path, f"steps:\n  - {step}\n"), "--to", store)
    assert done.code in (3, 4) and message in done.text and more in done.text, done.text
    assert not store.exists()


def test_other_refusals(tmp_path, store):
    files(tmp_path, 1)
    path = recipe(tmp_path)
    done = arco.run("bake", path, "--to", store, "--format", "kerchunk-json")
    assert done.code != 0 and "target of references" in done.text, done.text
    done = arco.run("bake", recipe(tmp_path, "steps:\n  - pyramid: 2\n  - sort: [lat]\n"), "--to", store)
    assert done.code == 3 and "stands behind `pyramid`" in done.text, done.text
    plain = made.netcdf(
        tmp_path / "plain.nc", {"a": (("p", "q", "r"), np.zeros((2, 2, 2))), "b": (("q", "p"), np.zeros((2, 2)))}
    )
    done = arco.run("bake", plain, "--step", "pyramid: 2", "--to", store)
    assert done.code != 0 and "nothing says which dimensions" in done.text, done.text


def test_levels_end_where_the_coarsest_is_small(tmp_path, store):
    files(tmp_path, 1, ny=100, nx=600)
    baked(recipe(tmp_path, STEP), store)
    assert [dict(level.sst.sizes)["lon"] for level in levels(store)[0]] == [600, 300, 150]
    files(tmp_path, 1)
    baked(recipe(tmp_path, STEP), tmp_path / "small.zarr")
    assert len(levels(tmp_path / "small.zarr")[0]) == 1


def test_checks_and_stac_are_of_the_dataset_itself(tmp_path, store):
    files(tmp_path, 2)
    checks = "checks:\n  - range: {sst: [0, 30]}\n  - monotonic: [lat, time]\n  - size: {time: 2, lat: 45}\n"
    baked(recipe(tmp_path, "steps:\n  - pyramid: 3\n", rest=checks), store, "--stac")
    item = json.loads((Path(f"{store}.stac") / "item.json").read_text())
    assert "sst" in item["properties"]["cube:variables"]
    assert item["properties"]["cube:dimensions"]["lat"]["axis"] == "y"
    assert item["assets"]["data"]["xarray:open_kwargs"]["group"] == "0"
    done = arco.run(
        "bake",
        recipe(tmp_path, "steps:\n  - pyramid: 3\n", rest="checks: [range: {sst: [5, 30]}]\n"),
        "--to",
        tmp_path / "bad.zarr",
    )
    assert done.code == 4 and "sst" in done.text


def test_the_plan_shows_levels(tmp_path):
    files(tmp_path, 2)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    said = arco.run("plan", path).out
    assert "2 coarser levels of the whole dataset" in said and "changes nothing" not in said, said
    plan = next(event["plan"] for event in arco.run("plan", path, "--json").events() if "plan" in event)
    arrays = {array["name"]: array for array in plan["arrays"]}
    assert plan["levels"] == 3 and plan["dims"]["lat"] == 45
    assert arrays["2/sst"]["shape"] == [2, 12, 18] and arrays["2/sst"]["how"] == "coarsen"
    assert arrays["2/sst"]["chunk"] == [1, 12, 18] and arrays["1/sst"]["chunk"] == [1, 16, 32]


def test_an_update_makes_only_what_changed(tmp_path, store):
    files(tmp_path, 3)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    baked(path, store)
    before = {p.relative_to(store): p.stat().st_ino for p in store.rglob("c/*/*/*") if "sst" in p.parts}
    files(tmp_path, 1, first=3)
    kill.without_lock(tmp_path)
    baked(path, store, "--update")
    after = {p.relative_to(store): p.stat().st_ino for p in store.rglob("c/*/*/*") if "sst" in p.parts}
    # three days of all levels are the objects that were there
    assert before.items() <= after.items() and len(after) * 3 == len(before) * 4
    check_levels(levels(store)[0])
    fresh = tmp_path / "fresh.zarr"
    kill.without_lock(tmp_path)
    baked(path, fresh)
    assert arco.digest(fresh) == arco.digest(store)
    fewer = recipe(tmp_path, "steps:\n  - pyramid: 2\n")
    done = arco.run("bake", fewer, "--to", store, "--update")
    assert done.code == 4 and "number of levels can't change by an update: 3 was, 2 would be" in done.text, done.text
    assert "--overwrite" in done.text and "take away" not in done.text, done.text
    # another method is another dataset below level 0 alone
    other = recipe(tmp_path, "steps:\n  - pyramid: {levels: 3, method: {sst: max}}\n")
    baked(other, store, "--update")
    check_levels(levels(store)[0], methods={"sst": "max"})


def test_a_bake_that_is_killed_goes_on(failpoints, tmp_path, store):
    files(tmp_path, 2)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    whole = tmp_path / "whole.zarr"
    baked(path, whole, env=env)
    log = tmp_path / "calls"
    kill.without_lock(tmp_path)
    probe = tmp_path / "probe" / "out.zarr"
    probe.parent.mkdir()
    arco.run("bake", path, "--to", probe, by=[str(failpoints), str(probe.parent), "0", "count", str(log)], env=env)
    calls = len(log.read_text().splitlines())
    assert calls > 50
    for number in np.linspace(calls * 0.3, calls - 1, 7).astype(int):
        kill.without_lock(tmp_path)
        shutil.rmtree(store.parent)
        store.parent.mkdir()
        by = [str(failpoints), str(store.parent), str(number), "kill", str(log)]
        done = arco.run("bake", path, "--to", store, by=by, env=env)
        if not store.exists():
            assert done.code != 0
        baked(path, store, env=env)
        assert arco.digest(store) == arco.digest(whole), number


def test_units_leave_levels_to_finish(tmp_path, store):
    files(tmp_path, 4)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    whole, saved = tmp_path / "whole.zarr", tmp_path / "units.plan"
    baked(path, whole)
    kill.without_lock(tmp_path)
    done = arco.run("plan", path, "--to", store, "--units", 3, "--save", saved)
    assert done.code == 0, done.text
    assert arco.run("finish", "--plan", saved).code != 0
    for index in (2, 0, 1):
        done = arco.run("unit", "--plan", saved, "--index", index)
        assert done.code == 0, done.text
    done = arco.run("finish", "--plan", saved)
    assert done.code == 0, done.text
    assert arco.digest(whole) == arco.digest(store)


def test_levels_go_into_a_repository(tmp_path):
    """Icechunk's own files say which nodes there are; its client reads them where it is installed."""
    files(tmp_path, 2)
    repository = tmp_path / "target" / "out.icechunk"
    repository.parent.mkdir()
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    baked(path, repository, "--format", "icechunk")
    done = arco.run("verify", path, "--to", repository, "--format", "icechunk")
    assert done.code == 0 and "every value" in done.text, done.text


def test_levels_in_a_bucket(s3_store, tmp_path):
    files(tmp_path, 2)
    path = recipe(tmp_path, "steps:\n  - pyramid: 3\n")
    s3_store.put("pyramid/other.txt", b"")
    env = s3.KEYS | {"AWS_ENDPOINT_URL": s3_store.url, "AWS_EC2_METADATA_DISABLED": "true"}
    target = "s3://pyramid/out.zarr"
    baked(path, target, env=env)
    done = arco.run("verify", path, "--to", target, env=env)
    assert done.code == 0 and "every value" in done.text, done.text
    files(tmp_path, 1, first=2)
    kill.without_lock(tmp_path)
    baked(path, target, "--update", env=env)
    for key, body in listed(s3_store, "pyramid/out.zarr").items():
        copy = tmp_path / "copy" / key.removeprefix("pyramid/out.zarr/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(body)
    all_levels, _ = levels(tmp_path / "copy")
    check_levels(all_levels)
    assert all_levels[2].sizes["time"] == 3


def test_the_root_keeps_the_conventions(tmp_path, store):
    """The conventions' own validator."""
    conventions = pytest.importorskip("zarr_cm")
    files(tmp_path, 1)
    baked(recipe(tmp_path, "steps:\n  - pyramid: {levels: 3, method: {land: mode}}\n"), store)
    attrs = json.loads((store / "zarr.json").read_text())["attributes"]
    assert set(conventions.detect_revisions(attrs)) == {"multiscales", "spatial", "proj"}
    conventions.validate_all(attrs)


def test_levels_keep_to_the_memory(tmp_path, store):
    """Chunks of 8 MB, 64 MB of cells, and a limit that holds neither."""
    lat, lon = np.arange(1000.0), np.arange(2000.0)
    for number in range(8):
        values = np.random.default_rng(number).random((1, 1000, 2000)).astype("f4")
        variables = {
            "time": (("time",), [float(number)], {"units": "days since 2000-01-01"}),
            "y": (("y",), lat, {"axis": "Y"}),
            "x": (("x",), lon, {"axis": "X"}),
            "v": (("time", "y", "x"), values, {}, {"zlib": True, "complevel": 1, "chunksizes": (1, 1000, 2000)}),
        }
        made.netcdf(tmp_path / f"day{number:02}.nc", variables)
    path = recipe(tmp_path, "steps:\n  - pyramid: {}\n", "")
    done, peak = arco.measured("bake", path, "--to", store, "--memory", "100MiB", "--workers", 2)
    assert done.code == 0, done.text
    assert peak < 105, peak
    finest = xr.open_zarr(store, group="0", chunks=None).v[3].values
    own = xr.open_zarr(store, group="1", chunks=None).v[3].values
    want = finest.astype("f8").reshape(500, 2, 1000, 2).mean((1, 3))
    np.testing.assert_allclose(own, want, rtol=1e-6)

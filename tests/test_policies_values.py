"""Policies about numbers: what xarray decodes of each file, laid end to end, is what the baked dataset decodes to."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

import arco
import made

CELLS = 6


def file(path, number, values, attrs=None, fill=None, more=None):
    """`v(time, x)` of two steps as it is stored."""
    values = np.asarray(values).reshape(2, CELLS // 2)
    variables = {
        "time": (("time",), 2.0 * number + np.arange(2), {"units": "days since 2000-01-01"}),
        "v": (("time", "x"), values, attrs or {}, {"fill_value": fill if fill is not None else False}),
    } | (more or {})
    return made.netcdf(path, variables, {"time": 2, "x": CELLS // 2, "z": 2, "nv": 2})


def packed(scale, offset, **more):
    return {"scale_factor": np.float64(scale), "add_offset": np.float64(offset), **more}


def decoded(path, name="v"):
    """In double precision: the stored numbers, their masks and their packing."""
    with netCDF4.Dataset(path) as ds:
        variable = ds[name]
        variable.set_auto_maskandscale(False)
        stored, attrs = variable[...], variable.__dict__
    if str(attrs.get("_Unsigned")) == "true":
        stored = stored.view(stored.dtype.str.replace("i", "u"))
    masks = np.concatenate([np.atleast_1d(attrs.get(name, [])) for name in ("_FillValue", "missing_value")])
    masks = [np.asarray(m).astype(stored.dtype) if abs(m) < 1e30 or stored.dtype.kind == "f" else None for m in masks]
    values = stored.astype("f8") * attrs.get("scale_factor", 1.0) + attrs.get("add_offset", 0.0)
    for mask in masks:
        values[stored == mask] = np.nan
    return values


def by_xarray(path):
    with xr.open_dataset(path, decode_times=False) as ds:
        return ds.v.values.astype("f8")


def files(tmp_path, *specs):
    return [file(tmp_path / f"f{n}.nc", n, *spec) for n, spec in enumerate(specs)]


def bake(paths, store, *policies):
    arco.bake(*paths, "--concat", "time", *arco.policies(*policies), to=store)
    raw = xr.open_zarr(store, chunks=None, mask_and_scale=False).load()
    return raw, xr.open_zarr(store, chunks=None).load()


def refuse(paths, store, *policies, mention):
    given = ("bake", *paths, "--concat", "time", *arco.policies(*policies), "--to", store)
    arco.refuse(*given, exit="refused", mention=["v", *mention])
    assert not store.exists()


I2 = np.arange(-3, 3, dtype="i2") * 1000
WIDE = np.array([-30000, -9, 7, 100, 29999, -32767], "i2")

# files, policies, dtype of what is written, tolerance of the decoded values
ROWS = {
    "scales": ([(I2, packed(0.001, 250), -9), (WIDE, packed(0.002, 305), -32767)], [], "f4", 3e-5),
    "fine steps need doubles": ([(I2, packed(1e-6, 250)), (WIDE, packed(2e-6, 250))], [], "f8", 1e-13),
    "wide integers need doubles": ([(I2, packed(0.1, 0)), (WIDE.astype("i4") * 9000, packed(0.1, 0))], [], "f8", 1e-7),
    "packed and plain": ([(I2, packed(0.5, 1)), (WIDE.astype("f4"), {}, np.float32(7))], [], "f4", 0),
    "packed and double": ([(I2.astype("f8"), {}), (WIDE, packed(0.5, 1), 7)], [], "f8", 0),
    "several masks": (
        [(WIDE, packed(0.5, 1, missing_value=np.array([7, 100], "i2")), -9), (WIDE, packed(0.25, 1))],
        [],
        "f4",
        0,
    ),
    "signs": ([(I2.astype("i1"), packed(0.5, 0, _Unsigned="true"), -1), (I2.astype("i1"), packed(0.5, 0))], [], "f4", 0),
    "plain signs": ([(WIDE.astype("i1"), {"_Unsigned": "true"}, np.int8(-9)), (I2.astype("i1"), {})], [], "i2", 0),
    "first": ([(I2, packed(0.5, 0), -9), (np.arange(6, dtype="i1"), packed(1, 10), 3)], ["packing=first"], "i2", 0.25),
    "first of its own": (
        [(I2, packed(0.5, 0), -9), (np.arange(6, dtype="i1"), packed(1, 10), 3)],
        ["packing.v=first"],
        "i2",
        0.25,
    ),
    "first is plain": ([(I2.astype("f4"), {}), (WIDE, packed(0.5, 0), 7)], ["packing=first"], "f4", 0),
    "auto in two bytes": (
        [(WIDE.astype("i1"), packed(0.5, 3), 7), (np.arange(6, dtype="i1"), packed(1, 10.2))],
        ["packing=auto"],
        "i2",
        0.25,
    ),
    "auto in four": ([(I2, packed(0.001, 250), -9), (WIDE, packed(0.002, 305), 7)], ["packing=auto"], "i4", 5.01e-4),
    "widths": ([(I2, {}, np.int16(0)), (WIDE.astype("i4") * 9000, {}, np.int32(-9))], [], "i4", 0),
    "unsigned and signed": ([(np.arange(250, 256, dtype="u1"), {}), (I2.astype("i1"), {})], [], "i2", 0),
    "uint32 and int32": ([(np.arange(2**32 - 6, 2**32, dtype="u4"), {}), (-np.arange(6, dtype="i4"), {})], [], "i8", 0),
    "short and float": ([(I2, {}), (WIDE.astype("f4") / 7, {})], [], "f4", 0),
    "int and float": ([(I2.astype("i4") + 2**30, {}), (WIDE.astype("f4") / 7, {})], [], "f8", 0),
    "float and double": ([(I2.astype("f4") / 7, {}, np.float32(0)), (WIDE / 7, {}, 1e20)], [], "f8", 0),
    "first type": ([(I2, {}, np.int16(0)), (WIDE.astype("i8"), {}, -9)], ["dtype=first"], "i2", 0),
    "first type, from floats": ([(I2, {}, np.int16(1)), (WIDE.astype("f4"), {}, -9)], ["dtype=first"], "i2", 0),
    "fills": ([(WIDE, {}, np.int16(-9)), (WIDE + np.int16(1), {}, np.int16(8))], [], "i2", 0),
    "fills of floats": ([(WIDE.astype("f4"), {}, np.float32(-9)), (WIDE.astype("f4"), {}, np.float32(7))], [], "f4", 0),
    "fill and missing_value": (
        [(WIDE, {"missing_value": np.int16(7)}, np.int16(-9)), (WIDE, {"missing_value": np.int16(100)}, np.int16(-9))],
        [],
        "i2",
        0,
    ),
    "a fill and none": ([(WIDE, {}, np.int16(-9)), (I2, {})], [], "i2", 0),
    "fills of one packing": ([(WIDE, packed(0.5, 1), np.int16(-9)), (I2, packed(0.5, 1), np.int16(0))], [], "i2", 0),
    "one unit": ([(I2, {"units": "m s-1"}), (WIDE, {"units": "m/s"})], [], "i2", 0),
    "units kept": ([(I2, {"units": "m"}), (WIDE, {"units": "K"})], ["units=first"], "i2", 0),
}


@pytest.mark.parametrize("what", ROWS)
def test_values(what, tmp_path, store):
    specs, policies, dtype, tolerance = ROWS[what]
    paths = files(tmp_path, *specs)
    expected = np.concatenate([decoded(path) for path in paths])
    if not any("_Unsigned" in spec[1] for spec in specs):
        seen = np.concatenate([by_xarray(path) for path in paths])
        np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-6)
    raw, opened = bake(paths, store, *policies)
    assert raw.v.dtype == np.dtype(dtype)
    np.testing.assert_allclose(opened.v.values.astype("f8"), expected, rtol=1e-12, atol=tolerance + 1e-12 * 1e3)
    is_packed = "scale_factor" in raw.v.attrs
    assert is_packed == (raw.v.dtype.kind == "i" and any("scale_factor" in spec[1] for spec in specs))
    assert "missing_value" not in raw.v.attrs and "_Unsigned" not in raw.v.attrs
    if raw.v.dtype.kind == "f" and np.isnan(expected).any():
        assert np.isnan(raw.v.attrs["_FillValue"])


CELSIUS = {"units": "degC"}

UNITS = {
    "offset": ([(I2.astype("f4"), {"units": "K"}), (WIDE.astype("f4"), CELSIUS, np.float32(7))], lambda x: x + 273.15, "f4"),
    "doubles": ([(I2 / 7, {"units": "m"}), (WIDE / 7, {"units": "km"})], lambda x: x * 1000, "f8"),
    "integers": ([(I2, {"units": "m"}), (WIDE, {"units": "km"}, np.int16(7))], lambda x: x * 1000, "f8"),
    "packed": (
        [(I2, packed(0.01, 273, units="K")), (WIDE, packed(0.01, 5, units="degC"), np.int16(7))],
        lambda x: x + 273.15,
        "f4",
    ),
    "levels": (
        [(I2 / 1e4, {"units": "dBZ"}), (np.abs(WIDE / 1e4), {"units": "mm6 m-3"})],
        lambda x: 10 * np.log10(x),
        "f8",
    ),
}


@pytest.mark.parametrize("what", UNITS)
@pytest.mark.parametrize("key", ["units", "units.v"])
def test_units_are_converted(what, key, tmp_path, store):
    specs, convert, dtype = UNITS[what]
    paths = files(tmp_path, *specs)
    expected = np.concatenate([decoded(paths[0]), convert(decoded(paths[1]))])
    raw, opened = bake(paths, store, f"{key}=convert")
    assert raw.v.dtype == np.dtype(dtype) and raw.v.attrs["units"] == specs[0][1]["units"]
    rtol = 6e-8 if dtype == "f4" else 1e-12
    np.testing.assert_allclose(opened.v.values.astype("f8"), expected, rtol=rtol, atol=1e-12)


def test_units_and_the_first_packing(tmp_path, store):
    specs = [(I2, packed(0.01, 273, units="K"), -9), (np.arange(6, dtype="i2"), packed(0.5, 5, units="degC"), 2)]
    paths = files(tmp_path, *specs)
    raw, opened = bake(paths, store, "units=convert", "packing=first")
    assert raw.v.dtype == np.int16 and raw.v.attrs["scale_factor"] == 0.01 and raw.v.attrs["_FillValue"] == -9
    assert raw.v.values[:2].ravel().tolist() == I2.tolist()
    expected = np.concatenate([decoded(paths[0]), decoded(paths[1]) + 273.15])
    np.testing.assert_allclose(opened.v.values, expected, atol=0.00501)


def test_units_of_coordinates_and_their_bounds(tmp_path, store):
    def levels(units, by):
        bounds = np.array([[0, 1], [1, 2.5]]) * by
        return {
            "z": (("z",), np.array([0.5, 2]) * by, {"units": units, "bounds": "z_bnds"}),
            "z_bnds": (("z", "nv"), bounds),
        }

    rows = [("km", 1.0), ("m", 1000.0), ("km", 1.0)]
    paths = [file(tmp_path / f"f{n}.nc", n, I2, {}, None, levels(*row)) for n, row in enumerate(rows)]
    _, opened = bake(paths, store, "units.z=convert")
    assert opened.z.values.tolist() == [0.5, 2] and opened.z.attrs["units"] == "km"
    assert opened.z_bnds.values.tolist() == [[0, 1], [1, 2.5]]


def test_limits_are_decoded(tmp_path, store):
    specs = [
        (I2, packed(0.5, 1, valid_range=np.array([-10, 20], "i2")), -9),
        (WIDE, packed(0.25, 1, valid_range=np.array([-20, 40], "i2")), 7),
    ]
    raw, _ = bake(files(tmp_path, *specs), store)
    assert raw.v.dtype == np.float32 and raw.v.attrs["valid_range"] == [-4, 11]


REFUSED = {
    "packing": ([(I2, packed(0.5, 0)), (I2, packed(0.25, 0))], ["packing=error"], ["f1.nc", "scale_factor = 0.25"]),
    "packing of one": ([(I2, packed(0.5, 0)), (I2, packed(0.25, 0))], ["packing.v=error"], ["f0.nc", "f1.nc", "decode"]),
    "overflow of the packing": ([(I2, packed(0.001, 0)), (WIDE, packed(1, 0))], ["packing=first"], ["f1.nc", "-30000"]),
    "no mask in the packing": ([(I2, packed(0.5, 0)), (I2, packed(1, 0), -3000)], ["packing=first"], ["f1.nc", "missing"]),
    "no packing": ([(I2.astype("i4"), packed(0.5, 0)), (I2.astype("i4"), packed(1, 0))], ["packing=auto"], ["f1.nc"]),
    "type": ([(I2, {}), (I2.astype("i4"), {})], ["dtype=error"], ["f1.nc", "int32"]),
    "overflow of the type": ([(I2, {}), (WIDE.astype("i4") * 9, {})], ["dtype=first"], ["f1.nc", "-270000", "int16"]),
    "no type": ([(I2.astype("u8"), {}), (I2.astype("i8"), {})], [], ["f0.nc", "f1.nc", "uint64", "int64"]),
    "fill": ([(I2, {}, np.int16(1)), (I2, {}, np.int16(2))], ["fill=error"], ["f1.nc", "_FillValue 2"]),
    "fill in the way": ([(I2, {}, np.int16(7)), (WIDE, {}, np.int16(100))], [], ["f1.nc", "7 is a value here"]),
    "units": ([(I2, {"units": "K"}), (I2, CELSIUS)], [], ["f1.nc", '"K"', '"degC"', "combine.units: convert"]),
    "quantities": ([(I2, {"units": "K"}), (I2, {"units": "m"})], ["units=convert"], ["f1.nc", '"K"', '"m"']),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what, tmp_path, store):
    specs, policies, mention = REFUSED[what]
    refuse(files(tmp_path, *specs), store, *policies, mention=mention)

"""How numbers are stored

One variable, stored in another way in every file.
"""

import numpy as np

from edge.case import CELLS, Either, Outcomes, Right, Stop, case, cells, dates, grid

NAN = np.nan


def packed(files, time, values, scale, offset, **more):
    """Writes values as int16 of `scale` and `offset`; returns what they are after that rounding."""
    raw = np.round((values - offset) / scale).astype("i2")
    attrs = {"scale_factor": scale, "add_offset": offset, "units": "K"}
    files.nc(time, raw, dtype="i2", fill=np.int16(-32767), attrs=attrs, **more)
    return raw * scale + offset


@case("packing-differs", "Two files pack one variable into int16 with different `scale_factor` and `add_offset`.")
def packing_differs(files):
    a = packed(files, [0, 1], grid(2, 1, 240, 260), 0.001, 250.0)
    b = packed(files, [2, 3], grid(2, 2, 290, 320), 0.002, 305.0)
    right = Right({"t2m": cells(a, b), "time": dates(0, 1, 2, 3)}, atol=5e-5)
    # 80 K at the finer of the two scales are more steps than int16 has: either is a packing that holds all values
    auto = Right(right.variables, stored={"t2m": "i2 i4"}, atol=1e-3)
    return Outcomes(
        right,
        {
            "packing=decode": right,
            "packing=auto": auto,
            "packing=first": Stop(("f1.nc", "t2m")),
            "packing=error": Stop(("f0.nc", "f1.nc", "t2m", "scale_factor")),
        },
    )


@case("packing-fits-first", "Two files pack differently, and the first file's packing holds the values of both.")
def packing_fits_first(files):
    a = packed(files, [0, 1], grid(2, 1, 240, 260), 0.01, 300.0)
    b = packed(files, [2, 3], grid(2, 2, 290, 320), 0.002, 305.0)
    both = {"t2m": cells(a, b)}
    first = Right(both, {"t2m@units": "K"}, {"t2m": "i2"}, atol=5.1e-3)
    return Outcomes(Right(both, atol=5e-5), {"packing=first": first})


@case("packing-is-equal", "All files pack alike: the stored integers must stay as they are.")
def packing_is_equal(files):
    a, b = (packed(files, [n], grid(1, n), 0.01, 280.0) for n in (0, 1))
    return Outcomes(Right({"t2m": cells(a, b)}, stored={"t2m": "i2"}, atol=1e-5))


@case("integer-widths-differ", "int16 in one file, int32 in the next, with numbers above 32,767.")
def integer_widths(files):
    a = np.arange(24).reshape(2, 3, 4)
    b = a + 100_000
    files.nc([0, 1], a, dtype="i2")
    files.nc([2, 3], b, dtype="i4")
    right = Right({"t2m": cells(a, b)}, stored={"t2m": "i4"})
    by = {
        "dtype=promote": right,
        "dtype=first": Stop(("f1.nc", "t2m")),
        "dtype=error": Stop(("f1.nc", "t2m", "int16", "int32")),
    }
    return Outcomes(right, by)


@case("integer-widths-fit", "int16, then int32 whose numbers would all fit into int16.")
def integer_widths_fit(files):
    a = np.arange(24).reshape(2, 3, 4)
    files.nc([0, 1], a, dtype="i2")
    files.nc([2, 3], a + 1000, dtype="i4")
    both = {"t2m": cells(a, a + 1000)}
    return Outcomes(Right(both, stored={"t2m": "i4"}), {"dtype=first": Right(both, stored={"t2m": "i2"})})


@case("float-widths-differ", "float32 in one file, float64 in the next, with digits that float32 does not hold.")
def float_widths(files):
    a, b = grid(2, 1), grid(2, 2) + 1e-9
    files.nc([0, 1], a, dtype="f4")
    files.nc([2, 3], b, dtype="f8")
    return Outcomes(Right({"t2m": cells(a, b)}, stored={"t2m": "f8"}, atol=0.0))


@case("fill-values-differ", "Missing is -9999 in one file and 1e20 in the next.")
def fill_values(files):
    a, b = grid(2, 1), grid(2, 2)
    true = [a.copy(), b.copy()]
    a[0, 1, 1], b[1, 2, 3] = -9999, 1e20
    true[0][0, 1, 1] = true[1][1, 2, 3] = NAN
    files.nc([0, 1], a, fill=np.float32(-9999))
    files.nc([2, 3], b, fill=np.float32(1e20))
    right = Right({"t2m": cells(*true)})
    return Outcomes(right, {"fill=mask": right, "fill=error": Stop(("f0.nc", "f1.nc", "t2m", "_FillValue"))})


@case("missing-and-fill", "`missing_value` is -99 and `_FillValue` is -999, and both occur.")
def missing_and_fill(files):
    a = grid(2, 3)
    true = a.copy()
    a[0, 0, 0], a[1, 2, 3] = -99, -999
    true[0, 0, 0] = true[1, 2, 3] = NAN
    files.nc([0, 1], a, fill=np.float32(-999), attrs={"missing_value": np.float32(-99)})
    return Outcomes(Right({"t2m": cells(true)}))


@case("fill-is-text", '`missing_value` is the text "-999.", as some writers leave it.')
def fill_is_text(files):
    a = grid(2, 3)
    true = a.copy()
    a[0, 0, 0], true[0, 0, 0] = -999, NAN
    files.nc([0, 1], a, attrs={"missing_value": "-999."})
    return Outcomes(Either(Right({"t2m": cells(true)}), Stop(("f0.nc", "t2m", "missing_value"))))


@case("units-differ", "Kelvin in one file, degrees Celsius in the next; the numbers as such would go together.")
def units_differ(files):
    a, b = grid(2, 1), grid(2, 2, 0, 30)
    files.nc([0, 1], a, attrs={"units": "K"})
    files.nc([2, 3], b, attrs={"units": "degC"})
    stop = Stop(("f0.nc", "f1.nc", "t2m", "K", "degC"))
    by = {
        "units=error": stop,
        "units=convert": Right({"t2m": cells(a, b + 273.15)}, {"t2m@units": "K"}, atol=3e-5),
        "units=first": Right({"t2m": cells(a, b)}, {"t2m@units": "K"}),
    }
    return Outcomes(stop, by)


@case("units-of-other-kind", "Kelvin in one file, metres in the next: nothing converts one into the other.")
def units_other_kind(files):
    files.nc([0, 1], grid(2, 1), attrs={"units": "K"})
    files.nc([2, 3], grid(2, 2), attrs={"units": "m"})
    stop = Stop(("f1.nc", "t2m", "units"))
    return Outcomes(stop, {"units=convert": stop})


@case("unsigned-by-attribute", "NetCDF-3 bytes that `_Unsigned` says are 0 to 255, with `_FillValue` -1.")
def unsigned(files):
    raw = np.array([0, 1, 127, -128, -2, -1, 7, 7, 7, 7, 7, 7], "i1").reshape(1, 3, 4)
    true = np.where(raw == -1, NAN, raw.astype("i2") & 0xFF)
    files.nc([0], raw, dtype="i1", format="NETCDF3_CLASSIC", fill=np.int8(-1), attrs={"_Unsigned": "true"})
    return Outcomes(Right({"t2m": cells(true)}))


@case("big-endian", "Big-endian numbers, in NetCDF-4 and NetCDF-3.")
def big_endian(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a, filters={"endian": "big", "zlib": True})
    files.nc([2, 3], b, format="NETCDF3_64BIT_OFFSET")
    return Outcomes(Right({"t2m": cells(a, b)}))


@case("long-identifiers", "int64 identifiers above 2^53, which a double does not hold, with a `_FillValue`.")
def long_identifiers(files):
    raw = 2**53 + 1 + 2 * np.arange(24).reshape(2, 3, 4)
    raw[0, 0, 0] = -1
    files.nc([0, 1], raw, dtype="i8", fill=np.int64(-1))
    return Outcomes(Right({"t2m": (CELLS, raw)}, {"t2m@_FillValue": -1}, {"t2m": "i8"}, decoded=False))


@case("compression-differs", "Plain, deflated, deflated in other chunks, big-endian: the same kind of data four ways.")
def compression_differs(files):
    ways = [
        {},
        {"zlib": True, "complevel": 9, "chunksizes": (1, 3, 4)},
        {"zlib": True, "shuffle": True, "chunksizes": (2, 2, 3)},
        {"endian": "big"},
    ]
    parts = [grid(4, seed) for seed in range(4)]
    for number, (part, way) in enumerate(zip(parts, ways, strict=True)):
        files.nc(4 * number + np.arange(4), part, filters=way, unlimited=number % 2 == 0)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(*range(16))}))


@case("formats-differ", "NetCDF-3, 64-bit offset, CDF-5 and NetCDF-4 files, all named `.nc`.")
def formats_differ(files):
    parts = [grid(2, seed) for seed in range(4)]
    formats = ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"]
    for number, (part, format) in enumerate(zip(parts, formats, strict=True)):
        files.nc([2 * number, 2 * number + 1], part, format=format)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(*range(8))}))

"""Grids and coordinates

The cells of one file are not quite those of the next.
"""

import numpy as np

from edge.case import LAT, LON, Either, Outcomes, Right, Stop, case, cells, dates, grid


@case("last-digit", "Latitudes differ in their last binary digit, and are float32 in one file.")
def last_digit(files):
    parts = [grid(1, seed) for seed in range(3)]
    odd = LAT / 3  # float32 does not hold them
    for number, lat in enumerate((odd, np.nextafter(odd, 90), odd.astype("f4"))):
        files.nc([number], parts[number], lat=lat)
    right = Right({"t2m": cells(*parts), "lat": (("lat",), odd), "time": dates(0, 1, 2)}, atol=2e-6)
    stop = Stop(("f1.nc", "lat"))
    return Outcomes(right, {"coords=equal": right, "coords=override": right, "coords=error": stop})


@case("nearly-equal", "Latitudes differ by some 1e-14 between files, more than rounding would explain.")
def nearly_equal(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b, lat=LAT * (1 + 1e-15) + np.array([0, 1e-14, 2e-14]))
    right = Right({"t2m": cells(a, b), "lat": (("lat",), LAT), "time": dates(0, 1, 2, 3)})
    return Outcomes(Either(right, Stop(("f1.nc", "lat"))), {"coords=override": right})


@case("another-grid", "The second file is on a grid that is shifted by half a cell.")
def another_grid(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b, lat=LAT + 5)
    stop = Stop(("f1.nc", "lat", "5"))
    first = Right({"t2m": cells(a, b), "lat": (("lat",), LAT)})
    return Outcomes(stop, {"coords=equal": stop, "coords=error": stop, "coords=override": first})


@case("grids-overlap", "The first file covers 10 to 30 degrees north, the second 20 to 40.")
def grids_overlap(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b, lat=LAT + 10)
    nothing = np.full((2, 1, 4), np.nan)
    union = cells(np.concatenate([a, nothing], axis=1), np.concatenate([nothing, b], axis=1))
    stop = Stop(("f1.nc", "lat"))
    by = {
        "coords=outer": Right({"t2m": union, "lat": (("lat",), [10, 20, 30, 40])}),
        "coords=inner": Right({"t2m": cells(a[:, 1:], b[:, :2]), "lat": (("lat",), [20, 30])}),
    }
    return Outcomes(stop, by)


@case("latitude-is-flipped", "Latitude runs south to north in one file, north to south in the next.")
def flipped(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b[:, ::-1], lat=LAT[::-1])
    right = Right({"t2m": cells(a, b), "lat": (("lat",), LAT)})
    stop = Stop(("f1.nc", "lat"))
    return Outcomes(Either(right, stop), {"lat=align": right, "lat=error": stop})


@case("longitude-convention", "Longitudes from 0 to 360 in one file, from -180 to 180 in the next, on one grid.")
def longitudes(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    west = np.where(LON >= 180, LON - 360, LON)
    order = np.argsort(west)
    files.nc([2, 3], b[:, :, order], lon=west[order])
    right = Right({"t2m": cells(a, b), "lon": (("lon",), LON)})
    stop = Stop(("f1.nc", "lon"))
    return Outcomes(Either(right, stop), {"lon=roll": right, "lon=error": stop})


@case("dimensions-are-swapped", "`(time, lat, lon)` in one file, `(time, lon, lat)` in the next.")
def swapped(files):
    a, b = grid(2, 1), grid(2, 2)
    files.nc([0, 1], a)
    files.nc([2, 3], b.transpose(0, 2, 1), dims=("time", "lon", "lat"))
    right = Right({"t2m": cells(a, b)})
    return Outcomes(right, {"dims=transpose": right, "dims=error": Stop(("f1.nc", "t2m", "lon"))})

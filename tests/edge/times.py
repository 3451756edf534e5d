"""Times and calendars

Every file says in its own way when it is.
"""

import numpy as np

from edge.case import DAYS, LAT, LON, Outcomes, Right, Stop, case, cells, dates, grid


@case("time-units-differ", "Hours, days and seconds since one date.")
def time_units(files):
    parts = [grid(2, seed) for seed in range(3)]
    files.nc([0, 12], parts[0], units="hours since 2000-01-01", time_type="i4")
    files.nc([1, 1.5], parts[1])
    files.nc([172800, 216000], parts[2], units="seconds since 2000-01-01", time_type="i8")
    right = Right({"t2m": cells(*parts), "time": dates(0, 0.5, 1, 1.5, 2, 2.5)})
    stop = Stop(("f0.nc", "f1.nc", "time", "hours since", "days since"))
    return Outcomes(right, {"time=decode": right, "time=error": stop})


@case("reference-date-moves", "Every file counts from 0 hours since its own day.")
def reference_date(files):
    parts = [grid(3, seed) for seed in range(3)]
    for day, part in enumerate(parts):
        files.nc([0, 8, 16], part, units=f"hours since 2000-01-{day + 1:02} 00:00:00", time_type="i4")
    times = dates(*(day + hour / 24 for day in range(3) for hour in (0, 8, 16)))
    return Outcomes(Right({"t2m": cells(*parts), "time": times}))


@case("whole-days-since-an-hour", "One step a file: the integer 0, in days since that very hour.")
def days_since_an_hour(files):
    parts = [grid(1, seed) for seed in range(4)]
    for hour, part in enumerate(parts):
        files.nc([0], part, units=f"days since 2000-01-01 {hour:02}:00:00", time_type="i8")
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1 / 24, 2 / 24, 3 / 24)}))


@case("calendar-has-two-names", "`365_day` in one file, `noleap` in the next: one calendar.")
def calendar_alias(files):
    parts = [grid(2, seed) for seed in range(2)]
    files.nc([58, 59], parts[0], calendar="365_day")
    files.nc([60, 61], parts[1], calendar="noleap")
    times = [f"2000-{day}T00:00:00" for day in ("02-28", "03-01", "03-02", "03-03")]
    return Outcomes(Right({"t2m": cells(*parts), "time": (("time",), times)}, calendar="noleap"))


@case("calendars-differ", "`noleap` in one file, `standard` in the next.")
def calendars_differ(files):
    parts = [grid(2, seed) for seed in range(2)]
    files.nc([0, 1], parts[0], calendar="noleap")
    files.nc([2, 3], parts[1], calendar="standard")
    stop = Stop(("f0.nc", "f1.nc", "time", "calendar", "noleap"))
    both = {"t2m": cells(*parts), "time": dates(0, 1, 2, 3)}
    by = {
        "calendar=error": stop,
        "calendar=convert:standard": Right(both),
        "calendar=convert:noleap": Right(both, calendar="noleap"),
    }
    return Outcomes(stop, by)


@case("date-that-the-calendar-lacks", "A 29 February, to be converted to a calendar without leap days.")
def no_such_date(files):
    files.nc([58], grid(1, 0), calendar="noleap")
    files.nc([59], grid(1, 1), calendar="standard")
    stop = Stop(("f1.nc", "time"))
    return Outcomes(Stop(("f1.nc", "time", "calendar")), {"calendar=convert:noleap": stop})


@case("thirty-days-a-month", "The `360_day` calendar, with a 30 February.")
def thirty_days(files):
    parts = [grid(2, seed) for seed in range(2)]
    files.nc([58, 59], parts[0], calendar="360_day")
    files.nc([60, 61], parts[1], calendar="360_day")
    times = [f"2000-{day}T00:00:00" for day in ("02-29", "02-30", "03-01", "03-02")]
    return Outcomes(Right({"t2m": cells(*parts), "time": (("time",), times)}, calendar="360_day"))


@case("months-since", "`months since 1979-01-01`: months are of no one length.")
def months_since(files):
    part = grid(4, 1)
    files.nc([0, 1, 2, 3], part, units="months since 1979-01-01", time_type="i4")
    times = ("time",), [f"1979-{month:02}-01T00:00:00" for month in (1, 2, 3, 4)]
    stop = Stop(("f0.nc", "time", "months since"))
    return Outcomes(stop, {"months=error": stop, "months=calendar": Right({"t2m": cells(part), "time": times})})


@case("bounds-without-units", "`time_bnds` has no units of its own, and the reference date moves from file to file.")
def bounds(files):
    parts = [grid(2, seed) for seed in range(2)]
    for number, part in enumerate(parts):
        edges = {"time_bnds": (("time", "nv"), np.array([[0.0, 1], [1, 2]]))}
        units = f"days since 2000-01-{1 + 2 * number:02}"
        files.nc([0.5, 1.5], part, units=units, time_attrs={"bounds": "time_bnds"}, extra=edges, sizes={"nv": 2})
    days = ("time", "nv"), [dates(n, n + 1)[1] for n in range(4)]
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0.5, 1.5, 2.5, 3.5), "time_bnds": days}))


@case("time-is-a-scalar", "`time` has no dimension, and the data are `(lat, lon)`: one file, one step.")
def scalar_time(files):
    import made

    parts = [grid(1, seed) for seed in range(3)]
    for number, part in enumerate(parts):
        attrs = {"units": DAYS}
        variables = {
            "time": ((), np.float64(number), attrs),
            "lat": (("lat",), LAT),
            "lon": (("lon",), LON),
            "t2m": (("lat", "lon"), part[0].astype("f4"), {"coordinates": "time"}),
        }
        files.add(lambda path, variables=variables: made.netcdf(path, variables))
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1, 2)}))

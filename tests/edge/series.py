"""One file after the other

What overlaps, is missing, or stands in another order.
"""

import numpy as np

from edge.case import Outcomes, Right, Stop, case, cells, dates, grid


@case("overlap-differs", "The second file repeats two days of the first with other values, as a restarted run does.")
def overlap(files):
    a, b = grid(4, 1), grid(4, 2)
    files.nc([0, 1, 2, 3], a)
    files.nc([2, 3, 4, 5], b)
    six = dates(*range(6))
    stop = Stop(("f0.nc", "f1.nc", "time", "2000-01-03"))
    by = {
        "duplicates=error": stop,
        "duplicates=first": Right({"t2m": cells(a, b[2:]), "time": six}),
        "duplicates=last": Right({"t2m": cells(a[:2], b), "time": six}),
        "duplicates=identical": Stop(("f0.nc", "f1.nc", "t2m", "2000-01-03")),
    }
    return Outcomes(stop, by)


@case("overlap-is-equal", "The second file repeats the last day of the first, bit for bit.")
def overlap_equal(files):
    whole = grid(5, 1)
    files.nc([0, 1, 2], whole[:3])
    files.nc([2, 3, 4], whole[2:])
    right = Right({"t2m": cells(whole), "time": dates(*range(5))})
    by = {f"duplicates={name}": right for name in ("first", "last", "identical")}
    return Outcomes(Stop(("f0.nc", "f1.nc", "time", "2000-01-03")), by)


@case("out-of-order", "The files are not listed in the order of their times.")
def out_of_order(files):
    parts = [grid(2, seed) for seed in range(3)]
    for part, start in zip(parts, (0, 4, 2), strict=True):
        files.nc([start, start + 1], part)
    stop = Stop(("f2.nc", "time", "monotonic"))
    by = {
        "order=error": stop,
        "order=sort": Right({"t2m": cells(parts[0], parts[2], parts[1]), "time": dates(*range(6))}),
        "order=keep": Right({"t2m": cells(*parts), "time": dates(0, 1, 4, 5, 2, 3)}),
    }
    return Outcomes(stop, by)


@case("a-day-is-missing", "One file a day, and one day is not there.")
def a_day_is_missing(files):
    parts = [grid(1, seed) for seed in range(3)]
    for part, day in zip(parts, (0, 1, 3), strict=True):
        files.nc([day], part)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1, 3)}, says=("2000-01-03",)))


def declared(paths):
    """Four days, of which one has no file."""
    paths = [str(path) for path in paths]
    paths.insert(2, paths[-1].replace("f2.nc", "absent.nc"))
    axes = {"time": {"concat": {"from": "2000-01-01", "to": "2000-01-04", "every": "1 day"}}}
    return {"axes": axes, "source": {"files": paths}}


@case(
    "a-declared-day-is-missing",
    "The recipe declares a file for each day, and one is absent.",
    recipe=declared,
    peers=False,
)
def declared_gap(files):
    parts = [grid(1, seed) for seed in range(3)]
    for part, day in zip(parts, (0, 1, 3), strict=True):
        files.nc([day], part)
    nothing = np.full(parts[0].shape, np.nan)
    stop = Stop(("absent.nc",))
    by = {
        "gaps=error": stop,
        "gaps=skip": Right({"t2m": cells(*parts), "time": dates(0, 1, 3)}),
        "gaps=fill": Right({"t2m": cells(*parts[:2], nothing, parts[2]), "time": dates(0, 1, 2, 3)}),
    }
    return Outcomes(stop, by)


@case("no-steps", "One file of the series has no steps at all.")
def no_steps(files):
    parts = [grid(2, seed) for seed in range(2)]
    files.nc([0, 1], parts[0])
    files.nc([], np.empty((0, 3, 4)))
    files.nc([2, 3], parts[1])
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(0, 1, 2, 3)}, says=("f1.nc",)))


@case("months-are-uneven", "Files of 31, 29 and 31 days, to be written in chunks of 10.", chunks={"time": 10})
def uneven(files):
    parts, start = [grid(length, length + seed) for seed, length in enumerate((31, 29, 31))], 0
    for part in parts:
        files.nc(start + np.arange(len(part)), part, unlimited=False)
        start += len(part)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(*range(91))}))


@case(
    "chunks-are-shared", "Three files of 10 days, to be written in chunks of 7: files share chunks.", chunks={"time": 7}
)
def shared_chunks(files):
    parts = [grid(10, seed) for seed in range(3)]
    for number, part in enumerate(parts):
        files.nc(10 * number + np.arange(10), part)
    return Outcomes(Right({"t2m": cells(*parts), "time": dates(*range(30))}))


@case("one-variable-of-records", "NetCDF-3 with one int16 variable of records, which is not padded.", concat=None)
def record_padding(files):
    values = np.arange(15, dtype="i2").reshape(5, 3)

    def write(path):
        import made

        variables = {"a": (("record", "x"), values)}
        made.netcdf(path, variables, {"record": 5, "x": 3}, format="NETCDF3_CLASSIC", unlimited=("record",))

    files.add(write)
    return Outcomes(Right({"a": (("record", "x"), values)}))

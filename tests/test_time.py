"""CF times end to end: calendar months, converted calendars, zones, bounds and resolutions, against cftime and xarray."""

import cftime
import numpy as np
import pytest
import xarray as xr

import arco
import made


def series(folder, files, bounds=False):
    """One file per (values, units, calendar): `time` and `v(time)`, which counts on; with `bounds` half a unit around."""
    paths, at = [], 0
    for number, (values, units, calendar) in enumerate(files):
        values = np.asarray(values)
        attrs = {"units": units} | ({"calendar": calendar} if calendar else {})
        variables = {"v": (("time",), np.arange(at, at + len(values), dtype="f4"))}
        if bounds:
            attrs["bounds"] = "time_bnds"
            variables["time_bnds"] = (("time", "nv"), np.stack([values - 0.5, values + 0.5], axis=1))
        variables["time"] = (("time",), values, attrs)
        paths.append(made.netcdf(folder / f"f{number}.nc", variables, {"time": len(values), "nv": 2}))
        at += len(values)
    return paths


def baked(paths, store, *policies, **kwargs):
    arco.bake(*paths, "--concat", "time", *arco.policies(*policies), to=store)
    return xr.open_zarr(store, **kwargs)


def dates(array):
    """Any array of dates as texts to the microsecond."""
    if array.dtype.kind == "M":
        return [str(x) for x in array.astype("datetime64[us]")]
    return [x.strftime("%Y-%m-%dT%H:%M:%S") + f".{x.microsecond:06d}" for x in array]


MONTHS = [
    ([0, 1, 2, 3], "months since 1979-01-01", None, ["1979-01-01", "1979-02-01", "1979-03-01", "1979-04-01"]),
    ([0, 1, 2], "months since 1979-01-31", "standard", ["1979-01-31", "1979-02-28", "1979-03-31"]),
    ([0.5, 1.5, 372.5], "months since 1955-01-01 00:00:00", None, ["1955-01-16T12", "1955-02-15", "1986-01-16T12"]),
    ([0, 1, 4], "years since 2000-02-29", "proleptic_gregorian", ["2000-02-29", "2001-02-28", "2004-02-29"]),
    ([-12, 600], "months since 1999-07-01T06:30", None, ["1998-07-01T06:30", "2049-07-01T06:30"]),
]


@pytest.mark.parametrize(("values", "units", "calendar", "expected"), MONTHS)
def test_calendar_months(values, units, calendar, expected, tmp_path, store):
    paths = series(tmp_path, [(values, units, calendar)])
    arco.refuse(
        "bake", *paths, "--concat", "time", "--to", store, exit="refused", mention=["combine-months", "f0.nc", "time"]
    )
    with baked(paths, store, "months=calendar") as ds:
        assert np.array_equal(ds.time.values, np.array(expected, "M8[us]"))
        assert np.array_equal(ds.v, np.arange(len(values)))
    with xr.open_zarr(store, decode_times=False) as raw:
        assert raw.time.dtype == np.int64 and raw.time.attrs["units"].split()[0] in ("days", "hours", "minutes")


def test_whole_months_are_those_of_pandas(tmp_path, store):
    import pandas as pd

    counts = np.arange(-700, 900, 7)
    paths = series(tmp_path, [(counts, "months since 1981-08-31 03:00", None)])
    with baked(paths, store, "months=calendar") as ds:
        start = pd.Timestamp("1981-08-31 03:00")
        assert list(ds.time.values) == [start + pd.DateOffset(months=int(n)) for n in counts]


def test_bounds_follow_months(tmp_path, store):
    paths = series(tmp_path, [([0.5, 1.5], "months since 1955-01-01", None)], bounds=True)
    with baked(paths, store, "months=calendar") as ds:
        edges = [["1955-01-01", "1955-02-01"], ["1955-02-01", "1955-03-01"]]
        assert np.array_equal(ds.time_bnds.values, np.array(edges, "M8[ns]"))


def test_woa18_months_are_dates(data, tmp_path, store):
    paths = sorted((data / "series" / "woa18_monthly").glob("*.nc"))[:2]
    if not paths:
        pytest.skip("no woa18_monthly")
    keep = ["--step", "keep: [time]", "--concat", "time", "--set", "combine.months=calendar"]
    arco.bake(*paths, *keep, to=store)
    with xr.open_zarr(store) as ds:
        raw = [xr.open_dataset(path, decode_times=False, engine="netcdf4").time for path in paths]
        for found, time in zip(ds.time.values, raw, strict=True):
            whole, half = divmod(float(time[0]), 1)
            month = np.datetime64("1955-01") + int(whole)
            day = (month + 1).astype("M8[D]") - month.astype("M8[D]")
            assert time.attrs["units"].startswith("months since 1955-01-01")
            assert found == month.astype("M8[ns]") + day.astype("m8[ns]") * half


CONVERSIONS = [
    ("noleap", "standard", [0, 58, 59, 364, 365]),
    ("standard", "noleap", [0, 58, 60, 365.25, 366]),
    ("360_day", "standard", [0, 29.5, 58, 60]),
    ("standard", "360_day", [0, 29, 59.75, 61]),
    ("all_leap", "proleptic_gregorian", [0, 59, 60, 365]),
    ("julian", "noleap", [0, 100]),
]


@pytest.mark.parametrize(("source", "target", "values"), CONVERSIONS)
def test_calendars_are_converted_as_xarray_does(source, target, values, tmp_path, store):
    units = "days since 2000-01-01"
    paths = series(tmp_path, [(values, units, source), ([800, 801], units, target)])
    refused = ["combine-calendar", "f0.nc", "f1.nc", "time", "calendar", "convert:"]
    arco.refuse("bake", *paths, "--concat", "time", "--to", store, exit="refused", mention=refused)
    expected = []
    for path in paths:
        ds = xr.open_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True))
        align = {"align_on": "date"} if "360_day" in (source, target) else {}
        converted = ds.convert_calendar(target, use_cftime=True, **align)
        assert converted.sizes == ds.sizes, "a date that the calendar does not have"
        expected += list(converted.time.values)
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    with baked(paths, store, f"calendar=convert:{target}", decode_times=coder) as ds:
        assert list(ds.time.values) == expected
        assert ds.time.dt.calendar == target


NO_DATE = [
    ("standard", "noleap", [58, 59], "2000-02-29"),
    ("360_day", "standard", [0, 59], "2000-02-30"),
    ("standard", "360_day", [0, 30], "2000-01-31"),
]


@pytest.mark.parametrize(("source", "target", "values", "date"), NO_DATE)
def test_a_date_that_the_calendar_does_not_have_is_refused(source, target, values, date, tmp_path, store):
    paths = series(tmp_path, [([-5], "days since 2000-01-01", source), (values, "days since 2000-01-01", source)])
    args = ["--concat", "time", "--set", f"combine.calendar=convert:{target}", "--to", store]
    arco.refuse("bake", *paths, *args, exit="refused", mention=["combine-calendar", "f1.nc", date, target, "item 1"])
    arco.nothing_left(store)


def test_a_calendar_that_is_none_is_a_mistake_of_the_recipe(tmp_path, store):
    paths = series(tmp_path, [([0], "days since 2000-01-01", None)])
    done = arco.run("bake", *paths, "--concat", "time", "--set", "combine.calendar=convert:martian", "--to", store)
    assert done.code in (arco.EXIT["usage"], arco.EXIT["recipe"]) and "convert:" in done.text, done.text
    arco.nothing_left(store)


def test_no_difference_of_reference_or_unit(tmp_path, store):
    paths = series(tmp_path, [([0], "days since 2000-01-01", None), ([0], "days since 2000-01-02", None)])
    args = ["--concat", "time", "--set", "combine.time=error", "--to", store]
    arco.refuse("bake", *paths, *args, exit="refused", mention=["combine-time", "f0.nc", "f1.nc", "2000-01-02"])
    arco.nothing_left(store)
    with baked(paths, store) as ds:
        assert dates(ds.time.values) == ["2000-01-01T00:00:00.000000", "2000-01-02T00:00:00.000000"]


# Two files each; cftime decodes both, and the store must hold the same dates.
MIXED = [
    (
        "zones",
        [([0, 1], "hours since 2000-01-01 00:00:00 +01:00"), ([2], "hours since 2000-01-01T00:00:00-0530")],
        None,
    ),
    ("spellings", [([0], "seconds since 1970-1-1T0:0:0.0Z"), ([1], "days since 1970-01-01 00:00:00 UTC")], None),
    ("fractions", [([0], "days since 2000-01-01 00:00:00.25"), ([1.5], "seconds since 2000-01-02")], None),
    ("before-1582", [([0, 1], "days since 1582-10-04"), ([6], "hours since 1582-10-16")], "standard"),
    ("after-2262", [([0], "days since 2262-04-11"), ([1e5], "days since 2300-01-01 06:00")], None),
    ("year-zero", [([0, 365], "days since 0000-01-01"), ([1], "days since 0001-01-02")], "noleap"),
    ("negative", [([0], "days since -0010-06-01"), ([1], "hours since -0001-01-01")], "proleptic_gregorian"),
    ("negative-bc", [([0], "days since -0010-06-01"), ([1], "hours since -0001-01-01")], "standard"),
    ("julian", [([0.25], "days since -4713-01-01 12:00"), ([10], "days since 1900-02-29")], "julian"),
    ("microseconds", [([1], "microseconds since 2000-01-01"), ([86400], "seconds since 2000-01-01")], "360_day"),
]


@pytest.mark.parametrize(("files", "calendar"), [r[1:] for r in MIXED], ids=[r[0] for r in MIXED])
def test_files_that_count_differently(files, calendar, tmp_path, store):
    expected = [
        date
        for values, units in files
        for date in cftime.num2date(values, units, calendar or "standard", only_use_cftime_datetimes=True)
    ]
    with baked(series(tmp_path, [(*f, calendar) for f in files]), store, decode_times=False) as ds:
        assert ds.time.dtype == np.int64
        found = cftime.num2date(
            ds.time.values, ds.time.attrs["units"], ds.time.attrs["calendar"], only_use_cftime_datetimes=True
        )
    assert list(found) == expected


def test_nanoseconds_are_kept(tmp_path, store):
    files = [([730119], "days since 0001-01-01", "proleptic_gregorian")]
    files += [(np.array([10**9 + 1]), "nanoseconds since 2000-01-01", "proleptic_gregorian")]
    with baked(series(tmp_path, files), store) as ds:
        expected = np.array(["2000-01-01", "2000-01-01T00:00:01.000000001"], "M8[ns]")
        assert np.array_equal(ds.time.values, expected)


UNDECODED = ["none", "utc", "tai"]


@pytest.mark.parametrize("calendar", UNDECODED)
def test_calendars_that_are_not_decoded(calendar, tmp_path, store):
    same = series(tmp_path, [([0], "days since 2000-01-01", calendar), ([1], "days since 2000-01-01", calendar)])
    with baked(same, store, decode_times=False) as ds:
        assert np.array_equal(ds.time, [0, 1]) and ds.time.attrs["calendar"] == calendar
    other = series(tmp_path, [([0], "days since 2000-01-01", calendar), ([1], "days since 2000-01-02", calendar)])
    mention = ["combine-calendar", f"`{calendar}`", "f0.nc"]
    to = store.parent / "other.zarr"
    arco.refuse("bake", *other, "--concat", "time", "--to", to, exit="refused", mention=mention)


NO_REFERENCE = ["0000-00-00 00:00:00", "0000-01-01", "2000-13-01", "1582-10-10"]


@pytest.mark.parametrize("reference", NO_REFERENCE)
def test_references_that_are_no_dates(reference, tmp_path, store):
    paths = series(tmp_path, [([0], "days since 2000-01-01", None), ([1], f"days since {reference}", None)])
    named = ["combine-time", "f1.nc", reference]
    arco.refuse("bake", *paths, "--concat", "time", "--to", store, exit="refused", mention=named)
    arco.nothing_left(store)

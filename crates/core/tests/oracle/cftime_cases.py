"""Writes cftime_cases.tsv: what cftime and UDUNITS make of CF times; `src/cftime_tests.rs` compares.

One row: units, calendar, number, date. The date is as the library writes it (in the standard and Julian calendars
without a year 0), or `refused`. All numbers are integers or exact in doubles, so that no rounding is compared.

Counting is cftime's. Spellings of the reference date are UDUNITS' where the two differ: cftime leaves out an hour
without minutes (`1970-01-01T06`), an offset of one digit and one behind a fraction of a second, and knows no
reference without a day.

    python cftime_cases.py > cftime_cases.tsv        # cftime 1.6.6, UDUNITS 2.2.28
"""

import ctypes
import ctypes.util
import sys

import cftime

CALENDARS = [
    "standard",
    "proleptic_gregorian",
    "julian",
    "noleap",
    "all_leap",
    "360_day",
]
ALIASES = {"gregorian": "GREGORIAN", "365_day": "365_DAY", "366_day": "366_day"}
REFERENCES = [
    "1970-01-01",
    "1582-10-04",
    "1582-10-15 12:00:00",
    "0001-01-01",
    "-0001-12-30 18:00:00",
    "-4713-01-01 12:00:00",
    "1600-02-28 23:59:59.5",
    "2000-02-29",
    "2262-04-11 23:47:16.854775",
    "9999-12-30",
    "12000-06-15 06:30:15",
]
COUNTS = {"days": [0, 1, -1, 366, 3652059], "hours": [-876000], "seconds": [86399]}
FINE = {
    "microseconds": [1, -1, 123456789],
    "milliseconds": [-86400001, 1500],
    "minutes": [1441, -0.5],
    "days": [0.5, -0.25, 1048576.125],
    "hours": [0.75],
    "seconds": [1.5, -0.125],
}
SPELLINGS = [
    "1970-1-1",
    "1970-1-1T0:0:0.0Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01 00:00:00 UTC",
    "1970-01-01 00:00:00 GMT",
    "1970-01-01 12:34:56 UTC",
    "1970-01-01T06",
    "1970-01-01 6",
    "1970-1-1 6:30",
    "1970-01-01 00:00:00 +01:00",
    "1970-01-01 00:00:00+01:00",
    "1970-01-01T00:00:00+0100",
    "1970-01-01 00:00:00 -0530",
    "1970-01-01 00:00:00 -5:30",
    "1970-01-01 00:00:00 +5",
    "1970-01-01 00:00:00.5 +01:00",
    "1970-01-01 00:00:00.125",
    "1970-01-01 00:00:00.000250",
    "1992-10-8 15:15:42.5 -6:00",
    "1900",
    "1900-2",
    "+1900-02-03",
    "-44-3-15",
]
REFUSED = [
    "1970-13-01",
    "1970-00-01",
    "1970-02-30",
    "1970-01-32",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "2001-00-00",
    "0000-01-01",
    "1582-10-10",
    "1970-01-01 25:00:00",
    "1970-01-01 00:60:00",
    "yesterday",
    "",
]


class Udunits:
    """Just enough of libudunits2 to convert a time to seconds since 1970."""

    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("udunits2"))
        for name in ["ut_read_xml", "ut_parse", "ut_get_converter"]:
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.cv_convert_double.restype = ctypes.c_double
        self.lib.ut_set_error_message_handler(
            ctypes.cast(self.lib.ut_ignore, ctypes.c_void_p)
        )
        self.system = ctypes.c_void_p(self.lib.ut_read_xml(None))

    def seconds(self, units):
        parse = lambda text: ctypes.c_void_p(
            self.lib.ut_parse(self.system, text.encode(), 2)
        )
        converter = self.lib.ut_get_converter(
            parse(units), parse("seconds since 1970-01-01T00:00:00Z")
        )
        if not converter:
            raise ValueError(units)
        return self.lib.cv_convert_double(
            ctypes.c_void_p(converter), ctypes.c_double(0)
        )


def date(number, units, calendar):
    try:
        found = cftime.num2date(
            number, units, calendar=calendar, only_use_cftime_datetimes=True
        )
    except (ValueError, TypeError, OverflowError):
        return "refused"
    return f"{found.year:05d}-{found.month:02d}-{found.day:02d}T{found.hour:02d}:{found.minute:02d}:{found.second:02d}.{found.microsecond:06d}"


def row(units, calendar, number, expected):
    print(units, calendar, number, expected, sep="\t")


def counts():
    for calendar in CALENDARS:
        for reference in REFERENCES:
            for unit, numbers in COUNTS.items():
                for number in numbers:
                    units = f"{unit} since {reference}"
                    found = date(number, units, calendar)
                    if found != "refused" or number == 0:
                        row(units, calendar, number, found)
        for unit, numbers in FINE.items():
            for number in numbers:
                units = f"{unit} since 2000-01-01 00:00:00"
                row(units, calendar, number, date(number, units, calendar))
    for name, written in ALIASES.items():
        row("days since 2000-02-28", written, 1, date(1, "days since 2000-02-28", name))
    for number in [1, 14, -1, 0.5, 1.25]:
        row(
            "months since 2000-01-01",
            "360_day",
            number,
            date(number, "months since 2000-01-01", "360_day"),
        )
        row(
            "common_years since 2000-01-01",
            "noleap",
            number,
            date(number, "common_years since 2000-01-01", "noleap"),
        )


def main():
    print(f"# cftime {cftime.__version__}, UDUNITS 2; made by cftime_cases.py")
    counts()
    udunits = Udunits()
    for spelling in SPELLINGS:
        seconds = udunits.seconds(f"days since {spelling}")
        row(
            f"days since {spelling}",
            "standard",
            0,
            date(seconds, "seconds since 1970-01-01", "standard"),
        )
    for calendar in CALENDARS:
        for reference in REFUSED:
            row(
                f"days since {reference}",
                calendar,
                1,
                date(1, f"days since {reference}", calendar),
            )


if __name__ == "__main__":
    sys.exit(main())

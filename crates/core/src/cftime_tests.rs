use super::*;
use crate::attrs::AttrValue;
use crate::dtype::DataType;
use crate::recipe::TimeEncoding;

/// From cftime 1.6.6 (`num2date`) and xarray 2026.9; cftime drops an offset such as ` -6:00` behind a fraction and
/// rounds 1e-6 s to 0, where xarray (for the offset) and arithmetic decide.
#[rustfmt::skip]
const DECODED: &[(&str, &str, Scalar, &str)] = &[
    ("hours since 1900-1-1 00:00:0.0", "gregorian", Scalar::Float(1.5), "1900-01-01T01:30"),
    ("hours since 1900-1-1 00:00:0.0 +01:00", "gregorian", Scalar::Int(0), "1899-12-31T23:00"),
    ("days since 1850-01-01", "noleap", Scalar::Float(54786.333333333336), "2000-02-06T08:00"),
    ("days since 1850-01-01", "standard", Scalar::Float(54786.1), "2000-01-01T02:24"),
    ("days since 1582-10-04", "standard", Scalar::Int(1), "1582-10-15"),
    ("days since 1582-10-04", "proleptic_gregorian", Scalar::Int(1), "1582-10-05"),
    ("days since 1582-10-15", "standard", Scalar::Int(-1), "1582-10-04"),
    ("days since 0001-01-01 00:00:00", "julian", Scalar::Float(700000.25), "1917-07-01T06:00"),
    ("days since 1-1-1", "standard", Scalar::Int(730000), "1999-09-02"),
    ("days since -4713-01-01 12:00:00", "standard", Scalar::Int(0), "-4712-01-01T12:00"),
    ("days since -4713-01-01 12:00:00", "standard", Scalar::Int(2451545), "2000-01-01T12:00"),
    ("days since -4713-01-01", "proleptic_gregorian", Scalar::Int(10), "-4713-01-11"),
    ("days since 0000-01-01", "proleptic_gregorian", Scalar::Int(366), "0001-01-01"),
    ("days since 0000-01-01", "noleap", Scalar::Int(366), "0001-01-02"),
    ("seconds since 1970-01-01 00:00:00 0:00", "standard", Scalar::Float(1000000000.0), "2001-09-09T01:46:40"),
    ("seconds since 1970-01-01T00:00:00+00:00", "standard", Scalar::Int(1234567890), "2009-02-13T23:31:30"),
    ("seconds since 1970-01-01T00:00:00Z", "standard", Scalar::Float(0.1), "1970-01-01T00:00:00.1"),
    ("days since 1800-01-01 00:00:00 UTC", "standard", Scalar::Float(66000.5), "1980-09-14T12:00"),
    ("msec since 2000-01-01", "standard", Scalar::Float(1.5), "2000-01-01T00:00:00.0015"),
    ("microseconds since 2000-01-01", "360_day", Scalar::Int(123456789), "2000-01-01T00:02:03.456789"),
    ("Days since 2001-1-1 6:0:0", "360_day", Scalar::Float(0.1), "2001-01-01T08:24"),
    ("days since 1992-10-8 15:15:42.5 -6:00", "standard", Scalar::Int(0), "1992-10-08T21:15:42.5"),
    ("days since 1992-10-8 15:15:42.5 -6", "standard", Scalar::Int(0), "1992-10-08T21:15:42.5"),
    ("mins since 2000-02-28 23:59", "365_day", Scalar::Int(1), "2000-03-01"),
    ("hr since 2000-02-28 23:00", "366_day", Scalar::Int(1), "2000-02-29"),
    ("d since 2000-02-28", "all_leap", Scalar::Int(1), "2000-02-29"),
    ("s since 2000-01-01", "standard", Scalar::Float(1e-06), "2000-01-01T00:00:00.000001"),
    ("days since 1990-01-01", "standard", Scalar::Float(0.3333333333333333), "1990-01-01T08:00"),
    ("days since 1990-01-01", "standard", Scalar::Float(0.7), "1990-01-01T16:48"),
    ("hours since 1800-01-01", "standard", Scalar::Float(1928544.1), "2020-01-04T00:06"),
    ("hours since 1-1-1 00:00:0.0", "standard", Scalar::Float(17522904.0), "2000-01-01"),
    ("months since 2000-01-01", "360_day", Scalar::Int(14), "2001-03-01"),
    ("days since 2000-01-01", "standard", Scalar::Float(-0.25), "1999-12-31T18:00"),
    ("minutes since 1900-01-01 00:00:00", "standard", Scalar::Float(60000000.0), "2014-01-29T16:00"),
];

#[test]
fn numbers_are_the_dates_of_cftime() {
    for (text, calendar, value, expected) in DECODED {
        let units = TimeUnits::parse(text, Some(calendar)).unwrap();
        let instant = units.decode_one(value).unwrap().unwrap();
        assert_eq!(units.date(instant).unwrap().to_string(), *expected, "{text} {calendar} {value}");
        let again = TimeUnits::parse(&units.to_string(), Some(units.calendar.name())).unwrap();
        assert_eq!(again, units, "{units}");
        if let Scalar::Int(number) = value {
            assert_eq!(units.encode(instant), Some(*number), "{text}");
        }
    }
}

/// First and last values of time variables in 190 files of public archives, to the microsecond, by cftime 1.6.6 (a
/// reference with a month's name by pandas).
#[rustfmt::skip]
const ARCHIVES: &[(&str, Option<&str>, Scalar, &str)] = &[
    ("days since 1850-1-1 00:00:00", Some("standard"), Scalar::Float(47786.375), "1980-11-01T09:00:00.000000"),
    ("days since 1850-1-1 00:00:00", Some("standard"), Scalar::Float(51498.375), "1990-12-31T09:00:00.000000"),
    ("days since 1900-1-1", Some("360_day"), Scalar::Int(0), "1900-01-01T00:00:00.000000"),
    ("days since 1900-1-1", Some("360_day"), Scalar::Int(2299), "1906-05-20T00:00:00.000000"),
    ("days since 1900-1-1", Some("365_day"), Scalar::Int(0), "1900-01-01T00:00:00.000000"),
    ("days since 1900-1-1", Some("365_day"), Scalar::Int(2299), "1906-04-20T00:00:00.000000"),
    ("days since 0001-1-1T00:00:0.0", Some("proleptic_gregorian"), Scalar::Float(738034.5), "2021-09-02T12:00:00.000000"),
    ("days since 0001-1-1T00:00:0.0", Some("proleptic_gregorian"), Scalar::Float(738034.75), "2021-09-02T18:00:00.000000"),
    ("days since 1950-01-01 00:00:00 UTC", Some("gregorian"), Scalar::Float(25183.333333333372), "2018-12-13T08:00:00.000003"),
    ("days since 1950-01-01 00:00:00 UTC", Some("gregorian"), Scalar::Float(25185.416666666628), "2018-12-15T09:59:59.999997"),
    ("days since 1950-01-01 00:00:00 UTC", Some("gregorian"), Scalar::Float(25490.333333333372), "2019-10-16T08:00:00.000003"),
    ("days since 1950-01-01 00:00:00 UTC", Some("gregorian"), Scalar::Float(25492.416666666628), "2019-10-18T09:59:59.999997"),
    ("days since 1950-01-01 00:00:00 UTC", None, Scalar::Float(19582.366458333334), "2003-08-13T08:47:42.000000"),
    ("days since 1950-01-01 00:00:00 UTC", None, Scalar::Float(19582.37009259259), "2003-08-13T08:52:56.000000"),
    ("days since 2009-12-01 00:00:00", Some("360_day"), Scalar::Float(21885.0), "2070-09-16T00:00:00.000000"),
    ("days since 1950-01-01 00:00:00", Some("365_day"), Scalar::Int(52925), "2095-01-01T00:00:00.000000"),
    ("days since 1950-01-01 00:00:00", Some("365_day"), Scalar::Int(53289), "2095-12-31T00:00:00.000000"),
    ("days since 1900-01-01 00:00:00", Some("NoLeap"), Scalar::Float(31.0), "1900-02-01T00:00:00.000000"),
    ("days since 2000-01-01 00:00:00", Some("NoLeap"), Scalar::Float(31.0), "2000-02-01T00:00:00.000000"),
    ("days since 2000-01-01 00:00:00", Some("julian"), Scalar::Float(10.0), "2000-01-11T00:00:00.000000"),
    ("days since 0001-01-01 00:00:00", Some("julian"), Scalar::Float(20.0), "0001-01-21T00:00:00.000000"),
    ("days since 0000-01-01 00:00:00", Some("noleap"), Scalar::Float(146031.0), "0400-02-01T00:00:00.000000"),
    ("days since 0000-01-01 00:00:00", Some("noleap"), Scalar::Float(182500.0), "0500-01-01T00:00:00.000000"),
    ("days since 0000-01-01 00:00:00", Some("noleap"), Scalar::Float(182531.0), "0500-02-01T00:00:00.000000"),
    ("days since 0000-01-01 00:00:00", Some("noleap"), Scalar::Float(219000.0), "0600-01-01T00:00:00.000000"),
    ("days since 1949-12-01 00:00:00", Some("proleptic_gregorian"), Scalar::Float(10425.73), "1978-06-17T17:31:12.000000"),
    ("days since 1678-01-31 00:00:00", Some("proleptic_gregorian"), Scalar::Int(0), "1678-01-31T00:00:00.000000"),
    ("days since 1678-01-01 00:00:00", Some("proleptic_gregorian"), Scalar::Int(0), "1678-01-01T00:00:00.000000"),
    ("days since 1978-01-01 00:00:00", Some("standard"), Scalar::Float(1460.0), "1981-12-31T00:00:00.000000"),
    ("days since 1850-01-01 00:00:00", Some("standard"), Scalar::Float(36524.0), "1950-01-01T00:00:00.000000"),
    ("days since 1850-01-01 00:00:00", Some("standard"), Scalar::Float(62791.0), "2021-12-01T00:00:00.000000"),
    ("days since 1950-01-01 00:00:00", Some("standard"), Scalar::Float(17927.0), "1999-01-31T00:00:00.000000"),
    ("days since 1950-01-01 00:00:00", Some("standard"), Scalar::Float(18261.0), "1999-12-31T00:00:00.000000"),
    ("days since 1950-01-01 00:00:00.0", Some("gregorian"), Scalar::Float(2922.5), "1958-01-01T12:00:00.000000"),
    ("days since 1950-01-01 00:00:00.0", Some("gregorian"), Scalar::Float(2925.5), "1958-01-04T12:00:00.000000"),
    ("days since 1859-12-01", Some("360_day"), Scalar::Float(52575.0), "2005-12-16T00:00:00.000000"),
    ("days since 1859-12-01", Some("360_day"), Scalar::Float(61545.0), "2030-11-16T00:00:00.000000"),
    ("days since 1859-12-01", Some("360_day"), Scalar::Float(61575.0), "2030-12-16T00:00:00.000000"),
    ("days since 1859-12-01", Some("360_day"), Scalar::Float(70545.0), "2055-11-16T00:00:00.000000"),
    ("days since 1673-01-01", Some("NOLEAP"), Scalar::Float(1825.0), "1678-01-01T00:00:00.000000"),
    ("days since 1673-01-01", Some("NOLEAP"), Scalar::Float(1856.0), "1678-02-01T00:00:00.000000"),
    ("days since 1900-01-01", Some("gregorian"), Scalar::Float(43484.0), "2019-01-21T00:00:00.000000"),
    ("hour since 2012-05-15T12:00:00Z", None, Scalar::Int(0), "2012-05-15T12:00:00.000000"),
    ("hours since 1992-1-1", None, Scalar::Float(102840.0), "2003-09-25T00:00:00.000000"),
    ("hours since 2013-12-17 00:00:00", Some("proleptic_gregorian"), Scalar::Int(0), "2013-12-17T00:00:00.000000"),
    ("hours since 2013-12-17 00:00:00", Some("proleptic_gregorian"), Scalar::Int(1), "2013-12-17T01:00:00.000000"),
    ("hours since 2013-12-17 02:00:00", Some("proleptic_gregorian"), Scalar::Int(0), "2013-12-17T02:00:00.000000"),
    ("hours since 2013-12-17 02:00:00", Some("proleptic_gregorian"), Scalar::Int(1), "2013-12-17T03:00:00.000000"),
    ("hours since 1900-01-01 00:00:00.0", Some("gregorian"), Scalar::Int(1062108), "2021-03-01T12:00:00.000000"),
    ("hours since 1900-01-01 00:00:00.0", Some("gregorian"), Scalar::Int(1062132), "2021-03-02T12:00:00.000000"),
    ("hours since 1900-01-01", Some("gregorian"), Scalar::Int(1034406), "2018-01-02T06:00:00.000000"),
    ("hours since 1800-01-01", Some("standard"), Scalar::Float(1882440.0), "2014-10-01T00:00:00.000000"),
    ("hours since 1800-01-01", Some("standard"), Scalar::Float(1883178.0), "2014-10-31T18:00:00.000000"),
    ("hours since 1850-01-31T23:15:00", Some("proleptic_gregorian"), Scalar::Float(0.0), "1850-01-31T23:15:00.000000"),
    ("hours since 1850-01-31T23:15:00", Some("proleptic_gregorian"), Scalar::Float(8016.0), "1850-12-31T23:15:00.000000"),
    ("hours since 1851-01-31T23:15:00", Some("proleptic_gregorian"), Scalar::Float(0.0), "1851-01-31T23:15:00.000000"),
    ("hours since 1851-01-31T23:15:00", Some("proleptic_gregorian"), Scalar::Float(8016.0), "1851-12-31T23:15:00.000000"),
    ("minutes since 2005-08-28 00:00:00", None, Scalar::Float(720.0), "2005-08-28T12:00:00.000000"),
    ("minutes since 2005-08-28 00:00:00", None, Scalar::Float(1260.0), "2005-08-28T21:00:00.000000"),
    ("seconds since 1970-1-1 0:00:00 0:00", None, Scalar::Int(1546300800), "2019-01-01T00:00:00.000000"),
    ("seconds since 1970-1-1 0:00:00 0:00", None, Scalar::Int(1546387200), "2019-01-02T00:00:00.000000"),
    ("seconds since 2019-01-01 00:00:00 0:00", None, Scalar::Float(0.0), "2019-01-01T00:00:00.000000"),
    ("seconds since 2019-01-01 00:00:00 0:00", None, Scalar::Float(86340.0), "2019-01-01T23:59:00.000000"),
    ("seconds since 1981-01-01 00:00:00", Some("Gregorian"), Scalar::Int(1149508800), "2017-06-05T12:00:00.000000"),
    ("seconds since 1981-01-01 00:00:00", Some("Gregorian"), Scalar::Int(1149595200), "2017-06-06T12:00:00.000000"),
    ("seconds since 1981-01-01T00:00:00+00:00", Some("proleptic_gregorian"), Scalar::Int(1234602000), "2020-02-15T09:00:00.000000"),
    ("seconds since 2016-12-19T10:27:29.687763", Some("proleptic_gregorian"), Scalar::Float(0.0), "2016-12-19T10:27:29.687763"),
    ("seconds since 2016-12-19T10:27:29.687763", Some("proleptic_gregorian"), Scalar::Float(872712.659688), "2016-12-29T12:52:42.347451"),
    ("days since Jan 1, 2000", None, Scalar::Int(58), "2000-02-28T00:00:00.000000"),
];

#[test]
fn times_of_archives() {
    for (text, calendar, value, expected) in ARCHIVES {
        let units = TimeUnits::parse(text, *calendar).unwrap();
        let instant = units.decode_one(value).unwrap().unwrap();
        let expected = units.calendar.to_ns(&DateTime::parse(expected, units.calendar).unwrap());
        assert!((instant - expected).abs() <= 500, "{text} {value}: {instant} {expected}");
    }
}

#[test]
fn canonical_text() {
    let rows = [
        ("hours since 1900-1-1 00:00:0.0", "standard", "hours since 1900-01-01"),
        ("HR since 1900-1-1 6:0", "standard", "hours since 1900-01-01 06:00:00"),
        ("secs since 1970-01-01T00:00:00.250Z", "standard", "seconds since 1970-01-01 00:00:00.25"),
        ("days  since\t2000-02-30", "360_day", "days since 2000-02-30"),
        ("d since 2000-01-01 00:00 +01:00", "noleap", "days since 1999-12-31 23:00:00"),
        ("days since -1-01-01", "standard", "days since -0001-01-01"),
        ("days since -0-01-02", "proleptic_gregorian", "days since 0000-01-02"),
        ("weeks since Jan 1, 2001", "standard", "weeks since 2001-01-01"),
        ("days since 1-1-1", "julian", "days since 0001-01-01"),
        ("months since 1955-01-01 00:00:00", "standard", "months since 1955-01-01"),
        ("years since 1955-01", "standard", "years since 1955-01-01"),
        ("µs since 1955", "standard", "microseconds since 1955-01-01"),
    ];
    for (text, calendar, expected) in rows {
        assert_eq!(TimeUnits::parse(text, Some(calendar)).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn text_that_is_not_cf_time() {
    let rows = [
        ("K", None, Code::CombineTime),
        ("days", None, Code::CombineTime),
        ("days since", None, Code::CombineTime),
        ("days since ", None, Code::CombineTime),
        ("since 2000-01-01", None, Code::CombineTime),
        ("days sincere 2000-01-01", None, Code::CombineTime),
        ("days since2000-01-01", None, Code::CombineTime),
        ("parsecs since 2000-01-01", None, Code::CombineTime),
        ("days since 20000101", None, Code::CombineTime),
        ("day as %Y%m%d.%f", None, Code::CombineTime),
        ("days since 2001-02-29", None, Code::CombineTime),
        ("days since 2000-01-31", Some("360_day"), Code::CombineTime),
        ("days since 1582-10-10", None, Code::CombineTime),
        ("days since 0000-01-01", None, Code::CombineTime),
        ("days since 0-1-1", Some("julian"), Code::CombineTime),
        ("6 hours since 2000-01-01", None, Code::CombineTime),
        ("days since 2000-01-01", Some("martian"), Code::CombineCalendar),
        ("days since 2000-01-01", Some(""), Code::CombineCalendar),
    ];
    for (text, calendar, code) in rows {
        assert_eq!(TimeUnits::parse(text, calendar).unwrap_err().code, code, "{text} {calendar:?}");
    }
    assert!(is_time("day Since 2000") && !is_time("sincere K") && !is_time("m s-1"));
}

#[test]
fn doubles_stand_for_the_roundest_instant() {
    let rows = [
        // 1/3 day on 2000-01-01, with half a place being 314 ns
        ("days since 1850-01-01", 54_786.333_333_333_336, "2000-01-01T08:00"),
        ("days since 1970-01-01", 0.1 + 0.2, "1970-01-01T07:12"),
        ("hours since 1800-01-01", 1_928_544.1, "2020-01-04T00:06"),
        // far from round: the nearest nanosecond
        ("days since 1970-01-01", 0.123_456_789_012_345, "1970-01-01T02:57:46.666570667"),
        ("seconds since 1970-01-01", 1e-9, "1970-01-01T00:00:00.000000001"),
        ("seconds since 1970-01-01", 5e-324, "1970-01-01"),
        ("seconds since 1970-01-01", -0.0, "1970-01-01"),
        ("seconds since 1970-01-01", -1.5, "1969-12-31T23:59:58.5"),
        ("nanoseconds since 1970-01-01", 0.5, "1970-01-01"),
        ("nanoseconds since 1970-01-01", 1.5, "1970-01-01T00:00:00.000000002"),
        ("days since 1970-01-01", 1_048_576.0, "4840-11-26"),
        // single precision, widened: not rounded to what was perhaps meant
        ("days since 1970-01-01", f64::from(0.1_f32), "1970-01-01T02:24:00.000128746"),
    ];
    for (units, value, expected) in rows {
        let units = TimeUnits::parse(units, None).unwrap();
        let instant = units.decode_one(&Scalar::Float(value)).unwrap().unwrap();
        assert_eq!(units.date(instant).unwrap().to_string(), expected, "{units} {value}");
    }
}

#[test]
fn every_minute_of_a_century_survives_a_double() {
    let days = TimeUnits::parse("days since 1900-01-01", None).unwrap();
    let origin = days.reference_ns();
    for minute in (0..53_000_000_i64).step_by(997) {
        let value = minute as f64 / 1440.0;
        let instant = days.decode_one(&Scalar::Float(value)).unwrap().unwrap();
        assert_eq!(instant, origin + i128::from(minute) * 60_000_000_000, "{minute}");
    }
}

#[test]
fn what_is_no_time() {
    let units = TimeUnits::parse("days since 2000-01-01", None).unwrap();
    assert_eq!(units.decode_one(&Scalar::Float(f64::NAN)).unwrap(), None);
    for value in [
        Scalar::Float(f64::INFINITY),
        Scalar::Float(f64::MAX),
        Scalar::Float(-1e300),
        Scalar::Text("1".into()),
        Scalar::Bool(true),
    ] {
        assert_eq!(units.decode_one(&value).unwrap_err().code, Code::CombineTime, "{value}");
    }
    assert!(units.decode_one(&Scalar::UInt(u64::MAX)).unwrap().is_some());
    for text in ["months since 1955-01-01", "years since 1955-01-01"] {
        let units = TimeUnits::parse(text, None).unwrap();
        assert_eq!(units.decode_one(&Scalar::Int(1)).unwrap_err().code, Code::CombineMonths);
        assert_eq!(units.encode(0), None);
    }
}

#[test]
fn masked_values_are_none() {
    let units = TimeUnits::parse("hours since 1970-01-01", None).unwrap();
    let values = [1_i32, -999, 3];
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let block = Block::from_bytes(DataType::Int32, vec![3], bytes);
    let hour = 3_600_000_000_000;
    let rows: [(&[Scalar], [Option<i128>; 3]); 3] = [
        (&[], [Some(hour), Some(-999 * hour), Some(3 * hour)]),
        (&[Scalar::Int(-999)], [Some(hour), None, Some(3 * hour)]),
        (&[Scalar::Float(-999.0), Scalar::Float(f64::NAN), Scalar::UInt(3)], [Some(hour), None, None]),
    ];
    for (masked, expected) in rows {
        assert_eq!(units.decode(&block, masked).unwrap(), expected, "{masked:?}");
    }
}

#[test]
#[allow(clippy::type_complexity)]
fn one_unit_that_is_fine_enough() {
    let rows: [(&[(&str, f64)], Result<&str, Code>); 14] = [
        (&[("days since 2000-01-01", 1.0), ("days since 2001-01-01", 2.0)], Ok("days since 2000-01-01")),
        (&[("days since 2000-01-01", 0.5)], Ok("hours since 2000-01-01")),
        (&[("hours since 2000-01-01", 24.0), ("days since 2000-01-01", 1.0)], Ok("hours since 2000-01-01")),
        (
            &[("days since 2000-01-01", 1.0), ("days since 2000-01-01 12:00", 1.0)],
            Ok("hours since 2000-01-01"),
        ),
        (
            &[("days since 2000-01-01", 1.0), ("seconds since 1970-01-01", 1.25)],
            Ok("milliseconds since 2000-01-01"),
        ),
        // xarray and cftime know no weeks
        (&[("weeks since 2000-01-01", 2.0)], Ok("days since 2000-01-01")),
        (&[("days since 2000-01-01", 0.1)], Ok("minutes since 2000-01-01")),
        // beyond 292 years of nanoseconds
        (
            &[("nanoseconds since 2000-01-01", 0.0), ("days since 2000-01-01", 1e6)],
            Ok("microseconds since 2000-01-01"),
        ),
        (&[("nanoseconds since 2000-01-01", 1.0), ("days since 2000-01-01", 1e6)], Err(Code::CombineTime)),
        // a far reference, near times
        (
            &[("days since 0001-01-01", 730_000.0), ("nanoseconds since 2000-01-01", 1.0)],
            Ok("nanoseconds since 1970-01-01"),
        ),
        (
            &[
                ("days since 0001-01-01", 1.0),
                ("nanoseconds since 0001-01-01", 1.0),
                ("days since 2000-01-01", f64::NAN),
            ],
            Ok("nanoseconds since 0001-01-01"),
        ),
        (
            &[("days since 2000-01-01", -730_000.0), ("nanoseconds since 0001-04-26", 1.0)],
            Ok("nanoseconds since 0001-04-26"),
        ),
        (&[("days since 2000-01-01", 1e-14), ("days since 2000-01-01", 1e6)], Err(Code::CombineTime)),
        (&[("days since 2000-01-01", 1.0), ("months since 2000-01-01", f64::NAN)], Err(Code::CombineMonths)),
    ];
    for (parts, expected) in rows {
        let parts: Vec<_> = parts
            .iter()
            .map(|(units, value)| {
                let units = TimeUnits::parse(units, None).unwrap();
                (units, vec![None, units.decode_one(&Scalar::Float(*value)).ok().flatten()])
            })
            .collect();
        let found = common_units(&parts);
        match expected {
            Ok(text) => {
                let units = found.unwrap().unwrap();
                assert_eq!(units.to_string(), text);
                let instants = parts.iter().flat_map(|(_, instants)| instants).flatten();
                assert!(instants.copied().all(|instant| units.encode(instant).is_some()), "{text}");
            }
            Err(code) => assert_eq!(found.unwrap_err().error.code, code),
        }
    }
    assert_eq!(common_units(&[]).unwrap(), None);
    let other =
        |calendar| (TimeUnits::parse("days since 2000-01-01", Some(calendar)).unwrap(), vec![Some(0)]);
    let error = common_units(&[other("noleap"), other("360_day")]).unwrap_err();
    assert_eq!((error.error.code, error.parts), (Code::CombineCalendar, vec![0, 1]));
}

#[test]
fn mutated_units_never_panic() {
    let seeds = ["hours since 1900-1-1 00:00:0.0 +01:00", "d since -4713-01-01", "weeks since Jan 1, 2001"];
    crate::cursor::mutations(&seeds, 20_000, |text| {
        for calendar in ["standard", "360_day"] {
            if let Ok(units) = TimeUnits::parse(text, Some(calendar)) {
                assert_eq!(TimeUnits::parse(&units.to_string(), Some(calendar)).ok(), Some(units), "{text}");
                for value in [Scalar::Int(i64::MIN), Scalar::Float(1e17), Scalar::Float(-1e-7)] {
                    let instant = units.decode_one(&value).ok().flatten();
                    let _ = instant.and_then(|instant| units.date(instant));
                }
            }
        }
    });
}

/// `00044-03-15T06:00:00.000000` with the year as the calendar's own writing has it.
fn written(calendar: Calendar, date: &DateTime) -> String {
    let year = if counts_bc(calendar) && date.year <= 0 { date.year - 1 } else { date.year };
    let (sign, digits) = if year < 0 { ("-", 4) } else { ("", 5) };
    format!(
        "{sign}{:0digits$}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
        year.unsigned_abs(),
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.nanosecond / 1000
    )
}

#[test]
fn hundreds_of_times_are_those_of_cftime_and_udunits() {
    let mut rows = 0;
    for line in include_str!("../tests/oracle/cftime_cases.tsv").lines().filter(|l| !l.starts_with('#')) {
        let [text, calendar, number, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        rows += 1;
        let units = TimeUnits::parse(text, Some(calendar));
        if expected == "refused" {
            assert!(units.is_err(), "{line}");
            continue;
        }
        let units = units.unwrap_or_else(|e| panic!("{line}: {e}"));
        let value = number.parse().map_or_else(|_| Scalar::Float(number.parse().unwrap()), Scalar::Int);
        let instant = units.decode_one(&value).unwrap().unwrap();
        assert_eq!(written(units.calendar, &units.date(instant).unwrap()), expected, "{line}");
        if let Scalar::Int(number) = value {
            assert_eq!(units.encode(instant), Some(number), "{line}");
        }
        // months of 360 days are calendar months
        assert_eq!(units.decode_one_month(&value).unwrap(), Some(instant), "{line}");
    }
    assert!(rows > 600, "{rows}");
}

/// Whole months: pandas 3 (`pd.Timestamp(reference) + pd.DateOffset(months=n)`); fractions by hand.
#[test]
fn calendar_months_and_years() {
    #[rustfmt::skip]
    let rows = [
        ("months since 1979-01-01", "standard", 0.0, "1979-01-01"),
        ("months since 1979-01-01", "standard", 3.0, "1979-04-01"),
        ("months since 1979-01-01", "standard", -1.0, "1978-12-01"),
        ("months since 1979-01-31", "standard", 1.0, "1979-02-28"),
        ("months since 1979-01-31", "standard", 2.0, "1979-03-31"),
        ("months since 1980-01-31 06:00", "standard", 1.0, "1980-02-29T06:00"),
        ("months since 1980-01-31", "noleap", 1.0, "1980-02-28"),
        ("months since 2000-03-31", "standard", -1.0, "2000-02-29"),
        ("years since 2000-02-29", "standard", 1.0, "2001-02-28"),
        ("years since 2000-02-29", "standard", 4.0, "2004-02-29"),
        ("years since 0001-01-01", "standard", -1.0, "0000-01-01"),
        ("years since 1955-07-15", "all_leap", 100.0, "2055-07-15"),
        ("years since 1955-07-15", "360_day", 1.5, "1957-01-15"),
        ("months since 1955-01-01", "standard", 0.5, "1955-01-16T12:00"),
        ("months since 1955-01-01", "standard", 1.5, "1955-02-15"),
        ("months since 1955-01-01", "standard", -0.5, "1954-12-16T12:00"),
        ("months since 1955-01-01", "standard", -1.25, "1954-11-23T12:00"),
        ("months since 1955-01-01", "standard", 372.5, "1986-01-16T12:00"),
        // a thirtieth of thirty days
        ("months since 2000-04-01", "standard", 1.0 / 30.0, "2000-04-02"),
        ("months since 2000-04-01", "standard", 12.1, "2001-04-04"),
        ("years since 2000-01-01", "standard", 0.5, "2000-07-02"),
        ("years since 2001-01-01", "standard", 0.5, "2001-07-02T12:00"),
        ("years since 2001-01-01", "standard", -0.5, "2000-07-02"),
        ("months since 1582-09-10", "standard", 1.0, "1582-10-15"),
        ("months since 1955-01-01", "standard", 5e-324, "1955-01-01"),
        ("months since 1955-01-01", "standard", -1e-40, "1955-01-01"),
        ("common_years since 2000-01-01", "standard", 1.0, "2000-12-31"),
        ("days since 2000-01-01", "standard", 1.0, "2000-01-02"),
    ];
    for (text, calendar, number, expected) in rows {
        let units = TimeUnits::parse(text, Some(calendar)).unwrap();
        let mut values = vec![Scalar::Float(number)];
        values.extend((number.fract() == 0.0).then_some(Scalar::Int(number as i64)));
        for value in values {
            let instant = units.decode_one_month(&value).unwrap().unwrap();
            assert_eq!(units.date(instant).unwrap().to_string(), expected, "{text} {calendar} {value}");
        }
    }
    let units = TimeUnits::parse("years since 2000-01-01", None).unwrap();
    for missing in [Scalar::Float(f64::NAN), Scalar::Int(i64::MIN)] {
        assert_eq!(units.decode_one_month(&missing).unwrap(), None, "{missing}");
    }
    for value in [
        Scalar::Float(f64::INFINITY),
        Scalar::Float(1e30),
        Scalar::Int(i64::MAX),
        Scalar::UInt(u64::MAX),
        Scalar::Text("1".to_owned()),
    ] {
        assert_eq!(units.decode_one_month(&value).unwrap_err().code, Code::CombineTime, "{value}");
    }
}

#[test]
fn months_rise() {
    let units = TimeUnits::parse("months since 1999-12-31", None).unwrap();
    let at = |step: i32| units.decode_one_month(&Scalar::Float(f64::from(step) / 64.0)).unwrap().unwrap();
    assert!((-2000..2000).all(|step| at(step) < at(step + 1)));
}

#[test]
fn calendars_whose_numbers_stay_numbers() {
    let rows = [("none", "no dates"), ("UTC", "leap seconds"), ("tai", "atomic"), ("360", "not one of")];
    for (name, why) in rows {
        let error = TimeUnits::parse("days since 2000-01-01", Some(name)).unwrap_err();
        assert_eq!(error.code, Code::CombineCalendar, "{name}");
        assert!(error.message.contains(why) && error.message.contains(name), "{name}: {error}");
    }
    let attrs = |name: &str, value: AttrValue| {
        let mut attrs = Attrs::new();
        attrs.set("units", AttrValue::Text("days since 2000-01-01".to_owned()));
        attrs.set(name, value);
        attrs
    };
    let number = AttrValue::number(DataType::Int32, Scalar::Int(2));
    for name in ["month_lengths", "leap_year", "leap_month", "calendar"] {
        let error = TimeUnits::of(&attrs(name, number.clone())).unwrap_err();
        assert_eq!(error.code, Code::CombineCalendar, "{name}");
        assert!(error.message.contains(name), "{error}");
    }
    let units = TimeUnits::of(&attrs("calendar", AttrValue::Text("NoLeap".to_owned()))).unwrap();
    assert_eq!(units.calendar, Calendar::NoLeap);
}

/// By xarray 2026.9 (`convert_calendar(align_on="date")`), which drops the dates that are refused here.
#[test]
fn dates_in_another_calendar() {
    let rows = [
        ("noleap", "2000-02-28T06:00", "standard", Some("2000-02-28T06:00")),
        ("noleap", "2000-03-01", "standard", Some("2000-03-01")),
        ("360_day", "2000-02-30", "standard", None),
        ("360_day", "2000-02-29", "standard", Some("2000-02-29")),
        ("360_day", "2001-02-29", "noleap", None),
        ("standard", "2000-02-29", "noleap", None),
        ("standard", "2000-02-29", "all_leap", Some("2000-02-29")),
        ("standard", "2000-01-31", "360_day", None),
        ("all_leap", "2001-02-29", "proleptic_gregorian", None),
        ("standard", "1582-10-04", "proleptic_gregorian", Some("1582-10-04")),
        ("proleptic_gregorian", "1582-10-10", "standard", None),
        ("julian", "1900-02-29", "standard", None),
        ("standard", "-0001-01-01", "julian", Some("-0001-01-01")),
        ("standard", "-0001-01-01", "noleap", None),
        ("noleap", "0000-01-01", "standard", None),
    ];
    for (from, text, to, expected) in rows {
        let (from, to) = (Calendar::parse(from).unwrap(), Calendar::parse(to).unwrap());
        let units = TimeUnits::parse("days since 1999-12-30", Some(from.name())).unwrap();
        let instant = from.to_ns(&DateTime::parse(text, from).unwrap());
        let found = units.convert(&[None, Some(instant)], to);
        match expected {
            Some(expected) => {
                let found = found.unwrap();
                let date = to.from_ns(found[1].unwrap()).unwrap();
                assert_eq!((found[0], date.to_string().as_str()), (None, expected), "{from} {text} {to}");
                let reference = units.in_calendar(to).unwrap();
                assert_eq!(reference.to_string(), "days since 1999-12-30");
            }
            None => {
                let error = found.unwrap_err();
                assert_eq!(error.code, Code::CombineCalendar);
                for word in [text, to.name()] {
                    assert!(error.message.contains(word), "{error}");
                }
            }
        }
    }
    let units = TimeUnits::parse("days since 2000-01-31", None).unwrap();
    assert_eq!(units.in_calendar(Calendar::Day360).unwrap().to_string(), "days since 2000-01-01");
}

const MISSING: f64 = f64::NAN;

#[test]
fn times_from_parts() {
    #[rustfmt::skip]
    let rows: &[(&str, [Option<f64>; 7], Result<&str, &str>)] = &[
        ("standard", [Some(1979.0), Some(2.0), Some(3.0), None, None, None, None], Ok("1979-02-03")),
        ("standard", [Some(1979.0), None, None, None, None, None, None], Ok("1979-01-01")),
        ("standard", [Some(1979.0), Some(12.0), None, None, None, None, None], Ok("1979-12-01")),
        ("standard", [Some(1979.0), None, None, Some(60.0), Some(6.0), None, None], Ok("1979-03-01T06:00")),
        ("standard", [Some(1980.0), None, None, Some(366.5), None, None, None], Ok("1980-12-31T12:00")),
        ("noleap", [Some(1980.0), None, None, Some(60.0), None, None, None], Ok("1980-03-01")),
        ("360_day", [Some(1980.0), Some(2.0), Some(30.25), None, None, None, None], Ok("1980-02-30T06:00")),
        ("standard", [Some(1582.0), None, None, Some(278.0), None, None, None], Ok("1582-10-15")),
        ("standard", [Some(2000.0), Some(1.0), Some(1.0), None, Some(23.0), Some(59.0), Some(59.25)], Ok("2000-01-01T23:59:59.25")),
        ("standard", [Some(2000.0), Some(1.0), Some(1.0), None, Some(24.0), Some(0.0), None], Ok("2000-01-02")),
        ("standard", [Some(2000.0), Some(1.0), Some(1.1), None, None, None, None], Ok("2000-01-01T02:24")),
        ("standard", [Some(-44.0), Some(3.0), Some(15.0), None, None, None, None], Ok("-0043-03-15")),
        ("noleap", [Some(0.0), None, None, None, None, None, None], Ok("0000-01-01")),
        ("standard", [Some(MISSING), Some(13.0), None, None, None, None, None], Ok("missing")),
        ("standard", [Some(2000.0), Some(1.0), Some(1.0), None, None, None, Some(MISSING)], Ok("missing")),
        ("standard", [Some(2000.0), Some(13.0), None, None, None, None, None], Err("month 13 ")),
        ("standard", [Some(2000.0), Some(0.0), None, None, None, None, None], Err("month 0 ")),
        ("standard", [Some(2000.0), Some(1.5), None, None, None, None, None], Err("month 1.5 is no whole")),
        ("standard", [Some(2000.5), None, None, None, None, None, None], Err("year 2000.5 is no whole")),
        ("standard", [Some(0.0), None, None, None, None, None, None], Err("no year 0")),
        ("standard", [Some(1e300), None, None, None, None, None, None], Err("year")),
        ("standard", [Some(2001.0), Some(2.0), Some(29.0), None, None, None, None], Err("no day 29 in month 2 of 2001")),
        ("standard", [Some(2001.0), Some(2.0), Some(0.5), None, None, None, None], Err("no day 0.5")),
        ("standard", [Some(1582.0), Some(10.0), Some(10.0), None, None, None, None], Err("no day 10 in month 10 of 1582")),
        ("standard", [Some(2001.0), None, None, Some(366.0), None, None, None], Err("day_of_year 366 is not one of 1 to 365")),
        ("standard", [Some(2001.0), None, None, Some(0.0), None, None, None], Err("day_of_year 0 ")),
        ("standard", [Some(2001.0), None, None, None, Some(25.0), None, None], Err("hour 25 ")),
        ("standard", [Some(2001.0), None, None, None, Some(24.0), Some(1.0), None], Err("hour 24")),
        ("standard", [Some(2001.0), None, None, None, Some(-1.0), None, None], Err("hour -1 ")),
        ("standard", [Some(2001.0), None, None, None, Some(0.0), Some(60.0), None], Err("minute 60 ")),
        ("standard", [Some(2001.0), None, None, None, Some(0.0), Some(0.0), Some(60.0)], Err("second 60 ")),
        ("standard", [Some(2001.0), Some(1.0), Some(1.5), None, Some(12.0), None, None], Err("day 1.5 has a fraction")),
        ("standard", [Some(2001.0), Some(1.0), Some(f64::INFINITY), None, None, None, None], Err("day inf")),
    ];
    for (calendar, parts, expected) in rows {
        let calendar = Calendar::parse(calendar).unwrap();
        // the second element is the one
        let columns: Vec<Option<[f64; 2]>> = parts
            .iter()
            .zip([2000.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
            .map(|(p, first)| p.map(|p| [first, p]))
            .collect();
        let column = |at: usize| columns[at].as_ref().map(|c| &c[..]);
        let parts = Parts {
            year: column(0).unwrap(),
            month: column(1),
            day: column(2),
            day_of_year: column(3),
            hour: column(4),
            minute: column(5),
            second: column(6),
        };
        let found = from_parts(&parts, calendar);
        match expected {
            Ok(expected) => {
                let found = found.unwrap_or_else(|e| panic!("{expected}: {e}"));
                let show = |ns: Option<i128>| {
                    ns.map_or("missing".to_owned(), |ns| calendar.from_ns(ns).unwrap().to_string())
                };
                assert_eq!(
                    [show(found[0]), show(found[1])],
                    ["2000-01-01".to_owned(), (*expected).to_owned()]
                );
                let units = units_since_1970(&found, calendar).unwrap();
                assert!(found.iter().flatten().all(|ns| units.encode(*ns).is_some()), "{units}");
            }
            Err(words) => {
                let error = found.unwrap_err();
                assert_eq!(error.code, Code::StepInvalid, "{words}");
                assert!(error.message.contains(words) && error.message.contains("item 1"), "{error}");
            }
        }
    }
}

#[test]
fn parts_that_exclude_each_other() {
    let year = [2000.0, 2001.0];
    let rows = [
        (
            Parts { year: &year, month: Some(&year), day_of_year: Some(&year), ..Parts::default() },
            "day_of_year",
        ),
        (Parts { year: &year, month: Some(&[1.0]), ..Parts::default() }, "`month` has 1 elements"),
    ];
    for (parts, words) in rows {
        let error = from_parts(&parts, Calendar::Standard).unwrap_err();
        assert!(error.code == Code::StepInvalid && error.message.contains(words), "{error}");
    }
    assert_eq!(from_parts(&Parts::default(), Calendar::Standard).unwrap(), []);
}

/// What a recipe may write in `time_encoding`: units, calendar, type.
type Asked = (Option<&'static str>, Option<Calendar>, Option<DataType>);

#[test]
fn times_stored_as_asked() {
    use DataType::{Float32, Float64, Int32, Int64};
    const STANDARD: &str = "days since 2000-01-01";
    #[rustfmt::skip]
    let rows: &[(Asked, &[Option<&str>], Result<&str, (Code, &str)>)] = &[
        ((None, None, None), &[Some("2000-01-01"), Some("2000-02-29")], Ok("int64 days since 2000-01-01 standard: 0 59")),
        ((None, None, None), &[Some("2000-01-01T06:00"), Some("2000-01-02")], Ok("int64 hours since 2000-01-01 standard: 6 24")),
        ((None, None, None), &[Some("2000-01-02"), None], Ok("float64 days since 2000-01-01 standard: 1 NaN")),
        ((None, None, Some(Int64)), &[Some("2000-01-02"), None], Ok("int64 days since 2000-01-01 standard: 1 -9223372036854775808")),
        ((None, None, Some(Int32)), &[None], Ok("int32 days since 2000-01-01 standard: -2147483648")),
        ((None, None, Some(Float64)), &[Some("2000-01-02T08:00")], Ok("float64 days since 2000-01-01 standard: 1.3333333333333333")),
        ((None, None, Some(Float32)), &[Some("2000-01-02T12:00")], Ok("float32 days since 2000-01-01 standard: 1.5")),
        ((None, None, Some(Float32)), &[Some("2000-01-02T08:00")], Err((Code::CombineTime, "no exact float32"))),
        ((Some("days since 1970-01-01"), None, None), &[Some("2000-01-02T08:00")], Ok("float64 days since 1970-01-01 standard: 10958.333333333334")),
        ((Some("days since 1970-01-01"), None, Some(Int64)), &[Some("2000-01-02"), Some("2000-01-02T08:00")], Err((Code::CombineTime, "item 1, 2000-01-02T08:00, is no whole number"))),
        ((Some("seconds since 1970-01-01"), None, Some(Int32)), &[Some("2000-01-01")], Ok("int32 seconds since 1970-01-01 standard: 946684800")),
        ((Some("seconds since 1970-01-01"), None, Some(Int32)), &[None, Some("2100-01-01")], Err((Code::CombineTime, "item 1, 2100-01-01, does not fit int32"))),
        ((Some("nanoseconds since 1970-01-01"), None, Some(Int64)), &[Some("2300-01-01")], Err((Code::CombineTime, "does not fit int64"))),
        ((Some("weeks since 2000-01-01"), None, None), &[Some("2000-01-15")], Ok("int64 weeks since 2000-01-01 standard: 2")),
        ((None, Some(Calendar::NoLeap), None), &[Some("2000-03-01")], Ok("int64 days since 2000-01-01 noleap: 59")),
        ((None, Some(Calendar::NoLeap), None), &[Some("2000-02-28"), Some("2000-02-29")], Err((Code::CombineCalendar, "item 1 is 2000-02-29"))),
        ((Some("days since 1999-02-30"), Some(Calendar::Day360), Some(Int32)), &[Some("2000-02-29")], Ok("int32 days since 1999-02-30 360_day: 359")),
        ((Some("days since 1999-02-30"), None, None), &[], Err((Code::CombineTime, "1999-02-30"))),
        ((Some("months since 1999-01-01"), None, None), &[], Err((Code::CombineMonths, "months"))),
        ((None, None, Some(DataType::Bool)), &[Some("2000-01-01")], Err((Code::StepInvalid, "bool"))),
        ((None, None, None), &[], Ok("int64 days since 2000-01-01 standard:")),
    ];
    for ((units, calendar, dtype), dates, expected) in rows {
        let from = TimeUnits::parse(STANDARD, None).unwrap();
        let instant =
            |d: &Option<&str>| d.map(|d| from.calendar.to_ns(&DateTime::parse(d, from.calendar).unwrap()));
        let instants: Vec<Option<i128>> = dates.iter().map(instant).collect();
        let encoding = TimeEncoding { units: units.map(str::to_owned), calendar: *calendar, dtype: *dtype };
        match (encode_as(&instants, &from, &encoding), expected) {
            (Ok((units, block, fill)), Ok(expected)) => {
                let mut shown = format!("{} {units} {}:", block.dtype, units.calendar);
                (0..dates.len()).for_each(|i| shown.push_str(&format!(" {}", block.scalar(i).unwrap())));
                assert_eq!(shown, *expected);
                assert_eq!(fill.is_some(), dates.contains(&None), "{expected}");
                let masks: Vec<Scalar> = fill.into_iter().collect();
                let again = units.decode(&block, &masks).unwrap();
                let wanted = from.convert(&instants, units.calendar).unwrap();
                assert_eq!(again, wanted, "{expected}");
            }
            (Err(error), Err((code, words))) => {
                assert_eq!(error.code, *code, "{error}");
                assert!(error.message.contains(words), "{words}: {error}");
            }
            (found, expected) => panic!("{expected:?}: {found:?}"),
        }
    }
}

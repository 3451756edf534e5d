use super::*;

/// Date, format, text. From Python's `datetime.strftime` (glibc) where the calendar is standard.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("standard", "2000-06-01T23:30:05.123456", "%Y%m%d", "20000601"),
    ("standard", "2000-06-01T23:30:05.123456", "%Y/%j", "2000/153"),
    ("standard", "2000-06-01T23:30:05.123456", "%y%b%e", "00Jun 1"),
    ("standard", "2000-06-01T23:30:05.123456", "%d %B %Y", "01 June 2000"),
    ("standard", "2000-06-01T23:30:05.123456", "%I%p", "11PM"),
    ("standard", "2000-06-01T23:30:05.123456", "%F %T", "2000-06-01 23:30:05"),
    ("standard", "2000-06-01T23:30:05.123456", "%H%M%S.%f", "233005.123456"),
    ("standard", "2000-06-01T23:30:05.123456", "%%%Y", "%2000"),
    ("standard", "2000-06-01T23:30:05.123456", "%-d.%-m.%y", "1.6.00"),
    ("standard", "1999-12-31", "%Y/%j", "1999/365"),
    ("standard", "1999-12-31", "%I%p", "12AM"),
    ("standard", "2004-02-29T12:00", "%I%p", "12PM"),
    ("standard", "2004-02-29T12:00", "%Y/%j", "2004/060"),
    ("360_day", "2004-02-30", "%Y%m%d %j", "20040230 060"),
    ("noleap", "2004-03-01", "%j", "060"),
    ("all_leap", "2005-12-31", "%j", "366"),
    ("standard", "0850-01-01", "%Y", "0850"),
    ("standard", "12345-01-01", "%Y-%m", "12345-01"),
    ("proleptic_gregorian", "-0044-03-15", "%Y%m", "-004403"),
    ("standard", "2000-01-01", "", ""),
    ("standard", "2000-01-01", "év%Yé", "év2000é"),
];

#[test]
fn dates_are_written_as_by_python() {
    for (calendar, date, format, expected) in ROWS {
        let calendar = Calendar::parse(calendar).unwrap();
        let date = DateTime::parse(date, calendar).unwrap();
        assert_eq!(Strftime::parse(format).unwrap().format(&date, calendar), *expected, "{format}");
    }
}

#[test]
fn dates_are_read() {
    let rows = [
        ("standard", "%Y%m", "198109", Ok("1981-09-01")),
        ("standard", "%Y%m%d", "19810901", Ok("1981-09-01")),
        ("standard", "%Y%j", "2000366", Ok("2000-12-31")),
        ("standard", "%Y%j", "2001366", Err("no date")),
        ("standard", "%Y%j", "2001000", Err("no date")),
        ("360_day", "%Y%j", "2001360", Ok("2001-12-30")),
        ("standard", "%Y%m%d%j", "20000301061", Ok("2000-03-01")),
        ("standard", "%Y%m%d%j", "20000301060", Err("no date")),
        ("standard", "%Y%m%dT%H%M%S", "20000601T233005", Ok("2000-06-01T23:30:05")),
        ("standard", "%y%m%d", "680101", Ok("2068-01-01")),
        ("standard", "%y%m%d", "690101", Ok("1969-01-01")),
        ("standard", "%d %B %Y", "01 June 2000", Ok("2000-06-01")),
        ("standard", "%d%b%Y", "01jun2000", Ok("2000-06-01")),
        ("standard", "%Y-%m-%d %I:%M %p", "2000-06-01 12:05 AM", Ok("2000-06-01T00:05")),
        ("standard", "%Y-%m-%d %I:%M %p", "2000-06-01 01:05 PM", Ok("2000-06-01T13:05")),
        ("standard", "%F %T.%f", "2000-06-01 01:02:03.5", Ok("2000-06-01T01:02:03.5")),
        ("standard", "sst_%Y.nc", "sst_12345.nc", Ok("12345-01-01")),
        ("proleptic_gregorian", "%Y-%m", "-0044-03", Ok("-0044-03-01")),
        // one digit is a month too, and 0 is none
        ("standard", "%Y%m", "19819", Ok("1981-09-01")),
        ("standard", "%Y%m", "19810", Err("no date")),
        ("standard", "%Y", "81", Err("fit")),
        ("standard", "%Y%m", "1981099", Err("fit")),
        ("standard", "%Y%m", "1981xx", Err("fit")),
        ("standard", "%Y %Y", "1981 1982", Err("fit")),
        ("standard", "%m", "12", Err("no year")),
        ("standard", "%Y%m%d", "20010229", Err("no date")),
        ("standard", "%Y%m%d %I", "20010201 05", Err("no date")),
        ("standard", "%Y", "٢٠٠٠", Err("fit")),
    ];
    for (calendar, format, text, expected) in rows {
        let calendar = Calendar::parse(calendar).unwrap();
        let found = Strftime::parse(format).unwrap().read(text, calendar).map(|date| date.to_string());
        match expected {
            Ok(date) => assert_eq!(found.as_deref(), Ok(date), "{format} {text}"),
            Err(part) => assert!(found.unwrap_err().contains(part), "{format} {text}"),
        }
    }
}

#[test]
fn unknown_directives_are_refused_with_their_place() {
    for (format, at) in
        [("%Q", 0), ("a%Y%s", 3), ("é%a", 2), ("%", 0), ("%Y%", 2), ("%-", 0), ("%é", 0), ("%-%", 0)]
    {
        assert_eq!(Strftime::parse(format).unwrap_err().0, at, "{format}");
    }
}

#[test]
fn what_is_written_can_be_read_in_every_calendar() {
    for calendar in Calendar::ALL {
        let format = Strftime::parse("%Y_%j_%b_%e_%I%p_%M%S_%f").unwrap();
        for days in (-300_000..60_000).step_by(97) {
            let date = calendar.from_ns(days * crate::calendar::DAY_NS + 45_296_789_012_000).unwrap();
            let text = format.format(&date, calendar);
            assert_eq!(format.read(&text, calendar), Ok(date), "{calendar} {text}");
        }
    }
}

#[test]
fn mutated_formats_and_texts_never_panic() {
    let date = DateTime::parse("2000-02-29T12:34:56.789", Calendar::Standard).unwrap();
    crate::cursor::mutations(&["%Y-%m-%dT%H:%M:%S", "%-d%b%y%j", "%e%B%I%p%f%F%T%%"], 10_000, |format| {
        if let Ok(format) = Strftime::parse(format) {
            let _ = format.read(&format.format(&date, Calendar::Standard), Calendar::Standard);
        }
    });
    let format = Strftime::parse("%Y-%m-%dT%H:%M:%S.%f %j").unwrap();
    crate::cursor::mutations(&["2000-02-29T12:34:56.789000 060"], 10_000, |text| {
        let _ = format.read(text, Calendar::Day360);
    });
}

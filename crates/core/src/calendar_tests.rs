use super::*;

const NS: i128 = 1_000_000_000;

/// Calendar, year (astronomical), month, day, days since 2000-01-01 of that calendar, day of the year.
/// From cftime 1.6.6: `datetime(y, m, d, calendar=c, has_year_zero=True)`, `toordinal()` and `dayofyr`,
/// but days of the year 1582 are counted here, where cftime counts the ten days that never were.
#[rustfmt::skip]
const DAYS: &[(&str, i64, u8, u8, i128, u16)] = &[
    ("standard", 1582, 10, 4, -152385, 277),
    ("standard", 1582, 10, 15, -152384, 278),
    ("standard", 1582, 10, 16, -152383, 279),
    ("standard", 1582, 3, 1, -152602, 60),
    ("standard", 1500, 2, 29, -182553, 60),
    ("standard", 1700, 2, 28, -109514, 59),
    ("standard", 1700, 3, 1, -109513, 60),
    ("standard", 1600, 2, 29, -146038, 60),
    ("standard", 1900, 3, 1, -36465, 60),
    ("standard", 2000, 2, 29, 59, 60),
    ("standard", 2000, 12, 31, 365, 366),
    ("standard", 2100, 3, 1, 36584, 60),
    ("standard", 4, 2, 29, -728967, 60),
    ("standard", 1, 1, 1, -730121, 1),
    ("standard", 0, 1, 1, -730487, 1),
    ("standard", 0, 2, 29, -730428, 60),
    ("standard", 0, 12, 31, -730122, 366),
    ("standard", -1, 1, 1, -730852, 1),
    ("standard", -4, 3, 1, -731888, 61),
    ("standard", -100, 2, 28, -766954, 59),
    ("standard", -4712, 1, 1, -2451545, 1),
    ("standard", 9999, 12, 31, 2921939, 365),
    ("standard", 12345, 6, 7, 3778591, 158),
    ("standard", 1970, 1, 1, -10957, 1),
    ("standard", -799, 10, 28, -1022021, 301),
    ("standard", -1967, 5, 4, -1448810, 124),
    ("standard", 5117, 8, 16, 1138688, 228),
    ("standard", 3219, 4, 4, 445324, 94),
    ("standard", 4993, 1, 27, 1093198, 27),
    ("standard", 3386, 7, 20, 506427, 201),
    ("standard", -2966, 12, 15, -1813470, 349),
    ("standard", 1363, 12, 26, -232292, 360),
    ("standard", 748, 10, 4, -457003, 278),
    ("standard", 2200, 1, 1, 73049, 1),
    ("standard", -2584, 11, 18, -1673971, 323),
    ("standard", -2850, 7, 22, -1771247, 203),
    ("proleptic_gregorian", 1582, 10, 4, -152395, 277),
    ("proleptic_gregorian", 1582, 10, 15, -152384, 288),
    ("proleptic_gregorian", 1582, 10, 16, -152383, 289),
    ("proleptic_gregorian", 1582, 3, 1, -152612, 60),
    ("proleptic_gregorian", 1700, 2, 28, -109514, 59),
    ("proleptic_gregorian", 1700, 3, 1, -109513, 60),
    ("proleptic_gregorian", 1600, 2, 29, -146038, 60),
    ("proleptic_gregorian", 1900, 3, 1, -36465, 60),
    ("proleptic_gregorian", 2000, 2, 29, 59, 60),
    ("proleptic_gregorian", 2000, 12, 31, 365, 366),
    ("proleptic_gregorian", 2100, 3, 1, 36584, 60),
    ("proleptic_gregorian", 4, 2, 29, -728965, 60),
    ("proleptic_gregorian", 1, 1, 1, -730119, 1),
    ("proleptic_gregorian", 0, 1, 1, -730485, 1),
    ("proleptic_gregorian", 0, 2, 29, -730426, 60),
    ("proleptic_gregorian", 0, 12, 31, -730120, 366),
    ("proleptic_gregorian", -1, 1, 1, -730850, 1),
    ("proleptic_gregorian", -4, 3, 1, -731886, 61),
    ("proleptic_gregorian", -100, 2, 28, -766951, 59),
    ("proleptic_gregorian", -4712, 1, 1, -2451507, 1),
    ("proleptic_gregorian", 9999, 12, 31, 2921939, 365),
    ("proleptic_gregorian", 12345, 6, 7, 3778591, 158),
    ("proleptic_gregorian", 1970, 1, 1, -10957, 1),
    ("proleptic_gregorian", 548, 7, 24, -530127, 206),
    ("proleptic_gregorian", -2525, 9, 8, -1652472, 251),
    ("proleptic_gregorian", 4174, 8, 18, 794267, 230),
    ("proleptic_gregorian", 818, 6, 8, -431558, 159),
    ("proleptic_gregorian", 584, 8, 10, -516961, 223),
    ("proleptic_gregorian", -2648, 7, 27, -1697439, 209),
    ("proleptic_gregorian", -1362, 3, 21, -1227866, 80),
    ("proleptic_gregorian", 1856, 2, 24, -52541, 55),
    ("proleptic_gregorian", 2450, 12, 23, 164716, 357),
    ("proleptic_gregorian", 5205, 7, 17, 1170800, 198),
    ("proleptic_gregorian", 110, 5, 10, -690179, 130),
    ("proleptic_gregorian", 5181, 9, 13, 1162092, 256),
    ("julian", 1582, 10, 4, -152398, 277),
    ("julian", 1582, 10, 15, -152387, 288),
    ("julian", 1582, 10, 16, -152386, 289),
    ("julian", 1582, 3, 1, -152615, 60),
    ("julian", 1500, 2, 29, -182566, 60),
    ("julian", 1700, 2, 28, -109517, 59),
    ("julian", 1700, 3, 1, -109515, 61),
    ("julian", 1600, 2, 29, -146041, 60),
    ("julian", 1900, 3, 1, -36465, 61),
    ("julian", 2000, 2, 29, 59, 60),
    ("julian", 2000, 12, 31, 365, 366),
    ("julian", 2100, 3, 1, 36585, 61),
    ("julian", 4, 2, 29, -728980, 60),
    ("julian", 1, 1, 1, -730134, 1),
    ("julian", 0, 1, 1, -730500, 1),
    ("julian", 0, 2, 29, -730441, 60),
    ("julian", 0, 12, 31, -730135, 366),
    ("julian", -1, 1, 1, -730865, 1),
    ("julian", -4, 3, 1, -731901, 61),
    ("julian", -100, 2, 28, -766967, 59),
    ("julian", -4712, 1, 1, -2451558, 1),
    ("julian", 9999, 12, 31, 2921999, 365),
    ("julian", 12345, 6, 7, 3778669, 158),
    ("julian", 1970, 1, 1, -10957, 1),
    ("julian", -2435, 8, 8, -1619664, 220),
    ("julian", 3623, 7, 22, 593003, 203),
    ("julian", -166, 6, 18, -790963, 169),
    ("julian", 3139, 2, 15, 416065, 46),
    ("julian", 5330, 2, 25, 1216338, 56),
    ("julian", -318, 9, 27, -846380, 270),
    ("julian", 3443, 6, 16, 527222, 167),
    ("julian", -2516, 8, 2, -1649255, 215),
    ("julian", 2054, 12, 28, 20085, 362),
    ("julian", 3448, 11, 6, 529192, 311),
    ("julian", -238, 9, 8, -817179, 251),
    ("julian", -2799, 4, 18, -1752727, 108),
    ("noleap", 1582, 10, 4, -152294, 277),
    ("noleap", 1582, 10, 15, -152283, 288),
    ("noleap", 1582, 10, 16, -152282, 289),
    ("noleap", 1582, 3, 1, -152511, 60),
    ("noleap", 1700, 2, 28, -109442, 59),
    ("noleap", 1700, 3, 1, -109441, 60),
    ("noleap", 1900, 3, 1, -36441, 60),
    ("noleap", 2000, 12, 31, 364, 365),
    ("noleap", 2100, 3, 1, 36559, 60),
    ("noleap", 1, 1, 1, -729635, 1),
    ("noleap", 0, 1, 1, -730000, 1),
    ("noleap", 0, 12, 31, -729636, 365),
    ("noleap", -1, 1, 1, -730365, 1),
    ("noleap", -4, 3, 1, -731401, 60),
    ("noleap", -100, 2, 28, -766442, 59),
    ("noleap", -4712, 1, 1, -2449880, 1),
    ("noleap", 9999, 12, 31, 2919999, 365),
    ("noleap", 12345, 6, 7, 3776082, 158),
    ("noleap", 1970, 1, 1, -10950, 1),
    ("noleap", 5983, 4, 13, 1453897, 103),
    ("noleap", 5417, 6, 28, 1247383, 179),
    ("noleap", 2788, 8, 9, 287840, 221),
    ("noleap", 5978, 10, 24, 1452266, 297),
    ("noleap", -2907, 7, 26, -1790849, 207),
    ("noleap", 5396, 3, 17, 1239615, 76),
    ("noleap", 366, 7, 2, -596228, 183),
    ("noleap", 4882, 6, 19, 1052099, 170),
    ("noleap", 274, 9, 14, -629734, 257),
    ("noleap", 4945, 6, 14, 1075089, 165),
    ("noleap", 2670, 1, 18, 244567, 18),
    ("noleap", 5849, 10, 26, 1405183, 299),
    ("all_leap", 1582, 10, 4, -152711, 278),
    ("all_leap", 1582, 10, 15, -152700, 289),
    ("all_leap", 1582, 10, 16, -152699, 290),
    ("all_leap", 1582, 3, 1, -152928, 61),
    ("all_leap", 1500, 2, 29, -182941, 60),
    ("all_leap", 1700, 2, 28, -109742, 59),
    ("all_leap", 1700, 3, 1, -109740, 61),
    ("all_leap", 1600, 2, 29, -146341, 60),
    ("all_leap", 1900, 3, 1, -36540, 61),
    ("all_leap", 2000, 2, 29, 59, 60),
    ("all_leap", 2000, 12, 31, 365, 366),
    ("all_leap", 2100, 3, 1, 36660, 61),
    ("all_leap", 4, 2, 29, -730477, 60),
    ("all_leap", 1, 1, 1, -731634, 1),
    ("all_leap", 0, 1, 1, -732000, 1),
    ("all_leap", 0, 2, 29, -731941, 60),
    ("all_leap", 0, 12, 31, -731635, 366),
    ("all_leap", -1, 1, 1, -732366, 1),
    ("all_leap", -4, 3, 1, -733404, 61),
    ("all_leap", -100, 2, 28, -768542, 59),
    ("all_leap", -4712, 1, 1, -2456592, 1),
    ("all_leap", 9999, 12, 31, 2927999, 366),
    ("all_leap", 12345, 6, 7, 3786428, 159),
    ("all_leap", 1970, 1, 1, -10980, 1),
    ("all_leap", 2425, 8, 20, 155782, 233),
    ("all_leap", -2542, 4, 21, -1662261, 112),
    ("all_leap", -97, 9, 19, -767240, 263),
    ("all_leap", -39, 2, 26, -746218, 57),
    ("all_leap", 1182, 1, 27, -299362, 27),
    ("all_leap", -1846, 2, 28, -1407578, 59),
    ("all_leap", -2727, 8, 1, -1729869, 214),
    ("all_leap", 1607, 4, 9, -143739, 100),
    ("all_leap", -1207, 10, 6, -1173483, 280),
    ("all_leap", 2643, 5, 3, 235461, 124),
    ("all_leap", -257, 3, 9, -825994, 69),
    ("all_leap", 5640, 3, 22, 1332321, 82),
    ("360_day", 1582, 10, 4, -150207, 274),
    ("360_day", 1582, 10, 15, -150196, 285),
    ("360_day", 1582, 10, 16, -150195, 286),
    ("360_day", 1582, 3, 1, -150420, 61),
    ("360_day", 1500, 2, 29, -179942, 59),
    ("360_day", 1700, 2, 28, -107943, 58),
    ("360_day", 1700, 3, 1, -107940, 61),
    ("360_day", 1600, 2, 29, -143942, 59),
    ("360_day", 1900, 3, 1, -35940, 61),
    ("360_day", 2000, 2, 29, 58, 59),
    ("360_day", 2100, 3, 1, 36060, 61),
    ("360_day", 4, 2, 29, -718502, 59),
    ("360_day", 1, 1, 1, -719640, 1),
    ("360_day", 0, 1, 1, -720000, 1),
    ("360_day", 0, 2, 29, -719942, 59),
    ("360_day", -1, 1, 1, -720360, 1),
    ("360_day", -4, 3, 1, -721380, 61),
    ("360_day", -100, 2, 28, -755943, 58),
    ("360_day", -4712, 1, 1, -2416320, 1),
    ("360_day", 12345, 6, 7, 3724356, 157),
    ("360_day", 1970, 1, 1, -10800, 1),
    ("360_day", 1471, 11, 23, -190118, 323),
    ("360_day", 1824, 8, 23, -63128, 233),
    ("360_day", 2275, 8, 16, 99225, 226),
    ("360_day", -1130, 1, 10, -1126791, 10),
    ("360_day", 3333, 6, 14, 480043, 164),
    ("360_day", 80, 5, 4, -691077, 124),
    ("360_day", 1152, 12, 17, -304934, 347),
    ("360_day", 425, 10, 14, -566717, 284),
    ("360_day", -2659, 4, 1, -1677150, 91),
    ("360_day", 3509, 3, 2, 543301, 62),
    ("360_day", -375, 8, 23, -854768, 233),
    ("360_day", 5295, 11, 14, 1186513, 314),
];

#[test]
fn days_are_those_of_cftime() {
    for &(name, year, month, day, expected, day_of_year) in DAYS {
        let calendar = Calendar::parse(name).unwrap();
        let date = DateTime::date(calendar, year, month, day).unwrap();
        let since = calendar.to_days(year, month, day) - calendar.to_days(2000, 1, 1);
        assert_eq!(since, expected, "{name} {year}-{month}-{day}");
        assert_eq!(date.day_of_year(calendar), day_of_year, "{name} {year}-{month}-{day}");
        assert_eq!(calendar.from_ns(calendar.to_ns(&date)), Some(date), "{name} {year}-{month}-{day}");
    }
}

#[test]
fn every_day_of_eight_thousand_years_follows_its_predecessor() {
    for calendar in Calendar::ALL {
        let first = calendar.to_days(-2000, 1, 1);
        let mut date = (-2000, 1, 1);
        for days in first..calendar.to_days(6000, 1, 1) {
            assert_eq!(calendar.from_days(days), Some(date), "{calendar}");
            assert_eq!(calendar.to_days(date.0, date.1, date.2), days, "{calendar}");
            date = successor(calendar, date);
        }
    }
}

/// The next day by the rules in words.
fn successor(calendar: Calendar, (year, month, day): (i64, u8, u8)) -> (i64, u8, u8) {
    if calendar == Calendar::Standard && (year, month, day) == (1582, 10, 4) {
        return (1582, 10, 15);
    }
    match (day < calendar.last_day(year, month), month) {
        (true, _) => (year, month, day + 1),
        (false, 12) => (year + 1, 1, 1),
        (false, _) => (year, month + 1, 1),
    }
}

#[test]
fn names_and_aliases() {
    let rows = [
        ("gregorian", Some("standard")),
        ("Gregorian", Some("standard")),
        ("NOLEAP", Some("noleap")),
        ("365_day", Some("noleap")),
        ("366_day", Some("all_leap")),
        ("360_day", Some("360_day")),
        ("Proleptic_Gregorian", Some("proleptic_gregorian")),
        ("julian", Some("julian")),
        ("none", None),
        ("tai", None),
        ("", None),
    ];
    for (name, expected) in rows {
        assert_eq!(Calendar::parse(name).map(Calendar::name), expected, "{name}");
    }
}

#[test]
fn dates_that_do_not_exist() {
    let rows = [
        ("standard", (1582, 10, 5), false),
        ("standard", (1582, 10, 14), false),
        ("standard", (1500, 2, 29), true),
        ("standard", (1700, 2, 29), false),
        ("proleptic_gregorian", (1582, 10, 5), true),
        ("proleptic_gregorian", (1500, 2, 29), false),
        ("julian", (1900, 2, 29), true),
        ("noleap", (2000, 2, 29), false),
        ("all_leap", (2001, 2, 29), true),
        ("360_day", (2001, 2, 30), true),
        ("360_day", (2001, 1, 31), false),
        ("standard", (2000, 13, 1), false),
        ("standard", (2000, 0, 1), false),
        ("standard", (2000, 1, 0), false),
    ];
    for (name, (year, month, day), expected) in rows {
        let calendar = Calendar::parse(name).unwrap();
        assert_eq!(
            DateTime::date(calendar, year, month, day).is_some(),
            expected,
            "{name} {year}-{month}-{day}"
        );
    }
}

#[test]
fn text_to_date_to_text() {
    let rows = [
        ("1981-09-01", "1981-09-01"),
        ("1981-09", "1981-09-01"),
        ("1981", "1981-01-01"),
        ("2000-1-1 6:0:0.5", "2000-01-01T06:00:00.5"),
        ("2000-01-01T06", "2000-01-01T06:00"),
        ("2000-01-01T06:30Z", "2000-01-01T06:30"),
        ("2000-01-01 00:30:00 +01:00", "1999-12-31T23:30"),
        ("2000-01-01T00:30-0530", "2000-01-01T06:00"),
        ("2000-01-01 00:00:00 0:00", "2000-01-01"),
        ("2000-01-01 12:00:00 UTC", "2000-01-01T12:00"),
        ("2000-01-01T00:00:00.123456789", "2000-01-01T00:00:00.123456789"),
        ("2000-01-01T00:00:00.1000000000000", "2000-01-01T00:00:00.1"),
        ("-0044-03-15", "-0044-03-15"),
        ("12345-06-07", "12345-06-07"),
        ("+123456-06-07", "123456-06-07"),
        ("1-1-1", "0001-01-01"),
        ("Jan 1, 2001", "2001-01-01"),
        ("september 30, 1999 12:00", "1999-09-30T12:00"),
    ];
    for (text, expected) in rows {
        let date = DateTime::parse(text, Calendar::ProlepticGregorian).unwrap();
        assert_eq!(date.to_string(), expected, "{text}");
        assert_eq!(DateTime::parse(expected, Calendar::ProlepticGregorian).unwrap(), date, "{expected}");
    }
}

#[test]
fn text_that_is_not_a_date() {
    let rows = [
        "",
        " ",
        "-",
        "T",
        "now",
        "1981-",
        "1981-13-01",
        "1981-02-30",
        "1981-09-01T",
        "1981-09-01 25:00",
        "19810901",
        "1981-09-01T00:60",
        "1981-09-01T00:00:60",
        "1981-09-01x",
        "1981/09/01",
        "1981-09-01T00:00:00.0000000001",
        "99999999999999999999-01-01",
        "2000-01-01 00:00 +99:99",
        "1e3",
        "é",
        "2000-01-01T00:00é",
        "01/02/2000",
        "Mayor 1, 20",
        "2000-001",
    ];
    for text in rows {
        let error = DateTime::parse(text, Calendar::Standard).unwrap_err();
        assert_eq!(error.code, Code::RecipeValue, "{text}");
    }
}

#[test]
fn the_last_instant_of_what_is_written() {
    let rows = [
        ("1981", "standard", "1981-12-31T23:59:59.999999999"),
        ("2000-02", "standard", "2000-02-29T23:59:59.999999999"),
        ("2000-02", "360_day", "2000-02-30T23:59:59.999999999"),
        ("2000-02-03", "standard", "2000-02-03T23:59:59.999999999"),
        ("2000-02-03T06", "standard", "2000-02-03T06:59:59.999999999"),
        ("2000-02-03T06:30", "standard", "2000-02-03T06:30:59.999999999"),
        ("2000-02-03T06:30:01", "standard", "2000-02-03T06:30:01.999999999"),
        ("1582-10", "standard", "1582-10-31T23:59:59.999999999"),
        ("1582-09", "standard", "1582-09-30T23:59:59.999999999"),
    ];
    for (text, calendar, expected) in rows {
        let last = DateTime::parse_last(text, Calendar::parse(calendar).unwrap()).unwrap();
        assert_eq!(last.to_string(), expected, "{text} {calendar}");
    }
}

#[test]
fn months_are_cut_at_their_end() {
    let rows = [
        ("standard", "2000-01-31", 1, "2000-02-29"),
        ("noleap", "2000-01-31", 1, "2000-02-28"),
        ("360_day", "2000-01-30", 1, "2000-02-30"),
        ("standard", "2000-01-31", -2, "1999-11-30"),
        ("standard", "1582-09-10", 1, "1582-10-15"),
        ("standard", "2000-06-15T06:00", 12, "2001-06-15T06:00"),
        ("standard", "0001-01-01", -1, "0000-12-01"),
    ];
    for (calendar, text, months, expected) in rows {
        let calendar = Calendar::parse(calendar).unwrap();
        let date = DateTime::parse(text, calendar).unwrap();
        assert_eq!(date.add_months(calendar, months).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn far_years_do_not_overflow() {
    for calendar in Calendar::ALL {
        for year in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let date = DateTime::date(calendar, year, 1, 1).unwrap();
            let ns = calendar.to_ns(&date);
            assert_eq!(calendar.from_ns(ns), Some(date), "{calendar} {year}");
            assert!(
                date.add_months(calendar, i64::MAX).is_none() || year < 0 || year == i64::MAX - i64::MAX,
                "{year}"
            );
        }
        for ns in [i128::MIN, i128::MIN + 1, i128::MAX - 1, i128::MAX] {
            assert_eq!(calendar.from_ns(ns), None, "{calendar}");
        }
        let date = DateTime::parse("2000-01-01T12:34:56.789", calendar).unwrap();
        assert_eq!(calendar.to_ns(&date).rem_euclid(NS), 789_000_000);
    }
}

/// Real days: one instant in three calendars, as numpy's datetime64 counts it.
#[test]
fn the_epoch_is_that_of_unix() {
    let rows = [
        ("standard", "1970-01-01", 0),
        ("proleptic_gregorian", "2000-01-01", 10_957),
        ("julian", "1969-12-19", 0),
        ("standard", "1582-10-15", -141_427),
        ("noleap", "1970-01-01", 0),
        ("all_leap", "1970-01-01", 0),
        ("360_day", "1970-01-01", 0),
    ];
    for (calendar, text, days) in rows {
        let calendar = Calendar::parse(calendar).unwrap();
        assert_eq!(
            calendar.to_ns(&DateTime::parse(text, calendar).unwrap()),
            days * DAY_NS,
            "{calendar} {text}"
        );
    }
}

#[test]
fn mutated_text_never_panics() {
    let seeds =
        ["1981-09-01T06:30:00.25+01:00", "-0044-03-15 1:2:3 UTC", "Jan 1, 2001 00:00", "+123456-06-07"];
    crate::cursor::mutations(&seeds, 20_000, |text| {
        for calendar in [Calendar::Standard, Calendar::Day360] {
            if let Ok(date) = DateTime::parse(text, calendar) {
                assert!(calendar.has(&date), "{text}");
                assert_eq!(DateTime::parse(&date.to_string(), calendar).ok(), Some(date), "{text}");
            }
            let _ = DateTime::parse_last(text, calendar);
        }
    });
}

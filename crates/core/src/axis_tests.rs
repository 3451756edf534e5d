use super::*;

fn dates(from: &str, to: &str, every: &str, calendar: &str, restart_year: bool) -> Keys {
    let calendar = Calendar::parse(calendar).unwrap();
    let date = |text: &str| DateTime::parse(text, calendar).unwrap();
    Keys::Dates(DateRange {
        from: date(from),
        to: (to != "now").then(|| date(to)),
        every: Every::parse(every).unwrap(),
        calendar,
        restart_year,
    })
}

/// First, second and last key, and how many.
fn summary(keys: &Keys) -> (String, String, String, usize) {
    let now = DateTime::parse("2024-06-30T12:00", Calendar::Standard).unwrap();
    let keys = keys.expand(Some(now)).unwrap();
    let text = |key: Option<&Key>| key.map(Key::to_string).unwrap_or_default();
    (text(keys.first()), text(keys.get(1)), text(keys.last()), keys.len())
}

#[test]
#[allow(clippy::type_complexity)]
fn date_ranges() {
    // counts from the length of the periods; restarts are those of MODIS 8-day composites: 46 a year
    let rows: &[(&str, &str, &str, &str, bool, &str, &str, usize)] = &[
        ("1981-09-01", "1981-09-30", "1 day", "standard", false, "1981-09-02", "1981-09-30", 30),
        ("2000-02-28", "2000-03-01", "day", "standard", false, "2000-02-29", "2000-03-01", 3),
        ("2000-02-28", "2000-03-01", "day", "noleap", false, "2000-03-01", "2000-03-01", 2),
        ("2000-02-28", "2000-03-01", "day", "360_day", false, "2000-02-29", "2000-03-01", 4),
        ("1582-10-01", "1582-10-31", "day", "standard", false, "1582-10-02", "1582-10-31", 21),
        ("2000-01-31", "2000-12-31", "1 month", "standard", false, "2000-02-29", "2000-12-31", 12),
        ("2000-01-01", "2000-01-01", "30 min", "standard", false, "", "2000-01-01", 1),
        (
            "2000-06-01",
            "2000-06-01T23:59",
            "30min",
            "standard",
            false,
            "2000-06-01T00:30",
            "2000-06-01T23:30",
            48,
        ),
        ("2000-06-01", "2000-06-02", "6h", "standard", false, "2000-06-01T06:00", "2000-06-02", 5),
        ("1850", "2014", "year", "noleap", false, "1851-01-01", "2014-01-01", 165),
        ("2000-02-29", "2008-03-01", "1 year", "standard", false, "2001-02-28", "2008-02-29", 9),
        ("2002-01-01", "2003-12-31", "8 days", "standard", true, "2002-01-09", "2003-12-27", 92),
        ("2002-07-04", "2003-01-31", "8 days", "standard", true, "2002-07-12", "2003-01-25", 27),
        ("2024-06-01", "now", "day", "standard", false, "2024-06-02", "2024-06-30", 30),
    ];
    for (from, to, every, calendar, restart, second, last, count) in rows {
        let keys = dates(from, to, every, calendar, *restart);
        let first = DateTime::parse(from, Calendar::Standard).unwrap().to_string();
        let expected = (first, (*second).to_owned(), (*last).to_owned(), *count);
        assert_eq!(summary(&keys), expected, "{from} {to} {every}");
    }
}

#[test]
fn integer_ranges() {
    let rows = [
        ((1, 3, 1), vec![1, 2, 3]),
        ((1, 4, 2), vec![1, 3]),
        ((3, 1, -1), vec![3, 2, 1]),
        ((5, 5, 7), vec![5]),
        ((i64::MAX - 1, i64::MAX, 1), vec![i64::MAX - 1, i64::MAX]),
        ((i64::MIN, i64::MAX, i64::MAX), vec![i64::MIN, -1, i64::MAX - 1]),
    ];
    for ((from, to, step), expected) in rows {
        let keys = Keys::Integers { from, to, step }.expand(None).unwrap();
        assert_eq!(keys, expected.into_iter().map(Key::Int).collect::<Vec<_>>(), "{from} {to} {step}");
    }
}

#[test]
fn axes_that_are_not_well_formed() {
    let map = |name: &str| Key::Map([(name.to_owned(), Scalar::Int(1))].into());
    let invalid = |calendar, day| {
        let from = DateTime { year: 2001, month: 2, day, hour: 0, minute: 0, second: 0, nanosecond: 0 };
        Keys::Dates(DateRange { from, to: Some(from), every: Every::Days(1), calendar, restart_year: false })
    };
    let rows = [
        (dates("2000-01-02", "2000-01-01", "1 day", "standard", false), "before"),
        (dates("2000-01-01", "now", "1 day", "standard", false), "now"),
        (dates("2000-01-01", "2000-01-02", "0 days", "standard", false), "zero"),
        (dates("0001-01-01", "9999-01-01", "1 min", "standard", false), "more than"),
        (invalid(Calendar::NoLeap, 29), "noleap"),
        (invalid(Calendar::Day360, 31), "360_day"),
        (Keys::Integers { from: 1, to: 3, step: 0 }, "zero"),
        (Keys::Integers { from: 3, to: 1, step: 1 }, "before"),
        (Keys::Integers { from: i64::MIN, to: i64::MAX, step: 1 }, "more than"),
        (Keys::List(vec![]), "empty"),
        (Keys::List(vec![Key::Text("a".into()), Key::Text("b".into()), Key::Text("a".into())]), "twice"),
        (Keys::List(vec![map("key"), Key::Int(1)]), "twice"),
        (Keys::List(vec![map("dir")]), "no `key`"),
    ];
    for (keys, part) in rows {
        let error = keys.expand(None).unwrap_err();
        assert_eq!(error.code, Code::RecipeAxis, "{part}");
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[test]
fn distances_as_text() {
    let rows = [
        ("1 day", Some("1 day")),
        ("6h", Some("6 hours")),
        ("30 min", Some("30 minutes")),
        ("month", Some("1 month")),
        (" 8 Days ", Some("8 days")),
        ("2years", Some("2 years")),
        ("1 week", None),
        ("-1 day", None),
        ("1.5 days", None),
        ("99999999999 days", None),
        ("", None),
        ("5", None),
        ("é", None),
    ];
    for (text, expected) in rows {
        assert_eq!(Every::parse(text).map(|every| every.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn keys_of_selections() {
    let list = Keys::List(vec![
        Key::Map(
            [("key".to_owned(), Scalar::Text("sst".into())), ("dir".to_owned(), Scalar::Text("x".into()))]
                .into(),
        ),
        Key::Int(7),
    ]);
    let daily = dates("2000-01-01", "2000-01-09", "day", "360_day", false);
    let rows = [
        (&daily, "2000-01-03", Ok(("2000-01-03", "date"))),
        (&daily, "2000-01-31", Err(())),
        (&daily, "sst", Err(())),
        (&list, "sst", Ok(("sst", "map"))),
        (&list, "7", Ok(("7", "int"))),
        (&list, "ice", Ok(("ice", "text"))),
        (&Keys::Integers { from: 1, to: 3, step: 1 }, "2", Ok(("2", "int"))),
        (&Keys::Integers { from: 1, to: 3, step: 1 }, "two", Err(())),
        (&Keys::Found, "2003-01", Ok(("2003-01-01", "date"))),
        (&Keys::Found, "2003", Ok(("2003", "int"))),
        (&Keys::Found, "r1i1p1f1", Ok(("r1i1p1f1", "text"))),
        (&Keys::Found, "a-b", Ok(("a-b", "text"))),
    ];
    for (keys, text, expected) in rows {
        let found = keys.parse_key(text).map(|key| {
            let kind = match key {
                Key::Date(_) => "date",
                Key::Int(_) => "int",
                Key::Text(_) => "text",
                Key::Map(_) => "map",
            };
            (key.to_string(), kind)
        });
        let expected = expected.map(|(text, kind): (&str, &str)| (text.to_owned(), kind));
        assert_eq!(found.map_err(|_| ()), expected, "{text}");
    }
}

#[test]
fn keys_on_one_axis_are_of_one_kind() {
    let rows: [(&[&str], &str); 4] = [
        (&["1", "02"], "[Int(1), Int(2)]"),
        (&["1", "a"], "[Text(\"1\"), Text(\"a\")]"),
        (&["a", "2000-01-01"], "[Text(\"a\"), Text(\"2000-01-01\")]"),
        (&[], "[]"),
    ];
    for (texts, expected) in rows {
        assert_eq!(format!("{:?}", Key::guess_all(texts)), expected);
    }
    assert!(Key::Int(8).same(&Key::Text("08".into())) && !Key::Int(8).same(&Key::Text("8a".into())));
    assert_eq!(Key::Int(8).compare(&Key::Text("8".into())), None);
}

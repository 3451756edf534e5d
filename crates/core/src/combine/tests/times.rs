//! Policies of times: calendar months, other calendars, and no difference at all.

use super::*;

fn time(values: &[f64], units: &str, calendar: &str) -> Var {
    let var = f64s("time", &format!("time={}", values.len()), values).units(units);
    if calendar.is_empty() { var } else { var.attr("calendar", calendar) }
}

fn policies(text: &str) -> Policies {
    let mut policies = Policies::default();
    for one in text.split_whitespace() {
        let (key, value) = one.split_once('=').unwrap();
        let (key, variable) = key.split_once('.').map_or((key, None), |(k, v)| (k, Some(v.to_owned())));
        policies.set(key, variable, value);
    }
    policies
}

/// The variables as lines, or code and message of every refusal.
fn outcome(text: &str, files: &[&[Var]]) -> Result<Vec<String>, Vec<String>> {
    let (axes, files) = along_time(files);
    match run(&axes, &files, &policies(text)) {
        Ok(combined) => Ok(combined.variables.iter().map(|v| show(v, &files)).collect()),
        Err(problems) => {
            Err(problems.iter().map(|p| format!("{} {}\n{}", p.code, p.to_error(), p.help)).collect())
        }
    }
}

#[test]
fn combined() {
    let days = "days since 2000-01-01";
    let bounds = |values: &[f64]| f64s("b", &format!("time={} nv=2", values.len() / 2), values);
    let monthly = |values: &[f64], edges: &[f64], units: &str| {
        vec![time(values, units, "").attr("bounds", "b"), bounds(edges)]
    };
    let rows: Vec<(&str, &str, Vec<Vec<Var>>, &[&str])> = vec![
        (
            "months of one file",
            "months=calendar",
            vec![vec![time(&[0.0, 1.0, 2.0, 3.0], "months since 1979-01-01", "")]],
            &["time(time=4) int64 units=\"days since 1979-01-01\" calendar=\"standard\" = 0 31 59 90"],
        ),
        (
            "half months and their bounds",
            "months.time=calendar",
            vec![monthly(&[0.5, 1.5], &[0.0, 1.0, 1.0, 2.0], "months since 1955-01-01")],
            &[
                "time(time=2) int64 units=\"hours since 1955-01-01\" bounds=\"b\" calendar=\"standard\" = 372 1080",
                "b(time=2 nv=2) int64 = 0 744 744 1416",
            ],
        ),
        (
            "months from two references, and days",
            "months=calendar",
            vec![
                vec![time(&[0.0], "months since 2000-01-01", "")],
                vec![time(&[1.0], "years since 2000-01-01", "")],
                vec![time(&[731.0], days, "")],
            ],
            &["time(time=3) int64 units=\"days since 2000-01-01\" calendar=\"standard\" = 0 366 731"],
        ),
        (
            "months of thirty days have one length",
            "months=calendar",
            vec![vec![time(&[0.0, 1.0], "months since 2000-01-01", "360_day")]],
            &["time(time=2) float64 units=\"months since 2000-01-01\" calendar=\"360_day\" = 0 1"],
        ),
        (
            "missing months stay missing",
            "months=calendar",
            vec![vec![
                f64s("when", "time=3", &[0.0, f64::NAN, -9.0]).units("months since 2000-01-01").fill(-9.0),
            ]],
            &[
                "when(time=3) float64 units=\"days since 2000-01-01\" calendar=\"standard\" fill=NaN = 0 NaN NaN",
            ],
        ),
        (
            "two calendars",
            "calendar=convert:standard",
            vec![vec![time(&[58.0, 59.0], days, "noleap")], vec![time(&[61.0], days, "gregorian")]],
            &["time(time=3) int64 units=\"days since 2000-01-01\" calendar=\"standard\" = 58 60 61"],
        ),
        (
            "one calendar, but not the one",
            "calendar.time=convert:365_day",
            vec![vec![
                time(&[0.0, 60.0], days, "").attr("bounds", "b"),
                bounds(&[0.0, 1.0, 60.0, 61.0]).attr("calendar", "standard"),
            ]],
            &[
                "time(time=2) int64 units=\"days since 2000-01-01\" bounds=\"b\" calendar=\"noleap\" = 0 59",
                "b(time=2 nv=2) int64 calendar=\"noleap\" = 0 1 59 60",
            ],
        ),
        (
            "what is in the calendar already stays as stored",
            "calendar=convert:noleap time=error",
            vec![vec![time(&[0.5], days, "365_day")], vec![time(&[1.5], days, "NOLEAP")]],
            &["time(time=2) float64 units=\"days since 2000-01-01\" calendar=\"365_day\" = 0.5 1.5"],
        ),
        (
            "a reference that the calendar does not have",
            "calendar=convert:360_day",
            vec![vec![time(&[1.0, 2.0], "days since 2000-01-31", "standard")]],
            &["time(time=2) int64 units=\"days since 2000-01-01\" calendar=\"360_day\" = 30 31"],
        ),
        (
            "the numpy value of no time",
            "",
            vec![
                vec![var("when", "time=1", DataType::Int64, &[i64::MIN as f64]).units(days)],
                vec![var("when", "time=1", DataType::Int64, &[1.0]).units("days since 2000-01-02")],
            ],
            &["when(time=2) float64 units=\"days since 2000-01-01\" calendar=\"standard\" fill=NaN = NaN 2"],
        ),
        (
            "nanoseconds far from the first reference",
            "",
            vec![
                vec![time(&[730_119.0], "days since 0001-01-01", "proleptic_gregorian")],
                vec![time(&[1e9 + 1.0], "nanoseconds since 2000-01-01", "proleptic_gregorian")],
            ],
            &[
                "time(time=2) int64 units=\"nanoseconds since 1970-01-01\" calendar=\"proleptic_gregorian\" = 946684800000000000 946684801000000001",
            ],
        ),
        (
            "a calendar that can't be decoded stays as numbers",
            "",
            vec![vec![time(&[0.0], days, "tai")], vec![time(&[1.0], days, "tai")]],
            &["time(time=2) float64 units=\"days since 2000-01-01\" calendar=\"tai\" = 0 1"],
        ),
        (
            "texts of one reference do not differ",
            "time=error",
            vec![vec![time(&[0.0], days, "")], vec![time(&[1.0], "days since 2000-1-1T00:00:00Z", "")]],
            &["time(time=2) float64 units=\"days since 2000-01-01\" = 0 1"],
        ),
    ];
    for (what, policies, files, expected) in rows {
        let files: Vec<&[Var]> = files.iter().map(Vec::as_slice).collect();
        let found = outcome(policies, &files).unwrap_or_else(|e| panic!("{what}: {e:#?}"));
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn refused() {
    let days = "days since 2000-01-01";
    let rows: Vec<(&str, &str, Vec<Vec<Var>>, &[&str])> = vec![
        (
            "another reference",
            "time=error",
            vec![vec![time(&[0.0], days, "")], vec![time(&[0.0], "days since 2000-01-02", "")]],
            &[
                "combine-time",
                "`combine.time` is `error`",
                "a.nc: `days since 2000-01-01`",
                "b.nc: `days since 2000-01-02`",
            ],
        ),
        (
            "another unit",
            "time.time=error",
            vec![vec![time(&[0.0], days, "")], vec![time(&[24.0], "hours since 2000-01-01", "")]],
            &["combine-time", "a.nc", "b.nc: `hours since 2000-01-01`"],
        ),
        (
            "a leap day",
            "calendar=convert:noleap",
            vec![vec![time(&[0.0], days, "noleap")], vec![time(&[31.0, 59.0], days, "standard")]],
            &["combine-calendar", "item 1 is 2000-02-29", "noleap", "b.nc"],
        ),
        (
            "30 February of one calendar",
            "calendar=convert:standard",
            vec![vec![time(&[59.0], days, "360_day")]],
            &["combine-calendar", "item 0 is 2000-02-30 (360_day)", "a.nc"],
        ),
        (
            "leap seconds can't be converted",
            "calendar=convert:standard",
            vec![vec![time(&[0.0], days, "utc")]],
            &["combine-calendar", "leap seconds", "a.nc"],
        ),
        (
            "a calendar of the file's own",
            "calendar=convert:standard",
            vec![vec![time(&[0.0], days, "").number("leap_year", DataType::Int32, 1972.0)]],
            &["combine-calendar", "leap_year", "a.nc"],
        ),
        (
            "no calendar of that name",
            "calendar=convert:martian",
            vec![vec![time(&[0.0], days, "")]],
            &["combine-calendar", "martian"],
        ),
        (
            "two calendars",
            "",
            vec![vec![time(&[0.0], days, "")], vec![time(&[1.0], days, "noleap")]],
            &["combine-calendar", "standard and noleap", "convert:standard", "a.nc", "b.nc"],
        ),
        (
            "months by default",
            "",
            vec![vec![time(&[0.0], "months since 2000-01-01", "")]],
            &["combine-months", "combine.months: calendar", "a.nc"],
        ),
        (
            "no integers of one unit",
            "",
            vec![
                vec![time(&[1.0], "nanoseconds since 2000-01-01", "")],
                vec![time(&[2.0], "nanoseconds since 2000-01-01", "")],
                vec![time(&[200_000.0], days, "")],
            ],
            &["combine-time", "nanoseconds", "2547-08-01", "a.nc", "c.nc"],
        ),
    ];
    for (what, policies, files, words) in rows {
        let files: Vec<&[Var]> = files.iter().map(Vec::as_slice).collect();
        let found = outcome(policies, &files).expect_err(what);
        let [found] = &found[..] else { panic!("{what}: {found:#?}") };
        for word in words {
            assert!(found.contains(word), "{what}: `{word}` is not in\n{found}");
        }
    }
}

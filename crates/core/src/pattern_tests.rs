use super::*;
use crate::axis::{Axis, AxisKind, DateRange, Every, Keys};
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::error::Result;

fn date(text: &str) -> Key {
    Key::Date(DateTime::parse(text, Calendar::Standard).unwrap())
}

fn word(text: &str) -> Key {
    Key::Text(text.into())
}

fn axis(name: &str, kind: AxisKind, keys: Keys) -> Axis {
    Axis { name: name.into(), kind, keys, items_per_file: None }
}

fn days(from: &str, to: &str) -> Keys {
    let date = |text| DateTime::parse(text, Calendar::Standard).unwrap();
    Keys::Dates(DateRange {
        from: date(from),
        to: Some(date(to)),
        every: Every::Days(1),
        calendar: Calendar::Standard,
        restart_year: false,
    })
}

/// Four days of two variables.
fn two_axes() -> [Axis; 2] {
    [
        axis("time", AxisKind::Concat, days("2000-01-01", "2000-01-04")),
        axis("variable", AxisKind::Merge, Keys::List(vec![word("sst"), word("ice")])),
    ]
}

fn url(templates: &[&str]) -> Input {
    Input::Url(templates.iter().map(|text| Template::parse(text).unwrap()).collect())
}

fn select(axis: &str, keys: KeyMatch) -> Selection {
    Selection([(axis.to_owned(), keys)].into())
}

fn urls(pattern: &Pattern) -> Vec<String> {
    pattern.positions().map(|position| position.unwrap().candidates.join(" ")).collect()
}

#[test]
fn the_first_axis_is_the_slowest() {
    let source = Source::new(url(&["{variable}/{time:%d}", "pre/{variable}/{time:%d}"]));
    let pattern = Pattern::expand(&two_axes(), &source, None).unwrap();
    assert_eq!((pattern.len(), pattern.count()), (8, 8));
    let position = pattern.position(5).unwrap().unwrap();
    assert_eq!(position.index, [2, 1]);
    assert_eq!(position.candidates, ["ice/03", "pre/ice/03"]);
    assert_eq!(position.to_string(), "time 2000-01-03, variable ice");
    assert_eq!(position.key("variable"), Some(&word("ice")));
    assert!(pattern.position(8).unwrap().is_none() && pattern.position(u64::MAX).unwrap().is_none());
    let numbers: Vec<u64> = pattern.positions().map(|position| position.unwrap().number).collect();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
}

#[test]
fn missing_positions_and_overrides() {
    let mut source = Source::new(url(&["{variable}{time:%d}"]));
    let both = Selection(
        [("time".into(), KeyMatch::One(date("2000-01-02"))), ("variable".into(), KeyMatch::One(word("ice")))]
            .into(),
    );
    let range = KeyMatch::Range { from: Some(date("2000-01-03")), to: None };
    source.missing =
        vec![both.clone(), select("time", KeyMatch::Any(vec![date("2000-01-04"), date("2000-01-01")]))];
    source.overrides = vec![
        Override {
            select: select("variable", KeyMatch::One(word("ice"))),
            url: vec![Template::parse("i{time:%d}").unwrap()],
        },
        Override {
            select: select("time", range),
            url: vec![Template::parse("late{time:%d}{variable}").unwrap()],
        },
    ];
    let pattern = Pattern::expand(&two_axes(), &source, None).unwrap();
    assert_eq!((pattern.len(), pattern.count()), (8, 3));
    assert_eq!(urls(&pattern), ["sst02", "late03sst", "i03"]);
    let keys = [("time", &date("2000-01-02")), ("variable", &word("ice"))];
    assert!(
        both.selects(&keys) && both.selects(&keys[..1]) && !both.selects(&[("time", &date("2000-01-01"))])
    );
}

#[test]
#[allow(clippy::type_complexity)]
fn taking_the_first_keys() {
    let mut source = Source::new(url(&["{variable}{time:%d}"]));
    source.missing = vec![select("time", KeyMatch::One(date("2000-01-02")))];
    let take = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    let rows: [(&[(&str, u64)], Result<&[&str], Code>); 5] = [
        (&[("time", 1)], Ok(&["sst01", "ice01"])),
        (&[("time", 3), ("variable", 1)], Ok(&["sst01", "sst03"])),
        (&[("variable", 9), ("time", 1)], Ok(&["sst01", "ice01"])),
        (&[("tiem", 1)], Err(Code::Usage)),
        (&[("time", 0)], Err(Code::Usage)),
    ];
    for (counts, expected) in rows {
        let pattern = Pattern::expand(&two_axes(), &source, None).unwrap().take(&take(counts));
        assert_eq!(
            pattern.map(|pattern| urls(&pattern)).map_err(|error| error.code),
            expected.map(|urls| urls.iter().map(ToString::to_string).collect()),
            "{counts:?}"
        );
    }
    let files: Vec<String> = (0..8).map(|n| format!("f{n}")).collect();
    let pattern = Pattern::expand(&two_axes(), &Source::new(Input::Files(files)), None).unwrap();
    let pattern = pattern.take(&take(&[("variable", 1), ("time", 2)])).unwrap();
    assert_eq!(urls(&pattern), ["f0", "f2"]);
    assert_eq!(
        pattern.axes().iter().map(|axis| (axis.keys.len(), axis.declared)).collect::<Vec<_>>(),
        [(2, 4), (1, 2)]
    );
}

#[test]
fn listed_files_fill_the_grid() {
    let found = axis("time", AxisKind::Concat, Keys::Found);
    let [time, variable] = two_axes();
    let rows: [(Vec<Axis>, usize, Result<u64, &str>); 9] = [
        (vec![], 1, Ok(1)),
        (vec![], 2, Err("found")),
        (vec![], 0, Err("row-major")),
        (vec![found.clone()], 3, Ok(3)),
        (vec![found.clone()], 0, Err("multiple")),
        (vec![found.clone(), variable.clone()], 6, Ok(6)),
        (vec![found.clone(), variable.clone()], 7, Err("multiple")),
        (vec![time, variable], 7, Err("row-major")),
        (vec![found.clone(), axis("x", AxisKind::Concat, Keys::Found)], 4, Err("two axes")),
    ];
    for (axes, count, expected) in rows {
        let files = (0..count).map(|n| format!("f{n}")).collect::<Vec<_>>();
        let found = Pattern::expand(&axes, &Source::new(Input::Files(files.clone())), None);
        match expected {
            Ok(length) => {
                let pattern = found.unwrap();
                assert_eq!(pattern.len(), length);
                assert_eq!(urls(&pattern), files);
            }
            Err(part) => {
                let error = found.unwrap_err();
                assert_eq!(error.code, Code::RecipeSource);
                let text = format!("{} {}", error.message, error.help.unwrap_or_default());
                assert!(text.contains(part) || part == "row-major", "{text}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_together() {
    let time = |name| axis(name, AxisKind::Concat, days("2000-01-01", "2000-01-04"));
    let mut other = time("x");
    if let Keys::Dates(range) = &mut other.keys {
        range.calendar = Calendar::NoLeap;
    }
    let with = |missing: Selection| Source { missing: vec![missing], ..Source::new(url(&["{time:%d}"])) };
    let late = select("time", KeyMatch::One(date("2001-01-01")));
    let reversed = KeyMatch::Range { from: Some(date("2000-01-03")), to: Some(date("2000-01-02")) };
    let kind = KeyMatch::Range { from: Some(Key::Int(3)), to: None };
    let overrides = vec![Override { select: late.clone(), url: vec![] }];
    let rows: Vec<(Vec<Axis>, Source, Code, &str)> = vec![
        (vec![time("time"), time("time")], Source::new(url(&["a"])), Code::RecipeAxis, "twice"),
        (vec![time("time"), other], Source::new(url(&["a"])), Code::RecipeAxis, "calendar"),
        (vec![time("time")], Source::new(url(&[])), Code::RecipeSource, "no URL"),
        (vec![time("time")], Source::new(url(&["{tiem}"])), Code::RecipeTemplate, "tiem"),
        (vec![time("time")], Source::new(url(&["{time:03d}"])), Code::RecipeTemplate, "a date"),
        (vec![time("time")], Source::new(url(&["{time:%Y%m}"])), Code::RecipeTemplate, "same URL"),
        (vec![time("time"), time("x")], Source::new(url(&["{time}"])), Code::RecipeTemplate, "axis `x`"),
        (vec![time("time")], with(select("tiem", KeyMatch::One(word("a")))), Code::RecipeSource, "`tiem`"),
        (vec![time("time")], with(late.clone()), Code::RecipeSource, "no key `2001-01-01`"),
        (vec![time("time")], with(select("time", reversed)), Code::RecipeSource, "before"),
        (vec![time("time")], with(select("time", kind)), Code::RecipeSource, "compared"),
        (
            vec![time("time")],
            Source { overrides: overrides.clone(), ..Source::new(url(&["{time}"])) },
            Code::RecipeSource,
            "",
        ),
        (
            vec![axis("time", AxisKind::Concat, Keys::Found)],
            Source { overrides, ..Source::new(Input::Files(vec!["a".into()])) },
            Code::RecipeSource,
            "overrides",
        ),
        (
            vec![axis("time", AxisKind::Concat, Keys::Found)],
            Source::new(url(&["a"])),
            Code::RecipeSource,
            "found",
        ),
        (vec![time("time")], Source::new(Input::Find(Find::default())), Code::Bug, "listed"),
    ];
    for (axes, source, code, part) in rows {
        let error = Pattern::expand(&axes, &source, None).unwrap_err();
        assert_eq!(error.code, code, "{part}: {}", error.message);
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

fn input(keys: &[(&str, Key)], url: &str) -> (BTreeMap<String, Key>, String) {
    (keys.iter().map(|(name, key)| ((*name).to_owned(), key.clone())).collect(), url.to_owned())
}

#[test]
fn found_inputs_are_sorted_by_their_keys() {
    let axes = [axis("time", AxisKind::Concat, Keys::Found), axis("variable", AxisKind::Merge, Keys::Found)];
    let source = Source::new(Input::Find(Find::default()));
    let found = [
        input(&[("time", date("2000-02-01")), ("variable", word("sst"))], "b"),
        input(&[("time", date("2000-01-01")), ("variable", word("sst"))], "a"),
        input(&[("time", date("2000-01-01")), ("variable", word("ice"))], "c"),
    ];
    let pattern = Pattern::from_found(&axes, &source, None, &found).unwrap();
    let places: Vec<String> =
        pattern.positions().map(|p| p.unwrap()).map(|p| format!("{p}: {}", p.candidates.join(","))).collect();
    assert_eq!(
        places,
        [
            "time 2000-01-01, variable ice: c",
            "time 2000-01-01, variable sst: a",
            "time 2000-02-01, variable ice: ",
            "time 2000-02-01, variable sst: b",
        ]
    );
}

#[test]
fn found_inputs_that_have_no_place() {
    let found = axis("time", AxisKind::Concat, Keys::Found);
    let declared = axis("time", AxisKind::Concat, days("2000-01-01", "2000-01-04"));
    let keyed = |text, url| input(&[("time", date(text))], url);
    let rows = [
        (vec![], vec![input(&[], "a")], Ok("a")),
        (vec![], vec![input(&[], "a"), input(&[], "b")], Err(Code::RecipeSource)),
        (vec![], vec![], Err(Code::SourceNotFound)),
        (vec![found.clone()], vec![input(&[], "b"), input(&[], "a")], Ok("b a")),
        (vec![found.clone()], vec![keyed("2000-01-02", "b"), keyed("2000-01-01", "a")], Ok("a b")),
        (
            vec![found.clone()],
            vec![keyed("2000-01-01", "b"), keyed("2000-01-01", "a")],
            Err(Code::CombineDuplicates),
        ),
        (vec![found.clone()], vec![keyed("2000-01-01", "b"), input(&[], "a")], Err(Code::RecipeSource)),
        (
            vec![found.clone()],
            vec![keyed("2000-01-01", "b"), input(&[("time", word("x"))], "a")],
            Err(Code::RecipeSource),
        ),
        (vec![declared.clone()], vec![keyed("2000-01-03", "c"), keyed("2000-01-01", "a")], Ok("a  c ")),
        (vec![declared.clone()], vec![keyed("2001-01-03", "c")], Err(Code::RecipeSource)),
        (vec![declared], vec![input(&[], "a")], Err(Code::RecipeSource)),
    ];
    for (axes, inputs, expected) in rows {
        let source = Source::new(Input::Find(Find::default()));
        let pattern = Pattern::from_found(&axes, &source, None, &inputs);
        let found = pattern.map(|pattern| urls(&pattern).join(" ")).map_err(|error| error.code);
        assert_eq!(found, expected.map(str::to_owned), "{inputs:?}");
    }
    let two = [keyed("2000-01-01", "b.nc"), keyed("2000-01-01", "a.nc")];
    let error = Pattern::from_found(&[found], &Source::new(Input::Files(vec![])), None, &two).unwrap_err();
    assert!(
        error.message.contains("b.nc")
            && error.message.contains("a.nc")
            && error.message.contains("2000-01-01")
    );
}

#[test]
fn a_million_positions_need_no_list() {
    let years = Keys::Integers { from: 1, to: 1000, step: 1 };
    let axes = [
        axis("a", AxisKind::Concat, years.clone()),
        axis("b", AxisKind::Concat, years.clone()),
        axis("c", AxisKind::Concat, years),
    ];
    let source = Source::new(url(&["{a}/{b}/{c}"]));
    let pattern = Pattern::expand(&axes, &source, None).unwrap();
    assert_eq!(pattern.len(), 1_000_000_000);
    let position = pattern.position(123_456_789).unwrap().unwrap();
    assert_eq!((position.index, position.candidates), (vec![123, 456, 789], vec!["124/457/790".to_owned()]));
}

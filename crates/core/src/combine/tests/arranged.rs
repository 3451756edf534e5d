//! Policies and steps that put the cells of a dataset in another order. Expectations follow xarray: `sortby`,
//! `drop_duplicates`, `roll` with `assign_coords`, `isel`.

use super::*;
use crate::arrange::arrange;
use crate::recipe::{Kept, Label, Selection, Step, TimeEncoding};

/// Pairs of key and value, or of variable and cells.
type Pairs<'a> = &'a [(&'a str, &'a str)];
/// Policies, the days of every file, and the cells of `time` and `x`.
type PolicyRow<'a> = (Pairs<'a>, &'a [&'a [f64]], &'a str, &'a str);
/// What it is, steps, and the cells of variables.
type StepRow<'a> = (&'a str, Vec<Step>, Pairs<'a>);

const DAYS: &str = "days since 2000-01-01";

/// A file of days with data that stays in the file, bounds and a static coordinate.
fn days(days: &[f64]) -> Vec<Var> {
    let n = days.len();
    vec![
        f64s("time", &format!("time={n}"), days).units(DAYS),
        var("x", &format!("time={n} lon=4"), DataType::Float32, &[1.0]),
        i16s("lon", "lon=4", &[0.0, 90.0, 180.0, 270.0])
            .attr("units", "degrees_east")
            .attr("bounds", "lon_bnds"),
        i16s("lon_bnds", "lon=4 nv=2", &[-45.0, 45.0, 45.0, 135.0, 135.0, 225.0, 225.0, 315.0]),
    ]
}

fn with(pairs: &[(&str, &str)]) -> Policies {
    let mut policies = Policies::default();
    pairs.iter().for_each(|(key, value)| policies.set(*key, None, *value));
    policies
}

/// `time 0 1 2` for values in hand; `x time[a0 a1 b0] lon[…]` for cells in files, along every dimension taken apart.
fn cells(combined: &Combined, name: &str) -> String {
    let Some(variable) = combined.variables.iter().find(|v| v.var.name == name) else { return "none".into() };
    match &variable.content {
        Content::Values(block) => {
            assert_eq!(block.shape, variable.var.shape, "{name}");
            (0..block.len() as usize)
                .map(|i| block.scalar(i).unwrap().to_string())
                .collect::<Vec<_>>()
                .join(" ")
        }
        Content::Pieces(pieces) => {
            let along = |along: &Along| {
                assert_eq!(along.len(), variable.var.shape[along.dim], "{name}");
                let of = |segment: &Segment| -> Vec<String> {
                    let letter = char::from(b'a' + segment.key.unwrap() as u8);
                    let cell = |i: u64| if segment.reversed { segment.count - 1 - i } else { i };
                    (0..segment.count).map(|i| format!("{letter}{}", segment.first + cell(i))).collect()
                };
                along.segments.iter().flat_map(of).collect::<Vec<_>>().join(" ")
            };
            pieces.along.iter().map(along).collect::<Vec<_>>().join(" | ")
        }
    }
}

#[test]
fn policies_of_order_and_duplicates() {
    let overlap: &[&[f64]] = &[&[0.0, 1.0, 2.0, 3.0], &[2.0, 3.0, 4.0, 5.0]];
    let whole: &[&[f64]] = &[&[0.0, 1.0], &[4.0, 5.0], &[2.0, 3.0]];
    let single: &[&[f64]] = &[&[5.0, 1.0, 3.0], &[2.0, 4.0]];
    let falling: &[&[f64]] = &[&[5.0, 4.0], &[3.0]];
    let alone: &[&[f64]] = &[&[5.0], &[4.0], &[3.0]];
    let within: &[&[f64]] = &[&[0.0, 0.0, 1.0, 2.0], &[2.0, 0.0]];
    let rows: [PolicyRow<'_>; 12] = [
        (&[("duplicates", "first")], overlap, "0 1 2 3 4 5", "a0 a1 a2 a3 b2 b3"),
        (&[("duplicates", "last")], overlap, "0 1 2 3 4 5", "a0 a1 b0 b1 b2 b3"),
        (&[("duplicates", "identical")], overlap, "0 1 2 3 4 5", "a0 a1 a2 a3 b2 b3"),
        (&[("order", "sort")], whole, "0 1 2 3 4 5", "a0 a1 c0 c1 b0 b1"),
        (&[("order", "keep")], whole, "0 1 4 5 2 3", "a0 a1 b0 b1 c0 c1"),
        (&[("order", "sort")], single, "1 2 3 4 5", "a1 b0 a2 b1 a0"),
        (&[("order", "sort")], falling, "3 4 5", "b0 a1 a0"),
        (&[("order", "sort")], alone, "3 4 5", "c0 b0 a0"),
        (&[("order", "error")], falling, "5 4 3", "a0 a1 b0"),
        (&[("order", "error")], alone, "5 4 3", "a0 b0 c0"),
        (&[("order", "sort"), ("duplicates", "first")], within, "0 1 2", "a0 a2 a3"),
        (&[("order", "sort"), ("duplicates", "last")], within, "0 1 2", "b1 a2 b0"),
    ];
    for (policies, files, time, x) in rows {
        let vars: Vec<Vec<Var>> = files.iter().map(|of| days(of)).collect();
        let vars: Vec<&[Var]> = vars.iter().map(Vec::as_slice).collect();
        let (axes, files) = along_time(&vars);
        let combined = run(&axes, &files, &with(policies)).unwrap_or_else(|e| panic!("{policies:?}: {e:#?}"));
        assert_eq!(
            (cells(&combined, "time"), cells(&combined, "x")),
            (time.into(), x.into()),
            "{policies:?}"
        );
        let compares = policies.contains(&("duplicates", "identical"));
        assert_eq!(!combined.compare.is_empty(), compares, "{policies:?}");
    }
}

#[test]
fn a_sort_of_whole_files_keeps_them_whole() {
    let vars = [days(&[4.0, 5.0]), days(&[0.0, 1.0]), days(&[2.0, 3.0])];
    let (axes, files) = along_time(&[&vars[0], &vars[1], &vars[2]]);
    let combined = run(&axes, &files, &with(&[("order", "sort")])).unwrap();
    let x = combined.variables.iter().find(|v| v.var.name == "x").unwrap();
    let Content::Pieces(pieces) = &x.content else { panic!("in hand") };
    let segments: Vec<(u64, u64, Option<u32>)> =
        pieces.along[0].segments.iter().map(|s| (s.start, s.first, s.key)).collect();
    assert_eq!(segments, [(0, 0, Some(1)), (2, 0, Some(2)), (4, 0, Some(0))]);
}

#[test]
fn what_duplicates_and_order_leave_is_refused_at_once() {
    let overlap = [days(&[0.0, 1.0, 2.0]), days(&[1.0, 2.0])];
    let files = || along_time(&[&overlap[0], &overlap[1]]);
    refuse(
        "both",
        files(),
        &[
            (Code::CombineDuplicates, "time", &["2 values", "a.nc", "b.nc", "2000-01-02 at item 3"]),
            (Code::CombineOrder, "time", &["not monotonic", "b.nc"]),
        ],
    );
    let rows: [(Pairs<'_>, Code); 2] =
        [(&[("order", "sort")], Code::CombineDuplicates), (&[("order", "keep")], Code::CombineDuplicates)];
    for (policies, code) in rows {
        let (axes, files) = files();
        let problems = run(&axes, &files, &with(policies)).unwrap_err();
        assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), [code], "{policies:?}");
    }
}

#[test]
fn identical_compares_what_is_in_hand() {
    let of = |days: &[f64], names: &[&str]| {
        vec![f64s("time", "time=2", days).units(DAYS), text("name", "time=2", names)]
    };
    let run = |a: Vec<Var>, b: Vec<Var>| {
        let (axes, files) = along_time(&[&a, &b]);
        super::run(&axes, &files, &with(&[("duplicates", "identical")]))
    };
    let combined = run(of(&[0.0, 1.0], &["p", "q"]), of(&[1.0, 2.0], &["q", "r"])).unwrap();
    assert_eq!(cells(&combined, "name"), "\"p\" \"q\" \"r\"");
    let problems = run(of(&[0.0, 1.0], &["p", "q"]), of(&[1.0, 2.0], &["Q", "r"])).unwrap_err();
    let message = problems[0].to_error().to_string();
    for word in ["`name` has several values at `time` 2000-01-02", "a.nc: \"q\"", "b.nc: \"Q\""] {
        assert!(message.contains(word), "{message}");
    }
}

/// Combines and carries out steps.
fn arranged(steps: &[Step], files: &[Vec<Var>]) -> Result<Combined, String> {
    let vars: Vec<&[Var]> = files.iter().map(Vec::as_slice).collect();
    let (axes, files) = along_time(&vars);
    let mut combined = run(&axes, &files, &with(&[("order", "keep"), ("duplicates", "first")]))
        .map_err(|e| format!("{e:?}"))?;
    arrange(&mut combined, steps, &files).map_err(|errors| {
        errors
            .iter()
            .map(|e| format!("{} {} {}", e.code, e.message, e.help.clone().unwrap_or_default()))
            .collect::<String>()
    })?;
    Ok(combined)
}

#[test]
fn steps_of_the_dataset() {
    let dim = |name: &str| name.to_owned();
    let sort = |name: &str, falls: bool| Step::Sort(vec![(dim(name), falls)]);
    let roll = |west: f64| Step::Roll(vec![(dim("lon"), west)]);
    let label = |text: &str| Some(Label::Text(text.to_owned()));
    let labels = |from, to| Step::Subset(vec![Selection::Labels { dim: dim("time"), from, to }]);
    let items =
        |items: &[i64]| Step::Subset(vec![Selection::Items { dim: dim("time"), items: items.to_vec() }]);
    let files = || vec![days(&[4.0, 0.0]), days(&[2.0, 31.0])];
    let rows: [StepRow<'_>; 8] = [
        ("sort", vec![sort("time", false)], &[("time", "0 2 4 31"), ("x", "a1 b0 a0 b1")]),
        ("sort", vec![sort("time", true)], &[("time", "31 4 2 0"), ("x", "b1 a0 b0 a1")]),
        (
            "sort of another dimension",
            vec![sort("lon", true)],
            &[("lon", "270 180 90 0"), ("x", "a0 a1 b0 b1 | a3 a2 a1 a0")],
        ),
        (
            "roll",
            vec![roll(-180.0)],
            &[
                ("lon", "-180 -90 0 90"),
                ("x", "a0 a1 b0 b1 | a2 a3 a0 a1"),
                ("lon_bnds", "-225 -135 -135 -45 -45 45 45 135"),
            ],
        ),
        ("roll nothing", vec![roll(-45.0)], &[("lon", "0 90 180 270"), ("x", "a0 a1 b0 b1")]),
        ("part", vec![labels(label("2000-01"), None)], &[("time", "4 0 2 31"), ("x", "a0 a1 b0 b1")]),
        ("part", vec![labels(None, label("2000-01-03"))], &[("time", "0 2"), ("x", "a1 b0")]),
        (
            "one after the other",
            vec![items(&[-1, 0]), sort("time", false)],
            &[("time", "4 31"), ("x", "a0 b1")],
        ),
    ];
    for (what, steps, expected) in rows {
        let combined = arranged(&steps, &files()).unwrap_or_else(|e| panic!("{what}: {e}"));
        for (name, cells_of) in expected {
            assert_eq!(cells(&combined, name), *cells_of, "{what}: {name}");
        }
    }
}

#[test]
fn dedupe_of_any_dimension() {
    for (kept, lon, x) in [
        (Kept::First, "0 90 180", "a0 a1 | a0 a1 a2"),
        (Kept::Last, "90 180 0", "a0 a1 | a1 a2 a3"),
        (Kept::Identical, "0 90 180", "a0 a1 | a0 a1 a2"),
    ] {
        let mut file = days(&[0.0, 1.0]);
        file[2] = i16s("lon", "lon=4", &[0.0, 90.0, 180.0, 0.0]);
        file.truncate(3);
        let combined = arranged(&[Step::Dedupe(vec![("lon".into(), kept)])], &[file]).unwrap();
        assert_eq!((cells(&combined, "lon"), cells(&combined, "x")), (lon.into(), x.into()), "{kept:?}");
        assert_eq!(combined.compare.len(), usize::from(kept == Kept::Identical), "{kept:?}");
    }
}

#[test]
fn times_are_stored_as_asked() {
    let file = |at: f64| {
        vec![
            f64s("time", "time=1", &[at]).units(DAYS).attr("bounds", "time_bnds").attr("valid_min", "0"),
            f64s("time_bnds", "time=1 nv=2", &[at - 0.5, at + 0.5]),
            i16s("x", "time=1", &[1.0]),
        ]
    };
    let encoding = |units: Option<&str>, dtype| {
        let units = units.map(str::to_owned);
        Step::TimeEncoding(vec![("time".into(), TimeEncoding { units, calendar: None, dtype })])
    };
    let rows = [
        (encoding(Some("hours since 1999-12-31"), None), "24 48", "12 36 36 60", DataType::Int64),
        (encoding(None, None), "0 24", "-12 12 12 36", DataType::Int64),
        (encoding(None, Some(DataType::Float32)), "0 1", "-0.5 0.5 0.5 1.5", DataType::Float32),
    ];
    for (step, time, bounds, dtype) in rows {
        let combined = arranged(std::slice::from_ref(&step), &[file(0.0), file(1.0)]).unwrap();
        assert_eq!(
            (cells(&combined, "time"), cells(&combined, "time_bnds")),
            (time.into(), bounds.into()),
            "{step:?}"
        );
        let var = &combined.variables[0].var;
        assert_eq!((var.dtype, var.attrs.get("valid_min")), (dtype, None), "{step:?}");
        assert_eq!(combined.variables[1].var.attrs.get("units"), None);
    }
    let error = arranged(&[encoding(Some("days since 2000-01-01"), Some(DataType::Int32))], &[file(0.0)]);
    assert!(
        error.as_ref().is_err_and(|e| e.contains("combine-time") && e.contains("step 1 (`time_encoding`)")),
        "{error:?}"
    );
}

#[test]
fn steps_that_do_not_fit() {
    let dim = |name: &str| name.to_owned();
    let rows = [
        (
            Step::Sort(vec![(dim("tiem"), false)]),
            "step-unknown-variable",
            "step 1 (`sort`): `tiem` is no dimension",
        ),
        (Step::Sort(vec![(dim("nv"), false)]), "step-invalid", "`nv` has no coordinate"),
        (Step::Roll(vec![(dim("time"), 0.0)]), "step-invalid", "no longitude: it has units \"days since"),
        (
            Step::Subset(vec![Selection::Items { dim: dim("time"), items: vec![7] }]),
            "step-invalid",
            "`time` has no item 7: it has 2 items",
        ),
        (
            Step::TimeEncoding(vec![(dim("lon"), TimeEncoding::default())]),
            "step-invalid",
            "`lon` is no time: it has units \"degrees_east\"",
        ),
        (
            Step::TimeEncoding(vec![(dim("tim"), TimeEncoding::default())]),
            "step-unknown-variable",
            "nearest name is `time`",
        ),
    ];
    for (step, code, words) in rows {
        let message = arranged(std::slice::from_ref(&step), &[days(&[0.0, 1.0])]).map(drop).unwrap_err();
        assert!(message.starts_with(code) && message.contains(words), "{step:?}: {message}");
    }
    let mut file = days(&[0.0]);
    file[2] = i16s("lon", "lon=4", &[0.0, 120.0, 240.0, 360.0]);
    let message = arranged(&[Step::Roll(vec![(dim("lon"), -180.0)])], &[file]).map(drop).unwrap_err();
    assert!(message.contains("can't be rotated so that it rises"), "{message}");
}

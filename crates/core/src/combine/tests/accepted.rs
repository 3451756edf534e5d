//! Differences that the defaults carry out.

#![allow(clippy::too_many_lines)] // rows of data

use super::*;
use DataType::{Float32, Int32, Int64};

const LAT: [f64; 2] = [10.0, 20.0];

fn sst(time: u64) -> Var {
    var("sst", &format!("time={time} lat=2"), Float32, &[1.0])
}

fn lat() -> Var {
    f64s("lat", "lat=2", &LAT)
}

fn time(values: &[f64], units: &str) -> Var {
    f64s("time", &format!("time={}", values.len()), values).units(units)
}

#[test]
fn files_of_one_axis() {
    let days = "days since 2000-01-01";
    check(
        "uneven lengths, statics kept once",
        along_time(&[
            &[time(&[0.0, 1.0], days), lat(), sst(2)],
            &[time(&[2.0], days), lat(), sst(1)],
            &[time(&[3.0, 4.0, 5.0], days), lat(), sst(3)],
        ]),
        &[
            "time(time=6) float64 units=\"days since 2000-01-01\" = 0 1 2 3 4 5",
            "lat(lat=2) float64 = 10 20",
            "sst(time=6 lat=2) float32 time[0, 2, 3, 6] < a b c",
        ],
    );
    check(
        "a file without items, variables in another order",
        along_time(&[
            &[time(&[0.0], days), lat(), sst(1)],
            &[sst(0), lat(), time(&[], days)],
            &[lat(), time(&[1.0], days), sst(1)],
        ]),
        &[
            "time(time=2) float64 units=\"days since 2000-01-01\" = 0 1",
            "lat(lat=2) float64 = 10 20",
            "sst(time=2 lat=2) float32 time[0, 1, 2] < a b c",
        ],
    );
    check(
        "falling coordinates",
        along_time(&[&[time(&[5.0, 4.0], days)], &[time(&[3.0], days)]]),
        &["time(time=3) float64 units=\"days since 2000-01-01\" = 5 4 3"],
    );
    check(
        "one file stays as it is, whatever its order",
        along_time(&[&[time(&[3.0, 1.0, 3.0], "weeks since 2000-01-01"), sst(3)]]),
        &[
            "time(time=3) float64 units=\"weeks since 2000-01-01\" = 3 1 3",
            "sst(time=3 lat=2) float32 time[0, 3] < a",
        ],
    );
}

#[test]
fn times_in_one_unit() {
    let of = |days: &str, units: &str, values: &[f64]| -> Vec<Var> {
        let bounds = f64s("time_bnds", "time=1 nv=2", &[values[0] - 0.5, values[0] + 0.5]);
        vec![time(values, &format!("{units} since {days}")).attr("bounds", "time_bnds"), bounds]
    };
    check(
        "the bounds of recoded times share their unit",
        along_time(&[&of("2000-01-01", "days", &[0.5]), &of("2000-01-02", "days", &[0.5])]),
        &[
            "time(time=2) int64 units=\"hours since 2000-01-01\" bounds=\"time_bnds\" calendar=\"standard\" = 12 36",
            "time_bnds(time=2 nv=2) int64 = 0 24 24 48",
        ],
    );
    let with = |units: &str, at: f64, attr: &str| {
        vec![
            time(&[at], units).attr(attr, "c_bnds"),
            f64s("c_bnds", "time=1 nv=2", &[at, at + 1.0]).attr("units", units),
        ]
    };
    check(
        "climatology whose bounds say their units themselves",
        along_time(&[
            &with("days since 2000-01-01", 0.0, "climatology"),
            &with("hours since 2000-01-01", 48.0, "climatology"),
        ]),
        &[
            "time(time=2) int64 units=\"hours since 2000-01-01\" climatology=\"c_bnds\" calendar=\"standard\" = 0 48",
            "c_bnds(time=2 nv=2) int64 units=\"hours since 2000-01-01\" calendar=\"standard\" = 0 24 48 49",
        ],
    );
    let typed = |dtype, at: f64| {
        vec![
            time(&[at], "days since 2000-01-01").attr("bounds", "b"),
            var("b", "time=1 nv=2", dtype, &[at, at + 0.5]),
        ]
    };
    check(
        "bounds of two types take their time along",
        along_time(&[&typed(DataType::Float64, 0.5), &typed(Float32, 1.5)]),
        &[
            "time(time=2) int64 units=\"hours since 2000-01-01\" bounds=\"b\" calendar=\"standard\" = 12 36",
            "b(time=2 nv=2) int64 = 12 24 36 48",
        ],
    );
    check(
        "texts of one unit and names of one calendar stay as stored",
        along_time(&[
            &[time(&[0.5], "days since 2000-01-01").attr("calendar", "noleap")],
            &[time(&[1.5], "days since 2000-1-1 00:00:00").attr("calendar", "365_day")],
        ]),
        &["time(time=2) float64 units=\"days since 2000-01-01\" calendar=\"noleap\" = 0.5 1.5"],
    );
    check(
        "a calendar that some files leave to the default",
        along_time(&[
            &[time(&[0.0], "days since 2000-01-01")],
            &[time(&[1.0], "days since 2000-01-01").attr("calendar", "gregorian")],
        ]),
        &["time(time=2) float64 units=\"days since 2000-01-01\" = 0 1"],
    );
    check(
        "times of two widths",
        along_time(&[
            &[var("time", "time=1", Int32, &[0.0]).units("days since 2000-01-01")],
            &[time(&[1.25], "days since 2000-01-01")],
        ]),
        &["time(time=2) int64 units=\"hours since 2000-01-01\" calendar=\"standard\" = 0 30"],
    );
}

#[test]
fn masked_times_and_attributes_of_numbers() {
    let of = |name: &str, values: &[f64], units: &str| f64s(name, "time=2", values).units(units);
    let a = of("when", &[0.0, -1.0], "days since 2000-01-01").fill(-1.0).number("valid_max", Int64, 9.0);
    let b = of("when", &[f64::NAN, 9.0], "days since 2001-01-01").number("missing_value", Int64, 9.0);
    check(
        "masked and NaN times become one missing value",
        along_time(&[&[a], &[b]]),
        &[
            "when(time=4) float64 units=\"days since 2000-01-01\" calendar=\"standard\" fill=NaN = 0 NaN NaN NaN",
            "- when@valid_max",
        ],
    );
    check(
        "a missing value of two types, a number of two types, attributes in another order",
        along_time(&[
            &[i16s("x", "time=1", &[1.0])
                .number("missing_value", Int32, -9.0)
                .number("n", Int32, 2.0)
                .attr("a", "b")],
            &[i16s("x", "time=1", &[2.0]).attr("a", "b").number("n", Float32, 2.0).number(
                "missing_value",
                Float32,
                -9.0,
            )],
        ]),
        &["x(time=2) int16 missing_value=-9 n=2 a=\"b\" time[0, 1, 2] < a b"],
    );
    check(
        "what differs and decides nothing is left out and listed, also where only the last file has it",
        along_time(&[
            &[sst(1).attr("history", "x").attr("long_name", "t")],
            &[sst(1).attr("history", "y").attr("long_name", "t")],
            &[sst(1).attr("history", "z").attr("long_name", "t").attr("comment", "late")],
        ]),
        &[
            "sst(time=3 lat=2) float32 long_name=\"t\" time[0, 1, 2, 3] < a b c",
            "- sst@comment",
            "- sst@history",
        ],
    );
}

#[test]
fn packing_stays() {
    let packed = |n| i16s("x", &format!("time={n}"), &[5.0]).number("scale_factor", Float32, 0.5).fill(-1.0);
    check(
        "identical packing stays packed",
        along_time(&[&[packed(1)], &[packed(2)]]),
        &["x(time=3) int16 scale_factor=0.5 fill=-1 time[0, 1, 3] < a b"],
    );
}

#[test]
fn coordinates_within_rounding() {
    let with = |values: &[f64]| f64s("lat", "lat=2", values);
    let next = f64::from_bits(10f64.to_bits() + 1);
    let rows: &[(&str, [f64; 2], [f64; 2], &str)] = &[
        ("one unit in the last place", [10.0, 20.0], [next, 20.0], "10 20"),
        ("two zeros", [0.0, 1.0], [-0.0, 1.0], "0 1"),
        ("NaN", [f64::NAN, 1.0], [f64::NAN, 1.0], "NaN 1"),
        ("infinite", [f64::INFINITY, 1.0], [f64::INFINITY, 1.0], "inf 1"),
        ("falling", [20.0, 10.0], [20.0, 10.0], "20 10"),
    ];
    for (what, a, b, kept) in rows {
        let line = format!("lat(lat=2) float64 = {kept}");
        check(
            what,
            along_time(&[&[with(a), sst(1)], &[with(b), sst(1)]]),
            &[line.as_str(), "sst(time=2 lat=2) float32 time[0, 1, 2] < a b"],
        );
    }
    let single = var("lat", "lat=2", Float32, &[0.1, 0.2]);
    check(
        "single and double precision: the finer one is kept",
        along_time(&[&[single, sst(1)], &[with(&[0.1, 0.2]), sst(1)]]),
        &["lat(lat=2) float64 = 0.1 0.2", "sst(time=2 lat=2) float32 time[0, 1, 2] < a b"],
    );
    check(
        "names of stations",
        along_time(&[&[text("id", "id=2", &["x", "y"]), sst(1)], &[text("id", "id=2", &["x", "y"]), sst(1)]]),
        &["id(id=2) string = \"x\" \"y\"", "sst(time=2 lat=2) float32 time[0, 1, 2] < a b"],
    );
}

#[test]
fn scalars_that_vary() {
    let scalar = |value: f64| f64s("level", "", &[value]);
    check(
        "constant: scalar; varying: along the axis",
        along_time(&[
            &[sst(2), scalar(1.0), f64s("q", "", &[7.0]), text("run", "", &["r1"])],
            &[sst(1), scalar(2.0), f64s("q", "", &[7.0]), text("run", "", &["r2"])],
        ]),
        &[
            "sst(time=3 lat=2) float32 time[0, 2, 3] < a b",
            "level(time=3) float64 = 1 1 2",
            "q() float64 = 7",
            "run(time=3) string = \"r1\" \"r1\" \"r2\"",
        ],
    );
    let at = |units: &str, value: f64| f64s("ref", "", &[value]).units(units);
    check(
        "scalar times of two units",
        along_time(&[
            &[sst(1), at("days since 2000-01-01", 0.0)],
            &[sst(1), at("days since 2000-01-02", 0.0)],
        ]),
        &[
            "sst(time=2 lat=2) float32 time[0, 1, 2] < a b",
            "ref(time=2) int64 units=\"days since 2000-01-01\" calendar=\"standard\" = 0 1",
        ],
    );
    check(
        "one instant in two units",
        along_time(&[
            &[sst(1), at("days since 2000-01-01", 1.0)],
            &[sst(1), at("hours since 2000-01-01", 24.0)],
        ]),
        &[
            "sst(time=2 lat=2) float32 time[0, 1, 2] < a b",
            "ref() int64 units=\"hours since 2000-01-01\" calendar=\"standard\" = 24",
        ],
    );
    // two concat axes: the one that explains it, else both
    let grid = |value: fn(u32, u32) -> f64| {
        let files = (0..2).flat_map(|m| (0..2).map(move |t| (m, t)));
        let files = files.map(|(m, t)| {
            let x = var("x", "member=1 time=1", Float32, &[1.0]);
            file(&[m, t], &[x, f64s("s", "", &[value(m, t)])])
        });
        (vec![concat("member", 2), concat("time", 2)], files.collect())
    };
    let x = "x(member=2 time=2) float32 member[0, 1, 2] time[0, 1, 2] < aa ab ba bb";
    check("explained by member", grid(|m, _| f64::from(m)), &[x, "s(member=2) float64 = 0 1"]);
    check("explained by time", grid(|_, t| f64::from(t)), &[x, "s(time=2) float64 = 0 1"]);
    let both = "s(member=2 time=2) float64 = 0 1 2 3";
    check("explained by both", grid(|m, t| f64::from(2 * m + t)), &[x, both]);
}

#[test]
fn merging() {
    let days = "days since 2000-01-01";
    let ice = |n: u64| var("ice", &format!("time={n} lat=2"), Float32, &[1.0]);
    let noise = f64s("lat", "lat=2", &[10.0, f64::from_bits(20f64.to_bits() + 1)]);
    let files = vec![
        file(&[0, 0], &[time(&[0.0], days), lat(), sst(1)]),
        file(&[0, 1], &[time(&[1.0], days), lat(), sst(1)]),
        file(&[1, 0], &[time(&[0.0], "hours since 2000-01-01"), noise.clone(), ice(1)]),
        file(&[1, 1], &[time(&[24.0], "hours since 2000-01-01"), noise, ice(1)]),
    ];
    check(
        "two keys share coordinates, in two units and with noise",
        (vec![merge("variable", 2), concat("time", 2)], files),
        &[
            "time(time=2) int64 units=\"hours since 2000-01-01\" calendar=\"standard\" = 0 24",
            "lat(lat=2) float64 = 10 20",
            "sst(time=2 lat=2) float32 time[0, 1, 2] < aa ab",
            "ice(time=2 lat=2) float32 time[0, 1, 2] < ba bb",
        ],
    );
    let tile = |y: u32, t: u32| {
        let x = var("x", "time=1 y=2", Float32, &[1.0]);
        file(
            &[0, y, t],
            &[x, f64s("y", "y=2", &[f64::from(2 * y), f64::from(2 * y + 1)]), time(&[f64::from(t)], days)],
        )
    };
    let other = |y: u32, t: u32| {
        let w = i16s("w", "time=1 y=2", &[1.0]);
        file(&[1, y, t], &[w.fill(-1.0)])
    };
    let files = vec![tile(0, 0), tile(0, 1), tile(1, 0), tile(1, 1), other(0, 0), other(0, 1), other(1, 0)];
    check(
        "merge × concat × concat, with a position that has no file and a _FillValue for it",
        (vec![merge("v", 2), concat("y", 2), concat("time", 2)], files),
        &[
            "x(time=2 y=4) float32 y[0, 2, 4] time[0, 1, 2] < aaa aab aba abb",
            "y(y=4) float64 = 0 1 2 3",
            "time(time=2) float64 units=\"days since 2000-01-01\" = 0 1",
            "w(time=2 y=4) int16 fill=-1 y[0, 2, 4] time[0, 1, 2] < baa bab bba none",
        ],
    );
    let same = |m: u32, t: u32| file(&[m, t], &[sst(1), f64s("area", "lat=2", &[1.0, 2.0])]);
    check(
        "a variable that two keys hold alike stands once, and stays in the files",
        (vec![merge("v", 2), concat("time", 2)], vec![same(0, 0), same(0, 1), same(1, 0), same(1, 1)]),
        &["sst(time=2 lat=2) float32 time[0, 1, 2] < aa ab", "area(lat=2) float64 = 1 2"],
    );
}

#[test]
fn positions_without_a_file() {
    let of = |m: u32, t: u32| {
        let x = f64s("x", "member=1 time=1", &[1.0]);
        file(&[m, t], &[x, f64s("s", "", &[f64::from(2 * m + t)])])
    };
    check(
        "floats without _FillValue get NaN, also scalars that vary",
        (vec![concat("member", 2), concat("time", 2)], vec![of(0, 0), of(0, 1), of(1, 0)]),
        &[
            "x(member=2 time=2) float64 fill=NaN member[0, 1, 2] time[0, 1, 2] < aa ab ba none",
            "s(member=2 time=2) float64 fill=NaN = 0 1 2 NaN",
        ],
    );
    check(
        "a key whose files are all left out takes no room",
        (vec![concat("member", 2), concat("time", 3)], vec![of(0, 0), of(0, 2), of(1, 0), of(1, 2)]),
        &[
            "x(member=2 time=2) float64 member[0, 1, 2] time[0, 1, 2] < aa none ac ba none bc",
            "s(member=2 time=2) float64 = 0 2 2 4",
        ],
    );
}

#[test]
fn groups_and_marks() {
    let mut files = along_time(&[
        &[f64s("g/x", "time=1 lat=2", &[1.0]), lat(), f64s("aux", "lat=2", &[1.0])],
        &[f64s("g/x", "time=1 lat=2", &[1.0]), lat(), f64s("aux", "lat=2", &[1.0])],
    ]);
    for file in &mut files.1 {
        let view = Arc::make_mut(&mut file.view);
        view.groups.push(("g".to_owned(), Attrs::new()));
        view.coords.insert("aux".to_owned());
    }
    let combined = run(&files.0, &files.1, &Policies::default()).unwrap();
    assert_eq!(combined.groups.len(), 1);
    assert_eq!(combined.attrs.text("coordinates"), Some("aux"));
    assert_eq!(combined.concat, ["time"]);
    let marked: Vec<bool> = combined.variables.iter().map(|v| v.coordinate).collect();
    assert_eq!(marked, [false, true, true]);
}

#[test]
fn variables_share_the_segments_of_their_files() {
    let data = |name| var(name, "time=1", Float32, &[1.0]);
    let (axes, files) = along_time(&[&[data("u"), data("v")], &[data("u"), data("v")]]);
    let combined = run(&axes, &files, &Policies::default()).expect("they are alike");
    let segments = combined.variables.iter().filter_map(|variable| match &variable.content {
        Content::Pieces(pieces) => pieces.along.first().map(|along| &along.segments),
        Content::Values(_) => None,
    });
    let segments: Vec<_> = segments.collect();
    assert!(matches!(segments.as_slice(), [u, v] if Arc::ptr_eq(u, v)), "{segments:?}");
}

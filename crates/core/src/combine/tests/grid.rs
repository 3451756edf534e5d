//! Policies of grids, static arrays, scalars, absent variables and gaps: what the dataset becomes, and what is refused.

#![allow(clippy::too_many_lines)] // rows of data

use super::*;
use crate::calendar::{Calendar, DateTime};
use DataType::{Float32, Int32, UInt8};

fn lat(values: &[f64]) -> Var {
    f64s("lat", &format!("lat={}", values.len()), values)
}

fn lon(values: &[f64]) -> Var {
    f64s("lon", &format!("lon={}", values.len()), values)
}

fn x(lat: usize) -> Var {
    var("x", &format!("time=1 lat={lat}"), Float32, &[1.0])
}

fn time(values: &[f64]) -> Var {
    f64s("time", &format!("time={}", values.len()), values).units("days since 2000-01-01")
}

fn bounds(name: &str, values: &[f64]) -> Var {
    f64s(name, &format!("{} nv=2", name.replace("_bnds", &format!("={}", values.len() / 2))), values)
}

/// What comes out, notes as well.
fn outcome(list: &[&str], axes: &[CombineAxis], files: &[File]) -> Vec<String> {
    match run(axes, files, &policies(list)) {
        Ok(combined) => {
            let mut shown: Vec<String> = combined.variables.iter().map(|v| show(v, files)).collect();
            shown.extend(combined.notes.iter().map(|note| format!("! {}", note.text())));
            shown
        }
        Err(problems) => problems.iter().map(|p| format!("{:?} {}", p.code, p.variable)).collect(),
    }
}

struct Row<'a> {
    what: &'a str,
    policies: &'a [&'a str],
    files: &'a [&'a [Var]],
    expected: &'a [&'a str],
}

fn rows(rows: &[Row<'_>]) {
    let anchor = i16s("anchor", "time=1", &[0.0]);
    for Row { what, policies, files, expected } in rows {
        // every file has a place along the axis
        let whole = |vars: &&[Var]| -> Vec<Var> {
            let placed = vars.iter().any(|v| v.var.dims.iter().any(|dim| dim == "time"));
            vars.iter().chain((!placed).then_some(&anchor)).cloned().collect()
        };
        let files: Vec<Vec<Var>> = files.iter().map(whole).collect();
        let (axes, files) = along_time(&files.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut found = outcome(policies, &axes, &files);
        found.retain(|line| !line.starts_with("anchor("));
        assert_eq!(found, *expected, "{what}");
    }
}

#[test]
fn latitudes_and_longitudes() {
    let b = |values: &[f64]| bounds("lat_bnds", values);
    let named = |values: &[f64]| lat(values).attr("bounds", "lat_bnds");
    let mask = |values: &[f64]| f64s("mask", "lat=3", values);
    let around = |values: &[f64]| lon(values).attr("bounds", "lon_bnds");
    let lb = |values: &[f64]| bounds("lon_bnds", values);
    rows(&[
        Row {
            what: "flipped, with what lies along it",
            policies: &[],
            files: &[
                &[lat(&[1.0, 2.0, 4.0]), mask(&[0.0, 5.0, 9.0]), x(3)],
                &[lat(&[4.0, 2.0, 1.0]), mask(&[9.0, 5.0, 0.0]), x(3)],
            ],
            expected: &[
                "lat(lat=3) float64 = 1 2 4",
                "mask(lat=3) float64 = 0 5 9",
                "x(time=2 lat=3) float32 time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "vertices in the first file's order",
            policies: &[],
            files: &[
                &[named(&[1.0, 3.0]), b(&[0.0, 2.0, 2.0, 4.0])],
                &[named(&[3.0, 1.0]), b(&[4.0, 2.0, 2.0, 0.0])],
                &[named(&[3.0, 1.0]), b(&[2.0, 4.0, 0.0, 2.0])],
            ],
            expected: &[
                "lat(lat=2) float64 bounds=\"lat_bnds\" = 1 3",
                "lat_bnds(lat=2 nv=2) float64 = 0 2 2 4",
            ],
        },
        Row {
            what: "refused where asked to",
            policies: &["lat=error"],
            files: &[&[lat(&[1.0, 2.0]), x(2)], &[lat(&[2.0, 1.0]), x(2)]],
            expected: &["CombineLat lat"],
        },
        Row {
            what: "another grid is not flipped",
            policies: &[],
            files: &[&[lat(&[1.0, 2.0]), x(2)], &[lat(&[2.0, 1.5]), x(2)]],
            expected: &["CombineCoords lat"],
        },
        Row {
            what: "longitudes are refused",
            policies: &[],
            files: &[&[lon(&[0.0, 90.0, 180.0, 270.0])], &[lon(&[-180.0, -90.0, 0.0, 90.0])]],
            expected: &["CombineLon lon"],
        },
        Row {
            what: "rolled, bounds too",
            policies: &["lon=roll"],
            files: &[
                &[around(&[0.0, 120.0, 240.0]), lb(&[-60.0, 60.0, 60.0, 180.0, 180.0, 300.0])],
                &[around(&[-120.0, 0.0, 120.0]), lb(&[-180.0, -60.0, -60.0, 60.0, 60.0, 180.0])],
            ],
            expected: &[
                "lon(lon=3) float64 bounds=\"lon_bnds\" = 0 120 240",
                "lon_bnds(lon=3 nv=2) float64 = -60 60 60 180 180 300",
            ],
        },
        Row {
            what: "other meridians are not rolled",
            policies: &["lon=roll"],
            files: &[&[lon(&[0.0, 180.0])], &[lon(&[-170.0, 0.0])]],
            expected: &["CombineCoords lon"],
        },
        Row {
            what: "a meridian that stands twice is not rolled",
            policies: &["lon=roll"],
            files: &[&[lon(&[0.0, 180.0, 360.0])], &[lon(&[-360.0, -180.0, 0.0])]],
            expected: &["CombineLon lon"],
        },
    ]);
}

#[test]
fn labels_that_differ() {
    let mask = |values: &[f64]| f64s("mask", &format!("lat={}", values.len()), values);
    let (a, b) = ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]);
    let count = |n| i16s("n", &format!("time=1 lat={n}"), &[1.0]);
    rows(&[
        Row {
            what: "the first file's",
            policies: &["coords=override"],
            files: &[&[lat(&a), x(3)], &[lat(&b), x(3)]],
            expected: &["lat(lat=3) float64 = 1 2 3", "x(time=2 lat=3) float32 time[0, 1, 2] < a b"],
        },
        Row {
            what: "the first file's, of another length",
            policies: &["coords=override"],
            files: &[&[lat(&a)], &[lat(&[2.0])]],
            expected: &["CombineDims lat"],
        },
        Row {
            what: "the first file's, and never for rows that run the other way",
            policies: &["coords=override", "lat=error"],
            files: &[&[lat(&a), x(3)], &[lat(&[3.0, 2.0, 1.0]), x(3)]],
            expected: &["CombineLat lat"],
        },
        Row {
            what: "the union, with cells of all files where they agree",
            policies: &["coords=outer"],
            files: &[&[lat(&a), mask(&[0.0, 1.0, 2.0]), x(3)], &[lat(&b), mask(&[1.0, 2.0, 7.0]), x(3)]],
            expected: &[
                "lat(lat=4) float64 = 1 2 3 4",
                "mask(lat=4) float64 = 0 1 2 7",
                "x(time=2 lat=4) float32 fill=NaN time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "the union falls where the first file's labels do",
            policies: &["coords=outer"],
            files: &[&[lat(&[3.0, 1.0])], &[lat(&[1.0, 2.0])]],
            expected: &["lat(lat=3) float64 = 3 2 1"],
        },
        Row {
            what: "values that contradict each other",
            policies: &["coords=outer"],
            files: &[&[lat(&a), mask(&[0.0, 1.0, 2.0])], &[lat(&b), mask(&[1.0, 9.0, 7.0])]],
            expected: &["CombineStatic mask"],
        },
        Row {
            what: "integers get the default of their type",
            policies: &["coords=outer"],
            files: &[&[lat(&a), count(3)], &[lat(&b), count(3)]],
            expected: &[
                "lat(lat=4) float64 = 1 2 3 4",
                "n(time=2 lat=4) int16 fill=-32767 time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "in every file, also where another has a fill value",
            policies: &["coords=outer"],
            files: &[&[lat(&a), count(3)], &[lat(&b), count(3).fill(-9.0)]],
            expected: &["lat(lat=4) float64 = 1 2 3 4", "n(time=2 lat=4) int16 fill=-9 time[0, 1, 2] < a b"],
        },
        Row {
            what: "which the policy of fill values refuses",
            policies: &["coords=outer", "fill=error"],
            files: &[&[lat(&a), count(3)], &[lat(&b), count(3).fill(-9.0)]],
            expected: &["CombineCoords n"],
        },
        Row {
            what: "values in hand",
            policies: &["coords=outer", "absent=fill"],
            files: &[
                &[lat(&[1.0, 2.0]), i16s("m", "lat=2", &[5.0, 6.0])],
                &[lat(&[4.0]), i16s("m", "lat=1", &[7.0])],
                &[lat(&[3.0])],
            ],
            expected: &["lat(lat=4) float64 = 1 2 3 4", "m(lat=4) int16 fill=-32767 = 5 6 -32767 7"],
        },
        Row {
            what: "values in hand that have the default",
            policies: &["coords=outer", "absent=fill"],
            files: &[
                &[lat(&[1.0, 2.0]), i16s("m", "lat=2", &[5.0, -32_767.0])],
                &[lat(&[4.0]), i16s("m", "lat=1", &[7.0])],
                &[lat(&[3.0])],
            ],
            expected: &["CombineCoords m"],
        },
        Row {
            what: "but their fill value",
            policies: &["coords=outer"],
            files: &[&[lat(&a), count(3).fill(-9.0)], &[lat(&b), count(3).fill(-9.0)]],
            expected: &["lat(lat=4) float64 = 1 2 3 4", "n(time=2 lat=4) int16 fill=-9 time[0, 1, 2] < a b"],
        },
        Row {
            what: "the intersection",
            policies: &["coords=inner"],
            files: &[
                &[lat(&a), mask(&[0.0, 1.0, 2.0]), count(3)],
                &[lat(&b), mask(&[1.0, 2.0, 7.0]), count(3)],
            ],
            expected: &[
                "lat(lat=2) float64 = 2 3",
                "mask(lat=2) float64 = 1 2",
                "n(time=2 lat=2) int16 time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "nothing in common",
            policies: &["coords=inner"],
            files: &[&[lat(&[1.0])], &[lat(&[2.0])]],
            expected: &["CombineCoords lat"],
        },
        Row {
            what: "singles are equal to doubles within rounding",
            policies: &["coords=outer"],
            files: &[&[var("lat", "lat=2", Float32, &[0.1, 0.2])], &[lat(&[0.2, 0.3])]],
            expected: &["lat(lat=3) float64 = 0.10000000149011612 0.2 0.3"],
        },
        Row {
            what: "a label that stands twice",
            policies: &["coords=outer"],
            files: &[&[lat(&[1.0, 1.0])], &[lat(&[1.0, 2.0])]],
            expected: &["CombineCoords lat"],
        },
        Row {
            what: "names",
            policies: &["coords=outer"],
            files: &[&[text("id", "id=2", &["b", "d"])], &[text("id", "id=2", &["a", "d"])]],
            expected: &["id(id=3) string = \"a\" \"b\" \"d\""],
        },
    ]);
}

#[test]
fn statics_scalars_and_absent_variables() {
    let mask = |value: f64| f64s("mask", "lat=2", &[value]);
    let orbit = |value: f64| var("orbit", "", Int32, &[value]);
    let marked = |x: Var| x.attr("coordinates", "orbit");
    let flag = |dtype| var("flag", "time=1", dtype, &[1.0]);
    let lattice = lat(&[1.0, 2.0]);
    rows(&[
        Row {
            what: "stacked",
            policies: &["static=stack"],
            files: &[&[time(&[0.0, 1.0]), mask(1.0)], &[time(&[2.0]), mask(3.0)]],
            expected: &[
                "time(time=3) float64 units=\"days since 2000-01-01\" = 0 1 2",
                "mask(time=3 lat=2) float64 time[0, 2, 3] < a b",
            ],
        },
        Row {
            what: "what is equal is not stacked",
            policies: &["static=stack"],
            files: &[&[time(&[0.0]), mask(1.0)], &[time(&[1.0]), mask(1.0)]],
            expected: &[
                "time(time=2) float64 units=\"days since 2000-01-01\" = 0 1",
                "mask(lat=2) float64 = 1 1",
            ],
        },
        Row {
            what: "names are stacked",
            policies: &["static=stack"],
            files: &[
                &[time(&[0.0, 1.0]), text("s", "n=2", &["p", "q"])],
                &[time(&[2.0]), text("s", "n=2", &["r"])],
            ],
            expected: &[
                "time(time=3) float64 units=\"days since 2000-01-01\" = 0 1 2",
                "s(time=3 n=2) string = \"p\" \"q\" \"p\" \"q\" \"r\" \"r\"",
            ],
        },
        Row {
            what: "the first file's",
            policies: &["static=first"],
            files: &[&[time(&[0.0]), mask(1.0)], &[time(&[1.0]), mask(3.0)]],
            expected: &[
                "time(time=2) float64 units=\"days since 2000-01-01\" = 0 1",
                "mask(lat=2) float64 = 1 1",
            ],
        },
        Row {
            what: "a scalar that varies is left out, and forgotten",
            policies: &["scalars=drop"],
            files: &[
                &[marked(x(2)), lattice.clone(), orbit(1.0)],
                &[marked(x(2)), lattice.clone(), orbit(2.0)],
            ],
            expected: &[
                "x(time=2 lat=2) float32 time[0, 1, 2] < a b",
                "lat(lat=2) float64 = 1 2",
                "! `orbit`: left out, because it varies between files",
            ],
        },
        Row {
            what: "a scalar that does not vary stays",
            policies: &["scalars=drop"],
            files: &[&[x(2), orbit(1.0)], &[x(2), orbit(1.0)]],
            expected: &["x(time=2 lat=2) float32 time[0, 1, 2] < a b", "orbit() int32 = 1"],
        },
        Row {
            what: "a scalar that varies is refused",
            policies: &["scalars=error"],
            files: &[&[x(2), orbit(1.0)], &[x(2), orbit(2.0)]],
            expected: &["CombineScalars orbit"],
        },
        Row {
            what: "left out where a file lacks it",
            policies: &["absent=drop"],
            files: &[&[x(2)], &[x(2), flag(Int32)]],
            expected: &[
                "x(time=2 lat=2) float32 time[0, 1, 2] < a b",
                "! `flag`: left out, because 1 file lacks it",
            ],
        },
        Row {
            what: "filled, also in the first file",
            policies: &["absent=fill"],
            files: &[&[x(2)], &[x(2), flag(UInt8)]],
            expected: &[
                "x(time=2 lat=2) float32 time[0, 1, 2] < a b",
                "flag(time=2) uint8 fill=255 time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "filled with the variable's own value",
            policies: &["absent=fill"],
            files: &[&[flag(Int32).fill(-1.0)], &[x(2)]],
            expected: &[
                "flag(time=2) int32 fill=-1 time[0, 1, 2] < a b",
                "x(time=2 lat=2) float32 fill=NaN time[0, 1, 2] < a b",
            ],
        },
        Row {
            what: "coordinates are not filled",
            policies: &["absent=fill"],
            files: &[&[x(2), lattice.clone()], &[x(2)]],
            expected: &["CombineAbsent lat"],
        },
        Row {
            what: "what varies along no axis is taken from those that have it",
            policies: &["absent=fill"],
            files: &[&[x(2)], &[x(2), mask(4.0)]],
            expected: &["x(time=2 lat=2) float32 time[0, 1, 2] < a b", "mask(lat=2) float64 = 4 4"],
        },
    ]);
}

fn day(day: u8) -> AxisKey {
    AxisKey::Date(DateTime::date(Calendar::Standard, 2000, 1, day).unwrap())
}

#[test]
fn gaps_between_items() {
    let y = |n: usize| var("y", &format!("time={n}"), Float32, &[1.0]);
    let of = |values: &[f64]| vec![time(values), y(values.len())];
    let noted = ["! `time`: 1 item missing between those that there are: 2000-01-03"];
    struct Case<'a> {
        what: &'a str,
        files: &'a [&'a [f64]],
        gaps: Gaps,
        times: &'a str,
        y: &'a str,
        notes: &'a [&'a str],
    }
    let declared = |absent: &[u32]| Gaps::Declared {
        keys: (1..=6).map(day).collect(),
        calendar: Calendar::Standard,
        absent: absent.iter().copied().collect(),
    };
    let cases = [
        Case {
            what: "listed",
            files: &[&[0.0], &[1.0], &[3.0]],
            gaps: Gaps::LeftOut,
            times: "0 1 3",
            y: "[0, 1, 2, 3]",
            notes: &noted,
        },
        Case {
            what: "no step, no note",
            files: &[&[0.0], &[2.0], &[5.0]],
            gaps: Gaps::LeftOut,
            times: "0 2 5",
            y: "[0, 1, 2, 3]",
            notes: &[],
        },
        Case {
            what: "found",
            files: &[&[0.0], &[1.0], &[3.0]],
            gaps: Gaps::Found,
            times: "0 1 2 3",
            y: "[0, 1, 2, 3, 4]",
            notes: &["! `time`: 1 item without a file, kept with fill values: 2000-01-03"],
        },
        Case {
            what: "declared, at noon",
            files: &[&[0.5], &[1.5], &[], &[3.5]],
            gaps: declared(&[2]),
            times: "0.5 1.5 2.5 3.5",
            y: "[0, 1, 2, 3, 4]",
            notes: &["! `time`: 1 item without a file, kept with fill values: 2000-01-03T12:00"],
        },
        Case {
            what: "declared, at both ends, two items each",
            files: &[&[], &[1.0, 1.5], &[]],
            gaps: declared(&[0, 2]),
            times: "0 0.5 1 1.5 2 2.5",
            y: "[0, 2, 4, 6]",
            notes: &[
                "! `time`: 4 items without a file, kept with fill values: 2000-01-01, 2000-01-01T12:00, 2000-01-03 … and 1 more",
            ],
        },
    ];
    for Case { what, files: times, gaps, times: expected, y: cells, notes } in cases {
        let files: Vec<File> = (0..)
            .zip(times)
            .filter(|(_, values)| !values.is_empty())
            .map(|(at, values)| file(&[at], &of(values)))
            .collect();
        let axes = [CombineAxis { gaps, ..concat("time", times.len()) }];
        let shown = outcome(&[], &axes, &files);
        let time = format!("units=\"days since 2000-01-01\" = {expected}");
        assert!(shown[0].ends_with(&time), "{what}: {shown:?}");
        assert!(shown[1].contains(&format!("time{cells} <")), "{what}: {shown:?}");
        assert_eq!(shown[2..], *notes, "{what}");
    }
    // integers get the default of their type where there are gaps, and only there
    let n = |at: f64| [time(&[at]), i16s("n", "time=1", &[1.0])];
    let integers = [
        (Gaps::Found, [0.0, 1.0, 3.0], "n(time=4) int16 fill=-32767"),
        (Gaps::Found, [0.0, 1.0, 2.0], "n(time=3) int16 time"),
        (declared(&[3]), [0.0, 1.0, 2.0], "n(time=4) int16 fill=-32767"),
        (Gaps::LeftOut, [0.0, 1.0, 3.0], "n(time=3) int16 time"),
    ];
    for (gaps, times, expected) in integers {
        let files: Vec<File> = (0..).zip(times).map(|(at, time)| file(&[at], &n(time))).collect();
        let keys = if matches!(gaps, Gaps::Declared { .. }) { 4 } else { 3 };
        let axes = [CombineAxis { gaps, ..concat("time", keys) }];
        let shown = outcome(&[], &axes, &files);
        assert!(shown[1].starts_with(expected), "{shown:?}");
    }
    let refused = [
        ("no one distance, no step", declared(&[2]), vec![&[0.0][..], &[1.25], &[], &[3.5]]),
        ("lengths differ", declared(&[2]), vec![&[0.0][..], &[1.0, 1.5], &[], &[3.0]]),
        ("found without a step", Gaps::Found, vec![&[0.0][..], &[2.0], &[5.0]]),
    ];
    for (what, gaps, times) in refused {
        let files: Vec<File> = (0..)
            .zip(&times)
            .filter(|(_, values)| !values.is_empty())
            .map(|(at, values)| file(&[at], &of(values)))
            .collect();
        let axes = [CombineAxis { gaps, ..concat("time", times.len()) }];
        assert_eq!(outcome(&[], &axes, &files), ["CombineGaps time"], "{what}");
    }
}

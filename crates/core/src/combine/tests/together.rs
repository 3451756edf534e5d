//! Two policies at once, and what notes and refusals say.

use super::*;
use DataType::{Float32, Int32, Int64, UInt32};

fn lat(values: &[f64]) -> Var {
    f64s("lat", &format!("lat={}", values.len()), values)
}

fn lon(values: &[f64]) -> Var {
    f64s("lon", &format!("lon={}", values.len()), values)
}

fn along(dim: &str, length: usize) -> Var {
    var("v", &format!("time=1 {dim}={length}"), Float32, &[1.0])
}

/// Policies, the labels of two files, and what the refusal says.
type Joined<'a> = (&'a [&'a str], Vec<f64>, Vec<f64>, Option<&'a str>);

#[test]
fn a_refused_direction_is_refused_in_a_union_too() {
    let rows: Vec<Joined<'_>> = vec![
        (
            &["lat=error", "coords=outer"],
            vec![1., 2.],
            vec![2., 1.],
            Some("from south to north in a.nc and from north to south in b.nc"),
        ),
        (
            &["lat=error", "coords=inner"],
            vec![3., 2.],
            vec![1., 2.],
            Some("from north to south in a.nc and from south to north in b.nc"),
        ),
        (&["lat=error", "coords=outer"], vec![1., 2.], vec![2., 3.], None),
        (&["lat=error", "coords=outer"], vec![1., 2.], vec![2.], None),
        (&["coords=outer"], vec![1., 2.], vec![2., 1.], None),
    ];
    for (list, a, b, said) in rows {
        let files = || along_time(&[&[lat(&a), along("lat", a.len())], &[lat(&b), along("lat", b.len())]]);
        match said {
            Some(said) => {
                refuse_under(
                    &policies(list),
                    said,
                    files(),
                    &[(Code::CombineLat, "lat", &[said, "lat: align"])],
                );
            }
            None => drop(run(&files().0, &files().1, &policies(list)).expect("joined")),
        }
    }
    let rows: Vec<Joined<'_>> = vec![
        (
            &["coords=outer"],
            vec![0., 120., 240.],
            vec![-120., 0., 120.],
            Some("0 to 360 in a.nc and -180 to 180 in b.nc"),
        ),
        (&["coords=inner"], vec![-90., 0.], vec![0., 270.], Some("-180 to 180 in a.nc and 0 to 360 in b.nc")),
        (&["coords=outer"], vec![0., 10.], vec![10., 20.], None),
        (&["coords=outer"], vec![-180., 0., 180.], vec![-180., 0.], None),
        (&["coords=outer", "lon=roll"], vec![0., 120., 240.], vec![-120., 0., 120.], None),
    ];
    for (list, a, b, said) in rows {
        let files = || along_time(&[&[lon(&a), along("lon", a.len())], &[lon(&b), along("lon", b.len())]]);
        match said {
            Some(said) => {
                refuse_under(
                    &policies(list),
                    said,
                    files(),
                    &[(Code::CombineLon, "lon", &[said, "lon: roll"])],
                );
            }
            None => drop(run(&files().0, &files().1, &policies(list)).expect("joined")),
        }
    }
}

#[test]
fn stacked_arrays_have_no_cells_of_other_files() {
    let x = |values: &[f64]| f64s("x", &format!("x={}", values.len()), values);
    let s = |values: &[f64]| f64s("s", &format!("x={}", values.len()), values);
    let v = || i16s("v", "time=1", &[0.]);
    let list = ["coords=outer", "static=stack"];
    // they disagree at 2: none has another's cells
    let (axes, files) =
        along_time(&[&[v(), x(&[1., 2.]), s(&[10., 20.])], &[v(), x(&[2., 3.]), s(&[21., 31.])]]);
    let combined = run(&axes, &files, &policies(&list)).expect("stacked");
    let stacked = combined.variables.iter().find(|v| v.var.name == "s").expect("s");
    assert_eq!((stacked.var.dims.join(" "), &stacked.var.shape), ("time x".into(), &vec![2, 3]));
    let mut again = surveyed(&axes, &files, &policies(&list));
    assert!(reconcile(&axes, &mut again, &policies(&list)).is_empty());
    let cells = |file: &File| {
        let mapped = file.view.variable("s").expect("s").clone();
        let whole = crate::chunk::Region::whole(&mapped.var.shape);
        let block = crate::derived::evaluate(&mapped, &whole, &mut |_, _| panic!("in hand")).expect("cells");
        block.to_f64().expect("numbers").iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(again.iter().map(cells).collect::<Vec<_>>(), ["10 20 NaN", "NaN 21 31"]);
    // they agree: one array with the cells of all
    let files = along_time(&[&[v(), x(&[1., 2.]), s(&[10., 20.])], &[v(), x(&[2., 3.]), s(&[20., 30.])]]);
    let shown =
        ["v(time=2) int16 time[0, 1, 2] < a b", "x(x=3) float64 = 1 2 3", "s(x=3) float64 = 10 20 30"];
    check_under(&policies(&list), "one array", files, &shown);
}

#[test]
fn what_is_equal_once_it_is_aligned_is_not_stacked() {
    let v = || i16s("v", "time=1", &[0.]);
    let s = |values: &[f64]| f64s("s", "lat=2", values);
    let files = along_time(&[&[v(), lat(&[1., 2.]), s(&[10., 20.])], &[v(), lat(&[2., 1.]), s(&[20., 10.])]]);
    let shown =
        ["v(time=2) int16 time[0, 1, 2] < a b", "lat(lat=2) float64 = 1 2", "s(lat=2) float64 = 10 20"];
    check_under(&policies(&["static=stack"]), "flipped", files, &shown);
}

#[test]
fn filled_cells_never_stand_against_real_ones() {
    let v = || i16s("v", "time=1 tile=1", &[0.]);
    let w = |value: f64| var("w", "time=1", Float32, &[value]);
    let axes = vec![concat("time", 2), concat("tile", 2)];
    let files = vec![
        file(&[0, 0], &[v()]),
        file(&[0, 1], &[v(), w(5.)]),
        file(&[1, 0], &[v()]),
        file(&[1, 1], &[v()]),
    ];
    let expected = [
        "v(time=2 tile=2) int16 time[0, 1, 2] tile[0, 1, 2] < aa ab ba bb",
        "w(time=2) float32 fill=NaN time[0, 1, 2] < ab ba",
    ];
    check_under(&policies(&["absent=fill"]), "one axis", (axes, files), &expected);

    let files = along_time(&[&[i16s("v", "time=1", &[0.]), w(1.).fill(-9.)], &[i16s("v", "x=2", &[0.])]]);
    let words: &[&str] = &["can't tell how many items of `time`", "b.nc", "drop"];
    let problems = run(&files.0, &files.1, &policies(&["absent=fill"])).expect_err("no length");
    let own = problems.iter().find(|p| p.variable == "w").expect("w");
    let said = format!("{} {}", own.to_error(), own.help);
    assert!(words.iter().all(|word| said.contains(word)) && !said.contains("_FillValue"), "{said}");
}

#[test]
fn refusals_say_what_to_do() {
    let time = |var: Var| [i16s("t", "time=1", &[0.]), var];
    let typed = |dtype, dims: &str| var("v", dims, dtype, &[1.]);
    type Row<'a> = (&'a [&'a str], Var, Var, Code, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        (
            &["dtype=error"],
            typed(DataType::Int16, "time=1").fill(101.),
            typed(UInt32, "time=1").fill(101.),
            Code::CombineDtype,
            &["dtype: promote"],
        ),
        (
            &["dtype=error"],
            typed(DataType::Int16, "time=1").fill(-1.),
            typed(Float32, "time=1").fill(9.),
            Code::CombineDtype,
            &["dtype: promote"],
        ),
        (
            &["fill=error"],
            typed(Int32, "time=1").fill(1.),
            typed(Int32, "time=1").fill(2.),
            Code::CombineFill,
            &["fill: mask"],
        ),
        (
            &[],
            text("v", "time=1", &["a"]),
            typed(Int32, "time=1"),
            Code::CombineDtype,
            &["no policy makes numbers of text"],
        ),
        (
            &[],
            typed(Int32, "time=1 x=2"),
            typed(Int32, "time=1 x=3"),
            Code::CombineDims,
            &["`x` has length 2 in the first file, and 3 in others", "`subset`"],
        ),
        (
            &["dims=error"],
            typed(Int32, "time=1 x=2"),
            typed(Int32, "x=2 time=1"),
            Code::CombineDims,
            &["the order of dimensions", "dims: transpose"],
        ),
        (
            &[],
            typed(Int32, "time=1 x=2"),
            typed(Int32, "time=1 y=2"),
            Code::CombineDims,
            &["dimensions differ", "one recipe for each"],
        ),
        (
            &["scalars=error"],
            f64s("v", "", &[1.]),
            f64s("v", "", &[2.]),
            Code::CombineScalars,
            &["scalars: promote", "`drop: [v]` leaves it out"],
        ),
    ];
    for (list, a, b, code, words) in rows {
        let what = format!("{list:?} {words:?}");
        refuse_under(&policies(list), &what, along_time(&[&time(a), &time(b)]), &[(code, "v", words)]);
    }
    let x = |n: u64| f64s("x", &format!("x={n}"), &[1., 2., 3.]);
    let files = along_time(&[&[x(2), typed(Int32, "time=1 x=2")], &[x(3), typed(Int32, "time=1 x=3")]]);
    let words: &[&str] = &["coords: outer", "inner"];
    refuse("labels", files, &[(Code::CombineDims, "x", words), (Code::CombineDims, "v", words)]);
}

/// Policies, a variable of either file, the refusal, words of its help.
type Refused = (&'static [&'static str], Var, Var, Code, &'static [&'static str]);

#[test]
fn coordinates_of_dimensions_are_not_to_be_dropped() {
    let row = |x: Var| [x, i16s("v", "time=1 x=2", &[0., 1.])];
    let x = |values: [f64; 2]| f64s("x", "x=2", &values);
    let north = |values| x(values).units("degrees_north");
    let rows: Vec<Refused> = vec![
        (
            &[],
            x([1., 2.]),
            x([1., 3.]),
            Code::CombineCoords,
            &["coords: outer", "else make one recipe for each"],
        ),
        (
            &["lat=error"],
            north([1., 2.]),
            north([2., 1.]),
            Code::CombineLat,
            &["lat: align", "else make one recipe for each"],
        ),
        (
            &[],
            x([1., 2.]).units("m"),
            x([1., 2.]).units("K"),
            Code::CombineUnits,
            &["one recipe for each value"],
        ),
        (&[], x([1., 2.]), text("x", "x=2", &["a", "b"]), Code::CombineDtype, &["make one recipe for each"]),
    ];
    for (list, a, b, code, words) in rows {
        let files = along_time(&[&row(a), &row(b)]);
        let problems = run(&files.0, &files.1, &policies(list)).expect_err("they differ");
        let own = problems.iter().find(|p| p.variable == "x" && p.code == code);
        let said = own.map(|p| format!("{} {}", p.to_error(), p.help)).unwrap_or_default();
        assert!(words.iter().all(|word| said.contains(word)), "{code}: {problems:#?}");
        assert!(problems.iter().all(|p| !p.help.contains("drop: [x]")), "{code}: {problems:#?}");
    }
}

#[test]
fn notes() {
    let v = |dtype, n: u64| var("v", &format!("time={n}"), dtype, &[1.]);
    let rows: Vec<(&[&str], Vec<Var>, Vec<&str>)> = vec![
        (&[], vec![v(Int32, 1), v(Int32, 0)], vec!["`time`: 1 file has no items along it: b.nc"]),
        (
            &[],
            vec![v(Int32, 0), v(Int32, 1), v(Int32, 0)],
            vec!["`time`: 2 files have no items along it: a.nc, c.nc"],
        ),
        (
            &["units=first"],
            vec![v(Int32, 1).units("K"), v(Int32, 1).units("degC"), v(Int32, 1).units("degC")],
            vec![
                "`v`: 2 files have units \"degC\", and the numbers are taken as they are, with the first file's units \"K\"",
            ],
        ),
        (&["units=first"], vec![v(Int32, 1).units("degC"), v(Int32, 1).units("celsius")], vec![]),
        (
            &[],
            vec![v(Int64, 1).fill(-1.), v(Int64, 1).fill(-1.)],
            vec![
                "`v`: int64 with a _FillValue: xarray decodes it to float64, which holds integers up to 2^53; to keep them exact there, delete `v@_FillValue` (step `attrs`)",
            ],
        ),
        (&[], vec![v(Int64, 1).fill(-1.).units("days since 2000-01-01")], vec![]),
        (&[], vec![v(Int64, 1), v(Int32, 1)], vec![]),
    ];
    for (list, files, expected) in rows {
        let files: Vec<&[Var]> = files.iter().map(std::slice::from_ref).collect();
        let (axes, files) = along_time(&files);
        let combined = run(&axes, &files, &policies(list)).expect("combined");
        let notes: Vec<String> = combined.notes.iter().map(Note::text).collect();
        assert_eq!(notes, expected, "{list:?}");
    }
}

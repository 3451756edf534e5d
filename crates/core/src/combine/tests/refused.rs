//! Differences that stop a bake: the code, the files, the variable and both values.

#![allow(clippy::too_many_lines)] // rows of data

use super::*;
use DataType::{Float32, Int32};

fn x(time: u64) -> Var {
    var("x", &format!("time={time} lat=2"), Float32, &[1.0])
}

fn time(at: f64) -> Var {
    f64s("time", "time=1", &[at]).units("days since 2000-01-01")
}

fn packed(scale: f64) -> Var {
    i16s("x", "time=1", &[1.0]).number("scale_factor", DataType::Float64, scale)
}

#[test]
fn one_variable_in_two_files() {
    let plain = || i16s("x", "time=1", &[1.0]);
    let tagged = |name: &str, value: &str| plain().attr(name, value);
    let crs = |meridian: f64| {
        f64s("crs", "", &[0.0]).attr("grid_mapping_name", "transverse_mercator").number(
            "longitude_of_central_meridian",
            DataType::Float64,
            meridian,
        )
    };
    let rows: Vec<(&str, Var, Var, Code, &[&str])> = vec![
        (
            "packing",
            packed(0.1),
            packed(0.2),
            Code::CombinePacking,
            &["scale_factor = 0.1", "scale_factor = 0.2"],
        ),
        ("packing in one", packed(0.1), plain(), Code::CombinePacking, &["no `scale_factor`"]),
        ("unsigned", tagged("_Unsigned", "true"), plain(), Code::CombinePacking, &["_Unsigned = \"true\""]),
        (
            "packed type",
            packed(0.1),
            { var("x", "time=1", Int32, &[1.0]).number("scale_factor", DataType::Float64, 0.1) },
            Code::CombinePacking,
            &["int16", "int32"],
        ),
        ("type", plain(), var("x", "time=1", Int32, &[1.0]), Code::CombineDtype, &["int16", "int32"]),
        ("fill", plain().fill(1.0), plain().fill(2.0), Code::CombineFill, &["_FillValue 1", "_FillValue 2"]),
        ("fill in one", plain(), plain().fill(2.0), Code::CombineFill, &["no _FillValue", "_FillValue 2"]),
        (
            "missing_value",
            plain().number("missing_value", Int32, 1.0),
            plain().number("missing_value", Int32, 2.0),
            Code::CombineFill,
            &["missing_value = 1", "missing_value = 2"],
        ),
        ("units", tagged("units", "K"), tagged("units", "degC"), Code::CombineUnits, &["\"K\"", "\"degC\""]),
        ("units in one", tagged("units", "K"), plain(), Code::CombineUnits, &["no `units`"]),
        (
            "time or not",
            plain().units("days since 2000-01-01"),
            plain().units("days"),
            Code::CombineUnits,
            &["days since 2000-01-01", "\"days\""],
        ),
        (
            "time or nothing",
            plain().units("days since 2000-01-01"),
            plain(),
            Code::CombineUnits,
            &["no `units`"],
        ),
        (
            "not a time",
            plain().units("days since 2000-01-01"),
            plain().units("days since long"),
            Code::CombineTime,
            &["days since long", "b.nc"],
        ),
        (
            "calendar",
            plain().units("days since 2000-01-01"),
            plain().units("days since 2000-01-01").attr("calendar", "noleap"),
            Code::CombineCalendar,
            &["no calendar", "calendar `noleap`"],
        ),
        (
            "months",
            plain().units("months since 2000-01-01"),
            plain().units("months since 2001-01-01"),
            Code::CombineMonths,
            &["months since 2000-01-01", "months since 2001-01-01"],
        ),
        (
            "months that are counted alike",
            plain().units("months since 2000-01-01"),
            plain().units("months since 2000-1-1"),
            Code::CombineMonths,
            &["months since 2000-01-01", "no one length"],
        ),
        (
            "missing_value as text",
            plain().attr("missing_value", "-999."),
            plain().attr("missing_value", "-999."),
            Code::CombineFill,
            &["\"-999.\"", "would mask no number"],
        ),
        ("dims", plain(), i16s("x", "time=1 lat=2", &[1.0]), Code::CombineDims, &["time=1", "lat=2"]),
        ("length", x(1), var("x", "time=1 lat=3", Float32, &[1.0]), Code::CombineDims, &["lat=2", "lat=3"]),
        (
            "standard name",
            tagged("standard_name", "a"),
            tagged("standard_name", "b"),
            Code::CombineAttrs,
            &["\"a\"", "\"b\""],
        ),
        (
            "flags",
            tagged("flag_meanings", "a b"),
            tagged("flag_meanings", "b a"),
            Code::CombineAttrs,
            &["\"a b\"", "\"b a\""],
        ),
        (
            "cell methods",
            tagged("cell_methods", "a"),
            tagged("cell_methods", "b"),
            Code::CombineAttrs,
            &["\"a\"", "\"b\""],
        ),
        ("projection", crs(3.0), crs(9.0), Code::CombineAttrs, &["longitude_of_central_meridian = 3", "= 9"]),
        (
            "coordinate",
            f64s("x", "x=2", &[1.0, 2.0]),
            f64s("x", "x=2", &[1.0, 2.5]),
            Code::CombineCoords,
            &["2.5 instead of 2 at item 1", "0.5"],
        ),
        (
            "NaN or not",
            f64s("x", "x=1", &[1.0]),
            f64s("x", "x=1", &[f64::NAN]),
            Code::CombineCoords,
            &["1", "missing"],
        ),
        (
            "infinite or not",
            f64s("x", "x=2", &[1.0]),
            f64s("x", "x=2", &[f64::INFINITY]),
            Code::CombineCoords,
            &["inf instead of 1"],
        ),
        (
            "beyond rounding",
            f64s("x", "x=1", &[1.0]),
            f64s("x", "x=1", &[1.000_000_01]),
            Code::CombineCoords,
            &["1.00000001"],
        ),
        (
            "large integers",
            new(
                "x",
                "x=2",
                Block::from_bytes(DataType::Int64, vec![2], [[0; 8], (1_i64 << 60).to_le_bytes()].concat()),
            ),
            new(
                "x",
                "x=2",
                Block::from_bytes(
                    DataType::Int64,
                    vec![2],
                    [[0; 8], ((1_i64 << 60) + 1).to_le_bytes()].concat(),
                ),
            ),
            Code::CombineCoords,
            &["1152921504606846977 instead of 1152921504606846976"],
        ),
        (
            "latitude",
            f64s("lat", "lat=2", &[1.0, 2.0]),
            f64s("lat", "lat=2", &[2.0, 1.0]),
            Code::CombineLat,
            &["lat"],
        ),
        (
            "longitude",
            f64s("lon", "lon=2", &[10.0, 350.0]),
            f64s("lon", "lon=2", &[-10.0, 10.0]),
            Code::CombineLon,
            &["lon"],
        ),
        (
            "static",
            f64s("x", "lat=2", &[1.0]),
            f64s("x", "lat=2", &[1.5]),
            Code::CombineStatic,
            &["1.5 instead of 1"],
        ),
        (
            "text",
            text("x", "id=1", &["a"]),
            text("x", "id=1", &["b"]),
            Code::CombineStrings,
            &["\"a\"", "\"b\""],
        ),
    ];
    for (what, a, b, code, words) in rows {
        let name = a.var.name.clone();
        let words: Vec<&str> = words.iter().copied().chain(["a.nc", "b.nc"]).collect();
        let anchor = i16s("anchor", "time=1", &[0.0]);
        let strict = policies(&["packing=error", "dtype=error", "fill=error", "lat=error"]);
        refuse_under(
            &strict,
            what,
            along_time(&[&[a, anchor.clone()], &[b, anchor]]),
            &[(code, &name, &words)],
        );
    }
}

#[test]
fn the_axis() {
    refuse(
        "order",
        along_time(&[&[time(0.0)], &[time(2.0)], &[time(1.0)], &[time(3.0)]]),
        &[(Code::CombineOrder, "time", &["b.nc", "c.nc", "2000-01-03", "2000-01-02"])],
    );
    refuse(
        "duplicates",
        along_time(&[&[time(0.0)], &[time(1.0)], &[time(1.0)]]),
        &[(Code::CombineDuplicates, "time", &["b.nc", "c.nc", "2000-01-02"])],
    );
    let zero = |x: f64| f64s("time", "time=1", &[x]);
    refuse(
        "two zeros are one",
        along_time(&[&[zero(0.0)], &[zero(-0.0)]]),
        &[(Code::CombineDuplicates, "time", &["a.nc", "b.nc"])],
    );
    refuse(
        "names stand once",
        along_time(&[&[text("time", "time=1", &["p"])], &[text("time", "time=1", &["p"])]]),
        &[(Code::CombineDuplicates, "time", &["a.nc", "b.nc", "\"p\""])],
    );
    refuse(
        "no such dimension",
        along_time(&[&[f64s("y", "y=1", &[1.0])], &[f64s("y", "y=1", &[1.0])]]),
        &[(Code::CombineDims, "", &["y=1", "a.nc"])],
    );
    let mut files = along_time(&[&[x(2)], &[x(1)]]);
    files.0[0].items_per_file = Some(2);
    refuse("items", files, &[(Code::CombineItems, "", &["items_per_file: 2", "b.nc: 1"])]);
}

#[test]
fn keys_and_positions() {
    refuse(
        "absent",
        along_time(&[&[x(1), time(0.0)], &[time(1.0)], &[x(1), time(2.0)]]),
        &[(Code::CombineAbsent, "x", &["b.nc", "2 files and absent in 1"])],
    );
    let of = |v: u32, t: u32, vars: &[Var]| file(&[v, t], vars);
    let axes = || vec![merge("v", 2), concat("time", 2)];
    let y = |n: u64| i16s("y", &format!("time={n} lat=3"), &[1.0]);
    refuse(
        "a key's variable in some positions only",
        (
            axes(),
            vec![
                of(0, 0, &[x(1)]),
                of(0, 1, &[x(1)]),
                of(1, 0, &[i16s("y", "time=1", &[1.0]), i16s("z", "time=1", &[1.0])]),
                of(1, 1, &[i16s("y", "time=1", &[1.0])]),
            ],
        ),
        &[(Code::CombineAbsent, "z", &["bb.nc"])],
    );
    refuse(
        "a dimension of two lengths in two keys",
        (axes(), vec![of(0, 0, &[x(1)]), of(0, 1, &[x(1)]), of(1, 0, &[y(1)]), of(1, 1, &[y(1)])]),
        &[(Code::CombineDims, "y", &["aa.nc", "ba.nc", "`x` has lat=2", "`y` has lat=3"])],
    );
    let w = |value: f64| var("x", "time=1 lat=2", Float32, &[value]);
    refuse(
        "two keys hold one variable with other values",
        (axes(), vec![of(0, 0, &[w(1.0)]), of(0, 1, &[w(1.0)]), of(1, 0, &[w(1.0)]), of(1, 1, &[w(2.0)])]),
        &[(Code::CombineDuplicates, "x", &["ab.nc", "bb.nc", "2 instead of 1"])],
    );
    refuse(
        "files of one position differ in length",
        (
            axes(),
            vec![
                of(0, 0, &[x(1)]),
                of(0, 1, &[x(1)]),
                of(1, 0, &[i16s("y", "time=2", &[1.0])]),
                of(1, 1, &[i16s("y", "time=1", &[1.0])]),
            ],
        ),
        &[(Code::CombineDims, "", &["aa.nc: 1", "ba.nc: 2"])],
    );
    let hole = i16s("x", "member=1 time=1", &[1.0]);
    refuse(
        "a hole in integers",
        (
            vec![concat("member", 2), concat("time", 2)],
            vec![
                file(&[0, 0], std::slice::from_ref(&hole)),
                file(&[0, 1], std::slice::from_ref(&hole)),
                file(&[1, 0], &[hole]),
            ],
        ),
        &[(Code::CombineGaps, "x", &["no _FillValue", "int16"])],
    );
    let s = |v: u32, value: f64| file(&[v, 0], &[x(1), f64s("s", "", &[value])]);
    refuse(
        "a scalar that no concat axis explains",
        (vec![merge("v", 2), concat("time", 1)], vec![s(0, 1.0), s(1, 2.0)]),
        &[(Code::CombineScalars, "s", &["aa.nc: 1", "ba.nc: 2"])],
    );
}

#[test]
fn hidden_in_bounds_and_packing_of_times() {
    let of = |units: &str| {
        vec![f64s("ref", "", &[0.0]).units(units).attr("bounds", "rb"), f64s("rb", "nv=2", &[0.0, 1.0]), x(1)]
    };
    refuse(
        "bounds of equal numbers in two units",
        along_time(&[&of("days since 2000-01-01"), &of("days since 2000-01-02")]),
        &[(Code::CombineCoords, "rb", &["a.nc", "b.nc"])],
    );
    let packed =
        |units: &str| i16s("when", "time=1", &[1.0]).units(units).number("scale_factor", Float32, 2.0);
    refuse(
        "packed times of two units",
        along_time(&[&[packed("days since 2000-01-01")], &[packed("days since 2001-01-01")]]),
        &[(Code::CombineTime, "when", &["scale_factor", "2000-01-01", "2001-01-01"])],
    );
}

#[test]
fn every_problem_at_once_and_ten_thousand_files_in_one_message() {
    let many: Vec<Vec<Var>> = (0..100)
        .map(|n| vec![i16s("x", "time=1", &[1.0]).fill(f64::from(n)), packed_named("y", n)])
        .collect();
    let slices: Vec<&[Var]> = many.iter().map(Vec::as_slice).collect();
    refuse_under(
        &policies(&["fill=error", "packing.y=error"]),
        "two variables",
        along_time(&slices),
        &[
            (Code::CombineFill, "x", &["_FillValue 0", "_FillValue 1", "… and 97 more files"]),
            (Code::CombinePacking, "y", &["scale_factor = 1", "scale_factor = 2"]),
        ],
    );
}

fn packed_named(name: &str, n: i32) -> Var {
    i16s(name, "time=1", &[1.0]).number("scale_factor", DataType::Float64, f64::from(n + 1))
}

#[test]
fn what_can_not_be_read() {
    let mut files = along_time(&[&[x(1)], &[x(1)]]);
    for file in &mut files.1 {
        let item = crate::schema::Unreadable { name: "c".to_owned(), reason: "a compound type".to_owned() };
        Arc::make_mut(&mut file.view).unreadable.push(item);
    }
    refuse("unreadable", files, &[(Code::SourceUnsupported, "c", &["a.nc", "b.nc", "compound"])]);
}

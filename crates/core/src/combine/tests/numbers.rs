//! Packing, types, masks and units that differ: the schema that each policy decides on, and the values in hand.

#![allow(clippy::too_many_lines, clippy::type_complexity)] // rows of data

use super::*;
use DataType::{Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt32, UInt64};

fn v(dtype: DataType) -> Var {
    var("v", "time=1", dtype, &[1.0])
}

/// A scalar coordinate, so that values are in hand.
fn held(dtype: DataType, value: f64) -> Var {
    var("v", "", dtype, &[value])
}

fn packed(var: Var, scale: f64, offset: f64) -> Var {
    var.number("scale_factor", Float64, scale).number("add_offset", Float64, offset)
}

fn unsigned(var: Var) -> Var {
    var.attr("_Unsigned", "true")
}

/// The schema of `v` after two files were combined, without its name and files.
fn schema(a: &Var, b: &Var, list: &[&str]) -> Result<String, Vec<Disagreement>> {
    let (axes, files) = along_time(&[std::slice::from_ref(a), std::slice::from_ref(b)]);
    let combined = run(&axes, &files, &policies(list))?;
    let line = combined.variables.iter().map(|v| show(v, &files)).next().unwrap_or_default();
    let line = line.trim_start_matches("v(time=2) ").trim_end_matches(" time[0, 1, 2] < a b").to_owned();
    let left_out = combined.left_out.iter().map(|(var, attr)| format!(" - {var}@{attr}"));
    Ok(left_out.fold(line, |line, more| line + &more))
}

#[test]
fn what_is_written() {
    let rows: Vec<(&str, Var, Var, &[&str], &str)> = vec![
        // packing
        (
            "alike",
            packed(v(Int16), 0.1, 5.0).fill(9.),
            packed(v(Int16), 0.1, 5.0).fill(9.),
            &[],
            "int16 scale_factor=0.1 add_offset=5 fill=9",
        ),
        (
            "scales",
            packed(v(Int16), 0.001, 250.0).fill(-9.),
            packed(v(Int16), 0.002, 305.0),
            &[],
            "float32 fill=NaN",
        ),
        ("fine", packed(v(Int16), 1e-5, 300.0), packed(v(Int16), 1e-4, 300.0), &[], "float64 fill=NaN"),
        ("wide", packed(v(Int32), 0.1, 0.0), packed(v(Int16), 0.1, 0.0), &[], "float64 fill=NaN"),
        ("one is plain", packed(v(Int16), 0.1, 0.0), v(Float32).fill(1e20), &[], "float32 fill=NaN"),
        ("one is double", v(Float64), packed(v(Int16), 0.1, 0.0), &[], "float64 fill=NaN"),
        (
            "limits",
            packed(v(Int16), 0.5, 1.0).number("valid_min", Int16, 4.0),
            packed(v(Int16), 0.25, 1.0).number("valid_min", Int16, 8.0),
            &[],
            "float32 valid_min=3 fill=NaN",
        ),
        (
            "decoded limits",
            packed(v(Int16), 0.5, 1.0).number("valid_min", Float32, 3.0),
            packed(v(Int16), 0.25, 1.0).number("valid_min", Int16, 8.0),
            &[],
            "float32 valid_min=3 fill=NaN",
        ),
        (
            "first",
            packed(v(Int16), 0.5, 0.0).fill(-9.),
            packed(v(Int8), 1.0, 0.0).fill(7.),
            &["packing=first"],
            "int16 scale_factor=0.5 add_offset=0 fill=-9",
        ),
        (
            "first is plain",
            v(Float32).fill(1e9),
            packed(v(Int8), 1.0, 0.0),
            &["packing=first"],
            "float32 fill=NaN",
        ),
        (
            "auto",
            packed(v(Int8), 0.5, 0.0),
            packed(v(Int8), 1.0, 10.0),
            &["packing=auto"],
            "int16 scale_factor=0.5 add_offset=9.5 fill=-32768",
        ),
        (
            "auto, wide",
            packed(v(Int16), 0.5, 0.0),
            packed(v(Int16), 1.0, 0.0),
            &["packing=auto"],
            "int32 scale_factor=0.5 add_offset=-0.5 fill=-2147483648",
        ),
        (
            "sign of packed",
            packed(unsigned(v(Int8)), 0.5, 0.0),
            packed(v(Int8), 0.5, 0.0),
            &[],
            "float32 fill=NaN",
        ),
        ("sign", unsigned(v(Int8)).fill(-1.), v(UInt8).fill(255.), &[], "uint8 fill=255"),
        ("sign of one", unsigned(v(Int8)), v(Int8), &[], "int16"),
        (
            "both turned",
            unsigned(v(Int8)).fill(-1.),
            unsigned(v(Int8)).fill(-1.),
            &[],
            "int8 _Unsigned=\"true\" fill=-1",
        ),
        // types
        ("widths", v(Int16), v(Int32), &[], "int32"),
        ("signs", v(UInt8), v(Int8), &[], "int16"),
        ("unsigned", v(UInt32), v(Int32), &[], "int64"),
        ("unsigned alike", v(UInt32), v(UInt64), &[], "uint64"),
        ("short and float", v(Int16), v(Float32), &[], "float32"),
        ("int and float", v(Int32), v(Float32), &[], "float64"),
        ("floats", v(Float32).fill(0.5), v(Float64).fill(0.5), &[], "float64 fill=0.5"),
        (
            "masks that are widened",
            v(Int16).fill(-9.).number("missing_value", Int16, -9.),
            v(Int32).fill(-9.).number("missing_value", Int32, -9.),
            &[],
            "int32 missing_value=-9 fill=-9",
        ),
        ("masks that differ", v(Int16).fill(-9.), v(Int32).fill(-99.), &[], "int32 fill=-9"),
        ("first type", v(Int16).fill(-9.), v(Int64).fill(-1e12), &["dtype=first"], "int16 fill=-9"),
        ("first type of floats", v(Float32), v(Float64), &["dtype=first"], "float32"),
        // masks
        ("fills", v(Int16).fill(1.), v(Int16).fill(2.), &[], "int16 fill=1"),
        ("one fill", v(Int16), v(Int16).fill(2.), &[], "int16 fill=2"),
        (
            "a mask of both",
            v(Int16).fill(1.).number("missing_value", Int16, 2.),
            v(Int16).fill(2.),
            &[],
            "int16 fill=2",
        ),
        ("fills of floats", v(Float32).fill(1.), v(Float32).fill(2.), &[], "float32 fill=NaN"),
        (
            "missing values",
            v(Int16).number("missing_value", Int32, 1.),
            v(Int16).number("missing_value", Int16, 2.),
            &[],
            "int16 fill=1",
        ),
        (
            "one mask in two types",
            v(Float32).number("missing_value", Float64, 0.1),
            v(Float32).number("missing_value", Float32, f64::from(0.1_f32)),
            &[],
            "float32 missing_value=0.1",
        ),
        (
            "fill beside missing_value",
            v(Int16).fill(1.).number("missing_value", Int16, 2.),
            v(Int16).fill(1.).number("missing_value", Int16, 2.),
            &["fill=error"],
            "int16 missing_value=2 fill=1",
        ),
        // units
        ("one unit", v(Float32).units("degC"), v(Float32).units("celsius"), &[], "float32 units=\"degC\""),
        ("powers", v(Int16).units("m s-1"), v(Int16).units("m/s"), &[], "int16 units=\"m s-1\""),
        (
            "converted",
            v(Float32).units("K"),
            v(Float32).units("degC").fill(9.),
            &["units=convert"],
            "float32 units=\"K\" fill=NaN",
        ),
        (
            "converted integers",
            v(Int16).units("m"),
            v(Int16).units("km"),
            &["units.v=convert"],
            "float64 units=\"m\" fill=NaN",
        ),
        (
            "converted and packed",
            packed(v(Int16).units("K"), 0.01, 273.0),
            packed(v(Int16).units("degC"), 0.01, 0.0),
            &["units=convert"],
            "float32 units=\"K\" fill=NaN",
        ),
        (
            "converted, then packed",
            packed(v(Int16).units("K"), 0.01, 273.0),
            packed(v(Int16).units("degC"), 0.01, 0.0),
            &["units=convert", "packing=first"],
            "int16 units=\"K\" scale_factor=0.01 add_offset=273",
        ),
        (
            "converted limits",
            v(Float64).units("m").number("valid_max", Float64, 5000.),
            v(Float64).units("km").number("valid_max", Float64, 5.),
            &["units=convert"],
            "float64 units=\"m\" valid_max=5000",
        ),
        ("kept", v(Int16).units("m"), v(Int16).units("K"), &["units=first"], "int16 units=\"m\" - v@units"),
    ];
    for (what, a, b, list, expected) in rows {
        let found = schema(&a, &b, list).unwrap_or_else(|problems| panic!("{what}: {problems:#?}"));
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn values_in_hand_follow() {
    let rows: Vec<(&str, Var, Var, &[&str], &str)> = vec![
        (
            "decoded",
            packed(held(Int16, 4.0), 0.5, 1.0),
            packed(held(Int16, 3.0), 1.0, 0.0),
            &[],
            "v() float32 fill=NaN = 3",
        ),
        ("promoted", held(Int16, 4.0), held(Int64, 4.0), &[], "v() int64 = 4"),
        ("masked", held(Int16, 7.0).fill(7.), held(Int16, 8.0).fill(8.), &[], "v() int16 fill=7 = 7"),
        (
            "converted",
            held(Float64, 1.5).units("km"),
            held(Float64, 1500.).units("m"),
            &["units=convert"],
            "v() float64 units=\"km\" = 1.5",
        ),
        (
            "a level",
            held(Float64, 20.).units("dBZ"),
            held(Float64, 100.).units("mm6 m-3"),
            &["units=convert"],
            "v() float64 units=\"dBZ\" = 20",
        ),
        (
            "a difference of temperatures",
            held(Float64, 1.5).units("K").attr("units_metadata", "temperature: difference"),
            held(Float64, 1.5).units("degC").attr("units_metadata", "temperature: difference"),
            &["units=convert"],
            "v() float64 units=\"K\" units_metadata=\"temperature: difference\" = 1.5",
        ),
    ];
    for (what, a, b, list, expected) in rows {
        let anchor = i16s("anchor", "time=1", &[0.0]);
        let shown = "anchor(time=2) int16 time[0, 1, 2] < a b";
        let files = along_time(&[&[a, anchor.clone()], &[b, anchor]]);
        check_under(&policies(list), what, files, &[expected, shown]);
    }
    let level = |units: &str, by: f64| {
        vec![
            f64s("z", "z=2", &[by, 2.0 * by]).units(units).attr("bounds", "zb"),
            f64s("zb", "z=2 nv=2", &[0.0, by, by, 2.0 * by]),
            i16s("anchor", "time=1", &[0.0]),
        ]
    };
    check_under(
        &policies(&["units=convert"]),
        "bounds follow their coordinate",
        along_time(&[&level("km", 1.0), &level("m", 1000.0), &level("km", 1.0)]),
        &[
            "z(z=2) float64 units=\"km\" bounds=\"zb\" = 1 2",
            "zb(z=2 nv=2) float64 = 0 1 1 2",
            "anchor(time=3) int16 time[0, 1, 2, 3] < a b c",
        ],
    );
}

#[test]
fn numbers_that_are_no_points_of_a_scale() {
    let (cells, name, metadata) = ("cell_methods", "standard_name", "units_metadata");
    // attribute, its text, units of two files, and a word of the refusal; empty where they are converted
    let rows = [
        (cells, "time: mean", "K", "degC", ""),
        (cells, "time: mean (comment: variance, range)", "K", "degC", ""),
        (cells, "range: mean", "K", "degC", ""),
        (cells, "time: lat: standard_deviation", "K", "degC", "units_metadata"),
        (cells, "time: range within days time: mean over days", "degC", "K", "units_metadata"),
        (cells, "time: standard_deviation", "m", "km", ""),
        (cells, "time: variance", "K", "degC", "one recipe"),
        (cells, "time: variance", "m", "km", "one recipe"),
        (cells, "time: variance", "m", "metre", ""),
        (name, "air_temperature", "K", "degC", ""),
        (name, "air_temperature_anomaly", "K", "degC", "v@units_metadata"),
        (name, "tendency_of_air_temperature", "K", "degC", "units_metadata"),
        (name, "change_over_time_in_air_temperature", "K", "degC", "units_metadata"),
        (name, "air_temperature standard_error", "K", "degC", "air_temperature standard_error"),
        (name, "air_temperature_anomaly", "m", "km", ""),
        (name, "square_of_air_temperature", "K", "degF", "square"),
        (metadata, "temperature: difference", "K", "degC", ""),
        (metadata, "temperature: on_scale", "K", "degC", ""),
    ];
    for (attribute, text, a, b, word) in rows {
        let [a, b] = [a, b].map(|units| v(Float32).units(units).attr(attribute, text));
        let what = format!("{attribute} {text}");
        match schema(&a, &b, &["units=convert"]) {
            Ok(_) => assert_eq!(word, "", "{what}"),
            Err(problems) => {
                let shown: String =
                    problems.iter().map(|p| format!("{} {} {}\n", p.code, p.what, p.help)).collect();
                assert!(!word.is_empty() && shown.starts_with("combine-units"), "{what}: {shown}");
                assert!(shown.contains(attribute) && shown.contains(word), "{what}: {shown}");
            }
        }
    }
    // a difference in one file only
    let marked = v(Float32).units("K").attr(metadata, "temperature: difference");
    let plain = v(Float32).units("degC");
    for (a, b) in [(&marked, &plain), (&plain, &marked)] {
        assert!(schema(a, b, &["units=convert"]).is_err());
    }
}

#[test]
fn what_is_refused() {
    let rows: Vec<(&str, Var, Var, &[&str], Code, &[&str])> = vec![
        (
            "no type",
            v(UInt64),
            v(Int64),
            &[],
            Code::CombineDtype,
            &["uint64", "int64", "combine.dtype: first"],
        ),
        ("no float", v(Int64), v(Float64), &[], Code::CombineDtype, &["int64", "float64"]),
        (
            "overflow",
            held(Int8, 1.0),
            held(Int16, 300.0),
            &["dtype=first"],
            Code::CombineDtype,
            &["b.nc", "300"],
        ),
        (
            "packed overflow",
            packed(held(Int8, 1.0), 0.1, 0.0),
            packed(held(Int8, 100.0), 1.0, 0.0),
            &["packing=first"],
            Code::CombinePacking,
            &["b.nc", "100", "decode"],
        ),
        (
            "plain integers first",
            v(Int16),
            packed(v(Int8), 0.1, 0.0),
            &["packing=first"],
            Code::CombinePacking,
            &["a.nc: int16, not packed", "b.nc: int8 with scale_factor 0.1"],
        ),
        (
            "no packing",
            packed(v(Int32), 0.1, 0.0),
            packed(v(Int32), 1.0, 0.0),
            &["packing=auto"],
            Code::CombinePacking,
            &["32-bit", "int32 with scale_factor 0.1"],
        ),
        (
            "packing",
            packed(v(Int16), 0.1, 0.0),
            packed(v(Int16), 0.2, 0.0),
            &["packing.v=error"],
            Code::CombinePacking,
            &["scale_factor = 0.1", "b.nc: scale_factor = 0.2", "decode"],
        ),
        (
            "masks of packed",
            packed(v(Int16), 0.1, 0.0).fill(1.),
            packed(v(Int16), 0.2, 0.0).fill(2.),
            &["fill=error"],
            Code::CombineFill,
            &["a.nc: masked: 1", "b.nc: masked: 2"],
        ),
        (
            "in the way",
            held(Int16, 1.0).fill(7.),
            held(Int16, 7.0).fill(8.),
            &[],
            Code::CombineFill,
            &["b.nc: 7 is a value here"],
        ),
        (
            "units",
            v(Int16).units("K"),
            v(Int16).units("degC"),
            &[],
            Code::CombineUnits,
            &["\"K\"", "b.nc: units = \"degC\"", "combine.units: convert"],
        ),
        (
            "other quantities",
            v(Int16).units("K"),
            v(Int16).units("m"),
            &["units=convert"],
            Code::CombineUnits,
            &["\"K\"", "b.nc: units = \"m\""],
        ),
        (
            "directions",
            v(Int16).units("degrees_north"),
            v(Int16).units("degrees_east"),
            &[],
            Code::CombineUnits,
            &["degrees_north", "degrees_east"],
        ),
        (
            "no units",
            v(Int16).units("K"),
            v(Int16),
            &["units=convert"],
            Code::CombineUnits,
            &["b.nc: no `units`"],
        ),
        (
            "no such unit",
            v(Int16).units("K"),
            v(Int16).units("kelvins or so"),
            &["units=convert"],
            Code::CombineUnits,
            &["kelvins or so"],
        ),
    ];
    for (what, a, b, list, code, words) in rows {
        let anchor = i16s("anchor", "time=1", &[0.0]);
        let files = along_time(&[&[a, anchor.clone()], &[b, anchor]]);
        refuse_under(&policies(list), what, files, &[(code, "v", words)]);
    }
}

#[test]
fn policies_for_variables_that_no_file_has() {
    let files = || along_time(&[&[v(Int16)], &[v(Int16), var("longer", "time=1", Int16, &[1.0])]]);
    let unknown = Code::RecipeUnknownPolicy;
    let rows: [(&[&str], &[(Code, &str, &[&str])]); 3] = [
        (&["packing.longest=auto"], &[(unknown, "longest", &["combine.packing", "did you mean `longer`?"])]),
        (
            &["dtype.q/v=first", "units.nothing=first"],
            &[(unknown, "q/v", &["combine.dtype"]), (unknown, "nothing", &["combine.units", "inspect"])],
        ),
        (&["fill.longer=error", "packing.v=auto"], &[]),
    ];
    for (list, expected) in rows {
        // with all other problems
        let absent = (Code::CombineAbsent, "longer", &["b.nc"][..]);
        let expected: Vec<_> = expected.iter().copied().chain([absent]).collect();
        refuse_under(&policies(list), &list.join(" "), files(), &expected);
    }
}

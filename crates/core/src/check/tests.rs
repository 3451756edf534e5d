//! Checks against datasets of one-dimensional arrays, read in chunks of two.

#![allow(clippy::type_complexity, clippy::too_many_lines)] // rows of data

use std::sync::Arc;

use super::*;
use crate::attrs::{AttrValue, Attrs};
use crate::block::{Block, scalar_to_le};
use crate::codec::Encoding;
use crate::dtype::{DataType, Endian, Scalar};
use crate::recipe::TargetFormat;
use crate::target::{ArraySpec, Dataset};

/// An array with attributes `name=text`; numbers are written `name=:float32:1,2`.
pub(super) fn array(name: &str, dims: &str, shape: &[u64], dtype: DataType, attrs: &[&str]) -> ArraySpec {
    let mut all: Attrs = attrs.iter().filter_map(|a| a.split_once('=')).map(attribute).collect();
    let fill = all.remove("_FillValue").and_then(|value| value.as_scalar().cloned());
    ArraySpec {
        name: name.to_owned(),
        dims: dims.split_whitespace().map(str::to_owned).collect(),
        shape: shape.to_vec(),
        dtype,
        attrs: all,
        fill,
        unwritten: Scalar::Int(0),
        chunk: shape.iter().map(|_| 2).collect(),
        shard: None,
        encoding: Encoding { endian: Endian::Little, codecs: Vec::new() },
    }
}

/// One `name=value` as an attribute.
pub(super) fn attribute((name, value): (&str, &str)) -> (String, AttrValue) {
    let types = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Float32, DataType::Float64];
    let number = value.strip_prefix(':').and_then(|typed| typed.split_once(':')).map(|(dtype, values)| {
        let dtype = types.into_iter().find(|known| known.name() == dtype).unwrap();
        let scalar = |text: &str| match dtype.is_integer() {
            true => Scalar::Int(text.parse().unwrap()),
            false if dtype == DataType::Float32 => Scalar::Float(f64::from(text.parse::<f32>().unwrap())),
            false => Scalar::Float(text.parse().unwrap()),
        };
        AttrValue::Numbers { dtype, values: values.split(',').map(scalar).collect() }
    });
    (name.to_owned(), number.unwrap_or_else(|| AttrValue::Text(value.to_owned())))
}

pub(super) fn dataset(attrs: &[&str], arrays: Vec<ArraySpec>) -> Dataset {
    let attrs = attrs.iter().filter_map(|a| a.split_once('=')).map(attribute).collect();
    Dataset {
        format: TargetFormat::Zarr3,
        attrs,
        groups: Vec::new(),
        arrays: arrays.into_iter().map(Arc::new).collect(),
    }
}

/// What one check says of one array `x` with these stored values.
fn judged(rule: CheckRule, dtype: DataType, attrs: &[&str], values: &[f64]) -> Vec<Failure> {
    let dataset = dataset(&[], vec![array("x", "x", &[values.len() as u64], dtype, attrs)]);
    let checks = [Check { rule, level: Level::Error }];
    let examination = Examination::new(&checks, &dataset).unwrap();
    let chunks: Vec<Block> = values
        .chunks(2)
        .map(|cells| {
            let mut bytes = Vec::new();
            for value in cells {
                let value =
                    if dtype.is_integer() { Scalar::Int(*value as i64) } else { Scalar::Float(*value) };
                assert!(scalar_to_le(dtype, &value, &mut bytes));
            }
            Block::from_bytes(dtype, vec![cells.len() as u64], bytes)
        })
        .collect();
    let mut walks = examination.walks().to_vec();
    walks.iter_mut().for_each(|walk| chunks.iter().for_each(|chunk| walk.take(chunk)));
    let tally = |questions: &Questions| {
        let mut tally = Tally::empty(questions);
        // the order of chunks does not matter
        for (at, chunk) in chunks.iter().enumerate().rev() {
            tally.merge(&questions.answer(chunk, at as u64));
        }
        tally
    };
    let tallies: Vec<Tally> = examination.questions().iter().map(tally).collect();
    let verdicts = examination.verdicts(&walks, &tallies);
    verdicts.into_iter().flat_map(|verdict| verdict.failures).collect()
}

fn messages(failures: &[Failure]) -> String {
    failures.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join(" / ")
}

const DAYS: &[&str] = &["units=days since 1987-12-01", "calendar=standard"];
const HOURS: &[&str] = &["units=hours since 2000-01-01"];

#[test]
fn coordinates_rise_or_fall() {
    let plain: &[&str] = &[];
    let rows: [(&[&str], DataType, &[f64], &str); 8] = [
        (plain, DataType::Float64, &[1.0, 2.0, 5.0], ""),
        (plain, DataType::Float32, &[90.0, 0.0, -90.0], ""),
        (plain, DataType::Int16, &[7.0], ""),
        (
            DAYS,
            DataType::Int32,
            &[0.0, 1.0, 1.0, 3.0, 2.0, 4.0],
            "`x` does not rise strictly at 2 of 6 items: item 2 is 1987-12-02 after 1987-12-02; item 4 is 1987-12-03 after 1987-12-04",
        ),
        (
            plain,
            DataType::Float64,
            &[3.0, 2.0, 2.5, 1.0],
            "`x` does not fall strictly at 1 of 4 items: item 2 is 2.5 after 2",
        ),
        (
            plain,
            DataType::Float64,
            &[1.0, f64::NAN, 3.0],
            "`x` does not rise strictly at 1 of 3 items: item 1 is missing",
        ),
        (
            &["_FillValue=:int32:-1"],
            DataType::Int32,
            &[1.0, -1.0, 3.0],
            "`x` does not rise strictly at 1 of 3 items: item 1 is missing",
        ),
        (
            plain,
            DataType::Int8,
            &[1.0; 9],
            "`x` does not rise strictly at 8 of 9 items: item 1 is 1 after 1; item 2 is 1 after 1; item 3 is 1 after 1; item 4 is 1 after 1; item 5 is 1 after 1; and 3 more",
        ),
    ];
    for (attrs, dtype, values, expected) in rows {
        let rule = CheckRule::Monotonic(vec!["x".into()]);
        assert_eq!(messages(&judged(rule, dtype, attrs, values)), expected, "{values:?}");
    }
}

#[test]
fn gaps_of_coordinates_are_named() {
    let tenths: Vec<f64> = (0..3600).map(|n| f64::from(n as f32 * 0.1f32)).collect();
    let months = [0.0, 31.0, 60.0, 91.0, 121.0]; // January to May 2000
    let middles = [15.5, 45.0, 74.5, 105.0, 135.5];
    let noleap: &[&str] = &["units=days since 2000-01-01", "calendar=noleap"];
    let year2000: &[&str] = &["units=days since 2000-01-01"];
    let plain: &[&str] = &[];
    let rows: [(&[&str], DataType, &[f64], Option<&str>, &str); 17] = [
        (
            DAYS,
            DataType::Int32,
            &[0.0, 1.0, 3.0],
            Some("1 day"),
            "`x` leaves its step of 1 day once: after 1987-12-02, 1 item missing",
        ),
        (
            DAYS,
            DataType::Int32,
            &[0.0, 1.0, 3.0, 7.0],
            None,
            "`x` leaves its step of 1 day, its first step 2 times (4 missing in all): after 1987-12-02, 1 item missing; after 1987-12-04, 3 items missing",
        ),
        (DAYS, DataType::Float64, &[0.0, 1.0, 2.0], Some("1 day"), ""),
        (
            HOURS,
            DataType::Int32,
            &[0.0, 6.0, 12.0, 24.0],
            Some("6 h"),
            "`x` leaves its step of 6 hours once: after 2000-01-01T12:00, 1 item missing",
        ),
        (
            HOURS,
            DataType::Int32,
            &[0.0, 6.0, 10.0],
            Some("6 h"),
            "`x` leaves its step of 6 hours once: 2000-01-01T10:00 follows 2000-01-01T06:00",
        ),
        (
            HOURS,
            DataType::Int32,
            &[0.0, 6.0, 0.0],
            Some("6 h"),
            "`x` leaves its step of 6 hours once: 2000-01-01 follows 2000-01-01T06:00",
        ),
        (HOURS, DataType::Int32, &[12.0, 6.0, 0.0], Some("6 h"), ""),
        (year2000, DataType::Int32, &months, Some("1 month"), ""),
        (year2000, DataType::Int32, &months, None, ""),
        (year2000, DataType::Float64, &middles, Some("1 month"), ""),
        (
            year2000,
            DataType::Int32,
            &[0.0, 31.0, 91.0],
            Some("1 month"),
            "`x` leaves its step of 1 month once: after 2000-02-01, 1 item missing",
        ),
        (
            noleap,
            DataType::Int32,
            &[0.0, 365.0, 1095.0],
            Some("1 year"),
            "`x` leaves its step of 1 year once: after 2001-01-01, 1 item missing",
        ),
        // a third of a day is no exact number
        (year2000, DataType::Float64, &[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0], Some("8 h"), ""),
        (plain, DataType::Float32, &tenths, Some("0.1"), ""),
        (plain, DataType::Float32, &tenths, None, ""),
        (
            plain,
            DataType::Float64,
            &[1.0, 2.0, 4.0],
            Some("1"),
            "`x` leaves its step of 1 once: after 2, 1 item missing",
        ),
        (&["scale_factor=:float64:0.5"], DataType::Int16, &[1.0, 2.0, 3.0], Some("0.5"), ""),
    ];
    for (attrs, dtype, values, every, expected) in rows {
        let rule = CheckRule::Gaps { coordinate: "x".into(), every: every.map(str::to_owned) };
        assert_eq!(messages(&judged(rule, dtype, attrs, values)), expected, "{every:?} {attrs:?}");
    }
}

#[test]
fn ranges_are_of_decoded_values() {
    let packed: &[&str] = &["scale_factor=:float32:0.1", "add_offset=:float32:0", "_FillValue=:int16:-999"];
    let missing: &[&str] = &["missing_value=:float64:1e20", "valid_range=:float32:0,1"];
    let unsigned: &[&str] = &["_Unsigned=true"];
    let plain: &[&str] = &[];
    let inf = f64::INFINITY;
    let rows: [(&[&str], DataType, &[f64], (f64, f64), &str); 9] = [
        (plain, DataType::Float64, &[0.0, 1.0, f64::NAN], (0.0, 1.0), ""),
        (
            plain,
            DataType::Float64,
            &[0.5, 0.2, 7.0, -1.0, 2.0],
            (0.0, 1.0),
            "3 of 5 values of `x` lie outside 0 to 1: the least is -1, the greatest 7 [1]",
        ),
        (
            plain,
            DataType::Float64,
            &[inf],
            (0.0, 1.0),
            "1 of 1 values of `x` lie outside 0 to 1: the least is inf, the greatest inf [0]",
        ),
        // 10 * 0.1f is 1 in single precision, as xarray computes it, and more in double precision
        (packed, DataType::Int16, &[-999.0, 10.0], (0.0, 1.0), ""),
        (
            packed,
            DataType::Int16,
            &[-999.0, 11.0],
            (0.0, 1.0),
            "1 of 1 values of `x` lie outside 0 to 1: the least is 1.100000023841858, the greatest 1.100000023841858 [0]",
        ),
        // a bound is rounded as the values are
        (plain, DataType::Float32, &[f64::from(0.1f32)], (0.0, 0.1), ""),
        // missing_value masks, in the type of the values; valid_range does not
        (missing, DataType::Float32, &[f64::from(1e20f32), 2.0], (0.0, 3.0), ""),
        (
            missing,
            DataType::Float32,
            &[f64::from(1e20f32), 2.0],
            (0.0, 1.0),
            "1 of 1 values of `x` lie outside 0 to 1: the least is 2, the greatest 2 [0]",
        ),
        (unsigned, DataType::Int8, &[-1.0], (0.0, 255.0), ""),
    ];
    for (attrs, dtype, values, (least, greatest), expected) in rows {
        let rule = CheckRule::Range(vec![("x".into(), least, greatest)]);
        let failures = judged(rule, dtype, attrs, values);
        let chunk =
            failures.first().and_then(|f| f.chunk.clone()).map(|c| format!(" {c:?}")).unwrap_or_default();
        assert_eq!(messages(&failures) + &chunk, expected, "{values:?} {attrs:?}");
    }
}

#[test]
fn shares_of_missing_values() {
    let fill: &[&str] = &["_FillValue=:int32:0", "missing_value=:int32:9"];
    let rows: [(&[&str], DataType, &[f64], f64, &str); 5] = [
        (&[], DataType::Float64, &[1.0, f64::NAN], 0.5, ""),
        (
            &[],
            DataType::Float64,
            &[1.0, f64::NAN, f64::NAN],
            0.5,
            "2 of 3 values of `x` are missing, a share of 0.667, expected at most 0.5",
        ),
        (
            fill,
            DataType::Int32,
            &[0.0, 9.0, 1.0, 2.0],
            0.0,
            "2 of 4 values of `x` are missing, a share of 0.500, expected at most 0",
        ),
        (fill, DataType::Int32, &[0.0, 9.0], 1.0, ""),
        (&[], DataType::Int32, &[], 0.0, ""),
    ];
    for (attrs, dtype, values, most, expected) in rows {
        let rule = CheckRule::NanFraction(vec![("*".into(), most)]);
        assert_eq!(messages(&judged(rule, dtype, attrs, values)), expected, "{values:?}");
    }
    let share = CheckRule::NanFraction(vec![("x".into(), 0.3333)]);
    let found = messages(&judged(share, DataType::Float32, &[], &[f64::NAN, 1.0, 1.0]));
    assert!(found.contains("a share of 0.33333, expected at most 0.3333"), "{found}");
}

#[test]
fn metadata_alone() {
    let all = dataset(
        &[],
        vec![
            array("sst", "time lat", &[365, 18], DataType::Int16, &["units=degC"]),
            array("ice", "time lat", &[365, 18], DataType::Int16, &["units=fraction of sea"]),
            array("time", "time", &[365], DataType::Int32, &["units=days since 30 February"]),
            array("flag", "time", &[365], DataType::Int32, &[]),
        ],
    );
    let size = |dim: &str, least, greatest| CheckRule::Size(vec![(dim.into(), least, greatest)]);
    let units = |names: &[&str]| CheckRule::Units(names.iter().map(|n| (*n).to_owned()).collect());
    let rows = [
        (size("time", 365, 365), vec![]),
        (size("time", 366, 366), vec!["dimension `time` has the length 365, expected 366"]),
        (size("lat", 1, 17), vec!["dimension `lat` has the length 18, expected 1 to 17"]),
        (size("lat", 19, u64::MAX), vec!["dimension `lat` has the length 18, expected at least 19"]),
        (units(&["sst", "flag"]), vec![]),
        (units(&[]), vec!["`units` is \"fraction of sea\"", "units `days since 30 February` are not a time"]),
        (units(&["i*"]), vec!["`units` is \"fraction of sea\""]),
    ];
    for (rule, expected) in rows {
        let checks = [Check { rule, level: Level::Warn }];
        let verdicts = Examination::new(&checks, &all).unwrap().verdicts(&[], &[]);
        let failures = &verdicts[0].failures;
        assert_eq!(failures.len(), expected.len(), "{verdicts:?}");
        for (failure, expected) in failures.iter().zip(expected) {
            assert!(failure.message.contains(expected), "{verdicts:?}");
        }
    }
}

#[test]
fn what_the_dataset_lacks_is_refused_before_the_bake() {
    let all = dataset(
        &[],
        vec![
            array("sst", "time lat", &[3, 18], DataType::Int16, &[]),
            array("name", "time", &[3], DataType::Text, &[]),
            array("time", "time", &[3], DataType::Int32, &["units=days since 2000-01-01"]),
        ],
    );
    let gaps = |coordinate: &str, every: Option<&str>| CheckRule::Gaps {
        coordinate: coordinate.into(),
        every: every.map(str::to_owned),
    };
    let range = |name: &str, least, greatest| CheckRule::Range(vec![(name.into(), least, greatest)]);
    let rows = [
        (CheckRule::Monotonic(vec!["tme".into()]), "no variable `tme`", Some("did you mean `time`?")),
        (
            CheckRule::Monotonic(vec!["sst".into()]),
            "`sst` has 2 dimensions, expected a coordinate of one",
            None,
        ),
        (CheckRule::Monotonic(vec!["*".into()]), "", None),
        (gaps("time", Some("1 fortnight")), "`1 fortnight` is no distance along `time`; it is a time", None),
        (gaps("time", Some("2.5")), "`2.5` is no distance along `time`", None),
        (gaps("time", Some("0 days")), "`0 days` is no distance", None),
        (gaps("name", None), "`name` holds text", None),
        (range("ssst", 0.0, 1.0), "no variable `ssst`", Some("did you mean `sst`?")),
        (range("name", 0.0, 1.0), "`name` holds string, expected real numbers", None),
        (range("sst", 1.0, 0.0), "no value of `sst` is at least 1 and at most 0", None),
        (range("*", 0.0, 1.0), "", None),
        (CheckRule::NanFraction(vec![("sst".into(), 1.5)]), "1.5 is no share", None),
        (CheckRule::Size(vec![("lta".into(), 1, 1)]), "no dimension `lta`", Some("did you mean `lat`?")),
        (CheckRule::Size(vec![("x".into(), 1, 1)]), "no dimension `x`", Some("it has lat, time")),
        (CheckRule::Units(vec!["zzz".into()]), "no variable `zzz`", Some("it has name, sst, time")),
    ];
    for (rule, expected, help) in rows {
        let checks = [Check { rule, level: Level::Warn }];
        let errors = Examination::new(&checks, &all).err().unwrap_or_default();
        assert_eq!(errors.is_empty(), expected.is_empty(), "{checks:?} {errors:?}");
        for error in errors {
            assert_eq!(error.code, Code::CheckInvalid);
            assert!(error.message.contains(expected), "{error}");
            assert!(help.is_none() || error.help.as_deref() == help, "{:?}", error.help);
        }
    }
}

#[test]
fn an_array_is_read_once_for_all_that_is_asked() {
    let all = dataset(&[], vec![array("sst", "x", &[3], DataType::Int16, &[])]);
    let range = |level| Check { rule: CheckRule::Range(vec![("sst".into(), 0.0, 1.0)]), level };
    let missing = Check { rule: CheckRule::NanFraction(vec![("*".into(), 0.5)]), level: Level::Error };
    let checks = [range(Level::Warn), range(Level::Error), missing];
    assert_eq!(Examination::new(&checks, &all).unwrap().questions().len(), 1);
}

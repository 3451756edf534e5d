//! What a target can't hold is refused by name, before anything is written.

use std::sync::Arc;

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use arcoforge_core::error::Code;
use arcoforge_core::recipe::TargetFormat::{self, Zarr2, Zarr3};
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_write::metadata;

use crate::cases::array;

fn named(name: &str) -> ArraySpec {
    array(name, DataType::Int16, &[4])
}

fn check(format: TargetFormat, arrays: Vec<ArraySpec>, groups: &[&str], expected: Option<(Code, &str)>) {
    let dataset = Dataset {
        format,
        attrs: Attrs::new(),
        groups: groups.iter().map(|name| ((*name).to_owned(), Attrs::new())).collect(),
        arrays: arrays.into_iter().map(Arc::new).collect(),
    };
    match (metadata(&dataset).map_err(|e| (e.code, e.to_string())), expected) {
        (Ok(_), None) => {}
        (Err((code, message)), Some((want, words))) => {
            assert_eq!(code, want, "{message}");
            assert!(message.contains(words), "{words} not in: {message}");
        }
        (found, expected) => panic!("{expected:?}, found {:?}", found.map(|m| m.len())),
    }
}

#[test]
fn names() {
    let unsupported = |words| Some((Code::TargetUnsupported, words));
    let long = "x".repeat(256);
    let rows = [
        (Zarr3, "sst", None),
        (Zarr3, "sea surface.tmp", None),
        (Zarr3, "_x", None),
        (Zarr3, "", unsupported("empty")),
        (Zarr3, "..", unsupported("periods")),
        (Zarr3, "../../etc/x", unsupported("periods")),
        (Zarr3, "/etc", unsupported("empty")),
        (Zarr3, "a\0b", unsupported("character")),
        (Zarr3, long.as_str(), unsupported("255")),
        (Zarr3, "zarr.json", unsupported("metadata")),
        (Zarr3, "__x", unsupported("reserves")),
        (Zarr2, "__x", None),
        (Zarr2, ".zattrs", unsupported("metadata")),
    ];
    for (format, name, expected) in rows {
        check(format, vec![named(name)], &[], expected);
    }
    check(Zarr3, vec![named("a"), named("a")], &[], unsupported("two nodes"));
    check(Zarr3, vec![named("a")], &["a"], unsupported("two nodes"));
    check(Zarr3, vec![named("g/a")], &[], Some((Code::Bug, "no group")));
    check(Zarr3, vec![named("a"), named("a/b")], &[], Some((Code::Bug, "no group")));
    check(Zarr3, vec![named("g/a")], &["g"], None);
}

#[test]
fn shapes_values_and_codecs() {
    let base = || named("a");
    let with = |codecs| Encoding { endian: Endian::Little, codecs };
    let dimensions: Attrs =
        [("_ARRAY_DIMENSIONS".to_owned(), AttrValue::Text("x".into()))].into_iter().collect();
    let infinite: Attrs =
        [("missing_value".to_owned(), AttrValue::number(DataType::Float32, Scalar::Float(f64::INFINITY)))]
            .into_iter()
            .collect();
    let odd_fill: Attrs =
        [("_FillValue".to_owned(), AttrValue::number(DataType::Float64, Scalar::Float(0.5)))]
            .into_iter()
            .collect();
    let lzf = with(vec![Codec::Lzf]);
    let rows = [
        (Zarr3, ArraySpec { shard: Some(vec![6]), ..base() }, Code::OutputInvalid, "multiples"),
        (Zarr3, ArraySpec { shard: Some(vec![0]), ..base() }, Code::OutputInvalid, "multiples"),
        (Zarr2, ArraySpec { shard: Some(vec![4]), ..base() }, Code::TargetUnsupported, "shards"),
        (Zarr3, ArraySpec { dims: vec![], ..base() }, Code::Bug, "expected 1"),
        (Zarr3, ArraySpec { chunk: vec![1, 2], ..base() }, Code::Bug, "expected 1"),
        (Zarr3, ArraySpec { shard: Some(vec![]), ..base() }, Code::Bug, "expected 1"),
        (Zarr3, ArraySpec { fill: Some(Scalar::Int(40_000)), ..base() }, Code::TargetUnsupported, "40000"),
        (Zarr2, ArraySpec { fill: Some(Scalar::Float(0.5)), ..base() }, Code::TargetUnsupported, "int16"),
        (Zarr3, ArraySpec { unwritten: Scalar::Float(f64::NAN), ..base() }, Code::TargetUnsupported, "NaN"),
        (Zarr3, ArraySpec { encoding: lzf.clone(), ..base() }, Code::TargetUnsupported, "`lzf`"),
        (Zarr2, ArraySpec { encoding: lzf, ..base() }, Code::TargetUnsupported, "`lzf`"),
        (Zarr2, ArraySpec { attrs: dimensions, ..base() }, Code::TargetUnsupported, "_ARRAY_DIMENSIONS"),
        (Zarr3, ArraySpec { attrs: odd_fill.clone(), ..base() }, Code::TargetUnsupported, "0.5"),
        (Zarr2, ArraySpec { attrs: odd_fill, ..base() }, Code::TargetUnsupported, "no value of int16"),
        (Zarr3, ArraySpec { attrs: infinite, ..base() }, Code::TargetUnsupported, "missing_value"),
    ];
    for (format, spec, code, words) in rows {
        check(format, vec![spec], &[], Some((code, words)));
    }
}

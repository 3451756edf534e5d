//! The cases.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::ArraySpec;
use serde_json::json;

use super::{Case, array, case};

/// Every case of a format.
pub(crate) fn cases(format: TargetFormat) -> Vec<Case> {
    let mut cases = vec![
        types("types", format, Endian::Little),
        types("big-endian", format, Endian::Big),
        ranks(format),
        sparse(format),
        groups(format),
        text(format),
        fills(format),
        attributes(format),
        codecs("codecs", format, core_chains()),
    ];
    if format == TargetFormat::Zarr3 {
        cases.push(shards(format));
        cases.push(codecs("extension-codecs", format, extension_chains()));
    } else {
        cases.push(codecs("source-codecs", format, extension_chains()));
    }
    cases
}

fn text_of(text: &str) -> Scalar {
    Scalar::Text(text.into())
}

/// Five values of a type: the ends of its range and what is special.
fn five(dtype: DataType) -> Vec<Scalar> {
    let bits = dtype.size_estimate() * 8;
    match dtype {
        DataType::Bool => [true, false, true, true, false].map(Scalar::Bool).to_vec(),
        DataType::Text => ["a", "", "é", "日本", "long text"].map(text_of).to_vec(),
        DataType::Complex64 | DataType::Complex128 => {
            vec![Scalar::Complex(1.5, -2.0), Scalar::Complex(f64::NAN, f64::INFINITY)]
                .into_iter()
                .chain([0.0, 3.0, -4.5].map(|x| Scalar::Complex(x, x / 2.0)))
                .collect()
        }
        _ if dtype.is_float() => [f64::NAN, f64::INFINITY, -0.0, 1.5, -65504.0].map(Scalar::Float).to_vec(),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            [0, 1, 2, 100, u64::MAX >> (64 - bits)].map(Scalar::UInt).to_vec()
        }
        _ => [0, 1, -1, i64::MAX >> (64 - bits), i64::MIN >> (64 - bits)].map(Scalar::Int).to_vec(),
    }
}

/// 1, 2, …: never what a chunk that is not stored holds.
fn ints(count: u64) -> Vec<Scalar> {
    (1..=count).map(|n| Scalar::Int(i64::try_from(n).expect("small"))).collect()
}

fn types(name: &'static str, format: TargetFormat, endian: Endian) -> Case {
    let types = DataType::NUMBERS.into_iter().chain([DataType::Text]);
    let arrays = types.map(|dtype| {
        let encoding = Encoding { endian, codecs: Vec::new() };
        (ArraySpec { chunk: vec![2], encoding, ..array(dtype.name(), dtype, &[5]) }, five(dtype))
    });
    case(name, format, arrays.collect())
}

fn ranks(format: TargetFormat) -> Case {
    let int = |name, shape: &[u64], chunk: &[u64]| {
        let spec = ArraySpec { chunk: chunk.to_vec(), ..array(name, DataType::Int32, shape) };
        (spec, ints(shape.iter().product()))
    };
    let arrays = vec![
        int("scalar", &[], &[]),
        int("one", &[7], &[3]),
        int("two", &[5, 7], &[2, 3]),
        int("three", &[3, 4, 5], &[3, 1, 5]),
        int("four", &[2, 3, 4, 5], &[1, 2, 3, 4]),
        int("chunk_beyond", &[3, 2], &[8, 8]),
        int("empty", &[0], &[1]),
        int("empty_inside", &[3, 0, 2], &[2, 1, 2]),
        (array("text_scalar", DataType::Text, &[]), vec![text_of("é")]),
    ];
    case("ranks", format, arrays)
}

/// Chunks that hold nothing but the fill value are not stored.
fn sparse(format: TargetFormat) -> Case {
    let values = |absent: Scalar| {
        let mut values = vec![absent; 35];
        values[9] = Scalar::Float(1.0);
        values[34] = Scalar::Float(2.0);
        values
    };
    let spec = |name, fill: f64| ArraySpec {
        chunk: vec![2, 3],
        fill: Some(Scalar::Float(fill)),
        unwritten: Scalar::Float(fill),
        ..array(name, DataType::Float32, &[5, 7])
    };
    let arrays = vec![
        (spec("nan", f64::NAN), values(Scalar::Float(f64::NAN))),
        (spec("number", -999.0), values(Scalar::Float(-999.0))),
        (ArraySpec { fill: None, ..spec("no_mask", 0.0) }, values(Scalar::Float(0.0))),
    ];
    case("sparse", format, arrays)
}

fn shards(format: TargetFormat) -> Case {
    let spec = |name, dtype, codecs: Vec<Codec>| ArraySpec {
        chunk: vec![2, 3],
        shard: Some(vec![4, 6]),
        encoding: Encoding { endian: Endian::Little, codecs },
        ..array(name, dtype, &[9, 7])
    };
    let mut holes = vec![Scalar::Float(0.0); 63];
    holes[0] = Scalar::Float(1.0);
    holes[62] = Scalar::Float(2.0);
    let big = Encoding { endian: Endian::Big, codecs: vec![Codec::Crc32c] };
    let arrays = vec![
        (spec("plain", DataType::Int16, vec![]), ints(63)),
        (spec("zstd", DataType::Int32, vec![Codec::Zstd { level: 1 }]), ints(63)),
        (spec("blosc", DataType::Int32, vec![blosc("zstd", BloscShuffle::Shuffle)]), ints(63)),
        (spec("holes", DataType::Float64, vec![]), holes),
        (ArraySpec { encoding: big, ..spec("big", DataType::Int64, vec![]) }, ints(63)),
        (spec("nothing", DataType::Int8, vec![]), vec![Scalar::Int(0); 63]),
        (
            spec("text", DataType::Text, vec![Codec::Zstd { level: 3 }]),
            (0..63).map(|n| text_of(&"é".repeat(n % 5))).collect(),
        ),
        (
            ArraySpec { shard: Some(vec![]), ..array("scalar", DataType::Float64, &[]) },
            vec![Scalar::Float(0.1)],
        ),
    ];
    case("shards", format, arrays)
}

fn groups(format: TargetFormat) -> Case {
    let text = |value: &str| -> Attrs {
        [("title".to_owned(), AttrValue::Text(value.into()))].into_iter().collect()
    };
    let arrays = ["x4", "product/no2", "product/input/z", "product support/ö.1"]
        .map(|name| (array(name, DataType::UInt8, &[4]), ints(4)));
    let mut case = case("groups", format, arrays.to_vec());
    case.dataset.attrs = text("root");
    case.dataset.groups = ["product", "product/input", "product/empty", "product support"]
        .map(|name| (name.to_owned(), text(name)))
        .to_vec();
    case.attrs = Some(json!({"": {"title": "root"}}));
    case
}

fn text(format: TargetFormat) -> Case {
    let spec = |name, fill: Option<&str>| ArraySpec {
        chunk: vec![2],
        fill: fill.map(text_of),
        unwritten: text_of(fill.unwrap_or_default()),
        encoding: Encoding { endian: Endian::Little, codecs: vec![Codec::Zstd { level: 3 }] },
        ..array(name, DataType::Text, &[5])
    };
    let values = ["n/a", "n/a", "", "日本", "n/a"].map(text_of).to_vec();
    let arrays = vec![
        (spec("plain", None), values.clone()),
        (spec("filled", Some("n/a")), values.clone()),
        (spec("empty_is_missing", Some("")), values),
    ];
    case("text", format, arrays)
}

fn fills(format: TargetFormat) -> Case {
    let row = |name: &str, dtype, values: &[Scalar], fill: Option<Scalar>| {
        let count = u64::try_from(values.len()).expect("small");
        (ArraySpec { fill, ..array(name, dtype, &[count]) }, values.to_vec())
    };
    let f = Scalar::Float;
    let single = f(f64::from(-9.96921e36f32));
    let i = Scalar::Int;
    let arrays = vec![
        row("real_zeros", DataType::Float32, &[f(0.0), f(1.0)], None),
        row("real_zero_ints", DataType::Int16, &[i(0), i(1)], None),
        row("nan", DataType::Float64, &[f(f64::NAN), f(1.0)], Some(f(f64::NAN))),
        row("infinite", DataType::Float64, &[f(f64::INFINITY), f(1.0)], Some(f(f64::INFINITY))),
        row("single", DataType::Float32, &[single.clone(), f(1.0)], Some(single)),
        // a double in a single-precision variable is narrowed, and then equals its cells
        row("wide", DataType::Float32, &[f(f64::from(0.1f32)), f(1.0)], Some(f(0.1))),
        row("half", DataType::Float16, &[f(1.5), f(1.0)], Some(f(1.5))),
        row("zero", DataType::Float64, &[f(0.0), f(1.0)], Some(f(0.0))),
        row("short", DataType::Int16, &[i(-1), i(0)], Some(i(-1))),
        row("byte", DataType::Int8, &[i(-128), i(0)], Some(i(-128))),
        row("long", DataType::Int64, &[i(1 << 40), i(0)], Some(i(1 << 40))),
        row("unsigned", DataType::UInt32, &[Scalar::UInt(u64::from(u32::MAX)), Scalar::UInt(0)], {
            Some(Scalar::UInt(u64::from(u32::MAX)))
        }),
        row("bool", DataType::Bool, &[Scalar::Bool(true), Scalar::Bool(false)], None),
        row("complex", DataType::Complex128, &[Scalar::Complex(1.0, 1.0), Scalar::Complex(0.0, 0.0)], {
            Some(Scalar::Complex(1.0, 1.0))
        }),
    ];
    case("fills", format, arrays)
}

fn attributes(format: TargetFormat) -> Case {
    let numbers = |dtype, values: &[f64]| AttrValue::Numbers {
        dtype,
        values: values.iter().map(|x| Scalar::Float(*x)).collect(),
    };
    let texts = |list: &[&str]| AttrValue::Texts(list.iter().map(|t| (*t).to_owned()).collect());
    let attrs: Attrs = [
        ("zz_first", AttrValue::Text("order is kept".into())),
        ("unicode", AttrValue::Text("é \"日本\" \\ \n\u{1}".into())),
        ("empty", AttrValue::Text(String::new())),
        ("texts", texts(&["a", "b"])),
        ("one_text", texts(&["a"])),
        ("single", numbers(DataType::Float32, &[f64::from(0.1f32)])),
        ("double", numbers(DataType::Float64, &[0.1])),
        ("whole", numbers(DataType::Float64, &[3.0])),
        ("large", numbers(DataType::Float64, &[1e300])),
        ("list", numbers(DataType::Float64, &[1.0, 2.5])),
        ("nothing", numbers(DataType::Float64, &[])),
        ("nan", numbers(DataType::Float64, &[f64::NAN])),
        ("missing_value", numbers(DataType::Float32, &[f64::NAN, 2.0])),
        ("long", AttrValue::number(DataType::Int64, Scalar::Int(i64::MIN))),
        ("ulong", AttrValue::number(DataType::UInt64, Scalar::UInt(u64::MAX))),
        ("_private", AttrValue::Text("x".into())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let found = json!({
        "zz_first": "order is kept",
        "unicode": "é \"日本\" \\ \n\u{1}",
        "empty": "",
        "texts": ["a", "b"],
        "one_text": "a",
        "single": 0.100_000_001_490_116_12,
        "double": 0.1,
        "whole": 3.0,
        "large": 1e300,
        "list": [1.0, 2.5],
        "nothing": [],
        "nan": "NaN",
        "missing_value": 2.0,
        "long": i64::MIN,
        "ulong": u64::MAX,
        "_private": "x",
    });
    let values = vec![Scalar::Float(1.0), Scalar::Float(3.0)];
    let spec = ArraySpec { attrs: attrs.clone(), ..array("a", DataType::Float32, &[2]) };
    let mut case = case("attributes", format, vec![(spec, values)]);
    case.dataset.attrs = attrs;
    case.attrs = Some(json!({"": found, "a": found}));
    case
}

fn blosc(cname: &str, shuffle: BloscShuffle) -> Codec {
    Codec::Blosc(Blosc { cname: cname.into(), clevel: 5, shuffle, typesize: 4, blocksize: 0 })
}

type Chains = Vec<(&'static str, Vec<Codec>)>;

fn core_chains() -> Chains {
    vec![
        ("blosc_zstd", vec![blosc("zstd", BloscShuffle::Shuffle)]),
        ("blosc_lz4", vec![blosc("lz4", BloscShuffle::NoShuffle)]),
        ("blosc_lz4hc", vec![blosc("lz4hc", BloscShuffle::BitShuffle)]),
        ("blosc_blosclz", vec![blosc("blosclz", BloscShuffle::Shuffle)]),
        ("blosc_zlib", vec![blosc("zlib", BloscShuffle::Shuffle)]),
        ("zstd", vec![Codec::Zstd { level: 1 }]),
        ("gzip", vec![Codec::Gzip { level: 6 }]),
    ]
}

fn extension_chains() -> Chains {
    let shuffle = || Codec::Shuffle { element_size: 4 };
    vec![
        ("crc32c", vec![Codec::Zstd { level: 1 }, Codec::Crc32c]),
        ("zlib", vec![Codec::Zlib { level: 4 }]),
        ("shuffle", vec![shuffle()]),
        ("shuffle_zlib", vec![shuffle(), Codec::Zlib { level: 4 }]),
        ("shuffle_zlib_fletcher32", vec![shuffle(), Codec::Zlib { level: 4 }, Codec::Fletcher32]),
        ("fletcher32", vec![Codec::Fletcher32]),
        ("bzip2", vec![shuffle(), Codec::Bzip2 { level: 9 }]),
        ("shuffle_zstd", vec![shuffle(), Codec::Zstd { level: 3 }]),
    ]
}

fn codecs(name: &'static str, format: TargetFormat, chains: Chains) -> Case {
    let arrays = chains.into_iter().map(|(name, codecs)| {
        let encoding = Encoding { endian: Endian::Little, codecs };
        (ArraySpec { chunk: vec![700], encoding, ..array(name, DataType::Int32, &[1000]) }, ints(1000))
    });
    case(name, format, arrays.collect())
}

//! `output.codecs`: a name for a choice (`default`, `source`, `none`), or a chain of codecs.

use std::borrow::Cow;

use arcoforge_core::codec::{Blosc, BloscShuffle, Codec};
use arcoforge_core::recipe::Codecs;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::Span;
use crate::node::{Kind, Node, Spanned, shorten};
use crate::read::{Cx, Read, Text, suggest, ticked, written};
use crate::scalar::Raw;

/// One codec that a chain may have.
pub(crate) struct CodecRow {
    /// The name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) is: &'static str,
    /// Lowest, highest and default level, where it has one.
    pub(crate) levels: Option<(i64, i64, i64)>,
}

const fn row(name: &'static str, is: &'static str, levels: Option<(i64, i64, i64)>) -> CodecRow {
    CodecRow { name, is, levels }
}

/// Every codec that can be written, in the order of the documentation.
pub(crate) const CODECS: &[CodecRow] = &[
    row("blosc", "Blosc 1: `{cname, clevel, shuffle, blocksize}`", None),
    row("zstd", "Zstandard, with its level", Some((-131_072, 22, 3))),
    row("gzip", "DEFLATE in a gzip member, with its level", Some((0, 9, 5))),
    row("zlib", "DEFLATE in a zlib stream, with its level", Some((0, 9, 4))),
    row("bzip2", "bzip2, with its level", Some((1, 9, 9))),
    row("shuffle", "the bytes of elements put together by significance", None),
    row("fletcher32", "HDF5's Fletcher-32 checksum", None),
    row("crc32c", "CRC-32C checksum", None),
];

/// Compressors inside Blosc.
const CNAMES: &[&str] = &["blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"];

/// How chunks are encoded.
#[derive(Debug, Clone)]
pub(crate) struct CodecList(pub(crate) Codecs);

/// One codec of a chain. Element sizes are 0: of the array that is encoded.
struct CodecItem(Codec);

written! {
    /// The parameters of Blosc 1.
    #[schemars(rename = "Blosc")]
    struct BloscMap {
        required {}
        optional {
            /// `blosclz`, `lz4`, `lz4hc`, `zlib`, `zstd` (default) or `snappy`.
            cname: Text,
            /// 0 to 9. Default: 5.
            clevel: Raw,
            /// `shuffle` (default), `bitshuffle` or `noshuffle`.
            shuffle: Text,
            /// Bytes of one block; 0 (default) lets the library choose.
            blocksize: Raw,
        }
    }
}

written! {
    /// The level of a codec.
    #[schemars(rename = "Level")]
    struct LevelMap {
        required {}
        optional {
            /// Higher is smaller and slower.
            level: Raw,
        }
    }
}

impl Read for CodecList {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                let chain: Vec<CodecItem> = Vec::read(node, cx)?;
                let complete = chain.len() == items.len();
                complete.then(|| Self(Codecs::Chain(chain.into_iter().map(|item| item.0).collect())))
            }
            Kind::Scalar { text, .. } => match text.as_str() {
                "default" => Some(Self(Codecs::Default)),
                "source" => Some(Self(Codecs::Source)),
                "none" => Some(Self(Codecs::Chain(Vec::new()))),
                other => {
                    let message = format!("{} is `{}`", cx.place(), shorten(other));
                    let help = if CODECS.iter().any(|row| row.name == other) {
                        format!("a chain is a list: `[{other}]`")
                    } else {
                        "write `default`, `source`, `none`, or a list of codecs".to_owned()
                    };
                    cx.bad_value(&node.span, message, Some(help))
                }
            },
            _ => cx.wrong_type(node, "`default`, `source`, `none`, or a list of codecs"),
        }
    }
}

impl Read for CodecItem {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let nothing = Node { span: node.span.clone(), kind: Kind::Null };
        let (name, value) = match &node.kind {
            Kind::Scalar { text, .. } => (Spanned { value: text.clone(), span: node.span.clone() }, &nothing),
            Kind::Map(entries) => match entries.as_slice() {
                [(name, value)] => (name.clone(), value),
                _ => return cx.wrong_type(node, "one codec in each item"),
            },
            _ => return cx.wrong_type(node, "the name of a codec, or `{NAME: parameters}`"),
        };
        let Some(&CodecRow { name: known, levels, .. }) = CODECS.iter().find(|row| row.name == name.value)
        else {
            return unknown(&name, cx);
        };
        cx.within(known, |cx| {
            let level = match levels {
                Some(range) => level(value, range, cx)?,
                None => 0,
            };
            let unsigned = u32::try_from(level).unwrap_or_default();
            Some(Self(match known {
                "blosc" => Codec::Blosc(blosc(value, cx)?),
                "zstd" => Codec::Zstd { level: i32::try_from(level).unwrap_or_default() },
                "gzip" => Codec::Gzip { level: unsigned },
                "zlib" => Codec::Zlib { level: unsigned },
                "bzip2" => Codec::Bzip2 { level: unsigned },
                "shuffle" => no_parameters(value, Codec::Shuffle { element_size: 0 }, cx)?,
                "fletcher32" => no_parameters(value, Codec::Fletcher32, cx)?,
                _ => no_parameters(value, Codec::Crc32c, cx)?,
            }))
        })
    }
}

fn unknown<T>(name: &Text, cx: &mut Cx) -> Option<T> {
    let known: Vec<&str> = CODECS.iter().map(|row| row.name).collect();
    let help = suggest(&name.value, &known, "one of");
    cx.bad_value(&name.span, format!("no codec `{}` can be written", shorten(&name.value)), Some(help))
}

fn no_parameters(node: &Node, codec: Codec, cx: &mut Cx) -> Option<Codec> {
    match &node.kind {
        Kind::Null => Some(codec),
        Kind::Map(entries) if entries.is_empty() => Some(codec),
        _ => cx.wrong_type(node, "no parameters"),
    }
}

/// `zlib`, `{zlib: 4}` or `{zlib: {level: 4}}`.
fn level(node: &Node, (low, high, default): (i64, i64, i64), cx: &mut Cx) -> Option<i64> {
    let raw = match &node.kind {
        Kind::Null => return Some(default),
        Kind::Map(_) => match LevelMap::read(node, cx)?.level {
            Some(raw) => raw,
            None => return Some(default),
        },
        _ => Raw::read(node, cx)?,
    };
    ranged(&raw, low, high, cx)
}

fn ranged(raw: &Raw, low: i64, high: i64, cx: &mut Cx) -> Option<i64> {
    match raw.int() {
        Some(value) if (low..=high).contains(&value) => Some(value),
        _ => bad(&raw.span, &raw.text, &format!("{low} to {high}"), cx),
    }
}

fn blosc(node: &Node, cx: &mut Cx) -> Option<Blosc> {
    let map = match &node.kind {
        Kind::Null => BloscMap { cname: None, clevel: None, shuffle: None, blocksize: None },
        _ => BloscMap::read(node, cx)?,
    };
    let cname = cx.within("cname", |cx| match &map.cname {
        Some(cname) if !CNAMES.contains(&cname.value.as_str()) => {
            bad(&cname.span, &cname.value, &format!("one of {}", ticked(CNAMES)), cx)
        }
        Some(cname) => Some(cname.value.clone()),
        None => Some("zstd".to_owned()),
    });
    let shuffle =
        cx.within("shuffle", |cx| match map.shuffle.as_ref().map(|text| (text.value.as_str(), text)) {
            Some(("shuffle", _)) | None => Some(BloscShuffle::Shuffle),
            Some(("bitshuffle", _)) => Some(BloscShuffle::BitShuffle),
            Some(("noshuffle", _)) => Some(BloscShuffle::NoShuffle),
            Some((other, text)) => bad(&text.span, other, "`shuffle`, `bitshuffle` or `noshuffle`", cx),
        });
    let clevel = map.clevel.map_or(Some(5), |raw| cx.within("clevel", |cx| ranged(&raw, 0, 9, cx)));
    let size_max = i64::from(i32::MAX);
    let blocksize =
        map.blocksize.map_or(Some(0), |raw| cx.within("blocksize", |cx| ranged(&raw, 0, size_max, cx)));
    Some(Blosc {
        cname: cname?,
        clevel: u32::try_from(clevel?).unwrap_or_default(),
        shuffle: shuffle?,
        typesize: 0,
        blocksize: blocksize?.unsigned_abs(),
    })
}

fn bad<T>(span: &Span, found: &str, expected: &str, cx: &mut Cx) -> Option<T> {
    let message = format!("{} is `{}`, expected {expected}", cx.place(), shorten(found));
    cx.bad_value(span, message, None)
}

impl JsonSchema for CodecList {
    fn schema_name() -> Cow<'static, str> {
        "Codecs".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let blosc = generator.subschema_for::<BloscMap>();
        let names: Vec<&str> = CODECS.iter().map(|row| row.name).collect();
        let mut items = vec![serde_json::json!({"enum": names})];
        for CodecRow { name, is, levels } in CODECS {
            let value = match levels {
                Some((low, high, _)) => {
                    let level = serde_json::json!({"type": "integer", "minimum": low, "maximum": high});
                    serde_json::json!({"anyOf": [level, {
                        "type": "object", "properties": {"level": level}, "additionalProperties": false,
                    }]})
                }
                None if *name == "blosc" => blosc.clone().to_value(),
                None => continue,
            };
            items.push(serde_json::json!({
                "description": is, "type": "object", "required": [name], "properties": {*name: value},
                "additionalProperties": false,
            }));
        }
        json_schema!({
            "description": "`default`: stored chunks are copied where the core specification names their codecs, else \
                            the measured default. `source`: copied also where only `numcodecs.*` names them. `none`: \
                            not compressed. A list: exactly these, in the order of encoding.",
            "anyOf": [{"enum": ["default", "source", "none"]}, {"type": "array", "items": {"anyOf": items}}],
        })
    }
}

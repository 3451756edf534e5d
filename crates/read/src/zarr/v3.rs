//! Array metadata of version 3: `zarr.json` with `node_type` array (the Zarr core specification, version 3).

use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use serde_json::Value;

use super::attrs::attrs;
use super::element::{self, Element};
use super::json;
use super::meta::{ArrayMeta, Keys, Shard, codec};

/// Keys that the specification defines.
const KNOWN: &[&str] = &[
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "attributes",
    "storage_transformers",
    "dimension_names",
    "consolidated_metadata",
];

/// From elements to bytes.
struct Chain {
    encoding: Encoding,
    /// The shape of inner chunks and the index, where there are shards.
    shard: Option<(Vec<u64>, Shard)>,
}

/// Reads an array's metadata; the error is the reason why the array can't be read.
pub(super) fn array(meta: &Value) -> Result<ArrayMeta, String> {
    check_extensions(meta)?;
    let shape = json::lengths(meta, "shape")?;
    let element = element::of_v3(meta.get("data_type").unwrap_or(&Value::Null))?;
    let outer = chunk_shape(meta)?;
    let chain = chain(meta.get("codecs"), element)?;
    let (chunk, shard) = match chain.shard {
        Some((chunk, shard)) => (chunk, Some(shard)),
        None => (outer.clone(), None),
    };
    let attributes = json::object(meta, "attributes");
    let fill =
        attributes.and_then(|a| a.get("_FillValue")).and_then(|value| element::fill_attr(value, element));
    let hidden: &[&str] = if fill.is_some() { &["_FillValue"] } else { &[] };
    let dims = json::get(meta, "dimension_names").and_then(Value::as_array);
    ArrayMeta {
        shape,
        outer,
        chunk,
        keys: keys(meta.get("chunk_key_encoding"))?,
        element,
        encoding: chain.encoding,
        shard,
        unwritten: element::fill(meta.get("fill_value").unwrap_or(&Value::Null), element)?,
        fill,
        dims: dims.map(|dims| dims.iter().map(|d| d.as_str().map(str::to_owned)).collect()),
        attrs: attrs(attributes, hidden),
    }
    .check()
}

/// Refuses what a reader must understand and this one does not.
fn check_extensions(meta: &Value) -> Result<(), String> {
    if json::get(meta, "storage_transformers").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    {
        return Err("it has storage transformers, which arcoforge does not read".to_owned());
    }
    let may_skip = |value: &Value| value.get("must_understand") == Some(&Value::Bool(false));
    let unknown =
        meta.as_object().into_iter().flatten().find(|(k, v)| !KNOWN.contains(&k.as_str()) && !may_skip(v));
    match unknown {
        Some((key, _)) => {
            Err(format!("its metadata has the extension `{key}`, which arcoforge does not know"))
        }
        None => Ok(()),
    }
}

fn chunk_shape(meta: &Value) -> Result<Vec<u64>, String> {
    match meta.get("chunk_grid").and_then(json::named) {
        Some(("regular", configuration)) => json::lengths(&configuration, "chunk_shape"),
        _ => Err(format!("its chunk grid is {}, expected `regular`", json::shown(meta.get("chunk_grid")))),
    }
}

fn keys(encoding: Option<&Value>) -> Result<Keys, String> {
    let unknown = || format!("its chunk key encoding {} is not known", json::shown(encoding));
    let (name, configuration) = encoding.and_then(json::named).ok_or_else(unknown)?;
    let (prefixed, default) = match name {
        "default" => (true, "/"),
        "v2" => (false, "."),
        _ => return Err(unknown()),
    };
    match json::text(&configuration, "separator").unwrap_or(default) {
        "/" => Ok(Keys { prefixed, separator: '/' }),
        "." => Ok(Keys { prefixed, separator: '.' }),
        _ => Err(unknown()),
    }
}

/// The codec chain: array to array, one array to bytes, bytes to bytes.
fn chain(codecs: Option<&Value>, element: Element) -> Result<Chain, String> {
    let list = codecs.and_then(Value::as_array).ok_or_else(|| "it has no list of codecs".to_owned())?;
    let mut found: Option<Chain> = None;
    for value in list {
        let (name, configuration) =
            json::named(value).ok_or_else(|| format!("the codec {value} has no name"))?;
        found = Some(match (name, found.take()) {
            ("transpose", None) if is_identity(&configuration) => continue,
            ("transpose", None) => {
                return Err("its chunks are transposed, which arcoforge does not read".to_owned());
            }
            ("bytes" | "endian", None) if element != Element::Utf8 => bytes(&configuration)?,
            ("vlen-utf8", None) if element == Element::Utf8 => bytes(&Value::Null)?,
            ("sharding_indexed", None) => sharding(&configuration, element)?,
            (_, None) => {
                return Err(format!(
                    "the codec `{name}` from array to bytes is not one that arcoforge reads"
                ));
            }
            (_, Some(chain)) if chain.shard.is_some() => {
                return Err(format!(
                    "the codec `{name}` is applied to whole shards, which arcoforge does not read"
                ));
            }
            (_, Some(mut chain)) => {
                let known = name.strip_prefix("numcodecs.").unwrap_or(name);
                chain.encoding.codecs.push(codec(known, &configuration, element)?);
                chain
            }
        });
    }
    found.ok_or_else(|| "its codecs have none from array to bytes".to_owned())
}

fn is_identity(configuration: &Value) -> bool {
    let order = json::lengths(configuration, "order");
    order.is_ok_and(|order| order.iter().enumerate().all(|(at, &axis)| axis == at as u64))
}

fn bytes(configuration: &Value) -> Result<Chain, String> {
    let endian = match json::text(configuration, "endian").unwrap_or("little") {
        "little" => Endian::Little,
        "big" => Endian::Big,
        other => return Err(format!("the byte order `{other}` is not known")),
    };
    Ok(Chain { encoding: Encoding { endian, codecs: Vec::new() }, shard: None })
}

fn sharding(configuration: &Value, element: Element) -> Result<Chain, String> {
    let chunk = json::lengths(configuration, "chunk_shape")?;
    let inner = chain(configuration.get("codecs"), element)?;
    if inner.shard.is_some() {
        return Err("its shards hold shards, which arcoforge does not read".to_owned());
    }
    let index =
        chain(configuration.get("index_codecs"), Element::Number(arcoforge_core::dtype::DataType::UInt64))?;
    let checksum = match index.encoding.codecs.as_slice() {
        [] => false,
        [Codec::Crc32c] => true,
        _ => return Err("its shard index is stored with codecs other than `bytes` and `crc32c`".to_owned()),
    };
    if index.encoding.endian != Endian::Little || index.shard.is_some() {
        return Err("its shard index is not little-endian, which arcoforge does not read".to_owned());
    }
    let index_last = match json::text(configuration, "index_location").unwrap_or("end") {
        "end" => true,
        "start" => false,
        other => return Err(format!("the index location `{other}` of its shards is not known")),
    };
    Ok(Chain { encoding: inner.encoding, shard: Some((chunk, Shard { index_last, checksum })) })
}

#[cfg(test)]
mod tests {
    use arcoforge_core::dtype::{DataType, Scalar};
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"zarr_format": 3, "node_type": "array", "shape": [8, 6], "data_type": "float32", "fill_value": "NaN",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 6]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3],
                "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "numcodecs.zlib", "configuration": {"level": 3}}],
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                "index_location": "start"}}],
            "attributes": {"_FillValue": "AAAAAAAA+H8=", "units": "K"}, "dimension_names": ["y", null]})
    }

    #[test]
    fn shards_have_inner_chunks_and_an_index() {
        let meta = array(&sample()).unwrap();
        assert_eq!((meta.outer.as_slice(), meta.chunk.as_slice()), (&[4, 6][..], &[2, 3][..]));
        assert_eq!(meta.shard, Some(Shard { index_last: false, checksum: true }));
        assert_eq!(meta.encoding, Encoding { endian: Endian::Big, codecs: vec![Codec::Zlib { level: 3 }] });
        assert_eq!((meta.keys.key(&[1, 0]), meta.keys.key(&[])), ("c/1/0".to_owned(), "c".to_owned()));
        assert_eq!((meta.element, meta.attrs.len()), (Element::Number(DataType::Float32), 1));
        assert!(meta.fill.unwrap().same(&Scalar::Float(f64::NAN)));
    }

    #[test]
    fn what_is_not_read_is_named() {
        let bytes = json!({"name": "bytes", "configuration": {"endian": "little"}});
        let rows = [
            (
                "codecs",
                json!([{"name": "transpose", "configuration": {"order": [1, 0]}}, bytes]),
                "transposed",
            ),
            ("codecs", json!([bytes, {"name": "numcodecs.lz4"}]), "`lz4`"),
            ("codecs", json!([{"name": "zfp"}]), "`zfp`"),
            ("codecs", json!([]), "none"),
            ("chunk_grid", json!({"name": "rectangular"}), "rectangular"),
            ("data_type", json!("int2"), "int2"),
            ("data_type", json!({"name": "numpy.datetime64"}), "datetime64"),
            ("storage_transformers", json!([{"name": "x"}]), "transformers"),
            ("new_thing", json!({"name": "x"}), "`new_thing`"),
            ("fill_value", json!("0x12"), "0x12"),
            ("dimension_names", json!(["y"]), "names"),
        ];
        for (key, value, expected) in rows {
            let mut meta = sample();
            meta[key] = value;
            let reason = array(&meta).unwrap_err();
            assert!(reason.contains(expected), "{key}: {reason}");
        }
        let mut meta = sample();
        meta["may_skip"] = json!({"must_understand": false});
        assert!(array(&meta).is_ok());
    }
}

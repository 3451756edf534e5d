//! Array metadata of version 2: `.zarray` and `.zattrs`.

use arcoforge_core::codec::Encoding;
use serde_json::{Map, Value};

use super::attrs::attrs;
use super::element::{self, Element};
use super::json;
use super::meta::{ArrayMeta, Keys, codec};

const DIMENSIONS: &str = "_ARRAY_DIMENSIONS";

/// Reads an array's metadata; the error is the reason why the array can't be read.
pub(super) fn array(meta: &Value, attributes: Option<&Map<String, Value>>) -> Result<ArrayMeta, String> {
    if meta.get("zarr_format").and_then(Value::as_u64) != Some(2) {
        return Err(format!("`zarr_format` is {}, expected 2", json::shown(meta.get("zarr_format"))));
    }
    let shape = json::lengths(meta, "shape")?;
    if json::text(meta, "order").unwrap_or("C") != "C" && shape.len() > 1 {
        return Err("its chunks are in Fortran order, which arcoforge does not read".to_owned());
    }
    let chunk = json::lengths(meta, "chunks")?;
    let (element, endian) = element::of_v2(meta.get("dtype").unwrap_or(&Value::Null))?;
    let encoding = Encoding { endian, codecs: codecs(meta, element)? };
    let separator = match json::text(meta, "dimension_separator").unwrap_or(".") {
        "." => '.',
        "/" => '/',
        other => return Err(format!("the dimension separator `{other}` is not known")),
    };
    let null = Value::Null;
    let stored_fill = meta.get("fill_value").unwrap_or(&null);
    let unwritten = element::fill(stored_fill, element)?;
    let fill = (!stored_fill.is_null()).then(|| unwritten.0.clone());
    let dims = attributes.and_then(|a| a.get(DIMENSIONS)).and_then(Value::as_array);
    let dims = dims.map(|dims| dims.iter().map(|d| d.as_str().map(str::to_owned)).collect());
    let hidden: &[&str] = if fill.is_some() { &[DIMENSIONS, "_FillValue"] } else { &[DIMENSIONS] };
    ArrayMeta {
        shape,
        outer: chunk.clone(),
        chunk,
        keys: Keys { prefixed: false, separator },
        element,
        encoding,
        shard: None,
        unwritten,
        fill,
        dims,
        attrs: attrs(attributes, hidden),
    }
    .check()
}

/// Filters from first to last, then the compressor. Objects need `vlen-utf8` as their first filter.
fn codecs(meta: &Value, element: Element) -> Result<Vec<arcoforge_core::codec::Codec>, String> {
    let no_filters = Vec::new();
    let filters = json::get(meta, "filters").and_then(Value::as_array).unwrap_or(&no_filters);
    let id = |value: &Value| {
        json::text(value, "id").map(str::to_owned).ok_or_else(|| format!("the codec {value} has no `id`"))
    };
    let mut out = Vec::new();
    for (at, filter) in filters.iter().chain(json::get(meta, "compressor")).enumerate() {
        match id(filter)?.as_str() {
            "vlen-utf8" if at == 0 && element == Element::Utf8 => {}
            name if at == 0 && element == Element::Utf8 => {
                return Err(format!(
                    "objects stored with `{name}` are not ones that arcoforge reads, only `vlen-utf8` is"
                ));
            }
            name => out.push(codec(name, filter, element)?),
        }
    }
    match (element, filters.is_empty()) {
        (Element::Utf8, true) => Err("objects without the filter `vlen-utf8` can't be read".to_owned()),
        _ => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use arcoforge_core::codec::Codec;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"zarr_format": 2, "shape": [5, 4], "chunks": [2, 4], "dtype": ">i2", "fill_value": -9, "order": "C",
            "filters": [{"id": "shuffle", "elementsize": 2}], "compressor": {"id": "zlib", "level": 4}})
    }

    #[test]
    fn filters_come_before_the_compressor() {
        let meta =
            array(&sample(), json!({"_ARRAY_DIMENSIONS": ["y", "x"], "units": "K"}).as_object()).unwrap();
        assert_eq!(meta.encoding.codecs, [Codec::Shuffle { element_size: 2 }, Codec::Zlib { level: 4 }]);
        assert_eq!(meta.dims, Some(vec![Some("y".to_owned()), Some("x".to_owned())]));
        assert_eq!((meta.attrs.len(), meta.keys.key(&[2, 0])), (1, "2.0".to_owned()));
    }

    #[test]
    fn what_is_not_read_is_named() {
        let rows = [
            ("order", json!("F"), "Fortran"),
            ("filters", json!([{"id": "delta"}]), "`delta`"),
            ("compressor", json!({"id": "lz4"}), "`lz4`"),
            ("dtype", json!("<M8[ns]"), "<M8[ns]"),
            ("dtype", json!("|O"), "`shuffle`"),
            ("chunks", json!([2]), "[2]"),
            ("chunks", json!([0, 4]), "no cells"),
            ("chunks", json!([-1, 4]), "`chunks`"),
            ("shape", json!([u64::MAX, 4]), "2^64"),
            ("fill_value", json!(1.5), "1.5"),
            ("zarr_format", json!(1), "expected 2"),
            ("dimension_separator", json!("../"), "../"),
        ];
        for (key, value, expected) in rows {
            let mut meta = sample();
            meta[key] = value;
            let reason = array(&meta, None).unwrap_err();
            assert!(reason.contains(expected), "{key}: {reason}");
        }
    }
}

//! Zarr version 3: one `zarr.json` per node, consolidated metadata inline as zarr-python has it.

use arcoforge_core::attrs::Attrs;
use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::Result;
use arcoforge_core::target::{ArraySpec, Dataset};
use serde_json::{Map, Value, json};

use crate::{KeyValue, codecs, json, keys};

/// Every `zarr.json`: arrays, then groups, innermost last mentioned first, the root last.
pub(crate) fn metadata(dataset: &Dataset) -> Result<Vec<KeyValue>> {
    let mut nodes: Vec<(&str, Value)> = Vec::new();
    for (name, attrs) in &dataset.groups {
        nodes.push((name, group(attrs, &Map::new()).map_err(|e| e.in_variable(name))?));
    }
    for array in &dataset.arrays {
        nodes.push((&array.name, self::array(array).map_err(|e| e.in_variable(&array.name))?));
    }
    let mut out = Vec::new();
    for (name, node) in nodes.iter().skip(dataset.groups.len()) {
        out.push((format!("{name}/zarr.json"), bytes(node)));
    }
    for (name, attrs) in dataset.groups.iter().rev() {
        let below = below(&format!("{name}/"), &nodes);
        out.push((format!("{name}/zarr.json"), bytes(&group(attrs, &below)?)));
    }
    out.push(("zarr.json".into(), bytes(&group(&dataset.attrs, &below("", &nodes))?)));
    Ok(out)
}

fn below(prefix: &str, nodes: &[(&str, Value)]) -> Map<String, Value> {
    let mut found: Vec<(&str, &Value)> =
        nodes.iter().filter_map(|(name, node)| Some((name.strip_prefix(prefix)?, node))).collect();
    found.sort_by_key(|(path, _)| keys::nesting(path));
    found.into_iter().map(|(path, node)| (path.to_owned(), node.clone())).collect()
}

/// Indented by two, as zarr-python writes it.
fn bytes(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn group(attrs: &Attrs, below: &Map<String, Value>) -> Result<Value> {
    Ok(json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": json::attributes(attrs)?,
        "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": below},
    }))
}

fn array(array: &ArraySpec) -> Result<Value> {
    let mut node = json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.dtype.name(),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": array.objects().chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": json::normal(array.dtype, &array.unwritten).as_ref().map(json::scalar),
        "codecs": chain(array),
        "attributes": attributes(array)?,
    });
    if !array.dims.is_empty() {
        node["dimension_names"] = json!(array.dims);
    }
    Ok(node)
}

/// The attributes with `_FillValue` last. xarray can't open a store where text has that attribute; there
/// `missing_value`, which masks the same cells, stands for it.
fn attributes(array: &ArraySpec) -> Result<Map<String, Value>> {
    let mut attrs = json::attributes(&array.attrs)?;
    if let Some(fill) = array.fill.as_ref().and_then(|fill| json::normal(array.dtype, fill)) {
        match json::fill_attribute(&fill) {
            Some(encoded) => {
                attrs.insert("_FillValue".into(), encoded);
            }
            None => {
                attrs.entry("missing_value").or_insert_with(|| json::scalar(&fill));
            }
        }
    }
    Ok(attrs)
}

/// From elements to bytes, then bytes to bytes; in a shard where there is one.
fn chain(array: &ArraySpec) -> Value {
    let mut chain = vec![elements(array)];
    chain.extend(array.encoding.codecs.iter().filter_map(codecs::v3));
    if array.shard.is_none() {
        return Value::from(chain);
    }
    json!([{"name": "sharding_indexed", "configuration": {
        "chunk_shape": array.chunks().chunk,
        "codecs": chain,
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }}])
}

/// Elements of one byte have no byte order, and zarr-python leaves it out.
fn elements(array: &ArraySpec) -> Value {
    match (array.dtype, array.dtype.swap_size(), array.encoding.endian) {
        (DataType::Text, ..) => json!({"name": "vlen-utf8", "configuration": {}}),
        (_, 1, _) => json!({"name": "bytes"}),
        (.., Endian::Little) => json!({"name": "bytes", "configuration": {"endian": "little"}}),
        (.., Endian::Big) => json!({"name": "bytes", "configuration": {"endian": "big"}}),
    }
}

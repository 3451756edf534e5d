//! Zarr version 3: one `zarr.json` per node, consolidated metadata inline as zarr-python has it.

use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::Result;
use arcoforge_core::target::{ArraySpec, Dataset};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::json::bytes;
use crate::{KeyValue, codecs, json, keys};

/// Every `zarr.json`: arrays, then groups, innermost last mentioned first, the root last. Groups repeat what lies below them
/// where that is to be `consolidated`.
pub(crate) fn metadata(dataset: &Dataset, consolidated: bool) -> Result<Vec<KeyValue>> {
    let mut nodes: Vec<(&str, Node<'_>)> = Vec::new();
    for (name, attrs) in &dataset.groups {
        let empty = Group {
            attrs: json::attributes(attrs).map_err(|e| e.in_variable(name))?,
            below: Some(Vec::new()),
        };
        nodes.push((name, Node::Group(empty)));
    }
    nodes.extend(dataset.arrays.iter().map(|array| (array.name.as_str(), Node::Array(array))));
    let mut out = Vec::new();
    for array in &dataset.arrays {
        let node = self::array(array).map_err(|e| e.in_variable(&array.name))?;
        out.push((format!("{}/zarr.json", array.name), bytes(&node)?));
    }
    for (name, attrs) in dataset.groups.iter().rev() {
        let below = consolidated.then(|| below(&format!("{name}/"), &nodes));
        let group = Group { attrs: json::attributes(attrs)?, below };
        out.push((format!("{name}/zarr.json"), bytes(&group)?));
    }
    let below = consolidated.then(|| below("", &nodes));
    let root = Group { attrs: json::attributes(&dataset.attrs)?, below };
    out.push(("zarr.json".into(), bytes(&root)?));
    Ok(out)
}

/// What the metadata of a group above repeats. It is made when it is written: thousands of arrays are no trees in memory.
enum Node<'a> {
    Group(Group<'a>),
    Array(&'a ArraySpec),
}

/// A group with what lies below it.
struct Group<'a> {
    attrs: Map<String, Value>,
    below: Option<Vec<(&'a str, &'a Node<'a>)>>,
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Group(group) => group.serialize(serializer),
            // written before by itself, so that its errors are known
            Self::Array(spec) => array(spec).map_err(S::Error::custom)?.serialize(serializer),
        }
    }
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("zarr_format", &3)?;
        map.serialize_entry("node_type", "group")?;
        map.serialize_entry("attributes", &self.attrs)?;
        if let Some(below) = &self.below {
            map.serialize_entry("consolidated_metadata", &Consolidated(below))?;
        }
        map.end()
    }
}

/// All nodes below a group, by their paths.
struct Consolidated<'a>(&'a [(&'a str, &'a Node<'a>)]);

impl Serialize for Consolidated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Nodes<'a>(&'a [(&'a str, &'a Node<'a>)]);
        impl Serialize for Nodes<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().copied())
            }
        }
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("kind", "inline")?;
        map.serialize_entry("must_understand", &false)?;
        map.serialize_entry("metadata", &Nodes(self.0))?;
        map.end()
    }
}

fn below<'a>(prefix: &str, nodes: &'a [(&'a str, Node<'a>)]) -> Vec<(&'a str, &'a Node<'a>)> {
    let mut found: Vec<(&str, &Node<'_>)> =
        nodes.iter().filter_map(|(name, node)| Some((name.strip_prefix(prefix)?, node))).collect();
    found.sort_by_key(|(path, _)| keys::nesting(path));
    found
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

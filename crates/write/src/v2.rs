//! Zarr version 2: `.zgroup`, `.zarray`, `.zattrs` and the consolidated `.zmetadata`, with xarray's conventions.

use arcoforge_core::attrs::Attrs;
use arcoforge_core::codec::Codec;
use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::Result;
use arcoforge_core::target::{ArraySpec, Dataset};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::json::bytes;
use crate::{KeyValue, codecs, json, keys};

/// Every metadata object: arrays, then groups, innermost last mentioned first, the root's `.zmetadata` last.
pub(crate) fn metadata(dataset: &Dataset) -> Result<Vec<KeyValue>> {
    let mut nodes: Vec<(String, Value)> = group("", &dataset.attrs)?;
    for (name, attrs) in &dataset.groups {
        nodes.extend(group(&format!("{name}/"), attrs).map_err(|e| e.in_variable(name))?);
    }
    let groups = nodes.len();
    for array in &dataset.arrays {
        nodes.push((format!("{}/.zarray", array.name), self::array(array)));
        let attrs = attributes(array).map_err(|e| e.in_variable(&array.name))?;
        nodes.push((format!("{}/.zattrs", array.name), attrs));
    }
    let mut out = Vec::new();
    for (key, value) in nodes.iter().skip(groups) {
        out.push((key.clone(), bytes(value)?));
    }
    for (name, _) in dataset.groups.iter().rev() {
        put_group(&mut out, &format!("{name}/"), &nodes)?;
    }
    put_group(&mut out, "", &nodes)?;
    Ok(out)
}

/// `.zattrs`, `.zgroup` and `.zmetadata` of the group at `prefix`, from all nodes of the dataset.
fn put_group(out: &mut Vec<KeyValue>, prefix: &str, nodes: &[(String, Value)]) -> Result<()> {
    let own = [format!("{prefix}.zattrs"), format!("{prefix}.zgroup")];
    for key in own {
        if let Some((name, value)) = nodes.iter().find(|(name, _)| *name == key) {
            out.push((name.clone(), bytes(value)?));
        }
    }
    let mut found: Vec<(&str, &Value)> =
        nodes.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value))).collect();
    found.sort_by_key(|(key, _)| keys::nesting(key.rsplit_once("/.").map_or("", |(path, _)| path)));
    out.push((format!("{prefix}.zmetadata"), bytes(&Consolidated(&found))?));
    Ok(())
}

/// All metadata of a group and of what lies below it, by keys.
struct Consolidated<'a>(&'a [(&'a str, &'a Value)]);

impl Serialize for Consolidated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Nodes<'a>(&'a [(&'a str, &'a Value)]);
        impl Serialize for Nodes<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().copied())
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("zarr_consolidated_format", &1)?;
        map.serialize_entry("metadata", &Nodes(self.0))?;
        map.end()
    }
}

fn group(prefix: &str, attrs: &Attrs) -> Result<Vec<(String, Value)>> {
    Ok(vec![
        (format!("{prefix}.zgroup"), json!({"zarr_format": 2})),
        (format!("{prefix}.zattrs"), Value::from(json::attributes(attrs)?)),
    ])
}

/// `fill_value` is null where nothing is masked: xarray masks the cells that equal it.
fn array(array: &ArraySpec) -> Value {
    let fill = array.fill.as_ref().and_then(|fill| json::normal(array.dtype, fill));
    let (filters, compressor) = chain(array);
    json!({
        "zarr_format": 2,
        "shape": array.shape,
        "chunks": array.chunks().chunk,
        "dtype": dtype(array.dtype, array.encoding.endian),
        "order": "C",
        "dimension_separator": ".",
        "fill_value": fill.as_ref().map(json::scalar),
        "filters": filters,
        "compressor": compressor,
    })
}

fn attributes(array: &ArraySpec) -> Result<Value> {
    let mut attrs = json::attributes(&array.attrs)?;
    attrs.insert("_ARRAY_DIMENSIONS".into(), json!(array.dims));
    Ok(Value::from(attrs))
}

/// `filters` and `compressor`: numcodecs applies the filters in order and the compressor last, so a chain that ends with
/// a compressor has it there, and any other is all filters.
fn chain(array: &ArraySpec) -> (Value, Value) {
    let all = &array.encoding.codecs;
    let (last, before): (Option<&Codec>, &[Codec]) = match all.split_last() {
        Some((last, before)) if codecs::compresses(last) => (Some(last), before),
        _ => (None, all),
    };
    let mut filters: Vec<Value> = Vec::new();
    if array.dtype == DataType::Text {
        filters.push(json!({"id": "vlen-utf8"}));
    }
    filters.extend(before.iter().filter_map(codecs::numcodecs));
    let filters = if filters.is_empty() { Value::Null } else { Value::from(filters) };
    (filters, last.and_then(codecs::numcodecs).unwrap_or(Value::Null))
}

/// The type as numpy's array interface spells it: byte order, kind, bytes.
fn dtype(dtype: DataType, endian: Endian) -> String {
    let kind = match dtype {
        DataType::Bool => 'b',
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => 'i',
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => 'u',
        DataType::Float16 | DataType::Float32 | DataType::Float64 => 'f',
        DataType::Complex64 | DataType::Complex128 => 'c',
        DataType::Text => return "|O".into(),
    };
    let size = dtype.size_estimate();
    let order = match endian {
        _ if size == 1 => '|',
        Endian::Little => '<',
        Endian::Big => '>',
    };
    format!("{order}{kind}{size}")
}

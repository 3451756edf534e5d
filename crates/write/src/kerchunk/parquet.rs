//! A folder of Parquet files, as fsspec's `LazyReferenceMapper` reads it: `.zmetadata` with the metadata of all nodes, and
//! for every array `NAME/refs.N.parq`, each with as many chunks as `record_size` says, in C order.

use arcoforge_core::error::Result;
use arcoforge_core::references::References;
use arcoforge_core::target::{ArraySpec, Dataset};
use serde_json::{Value, json};

use super::table::table;
use super::{ABOUT, no_json, nodes};
use crate::KeyValue;

/// Chunks in one file.
const RECORD_SIZE: usize = 10_000;

/// The object that makes the references visible; `about` says what they are made of.
///
/// # Errors
/// Those of [`metadata`](crate::metadata).
pub fn parquet_metadata(dataset: &Dataset, about: &Value) -> Result<KeyValue> {
    let mut text =
        json!({"zarr_consolidated_format": 1, "record_size": RECORD_SIZE, "metadata": nodes(dataset)?});
    if let Some(fields) = text.as_object_mut() {
        fields.insert(ABOUT.into(), about.clone());
    }
    Ok((".zmetadata".into(), serde_json::to_vec(&text).map_err(no_json)?))
}

/// The files of one array.
///
/// # Errors
/// `target-unsupported` for more than 2 GiB in one of them.
pub fn parquet_objects(spec: &ArraySpec, references: &References) -> impl Iterator<Item = Result<KeyValue>> {
    let count = references.len().div_ceil(RECORD_SIZE);
    (0..count).map(move |number| {
        let first = number * RECORD_SIZE;
        let rows = (first..references.len().min(first + RECORD_SIZE)).filter_map(|row| references.get(row));
        Ok((format!("{}/refs.{number}.parq", spec.name), table(rows)?))
    })
}

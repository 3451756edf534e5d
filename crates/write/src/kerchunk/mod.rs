//! References to chunks of other files, as kerchunk and fsspec keep them: one JSON file, or a folder of Parquet files.
//!
//! Both hold the metadata of a Zarr v2 store, and for every chunk URL, offset and length, or the bytes themselves
//! (<https://fsspec.github.io/kerchunk/spec.html>, version 1; fsspec's `LazyReferenceMapper`). A chunk that is not there
//! is not listed.

mod json;
mod parquet;
mod table;
mod thrift;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::target::Dataset;
use serde_json::{Map, Value};

pub use json::JsonReferences;
pub use parquet::{parquet_metadata, parquet_objects};

/// The key beside the references under which it stands what they were made of; readers pass over it.
const ABOUT: &str = "arcoforge";

/// The metadata of every node by its key (`sst/.zarray`), without that which puts all of it together.
fn nodes(dataset: &Dataset) -> Result<Map<String, Value>> {
    let own = |key: &str| key.rsplit('/').next() != Some(".zmetadata");
    let mut nodes = Map::new();
    for (key, bytes) in crate::metadata(dataset)?.into_iter().filter(|(key, _)| own(key)) {
        let node = serde_json::from_slice(&bytes).map_err(no_json)?;
        nodes.insert(key, node);
    }
    Ok(nodes)
}

fn no_json(cause: serde_json::Error) -> Error {
    Error::new(Code::Bug, "metadata can't be written as JSON").caused_by(cause)
}

//! Inspection: what is in one file or store.

use std::path::Path;
use std::sync::Arc;

use arcoforge_core::error::Result;
use arcoforge_core::schema::{Format, Schema};

use crate::given::is_store;
use crate::session::Session;

/// One file or store, opened.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// As given.
    pub input: String,
    /// What it is, told by its content.
    pub format: Format,
    /// Bytes of the file; `None` for a store.
    pub file_bytes: Option<u64>,
    /// What is in it.
    pub schema: Schema,
}

/// Reads the metadata of a file, URL or local Zarr store.
///
/// # Errors
/// Codes `source-*`.
pub fn inspect(session: &Session<'_>, input: &str) -> Result<Inspected> {
    let path = Path::new(input.strip_prefix("file://").unwrap_or(input));
    if is_store(path) {
        let reader = arcoforge_read::open_store(path).map_err(|e| e.at(input))?;
        let (format, schema) = (reader.format(), reader.schema().clone());
        return Ok(Inspected { input: input.to_owned(), format, file_bytes: None, schema });
    }
    let object = match session.sources.open_keyed(input)? {
        Some(object) => object,
        None => session.open(input)?,
    };
    let file_bytes = object.keyed().is_none().then(|| object.validator().size);
    let reader = arcoforge_read::open(Arc::clone(&object)).map_err(|e| e.at(input))?;
    let (format, schema) = (reader.format(), reader.schema().clone());
    Ok(Inspected { input: input.to_owned(), format, file_bytes, schema })
}

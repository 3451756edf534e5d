//! Inspection: what is in one file or store.

use std::path::Path;
use std::sync::Arc;

use arcoforge_core::error::{Error, Place, Result};
use arcoforge_core::schema::{Format, Schema};
use arcoforge_icechunk::{Repository, Root, Snapshot, Version};

use crate::bake::{CheckOut, CheckedOut, MAIN};
use crate::given::is_store;
use crate::place::is_bucket;
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
    /// Of an Icechunk repository, what else is in it.
    pub repository: Option<InRepository>,
}

/// What a repository tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InRepository {
    /// The snapshot that was looked at.
    pub snapshot: String,
    /// Names of branches, sorted.
    pub branches: Vec<String>,
    /// Names of tags with their snapshots, sorted.
    pub tags: Vec<(String, String)>,
    /// The snapshot that was looked at and all before it, the last one first.
    pub history: Vec<Snapshot>,
}

/// Reads the metadata of a file, URL or local Zarr store.
///
/// # Errors
/// Codes `source-*`.
pub fn inspect(session: &Session<'_>, input: &str) -> Result<Inspected> {
    let path = Path::new(input.strip_prefix("file://").unwrap_or(input));
    // where nobody may ask for what is not there, what is there is a file
    if root_of(session, input)?.is_repository().unwrap_or(false) {
        return inspect_version(session, input, &Version::Branch(MAIN.to_owned()));
    }
    if is_store(path) {
        let reader = arcoforge_read::open_store(path).map_err(|e| e.at(input))?;
        let (format, schema) = (reader.format(), reader.schema().clone());
        return Ok(Inspected { input: input.to_owned(), format, file_bytes: None, schema, repository: None });
    }
    let object = match session.sources.open_keyed(input)? {
        Some(object) => object,
        None => session.open(input)?,
    };
    let file_bytes = object.keyed().is_none().then(|| object.validator().size);
    let reader = arcoforge_read::open(Arc::clone(&object)).map_err(|e| e.at(input))?;
    let (format, schema) = (reader.format(), reader.schema().clone());
    Ok(Inspected { input: input.to_owned(), format, file_bytes, schema, repository: None })
}

/// Where a repository would lie.
fn root_of(session: &Session<'_>, input: &str) -> Result<Root> {
    if is_bucket(input) {
        return session.sources.bucket(input).map(Root::Bucket);
    }
    Ok(Root::from(Path::new(input.strip_prefix("file://").unwrap_or(input))))
}

/// Reads the metadata of one version of an Icechunk repository, and its history.
///
/// # Errors
/// `target-not-found` where there is no repository or no such version.
pub fn inspect_version(session: &Session<'_>, input: &str, version: &Version) -> Result<Inspected> {
    let repository = Repository::open(&root_of(session, input)?)?;
    let view = repository.view(version)?;
    let inside = InRepository {
        snapshot: view.id(),
        branches: repository.branches()?,
        tags: repository.tags()?,
        history: repository.history(version)?,
    };
    let schema = if view.nodes()?.is_empty() {
        Schema::default()
    } else {
        let checked_out = CheckedOut::of(&view, CheckOut::Metadata)?;
        let reader = arcoforge_read::open_store(checked_out.folder());
        reader.map_err(|e| Error { place: Place::default(), ..e }.at(input))?.schema().clone()
    };
    Ok(Inspected {
        input: input.to_owned(),
        format: Format::Zarr3,
        file_bytes: None,
        schema,
        repository: Some(inside),
    })
}

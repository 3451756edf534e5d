//! Inputs that a user names: files, folders, globs and URLs, in the order given.

use std::path::Path;

use arcoforge_core::error::Result;
use arcoforge_store::{BucketUrl, Sources, list_local};

/// Files that make a folder a Zarr store.
const ZARR_KEYS: &[&str] = &["zarr.json", ".zgroup", ".zarray", ".zmetadata"];

/// Replaces folders and globs by the files that they hold, sorted by path; URLs and paths of files stay as they are,
/// also where one is named twice. Of buckets, globs and what ends at `/` are listed. No file is opened.
///
/// # Errors
/// `source-not-found` for a folder or glob without files; those of asking stores.
pub fn list_inputs(sources: &Sources, given: &[String]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for input in given {
        let is_pattern = input.contains(['*', '?', '[']) || input.ends_with('/');
        if is_pattern && BucketUrl::parse(input).is_some() {
            files.extend(sources.list_bucket(input)?.into_iter().map(|entry| entry.path));
            continue;
        }
        let path = Path::new(input);
        let globbed = || !path.exists() && !input.contains("://") && input.contains(['*', '?', '[']);
        // a store is one input
        let listed = !is_store(path) && (path.is_dir() || globbed());
        if listed {
            files.extend(list_local(std::slice::from_ref(input))?.into_iter().map(|entry| entry.path));
        } else {
            files.push(input.clone());
        }
    }
    Ok(files)
}

/// Whether a path is a folder with Zarr's metadata.
pub(crate) fn is_store(path: &Path) -> bool {
    path.is_dir() && ZARR_KEYS.iter().any(|key| path.join(key).is_file())
}

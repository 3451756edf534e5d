//! What others put into a published store: an update would take it away.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::target::Dataset;

/// How names begin that file systems and desktops leave anywhere.
const SYSTEM: [&[u8]; 2] = [b".nfs", b".DS_Store"];

/// Refuses an update of a store that holds more than what a bake made of `dataset`. Entries of the root and of its groups
/// are compared; those of arrays are chunks, and many.
///
/// # Errors
/// `update-refused` with the names.
pub(crate) fn check_foreign(target: &Path, dataset: &Dataset) -> Result<()> {
    let found = foreign(target, dataset)?;
    if found.is_empty() {
        return Ok(());
    }
    let named = found.iter().map(|name| FoundFile {
        url: target.join(name).display().to_string(),
        has: "in the published store, and no bake made it".to_owned(),
    });
    let message = "the store holds what the last bake did not make, and an update would take it away";
    Err(Error::new(Code::UpdateRefused, message)
        .at(target.display().to_string())
        .found(named)
        .help("move it to a place of its own; or bake the store anew, without it: `--overwrite`"))
}

/// Names from the root of what the dataset does not have there.
fn foreign(target: &Path, dataset: &Dataset) -> Result<Vec<String>> {
    let keys: BTreeSet<String> =
        arcoforge_write::metadata(dataset)?.into_iter().map(|(key, _)| key).collect();
    let arrays: BTreeSet<&str> = dataset.arrays.iter().map(|array| array.name.as_str()).collect();
    let parents = |path: &str| -> Vec<String> {
        path.match_indices('/').filter_map(|(at, _)| path.get(..at)).map(str::to_owned).collect()
    };
    let nodes: BTreeSet<String> = keys
        .iter()
        .flat_map(|key| parents(key))
        .chain(dataset.arrays.iter().flat_map(|array| parents(&format!("{}/", array.name))))
        .collect();
    let groups = nodes.iter().map(String::as_str).filter(|node| !arrays.contains(node));
    let mut found = Vec::new();
    for group in std::iter::once("").chain(groups) {
        for entry in fs::read_dir(target.join(group)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if group.is_empty() { name } else { format!("{group}/{name}") };
            let of_the_system =
                SYSTEM.iter().any(|begin| entry.file_name().as_encoded_bytes().starts_with(begin));
            if !of_the_system && !keys.contains(&name) && !nodes.contains(&name) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

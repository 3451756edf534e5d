//! Whether what lies at a target is what a bake left there. Metadata alone does not tell: all versions of one form have
//! the same, so that an older copy that was put back looks like the last.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_store::files::{self, Identity};
use serde::{Deserialize, Serialize};

use crate::receipts::{Receipts, checksum};
use crate::state::{Plans, State};

/// What a note says of the store that was published: the object that made it visible, as it was written, and its folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) key: String,
    pub(super) crc32c: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) folder: Option<Identity>,
}

/// What a look at folder and metadata tells of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is the one that was published, and nothing wrote to its metadata since.
    Itself,
    /// It has the same metadata: a copy, or another version of it.
    Alike,
    /// It is the one that was published, with other metadata.
    Edited,
    /// Another one.
    Another,
}

/// Compares folder and metadata; `None` where nothing is noted.
pub(super) fn likeness(target: &Path, note: &Path) -> Option<Likeness> {
    let said: Note = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let root = root(target, &said.key);
    let same_folder = said.folder.is_some() && said.folder == folder(target);
    let same_metadata = checksum(&root) == Some(said.crc32c);
    if said.key.is_empty() && same_metadata {
        // a target that is one file: all of it was compared
        return Some(Likeness::Itself);
    }
    Some(match (same_folder, same_metadata) {
        (true, true) if changed_ns(&root) <= changed_ns(note) => Likeness::Itself,
        // a copy over it changes no folder
        (_, true) => Likeness::Alike,
        (true, false) => Likeness::Edited,
        (false, false) => Likeness::Another,
    })
}

/// The object that makes a store visible; without a key the target itself, which is one file.
fn root(target: &Path, key: &str) -> PathBuf {
    if key.is_empty() { target.to_owned() } else { target.join(key) }
}

/// When a file, or what the file system keeps of it, last changed.
pub(crate) fn changed_ns(path: &Path) -> Option<i128> {
    fs::symlink_metadata(path).ok().map(|found| files::changed_ns(&found))
}

/// What tells the folder (or the one file) of a store from others; `None` where none lies there.
pub(super) fn folder(path: &Path) -> Option<Identity> {
    let found = fs::symlink_metadata(path).ok().filter(|found| !found.is_symlink())?;
    Some(Identity::from(&found))
}

/// Whether stores were found to be copies: by a state's folder, that of the store, and when that one's metadata changed.
pub(super) type Compared = BTreeMap<(PathBuf, Option<Identity>, Option<i128>), bool>;

/// Whether all objects of a store have the checksums that receipts tell. It is read once in a run.
pub(super) fn is_copy(
    target: &Path,
    state: &State,
    note: &Path,
    plans: &mut Plans,
    compared: &mut Compared,
) -> bool {
    let key = (state.dir().to_owned(), folder(target), changed_ns(note).max(root_changed_ns(target)));
    *compared.entry(key).or_insert_with(|| {
        plans.dataset(state).is_some_and(|dataset| {
            if dataset.format.is_references() {
                // its metadata names the plan, and nothing but references lies beside it
                return matches!(likeness(target, note), Some(Likeness::Itself | Likeness::Alike));
            }
            Receipts::told(state, dataset).first_other(dataset.format, target).is_none()
        })
    })
}

fn root_changed_ns(target: &Path) -> Option<i128> {
    ["zarr.json", ".zmetadata", ".zgroup", ".zarray"]
        .iter()
        .filter_map(|key| changed_ns(&target.join(key)))
        .max()
}

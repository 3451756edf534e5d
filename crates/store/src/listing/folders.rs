//! The folders below one, each once, by whatever links they are reached.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::Result;

use super::explain;

/// What makes a folder a node of a Zarr store.
const ZARR: [&str; 4] = ["zarr.json", ".zgroup", ".zarray", ".zmetadata"];

/// A folder and what it holds, without following links.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) names: Vec<(OsString, FileType)>,
    /// It is a Zarr store, and nothing below it is listed.
    pub(super) is_store: bool,
}

/// `base` and all folders below it; `hidden` ones too. Symbolic links are followed where they lead to folders that were not
/// seen: what is reached without a link is listed that way, and a link to a folder above would lead around in a circle.
pub(super) fn below(base: &Path, hidden: bool, mut visit: impl FnMut(Folder) -> Result<()>) -> Result<()> {
    let mut seen: BTreeSet<(u64, u64)> = above(base);
    let (mut waiting, mut links) = (VecDeque::from([(base.to_owned(), false)]), BTreeSet::new());
    loop {
        // links wait until there is nothing else
        let link = || links.pop_first().map(|link| (link, true));
        let Some((path, linked)) = waiting.pop_front().or_else(link) else { return Ok(()) };
        let found = match fs::metadata(here(&path)) {
            Err(e) if leads_nowhere(&e) => continue,
            other => other.map_err(|e| explain(e, &path))?,
        };
        let is_new = seen.insert((found.dev(), found.ino()));
        // without links there is no circle, and not every file system numbers its folders apart
        if !found.is_dir() || (linked && !is_new) {
            continue;
        }
        let names = names(&path)?;
        let is_store = names.iter().any(|(name, kind)| kind.is_file() && ZARR.iter().any(|key| name == key));
        if !is_store {
            let open = names.iter().filter(|(name, _)| hidden || !name.as_encoded_bytes().starts_with(b"."));
            for (name, kind) in open {
                if kind.is_dir() {
                    waiting.push_back((path.join(name), linked));
                } else if kind.is_symlink() {
                    links.insert(path.join(name));
                }
            }
        }
        visit(Folder { path, names, is_store })?;
    }
}

/// Whether a path has no end: nothing is there, or links lead around in a circle.
pub(super) fn leads_nowhere(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// What a folder holds, without following links; nothing where there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<(OsString, FileType)>> {
    let here = here(folder);
    let items = match fs::read_dir(here) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other.map_err(|e| explain(e, here))?,
    };
    items
        .map(|item| {
            let item = item?;
            Ok((item.file_name(), item.file_type()?))
        })
        .collect::<io::Result<_>>()
        .map_err(|e| explain(e, here))
}

/// The folders in which a folder lies.
fn above(folder: &Path) -> BTreeSet<(u64, u64)> {
    let whole = fs::canonicalize(here(folder)).unwrap_or_default();
    let found = whole.ancestors().skip(1).filter_map(|above| fs::metadata(above).ok());
    found.map(|found| (found.dev(), found.ino())).collect()
}

fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

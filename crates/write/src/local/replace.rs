//! Whether a store may take the place of what lies at a target.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::unwritable;
use rustix::fs::{Access, access};

use super::working::{check_working_folder, is_working_folder};

/// What is no Zarr store, nobody asked to lose.
const NEVER_REPLACED: &str = "`--overwrite` replaces Zarr stores and references only: choose another target, or move what is there yourself";

/// What was found, and what to do.
const IN_WORKING_FOLDER: (&str, &str) = (
    "the folder in which another bake works",
    "choose a target outside: what lies there comes and goes with that bake",
);

/// Says before any work whether a store could be published at `target`.
///
/// # Errors
/// `target-exists` for a store without `overwrite`, and in any case for what is no Zarr store: a file, a symbolic link, a
/// directory with anything else in it; and those of [`check_place`]. `target-unwritable` where the directory above can't be
/// made or written.
pub fn check_target(target: &Path, overwrite: bool) -> Result<()> {
    check_replaced(target, overwrite)?;
    check_working_folder(target)
}

/// The same of a store that was filled, wherever that was.
pub(super) fn check_replaced(target: &Path, overwrite: bool) -> Result<()> {
    if target.file_name().is_none() {
        return Err(exists("a folder without a name of its own", target)
            .help("name the store to write, as in `--to sst.zarr`: a folder that the bake makes"));
    }
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_symlink() => {
            return Err(exists("a symbolic link", target).help("give the path that it leads to"));
        }
        Ok(found) if !found.is_dir() && is_references(target) => {
            if !overwrite {
                return Err(exists("a file of references", target)
                    .help("`--overwrite` replaces it, in one atomic step"));
            }
        }
        Ok(found) if !found.is_dir() => {
            return Err(exists("a file", target).help(NEVER_REPLACED));
        }
        Ok(_) => check_directory(target, overwrite)?,
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(unwritable(target, e)),
    }
    check_parent(target)?;
    check_around(target)
}

/// Says whether a place is one for a store and the folder in which it is baked, whatever lies there now.
///
/// # Errors
/// `target-exists` for a target in another store or in the working folder of another bake, and for one whose working folder
/// would be a store, a file, or a folder that no bake made.
pub fn check_place(target: &Path) -> Result<()> {
    check_around(target)?;
    check_working_folder(target)
}

/// A store inside another one would go with it when that one is replaced, and its readers would not see it; what lies where
/// a bake works is not for readers at all.
fn check_around(target: &Path) -> Result<()> {
    let above = nearest(target);
    let above = fs::canonicalize(above).map_err(|e| unwritable(above, e))?;
    let around = |(what, help): (&str, &str), above: &Path| {
        let message = format!("found {what} around the target: {}", above.display());
        Err(Error::new(Code::TargetExists, message).at(target.display().to_string()).help(help))
    };
    for above in above.ancestors() {
        if is_zarr(above) {
            return around(("a Zarr store", "choose a target that lies in no other store"), above);
        }
        if is_working_folder(above) {
            return around(IN_WORKING_FOLDER, above);
        }
    }
    Ok(())
}

/// The nearest directory above that exists.
fn nearest(target: &Path) -> &Path {
    let mut above = parent(target);
    while above.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound) && parent(above) != above {
        above = parent(above);
    }
    above
}

fn check_directory(target: &Path, overwrite: bool) -> Result<()> {
    let mut entries = fs::read_dir(target).map_err(|e| unwritable(target, e))?;
    match (is_zarr(target), overwrite) {
        (true, true) => Ok(()),
        (true, false) => {
            Err(exists("a Zarr store", target).help("`--overwrite` replaces it, in one atomic step"))
        }
        (false, _) if entries.next().is_none() => Ok(()),
        (false, _) => {
            Err(exists("a directory with files that are no Zarr store", target).help(NEVER_REPLACED))
        }
    }
}

/// The nearest directory above that exists must be one that can be written.
fn check_parent(target: &Path) -> Result<()> {
    let above = nearest(target);
    access(above, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(io::Error::from)
        .and_then(|()| if above.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) })
        .map_err(|e| unwritable(above, e))
}

/// Whether a directory has the metadata of a Zarr node.
pub(super) fn is_zarr(path: &Path) -> bool {
    ["zarr.json", ".zgroup", ".zmetadata", ".zarray"].iter().any(|key| path.join(key).is_file())
}

/// Bytes of a file by which it is told whether it holds references.
const HEAD_BYTES: u64 = 4096;

/// Whether a file holds references as kerchunk writes them: a JSON object with `refs`, or with the keys of a store.
pub(super) fn is_references(path: &Path) -> bool {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head);
    let keys = ["\"refs\"", "\".zgroup\"", "\".zmetadata\""];
    read.is_ok() && text.trim_start().starts_with('{') && keys.iter().any(|key| text.contains(key))
}

/// The directory that holds `path`; of a bare name, the current one.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => path,
    }
}

pub(super) fn exists(found: &str, target: &Path) -> Error {
    Error::new(Code::TargetExists, format!("found {found}, expected nothing"))
        .at(target.display().to_string())
}

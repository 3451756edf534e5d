//! The working folder of a bake, `TARGET.bake`: its names, and how it is told from what others made.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::{remove_tree, unwritable};

use super::replace::is_zarr;

/// What stands behind the name of a target.
const END: &str = ".bake";
/// The name of the file that is locked; it is empty.
pub const LOCK: &str = "lock";
/// The name of the receipts of what is published, while it is baked anew.
pub const RECEIPTS_BEFORE: &str = "receipts.before";
/// What lies in the folder of one bake, in the order in which it goes: what says that something was published first, then
/// what is large, last what tells whose it was.
const PARTS: [&str; 9] = [
    "done",
    "visible",
    "store",
    "store.publishing",
    "scratch",
    "scratch-folder",
    RECEIPTS_BEFORE,
    "receipts",
    "plan.json",
];
/// Hexadecimal digits of a digest, which names the folder of one bake.
const DIGEST_DIGITS: usize = 64;

/// `TARGET.bake`, where a bake to `target` works.
pub fn working_folder(target: &Path) -> PathBuf {
    let mut name = target.file_name().map(OsStr::to_os_string).unwrap_or_default();
    name.push(END);
    target.with_file_name(name)
}

/// The folders of single bakes in a working folder, by name.
pub fn bakes_in(working: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(working).into_iter().flatten().flatten();
    let mut bakes: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_bake(path)).collect();
    bakes.sort();
    bakes
}

/// Removes the folder of one bake: what a bake makes there, and nothing else. Whether all of it is gone.
pub fn remove_bake(folder: &Path) -> bool {
    let parts: Vec<PathBuf> =
        PARTS.iter().map(|part| folder.join(part)).chain(partial_files(folder)).collect();
    // one that stays says what lies behind it: the rest is kept, too
    parts.iter().try_for_each(|part| remove_tree(part)).is_ok() && fs::remove_dir(folder).is_ok()
}

/// What of a folder's files was being written when a bake was cut off.
pub fn partial_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "partial"))
}

/// Removes a working folder in which nothing lies but its lock.
pub fn remove_working_folder(working: &Path) {
    if fs::read_dir(working).is_ok_and(|entries| entries.flatten().all(|entry| is_lock(&entry.path()))) {
        let _left = fs::remove_file(working.join(LOCK));
        let _left = fs::remove_dir(working);
    }
}

/// Refuses a target whose working folder would be something that no bake made.
///
/// # Errors
/// `target-exists` with what lies there.
pub(super) fn check_working_folder(target: &Path) -> Result<()> {
    let working = working_folder(target);
    let found = match fs::metadata(&working) {
        // what can't be made, making it says
        Err(_) => return Ok(()),
        Ok(found) if !found.is_dir() => "a file",
        Ok(_) if is_zarr(&working) => "a Zarr store",
        Ok(_) if is_working(&working) => return Ok(()),
        Ok(_) => {
            let mut entries = fs::read_dir(&working).map_err(|e| unwritable(&working, e))?;
            if entries.next().is_none() {
                return Ok(());
            }
            "a folder that no bake made"
        }
    };
    let message = format!("found {found} where a bake to this target would work: {}", working.display());
    Err(Error::new(Code::TargetExists, message)
        .at(target.display().to_string())
        .help("choose another target, or move or rename what lies there"))
}

/// Whether a folder is one in which a bake works or worked.
pub(super) fn is_working_folder(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(END.as_bytes())) && is_working(path)
}

fn is_working(path: &Path) -> bool {
    is_lock(&path.join(LOCK)) || !bakes_in(path).is_empty()
}

fn is_lock(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new(LOCK))
        && fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0)
}

fn is_bake(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let digest = name.len() == DIGEST_DIGITS && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    digest && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

//! Temporary files of a run, for what is downloaded or unpacked without a cache.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Result};

use crate::files::{create_dirs, rename_noreplace, unwritable};
use crate::local::{LocalObject, RemoveOnDrop, lock};

/// Bytes of temporary downloads that are kept although nobody reads them, so that the stages of a run fetch once.
const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Temporary downloads of one run.
#[derive(Default)]
pub(crate) struct Spools {
    scratch: Option<PathBuf>,
    folder: Mutex<Option<Arc<Folder>>>,
    kept: Mutex<VecDeque<(String, Arc<LocalObject>)>>,
}

/// A private folder, removed with the run and the last object in it. The lock tells later runs that it is in use.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    count: AtomicU64,
    _lock: File,
}

/// A temporary download; removed when dropped.
#[derive(Debug)]
pub(crate) struct Spooled {
    _file: RemoveOnDrop,
    _folder: Arc<Folder>,
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

const FOLDER_PREFIX: &str = "arcoforge-download-";
/// A folder that is not locked yet.
const UNBORN_PREFIX: &str = "arcoforge-new-download-";

impl fmt::Debug for Spools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spools").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Spools {
    pub(crate) fn new(scratch: Option<PathBuf>) -> Self {
        Self { scratch, ..Self::default() }
    }

    /// A new file's path, and what removes the file in the end.
    pub(crate) fn path(&self) -> Result<(PathBuf, Spooled)> {
        let mut slot = lock(&self.folder);
        let folder =
            match &*slot {
                Some(folder) => Arc::clone(folder),
                None => Arc::clone(slot.insert(Arc::new(Folder::create(
                    &self.scratch.clone().unwrap_or_else(std::env::temp_dir),
                )?))),
            };
        let number = folder.count.fetch_add(1, Ordering::Relaxed);
        let path = folder.path.join(number.to_string());
        Ok((path.clone(), Spooled { _file: RemoveOnDrop(path), _folder: folder }))
    }

    /// The download of this URL, if it is still there.
    pub(crate) fn find(&self, url: &str) -> Option<Arc<LocalObject>> {
        lock(&self.kept).iter().find(|(kept, _)| kept == url).map(|(_, object)| Arc::clone(object))
    }

    /// Keeps a download for the next one who opens the URL.
    pub(crate) fn keep(&self, url: &str, object: &Arc<LocalObject>) {
        use crate::object::Object;
        let mut kept = lock(&self.kept);
        kept.push_back((url.to_owned(), Arc::clone(object)));
        let mut bytes: u64 = kept.iter().map(|(_, o)| o.validator().size).fold(0, u64::saturating_add);
        while bytes > KEPT_BYTES_MAX
            && let Some((_, dropped)) = kept.pop_front()
        {
            bytes = bytes.saturating_sub(dropped.validator().size);
        }
    }
}

impl Folder {
    fn create(parent: &Path) -> Result<Self> {
        create_dirs(parent)?;
        sweep(parent);
        let explain =
            |e| unwritable(parent, e).help("give `--scratch DIR` or `--cache DIR` on a disk with space");
        let process = std::process::id();
        let mut number = 0;
        let unborn = loop {
            let path = parent.join(format!("{UNBORN_PREFIX}{process}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                other => break other.map(|()| path).map_err(explain)?,
            }
        };
        // Locked before it has the name that others sweep. Where files can't be locked, nothing is swept either.
        let file = File::create(unborn.join("lock")).map_err(explain)?;
        let _ = file.try_lock();
        let path = loop {
            let path = parent.join(format!("{FOLDER_PREFIX}{process}-{number}"));
            match rename_noreplace(&unborn, &path) {
                Err(e) if e.code == Code::TargetExists && number < 2000 => number += 1,
                other => break other.map(|()| path)?,
            }
        };
        Ok(Self { path, count: AtomicU64::new(0), _lock: file })
    }
}

/// Removes folders of runs that were killed.
fn sweep(parent: &Path) {
    let Ok(items) = fs::read_dir(parent) else { return };
    for item in items.flatten() {
        if item.file_name().as_encoded_bytes().starts_with(FOLDER_PREFIX.as_bytes())
            && let Ok(file) = File::open(item.path().join("lock"))
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_use_are_never_swept() {
        let parent = tempfile::tempdir().expect("a folder");
        let run = || {
            for _ in 0..100 {
                let folder = Folder::create(parent.path()).expect("a folder of its own");
                fs::write(folder.path.join("0"), b"x").expect("still there");
                assert!(folder.path.join("0").is_file());
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
        assert_eq!(fs::read_dir(parent.path()).expect("the parent").count(), 0, "something was left behind");
    }
}

//! A repository in a folder of this machine: what Icechunk asks of storage, by plain files.
//!
//! Icechunk's own storage of files neither updates conditionally nor flushes, so that two writers lose a commit and a loss of
//! power leaves a root that names what is not there. Here a conditional write compares under a lock, and everything written
//! before is on the disk first.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::unwritable;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::objects::{Expected, Listed, Objects};

/// Names with this in them are of writes that were cut off; Icechunk's own storage of files passes them over, too.
const UNFINISHED: char = '#';
/// The file in the repository's folder that is locked while two states are compared. It is empty, stays where it is, and is
/// no object. Network file systems lock files that are open for writing, and no folders.
pub(crate) const LOCK: &str = "arcoforge.lock";

/// A folder that holds a repository.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Holds the lock until the file is dropped.
    fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.root).map_err(|e| unwritable(&self.root, e))?;
        let path = self.path(LOCK);
        let mut how = OpenOptions::new();
        let file = how.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| unwritable(&path, e))?;
        loop {
            match file.lock() {
                Ok(()) => return Ok(file),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(unlocked(&path, e)),
            }
        }
    }

    /// Compares and writes while nobody else does. What was written before is flushed first: the object may name it.
    fn put_if(&self, path: &Path, bytes: &[u8], expected: &Expected) -> Result<Option<String>> {
        let held = self.lock()?;
        let failed = |e| unwritable(path, e);
        let now = found(path).map_err(failed)?.map(|found| version(&found));
        let same = match expected {
            Expected::Anything => true,
            Expected::Absent => now.is_none(),
            Expected::Version(version) => now.as_ref() == Some(version),
        };
        if !same {
            return Ok(None);
        }
        rustix::fs::syncfs(&held).map_err(|e| failed(e.into()))?;
        write(path, bytes, |unfinished| File::open(unfinished)?.sync_all()).map_err(failed)?;
        let flushed = path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all());
        flushed.and_then(|()| fs::metadata(path)).map(|found| Some(version(&found))).map_err(failed)
    }

    fn read(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Option<(Bytes, String)>> {
        let mut file = match File::open(self.path(key)) {
            Err(e) if is_absent(&e) => return Ok(None),
            other => other?,
        };
        let found = file.metadata()?;
        let mut bytes = Vec::new();
        match range {
            None => drop(file.read_to_end(&mut bytes)?),
            Some(range) => {
                let length = range.end.min(found.len()).saturating_sub(range.start);
                bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
                file.read_exact_at(&mut bytes, range.start)?;
            }
        }
        Ok(Some((bytes.into(), version(&found))))
    }

    fn all(&self, prefix: &str) -> io::Result<Vec<Listed>> {
        let (mut folders, mut listed) = (vec![self.path(prefix.trim_end_matches('/'))], Vec::new());
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other?,
            };
            for entry in entries {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let path = entry.path();
                let key = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
                if !key.contains(UNFINISHED) && key != LOCK {
                    listed.push(Listed { key, bytes: metadata.len(), modified: modified(&metadata) });
                }
            }
        }
        Ok(listed)
    }
}

/// Without a lock two writers would lose a commit: nothing is written then.
fn unlocked(path: &Path, cause: io::Error) -> Error {
    const NO_LOCKS: [i32; 2] =
        [rustix::io::Errno::NOLCK.raw_os_error(), rustix::io::Errno::OPNOTSUPP.raw_os_error()];
    let none =
        cause.kind() == ErrorKind::Unsupported || cause.raw_os_error().is_some_and(|n| NO_LOCKS.contains(&n));
    if !none {
        let error = Error::new(Code::TargetUnwritable, "can't lock the repository").caused_by(cause);
        return error.at(path.display().to_string());
    }
    let message = "the file system of the repository has no locks, without which two writers lose a commit";
    Error::new(Code::TargetUnwritable, message).caused_by(cause).at(path.display().to_string()).help(
        "put the repository on a local disk, on a network file system with locks, or into an object store",
    )
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn found(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A name beside an object, of no other write.
fn unfinished(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("{UNFINISHED}{}{number:06}", std::process::id()));
    path.with_file_name(name)
}

/// Writes a file that appears whole (two who make a repository at once both write its first snapshot), with its folder where
/// that is missing.
fn write(path: &Path, bytes: &[u8], before: impl Fn(&Path) -> io::Result<()>) -> io::Result<String> {
    let unfinished = unfinished(path);
    let written = match fs::write(&unfinished, bytes) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&unfinished, bytes)
        }
        other => other,
    };
    let appeared = written.and_then(|()| before(&unfinished)).and_then(|()| fs::rename(&unfinished, path));
    if let Err(error) = appeared {
        let _left = fs::remove_file(&unfinished);
        return Err(error);
    }
    fs::metadata(path).map(|found| version(&found))
}

/// What tells one state of an object from every other: objects that change are new files each time.
fn version(found: &Metadata) -> String {
    let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    format!("{:x}-{modified:x}-{:x}", found.ino(), found.len())
}

fn modified(found: &Metadata) -> DateTime<Utc> {
    found.modified().unwrap_or(SystemTime::UNIX_EPOCH).into()
}

impl Objects for Folder {
    fn shown(&self) -> String {
        self.root.display().to_string()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<(Bytes, String)>> {
        self.read(key, range).map_err(|e| {
            let error = Error::new(Code::TargetUnwritable, "can't be read").caused_by(e);
            error.at(self.path(key).display().to_string())
        })
    }

    fn put(&self, key: &str, bytes: Bytes, expected: &Expected) -> Result<Option<String>> {
        let path = self.path(key);
        match expected {
            Expected::Anything => {
                write(&path, &bytes, |_| Ok(())).map(Some).map_err(|e| unwritable(&path, e))
            }
            Expected::Absent | Expected::Version(_) => self.put_if(&path, &bytes, expected),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        self.all(prefix).map_err(|e| {
            let error = Error::new(Code::TargetUnwritable, "can't be listed").caused_by(e);
            error.at(self.path(prefix).display().to_string())
        })
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        keys.iter().map(|key| self.path(key)).try_for_each(|path| match fs::remove_file(&path) {
            Err(e) if !is_absent(&e) => Err(unwritable(&path, e)),
            _ => Ok(()),
        })
    }

    fn modified(&self, key: &str) -> Result<Option<DateTime<Utc>>> {
        let path = self.path(key);
        let found = found(&path).map_err(|e| unwritable(&path, e))?;
        Ok(found.map(|found| modified(&found)))
    }
}

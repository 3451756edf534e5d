//! A folder as a place of objects: what lies above works on both.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arcoforge_core::error::{Code, Error, Result};
use rustix::fs::{FlockOperation, flock};

use super::{Got, Guard, Item, Page, PageOf, Place, Put, Upload};
use crate::files::{create_dirs, temporary_beside, unwritable};
use crate::local::{explain_io, modified_ns};
use crate::object::beyond_end;

/// How often a folder is made anew that others take away.
const TRIES_MAX: u32 = 100;

/// Keys are paths below it. Writers of several processes exclude each other by a lock on the folder itself, so that no
/// file of theirs lies among the objects.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    /// Held until it is dropped.
    fn lock(&self) -> Result<File> {
        create_dirs(&self.0)?;
        let folder = File::open(&self.0).map_err(|e| unwritable(&self.0, e))?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|e| unwritable(&self.0, e.into()))?;
        Ok(folder)
    }

    /// A file beside the object that bears another time than any before.
    fn fill(&self, key: &str, bytes: &[u8]) -> Result<Filled> {
        let mut filled = Filled::begin(self.path(key))?;
        filled.write(bytes)?;
        Ok(filled)
    }
}

/// A file under a temporary name, removed unless it is placed.
#[derive(Debug)]
struct Filled {
    temporary: PathBuf,
    path: PathBuf,
    file: File,
}

impl Filled {
    fn begin(path: PathBuf) -> Result<Self> {
        let temporary = temporary_beside(&path);
        let mut tries = 0;
        loop {
            if let Some(folder) = path.parent() {
                create_dirs(folder)?;
            }
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Self { temporary, path, file }),
                // who deletes the last object of a folder takes the folder away
                Err(e) if e.kind() == io::ErrorKind::NotFound && tries < TRIES_MAX => tries += 1,
                Err(e) => return Err(unwritable(&path, e)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| unwritable(&self.path, e))
    }

    /// Gives the file its name; the caller holds the lock.
    fn place(&self) -> Result<String> {
        // the clock of files is coarse, and tells two files that were written at once not apart
        let placed = self.file.set_modified(SystemTime::now()).and_then(|()| self.file.metadata());
        let metadata = placed.map_err(|e| unwritable(&self.path, e))?;
        fs::rename(&self.temporary, &self.path).map_err(|e| unwritable(&self.path, e))?;
        Ok(etag(&metadata))
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

fn etag(metadata: &fs::Metadata) -> String {
    format!("\"{:x}-{:x}-{:x}\"", metadata.ino(), modified_ns(metadata).unwrap_or_default(), metadata.size())
}

fn item(key: &str, metadata: &fs::Metadata) -> Item {
    Item {
        key: key.to_owned(),
        size: metadata.size(),
        etag: Some(etag(metadata)),
        modified_ns: modified_ns(metadata),
    }
}

/// What a path has, if it is there.
fn found<T>(result: io::Result<T>, path: &Path) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(explain_io(e, path).at(path.display().to_string())),
    }
}

impl Place for Folder {
    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Got>> {
        let path = self.path(key);
        let Some(mut file) = found(File::open(&path), &path)? else { return Ok(None) };
        let shown = path.display().to_string();
        let failed = |e| explain_io(e, &path).at(&shown);
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Ok(None);
        }
        let range = range.unwrap_or(0..metadata.size());
        if range.start > range.end || range.end > metadata.size() {
            return Err(beyond_end(&shown, range.start, range.end, metadata.size()));
        }
        let length = usize::try_from(range.end - range.start).map_err(|e| {
            Error::new(Code::SourceLimit, "range does not fit in memory").caused_by(e).at(&shown)
        })?;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(range.start)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
        Ok(Some(Got { bytes, item: item(key, &metadata) }))
    }

    fn head(&self, key: &str) -> Result<Option<Item>> {
        let path = self.path(key);
        let metadata = found(fs::metadata(&path), &path)?;
        Ok(metadata.filter(fs::Metadata::is_file).map(|metadata| item(key, &metadata)))
    }

    fn page(&self, prefix: &str, deep: bool, _next: Option<&str>) -> Result<PageOf> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut page = Page::default();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let path = self.path(&folder);
            let Some(entries) = found(fs::read_dir(&path), &path)? else { continue };
            for entry in entries {
                let failed = |e| explain_io(e, &path).at(path.display().to_string());
                let entry = entry.map_err(failed)?;
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                // one that is gone again was on its way
                let Some(metadata) = found(fs::metadata(entry.path()), &path)? else { continue };
                if metadata.is_file() && key.starts_with(prefix) && !is_temporary(&key) {
                    page.items.push(item(&key, &metadata));
                } else if metadata.is_dir() && deep {
                    open.push(key);
                } else if metadata.is_dir() && key.starts_with(prefix) {
                    page.folders.push(format!("{key}/"));
                }
            }
        }
        page.folders.sort_unstable();
        Ok(PageOf { page, next: None })
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String> {
        let filled = self.fill(key, &bytes)?;
        let _lock = self.lock()?;
        filled.place()
    }

    fn put_if(&self, key: &str, expected: Option<&str>, bytes: Vec<u8>) -> Result<Put> {
        let filled = self.fill(key, &bytes)?;
        let _lock = self.lock()?;
        let there = self.head(key)?.and_then(|item| item.etag);
        if there.as_deref() != expected {
            return Ok(Put::Conflict);
        }
        Ok(Put::Done { etag: filled.place()? })
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let _lock = self.lock()?;
        for key in keys {
            let path = self.path(key);
            match fs::remove_file(&path) {
                Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Err(unwritable(&path, e));
                }
                _ => self.remove_empty(&path),
            }
        }
        Ok(())
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let path = self.path(from);
        let mut source =
            File::open(&path).map_err(|e| explain_io(e, &path).at(path.display().to_string()))?;
        let mut filled = Filled::begin(self.path(to))?;
        io::copy(&mut source, &mut filled.file).map_err(|e| unwritable(&filled.path, e))?;
        let _lock = self.lock()?;
        filled.place().map(drop)
    }

    fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        Ok(Box::new(Parts { folder: Self(self.0.clone()), filled: Some(Filled::begin(self.path(key))?) }))
    }

    fn guarded(&self, _: Guard) -> Option<Arc<dyn Place>> {
        None
    }
}

impl Folder {
    /// Folders without objects do not exist in a bucket.
    fn remove_empty(&self, path: &Path) {
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.0) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// The names that [`temporary_beside`] gives.
fn is_temporary(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.starts_with('.') && name.ends_with(".partial")
}

#[derive(Debug)]
struct Parts {
    folder: Folder,
    filled: Option<Filled>,
}

impl Upload for Parts {
    fn part(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.filled.as_mut().map_or(Ok(()), |filled| filled.write(&bytes))
    }

    fn finish(&mut self) -> Result<String> {
        let Some(filled) = self.filled.take() else {
            return Err(Error::new(Code::Bug, "an upload was finished twice"));
        };
        let _lock = self.folder.lock()?;
        filled.place()
    }

    fn abort(&mut self) {
        self.filled = None;
    }
}

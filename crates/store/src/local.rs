//! Files of this machine: positioned reads, and few open file descriptors however many objects there are.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arcoforge_core::error::{Code, Error, Result};
use rustix::fs::OFlags;

use crate::object::{Object, Validator, check_range};

/// Open descriptors kept per [`FilePool`]: far below the usual limit of 1,024 (256 on some systems).
const OPEN_FILES_MAX: usize = 200;

/// Keeps the number of open descriptors bounded: beyond the limit the one opened first is closed, and reopened when
/// its object is read again.
#[derive(Debug, Default)]
pub(crate) struct FilePool {
    opened: Mutex<VecDeque<Weak<Slot>>>,
}

/// The descriptor of one object, if it is open.
#[derive(Debug, Default)]
struct Slot(Mutex<Option<Arc<File>>>);

impl FilePool {
    fn register(&self, slot: &Arc<Slot>) {
        let evicted = {
            let mut opened = lock(&self.opened);
            opened.push_back(Arc::downgrade(slot));
            if opened.len() > OPEN_FILES_MAX { opened.pop_front() } else { None }
        };
        if let Some(slot) = evicted.and_then(|slot| slot.upgrade()) {
            *lock(&slot.0) = None;
        }
    }
}

/// A poisoned lock guards plain values here that are valid at any time, so it is used as it is.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A regular file, read with `pread`.
#[derive(Debug)]
pub(crate) struct LocalObject {
    path: PathBuf,
    url: String,
    validator: Validator,
    stamp: Stamp,
    slot: Arc<Slot>,
    pool: Arc<FilePool>,
    /// Lives as long as this object: what removes a temporary file.
    _guard: Option<Guard>,
}

/// What must not change between two opens of the same path.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified_ns: Option<i64>,
    device: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified_ns: modified_ns(metadata),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Something that is dropped with an object.
pub(crate) type Guard = Box<dyn Debug + Send + Sync>;

/// Removes a file when it is dropped.
#[derive(Debug)]
pub(crate) struct RemoveOnDrop(pub(crate) PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl LocalObject {
    /// Opens a regular file that is not empty; `url` is how messages call it.
    pub(crate) fn open(pool: &Arc<FilePool>, path: &Path, url: &str) -> Result<Self> {
        let (file, metadata) = open_regular(path).map_err(|failure| failure.explain(path, url))?;
        if metadata.size() == 0 {
            return Err(Error::new(Code::SourceNotData, "the file is empty")
                .at(url)
                .help("a download or a copy was probably cut off: fetch the file again"));
        }
        let stamp = Stamp::of(&metadata);
        let validator = Validator { size: stamp.size, etag: None, modified_ns: stamp.modified_ns };
        let slot = Arc::new(Slot(Mutex::new(Some(Arc::new(file)))));
        pool.register(&slot);
        Ok(Self {
            path: path.to_owned(),
            url: url.to_owned(),
            validator,
            stamp,
            slot,
            pool: Arc::clone(pool),
            _guard: None,
        })
    }

    /// A downloaded file, presented as the remote object that it is a copy of.
    pub(crate) fn standing_for(mut self, validator: Validator, guard: Option<Guard>) -> Self {
        self.validator = Validator { size: self.stamp.size, ..validator };
        self._guard = guard;
        self
    }

    fn file(&self) -> Result<Arc<File>> {
        let mut slot = lock(&self.slot.0);
        if let Some(file) = &*slot {
            return Ok(Arc::clone(file));
        }
        let (file, metadata) = open_regular(&self.path).map_err(|failure| match failure {
            Failure::Io(e) if e.kind() == io::ErrorKind::NotFound => changed(&self.url),
            failure => failure.explain(&self.path, &self.url),
        })?;
        if Stamp::of(&metadata) != self.stamp {
            return Err(changed(&self.url));
        }
        let file = Arc::new(file);
        *slot = Some(Arc::clone(&file));
        drop(slot);
        self.pool.register(&self.slot);
        Ok(file)
    }
}

impl Object for LocalObject {
    fn url(&self) -> &str {
        &self.url
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = check_range(&self.url, offset, out.len(), self.stamp.size)?;
        if out.is_empty() {
            return Ok(());
        }
        self.file()?.read_exact_at(out, offset).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => changed(&self.url).in_range(offset, end),
            _ => Error::new(Code::SourceUnreachable, "the file can't be read")
                .caused_by(e)
                .at(&self.url)
                .in_range(offset, end),
        })
    }

    fn is_remote(&self) -> bool {
        false
    }
}

fn changed(url: &str) -> Error {
    Error::new(Code::SourceChanged, "the file changed since it was opened (size, time or inode)")
        .at(url)
        .help("wait until nothing writes to it any more, then run again")
}

/// Why a file could not be opened.
enum Failure {
    Io(io::Error),
    Directory,
    NotRegular,
}

fn open_regular(path: &Path) -> Result<(File, Metadata), Failure> {
    // Without NONBLOCK, opening a named pipe would wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Failure::Io)?;
    let metadata = file.metadata().map_err(Failure::Io)?;
    if metadata.is_dir() {
        return Err(Failure::Directory);
    }
    if !metadata.is_file() {
        return Err(Failure::NotRegular);
    }
    Ok((file, metadata))
}

impl Failure {
    fn explain(self, path: &Path, url: &str) -> Error {
        let error = match self {
            Self::Directory => Error::new(Code::SourceNotData, "found a directory, expected a file")
                .help(format!("for the files below it, write `{}/**/*.nc`", url.trim_end_matches('/'))),
            Self::NotRegular => {
                Error::new(Code::SourceNotData, "found a device, socket or pipe, expected a regular file")
                    .help("copy what it delivers into a file first")
            }
            Self::Io(e) => explain_io(e, path),
        };
        error.at(url)
    }
}

/// An error of the file system as an error of a source.
pub(crate) fn explain_io(e: io::Error, path: &Path) -> Error {
    match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(Code::SourceNotFound, "the file does not exist").help(where_it_ends(path))
        }
        io::ErrorKind::PermissionDenied => {
            Error::new(Code::SourceDenied, "the file may not be read").caused_by(e).help(format!(
                "grant this user the right to read it and to enter its folders: `chmod a+r {}`",
                path.display()
            ))
        }
        _ => Error::new(Code::SourceUnreachable, "the file can't be opened").caused_by(e),
    }
}

/// Names the nearest folder above `path` that exists.
pub(crate) fn where_it_ends(path: &Path) -> String {
    match nearest_existing(path) {
        Some(parent) if Some(parent) == path.parent() => {
            format!("its folder `{}` exists: check the file's name", shown(parent))
        }
        Some(parent) => format!("the nearest folder that exists is `{}`", shown(parent)),
        None => "check the path".to_owned(),
    }
}

fn nearest_existing(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|parent| parent.as_os_str().is_empty() || parent.is_dir())
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

/// Nanoseconds since 1970, where they fit into 64 bits (up to the year 2262).
pub(crate) fn modified_ns(metadata: &Metadata) -> Option<i64> {
    metadata.mtime().checked_mul(1_000_000_000)?.checked_add(metadata.mtime_nsec())
}

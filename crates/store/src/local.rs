//! Files of this machine: positioned reads, and few open file descriptors however many objects there are.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arcoforge_core::error::{Code, Error, Result};
use rustix::fs::OFlags;

use crate::location::Location;
use crate::object::{Access, Object, Validator, check_range};

/// Open descriptors kept per [`FilePool`]: far below the usual limit of 1,024 (256 on some systems).
const OPEN_FILES_MAX: usize = 200;

/// Keeps the number of open descriptors bounded: beyond the limit the one opened first is closed, and reopened when
/// its object is read again.
#[derive(Debug, Default)]
pub(crate) struct FilePool(Mutex<Opened>);

/// Open files by the number of their opening.
#[derive(Debug, Default)]
struct Opened {
    files: BTreeMap<u64, Arc<File>>,
    openings: u64,
}

impl Opened {
    /// Keeps a file open; the number by which it is found until it is closed.
    fn keep(&mut self, file: Arc<File>) -> u64 {
        if self.files.len() >= OPEN_FILES_MAX {
            self.files.pop_first();
        }
        self.openings += 1;
        self.files.insert(self.openings, file);
        self.openings
    }
}

/// A poisoned lock guards plain values here that are valid at any time, so it is used as it is.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A regular file, read with `pread`. An archive has millions of them: no text is held twice.
#[derive(Debug)]
pub(crate) struct LocalObject {
    url: Arc<str>,
    /// Where that is not what it is called.
    path: Option<Box<Path>>,
    /// Size and time of the file.
    validator: Validator,
    device: u64,
    inode: u64,
    /// Where the pool has it, if it is open.
    opening: AtomicU64,
    pool: Arc<FilePool>,
    standing: Option<Box<Standing>>,
    /// Its bytes lie nowhere else as they are.
    is_unpacked: bool,
}

/// What a downloaded or unpacked file stands for.
#[derive(Debug)]
struct Standing {
    validator: Validator,
    /// Lives as long as the object: what removes a temporary file.
    guard: Option<Guard>,
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
        let opening = lock(&pool.0).keep(Arc::new(file));
        Ok(Self {
            url: url.into(),
            path: (path.as_os_str() != url).then(|| path.into()),
            validator: version(&metadata),
            device: metadata.dev(),
            inode: metadata.ino(),
            opening: AtomicU64::new(opening),
            pool: Arc::clone(pool),
            standing: None,
            is_unpacked: false,
        })
    }

    /// A downloaded file, presented as the remote object that it is a copy of.
    pub(crate) fn standing_for(mut self, validator: Validator, guard: Option<Guard>) -> Self {
        let validator = Validator { size: self.validator.size, ..validator };
        self.standing = Some(Box::new(Standing { validator, guard }));
        self
    }

    /// A file that holds what another one holds compressed.
    pub(crate) fn unpacked(mut self) -> Self {
        self.is_unpacked = true;
        self
    }

    fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or_else(|| Path::new(&*self.url))
    }

    fn file(&self) -> Result<Arc<File>> {
        if let Some(file) = lock(&self.pool.0).files.get(&self.opening.load(Ordering::Relaxed)) {
            return Ok(Arc::clone(file));
        }
        let path = self.path();
        let (file, metadata) = open_regular(path).map_err(|failure| match failure {
            Failure::Io(e) if e.kind() == io::ErrorKind::NotFound => changed(&self.url),
            failure => failure.explain(path, &self.url),
        })?;
        if !self.is(&metadata) {
            return Err(changed(&self.url));
        }
        let mut opened = lock(&self.pool.0);
        // another thread may have opened it by now
        if let Some(file) = opened.files.get(&self.opening.load(Ordering::Relaxed)) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(file);
        self.opening.store(opened.keep(Arc::clone(&file)), Ordering::Relaxed);
        Ok(file)
    }

    /// Whether what lies at the path now is the file that was opened.
    fn is(&self, metadata: &Metadata) -> bool {
        version(metadata) == self.validator && metadata.dev() == self.device && metadata.ino() == self.inode
    }
}

impl Drop for LocalObject {
    fn drop(&mut self) {
        lock(&self.pool.0).files.remove(self.opening.get_mut());
    }
}

impl Object for LocalObject {
    fn url(&self) -> &str {
        &self.url
    }

    fn name(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }

    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        Ok((!self.is_unpacked).then(|| (self.name(), offset)))
    }

    fn validator(&self) -> &Validator {
        self.standing.as_ref().map_or(&self.validator, |standing| &standing.validator)
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = check_range(&self.url, offset, out.len(), self.validator.size)?;
        if out.is_empty() {
            return Ok(());
        }
        self.file()?.read_exact_at(out, offset).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => changed(&self.url).in_range(offset, end),
            _ => Error::new(Code::SourceUnreachable, "the file can't be read")
                .caused_by(e)
                .at(&*self.url)
                .in_range(offset, end),
        })
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn access(&self) -> Access {
        let remote = || Location::parse(&self.url).is_ok_and(|location| location.is_remote());
        match &self.standing {
            Some(_) if !remote() => Access::Here,
            Some(_) if self.is_unpacked => Access::Unpacked,
            // what was fetched for this run only goes with it
            Some(standing) if standing.guard.is_some() => Access::NoRanges,
            Some(_) => Access::Kept,
            None => Access::Here,
        }
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

/// Size and time of a file.
fn version(metadata: &Metadata) -> Validator {
    Validator { size: metadata.size(), etag: None, modified_ns: modified_ns(metadata) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_takes_few_bytes_and_closes_its_file() {
        // there is one for every input of an archive
        assert!(size_of::<LocalObject>() <= 128, "{} bytes", size_of::<LocalObject>());
        let (folder, pool) = (tempfile::tempdir().expect("a folder"), Arc::new(FilePool::default()));
        let open = |number: usize| {
            let path = folder.path().join(format!("{number}.bin"));
            std::fs::write(&path, number.to_le_bytes()).expect("written");
            LocalObject::open(&pool, &path, &path.display().to_string()).expect("opened")
        };
        let mut objects: Vec<LocalObject> = (0..OPEN_FILES_MAX + 10).map(open).collect();
        assert_eq!(lock(&pool.0).files.len(), OPEN_FILES_MAX);
        for (number, object) in objects.iter().enumerate() {
            let mut found = [0; size_of::<usize>()];
            object.read_into(0, &mut found).expect("read");
            assert_eq!((usize::from_le_bytes(found), &object.path), (number, &None));
        }
        assert_eq!(lock(&pool.0).files.len(), OPEN_FILES_MAX);
        objects.truncate(OPEN_FILES_MAX);
        assert_eq!(lock(&pool.0).files.len(), OPEN_FILES_MAX - 10);
        objects.clear();
        assert!(lock(&pool.0).files.is_empty());
    }
}

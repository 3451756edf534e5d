//! Whole downloads: into the cache, or into temporary files where a server does not serve ranges.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};
use flate2::read::MultiGzDecoder;

use super::client::{Answer, Client};
use super::failure::{Failure, explain_transport};
use super::page;
use crate::files::{create_dirs, fill, free_bytes, rename_noreplace, unwritable};
use crate::local::{LocalObject, RemoveOnDrop, lock};

/// Bytes of temporary downloads that are kept although nobody reads them, so that the stages of a run fetch once.
const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes copied at a time.
const COPY_BYTES: usize = 128 * 1024;

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

/// Writes the body of an answer to `path`, unpacked, and returns its size. What is not complete is removed again.
///
/// A web page, a body shorter than its `Content-Length`, packing that can't be undone, or more bytes than the disk
/// has free are failures.
pub(crate) fn download(
    client: &Client,
    answer: Answer<'_>,
    shown: &str,
    path: &Path,
) -> Result<u64, Failure> {
    let guard = RemoveOnDrop(path.to_owned());
    check_space(&answer, shown, path).map_err(Failure::never)?;
    let head = answer.head.clone();
    let answered_by = answer.answered_by.clone();
    let body = Counted { inner: answer, count: 0 };
    let copy = Copy { client, shown, path, expected: head.content_length, packed: head.encoding.is_some() };
    let mut reader: Box<dyn Wire + '_> = match head.encoding.as_deref() {
        None => Box::new(body),
        Some("gzip" | "x-gzip") => Box::new(MultiGzDecoder::new(body)),
        Some(other) => {
            return Err(Failure::never(
                Error::new(
                    Code::SourceUnsupported,
                    format!("the server packs its answer as `{other}`, although asked not to"),
                )
                .at(shown)
                .help("download the file with a browser or `curl --compressed`"),
            ));
        }
    };
    let mut start = vec![0; page::LOOKED_AT];
    let length = copy.fill(&mut *reader, &mut start)?;
    start.truncate(length);
    if let Some(error) = page::refuse(&head, &start, shown, &answered_by) {
        return Err(Failure::never(error));
    }
    let size = copy.all(&mut *reader, &start)?;
    std::mem::forget(guard);
    Ok(size)
}

/// A body that knows how many bytes came over the wire.
trait Wire: Read {
    fn received(&self) -> u64;
}

struct Counted<'a> {
    inner: Answer<'a>,
    count: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.count = self.count.saturating_add(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

impl Wire for Counted<'_> {
    fn received(&self) -> u64 {
        self.count
    }
}

impl Wire for MultiGzDecoder<Counted<'_>> {
    fn received(&self) -> u64 {
        self.get_ref().count
    }
}

struct Copy<'a> {
    client: &'a Client,
    shown: &'a str,
    path: &'a Path,
    expected: Option<u64>,
    packed: bool,
}

impl Copy<'_> {
    fn all(&self, reader: &mut dyn Wire, start: &[u8]) -> Result<u64, Failure> {
        let disk = |e| {
            Failure::never(
                unwritable(self.path, e).help("give `--scratch DIR` or `--cache DIR` on a disk with space"),
            )
        };
        let mut file = BufWriter::new(File::create_new(self.path).map_err(disk)?);
        file.write_all(start).map_err(disk)?;
        let mut size = u64::try_from(start.len()).unwrap_or(0);
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            self.client.check_interrupted(self.shown).map_err(Failure::never)?;
            let count = self.fill(reader, &mut buffer)?;
            file.write_all(buffer.get(..count).unwrap_or_default()).map_err(disk)?;
            size = size.saturating_add(u64::try_from(count).unwrap_or(0));
            if count < buffer.len() {
                break;
            }
        }
        file.flush().map_err(disk)?;
        // a connection that was shut down may look like the end of a body
        self.client.check_interrupted(self.shown).map_err(Failure::never)?;
        match self.expected {
            Some(expected) if reader.received() != expected => {
                Err(Failure::short(self.shown, reader.received(), expected))
            }
            _ => Ok(size),
        }
    }

    /// Reads until the buffer is full or the body ends.
    fn fill(&self, reader: &mut dyn Wire, buffer: &mut [u8]) -> Result<usize, Failure> {
        fill(reader, buffer).map_err(|e| self.explain(e, reader.received()))
    }

    fn explain(&self, e: io::Error, received: u64) -> Failure {
        match (e.kind(), self.expected) {
            (io::ErrorKind::UnexpectedEof, Some(expected)) if received < expected => {
                Failure::short(self.shown, received, expected)
            }
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, _) if self.packed => Failure::soon(
                Error::new(Code::SourceCorrupt, "the packed answer of the server does not unpack")
                    .caused_by(e)
                    .at(self.shown)
                    .help("download the file with a browser and look at it"),
            ),
            _ => explain_transport(e.into(), self.shown, self.client.options().read_timeout),
        }
    }
}

fn check_space(answer: &Answer<'_>, shown: &str, path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let (Some(needed), Some(free)) = (answer.head.content_length, free_bytes(folder)) else {
        return Ok(());
    };
    if needed <= free {
        return Ok(());
    }
    Err(Error::new(
        Code::SourceLimit,
        format!(
            "the server announces {needed} bytes to be read whole, `{}` has {free} free",
            folder.display()
        ),
    )
    .at(shown)
    .help("give `--cache DIR` on a larger disk, or use a server that serves ranges"))
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

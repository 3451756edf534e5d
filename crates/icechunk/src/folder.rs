//! A repository in a folder of this machine: what Icechunk asks of storage, by plain files.
//!
//! Icechunk's own storage of files neither updates conditionally nor flushes, so that two writers lose a commit and a loss of
//! power leaves a root that names what is not there. Here a conditional write compares under a lock of the folder, and
//! everything written before is on the disk first.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, Stream};
use icechunk::storage::{
    ConcurrencySettings, DeleteObjectsResult, GetModifiedResult, ListInfo, RetriesSettings, Settings,
    Storage, StorageContext, StorageError, StorageErrorKind, StorageInfo, VersionInfo, VersionedUpdateResult,
};
use icechunk_storage::StorageResult;
use serde::{Deserialize, Serialize};

/// Names with this in them are of writes that were cut off; Icechunk's own storage of files passes them over, too.
const UNFINISHED: char = '#';

/// A folder that holds a repository.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// What an object must be for it to be written.
enum Expected<'a> {
    Anything,
    Absent,
    Version(&'a str),
}

impl Folder {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Writes an object that nothing names yet, or one that must be what it is expected to be.
    fn put(&self, key: &str, bytes: &[u8], expected: &Expected<'_>) -> io::Result<Option<String>> {
        let path = self.path(key);
        match expected {
            Expected::Anything => write(&path, bytes).map(Some),
            Expected::Absent | Expected::Version(_) => self.put_if(&path, bytes, expected),
        }
    }

    /// Compares and writes while nobody else does. What was written before is flushed first: the object may name it.
    fn put_if(&self, path: &Path, bytes: &[u8], expected: &Expected<'_>) -> io::Result<Option<String>> {
        fs::create_dir_all(&self.root)?;
        let folder = File::open(&self.root)?;
        // file systems without locks protect nothing, here as anywhere
        let _held = folder.lock();
        let now = match fs::metadata(path) {
            Ok(found) => Some(version(&found)),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let same = match expected {
            Expected::Anything => true,
            Expected::Absent => now.is_none(),
            Expected::Version(version) => now.as_deref() == Some(*version),
        };
        if !same {
            return Ok(None);
        }
        rustix::fs::syncfs(&folder)?;
        let unfinished = unfinished(path);
        let written = write(&unfinished, bytes)
            .and_then(|_| File::open(&unfinished)?.sync_all())
            .and_then(|()| fs::rename(&unfinished, path));
        if let Err(error) = written {
            let _left = fs::remove_file(&unfinished);
            return Err(error);
        }
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
        fs::metadata(path).map(|found| Some(version(&found)))
    }

    fn read(&self, key: &str, range: Option<&Range<u64>>) -> StorageResult<(Bytes, VersionInfo)> {
        let mut file = File::open(self.path(key)).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let mut bytes = Vec::new();
        match range {
            None => file.read_to_end(&mut bytes).map(drop).map_err(failed)?,
            Some(range) => {
                let length = range.end.min(found.len()).saturating_sub(range.start);
                bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
                file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
            }
        }
        Ok((bytes.into(), VersionInfo::from_etag_only(version(&found))))
    }

    /// Every object below a folder, by its name from there.
    fn list(&self, prefix: &str) -> io::Result<Vec<ListInfo<String>>> {
        let above = self.path(prefix.trim_end_matches('/'));
        let (mut folders, mut found) = (vec![above.clone()], Vec::new());
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
                let id = path.strip_prefix(&above).unwrap_or(&path).to_string_lossy().into_owned();
                if !id.contains(UNFINISHED) {
                    found.push(ListInfo { id, created_at: modified(&metadata), size_bytes: metadata.len() });
                }
            }
        }
        Ok(found)
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

/// Writes a file, with its folder where that is missing.
fn write(path: &Path, bytes: &[u8]) -> io::Result<String> {
    let written = match fs::write(path, bytes) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, bytes)
        }
        other => other,
    };
    written?;
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

fn failed(error: io::Error) -> StorageError {
    StorageError::capture(match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => StorageErrorKind::ObjectNotFound,
        _ => StorageErrorKind::IOError(error),
    })
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

impl icechunk_storage::sealed::Sealed for Folder {}

#[async_trait]
#[typetag::serde]
impl Storage for Folder {
    fn storage_info(&self) -> StorageInfo {
        let fields = vec![("path", self.root.display().to_string())];
        StorageInfo { backend_type: "local filesystem", fields }
    }

    async fn default_settings(&self) -> StorageResult<Settings> {
        // a file is read in one piece, and what fails once fails again
        let one = std::num::NonZeroU16::MIN;
        let concurrency =
            ConcurrencySettings { max_concurrent_requests_for_object: Some(one), ..Default::default() };
        let retries = RetriesSettings { max_tries: Some(one), ..Default::default() };
        Ok(Settings { concurrency: Some(concurrency), retries: Some(retries), ..Settings::default() })
    }

    async fn can_write(&self) -> StorageResult<bool> {
        Ok(true)
    }

    async fn create_location_if_needed(&self) -> StorageResult<()> {
        fs::create_dir_all(&self.root).map_err(failed)
    }

    async fn get_object_range(
        &self,
        _: &StorageContext<'_>,
        path: &str,
        range: Option<&Range<u64>>,
    ) -> StorageResult<(Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>, VersionInfo)> {
        let (bytes, version) = self.read(path, range)?;
        Ok((Box::pin(stream::iter([Ok(bytes)])), version))
    }

    async fn put_object(
        &self,
        _: &StorageContext<'_>,
        path: &str,
        bytes: Bytes,
        _: Option<&str>,
        _: Vec<(String, String)>,
        previous: Option<&VersionInfo>,
    ) -> StorageResult<VersionedUpdateResult> {
        let expected = match previous {
            None => Expected::Anything,
            Some(previous) => previous.etag().map_or(Expected::Absent, |etag| Expected::Version(etag)),
        };
        let put = self.put(path, &bytes, &expected).map_err(failed)?;
        Ok(put.map_or(VersionedUpdateResult::NotOnLatestVersion, |etag| VersionedUpdateResult::Updated {
            new_version: VersionInfo::from_etag_only(etag),
        }))
    }

    async fn copy_object(
        &self,
        _: &StorageContext<'_>,
        from: &str,
        to: &str,
        _: Option<&str>,
        version: &VersionInfo,
    ) -> StorageResult<VersionedUpdateResult> {
        let (bytes, found) = self.read(from, None)?;
        if version.etag().is_some() && found != *version {
            return Ok(VersionedUpdateResult::NotOnLatestVersion);
        }
        write(&self.path(to), &bytes).map_err(failed)?;
        Ok(VersionedUpdateResult::Updated { new_version: version.clone() })
    }

    async fn list_objects<'a>(
        &'a self,
        _: &StorageContext<'_>,
        prefix: &str,
    ) -> StorageResult<BoxStream<'a, StorageResult<ListInfo<String>>>> {
        let found = self.list(prefix).map_err(failed)?;
        Ok(Box::pin(stream::iter(found.into_iter().map(Ok))))
    }

    async fn delete_batch(
        &self,
        _: &StorageContext<'_>,
        prefix: &str,
        batch: Vec<(String, u64)>,
    ) -> StorageResult<DeleteObjectsResult> {
        let mut deleted = DeleteObjectsResult::default();
        for (id, bytes) in batch {
            if fs::remove_file(self.path(prefix).join(id)).is_ok() {
                deleted.deleted_objects += 1;
                deleted.deleted_bytes += bytes;
            }
        }
        Ok(deleted)
    }

    async fn get_object_last_modified(
        &self,
        _: &StorageContext<'_>,
        path: &str,
    ) -> StorageResult<DateTime<Utc>> {
        fs::metadata(self.path(path)).map(|found| modified(&found)).map_err(failed)
    }

    async fn get_object_conditional(
        &self,
        _: &StorageContext<'_>,
        path: &str,
        previous: Option<&VersionInfo>,
    ) -> StorageResult<GetModifiedResult> {
        let (bytes, found) = self.read(path, None)?;
        Ok(match previous {
            Some(previous) if *previous == found => GetModifiedResult::OnLatestVersion,
            _ => GetModifiedResult::Modified { data: Box::pin(Cursor::new(bytes)), new_version: found },
        })
    }
}

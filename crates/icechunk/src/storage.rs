//! What the library asks of storage, answered by objects wherever they lie.

use std::fmt;
use std::io::Cursor;
use std::num::NonZeroU16;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use arcoforge_core::error::{Code, Error, Result};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, Stream};
use icechunk::storage::{
    ConcurrencySettings, DeleteObjectsResult, GetModifiedResult, ListInfo, RetriesSettings, Settings,
    Storage, StorageContext, StorageError, StorageErrorKind, StorageInfo, VersionInfo, VersionedUpdateResult,
};
use icechunk_storage::StorageResult;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::objects::{Expected, Objects};
use crate::runtime::said;

/// The object that is the repository: its branches, tags, snapshots and configuration.
pub(crate) const REPOSITORY: &str = "repo";

/// A repository's storage.
#[derive(Debug)]
pub(crate) struct Kept {
    objects: Arc<dyn Objects>,
    /// What the library reads in place of the repository's own object while it opens it.
    shown: Mutex<Option<Bytes>>,
    /// What went wrong last: the library hands on no more than a text.
    trouble: Mutex<Option<Error>>,
}

impl Kept {
    pub(crate) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects, shown: Mutex::default(), trouble: Mutex::default() }
    }

    /// Shows the library other bytes in place of the repository's own object, or its own again.
    pub(crate) fn show(&self, bytes: Option<Bytes>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// What the library says of a failure, with what storage knows of it.
    pub(crate) fn failed(&self, what: &str, error: &impl fmt::Display) -> Error {
        let text = said(error);
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        match trouble.filter(|trouble| text.contains(&trouble.message)) {
            Some(trouble) => Error { message: format!("{what}: {}", trouble.message), ..as_target(trouble) },
            None => Error::new(Code::TargetUnwritable, format!("{what}: {text}")).at(self.objects.shown()),
        }
    }

    /// Runs calls that wait for others beside the library's own threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Objects) -> Result<T> + Send + 'static,
    ) -> StorageResult<T> {
        let done = if self.objects.is_remote() {
            let objects = Arc::clone(&self.objects);
            let joined = tokio::task::spawn_blocking(move || work(&*objects)).await;
            joined
                .unwrap_or_else(|e| Err(Error::new(Code::Bug, "a call of storage ended early").caused_by(e)))
        } else {
            work(&*self.objects)
        };
        done.map_err(|error| {
            let mut text = error.message.clone();
            if let Some(source) = &error.source {
                text += &format!(": {source}");
            }
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            StorageError::capture(StorageErrorKind::Other(text))
        })
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<(Bytes, VersionInfo)> {
        if key == REPOSITORY
            && let Some(bytes) = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
        {
            // no version that anything has: it is never taken for what lies there
            return Ok((bytes, VersionInfo::from_etag_only("shown".to_owned())));
        }
        let key = key.to_owned();
        let found = self.run(move |objects| objects.get(&key, range)).await?;
        let (bytes, version) = found.ok_or_else(absent)?;
        Ok((bytes, VersionInfo::from_etag_only(version)))
    }
}

/// What can't be read of a repository can't be committed to either.
fn as_target(mut error: Error) -> Error {
    if matches!(error.code, Code::SourceUnreachable | Code::SourceDenied | Code::SourceNotFound) {
        error.code = Code::TargetUnwritable;
    }
    error
}

fn absent() -> StorageError {
    StorageError::capture(StorageErrorKind::ObjectNotFound)
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.objects.shown())
    }
}

/// The library asks for it, to send sessions to other machines, which nobody does here.
impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(S::Error::custom("storage stays on its machine"))
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(D::Error::custom("storage stays on its machine"))
    }
}

impl icechunk_storage::sealed::Sealed for Kept {}

#[async_trait]
#[typetag::serde]
impl Storage for Kept {
    fn storage_info(&self) -> StorageInfo {
        let fields = vec![("place", self.objects.shown())];
        StorageInfo {
            backend_type: if self.objects.is_remote() { "bucket" } else { "local filesystem" },
            fields,
        }
    }

    async fn default_settings(&self) -> StorageResult<Settings> {
        // an object is read in one piece, and what fails was tried again already
        let one = NonZeroU16::MIN;
        let concurrency =
            ConcurrencySettings { max_concurrent_requests_for_object: Some(one), ..Default::default() };
        let retries = RetriesSettings { max_tries: Some(one), ..Default::default() };
        Ok(Settings { concurrency: Some(concurrency), retries: Some(retries), ..Settings::default() })
    }

    async fn can_write(&self) -> StorageResult<bool> {
        Ok(true)
    }

    async fn create_location_if_needed(&self) -> StorageResult<()> {
        // folders are made with what is written to them
        Ok(())
    }

    async fn get_object_range(
        &self,
        _: &StorageContext<'_>,
        path: &str,
        range: Option<&Range<u64>>,
    ) -> StorageResult<(
        Pin<Box<dyn Stream<Item = std::result::Result<Bytes, StorageError>> + Send>>,
        VersionInfo,
    )> {
        let (bytes, version) = self.read(path, range.cloned()).await?;
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
            Some(previous) => {
                previous.etag().map_or(Expected::Absent, |etag| Expected::Version(etag.clone()))
            }
        };
        let path = path.to_owned();
        let put = self.run(move |objects| objects.put(&path, bytes, &expected)).await?;
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
        let (bytes, found) = self.read(from, None).await?;
        if version.etag().is_some() && found != *version {
            return Ok(VersionedUpdateResult::NotOnLatestVersion);
        }
        let to = to.to_owned();
        self.run(move |objects| objects.put(&to, bytes, &Expected::Anything)).await?;
        Ok(VersionedUpdateResult::Updated { new_version: version.clone() })
    }

    async fn list_objects<'a>(
        &'a self,
        _: &StorageContext<'_>,
        prefix: &str,
    ) -> StorageResult<BoxStream<'a, StorageResult<ListInfo<String>>>> {
        let below = match prefix.trim_end_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let asked = below.clone();
        let found = self.run(move |objects| objects.list(&asked)).await?;
        let info = move |one: crate::objects::Listed| {
            let id = one.key.strip_prefix(&below).unwrap_or(&one.key).to_owned();
            Ok(ListInfo { id, created_at: one.modified, size_bytes: one.bytes })
        };
        Ok(Box::pin(stream::iter(found.into_iter().map(info))))
    }

    async fn delete_batch(
        &self,
        _: &StorageContext<'_>,
        prefix: &str,
        batch: Vec<(String, u64)>,
    ) -> StorageResult<DeleteObjectsResult> {
        let prefix = prefix.trim_end_matches('/');
        let keys: Vec<String> = batch.iter().map(|(id, _)| format!("{prefix}/{id}")).collect();
        let deleted = DeleteObjectsResult {
            deleted_objects: batch.len() as u64,
            deleted_bytes: batch.iter().map(|(_, bytes)| bytes).sum(),
        };
        self.run(move |objects| objects.delete(&keys)).await?;
        Ok(deleted)
    }

    async fn get_object_last_modified(
        &self,
        _: &StorageContext<'_>,
        path: &str,
    ) -> StorageResult<DateTime<Utc>> {
        let path = path.to_owned();
        self.run(move |objects| objects.modified(&path)).await?.ok_or_else(absent)
    }

    async fn get_object_conditional(
        &self,
        _: &StorageContext<'_>,
        path: &str,
        previous: Option<&VersionInfo>,
    ) -> StorageResult<GetModifiedResult> {
        let (bytes, found) = self.read(path, None).await?;
        Ok(match previous {
            Some(previous) if *previous == found => GetModifiedResult::OnLatestVersion,
            _ => GetModifiedResult::Modified { data: Box::pin(Cursor::new(bytes)), new_version: found },
        })
    }
}

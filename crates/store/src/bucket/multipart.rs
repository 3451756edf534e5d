//! Objects written in parts, for what does not fit into memory.

use std::fmt;

use arcoforge_core::error::{Code, Error, Result};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartId, PutMultipartOptions, PutPayload};

use super::access::Handles;
use super::address::path_of;
use super::remote::Remote;
use super::resolve::{bearing, bears, fresh_id};
use super::url::BucketKind;
use super::{Bucket, Upload, as_target};
use crate::http::Failure;

/// Bytes of a part: stores want 5 MiB or more, all of one length but the last.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts that an object may have.
const PARTS_MAX: u64 = 10_000;

/// An object that is being written in parts; see [`Bucket::multipart`].
pub struct Multipart {
    bucket: Bucket,
    /// Relative to the bucket's prefix, and in full.
    key: String,
    full: String,
    part_bytes: usize,
    begun: Option<Box<dyn Upload>>,
    waiting: Vec<u8>,
    written: u64,
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("key", &self.full)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl Multipart {
    pub(super) fn new(bucket: Bucket, key: &str, full: String) -> Self {
        let key = key.to_owned();
        Self { bucket, key, full, part_bytes: PART_BYTES, begun: None, waiting: Vec::new(), written: 0 }
    }

    /// Chooses the length of parts so that an object of `bytes` fits: 10,000 parts are the most. Without it, 78 GiB fit.
    /// No effect once something was written.
    #[must_use]
    pub fn for_bytes(mut self, bytes: u64) -> Self {
        if self.written == 0 {
            let needed = usize::try_from(bytes.div_ceil(PARTS_MAX)).unwrap_or(PART_BYTES);
            self.part_bytes = needed.next_multiple_of(1024 * 1024).max(PART_BYTES);
        }
        self
    }

    /// Bytes in memory at most: one part waits while the one before it is sent.
    pub fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `target-unwritable`, `interrupted`.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.waiting.len() == self.part_bytes {
                self.send()?;
            }
            let room = self.part_bytes - self.waiting.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.waiting.extend_from_slice(now);
            self.written += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        if self.begun.is_none() {
            self.begun = Some(self.bucket.place.upload(&self.full).map_err(as_target)?);
        }
        let part = std::mem::take(&mut self.waiting);
        match &mut self.begun {
            Some(upload) => upload.part(part).map_err(as_target),
            None => Ok(()),
        }
    }

    /// Ends the object, which is then seen, whole; gives its entity tag. What fits into one part is put at once.
    ///
    /// # Errors
    /// `target-unwritable`, `interrupted`; then nothing is seen of it, unless the message says that this is not known.
    pub fn finish(mut self) -> Result<String> {
        if self.begun.is_none() {
            return self.bucket.put(&self.key, std::mem::take(&mut self.waiting));
        }
        if !self.waiting.is_empty() {
            self.send()?;
        }
        let ended = match &mut self.begun {
            Some(upload) => upload.finish().map_err(as_target),
            None => Err(Error::new(Code::Bug, "an upload is gone").at(&*self.full)),
        };
        if ended.is_ok() {
            self.begun = None;
        }
        ended
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if let Some(mut upload) = self.begun.take() {
            upload.abort();
        }
    }
}

/// An upload to an object store.
#[derive(Debug)]
pub(super) struct RemoteUpload {
    remote: Remote,
    path: Path,
    shown: String,
    /// What the store calls it.
    upload: MultipartId,
    /// What its object bears, where the store takes that.
    id: Option<String>,
    parts: Vec<PartId>,
}

impl RemoteUpload {
    pub(super) fn begin(remote: Remote, key: &str) -> Result<Self> {
        let shown = remote.shown(key);
        let path = path_of(key, &shown)?;
        // on Azure an end that is repeated ends the same
        let id = (remote.cloud.root.kind != BucketKind::Az).then(fresh_id);
        let attributes = id.as_deref().map(|id| bearing(id, &[])).unwrap_or_default();
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let ask = |handles: Handles| {
            let (path, options) = (&path, options.clone());
            async move { handles.parts.create_multipart_opts(path, options).await }
        };
        let upload = remote.tries(&shown, || remote.once(&shown, ask).map_err(|refused| refused.failure))?;
        Ok(Self { remote, path, shown, upload, id, parts: Vec::new() })
    }

    fn complete(&self, lost: &mut bool) -> Result<String, Failure> {
        let done = self.remote.once(&self.shown, |handles: Handles| async move {
            handles.parts.complete_multipart(&self.path, &self.upload, self.parts.clone()).await
        });
        let refused = match done {
            Ok(done) => return self.remote.version_put(&done, &self.shown),
            Err(refused) => refused,
        };
        // an upload that is ended does not exist any more: not even a proxy's repetition is told from ours
        if refused.is_missing()
            && let (Some(id), Some((item, attributes))) =
                (&self.id, self.remote.look(&self.path, &self.shown)?)
            && bears(&attributes, id)
            && let Some(etag) = item.etag
        {
            return Ok(etag);
        }
        *lost |= refused.is_lost();
        Err(refused.failure)
    }
}

impl Upload for RemoteUpload {
    fn part(&mut self, bytes: Vec<u8>) -> Result<()> {
        let (number, payload) = (self.parts.len(), PutPayload::from(bytes));
        let ask = |handles: Handles| {
            let (path, upload, payload) = (&self.path, &self.upload, payload.clone());
            async move { handles.parts.put_part(path, upload, number, payload).await }
        };
        let sent = self
            .remote
            .tries(&self.shown, || self.remote.once(&self.shown, ask).map_err(|refused| refused.failure));
        self.parts.push(sent?);
        Ok(())
    }

    fn finish(&mut self) -> Result<String> {
        let mut lost = false;
        let ended = self.remote.tries(&self.shown, || self.complete(&mut lost));
        ended.map_err(|mut error| {
            if lost && error.code != Code::Interrupted {
                error.message = format!("{}; whether the object was written is not known", error.message);
            }
            error
        })
    }

    fn abort(&mut self) {
        let Self { remote, path, shown, upload, .. } = self;
        let ask = |handles: Handles| {
            let (path, upload) = (&*path, &*upload);
            async move { handles.parts.abort_multipart(path, upload).await }
        };
        let _ = remote.once(shown, ask);
    }
}

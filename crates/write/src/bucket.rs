//! Objects of a store in a bucket, under their final keys from the beginning.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Bucket, Multipart};

use crate::{Objects, ShardStream, ShardWriter, Version, Written};

/// Bytes of a shard that are put as one object; of a longer one, the lengths of its parts.
const PART_BYTES: usize = 8 << 20;

/// Puts chunks and shards to a bucket. `check` is asked before each whether they may still be put.
pub struct BucketStore<'a> {
    bucket: Bucket,
    check: &'a (dyn Fn() -> Result<()> + Sync),
    /// Tags of objects that nobody asked for yet.
    etags: Mutex<HashMap<String, String>>,
}

impl<'a> BucketStore<'a> {
    /// Objects of the store at `bucket`.
    pub fn new(bucket: Bucket, check: &'a (dyn Fn() -> Result<()> + Sync)) -> Self {
        Self { bucket, check, etags: Mutex::default() }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<Written> {
        (self.check)()?;
        let etag = self.bucket.put(key, bytes.to_vec())?;
        self.note(key, etag);
        Ok(Written::of(bytes))
    }

    fn note(&self, key: &str, etag: String) {
        self.etags.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), etag);
    }
}

impl Objects for BucketStore<'_> {
    fn write(&self, key: &str, bytes: &[u8]) -> Result<Written> {
        self.put(key, bytes)
    }

    fn shard(&self, key: &str, chunks: u64) -> Result<ShardWriter<ShardStream<'_>>> {
        let stream = Stream { store: self, key: key.to_owned(), part: Vec::new(), upload: None };
        Ok(ShardWriter::new(Box::new(stream), self.bucket.url_of(key), chunks))
    }

    /// What an older bake put there goes with all that the new dataset does not have, before it is published.
    fn leave_out(&self, _key: &str) -> Result<()> {
        Ok(())
    }

    fn adopt(&self, key: &str, from: &Path) -> Result<()> {
        let bytes = std::fs::read(from).map_err(|e| {
            Error::new(Code::TargetUnwritable, "can't read an object to be taken").caused_by(e)
        })?;
        self.put(key, &bytes).map(drop)
    }

    fn version(&self, key: &str) -> Version {
        let etag = self.etags.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Version { changed_ns: None, etag }
    }
}

/// A shard on its way: one object where it is short, else one in parts.
struct Stream<'a> {
    store: &'a BucketStore<'a>,
    key: String,
    part: Vec<u8>,
    upload: Option<Multipart>,
}

impl Stream<'_> {
    fn part(&mut self) -> Result<()> {
        (self.store.check)()?;
        let part = std::mem::take(&mut self.part);
        match &mut self.upload {
            Some(upload) => upload.part(part),
            None => self.upload.insert(self.store.bucket.multipart(&self.key)?).part(part),
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some(mut upload) = self.upload.take() else {
            return self.store.put(&self.key, &std::mem::take(&mut self.part)).map(drop);
        };
        (self.store.check)()?;
        if !self.part.is_empty() {
            upload.part(std::mem::take(&mut self.part))?;
        }
        let etag = upload.finish()?;
        self.store.note(&self.key, etag);
        Ok(())
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART_BYTES - self.part.len());
        self.part.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.part.len() == PART_BYTES {
            self.part().map_err(io::Error::other)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end().map_err(io::Error::other)
    }
}

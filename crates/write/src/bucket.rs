//! Objects of a store in a bucket, under their final keys from the beginning.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Bucket, Multipart};

use crate::{Objects, ShardStream, ShardWriter, Version, Written};

/// Puts chunks and shards to a bucket.
pub struct BucketStore {
    bucket: Bucket,
    /// Tags of objects that nobody asked for yet.
    etags: Mutex<HashMap<String, String>>,
}

impl BucketStore {
    /// Objects of the store at `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, etags: Mutex::default() }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<Written> {
        let etag = self.bucket.put(key, bytes.to_vec())?;
        self.note(key, etag);
        Ok(Written::of(bytes))
    }

    fn note(&self, key: &str, etag: String) {
        self.etags.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), etag);
    }
}

impl Objects for BucketStore {
    fn write(&self, key: &str, bytes: &[u8]) -> Result<Written> {
        self.put(key, bytes)
    }

    fn shard(&self, key: &str, chunks: u64) -> Result<ShardWriter<ShardStream<'_>>> {
        let stream = Stream { store: self, key: key.to_owned(), upload: None };
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

/// A shard on its way. Nothing is begun before its first byte.
struct Stream<'a> {
    store: &'a BucketStore,
    key: String,
    upload: Option<Multipart>,
}

impl Stream<'_> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.upload {
            Some(upload) => upload.write(bytes),
            None => self.upload.insert(self.store.bucket.multipart(&self.key)?).write(bytes),
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some(upload) = self.upload.take() else { return Ok(()) };
        let etag = upload.finish()?;
        self.store.note(&self.key, etag);
        Ok(())
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end().map_err(io::Error::other)
    }
}

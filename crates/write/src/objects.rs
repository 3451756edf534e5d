//! Where a bake puts chunks and shards, whatever the target lies on.

use std::io::Write;
use std::path::Path;

use arcoforge_core::error::Result;

use crate::{ShardWriter, Written};

/// Where the stream of a shard goes. It holds nothing before the first byte, and is complete once it was flushed: a shard
/// is flushed once, at its end.
pub type ShardStream<'a> = Box<dyn Write + Send + 'a>;

/// Objects of one store while it is filled: a folder beside the target, or keys of an object store.
///
/// Objects may be written from many threads at once. One that is written twice holds what came last, so that a unit of work
/// can be run again.
pub trait Objects: Sync {
    /// Writes one whole object under `key`.
    ///
    /// # Errors
    /// `target-unwritable`; `bug` for a key that leads out of the store.
    fn write(&self, key: &str, bytes: &[u8]) -> Result<Written>;

    /// A shard of `chunks` inner chunks to be streamed under `key`. The object is made with the first inner chunk, so that
    /// a shard without any leaves none. One that is dropped unfinished leaves nothing that anybody takes for a shard.
    ///
    /// # Errors
    /// `bug` for a key that leads out of the store.
    fn shard(&self, key: &str, chunks: u64) -> Result<ShardWriter<ShardStream<'_>>>;

    /// Takes care that nothing lies under `key`: a run before may have left an object there.
    ///
    /// # Errors
    /// `target-unwritable`; `bug` for a key that leads out of the store.
    fn leave_out(&self, key: &str) -> Result<()>;

    /// Takes a file of another store as it is.
    ///
    /// # Errors
    /// `target-unwritable`; `bug` for a key that leads out of the store.
    fn adopt(&self, key: &str, from: &Path) -> Result<()>;

    /// What tells the object that was just written or taken from others under the same key.
    fn version(&self, key: &str) -> Version;
}

/// What tells one version of an object from another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// When what the file system keeps of it last changed, in nanoseconds since 1970.
    pub changed_ns: Option<i128>,
    /// Its entity tag in an object store.
    pub etag: Option<String>,
}

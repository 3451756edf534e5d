//! Objects by key, as a repository asks for them, wherever they lie.

use std::fmt::Debug;
use std::ops::Range;

use arcoforge_core::error::{Code, Error, Result};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// What an object must be for it to be written.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    Anything,
    Absent,
    /// The one with this tag.
    Version(String),
}

/// An object of a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified: DateTime<Utc>,
}

/// A place that holds objects. A conditional write is one that lets one of several writers win; whoever reads what it wrote
/// finds all that was written before.
pub(crate) trait Objects: Debug + Send + Sync {
    /// For messages.
    fn shown(&self) -> String;

    /// Whether its calls wait for others, so that many are better made at once.
    fn is_remote(&self) -> bool;

    /// An object, or a range of it, with what tells its version; `None` where it is not there.
    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<(Bytes, String)>>;

    /// Writes an object whole and gives its version; `None` where what is there is not what was expected.
    fn put(&self, key: &str, bytes: Bytes, expected: &Expected) -> Result<Option<String>>;

    /// Every object whose key begins so.
    fn list(&self, prefix: &str) -> Result<Vec<Listed>>;

    /// Deletes objects; what is not there is fine.
    fn delete(&self, keys: &[String]) -> Result<()>;

    /// When an object was written.
    fn modified(&self, key: &str) -> Result<Option<DateTime<Utc>>>;
}

/// One object in memory: what the library writes there is looked at, not kept.
#[derive(Debug, Default)]
pub(crate) struct Caught(std::sync::Mutex<Bytes>);

impl Caught {
    /// What was written last.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Objects for Caught {
    fn shown(&self) -> String {
        "memory".to_owned()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn get(&self, _: &str, _: Option<Range<u64>>) -> Result<Option<(Bytes, String)>> {
        Ok(None)
    }

    fn put(&self, key: &str, bytes: Bytes, _: &Expected) -> Result<Option<String>> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = bytes;
        Ok(Some(key.to_owned()))
    }

    fn list(&self, _: &str) -> Result<Vec<Listed>> {
        Ok(Vec::new())
    }

    fn delete(&self, _: &[String]) -> Result<()> {
        Err(Error::new(Code::Bug, "nothing is deleted in memory"))
    }

    fn modified(&self, _: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(None)
    }
}

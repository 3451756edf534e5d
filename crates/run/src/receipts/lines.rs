//! Lines of a file of receipts: a header, then one object or task each.

use std::borrow::Cow;
use std::fmt;

use arcoforge_write::Written;
use serde::{Deserialize, Serialize};

use crate::signature::Signature;

/// The version of the lines.
pub(super) const VERSION: u32 = 2;

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number in the grid of the array's objects.
    pub(crate) object: u64,
    /// `None` where all its cells are what readers see without it, so that it is not stored.
    pub(crate) written: Option<Written>,
    /// When what the file system keeps of it last changed; `None` where nothing is stored, or nothing tells.
    pub(crate) changed_ns: Option<u64>,
    /// A hash of the entity tag that an object store gave it; `None` for a file.
    pub(crate) tag: Option<u64>,
    /// The signatures of its chunks, in the order in which they lie in it.
    pub(crate) chunks: Vec<Signature>,
}

/// The first line of a file of receipts.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    /// Which run of the operating system wrote the objects.
    pub(super) boot: Option<String>,
    pub(super) unit: Option<Unit>,
}

/// A part of a plan that one process carries out: what goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The plan's digest.
    pub plan: String,
    /// The first task.
    pub lo: u64,
    /// The task behind the last.
    pub hi: u64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A line behind the first.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Row<'a> {
    #[serde(borrow)]
    Object(Line<'a, &'a str>),
    Scratch(Scratched),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Line<'a, C> {
    #[serde(borrow)]
    pub(super) array: Cow<'a, str>,
    pub(super) object: u64,
    pub(super) bytes: Option<u64>,
    pub(super) crc32c: Option<u32>,
    /// When the object last changed, in nanoseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) changed: Option<u64>,
    /// A hash of the entity tag, of an object in an object store.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) tag: Option<u64>,
    /// Signatures of the chunks, one behind the other: 32 hexadecimal digits each.
    pub(super) chunks: C,
}

/// Signatures as digits, never all of them in memory: a shard may have a million chunks.
pub(super) struct Digits<'a>(pub(super) &'a [Signature]);

impl Serialize for Digits<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|signature| write!(f, "{:032x}", signature.0))
    }
}

/// Hexadecimal digits of a signature.
pub(super) const DIGITS: usize = 32;

/// The signatures that `digits` are; `None` for one that is none.
pub(super) fn signatures(digits: &str) -> impl Iterator<Item = Option<Signature>> {
    digits.as_bytes().chunks(DIGITS).map(|one| {
        let one = std::str::from_utf8(one).ok().filter(|one| one.len() == DIGITS && !one.starts_with('+'))?;
        u128::from_str_radix(one, 16).ok().map(Signature)
    })
}

/// A task of the first stage: its cells lie in scratch storage.
#[derive(Serialize, Deserialize)]
pub(super) struct Scratched {
    pub(super) scratch: u64,
    /// The division of the work that numbers it.
    pub(super) of: String,
}

/// The last line of a file whose objects were all flushed to the disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) durable: bool,
}

/// The first line of a file, where it is one of this version.
pub(super) fn header(line: &[u8]) -> Option<Header> {
    let header: Header = serde_json::from_slice(line).ok()?;
    (header.version == VERSION).then_some(header)
}

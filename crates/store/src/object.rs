//! An input as bytes: its length, its validator, and reads of ranges.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::keyed::Keyed;
use crate::local::lock;

/// What tells one version of an object from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Validator {
    /// Bytes.
    pub size: u64,
    /// HTTP entity tag, strong or weak as the server sent it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// Modification time: nanoseconds since 1970 for files, seconds for HTTP's `Last-Modified` (as nanoseconds).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub modified_ns: Option<i64>,
}

/// How an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It lies on this machine.
    Here,
    /// By requests for ranges.
    Ranges,
    /// As in an earlier run, whose survey is known: it is opened with its first read.
    Later,
    /// It was fetched whole, because its server sends no ranges, or wrong ones.
    NoRanges,
    /// It was fetched whole, to be kept in the cache.
    Kept,
    /// It was fetched whole and unpacked, or a part of it was.
    Unpacked,
}

/// A small file beside an object, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beside {
    /// The object's name with this behind it.
    Behind(&'static str),
    /// The object's name with this in place of its last dot and what follows.
    InPlace(&'static str),
}

impl Beside {
    /// Its URL; `None` where the object's tells no name: it has a query.
    pub(crate) fn name_beside(self, url: &str) -> Option<String> {
        if url.contains(['?', '#']) {
            return None;
        }
        match self {
            Self::Behind(ending) => Some(format!("{url}{ending}")),
            Self::InPlace(ending) => {
                let (start, last) = url.rsplit_once('.')?;
                (!last.contains('/')).then(|| format!("{start}{ending}"))
            }
        }
    }
}

/// An object that can be read in ranges, from several threads at a time.
pub trait Object: Send + Sync + Debug {
    /// The URL or path, without secrets, for messages and provenance.
    fn url(&self) -> &str;

    /// The same, shared where the object holds it so.
    fn name(&self) -> Arc<str> {
        self.url().into()
    }

    /// Where a byte lies as it is: the URL or path of what holds it (without secrets), and which byte it is there.
    /// `None` where it lies nowhere: what is compressed as a whole is unpacked for this run only.
    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        Ok(Some((self.name(), offset)))
    }

    /// The objects that it is made of, by key, where it stands for a whole store.
    fn keyed(&self) -> Option<&Arc<dyn Keyed>> {
        None
    }

    /// Behind the last byte that can be read: its size, but of a whole store.
    fn end(&self) -> u64 {
        self.validator().size
    }

    /// What was seen when the object was opened.
    fn validator(&self) -> &Validator;

    /// Fills `out` from `offset`. A range beyond the end, a short answer or a changed object is an error.
    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()>;

    /// Reads several ranges; implementations over a network put near ranges together.
    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        ranges.iter().map(|range| read_range(self, range.clone())).collect()
    }

    /// True where a read costs a round trip to another machine.
    fn is_remote(&self) -> bool;

    /// How reads of it are served.
    fn access(&self) -> Access {
        if self.is_remote() { Access::Ranges } else { Access::Here }
    }

    /// Whether a range came along when the object was opened, and costs no request.
    fn is_at_hand(&self, _range: &Range<u64>) -> bool {
        false
    }

    /// What a small file beside it says, where one request may bring it: a hint, which may be of another version or
    /// wrong. Files of this machine are not looked for.
    fn beside(&self, _file: Beside) -> Option<Vec<u8>> {
        None
    }

    /// The first bytes, where opening the object brought them along, for whoever caches blocks of this object.
    fn take_prefix(&self) -> Option<Vec<u8>> {
        None
    }
}

/// A range that ends beyond the object: what every implementation answers for it.
pub(crate) fn beyond_end(url: &str, start: u64, end: u64, size: u64) -> Error {
    Error::new(
        Code::SourceCorrupt,
        format!("found a reference to bytes {start}..{end} in a file of {size} bytes"),
    )
    .at(url)
    .help("the file is truncated or damaged: fetch it again")
}

/// Checks that `length` bytes from `offset` lie inside the object, and returns where they end.
pub(crate) fn check_range(url: &str, offset: u64, length: usize, size: u64) -> Result<u64> {
    let end = u64::try_from(length).ok().and_then(|length| offset.checked_add(length));
    match end {
        Some(end) if end <= size => Ok(end),
        _ => Err(beyond_end(url, offset, end.unwrap_or(u64::MAX), size)),
    }
}

/// Checks that ranges lie inside the object.
pub(crate) fn check_ranges(object: &(impl Object + ?Sized), ranges: &[Range<u64>]) -> Result<()> {
    let size = object.validator().size;
    match ranges.iter().find(|range| range.start > range.end || range.end > size) {
        Some(bad) => Err(beyond_end(object.url(), bad.start, bad.end, size)),
        None => Ok(()),
    }
}

/// The first bytes of an object, where opening it brought them along, until they are handed out.
#[derive(Debug)]
pub(crate) struct Prefix(Mutex<Option<Vec<u8>>>);

impl Prefix {
    pub(crate) fn new(bytes: Option<Vec<u8>>) -> Self {
        Self(Mutex::new(bytes))
    }

    /// Fills `out` from `offset`; `false` where not all of these bytes are at hand.
    pub(crate) fn copy(&self, offset: u64, out: &mut [u8]) -> bool {
        let prefix = lock(&self.0);
        let part = prefix.as_ref().and_then(|bytes| {
            let start = usize::try_from(offset).ok()?;
            bytes.get(start..start.checked_add(out.len())?)
        });
        if let Some(part) = part {
            out.copy_from_slice(part);
        }
        part.is_some()
    }

    /// Whether it holds all bytes of a range.
    pub(crate) fn holds(&self, range: &Range<u64>) -> bool {
        lock(&self.0).as_ref().is_some_and(|bytes| range.end <= bytes.len() as u64)
    }

    /// All bytes at hand, which stay.
    pub(crate) fn copy_all(&self) -> Option<Vec<u8>> {
        lock(&self.0).clone()
    }

    /// See [`Object::take_prefix`].
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        lock(&self.0).take()
    }
}

/// Reads one range into a new buffer; the range is checked against the object's size before memory is taken.
pub fn read_range<O: Object + ?Sized>(object: &O, range: Range<u64>) -> Result<Vec<u8>> {
    check_ranges(object, std::slice::from_ref(&range))?;
    let length = usize::try_from(range.end - range.start).map_err(|e| {
        Error::new(Code::SourceLimit, "range does not fit in memory").caused_by(e).at(object.url())
    })?;
    let mut bytes = vec![0; length];
    object.read_into(range.start, &mut bytes)?;
    Ok(bytes)
}

/// Reads the whole object.
pub fn read_all<O: Object + ?Sized>(object: &O) -> Result<Vec<u8>> {
    read_range(object, 0..object.validator().size)
}

//! A range of an object as an object of its own: a member that is stored as it is.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::Result;

use crate::local::lock;
use crate::object::{Object, Validator, beyond_end, check_range};

/// Bytes of an archive that are a member.
#[derive(Debug)]
pub(crate) struct Part {
    inner: Arc<dyn Object>,
    start: u64,
    url: String,
    validator: Validator,
    prefix: Mutex<Option<Vec<u8>>>,
}

impl Part {
    /// The bytes from `start`, as many as the validator says; `prefix` holds the first of them, where they came along.
    pub(crate) fn new(
        inner: Arc<dyn Object>,
        start: u64,
        url: String,
        validator: Validator,
        prefix: Option<Vec<u8>>,
    ) -> Self {
        Self { inner, start, url, validator, prefix: Mutex::new(prefix) }
    }

    fn copy_prefix(&self, offset: u64, out: &mut [u8]) -> bool {
        let prefix = lock(&self.prefix);
        let part = prefix.as_ref().and_then(|bytes| {
            let start = usize::try_from(offset).ok()?;
            bytes.get(start..start.checked_add(out.len())?)
        });
        if let Some(part) = part {
            out.copy_from_slice(part);
        }
        part.is_some()
    }
}

impl Object for Part {
    fn url(&self) -> &str {
        &self.url
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        check_range(&self.url, offset, out.len(), self.validator.size)?;
        if out.is_empty() || self.copy_prefix(offset, out) {
            return Ok(());
        }
        self.inner.read_into(self.start.saturating_add(offset), out)
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let size = self.validator.size;
        if let Some(bad) = ranges.iter().find(|range| range.start > range.end || range.end > size) {
            return Err(beyond_end(&self.url, bad.start, bad.end, size));
        }
        let moved =
            |range: &Range<u64>| self.start.saturating_add(range.start)..self.start.saturating_add(range.end);
        self.inner.read_ranges(&ranges.iter().map(moved).collect::<Vec<_>>())
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn take_prefix(&self) -> Option<Vec<u8>> {
        lock(&self.prefix).take()
    }
}

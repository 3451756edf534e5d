//! A range of an object as an object of its own: a member that is stored as it is.

use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::Result;

use crate::object::{Access, Object, Prefix, Validator, check_range, check_ranges};

/// Bytes of an archive that are a member.
#[derive(Debug)]
pub(crate) struct Part {
    inner: Arc<dyn Object>,
    start: u64,
    url: String,
    validator: Validator,
    prefix: Prefix,
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
        Self { inner, start, url, validator, prefix: Prefix::new(prefix) }
    }
}

impl Object for Part {
    fn url(&self) -> &str {
        &self.url
    }

    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        self.inner.place(self.start.saturating_add(offset))
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        check_range(&self.url, offset, out.len(), self.validator.size)?;
        if out.is_empty() || self.prefix.copy(offset, out) {
            return Ok(());
        }
        self.inner.read_into(self.start.saturating_add(offset), out)
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        check_ranges(self, ranges)?;
        let moved =
            |range: &Range<u64>| self.start.saturating_add(range.start)..self.start.saturating_add(range.end);
        self.inner.read_ranges(&ranges.iter().map(moved).collect::<Vec<_>>())
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn access(&self) -> Access {
        self.inner.access()
    }

    fn is_at_hand(&self, range: &Range<u64>) -> bool {
        let moved = self.start.saturating_add(range.start)..self.start.saturating_add(range.end);
        self.prefix.holds(range) || self.inner.is_at_hand(&moved)
    }

    fn take_prefix(&self) -> Option<Vec<u8>> {
        self.prefix.take()
    }
}

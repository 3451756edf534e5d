//! Small reads that go forward through an archive's headers, put together into few larger ones.

use arcoforge_core::error::Result;

use crate::object::{Object, check_range, read_range};

/// Bytes of the smallest and the largest read.
const BYTES_MIN: u64 = 4 * 1024;
const BYTES_MAX: u64 = 512 * 1024;

/// A piece of an object that is kept while its headers are read. The pieces grow while headers lie close together, and
/// shrink where much lies between them.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    object: &'a dyn Object,
    start: u64,
    bytes: Vec<u8>,
    wanted: u64,
}

impl<'a> Window<'a> {
    /// Begins with the first bytes, where opening the object brought them along.
    pub(crate) fn new(object: &'a dyn Object) -> Self {
        let bytes = object.take_prefix().unwrap_or_default();
        Self { object, start: 0, bytes, wanted: BYTES_MIN }
    }

    /// `length` bytes from `offset`; a range beyond the end is an error.
    pub(crate) fn read(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let size = self.object.validator().size;
        let end = check_range(self.object.url(), offset, length, size)?;
        if let Some(part) = self.part(offset, length) {
            return Ok(part.to_vec());
        }
        let kept_to = self.start.saturating_add(self.bytes.len() as u64);
        let near = offset >= self.start && offset <= kept_to.saturating_add(self.wanted);
        self.wanted = if near { self.wanted * 4 } else { self.wanted / 4 }.clamp(BYTES_MIN, BYTES_MAX);
        let to = offset.saturating_add(self.wanted).max(end).min(size);
        self.bytes = read_range(self.object, offset..to)?;
        self.start = offset;
        Ok(self.part(offset, length).unwrap_or_default().to_vec())
    }

    fn part(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

//! Big-endian fields of a header, read from a prefix of the file.

use crate::text::from_bytes;

/// Why a header could not be parsed from the bytes at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The prefix ends inside the header; a longer one may hold it.
    More,
    /// The header is not well formed, whatever follows.
    Bad(String),
}

/// A position in the first bytes of a file whose whole length is known.
pub(super) struct Cursor<'a> {
    prefix: &'a [u8],
    at: usize,
    file_bytes: u64,
    wide: bool,
}

impl<'a> Cursor<'a> {
    /// `wide`: counts and sizes have eight bytes (CDF-5).
    pub(super) const fn new(prefix: &'a [u8], file_bytes: u64, wide: bool) -> Self {
        Self { prefix, at: 0, file_bytes, wide }
    }

    /// Bytes read so far.
    pub(super) const fn position(&self) -> u64 {
        self.at as u64
    }

    /// Bytes of the file behind the position.
    pub(super) const fn left_in_file(&self) -> u64 {
        self.file_bytes.saturating_sub(self.at as u64)
    }

    pub(super) fn take(&mut self, bytes: u64, what: &str) -> Result<&'a [u8], Stop> {
        if bytes > self.left_in_file() {
            return Err(Stop::Bad(format!(
                "{what} at byte {} needs {bytes} bytes, but the file ends after {} bytes",
                self.at, self.file_bytes
            )));
        }
        let length = usize::try_from(bytes).map_err(|_| Stop::More)?;
        let end = self.at.checked_add(length).ok_or(Stop::More)?;
        let taken = self.prefix.get(self.at..end).ok_or(Stop::More)?;
        self.at = end;
        Ok(taken)
    }

    /// Bytes, then zeros up to a multiple of four.
    pub(super) fn take_padded(&mut self, bytes: u64, what: &str) -> Result<&'a [u8], Stop> {
        let taken = self.take(bytes, what)?;
        self.take((4 - bytes % 4) % 4, what)?;
        Ok(taken)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Stop> {
        let bytes = self.take(4, what)?;
        Ok(bytes.iter().fold(0, |n, &b| (n << 8) | u32::from(b)))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, Stop> {
        let bytes = self.take(8, what)?;
        Ok(bytes.iter().fold(0, |n, &b| (n << 8) | u64::from(b)))
    }

    /// A count or size: four bytes, eight in CDF-5; `None` for the value with every bit set.
    pub(super) fn count_or_ones(&mut self, what: &str) -> Result<Option<u64>, Stop> {
        if self.wide {
            return self.u64(what).map(|n| (n != u64::MAX).then_some(n));
        }
        self.u32(what).map(|n| (n != u32::MAX).then_some(u64::from(n)))
    }

    /// A count or size that can't be negative.
    pub(super) fn count(&mut self, what: &str) -> Result<u64, Stop> {
        let limit = if self.wide { i64::MAX as u64 } else { u64::from(u32::MAX) };
        match self.count_or_ones(what)? {
            Some(count) if count <= limit => Ok(count),
            _ => Err(Stop::Bad(format!("{what} at byte {} is negative", self.at))),
        }
    }

    /// The tag and number of entries of a list; zero entries for an absent one. Each entry takes `entry_bytes` or
    /// more, so that a number beyond the file's length is refused before memory is taken.
    pub(super) fn list(&mut self, tag: u32, entry_bytes: u64, what: &str) -> Result<u64, Stop> {
        let found = self.u32(what)?;
        let count = self.count(what)?;
        if found == 0 && count == 0 {
            return Ok(0);
        }
        if found != tag {
            return Err(Stop::Bad(format!(
                "{what} at byte {} begins with tag {found:#x}, expected {tag:#x}",
                self.at
            )));
        }
        self.fits(count, entry_bytes, what)?;
        Ok(count)
    }

    /// Refuses a number of entries that can't lie in the rest of the file.
    pub(super) fn fits(&self, count: u64, entry_bytes: u64, what: &str) -> Result<(), Stop> {
        match count.checked_mul(entry_bytes) {
            Some(bytes) if bytes <= self.left_in_file() => Ok(()),
            _ => Err(Stop::Bad(format!(
                "{what} at byte {} says {count} entries, more than a file of {} bytes holds",
                self.at, self.file_bytes
            ))),
        }
    }

    /// A name: length, text, padding. Old writers count zeros behind the text as part of it.
    pub(super) fn name(&mut self, what: &str) -> Result<String, Stop> {
        let length = self.count(what)?;
        let bytes = self.take_padded(length, what)?;
        match bytes.split(|&b| b == 0).next() {
            Some(name) if !name.is_empty() => Ok(from_bytes(name)),
            _ => Err(Stop::Bad(format!("{what} before byte {} is empty", self.at))),
        }
    }
}

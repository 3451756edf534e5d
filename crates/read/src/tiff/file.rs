//! The open file: its byte order, its directories, and the values of their tags (TIFF 6.0, section 2; BigTIFF).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arcoforge_core::dtype::Endian;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::read_range;
use arcoforge_store::{Buffered, Object};

use crate::text::{from_bytes, trim_zeros};

/// No file has more directories: pages, overviews and masks.
const DIRECTORIES_MAX: usize = 10_000;
/// No directory has more tags.
const TAGS_MAX: u64 = 4096;
/// No tag has a longer value.
const VALUE_BYTES_MAX: u64 = 1 << 30;

/// An open TIFF file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) object: Arc<dyn Object>,
    pub(super) endian: Endian,
    buffered: Buffered,
    /// BigTIFF: offsets and counts of eight bytes.
    big: bool,
}

/// One image file directory: its tags.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    tags: BTreeMap<u16, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: u16,
    count: u64,
    /// The value itself where it fits, else where it is.
    field: Vec<u8>,
}

/// Whether a file begins as a TIFF or BigTIFF file does.
pub(crate) fn is_tiff(head: &[u8]) -> bool {
    matches!(head.get(..4), Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+"))
}

impl File {
    /// Reads the header and all directories, in the order in which they are linked.
    pub(super) fn open(object: Arc<dyn Object>) -> Result<(Self, Vec<Directory>)> {
        let buffered = Buffered::new(Arc::clone(&object));
        let size = object.validator().size;
        let head = read_range(&buffered, 0..size.min(16))?;
        if !is_tiff(&head) {
            return Err(Error::new(Code::SourceFormat, "found no signature of a TIFF file"));
        }
        let endian = if head.starts_with(b"II") { Endian::Little } else { Endian::Big };
        let big = head.get(2..4).is_some_and(|magic| magic.contains(&b'+'));
        let file = Self { object, endian, buffered, big };
        if file.big && (file.number(head.get(4..6)), file.number(head.get(6..8))) != (8, 0) {
            return Err(damaged("a BigTIFF header with offsets that have no 8 bytes"));
        }
        let first = if file.big { head.get(8..16) } else { head.get(4..8) };
        let mut next = first.map_or(0, |bytes| file.number(Some(bytes)));
        let (mut seen, mut directories) = (BTreeSet::new(), Vec::new());
        while next != 0 {
            if !seen.insert(next) {
                return Err(damaged(format!("the directory at byte {next} follows itself")));
            }
            if seen.len() > DIRECTORIES_MAX {
                let message = format!("the file has more than the limit of {DIRECTORIES_MAX} directories");
                return Err(Error::new(Code::SourceLimit, message));
            }
            let (directory, after) = file.directory(next)?;
            directories.push(directory);
            next = after;
        }
        if directories.is_empty() {
            return Err(damaged("it has no directory, so no image"));
        }
        Ok((file, directories))
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.object.validator().size
    }

    /// Reads a directory, and where the next one is.
    fn directory(&self, at: u64) -> Result<(Directory, u64)> {
        let (count_bytes, entry_bytes, link_bytes) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.read(at, count_bytes, "a directory")?;
        let count = self.number(Some(&count));
        if count > TAGS_MAX {
            return Err(damaged(format!("the directory at byte {at} has {count} tags")));
        }
        let length = count * entry_bytes;
        let body = self.read(at.saturating_add(count_bytes), length, "a directory")?;
        let mut tags = BTreeMap::new();
        for entry in body.chunks_exact(usize::try_from(entry_bytes).unwrap_or(12)) {
            let (tag, kind) = (self.number(entry.get(..2)), self.number(entry.get(2..4)));
            let split = if self.big { 12 } else { 8 };
            let count = self.number(entry.get(4..split));
            let field = entry.get(split..).unwrap_or_default().to_vec();
            let entry = Entry { kind: u16::try_from(kind).unwrap_or(0), count, field };
            tags.entry(u16::try_from(tag).unwrap_or(0)).or_insert(entry);
        }
        // a last directory may end with the file, without its link
        let link = at.saturating_add(count_bytes).saturating_add(length);
        let next = match link.saturating_add(link_bytes) <= self.size() {
            true => self.number(Some(&self.read(link, link_bytes, "the link of a directory")?)),
            false => 0,
        };
        Ok((Directory { tags }, next))
    }

    fn read(&self, at: u64, bytes: u64, what: &str) -> Result<Vec<u8>> {
        match at.checked_add(bytes) {
            Some(end) if end <= self.size() => read_range(&self.buffered, at..end),
            _ => Err(damaged(format!(
                "{what} at byte {at} needs {bytes} bytes, but the file ends after {}",
                self.size()
            ))),
        }
    }

    /// An unsigned number of up to eight bytes in the file's order; 0 where there are none.
    fn number(&self, bytes: Option<&[u8]>) -> u64 {
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match (bytes, self.endian) {
            (None, _) => 0,
            (Some(bytes), Endian::Little) => bytes.iter().rev().fold(0, push),
            (Some(bytes), Endian::Big) => bytes.iter().fold(0, push),
        }
    }

    /// The bytes of a tag's value and the size of one element; `None` where the directory has no such tag.
    fn value(&self, directory: &Directory, tag: u16) -> Result<Option<(u16, usize, Vec<u8>)>> {
        let Some(entry) = directory.tags.get(&tag) else { return Ok(None) };
        let size = match entry.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            kind => return Err(damaged(format!("tag {tag} has the unknown type {kind}"))),
        };
        let bytes = entry.count.checked_mul(size).filter(|bytes| *bytes <= VALUE_BYTES_MAX.min(self.size()));
        let Some(bytes) = bytes else {
            let count = entry.count;
            return Err(damaged(format!("tag {tag} has {count} values of {size} bytes, more than the file")));
        };
        let inside = usize::try_from(bytes).ok().and_then(|bytes| entry.field.get(..bytes));
        let value = match inside {
            Some(value) => value.to_vec(),
            None => self.read(self.number(Some(&entry.field)), bytes, &format!("the value of tag {tag}"))?,
        };
        Ok(Some((entry.kind, usize::try_from(size).unwrap_or(1), value)))
    }

    /// Unsigned integers; empty where the directory has no such tag.
    pub(super) fn numbers(&self, directory: &Directory, tag: u16) -> Result<Vec<u64>> {
        match self.value(directory, tag)? {
            None => Ok(Vec::new()),
            Some((1 | 3 | 4 | 13 | 16 | 18, size, bytes)) => {
                Ok(bytes.chunks_exact(size).map(|number| self.number(Some(number))).collect())
            }
            Some((kind, ..)) => {
                Err(damaged(format!("tag {tag} has the type {kind}, expected unsigned integers")))
            }
        }
    }

    /// The first of them.
    pub(super) fn first(&self, directory: &Directory, tag: u16) -> Result<Option<u64>> {
        Ok(self.numbers(directory, tag)?.first().copied())
    }

    /// Real numbers of any type; empty where the directory has no such tag.
    pub(super) fn doubles(&self, directory: &Directory, tag: u16) -> Result<Vec<f64>> {
        let Some((kind, size, bytes)) = self.value(directory, tag)? else { return Ok(Vec::new()) };
        let double = |bytes: &[u8]| {
            let number = self.number(Some(bytes));
            let (first, second) = bytes.split_at(bytes.len() / 2);
            let (first, second) = (self.number(Some(first)), self.number(Some(second)));
            match kind {
                5 => first as f64 / second as f64,
                10 => f64::from(first as u32 as i32) / f64::from(second as u32 as i32),
                6 => f64::from(number as u8 as i8),
                8 => f64::from(number as u16 as i16),
                9 => f64::from(number as u32 as i32),
                11 => f64::from(f32::from_bits(number as u32)),
                12 => f64::from_bits(number),
                17 => number.cast_signed() as f64,
                _ => number as f64,
            }
        };
        Ok(bytes.chunks_exact(size).map(double).collect())
    }

    /// The bytes of a value.
    pub(super) fn bytes(&self, directory: &Directory, tag: u16) -> Result<Option<Vec<u8>>> {
        Ok(self.value(directory, tag)?.map(|(_, _, bytes)| bytes))
    }

    /// Text, without the zeros at its end.
    pub(super) fn text(&self, directory: &Directory, tag: u16) -> Result<Option<String>> {
        Ok(self.bytes(directory, tag)?.map(|bytes| from_bytes(trim_zeros(&bytes))))
    }
}

impl Directory {
    pub(super) fn has(&self, tag: u16) -> bool {
        self.tags.contains_key(&tag)
    }
}

/// A file that is not as TIFF files are.
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(Code::SourceCorrupt, format!("the TIFF file is damaged: {what}"))
        .help("the file is truncated or damaged: fetch it again")
}

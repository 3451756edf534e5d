//! Where the chunks of an array lie in files that stay where they are: what a target of references holds in place of
//! chunks.

use std::sync::Arc;

use crate::error::{Code, Error, Result};

/// A file, or what else can be read by ranges, that chunks lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referenced {
    /// URL, or absolute path of this machine; without secrets.
    pub url: Arc<str>,
    /// Bytes of the whole.
    pub bytes: u64,
    /// HTTP entity tag, as the server sent it.
    pub etag: Option<String>,
    /// Modification time: nanoseconds since 1970.
    pub modified_ns: Option<i64>,
}

/// Where one chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// Nowhere: every cell has the value of unwritten ones.
    Absent,
    /// The bytes themselves, encoded as the array's encoding says.
    Inline(&'a [u8]),
    /// Bytes of a file.
    Range {
        /// The file.
        object: &'a Arc<Referenced>,
        /// First byte.
        offset: u64,
        /// How many bytes; never none.
        bytes: u32,
    },
}

/// Where every chunk of one array is, in C order of its grid: sixteen bytes a chunk, and every file once.
#[derive(Debug, Clone, Default)]
pub struct References {
    objects: Vec<Arc<Referenced>>,
    rows: Vec<Row>,
    inline: Vec<Box<[u8]>>,
}

/// Of a range: the file's number, offset and length. Of bytes in hand their number as the offset.
#[derive(Debug, Clone, Copy)]
struct Row {
    object: u32,
    bytes: u32,
    offset: u64,
}

/// In place of a file's number.
const ABSENT: u32 = u32::MAX;
/// In place of a file's number.
const INLINE: u32 = u32::MAX - 1;

impl References {
    /// With room for so many chunks.
    pub fn with_capacity(chunks: usize) -> Self {
        Self { rows: Vec::with_capacity(chunks), ..Self::default() }
    }

    /// A file that chunks lie in; gives back its number. The caller sees to it that none is added twice.
    ///
    /// # Errors
    /// `source-limit` for more than four billion.
    pub fn add_object(&mut self, object: Arc<Referenced>) -> Result<u32> {
        let number = u32::try_from(self.objects.len()).ok().filter(|number| *number < INLINE);
        let number = number.ok_or_else(|| Error::new(Code::SourceLimit, "chunks lie in too many files"))?;
        self.objects.push(object);
        Ok(number)
    }

    /// The next chunk is nowhere.
    pub fn push_absent(&mut self) {
        self.rows.push(Row { object: ABSENT, bytes: 0, offset: 0 });
    }

    /// The next chunk's bytes are in hand.
    pub fn push_inline(&mut self, bytes: &[u8]) {
        self.rows.push(Row { object: INLINE, bytes: 0, offset: self.inline.len() as u64 });
        self.inline.push(bytes.into());
    }

    /// The next chunk is a range of the file of that number.
    ///
    /// # Errors
    /// `target-unsupported` for a chunk of 4 GiB and more, which no reader of references takes; `bug` for an empty one.
    pub fn push_range(&mut self, object: u32, offset: u64, bytes: u64) -> Result<()> {
        let bytes = match u32::try_from(bytes) {
            Ok(0) => return Err(Error::new(Code::Bug, "found a reference to no bytes")),
            Ok(bytes) => bytes,
            Err(_) => {
                let message =
                    format!("found a chunk of {bytes} bytes, expected less than 4 GiB in a reference");
                return Err(Error::new(Code::TargetUnsupported, message));
            }
        };
        self.rows.push(Row { object, bytes, offset });
        Ok(())
    }

    /// How many chunks there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The files that chunks lie in.
    pub fn objects(&self) -> &[Arc<Referenced>] {
        &self.objects
    }

    /// Where the chunk of that C-order number is; `None` behind the last.
    pub fn get(&self, number: usize) -> Option<Reference<'_>> {
        let row = self.rows.get(number)?;
        match row.object {
            ABSENT => Some(Reference::Absent),
            INLINE => {
                self.inline.get(usize::try_from(row.offset).ok()?).map(|bytes| Reference::Inline(bytes))
            }
            object => self.objects.get(object as usize).map(|object| Reference::Range {
                object,
                offset: row.offset,
                bytes: row.bytes,
            }),
        }
    }

    /// Where all chunks are, in order.
    pub fn iter(&self) -> impl Iterator<Item = Reference<'_>> {
        (0..self.len()).filter_map(|number| self.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        let mut references = References::with_capacity(4);
        let file = Arc::new(Referenced { url: "/a.nc".into(), bytes: 90, etag: None, modified_ns: Some(1) });
        let number = references.add_object(Arc::clone(&file)).expect("a number");
        references.push_absent();
        references.push_inline(b"abc");
        references.push_range(number, 8, 4).expect("a range");
        references.push_inline(b"");
        let found: Vec<Reference<'_>> = references.iter().collect();
        let range = Reference::Range { object: &file, offset: 8, bytes: 4 };
        assert_eq!(found, [Reference::Absent, Reference::Inline(b"abc"), range, Reference::Inline(b"")]);
        assert_eq!((references.len(), references.get(4)), (4, None));
    }

    #[test]
    fn ranges_that_no_reader_takes_are_refused() {
        let mut references = References::default();
        let code = |result: Result<()>| result.map_err(|e| e.code);
        assert_eq!(code(references.push_range(0, 0, 1 << 32)), Err(Code::TargetUnsupported));
        assert_eq!(code(references.push_range(0, 0, 0)), Err(Code::Bug));
        assert!(references.is_empty());
    }
}

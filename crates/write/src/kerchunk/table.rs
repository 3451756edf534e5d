//! One Parquet file of references: the columns `path`, `offset`, `size` and `raw`, in one row group of a page each.
//!
//! Written as the format's specification has it (<https://parquet.apache.org/docs/file-format/>), with the plainest of what
//! every reader knows: pages of version 1, Zstandard, run lengths, and a dictionary for the URLs.

use std::collections::BTreeMap;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::references::Reference;

use super::thrift::{Struct, varint};

const MAGIC: &[u8; 4] = b"PAR1";
const ZSTD_LEVEL: i32 = 3;

// numbers of the specification
const INT64: i32 = 2;
const BYTE_ARRAY: i32 = 6;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;
const ZSTD: i32 = 6;
const UTF8: i32 = 0;
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;

/// A column before it is laid out.
struct Column {
    name: &'static str,
    kind: i32,
    /// Whether cells may be empty; then the values begin with the levels that say which are.
    optional: bool,
    text: bool,
    /// The values that cells name by number: how many, and their bytes.
    dictionary: Option<(usize, Vec<u8>)>,
    values: Vec<u8>,
}

/// The file of these references.
pub(super) fn table<'a>(references: impl Iterator<Item = Reference<'a>>) -> Result<Vec<u8>> {
    let mut columns = Columns::default();
    references.for_each(|reference| columns.push(reference));
    let rows = columns.rows;
    let mut file = MAGIC.to_vec();
    let mut chunks = Vec::new();
    let columns = columns.end();
    for column in &columns {
        chunks.push(chunk(&mut file, column, rows)?);
    }
    let root = Struct::default().text(4, "schema").i32(5, columns.len() as i32);
    let schema = std::iter::once(root).chain(columns.iter().map(element)).collect();
    let bytes = (file.len() - MAGIC.len()) as u64;
    let group = Struct::default().structures(1, chunks).i64(2, bytes).i64(3, rows);
    let footer = Struct::default().i32(1, 1).structures(2, schema).i64(3, rows).structures(4, vec![group]);
    let footer = footer.text(6, concat!("arcoforge version ", env!("CARGO_PKG_VERSION"))).end();
    file.extend_from_slice(&footer);
    file.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    file.extend_from_slice(MAGIC);
    Ok(file)
}

#[derive(Default)]
struct Columns<'a> {
    rows: u64,
    numbers: BTreeMap<&'a str, u32>,
    dictionary: Vec<u8>,
    /// Of the URLs: their numbers; of cells without one nothing.
    paths: Vec<u32>,
    has_path: Vec<u32>,
    offsets: Vec<u8>,
    sizes: Vec<u8>,
    raws: Vec<u8>,
    has_raw: Vec<u32>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, reference: Reference<'a>) {
        let (mut offset, mut size) = (0, 0);
        let (mut has_path, mut has_raw) = (0, 0);
        match reference {
            Reference::Absent => {}
            Reference::Inline(bytes) => {
                has_raw = 1;
                put(&mut self.raws, bytes);
            }
            Reference::Range { object, offset: first, bytes } => {
                (offset, size, has_path) = (first, u64::from(bytes), 1);
                let next = self.numbers.len() as u32;
                let number = *self.numbers.entry(&object.url).or_insert_with(|| {
                    put(&mut self.dictionary, object.url.as_bytes());
                    next
                });
                self.paths.push(number);
            }
        }
        self.rows += 1;
        self.has_path.push(has_path);
        self.has_raw.push(has_raw);
        self.offsets.extend_from_slice(&offset.to_le_bytes());
        self.sizes.extend_from_slice(&size.to_le_bytes());
    }

    fn end(self) -> [Column; 4] {
        let count = self.numbers.len();
        let width = (usize::BITS - count.saturating_sub(1).leading_zeros()).max(1);
        let mut paths = levels(&self.has_path);
        if count > 0 {
            paths.push(width as u8);
            paths.extend(runs(&self.paths, width));
        }
        let raws = [levels(&self.has_raw), self.raws].concat();
        let dictionary = (count > 0).then_some((count, self.dictionary));
        let number = |name, values| Column {
            name,
            kind: INT64,
            optional: false,
            text: false,
            dictionary: None,
            values,
        };
        let bytes = |name, text, dictionary, values| Column {
            name,
            kind: BYTE_ARRAY,
            optional: true,
            text,
            dictionary,
            values,
        };
        [
            bytes("path", true, dictionary, paths),
            number("offset", self.offsets),
            number("size", self.sizes),
            bytes("raw", false, None, raws),
        ]
    }
}

/// A value of any length, plain.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Definition levels of one bit, with their length before them.
fn levels(there: &[u32]) -> Vec<u8> {
    let runs = runs(there, 1);
    [&(runs.len() as u32).to_le_bytes()[..], &runs].concat()
}

/// Run lengths of numbers of `width` bits.
fn runs(numbers: &[u32], width: u32) -> Vec<u8> {
    let bytes = width.div_ceil(8) as usize;
    let mut out = Vec::new();
    for run in numbers.chunk_by(|a, b| a == b) {
        out.extend(varint((run.len() as u64) << 1));
        out.extend(run.iter().take(1).flat_map(|number| number.to_le_bytes()).take(bytes));
    }
    out
}

fn element(column: &Column) -> Struct {
    let element =
        Struct::default().i32(1, column.kind).i32(3, i32::from(column.optional)).text(4, column.name);
    if column.text { element.i32(6, UTF8) } else { element }
}

/// Appends the pages of a column, and tells where they are.
fn chunk(file: &mut Vec<u8>, column: &Column, rows: u64) -> Result<Struct> {
    let begin = file.len();
    let mut plain = 0;
    if let Some((count, values)) = &column.dictionary {
        let header = Struct::default().i32(1, *count as i32).i32(2, PLAIN);
        plain += page(file, DICTIONARY_PAGE, (7, header), values)?;
    }
    let data = file.len();
    let encoding = if column.dictionary.is_some() { RLE_DICTIONARY } else { PLAIN };
    let header = Struct::default().i32(1, rows as i32).i32(2, encoding).i32(3, RLE).i32(4, RLE);
    plain += page(file, DATA_PAGE, (5, header), &column.values)?;
    let encodings: &[i32] =
        if column.dictionary.is_some() { &[PLAIN, RLE, RLE_DICTIONARY] } else { &[PLAIN, RLE] };
    let meta = Struct::default().i32(1, column.kind).i32s(2, encodings).texts(3, &[column.name]);
    let meta = meta.i32(4, ZSTD).i64(5, rows).i64(6, plain).i64(7, (file.len() - begin) as u64);
    let meta = meta.i64(9, data as u64);
    let meta = if column.dictionary.is_some() { meta.i64(11, begin as u64) } else { meta };
    Ok(Struct::default().i64(2, begin as u64).structure(3, meta))
}

/// Appends one page; gives back its length before compression, header included.
fn page(file: &mut Vec<u8>, kind: i32, (id, own): (u8, Struct), values: &[u8]) -> Result<u64> {
    let failed = |cause| Error::new(Code::Bug, "a page of references can't be compressed").caused_by(cause);
    let packed = zstd::bulk::compress(values, ZSTD_LEVEL).map_err(failed)?;
    let length = |bytes: &[u8]| {
        i32::try_from(bytes.len()).map_err(|_| {
            let message = "found more than 2 GiB to be written into one file of references";
            Error::new(Code::TargetUnsupported, message)
        })
    };
    let header = Struct::default().i32(1, kind).i32(2, length(values)?).i32(3, length(&packed)?);
    let header = header.structure(id, own).end();
    file.extend_from_slice(&header);
    file.extend_from_slice(&packed);
    Ok((header.len() + values.len()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_run_lengths() {
        // numbers, bits: bytes
        let rows: [(&[u32], u32, &[u8]); 4] = [
            (&[], 1, &[]),
            (&[1, 1, 1, 0], 1, &[6, 1, 2, 0]),
            (&[300, 300], 9, &[4, 0x2c, 1]),
            (&[7; 100], 3, &[0xc8, 1, 7]),
        ];
        for (numbers, width, expected) in rows {
            assert_eq!(runs(numbers, width), expected, "{numbers:?}");
        }
    }
}

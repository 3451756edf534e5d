//! From a header to arrays: shapes, offsets, records and their padding, and the check that the file holds it all.

use std::collections::BTreeSet;

use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::codec::Codec;
use arcoforge_core::dtype::DataType;

use super::header::{Header, HeaderVariable};

/// Rows of contiguous arrays are presented in chunks of about this many bytes.
const CHUNK_BYTES: u64 = 2 << 20;
/// Arrays (or records) up to this size are one chunk.
const CHUNK_BYTES_MAX: u64 = 4 << 20;

/// Records (of all arrays together) up to this size are read several at a time: that costs less than a read each.
const RECORD_BYTES_SHORT: u64 = 32 << 10;
/// So many bytes of short records make a chunk.
const RECORDS_BYTES: u64 = 1 << 20;

/// Where an array lies: every element's offset is `begin` plus its index times `strides`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Array {
    /// `None` for characters.
    pub(super) dtype: Option<DataType>,
    pub(super) dims: Vec<String>,
    pub(super) shape: Vec<u64>,
    /// Bytes of one element.
    pub(super) element_bytes: u64,
    pub(super) begin: u64,
    /// Bytes from one index to the next along every dimension. Those behind the first are without gaps.
    pub(super) strides: Vec<u64>,
}

/// All arrays of a file, in header order, and the records that they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) arrays: Vec<(String, Result<Array, String>)>,
    /// The first byte behind all data.
    pub(super) end: u64,
}

/// Bytes of one record of one variable, as laid out.
struct Slab {
    bytes: u64,
    is_record: bool,
}

/// Works out every array's place. Errors are phrases: what is wrong with the header.
pub(super) fn layout(header: &Header, file_bytes: u64) -> Result<Layout, String> {
    let mut names = BTreeSet::new();
    for name in header.variables.iter().map(|v| &v.name) {
        if !names.insert(name) {
            return Err(format!("two variables are named `{name}`"));
        }
    }
    let slabs = header.variables.iter().map(|v| slab(header, v)).collect::<Result<Vec<_>, _>>()?;
    let record_bytes = record_bytes(&slabs)?;
    let records = match header.records {
        Some(records) => records,
        None => open_records(header, &slabs, record_bytes, file_bytes),
    };
    let mut end = 0;
    let mut arrays = Vec::new();
    for (variable, slab) in header.variables.iter().zip(&slabs) {
        let array = array(header, variable, slab, records, record_bytes)?;
        end = end.max(array_end(&array, slab).ok_or_else(|| too_large(&variable.name))?);
        if array.begin < header.bytes && array.shape.iter().all(|&n| n > 0) {
            return Err(format!(
                "the data of `{}` begins at byte {}, inside the header",
                variable.name, array.begin
            ));
        }
        arrays.push((variable.name.clone(), refuse_names(&variable.name, array, header.groups.is_some())));
    }
    Ok(Layout { arrays, end })
}

fn too_large(name: &str) -> String {
    format!("the size of variable `{name}` is beyond 2^64 bytes")
}

fn element_bytes(variable: &HeaderVariable) -> u64 {
    variable.dtype.and_then(DataType::size).unwrap_or(1) as u64
}

fn slab(header: &Header, variable: &HeaderVariable) -> Result<Slab, String> {
    let mut bytes = element_bytes(variable);
    let mut is_record = false;
    for (at, &id) in variable.dims.iter().enumerate() {
        let dim =
            header.dims.get(id).ok_or_else(|| format!("variable `{}` names no dimension", variable.name))?;
        if dim.length > 0 {
            bytes = bytes.checked_mul(dim.length).ok_or_else(|| too_large(&variable.name))?;
        } else if at == 0 {
            is_record = true;
        } else {
            return Err(format!(
                "variable `{}` has the record dimension `{}` behind another",
                variable.name, dim.name
            ));
        }
    }
    Ok(Slab { bytes, is_record })
}

/// Bytes of one record of all variables. Every variable's part is padded to four bytes, but not that of a lone one.
fn record_bytes(slabs: &[Slab]) -> Result<u64, String> {
    let mut parts = slabs.iter().filter(|s| s.is_record).map(|s| s.bytes);
    match (parts.next(), parts.next()) {
        (Some(alone), None) => Some(alone),
        (Some(first), Some(second)) => [first, second]
            .into_iter()
            .chain(parts)
            .try_fold(0u64, |sum, bytes| sum.checked_add(bytes.checked_next_multiple_of(4)?)),
        (None, _) => Some(0),
    }
    .ok_or_else(|| "the size of a record is beyond 2^64 bytes".to_owned())
}

/// The whole records that lie between the first one and the end of the file.
fn open_records(header: &Header, slabs: &[Slab], record_bytes: u64, file_bytes: u64) -> u64 {
    let begins = header.variables.iter().zip(slabs).filter(|(_, s)| s.is_record).map(|(v, _)| v.begin);
    let first = begins.min().unwrap_or(file_bytes);
    file_bytes.saturating_sub(first).checked_div(record_bytes).unwrap_or(0)
}

fn array(
    header: &Header,
    variable: &HeaderVariable,
    slab: &Slab,
    records: u64,
    record_bytes: u64,
) -> Result<Array, String> {
    let own = variable.dims.iter().filter_map(|&id| header.dims.get(id));
    let (dims, mut shape): (Vec<String>, Vec<u64>) = own.map(|d| (d.name.clone(), d.length)).unzip();
    let element_bytes = element_bytes(variable);
    let mut strides = vec![element_bytes; shape.len()];
    let mut stride = element_bytes;
    for (at, &length) in shape.iter().enumerate().rev() {
        if let Some(slot) = strides.get_mut(at) {
            *slot = stride;
        }
        stride = stride.checked_mul(length.max(1)).ok_or_else(|| too_large(&variable.name))?;
    }
    if let (true, Some(length), Some(stride)) = (slab.is_record, shape.first_mut(), strides.first_mut()) {
        (*length, *stride) = (records, record_bytes);
    }
    Ok(Array { dtype: variable.dtype, dims, shape, element_bytes, begin: variable.begin, strides })
}

/// The first byte behind the array; its last record may lack the padding.
fn array_end(array: &Array, slab: &Slab) -> Option<u64> {
    if array.shape.contains(&0) {
        return Some(0);
    }
    let rows_before = if slab.is_record { array.shape.first()?.checked_sub(1)? } else { 0 };
    let skipped = rows_before.checked_mul(array.strides.first().copied().unwrap_or(0))?;
    array.begin.checked_add(skipped)?.checked_add(slab.bytes)
}

/// Names that the rest of arcoforge can't hold apart: such a variable is listed as unreadable.
fn refuse_names(name: &str, array: Array, are_paths: bool) -> Result<Array, String> {
    let mut names = std::iter::once(name).chain(array.dims.iter().map(String::as_str));
    if let Some(bad) = names.find(|name| name.contains('/') && !are_paths) {
        return Err(format!("the name `{bad}` holds a slash, which would be read as a group's path"));
    }
    let repeated =
        array.dims.iter().enumerate().find(|(at, dim)| array.dims.iter().take(*at).any(|d| d == *dim));
    match repeated {
        Some((_, dim)) => Err(format!("it has the dimension `{dim}` twice, which a dataset can't hold")),
        None => Ok(array),
    }
}

impl Array {
    /// Whether the elements follow each other without a gap in the whole array.
    pub(super) fn is_contiguous(&self) -> bool {
        match (self.shape.as_slice(), self.strides.first()) {
            ([first, rest @ ..], Some(&stride)) => {
                *first < 2 || rest.iter().product::<u64>().checked_mul(self.element_bytes) == Some(stride)
            }
            _ => true,
        }
    }

    /// The shape of the chunks that the array is presented in: rows without gaps, 1 to 4 MiB where there are so many.
    /// Short records come several in a chunk, with what lies between them.
    pub(super) fn chunk(&self) -> Vec<u64> {
        if self.is_contiguous() {
            return rows(&self.shape, self.element_bytes);
        }
        let inner = self.shape.get(1..).unwrap_or_default();
        match self.records_in_chunk() {
            0 | 1 => std::iter::once(1).chain(rows(inner, self.element_bytes)).collect(),
            several => std::iter::once(several).chain(inner.iter().copied()).collect(),
        }
    }

    /// How many records a chunk has, with the bytes of other arrays between them; one where they are long.
    fn records_in_chunk(&self) -> u64 {
        let (stride, records) = (self.strides.first().copied(), self.shape.first().copied());
        match (stride, records) {
            (Some(stride), Some(records)) if stride <= RECORD_BYTES_SHORT && !self.is_contiguous() => {
                (RECORDS_BYTES / stride.max(1)).clamp(1, records.max(1))
            }
            _ => 1,
        }
    }

    /// The codec that takes an array's parts out of several records; `None` where chunks have no gaps.
    pub(super) fn codec(&self) -> Option<Codec> {
        let stride_bytes = *self.strides.first()?;
        (self.records_in_chunk() > 1).then(|| Codec::Records { piece_bytes: self.slab_bytes(), stride_bytes })
    }

    /// Bytes of one record of the array.
    fn slab_bytes(&self) -> u64 {
        self.shape.iter().skip(1).product::<u64>() * self.element_bytes // checked when the file was opened
    }

    /// How many bytes of the file the chunk of these cells takes, gaps included.
    pub(super) fn stored_bytes(&self, cells: &Region) -> u64 {
        match (self.codec(), cells.0.first(), self.strides.first()) {
            (Some(_), Some(records), Some(stride)) => {
                (records.end - records.start).saturating_sub(1) * stride + self.slab_bytes()
            }
            _ => cells.cells() * self.element_bytes,
        }
    }

    /// The chunk grid of [`Self::chunk`].
    pub(super) fn grid(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape.clone(), self.chunk())
    }

    /// The first byte of the cell at `index`, which lies inside the array.
    pub(super) fn offset(&self, index: &[u64]) -> u64 {
        // no overflow: the last cell's offset was computed, checked, when the file was opened
        self.begin + index.iter().zip(&self.strides).map(|(i, s)| i * s).sum::<u64>()
    }

    /// Every gapless run of a region, in C order: offset in the file and length, in bytes.
    pub(super) fn runs(&self, region: &Region) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        let mut split = region.0.len();
        let mut run = self.element_bytes;
        for (at, range) in region.0.iter().enumerate().rev() {
            if self.strides.get(at) != Some(&run) {
                break;
            }
            split = at;
            run *= range.end - range.start;
            if self.shape.get(at) != Some(&(range.end - range.start)) {
                break;
            }
        }
        let outer = Region(region.0.iter().take(split).cloned().collect());
        let inner: Vec<u64> = region.0.iter().skip(split).map(|r| r.start).collect();
        let outer_count = if region.cells() == 0 { 0 } else { outer.cells() };
        let grid = ChunkGrid::new(outer.shape(), vec![1; split]);
        (0..outer_count).map(move |flat| {
            let index = grid.index(flat).into_iter().zip(&outer.0).map(|(i, r)| i + r.start);
            let index: Vec<u64> = index.chain(inner.iter().copied()).collect();
            (self.offset(&index), run)
        })
    }
}

/// The most rows of an array without gaps that stay near [`CHUNK_BYTES`].
fn rows(shape: &[u64], element_bytes: u64) -> Vec<u64> {
    let mut chunk: Vec<u64> = shape.iter().map(|&n| n.max(1)).collect();
    let mut bytes = chunk.iter().fold(element_bytes, |bytes, &n| bytes.saturating_mul(n));
    for length in &mut chunk {
        if bytes <= CHUNK_BYTES_MAX {
            break;
        }
        let row = bytes / *length;
        *length = (CHUNK_BYTES / row.max(1)).clamp(1, *length);
        bytes = row.saturating_mul(*length);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_near_the_wanted_size() {
        let rows_of = |shape: &[u64], size| rows(shape, size);
        assert_eq!(rows_of(&[10, 20], 4), [10, 20]);
        assert_eq!(rows_of(&[1, 720, 1440], 4), [1, 720, 1440]);
        assert_eq!(rows_of(&[100, 720, 1440], 2), [1, 720, 1440]);
        assert_eq!(rows_of(&[3, 20_000, 20_000], 4), [1, 26, 20_000]);
        assert_eq!(rows_of(&[1 << 40], 8), [1 << 18]);
        assert_eq!(rows_of(&[0, 5], 8), [1, 5]);
        assert!(rows_of(&[], 8).is_empty());
    }

    fn array(shape: &[u64], strides: &[u64]) -> Array {
        Array {
            dtype: Some(DataType::Int16),
            dims: Vec::new(),
            shape: shape.to_vec(),
            element_bytes: 2,
            begin: 100,
            strides: strides.to_vec(),
        }
    }

    #[test]
    fn runs_are_as_long_as_the_file_allows() {
        let plain = array(&[4, 3, 5], &[30, 10, 2]);
        let records = array(&[4, 3, 5], &[64, 10, 2]);
        let runs = |a: &Array, region: [std::ops::Range<u64>; 3]| {
            a.runs(&Region(region.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(runs(&plain, [0..4, 0..3, 0..5]), [(100, 120)]);
        assert_eq!(runs(&plain, [1..3, 0..3, 0..5]), [(130, 60)]);
        assert_eq!(runs(&plain, [1..3, 1..2, 0..5]), [(140, 10), (170, 10)]);
        assert_eq!(runs(&plain, [1..2, 0..2, 4..5]), [(138, 2), (148, 2)]);
        assert_eq!(runs(&records, [1..3, 0..3, 0..5]), [(164, 30), (228, 30)]);
        assert_eq!(runs(&records, [1..1, 0..3, 0..5]), []);
        assert_eq!(array(&[], &[]).runs(&Region(vec![])).collect::<Vec<_>>(), [(100, 2)]);
        assert!(plain.is_contiguous() && !records.is_contiguous());
    }

    #[test]
    fn short_records_come_several_in_a_chunk() {
        let short = array(&[100_000, 3, 5], &[64, 10, 2]);
        assert_eq!(short.chunk(), [16_384, 3, 5]);
        assert_eq!(short.codec(), Some(Codec::Records { piece_bytes: 30, stride_bytes: 64 }));
        assert_eq!(short.stored_bytes(&Region(vec![98_304..100_000, 0..3, 0..5])), 1695 * 64 + 30);
        let few = array(&[3, 3, 5], &[64, 10, 2]);
        assert_eq!((few.chunk(), few.stored_bytes(&Region(vec![0..3, 0..3, 0..5]))), (vec![3, 3, 5], 158));
        let long = array(&[100, 3, 5], &[64 << 10, 10, 2]);
        assert_eq!((long.chunk(), long.codec()), (vec![1, 3, 5], None));
        assert_eq!(long.stored_bytes(&Region(vec![7..8, 0..3, 0..5])), 30);
        assert_eq!(array(&[100, 3, 5], &[30, 10, 2]).codec(), None);
    }
}

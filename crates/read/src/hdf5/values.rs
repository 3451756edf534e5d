//! Values of a region: stored chunks fetched, decoded and put in place, then shown as the schema says.

use std::sync::Arc;

use arcoforge_codec::{Scratch, can_hold, decode};
use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::{Code, Error, Result};

use super::attrs::heap_text;
use super::file::File;
use super::foreign::decode_foreign;
use super::index;
use super::schema::{Stored, View};
use super::types::{decode_text, unpadded};
use crate::gather::{copy_region, fill_region};

/// Most bytes of stored chunks that are held at a time.
const BATCH_BYTES: u64 = 16 << 20;
/// Most bytes of one region.
const REGION_BYTES_MAX: u64 = 64 << 30;

/// The chunk references of a variable; those of its whole shape, in C order.
pub(super) fn chunk_refs(file: &File, stored: &Stored) -> Result<Arc<[ChunkRef]>> {
    if let Some(refs) = stored.refs.get() {
        return Ok(Arc::clone(refs));
    }
    let refs: Arc<[ChunkRef]> = index::chunk_refs(file, &stored.dataset)?.into();
    Ok(Arc::clone(stored.refs.get_or_init(|| refs)))
}

/// The same over the shape that is shown, where that is more than what is stored: the rest was never written.
pub(super) fn shown_refs(file: &File, stored: &Stored) -> Result<Vec<ChunkRef>> {
    let refs = chunk_refs(file, stored)?;
    let own = stored.dataset.grid();
    if own.shape == stored.shape {
        return Ok(refs.to_vec());
    }
    let shown = ChunkGrid::new(stored.shape.clone(), own.chunk.clone());
    index::check_count(file, &shown)?;
    let counts = own.counts();
    let at = |flat| {
        let index = shown.index(flat);
        let inside = index.iter().zip(&counts).all(|(i, n)| i < n);
        let found = if inside { refs.get(usize::try_from(own.flat(&index)).ok()?) } else { None };
        found.cloned()
    };
    Ok((0..shown.len()).map(|flat| at(flat).unwrap_or(ChunkRef::Unallocated)).collect())
}

/// The values of a region of a variable, as the schema shows them.
pub(super) fn read(file: &File, stored: &Stored, region: &Region) -> Result<Block> {
    let shape = region.shape();
    match stored.view {
        View::Numbers(number) => {
            let bytes = raw(file, stored, region, number.dtype.swap_size(), number.endian)?;
            Ok(Block::from_bytes(number.dtype, shape, bytes))
        }
        View::Bits { number, offset, precision } => {
            let mut bytes = raw(file, stored, region, number.dtype.swap_size(), number.endian)?;
            let signed =
                matches!(number.dtype, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64);
            cut_bits(&mut bytes, number.dtype.size().unwrap_or(1), offset, precision, signed);
            Ok(Block::from_bytes(number.dtype, shape, bytes))
        }
        View::Text(padding) => {
            let bytes = raw(file, stored, region, 1, Endian::Little)?;
            let cells = bytes.chunks_exact(stored.dataset.element.size.max(1));
            Ok(Block::from_text(shape, cells.map(|cell| decode_text(unpadded(cell, padding))).collect()))
        }
        View::Chars { joined, latin1 } => chars(file, stored, region, joined, latin1),
        View::HeapText => {
            let bytes = raw(file, stored, region, 1, Endian::Little)?;
            let cells = bytes.chunks_exact(file.heap_reference_bytes());
            let texts = cells.map(|cell| Ok(heap_text(file, cell)?)).collect::<Result<_>>()?;
            Ok(Block::from_text(shape, texts))
        }
    }
}

fn chars(file: &File, stored: &Stored, region: &Region, joined: bool, latin1: bool) -> Result<Block> {
    let mut characters = region.clone();
    let length = if joined { stored.shape.last().copied().unwrap_or(1) } else { 1 };
    if joined {
        characters.0.push(0..length);
    }
    let bytes = raw(file, stored, &characters, 1, Endian::Little)?;
    let text = |cell: &[u8]| {
        let end = cell.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        let cell = cell.get(..end).unwrap_or_default();
        if latin1 { cell.iter().copied().map(char::from).collect() } else { decode_text(cell) }
    };
    let texts = match usize::try_from(length) {
        Ok(0) | Err(_) => vec![String::new(); usize::try_from(region.cells()).unwrap_or(0)],
        Ok(length) => bytes.chunks_exact(length).map(text).collect(),
    };
    Ok(Block::from_text(region.shape(), texts))
}

/// Moves integers down to their lowest bit, and extends their sign.
fn cut_bits(bytes: &mut [u8], size: usize, offset: u32, precision: u32, signed: bool) {
    let above = 64_u32.saturating_sub(offset + precision);
    for cell in bytes.chunks_exact_mut(size.max(1)) {
        let whole = cell.iter().rev().fold(0_u64, |all, &b| all << 8 | u64::from(b));
        let top = whole.checked_shl(above).unwrap_or(0);
        let down = 64_u32.saturating_sub(precision);
        let value = if signed {
            top.cast_signed().checked_shr(down).unwrap_or(0).cast_unsigned()
        } else {
            top.checked_shr(down).unwrap_or(0)
        };
        for (byte, value) in cell.iter_mut().zip(value.to_le_bytes()) {
            *byte = value;
        }
    }
}

/// The stored elements of a region, bytes in little-endian order by `swap_size`.
fn raw(file: &File, stored: &Stored, region: &Region, swap_size: usize, endian: Endian) -> Result<Vec<u8>> {
    let elem = stored.dataset.element.size;
    let shape = region.shape();
    let too_large =
        |bytes: u64| Error::new(Code::SourceLimit, format!("a region of {bytes} bytes is beyond the limits"));
    let bytes = region.cells().saturating_mul(elem as u64);
    if bytes > REGION_BYTES_MAX {
        return Err(too_large(bytes));
    }
    let length = usize::try_from(bytes).map_err(|_| too_large(bytes))?;
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|_| too_large(bytes))?;
    out.resize(length, 0);
    let extent = Region::whole(&stored.dataset.space.shape);
    let target = Target { out: &mut out, region, shape: &shape, elem };
    if extent.intersect(region).as_ref() != Some(region) && region.cells() > 0 {
        let mut pad = stored.pad.clone();
        if endian == Endian::Big {
            pad.chunks_mut(swap_size.max(1)).for_each(<[u8]>::reverse);
        }
        fill_region(target.out, &shape, &Region::whole(&shape), &pad)?;
    }
    if let Some(within) = extent.intersect(region) {
        let encoding = Encoding { endian, codecs: stored.dataset.codecs.clone() };
        gather(file, stored, &within, &encoding, swap_size, target)?;
    }
    Ok(out)
}

/// Where decoded cells go.
struct Target<'a> {
    out: &'a mut [u8],
    /// The cells of the array that `out` holds.
    region: &'a Region,
    shape: &'a [u64],
    elem: usize,
}

/// Fetches and decodes all chunks that share a cell with `within`.
fn gather(
    file: &File,
    stored: &Stored,
    within: &Region,
    encoding: &Encoding,
    swap_size: usize,
    mut target: Target<'_>,
) -> Result<()> {
    let grid = stored.dataset.grid();
    let refs = chunk_refs(file, stored)?;
    let mut fill = stored.dataset.fill.clone().unwrap_or_else(|| vec![0; target.elem]);
    if encoding.endian == Endian::Big {
        fill.chunks_mut(swap_size.max(1)).for_each(<[u8]>::reverse);
    }
    let mut decoder = Decoder {
        grid: &grid,
        within,
        encoding,
        swap_size,
        scratch: Scratch::with_foreign(decode_foreign),
        chunk: Vec::new(),
        chunked: stored.dataset.is_chunked(),
    };
    let (mut batch, mut batch_bytes): (Vec<Wanted>, u64) = (Vec::new(), 0);
    for index in indices(&grid.covering(within)) {
        let found = usize::try_from(grid.flat(&index)).ok().and_then(|flat| refs.get(flat));
        match found {
            Some(ChunkRef::Stored { offset, bytes, filter_mask }) => {
                batch_bytes = batch_bytes.saturating_add(*bytes);
                let range = *offset..offset.saturating_add(*bytes);
                batch.push(Wanted { index, range, filter_mask: *filter_mask });
                if batch_bytes >= BATCH_BYTES {
                    decoder.fetch(file, &std::mem::take(&mut batch), &mut target)?;
                    batch_bytes = 0;
                }
            }
            Some(ChunkRef::Inline(data)) => decoder.put(&index, data, 0, &mut target)?,
            Some(ChunkRef::Unallocated) | None => {
                if let Some(shared) = grid.region(&index).intersect(target.region) {
                    let inside = shared.relative_to(&target.region.start());
                    fill_region(target.out, target.shape, &inside, &fill)?;
                }
            }
        }
    }
    decoder.fetch(file, &batch, &mut target)
}

/// A stored chunk that is to be fetched.
struct Wanted {
    index: Vec<u64>,
    range: std::ops::Range<u64>,
    filter_mask: u32,
}

struct Decoder<'a> {
    grid: &'a ChunkGrid,
    within: &'a Region,
    encoding: &'a Encoding,
    swap_size: usize,
    scratch: Scratch,
    chunk: Vec<u8>,
    chunked: bool,
}

impl Decoder<'_> {
    fn fetch(&mut self, file: &File, batch: &[Wanted], target: &mut Target<'_>) -> Result<()> {
        let ranges: Vec<_> = batch.iter().map(|wanted| wanted.range.clone()).collect();
        let fetched = file.object.read_ranges(&ranges)?;
        for (wanted, stored) in batch.iter().zip(&fetched) {
            let place =
                |error: Error| error.in_chunk(&wanted.index).in_range(wanted.range.start, wanted.range.end);
            self.put(&wanted.index, stored, wanted.filter_mask, target).map_err(place)?;
        }
        Ok(())
    }

    /// Decodes one chunk and copies what is wanted of it.
    fn put(&mut self, index: &[u64], stored: &[u8], filter_mask: u32, target: &mut Target<'_>) -> Result<()> {
        let cells = self.grid.region(index);
        let shape = if self.chunked { self.grid.chunk.clone() } else { cells.shape() };
        let bytes = shape.iter().fold(target.elem as u64, |all, &n| all.saturating_mul(n));
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let stored = if self.chunked { stored } else { stored.get(..length).unwrap_or(stored) };
        can_hold(self.encoding, filter_mask, stored.len(), bytes)?;
        self.chunk.resize(length, 0);
        decode(self.encoding, self.swap_size, filter_mask, stored, &mut self.chunk, &mut self.scratch)?;
        let Some(shared) = cells.intersect(self.within) else { return Ok(()) };
        let from = shared.relative_to(&cells.start());
        let to = shared.relative_to(&target.region.start());
        copy_region(&self.chunk, &shape, &from, target.out, target.shape, &to, target.elem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cut_and_signs_extended() {
        let rows: [(i16, u32, u32, bool, i16); 5] = [
            (0b0000_1111_1111_1100, 2, 12, true, 0b0000_0011_1111_1111),
            (0b0011_1111_1111_1100, 2, 12, true, -1),
            (0b0011_1111_1111_1100, 2, 12, false, 0x0fff),
            (-2, 0, 16, true, -2),
            (0x0fff, 0, 12, true, -1),
        ];
        for (stored, offset, precision, signed, expected) in rows {
            let mut bytes = stored.to_le_bytes();
            cut_bits(&mut bytes, 2, offset, precision, signed);
            assert_eq!(i16::from_le_bytes(bytes), expected, "{stored:#b}");
        }
    }
}

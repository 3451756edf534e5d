//! Values of a region: strips and tiles fetched, decoded and put in place.

use std::ops::Range;

use arcoforge_codec::{Scratch, can_hold, decode};
use arcoforge_core::block::{Block, scalar_to_le};
use arcoforge_core::chunk::{ChunkRef, Region, indices};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::{Code, Error, Result};

use super::array::Array;
use super::file::File;
use crate::gather::{copy_region, fill_region};

/// Most bytes of strips or tiles that are held at a time.
const BATCH_BYTES: u64 = 16 << 20;

/// The values of a region that lies inside the array; where nothing was written, `unwritten`.
pub(super) fn read(file: &File, array: &Array, region: &Region, unwritten: &Scalar) -> Result<Block> {
    let (shape, size) = (region.shape(), array.dtype.size().unwrap_or(1));
    let mut gathered =
        Gathered { array, region, out: zeros(region.cells(), size)?, decoder: Decoder::default() };
    let refs = array.chunk_refs(file)?;
    let mut fill = Vec::new();
    scalar_to_le(array.dtype, unwritten, &mut fill);
    let (mut batch, mut batch_bytes): (Vec<Wanted>, u64) = (Vec::new(), 0);
    for index in indices(&array.grid.covering(region)) {
        match usize::try_from(array.grid.flat(&index)).ok().and_then(|flat| refs.get(flat)) {
            Some(ChunkRef::Stored { offset, bytes, .. }) => {
                batch_bytes = batch_bytes.saturating_add(*bytes);
                batch.push((index, *offset..offset.saturating_add(*bytes)));
                if batch_bytes >= BATCH_BYTES {
                    gathered.fetch(file, &std::mem::take(&mut batch))?;
                    batch_bytes = 0;
                }
            }
            _ => {
                if let Some(shared) = array.grid.region(&index).intersect(region) {
                    let inside = shared.relative_to(&region.start());
                    fill_region(&mut gathered.out, &shape, &inside, &fill)?;
                }
            }
        }
    }
    gathered.fetch(file, &batch)?;
    Ok(Block::from_bytes(array.dtype, shape, gathered.out))
}

/// A strip or tile that is to be fetched: its index and its bytes.
type Wanted = (Vec<u64>, Range<u64>);

#[derive(Default)]
struct Decoder {
    scratch: Scratch,
    chunk: Vec<u8>,
}

struct Gathered<'a> {
    array: &'a Array,
    region: &'a Region,
    out: Vec<u8>,
    decoder: Decoder,
}

impl Gathered<'_> {
    fn fetch(&mut self, file: &File, batch: &[Wanted]) -> Result<()> {
        let ranges: Vec<_> = batch.iter().map(|(_, range)| range.clone()).collect();
        let fetched = file.object.read_ranges(&ranges)?;
        for ((index, range), stored) in batch.iter().zip(&fetched) {
            let place = |error: Error| error.in_chunk(index).in_range(range.start, range.end);
            self.put(index, stored).map_err(place)?;
        }
        Ok(())
    }

    /// Decodes one strip or tile and copies what is wanted of it.
    fn put(&mut self, index: &[u64], stored: &[u8]) -> Result<()> {
        let Self { array, region, out, decoder } = self;
        let cells = array.grid.region(index);
        let shape = if array.chunked { array.grid.chunk.clone() } else { cells.shape() };
        let size = array.dtype.size().unwrap_or(1);
        let bytes = shape.iter().fold(size as u64, |all, &n| all.saturating_mul(n));
        can_hold(&array.encoding, 0, stored.len(), bytes)?;
        decoder.chunk.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
        let swap = array.dtype.swap_size();
        decode(&array.encoding, swap, 0, stored, &mut decoder.chunk, &mut decoder.scratch)?;
        let Some(shared) = cells.intersect(region) else { return Ok(()) };
        let (from, to) = (shared.relative_to(&cells.start()), shared.relative_to(&region.start()));
        copy_region(&decoder.chunk, &shape, &from, out, &region.shape(), &to, size)
    }
}

/// Room for so many cells, or an error where there is not so much memory.
pub(super) fn zeros(cells: u64, size: usize) -> Result<Vec<u8>> {
    let bytes = cells.checked_mul(size as u64).and_then(|bytes| usize::try_from(bytes).ok());
    let mut out = Vec::new();
    match bytes.filter(|bytes| out.try_reserve_exact(*bytes).is_ok()) {
        Some(bytes) => out.resize(bytes, 0),
        None => {
            let message = format!("a region of {cells} cells of {size} bytes does not fit in memory");
            return Err(Error::new(Code::SourceLimit, message));
        }
    }
    Ok(out)
}

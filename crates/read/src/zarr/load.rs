//! Reads a region: the chunks that it touches, and of a shard only its index and those inner chunks.

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::block::Block;
use arcoforge_core::chunk::{Region, indices};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Held, Keyed};

use super::cells::Cells;
use super::dims::join;
use super::meta::{ArrayMeta, Shard};

/// Offset and length of an inner chunk that was never written.
pub(super) const ABSENT: (u64, u64) = (u64::MAX, u64::MAX);
/// Inner chunks of one shard; an index of 256 MiB.
const INNER_CHUNKS_MAX: u64 = 1 << 24;

/// What a read works on: the region, and the cells read so far.
struct Target<'a> {
    array: &'a ArrayMeta,
    region: &'a Region,
    shape: Vec<u64>,
    cells: Cells,
    scratch: Scratch,
}

/// The decoded values of a region that lies inside the array.
pub(super) fn region(store: &dyn Keyed, array: &ArrayMeta, path: &str, region: &Region) -> Result<Block> {
    let shape = region.shape();
    let cells = Cells::unwritten(array, region.cells())?;
    let mut target = Target { array, region, shape, cells, scratch: Scratch::new() };
    let grid = array.outer_grid();
    if region.cells() > 0 {
        for index in indices(&grid.covering(region)) {
            let key = join(path, &array.keys.key(&index));
            let place = |e: Error| e.in_chunk(&index);
            if let Some(stored) = store.get(&key).map_err(place)? {
                let origin: Vec<u64> = index.iter().zip(&array.outer).map(|(i, n)| i * n).collect();
                target.object(&stored, &origin).map_err(|e| match &stored {
                    Held::Bytes(_) => place(e).at(&key),
                    Held::Range(object, ..) => place(e).at(object.url()),
                })?;
            }
        }
    }
    Ok(target.cells.block(array.element.dtype(), target.shape))
}

impl Target<'_> {
    /// Takes what the region needs of one chunk or shard, whose first cell is `origin`.
    fn object(&mut self, stored: &Held, origin: &[u64]) -> Result<()> {
        let Some(shard) = self.array.shard else {
            let bytes = stored.read(0, stored.bytes())?;
            return self.chunk(&bytes, origin);
        };
        let grid = self.array.inner_grid();
        let entries = read_index(stored, shard, grid.len(), &mut self.scratch)?;
        let whole = box_at(origin, &self.array.outer, &self.array.shape);
        let Some(wanted) = whole.intersect(self.region) else { return Ok(()) };
        for inner in indices(&grid.covering(&wanted.relative_to(origin))) {
            let entry = usize::try_from(grid.flat(&inner)).ok().and_then(|at| entries.get(at)).copied();
            match entry {
                None => return Err(Error::new(Code::Bug, "found an inner chunk outside of its shard")),
                Some(ABSENT) => {}
                Some((offset, bytes)) => {
                    let steps = inner.iter().zip(&self.array.chunk).zip(origin);
                    let first: Vec<u64> = steps.map(|((i, n), o)| o + i * n).collect();
                    let place = |e: Error| e.in_range(offset, offset.saturating_add(bytes));
                    let bytes = stored.read(offset, bytes).map_err(place)?;
                    self.chunk(&bytes, &first).map_err(place)?;
                }
            }
        }
        Ok(())
    }

    /// Decodes one chunk, whose first cell is `origin`, and copies the cells that lie in the region.
    fn chunk(&mut self, stored: &[u8], origin: &[u64]) -> Result<()> {
        let whole = box_at(origin, &self.array.chunk, &self.array.shape);
        let Some(shared) = whole.intersect(self.region) else { return Ok(()) };
        let chunk = Cells::decode(self.array, stored, &mut self.scratch)?;
        let to = shared.relative_to(&self.region.start());
        let from = shared.relative_to(origin);
        self.cells.place((&self.shape, &to), &chunk, (&self.array.chunk, &from))
    }
}

/// The box of `lengths` cells from `origin`, cut at the array's end. No overflow: `origin` lies inside the array, whose
/// cells fit 64 bits, as do those of a chunk.
fn box_at(origin: &[u64], lengths: &[u64], shape: &[u64]) -> Region {
    let ranges = origin.iter().zip(lengths).zip(shape);
    Region(ranges.map(|((&start, &length), &n)| start..start.saturating_add(length).min(n)).collect())
}

/// Offset and length of every inner chunk, in C order.
pub(super) fn read_index(
    stored: &Held,
    shard: Shard,
    count: u64,
    scratch: &mut Scratch,
) -> Result<Vec<(u64, u64)>> {
    if count > INNER_CHUNKS_MAX {
        let message = format!("a shard of {count} chunks is beyond the limit of {INNER_CHUNKS_MAX}");
        return Err(Error::new(Code::SourceLimit, message));
    }
    let index_bytes = count * 16;
    let bytes = index_bytes + if shard.checksum { 4 } else { 0 };
    let offset = stored.bytes().checked_sub(bytes).ok_or_else(|| {
        let message =
            format!("truncated: found a shard of {} bytes, its index alone has {bytes}", stored.bytes());
        Error::new(Code::SourceCorrupt, message)
    })?;
    let encoded = stored.read(if shard.index_last { offset } else { 0 }, bytes)?;
    let codecs = if shard.checksum { vec![Codec::Crc32c] } else { Vec::new() };
    let mut index = vec![0; usize::try_from(index_bytes).unwrap_or(0)];
    decode(&Encoding { endian: Endian::Little, codecs }, 8, 0, &encoded, &mut index, scratch)
        .map_err(|e| Error::new(Code::SourceCorrupt, "the index of a shard is damaged").caused_by(e))?;
    let words: Vec<u64> = index.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    Ok(words.as_chunks::<2>().0.iter().map(|&[offset, length]| (offset, length)).collect())
}

//! Stored chunks: fetched, decoded, and their cells put where they belong.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use arcoforge_codec::decode;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, ChunkRefs, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::BATCH_BYTES;
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::Mapped;
use arcoforge_store::Object;

use super::{Share, Slab, Worker, copies, distance, fill_with, put, raw, sized};
use crate::strided::strides;
use crate::survey::Surveyed;

/// One array of a file, seen from the cells that are filled.
pub(super) struct Part<'a> {
    pub(super) object: &'a Arc<dyn Object>,
    pub(super) refs: &'a ChunkRefs,
    /// For every dimension of what is filled: a cell there, and the same cell's place in the variable.
    pub(super) origin: Vec<(u64, u64)>,
    /// For every dimension of the variable the file's.
    pub(super) axes: Vec<Option<usize>>,
    pub(super) grid: ChunkGrid,
    pub(super) encoding: &'a Encoding,
    pub(super) unwritten: &'a Scalar,
    pub(super) chunked: bool,
}

/// A plain variable's chunks; `None` where only the format's reader can decode them.
pub(super) fn part<'a>(
    surveyed: &'a Surveyed,
    mapped: &'a Mapped,
    origin: Vec<(u64, u64)>,
) -> Result<Option<Part<'a>>> {
    let Storage::Chunks { chunk, encoding, unwritten, chunked } = &mapped.var.storage else {
        return Ok(None);
    };
    let Some(refs) = mapped.source().and_then(|source| surveyed.refs.get(source)) else { return Ok(None) };
    let axes = mapped.axes();
    // the file's own shape: dimensions that the variable no longer has are of length one
    let mut shape = vec![1; chunk.len()];
    for (axis, &length) in axes.iter().zip(&mapped.var.shape) {
        if let Some(slot) = axis.and_then(|a| shape.get_mut(a)) {
            *slot = length;
        }
    }
    let grid = ChunkGrid::new(shape, chunk.clone());
    let chunks = grid.len();
    if refs.len() as u64 != chunks {
        return Err(Error::new(Code::Bug, format!("{} chunk references for {chunks} chunks", refs.len())));
    }
    let object = &surveyed.object;
    Ok(Some(Part { object, refs, origin, axes, grid, encoding, unwritten, chunked: *chunked }))
}

impl Part<'_> {
    /// Cells that are filled as cells of the file.
    pub(super) fn to_file(&self, cells: &Region) -> Region {
        let mut ranges: Vec<Range<u64>> = vec![0..1; self.grid.shape.len()];
        for ((range, axis), (here, there)) in cells.0.iter().zip(&self.axes).zip(&self.origin) {
            if let Some(slot) = axis.and_then(|a| ranges.get_mut(a)) {
                *slot = range.start - here + there..range.end - here + there;
            }
        }
        Region(ranges)
    }

    /// Cells of the file as cells that are filled.
    pub(super) fn to_array(&self, cells: &Region) -> Region {
        let range =
            |(axis, (here, there)): (&Option<usize>, &(u64, u64))| match axis.and_then(|a| cells.0.get(a)) {
                Some(range) => range.start + here - there..range.end + here - there,
                None => *here..here + 1,
            };
        Region(self.axes.iter().zip(&self.origin).map(range).collect())
    }

    /// Where a chunk is stored; `None` where it is not, or stands among the references.
    fn range(&self, index: &[u64]) -> Option<Range<u64>> {
        match self.refs.get(self.grid.flat(index) as usize) {
            Some(ChunkRef::Stored { offset, bytes, .. }) => Some(offset..offset.saturating_add(bytes)),
            _ => None,
        }
    }

    /// Where all chunks are stored that hold some of these cells of the file.
    pub(super) fn stored(&self, wanted: &Region) -> impl Iterator<Item = Range<u64>> {
        indices(&self.grid.covering(wanted)).filter_map(|index| self.range(&index))
    }

    /// The shape of a decoded chunk.
    pub(super) fn block_shape(&self, cells: &Region) -> Vec<u64> {
        if self.chunked { self.grid.chunk.clone() } else { cells.shape() }
    }
}

/// Copies a share of `cells`, a box of what is filled.
pub(super) fn copy_part(
    worker: &mut Worker,
    slab: &Slab,
    part: &Part<'_>,
    cells: &Region,
    share: Share,
) -> Result<()> {
    let wanted = &part.to_file(cells);
    let chunks: Vec<Vec<u64>> = indices(&part.grid.covering(wanted)).collect();
    let chunks = share.of(&chunks);
    if !part.object.is_remote() {
        for index in chunks {
            if raw::copy_chunk(worker, slab, part, index, wanted).map_err(|e| e.in_chunk(index))? {
                continue;
            }
            if let Some(ChunkRef::Stored { offset, bytes, .. }) =
                part.refs.get(part.grid.flat(index) as usize)
            {
                read_stored(part.object.as_ref(), offset, bytes, &mut worker.stored)?;
                worker.bytes_read += bytes;
            }
            copy_chunk(worker, slab, part, index, wanted, None)?;
        }
        return Ok(());
    }
    // not asked for ahead
    let mut left = Vec::new();
    for index in chunks {
        let ahead = worker.ahead().zip(part.range(index));
        let Some(piece) = ahead.and_then(|(ahead, range)| ahead.take(part.object, range)) else {
            left.push(index);
            continue;
        };
        let stored = piece.bytes()?;
        worker.bytes_read += stored.len() as u64;
        copy_chunk(worker, slab, part, index, wanted, Some(stored))?;
    }
    for batch in batches(part, &left) {
        let ranges: Vec<Range<u64>> =
            batch.iter().map(|index| part.range(index).unwrap_or_default()).collect();
        let fetched = part.object.read_ranges(&ranges)?;
        worker.bytes_read += fetched.iter().map(|b| b.len() as u64).sum::<u64>();
        for (index, stored) in batch.iter().zip(&fetched) {
            copy_chunk(worker, slab, part, index, wanted, Some(stored))?;
        }
    }
    Ok(())
}

/// Fills `stored` with a chunk's bytes; the range is checked against the file before memory is taken.
pub(crate) fn read_stored(object: &dyn Object, offset: u64, bytes: u64, stored: &mut Vec<u8>) -> Result<()> {
    let size = object.end();
    let end = offset.checked_add(bytes).filter(|end| *end <= size);
    let Some(end) = end else {
        return Err(Error::new(
            Code::SourceCorrupt,
            format!(
                "a chunk lies at bytes {offset}..{}, and the file has {size} bytes",
                offset.saturating_add(bytes)
            ),
        )
        .help("the file is truncated or damaged: fetch it again"));
    };
    let bytes =
        usize::try_from(bytes).map_err(|e| Error::new(Code::SourceLimit, "chunk too large").caused_by(e))?;
    sized(stored, bytes);
    object.read_into(offset, stored).map_err(|e| e.in_range(offset, end))
}

/// Consecutive chunks of at most [`BATCH_BYTES`] stored bytes.
fn batches<'a, 'b>(part: &Part<'_>, chunks: &'a [&'b Vec<u64>]) -> Vec<&'a [&'b Vec<u64>]> {
    let mut found = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (at, index) in chunks.iter().enumerate() {
        let bytes = part.range(index).map_or(0, |range| range.end - range.start);
        if held + bytes > BATCH_BYTES && at > start {
            found.extend(chunks.get(start..at));
            (start, held) = (at, 0);
        }
        held += bytes;
    }
    found.extend(chunks.get(start..).filter(|rest| !rest.is_empty()));
    found
}

/// Decodes one source chunk (its bytes in `fetched`, else in the worker's buffer) and copies its wanted cells.
fn copy_chunk(
    worker: &mut Worker,
    slab: &Slab,
    part: &Part<'_>,
    index: &[u64],
    wanted: &Region,
    fetched: Option<&[u8]>,
) -> Result<()> {
    let cells = part.grid.region(index);
    let shape = part.block_shape(&cells);
    let block_cells = shape.iter().product::<u64>() as usize;
    let Some(inside) = cells.intersect(wanted).or_else(|| cells.0.is_empty().then(|| cells.clone())) else {
        return Ok(());
    };
    let reference = part.refs.get(part.grid.flat(index) as usize);
    let strides = strides(&shape);
    let stride = |axis: &Option<usize>| axis.and_then(|a| strides.get(a).copied()).unwrap_or(0);
    let along: Vec<usize> = part.axes.iter().map(stride).collect();
    let begin = |both: &Region| distance(&part.to_file(both), &cells, &strides);
    let copies = copies(slab, &part.to_array(&inside), &along, begin);
    let swap = slab.dtype.swap_size();
    let size = slab.size;
    let (filter_mask, bytes): (u32, &[u8]) = match (&reference, fetched) {
        (Some(ChunkRef::Stored { filter_mask, .. }), Some(fetched)) => (*filter_mask, fetched),
        (Some(ChunkRef::Stored { filter_mask, .. }), None) => (*filter_mask, &worker.stored),
        (Some(ChunkRef::Inline(bytes)), _) => (0, bytes),
        (Some(ChunkRef::Unallocated) | None, _) => {
            sized(&mut worker.decoded, block_cells * size);
            fill_with(&mut worker.decoded, slab.dtype, part.unwritten);
            return put(&worker.decoded, slab, &copies);
        }
    };
    let place = |e: Error| e.in_chunk(index);
    if let Some((buffer, run)) = slab.run(&copies, block_cells)
        && let Some(target) = buffer.lock().unwrap_or_else(PoisonError::into_inner).get_mut(run)
    {
        return decode(part.encoding, swap, filter_mask, bytes, target, &mut worker.scratch).map_err(place);
    }
    sized(&mut worker.decoded, block_cells * size);
    decode(part.encoding, swap, filter_mask, bytes, &mut worker.decoded, &mut worker.scratch)
        .map_err(place)?;
    put(&worker.decoded, slab, &copies)
}

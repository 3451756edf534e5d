//! Cells that are stored as they are: of a chunk only the runs that are wanted are read.

use std::ops::Range;
use std::sync::PoisonError;

use arcoforge_codec::decode;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::Result;
use arcoforge_core::plan::{NEAR_BYTES, PART_BYTES};

use super::chunks::{Part, read_stored};
use super::{Slab, Worker, copies, distance, put, sized};
use crate::strided::strides;

/// Divides a box of a C-order array into boxes that can be read in one go: at most [`PART_BYTES`] from the first cell to
/// the last, and at least half of that wanted or no more than [`NEAR_BYTES`]. Calls `each` with the box and with these cells.
pub(super) fn parts(
    shape: &[u64],
    wanted: &Region,
    size: usize,
    each: &mut dyn FnMut(&Region, Range<usize>) -> Result<()>,
) -> Result<()> {
    if wanted.0.iter().any(|range| range.start >= range.end) {
        return Ok(());
    }
    let strides = strides(shape);
    let at = |of: &dyn Fn(&Range<u64>) -> u64| -> usize {
        wanted.0.iter().zip(&strides).map(|(range, stride)| of(range) as usize * stride).sum()
    };
    let span = at(&|range| range.start)..at(&|range| range.end - 1) + 1;
    let bytes = span.len() * size;
    let dense = span.len() as u64 <= wanted.cells().saturating_mul(2) || bytes as u64 <= NEAR_BYTES;
    let longest = wanted.0.iter().position(|range| range.end - range.start > 1);
    let Some(dim) = longest.filter(|_| !dense || bytes as u64 > PART_BYTES) else {
        return each(wanted, span);
    };
    let mut half = wanted.clone();
    let Some(range) = half.0.get_mut(dim) else { return Ok(()) };
    let (start, end) = (range.start, range.end);
    let middle = start + (end - start) / 2;
    *range = start..middle;
    parts(shape, &half, size, each)?;
    if let Some(range) = half.0.get_mut(dim) {
        *range = middle..end;
    }
    parts(shape, &half, size, each)
}

/// Copies the wanted cells of one chunk; false where its bytes are not the plain cells that they should be.
pub(super) fn copy_chunk(
    worker: &mut Worker,
    slab: &Slab,
    part: &Part<'_>,
    index: &[u64],
    wanted: &Region,
) -> Result<bool> {
    let Some(ChunkRef::Stored { offset, bytes, .. }) = part.refs.get(part.grid.flat(index) as usize) else {
        return Ok(false);
    };
    let cells = part.grid.region(index);
    let shape = part.block_shape(&cells);
    let Some(inside) = cells.intersect(wanted).filter(|inside| !inside.0.is_empty()) else {
        return Ok(false);
    };
    let plain = shape.iter().product::<u64>().checked_mul(slab.size as u64) == Some(bytes);
    if !plain || !part.encoding.codecs.is_empty() {
        return Ok(false);
    }
    let (strides, size, swap) = (strides(&shape), slab.size, slab.dtype.swap_size());
    let along: Vec<usize> =
        part.axes.iter().map(|axis| axis.and_then(|a| strides.get(a).copied()).unwrap_or(0)).collect();
    let origin = cells.start();
    parts(&shape, &inside.relative_to(&origin), size, &mut |here, span| {
        let file = Region(here.0.iter().zip(&origin).map(|(r, o)| r.start + o..r.end + o).collect());
        let begin = |both: &Region| distance(&part.to_file(both), &cells, &strides) - span.start;
        let copies = copies(slab, &part.to_array(&file), &along, begin);
        let (from, length) = (offset + (span.start * size) as u64, (span.len() * size) as u64);
        read_stored(part.object.as_ref(), from, length, &mut worker.stored)?;
        worker.bytes_read += length;
        if let Some((buffer, run)) = slab.run(&copies, span.len())
            && let Some(target) = buffer.lock().unwrap_or_else(PoisonError::into_inner).get_mut(run)
        {
            return decode(part.encoding, swap, 0, &worker.stored, target, &mut worker.scratch);
        }
        sized(&mut worker.decoded, span.len() * size);
        decode(part.encoding, swap, 0, &worker.stored, &mut worker.decoded, &mut worker.scratch)?;
        put(&worker.decoded, slab, &copies)
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boxes of all parts, and how many bytes they read.
    fn all(shape: &[u64], wanted: &Region, size: usize) -> (Vec<Region>, u64) {
        let (mut boxes, mut read) = (Vec::new(), 0);
        parts(shape, wanted, size, &mut |part, span| {
            boxes.push(part.clone());
            read += (span.len() * size) as u64;
            assert!((span.len() * size) as u64 <= PART_BYTES || part.cells() == 1, "{span:?}");
            Ok(())
        })
        .expect("no reads, no errors");
        (boxes, read)
    }

    #[test]
    fn only_what_is_wanted_is_read() {
        // shape, wanted, bytes of a cell: reads, bytes
        type Row = (&'static [u64], Vec<Range<u64>>, usize, usize, u64);
        let rows: Vec<Row> = vec![
            (&[], vec![], 4, 1, 4),
            (&[100], Vec::from([Range { start: 10, end: 20 }]), 4, 1, 40),
            (&[10, 100], vec![0..10, 0..100], 8, 1, 8000),
            (&[10, 0], vec![0..10, 0..0], 8, 0, 0),
            // near each other: in one go
            (&[10, 100], vec![2..4, 10..20], 8, 1, 110 * 8),
            // whole rows, in parts of at most 4 MiB
            (&[16, 1 << 20], vec![0..16, 0..1 << 20], 4, 16, 64 << 20),
            // a few columns: one read a row
            (&[16, 1 << 20], vec![0..16, 0..1000], 4, 16, 64_000),
            (&[4, 16, 1 << 16], vec![1..3, 4..8, 0..1 << 16], 4, 2, 2 << 20),
            // more than half is wanted
            (&[16, 1000], vec![0..16, 0..600], 4, 1, (15 * 1000 + 600) * 4),
        ];
        for (shape, wanted, size, reads, bytes) in rows {
            let wanted = Region(wanted);
            let (boxes, read) = all(shape, &wanted, size);
            assert_eq!((boxes.len(), read), (reads, bytes), "{wanted:?} of {shape:?}");
            let cells: u64 = boxes.iter().map(Region::cells).sum();
            assert_eq!(cells, wanted.cells(), "{wanted:?} of {shape:?}");
            let apart = |(a, b): (&Region, &Region)| a.0.is_empty() || a.intersect(b).is_none();
            assert!(boxes.iter().zip(boxes.iter().skip(1)).all(apart), "{boxes:?}");
        }
    }
}

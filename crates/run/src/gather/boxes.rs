//! The way through scratch storage: boxes that suit the sources are filled and written, slabs are filled from there.

use std::sync::PoisonError;

use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::Result;
use arcoforge_core::target::ArraySpec;

use super::raw::parts;
use super::{Frame, Slab, Worker, copies, distance, gather, placements, put, sized};
use crate::prepare::Prepared;
use crate::scratch::ScratchFile;
use crate::strided::strides;

/// Fills a box of an array in chunks of their own, which are counted from the box's first cell: one buffer per chunk, in
/// C order, with the cells that lie inside the box.
pub(crate) fn fill_box(
    worker: &mut Worker,
    prepared: &Prepared,
    spec: &ArraySpec,
    pieces: &Pieces,
    (cells, grid): (&Region, ChunkGrid),
) -> Result<Vec<Vec<u8>>> {
    let origin = cells.start();
    let mut placements = placements(pieces, cells);
    placements.iter_mut().for_each(|p| p.cells = p.cells.relative_to(&origin));
    let whole = Region::whole(&grid.shape);
    gather(worker, prepared, spec, &placements, Frame { grid, region: &whole, whole: false })
}

/// Fills the chunks of `region` as [`fill`](super::fill) does, with what the first stage left in scratch storage.
pub(crate) fn fill_from(
    worker: &mut Worker,
    scratch: &ScratchFile,
    spec: &ArraySpec,
    region: &Region,
) -> Result<Vec<Vec<u8>>> {
    let slab = worker.slab(spec, Frame { grid: spec.chunks(), region, whole: true }, None)?;
    let boxes = scratch.boxes();
    let covering: Vec<Vec<u64>> = indices(&boxes.covering(region)).collect();
    worker.each(covering.len(), |worker, at| {
        let Some(index) = covering.get(at) else { return Ok(()) };
        let cells = boxes.region(index);
        let (origin, inner) = (cells.start(), scratch.chunks(&cells));
        let wanted = shared(&cells, region).relative_to(&origin);
        for at in indices(&inner.covering(&wanted)) {
            let piece = inner.region(&at);
            let here = shared(&piece, &wanted).relative_to(&piece.start());
            let offset = scratch.offset(boxes.flat(index), inner.flat(&at));
            copy_piece(worker, &slab, scratch, offset, (&moved(&piece, &origin), &here))?;
        }
        Ok(())
    })?;
    Ok(slab.into_buffers())
}

/// Copies some cells of a piece, which lie at `here` in it.
fn copy_piece(
    worker: &mut Worker,
    slab: &Slab,
    scratch: &ScratchFile,
    offset: u64,
    (piece, here): (&Region, &Region),
) -> Result<()> {
    let (shape, first, size) = (piece.shape(), piece.start(), slab.size);
    let strides = strides(&shape);
    parts(&shape, here, size, &mut |part, span| {
        let begin = |both: &Region| distance(both, piece, &strides) - span.start;
        let copies = copies(slab, &moved(part, &first), &strides, begin);
        let from = offset + (span.start * size) as u64;
        if let Some((buffer, run)) = slab.run(&copies, span.len())
            && let Some(target) = buffer.lock().unwrap_or_else(PoisonError::into_inner).get_mut(run)
        {
            return scratch.read(from, target);
        }
        sized(&mut worker.decoded, span.len() * size);
        scratch.read(from, &mut worker.decoded)?;
        put(&worker.decoded, slab, &copies)
    })
}

/// The cells of both; a scalar has one.
fn shared(a: &Region, b: &Region) -> Region {
    a.intersect(b).unwrap_or_else(|| Region(a.0.iter().map(|range| range.start..range.start).collect()))
}

fn moved(cells: &Region, by: &[u64]) -> Region {
    Region(cells.0.iter().zip(by).map(|(range, by)| range.start + by..range.end + by).collect())
}

//! Cells that are computed, or taken in another order than the file has them.

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::derived::{Run, Runs, evaluate, taken};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::steps::Mapped;

use super::{Frame, Placement, Share, Slab, Worker, chunks, whole};
use crate::survey::Surveyed;

/// Boxes are computed together where what lies between them is at most this many times their cells.
const HULL_MAX: u64 = 4;

/// Computes the boxes of one file and puts them into the slab's chunks.
pub(super) fn copy(
    worker: &mut Worker,
    surveyed: &Surveyed,
    mapped: &Mapped,
    slab: &Slab,
    placements: &[Placement],
) -> Result<()> {
    for (hull, placements) in boxes(placements) {
        let block = compute(worker, surveyed, mapped, &hull)?;
        for placement in placements {
            let runs: Vec<Runs> = placement
                .source
                .0
                .iter()
                .zip(&hull.0)
                .zip(&placement.reversed)
                .map(|((range, hull), &reversed)| {
                    let first = Some(range.start - hull.start);
                    Runs::new([Run { first, count: range.end - range.start, reversed }])
                })
                .collect();
            slab.place(&taken(&block, &runs)?, &placement.cells)?;
        }
    }
    Ok(())
}

/// Boxes of the file's variable that are computed one after the other, each with what is taken of it.
pub(super) fn boxes(placements: &[Placement]) -> Vec<(Region, &[Placement])> {
    let wanted: u64 = placements.iter().map(|p| p.source.cells()).sum();
    let hull = hull(placements);
    if placements.len() > 1 && hull.cells() > wanted.saturating_mul(HULL_MAX) {
        let (a, b) = placements.split_at(placements.len() / 2);
        return [boxes(a), boxes(b)].concat();
    }
    vec![(hull, placements)]
}

/// The smallest box that holds all boxes.
fn hull(placements: &[Placement]) -> Region {
    let mut boxes = placements.iter().map(|p| &p.source);
    let first = boxes.next().cloned().unwrap_or(Region(Vec::new()));
    boxes.fold(first, |hull, cells| {
        let both =
            |(a, b): (&std::ops::Range<u64>, &std::ops::Range<u64>)| a.start.min(b.start)..a.end.max(b.end);
        Region(hull.0.iter().zip(&cells.0).map(both).collect())
    })
}

/// A box of a variable, in its own dimensions.
fn compute(worker: &mut Worker, surveyed: &Surveyed, mapped: &Mapped, region: &Region) -> Result<Block> {
    evaluate(mapped, region, &mut |leaf, cells| {
        let origin = cells.0.iter().map(|r| (0, r.start)).collect();
        let Some(part) = chunks::part(surveyed, leaf, origin)? else {
            return whole::read(worker, surveyed, leaf, cells);
        };
        let shape = cells.shape();
        let here = Region::whole(&shape);
        let grid = ChunkGrid::new(shape.clone(), shape.clone());
        if here.cells() == 0 {
            return Ok(Block::from_bytes(leaf.var.dtype, shape, Vec::new()));
        }
        let slab = Slab::new(worker, leaf.var.dtype, Frame { grid, region: &here, whole: false }, None)?;
        chunks::copy_part(worker, &slab, &part, &here, Share::ALL)?;
        let bytes =
            slab.into_buffers().pop().ok_or_else(|| Error::new(Code::Bug, "a box without a buffer"))?;
        Ok(Block::from_bytes(leaf.var.dtype, shape, bytes))
    })
}

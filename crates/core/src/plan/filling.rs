//! What fills the chunks of an array.

use std::sync::Arc;

use crate::block::Block;
use crate::chunk::Region;
use crate::combine::{Content, Pieces};
use crate::pyramid::Reduction;

/// Where the cells of an array come from.
#[derive(Debug, Clone)]
pub enum Filling {
    /// Values in hand.
    Values(Arc<Block>),
    /// The files.
    Pieces(Pieces),
    /// The next finer level of a pyramid, which is complete before.
    Coarser(Box<Coarser>),
}

/// How an array of a pyramid is made of that of the level above.
#[derive(Debug, Clone)]
pub struct Coarser {
    /// The number in the plan of the array that it is made of.
    pub above: usize,
    /// The same of the array of level 0.
    pub base: usize,
    /// Blocks of cells to cells.
    pub rule: Reduction,
    /// Cells of level 0 that are one, along every dimension.
    pub steps: Vec<u64>,
    /// Cells that are made at a time: of about one chunk of the level above.
    pub part: Vec<u64>,
    /// Bytes while they are made.
    pub part_bytes: u64,
}

impl Coarser {
    /// The cells of level 0 that cells are made of; `shape` is that of level 0.
    pub fn base_cells(&self, cells: &Region, shape: &[u64]) -> Region {
        let along = |((range, step), n): ((&std::ops::Range<u64>, &u64), &u64)| {
            range.start.saturating_mul(*step).min(*n)..range.end.saturating_mul(*step).min(*n)
        };
        Region(cells.0.iter().zip(&self.steps).zip(shape).map(along).collect())
    }

    /// The boxes in which cells are made.
    pub fn parts(&self, cells: &Region) -> impl Iterator<Item = Region> + use<> {
        let origin = cells.start();
        let grid = crate::chunk::ChunkGrid::new(cells.shape(), self.part.clone());
        (0..grid.len()).map(move |at| {
            let local = grid.region(&grid.index(at));
            Region(local.0.iter().zip(&origin).map(|(r, o)| r.start + o..r.end + o).collect())
        })
    }
}

impl From<Content> for Filling {
    fn from(content: Content) -> Self {
        match content {
            Content::Values(block) => Self::Values(block),
            Content::Pieces(pieces) => Self::Pieces(pieces),
        }
    }
}

//! Chunk grids: which cells belong to which chunk, and where a source's chunk lies in its file.

mod refs;

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use refs::ChunkRefs;

/// A box of cells: start (inclusive) and end (exclusive) along every dimension. Empty for a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region(pub Vec<Range<u64>>);

impl Region {
    /// The whole of an array.
    pub fn whole(shape: &[u64]) -> Self {
        Self(shape.iter().map(|&n| 0..n).collect())
    }

    /// Lengths along every dimension.
    pub fn shape(&self) -> Vec<u64> {
        self.0.iter().map(|r| r.end.saturating_sub(r.start)).collect()
    }

    /// How many cells; 1 for a scalar.
    pub fn cells(&self) -> u64 {
        self.0.iter().map(|r| r.end.saturating_sub(r.start)).product()
    }

    /// The cells that both boxes have; `None` where they share none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        self.0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| {
                let both = a.start.max(b.start)..a.end.min(b.end);
                (both.start < both.end).then_some(both)
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    /// Moves every start and end down by `origin`, which must not exceed them.
    #[must_use]
    pub fn relative_to(&self, origin: &[u64]) -> Self {
        Self(self.0.iter().zip(origin).map(|(r, &o)| r.start - o..r.end - o).collect())
    }

    /// The first cell.
    pub fn start(&self) -> Vec<u64> {
        self.0.iter().map(|r| r.start).collect()
    }
}

/// A regular grid of chunks over an array; chunks at the end may reach over it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkGrid {
    /// The array's shape.
    pub shape: Vec<u64>,
    /// The shape of one chunk; no length is zero.
    pub chunk: Vec<u64>,
}

impl ChunkGrid {
    /// A grid; lengths of zero in `chunk` become one.
    pub fn new(shape: Vec<u64>, chunk: Vec<u64>) -> Self {
        debug_assert_eq!(shape.len(), chunk.len());
        let chunk = chunk.into_iter().map(|c| c.max(1)).collect();
        Self { shape, chunk }
    }

    /// Chunks along every dimension.
    pub fn counts(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.chunk).map(|(&n, &c)| n.div_ceil(c)).collect()
    }

    /// Chunks in all; 1 for a scalar, 0 where a dimension is empty.
    pub fn len(&self) -> u64 {
        self.counts().iter().product()
    }

    /// Whether there are no chunks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cells of one whole chunk.
    pub fn chunk_cells(&self) -> u64 {
        self.chunk.iter().product()
    }

    /// The cells of the chunk at `index`, cut at the array's end.
    pub fn region(&self, index: &[u64]) -> Region {
        Region(
            index
                .iter()
                .zip(&self.chunk)
                .zip(&self.shape)
                .map(|((&i, &c), &n)| (i * c).min(n)..((i + 1) * c).min(n))
                .collect(),
        )
    }

    /// The indices of all chunks that share a cell with `region`, as a box.
    pub fn covering(&self, region: &Region) -> Region {
        Region(region.0.iter().zip(&self.chunk).map(|(r, &c)| r.start / c..r.end.div_ceil(c)).collect())
    }

    /// The C-order number of the chunk at `index`.
    pub fn flat(&self, index: &[u64]) -> u64 {
        index.iter().zip(self.counts()).fold(0, |flat, (&i, n)| flat * n + i)
    }

    /// The index of the C-order number `flat`.
    pub fn index(&self, mut flat: u64) -> Vec<u64> {
        let counts = self.counts();
        let mut index = vec![0; counts.len()];
        for (i, &n) in index.iter_mut().zip(&counts).rev() {
            let n = n.max(1);
            *i = flat % n;
            flat /= n;
        }
        index
    }
}

/// Every index of a box in C order; once (the empty index) for a scalar.
pub fn indices(region: &Region) -> impl Iterator<Item = Vec<u64>> + use<> {
    let grid = ChunkGrid::new(region.shape(), vec![1; region.0.len()]);
    let start = region.start();
    (0..grid.len()).map(move |flat| grid.index(flat).iter().zip(&start).map(|(i, s)| i + s).collect())
}

/// Where the bytes of one source chunk are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ChunkRef {
    /// Bytes of the file, with the HDF5 filter mask (bit n set: codec n was skipped).
    Stored {
        /// First byte.
        offset: u64,
        /// How many bytes are stored.
        bytes: u64,
        /// Codecs that were skipped for this chunk.
        filter_mask: u32,
    },
    /// The bytes themselves (HDF5 compact storage), encoded as the variable's [`crate::codec::Encoding`] says.
    Inline(Arc<[u8]>),
    /// Never written: every cell has the variable's unwritten value.
    Unallocated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_tiles_its_array() {
        let grid = ChunkGrid::new(vec![5, 4], vec![2, 3]);
        assert_eq!(grid.counts(), [3, 2]);
        let cells: u64 = (0..grid.len()).map(|n| grid.region(&grid.index(n)).cells()).sum();
        assert_eq!(cells, 20);
        assert!((0..grid.len()).all(|n| grid.flat(&grid.index(n)) == n));
        assert_eq!(grid.covering(&Region(vec![3..5, 0..3])), Region(vec![1..3, 0..1]));
    }

    #[test]
    fn a_scalar_is_one_chunk() {
        let grid = ChunkGrid::new(vec![], vec![]);
        assert_eq!((grid.len(), grid.region(&[]).cells()), (1, 1));
        assert_eq!(indices(&Region(vec![])).count(), 1);
    }

    #[test]
    fn an_empty_dimension_has_no_chunks() {
        assert_eq!(ChunkGrid::new(vec![0, 3], vec![1, 3]).len(), 0);
    }
}

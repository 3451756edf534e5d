//! Two stages: from any chunks to any others in bounded memory, through scratch storage.
//!
//! Where one pass does not fit in memory, source chunks would be decoded again and again. Instead a first stage reads
//! boxes that suit the sources and writes them, uncompressed, in small chunks to a scratch file; a second stage puts the
//! target's chunks together from these. Every cell is decoded once, written once and read once. This is the algorithm
//! *Push / Pull Consolidated* of rechunker (Abernathey and others, <https://rechunker.readthedocs.io/en/latest/algorithm.html>),
//! which cubed has taken over:
//!
//! 1. the *slab* that is written at a time grows from one target chunk, the last dimension first, to what memory holds;
//! 2. the *box* that is read at a time grows from one source chunk in the same way, but only along dimensions in which
//!    the slab is longer than the source chunk, and no further than the slab: more would not make the pieces larger;
//! 3. the *intermediate* chunk is the smaller of both along every dimension. So a box is a few whole pieces, and a slab
//!    is; what one worker holds is one box or one slab.
//!
//! An example, rechunker's own: 8 x 8 cells of 4 bytes, from rows (1, 8) to columns (8, 1).
//!
//! | memory for cells | box | intermediate | slab | pieces |
//! |---|---|---|---|---|
//! | 32 bytes | (1, 8) | (1, 1) | (8, 1) | 64 of 1 cell |
//! | 64 bytes | (2, 8) | (2, 2) | (8, 2) | 16 of 4 cells |
//! | 256 bytes | (8, 8) | (8, 8) | (8, 8) | 1: one pass does |
//!
//! A real one: 8,760 hours of 721 x 1,440 float32 (36 GB), a source chunk an hour (4 MB), to whole series of 20 x 20
//! cells (14 MB), with 80 MB for cells. The slab grows to (8760, 20, 100), the box to (19, 721, 1440); pieces are
//! (19, 20, 100), 152 kB each, written and read once: 73 GB through scratch, and 36 GB decoded. In one pass each of the
//! 555 slabs would need every source chunk: 20,000 GB decoded.
//!
//! Twice the memory makes pieces four times as large. Three stages and more (rechunker and cubed have them, for object
//! storage, where a small piece costs a request) are not needed on a file system, where a piece is one positioned read.

use serde::{Deserialize, Serialize};

use crate::chunk::{ChunkGrid, Region};

/// How the cells of one array go through scratch storage: one file, uncompressed little-endian cells, every place in
/// closed form. What no task writes is never allocated: the file is sparse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rechunk {
    /// The box of cells that a task of the first stage reads.
    pub read: Vec<u64>,
    /// The chunk of cells that lies together in the scratch file; no longer than the box. Chunks are counted from the
    /// start of their box, and cut at its end.
    pub intermediate: Vec<u64>,
}

impl Rechunk {
    /// The boxes, one a task of the first stage.
    pub fn boxes(&self, shape: &[u64]) -> ChunkGrid {
        ChunkGrid::new(shape.to_vec(), self.read.clone())
    }

    /// The chunks within one box, whose first cell is (0, 0, ...) here.
    pub fn chunks(&self, cells: &Region) -> ChunkGrid {
        ChunkGrid::new(cells.shape(), self.intermediate.clone())
    }

    /// Bytes from one intermediate chunk to the next. `item_bytes`: of one cell.
    pub fn chunk_bytes(&self, item_bytes: u64) -> u64 {
        super::cells(&self.intermediate).saturating_mul(item_bytes)
    }

    /// Bytes from one box to the next.
    pub fn box_bytes(&self, item_bytes: u64) -> u64 {
        ChunkGrid::new(self.read.clone(), self.intermediate.clone())
            .counts()
            .iter()
            .fold(self.chunk_bytes(item_bytes), |bytes, &n| bytes.saturating_mul(n))
    }

    /// The length of the file.
    pub fn bytes(&self, shape: &[u64], item_bytes: u64) -> u64 {
        self.boxes(shape).len().saturating_mul(self.box_bytes(item_bytes))
    }

    /// Where a chunk begins: the `chunk`-th of the `number`-th box, both in C order.
    pub fn offset(&self, number: u64, chunk: u64, item_bytes: u64) -> u64 {
        let of_box = number.saturating_mul(self.box_bytes(item_bytes));
        of_box.saturating_add(chunk.saturating_mul(self.chunk_bytes(item_bytes)))
    }

    /// Pieces in all: positioned writes of the first stage, and about as many reads of the second.
    pub fn pieces(&self, shape: &[u64]) -> u64 {
        let both = self.read.iter().zip(&self.intermediate).zip(shape);
        both.map(|((&r, &i), &n)| {
            let (r, i) = (r.clamp(1, n.max(1)), i.max(1));
            (n / r).saturating_mul(r.div_ceil(i)).saturating_add((n % r).div_ceil(i))
        })
        .fold(1, u64::saturating_mul)
    }
}

/// Grows `chunk` to multiples of itself, the last dimension first, as long as it has at most `cells_max` cells and is no
/// longer than `limits` along any dimension. At the array's end chunks are cut, so there the last one may be.
///
/// The worked example of rechunker: 1000 x 50 x 1800 x 3600 cells of 4 bytes in chunks of (1, 5, 1800, 3600) become
/// (1, 35, 1800, 3600) with 1 GB, and (2, 50, 1800, 3600) with 3 GB.
pub(super) fn consolidate(shape: &[u64], chunk: &[u64], limits: &[u64], cells_max: u64) -> Vec<u64> {
    let mut grown = chunk.to_vec();
    for dim in (0..grown.len()).rev() {
        let at = |of: &[u64]| of.get(dim).copied().unwrap_or(1).max(1);
        let (n, own, limit) = (at(shape), at(chunk), at(limits));
        let most = if limit >= n { n.div_ceil(own) } else { limit / own }.max(1);
        let others = within(&grown, shape) / at(&grown).min(n);
        let fit = match others.saturating_mul(most.saturating_mul(own).min(n)) <= cells_max {
            true => most,
            false => (cells_max / others.saturating_mul(own).max(1)).clamp(1, most),
        };
        if let Some(length) = grown.get_mut(dim) {
            *length = own.saturating_mul(fit);
        }
    }
    grown
}

/// How far boxes may grow: along dimensions in which the slab is longer than the source chunk, up to the slab.
pub(super) fn read_limits(source: &[u64], slab: &[u64]) -> Vec<u64> {
    source.iter().zip(slab).map(|(&source, &slab)| source.max(slab)).collect()
}

/// The smaller along every dimension: `(20, 5)` and `(4, 25)` give `(4, 5)`.
pub(super) fn shared(read: &[u64], slab: &[u64]) -> Vec<u64> {
    read.iter().zip(slab).map(|(&read, &slab)| read.min(slab).max(1)).collect()
}

/// Cells of a box that is cut at the array's end.
pub(super) fn within(lengths: &[u64], shape: &[u64]) -> u64 {
    lengths.iter().zip(shape).fold(1, |all: u64, (&c, &n)| all.saturating_mul(c.clamp(1, n.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: u64 = u64::MAX;

    #[test]
    fn chunks_are_consolidated_as_rechunker_does() {
        // shape, chunk, bytes of a cell, memory: chunk; rows of rechunker's tests and documentation
        type Row = (&'static [u64], &'static [u64], u64, u64, &'static [u64]);
        let rows: &[Row] = &[
            (&[8, 8], &[1, 2], 4, 8, &[1, 2]),
            (&[8, 8], &[1, 2], 4, 16, &[1, 4]),
            (&[8, 8], &[1, 2], 4, 17, &[1, 4]),
            (&[8, 8], &[1, 2], 4, 64, &[2, 8]),
            (&[8, 8], &[1, 2], 4, 256, &[8, 8]),
            (&[8, 8], &[1, 2], 4, 512, &[8, 8]),
            (&[8, 8], &[1, 2], 8, 256, &[4, 8]),
            (&[1000, 50, 1800, 3600], &[1, 5, 1800, 3600], 4, 1_000_000_000, &[1, 35, 1800, 3600]),
            (&[1000, 50, 1800, 3600], &[1, 5, 1800, 3600], 4, 3_000_000_000, &[2, 50, 1800, 3600]),
        ];
        for (shape, chunk, item, memory, expected) in rows {
            let limits = vec![WHOLE; shape.len()];
            assert_eq!(consolidate(shape, chunk, &limits, memory / item), *expected, "{chunk:?} in {memory}");
        }
        // the same within limits; a limit as long as the chunk leaves a dimension alone
        let rows: &[(u64, [u64; 2], [u64; 2])] = &[
            (16, [1, WHOLE], [1, 4]),
            (16, [WHOLE, 2], [2, 2]),
            (32, [1, WHOLE], [1, 8]),
            (32, [1, 4], [1, 4]),
            (32, [8, 4], [2, 4]),
            (32, [8, 2], [4, 2]),
            (128, [10, 2], [8, 2]),
        ];
        for (memory, limits, expected) in rows {
            assert_eq!(consolidate(&[8, 8], &[1, 2], limits, memory / 4), expected, "{limits:?} in {memory}");
        }
    }

    #[test]
    fn boxes_intermediates_and_slabs_are_those_of_rechunker() {
        // shape, source, target, memory for cells of 4 bytes: box, intermediate, slab
        type Row = (&'static [u64], &'static [u64], &'static [u64], u64, [&'static [u64]; 3]);
        let rows: &[Row] = &[
            (&[8], &[1], &[1], 4, [&[1], &[1], &[1]]),
            (&[8], &[1], &[1], 8, [&[2], &[2], &[2]]),
            (&[8], &[1], &[2], 8, [&[2], &[2], &[2]]),
            (&[8], &[1], &[2], 16, [&[4], &[4], &[4]]),
            (&[8], &[1], &[2], 17, [&[4], &[4], &[4]]),
            (&[16], &[3], &[7], 32, [&[6], &[6], &[7]]),
            (&[8, 8], &[1, 8], &[8, 1], 32, [&[1, 8], &[1, 1], &[8, 1]]),
            (&[8, 8], &[1, 8], &[8, 1], 64, [&[2, 8], &[2, 2], &[8, 2]]),
            (&[8, 8], &[1, 8], &[8, 1], 256, [&[8, 8], &[8, 8], &[8, 8]]),
            (&[8, 8], &[1, 8], &[8, 1], 512, [&[8, 8], &[8, 8], &[8, 8]]),
            // the example of cubed's documentation, with cells of 4 bytes in place of 1
            (&[8, 8], &[2, 8], &[8, 2], 64, [&[2, 8], &[2, 2], &[8, 2]]),
            (
                &[8760, 721, 1440],
                &[1, 721, 1440],
                &[8760, 20, 20],
                80_000_000,
                [&[19, 721, 1440], &[19, 20, 100], &[8760, 20, 100]],
            ),
        ];
        for (shape, source, target, memory, [read, intermediate, slab]) in rows {
            let what = format!("{source:?} to {target:?} in {memory}");
            let written = consolidate(shape, target, &vec![WHOLE; shape.len()], memory / 4);
            assert_eq!(written, *slab, "{what}");
            let limits = read_limits(source, &written);
            let boxed = consolidate(shape, source, &limits, memory / 4);
            assert_eq!(boxed, *read, "{what}");
            assert_eq!(shared(&boxed, &written), *intermediate, "{what}");
        }
    }

    #[test]
    fn every_cell_has_one_place_in_the_file() {
        let rows: &[(&[u64], &[u64], &[u64])] = &[
            (&[10, 7], &[3, 7], &[3, 2]),
            (&[10, 7], &[4, 5], &[3, 2]),
            (&[5], &[5], &[5]),
            (&[3, 3, 3], &[2, 2, 3], &[1, 2, 2]),
            (&[], &[], &[]),
        ];
        for (shape, read, intermediate) in rows {
            let rechunk = Rechunk { read: read.to_vec(), intermediate: intermediate.to_vec() };
            let bytes = rechunk.bytes(shape, 2);
            let mut used = vec![false; bytes as usize];
            let (mut cells, mut pieces) = (0, 0);
            let boxes = rechunk.boxes(shape);
            for number in 0..boxes.len() {
                let inner = rechunk.chunks(&boxes.region(&boxes.index(number)));
                for chunk in 0..inner.len() {
                    let length = inner.region(&inner.index(chunk)).cells() * 2;
                    let start = rechunk.offset(number, chunk, 2);
                    for byte in start..start + length {
                        assert!(!std::mem::replace(&mut used[byte as usize], true), "{shape:?}: byte {byte}");
                    }
                    (cells, pieces) = (cells + length / 2, pieces + 1);
                }
            }
            assert_eq!(cells, shape.iter().product::<u64>(), "{shape:?}");
            assert_eq!(pieces, rechunk.pieces(shape), "{shape:?}");
        }
    }
}

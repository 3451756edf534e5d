//! What of a slab is to be made, where an earlier bake has made some of its chunks: no more is gathered than that.

use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::plan::ArrayPlan;
use arcoforge_write::inner_grid;

use crate::reuse::OldShard;
use crate::signature::Signature;

/// A box of a slab's chunks of which some are to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left<T> {
    /// Its cells.
    pub(super) cells: Region,
    /// The chunks to be made, with what is known of them, in C order.
    pub(super) chunks: Vec<(Vec<u64>, T)>,
}

/// Boxes around the chunks of one slab that are to be made (`chunks`, in C order). Where along the outermost dimension in
/// which these differ none is to be made, one box ends and the next begins behind.
pub(super) fn boxes<T>(grid: &ChunkGrid, chunks: Vec<(Vec<u64>, T)>) -> Vec<Left<T>> {
    let outermost = chunks
        .first()
        .zip(chunks.last())
        .and_then(|((first, _), (last, _))| first.iter().zip(last).position(|(first, last)| first != last));
    let along = |index: &[u64]| outermost.and_then(|dim| index.get(dim).copied()).unwrap_or(0);
    let mut found: Vec<Left<T>> = Vec::new();
    let mut reached = 0;
    for (index, known) in chunks {
        let (cells, at) = (grid.region(&index), along(&index));
        match found.last_mut().filter(|_| at <= reached + 1) {
            Some(last) => {
                for (range, more) in last.cells.0.iter_mut().zip(&cells.0) {
                    *range = range.start.min(more.start)..range.end.max(more.end);
                }
                last.chunks.push((index, known));
            }
            None => found.push(Left { cells, chunks: vec![(index, known)] }),
        }
        reached = at;
    }
    found
}

/// The boxes of a shard that are to be gathered, in the order of its chunks: its slabs, where no bake before made a part
/// of it.
pub(super) struct Slabs<'a> {
    array: &'a ArrayPlan,
    shard: u64,
    grid: ChunkGrid,
    /// Slabs that were begun.
    begun: u64,
    boxes: std::vec::IntoIter<Region>,
    /// What was made before, and the signatures that its chunks must have.
    old: Option<(&'a OldShard<'a>, &'a [Signature])>,
    /// The shard's first chunk, and its grid of chunks.
    first: Vec<u64>,
    inner: ChunkGrid,
}

impl<'a> Slabs<'a> {
    pub(super) fn new(
        array: &'a ArrayPlan,
        shard: u64,
        old: Option<&'a OldShard<'a>>,
        signatures: &'a [Signature],
    ) -> Self {
        let inner = inner_grid(&array.spec);
        let index = array.spec.objects().index(shard);
        Self {
            array,
            shard,
            grid: array.spec.chunks(),
            begun: 0,
            boxes: Vec::new().into_iter(),
            old: old.map(|old| (old, signatures)),
            first: index.iter().zip(inner.counts()).map(|(i, n)| i * n).collect(),
            inner,
        }
    }

    /// Whether a chunk is taken from the old shard.
    fn is_held(&self, (old, signatures): (&OldShard<'_>, &[Signature]), index: &[u64]) -> bool {
        let local: Vec<u64> = index.iter().zip(&self.first).map(|(i, f)| i - f).collect();
        let at = self.inner.flat(&local) as usize;
        signatures.get(at).is_some_and(|signature| old.holds(at, *signature))
    }
}

impl Iterator for Slabs<'_> {
    /// The slab's number, and the cells.
    type Item = (u64, Region);

    fn next(&mut self) -> Option<(u64, Region)> {
        loop {
            if let Some(next) = self.boxes.next() {
                return Some((self.begun - 1, next));
            }
            let slab = self.array.slab(self.shard, self.begun)?;
            self.begun += 1;
            let Some(old) = self.old else { return Some((self.begun - 1, slab)) };
            let left = indices(&self.grid.covering(&slab)).filter(|index| !self.is_held(old, index));
            let left = boxes(&self.grid, left.map(|index| (index, ())).collect());
            self.boxes = left.into_iter().map(|left| left.cells).collect::<Vec<_>>().into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_what_is_to_be_made_and_end_where_nothing_is() {
        // chunks of 2 x 3 cells of an array of 11 x 8: to be made, and boxes
        type Row = (&'static [[u64; 2]], &'static [([u64; 4], usize)]);
        let rows: [Row; 7] = [
            (&[], &[]),
            (&[[0, 0]], &[([0, 2, 0, 3], 1)]),
            (&[[5, 2]], &[([10, 11, 6, 8], 1)]),
            (&[[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]], &[([0, 4, 0, 8], 6)]),
            (&[[0, 1], [1, 0]], &[([0, 4, 0, 6], 2)]),
            (&[[0, 0], [3, 1], [4, 1]], &[([0, 2, 0, 3], 1), ([6, 10, 3, 6], 2)]),
            // of one row, the outermost dimension in which they differ is the second
            (&[[2, 0], [2, 2]], &[([4, 6, 0, 3], 1), ([4, 6, 6, 8], 1)]),
        ];
        let grid = ChunkGrid::new(vec![11, 8], vec![2, 3]);
        for (chunks, expected) in rows {
            let chunks: Vec<(Vec<u64>, ())> = chunks.iter().map(|index| (index.to_vec(), ())).collect();
            let found = boxes(&grid, chunks);
            let found: Vec<([u64; 4], usize)> = found
                .iter()
                .map(|left| match left.cells.0.as_slice() {
                    [y, x] => ([y.start, y.end, x.start, x.end], left.chunks.len()),
                    _ => unreachable!("two dimensions"),
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_array_without_dimensions_is_one_box() {
        let grid = ChunkGrid::new(vec![], vec![]);
        let found = boxes(&grid, vec![(vec![], 7)]);
        assert_eq!(found, [Left { cells: Region(vec![]), chunks: vec![(vec![], 7)] }]);
    }
}

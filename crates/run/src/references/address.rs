//! Where cells are in files that store an array as one piece, or record by record: any chunk whose cells lie together is a
//! range, whatever pieces the reader of the format presents.

use arcoforge_core::chunk::{ChunkGrid, ChunkRef, ChunkRefs};
use arcoforge_core::codec::Codec;
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::Mapped;
use arcoforge_core::target::ArraySpec;

/// The cells of one array of one file.
pub(super) struct Address<'a> {
    refs: &'a ChunkRefs,
    /// The reader's pieces, in the file's own dimensions.
    pieces: ChunkGrid,
    /// For every dimension of the dataset's array the file's.
    axes: Vec<Option<usize>>,
    /// Bytes from one record to the next, where a piece has several.
    stride: Option<u64>,
    item: u64,
}

impl<'a> Address<'a> {
    /// `None` where the file stores the array in another way.
    pub(super) fn new(mapped: &Mapped, refs: &'a ChunkRefs, spec: &ArraySpec) -> Option<Self> {
        let Storage::Chunks { chunk, encoding, chunked: false, .. } = &mapped.var.storage else {
            return None;
        };
        let axes = mapped.axes();
        // dimensions that a step removed have one cell
        let mut shape = vec![1; chunk.len()];
        for (axis, &length) in axes.iter().zip(&mapped.var.shape) {
            if let Some(slot) = axis.and_then(|axis| shape.get_mut(axis)) {
                *slot = length;
            }
        }
        let stride = match encoding.codecs.as_slice() {
            [] => None,
            [Codec::Records { stride_bytes, .. }] => Some(*stride_bytes),
            _ => return None,
        };
        let item = spec.dtype.size()? as u64;
        Some(Self { refs, pieces: ChunkGrid::new(shape, chunk.clone()), axes, stride, item })
    }

    /// First byte and length of a chunk of `grid` (the file's part of the dataset's array); `None` where its cells do not
    /// lie together, or reach over the file's.
    pub(super) fn range(&self, index: &[u64], grid: &ChunkGrid) -> Option<(u64, u64)> {
        let cells = grid.region(index);
        if cells.shape() != grid.chunk {
            return None;
        }
        let first: Vec<u64> = cells.0.iter().map(|range| range.start).collect();
        let last: Vec<u64> = cells.0.iter().map(|range| range.end.saturating_sub(1)).collect();
        let (start, end) = (self.byte(&first)?, self.byte(&last)?.checked_add(self.item)?);
        let bytes = cells.cells().checked_mul(self.item)?;
        (end.checked_sub(start)? == bytes).then_some((start, bytes))
    }

    /// The first byte of a cell.
    fn byte(&self, cell: &[u64]) -> Option<u64> {
        let mut own = vec![0; self.pieces.shape.len()];
        for (axis, &at) in self.axes.iter().zip(cell) {
            if let Some(slot) = axis.and_then(|axis| own.get_mut(axis)) {
                *slot = at;
            }
        }
        let piece: Vec<u64> = own.iter().zip(&self.pieces.chunk).map(|(at, length)| at / length).collect();
        let ChunkRef::Stored { offset, .. } =
            self.refs.get(usize::try_from(self.pieces.flat(&piece)).ok()?)?
        else {
            return None;
        };
        let within = self.pieces.region(&piece);
        let mut strides = vec![self.item; own.len()];
        let mut stride = self.item;
        for (slot, range) in strides.iter_mut().zip(&within.0).rev() {
            *slot = stride;
            stride = stride.checked_mul(range.end - range.start)?;
        }
        if let (Some(records), Some(slot)) = (self.stride, strides.first_mut()) {
            *slot = records;
        }
        let steps =
            own.iter().zip(&within.0).zip(&strides).map(|((at, range), stride)| (at - range.start) * stride);
        offset.checked_add(steps.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(
        refs: &ChunkRefs,
        shape: &[u64],
        chunk: &[u64],
        stride: Option<u64>,
    ) -> Vec<Option<(u64, u64)>> {
        let pieces = ChunkGrid::new(shape.to_vec(), chunk.to_vec());
        let axes = (0..shape.len()).map(Some).collect();
        let address = Address { refs, pieces, axes, stride, item: 2 };
        // a row at a time
        let mut rows = shape.to_vec();
        if let Some(first) = rows.first_mut() {
            *first = 1;
        }
        let grid = ChunkGrid::new(shape.to_vec(), rows);
        (0..grid.len()).map(|number| address.range(&grid.index(number), &grid)).collect()
    }

    #[test]
    fn rows_lie_where_the_file_has_them() {
        let stored = |offset, bytes| ChunkRef::Stored { offset, bytes, filter_mask: 0 };
        // one piece of 3 x 4 cells of 2 bytes; two pieces; records 100 bytes apart; pieces that cut a row
        let whole = ChunkRefs::from(vec![stored(10, 24)]);
        assert_eq!(address(&whole, &[3, 4], &[3, 4], None), [Some((10, 8)), Some((18, 8)), Some((26, 8))]);
        let two = ChunkRefs::from(vec![stored(10, 16), stored(26, 8)]);
        assert_eq!(address(&two, &[3, 4], &[2, 4], None), [Some((10, 8)), Some((18, 8)), Some((26, 8))]);
        let records = ChunkRefs::from(vec![stored(10, 208)]);
        let apart = [Some((10, 8)), Some((110, 8)), Some((210, 8))];
        assert_eq!(address(&records, &[3, 4], &[3, 4], Some(100)), apart);
        let cut = ChunkRefs::from(vec![stored(10, 4), stored(14, 4), stored(50, 4), stored(70, 4)]);
        assert_eq!(address(&cut, &[2, 4], &[1, 2], None), [Some((10, 8)), None]);
    }
}

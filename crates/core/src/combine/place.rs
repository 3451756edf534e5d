//! Putting blocks into a larger block.

use crate::block::{Block, BlockData, scalar_to_le};
use crate::chunk::{ChunkGrid, Region, indices};
use crate::dtype::{DataType, Scalar};

/// A block of one value.
pub(crate) fn filled(dtype: DataType, shape: Vec<u64>, value: &Scalar) -> Option<Block> {
    let cells = shape.iter().try_fold(1_u64, |product, &n| product.checked_mul(n))?;
    let cells = usize::try_from(cells).ok()?;
    if dtype == DataType::Text {
        let text = if let Scalar::Text(text) = value { text.clone() } else { String::new() };
        return Some(Block::from_text(shape, vec![text; cells]));
    }
    let mut one = Vec::new();
    scalar_to_le(dtype, value, &mut one).then(|| Block::from_bytes(dtype, shape, one.repeat(cells)))
}

/// Copies `part` into `whole` with its first cell at `origin`. False where it does not fit.
pub fn place(whole: &mut Block, part: &Block, origin: &[u64]) -> bool {
    let fits = whole.dtype == part.dtype
        && whole.shape.len() == part.shape.len()
        && origin.iter().zip(&part.shape).zip(&whole.shape).all(|((&o, &n), &all)| o + n <= all);
    if !fits || part.is_empty() {
        return fits;
    }
    // rows of the last dimension are contiguous in both
    let row = part.shape.last().copied().unwrap_or(1) as usize;
    let lead = part.shape.len().saturating_sub(1);
    let grid = ChunkGrid::new(whole.shape.clone(), vec![1; whole.shape.len()]);
    let rows = indices(&Region::whole(part.shape.get(..lead).unwrap_or_default()));
    for (number, mut index) in rows.enumerate() {
        index.push(0);
        let at: Vec<u64> = index.iter().zip(origin).map(|(i, o)| i + o).collect();
        let (to, from) = (grid.flat(&at) as usize, number * row);
        let copied = match (&mut whole.data, &part.data) {
            (BlockData::Bytes(target), BlockData::Bytes(source)) => {
                let size = part.dtype.size().unwrap_or(1);
                copy(target, source, to * size, from * size, row * size)
            }
            (BlockData::Text(target), BlockData::Text(source)) => copy(target, source, to, from, row),
            _ => None,
        };
        if copied.is_none() {
            return false;
        }
    }
    true
}

fn copy<T: Clone>(target: &mut [T], source: &[T], to: usize, from: usize, count: usize) -> Option<()> {
    target.get_mut(to..to + count)?.clone_from_slice(source.get(from..from + count)?);
    Some(())
}

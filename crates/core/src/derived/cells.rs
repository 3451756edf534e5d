//! Taking cells of a block along every dimension.

use crate::block::{Block, BlockData, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};

/// The cells of `block` at the given places along every dimension; `missing` where there is none.
pub(super) fn take(block: &Block, places: &[Vec<Option<usize>>], missing: &Scalar) -> Result<Block> {
    let shape: Vec<u64> = places.iter().map(|list| list.len() as u64).collect();
    let data = match &block.data {
        BlockData::Text(texts) => {
            let absent = if let Scalar::Text(text) = missing { text.clone() } else { String::new() };
            let mut out = Vec::with_capacity(cells(&shape)?);
            gather(&block.shape, places, &mut |from, count| match from {
                Some(from) => texts.get(from..from + count).map(|part| out.extend_from_slice(part)),
                None => {
                    out.extend(std::iter::repeat_n(absent.clone(), count));
                    Some(())
                }
            })?;
            BlockData::Text(out)
        }
        BlockData::Bytes(bytes) => {
            let size = block.dtype.size().unwrap_or(1);
            let absent = encoded(block.dtype, missing);
            let mut out = Vec::with_capacity(cells(&shape)?.saturating_mul(size));
            gather(&block.shape, places, &mut |from, count| match from {
                Some(from) => {
                    bytes.get(from * size..(from + count) * size).map(|part| out.extend_from_slice(part))
                }
                None => {
                    (0..count).for_each(|_| out.extend_from_slice(&absent));
                    Some(())
                }
            })?;
            BlockData::Bytes(out)
        }
    };
    Ok(Block { dtype: block.dtype, shape, data })
}

/// A block of one value.
pub(super) fn filled(dtype: DataType, shape: Vec<u64>, value: &Scalar) -> Result<Block> {
    let count = cells(&shape)?;
    if dtype == DataType::Text {
        let text = if let Scalar::Text(text) = value { text.clone() } else { String::new() };
        return Ok(Block::from_text(shape, vec![text; count]));
    }
    Ok(Block::from_bytes(dtype, shape, encoded(dtype, value).repeat(count)))
}

fn encoded(dtype: DataType, value: &Scalar) -> Vec<u8> {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, value, &mut one) {
        one = vec![0; dtype.size().unwrap_or(1)];
    }
    one
}

fn cells(shape: &[u64]) -> Result<usize> {
    let product =
        shape.iter().try_fold(1_u64, |p, &n| p.checked_mul(n)).and_then(|n| usize::try_from(n).ok());
    product.ok_or_else(|| Error::new(Code::SourceLimit, format!("shape {shape:?} is too large")))
}

/// Calls `copy(first flat cell, count)` for runs of neighbours, in C order of the result.
fn gather(
    shape: &[u64],
    places: &[Vec<Option<usize>>],
    copy: &mut dyn FnMut(Option<usize>, usize) -> Option<()>,
) -> Result<()> {
    let bug = || Error::new(Code::Bug, "a cell that is taken lies outside its block");
    if places.iter().any(Vec::is_empty) {
        return Ok(());
    }
    let Some((inner, outer)) = places.split_last() else { return copy(Some(0), 1).ok_or_else(bug) };
    let runs = neighbours(inner);
    let mut strides = vec![1_usize; shape.len()];
    for dim in (0..shape.len().saturating_sub(1)).rev() {
        strides[dim] = strides[dim + 1] * shape[dim + 1] as usize;
    }
    let mut index = vec![0; outer.len()];
    loop {
        let row: Option<usize> = index
            .iter()
            .zip(outer)
            .zip(&strides)
            .map(|((&i, list), stride)| list.get(i).copied().flatten().map(|at| at * stride))
            .sum();
        for &(first, count) in &runs {
            copy(row.zip(first).map(|(row, first)| row + first), count).ok_or_else(bug)?;
        }
        let mut dim = outer.len();
        loop {
            if dim == 0 {
                return Ok(());
            }
            dim -= 1;
            index[dim] += 1;
            if index[dim] < outer[dim].len() {
                break;
            }
            index[dim] = 0;
        }
    }
}

fn neighbours(places: &[Option<usize>]) -> Vec<(Option<usize>, usize)> {
    let mut runs: Vec<(Option<usize>, usize)> = Vec::new();
    for place in places {
        match (runs.last_mut(), place) {
            (Some((None, count)), None) => *count += 1,
            (Some((Some(first), count)), Some(at)) if *first + *count == *at => *count += 1,
            _ => runs.push((*place, 1)),
        }
    }
    runs
}

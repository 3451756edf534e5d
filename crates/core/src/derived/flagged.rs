//! Cells that are missing where a flag variable says so.

use super::spread::{input_region, spread};
use super::{Derived, evaluate::ReadCells, evaluate::evaluate};
use crate::block::{Block, BlockData, scalar_from_le, scalar_to_le};
use crate::chunk::Region;
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::steps::Mapped;

/// When a cell of a flag variable, as it is stored, masks.
#[derive(Debug, Clone, PartialEq)]
pub enum Flag {
    /// It has this value.
    Value(Scalar),
    /// Its bits under the mask are these; any of them where there is no value.
    Bits {
        /// `flag_masks`.
        mask: i128,
        /// `flag_values`.
        value: Option<i128>,
    },
}

impl Flag {
    fn holds(&self, cell: &Scalar) -> bool {
        match self {
            Self::Value(value) => match (cell.as_i128(), value.as_i128()) {
                (Some(a), Some(b)) => a == b,
                _ => cell.as_f64().is_some() && cell.as_f64() == value.as_f64(),
            },
            Self::Bits { mask, value } => cell.as_i128().is_some_and(|cell| match value {
                Some(value) => cell & mask == *value,
                None => cell & mask != 0,
            }),
        }
    }
}

/// A box of the first input, with `fill` where any of the flags holds; they are of the other inputs, in their order.
pub(super) fn compute(
    flags: &[(Vec<usize>, Vec<Flag>)],
    fill: &Scalar,
    derived: &Derived,
    region: &Region,
    read: &mut ReadCells<'_>,
) -> Result<Block> {
    let bug = || Error::new(Code::Bug, "a flagged variable without numbers");
    let (data, others) = derived.inputs.split_first().ok_or_else(bug)?;
    let mut block = evaluate(data, region, read)?;
    let (size, mut one) = (block.dtype.size().ok_or_else(bug)?, Vec::new());
    if !scalar_to_le(block.dtype, fill, &mut one) {
        return Err(Error::new(Code::Bug, format!("{fill} is no value of type {}", block.dtype)));
    }
    for (input, (axes, flags)) in others.iter().zip(flags) {
        let needed = input_region(axes, region);
        let masked = masked(&evaluate(input, &needed, read)?, flags).ok_or_else(bug)?;
        let masked = spread(masked, axes, &block.shape);
        let BlockData::Bytes(bytes) = &mut block.data else { return Err(bug()) };
        for (cell, masked) in bytes.chunks_exact_mut(size).zip(masked) {
            if masked {
                cell.copy_from_slice(&one);
            }
        }
    }
    Ok(block)
}

/// Whether any flag holds, for every cell.
fn masked(block: &Block, flags: &[Flag]) -> Option<Vec<bool>> {
    let cells = block.bytes()?.chunks_exact(block.dtype.size()?);
    let one =
        |cell| scalar_from_le(block.dtype, cell).is_some_and(|cell| flags.iter().any(|f| f.holds(&cell)));
    Some(cells.map(one).collect())
}

/// The variables that a flagged one has besides its data; for estimates of memory.
pub(super) fn scratch_bytes(inputs: &[Mapped]) -> u64 {
    inputs.iter().skip(1).map(|input| 2 * input.var.dtype.size_estimate()).sum()
}

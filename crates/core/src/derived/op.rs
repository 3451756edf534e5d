//! Operations on every cell of a block.

mod cast;
mod kernels;
mod real;

use crate::block::{Block, BlockData};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::units::Conversion;
use cast::cast;
use kernels::{Packing, convert, pack, remask, replace, unpack};

/// One operation on every cell. Masks are values as they are stored; a NaN among them stands for every NaN.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Stored numbers to decoded ones: `stored * scale + offset` in double precision, rounded once; masked cells become NaN.
    Unpack {
        /// The type that the bits are meant as (`_Unsigned`), where it is not the stored one.
        meant: Option<DataType>,
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// `scale_factor`.
        scale: f64,
        /// `add_offset`.
        offset: f64,
        /// Single or double precision.
        to: DataType,
    },
    /// Decoded numbers to stored ones: the nearest to `(value - offset) / scale`; NaN becomes `fill`.
    Pack {
        /// `scale_factor`.
        scale: f64,
        /// `add_offset`.
        offset: f64,
        /// The value of missing cells.
        fill: Option<Scalar>,
        /// Values besides `fill` that no other cell may get.
        masks: Vec<Scalar>,
        /// The stored type.
        to: DataType,
        /// What a value that does not fit is reported as.
        code: Code,
    },
    /// Masked cells get one value; any other cell that has this value already is refused.
    Remask {
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// The value that missing cells get.
        fill: Scalar,
        /// What a value that is in the way is reported as.
        code: Code,
    },
    /// Another type: integers and halves exactly, doubles may round to singles; masked cells become `fill`.
    Cast {
        /// The type.
        to: DataType,
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// What they become, in the new type.
        fill: Option<Scalar>,
        /// What a value that does not fit is reported as.
        code: Code,
    },
    /// The same bits as another type of the same size.
    Reinterpret {
        /// The type.
        to: DataType,
    },
    /// Decoded numbers in another unit, in double precision, rounded once; NaN stays.
    Convert {
        /// How.
        conversion: Conversion,
        /// Single or double precision.
        to: DataType,
    },
    /// Cells whose decoded value lies below or above become `fill`.
    Limit {
        /// Values that are missing already.
        masks: Vec<Scalar>,
        /// `scale_factor` and `add_offset`.
        packing: (f64, f64),
        /// The least decoded value that stays.
        least: Option<f64>,
        /// The greatest decoded value that stays.
        greatest: Option<f64>,
        /// The value of missing cells.
        fill: Scalar,
    },
    /// Missing cells (masked or NaN) get a value that is not missing.
    Fill {
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// The value that they get.
        value: Scalar,
    },
}

/// All operations, in order.
pub(super) fn apply_all(ops: &[Op], mut block: Block) -> Result<Block> {
    for op in ops {
        block = apply(op, block)?;
    }
    Ok(block)
}

fn apply(op: &Op, block: Block) -> Result<Block> {
    let BlockData::Bytes(bytes) = &block.data else {
        return Err(Error::new(Code::Bug, "an operation on numbers was given text"));
    };
    let dtype = block.dtype;
    let (to, bytes) = match op {
        Op::Unpack { meant, masks, scale, offset, to } => {
            (*to, unpack(dtype, meant.unwrap_or(dtype), bytes, masks, (*scale, *offset), *to)?)
        }
        Op::Pack { scale, offset, fill, masks, to, code } => {
            let (fill, masks) = (fill.as_ref(), masks.as_slice());
            let packing = Packing { scale: *scale, offset: *offset, fill, masks, to: *to, code: *code };
            (*to, pack(dtype, bytes, &packing)?)
        }
        Op::Remask { masks, fill, code } => (dtype, remask(dtype, bytes, masks, fill, *code)?),
        Op::Cast { to, masks, fill, code } => (*to, cast(dtype, bytes, masks, fill.as_ref(), *to, *code)?),
        Op::Reinterpret { to } => (*to, bytes.clone()),
        Op::Convert { conversion, to } => (*to, convert(dtype, bytes, conversion, *to)?),
        Op::Limit { masks, packing, least, greatest, fill } => {
            let outside = |x: f64| {
                let x = x * packing.0 + packing.1;
                least.is_some_and(|least| x < least) || greatest.is_some_and(|greatest| x > greatest)
            };
            (dtype, replace(dtype, bytes, masks, fill, |x, masked| !masked && outside(x))?)
        }
        Op::Fill { masks, value } => {
            (dtype, replace(dtype, bytes, masks, value, |x, masked| masked || x.is_nan())?)
        }
    };
    Ok(Block { dtype: to, shape: block.shape, data: BlockData::Bytes(bytes) })
}

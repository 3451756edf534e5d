//! Variables that an expression computes from others.

use super::spread::{input_region, spread};
use super::{Derived, evaluate::ReadCells, evaluate::evaluate};
use crate::block::Block;
use crate::chunk::Region;
use crate::dtype::DataType;
use crate::error::{Code, Error, Result};
use crate::expr::{Expr, ExprError, Operand, Program};
use crate::figures::Short;
use crate::steps::Mapped;
use crate::units::Unit;

/// An expression, compiled for the units of its variables. They are the inputs of the rule, as float64 with NaN where
/// they are missing, in the order of [`Expr::names`].
#[derive(Debug, Clone)]
pub struct Formula {
    expr: Expr,
    program: Program,
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        // the units are attributes of the inputs, which are compared with the rule
        self.expr == other.expr
    }
}

impl Formula {
    /// Compiles an expression for variables of these units.
    ///
    /// # Errors
    /// Units that do not fit each other or the operations.
    pub fn new(expr: Expr, units: &dyn Fn(&str) -> Option<Unit>) -> Result<Self, ExprError> {
        let program = expr.compile(units)?;
        Ok(Self { expr, program })
    }

    /// The units of the result, where they are known.
    pub const fn units(&self) -> Option<&Unit> {
        self.program.units()
    }
}

/// A box of the result, which is float32 or float64.
pub(super) fn compute(
    (formula, axes): (&Formula, &[Vec<usize>]),
    mapped: &Mapped,
    derived: &Derived,
    region: &Region,
    read: &mut ReadCells<'_>,
) -> Result<Block> {
    let shape = region.shape();
    let mut inputs: Vec<Vec<f64>> = Vec::with_capacity(derived.inputs.len());
    for (input, axes) in derived.inputs.iter().zip(axes) {
        let needed = input_region(axes, region);
        let block = evaluate(input, &needed, read)?;
        let values = doubles(&block)?;
        inputs.push(match values.as_slice() {
            [_] => values,
            _ => spread(values, axes, &shape),
        });
    }
    let names = formula.expr.names();
    let cells = region.cells() as usize;
    let operand = |name: &str| {
        let values = inputs.get(names.iter().position(|known| *known == name)?)?;
        Some(match values.as_slice() {
            [one] => Operand::Scalar(*one),
            many => Operand::Slice(many),
        })
    };
    let found = formula
        .program
        .evaluate(cells, &operand)
        .map_err(|fault| Error::new(Code::Bug, format!("`{}`: {fault}", formula.expr)))?;
    Ok(Block::from_bytes(mapped.var.dtype, shape, encoded(&found, mapped.var.dtype)?))
}

fn doubles(block: &Block) -> Result<Vec<f64>> {
    let bytes = block.bytes().filter(|_| block.dtype == DataType::Float64);
    let bytes = bytes.ok_or_else(|| Error::new(Code::Bug, "an expression was given other than float64"))?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|cell| f64::from_le_bytes(*cell)).collect())
}

/// Rounded to single precision where the result is; what is finite stays finite.
fn encoded(values: &[f64], dtype: DataType) -> Result<Vec<u8>> {
    if dtype == DataType::Float64 {
        return Ok(values.iter().flat_map(|x| x.to_le_bytes()).collect());
    }
    let mut out = Vec::with_capacity(4 * values.len());
    for &value in values {
        let single = value as f32;
        if single.is_infinite() && value.is_finite() {
            return Err(Error::new(Code::StepValues, format!("{} is too large for float32", Short(value)))
                .help("give the variable the type: `set: {NAME: {expression: …, dtype: float64}}`"));
        }
        out.extend_from_slice(&single.to_le_bytes());
    }
    Ok(out)
}

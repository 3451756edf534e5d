//! Variables that are made of a file's arrays by rule: parts of them, other orders, other types, other values.
//!
//! A step or a policy wraps a [`Mapped`] variable into one that is [`Derived`] from it; nothing is read. [`evaluate`]
//! computes any box of its cells from boxes of the file's arrays, so values that are read for combining and values
//! that are baked come about in one way.

mod cells;
mod evaluate;
mod flagged;
mod formula;
mod op;
mod pick;
mod spread;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::block::Block;
use crate::chunk::Region;
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::schema::Variable;
use crate::steps::{Mapped, Origin};

pub use evaluate::{ReadCells, evaluate, leaves, taken};
pub use flagged::Flag;
pub use formula::Formula;
pub use op::Op;
pub use pick::{Run, Runs};
pub(crate) use spread::{axes_within, spread};

/// A variable made of others.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// What it is made of, with the schema that each has.
    pub inputs: Vec<Mapped>,
    /// How.
    pub rule: Rule,
}

/// How a variable is made of its inputs. Shape and type of the result are those of the [`Mapped`] that holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// For every dimension the input's; `None` for an added dimension of length one. The input's dimensions that are
    /// not listed have length one.
    Axes(Vec<Option<usize>>),
    /// Along every dimension which cells of the input; `None`: all of them. `missing` is the value of cells that the
    /// input does not have.
    Pick {
        /// One for every dimension.
        runs: Vec<Option<Runs>>,
        /// The value of cells that are not there.
        missing: Scalar,
    },
    /// One after the other on every cell.
    Map(Vec<Op>),
    /// The same value everywhere; no inputs.
    Filled(Scalar),
    /// An expression over all inputs, whose dimensions are the result's or some of them. The result is a float.
    Formula {
        /// The expression.
        formula: Box<Formula>,
        /// For every input, for each of its dimensions the result's.
        axes: Vec<Vec<usize>>,
    },
    /// The first input, with `fill` where a flag holds.
    Flagged {
        /// One list for every other input, whose dimensions are the result's or some of them: with the result's
        /// dimension for each of its own.
        flags: Vec<(Vec<usize>, Vec<Flag>)>,
        /// The value of missing cells.
        fill: Scalar,
    },
}

impl Mapped {
    /// This variable under a rule. `change` sets the schema of the result, whose storage stays as a hint for chunks.
    #[must_use]
    pub fn derive(self, rule: Rule, change: impl FnOnce(&mut Variable)) -> Self {
        let mut var = Arc::clone(&self.var);
        change(Arc::make_mut(&mut var));
        Self { var, origin: Origin::Derived(Arc::new(Derived { inputs: vec![self], rule })) }
    }

    /// This variable with operations on every cell; they are put to those that are there.
    #[must_use]
    pub fn with_ops(self, ops: impl IntoIterator<Item = Op>, change: impl FnOnce(&mut Variable)) -> Self {
        if let Origin::Derived(derived) = &self.origin
            && let Rule::Map(before) = &derived.rule
        {
            let rule = Rule::Map(before.iter().cloned().chain(ops).collect());
            let mut var = Arc::clone(&self.var);
            change(Arc::make_mut(&mut var));
            return Self {
                var,
                origin: Origin::Derived(Arc::new(Derived { inputs: derived.inputs.clone(), rule })),
            };
        }
        let rule = Rule::Map(ops.into_iter().collect());
        self.derive(rule, change)
    }

    /// These cells along every dimension (`None`: all of them), with `missing` where there are none.
    #[must_use]
    pub fn pick(self, runs: Vec<Option<Runs>>, missing: Scalar) -> Self {
        let lengths = runs.iter().map(|runs| runs.as_ref().map(Runs::len)).collect::<Vec<_>>();
        self.derive(Rule::Pick { runs, missing }, |var| {
            for (slot, length) in var.shape.iter_mut().zip(lengths) {
                *slot = length.unwrap_or(*slot);
            }
        })
    }

    /// These cells along one dimension, all of which are there.
    #[must_use]
    pub fn pick_along(self, dim: usize, runs: &Runs) -> Self {
        let all = (0..self.var.dims.len()).map(|d| (d == dim).then(|| runs.clone())).collect();
        self.pick(all, Scalar::Int(0))
    }

    /// All values of a variable that is made of values in hand.
    ///
    /// # Errors
    /// Values that an operation can't represent; a defect where an array of the file would have to be read.
    pub fn in_hand(&self) -> Result<Arc<Block>> {
        if let Origin::Constant(block) = &self.origin {
            return Ok(Arc::clone(block));
        }
        let mut unread = |_: &Self, _: &Region| Err(Error::new(Code::Bug, "these values are not in hand"));
        evaluate(self, &Region::whole(&self.var.shape), &mut unread).map(Arc::new)
    }

    /// Whether the values are the cells of one array of the file, as they are stored.
    pub fn is_plain(&self) -> bool {
        matches!(self.origin, Origin::Source { .. })
    }

    /// The arrays of the file that the values come from, each as its innermost variable.
    pub fn sources(&self) -> Vec<&Self> {
        match &self.origin {
            Origin::Source { .. } => vec![self],
            Origin::Constant(_) | Origin::Held => Vec::new(),
            Origin::Derived(derived) => derived.inputs.iter().flat_map(Self::sources).collect(),
        }
    }

    /// The array of the file whose cells these are, where they are stored ones.
    pub fn source(&self) -> Option<&Arc<str>> {
        match &self.origin {
            Origin::Source { name, .. } => Some(name),
            Origin::Constant(_) | Origin::Held | Origin::Derived(_) => None,
        }
    }

    /// Bytes of memory that a derived cell needs while it is computed; none where it is copied.
    pub fn scratch_bytes(&self) -> u64 {
        match &self.origin {
            Origin::Derived(derived) => {
                let inputs =
                    derived.inputs.iter().map(|i| i.scratch_bytes().max(i.var.dtype.size_estimate()));
                let more = match &derived.rule {
                    // inputs are repeated along dimensions that they lack
                    Rule::Formula { .. } => 8 * (derived.inputs.len() as u64 + 1),
                    Rule::Flagged { .. } => flagged::scratch_bytes(&derived.inputs),
                    _ => 0,
                };
                inputs.sum::<u64>() + self.var.dtype.size_estimate() + more
            }
            _ => 0,
        }
    }
}

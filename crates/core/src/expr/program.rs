//! An expression as a flat list of operations over runs of elements.

use std::ops::Range;

use super::functions::Op;
use super::infer::Inferred;
use super::kernels::{self, View};
use super::{Expr, ExprError, Kind, Node};
use crate::units::{Conversion, Unit};

/// Elements that are computed at a time, so that intermediate values stay in the cache.
const RUN: usize = 1024;

/// What an expression computes, ready to be carried out any number of times.
#[derive(Debug, Clone)]
pub struct Program {
    names: Vec<(String, Range<usize>)>,
    code: Vec<Instruction>,
    /// Where the result is.
    root: Source,
    conversions: Vec<Conversion>,
    /// How many runs of intermediate values there are at a time.
    slots: usize,
    units: Option<Unit>,
}

/// The values of a variable.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'v> {
    /// One for each element; NaN where missing.
    Slice(&'v [f64]),
    /// The same for all elements.
    Scalar(f64),
}

#[derive(Debug, Clone, Copy)]
struct Instruction {
    what: What,
    operands: [Source; 3],
    out: usize,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Apply(Op),
    /// A number of `Program::conversions`.
    Convert(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Constant(f64),
    Variable(usize),
    Slot(usize),
}

const NOTHING: Source = Source::Constant(f64::NAN);

impl Program {
    /// The units of the result, where they are known.
    pub const fn units(&self) -> Option<&Unit> {
        self.units.as_ref()
    }

    /// The names of the variables that are needed, in the order of their first use. A variable whose value does not
    /// matter is named all the same.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    /// Computes `len` elements; `value` gives the variables by name.
    ///
    /// # Errors
    /// A variable that `value` does not know, or whose slice has another length.
    pub fn evaluate<'v>(
        &self,
        len: usize,
        value: &dyn Fn(&str) -> Option<Operand<'v>>,
    ) -> Result<Vec<f64>, ExprError> {
        let mut out = vec![0.0; len];
        self.evaluate_into(&mut out, value)?;
        Ok(out)
    }

    /// Computes as many elements as `out` has, into memory that is there already.
    ///
    /// # Errors
    /// Those of [`Program::evaluate`].
    pub fn evaluate_into<'v>(
        &self,
        out: &mut [f64],
        value: &dyn Fn(&str) -> Option<Operand<'v>>,
    ) -> Result<(), ExprError> {
        let variables = self.bind(out.len(), value)?;
        let mut slots = vec![vec![0.0; RUN.min(out.len())]; self.slots];
        for (number, out) in out.chunks_mut(RUN).enumerate() {
            self.run(number * RUN, out, &variables, &mut slots);
        }
        Ok(())
    }

    fn bind<'v>(
        &self,
        len: usize,
        value: &dyn Fn(&str) -> Option<Operand<'v>>,
    ) -> Result<Vec<Operand<'v>>, ExprError> {
        let bound = self.names.iter().map(|(name, span)| match value(name) {
            None => Err(ExprError::new(span.clone(), format!("there is no variable `{name}`"))),
            Some(Operand::Slice(values)) if values.len() != len => {
                let message = format!("`{name}` has {} elements: expected {len}", values.len());
                Err(ExprError::new(span.clone(), message))
            }
            Some(operand) => Ok(operand),
        });
        bound.collect()
    }

    fn run(&self, start: usize, out: &mut [f64], variables: &[Operand<'_>], slots: &mut [Vec<f64>]) {
        let run = start..start + out.len();
        let Some((last, before)) = self.code.split_last() else {
            return kernels::copy(out, view(self.root, &run, variables, slots));
        };
        for instruction in before {
            let Some(slot) = slots.get_mut(instruction.out) else { continue };
            // its operands are other slots
            let mut taken = std::mem::take(slot);
            self.step(instruction, taken.get_mut(..run.len()).unwrap_or(&mut []), &run, variables, slots);
            if let Some(slot) = slots.get_mut(instruction.out) {
                *slot = taken;
            }
        }
        self.step(last, out, &run, variables, slots);
    }

    fn step(
        &self,
        instruction: &Instruction,
        out: &mut [f64],
        run: &Range<usize>,
        variables: &[Operand<'_>],
        slots: &[Vec<f64>],
    ) {
        let views = instruction.operands.map(|source| view(source, run, variables, slots));
        match instruction.what {
            What::Apply(op) => kernels::apply(op, out, views),
            What::Convert(number) => {
                if let Some(conversion) = self.conversions.get(number) {
                    kernels::convert(out, views[0], conversion);
                }
            }
        }
    }
}

fn view<'v>(
    source: Source,
    run: &Range<usize>,
    variables: &[Operand<'v>],
    slots: &'v [Vec<f64>],
) -> View<'v> {
    match source {
        Source::Constant(value) => View::Scalar(value),
        Source::Slot(slot) => View::Slice(slots.get(slot).and_then(|s| s.get(..run.len())).unwrap_or(&[])),
        Source::Variable(variable) => match variables.get(variable) {
            Some(Operand::Scalar(value)) => View::Scalar(*value),
            Some(Operand::Slice(values)) => View::Slice(values.get(run.clone()).unwrap_or(&[])),
            None => View::Scalar(f64::NAN),
        },
    }
}

/// The value of an operation on constants.
pub(super) fn fold(op: Op, operands: &[f64]) -> f64 {
    let at = |index: usize| View::Scalar(operands.get(index).copied().unwrap_or(f64::NAN));
    let mut out = [f64::NAN];
    match operands {
        [first, rest @ ..] if chains(op) => {
            return rest.iter().fold(*first, |a, b| {
                kernels::apply(op, &mut out, [View::Scalar(a), View::Scalar(*b), View::Scalar(f64::NAN)]);
                out[0]
            });
        }
        _ => kernels::apply(op, &mut out, [at(0), at(1), at(2)]),
    }
    out[0]
}

/// Whether it takes any number of operands, two at a time.
const fn chains(op: Op) -> bool {
    matches!(op, Op::Min | Op::Max | Op::Coalesce)
}

/// What is known while instructions are made.
struct Compiler {
    code: Vec<Instruction>,
    /// Slots that are free again.
    free: Vec<usize>,
    slots: usize,
}

/// Makes the program; what can be computed from numbers alone already is.
pub(super) fn compile(expr: &Expr, inferred: Inferred) -> Program {
    let mut names: Vec<(String, Range<usize>)> = Vec::new();
    let mut compiler = Compiler { code: Vec::new(), free: Vec::new(), slots: 0 };
    let mut conversions = Vec::new();
    let mut sources: Vec<Source> = Vec::with_capacity(expr.nodes.len());
    for ((node, constant), conversion) in expr.nodes.iter().zip(inferred.constants).zip(inferred.conversions)
    {
        let operands = operands(node, &sources);
        sources.push(match (&node.kind, constant) {
            (_, Some(value)) => Source::Constant(value),
            (Kind::Number(value), None) => Source::Constant(*value),
            (Kind::Name(name), None) => Source::Variable(variable(&mut names, name, &node.span)),
            (Kind::Apply(op), None) => compiler.apply(*op, &operands),
            (Kind::Convert(_), None) => {
                conversions.extend(conversion);
                let what = What::Convert(conversions.len().saturating_sub(1));
                compiler.push(what, [operands.first().copied().unwrap_or(NOTHING), NOTHING, NOTHING])
            }
        });
    }
    let root = sources.last().copied().unwrap_or(NOTHING);
    let Compiler { code, slots, .. } = compiler;
    Program { names, code, root, conversions, slots, units: inferred.units }
}

fn operands(node: &Node, sources: &[Source]) -> Vec<Source> {
    node.operands.iter().filter_map(|operand| sources.get(*operand).copied()).collect()
}

fn variable(names: &mut Vec<(String, Range<usize>)>, name: &str, span: &Range<usize>) -> usize {
    names.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        names.push((name.to_owned(), span.clone()));
        names.len() - 1
    })
}

impl Compiler {
    fn apply(&mut self, op: Op, operands: &[Source]) -> Source {
        let at = |index: usize| operands.get(index).copied().unwrap_or(NOTHING);
        if chains(op) {
            let rest = operands.iter().skip(1);
            return rest.fold(at(0), |a, b| self.push(What::Apply(op), [a, *b, NOTHING]));
        }
        self.push(What::Apply(op), [at(0), at(1), at(2)])
    }

    /// The result gets a slot that none of the operands has; theirs are free afterwards, since each is used once.
    fn push(&mut self, what: What, operands: [Source; 3]) -> Source {
        let out = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.code.push(Instruction { what, operands, out });
        self.free.extend(operands.iter().filter_map(|source| match source {
            Source::Slot(slot) => Some(*slot),
            _ => None,
        }));
        Source::Slot(out)
    }
}

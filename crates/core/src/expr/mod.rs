//! The expressions of the step `set: {wind: "hypot(u, v)"}`: arithmetic on variables, element by element.
//!
//! An expression is parsed once ([`Expr::parse`]), compiled for the units of its variables ([`Expr::compile`]), and
//! computed over slices of float64 ([`Program::evaluate`]). It never loops, reads or knows more than one element.
//!
//! ```
//! use arcoforge_core::expr::{Expr, Operand};
//!
//! let wind = Expr::parse("where(hypot(u, v) > 1, hypot(u, v), 0)")?;
//! assert_eq!(wind.names(), ["u", "v"]);
//! let (u, v) = ([3.0, 0.5, f64::NAN], [4.0, 0.0, 1.0]);
//! let found = wind.evaluate(3, &|name| Some(Operand::Slice(if name == "u" { &u } else { &v })))?;
//! assert_eq!(found[..2], [5.0, 0.0]);
//! assert!(found[2].is_nan());
//! # Ok::<(), arcoforge_core::expr::ExprError>(())
//! ```
//!
//! # The language
//!
//! Numbers (`2`, `0.5`, `1e-3`), names (`t2m`; any other name in backticks: `` `group/u-wind` ``), `pi`, `missing`, and
//! by rising precedence, as in Python:
//!
//! | operators | |
//! |---|---|
//! | `or` | 1 where either is not 0, else 0 |
//! | `and` | 1 where both are not 0, else 0 |
//! | `not x` | 1 where x is 0, else 0 |
//! | `<` `<=` `>` `>=` `==` `!=` | 1 or 0; not chained |
//! | `+` `-` | |
//! | `*` `/` `//` `%` | `//` is rounded down, `%` has the sign of the right side |
//! | `-x` `+x` | |
//! | `**` | a power, from right to left: `-x ** 2` is `-(x ** 2)` |
//!
//! The functions are in [`FUNCTIONS`]. There is no constant `e`: it is the short name of a variable (evaporation);
//! `exp(1)` is the number.
//!
//! # Values
//!
//! Those of numpy on float64. A missing value is NaN, and what is computed from one is missing: also comparisons,
//! `min`, `max`, and `x ** 0` or `hypot` with an infinity, where IEEE 754 has an answer. Only `is_missing` and
//! `coalesce` look at it; `where` gives the side that it chooses, and nothing where its condition is missing. What has
//! no real value (`0 / 0`, `sqrt(-1)`, `log(-1)`) is NaN and therefore missing; `1 / 0` is infinite and is not.
//!
//! # Units
//!
//! They are checked where both sides have them. `a + b` of `K` and `degC` is refused, though it could be converted:
//! `convert(b, 'K')` says it. A bare number takes the units of the other side in sums, comparisons and choices
//! (`t2m - 273.15`), and has none in products. The result has units where all that it is made of has.

mod functions;
mod infer;
mod kernels;
mod lex;
mod parse;
mod program;
mod rule;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::functions::{CONSTANTS, FUNCTIONS, Function, reference};
pub use self::program::{Operand, Program};

use self::functions::Op;
use crate::units::Unit;

/// A parsed expression; equal where its text is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expr {
    text: String,
    /// Each behind its operands; the last one is the whole.
    nodes: Vec<Node>,
}

/// What is wrong with an expression, its units or its operands, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// Bytes of the expression's text.
    pub span: Range<usize>,
    /// A lower-case phrase.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    /// Numbers of earlier nodes.
    operands: Vec<usize>,
    span: Range<usize>,
    /// With the parentheses around it.
    outer: Range<usize>,
}

#[derive(Debug, Clone)]
enum Kind {
    Number(f64),
    Name(String),
    Apply(Op),
    /// To these units.
    Convert(Unit),
}

impl Expr {
    /// Parses an expression.
    ///
    /// # Errors
    /// The first fault, with the bytes that it is about.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Ok(Self { text: text.to_owned(), nodes: parse::parse(text)? })
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the variables, in the order of their first use.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for (name, _) in self.uses() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Where a variable is first used in the text.
    pub fn span_of(&self, name: &str) -> Option<Range<usize>> {
        self.uses().find(|(used, _)| *used == name).map(|(_, span)| span.clone())
    }

    /// The units of the result, from those of the variables; `None` where they can't be known, because a variable has
    /// none, or because there are numbers only.
    ///
    /// # Errors
    /// Units that do not fit each other or the operation.
    pub fn units(&self, of: &dyn Fn(&str) -> Option<Unit>) -> Result<Option<Unit>, ExprError> {
        Ok(infer::infer(self, of)?.units)
    }

    /// The program that computes it, for variables of these units.
    ///
    /// # Errors
    /// Those of [`Expr::units`].
    pub fn compile(&self, of: &dyn Fn(&str) -> Option<Unit>) -> Result<Program, ExprError> {
        Ok(program::compile(self, infer::infer(self, of)?))
    }

    /// Computes it for variables without units. `convert` needs them: then [`Expr::compile`] comes first.
    ///
    /// # Errors
    /// Those of [`Expr::compile`] and [`Program::evaluate`].
    pub fn evaluate<'v>(
        &self,
        len: usize,
        value: &dyn Fn(&str) -> Option<Operand<'v>>,
    ) -> Result<Vec<f64>, ExprError> {
        self.compile(&|_| None)?.evaluate(len, value)
    }

    /// Whether there are numbers in it, besides variables.
    pub fn has_numbers(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.kind, Kind::Number(_)))
    }

    fn uses(&self) -> impl Iterator<Item = (&str, &Range<usize>)> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Name(name) => Some((name.as_str(), &node.span)),
            _ => None,
        })
    }
}

impl ExprError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for ExprError {}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expr {}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Expr> for String {
    fn from(expr: Expr) -> Self {
        expr.text
    }
}

impl TryFrom<String> for Expr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
mod tests;

//! The checks of a recipe: what is asked of a dataset's metadata and values, and what is said where it does not hold.
//!
//! [`Examination::new`] holds the checks against the planned dataset: a check that names what the dataset lacks is
//! refused before anything is baked. Whoever reads the values answers its [`Questions`] (one [`Tally`] per array, chunk
//! by chunk, in any order) and lets its [`Walk`]s go along the coordinates; [`Examination::verdicts`] then judges.

pub mod cf;
mod decoding;
mod examination;
mod metadata;
mod names;
mod steps;
mod tally;
mod walk;

#[cfg(test)]
mod tests;

pub use examination::Examination;
pub use tally::{Questions, Tally};
pub use walk::Walk;

use crate::error::{Code, Error};
use crate::figures::and_more;
use crate::recipe::{Check, CheckRule, Level};

/// How many places of one failure are named.
const NAMED_MAX: usize = 5;

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The check's key in the recipe.
    pub check: &'static str,
    /// What it is about: names as the recipe has them.
    pub about: Vec<String>,
    /// What happens where it fails.
    pub level: Level,
    /// What does not hold; empty where the check passed.
    pub failures: Vec<Failure>,
    /// What holds, and could be better.
    pub advice: Vec<Failure>,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was found and what was expected.
    pub message: String,
    /// The array, where it is about one.
    pub variable: Option<String>,
    /// The first chunk where it was seen.
    pub chunk: Option<Vec<u64>>,
}

impl Verdict {
    /// Whether everything holds.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Failure {
    /// About one array.
    pub(crate) fn of(variable: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), variable: Some(variable.to_owned()), chunk: None }
    }

    /// As the error that keeps a dataset from being published.
    pub fn to_error(&self) -> Error {
        let mut error = Error::new(Code::CheckFailed, self.message.clone());
        if let Some(variable) = &self.variable {
            error = error.in_variable(variable);
        }
        match &self.chunk {
            Some(chunk) => error.in_chunk(chunk),
            None => error,
        }
    }
}

impl Check {
    /// The check's key in the recipe.
    pub const fn name(&self) -> &'static str {
        match self.rule {
            CheckRule::Monotonic(_) => "monotonic",
            CheckRule::Gaps { .. } => "gaps",
            CheckRule::Range(_) => "range",
            CheckRule::NanFraction(_) => "nan_fraction",
            CheckRule::Size(_) => "size",
            CheckRule::Units(_) => "units",
            CheckRule::Cf => "cf",
        }
    }

    /// The names that it is about, as the recipe has them.
    pub fn about(&self) -> Vec<String> {
        match &self.rule {
            CheckRule::Monotonic(names) | CheckRule::Units(names) => names.clone(),
            CheckRule::Gaps { coordinate, .. } => vec![coordinate.clone()],
            CheckRule::Range(ranges) => ranges.iter().map(|(name, ..)| name.clone()).collect(),
            CheckRule::NanFraction(shares) => shares.iter().map(|(name, _)| name.clone()).collect(),
            CheckRule::Size(sizes) => sizes.iter().map(|(name, ..)| name.clone()).collect(),
            CheckRule::Cf => Vec::new(),
        }
    }
}

/// The first of many, and how many more there are.
fn some_of(first: &[String], all: u64) -> String {
    first.join("; ") + &and_more("; ", all.saturating_sub(first.len() as u64))
}

//! The checks of a recipe: what must hold of a dataset before it is published.

use serde::{Deserialize, Serialize};

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What must hold.
    pub rule: CheckRule,
    /// What happens where it does not.
    pub level: Level,
}

/// What happens where a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A warning; the dataset is published.
    Warn,
    /// Nothing is published.
    #[default]
    Error,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRule {
    /// Coordinates rise (or fall) without repetition.
    Monotonic(Vec<String>),
    /// No jump along a coordinate: every step is `every` (`1 day`, `1 month`), or where absent the first step.
    Gaps {
        /// The coordinate.
        coordinate: String,
        /// The distance, as in axes (`1 day`), or a number for coordinates that are no times.
        every: Option<String>,
    },
    /// Decoded values that are not missing lie between two numbers, both included: variables (glob) → least, greatest.
    Range(#[serde(with = "crate::number::ranges")] Vec<(String, f64, f64)>),
    /// At most this share of the values is missing: variables (glob) → 0 to 1.
    NanFraction(Vec<(String, f64)>),
    /// Lengths: dimension → least, greatest (equal for one length).
    Size(Vec<(String, u64, u64)>),
    /// `units` are known to UDUNITS-2; variables, globs; empty for all.
    Units(Vec<String>),
    /// The dataset keeps the CF conventions as far as its metadata tell.
    Cf,
}

//! Axes of a file pattern: the keys along which files are laid out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, DateTime};
use crate::dtype::Scalar;

/// One axis of the pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The axis's name; of a concat axis, the dimension's.
    pub name: String,
    /// How files along this axis are put together.
    pub kind: AxisKind,
    /// The keys, in order.
    pub keys: Keys,
    /// How many items along a concat axis every file holds, where the recipe says so.
    pub items_per_file: Option<u64>,
}

/// How files along an axis are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisKind {
    /// One after the other along the dimension of the axis's name.
    Concat,
    /// Side by side: other variables in other files.
    Merge,
}

/// The keys of an axis as declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keys {
    /// Dates at a regular distance; `to` is inclusive.
    Dates(DateRange),
    /// `from`, `from + step`, … up to and including `to`.
    Integers {
        /// First.
        from: i64,
        /// Last, inclusive.
        to: i64,
        /// Distance, not zero.
        step: i64,
    },
    /// Listed.
    List(Vec<Key>),
    /// As found: one position per input, in the order found or of the parsed keys.
    Found,
}

/// Dates at a regular distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DateRange {
    /// First.
    pub from: DateTime,
    /// Last, inclusive; `None` is `now`, which the caller resolves.
    pub to: Option<DateTime>,
    /// Distance.
    pub every: Every,
    /// The calendar that the range is counted in.
    pub calendar: Calendar,
    /// Begin again at 1 January 00:00 of each year (for distances that do not divide a year, such as 8 days).
    pub restart_year: bool,
}

/// A distance between dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Minutes.
    Minutes(u32),
    /// Hours.
    Hours(u32),
    /// Days.
    Days(u32),
    /// Calendar months; the day of month is kept, cut at the month's end.
    Months(u32),
    /// Calendar years.
    Years(u32),
}

/// One key of an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// A date, in the calendar of its range.
    Date(DateTime),
    /// A number.
    Int(i64),
    /// A word.
    Text(String),
    /// Several values: `key` is what users see and coordinates get, the rest is for templates (`{axis.dir}`).
    Map(BTreeMap<String, Scalar>),
}

//! Axes of a file pattern: the keys along which files are laid out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, DAY_NS, DateTime};
use crate::code::Code;
use crate::dtype::Scalar;
use crate::error::{Error, Result};

/// Most keys that one axis may have.
pub const KEYS_MAX: u64 = 100_000_000;

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

impl Keys {
    /// Every key, in order. `now` is what an open end stands for. [`Keys::Found`] has none yet.
    ///
    /// # Errors
    /// `recipe-axis` where the end is before the beginning, the distance is zero, a date does not exist in the
    /// calendar, a key is listed twice, or there would be more than [`KEYS_MAX`].
    pub fn expand(&self, now: Option<DateTime>) -> Result<Vec<Key>> {
        match self {
            Self::Dates(range) => Ok(range.expand(now)?.into_iter().map(Key::Date).collect()),
            Self::Integers { from, to, step } => {
                Ok(expand_integers(*from, *to, *step)?.into_iter().map(Key::Int).collect())
            }
            Self::List(keys) => {
                let mut seen = BTreeSet::new();
                for key in keys {
                    key.check()?;
                    if !seen.insert(key.to_string()) {
                        return Err(wrong(format!("key `{key}` is listed twice")));
                    }
                }
                if keys.is_empty() { Err(wrong("the list of keys is empty")) } else { Ok(keys.clone()) }
            }
            Self::Found => Ok(Vec::new()),
        }
    }

    /// The calendar that dates of this axis are in.
    pub const fn calendar(&self) -> Calendar {
        match self {
            Self::Dates(range) => range.calendar,
            _ => Calendar::Standard,
        }
    }

    /// Reads a key as users write it in selections: `1981-09-01`, `12`, `sst`.
    ///
    /// # Errors
    /// `recipe-value` for text that can't be a key of this axis. Whether the axis has it is not asked.
    pub fn parse_key(&self, text: &str) -> Result<Key> {
        let text = text.trim();
        match self {
            Self::Dates(range) => DateTime::parse(text, range.calendar).map(Key::Date),
            Self::Integers { .. } => text.parse().map(Key::Int).map_err(|_| {
                Error::new(Code::RecipeValue, format!("`{text}` is not a key: expected a whole number"))
            }),
            Self::List(keys) => {
                let listed = keys.iter().find(|key| key.to_string() == text).cloned();
                listed.map_or_else(|| Ok(Key::guess(text)), Ok)
            }
            Self::Found => Ok(Key::guess(text)),
        }
    }
}

impl DateRange {
    /// Every date, in order.
    ///
    /// # Errors
    /// As [`Keys::expand`].
    pub fn expand(&self, now: Option<DateTime>) -> Result<Vec<DateTime>> {
        let to = self.check(now)?;
        let end = self.calendar.to_ns(&to);
        let mut dates = Vec::new();
        let mut base = self.from;
        loop {
            let Some(year) = base.year.checked_add(1) else { return Ok(dates) };
            let next_year = DateTime { year, ..NEW_YEAR };
            let stop = if self.restart_year { end.min(self.calendar.to_ns(&next_year) - 1) } else { end };
            let mut steps = 0;
            while let Some(date) = self.every.after(&base, self.calendar, steps) {
                if self.calendar.to_ns(&date) > stop {
                    break;
                }
                dates.push(date);
                steps += 1;
                if dates.len() as u64 > KEYS_MAX {
                    return Err(too_many());
                }
            }
            base = next_year;
            if !self.restart_year || self.calendar.to_ns(&base) > end {
                return Ok(dates);
            }
        }
    }

    /// Checks the range and returns its end.
    fn check(&self, now: Option<DateTime>) -> Result<DateTime> {
        let Some(to) = self.to.or(now) else {
            return Err(wrong("the range ends `now`, and the time is not known here"));
        };
        for date in [&self.from, &to] {
            if !self.calendar.has(date) {
                return Err(wrong(format!("the {} calendar has no `{date}`", self.calendar)));
            }
        }
        if self.every.count() == 0 {
            return Err(wrong("`every` is zero: expected at least 1"));
        }
        let span = self.calendar.to_ns(&to) - self.calendar.to_ns(&self.from);
        if span < 0 {
            return Err(wrong(format!("`to` ({to}) is before `from` ({})", self.from)));
        }
        if span / self.every.ns_least() > i128::from(KEYS_MAX) {
            return Err(too_many());
        }
        Ok(to)
    }
}

impl Every {
    /// Reads `1 day`, `6h`, `30 min`, `8 days`, `month`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = text.split_at_checked(digits)?;
        let count = if count.is_empty() { 1 } else { count.parse().ok()? };
        Some(match unit.trim().to_ascii_lowercase().as_str() {
            "min" | "mins" | "minute" | "minutes" => Self::Minutes(count),
            "h" | "hr" | "hour" | "hours" => Self::Hours(count),
            "d" | "day" | "days" => Self::Days(count),
            "month" | "months" => Self::Months(count),
            "year" | "years" => Self::Years(count),
            _ => return None,
        })
    }

    /// How many of its unit.
    pub const fn count(self) -> u32 {
        match self {
            Self::Minutes(n) | Self::Hours(n) | Self::Days(n) | Self::Months(n) | Self::Years(n) => n,
        }
    }

    /// The date `steps` times this distance after `base`. Months are counted from `base`, so that the 31st comes
    /// back after a shorter month. `None` beyond the range of years.
    pub fn after(self, base: &DateTime, calendar: Calendar, steps: i64) -> Option<DateTime> {
        let n = steps.checked_mul(i64::from(self.count()))?;
        match self {
            Self::Minutes(_) => base.add_ns(calendar, i128::from(n) * 60_000_000_000),
            Self::Hours(_) => base.add_ns(calendar, i128::from(n) * 3_600_000_000_000),
            Self::Days(_) => base.add_ns(calendar, i128::from(n) * DAY_NS),
            Self::Months(_) => base.add_months(calendar, n),
            Self::Years(_) => base.add_months(calendar, n.checked_mul(12)?),
        }
    }

    /// Nanoseconds that it is at least.
    fn ns_least(self) -> i128 {
        let unit = match self {
            Self::Minutes(_) => 60_000_000_000,
            Self::Hours(_) => 3_600_000_000_000,
            Self::Days(_) => DAY_NS,
            Self::Months(_) => 18 * DAY_NS,
            Self::Years(_) => 355 * DAY_NS,
        };
        unit * i128::from(self.count().max(1))
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self {
            Self::Minutes(_) => "minute",
            Self::Hours(_) => "hour",
            Self::Days(_) => "day",
            Self::Months(_) => "month",
            Self::Years(_) => "year",
        };
        write!(f, "{} {unit}{}", self.count(), if self.count() == 1 { "" } else { "s" })
    }
}

impl Key {
    /// A key of undeclared kind: a whole number, a date with at least year and month, or else a word.
    pub fn guess(text: &str) -> Self {
        if let Ok(number) = text.parse() {
            return Self::Int(number);
        }
        let dashes = text.get(1..).is_some_and(|rest| rest.contains('-'));
        let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        match DateTime::parse(text, Calendar::Standard) {
            Ok(date) if dashes && begins => Self::Date(date),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// The keys of texts that stand on one axis, all of one kind: numbers where every text is one, else dates where
    /// every text is one, else words.
    pub fn guess_all(texts: &[&str]) -> Vec<Self> {
        let keys: Vec<Self> = texts.iter().map(|text| Self::guess(text)).collect();
        let first = keys.first().map(std::mem::discriminant);
        if keys.iter().all(|key| Some(std::mem::discriminant(key)) == first) {
            return keys;
        }
        texts.iter().map(|text| Self::Text((*text).to_owned())).collect()
    }

    /// Whether both name the same place on an axis: equal as users see them, whatever their type.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Int(number), Self::Text(text)) | (Self::Text(text), Self::Int(number)) => {
                text.parse() == Ok(*number)
            }
            _ => self.to_string() == other.to_string(),
        }
    }

    /// The order of keys: dates and numbers by value, words by text; `None` between different kinds.
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Date(_) | Self::Int(_), _) | (_, Self::Date(_) | Self::Int(_)) => None,
            _ => Some(self.to_string().cmp(&other.to_string())),
        }
    }

    /// A map must say what users see, a date must be one.
    fn check(&self) -> Result<()> {
        match self {
            Self::Date(date) if !Calendar::Standard.has(date) => {
                Err(wrong(format!("the {} calendar has no `{date}`", Calendar::Standard)))
            }
            Self::Map(values) if !values.contains_key("key") => {
                let names: Vec<String> = values.keys().map(|name| format!("`{name}`")).collect();
                Err(wrong(format!("an item of the list has {} and no `key`", names.join(", ")))
                    .help("give every map of the list a `key`, which names the position"))
            }
            _ => Ok(()),
        }
    }
}

/// What users see: an ISO date as short as exact, the number, the word, the map's `key`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Map(values) => match values.get("key") {
                Some(Scalar::Text(text)) => f.write_str(text),
                Some(other) => other.fmt(f),
                None => f.write_str("?"),
            },
        }
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(Code::RecipeAxis, message)
}

fn too_many() -> Error {
    wrong(format!("the axis has more than {KEYS_MAX} keys"))
        .help("check `every`, `step` and the ends of the range")
}

const NEW_YEAR: DateTime =
    DateTime { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };

fn expand_integers(from: i64, to: i64, step: i64) -> Result<Vec<i64>> {
    if step == 0 {
        return Err(wrong("`step` is zero"));
    }
    let span = i128::from(to) - i128::from(from);
    if span != 0 && (span < 0) != (step < 0) {
        return Err(wrong(format!("`to` ({to}) is before `from` ({from}) in steps of {step}")));
    }
    let count = span / i128::from(step) + 1;
    if count > i128::from(KEYS_MAX) {
        return Err(too_many());
    }
    let key = |n: i128| i64::try_from(i128::from(from) + n * i128::from(step)).unwrap_or(to);
    Ok((0..count).map(key).collect())
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;

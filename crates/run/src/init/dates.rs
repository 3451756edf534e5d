//! Dates in columns.

use std::ops::Range;

use arcoforge_core::axis::Every;
use arcoforge_core::calendar::{Calendar, DAY_NS, DateTime};
use arcoforge_core::strftime::Strftime;

use super::columns::Column;

/// Years of scientific archives; other numbers of four digits are no years.
const YEARS: Range<i64> = 1600..2400;
/// In which columns of digits a date may continue, by what was read so far: (before, width, directives).
const NEXT: &[(&str, usize, &str)] = &[
    ("", 14, "%Y%m%d%H%M%S"),
    ("", 12, "%Y%m%d%H%M"),
    ("", 10, "%Y%m%d%H"),
    ("", 8, "%Y%m%d"),
    ("", 7, "%Y%j"),
    ("", 6, "%Y%m"),
    ("", 4, "%Y"),
    ("%Y", 2, "%m"),
    ("%Y", 3, "%j"),
    ("%Y", 4, "%m%d"),
    ("%m", 2, "%d"),
    ("%d", 2, "%H"),
    ("%d", 4, "%H%M"),
    ("%d", 6, "%H%M%S"),
    ("%j", 2, "%H"),
    ("%j", 4, "%H%M"),
    ("%j", 6, "%H%M%S"),
    ("%H", 2, "%M"),
    ("%H", 4, "%M%S"),
    ("%M", 2, "%S"),
];
/// What a column may repeat of a date that stands elsewhere.
const PARTS: &[&str] =
    &["%Y%m%d%H", "%Y%m%d", "%Y%j", "%Y%m", "%Y", "%m%d", "%j", "%m", "%d", "%H", "%y", "%H%M"];

/// Columns that together are a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dated {
    /// Which columns.
    pub(super) columns: Range<usize>,
    /// How it is written, separators included.
    pub(super) format: String,
    /// One date per name.
    pub(super) dates: Vec<DateTime>,
}

impl Dated {
    fn precision(&self) -> usize {
        self.format.matches('%').count()
    }
}

/// The finest date that differs between the names; of equals that of the file's own name, the first of them.
pub(super) fn date_of(columns: &[Column]) -> Option<Dated> {
    let last_folder = columns.iter().rposition(|c| c.constant() == Some("/"));
    let mut best: Option<(Dated, bool)> = None;
    for start in 0..columns.len() {
        let Some(dated) = longest(columns, start) else { continue };
        let in_name = last_folder.is_none_or(|folder| start > folder);
        let better = best.as_ref().is_none_or(|(known, known_in_name)| {
            (dated.precision(), in_name) > (known.precision(), *known_in_name)
        });
        if better {
            best = Some((dated, in_name));
        }
    }
    best.map(|(dated, _)| dated)
}

/// The longest date that begins in a column and is one in every name.
fn longest(columns: &[Column], start: usize) -> Option<Dated> {
    let mut format = String::new();
    let mut best = None;
    let mut at = start;
    while let Some(column) = columns.get(at) {
        match (column.width(), column.constant()) {
            (Some(width), _) => {
                let before = format.get(format.len().saturating_sub(2)..).unwrap_or("");
                let before = if before.starts_with('%') { before } else { separated(&format) };
                let Some((_, _, more)) = NEXT.iter().find(|(b, w, _)| *b == before && *w == width) else {
                    break;
                };
                format.push_str(more);
                if let Some(dates) = read_all(columns, start..at + 1, &format) {
                    best = Some(Dated { columns: start..at + 1, format: format.clone(), dates });
                }
            }
            (None, Some(separator)) if !format.is_empty() && is_joint(separator) => {
                format.push_str(separator);
            }
            _ => break,
        }
        at += 1;
    }
    best
}

/// The last directive before separators.
fn separated(format: &str) -> &str {
    let end = format.trim_end_matches(|c: char| !c.is_ascii_alphabetic() || c == 'T').len();
    format.get(end.saturating_sub(2)..end).unwrap_or("")
}

fn is_joint(text: &str) -> bool {
    matches!(text, "-" | "_" | "/" | "." | "T" | "")
}

/// The dates, where every name has one and they differ.
fn read_all(columns: &[Column], range: Range<usize>, format: &str) -> Option<Vec<DateTime>> {
    let columns = columns.get(range)?;
    let reader = Strftime::parse(format).ok()?;
    let names = columns.first()?.values.len();
    let read = |name: usize| {
        let text: String = columns.iter().filter_map(|c| c.values.get(name)).map(String::as_str).collect();
        reader.read(&text, Calendar::Standard).ok().filter(|date| YEARS.contains(&date.year))
    };
    let dates = (0..names).map(read).collect::<Option<Vec<_>>>()?;
    dates.iter().any(|date| Some(date) != dates.first()).then_some(dates)
}

/// How a column repeats a part of the dates. A constant one counts only where that is no accident.
pub(super) fn part_of(column: &Column, whole_folder: bool, dates: &[DateTime]) -> Option<&'static str> {
    let width = column.width()?;
    let constant = column.constant().is_some();
    if constant && !(width >= 6 || (width == 4 && whole_folder)) {
        return None;
    }
    let repeats = |format: &&&str| {
        let Ok(writer) = Strftime::parse(format) else { return false };
        let written = dates.iter().map(|date| writer.format(date, Calendar::Standard));
        column.values.iter().zip(written).all(|(value, written)| *value == written)
    };
    PARTS.iter().find(repeats).copied()
}

/// The distance between sorted dates, where it is one that dates can be counted by, and all dates but a few are there.
pub(super) fn every(dates: &[DateTime]) -> Option<Every> {
    let calendar = Calendar::Standard;
    let (first, second) = (dates.first()?, dates.get(1)?);
    let months =
        |a: &DateTime, b: &DateTime| (b.year - a.year) * 12 + i64::from(b.month) - i64::from(a.month);
    let whole = dates.iter().all(|d| d.day == first.day && d.ns_of_day() == first.ns_of_day());
    let least = |of: &dyn Fn(&DateTime, &DateTime) -> i128| {
        dates.windows(2).filter_map(|pair| Some(of(pair.first()?, pair.get(1)?))).min()
    };
    let candidate = if whole && months(first, second) > 0 {
        let n = u32::try_from(least(&|a, b| i128::from(months(a, b)))?).ok()?;
        if n.is_multiple_of(12) { Every::Years(n / 12) } else { Every::Months(n) }
    } else {
        let ns = least(&|a, b| calendar.to_ns(b) - calendar.to_ns(a))?;
        in_units(ns)?
    };
    fits(dates, candidate).then_some(candidate)
}

fn in_units(ns: i128) -> Option<Every> {
    let whole = |unit: i128| (ns > 0 && ns % unit == 0).then(|| u32::try_from(ns / unit).ok()).flatten();
    whole(DAY_NS)
        .map(Every::Days)
        .or_else(|| whole(DAY_NS / 24).map(Every::Hours))
        .or_else(|| whole(DAY_NS / 1440).map(Every::Minutes))
}

/// Every date is one of the range.
fn fits(dates: &[DateTime], every: Every) -> bool {
    let mut wanted = dates.iter().peekable();
    let Some(base) = dates.first() else { return false };
    let limit = (dates.len() as i64).saturating_mul(2).saturating_add(2);
    for steps in 0..limit {
        let Some(date) = every.after(base, Calendar::Standard, steps) else { return false };
        if wanted.next_if(|d| **d == date).is_some() && wanted.peek().is_none() {
            return true;
        }
    }
    false
}

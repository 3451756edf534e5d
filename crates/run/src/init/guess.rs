//! From names to axes and a template: pure inference.

use std::collections::BTreeSet;

use arcoforge_core::axis::Every;
use arcoforge_core::calendar::DateTime;

use super::columns::{Column, columns};
use super::dates::{Dated, date_of, every, part_of};

/// What names tell about a series of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    /// What tells the files apart.
    pub(super) axes: Vec<Axis>,
    /// The name in parts.
    pub(super) parts: Vec<Part>,
    /// One index per name and axis, into the axis's keys.
    pub(super) index: Vec<Vec<usize>>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    /// Dates, sorted, and their distance where it is regular.
    Dates(Vec<DateTime>, Option<Every>),
    /// Numbers, sorted.
    Numbers(Vec<i64>),
    /// Words, sorted.
    Words(Vec<String>),
}

/// A part of every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The same in all.
    Text(String),
    /// The key of an axis.
    Key {
        /// Which axis.
        axis: usize,
        /// strftime for dates, `03d` for numbers, empty for words.
        format: String,
        /// The part from which the key can be read back; others only repeat it.
        main: bool,
    },
    /// Differs and tells nothing (a production date, an orbit).
    Any {
        /// Consists of digits.
        digits: bool,
    },
}

/// What the names of two or more files tell; `None` where they are not built alike, or two are equal.
pub(super) fn guess(names: &[String]) -> Option<Guess> {
    if names.iter().collect::<BTreeSet<_>>().len() < names.len().max(2) {
        return None;
    }
    let columns = columns(names)?;
    let dated = date_of(&columns);
    let chosen = choose(&columns, dated.as_ref(), names.len())?;
    let mut axes = Vec::new();
    let mut index = vec![Vec::new(); names.len()];
    for &at in &chosen {
        let (axis, places) = keyed(columns.get(at)?);
        axes.push(axis);
        index.iter_mut().zip(places).for_each(|(index, place)| index.push(place));
    }
    if let Some(dated) = &dated {
        let mut dates = dated.dates.clone();
        dates.sort_by_key(|d| (d.year, d.month, d.day, d.ns_of_day()));
        dates.dedup();
        let place = |date: &DateTime| dates.iter().position(|d| d == date).unwrap_or(0);
        index.iter_mut().zip(&dated.dates).for_each(|(index, date)| index.push(place(date)));
        let every = every(&dates);
        axes.push(Axis::Dates(dates, every));
    }
    let parts = parts(&columns, &chosen, dated.as_ref());
    Some(Guess { axes, parts, index })
}

/// The columns beside the date that are needed to tell all names apart; as few as possible, the leftmost of equals.
fn choose(columns: &[Column], dated: Option<&Dated>, names: usize) -> Option<Vec<usize>> {
    let mut known: Vec<String> = (0..names)
        .map(|n| dated.and_then(|d| d.dates.get(n)).map(|d| format!("{d:?}")).unwrap_or_default())
        .collect();
    let distinct = |keys: &[String]| keys.iter().collect::<BTreeSet<_>>().len();
    let of_date = |at: usize, column: &Column| {
        dated.is_some_and(|d| d.columns.contains(&at) || part_of(column, false, &d.dates).is_some())
    };
    let mut chosen: Vec<usize> = Vec::new();
    while distinct(&known) < names {
        let mut best: Option<(usize, usize, Vec<String>)> = None;
        for (at, column) in columns.iter().enumerate() {
            if column.constant().is_some() || of_date(at, column) {
                continue;
            }
            let with: Vec<String> =
                known.iter().zip(&column.values).map(|(k, v)| format!("{k}|{v}")).collect();
            let count = distinct(&with);
            if count > best.as_ref().map_or(distinct(&known), |(count, _, _)| *count) {
                best = Some((count, at, with));
            }
        }
        let (_, at, with) = best?;
        chosen.push(at);
        known = with;
    }
    chosen.sort_unstable();
    Some(chosen)
}

/// The sorted keys of a column, and the place of every name's.
fn keyed(column: &Column) -> (Axis, Vec<usize>) {
    let numbers: Option<Vec<i64>> =
        column.digits.then(|| column.values.iter().map(|v| v.parse().ok()).collect()).flatten();
    match numbers.filter(|_| number_format(column).is_some()) {
        Some(values) => {
            let keys: Vec<i64> = values.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
            let places = values.iter().map(|v| keys.binary_search(v).unwrap_or(0)).collect();
            (Axis::Numbers(keys), places)
        }
        None => {
            let keys: Vec<String> =
                column.values.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            let places = column.values.iter().map(|v| keys.binary_search(v).unwrap_or(0)).collect();
            (Axis::Words(keys), places)
        }
    }
}

/// How numbers are written: `03d`, or nothing where they are not padded.
fn number_format(column: &Column) -> Option<String> {
    if !column.digits {
        return None;
    }
    match column.width() {
        Some(width) if width > 1 => Some(format!("0{width}d")),
        _ if column.values.iter().all(|v| v == "0" || !v.starts_with('0')) => Some(String::new()),
        _ => None,
    }
}

fn parts(columns: &[Column], chosen: &[usize], dated: Option<&Dated>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    while let Some(column) = columns.get(at) {
        let is_folder =
            |at: Option<usize>| at.and_then(|at| columns.get(at)).is_some_and(|c| c.constant() == Some("/"));
        let whole = is_folder(at.checked_sub(1)) && is_folder(at.checked_add(1));
        let part = match dated {
            Some(d) if d.columns.start == at => {
                at = d.columns.end.saturating_sub(1);
                Part::Key { axis: chosen.len(), format: d.format.clone(), main: true }
            }
            _ => one(columns, chosen, dated, (at, column), whole),
        };
        match (parts.last_mut(), part) {
            (Some(Part::Text(text)), Part::Text(more)) => text.push_str(&more),
            (_, part) => parts.push(part),
        }
        at += 1;
    }
    parts
}

fn one(
    columns: &[Column],
    chosen: &[usize],
    dated: Option<&Dated>,
    (at, column): (usize, &Column),
    whole: bool,
) -> Part {
    if let Some(format) = dated.and_then(|d| part_of(column, whole, &d.dates)) {
        return Part::Key { axis: chosen.len(), format: format.to_owned(), main: false };
    }
    if let Some(text) = column.constant() {
        return Part::Text(text.to_owned());
    }
    let same = |&&other: &&usize| columns.get(other).is_some_and(|c| c.values == column.values);
    match chosen.iter().find(same) {
        Some(&first) => Part::Key {
            axis: chosen.iter().position(|&c| c == first).unwrap_or(0),
            format: number_format(column).unwrap_or_default(),
            main: first == at,
        },
        None => Part::Any { digits: column.digits },
    }
}

impl Axis {
    /// How many keys.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Dates(dates, _) => dates.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Words(words) => words.len(),
        }
    }
}

impl Guess {
    /// Whether a template with these axes gives exactly these names.
    pub(super) fn is_grid(&self) -> bool {
        let cells: usize = self.axes.iter().map(Axis::len).product();
        let regular = self.axes.iter().all(|axis| match axis {
            Axis::Dates(dates, every) => every.is_some_and(|every| spans(dates, every)),
            _ => true,
        });
        regular && cells == self.index.len() && !self.parts.iter().any(|p| matches!(p, Part::Any { .. }))
    }
}

/// No date is left out.
fn spans(dates: &[DateTime], every: Every) -> bool {
    let calendar = arcoforge_core::calendar::Calendar::Standard;
    let last = dates.first().and_then(|first| every.after(first, calendar, dates.len() as i64 - 1));
    last.as_ref() == dates.last()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

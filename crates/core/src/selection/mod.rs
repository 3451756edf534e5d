//! Which cells of a dimension a selection takes, by the coordinate's values or by numbers of items.

mod boxes;
mod coordinate;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::block::Block;
use crate::derived::Runs;
use crate::error::{Code, Error, Result};
use crate::recipe::{Label, Selection};
use crate::schema::Variable;

pub use boxes::boxed;
pub(crate) use coordinate::Coordinate;

/// The dimension that a selection names; `None` for a box, whose dimensions [`boxed`] finds.
pub fn dim_of(selection: &Selection) -> Option<&str> {
    match selection {
        Selection::Labels { dim, .. }
        | Selection::Values { dim, .. }
        | Selection::Range { dim, .. }
        | Selection::Items { dim, .. } => Some(dim),
        Selection::Bbox { .. } => None,
    }
}

/// Whether a selection is decided by the coordinate's values and not by numbers of items.
pub const fn needs_values(selection: &Selection) -> bool {
    !matches!(selection, Selection::Range { .. } | Selection::Items { .. })
}

/// The cells of a dimension of `length` that a selection takes, in the order in which it takes them; `coordinate` is
/// its coordinate with all values. Of a box the edges of the coordinate, which is a longitude or a latitude.
///
/// Labels are compared with decoded values, rounded to the coordinate's type; dates in its calendar. Values that are
/// missing are never selected. Longitudes are compared modulo 360 and stay as they are; where a box crosses the seam of
/// the coordinate, its cells begin behind the seam.
///
/// # Errors
/// `step-invalid` where nothing is selected, naming the range that there is; for exact values and items that are not
/// there; where the dimension has no coordinate that can be compared.
pub fn select(selection: &Selection, coordinate: Option<(&Variable, &Block)>, length: u64) -> Result<Runs> {
    let values = |dim: &str| match coordinate {
        Some((var, block)) => Coordinate::of(var, block, length),
        None => Err(invalid(format!("`{dim}` has no coordinate to select by"))
            .help("`start`, `stop` and `items` select by numbers of items")),
    };
    match selection {
        Selection::Labels { dim, from, to } => labels(&values(dim)?, from.as_ref(), to.as_ref()),
        Selection::Values { dim, values: wanted } => exact(&values(dim)?, wanted),
        Selection::Range { dim, start, stop, step } => range(dim, *start, *stop, *step, length),
        Selection::Items { dim, items: wanted } => items(dim, wanted, length),
        Selection::Bbox { degrees } => boxes::part(*degrees, coordinate, length),
    }
}

fn labels(coordinate: &Coordinate<'_>, from: Option<&Label>, to: Option<&Label>) -> Result<Runs> {
    let found = match coordinate.texts() {
        Some(_) => between_names(coordinate, from, to)?,
        None => {
            let low = from.map(|label| coordinate.place(label, false)).transpose()?;
            let high = to.map(|label| coordinate.place(label, true)).transpose()?;
            let inside = |cell: usize| {
                coordinate.cell(cell).is_some_and(|place| {
                    low.is_none_or(|low| place.order(&low) != Ordering::Less)
                        && high.is_none_or(|high| place.order(&high) != Ordering::Greater)
                })
            };
            Runs::of_cells((0..coordinate.len()).filter(|&cell| inside(cell)).map(|cell| Some(cell as u64)))
        }
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let shown = |label: Option<&Label>| label.map_or_else(|| "…".to_owned(), coordinate::written);
    Err(invalid(format!(
        "nothing of `{}` lies from {} to {}: {}",
        coordinate.name(),
        shown(from),
        shown(to),
        coordinate.extent()
    )))
}

/// From one name to another, as they stand.
fn between_names(coordinate: &Coordinate<'_>, from: Option<&Label>, to: Option<&Label>) -> Result<Runs> {
    let at = |label: &Label| -> Result<u64> {
        let found = coordinate.find(label)?;
        found.first().copied().ok_or_else(|| absent(coordinate, label))
    };
    let first = from.map(at).transpose()?.unwrap_or(0);
    let last = to.map(at).transpose()?.map_or(coordinate.len() as u64, |last| last + 1);
    Ok(Runs::range(first..last.max(first)))
}

fn exact(coordinate: &Coordinate<'_>, wanted: &[Label]) -> Result<Runs> {
    let mut cells = Vec::new();
    for label in wanted {
        let found = coordinate.find(label)?;
        if found.is_empty() {
            return Err(absent(coordinate, label));
        }
        cells.extend(found.into_iter().map(Some));
    }
    Ok(Runs::of_cells(cells))
}

fn absent(coordinate: &Coordinate<'_>, label: &Label) -> Error {
    let (name, written) = (coordinate.name(), coordinate::written(label));
    let error = invalid(format!("`{name}` has no {written}: {}", coordinate.extent()));
    match coordinate.nearest(label) {
        Some(near) if coordinate.is_time() => error.help(format!(
            "the nearest is {near}; `{{from: {written}, to: {written}}}` takes all of that day, month or year"
        )),
        Some(near) => error.help(format!("the nearest is {near}")),
        None => error,
    }
}

/// As slices of Python and its libraries: numbers beyond the ends are the ends.
fn range(dim: &str, start: Option<i64>, stop: Option<i64>, step: u64, length: u64) -> Result<Runs> {
    let at = |number: i64| match u64::try_from(number) {
        Ok(number) => number.min(length),
        Err(_) => length.saturating_sub(number.unsigned_abs()),
    };
    let (first, end) = (start.map_or(0, at), stop.map_or(length, at));
    if first >= end {
        let number = |n: Option<i64>| n.map_or_else(|| "…".to_owned(), |n| n.to_string());
        return Err(invalid(format!(
            "nothing of `{dim}` lies from item {} until {}: it has {length} items",
            number(start),
            number(stop)
        )));
    }
    Ok(match usize::try_from(step) {
        Ok(0 | 1) => Runs::range(first..end),
        Ok(step) => Runs::of_cells((first..end).step_by(step).map(Some)),
        Err(_) => Runs::range(first..first + 1),
    })
}

fn items(dim: &str, wanted: &[i64], length: u64) -> Result<Runs> {
    let cell = |&item: &i64| {
        let cell = match u64::try_from(item) {
            Ok(cell) => Some(cell),
            Err(_) => length.checked_sub(item.unsigned_abs()),
        };
        cell.filter(|&cell| cell < length).map(Some).ok_or_else(|| {
            invalid(format!("`{dim}` has no item {item}: it has {length} items, the first is 0"))
        })
    };
    Ok(Runs::of_cells(wanted.iter().map(cell).collect::<Result<Vec<_>>>()?))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::StepInvalid, message)
}

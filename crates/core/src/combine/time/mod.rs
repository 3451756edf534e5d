//! Times: what their numbers mean, how they are put in order, and (in [`recode`]) one unit and calendar for all files.

mod families;
mod recode;

use std::cmp::Ordering;

use crate::block::Block;
use crate::cftime::{self, TimeUnits};
use crate::dtype::Scalar;
use crate::error::Result;
use crate::figures::Short;
use crate::schema::Variable;
use crate::steps::FileView;

pub(super) use families::families;
pub(crate) use recode::count_in;
pub(super) use recode::{NOT_A_TIME, Recoded, Times, recode, set_units};

/// Whether a variable's `units` are meant as time since a reference.
pub fn is_time_like(var: &Variable) -> bool {
    var.attrs.text("units").is_some_and(cftime::is_time)
}

/// The meaning of a variable's numbers, where they are times that can be decoded.
pub(super) fn units_of(var: &Variable) -> Option<TimeUnits> {
    is_time_like(var).then(|| parse(var).ok()).flatten()
}

fn parse(var: &Variable) -> Result<TimeUnits> {
    TimeUnits::of(&var.attrs)
}

/// The variable whose `units` hold for `var`: itself, or the parent whose bounds it is (CF 7.1).
fn owner<'a>(view: &'a FileView, var: &'a Variable) -> Option<&'a Variable> {
    if is_time_like(var) {
        return Some(var);
    }
    if var.attrs.get("units").is_some() {
        return None;
    }
    view.variables.iter().map(|m| &*m.var).find(|parent| is_time_like(parent) && has_bounds(parent, var))
}

/// Whether `parent` names `var` as its bounds.
pub(crate) fn has_bounds(parent: &Variable, var: &Variable) -> bool {
    parent.bounds().any(|name| name == var.name)
}

/// A value along an axis that can be put in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// Instants in nanoseconds, or integers.
    Whole(i128),
    /// Anything else that is real.
    Real(f64),
}

impl Place {
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => real(*a, *b),
            (Self::Whole(a), Self::Real(b)) => real(*a as f64, *b),
            (Self::Real(a), Self::Whole(b)) => real(*a, *b as f64),
        }
    }

    /// As users read it: a date where `units` are given.
    pub(crate) fn show(&self, units: Option<&TimeUnits>) -> String {
        match (self, units) {
            (Self::Whole(ns), Some(units)) => {
                units.date(*ns).map_or_else(|| ns.to_string(), |d| d.to_string())
            }
            (Self::Whole(x), None) => x.to_string(),
            (Self::Real(x), _) => Short(*x).to_string(),
        }
    }
}

/// By value, so that -0.0 is 0.0.
fn real(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}

/// A coordinate's values for ordering, one after the other; masked ones and NaN are `None`. `None` in all for text.
///
/// Times that can't be decoded are taken as the numbers that they are.
pub(crate) fn places<'a>(
    var: &Variable,
    block: &'a Block,
) -> Option<impl Iterator<Item = Option<Place>> + Clone + 'a> {
    let masks = var.masks();
    let masked = move |value: &Scalar| masks.iter().any(|mask| mask.equals(value));
    let cells = usize::try_from(block.len()).ok()?;
    let units = decodable(var, block);
    let one = move |i: usize| {
        let value = block.scalar(i)?;
        match &units {
            Some(_) if masked(&value) => None,
            Some(units) => units.decode_one(&value).ok().flatten().map(Place::Whole),
            None => value
                .as_i128()
                .map(Place::Whole)
                .or_else(|| value.as_f64().filter(|x| !x.is_nan()).map(Place::Real)),
        }
    };
    (block.dtype.is_integer() || block.dtype.is_float()).then(|| (0..cells).map(one))
}

/// The meaning of a time coordinate's numbers, where all of them can be decoded.
pub(crate) fn decodable(var: &Variable, block: &Block) -> Option<TimeUnits> {
    let masks = var.masks();
    let cells = usize::try_from(block.len()).ok()?;
    let masked = |value: &Scalar| masks.iter().any(|mask| mask.equals(value));
    units_of(var).filter(|units| {
        (0..cells).all(|i| block.scalar(i).is_some_and(|v| masked(&v) || units.decode_one(&v).is_ok()))
    })
}

//! Axes and sources to the parts of a pattern, checked.

use super::{POSITIONS_MAX, PatternAxis};
use crate::axis::{Axis, Key, Keys};
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::figures::counted;
use crate::names::nearest;
use crate::template::Template;

pub(super) fn expand_axes(axes: &[Axis], now: Option<DateTime>) -> Result<Vec<PatternAxis>> {
    let mut expanded: Vec<PatternAxis> = Vec::new();
    for axis in axes {
        if expanded.iter().any(|other| other.name == axis.name) {
            return Err(Error::new(Code::RecipeAxis, format!("axis `{}` is declared twice", axis.name)));
        }
        let keys = axis.keys.expand(now).map_err(|mut error| {
            error.message = format!("axis `{}`: {}", axis.name, error.message);
            error
        })?;
        let (name, items_per_file) = (axis.name.clone(), axis.items_per_file);
        let declared = keys.len() as u64;
        expanded.push(PatternAxis { name, kind: axis.kind, keys, items_per_file, declared });
    }
    Ok(expanded)
}

/// The one calendar of the axes that are dates.
pub(super) fn common_calendar(axes: &[Axis]) -> Result<Calendar> {
    let mut calendars = axes.iter().filter_map(|axis| match &axis.keys {
        Keys::Dates(range) => Some((axis, range.calendar)),
        _ => None,
    });
    let Some((first, calendar)) = calendars.next() else { return Ok(Calendar::Standard) };
    match calendars.find(|(_, other)| *other != calendar) {
        None => Ok(calendar),
        Some((axis, other)) => Err(Error::new(
            Code::RecipeAxis,
            format!(
                "axis `{}` is in the {calendar} calendar and `{}` in the {other} calendar: expected one",
                first.name, axis.name
            ),
        )),
    }
}

/// Keys that are found need a listing to be found in.
pub(super) fn refuse_found(axes: &[Axis]) -> Result<()> {
    let Some(axis) = axes.iter().find(|axis| axis.keys == Keys::Found) else { return Ok(()) };
    let message = format!("the keys of axis `{}` are `found`, and `source.url` finds none", axis.name);
    Err(Error::new(Code::RecipeSource, message)
        .help("declare the keys, or use `source.find` or `source.files`"))
}

pub(super) fn check_templates(axes: &[Axis], templates: &[Template]) -> Result<()> {
    if templates.is_empty() {
        return Err(Error::new(Code::RecipeSource, "there is no URL: expected one or more"));
    }
    match templates.iter().flat_map(|template| template.check(axes)).next() {
        Some(fault) => Err(fault.into()),
        None => Ok(()),
    }
}

/// Gives a found axis the keys 0, 1, … so that the files fill the grid.
pub(super) fn count_found(axes: &[Axis], expanded: &mut [PatternAxis], files: usize) -> Result<()> {
    let wrong = |message: String| Error::new(Code::RecipeSource, message);
    let mut others = 1_u64;
    let mut open = None;
    for (at, (axis, full)) in axes.iter().zip(expanded.iter()).enumerate() {
        if axis.keys != Keys::Found {
            others = others.saturating_mul(full.declared);
        } else if open.replace(at).is_some() {
            return Err(wrong(
                "`source.files` with two axes that are `found`: one at most can be counted".into(),
            ));
        }
    }
    let count = files as u64;
    let Some(axis) = open.and_then(|at| expanded.get_mut(at)) else {
        if count == others {
            return Ok(());
        }
        let help = if axes.is_empty() {
            "without axes there is one file; `axes: {time: {concat: found}}` takes any number"
        } else {
            "list one file per position, row-major in the order of the axes"
        };
        return Err(wrong(format!(
            "`source.files` has {}, and the axes have {}",
            counted(count, "file"),
            counted(others, "position")
        ))
        .help(help));
    };
    if count == 0 || !count.is_multiple_of(others) {
        let message = format!(
            "`source.files` has {}: expected a multiple of {others}, the other axes' positions",
            counted(count, "file")
        );
        return Err(wrong(message));
    }
    let length = count / others;
    axis.keys = (0..length).filter_map(|key| i64::try_from(key).ok()).map(Key::Int).collect();
    axis.declared = length;
    Ok(())
}

/// The number of positions, where it is one.
pub(super) fn product(axes: &[PatternAxis]) -> Result<u64> {
    let length = axes.iter().try_fold(1_u64, |product, axis| product.checked_mul(axis.keys.len() as u64));
    length.filter(|length| *length <= POSITIONS_MAX).ok_or_else(|| {
        Error::new(Code::RecipeAxis, format!("the axes have more than {POSITIONS_MAX} positions together"))
    })
}

pub(super) fn suggest_axis(name: &str, axes: &[PatternAxis]) -> String {
    let known: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the recipe has no axes".to_owned(),
        None => format!("the axes are `{}`", known.join("`, `")),
    }
}

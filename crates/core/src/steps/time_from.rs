//! `time_from`: one time from variables that hold its parts.
//!
//! It replaces the coordinate of a dimension of its name; another variable of that name is refused. The parts are read
//! here, as the unit depends on them: the coarsest of CF's in which all times are whole numbers.

use std::sync::Arc;

use super::ReadValues;
use super::select::forget;
use super::stored::{decoded, invalid, readable};
use super::unmatched::Missing;
use super::view::{FileView, Mapped, Origin};
use crate::attrs::{AttrValue, Attrs};
use crate::block::Block;
use crate::cftime::{Parts, from_parts, units_since_1970};
use crate::derived::{axes_within, spread};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::recipe::TimeFrom;
use crate::schema::{Storage, Variable};

pub(super) fn time_from(
    view: &mut FileView,
    step: &TimeFrom,
    values: &mut ReadValues<'_>,
    missing: &mut Missing,
) -> Result<()> {
    let mut parts: Vec<(&str, Mapped)> = Vec::new();
    for (part, name) in &step.parts {
        match readable(view, name)? {
            Some(mapped) => parts.push((part, mapped.clone())),
            None => missing.push(name.clone()),
        }
    }
    if parts.len() < step.parts.len() {
        missing.together(&step.name, step.parts.values().map(String::as_str));
        return Ok(());
    }
    let is_part = |name: &str| step.parts.values().any(|part| part == name);
    // a dimension's coordinate is replaced, as there can't be two
    let replaced = |m: &Mapped| m.var.is_dimension_coordinate() || (is_part(&m.var.name) && !step.keep_parts);
    let taken = view.variable(&step.name).is_some_and(|m| !replaced(m));
    if taken || view.unreadable.iter().any(|u| u.name == step.name) {
        return Err(invalid(format!("`time_from` of `{}`: the file has a variable of that name", step.name))
            .help("choose another name, or drop it first"));
    }
    let time = made(step, &parts, values).map_err(|e| e.in_variable(&step.name))?;
    let goes = |name: &String| *name == step.name || (is_part(name) && !step.keep_parts);
    let before = view.variables.iter().take_while(|m| !is_part(&m.var.name));
    let place = before.filter(|m| !goes(&m.var.name)).count();
    view.variables.retain(|m| !goes(&m.var.name));
    view.coords.retain(|name| !goes(name));
    if !time.var.is_dimension_coordinate() {
        view.coords.insert(step.name.clone());
    }
    view.variables.insert(place, time);
    let gone = step.parts.values().filter(|name| goes(name) && **name != step.name).cloned().collect();
    forget(view, &gone);
    Ok(())
}

/// The time, with its values.
fn made(step: &TimeFrom, parts: &[(&str, Mapped)], read: &mut ReadValues<'_>) -> Result<Mapped> {
    let (dims, shape) = dimensions(parts)?;
    let mut values: Vec<(&str, Vec<f64>)> = Vec::new();
    for (part, mapped) in parts {
        let decoded = decoded(mapped)?;
        let axes = axes_within(&mapped.var.dims, &dims)
            .ok_or_else(|| invalid(format!("`time_from`: `{}` has a dimension twice", mapped.var.name)))?;
        let block = read(&decoded)?;
        let doubles = block.to_f64().ok_or_else(|| Error::new(Code::Bug, "a part of a time is no number"))?;
        values.push((part, spread(doubles, &axes, &shape)));
    }
    let of = |name: &str| values.iter().find(|(part, _)| *part == name).map(|(_, v)| v.as_slice());
    let given = Parts {
        year: of("year").unwrap_or_default(),
        month: of("month"),
        day: of("day"),
        day_of_year: of("day_of_year"),
        hour: of("hour"),
        minute: of("minute"),
        second: of("second"),
    };
    let instants = from_parts(&given, step.calendar)?;
    let units = units_since_1970(&instants, step.calendar)?;
    let coordinate = dims.len() == 1 && dims.first() == Some(&step.name);
    let fill = fill(parts).filter(|_| !coordinate);
    let mut bytes = Vec::with_capacity(8 * instants.len());
    for (item, instant) in instants.iter().enumerate() {
        let value = match (instant, &fill) {
            (Some(instant), _) => units.encode(*instant),
            (None, Some(fill)) => fill.as_i128().and_then(|fill| i64::try_from(fill).ok()),
            (None, None) => {
                return Err(Error::new(
                    Code::StepValues,
                    format!("item {item} is missing, in a coordinate of a dimension"),
                )
                .help(
                    "a coordinate has no missing values: give the time another name, or `subset` the file",
                ));
            }
        };
        let value = value.ok_or_else(|| Error::new(Code::Bug, "a time does not fit its unit"))?;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    let text = |text: &str| AttrValue::Text(text.to_owned());
    let attrs: Attrs = [
        ("standard_name".to_owned(), text("time")),
        ("units".to_owned(), text(&units.to_string())),
        ("calendar".to_owned(), text(step.calendar.name())),
    ]
    .into_iter()
    .collect();
    let block = Block::from_bytes(DataType::Int64, shape.clone(), bytes);
    let storage = Storage::in_hand(&shape, fill.clone().unwrap_or(Scalar::Int(0)));
    let var = Variable { name: step.name.clone(), dims, shape, dtype: DataType::Int64, attrs, fill, storage };
    Ok(Mapped { var: Arc::new(var), origin: Origin::Constant(Arc::new(block)) })
}

/// The dimensions of all parts, in the order of the finer and finer parts.
fn dimensions(parts: &[(&str, Mapped)]) -> Result<(Vec<String>, Vec<u64>)> {
    let order = ["year", "month", "day", "day_of_year", "hour", "minute", "second"];
    let (mut dims, mut shape): (Vec<String>, Vec<u64>) = (Vec::new(), Vec::new());
    for name in order {
        let Some((_, mapped)) = parts.iter().find(|(part, _)| *part == name) else { continue };
        for (dim, &length) in mapped.var.dims.iter().zip(&mapped.var.shape) {
            match dims.iter().position(|known| known == dim) {
                None => {
                    dims.push(dim.clone());
                    shape.push(length);
                }
                Some(at) if shape.get(at) == Some(&length) => {}
                Some(_) => {
                    return Err(invalid(format!(
                        "`time_from`: parts have several lengths of dimension `{dim}`"
                    )));
                }
            }
        }
    }
    Ok((dims, shape))
}

/// The value of missing times, where a part may be missing: a float, or one with a `_FillValue`.
fn fill(parts: &[(&str, Mapped)]) -> Option<Scalar> {
    let may = parts.iter().any(|(_, m)| m.var.dtype.is_float() || !m.var.stored_masks().is_empty());
    DataType::Int64.default_fill().filter(|_| may)
}

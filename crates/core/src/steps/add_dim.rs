//! `add_dim`: a new dimension of length one, with its coordinate.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use super::FileContext;
use super::rename::rename;
use super::unmatched::Missing;
use super::view::{FileView, Mapped, Origin};
use crate::attrs::{AttrValue, Attrs};
use crate::axis::Key;
use crate::block::Block;
use crate::calendar::{Calendar, DateTime};
use crate::cftime::{TimeUnits, calendar_named, encode_as, units_since_1970};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::{AddDim, DimValue, TimeEncoding};
use crate::schema::{Storage, Variable};
use crate::strftime::Strftime;

/// Nanoseconds of one second.
const SECOND_NS: i128 = 1_000_000_000;

pub(super) fn add_dim(
    view: &mut FileView,
    add: &AddDim,
    context: FileContext<'_>,
    missing: &mut Missing,
) -> Result<()> {
    if view.length(&add.dim).is_some() {
        return Err(invalid(add, "the file has that dimension already").at(context.url));
    }
    let coordinate = match &add.value {
        DimValue::Scalar(name) => {
            let Some(at) = view.variables.iter().position(|m| m.var.name == *name) else {
                missing.push(name.clone());
                for named in add.variables.iter().filter(|named| view.variable(named).is_some()) {
                    missing.partly(named, name, context.url);
                }
                return Ok(());
            };
            // CF attributes that name the scalar name the coordinate
            if *name != add.dim {
                if view.length(name).is_some() {
                    return Err(invalid(add, format!("`{name}` is a dimension already"))
                        .at(context.url)
                        .help(format!("`rename: {{{name}: {}}}` gives it the other name", add.dim)));
                }
                let pairs = [(name.clone(), add.dim.clone())].into_iter().collect();
                rename(view, &pairs, missing).map_err(|e| e.at(context.url))?;
            }
            scalar_coordinate(view.variables.remove(at), add).map_err(|e| e.at(context.url))?
        }
        value => {
            if view.variable(&add.dim).is_some() {
                return Err(invalid(add, "the file has a variable of that name").at(context.url).help(
                    format!(
                        "`add_dim: {{{0}: {{scalar: {0}}}}}` makes it the coordinate; or drop it first",
                        add.dim
                    ),
                ));
            }
            let (dtype, scalar, attrs) =
                constant(view, add, value, context).map_err(|e| e.at(context.url))?;
            constant_coordinate(add, dtype, &scalar, attrs).ok_or_else(|| {
                invalid(add, format!("the value {scalar} does not fit {dtype}")).at(context.url)
            })?
        }
    };
    let mut coordinate = coordinate;
    for (name, value) in &add.attrs {
        coordinate.edit().attrs.set(name.clone(), value.clone());
    }
    widen(view, add, missing);
    view.variables.push(coordinate);
    Ok(())
}

/// Gives the new dimension to the variables that the step names, or to all that are data.
fn widen(view: &mut FileView, add: &AddDim, missing: &mut Missing) {
    let auxiliary = if add.variables.is_empty() { view.auxiliary() } else { BTreeSet::new() };
    let mut used = vec![false; add.variables.len()];
    for mapped in &mut view.variables {
        let named = add.variables.iter().position(|pattern| names::matches(pattern, &mapped.var.name));
        match named {
            Some(at) => used.get_mut(at).into_iter().for_each(|u| *u = true),
            None if add.variables.is_empty() && !auxiliary.contains(&mapped.var.name) => {}
            None => continue,
        }
        let mut dims = mapped.var.dims.clone();
        let mut shape = mapped.var.shape.clone();
        let mut from: Vec<Option<usize>> = (0..dims.len()).map(Some).collect();
        dims.insert(0, add.dim.clone());
        shape.insert(0, 1);
        from.insert(0, None);
        mapped.rearrange(dims, shape, from);
    }
    missing.extend(add.variables.iter().zip(used).filter(|(_, used)| !used).map(|(name, _)| name.clone()));
}

/// A scalar variable of the file as the coordinate.
fn scalar_coordinate(mut mapped: Mapped, add: &AddDim) -> Result<Mapped> {
    if mapped.var.cells() != 1 {
        return Err(invalid(
            add,
            format!("`{}` has shape {:?}, expected a scalar", mapped.var.name, mapped.var.shape),
        ));
    }
    mapped.rearrange(vec![add.dim.clone()], vec![1], vec![None]);
    mapped.edit().name.clone_from(&add.dim);
    Ok(mapped)
}

fn constant_coordinate(add: &AddDim, dtype: DataType, value: &Scalar, attrs: Attrs) -> Option<Mapped> {
    let block = Block::of_scalars(dtype, vec![1], [value.clone()])?;
    let var = Variable {
        name: add.dim.clone(),
        dims: vec![add.dim.clone()],
        shape: vec![1],
        dtype: block.dtype,
        attrs,
        fill: None,
        storage: Storage::in_hand(&[1], Scalar::Int(0)),
    };
    Some(Mapped { var: Arc::new(var), origin: Origin::Constant(Arc::new(block)) })
}

/// The coordinate's value, with the attributes that it needs.
fn constant(
    view: &FileView,
    add: &AddDim,
    value: &DimValue,
    context: FileContext<'_>,
) -> Result<(DataType, Scalar, Attrs)> {
    match value {
        DimValue::Constant(scalar) => Ok(typed(scalar.clone())),
        DimValue::Key(axis) => {
            let found = context.keys.iter().find(|(name, _, _)| name == axis);
            let (_, key, calendar) =
                found.ok_or_else(|| invalid(add, format!("there is no axis `{axis}`")))?;
            match key {
                Key::Date(date) => dated(add, *date, *calendar),
                Key::Int(x) => Ok(typed(Scalar::Int(*x))),
                Key::Text(text) => Ok(typed(Scalar::Text(text.clone()))),
                Key::Map(map) => map.get("key").cloned().map(typed).ok_or_else(|| {
                    invalid(add, format!("the keys of axis `{axis}` are maps without a member `key`"))
                }),
            }
        }
        DimValue::Attr { name, format } => attribute(view, add, name, format.as_deref()),
        DimValue::FileName { regex, format } => {
            let pattern =
                Regex::new(regex).map_err(|e| invalid(add, format!("bad regular expression: {e}")))?;
            let file = context.url.rsplit('/').next().unwrap_or(context.url);
            let found = pattern
                .captures(file)
                .ok_or_else(|| invalid(add, format!("`{regex}` does not match `{file}`")))?;
            let text = found.get(1).or_else(|| found.get(0)).map_or("", |m| m.as_str());
            match format {
                Some(format) => parsed(add, text, format),
                None => Ok(typed(text.parse().map_or_else(|_| Scalar::Text(text.to_owned()), Scalar::Int))),
            }
        }
        DimValue::Scalar(name) => Err(invalid(add, format!("`{name}` is a variable"))),
    }
}

fn attribute(
    view: &FileView,
    add: &AddDim,
    name: &str,
    format: Option<&str>,
) -> Result<(DataType, Scalar, Attrs)> {
    let value = match name.split_once('@') {
        None => view.attrs.get(name),
        Some((variable, attr)) => view.variable(variable).and_then(|m| m.var.attrs.get(attr)),
    };
    let Some(value) = value else {
        return Err(invalid(add, format!("the file has no attribute `{name}`")));
    };
    match (value, value.as_text(), format) {
        (_, Some(text), Some(format)) => parsed(add, text, format),
        (_, Some(text), None) => Ok(typed(Scalar::Text(text.to_owned()))),
        (AttrValue::Numbers { dtype, values }, _, None) if values.len() == 1 => {
            Ok((*dtype, values.first().cloned().unwrap_or(Scalar::Int(0)), Attrs::new()))
        }
        _ => Err(invalid(add, format!("attribute `{name}` is {value}; expected one text or number"))),
    }
}

fn parsed(add: &AddDim, text: &str, format: &str) -> Result<(DataType, Scalar, Attrs)> {
    let date = Strftime::parse(format)
        .map_err(|(_, why)| why)
        .and_then(|f| f.read(text, Calendar::Standard))
        .map_err(|e| invalid(add, format!("`{text}` is not a date of the form `{format}`: {e}")))?;
    dated(add, date, Calendar::Standard)
}

/// A date as CF time: in the units and the calendar that the step names, else in whole days where it is midnight, or in
/// seconds or nanoseconds.
fn dated(add: &AddDim, date: DateTime, calendar: Calendar) -> Result<(DataType, Scalar, Attrs)> {
    let named = |name: &str| add.attrs.iter().find(|(key, _)| key == name).and_then(|(_, v)| v.as_text());
    let wanted = named("calendar").map(calendar_named).transpose()?.unwrap_or(calendar);
    let instant = calendar.to_ns(&date);
    let from = units_since_1970(&[Some(instant)], calendar)?;
    let units =
        named("units").map_or_else(|| units_of(instant, &from, wanted), |units| Ok(units.to_owned()))?;
    let encoding = TimeEncoding { units: Some(units.clone()), calendar: Some(wanted), dtype: None };
    let (_, block, _) = encode_as(&[Some(instant)], &from, &encoding)?;
    let value = block.scalar(0).ok_or_else(|| Error::new(Code::Bug, "a date has no number"))?;
    let attrs = [("units", units), ("calendar", wanted.name().to_owned())];
    let attrs = attrs.map(|(name, text)| (name.to_owned(), AttrValue::Text(text)));
    Ok((block.dtype, value, attrs.into_iter().collect()))
}

/// The coarsest of days, seconds and nanoseconds since 1970 that count an instant in another calendar.
fn units_of(instant: i128, from: &TimeUnits, calendar: Calendar) -> Result<String> {
    let instant = from.convert(&[Some(instant)], calendar)?.first().copied().flatten().unwrap_or_default();
    let unit = match instant {
        ns if ns % (86_400 * SECOND_NS) == 0 => "days",
        ns if ns % SECOND_NS == 0 => "seconds",
        _ => "nanoseconds",
    };
    Ok(format!("{unit} since 1970-01-01 00:00:00"))
}

fn typed(value: Scalar) -> (DataType, Scalar, Attrs) {
    let dtype = match value {
        Scalar::Bool(_) => DataType::Bool,
        Scalar::Int(_) => DataType::Int64,
        Scalar::UInt(_) => DataType::UInt64,
        Scalar::Float(_) => DataType::Float64,
        Scalar::Complex(..) => DataType::Complex128,
        Scalar::Text(_) => DataType::Text,
    };
    (dtype, value, Attrs::new())
}

fn invalid(add: &AddDim, message: impl std::fmt::Display) -> Error {
    Error::new(Code::StepInvalid, format!("`add_dim` of `{}`: {message}", add.dim))
}

#[cfg(test)]
#[path = "add_dim_tests.rs"]
mod tests;

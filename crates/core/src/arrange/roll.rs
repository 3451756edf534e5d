//! `roll`: longitudes counted from another meridian.

use std::sync::Arc;

use super::{deciding, invalid, pick, runs};
use crate::block::{Block, scalar_to_le};
use crate::combine::{Combined, CombinedVar, Content};
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::figures::Short;
use crate::horizontal::{Horizontal, horizontal, is_degrees};
use crate::schema::{Variable, path_in};

/// Attributes that the new values would contradict.
const RANGES: [&str; 4] = ["valid_min", "valid_max", "valid_range", "actual_range"];

/// Wraps the coordinate of `dim` to `[west, west + 360)` and rotates the dataset so that it rises (or falls, where it
/// fell). Its bounds are moved with it, so that they stay around their centres.
pub(super) fn roll(combined: &mut Combined, dim: &str, west: f64) -> Result<()> {
    let (variable, block) = deciding(combined, dim)?;
    check_degrees(&variable.var)?;
    let old = numbers(&variable.var, &block)?;
    let var = &variable.var;
    let new: Vec<f64> = old.iter().map(|&x| wrapped(x, west, var)).collect();
    let seam = seam(dim, &new)?;
    let turns = |cell: usize| {
        new.get(cell).zip(old.get(cell)).map_or(0.0, |(new, old)| ((new - old) / 360.0).round())
    };
    let bounds = bounds_of(combined, var);
    for name in &bounds {
        let Some(own) = combined.variables.iter_mut().find(|v| v.var.name == *name) else { continue };
        let Content::Values(block) = &own.content else {
            return Err(invalid(format!("the bounds `{name}` are too large to be kept in memory")));
        };
        let cells = old.len().max(1);
        let each = (block.len() as usize / cells).max(1);
        let values = numbers(&own.var, block)?;
        let near = |(at, &x): (usize, &f64)| {
            let x = x + 360.0 * turns(at / each);
            let centre = new.get(at / each).copied().unwrap_or(x);
            if (x - centre).abs() > 180.0 { x + 360.0 * ((centre - x) / 360.0).round() } else { x }
        };
        let values: Vec<f64> = values.iter().enumerate().map(near).collect();
        replace(own, &values)?;
    }
    if let Some(own) = combined.variables.iter_mut().find(|v| v.var.name == var.name) {
        replace(own, &new)?;
    }
    pick(&mut combined.variables, dim, &runs((seam..new.len()).chain(0..seam)))
}

fn check_degrees(var: &Variable) -> Result<()> {
    let name = &var.name;
    if let Some(packing) = var.attrs.packed_by() {
        return Err(invalid(format!("the coordinate `{name}` is packed with `{packing}`")));
    }
    if !var.dtype.is_integer() && !var.dtype.is_float() {
        return Err(invalid(format!("the coordinate `{name}` is {}, expected numbers", var.dtype)));
    }
    let longitude = match horizontal(var) {
        Some(kind) => kind == Horizontal::Longitude,
        None => is_degrees(var),
    };
    if longitude {
        return Ok(());
    }
    let units = var.attrs.text("units").map_or("no units".to_owned(), |units| format!("units \"{units}\""));
    Err(invalid(format!(
        "the coordinate `{name}` is no longitude: it has {units}, expected \"degrees_east\""
    )))
}

fn numbers(var: &Variable, block: &Block) -> Result<Vec<f64>> {
    let found = block.to_f64().filter(|values| values.iter().all(|x| x.is_finite()));
    found.ok_or_else(|| invalid(format!("`{}` has values that are missing", var.name)))
}

/// The same meridian from `west` on, as the coordinate's type holds it. What lies there already is not changed.
fn wrapped(x: f64, west: f64, var: &Variable) -> f64 {
    if (west..west + 360.0).contains(&x) {
        return x;
    }
    let new = x - 360.0 * ((x - west) / 360.0).floor();
    let new = rounded(var, new);
    // a value a hair's breadth below west is west
    if new >= west + 360.0 { new - 360.0 } else { new }
}

fn rounded(var: &Variable, x: f64) -> f64 {
    let mut bytes = Vec::new();
    let stored = scalar_to_le(var.dtype, &Scalar::Float(x), &mut bytes);
    let back = stored.then(|| crate::block::scalar_from_le(var.dtype, &bytes)).flatten();
    back.and_then(|value| value.as_f64()).unwrap_or(x)
}

/// The cell that the rotated coordinate begins with.
fn seam(dim: &str, values: &[f64]) -> Result<usize> {
    let rises =
        values.windows(2).filter(|pair| matches!(pair, [a, b] if a < b)).count() * 2 + 1 >= values.len();
    let against = |a: f64, b: f64| if rises { a >= b } else { a <= b };
    let jumps: Vec<usize> = values
        .windows(2)
        .enumerate()
        .filter_map(|(at, pair)| matches!(pair, [a, b] if against(*a, *b)).then_some(at + 1))
        .collect();
    let around = || values.last().zip(values.first()).is_none_or(|(last, first)| !against(*last, *first));
    match jumps.as_slice() {
        [] => Ok(0),
        [at] if around() => Ok(*at),
        [at, ..] => {
            let shown = |at: usize| values.get(at).map_or_else(String::new, |x| Short(*x).to_string());
            Err(invalid(format!(
                "`{dim}` can't be rotated so that it rises: {} is followed by {} at item {at}",
                shown(at - 1),
                shown(*at)
            ))
            .help(format!(
                "`sort: [{dim}]` before `roll` puts it in order; where one meridian stands twice, `dedupe` or `subset` takes one away"
            )))
        }
    }
}

/// Bounds of a coordinate that the dataset has.
fn bounds_of(combined: &Combined, var: &Variable) -> Vec<String> {
    let named = var.attrs.text("bounds").map(|name| path_in(var.group(), name));
    let fits = |v: &&CombinedVar| {
        Some(&v.var.name) == named.as_ref() && v.var.dims.first() == var.dims.first() && v.var.dims.len() > 1
    };
    combined.variables.iter().filter(fits).map(|v| v.var.name.clone()).collect()
}

/// Other values of the variable's own type.
fn replace(variable: &mut CombinedVar, values: &[f64]) -> Result<()> {
    let (dtype, shape) = (variable.var.dtype, variable.var.shape.clone());
    let mut bytes = Vec::new();
    for value in values {
        if !scalar_to_le(dtype, &Scalar::Float(*value), &mut bytes) {
            return Err(Error::new(Code::StepInvalid, format!("{} does not fit {dtype}", Short(*value)))
                .in_variable(&variable.var.name));
        }
    }
    variable.content = Content::Values(Arc::new(Block::from_bytes(dtype, shape, bytes)));
    let var = Arc::make_mut(&mut variable.var);
    RANGES.iter().for_each(|name| drop(var.attrs.remove(name)));
    Ok(())
}

//! What metadata alone tell: lengths of dimensions, units.

use super::names::{arrays, invalid, unknown};
use super::{Failure, cf};
use crate::cftime::{TimeUnits, is_time};
use crate::error::Result;
use crate::target::{ArraySpec, Dataset};

/// Refuses a dimension that no array has, and lengths that nothing can have.
pub(super) fn size_fits(sizes: &[(String, u64, u64)], dataset: &Dataset) -> Result<()> {
    for (dim, least, greatest) in sizes {
        if least > greatest {
            let message = format!("no length of `{dim}` is at least {least} and at most {greatest}");
            return Err(invalid("size", message));
        }
        let known: Vec<&str> = dataset.arrays.iter().flat_map(|a| &a.dims).map(String::as_str).collect();
        if !known.contains(&dim.as_str()) {
            return Err(unknown("size", "dimension", dim, known));
        }
    }
    Ok(())
}

/// Lengths that are not as they should be.
pub(super) fn size(sizes: &[(String, u64, u64)], dataset: &Dataset) -> Vec<Failure> {
    let mut out: Vec<Failure> = Vec::new();
    for (dim, least, greatest) in sizes {
        for array in &dataset.arrays {
            let Some(at) = array.dims.iter().position(|d| d == dim) else { continue };
            let Some(length) = array.shape.get(at).filter(|n| *n < least || *n > greatest) else { continue };
            let expected = match least == greatest {
                true => least.to_string(),
                false if *greatest == u64::MAX => format!("at least {least}"),
                false => format!("{least} to {greatest}"),
            };
            let message = format!("dimension `{dim}` has the length {length}, expected {expected}");
            if !out.iter().any(|failure| failure.message == message) {
                out.push(Failure { message, variable: None, chunk: None });
            }
        }
    }
    out
}

/// The arrays whose units are asked for.
pub(super) fn units_of(names: &[String], dataset: &Dataset) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..dataset.arrays.len()).collect());
    }
    let mut found = Vec::new();
    for name in names {
        found.extend(arrays("units", name, dataset)?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Why the units of an array are not known.
pub(super) fn units(array: &ArraySpec) -> Option<Failure> {
    let value = array.attrs.get("units")?;
    let Some(text) = value.as_text() else {
        return Some(Failure::of(&array.name, format!("`units` is {value}, expected text")));
    };
    let why = match is_time(text) {
        true => TimeUnits::parse(text, array.attrs.text("calendar")).err().map(|e| e.message)?,
        false => format!("`units` is \"{text}\": {}", cf::unknown_unit(text)?),
    };
    Some(Failure::of(&array.name, why))
}

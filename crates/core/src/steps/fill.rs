//! `fill`: missing cells get a value, given as readers see it; nothing is missing afterwards.
//!
//! Cells that a file never wrote are missing and filled as well. Cells that no file holds are NaN in floats, as there
//! is nothing to fill, and the value in integers, which have no other.

use super::matching;
use super::stored::{invalid, is_real, not_real};
use super::unmatched::Missing;
use super::view::{FileView, Mapped};
use crate::block::{reinterpret, typed};
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::Result;
use crate::figures::Short;
use crate::schema::{Storage, Variable};

pub(super) fn fill(view: &mut FileView, values: &[(String, Scalar)], missing: &mut Missing) -> Result<()> {
    let values = values.iter().map(|(pattern, value)| (pattern.as_str(), value));
    matching::each(view, values, missing, |_, mapped, value, glob| {
        if !is_real(mapped.var.dtype) {
            return if glob { Ok(None) } else { Err(not_real(&mapped.var)) };
        }
        one(mapped.clone(), value).map(Some)
    })
}

fn one(mapped: Mapped, value: &Scalar) -> Result<Mapped> {
    let var = &mapped.var;
    let masks = var.stored_masks();
    let filled = stored(var, value)?;
    if masks.is_empty() && !var.dtype.is_float() {
        return Ok(mapped); // nothing can be missing
    }
    if var.dtype == DataType::Float16 {
        let help = format!("`cast: {{{}: float32}}` before it", var.name);
        return Err(invalid(format!("`fill` of `{}`: it is float16, expected float32", var.name)).help(help));
    }
    Ok(mapped.with_ops([Op::Fill { masks, value: filled.clone() }], |var| {
        var.fill = None;
        var.attrs.remove("missing_value");
        if let Storage::Chunks { unwritten, .. } = &mut var.storage {
            *unwritten = if var.dtype.is_float() { Scalar::Float(f64::NAN) } else { filled };
        }
    }))
}

/// The value as it is stored; a packed variable must give it back.
fn stored(var: &Variable, value: &Scalar) -> Result<Scalar> {
    let refuse = |what: String| invalid(format!("`fill` of `{}`: {what}", var.name));
    let unfit = || refuse(format!("{value} is no value of type {}", var.meant().unwrap_or(var.dtype)));
    let to = var.meant().unwrap_or(var.dtype);
    let number = value.as_f64().ok_or_else(unfit)?;
    let found = match var.attrs.packing() {
        None => typed(to, value).ok_or_else(unfit)?,
        Some((scale, offset)) => {
            let packed = (number - offset) / scale;
            let nearest = if to.is_float() { packed } else { packed.round_ties_even() };
            let back = nearest * scale + offset;
            let near = (back - number).abs() <= 1e-9 * scale.abs().max(f64::MIN_POSITIVE);
            let help = |next: &str| format!("the nearest that it holds is {}; {next}", Short(back));
            typed(to, &Scalar::Float(nearest)).filter(|_| near).ok_or_else(|| {
                let (scale, offset) = (Short(scale), Short(offset));
                refuse(format!(
                    "{value} can't be packed as {to} with scale_factor {scale} and add_offset {offset}"
                ))
                .help(help(&format!("or unpack it: `cast: {{{}: float32}}` before it", var.name)))
            })?
        }
    };
    Ok(reinterpret(to, var.dtype, &found))
}

//! What a variable's stored numbers stand for: missing values, packing, unsigned integers.

use crate::block::reinterpret;
use crate::combine::{has_bounds, is_time_like};
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::schema::Variable;

use super::view::{FileView, Mapped};

/// The variable as float64, with NaN where it is missing: what readers see, before they round.
///
/// # Errors
/// `step-invalid` for text and complex numbers.
pub(super) fn decoded(mapped: &Mapped) -> Result<Mapped> {
    let var = &mapped.var;
    if !is_real(var.dtype) {
        return Err(not_real(var));
    }
    let (masks, packing) = (var.stored_masks(), var.attrs.packing());
    let wide = |dtype| matches!(dtype, DataType::Int64 | DataType::UInt64);
    let stored = var.meant().unwrap_or(var.dtype);
    if packing.is_none() && stored == DataType::Float64 && masks.iter().all(Scalar::is_nan) {
        return Ok(mapped.clone());
    }
    let ops = if (wide(stored) && packing.is_none()) || var.dtype == DataType::Bool {
        // integers that a double can't hold are refused
        let masks = masks.iter().map(|mask| reinterpret(var.dtype, stored, mask)).collect();
        let fill = Some(Scalar::Float(f64::NAN));
        let cast = Op::Cast { to: DataType::Float64, masks, fill, code: Code::StepValues };
        var.meant().map(|to| Op::Reinterpret { to }).into_iter().chain([cast]).collect()
    } else {
        let (scale, offset) = packing.unwrap_or((1.0, 0.0));
        vec![Op::Unpack { meant: var.meant(), masks, scale, offset, to: DataType::Float64 }]
    };
    Ok(mapped.clone().with_ops(ops, |var| {
        var.dtype = DataType::Float64;
        var.fill = None;
        for name in ["missing_value", "scale_factor", "add_offset", "_Unsigned"] {
            var.attrs.remove(name);
        }
    }))
}

/// Whether cells are real numbers.
pub(super) const fn is_real(dtype: DataType) -> bool {
    dtype.is_integer() || dtype.is_float() || matches!(dtype, DataType::Bool)
}

/// Whether numbers are times: by their units, or as the bounds of times (CF 7.1).
pub(super) fn is_time(view: &FileView, var: &Variable) -> bool {
    is_time_like(var) || view.variables.iter().any(|m| is_time_like(&m.var) && has_bounds(&m.var, var))
}

/// What a step on numbers says of a variable that has none.
pub(super) fn not_real(var: &Variable) -> Error {
    invalid(format!("`{}` is {}, expected real numbers", var.name, var.dtype))
}

/// The variable of a step that names exactly one.
///
/// # Errors
/// `step-invalid` for one that can't be read. `None` where the file does not have it.
pub(super) fn readable<'a>(view: &'a FileView, name: &str) -> Result<Option<&'a Mapped>> {
    if let Some(found) = view.unreadable.iter().find(|u| u.name == name) {
        return Err(invalid(format!("`{name}` can't be read: {}", found.reason)));
    }
    Ok(view.variable(name))
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::StepInvalid, message)
}

//! What a variable's stored numbers stand for: missing values, packing, unsigned integers.

use crate::attrs::AttrValue;
use crate::block::{scalar_from_le, scalar_to_le};
use crate::combine::is_time_like;
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::schema::Variable;

use super::view::{FileView, Mapped, references};

/// Values that stand for missing ones, as stored: `_FillValue` first, then `missing_value`.
pub(super) fn masks(var: &Variable) -> Vec<Scalar> {
    let mut masks: Vec<Scalar> = var.fill.iter().cloned().collect();
    if let Some(AttrValue::Numbers { values, .. }) = var.attrs.get("missing_value") {
        masks.extend(values.iter().filter(|value| fits(var.dtype, value)).cloned());
    }
    masks
}

/// `scale_factor` and `add_offset`, where there is either.
pub(super) fn packing(var: &Variable) -> Option<(f64, f64)> {
    let (scale, offset) = (var.attrs.f64("scale_factor"), var.attrs.f64("add_offset"));
    (scale.is_some() || offset.is_some()).then(|| (scale.unwrap_or(1.0), offset.unwrap_or(0.0)))
}

/// The type that the bits are meant as, where `_Unsigned` says that it is another than the stored one.
pub(super) fn meant(var: &Variable) -> Option<DataType> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let pairs = [(Int8, UInt8), (Int16, UInt16), (Int32, UInt32), (Int64, UInt64)];
    match var.attrs.text("_Unsigned")? {
        "true" => pairs.iter().find(|(signed, _)| *signed == var.dtype).map(|(_, unsigned)| *unsigned),
        "false" => pairs.iter().find(|(_, unsigned)| *unsigned == var.dtype).map(|(signed, _)| *signed),
        _ => None,
    }
}

/// The value of the same bits in another type of the same size.
pub(super) fn reinterpreted(from: DataType, to: DataType, value: &Scalar) -> Scalar {
    let mut bytes = Vec::new();
    let found = scalar_to_le(from, value, &mut bytes).then(|| scalar_from_le(to, &bytes)).flatten();
    found.unwrap_or_else(|| value.clone())
}

/// A value in a type, where the type holds it exactly (single and half precision round).
pub(super) fn typed(dtype: DataType, value: &Scalar) -> Option<Scalar> {
    let mut bytes = Vec::new();
    let found = scalar_to_le(dtype, value, &mut bytes).then(|| scalar_from_le(dtype, &bytes))??;
    let same = match (value.as_i128(), found.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ if dtype.is_float() => {
            value.as_f64().is_none_or(|x| !x.is_finite() || found.as_f64().is_some_and(f64::is_finite))
        }
        _ => value.as_f64() == found.as_f64(),
    };
    same.then_some(found)
}

fn fits(dtype: DataType, value: &Scalar) -> bool {
    scalar_to_le(dtype, value, &mut Vec::new())
}

/// The value for missing cells of a type that has none yet: NaN, or the netCDF library's default of an integer type.
pub(super) fn default_fill(dtype: DataType) -> Option<Scalar> {
    Some(match dtype {
        DataType::Int8 => Scalar::Int(-127),
        DataType::Int16 => Scalar::Int(-32_767),
        DataType::Int32 => Scalar::Int(-2_147_483_647),
        DataType::Int64 => Scalar::Int(-9_223_372_036_854_775_806),
        DataType::UInt8 => Scalar::UInt(255),
        DataType::UInt16 => Scalar::UInt(65_535),
        DataType::UInt32 => Scalar::UInt(4_294_967_295),
        DataType::UInt64 => Scalar::UInt(18_446_744_073_709_551_614),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Scalar::Float(f64::NAN),
        _ => return None,
    })
}

/// The variable as float64, with NaN where it is missing: what readers see, before they round.
///
/// # Errors
/// `step-invalid` for text and complex numbers.
pub(super) fn decoded(mapped: &Mapped) -> Result<Mapped> {
    let var = &mapped.var;
    if !is_real(var.dtype) {
        return Err(not_real(var));
    }
    let (masks, packing) = (masks(var), packing(var));
    let wide = |dtype| matches!(dtype, DataType::Int64 | DataType::UInt64);
    let stored = meant(var).unwrap_or(var.dtype);
    if packing.is_none() && stored == DataType::Float64 && masks.iter().all(is_nan) {
        return Ok(mapped.clone());
    }
    let ops = if (wide(stored) && packing.is_none()) || var.dtype == DataType::Bool {
        // integers that a double can't hold are refused
        let masks = masks.iter().map(|mask| reinterpreted(var.dtype, stored, mask)).collect();
        let fill = Some(Scalar::Float(f64::NAN));
        let cast = Op::Cast { to: DataType::Float64, masks, fill, code: Code::StepValues };
        meant(var).map(|to| Op::Reinterpret { to }).into_iter().chain([cast]).collect()
    } else {
        let (scale, offset) = packing.unwrap_or((1.0, 0.0));
        vec![Op::Unpack { meant: meant(var), masks, scale, offset, to: DataType::Float64 }]
    };
    Ok(mapped.clone().with_ops(ops, |var| {
        var.dtype = DataType::Float64;
        var.fill = None;
        for name in ["missing_value", "scale_factor", "add_offset", "_Unsigned"] {
            var.attrs.remove(name);
        }
    }))
}

fn is_nan(value: &Scalar) -> bool {
    matches!(value, Scalar::Float(x) if x.is_nan())
}

/// Whether cells are real numbers.
pub(super) const fn is_real(dtype: DataType) -> bool {
    dtype.is_integer() || dtype.is_float() || matches!(dtype, DataType::Bool)
}

/// Whether numbers are times: by their units, or as the bounds of times (CF 7.1).
pub(super) fn is_time(view: &FileView, var: &Variable) -> bool {
    let bounds = |parent: &Variable| {
        let named =
            |(attr, name): &(&str, String)| matches!(*attr, "bounds" | "climatology") && *name == var.name;
        is_time_like(parent) && references(parent).iter().any(named)
    };
    is_time_like(var) || view.variables.iter().any(|m| bounds(&m.var))
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

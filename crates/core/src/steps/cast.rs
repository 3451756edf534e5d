//! `cast`: the types of variables.
//!
//! It acts on the values that readers see: packed variables are decoded and are packed no more, `_Unsigned` integers
//! become what they are meant as. Integers stay what they are and doubles may round to singles; whatever else the type
//! does not have is refused when it is read. Missing cells stay missing: `_FillValue` is converted, or becomes the
//! default of the type (NaN, or the netCDF library's) where the type does not have it; `missing_value` joins it.

use super::matching;
use super::stored::{invalid, is_real, is_time};
use super::unmatched::Missing;
use super::view::{FileView, Mapped};
use crate::attrs::{AttrValue, Attrs};
use crate::block::{reinterpret, typed};
use crate::combine::is_time_like;
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Result};
use crate::schema::{Storage, Variable};

pub(super) fn cast(view: &mut FileView, types: &[(String, DataType)], missing: &mut Missing) -> Result<()> {
    let types = types.iter().map(|(pattern, dtype)| (pattern.as_str(), *dtype));
    matching::each(view, types, missing, |view, mapped, &to, glob| {
        let real = is_real(mapped.var.dtype);
        if !real && glob && mapped.var.dtype == DataType::Text {
            return Ok(None); // `"*"` means all numbers
        }
        if is_time(view, &mapped.var) {
            let name = if is_time_like(&mapped.var) { &mapped.var.name } else { "TIME" };
            return Err(invalid(format!("`cast` of `{}`, which holds times", mapped.var.name)).help(
                format!("`time_encoding: {{{name}: {{dtype: {to}}}}}` stores a time and its bounds as {to}"),
            ));
        }
        one(mapped.clone(), to).map(Some)
    })
}

/// A variable in another type.
///
/// # Errors
/// `step-invalid` where the types have nothing in common.
pub(super) fn one(mapped: Mapped, to: DataType) -> Result<Mapped> {
    let var = &mapped.var;
    let complex = |dtype| matches!(dtype, DataType::Complex64 | DataType::Complex128);
    if var.dtype == DataType::Text || to == DataType::Text || (complex(var.dtype) && !complex(to)) {
        return Err(invalid(format!("`cast` of `{}`: {} can't become {to}", var.name, var.dtype)));
    }
    let (masks, packing, meant) = (var.stored_masks(), var.attrs.packing(), var.meant());
    if var.dtype == to && packing.is_none() && meant.is_none() {
        return Ok(mapped);
    }
    let from = meant.unwrap_or(var.dtype);
    let fill = fill(var, to, packing.is_some(), &masks)?;
    let code = Code::StepValues;
    let mut ops = Vec::new();
    if let Some((scale, offset)) = packing {
        let float = if to == DataType::Float32 { DataType::Float32 } else { DataType::Float64 };
        ops.push(Op::Unpack { meant, masks, scale, offset, to: float });
        if float != to {
            ops.push(Op::Cast { to, masks: Vec::new(), fill: fill.clone(), code });
        }
    } else {
        ops.extend(meant.map(|to| Op::Reinterpret { to }));
        let masks = masks.iter().map(|mask| reinterpret(var.dtype, from, mask)).collect();
        if from != to {
            ops.push(Op::Cast { to, masks, fill: fill.clone(), code });
        }
    }
    Ok(mapped.with_ops(ops, |var| retype(var, to, fill, packing)))
}

/// The value of missing cells in the new type, where cells can be missing.
fn fill(var: &Variable, to: DataType, packed: bool, masks: &[Scalar]) -> Result<Option<Scalar>> {
    let Some(first) = masks.first() else { return Ok(None) };
    let first = reinterpret(var.dtype, var.meant().unwrap_or(var.dtype), first);
    // a packed value's _FillValue is none of what it stands for
    let own = if packed { None } else { typed(to, &first) };
    own.or_else(|| to.default_fill()).map(Some).ok_or_else(|| {
        invalid(format!("`cast` of `{}`: {to} has no value for missing cells", var.name))
            .help(format!("`fill: {{{}: 0}}` before it replaces them", var.name))
    })
}

/// Attributes that are values of a variable's own type.
const OF_TYPE: [&str; 5] = ["valid_min", "valid_max", "valid_range", "flag_values", "flag_masks"];

/// The schema of the result.
fn retype(var: &mut Variable, to: DataType, fill: Option<Scalar>, packing: Option<(f64, f64)>) {
    let (stored, meant) = (var.dtype, var.meant().unwrap_or(var.dtype));
    let unpacked = packing.filter(|packing| *packing != (1.0, 0.0));
    if unpacked.is_some() && var.attrs.remove("flag_masks").is_some() {
        // bits of packed numbers are none of the decoded ones
        var.attrs.remove("flag_values");
        var.attrs.remove("flag_meanings");
    }
    for name in OF_TYPE {
        let number = |value: &Scalar| reinterpret(stored, meant, value);
        convert(&mut var.attrs, name, to, unpacked.filter(|_| stored.is_integer()), &number);
    }
    for name in ["missing_value", "scale_factor", "add_offset", "_Unsigned"] {
        var.attrs.remove(name);
    }
    var.dtype = to;
    var.fill = fill;
    if let Storage::Chunks { unwritten, .. } = &mut var.storage {
        let own = typed(to, unwritten).filter(|_| packing.is_none());
        *unwritten = var.fill.clone().or(own).unwrap_or(Scalar::Int(0));
    }
}

/// The attribute's numbers as they are decoded, in the new type; where it does not have them all, as doubles. Floats of
/// a packed variable are decoded already.
fn convert(
    attrs: &mut Attrs,
    name: &str,
    to: DataType,
    packing: Option<(f64, f64)>,
    number: &dyn Fn(&Scalar) -> Scalar,
) {
    let Some(AttrValue::Numbers { values, dtype }) = attrs.get(name) else { return };
    let decoded = |value: &Scalar| match (packing, number(value)) {
        _ if dtype.is_float() => value.clone(),
        (Some((scale, offset)), value) => value.as_f64().map_or(value, |x| Scalar::Float(x * scale + offset)),
        (None, value) => value,
    };
    let values: Vec<Scalar> = values.iter().map(decoded).collect();
    let own: Option<Vec<Scalar>> = values.iter().map(|value| typed(to, value)).collect();
    let new = match own {
        Some(values) => AttrValue::Numbers { dtype: to, values },
        None if packing.is_some() => AttrValue::Numbers { dtype: DataType::Float64, values },
        None => return,
    };
    attrs.set(name, new);
}

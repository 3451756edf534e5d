//! `set`: variables that are computed from others, element by element.
//!
//! Inputs are decoded: packed numbers are unpacked and missing ones are NaN; 64-bit integers that a double does not hold
//! are refused when they are read. The result has the dimensions of all inputs, in the order of first use, is float32
//! where no input is wider than a float32 or a 16-bit integer and float64 else, and NaN where it is missing. A variable
//! that is replaced keeps its other attributes; a new one has the `coordinates` and `grid_mapping` of its inputs, where
//! they have the same. Inputs may be dropped afterwards.
//!
//! Where the units of the expression are known and others are asked for, it is converted. An expression with numbers of
//! its own may be converted by these already, so that is refused: `convert` says what is meant.

use std::sync::Arc;

use super::FileContext;
use super::cast;
use super::stored::{decoded, invalid, is_real, not_real, readable};
use super::unmatched::Missing;
use super::view::{FileView, Mapped, Origin};
use crate::attrs::{AttrValue, Attrs};
use crate::derived::{Derived, Formula, Op, Rule, axes_within};
use crate::dtype::{DataType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprError};
use crate::recipe::Computed;
use crate::schema::{Storage, Variable};
use crate::units::{Conversion, Unit};

pub(super) fn set(
    view: &mut FileView,
    computed: &[(String, Computed)],
    context: FileContext<'_>,
    missing: &mut Missing,
) -> Result<()> {
    for (name, computed) in computed {
        one(view, name, computed, context, missing).map_err(|e| e.in_variable(name))?;
    }
    Ok(())
}

fn one(
    view: &mut FileView,
    name: &str,
    computed: &Computed,
    context: FileContext<'_>,
    missing: &mut Missing,
) -> Result<()> {
    let fault = |fault: ExprError| refused(name, &computed.expression, fault);
    let expr = Expr::parse(&computed.expression).map_err(fault)?;
    let mut inputs = Vec::new();
    for input in expr.names() {
        match readable(view, input)? {
            Some(mapped) if !is_real(mapped.var.dtype) => return Err(not_real(&mapped.var)),
            Some(mapped) => inputs.push(mapped.clone()),
            None => missing.push(input.to_owned()),
        }
    }
    if inputs.len() < expr.names().len() {
        let lacks = |input: &&str| view.variable(input).is_none();
        if let (Some(_), Some(lacks)) = (view.variable(name), expr.names().into_iter().find(lacks)) {
            missing.partly(name, lacks, context.url);
        }
        missing.together(name, expr.names());
        return Ok(());
    }
    let units = |input: &str| {
        let var = inputs.iter().find(|m| m.var.name == input)?;
        Unit::parse(var.var.attrs.text("units")?).ok()
    };
    let formula = Formula::new(expr.clone(), &units).map_err(fault)?;
    let conversion = conversion(name, computed, &expr, formula.units())?;
    let (dims, shape) = dimensions(&inputs)?;
    if name.is_empty() || view.unreadable.iter().any(|u| u.name == name) {
        return Err(invalid(format!(
            "`set` of `{name}`: the file has a variable of that name, which can't be read"
        ))
        .help("drop it first"));
    }
    let attrs = attributes(view.variable(name), &inputs, computed, &formula);
    let float = if inputs.iter().any(|m| wide(m.var.dtype)) { DataType::Float64 } else { DataType::Float32 };
    let dtype = computed.dtype.unwrap_or(float);
    if !is_real(dtype) {
        return Err(invalid(format!("`set` of `{name}`: an expression gives numbers, which are no {dtype}")));
    }
    let first = if dtype == DataType::Float32 { dtype } else { DataType::Float64 };
    let storage = Storage::in_hand(&shape, Scalar::Float(f64::NAN));
    let fill = Some(Scalar::Float(f64::NAN));
    let var = Variable { name: name.to_owned(), dims, shape, dtype: first, attrs, fill, storage };
    let inputs = inputs.iter().map(decoded).collect::<Result<Vec<_>>>()?;
    let axes = inputs.iter().filter_map(|m| axes_within(&m.var.dims, &var.dims)).collect();
    let rule = Rule::Formula { formula: Box::new(formula), axes };
    let made = Mapped { var: Arc::new(var), origin: Origin::Derived(Arc::new(Derived { inputs, rule })) };
    let made = match conversion {
        Some(conversion) => made.with_ops([Op::Convert { conversion, to: first }], |_| {}),
        None => made,
    };
    let made = cast::one(made, dtype)?;
    match view.variables.iter_mut().find(|m| m.var.name == name) {
        Some(slot) => *slot = made,
        None => view.variables.push(made),
    }
    Ok(())
}

/// From the units of the expression to those that are asked for, where these are others.
fn conversion(name: &str, computed: &Computed, expr: &Expr, of: Option<&Unit>) -> Result<Option<Conversion>> {
    let (Some(wanted), Some(of)) = (computed.units.as_deref(), of) else { return Ok(None) };
    let expression = &computed.expression;
    let said = format!("`set` of `{name}`: `{expression}` is in `{of}`");
    let found = Unit::parse(wanted).ok().and_then(|wanted| of.conversion_to(&wanted)).ok_or_else(|| {
        invalid(format!("{said}, which can't be converted to `{wanted}`")).help(format!(
            "`attrs: {{units: {wanted}}}` in place of `units` names the units without converting"
        ))
    })?;
    if found.is_identity() {
        return Ok(None);
    }
    if expr.has_numbers() {
        return Err(invalid(format!("{said}, and `{wanted}` is asked for; its numbers may convert it already"))
            .help(format!(
                "to convert: `expression: convert({expression}, '{wanted}')`; if it is in `{wanted}` already, write `attrs: {{units: {wanted}}}` in place of `units`; without `units` it stays in `{of}`"
            )));
    }
    Ok(Some(found))
}

/// Whether a type's values need double precision.
const fn wide(dtype: DataType) -> bool {
    use DataType::{Float64, Int32, Int64, UInt32, UInt64};
    matches!(dtype, Int32 | Int64 | UInt32 | UInt64 | Float64)
}

/// A fault of an expression, with the part of it that is at fault.
fn refused(name: &str, expression: &str, fault: ExprError) -> Error {
    let part = expression.get(fault.span.clone()).unwrap_or(expression);
    let at = if part == expression { String::new() } else { format!(", at `{part}`") };
    let error = invalid(format!("`set` of `{name}`: `{expression}`{at}: {}", fault.message));
    fault.help.into_iter().fold(error, Error::help)
}

/// The dimensions of all inputs, in the order of first use.
fn dimensions(inputs: &[Mapped]) -> Result<(Vec<String>, Vec<u64>)> {
    if let Some(twice) = inputs.iter().find(|m| !m.var.has_unique_dims()) {
        // of a dimension that it has twice nobody knows which of them another input means
        let (var, other) = (&twice.var, |m: &&Mapped| !m.var.dims.is_empty() && m.var.dims != twice.var.dims);
        return match inputs.iter().find(other) {
            None => Ok((var.dims.clone(), var.shape.clone())),
            Some(other) => Err(invalid(format!(
                "`{}` has a dimension twice: ({}), and `{}` has other dimensions: ({})",
                var.name,
                var.dims.join(", "),
                other.var.name,
                other.var.dims.join(", ")
            ))),
        };
    }
    let (mut dims, mut shape): (Vec<String>, Vec<u64>) = (Vec::new(), Vec::new());
    for mapped in inputs {
        for (dim, &length) in mapped.var.dims.iter().zip(&mapped.var.shape) {
            match dims.iter().position(|known| known == dim) {
                None => {
                    dims.push(dim.clone());
                    shape.push(length);
                }
                Some(at) if shape.get(at) == Some(&length) => {}
                Some(at) => {
                    let other = shape.get(at).copied().unwrap_or(0);
                    let name = &mapped.var.name;
                    return Err(invalid(format!(
                        "`{name}` has length {length} along `{dim}`, others have {other}"
                    )));
                }
            }
        }
    }
    Ok((dims, shape))
}

/// What a computed value no longer is: packed, or one of the values that were valid or flags.
const OF_STORED: [&str; 11] = [
    "missing_value",
    "scale_factor",
    "add_offset",
    "_Unsigned",
    "valid_min",
    "valid_max",
    "valid_range",
    "actual_range",
    "flag_values",
    "flag_masks",
    "flag_meanings",
];

fn attributes(replaced: Option<&Mapped>, inputs: &[Mapped], computed: &Computed, formula: &Formula) -> Attrs {
    let mut attrs = match replaced {
        Some(mapped) => {
            let mut attrs = mapped.var.attrs.clone();
            for name in OF_STORED.into_iter().chain(["units", "calendar"]) {
                attrs.remove(name);
            }
            attrs
        }
        None => shared(inputs),
    };
    let units = computed.units.clone().or_else(|| formula.units().map(ToString::to_string));
    if let Some(units) = units {
        attrs.set("units", AttrValue::Text(units));
    }
    for (name, value) in &computed.attrs {
        attrs.set(name.clone(), value.clone());
    }
    attrs
}

/// Where the inputs lie on the Earth, where they say the same.
fn shared(inputs: &[Mapped]) -> Attrs {
    let most = inputs.iter().map(|m| m.var.dims.len()).max().unwrap_or(0);
    let full: Vec<&Mapped> = inputs.iter().filter(|m| m.var.dims.len() == most && most > 0).collect();
    let text = |mapped: &&Mapped, name: &str| mapped.var.attrs.text(name).map(str::to_owned);
    ["coordinates", "grid_mapping"]
        .into_iter()
        .filter_map(|name| {
            let first = full.first().and_then(|m| text(m, name))?;
            let same = full.iter().all(|m| text(m, name).as_ref() == Some(&first));
            same.then(|| (name.to_owned(), AttrValue::Text(first)))
        })
        .collect()
}

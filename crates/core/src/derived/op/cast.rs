//! Another type for every cell.

use super::real::{Masks, Real, mapped, native, with_real};
use crate::block::{scalar_from_le, scalar_to_le, typed};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};

pub(super) fn cast(
    from: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    fill: Option<&Scalar>,
    to: DataType,
    code: Code,
) -> Result<Vec<u8>> {
    let masks: Vec<Scalar> = masks.iter().filter_map(|mask| typed(from, mask)).collect();
    // the other way finds what does not fit
    match at_once(from, bytes, &masks, fill, to) {
        Some(out) => Ok(out),
        None => one_by_one(from, bytes, &masks, fill, to, code),
    }
}

/// `None` where a value does not fit, and for types that Rust does not have.
fn at_once(
    from: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    fill: Option<&Scalar>,
    to: DataType,
) -> Option<Vec<u8>> {
    let native_types =
        |dtype: DataType| dtype.is_integer() || matches!(dtype.size(), Some(4 | 8)) && dtype.is_float();
    if !native_types(from) || !native_types(to) {
        return None;
    }
    let done: Result<Option<Vec<u8>>> = with_real!(from, T => with_real!(to, U => {
        let mut masks = Masks::<T>::new(from, masks);
        Ok(match fill {
            None => mapped(bytes, |value: T| value.exactly::<U>()),
            Some(fill) => native::<U>(to, fill).and_then(|fill| {
                masks.nan |= U::IS_INTEGER;
                mapped(bytes, |value: T| {
                    let (new, fits) = value.exactly::<U>();
                    let masked = masks.has(value);
                    (if masked { fill } else { new }, masked | (fits & (new != fill)))
                })
            }),
        })
    }));
    done.ok().flatten()
}

fn one_by_one(
    from: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    fill: Option<&Scalar>,
    to: DataType,
    code: Code,
) -> Result<Vec<u8>> {
    let (Some(size), Some(width)) = (from.size(), to.size()) else {
        return Err(Error::new(Code::StepInvalid, format!("found {from}, which can't become {to}")));
    };
    let masked = |value: &Scalar| masks.iter().any(|mask| mask.equals(value));
    let mut target = Vec::new();
    let target = fill.filter(|fill| scalar_to_le(to, fill, &mut target)).map(|_| target);
    let mut out = Vec::with_capacity(bytes.len() / size * width);
    for cell in bytes.chunks_exact(size) {
        let value = scalar_from_le(from, cell)
            .ok_or_else(|| Error::new(Code::Bug, "a cell is shorter than its type"))?;
        let missing = masked(&value) || (!to.is_float() && value.is_nan());
        let written = match (missing, fill) {
            (true, Some(fill)) => scalar_to_le(to, fill, &mut out),
            _ => exactly(to, &value, &mut out),
        };
        if !written {
            return Err(unfit(&value, to, code));
        }
        if !missing && target.as_ref().is_some_and(|fill| out.ends_with(fill)) && !value.is_nan() {
            return Err(Error::new(code, format!("{value} is a value here, and would be missing as {to}")));
        }
    }
    Ok(out)
}

fn unfit(value: &Scalar, to: DataType, code: Code) -> Error {
    let error = Error::new(code, format!("{value} is no value of type {to}"));
    match value {
        Scalar::Float(x) if x.is_finite() && x.fract() != 0.0 && code == Code::StepValues => {
            error.help("round it first: `set: {NAME: \"round(NAME)\"}`")
        }
        Scalar::Float(x) if x.is_nan() && code == Code::StepValues => {
            error.help("replace what is missing first: `fill: {NAME: 0}`; or give the variable a _FillValue")
        }
        _ => error,
    }
}

/// Writes a value in another type; integers must stay what they are, finite floats finite.
fn exactly(to: DataType, value: &Scalar, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if !scalar_to_le(to, value, out) {
        return false;
    }
    let back = out.get(start..).and_then(|bytes| scalar_from_le(to, bytes));
    match (value.as_i128(), value.as_f64(), back) {
        (Some(whole), _, Some(Scalar::Bool(back))) => whole == i128::from(back),
        (Some(whole), _, Some(back)) => match back.as_i128() {
            Some(back) => back == whole,
            None => back
                .as_f64()
                .is_some_and(|x| x.fract() == 0.0 && x.abs() < 2f64.powi(64) && x as i128 == whole),
        },
        (None, Some(real), Some(back)) => !real.is_finite() || back.as_f64().is_none_or(f64::is_finite),
        (None, None, Some(_)) => true,
        _ => false,
    }
}

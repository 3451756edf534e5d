//! The loops of operations that do not only change the type.

use super::cast::cast;
use super::real::{Masks, Real, cells, mapped, native, with_masks, with_real};
use crate::block::{reinterpret, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::figures::Short;
use crate::units::Conversion;

pub(super) fn unpack(
    stored: DataType,
    meant: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    (scale, offset): (f64, f64),
    to: DataType,
) -> Result<Vec<u8>> {
    if stored == DataType::Float16 {
        let wide = cast(stored, bytes, &[], None, DataType::Float32, Code::Bug)?;
        return unpack(DataType::Float32, DataType::Float32, &wide, masks, (scale, offset), to);
    }
    let meant = if meant.size() == stored.size() { meant } else { stored };
    // masks are written in the stored type: -1 of int8 masks 255 of the same bits
    let masks: Vec<Scalar> = masks.iter().map(|mask| reinterpret(stored, meant, mask)).collect();
    with_real!(meant, T => {
        let masks = Masks::<T>::new(meant, &masks);
        with_masks!(masks, T, has => {
            let decoded = |value: T| if has(value) { f64::NAN } else { value.wide() * scale + offset };
            let out = match to {
                DataType::Float32 => mapped(bytes, |value: T| (decoded(value) as f32, true)),
                _ => mapped(bytes, |value: T| (decoded(value), true)),
            };
            out.ok_or_else(|| Error::new(Code::Bug, "decoding refused a value"))
        })
    })
}

/// Values in another unit; NaN stays.
pub(super) fn convert(
    dtype: DataType,
    bytes: &[u8],
    conversion: &Conversion,
    to: DataType,
) -> Result<Vec<u8>> {
    if let Conversion::Linear(line) = conversion {
        return unpack(dtype, dtype, bytes, &[], (line.scale, line.offset), to);
    }
    with_real!(dtype, T => {
        let out = match to {
            DataType::Float32 => mapped(bytes, |value: T| (conversion.apply(value.wide()) as f32, true)),
            _ => mapped(bytes, |value: T| (conversion.apply(value.wide()), true)),
        };
        out.ok_or_else(|| Error::new(Code::Bug, "a conversion refused a value"))
    })
}

/// What numbers are packed into.
pub(super) struct Packing<'a> {
    pub(super) scale: f64,
    pub(super) offset: f64,
    pub(super) fill: Option<&'a Scalar>,
    pub(super) masks: &'a [Scalar],
    pub(super) to: DataType,
    pub(super) code: Code,
}

pub(super) fn pack(dtype: DataType, bytes: &[u8], packing: &Packing<'_>) -> Result<Vec<u8>> {
    let Packing { scale, offset, to, code, .. } = *packing;
    if dtype != DataType::Float64 {
        let wide = unpack(dtype, dtype, bytes, &[], (1.0, -0.0), DataType::Float64)?;
        return pack(DataType::Float64, &wide, packing);
    }
    with_real!(to, U => {
        let fill: Option<U> = packing.fill.and_then(|fill| native(to, fill));
        let mut taken = Masks::<U>::new(to, packing.masks);
        taken.values.extend(fill.filter(|fill| !fill.is_nan()));
        let one = |value: f64| -> (U, bool) {
            if value.is_nan() {
                return (fill.unwrap_or(U::of_whole(0)), fill.is_some());
            }
            let (stored, fits) = nearest::<U>((value - offset) / scale);
            (stored, fits && !taken.has(stored))
        };
        mapped(bytes, one).ok_or_else(|| {
            let worst = cells::<f64>(bytes).find(|value| !one(*value).1).unwrap_or(f64::NAN);
            let message = match worst.is_nan() {
                true => format!("a value is missing, and there is no _FillValue in {to} for it"),
                false => {
                    let [worst, scale, offset] = [worst, scale, offset].map(Short);
                    format!("{worst} does not fit {to} with scale_factor {scale} and add_offset {offset}")
                }
            };
            Error::new(code, message)
        })
    })
}

/// The nearest number of a type; `false` where there is none.
#[inline]
fn nearest<U: Real>(value: f64) -> (U, bool) {
    if !U::IS_INTEGER {
        let stored = U::of_wide(value);
        return (stored, stored.wide().is_finite());
    }
    let whole = value.round_ties_even();
    let stored = U::of_wide(whole);
    // the greatest 64-bit integers are no doubles
    (stored, stored.wide() == whole && (U::SIZE < 8 || stored.whole() == whole as i128))
}

pub(super) fn remask(
    dtype: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    fill: &Scalar,
    code: Code,
) -> Result<Vec<u8>> {
    with_real!(dtype, T => {
        let masks = Masks::<T>::new(dtype, masks);
        let Some(fill_value) = native::<T>(dtype, fill) else {
            return Err(Error::new(code, format!("_FillValue {fill} does not fit {dtype}")));
        };
        let out = with_masks!(masks, T, has => mapped(bytes, |value: T| {
            let masked = has(value);
            // a NaN is never equal to it, and is missing in any case
            (if masked { fill_value } else { value }, masked | (value != fill_value))
        }));
        out.ok_or_else(|| {
            let error = Error::new(code, format!("{fill} is a value here, and would be missing"));
            match code {
                Code::CombineFill => error.help(
                    "as floats there is room beside all values: the step `cast: {NAME: float64}`; `combine.fill: error` finds such files before anything is baked",
                ),
                _ => error,
            }
        })
    })
}

pub(super) fn replace(
    dtype: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    by: &Scalar,
    chosen: impl Fn(f64, bool) -> bool,
) -> Result<Vec<u8>> {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, by, &mut one) {
        return Err(Error::new(Code::StepInvalid, format!("{by} does not fit {dtype}")));
    }
    with_real!(dtype, T => {
        let masks = Masks::<T>::new(dtype, masks);
        let mut out = Vec::with_capacity(bytes.len());
        for cell in bytes.chunks_exact(T::SIZE) {
            let value = T::read(cell);
            let replaced = chosen(value.wide(), masks.has(value));
            out.extend_from_slice(if replaced { &one } else { cell });
        }
        Ok(out)
    })
}

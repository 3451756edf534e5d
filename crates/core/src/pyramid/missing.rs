//! Which cells no mean, least, greatest or most frequent value is made of.

use crate::attrs::AttrValue;
use crate::block::{reinterpret, scalar_from_le, scalar_to_le, typed};
use crate::dtype::{DataType, Scalar};
use crate::target::ArraySpec;

/// What the netCDF library writes into floats that nobody wrote.
const NETCDF_FLOAT: f64 = 9.969_209_968_386_869e36;

/// Cells that hold no value: `_FillValue`, `missing_value`, NaN, what lies beyond `valid_min`, `valid_max` and
/// `valid_range` (CF 2.5.1), and the netCDF library's default where there is no `_FillValue`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Missing {
    /// Whether the first of the masks is one that the array says.
    said: bool,
    /// As stored; of floats NaN besides.
    masks: Vec<Vec<u8>>,
    /// The same of floats as numbers.
    values: Vec<f64>,
    limits: Vec<Limit>,
}

/// The least and the greatest valid number, and what stored numbers are multiplied by and added to before.
#[derive(Debug, Clone, PartialEq)]
struct Limit {
    least: f64,
    most: f64,
    line: (f64, f64),
}

impl Missing {
    /// That of an array whose bits are meant as a type.
    pub(super) fn of(spec: &ArraySpec, meant: DataType) -> Self {
        let dtype = spec.dtype;
        let mut missing = Self { said: false, masks: Vec::new(), values: Vec::new(), limits: Vec::new() };
        for value in spec.fill.iter().chain(spec.attrs.missing_values()) {
            missing.said |= missing.add(dtype, value) || missing.add(meant, value);
        }
        if spec.fill.is_none()
            && let Some(value) = default_of(spec, meant)
        {
            missing.add(dtype, &value);
        }
        missing.limits = limits(spec, meant);
        missing
    }

    fn add(&mut self, dtype: DataType, value: &Scalar) -> bool {
        let mut cell = Vec::new();
        let held = scalar_to_le(dtype, value, &mut cell);
        if held {
            self.values.extend(scalar_from_le(dtype, &cell).and_then(|value| value.as_f64()));
            self.masks.push(cell);
        }
        held
    }

    /// How many numbers stand for missing values.
    pub(super) fn count(&self) -> usize {
        self.masks.len()
    }

    /// Whether a float holds no value.
    pub(super) fn is_float(&self, x: f64) -> bool {
        x.is_nan() || self.is_float_mask(x) || self.is_beyond(x)
    }

    /// Whether a float stands for missing values.
    pub(super) fn is_float_mask(&self, x: f64) -> bool {
        self.values.contains(&x)
    }

    /// Whether a stored cell stands for missing values.
    pub(super) fn is_mask(&self, cell: &[u8]) -> bool {
        self.masks.iter().any(|mask| mask.as_slice() == cell)
    }

    /// The same of an integer.
    pub(super) fn is_masked_integer(&self, x: i128) -> bool {
        let bytes = x.to_le_bytes();
        self.masks.iter().any(|mask| bytes.get(..mask.len()) == Some(mask.as_slice()))
    }

    /// Whether a stored number is no valid one.
    pub(super) fn is_beyond(&self, x: f64) -> bool {
        self.limits.iter().any(|limit| {
            let x = x * limit.line.0 + limit.line.1;
            x < limit.least || x > limit.most
        })
    }

    /// The cell of a block without values: what the array says for it, else what the block itself has.
    pub(super) fn cell<'a, const N: usize>(&'a self, own: Option<&'a [u8; N]>) -> &'a [u8] {
        let said = self.masks.first().filter(|_| self.said);
        said.map_or_else(|| own.map_or(&[][..], <[u8; N]>::as_slice), Vec::as_slice)
    }
}

/// What the netCDF library gives for cells that nobody wrote. It has none for one byte; of unsigned integers, where it is
/// the greatest of all, it is taken only where the file itself has it so.
fn default_of(spec: &ArraySpec, meant: DataType) -> Option<Scalar> {
    match meant {
        DataType::Float32 | DataType::Float64 => Some(Scalar::Float(NETCDF_FLOAT)),
        DataType::Int16 | DataType::Int32 | DataType::Int64 => meant.default_fill(),
        DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            meant.default_fill().filter(|value| value.same(&spec.unwritten))
        }
        _ => None,
    }
}

/// Limits are given in the type of what is stored; in floats of packed integers they are decoded (NUG, as `reconcile` has
/// it). One that the type can't hold limits nothing, and no more do limits that no number keeps.
fn limits(spec: &ArraySpec, meant: DataType) -> Vec<Limit> {
    let mut limits = Vec::new();
    for name in ["valid_min", "valid_max", "valid_range"] {
        let Some(AttrValue::Numbers { dtype, values }) = spec.attrs.get(name) else { continue };
        let stored = meant.is_float() || dtype.is_integer();
        let number = |value: &Scalar| match stored {
            true if meant.is_float() => typed(meant, value)?.as_f64(),
            true => reinterpret(spec.dtype, meant, value).as_f64(),
            false => value.as_f64(),
        };
        let numbers: Option<Vec<f64>> = values.iter().map(number).collect();
        let (least, most) = match (name, numbers.as_deref()) {
            ("valid_min", Some([least])) => (*least, f64::INFINITY),
            ("valid_max", Some([most])) => (f64::NEG_INFINITY, *most),
            ("valid_range", Some([least, most])) => (*least, *most),
            _ => continue,
        };
        let line = if stored { (1.0, 0.0) } else { spec.attrs.packing().unwrap_or((1.0, 0.0)) };
        if least <= most {
            limits.push(Limit { least, most, line });
        }
    }
    limits
}

/// A float of a type, as near to a number as one is that is not masked: the next one on the number's side, then on the
/// other, and on.
pub(super) fn next_float(dtype: DataType, x: f64, masked: &dyn Fn(f64) -> bool) -> f64 {
    let held = |x: f64| typed(dtype, &Scalar::Float(x)).and_then(|held| held.as_f64());
    let own = match dtype {
        DataType::Float32 => f64::from(x as f32),
        DataType::Float64 => x,
        _ => held(x).unwrap_or(x),
    };
    if !masked(own) {
        return x;
    }
    let up = x >= own;
    let (mut near, mut far) = (own, own);
    loop {
        (near, far) = (step(dtype, near, up), step(dtype, far, !up));
        match [near, far].into_iter().find(|x| x.is_finite() && !masked(*x)) {
            Some(next) => return next,
            None if !near.is_finite() && !far.is_finite() => return x,
            None => {}
        }
    }
}

/// The next float of a type.
fn step(dtype: DataType, x: f64, up: bool) -> f64 {
    let mut cell = Vec::new();
    if !x.is_finite() || !scalar_to_le(dtype, &Scalar::Float(x), &mut cell) {
        return f64::NAN;
    }
    let size = cell.len();
    let bits = cell.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let sign = 1_u64 << (size * 8 - 1);
    let bits = match (bits & !sign == 0, (bits & sign == 0) == up) {
        (true, _) => {
            if up {
                1
            } else {
                sign | 1
            }
        }
        (_, true) => bits + 1,
        _ => bits - 1,
    };
    let next = scalar_from_le(dtype, bits.to_le_bytes().get(..size).unwrap_or_default());
    next.and_then(|next| next.as_f64()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mean_is_a_mask() {
        for (dtype, x, masks, expected) in [
            (DataType::Float32, 0.0, &[0.0][..], f64::from(f32::from_bits(1))),
            (DataType::Float32, -1e-60, &[0.0], -f64::from(f32::from_bits(1))),
            (DataType::Float32, 1.0, &[0.0], 1.0),
            (DataType::Float32, 1.0, &[1.0], 1.0 + f64::from(f32::EPSILON)),
            (DataType::Float64, -9.0, &[-9.0], (-9.0_f64).next_up()),
            (DataType::Float64, 1.0, &[1.0, 1.0 + f64::EPSILON], 1.0 - f64::EPSILON / 2.0),
            (DataType::Float16, 0.0, &[0.0], 2.0_f64.powi(-24)),
            (DataType::Float32, f64::from(f32::MAX), &[f64::from(f32::MAX)], f64::from(f32::MAX.next_down())),
        ] {
            let found = next_float(dtype, x, &|x| masks.contains(&x));
            assert_eq!(found, expected, "{dtype} {x} {masks:?}");
        }
    }
}

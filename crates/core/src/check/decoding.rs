//! From stored elements to the values that readers see: masked by `_FillValue` and `missing_value`, then scaled, as
//! xarray does it; `valid_*` masks nothing.

use crate::attrs::{AttrValue, Attrs};
use crate::block::scalar_to_le;
use crate::dtype::{DataType, Scalar};
use crate::target::ArraySpec;

/// How an array's elements become values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoding {
    /// The type that the elements are read as.
    pub(super) dtype: DataType,
    /// Little-endian elements that are missing; of integers and booleans.
    missing_cells: Vec<Vec<u8>>,
    /// Values that are missing; of floats.
    missing_values: Vec<f64>,
    scale: Option<(f64, f64)>,
    /// Whether readers compute in single precision.
    pub(super) single: bool,
}

impl Decoding {
    /// How the elements of `array` are meant.
    pub(super) fn new(array: &ArraySpec) -> Self {
        let dtype = match array.attrs.text("_Unsigned") {
            Some("true") => array.dtype.unsigned(),
            _ => array.dtype,
        };
        let mut decoding = Self {
            dtype,
            missing_cells: Vec::new(),
            missing_values: Vec::new(),
            scale: array.attrs.packing(),
            single: single(dtype, &array.attrs),
        };
        for value in masks(array) {
            if dtype.is_float() {
                let narrow =
                    value.as_f64().map(|x| if dtype == DataType::Float64 { x } else { f64::from(x as f32) });
                decoding.missing_values.extend(narrow);
                continue;
            }
            let mut cell = Vec::new();
            if scalar_to_le(array.dtype, &value, &mut cell) || scalar_to_le(dtype, &value, &mut cell) {
                decoding.missing_cells.push(cell);
            }
        }
        decoding
    }

    /// Calls `visit` with every value in order; `None` for missing ones. Complex numbers are 0 where they are not missing.
    pub(super) fn each(&self, bytes: &[u8], visit: &mut impl FnMut(Option<f64>)) {
        match self.dtype {
            DataType::Bool | DataType::UInt8 => self.run(bytes, |[b]| f64::from(b), visit),
            DataType::Int8 => self.run(bytes, |b| f64::from(i8::from_le_bytes(b)), visit),
            DataType::Int16 => self.run(bytes, |b| f64::from(i16::from_le_bytes(b)), visit),
            DataType::Int32 => self.run(bytes, |b| f64::from(i32::from_le_bytes(b)), visit),
            DataType::Int64 => self.run(bytes, |b| i64::from_le_bytes(b) as f64, visit),
            DataType::UInt16 => self.run(bytes, |b| f64::from(u16::from_le_bytes(b)), visit),
            DataType::UInt32 => self.run(bytes, |b| f64::from(u32::from_le_bytes(b)), visit),
            DataType::UInt64 => self.run(bytes, |b| u64::from_le_bytes(b) as f64, visit),
            DataType::Float16 => self.run::<2>(bytes, |b| small(DataType::Float16, &b), visit),
            DataType::Float32 => self.run(bytes, |b| f64::from(f32::from_le_bytes(b)), visit),
            DataType::Float64 => self.run(bytes, f64::from_le_bytes, visit),
            DataType::Complex64 => self.run::<8>(bytes, |b| small(DataType::Complex64, &b), visit),
            DataType::Complex128 => self.run::<16>(bytes, |b| small(DataType::Complex128, &b), visit),
            DataType::Text => {}
        }
    }

    fn run<const N: usize>(
        &self,
        bytes: &[u8],
        read: impl Fn([u8; N]) -> f64,
        visit: &mut impl FnMut(Option<f64>),
    ) {
        for cell in bytes.as_chunks::<N>().0 {
            let value = read(*cell);
            let missing = value.is_nan()
                || self.missing_values.contains(&value)
                || self.missing_cells.iter().any(|m| m.as_slice() == cell.as_slice());
            visit((!missing).then(|| self.scaled(value)));
        }
    }

    /// The value that stands for a stored number.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        match self.scale {
            None => value,
            Some((scale, offset)) if self.single => {
                f64::from((value as f32) * (scale as f32) + (offset as f32))
            }
            Some((scale, offset)) => value * scale + offset,
        }
    }

    /// Whether the values are what is stored.
    pub(super) const fn is_plain(&self) -> bool {
        self.scale.is_none()
    }
}

/// The values that stand for missing ones.
pub(super) fn masks(array: &ArraySpec) -> Vec<Scalar> {
    array.fill.iter().chain(array.attrs.missing_values()).cloned().collect()
}

/// NaN where a half or a part of a complex number is, else the half, or 0.
fn small(dtype: DataType, cell: &[u8]) -> f64 {
    match crate::block::scalar_from_le(dtype, cell) {
        Some(Scalar::Complex(re, im)) if re.is_nan() || im.is_nan() => f64::NAN,
        Some(Scalar::Float(x)) => x,
        _ => 0.0,
    }
}

/// Whether xarray computes in single precision (`_choose_float_dtype` of its coders).
fn single(dtype: DataType, attrs: &Attrs) -> bool {
    let of = |name: &str| match attrs.get(name) {
        Some(AttrValue::Numbers { dtype, .. }) => Some(*dtype),
        _ => None,
    };
    match (of("scale_factor"), of("add_offset")) {
        (None, None) => matches!(dtype, DataType::Float16 | DataType::Float32),
        (Some(scale), Some(offset)) => {
            let wide = matches!(dtype, DataType::Int32 | DataType::UInt32);
            scale == DataType::Float32 && offset == DataType::Float32 && !wide
        }
        (None, Some(_)) => false,
        (Some(scale), None) => scale == DataType::Float32,
    }
}

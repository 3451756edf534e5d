//! Decoded values in memory.

use crate::dtype::{DataType, Scalar};

/// A decoded n-dimensional array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The type of the elements.
    pub dtype: DataType,
    /// The length of each dimension; empty for a scalar.
    pub shape: Vec<u64>,
    /// The elements.
    pub data: BlockData,
}

/// The elements of a [`Block`].
#[derive(Debug, Clone, PartialEq)]
pub enum BlockData {
    /// Elements of a fixed size, little-endian, C order.
    Bytes(Vec<u8>),
    /// Text elements.
    Text(Vec<String>),
}

impl Block {
    /// Little-endian elements in C order.
    pub fn from_bytes(dtype: DataType, shape: Vec<u64>, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(
            Some(bytes.len() as u64),
            dtype.size().map(|s| s as u64 * shape.iter().product::<u64>())
        );
        Self { dtype, shape, data: BlockData::Bytes(bytes) }
    }

    /// Text elements in C order.
    pub fn from_text(shape: Vec<u64>, text: Vec<String>) -> Self {
        debug_assert_eq!(text.len() as u64, shape.iter().product::<u64>());
        Self { dtype: DataType::Text, shape, data: BlockData::Text(text) }
    }

    /// Single values in C order; `None` where the type can't hold one.
    pub fn of_scalars(
        dtype: DataType,
        shape: Vec<u64>,
        scalars: impl IntoIterator<Item = Scalar>,
    ) -> Option<Self> {
        let mut scalars = scalars.into_iter();
        if dtype == DataType::Text {
            let text = |scalar| if let Scalar::Text(text) = scalar { Some(text) } else { None };
            return Some(Self::from_text(shape, scalars.map(text).collect::<Option<_>>()?));
        }
        let mut bytes = Vec::new();
        scalars
            .all(|scalar| scalar_to_le(dtype, &scalar, &mut bytes))
            .then(|| Self::from_bytes(dtype, shape, bytes))
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of numeric elements; `None` for text.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            BlockData::Bytes(bytes) => Some(bytes),
            BlockData::Text(_) => None,
        }
    }

    /// About how many bytes the elements take in memory.
    pub fn held_bytes(&self) -> u64 {
        match &self.data {
            BlockData::Bytes(bytes) => bytes.len() as u64,
            BlockData::Text(texts) => texts.iter().map(|text| text_bytes(text.len() as u64)).sum(),
        }
    }

    /// The text elements; `None` for numbers.
    pub fn texts(&self) -> Option<&[String]> {
        match &self.data {
            BlockData::Bytes(_) => None,
            BlockData::Text(texts) => Some(texts),
        }
    }

    /// The element at a flat C-order index.
    pub fn scalar(&self, index: usize) -> Option<Scalar> {
        match &self.data {
            BlockData::Text(texts) => texts.get(index).cloned().map(Scalar::Text),
            BlockData::Bytes(bytes) => {
                let size = self.dtype.size()?;
                let at = index.checked_mul(size)?;
                bytes.get(at..at.checked_add(size)?).and_then(|b| scalar_from_le(self.dtype, b))
            }
        }
    }

    /// Every element as a double; `None` for text and complex numbers. Integers beyond 2^53 are rounded.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        (0..usize::try_from(self.len()).ok()?).map(|i| self.scalar(i)?.as_f64()).collect()
    }
}

/// What a text of so many bytes takes: its place in the list, and what the allocator gives it.
const fn text_bytes(length: u64) -> u64 {
    let own = if length == 0 { 0 } else { (length + 8).next_multiple_of(16) };
    24 + if own > 0 && own < 32 { 32 } else { own }
}

/// Reads one little-endian element; `None` where the length is wrong or the type is text.
pub fn scalar_from_le(dtype: DataType, bytes: &[u8]) -> Option<Scalar> {
    Some(match dtype {
        DataType::Bool => Scalar::Bool(*bytes.first()? != 0),
        DataType::Int8 => Scalar::Int(i64::from(i8::from_le_bytes(bytes.try_into().ok()?))),
        DataType::Int16 => Scalar::Int(i64::from(i16::from_le_bytes(bytes.try_into().ok()?))),
        DataType::Int32 => Scalar::Int(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
        DataType::Int64 => Scalar::Int(i64::from_le_bytes(bytes.try_into().ok()?)),
        DataType::UInt8 => Scalar::UInt(u64::from(*bytes.first()?)),
        DataType::UInt16 => Scalar::UInt(u64::from(u16::from_le_bytes(bytes.try_into().ok()?))),
        DataType::UInt32 => Scalar::UInt(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
        DataType::UInt64 => Scalar::UInt(u64::from_le_bytes(bytes.try_into().ok()?)),
        DataType::Float16 => Scalar::Float(f16_to_f64(u16::from_le_bytes(bytes.try_into().ok()?))),
        DataType::Float32 => Scalar::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        DataType::Float64 => Scalar::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        DataType::Complex64 => {
            let (re, im) = bytes.split_at_checked(4)?;
            let part = |b: &[u8]| Some(f64::from(f32::from_le_bytes(b.try_into().ok()?)));
            Scalar::Complex(part(re)?, part(im)?)
        }
        DataType::Complex128 => {
            let (re, im) = bytes.split_at_checked(8)?;
            let part = |b: &[u8]| Some(f64::from_le_bytes(b.try_into().ok()?));
            Scalar::Complex(part(re)?, part(im)?)
        }
        DataType::Text => return None,
    })
}

/// Writes one element little-endian, at the end of `out`; `false` where the value does not fit the type.
pub fn scalar_to_le(dtype: DataType, value: &Scalar, out: &mut Vec<u8>) -> bool {
    fn int<T: TryFrom<i128>>(value: &Scalar) -> Option<T> {
        match value {
            Scalar::Float(x) if x.fract() == 0.0 && x.abs() < 2f64.powi(63) => T::try_from(*x as i128).ok(),
            _ => T::try_from(value.as_i128()?).ok(),
        }
    }
    let bytes = match dtype {
        DataType::Bool => match value {
            Scalar::Bool(x) => Some(vec![u8::from(*x)]),
            _ => int::<u8>(value).filter(|x| *x < 2).map(|x| vec![x]),
        },
        DataType::Int8 => int::<i8>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::Int16 => int::<i16>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::Int32 => int::<i32>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::Int64 => int::<i64>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::UInt8 => int::<u8>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::UInt16 => int::<u16>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::UInt32 => int::<u32>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::UInt64 => int::<u64>(value).map(|x| x.to_le_bytes().to_vec()),
        DataType::Float16 => value.as_f64().map(|x| f16_from_f64(x).to_le_bytes().to_vec()),
        DataType::Float32 => value.as_f64().map(|x| (x as f32).to_le_bytes().to_vec()),
        DataType::Float64 => value.as_f64().map(|x| x.to_le_bytes().to_vec()),
        DataType::Complex64 | DataType::Complex128 => {
            let (re, im) = match value {
                Scalar::Complex(re, im) => (*re, *im),
                other => match other.as_f64() {
                    Some(re) => (re, 0.0),
                    None => return false,
                },
            };
            Some(if dtype == DataType::Complex64 {
                [(re as f32).to_le_bytes(), (im as f32).to_le_bytes()].concat()
            } else {
                [re.to_le_bytes(), im.to_le_bytes()].concat()
            })
        }
        DataType::Text => None,
    };
    bytes.is_some_and(|b| {
        out.extend_from_slice(&b);
        true
    })
}

/// The value as elements of the type hold it; `None` where they can't. Floats are rounded to the type, and stay finite.
pub fn typed(dtype: DataType, value: &Scalar) -> Option<Scalar> {
    let mut bytes = Vec::new();
    let held = scalar_to_le(dtype, value, &mut bytes).then(|| scalar_from_le(dtype, &bytes)).flatten()?;
    let same = match (held.as_i128(), value.as_i128()) {
        (Some(held), Some(value)) => held == value,
        _ if dtype.is_float() => {
            value.as_f64().is_none_or(|x| !x.is_finite()) || held.as_f64().is_some_and(f64::is_finite)
        }
        _ => held.as_f64() == value.as_f64(),
    };
    same.then_some(held)
}

/// The value with the same bits in another type of the same size; itself where it is none of the first.
pub fn reinterpret(stored: DataType, meant: DataType, value: &Scalar) -> Scalar {
    let mut bytes = Vec::new();
    if stored != meant
        && scalar_to_le(stored, value, &mut bytes)
        && let Some(value) = scalar_from_le(meant, &bytes)
    {
        return value;
    }
    value.clone()
}

/// Widens an IEEE 754 half exactly.
fn f16_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    sign * match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if bits & 0x3ff == 0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2f64.powi(i32::from(exponent) - 15),
    }
}

/// Narrows to an IEEE 754 half, ties to even.
fn f16_from_f64(value: f64) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = value.abs();
    if value.is_nan() {
        return sign | 0x7e00;
    }
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    let exponent = (((magnitude.to_bits() >> 52) & 0x7ff) as i32 - 1023).max(-14);
    let units = (magnitude * 2f64.powi(10 - exponent)).round_ties_even() as u16;
    let biased = (exponent + 14) as u16; // an overflowing or normal significand carries into the exponent
    sign | (if units < 1024 { units } else { (biased << 10) + units })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_widening_and_narrowing() {
        for bits in 0..=u16::MAX {
            let wide = f16_to_f64(bits);
            if !wide.is_nan() {
                assert_eq!(f16_from_f64(wide), bits, "{bits:#06x} is {wide}");
            }
        }
        assert_eq!(f16_from_f64(1.0 + 2f64.powi(-11)), 0x3c00, "ties go to even");
    }

    #[test]
    fn scalars_survive_little_endian() {
        let rows = [
            (DataType::Int8, Scalar::Int(-3)),
            (DataType::UInt64, Scalar::UInt(u64::MAX)),
            (DataType::Float32, Scalar::Float(0.5)),
            (DataType::Complex128, Scalar::Complex(1.0, -2.0)),
            (DataType::Bool, Scalar::Bool(true)),
        ];
        for (dtype, value) in rows {
            let mut bytes = Vec::new();
            assert!(scalar_to_le(dtype, &value, &mut bytes));
            assert_eq!(scalar_from_le(dtype, &bytes), Some(value));
        }
        assert!(!scalar_to_le(DataType::Int8, &Scalar::Int(200), &mut Vec::new()));
    }
}

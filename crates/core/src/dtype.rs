//! Data types and single values.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figures::Short;

/// The type of an array's elements, as the dataset has it (not as a file stores it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// True or false, one byte.
    Bool,
    /// Signed 8-bit integer.
    Int8,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
    /// Unsigned 8-bit integer.
    UInt8,
    /// Unsigned 16-bit integer.
    UInt16,
    /// Unsigned 32-bit integer.
    UInt32,
    /// Unsigned 64-bit integer.
    UInt64,
    /// IEEE 754 half precision.
    Float16,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// Two [`DataType::Float32`]: real, imaginary.
    Complex64,
    /// Two [`DataType::Float64`]: real, imaginary.
    Complex128,
    /// UTF-8 text of variable length.
    Text,
}

impl DataType {
    /// Every type but text.
    pub const NUMBERS: [Self; 14] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::Complex64,
        Self::Complex128,
    ];

    /// Bytes of one element; `None` for text.
    pub const fn size(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 | Self::Float16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
            Self::Text => return None,
        })
    }

    /// Bytes of one element for estimates: text counts as 16.
    pub const fn size_estimate(self) -> u64 {
        match self.size() {
            Some(size) => size as u64,
            None => 16,
        }
    }

    /// The bytes that byte order applies to: half of a complex number.
    pub const fn swap_size(self) -> usize {
        match (self, self.size()) {
            (Self::Complex64 | Self::Complex128, Some(size)) => size / 2,
            (_, Some(size)) => size,
            (_, None) => 1,
        }
    }

    /// Signed or unsigned integer.
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Int8
                | Self::Int16
                | Self::Int32
                | Self::Int64
                | Self::UInt8
                | Self::UInt16
                | Self::UInt32
                | Self::UInt64
        )
    }

    /// The unsigned integers of the size of signed ones; the type itself where it is none.
    pub const fn unsigned(self) -> Self {
        match self {
            Self::Int8 => Self::UInt8,
            Self::Int16 => Self::UInt16,
            Self::Int32 => Self::UInt32,
            Self::Int64 => Self::UInt64,
            other => other,
        }
    }

    /// The signed integers of the size of unsigned ones; the type itself where it is none.
    pub const fn signed(self) -> Self {
        match self {
            Self::UInt8 => Self::Int8,
            Self::UInt16 => Self::Int16,
            Self::UInt32 => Self::Int32,
            Self::UInt64 => Self::Int64,
            other => other,
        }
    }

    /// The value for missing cells of a type that has none yet: NaN, or the netCDF library's default of an integer type.
    pub const fn default_fill(self) -> Option<Scalar> {
        Some(match self {
            Self::Int8 => Scalar::Int(-127),
            Self::Int16 => Scalar::Int(-32_767),
            Self::Int32 => Scalar::Int(-2_147_483_647),
            Self::Int64 => Scalar::Int(-9_223_372_036_854_775_806),
            Self::UInt8 => Scalar::UInt(255),
            Self::UInt16 => Scalar::UInt(65_535),
            Self::UInt32 => Scalar::UInt(4_294_967_295),
            Self::UInt64 => Scalar::UInt(18_446_744_073_709_551_614),
            Self::Float16 | Self::Float32 | Self::Float64 => Scalar::Float(f64::NAN),
            Self::Bool | Self::Complex64 | Self::Complex128 | Self::Text => return None,
        })
    }

    /// Floating point, not complex.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32 | Self::Float64)
    }

    /// The name in the Zarr v3 specification, which is also numpy's (`string` for text).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Text => "string",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The order of the bytes of one stored element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// One value of an array or attribute. Its [`DataType`] is kept by whoever holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A float; half and single precision are widened exactly.
    Float(#[serde(with = "crate::number")] f64),
    /// Real and imaginary part.
    Complex(#[serde(with = "crate::number")] f64, #[serde(with = "crate::number")] f64),
    /// Text.
    Text(String),
}

impl Scalar {
    /// The value as a double, where it is a real number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(x) => Some(*x as f64),
            Self::UInt(x) => Some(*x as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// The value as a wide integer, where it is one.
    pub fn as_i128(&self) -> Option<i128> {
        match self {
            Self::Int(x) => Some(i128::from(*x)),
            Self::UInt(x) => Some(i128::from(*x)),
            _ => None,
        }
    }

    /// Equal bit for bit; unlike `==`, a NaN equals itself and 0.0 differs from -0.0.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Self::Complex(a, b), Self::Complex(c, d)) => {
                Self::Float(*a).same(&Self::Float(*c)) && Self::Float(*b).same(&Self::Float(*d))
            }
            _ => self == other,
        }
    }

    /// Equal as numbers, of whatever type, or the same; a NaN equals itself.
    pub fn equals(&self, other: &Self) -> bool {
        self.same(other)
            || match (self.as_i128(), other.as_i128()) {
                (Some(a), Some(b)) => a == b,
                _ => self.as_f64().is_some() && self.as_f64() == other.as_f64(),
            }
    }

    /// Whether it is a float that is no number.
    pub const fn is_nan(&self) -> bool {
        matches!(self, Self::Float(x) if x.is_nan())
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(x) => write!(f, "{x}"),
            Self::Int(x) => write!(f, "{x}"),
            Self::UInt(x) => write!(f, "{x}"),
            Self::Float(x) => Short(*x).fmt(f),
            Self::Complex(re, im) => write!(f, "{}{:+}j", Short(*re), Short(*im)),
            Self::Text(x) => write!(f, "\"{x}\""),
        }
    }
}

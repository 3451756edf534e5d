//! Data types of both versions, and single values of them in JSON (fill values).

use arcoforge_core::base64;
use arcoforge_core::block::{scalar_from_le, scalar_to_le};
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use serde_json::Value;

use super::json;
use crate::text::{from_bytes, trim_zeros};

/// What one element is in a decoded chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// A number.
    Number(DataType),
    /// Texts of any length, each behind its length (`vlen-utf8`).
    Utf8,
    /// That many code points of four bytes.
    Utf32(u64),
    /// That many bytes of text.
    Chars(u64),
}

impl Element {
    /// Bytes in a decoded chunk; `None` where they vary.
    pub(super) fn size(self) -> Option<u64> {
        match self {
            Self::Number(dtype) => dtype.size().map(|size| size as u64),
            Self::Utf8 => None,
            Self::Utf32(chars) => chars.checked_mul(4),
            Self::Chars(bytes) => Some(bytes),
        }
    }

    /// The bytes that byte order applies to.
    pub(super) const fn swap_size(self) -> usize {
        match self {
            Self::Number(dtype) => dtype.swap_size(),
            Self::Utf32(_) => 4,
            Self::Utf8 | Self::Chars(_) => 1,
        }
    }

    /// The type in the schema.
    pub(super) const fn dtype(self) -> DataType {
        match self {
            Self::Number(dtype) => dtype,
            _ => DataType::Text,
        }
    }
}

/// A data type of version 3.
pub(super) fn of_v3(value: &Value) -> Result<Element, String> {
    let unknown = || format!("the data type {} is not one that arcoforge reads", json::shown(Some(value)));
    let (name, configuration) = json::named(value).ok_or_else(unknown)?;
    let bytes = || configuration.get("length_bytes").and_then(Value::as_u64).ok_or_else(unknown);
    match name {
        "string" => Ok(Element::Utf8),
        "fixed_length_utf32" => Ok(Element::Utf32(bytes()? / 4)),
        "null_terminated_bytes" => Ok(Element::Chars(bytes()?)),
        _ => DataType::NUMBERS
            .into_iter()
            .find(|dtype| dtype.name() == name)
            .map(Element::Number)
            .ok_or_else(unknown),
    }
}

/// A data type of version 2: numpy's array protocol, such as `<f4`. Objects are texts (the filter is checked apart).
pub(super) fn of_v2(value: &Value) -> Result<(Element, Endian), String> {
    let unknown = || format!("the data type {} is not one that arcoforge reads", json::shown(Some(value)));
    let text = value.as_str().ok_or_else(unknown)?;
    let (order, rest) = text.split_at_checked(1).ok_or_else(unknown)?;
    let endian = match order {
        "<" | "|" | "=" => Endian::Little,
        ">" => Endian::Big,
        _ => return Err(unknown()),
    };
    let (kind, size) = rest.split_at_checked(1).ok_or_else(unknown)?;
    let number = |dtype| Ok((Element::Number(dtype), endian));
    match (kind, size) {
        ("b", "1") => number(DataType::Bool),
        ("i", "1") => number(DataType::Int8),
        ("i", "2") => number(DataType::Int16),
        ("i", "4") => number(DataType::Int32),
        ("i", "8") => number(DataType::Int64),
        ("u", "1") => number(DataType::UInt8),
        ("u", "2") => number(DataType::UInt16),
        ("u", "4") => number(DataType::UInt32),
        ("u", "8") => number(DataType::UInt64),
        ("f", "2") => number(DataType::Float16),
        ("f", "4") => number(DataType::Float32),
        ("f", "8") => number(DataType::Float64),
        ("c", "8") => number(DataType::Complex64),
        ("c", "16") => number(DataType::Complex128),
        ("O", "") => Ok((Element::Utf8, endian)),
        ("U", chars) => Ok((Element::Utf32(chars.parse().map_err(|_| unknown())?), endian)),
        ("S", bytes) => Ok((Element::Chars(bytes.parse().map_err(|_| unknown())?), endian)),
        _ => Err(unknown()),
    }
}

/// A value and, for numbers, its bytes (little-endian): a NaN keeps its bits.
pub(super) type Fill = (Scalar, Vec<u8>);

/// The fill value of an array's metadata. `Null` gives zero (or the empty text).
pub(super) fn fill(value: &Value, element: Element) -> Result<Fill, String> {
    let wrong = || format!("the fill value {} does not fit the data type", json::shown(Some(value)));
    let Element::Number(dtype) = element else {
        return match value {
            Value::Null => Ok((Scalar::Text(String::new()), Vec::new())),
            Value::Number(n) if n.as_f64() == Some(0.0) => Ok((Scalar::Text(String::new()), Vec::new())),
            Value::String(text) => Ok((Scalar::Text(fill_text(text, element)), Vec::new())),
            _ => Err(wrong()),
        };
    };
    if let (Some(hex), Some(size)) = (value.as_str().and_then(|t| t.strip_prefix("0x")), dtype.size()) {
        let bits = u128::from_str_radix(hex, 16).map_err(|_| wrong())?;
        let bytes = bits.to_le_bytes().get(..size).ok_or_else(wrong)?.to_vec();
        let scalar = scalar_from_le(dtype, &bytes).ok_or_else(wrong)?;
        return if hex.len() == 2 * size { Ok((scalar, bytes)) } else { Err(wrong()) };
    }
    let scalar = number(value, dtype).ok_or_else(wrong)?;
    let mut bytes = Vec::new();
    match scalar_to_le(dtype, &scalar, &mut bytes) {
        true => Ok((scalar_from_le(dtype, &bytes).ok_or_else(wrong)?, bytes)),
        false => Err(wrong()),
    }
}

/// Fill values of byte strings are base64.
fn fill_text(text: &str, element: Element) -> String {
    match (element, base64::decode(text)) {
        (Element::Chars(_), Some(bytes)) => from_bytes(trim_zeros(&bytes)),
        _ => text.to_owned(),
    }
}

fn number(value: &Value, dtype: DataType) -> Option<Scalar> {
    let float = |value: &Value| json::number(value).or_else(|| json::special(value.as_str()?));
    match value {
        Value::Null if dtype == DataType::Bool => Some(Scalar::Bool(false)),
        Value::Null => Some(Scalar::Int(0)),
        Value::Bool(x) => {
            Some(if dtype == DataType::Bool { Scalar::Bool(*x) } else { Scalar::Int(i64::from(*x)) })
        }
        Value::Array(parts) => match parts.as_slice() {
            [re, im] => Some(Scalar::Complex(float(re)?, float(im)?)),
            _ => None,
        },
        _ if dtype.is_integer() && value.is_i64() => value.as_i64().map(Scalar::Int),
        _ if dtype.is_integer() && value.is_u64() => value.as_u64().map(Scalar::UInt),
        _ => float(value).map(Scalar::Float),
    }
}

/// The attribute `_FillValue` as xarray writes it into version 3: floats as base64 of a little-endian double.
pub(super) fn fill_attr(value: &Value, element: Element) -> Option<Scalar> {
    let Element::Number(dtype) = element else {
        return value.as_str().map(|text| Scalar::Text(fill_text(text, element)));
    };
    let double = |value: &Value| {
        let bytes = value.as_str().and_then(base64::decode).and_then(|b| <[u8; 8]>::try_from(b).ok());
        bytes.map(f64::from_le_bytes).or_else(|| number(value, DataType::Float64)?.as_f64())
    };
    let scalar = match value {
        Value::Array(parts) => match parts.as_slice() {
            [re, im] => Scalar::Complex(double(re)?, double(im)?),
            _ => return None,
        },
        _ if dtype.is_integer() || dtype == DataType::Bool => number(value, dtype)?,
        _ => Scalar::Float(double(value)?),
    };
    let mut bytes = Vec::new();
    if scalar_to_le(dtype, &scalar, &mut bytes) { scalar_from_le(dtype, &bytes) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_values_of_both_versions() {
        let float = Element::Number(DataType::Float32);
        let int = Element::Number(DataType::Int16);
        let rows = [
            ("-9", int, Some(Scalar::Int(-9))),
            ("-9.0", int, Some(Scalar::Int(-9))),
            ("40000", int, None),
            ("\"NaN\"", float, Some(Scalar::Float(f64::NAN))),
            ("NaN", float, Some(Scalar::Float(f64::NAN))),
            ("\"-Infinity\"", float, Some(Scalar::Float(f64::NEG_INFINITY))),
            ("\"0x3f800000\"", float, Some(Scalar::Float(1.0))),
            ("\"0x3f80\"", float, None),
            ("1.5", float, Some(Scalar::Float(1.5))),
            ("null", float, Some(Scalar::Float(0.0))),
            ("[1.0, \"NaN\"]", Element::Number(DataType::Complex128), Some(Scalar::Complex(1.0, f64::NAN))),
            ("true", Element::Number(DataType::Bool), Some(Scalar::Bool(true))),
            ("18446744073709551615", Element::Number(DataType::UInt64), Some(Scalar::UInt(u64::MAX))),
            ("\"YWI=\"", Element::Chars(4), Some(Scalar::Text("ab".into()))),
            ("\"x\"", Element::Utf8, Some(Scalar::Text("x".into()))),
            ("{}", float, None),
        ];
        for (text, element, expected) in rows {
            let found = fill(&json::parse(text.as_bytes()).unwrap(), element).ok().map(|(scalar, _)| scalar);
            let same = found.as_ref().zip(expected.as_ref()).is_some_and(|(a, b)| a.same(b));
            assert!(same || (found.is_none() && expected.is_none()), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_attribute_of_xarray_is_decoded() {
        // base64 of struct.pack("<d", 1e20 as float32), as xarray 2026.9 wrote it
        let value = Value::String("AAAAgB2vFUQ=".into());
        assert_eq!(
            fill_attr(&value, Element::Number(DataType::Float32)),
            Some(Scalar::Float(f64::from(1e20f32)))
        );
        assert_eq!(fill_attr(&Value::from(-9), Element::Number(DataType::Int16)), Some(Scalar::Int(-9)));
        assert_eq!(fill_attr(&Value::from("ab"), Element::Utf8), Some(Scalar::Text("ab".into())));
    }

    #[test]
    fn data_types_of_version_2() {
        let rows = [
            ("<f4", Some((Element::Number(DataType::Float32), Endian::Little))),
            (">i2", Some((Element::Number(DataType::Int16), Endian::Big))),
            ("|O", Some((Element::Utf8, Endian::Little))),
            ("<U7", Some((Element::Utf32(7), Endian::Little))),
            ("|S3", Some((Element::Chars(3), Endian::Little))),
            ("<M8[ns]", None),
            ("", None),
            ("<", None),
            ("f4", None),
            ("é4", None),
        ];
        for (text, expected) in rows {
            assert_eq!(of_v2(&Value::from(text)).ok(), expected, "{text}");
        }
    }
}

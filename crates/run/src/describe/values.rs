//! Attributes, codecs and shapes, as text and as JSON.

use std::fmt::Write;

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use serde_json::{Map, Number, Value, json};

/// Numbers of an attribute that are shown.
const NUMBERS_SHOWN: usize = 16;

/// `18 x 36`; `scalar` without dimensions.
pub(crate) fn shape(lengths: &[u64]) -> String {
    if lengths.is_empty() {
        return "scalar".to_owned();
    }
    lengths.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// One line per attribute, indented; `_FillValue` first.
pub(super) fn attributes(out: &mut String, indent: &str, attrs: &Attrs, fill: Option<(&Scalar, DataType)>) {
    if let Some((fill, dtype)) = fill {
        let _ = writeln!(out, "{indent}_FillValue = {}", scalar(fill, dtype));
    }
    for (name, value) in attrs.iter() {
        let _ = writeln!(out, "{indent}{name} = {}", attribute(value));
    }
}

/// The value as in `ncdump`: quoted text, numbers with a suffix for their type.
pub(super) fn attribute(value: &AttrValue) -> String {
    match value {
        AttrValue::Text(text) => quoted(text),
        AttrValue::Json(text) => text.clone(),
        AttrValue::Texts(texts) => texts.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", "),
        AttrValue::Numbers { dtype, values } => {
            let mut shown: Vec<String> =
                values.iter().take(NUMBERS_SHOWN).map(|v| scalar(v, *dtype)).collect();
            if values.len() > NUMBERS_SHOWN {
                shown.push(format!("... {} values", values.len()));
            }
            shown.join(", ")
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A number with the suffix that `ncdump` gives its type; plain for int32 and float64.
pub(super) fn scalar(value: &Scalar, dtype: DataType) -> String {
    let suffix = match dtype {
        DataType::Int8 => "b",
        DataType::Int16 => "s",
        DataType::Int64 => "ll",
        DataType::UInt8 => "ub",
        DataType::UInt16 => "us",
        DataType::UInt32 => "u",
        DataType::UInt64 => "ull",
        DataType::Float16 | DataType::Float32 => "f",
        _ => "",
    };
    format!("{}{suffix}", number(value, dtype))
}

/// The shortest digits that give the value back in its own type.
fn number(value: &Scalar, dtype: DataType) -> String {
    match value {
        Scalar::Float(x) if matches!(dtype, DataType::Float16 | DataType::Float32) => {
            format!("{:?}", *x as f32)
        }
        Scalar::Float(x) => format!("{x:?}"),
        other => other.to_string(),
    }
}

/// Byte order and codecs: `little-endian, shuffle, zlib 4`.
pub(super) fn encoding(encoding: &Encoding, dtype: DataType) -> String {
    let mut parts = Vec::new();
    if dtype.size().is_some_and(|size| size > 1) {
        parts.push(if encoding.endian == Endian::Little { "little-endian" } else { "big-endian" }.to_owned());
    }
    parts.push(codecs(&encoding.codecs));
    parts.join(", ")
}

/// `shuffle, zlib 4`; `not compressed` without codecs.
pub(crate) fn codecs(codecs: &[Codec]) -> String {
    match codecs {
        [] => "not compressed".to_owned(),
        some => some.iter().map(codec).collect::<Vec<_>>().join(", "),
    }
}

fn codec(codec: &Codec) -> String {
    match codec {
        Codec::Zlib { level } | Codec::Gzip { level } | Codec::Bzip2 { level } => {
            format!("{} {level}", codec.name())
        }
        Codec::Zstd { level } => format!("zstd {level}"),
        Codec::Blosc(Blosc { cname, clevel, shuffle, .. }) => {
            let shuffle = match shuffle {
                BloscShuffle::NoShuffle => "no shuffle",
                BloscShuffle::Shuffle => "shuffle",
                BloscShuffle::BitShuffle => "bit shuffle",
            };
            format!("blosc({cname} {clevel}, {shuffle})")
        }
        Codec::Unknown { id, name } if name.is_empty() => format!("unknown filter {id}"),
        Codec::Unknown { id, name } => format!("unknown filter {id} ({name})"),
        other => other.name().to_owned(),
    }
}

/// Attributes as a JSON object; numbers that JSON does not have are text.
pub(super) fn attrs_json(attrs: &Attrs) -> Value {
    Value::Object(
        attrs.iter().map(|(name, value)| (name.to_owned(), attr_json(value))).collect::<Map<_, _>>(),
    )
}

fn attr_json(value: &AttrValue) -> Value {
    match value {
        AttrValue::Text(text) => json!(text),
        AttrValue::Texts(texts) => json!(texts),
        AttrValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        AttrValue::Numbers { dtype, values } => match values.as_slice() {
            [one] => scalar_json(one, *dtype),
            many => Value::Array(many.iter().map(|v| scalar_json(v, *dtype)).collect()),
        },
    }
}

/// A value as JSON.
pub(super) fn scalar_json(value: &Scalar, dtype: DataType) -> Value {
    match value {
        Scalar::Bool(x) => json!(x),
        Scalar::Int(x) => json!(x),
        Scalar::UInt(x) => json!(x),
        Scalar::Float(_) => {
            let digits = number(value, dtype);
            let parsed: Option<Number> = digits.parse::<f64>().ok().and_then(Number::from_f64);
            parsed.map_or_else(|| json!(digits), Value::Number)
        }
        Scalar::Complex(re, im) => json!([re, im]),
        Scalar::Text(text) => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_as_ncdump_shows_them() {
        let numbers = |dtype, values: &[f64]| AttrValue::Numbers {
            dtype,
            values: values.iter().map(|v| Scalar::Float(*v)).collect(),
        };
        let rows = [
            (AttrValue::Text("a \"b\"\n".into()), r#""a \"b\"\n""#),
            (AttrValue::Texts(vec!["a".into(), "b".into()]), r#""a", "b""#),
            (numbers(DataType::Float32, &[f64::from(0.01f32)]), "0.01f"),
            (numbers(DataType::Float64, &[1.0, f64::NAN]), "1.0, NaN"),
            (AttrValue::number(DataType::Int16, Scalar::Int(-999)), "-999s"),
            (AttrValue::number(DataType::Int32, Scalar::Int(7)), "7"),
        ];
        for (value, expected) in rows {
            assert_eq!(attribute(&value), expected);
        }
        assert_eq!(attr_json(&numbers(DataType::Float32, &[f64::from(0.1f32)])), json!(0.1));
        assert_eq!(attr_json(&numbers(DataType::Float64, &[f64::NAN])), json!("NaN"));
    }
}

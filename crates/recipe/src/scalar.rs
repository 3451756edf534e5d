//! Scalars: what plain text means where a key takes values of any type (YAML 1.2, core schema), and small languages
//! inside of strings: sizes, chunk lengths, ORCID iDs.

use std::borrow::Cow;

use arcoforge_core::attrs::AttrValue;
use arcoforge_core::code::Code;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::recipe::ChunkLength;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Kind, Node};
use crate::read::{Cx, Read, inline_schemas};

/// A scalar as written: text, and whether it was quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    /// The text.
    pub(crate) text: String,
    /// Not quoted.
    pub(crate) plain: bool,
    /// Where it stands.
    pub(crate) span: Span,
}

impl Raw {
    /// An integer in its canonical spelling (no leading zeros: `001` is a name).
    pub(crate) fn int(&self) -> Option<i64> {
        let digits = self.text.strip_prefix('-').unwrap_or(&self.text);
        let canonical = digits == "0" || !digits.starts_with(['0', '+']);
        if self.plain && canonical { self.text.parse().ok() } else { None }
    }

    /// The value by YAML 1.2's core schema, but decimal integers with leading zeros stay text.
    pub(crate) fn value(&self) -> Scalar {
        let text = self.text.as_str();
        if !self.plain {
            return Scalar::Text(self.text.clone());
        }
        match text {
            "true" | "True" | "TRUE" => return Scalar::Bool(true),
            "false" | "False" | "FALSE" => return Scalar::Bool(false),
            ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
            _ => {}
        }
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("-", rest)) => (-1.0, rest),
            Some(("+", rest)) => (1.0, rest),
            _ => (1.0, text),
        };
        if matches!(rest, ".inf" | ".Inf" | ".INF") {
            return Scalar::Float(sign * f64::INFINITY);
        }
        let radix =
            |prefix: &str, radix| text.strip_prefix(prefix).and_then(|t| i64::from_str_radix(t, radix).ok());
        if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| self.int()) {
            return Scalar::Int(value);
        }
        if let Ok(value) = text.parse::<u64>()
            && !text.starts_with(['0', '+'])
        {
            return Scalar::UInt(value);
        }
        match text.parse::<f64>() {
            Ok(value) if is_float(rest) => Scalar::Float(value),
            _ => Scalar::Text(self.text.clone()),
        }
    }
}

/// Whether unsigned text is a float of the core schema, not an integer or a word like `inf`.
fn is_float(text: &str) -> bool {
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let shape = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    digits && shape && text.contains(['.', 'e', 'E'])
}

impl Read for Raw {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, plain } => {
                Some(Self { text: text.clone(), plain: *plain, span: node.span.clone() })
            }
            _ => cx.wrong_type(node, "one value"),
        }
    }
}

inline_schemas! {
    Raw => |_| json_schema!({ "type": ["string", "number", "boolean"] });
}

/// The value of an attribute: text, a number, true or false, or a list of texts or of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Attr(pub(crate) AttrValue);

impl Read for Attr {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        const EXPECTED: &str = "text, a number, or a list of texts or numbers";
        let items = match &node.kind {
            Kind::Scalar { .. } => {
                let raw = Raw::read(node, cx)?;
                warn_of_lost_zeros(&raw, cx);
                return Some(Self(attr_of(raw.value())));
            }
            Kind::List(items) => items,
            _ => return cx.wrong_type(node, EXPECTED),
        };
        let mut values = Vec::new();
        for item in items {
            if !matches!(item.kind, Kind::Scalar { .. }) {
                return cx.wrong_type(item, EXPECTED);
            }
            values.push(Raw::read(item, cx)?.value());
        }
        match attr_list(values) {
            Some(value) => Some(Self(value)),
            None => cx.wrong_type(node, "a list of texts only or of numbers only"),
        }
    }
}

/// `1.10` as an attribute is the number 1.1: probably a version was meant.
fn warn_of_lost_zeros(raw: &Raw, cx: &mut Cx) {
    let Scalar::Float(value) = raw.value() else { return };
    let fraction = raw.text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.len() > 1 && fraction.ends_with('0') && fraction.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("`{}` is read as the number {value}", raw.text);
        let help = format!("quote it if it is text: \"{}\"", raw.text);
        cx.push(Diagnostic::warning(Code::RecipeValue, raw.span.clone(), message).help(help));
    }
}

fn attr_of(value: Scalar) -> AttrValue {
    let dtype = match value {
        Scalar::Bool(_) => DataType::Bool,
        Scalar::Int(_) => DataType::Int64,
        Scalar::UInt(_) => DataType::UInt64,
        Scalar::Float(_) | Scalar::Complex(..) => DataType::Float64,
        Scalar::Text(text) => return AttrValue::Text(text),
    };
    AttrValue::number(dtype, value)
}

fn attr_list(values: Vec<Scalar>) -> Option<AttrValue> {
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|value| match value {
            Scalar::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    if let Some(texts) = texts {
        return Some(AttrValue::Texts(texts));
    }
    if values.iter().all(|value| matches!(value, Scalar::Int(_))) {
        return Some(AttrValue::Numbers { dtype: DataType::Int64, values });
    }
    if values.iter().all(|value| matches!(value, Scalar::Bool(_))) {
        return Some(AttrValue::Numbers { dtype: DataType::Bool, values });
    }
    let floats: Option<Vec<Scalar>> = values.iter().map(|v| v.as_f64().map(Scalar::Float)).collect();
    floats.map(|values| AttrValue::Numbers { dtype: DataType::Float64, values })
}

impl JsonSchema for Attr {
    fn schema_name() -> Cow<'static, str> {
        "AttributeValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text, a number, true or false, or a list of texts or of numbers. Whole numbers become \
                            64-bit integers, others doubles; quote what is text.",
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": "string"}},
                {"type": "array", "items": {"type": "number"}},
                {"type": "array", "items": {"type": "boolean"}},
            ],
        })
    }
}

/// The length of chunks or shards along a dimension.
#[derive(Debug, Clone)]
pub(crate) struct Length(pub(crate) ChunkLength);

impl Read for Length {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Kind::Scalar { text, .. } = &node.kind else {
            return cx.wrong_type(node, "a number of cells, `whole`, or a size such as `64MiB`");
        };
        let place = cx.place();
        let bad = |cx: &mut Cx, message: String, help: &str| {
            cx.bad_value(&node.span, message, Some(help.to_owned()))
        };
        match (text.parse::<i64>(), text.as_str()) {
            (Ok(cells), _) if cells > 0 => Some(Self(ChunkLength::Cells(cells.unsigned_abs()))),
            (Ok(-1), _) => bad(cx, format!("{place} is -1"), "write `whole` for the whole dimension"),
            (Ok(cells), _) => {
                bad(cx, format!("{place} is {cells}, a chunk has at least one cell"), "write 1 or more")
            }
            (_, "whole") => Some(Self(ChunkLength::Whole)),
            (_, text) => match bytes_of(text) {
                Some(bytes) => Some(Self(ChunkLength::Bytes(bytes))),
                None => bad(
                    cx,
                    format!("{place} is `{}`, not a length", crate::node::shorten(text)),
                    "write a number of cells (`20`), `whole`, or a size in bytes (`64MiB`, `100 MB`)",
                ),
            },
        }
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of cells, `whole` for the whole dimension, or a size such as `64MiB`: as many \
                            cells as make a chunk of about that size.",
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"const": "whole"},
                {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?([kKMGT]i?)?B$"},
            ],
        })
    }
}

/// A size in bytes: `100 MB`, `64MiB`, `1.5GiB`. At least one byte.
pub(crate) fn bytes_of(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(at)?;
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = (number.parse::<f64>().ok()? * unit).round();
    (1.0..=9e15).contains(&bytes).then_some(bytes as u64)
}

/// Whether an ORCID iD is well formed and its check character is right (ISO 7064, MOD 11-2).
pub(crate) fn is_orcid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits: Vec<char> = parts.concat().chars().collect();
    let Some((check, body)) = digits.split_last() else { return false };
    if parts.len() != 4 || parts.iter().any(|part| part.chars().count() != 4) {
        return false;
    }
    let Some(body) = body.iter().map(|c| c.to_digit(10)).collect::<Option<Vec<u32>>>() else { return false };
    let total = body.iter().fold(0, |total, digit| (total + digit) * 2 % 11);
    let expected = (12 - total) % 11;
    check.to_digit(10).or((*check == 'X').then_some(10)) == Some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_typed_as_yaml_1_2_does() {
        let rows = [
            ("1", Scalar::Int(1)),
            ("-12", Scalar::Int(-12)),
            ("001", Scalar::Text("001".into())),
            ("0", Scalar::Int(0)),
            ("0x1f", Scalar::Int(31)),
            ("0o17", Scalar::Int(15)),
            ("18446744073709551615", Scalar::UInt(u64::MAX)),
            ("1.10", Scalar::Float(1.1)),
            ("-1e3", Scalar::Float(-1000.0)),
            (".5", Scalar::Float(0.5)),
            ("-.inf", Scalar::Float(f64::NEG_INFINITY)),
            ("true", Scalar::Bool(true)),
            ("no", Scalar::Text("no".into())),
            ("inf", Scalar::Text("inf".into())),
            ("nan", Scalar::Text("nan".into())),
            ("1981-09-01", Scalar::Text("1981-09-01".into())),
            ("e", Scalar::Text("e".into())),
            ("1.2.3", Scalar::Text("1.2.3".into())),
            ("é1", Scalar::Text("é1".into())),
        ];
        for (text, expected) in rows {
            assert_eq!(Raw { text: text.into(), plain: true, span: 0..0 }.value(), expected, "{text}");
        }
        assert!(
            matches!(Raw { text: ".nan".into(), plain: true, span: 0..0 }.value(), Scalar::Float(x) if x.is_nan())
        );
        assert_eq!(Raw { text: "1".into(), plain: false, span: 0..0 }.value(), Scalar::Text("1".into()));
    }

    #[test]
    fn sizes() {
        let rows = [
            ("64MiB", Some(64 << 20)),
            ("100 MB", Some(100_000_000)),
            ("1.5KiB", Some(1536)),
            ("1B", Some(1)),
            ("64", None),
            ("MiB", None),
            ("-1MiB", None),
            ("64 MiB B", None),
            ("0B", None),
            ("1..2MB", None),
            ("99999999TB", None),
        ];
        for (text, expected) in rows {
            assert_eq!(bytes_of(text), expected, "{text}");
        }
    }

    /// The iDs are the examples of ORCID's own documentation, and mutations of them.
    #[test]
    fn orcid_check_characters() {
        let rows = [
            ("0000-0002-1825-0097", true),
            ("0000-0001-5109-3700", true),
            ("0000-0002-1694-233X", true),
            ("0000-0002-1825-0098", false),
            ("0000-0002-1694-2330", false),
            ("0000-0002-1825-009", false),
            ("0000000218250097", false),
            ("0000-0002-1825-009Ä", false),
            ("X000-0002-1825-0097", false),
            ("", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_orcid(text), expected, "{text}");
        }
    }
}

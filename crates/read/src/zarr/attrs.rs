//! JSON attributes to typed ones. JSON knows integers, doubles, booleans and texts; anything else stays JSON text.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::dtype::{DataType, Scalar};
use serde_json::{Map, Value};

use super::json;

/// All attributes of a group or array, without those named in `but`.
pub(super) fn attrs(object: Option<&Map<String, Value>>, but: &[&str]) -> Attrs {
    let all = object.into_iter().flatten().filter(|(name, _)| !but.contains(&name.as_str()));
    all.map(|(name, value)| (name.clone(), attr(value))).collect()
}

fn attr(value: &Value) -> AttrValue {
    match value {
        Value::Array(list) => list_of(list).unwrap_or_else(|| AttrValue::Text(value.to_string())),
        _ => match scalar(value) {
            Some((_, Scalar::Text(text))) => AttrValue::Text(text),
            Some((dtype, scalar)) => AttrValue::number(dtype, scalar),
            None => AttrValue::Text(value.to_string()),
        },
    }
}

/// A list of texts or of numbers; integers among doubles become doubles.
fn list_of(list: &[Value]) -> Option<AttrValue> {
    let scalars: Vec<(DataType, Scalar)> = list.iter().map(scalar).collect::<Option<_>>()?;
    let all = |wanted: DataType| scalars.iter().all(|(dtype, _)| *dtype == wanted);
    if !scalars.is_empty() && all(DataType::Text) {
        let texts =
            scalars.into_iter().map(|(_, s)| if let Scalar::Text(text) = s { text } else { String::new() });
        return Some(AttrValue::Texts(texts.collect()));
    }
    let one_type = [DataType::Int64, DataType::UInt64, DataType::Bool].into_iter().find(|&dtype| all(dtype));
    if let (Some(dtype), false) = (one_type, scalars.is_empty()) {
        return Some(AttrValue::Numbers { dtype, values: scalars.into_iter().map(|(_, s)| s).collect() });
    }
    let doubles: Option<Vec<Scalar>> = scalars.iter().map(|(_, s)| s.as_f64().map(Scalar::Float)).collect();
    Some(AttrValue::Numbers { dtype: DataType::Float64, values: doubles? })
}

fn scalar(value: &Value) -> Option<(DataType, Scalar)> {
    if let Some(x) = value.as_i64() {
        return Some((DataType::Int64, Scalar::Int(x)));
    }
    if let Some(x) = value.as_u64() {
        return Some((DataType::UInt64, Scalar::UInt(x)));
    }
    if let Some(x) = json::number(value) {
        return Some((DataType::Float64, Scalar::Float(x)));
    }
    match value {
        Value::Bool(x) => Some((DataType::Bool, Scalar::Bool(*x))),
        Value::String(text) => Some((DataType::Text, Scalar::Text(text.clone()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_typed() {
        let numbers = |dtype, values: &[Scalar]| AttrValue::Numbers { dtype, values: values.to_vec() };
        let rows = [
            ("3", numbers(DataType::Int64, &[Scalar::Int(3)])),
            ("3.0", numbers(DataType::Float64, &[Scalar::Float(3.0)])),
            ("18446744073709551615", numbers(DataType::UInt64, &[Scalar::UInt(u64::MAX)])),
            ("[1, 2]", numbers(DataType::Int64, &[Scalar::Int(1), Scalar::Int(2)])),
            ("[1.5, 2]", numbers(DataType::Float64, &[Scalar::Float(1.5), Scalar::Float(2.0)])),
            ("[]", numbers(DataType::Float64, &[])),
            ("true", numbers(DataType::Bool, &[Scalar::Bool(true)])),
            ("-Infinity", numbers(DataType::Float64, &[Scalar::Float(f64::NEG_INFINITY)])),
            ("\"K\"", AttrValue::Text("K".into())),
            ("[\"a\", \"b\"]", AttrValue::Texts(vec!["a".into(), "b".into()])),
            ("{\"a\":1}", AttrValue::Text("{\"a\":1}".into())),
            ("[1,\"b\"]", AttrValue::Text("[1,\"b\"]".into())),
            ("null", AttrValue::Text("null".into())),
        ];
        for (text, expected) in rows {
            assert_eq!(attr(&json::parse(text.as_bytes()).unwrap()), expected, "{text}");
        }
    }
}

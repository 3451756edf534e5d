//! JSON as Zarr stores have it: Python writes `NaN` and `Infinity` outside of strings, which JSON does not know.

use arcoforge_core::json::{self, MARK};
use serde_json::{Map, Value};

/// Parses one document.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("it is not UTF-8: {e}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json::parse(text).map_err(|e| format!("it is not JSON: {e}"))
}

/// A number, also one that JSON can't hold.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.strip_prefix(MARK).and_then(special),
        _ => None,
    }
}

/// The numbers that have names.
pub(super) fn special(name: &str) -> Option<f64> {
    match name {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The value of a key, where the value is an object that has it; a stored `null` counts as absent.
pub(super) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|v| !v.is_null())
}

/// The object of a key; nothing where it is absent.
pub(super) fn object<'a>(value: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    value.get(key).and_then(Value::as_object)
}

/// The text of a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A list of lengths.
pub(super) fn lengths(value: &Value, key: &str) -> Result<Vec<u64>, String> {
    let list = value
        .get(key)
        .and_then(Value::as_array)
        .ok_or_else(|| format!("`{key}` is missing or not a list"))?;
    let lengths: Option<Vec<u64>> = list.iter().map(Value::as_u64).collect();
    lengths.ok_or_else(|| format!("`{key}` is {}, expected a list of lengths", shown(value.get(key))))
}

/// A value as a message shows it, shortened.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(value) => format!("`{}`", value.to_string().chars().take(120).collect::<String>()),
    }
}

/// A codec, data type or grid: `"name"`, or `{"name": …, "configuration": …}`.
pub(super) fn named(value: &Value) -> Option<(&str, Value)> {
    match value {
        Value::String(name) => Some((name, Value::Null)),
        _ => Some((text(value, "name")?, value.get("configuration").cloned().unwrap_or(Value::Null))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_json_is_read() {
        let value =
            parse(br#"{"a": NaN, "b": [-Infinity, 1], "c": "NaN \" Infinity", "d": "\\", "e": Infinity}"#)
                .unwrap();
        assert!(number(&value["a"]).unwrap().is_nan());
        assert_eq!(number(&value["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!(value["c"], "NaN \" Infinity");
        assert_eq!(number(&value["e"]), Some(f64::INFINITY));
        assert!(parse(b"{").is_err() && parse(b"\xff").is_err());
    }
}

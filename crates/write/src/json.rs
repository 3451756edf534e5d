//! Values as JSON: fill values and attributes, in the spellings that zarr-python and xarray read back.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::base64;
use arcoforge_core::block::{scalar_from_le, scalar_to_le};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use serde_json::{Map, Value};

/// Indented by two, as zarr-python writes it, with a newline at the end.
pub(crate) fn bytes(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(Code::Bug, "metadata can't be written as JSON").caused_by(e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The value as the type holds it (a double narrowed to single precision and widened again); `None` where it does
/// not fit.
pub(crate) fn normal(dtype: DataType, value: &Scalar) -> Option<Scalar> {
    if dtype == DataType::Text {
        return matches!(value, Scalar::Text(_)).then(|| value.clone());
    }
    let mut bytes = Vec::new();
    scalar_to_le(dtype, value, &mut bytes).then(|| scalar_from_le(dtype, &bytes)).flatten()
}

/// A number, text or truth value; floats without a JSON spelling become `"NaN"`, `"Infinity"` and `"-Infinity"`, complex
/// numbers `[re, im]`. This is `fill_value` in Zarr v2 and v3.
pub(crate) fn scalar(value: &Scalar) -> Value {
    match value {
        Scalar::Bool(x) => Value::from(*x),
        Scalar::Int(x) => Value::from(*x),
        Scalar::UInt(x) => Value::from(*x),
        Scalar::Float(x) => float(*x),
        Scalar::Complex(re, im) => Value::from(vec![float(*re), float(*im)]),
        Scalar::Text(x) => Value::from(x.as_str()),
    }
}

fn float(x: f64) -> Value {
    match x {
        _ if x.is_nan() => Value::from("NaN"),
        f64::INFINITY => Value::from("Infinity"),
        f64::NEG_INFINITY => Value::from("-Infinity"),
        _ => Value::from(x),
    }
}

/// The `_FillValue` attribute in v3 as xarray's `FillValueCoder` has it: floats as the base64 of a little-endian
/// double, complex numbers as two of these, integers and truth values plain. `None` for text, which it does not have.
pub(crate) fn fill_attribute(value: &Scalar) -> Option<Value> {
    let encoded = |x: f64| Value::from(base64::encode(&x.to_le_bytes()));
    match value {
        Scalar::Text(_) => None,
        Scalar::Float(x) => Some(encoded(*x)),
        Scalar::Complex(re, im) => Some(Value::from(vec![encoded(*re), encoded(*im)])),
        other => Some(scalar(other)),
    }
}

/// Attributes as a JSON object, in order. One number or text is plain, several are a list; single precision is
/// widened exactly.
///
/// JSON has no NaN and no infinity. Python's reader takes the bare words, but one of them makes the whole document
/// unreadable to all others (zarrs, zarrita, every browser), so they become the texts that Zarr has for fill values.
/// `missing_value` masks cells: there NaN masks what is NaN already and is left out of a list; an infinity
/// would not be masked by readers and is an error.
///
/// # Errors
/// `target-unsupported` for an infinite `missing_value`, and for `scale_factor` and `add_offset` that are not finite.
pub(crate) fn attributes(attrs: &Attrs) -> Result<Map<String, Value>> {
    attrs.iter().map(|(name, value)| Ok((name.to_owned(), attribute(name, value)?))).collect()
}

/// Attributes that readers compute with.
const DECODES: [&str; 2] = ["scale_factor", "add_offset"];

fn attribute(name: &str, value: &AttrValue) -> Result<Value> {
    let mut values: Vec<Value> = match value {
        AttrValue::Text(text) => return Ok(Value::from(text.as_str())),
        AttrValue::Json(text) => {
            return serde_json::from_str(text).map_err(|e| {
                Error::new(Code::Bug, format!("the attribute `{name}` is no JSON")).caused_by(e)
            });
        }
        AttrValue::Texts(texts) => texts.iter().map(|t| Value::from(t.as_str())).collect(),
        AttrValue::Numbers { values, .. } if name == "missing_value" => missing(values)?,
        AttrValue::Numbers { values, .. } => {
            let non_finite = |value: &&Scalar| matches!(value, Scalar::Float(x) if !x.is_finite());
            if let Some(found) = values.iter().find(non_finite).filter(|_| DECODES.contains(&name)) {
                return Err(Error::new(
                    Code::TargetUnsupported,
                    format!("found the `{name}` {found}, which JSON can't hold and readers would not decode"),
                )
                .help("delete the attribute with the step `attrs`, or set another value"));
            }
            values.iter().map(scalar).collect()
        }
    };
    match values.pop() {
        Some(only) if values.is_empty() => Ok(only),
        last => {
            values.extend(last);
            Ok(Value::from(values))
        }
    }
}

fn missing(values: &[Scalar]) -> Result<Vec<Value>> {
    let is = |value: &Scalar, what: fn(f64) -> bool| matches!(value, Scalar::Float(x) if what(*x));
    if values.iter().any(|value| is(value, f64::is_infinite)) {
        return Err(Error::new(
            Code::TargetUnsupported,
            "found an infinite `missing_value`, which JSON can't hold and readers would not mask",
        )
        .help("delete the attribute with the step `attrs`, or set another value"));
    }
    let numbers: Vec<Value> = values.iter().filter(|value| !is(value, f64::is_nan)).map(scalar).collect();
    Ok(if numbers.is_empty() { values.iter().take(1).map(scalar).collect() } else { numbers })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: `xarray.backends.zarr.FillValueCoder.encode(value, dtype)`, xarray 2026.9.
    #[test]
    fn fill_values_are_as_xarray_encodes_them() {
        let rows = [
            (DataType::Float64, Scalar::Float(f64::NAN), r#""AAAAAAAA+H8=""#),
            (DataType::Float32, Scalar::Float(-9.96921e36), r#""AAAAAAAAnsc=""#),
            (DataType::Float16, Scalar::Float(1.5), r#""AAAAAAAA+D8=""#),
            (DataType::Complex128, Scalar::Complex(1.0, 1.0), r#"["AAAAAAAA8D8=","AAAAAAAA8D8="]"#),
            (DataType::Int16, Scalar::Int(-1), "-1"),
            (DataType::UInt64, Scalar::UInt(u64::MAX), "18446744073709551615"),
            (DataType::Bool, Scalar::Bool(false), "false"),
        ];
        for (dtype, value, expected) in rows {
            let found = normal(dtype, &value).and_then(|v| fill_attribute(&v)).unwrap_or_default();
            assert_eq!(found.to_string(), expected, "{dtype} {value}");
        }
    }

    #[test]
    fn a_value_must_fit_its_type() {
        let rows = [
            (DataType::Int8, Scalar::Int(200), None),
            (DataType::Text, Scalar::Int(0), None),
            (DataType::Float32, Scalar::Text("a".into()), None),
            (DataType::Float32, Scalar::Float(0.1), Some(Scalar::Float(f64::from(0.1f32)))),
            (DataType::UInt8, Scalar::Int(255), Some(Scalar::UInt(255))),
        ];
        for (dtype, value, expected) in rows {
            assert_eq!(normal(dtype, &value), expected, "{dtype} {value}");
        }
    }

    fn floats(values: &[f64]) -> AttrValue {
        AttrValue::Numbers {
            dtype: DataType::Float32,
            values: values.iter().map(|x| Scalar::Float(*x)).collect(),
        }
    }

    #[test]
    fn attributes_as_json() -> Result<()> {
        let texts = |list: &[&str]| AttrValue::Texts(list.iter().map(|t| (*t).to_owned()).collect());
        let rows = [
            ("a", AttrValue::Text("é\n".into()), r#""é\n""#),
            ("a", texts(&["x"]), r#""x""#),
            ("a", texts(&["x", ""]), r#"["x",""]"#),
            ("a", texts(&[]), "[]"),
            ("a", floats(&[f64::from(0.1f32)]), "0.10000000149011612"),
            ("a", floats(&[3.0, -0.0]), "[3.0,-0.0]"),
            ("a", floats(&[]), "[]"),
            ("a", floats(&[f64::NAN]), r#""NaN""#),
            ("valid_range", floats(&[f64::NEG_INFINITY, 1e20]), r#"["-Infinity",1e+20]"#),
            ("a", AttrValue::number(DataType::Int64, Scalar::Int(1 << 60)), "1152921504606846976"),
            ("a", AttrValue::number(DataType::UInt64, Scalar::UInt(u64::MAX)), "18446744073709551615"),
            ("a", AttrValue::number(DataType::Bool, Scalar::Bool(true)), "true"),
            ("a", AttrValue::number(DataType::Complex64, Scalar::Complex(1.0, f64::NAN)), r#"[1.0,"NaN"]"#),
            ("missing_value", floats(&[f64::NAN]), r#""NaN""#),
            ("missing_value", floats(&[f64::NAN, 2.0]), "2.0"),
            ("missing_value", floats(&[f64::NAN, 2.0, 3.0]), "[2.0,3.0]"),
        ];
        for (name, value, expected) in rows {
            assert_eq!(attribute(name, &value)?.to_string(), expected, "{name} {value}");
        }
        let error = attribute("missing_value", &floats(&[f64::INFINITY])).map_err(|e| e.code);
        assert_eq!(error, Err(Code::TargetUnsupported));
        let error = attribute("scale_factor", &floats(&[f64::NAN])).map_err(|e| e.code);
        assert_eq!(error, Err(Code::TargetUnsupported));
        Ok(())
    }
}

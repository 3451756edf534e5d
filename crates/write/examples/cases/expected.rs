//! What a reader should find in a case, as JSON for other languages. It comes from the case itself, never from what
//! was written.

use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::target::ArraySpec;
use serde_json::{Map, Value, json};

use super::Case;

/// Groups and arrays by path. Floats are texts (`"NaN"`, `"inf"`, `"0.1"`), complex numbers pairs of them.
pub(crate) fn expected(case: &Case) -> Value {
    let arrays: Map<String, Value> = case
        .dataset
        .arrays
        .iter()
        .zip(&case.values)
        .map(|(array, values)| (array.name.clone(), one(case, array, values)))
        .collect();
    let groups: Vec<&str> = case.dataset.groups.iter().map(|(name, _)| name.as_str()).collect();
    json!({
        "format": case.dataset.format,
        "groups": groups,
        "root_attrs": case.attrs.as_ref().and_then(|attrs| attrs.get("")),
        "arrays": arrays,
    })
}

fn one(case: &Case, array: &ArraySpec, values: &[Scalar]) -> Value {
    let masked: Vec<bool> = values
        .iter()
        .map(|value| {
            array.fill.as_ref().is_some_and(|fill| narrowed(array, fill).same(value))
                || matches!(value, Scalar::Float(x) if x.is_nan())
        })
        .collect();
    json!({
        "dims": array.dims,
        "shape": array.shape,
        "dtype": array.dtype.name(),
        "chunks": array.chunk,
        "shards": array.shard,
        "values": values.iter().map(value).collect::<Vec<_>>(),
        "masked": masked,
        "attrs": case.attrs.as_ref().and_then(|attrs| attrs.get(&array.name)),
    })
}

/// The fill value as the array's type holds it.
fn narrowed(array: &ArraySpec, fill: &Scalar) -> Scalar {
    match fill {
        Scalar::Float(x) if array.dtype == DataType::Float32 => Scalar::Float(f64::from(*x as f32)),
        other => other.clone(),
    }
}

fn value(value: &Scalar) -> Value {
    let float = |x: &f64| format!("{x:?}");
    match value {
        Scalar::Bool(x) => json!(x),
        Scalar::Int(x) => json!(x),
        Scalar::UInt(x) => json!(x),
        Scalar::Float(x) => json!(float(x)),
        Scalar::Complex(re, im) => json!([float(re), float(im)]),
        Scalar::Text(x) => json!(x),
    }
}

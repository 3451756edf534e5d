//! Sections 2.5.1 and 8.1: valid ranges, packing.

use super::linter::{Linter, number_type};
use crate::attrs::AttrValue;
use crate::dtype::{DataType, Scalar};
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    for name in ["valid_min", "valid_max", "valid_range", "missing_value"] {
        let Some(value) = array.attrs.get(name) else { continue };
        match number_type(value) {
            Some(dtype)
                if dtype != array.dtype
                    && array.dtype != DataType::Text
                    && !is_unsigned_twin(dtype, array) =>
            {
                let message =
                    format!("`{name}` is {dtype}, expected {} as the stored values are", array.dtype);
                linter.must("2.5.1", array, message);
            }
            None if array.dtype != DataType::Text => {
                linter.must(
                    "2.5.1",
                    array,
                    format!("`{name}` is {value}, expected a number of type {}", array.dtype),
                );
            }
            _ => {}
        }
    }
    for name in ["valid_range", "actual_range"] {
        range(linter, array, name);
    }
    if array.attrs.get("valid_range").is_some() {
        for name in ["valid_min", "valid_max"] {
            if array.attrs.get(name).is_some() {
                linter.must(
                    "2.5.1",
                    array,
                    format!("it has `valid_range` and `{name}`, expected one of them"),
                );
            }
        }
    }
    scale(linter, array);
}

fn range(linter: &mut Linter<'_>, array: &ArraySpec, name: &str) {
    let Some(value) = array.attrs.get(name) else { return };
    let values: Option<Vec<f64>> = match value {
        AttrValue::Numbers { values, .. } => values.iter().map(Scalar::as_f64).collect(),
        _ => None,
    };
    let ordered = matches!(values.as_deref(), Some([least, greatest]) if least <= greatest);
    // an actual range of no values is written as NaN
    let empty = name == "actual_range"
        && values.as_ref().is_some_and(|v| v.len() == 2 && v.iter().all(|x| x.is_nan()));
    if !ordered && !empty {
        linter.must(
            "2.5.1",
            array,
            format!("`{name}` is {value}, expected the least and the greatest value"),
        );
    }
}

/// Data under `_Unsigned` may be described in either type.
fn is_unsigned_twin(dtype: DataType, array: &ArraySpec) -> bool {
    array.attrs.get("_Unsigned").is_some() && dtype.is_integer() && dtype.size() == array.dtype.size()
}

fn scale(linter: &mut Linter<'_>, array: &ArraySpec) {
    let of = |name: &str| array.attrs.get(name);
    let types: Vec<DataType> = ["scale_factor", "add_offset"]
        .into_iter()
        .filter_map(|name| of(name).and_then(number_type))
        .collect();
    for name in ["scale_factor", "add_offset"] {
        if let Some(value) = of(name).filter(|value| value.as_scalar().is_none()) {
            linter.must("8.1", array, format!("`{name}` is {value}, expected one number"));
        }
    }
    if let [scale, offset] = types.as_slice()
        && scale != offset
    {
        linter.must(
            "8.1",
            array,
            format!("`scale_factor` is {scale} and `add_offset` {offset}, expected one type"),
        );
    }
    let foreign = types.iter().find(|dtype| **dtype != array.dtype && !dtype.is_float());
    if let Some(dtype) = foreign {
        let message = format!(
            "it is packed by numbers of type {dtype}, expected float32, float64 or {} as it is",
            array.dtype
        );
        linter.must("8.1", array, message);
    }
}

//! Section 3.5: flags.

use super::linter::{Linter, number_type};
use crate::attrs::AttrValue;
use crate::dtype::{DataType, Scalar};
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    let meanings = linter.text("3.5", array, "flag_meanings");
    let values = array.attrs.get("flag_values");
    let masks = array.attrs.get("flag_masks");
    if values.is_none() && masks.is_none() {
        if meanings.is_some() {
            linter.must("3.5", array, "it has `flag_meanings` without `flag_values` or `flag_masks`");
        }
        return;
    }
    let words = meanings.map(|text| text.split_whitespace().count());
    if array.attrs.get("flag_meanings").is_none() {
        linter.must("3.5", array, "it has flags without `flag_meanings`");
    }
    for (name, flags) in [("flag_values", values), ("flag_masks", masks)] {
        let Some(flags) = flags else { continue };
        type_fits(linter, array, name, flags);
        let count = length(flags);
        if let Some(words) = words.filter(|words| *words != count) {
            linter.must(
                "3.5",
                array,
                format!("`{name}` has {count} values and `flag_meanings` {words} words"),
            );
        }
    }
    if let (Some(values), Some(masks)) = (numbers(values), numbers(masks)) {
        let beyond = values.iter().zip(&masks).find(|(value, mask)| **value & **mask != **value);
        if let Some((value, mask)) = beyond {
            let message = format!("the flag value {value} has bits that its mask {mask} does not have");
            linter.must("3.5", array, message);
        }
    } else if let Some(values) = numbers(values) {
        let twice =
            values.iter().enumerate().find(|(at, value)| values.iter().take(*at).any(|v| v == *value));
        if let Some((_, value)) = twice {
            linter.must("3.5", array, format!("`flag_values` has {value} twice"));
        }
    }
    if numbers(masks).is_some_and(|masks| masks.contains(&0)) {
        linter.must("3.5", array, "`flag_masks` has 0, which no value can have set");
    }
}

fn type_fits(linter: &mut Linter<'_>, array: &ArraySpec, name: &str, flags: &AttrValue) {
    match number_type(flags) {
        Some(dtype) if dtype != array.dtype && array.dtype != DataType::Text => {
            let message = format!("`{name}` are {dtype}, expected {} as the variable is", array.dtype);
            linter.must("3.5", array, message);
        }
        None if array.dtype != DataType::Text => {
            linter.must("3.5", array, format!("`{name}` is text, expected numbers of type {}", array.dtype));
        }
        _ => {}
    }
    if name == "flag_masks" && !array.dtype.is_integer() {
        linter.must("3.5", array, format!("`flag_masks` stands on {}, expected integers", array.dtype));
    }
}

fn length(value: &AttrValue) -> usize {
    match value {
        AttrValue::Numbers { values, .. } => values.len(),
        AttrValue::Text(text) => text.split_whitespace().count(),
        AttrValue::Texts(texts) => texts.len(),
        AttrValue::Json(_) => 1,
    }
}

fn numbers(value: Option<&AttrValue>) -> Option<Vec<i128>> {
    match value? {
        AttrValue::Numbers { values, .. } => values.iter().map(Scalar::as_i128).collect(),
        _ => None,
    }
}

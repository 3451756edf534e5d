//! Sections 2.2 to 2.6 and 9: types, names, global attributes.

use super::linter::{Linter, is_dimension};
use crate::dtype::DataType;
use crate::schema::base_name;
use crate::target::ArraySpec;

/// The last version of the conventions that is known.
const MINOR_MAX: u32 = 12;
const TEXTS: [&str; 6] = ["title", "history", "institution", "source", "references", "comment"];
const FEATURES: [&str; 6] =
    ["point", "timeseries", "trajectory", "profile", "timeseriesprofile", "trajectoryprofile"];

pub(super) fn lint(linter: &mut Linter<'_>) {
    let dataset = linter.dataset;
    conventions(linter);
    for name in TEXTS {
        let value = dataset.attrs.get(name).filter(|value| value.as_text().is_none());
        if let Some(value) = value {
            linter.note("2.6.2", None, format!("`{name}` is {value}, expected text"), true);
        }
    }
    let external = dataset.attrs.text("external_variables").unwrap_or_default();
    for name in external.split_whitespace() {
        if dataset.arrays.iter().any(|array| array.name == name) {
            let message = format!("`external_variables` names `{name}`, which the dataset has");
            linter.note("2.6.3", None, message, true);
        }
    }
    if let Some(feature) = dataset.attrs.get("featureType") {
        let known = feature.as_text().is_some_and(|text| FEATURES.contains(&text.to_lowercase().as_str()));
        if !known {
            let message = format!("`featureType` is {feature}, expected one of {}", FEATURES.join(", "));
            linter.note("9.4", None, message, true);
        }
    }
    for array in &dataset.arrays {
        types(linter, array);
        names(linter, array);
    }
}

fn conventions(linter: &mut Linter<'_>) {
    let Some(value) = linter.dataset.attrs.get("Conventions") else {
        let message = "the dataset has no attribute `Conventions`, expected `CF-1.11` or another version";
        return linter.note("2.6.1", None, message.into(), true);
    };
    let known = |word: &str| {
        let minor = word.strip_prefix("CF-1.").and_then(|minor| minor.parse::<u32>().ok());
        minor.is_some_and(|minor| minor <= MINOR_MAX)
    };
    let words = |text: &str| text.split([',', ' ', ';']).any(known);
    if !value.as_text().is_some_and(words) {
        let message = format!("`Conventions` is {value}, expected it to name `CF-1.0` to `CF-1.{MINOR_MAX}`");
        linter.note("2.6.1", None, message, true);
    }
}

fn types(linter: &mut Linter<'_>, array: &ArraySpec) {
    let foreign = matches!(
        array.dtype,
        DataType::Bool | DataType::Float16 | DataType::Complex64 | DataType::Complex128
    );
    if foreign {
        let message = format!("the type is {}, expected text, integers, float32 or float64", array.dtype);
        linter.must("2.2", array, message);
    }
    if let Some(twice) =
        array.dims.iter().enumerate().find(|(at, dim)| array.dims.iter().take(*at).any(|d| d == *dim))
    {
        linter.must("2.4", array, format!("it has the dimension `{}` twice", twice.1));
    }
}

/// Names are a recommendation; so is a description of what a variable holds.
fn names(linter: &mut Linter<'_>, array: &ArraySpec) {
    let good = |name: &str| {
        name.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !good(base_name(&array.name)) {
        let message = "the name should begin with a letter and have letters, digits and underscores only";
        linter.should("2.3", array, message);
    }
    let dim = array.dims.iter().find(|dim| !good(dim) && **dim != base_name(&array.name));
    if let Some(dim) =
        dim.filter(|dim| linter.dataset.arrays.iter().all(|a| base_name(&a.name) != dim.as_str()))
    {
        let message = format!(
            "the name of the dimension `{dim}` should begin with a letter and have letters, digits and underscores only"
        );
        linter.should("2.3", array, message);
    }
    let described = array.attrs.get("long_name").is_some() || array.attrs.get("standard_name").is_some();
    let is_data = !array.dims.is_empty() && !is_dimension(array) && !linter.is_bounds(array);
    if !described && is_data {
        linter.should("3.2", array, "it should have a `long_name` or a `standard_name`");
    }
}

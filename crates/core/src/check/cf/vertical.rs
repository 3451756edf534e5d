//! Section 4.3: vertical coordinates.

use super::linter::{Linter, is_dimension, pairs};
use super::units::{convertible, is_dimensionless};
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    if let Some(positive) = linter.text("4.3", array, "positive")
        && !["up", "down"].contains(&positive.to_lowercase().as_str())
    {
        linter.must("4.3", array, format!("`positive` is \"{positive}\", expected \"up\" or \"down\""));
    }
    let units = array.attrs.text("units").unwrap_or_default();
    let vertical = array.attrs.text("axis") == Some("Z") && is_dimension(array);
    let needs_positive = convertible(units, "Pa") == Some(false)
        && !is_dimensionless(units)
        && !super::units::is_old_level(units);
    if vertical && needs_positive && array.attrs.get("positive").is_none() {
        let message =
            format!("a vertical axis in \"{units}\" has no `positive`, expected \"up\" or \"down\"");
        linter.must("4.3", array, message);
    }
    let Some(terms) = linter.text("4.3.3", array, "formula_terms") else { return };
    match pairs(terms) {
        None => {
            let message =
                format!("`formula_terms` is \"{terms}\", expected \"TERM: VARIABLE TERM: VARIABLE\"");
            linter.must("4.3.3", array, message);
        }
        Some(pairs) => {
            for (_, name) in pairs {
                linter.expect("4.3.3", array, "formula_terms", name);
            }
        }
    }
}

//! Sections 3.1 and 3.3: units, standard names, and whether they fit each other.

use super::cell_methods::changes_units;
use super::linter::Linter;
use super::standard_names::{MODIFIERS, canonical_units, nearest};
use crate::cftime::is_time;
use crate::dtype::DataType;
use crate::target::ArraySpec;
use crate::units::Unit;

/// Units of vertical coordinates in the days of COARDS, which UDUNITS does not know.
const OLD_LEVELS: [&str; 3] = ["level", "layer", "sigma_level"];

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    let units = linter.text("3.1", array, "units");
    if let Some(units) = units.filter(|units| !is_time(units)) {
        if is_old_level(units) {
            linter.should(
                "4.3.2",
                array,
                format!("`units` is \"{units}\", which is deprecated, expected \"1\""),
            );
        } else if let Some(why) = unknown_unit(units) {
            linter.must(
                "3.1",
                array,
                format!("`units` is \"{units}\", expected one that UDUNITS knows: {why}"),
            );
        }
    }
    if let Some(name) = linter.text("3.3", array, "standard_name") {
        standard_name(linter, array, name, units);
    }
}

fn standard_name(linter: &mut Linter<'_>, array: &ArraySpec, text: &str, units: Option<&str>) {
    let mut words = text.split_whitespace();
    let (name, modifier) = (words.next().unwrap_or_default(), words.next());
    let Some(canonical) = canonical_units(name) else {
        let near = nearest(name).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("the standard name `{name}` is not in the table of standard names{near}");
        return linter.must("3.3", array, message);
    };
    if let Some(modifier) = modifier.filter(|m| !MODIFIERS.contains(m) || words.next().is_some()) {
        let message = format!(
            "`standard_name` is \"{text}\", expected one name, and behind it one of {}; found `{modifier}`",
            MODIFIERS.join(", ")
        );
        return linter.must("3.3", array, message);
    }
    let canonical = match modifier {
        Some("number_of_observations") => "1",
        Some("status_flag") => return,
        _ => canonical,
    };
    units_fit(linter, array, name, canonical, units);
}

fn units_fit(linter: &mut Linter<'_>, array: &ArraySpec, name: &str, canonical: &str, units: Option<&str>) {
    // these have rules of their own; bounds take the units of their coordinate
    let apart = ["time", "latitude", "longitude"].contains(&name) || linter.is_bounds(array);
    let Ok(expected) = Unit::parse(canonical) else { return };
    if apart || canonical.is_empty() || array.dtype == DataType::Text {
        return;
    }
    let Some(units) = units else {
        if !expected.is_dimensionless() && array.attrs.get("units").is_none() {
            let message = format!("it has no `units`, expected some that fit \"{canonical}\" of `{name}`");
            linter.must("3.1", array, message);
        }
        return;
    };
    let squared = array.attrs.text("cell_methods").is_some_and(changes_units);
    let found = if is_time(units) { Unit::parse("s") } else { Unit::parse(units) };
    if !squared && !is_old_level(units) && found.is_ok_and(|found| !found.same_quantity(&expected)) {
        let message = format!(
            "`units` is \"{units}\", which does not convert to \"{canonical}\", the canonical units of `{name}`"
        );
        linter.must("3.1", array, message);
    }
}

/// Why UDUNITS does not know a unit.
pub(in crate::check) fn unknown_unit(text: &str) -> Option<String> {
    Unit::parse(text).err().map(|error| error.to_string())
}

/// Whether two units measure the same; `None` where one is not known.
pub(super) fn convertible(a: &str, b: &str) -> Option<bool> {
    Some(Unit::parse(a).ok()?.same_quantity(&Unit::parse(b).ok()?))
}

/// Whether a number has this unit.
pub(super) fn is_dimensionless(units: &str) -> bool {
    Unit::parse(units).is_ok_and(|unit| unit.is_dimensionless())
}

/// Whether a unit is one of the deprecated ones of vertical coordinates.
pub(super) fn is_old_level(units: &str) -> bool {
    OLD_LEVELS.contains(&units)
}

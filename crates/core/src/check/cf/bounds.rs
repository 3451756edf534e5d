//! Sections 7.1 and 7.4: bounds of cells, climatological bounds.

use super::linter::Linter;
use crate::cftime::is_time;
use crate::dtype::DataType;
use crate::target::ArraySpec;

/// What bounds may repeat, and then have to have as their coordinate does.
const SHARED: [&str; 7] =
    ["units", "standard_name", "axis", "positive", "calendar", "leap_month", "month_lengths"];

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    for (attribute, section) in [("bounds", "7.1"), ("climatology", "7.4")] {
        let Some(name) = linter.text(section, array, attribute) else { continue };
        let Some(bounds) = linter.expect(section, array, attribute, name) else { continue };
        shape(linter, section, array, bounds);
        attributes(linter, section, array, bounds);
    }
    if array.attrs.get("climatology").is_some() {
        if array.attrs.get("bounds").is_some() {
            linter.must("7.4", array, "it has `bounds` and `climatology`, expected one of them");
        }
        if !array.attrs.text("units").is_some_and(is_time) {
            linter.must("7.4", array, "`climatology` stands on a variable that is no time");
        }
    }
}

fn shape(linter: &mut Linter<'_>, section: &'static str, array: &ArraySpec, bounds: &ArraySpec) {
    let expected = || format!("{} and one more for the vertices", shown(&array.dims));
    let leading = bounds.dims.get(..array.dims.len());
    if bounds.dims.len() != array.dims.len() + 1 || leading != Some(array.dims.as_slice()) {
        let message = format!(
            "its bounds `{}` have the dimensions {}, expected {}",
            bounds.name,
            shown(&bounds.dims),
            expected()
        );
        return linter.must(section, array, message);
    }
    let vertices = bounds.shape.last().copied().unwrap_or(0);
    let fits = match array.dims.len() {
        0 | 1 => {
            vertices == 2 || (vertices > 2 && array.attrs.text("units").is_none_or(|units| !is_time(units)))
        }
        _ => vertices > 2,
    };
    if !fits {
        let least = if array.dims.len() > 1 { "3 or more" } else { "2" };
        let message = format!("its bounds `{}` have {vertices} vertices, expected {least}", bounds.name);
        linter.must(section, array, message);
    }
    if bounds.dtype == DataType::Text {
        linter.must(section, array, format!("its bounds `{}` are text, expected numbers", bounds.name));
    }
}

fn attributes(linter: &mut Linter<'_>, section: &'static str, array: &ArraySpec, bounds: &ArraySpec) {
    for name in SHARED {
        let (Some(found), own) = (bounds.attrs.get(name), array.attrs.get(name)) else { continue };
        if own.is_some_and(|own| own.same(found)) {
            continue;
        }
        let own = own.map_or("nothing".to_owned(), ToString::to_string);
        let message = format!("its bounds `{}` have `{name}` {found}, expected {own} as it has", bounds.name);
        linter.must(section, array, message);
    }
}

fn shown(dims: &[String]) -> String {
    if dims.is_empty() { "none".to_owned() } else { format!("({})", dims.join(", ")) }
}

//! Attributes that name other variables: `coordinates` (5), `ancillary_variables` (3.4), `cell_measures` (7.2).

use super::linter::{Linter, pairs};
use super::units::convertible;
use crate::dtype::DataType;
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    coordinates(linter, array);
    if let Some(names) = linter.text("3.4", array, "ancillary_variables") {
        for name in names.split_whitespace() {
            linter.expect("3.4", array, "ancillary_variables", name);
        }
    }
    if let Some(measures) = linter.text("7.2", array, "cell_measures") {
        cell_measures(linter, array, measures);
    }
}

fn coordinates(linter: &mut Linter<'_>, array: &ArraySpec) {
    let Some(names) = linter.text("5", array, "coordinates") else { return };
    for name in names.split_whitespace() {
        let Some(found) = linter.expect("5", array, "coordinates", name) else { continue };
        // the last dimension of characters is the length of a label (section 6.1)
        let label = usize::from(found.dtype == DataType::Text && found.dims.len() > 1);
        let dims = found.dims.iter().take(found.dims.len() - label);
        let foreign = dims.into_iter().find(|dim| !array.dims.contains(dim));
        if let Some(dim) = foreign.filter(|_| !is_ragged(linter) && !is_geometry(linter, array)) {
            let message =
                format!("its coordinate `{name}` has the dimension `{dim}`, which it does not have");
            linter.must("5", array, message);
        }
    }
}

/// Ragged arrays and compression by gathering join dimensions by other means (sections 8.2, 9.3).
fn is_ragged(linter: &Linter<'_>) -> bool {
    let joins = ["sample_dimension", "instance_dimension", "compress"];
    linter.dataset.arrays.iter().any(|array| joins.iter().any(|name| array.attrs.get(name).is_some()))
}

/// Geometries name the coordinates of their nodes (section 7.5).
fn is_geometry(linter: &Linter<'_>, array: &ArraySpec) -> bool {
    array.attrs.get("geometry_type").is_some() || linter.is_named(array, "geometry")
}

fn cell_measures(linter: &mut Linter<'_>, array: &ArraySpec, text: &str) {
    let Some(pairs) = pairs(text) else {
        let message =
            format!("`cell_measures` is \"{text}\", expected \"area: VARIABLE\" or \"volume: VARIABLE\"");
        return linter.must("7.2", array, message);
    };
    for (measure, name) in pairs {
        let unit = match measure {
            "area" => "m2",
            "volume" => "m3",
            _ => {
                let message =
                    format!("`cell_measures` has the measure `{measure}`, expected `area` or `volume`");
                linter.must("7.2", array, message);
                continue;
            }
        };
        if linter.is_external(name) {
            continue;
        }
        let Some(found) = linter.expect("7.2", array, "cell_measures", name) else { continue };
        let units = found.attrs.text("units");
        if units.is_none_or(|units| convertible(units, unit) == Some(false)) {
            let shown = units.map_or("no `units`".to_owned(), |units| format!("`units` \"{units}\""));
            linter.must(
                "7.2",
                found,
                format!("a cell {measure} with {shown}, expected them to fit \"{unit}\""),
            );
        }
        if let Some(dim) = found.dims.iter().find(|dim| !array.dims.contains(dim)) {
            let message =
                format!("its cell measure `{name}` has the dimension `{dim}`, which it does not have");
            linter.must("7.2", array, message);
        }
    }
}

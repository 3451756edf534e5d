//! Sections 4, 4.1, 4.2, 5: latitude, longitude, the `axis` attribute, names of coordinates.

use super::linter::Linter;
use crate::cftime::is_time;
use crate::horizontal::{EAST, NORTH};
use crate::schema::base_name;
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    horizontal(linter, array, ("4.1", "latitude", "lat"), NORTH);
    horizontal(linter, array, ("4.2", "longitude", "lon"), EAST);
    if let Some(axis) = linter.text("4", array, "axis") {
        axis_fits(linter, array, axis);
    }
    let base = base_name(&array.name);
    let own_name = array.dims.len() > 1 && array.dims.iter().any(|dim| dim == base);
    if own_name && linter.is_named(array, "coordinates") {
        linter.must(
            "5",
            array,
            format!("it has {} dimensions and the name of one of them", array.dims.len()),
        );
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for dim in &array.dims {
        let Some(coordinate) =
            linter.find(dim, array).filter(|c| c.dims.len() == 1 && c.dims.first() == Some(dim))
        else {
            continue;
        };
        let Some(axis) = coordinate.attrs.text("axis") else { continue };
        match seen.iter().find(|(known, _)| *known == axis) {
            Some((_, other)) => {
                let message = format!("its coordinates `{other}` and `{dim}` have the same axis {axis}");
                linter.must("4", array, message);
            }
            None => seen.push((axis, dim)),
        }
    }
}

fn horizontal(
    linter: &mut Linter<'_>,
    array: &ArraySpec,
    (section, standard, short): (&'static str, &str, &str),
    known: [&str; 6],
) {
    let name = array.attrs.text("standard_name");
    let units = array.attrs.text("units");
    let fits = units.is_some_and(|units| known.contains(&units));
    if fits || linter.is_bounds(array) {
        return;
    }
    let found = units.map_or("no `units`".to_owned(), |units| format!("`units` \"{units}\""));
    let [expected, ..] = known;
    if name == Some(standard) {
        linter.must(section, array, format!("a {standard} with {found}, expected \"{expected}\""));
    } else if name.is_none() && [standard, short].contains(&base_name(&array.name)) {
        let message =
            format!("with {found} readers do not know it for a {standard}, expected \"{expected}\"");
        linter.should(section, array, message);
    }
}

fn axis_fits(linter: &mut Linter<'_>, array: &ArraySpec, axis: &str) {
    if !["X", "Y", "Z", "T"].contains(&axis) {
        return linter.must("4", array, format!("`axis` is \"{axis}\", expected X, Y, Z or T"));
    }
    if linter.is_bounds(array) {
        return linter.must("4", array, "bounds have an `axis`, which only coordinates may have");
    }
    let units = array.attrs.text("units").unwrap_or_default();
    let contrary = match axis {
        "X" => NORTH.contains(&units) || is_time(units),
        "Y" => EAST.contains(&units) || is_time(units),
        "Z" => NORTH.contains(&units) || EAST.contains(&units) || is_time(units),
        _ => NORTH.contains(&units) || EAST.contains(&units),
    };
    if contrary {
        linter.must("4", array, format!("`axis` is \"{axis}\", which contradicts its `units` \"{units}\""));
    }
}

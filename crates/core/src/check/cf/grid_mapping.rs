//! Section 5.6 and appendix F: grid mappings.

use super::linter::Linter;
use crate::names::nearest;
use crate::target::ArraySpec;

/// Names with the parameters that they need; `|` stands between those of which one is enough.
const MAPPINGS: [(&str, &[&str]); 16] = [
    (
        "albers_conical_equal_area",
        &["standard_parallel", "longitude_of_central_meridian", "latitude_of_projection_origin"],
    ),
    ("azimuthal_equidistant", &["longitude_of_projection_origin", "latitude_of_projection_origin"]),
    (
        "geostationary",
        &[
            "latitude_of_projection_origin",
            "longitude_of_projection_origin",
            "perspective_point_height",
            "sweep_angle_axis|fixed_angle_axis",
        ],
    ),
    ("lambert_azimuthal_equal_area", &["longitude_of_projection_origin", "latitude_of_projection_origin"]),
    (
        "lambert_conformal_conic",
        &["standard_parallel", "longitude_of_central_meridian", "latitude_of_projection_origin"],
    ),
    (
        "lambert_cylindrical_equal_area",
        &["longitude_of_central_meridian", "standard_parallel|scale_factor_at_projection_origin"],
    ),
    ("latitude_longitude", &[]),
    ("mercator", &["longitude_of_projection_origin", "standard_parallel|scale_factor_at_projection_origin"]),
    (
        "oblique_mercator",
        &[
            "azimuth_of_central_line",
            "latitude_of_projection_origin",
            "longitude_of_projection_origin",
            "scale_factor_at_projection_origin",
        ],
    ),
    ("orthographic", &["longitude_of_projection_origin", "latitude_of_projection_origin"]),
    (
        "polar_stereographic",
        &[
            "straight_vertical_longitude_from_pole|longitude_of_projection_origin",
            "latitude_of_projection_origin",
            "standard_parallel|scale_factor_at_projection_origin",
        ],
    ),
    ("rotated_latitude_longitude", &["grid_north_pole_latitude", "grid_north_pole_longitude"]),
    ("sinusoidal", &["longitude_of_projection_origin|longitude_of_central_meridian"]),
    (
        "stereographic",
        &[
            "longitude_of_projection_origin",
            "latitude_of_projection_origin",
            "scale_factor_at_projection_origin",
        ],
    ),
    (
        "transverse_mercator",
        &[
            "scale_factor_at_central_meridian",
            "longitude_of_central_meridian",
            "latitude_of_projection_origin",
        ],
    ),
    (
        "vertical_perspective",
        &["longitude_of_projection_origin", "latitude_of_projection_origin", "perspective_point_height"],
    ),
];

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    if let Some(text) = linter.text("5.6", array, "grid_mapping") {
        named(linter, array, text);
    }
    let used = linter.dataset.arrays.iter().any(|from| {
        let text = from.attrs.text("grid_mapping").unwrap_or_default();
        mappings(text).any(|name| linter.find(name, from).is_some_and(|found| found.name == array.name))
    });
    match linter.text("5.6", array, "grid_mapping_name") {
        Some(name) => parameters(linter, array, name),
        None if used && array.attrs.get("grid_mapping_name").is_none() => {
            linter.must("5.6", array, "a grid mapping has no `grid_mapping_name`");
        }
        None => {}
    }
}

/// The grid mappings of the attribute, without the coordinates that may follow each.
fn mappings(text: &str) -> impl Iterator<Item = &str> {
    let extended = text.contains(':');
    let words = text.split_whitespace().filter(move |word| !extended || word.ends_with(':'));
    words.map(|word| word.trim_end_matches(':'))
}

/// `NAME`, or `NAME: COORDINATE COORDINATE NAME: COORDINATE COORDINATE`.
fn named(linter: &mut Linter<'_>, array: &ArraySpec, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let extended = words.iter().any(|word| word.ends_with(':'));
    if extended != words.first().is_some_and(|word| word.ends_with(':')) || (!extended && words.len() != 1) {
        let message =
            format!("`grid_mapping` is \"{text}\", expected `NAME` or `NAME: COORDINATE COORDINATE`");
        return linter.must("5.6", array, message);
    }
    for word in words {
        linter.expect("5.6", array, "grid_mapping", word.trim_end_matches(':'));
    }
}

fn parameters(linter: &mut Linter<'_>, array: &ArraySpec, name: &str) {
    let Some((_, needed)) = MAPPINGS.iter().find(|(known, _)| *known == name) else {
        let near = nearest(name, MAPPINGS.iter().map(|(known, _)| *known));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("`grid_mapping_name` is \"{name}\", which appendix F does not have{near}");
        return linter.must("5.6", array, message);
    };
    for one in *needed {
        if !one.split('|').any(|parameter| array.attrs.get(parameter).is_some()) {
            let expected = one.split('|').collect::<Vec<_>>().join("` or `");
            linter.must("5.6", array, format!("the grid mapping {name} lacks `{expected}`"));
        }
    }
}

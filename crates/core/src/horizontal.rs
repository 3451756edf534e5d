//! Which variables are longitudes and latitudes.

use crate::attrs::Attrs;
use crate::schema::{Variable, base_name};

/// What a horizontal coordinate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizontal {
    /// Degrees east.
    Longitude,
    /// Degrees north.
    Latitude,
}

/// Spellings of degrees east (CF 4.2), the preferred one first.
pub(crate) const EAST: [&str; 6] =
    ["degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"];
/// Spellings of degrees north (CF 4.1), the preferred one first.
pub(crate) const NORTH: [&str; 6] =
    ["degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"];
const DEGREES: [&str; 3] = ["degrees", "degree", "deg"];

/// Whether a variable is a longitude or a latitude: by its standard name, its units, or its own name.
pub fn horizontal(var: &Variable) -> Option<Horizontal> {
    horizontal_of(&var.name, &var.attrs)
}

/// The same of anything that has a name, which may be a path, and attributes.
pub fn horizontal_of(name: &str, attrs: &Attrs) -> Option<Horizontal> {
    match attrs.text("standard_name") {
        Some("longitude") => return Some(Horizontal::Longitude),
        Some("latitude") => return Some(Horizontal::Latitude),
        Some(_) => return None, // of a rotated grid, or a projection
        None => {}
    }
    let name = match base_name(name).to_ascii_lowercase().as_str() {
        "lon" | "longitude" | "long" | "nav_lon" => Some(Horizontal::Longitude),
        "lat" | "latitude" | "nav_lat" => Some(Horizontal::Latitude),
        _ => None,
    };
    match attrs.text("units").map(str::trim) {
        Some(units) if EAST.contains(&units) => Some(Horizontal::Longitude),
        Some(units) if NORTH.contains(&units) => Some(Horizontal::Latitude),
        None => name,
        Some(units) if units.is_empty() || DEGREES.contains(&units) => name,
        Some(_) => None,
    }
}

/// Whether the units are degrees of any kind.
pub(crate) fn is_degrees(var: &Variable) -> bool {
    var.attrs
        .text("units")
        .map(str::trim)
        .is_some_and(|units| DEGREES.contains(&units) || EAST.contains(&units))
}

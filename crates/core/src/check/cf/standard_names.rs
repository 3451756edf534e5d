//! The table of standard names with their canonical units, version 93 of 17 March 2026, aliases included.
//!
//! `standard_names.txt` is made from the published table by `ci/standard-names.py`, which describes its form: names and
//! units without the descriptions.

use std::collections::HashMap;
use std::sync::OnceLock;

static TABLE: &str = include_str!("standard_names.txt");
/// What may follow a standard name (appendix C).
pub(super) const MODIFIERS: [&str; 4] =
    ["detection_minimum", "number_of_observations", "standard_error", "status_flag"];

/// The canonical units of a standard name; empty where it has none. `None` for a name that is not in the table.
pub(super) fn canonical_units(name: &str) -> Option<&'static str> {
    names().get(name).copied()
}

/// A name of the table that is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let mut known: Vec<&'static str> = names().keys().map(String::as_str).collect();
    known.sort_unstable();
    let length = name.len();
    crate::names::nearest(name, known.into_iter().filter(|known| known.len().abs_diff(length) <= 3))
}

fn names() -> &'static HashMap<String, &'static str> {
    static NAMES: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut lines = TABLE.lines().skip(1);
        let units: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let mut before = String::new();
        let mut out = HashMap::new();
        for line in lines {
            let mut parts = line.split('\t');
            let shared = parts.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            before.truncate(shared);
            before.push_str(parts.next().unwrap_or_default());
            let unit = parts.next().and_then(|n| n.parse::<usize>().ok()).and_then(|at| units.get(at));
            out.insert(before.clone(), unit.copied().unwrap_or_default());
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let rows = [
            ("sea_surface_temperature", Some("K")),
            ("time", Some("s")),
            ("latitude", Some("degree_north")),
            ("area_type", Some("")),
            ("y_wind", Some("m s-1")),
            ("sea_surface_elevation", Some("m")), // an alias
            ("sea_surface_temperatur", None),
        ];
        for (name, expected) in rows {
            assert_eq!(canonical_units(name), expected, "{name}");
        }
        assert_eq!(names().len(), TABLE.lines().count() - 2);
        assert_eq!(nearest("sea_surface_temperatur"), Some("sea_surface_temperature"));
    }
}

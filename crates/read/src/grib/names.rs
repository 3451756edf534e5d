//! Names of variables, dimensions and coordinates that are unique in a file (docs/design/0018-grib.md).

use std::collections::{BTreeMap, BTreeSet};

use super::families::{Family, Value};
use super::index::Index;
use super::product::{Product, plain};

/// A name for every variable: its own, or with what tells it from others of that name, in a fixed order of keys.
pub(super) fn of_families(index: &Index, families: &[Family]) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, family) in families.iter().enumerate() {
        groups.entry(&family.name).or_default().push(number);
    }
    let mut names: Vec<String> = families.iter().map(|family| family.name.clone()).collect();
    for group in groups.values().filter(|group| group.len() > 1) {
        let features: Vec<Vec<(String, String)>> =
            group.iter().filter_map(|&n| families.get(n)).map(|family| features(index, family)).collect();
        let mut keys: Vec<String> = Vec::new();
        for (key, _) in features.iter().flatten() {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        for key in keys {
            let values: Vec<&str> = features
                .iter()
                .map(|own| own.iter().find(|(k, _)| *k == key).map_or("", |(_, value)| value.as_str()))
                .collect();
            if values.iter().all(|value| Some(value) == values.first()) {
                continue;
            }
            for (&number, value) in group.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
                if let Some(name) = names.get_mut(number) {
                    *name = format!("{name}_{}", plain(value));
                }
            }
        }
    }
    let mut taken = BTreeSet::new();
    names.iter().map(|name| unique(name, &mut taken)).collect()
}

/// What variables of one name may differ in, in the order in which it is put behind their names.
fn features(index: &Index, family: &Family) -> Vec<(String, String)> {
    let default = Product::default();
    let product = index.products.get(family.product as usize).unwrap_or(&default);
    let grid = index.grids.get(family.grid as usize);
    let shape = grid.map(|grid| grid.dims.iter().map(|(_, n)| n.to_string()).collect::<Vec<_>>().join("x"));
    let mut features = vec![
        ("typeOfLevel".to_owned(), product.type_of_level.to_owned()),
        ("stepType".to_owned(), product.step_type.clone()),
        ("dataType".to_owned(), product.data_type.unwrap_or("none").to_owned()),
    ];
    features.extend(family.split.iter().map(|(key, value)| (key.clone(), format!("{key}_{value}"))));
    features.push(("gridType".to_owned(), grid.map_or("", super::grid::Grid::type_name).to_owned()));
    features.push(("shape".to_owned(), shape.unwrap_or_default()));
    features.push(("paramId".to_owned(), product.parameter.param_id.to_string()));
    features
}

/// A name that is not taken yet: itself, or with a number behind it.
pub(super) fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut found = name.to_owned();
    let mut number = 2;
    while !taken.insert(found.clone()) {
        found = format!("{name}_{number}");
        number += 1;
    }
    found
}

/// Names for the sets of values that coordinates of one base name have: the longest is called as the base, others by
/// their length (`step_of_24`); of single values the only one, others by their value (`heightAboveGround_at_2`).
pub(super) fn of_sets(base: &str, sets: &[Vec<Value>], taken: &mut BTreeSet<String>) -> Vec<String> {
    let mut order: Vec<usize> = (0..sets.len()).collect();
    let length = |n: usize| sets.get(n).map_or(0, Vec::len);
    order.sort_by_key(|&n| std::cmp::Reverse(length(n)));
    let mut names = vec![String::new(); sets.len()];
    let alone = sets.len() == 1;
    for (rank, number) in order.into_iter().enumerate() {
        let name = match sets.get(number).map(Vec::as_slice) {
            Some([value]) if !alone => format!("{base}_at_{}", shown(base, *value)),
            Some(values) if rank > 0 => format!("{base}_of_{}", values.len()),
            _ => base.to_owned(),
        };
        if let Some(slot) = names.get_mut(number) {
            *slot = unique(&name, taken);
        }
    }
    names
}

/// A value as part of a name: steps in hours, times in seconds since 1970.
fn shown(base: &str, value: Value) -> String {
    match (base, value) {
        ("step", Value::Int(seconds)) if seconds % 3600 == 0 => (seconds / 3600).to_string(),
        ("step", Value::Int(seconds)) => format!("{}", seconds as f64 / 3600.0),
        (_, Value::Int(value)) => value.to_string(),
        (_, Value::Float(value)) => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_names_of_their_own() {
        let ints = |values: &[i64]| values.iter().map(|&v| Value::Int(v)).collect::<Vec<_>>();
        let rows: [(&str, Vec<Vec<Value>>, &str); 5] = [
            ("step", vec![ints(&[0, 3600])], "step"),
            ("step", vec![ints(&[3600]), ints(&[0, 3600])], "step_at_1 step"),
            ("step", vec![ints(&[0, 1]), ints(&[0, 1, 2]), ints(&[1, 2])], "step_of_2 step step_of_2_2"),
            ("number", vec![ints(&[7])], "number"),
            ("height", vec![vec![Value::Float(2.0)], vec![Value::Float(10.5)]], "height_at_2 height_at_10.5"),
        ];
        for (base, sets, expected) in rows {
            assert_eq!(of_sets(base, &sets, &mut BTreeSet::new()).join(" "), expected);
        }
    }
}

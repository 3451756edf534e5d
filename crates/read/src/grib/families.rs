//! Fields put together to variables: of one parameter, type of level, statistical process, type of data and grid, and of
//! whatever else tells fields apart that would lie at one place.

use std::collections::BTreeMap;

use super::index::{Field, Index};

/// The coordinates of a field: member, time, step, level, direction, frequency; absent ones are `None`.
pub(super) type Place = [Option<Value>; 6];

/// Names of the coordinates of a field; the fourth goes by the type of level.
pub(super) const AXES: [&str; 6] = ["number", "time", "step", "level", "directionNumber", "frequencyNumber"];

/// A number with an order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Int(i64),
    Float(f64),
}

impl Value {
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

/// The fields of one variable.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// Without what tells it from others of its name.
    pub(super) name: String,
    /// What told its fields from others of the same places: keys with values.
    pub(super) split: Vec<(String, String)>,
    /// Numbers of fields, in the order of the file.
    pub(super) fields: Vec<u32>,
    pub(super) grid: u32,
    /// The product of the first field.
    pub(super) product: u32,
    /// Pairs of fields at one place that nothing tells apart.
    pub(super) twins: Vec<(u32, u32)>,
}

/// All variables, in the order of their first fields.
pub(super) fn families(index: &Index) -> Vec<Family> {
    let mut numbers: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for (number, field) in index.fields.iter().enumerate() {
        let group = *numbers.entry(identity(index, field)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group) {
            group.push(number as u32);
        }
    }
    groups.into_iter().flat_map(|fields| split(index, fields, Vec::new())).collect()
}

/// What all fields of a variable have in common.
fn identity(index: &Index, field: &Field) -> Vec<String> {
    let Some(product) = index.products.get(field.product as usize) else { return Vec::new() };
    let there: String = place(index, field).iter().map(|v| if v.is_some() { '1' } else { '0' }).collect();
    vec![
        product.name(),
        product.parameter.param_id.to_string(),
        match product.parameter.param_id {
            0 => format!("{:?}", product.codes),
            _ => String::new(),
        },
        product.type_of_level.to_owned(),
        product.step_type.clone(),
        product.data_type.unwrap_or_default().to_owned(),
        field.grid.to_string(),
        there,
    ]
}

/// Where a field lies in its hypercube.
pub(super) fn place(index: &Index, field: &Field) -> Place {
    let Some(product) = index.products.get(field.product as usize) else { return [None; 6] };
    [
        product.number.map(Value::Int),
        Some(Value::Int(field.time)),
        field.step.map(Value::Int),
        product.level.map(Value::Float),
        product.direction.map(Value::Int),
        product.frequency.map(Value::Int),
    ]
}

/// Fields of one identity, as often as places are taken twice parted by a key that tells these apart.
fn split(index: &Index, fields: Vec<u32>, done: Vec<(String, String)>) -> Vec<Family> {
    let twins = twins(index, &fields);
    let mut keys: Vec<String> =
        twins.iter().take(TWINS_MAX).flat_map(|&(a, b)| differing(index, a, b)).collect();
    keys.sort_unstable();
    keys.dedup();
    let best = keys
        .into_iter()
        .map(|key| {
            let mut parts: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            for &field in &fields {
                parts.entry(shown(index, field, &key)).or_default().push(field);
            }
            (parts.len(), key, parts)
        })
        .min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    if let Some((_, key, parts)) = best {
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(_, fields)| fields.first().copied());
        return parts
            .into_iter()
            .flat_map(|(value, fields)| {
                let mut done = done.clone();
                done.push((key.clone(), value));
                split(index, fields, done)
            })
            .collect();
    }
    let first = fields.first().and_then(|&n| index.fields.get(n as usize));
    let (grid, product) = first.map_or((0, 0), |field| (field.grid, field.product));
    let name = index.products.get(product as usize).map_or_else(String::new, super::product::Product::name);
    vec![Family { name, split: done, fields, grid, product, twins }]
}

/// How many pairs are looked at to find what tells them apart.
const TWINS_MAX: usize = 64;

/// Pairs of fields at one place: the first one there and each other.
fn twins(index: &Index, fields: &[u32]) -> Vec<(u32, u32)> {
    let mut taken: BTreeMap<Place, u32> = BTreeMap::new();
    let mut twins = Vec::new();
    for &number in fields {
        let Some(field) = index.fields.get(number as usize) else { continue };
        match taken.get(&place(index, field)) {
            Some(&first) => twins.push((first, number)),
            None => {
                taken.insert(place(index, field), number);
            }
        }
    }
    twins
}

/// The key of what is no key of a message: whether an interval begins at the reference time.
const FROM_START: &str = "fromStart";

/// Keys whose values differ.
fn differing(index: &Index, a: u32, b: u32) -> Vec<String> {
    let own = |n: u32| index.fields.get(n as usize).and_then(|f| index.products.get(f.product as usize));
    let (Some(one), Some(two)) = (own(a), own(b)) else { return Vec::new() };
    let mut keys: Vec<String> = Vec::new();
    for (key, value) in &one.own {
        if two.own.iter().find(|(other, _)| other == key).map(|(_, v)| v) != Some(value) {
            keys.push((*key).to_owned());
        }
    }
    for (key, _) in &two.own {
        if !one.own.iter().any(|(other, _)| other == key) {
            keys.push((*key).to_owned());
        }
    }
    if shown(index, a, FROM_START) != shown(index, b, FROM_START) {
        keys.push(FROM_START.to_owned());
    }
    keys
}

/// A key's value as text.
fn shown(index: &Index, number: u32, key: &str) -> String {
    let Some(field) = index.fields.get(number as usize) else { return String::new() };
    if key == FROM_START {
        return u8::from(field.from_start).to_string();
    }
    let own = index.products.get(field.product as usize).map(|product| product.own.as_slice());
    let values = own.unwrap_or_default().iter().find(|(own, _)| *own == key).map(|(_, values)| values);
    match values {
        None => "none".to_owned(),
        Some(values) => {
            let texts: Vec<String> =
                values.iter().map(|v| v.map_or_else(|| "missing".to_owned(), |v| v.to_string())).collect();
            texts.join("_")
        }
    }
}

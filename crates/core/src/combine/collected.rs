//! What becomes of attributes that differ between files and may: left out, the first file's, or all of them as a list.

use std::collections::{BTreeMap, BTreeSet};

use crate::attrs::{AttrValue, Attrs};
use crate::dtype::{DataType, Scalar};

/// Attributes that readers take for one text or number; as lists they would break them.
const NEVER_LISTS: [&str; 12] = [
    "Conventions",
    "actual_range",
    "ancillary_variables",
    "axis",
    "cell_measures",
    "coordinates",
    "dtype",
    "missing_value",
    "units_metadata",
    "valid_max",
    "valid_min",
    "valid_range",
];

/// Carries out the policy of `attrs` on `kept`, the first file's attributes, where those named in `differ` are not equal in
/// `all` files. Returns what is left out.
pub(super) fn settle<'a>(
    kept: &mut Attrs,
    differ: BTreeSet<String>,
    policy: &str,
    all: impl Iterator<Item = &'a Attrs>,
) -> Vec<String> {
    if policy == "first" || differ.is_empty() {
        return Vec::new();
    }
    let (lists, out): (BTreeSet<String>, BTreeSet<String>) =
        differ.into_iter().partition(|name| policy == "collect" && !NEVER_LISTS.contains(&name.as_str()));
    for name in &out {
        kept.remove(name);
    }
    let mut found: BTreeMap<&str, Distinct<'a>> =
        lists.iter().map(|name| (name.as_str(), Distinct::default())).collect();
    for attrs in all {
        for (name, distinct) in &mut found {
            distinct.extend(attrs.get(name));
        }
    }
    for (name, distinct) in found {
        if let Some(value) = distinct.value() {
            kept.set(name, value);
        }
    }
    out.into_iter().collect()
}

/// Values that are not equal, in the order in which they were found.
#[derive(Default)]
struct Distinct<'a> {
    known: BTreeSet<String>,
    values: Vec<&'a AttrValue>,
}

impl<'a> Distinct<'a> {
    fn extend(&mut self, value: Option<&'a AttrValue>) {
        if let Some(value) = value
            && self.known.insert(key(value))
        {
            self.values.push(value);
        }
    }

    /// One value as it is, several as a list: of numbers where each is one number, else of texts.
    fn value(self) -> Option<AttrValue> {
        match self.values.as_slice() {
            [] => None,
            [only] => Some((*only).clone()),
            many => Some(numbers(many).unwrap_or_else(|| texts(many))),
        }
    }
}

/// Equal for values that [`AttrValue::same`] takes for equal.
fn key(value: &AttrValue) -> String {
    match value {
        AttrValue::Numbers { values, .. } => {
            let number = |scalar: &Scalar| match (scalar.as_i128(), scalar.as_f64()) {
                (Some(whole), _) => whole.to_string(),
                (None, Some(real)) if real.fract() == 0.0 && real.abs() < 1e15 => format!("{real:.0}"),
                (None, Some(real)) => format!("{real:?}"),
                _ => scalar.to_string(),
            };
            format!("n{}", values.iter().map(number).collect::<Vec<_>>().join(","))
        }
        _ => match value.as_text() {
            Some(text) => format!("t{text}"),
            None => format!("l{value}"),
        },
    }
}

fn numbers(values: &[&AttrValue]) -> Option<AttrValue> {
    let one = |value: &&AttrValue| match value {
        AttrValue::Numbers { dtype, values } if values.len() == 1 => Some((*dtype, values.first()?.clone())),
        _ => None,
    };
    let all: Vec<(DataType, Scalar)> = values.iter().map(one).collect::<Option<_>>()?;
    let first = all.first()?.0;
    let dtype = match all.iter().all(|(dtype, _)| *dtype == first) {
        true => first,
        false if all.iter().all(|(dtype, _)| !dtype.is_float()) => DataType::Int64,
        false => DataType::Float64,
    };
    Some(AttrValue::Numbers { dtype, values: all.into_iter().map(|(_, scalar)| scalar).collect() })
}

fn texts(values: &[&AttrValue]) -> AttrValue {
    let of = |value: &&AttrValue| match value {
        AttrValue::Text(text) => vec![text.clone()],
        AttrValue::Texts(texts) => texts.clone(),
        AttrValue::Numbers { .. } | AttrValue::Json(_) => vec![value.to_string()],
    };
    AttrValue::Texts(values.iter().flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> AttrValue {
        AttrValue::Text(value.into())
    }

    fn int(value: i64) -> AttrValue {
        AttrValue::number(DataType::Int32, Scalar::Int(value))
    }

    #[test]
    fn attributes_that_differ() {
        let files = |values: Vec<Option<AttrValue>>| -> Vec<Attrs> {
            let one = |value: Option<AttrValue>| value.map(|v| ("a".to_owned(), v)).into_iter().collect();
            values.into_iter().map(one).collect()
        };
        let (x, y) = (|| Some(text("x")), || Some(text("y")));
        let real = AttrValue::number(DataType::Float64, Scalar::Float(1.0));
        let rows = [
            ("equal", vec![x(), y()], None),
            ("first", vec![x(), y()], Some("\"x\"")),
            ("first", vec![None, y()], None),
            ("collect", vec![x(), y(), x(), None], Some("[\"x\", \"y\"]")),
            ("collect", vec![None, y()], Some("\"y\"")),
            ("collect", vec![Some(int(2)), Some(int(1)), Some(int(2))], Some("2, 1")),
            ("collect", vec![Some(int(1)), Some(real)], Some("1")),
            ("collect", vec![Some(int(1)), x()], Some("[\"1\", \"x\"]")),
        ];
        for (policy, values, expected) in rows {
            let what = format!("{policy} {values:?}");
            let files = files(values);
            let mut kept = files[0].clone();
            settle(&mut kept, BTreeSet::from(["a".to_owned()]), policy, files.iter());
            assert_eq!(kept.get("a").map(ToString::to_string).as_deref(), expected, "{what}");
        }
    }

    #[test]
    fn what_readers_split_is_never_a_list() {
        let one = |value: &str| -> Attrs { [("coordinates".to_owned(), text(value))].into_iter().collect() };
        let files = [one("lat lon"), one("y x")];
        let mut kept = files[0].clone();
        let out = settle(&mut kept, BTreeSet::from(["coordinates".to_owned()]), "collect", files.iter());
        assert_eq!((kept.is_empty(), out), (true, vec!["coordinates".to_owned()]));
    }
}

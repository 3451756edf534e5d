//! `rename`: variables and dimensions, and the CF attributes that name them.

use std::collections::BTreeMap;

use super::view::{FileView, REFERENCES, references};
use crate::attrs::AttrValue;
use crate::error::{Code, Error, Result};

pub(super) fn rename(
    view: &mut FileView,
    pairs: &BTreeMap<String, String>,
    missing: &mut Vec<String>,
) -> Result<()> {
    let names = view.names();
    missing.extend(pairs.keys().filter(|from| !names.contains(*from)).cloned());
    for to in pairs.iter().filter(|(from, _)| names.contains(*from)).map(|(_, to)| to) {
        if names.contains(to) && !pairs.contains_key(to) {
            return Err(Error::new(
                Code::StepInvalid,
                format!("`rename` to `{to}`, but the file has a `{to}` already"),
            )
            .help(format!("drop or rename `{to}` too")));
        }
    }
    let new = |name: &str| pairs.get(name).cloned();
    for mapped in &mut view.variables {
        let touched = new(&mapped.var.name).is_some()
            || mapped.var.dims.iter().any(|dim| new(dim).is_some())
            || references(&mapped.var).iter().any(|(_, name)| new(name).is_some());
        if !touched {
            continue;
        }
        let group = mapped.var.group().to_owned();
        let var = mapped.edit();
        for attr in REFERENCES {
            if let Some(text) = var.attrs.text(attr) {
                let words: Vec<String> =
                    text.split_whitespace().map(|word| renamed(word, &group, pairs)).collect();
                let words = words.join(" ");
                var.attrs.set(attr, AttrValue::Text(words));
            }
        }
        for dim in &mut var.dims {
            if let Some(to) = new(dim) {
                *dim = to;
            }
        }
        if let Some(to) = new(&var.name) {
            var.name = to;
        }
    }
    view.coords = view.coords.iter().map(|c| new(c).unwrap_or_else(|| c.clone())).collect();
    for unreadable in &mut view.unreadable {
        if let Some(to) = new(&unreadable.name) {
            unreadable.name = to;
        }
    }
    Ok(())
}

/// One word of a CF attribute: a name relative to `group`, or a label.
fn renamed(word: &str, group: &str, pairs: &BTreeMap<String, String>) -> String {
    let path = if group.is_empty() { word.to_owned() } else { format!("{group}/{word}") };
    match pairs.get(&path) {
        Some(to) => to.strip_prefix(&format!("{group}/")).unwrap_or(to).to_owned(),
        None => word.to_owned(),
    }
}

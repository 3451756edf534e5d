//! `flatten_groups`: the variables of groups move into the root.
//!
//! `product/no2` becomes `product_no2`, dimensions likewise, and CF attributes that name them follow. Attributes of
//! groups become attributes of the root under the same joined names. Names that clash are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::rename;
use super::stored::invalid;
use super::unmatched::Missing;
use super::view::{FileView, Mapped, REFERENCES};
use crate::attrs::AttrValue;
use crate::error::Result;
use crate::schema::group_of;

pub(super) fn flatten(view: &mut FileView, separator: &str) -> Result<()> {
    let flat = |path: &str| path.replace('/', separator);
    let pairs: BTreeMap<String, String> = view
        .names()
        .into_iter()
        .filter(|name| name.contains('/'))
        .map(|name| (name.clone(), flat(&name)))
        .collect();
    resolve(view);
    rename::apply(view, &pairs, "flatten_groups", &mut Missing::default())?;
    for mapped in &mut view.variables {
        rewrite(mapped, |word| word.trim_start_matches('/').to_owned());
    }
    for (path, attrs) in std::mem::take(&mut view.groups) {
        for (name, value) in attrs.iter() {
            if name == "coordinates" {
                // names of the group's variables, which are marked as those of a step are
                let words = value.as_text().unwrap_or_default().split_whitespace();
                view.coords.extend(words.map(|word| flat(&format!("{path}/{word}"))));
                continue;
            }
            let joined = format!("{}{separator}{name}", flat(&path));
            if view.attrs.get(&joined).is_some() {
                return Err(invalid(format!(
                    "`flatten_groups`: the attributes `{name}` of group `{path}` and `{joined}` of the root would both be `{joined}`"
                ))
                .help("choose another separator, or delete one of them by `attrs`"));
            }
            view.attrs.set(joined, value.clone());
        }
    }
    let known: Vec<String> = view.variables.iter().map(|m| m.var.name.clone()).collect();
    view.coords.retain(|name| known.contains(name));
    Ok(())
}

/// Names in CF attributes become absolute: they mean a variable of the same group, or of the nearest group around it.
fn resolve(view: &mut FileView) {
    let known: BTreeSet<String> = view.variables.iter().map(|m| m.var.name.clone()).collect();
    for mapped in &mut view.variables {
        let group = mapped.var.group().to_owned();
        rewrite(mapped, |word| {
            let mut around = group.as_str();
            while !around.is_empty() {
                let path = format!("{around}/{word}");
                if known.contains(&path) {
                    return format!("/{path}");
                }
                around = group_of(around);
            }
            word.to_owned()
        });
    }
}

/// Changes the names in CF attributes.
fn rewrite(mapped: &mut Mapped, change: impl Fn(&str) -> String) {
    for attr in REFERENCES {
        let Some(text) = mapped.var.attrs.text(attr) else { continue };
        let words: Vec<String> = text
            .split_whitespace()
            .map(|w| if w.ends_with(':') { w.to_owned() } else { change(w) })
            .collect();
        let words = words.join(" ");
        if words != text {
            mapped.edit().attrs.set(attr, AttrValue::Text(words));
        }
    }
}

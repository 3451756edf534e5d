//! `rename`: variables and dimensions, and the CF attributes that name them.

use std::collections::{BTreeMap, BTreeSet};

use super::FileContext;
use super::unmatched::Missing;
use super::view::{FileView, REFERENCES, references};
use crate::attrs::AttrValue;
use crate::axis::Key;
use crate::calendar::Calendar;
use crate::error::{Code, Error, Result};
use crate::recipe::Naming;
use crate::schema::path_in;

/// The new names in one file.
pub(super) fn names(
    view: &FileView,
    pairs: &BTreeMap<String, Naming>,
    context: FileContext<'_>,
) -> Result<BTreeMap<String, String>> {
    let invalid = |from: &str, why: String| {
        Error::new(Code::StepInvalid, format!("`rename` of `{from}`: {why}")).at(context.url)
    };
    let mut resolved = BTreeMap::new();
    for (from, naming) in pairs {
        let to = match naming {
            Naming::Name(name) => name.clone(),
            Naming::Template(template) => {
                let keys: Vec<(&str, &Key)> = context.keys.iter().map(|(a, k, _)| (a.as_str(), k)).collect();
                let calendar = context.keys.first().map_or(Calendar::Standard, |(_, _, calendar)| *calendar);
                template.render(&keys, calendar)?
            }
            Naming::Attr { variable, name } => {
                let attrs = match variable.as_str() {
                    "" => Some(&view.attrs),
                    variable => view.variable(variable).map(|m| &m.var.attrs),
                };
                let text = attrs.and_then(|attrs| attrs.text(name)).filter(|text| !text.is_empty());
                let label = format!("{variable}@{name}");
                text.ok_or_else(|| invalid(from, format!("the file has no text in `{label}`")))?.to_owned()
            }
        };
        let made = !matches!(naming, Naming::Name(_));
        if to.is_empty() || (made && (to.contains('/') || to.chars().any(char::is_control))) {
            return Err(invalid(from, format!("\"{to}\" is no name")));
        }
        resolved.insert(from.clone(), to);
    }
    Ok(resolved)
}

pub(super) fn rename(
    view: &mut FileView,
    pairs: &BTreeMap<String, String>,
    missing: &mut Missing,
) -> Result<()> {
    apply(view, pairs, "rename", missing)
}

/// As [`rename`], for the step of a name.
pub(super) fn apply(
    view: &mut FileView,
    pairs: &BTreeMap<String, String>,
    step: &str,
    missing: &mut Missing,
) -> Result<()> {
    let names = view.names();
    missing.extend(pairs.keys().filter(|from| !names.contains(*from)).cloned());
    check_collisions(view, pairs, step)?;
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

/// No two variables and no two dimensions of a file get one name; a variable may get a dimension's.
fn check_collisions(view: &FileView, pairs: &BTreeMap<String, String>, step: &str) -> Result<()> {
    let variables = view.variables.iter().map(|m| &m.var.name).chain(view.unreadable.iter().map(|u| &u.name));
    let dims: BTreeSet<&String> = view.variables.iter().flat_map(|m| &m.var.dims).collect();
    for names in [variables.collect::<BTreeSet<_>>(), dims] {
        let mut taken: BTreeMap<&String, &String> = BTreeMap::new();
        for name in names {
            let to = pairs.get(name).unwrap_or(name);
            if let Some(other) = taken.insert(to, name) {
                let message = if other == to || name == to {
                    let from = if name == to { other } else { name };
                    format!("`{step}` of `{from}` to `{to}`, but the file has a `{to}` already")
                } else {
                    format!("`{step}` gives both `{other}` and `{name}` the name `{to}`")
                };
                return Err(Error::new(Code::StepInvalid, message)
                    .help(format!("drop one of them, or choose another name than `{to}`")));
            }
        }
    }
    Ok(())
}

/// One word of a CF attribute: a name relative to `group`, or a label.
fn renamed(word: &str, group: &str, pairs: &BTreeMap<String, String>) -> String {
    match pairs.get(&path_in(group, word)) {
        Some(to) if word.starts_with('/') && to.contains('/') => format!("/{to}"),
        Some(to) => to.strip_prefix(&format!("{group}/")).unwrap_or(to).to_owned(),
        None => word.to_owned(),
    }
}

//! `drop`, `keep`, `set_coords`: which variables there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::unmatched::Missing;
use super::view::{FileView, REFERENCES, references};
use crate::attrs::{AttrValue, Attrs};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::schema::{Variable, path_in};

pub(super) fn drop(view: &mut FileView, patterns: &[String], missing: &mut Missing) -> Result<()> {
    for pattern in patterns {
        if !names::is_glob(pattern) && view.length(pattern).is_some() {
            return Err(Error::new(Code::StepInvalid, format!("`drop` names `{pattern}`, which is a dimension"))
                .help(format!(
                    "`squeeze: [{pattern}]` removes a dimension of length one; variables are dropped by their own names"
                )));
        }
        let fits = |name: &str| names::matches(pattern, name);
        let before = view.variables.len() + view.unreadable.len();
        let gone: Vec<String> =
            view.variables.iter().filter(|m| fits(&m.var.name)).map(|m| m.var.name.clone()).collect();
        view.variables.retain(|m| !fits(&m.var.name));
        view.unreadable.retain(|u| !fits(&u.name));
        view.coords.retain(|c| !fits(c));
        if view.variables.len() + view.unreadable.len() == before {
            missing.push(pattern.clone());
        }
        forget(view, &gone.into_iter().collect());
    }
    Ok(())
}

pub(super) fn keep(view: &mut FileView, patterns: &[String], missing: &mut Missing) {
    let mut kept = BTreeSet::new();
    for pattern in patterns {
        let names = view.variables.iter().map(|m| &m.var.name).chain(view.unreadable.iter().map(|u| &u.name));
        let found: Vec<String> = names.filter(|name| names::matches(pattern, name)).cloned().collect();
        if found.is_empty() {
            missing.push(pattern.clone());
        }
        kept.extend(found);
    }
    // what the kept ones need: coordinates of their dimensions, and whatever their CF attributes name, transitively
    loop {
        let needed: Vec<String> = view
            .variables
            .iter()
            .filter(|m| kept.contains(&m.var.name))
            .flat_map(|m| {
                let named = references(&m.var).into_iter().map(|(_, name)| name);
                named.chain(m.var.dims.iter().cloned()).collect::<Vec<_>>()
            })
            .filter(|name| view.variable(name).is_some() && !kept.contains(name))
            .collect();
        if needed.is_empty() {
            break;
        }
        kept.extend(needed);
    }
    let gone =
        view.variables.iter().map(|m| m.var.name.clone()).filter(|name| !kept.contains(name)).collect();
    view.variables.retain(|m| kept.contains(&m.var.name));
    view.unreadable.retain(|u| kept.contains(&u.name));
    view.coords.retain(|c| kept.contains(c));
    forget(view, &gone);
}

pub(super) fn set_coords(view: &mut FileView, patterns: &[String], missing: &mut Missing) {
    for pattern in patterns {
        let found: Vec<String> = view
            .variables
            .iter()
            .map(|m| m.var.name.clone())
            .filter(|name| names::matches(pattern, name))
            .collect();
        if found.is_empty() {
            missing.push(pattern.clone());
        }
        view.coords.extend(found);
    }
}

/// Removes names of variables that are gone from the CF attributes of those that stay.
pub(super) fn forget(view: &mut FileView, gone: &BTreeSet<String>) {
    if gone.is_empty() {
        return;
    }
    view.variables.iter_mut().for_each(|mapped| forget_names(&mut mapped.var, gone));
}

/// Removes names of variables that are gone from one variable's CF attributes.
pub(crate) fn forget_names(var: &mut Arc<Variable>, gone: &BTreeSet<String>) {
    if !references(var).iter().any(|(_, name)| gone.contains(name)) {
        return;
    }
    let group = var.group().to_owned();
    let var = Arc::make_mut(var);
    REFERENCES.iter().for_each(|attr| forget_words(&mut var.attrs, attr, &group, gone));
}

/// Removes names from one attribute of a group, or of a variable in it.
pub(super) fn forget_words(attrs: &mut Attrs, attr: &str, group: &str, gone: &BTreeSet<String>) {
    let Some(text) = attrs.text(attr).map(str::to_owned) else { return };
    let mut left: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        if gone.contains(&path_in(group, word)) {
            // the label in front of it (`area: areacella`) goes too
            if left.last().is_some_and(|label| label.ends_with(':')) {
                left.pop();
            }
        } else {
            left.push(word);
        }
    }
    if left.is_empty() {
        attrs.remove(attr);
    } else if left.len() < text.split_whitespace().count() {
        attrs.set(attr, AttrValue::Text(left.join(" ")));
    }
}

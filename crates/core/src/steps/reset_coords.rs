//! `reset_coords`: coordinates are data again.

use std::collections::BTreeSet;

use super::select::forget_words;
use super::stored::invalid;
use super::unmatched::Missing;
use super::view::FileView;
use crate::error::Result;
use crate::names;

/// Takes the marks off: those of steps, and the words of `coordinates` attributes. A dimension's coordinate stays one.
pub(super) fn reset_coords(view: &mut FileView, patterns: &[String], missing: &mut Missing) -> Result<()> {
    let mut reset = BTreeSet::new();
    for pattern in patterns {
        let found: Vec<_> = view.variables.iter().filter(|m| names::matches(pattern, &m.var.name)).collect();
        if found.is_empty() {
            missing.push(pattern.clone());
        }
        let (fixed, free): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|m| m.var.is_dimension_coordinate());
        if let (Some(one), true) = (fixed.first(), free.is_empty()) {
            let name = &one.var.name;
            return Err(invalid(format!(
                "`reset_coords` of `{name}`, which is the coordinate of a dimension"
            ))
            .help(format!("`rename: {{{name}: NAME}}` makes it a variable of another name")));
        }
        reset.extend(free.iter().map(|m| m.var.name.clone()));
    }
    view.coords.retain(|name| !reset.contains(name));
    forget_words(&mut view.attrs, "coordinates", "", &reset);
    for (path, attrs) in &mut view.groups {
        forget_words(attrs, "coordinates", path, &reset);
    }
    for mapped in &mut view.variables {
        if mapped.var.attrs.text("coordinates").is_some() {
            let group = mapped.var.group().to_owned();
            forget_words(&mut mapped.edit().attrs, "coordinates", &group, &reset);
        }
    }
    Ok(())
}

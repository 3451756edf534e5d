//! Steps that map globs of variables to what becomes of each. Globs leave coordinates and times alone.

use std::collections::BTreeSet;

use super::stored::{invalid, is_time};
use super::unmatched::Missing;
use super::view::{FileView, Mapped};
use crate::error::Result;
use crate::names;

/// Replaces every variable that a pattern matches by what `change` makes of it; patterns that match nothing go into
/// `missing`. A glob does not match what describes other variables, nor times: they are meant only by their names.
///
/// # Errors
/// Those of `change`, and `step-invalid` for a name of a variable that can't be read.
pub(super) fn each<'p, T>(
    view: &mut FileView,
    patterns: impl Iterator<Item = (&'p str, T)>,
    missing: &mut Missing,
    change: impl Fn(&FileView, &Mapped, &T, bool) -> Result<Option<Mapped>>,
) -> Result<()> {
    for (pattern, value) in patterns {
        let glob = names::is_glob(pattern);
        if let Some(unreadable) = view.unreadable.iter().find(|u| u.name == pattern) {
            return Err(invalid(format!("`{pattern}` can't be read: {}", unreadable.reason)));
        }
        let apart = if glob { described(view) } else { BTreeSet::new() };
        let mut found = false;
        for at in 0..view.variables.len() {
            let meant = |m: &&Mapped| names::matches(pattern, &m.var.name) && !apart.contains(&m.var.name);
            let Some(mapped) = view.variables.get(at).filter(meant) else { continue };
            found = true;
            let changed = change(view, mapped, &value, glob).map_err(|e| e.in_variable(&mapped.var.name))?;
            if let (Some(changed), Some(slot)) = (changed, view.variables.get_mut(at)) {
                *slot = changed;
            }
        }
        if !found {
            missing.push(pattern.to_owned());
        }
    }
    Ok(())
}

/// Coordinates, their bounds and whatever else describes other variables; times and their bounds.
fn described(view: &FileView) -> BTreeSet<String> {
    let times = view.variables.iter().filter(|m| is_time(view, &m.var)).map(|m| m.var.name.clone());
    view.auxiliary().into_iter().chain(times).collect()
}

//! Notes on what is taken as it is, and worth knowing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Group;
use super::{CombinedVar, Context, Note, time};
use crate::dtype::DataType;

/// Items that are named in a note.
const SHOWN: usize = 20;

/// All notes of this kind.
pub(super) fn all(context: &Context<'_>, groups: &[Group], variables: &[CombinedVar]) -> Vec<Note> {
    let mut notes = empty_files(context);
    notes.extend(groups.iter().flat_map(|group| units_taken(context, group)));
    notes.extend(variables.iter().filter_map(wide_integers));
    notes
}

/// Files that have nothing along a concat axis.
fn empty_files(context: &Context<'_>) -> Vec<Note> {
    let one = |name: &String| {
        let empty = context.files.iter().filter(|file| file.view.length(name) == Some(0));
        let urls: Vec<String> = empty.map(|file| file.url.to_string()).collect();
        let what = match urls.len() {
            0 => return None,
            1 => "1 file has no items along it".to_owned(),
            count => format!("{count} files have no items along it"),
        };
        Some(listed(name, what, urls))
    };
    context.axes.iter().filter(|axis| axis.is_concat()).filter_map(|axis| one(&axis.name)).collect()
}

fn listed(variable: &str, what: String, mut items: Vec<String>) -> Note {
    let more = items.len().saturating_sub(SHOWN) as u64;
    items.truncate(SHOWN);
    Note { variable: variable.to_owned(), what, items, more }
}

/// Units that differ from the first file's and are called by its name, by policy.
fn units_taken(context: &Context<'_>, group: &Group) -> Vec<Note> {
    if context.policies.get("units", &group.name) != "first" {
        return Vec::new();
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let Some((_, model)) = group.first(context.files).filter(|(_, m)| !time::is_time_like(&m.var)) else {
        return Vec::new();
    };
    let show = |var: &crate::schema::Variable| match var.attrs.get("units") {
        Some(units) => format!("units {units}"),
        None => "no `units`".to_owned(),
    };
    for mapped in group.files.iter().filter_map(|o| o.mapped(context.files)) {
        if !Arc::ptr_eq(&mapped.var, &model.var) {
            *counts.entry(show(&mapped.var)).or_default() += 1;
        }
    }
    let own = show(&model.var);
    counts.remove(&own);
    let note = |(units, count): (String, u64)| {
        let files = if count == 1 { "file has" } else { "files have" };
        let what = format!(
            "{count} {files} {units}, and the numbers are taken as they are, with the first file's {own}"
        );
        listed(&group.name, what, Vec::new())
    };
    counts.into_iter().map(note).collect()
}

/// Large integers that a reader decodes to doubles because of their `_FillValue`.
fn wide_integers(variable: &CombinedVar) -> Option<Note> {
    let var = &variable.var;
    let wide = matches!(var.dtype, DataType::Int64 | DataType::UInt64) && var.attrs.packed_by().is_none();
    if !wide || var.fill.is_none() || variable.coordinate || time::is_time_like(var) {
        return None;
    }
    let what = format!(
        "{} with a _FillValue: xarray decodes it to float64, which holds integers up to 2^53; to keep them exact there, delete `{}@_FillValue` (step `attrs`)",
        var.dtype, var.name
    );
    Some(listed(&var.name, what, Vec::new()))
}

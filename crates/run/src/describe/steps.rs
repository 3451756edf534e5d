//! What the steps make of the first file, step by step.

use std::fmt::Write;

use arcoforge_core::figures::first_of;
use arcoforge_core::steps::{FileView, Mapped};
use serde_json::{Value, json};

use crate::figures::count;
use crate::prepare::Prepared;

/// Changes of one step that are shown.
const CHANGES_SHOWN: usize = 8;

/// One line per step; nothing where the recipe has none.
pub(super) fn text(out: &mut String, prepared: &Prepared) {
    if prepared.history.len() < 2 {
        return;
    }
    let width = prepared.history.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    out.push_str("\nsteps, on the first file:\n");
    for (number, pair) in prepared.history.windows(2).enumerate() {
        let [(_, before), (name, after)] = pair else { continue };
        let found = changes(before, after);
        let shown = first_of(&found, CHANGES_SHOWN, "; ");
        let shown = match (shown.is_empty(), *name) {
            (true, "pyramid") => {
                let coarser = prepared.plan.levels.len() as u64;
                format!("{} of the whole dataset", count(coarser, "coarser level"))
            }
            (true, _) => "changes nothing here".to_owned(),
            (false, _) => shown,
        };
        let _ = writeln!(out, "  {} {name:<width$}  {shown}", number + 1);
    }
}

/// Every step with what it changes and the whole schema after it.
pub(super) fn json(prepared: &Prepared) -> Value {
    let one = |pair: &[(&'static str, FileView)]| match pair {
        [(_, before), (name, after)] => Some(json!({
            "step": name,
            "changes": changes(before, after),
            "variables": after.variables.iter().map(variable).collect::<Vec<_>>(),
        })),
        _ => None,
    };
    prepared.history.windows(2).filter_map(one).collect()
}

fn variable(mapped: &Mapped) -> Value {
    let var = &mapped.var;
    json!({"name": var.name, "dtype": var.dtype.name(), "dims": var.dims, "shape": var.shape})
}

/// What is new, gone, renamed, or of another length, type or dimensions.
fn changes(before: &FileView, after: &FileView) -> Vec<String> {
    let mut found = Vec::new();
    let is_new = |mapped: &&Mapped| before.variable(&mapped.var.name).is_none();
    let is_gone = |mapped: &&Mapped| after.variable(&mapped.var.name).is_none();
    let mut new: Vec<&Mapped> = after.variables.iter().filter(is_new).collect();
    for gone in before.variables.iter().filter(is_gone) {
        let name = &gone.var.name;
        match new.iter().position(|m| m.origin == gone.origin && m.var.dtype == gone.var.dtype) {
            Some(at) => found.push(format!("{name} -> {}", new.remove(at).var.name)),
            None => found.push(format!("- {name}")),
        }
    }
    for mapped in new {
        let var = &mapped.var;
        found.push(format!("+ {} {}({})", var.dtype, var.name, var.dims.join(", ")));
    }
    for (dim, length) in lengths(after) {
        if let Some(old) = before.length(&dim).filter(|old| *old != length) {
            found.push(format!("{dim}: {old} -> {length}"));
        }
    }
    for mapped in &after.variables {
        if let Some(old) = before.variable(&mapped.var.name) {
            found.extend(change(old, mapped));
        }
    }
    found.extend(marks(before, after));
    if before.attrs != after.attrs {
        found.push("global attributes".to_owned());
    }
    found
}

fn lengths(view: &FileView) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = Vec::new();
    for (dim, &length) in view.variables.iter().flat_map(|m| m.var.dims.iter().zip(&m.var.shape)) {
        if !found.iter().any(|(known, _)| known == dim) {
            found.push((dim.clone(), length));
        }
    }
    found
}

/// What a step changes in a variable.
fn change(old: &Mapped, new: &Mapped) -> Option<String> {
    let (a, b) = (&old.var, &new.var);
    let name = &b.name;
    let mut parts = Vec::new();
    if a.dims != b.dims {
        parts.push(format!("({}) -> ({})", a.dims.join(", "), b.dims.join(", ")));
    }
    if a.dtype != b.dtype {
        parts.push(format!("{} -> {}", a.dtype, b.dtype));
    }
    if parts.is_empty() && old.origin != new.origin && a.shape == b.shape {
        parts.push("values".to_owned());
    }
    let fills = match (&a.fill, &b.fill) {
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    if parts.is_empty() && (a.attrs != b.attrs || !fills) {
        parts.push("attributes".to_owned());
    }
    (!parts.is_empty()).then(|| format!("{name}: {}", parts.join(", ")))
}

/// Coordinates that are marked, or are no more.
fn marks(before: &FileView, after: &FileView) -> Vec<String> {
    let (old, new) = (before.auxiliary(), after.auxiliary());
    let known = |name: &&String| before.variable(name).is_some() && after.variable(name).is_some();
    let marked = new.difference(&old).filter(known).map(|name| format!("{name} is a coordinate"));
    let reset = old.difference(&new).filter(known).map(|name| format!("{name} is data"));
    marked.chain(reset).collect()
}

//! `flip`: dimensions are counted from the other end, in every variable that has them.

use super::unmatched::Missing;
use super::view::FileView;
use crate::derived::Runs;

pub(super) fn flip(view: &mut FileView, dims: &[String], missing: &mut Missing) {
    for dim in dims {
        match view.length(dim) {
            Some(length) => pick(view, dim, &Runs::reversed(length)),
            None => missing.push(dim.clone()),
        }
    }
}

/// Takes these cells of a dimension, in every variable that has it.
pub(super) fn pick(view: &mut FileView, dim: &str, runs: &Runs) {
    for mapped in &mut view.variables {
        let Some(at) = mapped.var.dims.iter().position(|d| d == dim) else { continue };
        let length = mapped.var.shape.get(at).copied().unwrap_or(0);
        if runs.is_identity(length) {
            continue;
        }
        *mapped = mapped.clone().pick_along(at, runs);
    }
}

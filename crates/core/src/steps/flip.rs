//! `flip`: dimensions are counted from the other end, in every variable that has them.

use super::view::FileView;
use crate::derived::{Rule, Runs};
use crate::dtype::Scalar;

pub(super) fn flip(view: &mut FileView, dims: &[String], missing: &mut Vec<String>) {
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
        let picked = (0..mapped.var.dims.len()).map(|d| (d == at).then(|| runs.clone())).collect();
        // no run leads to a cell that is not there
        let rule = Rule::Pick { runs: picked, missing: Scalar::Int(0) };
        *mapped = mapped.clone().derive(rule, |var| {
            if let Some(length) = var.shape.get_mut(at) {
                *length = runs.len();
            }
        });
    }
}

//! Cells of a dimension in another order, or only some of them, in every variable that has it.

use std::sync::Arc;

use crate::combine::{Along, CombinedVar, Content, Pieces};
use crate::derived::{Runs, taken};
use crate::error::{Code, Error, Result};
use crate::schema::Variable;

/// Takes these cells of `dim` in all variables. Nothing is read: values in hand are copied, of files the segments.
///
/// # Errors
/// A defect where `runs` lead out of the dimension.
pub fn pick(variables: &mut [CombinedVar], dim: &str, runs: &Runs) -> Result<()> {
    for variable in variables {
        let Some(at) = variable.var.dims.iter().position(|d| d == dim) else { continue };
        let length = variable.var.shape.get(at).copied().unwrap_or(0);
        if runs.is_identity(length) {
            continue;
        }
        if runs.runs().iter().any(|run| run.first.is_none_or(|first| first + run.count > length)) {
            let name = &variable.var.name;
            return Err(
                Error::new(Code::Bug, "a cell that is taken lies outside its dimension").in_variable(name)
            );
        }
        match &mut variable.content {
            Content::Values(block) => *block = Arc::new(taken(block, &along(&variable.var, at, runs))?),
            Content::Pieces(pieces) => *pieces = picked(pieces, at, length, runs),
        }
        if let Some(slot) = Arc::make_mut(&mut variable.var).shape.get_mut(at) {
            *slot = runs.len();
        }
    }
    Ok(())
}

/// `runs` along one dimension, all cells along the others.
pub(super) fn along(var: &Variable, at: usize, runs: &Runs) -> Vec<Runs> {
    let of = |(dim, &n): (usize, &u64)| if dim == at { runs.clone() } else { Runs::range(0..n) };
    var.shape.iter().enumerate().map(of).collect()
}

/// The files of a variable with these cells along its dimension `at`.
pub(super) fn picked(pieces: &Pieces, at: usize, length: u64, runs: &Runs) -> Pieces {
    let mut along = pieces.along.clone();
    match along.iter_mut().find(|along| along.dim == at) {
        Some(own) => *own = own.pick(runs),
        // one file along it: the last and fastest key, so that files stay where they are
        None => along.push(Along::of_one(at, length).pick(runs)),
    }
    Pieces { along, files: pieces.files.clone() }
}

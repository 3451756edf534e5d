//! Arranging: what is done to the combined dataset and not to each file: the order of its cells, which of them stay, where
//! longitudes begin, how times are stored.
//!
//! Nothing is read here: values in hand are computed anew, of what is in files other cells are taken. Values that decide
//! and that combining does not need are those of [`needs`].

mod hand;
mod pick;
mod roll;
mod times;
mod twice;

use std::sync::Arc;

use crate::combine::{Combined, CombinedVar, Content, File};
use crate::derived::Runs;
use crate::error::{Code, Error, Result};
use crate::names;
use crate::pyramid::Levels;
use crate::recipe::{Kept, Selection, Step};
use crate::selection::{self, Coordinate};
use crate::steps;

pub use pick::pick;
pub use times::needs;
pub use twice::Comparison;
pub(crate) use twice::{Double, compare, doubles, left};

/// Carries out the steps of the dataset, in their order. `files` are those that were combined, with their values.
///
/// # Errors
/// `step-unknown-variable` for what the dataset does not have, `step-invalid` where a step can't be carried out on this
/// data, `combine-duplicates` where `dedupe: identical` finds values that differ, what times can't be stored as.
pub fn arrange(combined: &mut Combined, steps: &[Step], files: &[File]) -> Result<(), Vec<Error>> {
    for (number, step) in steps.iter().enumerate() {
        let place = |mut error: Error| {
            error.message = format!("step {} (`{}`): {}", number + 1, steps::name(step), error.message);
            vec![error]
        };
        match step {
            Step::Sort(dims) => {
                dims.iter().try_for_each(|(dim, falls)| sort(combined, dim, *falls)).map_err(place)?;
            }
            Step::Dedupe(dims) => {
                for (dim, kept) in dims {
                    dedupe(combined, dim, *kept, files).map_err(place)??;
                }
            }
            Step::Roll(dims) => {
                dims.iter().try_for_each(|(dim, west)| roll::roll(combined, dim, *west)).map_err(place)?;
            }
            Step::TimeEncoding(encodings) => times::encode(combined, encodings, files).map_err(place)?,
            Step::Pyramid(step) => {
                let levels = Levels::of(combined, step).map_err(place)?;
                combined.notes.extend(levels.notes(combined));
                combined.pyramid = Some(levels);
            }
            Step::Subset(parts) => {
                parts.iter().try_for_each(|part| subset(combined, part)).map_err(place)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A dimension's coordinate with its values.
fn coordinate_of(combined: &Combined, dim: &str) -> Result<Option<CombinedVar>> {
    if !combined.variables.iter().any(|v| v.var.dims.iter().any(|d| d == dim)) {
        return Err(unknown(dim, "no dimension of the dataset", dims(combined)));
    }
    let own = |v: &&CombinedVar| v.var.name == dim && v.var.is_dimension_coordinate();
    Ok(combined.variables.iter().find(own).cloned())
}

fn dims(combined: &Combined) -> impl Iterator<Item = &str> {
    combined.variables.iter().flat_map(|v| &v.var.dims).map(String::as_str)
}

fn unknown<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::new(Code::StepUnknownVariable, format!("`{name}` is {what}"));
    match names::nearest(name, known) {
        Some(near) => error.help(format!("the nearest name is `{near}`")),
        None => error.help("`arcoforge inspect FILE` lists the names"),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::StepInvalid, message)
}

/// The coordinate that a step is decided by, and its values.
fn deciding(combined: &Combined, dim: &str) -> Result<(CombinedVar, Arc<crate::block::Block>)> {
    let variable = coordinate_of(combined, dim)?.ok_or_else(|| {
        invalid(format!("the dimension `{dim}` has no coordinate"))
            .help(format!("a variable of the name `{dim}` along `{dim}` would be one"))
    })?;
    match &variable.content {
        Content::Values(block) => {
            let block = Arc::clone(block);
            Ok((variable, block))
        }
        Content::Pieces(_) => {
            Err(invalid(format!("the coordinate `{dim}` is too large to be kept in memory")))
        }
    }
}

fn runs(cells: impl IntoIterator<Item = usize>) -> Runs {
    Runs::of_cells(cells.into_iter().map(|cell| Some(cell as u64)))
}

/// Equal positions stay in their order, missing ones are last.
fn sort(combined: &mut Combined, dim: &str, falls: bool) -> Result<()> {
    let (variable, block) = deciding(combined, dim)?;
    let coordinate = Coordinate::of(&variable.var, &block, block.len())?;
    let mut cells: Vec<usize> = (0..coordinate.len()).collect();
    let missing = |cell: usize| coordinate.texts().is_none() && coordinate.is_missing(cell);
    cells.sort_by(|&a, &b| {
        let order = coordinate.order(a, b);
        if falls && !missing(a) && !missing(b) { order.reverse() } else { order }
    });
    pick(&mut combined.variables, dim, &runs(cells))
}

/// The outer error is of the step, the inner ones say which values differ.
fn dedupe(combined: &mut Combined, dim: &str, kept: Kept, files: &[File]) -> Result<Result<(), Vec<Error>>> {
    let (variable, block) = deciding(combined, dim)?;
    let coordinate = Coordinate::of(&variable.var, &block, block.len())?;
    let twice = doubles(&coordinate, kept);
    if twice.is_empty() {
        return Ok(Ok(()));
    }
    if kept == Kept::Identical {
        let mut problems = Vec::new();
        let url = |cell: usize| url_at(&combined.variables, dim, cell as u64, files);
        let found = compare(&combined.variables, dim, &coordinate, &twice, &url, &mut problems)?;
        if !problems.is_empty() {
            return Ok(Err(problems.iter().map(crate::combine::Disagreement::to_error).collect()));
        }
        combined.compare.extend(found);
    }
    pick(&mut combined.variables, dim, &runs(left(coordinate.len(), &twice)))?;
    Ok(Ok(()))
}

/// The file of a cell along a dimension, as the first variable that lies in files tells it.
fn url_at(variables: &[CombinedVar], dim: &str, cell: u64, files: &[File]) -> String {
    let of = |variable: &CombinedVar| {
        let Content::Pieces(pieces) = &variable.content else { return None };
        let at = variable.var.dims.iter().position(|d| d == dim)?;
        let mut cells = vec![0; variable.var.dims.len()];
        *cells.get_mut(at)? = cell;
        pieces.file(&cells).and_then(|piece| files.get(piece.file as usize)).map(|file| file.url.to_string())
    };
    variables.iter().find_map(of).unwrap_or_else(|| format!("item {cell} of `{dim}`"))
}

/// A part along a dimension.
fn subset(combined: &mut Combined, part: &Selection) -> Result<()> {
    let Some(dim) = selection::dim_of(part).filter(|dim| combined.concat.iter().any(|c| c == dim)) else {
        return Ok(());
    };
    let variable = coordinate_of(combined, dim)?;
    let found = combined.variables.iter().find_map(|v| v.var.length(dim)).unwrap_or(0);
    let block = match variable.as_ref().map(|variable| &variable.content) {
        Some(Content::Values(block)) => Some(Arc::clone(block)),
        _ => None,
    };
    let coordinate = variable.as_ref().zip(block.as_ref()).map(|(v, block)| (&*v.var, &**block));
    let runs = selection::select(part, coordinate, found)?;
    pick(&mut combined.variables, dim, &runs)
}

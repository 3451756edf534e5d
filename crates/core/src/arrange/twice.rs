//! Positions that stand in the data more than once: which one is kept, and whether the others say the same.

use std::cmp::Ordering;
use std::sync::Arc;

use super::pick::{along, picked};
use crate::block::{Block, BlockData};
use crate::chunk::ChunkGrid;
use crate::combine::{CombinedVar, Content, Difference, Disagreement, Pieces};
use crate::derived::{Runs, taken};
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::recipe::Kept;
use crate::schema::Variable;
use crate::selection::Coordinate;

/// Cells of a variable that must be equal bit for bit (a NaN is any NaN) to those that are kept in their place. They are
/// in the files, and are compared before anything is published.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The variable; along `dim` it is as long as `labels`.
    pub var: Arc<Variable>,
    /// The value of cells that no file holds.
    pub unwritten: Scalar,
    /// The dimension's place in the variable.
    pub dim: usize,
    /// The cells that are kept.
    pub kept: Pieces,
    /// Those that are dropped, in the same order.
    pub dropped: Pieces,
    /// The coordinate of every pair.
    pub labels: Arc<[String]>,
}

/// A cell with others of the same position: the one that is kept, and one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Double {
    pub(crate) kept: usize,
    pub(crate) dropped: usize,
}

/// Cells of one position, in the order of the positions; each dropped one with the one that is kept.
pub(crate) fn doubles(coordinate: &Coordinate<'_>, kept: Kept) -> Vec<Double> {
    let mut cells: Vec<usize> = (0..coordinate.len()).filter(|&cell| !coordinate.is_missing(cell)).collect();
    // stable: equal positions stay in the order of the files
    cells.sort_by(|&a, &b| coordinate.order(a, b));
    let same = |&a: &usize, &b: &usize| coordinate.order(a, b) == Ordering::Equal;
    let groups = cells.chunk_by(same).filter(|group| group.len() > 1);
    let of = |group: &[usize]| {
        let keeper = if kept == Kept::Last { group.last() } else { group.first() }.copied();
        let others = group.iter().copied().filter(|&cell| Some(cell) != keeper).collect::<Vec<_>>();
        others.into_iter().filter_map(move |dropped| Some(Double { kept: keeper?, dropped }))
    };
    groups.flat_map(of).collect()
}

/// The cells that are left.
pub(crate) fn left(length: usize, doubles: &[Double]) -> Vec<usize> {
    let mut dropped: Vec<usize> = doubles.iter().map(|double| double.dropped).collect();
    dropped.sort_unstable();
    (0..length).filter(|cell| dropped.binary_search(cell).is_err()).collect()
}

/// Compares what stands at doubles of `dim`: what is in hand at once, what is in files by the comparisons that are given
/// back. `url` names the file of a cell.
///
/// # Errors
/// A defect where cells lie outside their dimension.
pub(crate) fn compare(
    variables: &[CombinedVar],
    dim: &str,
    coordinate: &Coordinate<'_>,
    doubles: &[Double],
    url: &dyn Fn(usize) -> String,
    problems: &mut Vec<Disagreement>,
) -> Result<Vec<Comparison>> {
    let cells =
        |cell: &dyn Fn(&Double) -> usize| Runs::of_cells(doubles.iter().map(|d| Some(cell(d) as u64)));
    let (kept, dropped) = (cells(&|d| d.kept), cells(&|d| d.dropped));
    let labels: Arc<[String]> = doubles.iter().map(|double| coordinate.show(double.kept)).collect();
    let mut found = Vec::new();
    for variable in variables.iter().filter(|v| v.var.name != dim) {
        let var = &variable.var;
        let Some(at) = var.dims.iter().position(|d| d == dim) else { continue };
        let length = var.shape.get(at).copied().unwrap_or(0);
        match &variable.content {
            Content::Values(block) => {
                let (a, b) =
                    (taken(block, &along(var, at, &kept))?, taken(block, &along(var, at, &dropped))?);
                let Some((cell, first, second)) = difference(&a, &b) else { continue };
                let pair = place_of(&a.shape, cell).get(at).copied().unwrap_or(0) as usize;
                let Some(double) = doubles.get(pair) else { continue };
                problems.push(Disagreement {
                    code: Code::CombineDuplicates,
                    variable: var.name.clone(),
                    what: what(&var.name, dim, labels.get(pair).map_or("?", String::as_str)),
                    found: vec![
                        Difference::new(url(double.kept), first),
                        Difference::new(url(double.dropped), second),
                    ],
                    help: HELP.to_owned(),
                });
            }
            Content::Pieces(pieces) => {
                let mut var = var.clone();
                if let Some(slot) = Arc::make_mut(&mut var).shape.get_mut(at) {
                    *slot = doubles.len() as u64;
                }
                found.push(Comparison {
                    var,
                    unwritten: variable.unwritten.clone(),
                    dim: at,
                    kept: picked(pieces, at, length, &kept),
                    dropped: picked(pieces, at, length, &dropped),
                    labels: Arc::clone(&labels),
                });
            }
        }
    }
    Ok(found)
}

const HELP: &str = "`combine.duplicates: first` or `last` takes one of them all the same";

fn what(name: &str, dim: &str, label: &str) -> String {
    format!("`{name}` has several values at `{dim}` {label}, which `identical` does not decide")
}

/// The place of a flat cell along every dimension.
fn place_of(shape: &[u64], cell: usize) -> Vec<u64> {
    ChunkGrid::new(shape.to_vec(), vec![1; shape.len()]).index(cell as u64)
}

impl Comparison {
    /// The refusal where a box of both, from `origin` on, differs; the files are those of the cell. `None` where the
    /// boxes are equal.
    pub fn refusal(
        &self,
        (kept, dropped): (&Block, &Block),
        origin: &[u64],
        url: impl Fn(&Pieces, &[u64]) -> String,
    ) -> Option<Error> {
        let (cell, first, second) = difference(kept, dropped)?;
        let at: Vec<u64> =
            place_of(&kept.shape, cell).iter().zip(origin).map(|(at, start)| at + start).collect();
        let pair = at.get(self.dim).copied().unwrap_or(0) as usize;
        let dim = self.var.dims.get(self.dim).map_or("?", String::as_str);
        let disagreement = Disagreement {
            code: Code::CombineDuplicates,
            variable: self.var.name.clone(),
            what: what(&self.var.name, dim, self.labels.get(pair).map_or("?", String::as_str)),
            found: vec![
                Difference::new(url(&self.kept, &at), first),
                Difference::new(url(&self.dropped, &at), second),
            ],
            help: HELP.to_owned(),
        };
        Some(disagreement.to_error())
    }
}

/// The first cell that differs, with both values; a NaN equals any NaN.
fn difference(a: &Block, b: &Block) -> Option<(usize, String, String)> {
    let differs = |cell: usize| {
        let (x, y) = (a.scalar(cell)?, b.scalar(cell)?);
        (!x.same(&y)).then(|| (cell, x.to_string(), y.to_string()))
    };
    match (&a.data, &b.data) {
        (BlockData::Bytes(x), BlockData::Bytes(y)) if x == y => None,
        (BlockData::Text(x), BlockData::Text(y)) if x == y => None,
        _ => (0..usize::try_from(a.len()).ok()?).find_map(differs),
    }
}

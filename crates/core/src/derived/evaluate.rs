//! Computing a box of a variable's cells.

use std::ops::Range;

use super::cells::{filled, take};
use super::spread::input_region;
use super::{Derived, Rule, Runs, flagged, formula, op};
use crate::block::Block;
use crate::chunk::Region;
use crate::combine::place;
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::steps::{Mapped, Origin, permute};

/// Reads a box of a variable that is one array of the file, in the variable's own dimensions.
pub type ReadCells<'a> = dyn FnMut(&Mapped, &Region) -> Result<Block> + 'a;

/// More cells than this many times those wanted are not read only because they lie between them.
const HULL_MAX: u64 = 4;

/// The cells of `region` of a variable, of its type and in its dimensions. Texts are whole arrays in memory before.
///
/// # Errors
/// What `read` reports; values that an operation can't represent.
pub fn evaluate(mapped: &Mapped, region: &Region, read: &mut ReadCells<'_>) -> Result<Block> {
    match &mapped.origin {
        Origin::Source { .. } => read(mapped, region),
        Origin::Constant(block) => part(block, region),
        Origin::Held => Err(Error::new(Code::Bug, "values that are in hand elsewhere")),
        Origin::Derived(derived) => rule(mapped, derived, region, read),
    }
}

fn rule(mapped: &Mapped, derived: &Derived, region: &Region, read: &mut ReadCells<'_>) -> Result<Block> {
    let input = || derived.inputs.first().ok_or_else(|| Error::new(Code::Bug, "a rule without an input"));
    match &derived.rule {
        Rule::Axes(axes) => {
            let input = input()?;
            Ok(permute(evaluate(input, &moved(axes, input, region), read)?, axes))
        }
        Rule::Pick { runs, missing } => pick(mapped, input()?, runs, missing, region, read),
        Rule::Map(ops) => {
            let input = evaluate(input()?, region, read)?;
            op::apply_all(ops, input).map_err(|e| named(e, &mapped.var.name))
        }
        Rule::Filled(value) => filled(mapped.var.dtype, region.shape(), value),
        Rule::Formula { formula, axes } => {
            let made = formula::compute((formula, axes), mapped, derived, region, read);
            made.map_err(|e| named(e, &mapped.var.name))
        }
        Rule::Flagged { flags, fill } => flagged::compute(flags, fill, derived, region, read),
    }
}

/// A help for the variable: operations do not know its name.
fn named(mut error: Error, name: &str) -> Error {
    error.help = error.help.map(|help| help.replace("NAME", name));
    error
}

/// A part of values in hand.
fn part(block: &Block, region: &Region) -> Result<Block> {
    taken(block, &region.0.iter().cloned().map(Runs::range).collect::<Vec<_>>())
}

/// These cells of a block, along every dimension in the order of its runs; zero where a run has no cells.
///
/// # Errors
/// A defect where a run leads out of the block.
pub fn taken(block: &Block, runs: &[Runs]) -> Result<Block> {
    let whole = |(runs, &n): (&Runs, &u64)| runs.is_identity(n);
    if runs.iter().zip(&block.shape).all(whole) {
        return Ok(block.clone());
    }
    let place = |cell: Option<u64>| cell.map(|c| c as usize);
    let places: Vec<Vec<Option<usize>>> =
        runs.iter().map(|r| r.cells(&(0..r.len())).into_iter().map(place).collect()).collect();
    take(block, &places, &Scalar::Int(0))
}

/// Calls `visit` with what [`evaluate`] will read, in that order, and computes nothing.
pub fn leaves(mapped: &Mapped, region: &Region, visit: &mut dyn FnMut(&Mapped, &Region)) {
    let derived = match &mapped.origin {
        Origin::Source { .. } => return visit(mapped, region),
        Origin::Constant(_) | Origin::Held => return,
        Origin::Derived(derived) => derived,
    };
    let inputs = derived.inputs.as_slice();
    let (first, others) = (inputs.first(), inputs.get(1..).unwrap_or_default());
    let mut of_first = |region: &Region| first.into_iter().for_each(|input| leaves(input, region, visit));
    match &derived.rule {
        Rule::Axes(axes) => of_first(&first.map_or_else(|| region.clone(), |i| moved(axes, i, region))),
        Rule::Pick { runs, .. } => match picked(runs, region) {
            Picked::Nothing => {}
            Picked::Halves(dim) => halved(region, dim).iter().for_each(|half| leaves(mapped, half, visit)),
            Picked::Box { hull, .. } => of_first(&hull),
        },
        Rule::Map(_) => of_first(region),
        Rule::Filled(_) => {}
        Rule::Formula { axes, .. } => {
            for (input, axes) in inputs.iter().zip(axes) {
                leaves(input, &input_region(axes, region), visit);
            }
        }
        Rule::Flagged { flags, .. } => {
            of_first(region);
            for (input, (axes, _)) in others.iter().zip(flags) {
                leaves(input, &input_region(axes, region), visit);
            }
        }
    }
}

/// A box of an array in the order of its own axes.
fn moved(axes: &[Option<usize>], input: &Mapped, region: &Region) -> Region {
    let mut ranges: Vec<Range<u64>> = vec![0..1; input.var.dims.len()];
    for (axis, range) in axes.iter().zip(&region.0) {
        if let Some(slot) = axis.and_then(|a| ranges.get_mut(a)) {
            *slot = range.clone();
        }
    }
    Region(ranges)
}

/// How the cells of a box are picked.
enum Picked {
    /// None of them is in the input.
    Nothing,
    /// They lie far apart along a dimension: one half after the other.
    Halves(usize),
    /// As a box of the input, and where each cell lies there along every dimension.
    Box { hull: Region, places: Vec<Vec<Option<u64>>> },
}

fn picked(runs: &[Option<Runs>], region: &Region) -> Picked {
    if region.cells() == 0 {
        return Picked::Nothing;
    }
    let mut places: Vec<Vec<Option<u64>>> = Vec::with_capacity(runs.len());
    let mut hull: Vec<Range<u64>> = Vec::with_capacity(runs.len());
    for (runs, range) in runs.iter().zip(&region.0) {
        let cells = match runs {
            Some(runs) => runs.cells(range),
            None => (range.start..range.end).map(Some).collect(),
        };
        let (low, high) = (cells.iter().flatten().min(), cells.iter().flatten().max());
        let (Some(low), Some(high)) = (low, high) else { return Picked::Nothing };
        hull.push(*low..*high + 1);
        places.push(cells);
    }
    let widest = (0..hull.len()).max_by_key(|&d| {
        let (hull, wanted) = (hull.get(d).map_or(0, |r| r.end - r.start), places.get(d).map_or(1, Vec::len));
        hull / wanted.max(1) as u64
    });
    if let Some(dim) = widest
        && let (Some(range), Some(cells)) = (hull.get(dim), places.get(dim))
        && range.end - range.start > HULL_MAX * cells.len() as u64
        && cells.len() > 1
    {
        return Picked::Halves(dim);
    }
    Picked::Box { hull: Region(hull), places }
}

fn pick(
    mapped: &Mapped,
    input: &Mapped,
    runs: &[Option<Runs>],
    missing: &Scalar,
    region: &Region,
    read: &mut ReadCells<'_>,
) -> Result<Block> {
    let (hull, places) = match picked(runs, region) {
        Picked::Nothing => return filled(mapped.var.dtype, region.shape(), missing),
        Picked::Halves(dim) => {
            return halves(mapped, region, dim, &mut |half| pick(mapped, input, runs, missing, half, read));
        }
        Picked::Box { hull, places } => (hull, places),
    };
    let block = evaluate(input, &hull, read)?;
    let local: Vec<Vec<Option<usize>>> = places
        .iter()
        .zip(&hull.0)
        .map(|(cells, range)| cells.iter().map(|c| c.map(|c| (c - range.start) as usize)).collect())
        .collect();
    take(&block, &local, missing)
}

fn halves(
    mapped: &Mapped,
    region: &Region,
    dim: usize,
    one: &mut dyn FnMut(&Region) -> Result<Block>,
) -> Result<Block> {
    let bug = || Error::new(Code::Bug, "a half does not fit its whole");
    let mut whole = filled(mapped.var.dtype, region.shape(), &Scalar::Int(0))?;
    for half in halved(region, dim) {
        let origin = half.relative_to(&region.start()).start();
        place(&mut whole, &one(&half)?, &origin).then_some(()).ok_or_else(bug)?;
    }
    Ok(whole)
}

fn halved(region: &Region, dim: usize) -> Vec<Region> {
    let Some(range) = region.0.get(dim) else { return Vec::new() };
    let middle = range.start + (range.end - range.start) / 2;
    let half = |cells: Range<u64>| {
        let mut half = region.clone();
        half.0.get_mut(dim).into_iter().for_each(|slot| *slot = cells.clone());
        half
    };
    vec![half(range.start..middle), half(middle..range.end)]
}

//! Boxes of degrees: which coordinates they select by, and which cells of them lie inside.

use super::coordinate::Coordinate;
use super::invalid;
use crate::block::Block;
use crate::derived::Runs;
use crate::dtype::DataType;
use crate::error::{Code, Error, Result};
use crate::figures::Short;
use crate::horizontal::{Horizontal, horizontal};
use crate::schema::Variable;

/// The coordinates that a box selects by: every one-dimensional longitude and latitude, one for each dimension.
///
/// # Errors
/// `step-invalid` where there is no longitude or no latitude of one dimension, or both lie along the same.
pub fn boxed<'a>(variables: impl IntoIterator<Item = &'a Variable>) -> Result<Vec<&'a Variable>> {
    let known: Vec<(&Variable, Horizontal)> =
        variables.into_iter().filter_map(|var| Some((var, horizontal(var)?))).collect();
    let mut found: Vec<(&Variable, Horizontal)> = Vec::new();
    for &(var, kind) in known.iter().filter(|(var, _)| var.dims.len() == 1) {
        match found.iter_mut().find(|(other, _)| other.dims == var.dims) {
            None => found.push((var, kind)),
            Some((other, its)) if *its != kind => {
                let message = format!(
                    "`{}` and `{}` lie along one dimension, which a box does not cut",
                    other.name, var.name
                );
                return Err(invalid(message));
            }
            Some((other, _)) if var.is_dimension_coordinate() => *other = var,
            Some(_) => {}
        }
    }
    for (kind, name) in [(Horizontal::Longitude, "longitude"), (Horizontal::Latitude, "latitude")] {
        if found.iter().any(|(_, its)| *its == kind) {
            continue;
        }
        let curved = known.iter().find(|(var, its)| *its == kind && var.dims.len() > 1);
        return Err(match curved {
            Some((var, _)) => invalid(format!(
                "`bbox` needs a {name} of one dimension, but `{}` has {}",
                var.name,
                var.dims.len()
            ))
            .help("`start` and `stop` cut such grids by numbers of items"),
            None => invalid(format!("`bbox` needs a {name}, but no variable is known for one"))
                .help(format!("`step: attrs` can give a coordinate the standard_name \"{name}\"")),
        });
    }
    Ok(found.into_iter().map(|(var, _)| var).collect())
}

/// The part of one coordinate that lies in a box of west, south, east, north.
pub(super) fn part(
    [west, south, east, north]: [f64; 4],
    coordinate: Option<(&Variable, &Block)>,
    length: u64,
) -> Result<Runs> {
    let bug = || Error::new(Code::Bug, "a box without a horizontal coordinate");
    let (var, block) = coordinate.ok_or_else(bug)?;
    let values = Coordinate::of(var, block, length)?;
    let near = tolerance(var);
    let (cells, edges) = match horizontal(var).ok_or_else(bug)? {
        Horizontal::Latitude => {
            let inside = |x: f64| x >= south - near && x <= north + near;
            let cells = (0..values.len()).filter(|&cell| values.number(cell).is_some_and(inside)).collect();
            (cells, (south, north))
        }
        Horizontal::Longitude => (longitudes(&values, west, east, near), (west, east)),
    };
    if cells.is_empty() {
        let (low, high) = (Short(edges.0), Short(edges.1));
        let message =
            format!("nothing of `{}` lies from {low} to {high} degrees: {}", var.name, values.extent());
        return Err(invalid(message));
    }
    Ok(Runs::of_cells(cells.into_iter().map(|cell| Some(cell as u64))))
}

/// The rounding of the coordinate's type, at 360.
fn tolerance(var: &Variable) -> f64 {
    match var.dtype {
        DataType::Float16 => 0.2,
        DataType::Float32 => 4e-5,
        _ => 1e-9,
    }
}

/// The cells between two meridians, in their order; they begin behind the seam where one lies among them.
fn longitudes(values: &Coordinate<'_>, west: f64, east: f64, near: f64) -> Vec<usize> {
    let width = if west <= east { east - west } else { (east - west).rem_euclid(360.0) };
    let offset = |x: f64| {
        let offset = (x - west).rem_euclid(360.0);
        if offset > 360.0 - near { 0.0 } else { offset }
    };
    let found: Vec<(usize, f64)> = (0..values.len())
        .filter_map(|cell| Some((cell, offset(values.number(cell)?))))
        .filter(|(_, offset)| *offset <= width + near)
        .collect();
    let rises = rises(values);
    let seam = found.windows(2).position(|pair| match pair {
        [(_, a), (_, b)] => (a < b) != rises,
        _ => false,
    });
    let (before, behind) = found.split_at(seam.map_or(0, |at| at + 1));
    let turned: Vec<(usize, f64)> = behind.iter().chain(before).copied().collect();
    let in_order = turned.windows(2).all(|pair| match pair {
        [(_, a), (_, b)] => (a < b) == rises && a != b,
        _ => true,
    });
    // what has no order but for the seam stays as it is
    let order = if in_order { turned } else { found };
    order.into_iter().map(|(cell, _)| cell).collect()
}

/// Whether most values are greater than those before them.
fn rises(values: &Coordinate<'_>) -> bool {
    let pairs =
        || (1..values.len()).filter_map(|cell| Some((values.number(cell - 1)?, values.number(cell)?)));
    pairs().filter(|(a, b)| a < b).count() * 2 >= pairs().count()
}

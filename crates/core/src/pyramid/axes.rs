//! Which dimensions become shorter.

use super::{counts_time, invalid, unknown};
use crate::combine::Combined;
use crate::error::Result;
use crate::horizontal::{Horizontal, horizontal};
use crate::schema::{Variable, base_name};

/// Names of dimensions that say which axis they are, where nothing else does.
const X: [&str; 3] = ["x", "easting", "rlon"];
const Y: [&str; 3] = ["y", "northing", "rlat"];

/// An axis of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    X,
    Y,
}

/// The Y and the X axis, as coordinates name them, else the last two dimensions that data variables share.
pub(super) fn found(combined: &Combined) -> Result<Vec<String>> {
    let dims = dims(combined);
    let one = |axis: Axis| {
        let mut of = dims.iter().filter(|dim| axis_of(combined, dim) == Some(axis));
        of.next().filter(|_| of.next().is_none()).cloned()
    };
    if let (Some(y), Some(x)) = (one(Axis::Y), one(Axis::X)) {
        return Ok(vec![y, x]);
    }
    let data = combined.variables.iter().filter(|v| !v.coordinate && v.var.dims.len() > 1);
    let mut last: Vec<&[String]> = data.filter_map(|v| v.var.dims.get(v.var.dims.len() - 2..)).collect();
    last.sort_unstable();
    last.dedup();
    match last.as_slice() {
        [both] if !both.iter().any(|dim| is_time_dim(combined, dim)) => Ok(both.to_vec()),
        _ => {
            let known: Vec<&str> = dims.iter().map(|dim| base_name(dim)).collect();
            Err(invalid(format!(
                "nothing says which dimensions are the axes of a map; the dataset has {}",
                known.join(", ")
            ))
            .help("name them: `pyramid: {dims: [y, x]}`"))
        }
    }
}

/// The dimension of a name.
pub(super) fn named(combined: &Combined, name: &str) -> Result<String> {
    let all = dims(combined);
    let exact = all.iter().find(|dim| *dim == name);
    let Some(dim) = exact.or_else(|| all.iter().find(|dim| base_name(dim) == name)) else {
        return Err(unknown(name, "no dimension of the dataset", all.iter().map(String::as_str)));
    };
    if is_time_dim(combined, dim) {
        return Err(invalid(format!(
            "the dimension `{name}` is a time, and a pyramid is made along axes of a map"
        ))
        .help("leave it out: each time stays one at all levels"));
    }
    Ok(dim.clone())
}

/// Y before X, where they are these.
pub(super) fn upright(combined: &Combined, mut dims: Vec<String>) -> Vec<String> {
    let axes: Vec<Option<Axis>> = dims.iter().map(|dim| axis_of(combined, dim)).collect();
    if axes == [Some(Axis::X), Some(Axis::Y)] {
        dims.reverse();
    }
    dims
}

/// The length of a dimension.
pub(super) fn length(combined: &Combined, dim: &str) -> u64 {
    combined.variables.iter().find_map(|v| v.var.length(dim)).unwrap_or(0)
}

fn dims(combined: &Combined) -> Vec<String> {
    let mut dims: Vec<String> = Vec::new();
    for dim in combined.variables.iter().flat_map(|v| &v.var.dims) {
        if !dims.contains(dim) {
            dims.push(dim.clone());
        }
    }
    dims
}

/// The coordinate variable of a dimension.
fn coordinate<'a>(combined: &'a Combined, dim: &str) -> Option<&'a Variable> {
    let own = combined.variables.iter().map(|v| v.var.as_ref());
    own.into_iter().find(|var| var.name == dim && var.is_dimension_coordinate())
}

fn is_time_dim(combined: &Combined, dim: &str) -> bool {
    coordinate(combined, dim).is_some_and(counts_time)
}

/// Which axis of a map a dimension is: by its coordinate's `axis`, standard name, units or name.
fn axis_of(combined: &Combined, dim: &str) -> Option<Axis> {
    let by_name = |name: &str| {
        let name = base_name(name).to_ascii_lowercase();
        match (X.contains(&name.as_str()), Y.contains(&name.as_str())) {
            (true, _) => Some(Axis::X),
            (_, true) => Some(Axis::Y),
            _ => None,
        }
    };
    let Some(var) = coordinate(combined, dim) else { return by_name(dim) };
    let by_standard = match var.attrs.text("standard_name") {
        Some("projection_x_coordinate" | "grid_longitude") => Some(Axis::X),
        Some("projection_y_coordinate" | "grid_latitude") => Some(Axis::Y),
        _ => None,
    };
    let by_axis = match var.attrs.text("axis") {
        Some("X") => Some(Axis::X),
        Some("Y") => Some(Axis::Y),
        Some(_) => return None,
        None => None,
    };
    let by_degrees = horizontal(var).map(|kind| match kind {
        Horizontal::Longitude => Axis::X,
        Horizontal::Latitude => Axis::Y,
    });
    by_axis.or(by_standard).or(by_degrees).or_else(|| by_name(dim))
}

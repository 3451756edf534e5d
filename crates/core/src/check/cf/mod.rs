//! A linter of the CF conventions 1.11 for what the metadata of a dataset tell.
//!
//! Each [`Finding`] names the section of <https://cfconventions.org/cf-conventions/cf-conventions.html>. A requirement
//! is one of the conformance document; recommendations are kept apart. What needs values (a coordinate's order, missing
//! values in it) is asked elsewhere in this folder's parent.

mod axes;
mod bounds;
mod cell_methods;
mod flags;
mod global;
mod grid_mapping;
mod linter;
mod packing;
mod references;
mod standard_names;
mod time;
mod units;
mod vertical;

#[cfg(test)]
mod tests;

pub use linter::Finding;
pub(super) use units::unknown_unit;

use self::linter::Linter;
use crate::target::Dataset;

/// Everything that the conventions require or recommend and the dataset does not have, by variable in its order.
pub fn lint(dataset: &Dataset) -> Vec<Finding> {
    let mut linter = Linter::new(dataset);
    global::lint(&mut linter);
    for array in &dataset.arrays {
        units::lint(&mut linter, array);
        axes::lint(&mut linter, array);
        time::lint(&mut linter, array);
        vertical::lint(&mut linter, array);
        references::lint(&mut linter, array);
        bounds::lint(&mut linter, array);
        cell_methods::lint(&mut linter, array);
        flags::lint(&mut linter, array);
        packing::lint(&mut linter, array);
        grid_mapping::lint(&mut linter, array);
    }
    linter.findings
}

/// The finding for a coordinate of a dimension in which values are missing.
pub(super) fn missing_in_coordinate(name: &str, missing: u64, cells: u64) -> Finding {
    Finding {
        section: "1.3",
        variable: Some(name.to_owned()),
        message: format!(
            "{missing} of {cells} values are missing, expected a coordinate variable to be whole"
        ),
        required: true,
    }
}

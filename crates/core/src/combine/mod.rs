//! Combining: the schemas of all files become the schema of one dataset, and every difference between files is
//! either decided by a policy or reported, all of them at once.
//!
//! What varies along a concat axis is laid end to end; what does not must be equal in all files and is kept once.
//! Values that decide (coordinates, times whose units differ, everything without a concat dimension) are read by the
//! caller, who asks [`needs_always`] while it surveys a file and [`needs`] when it has them all.

mod alike;
mod along;
mod attributes;
mod collected;
mod dataset;
mod direction;
mod disagreement;
mod dropped;
mod gaps;
mod group;
mod held;
mod index;
mod labels;
mod layout;
mod lengths;
mod note;
mod order;
mod place;
mod remarks;
mod schemas;
mod statics;
mod time;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::arrange::Comparison;
use crate::attrs::Attrs;
use crate::axis::AxisKind;
use crate::block::Block;
use crate::dtype::{DataType, Scalar};
use crate::pyramid::Levels;
use crate::recipe::Policies;
use crate::steps::{FileView, Mapped, Origin};

pub(crate) use alike::{blocks_same, relative_rounding};
pub use along::{Along, Segment};
pub(crate) use dataset::auxiliary;
pub use dataset::combine;
pub(crate) use dataset::unwritten;
pub(crate) use direction::{is_latitude, is_longitude, number_otherwise, refusal, run_against};
pub use disagreement::{Difference, Disagreement};
pub(crate) use disagreement::{can_drop, leave_out};
pub(crate) use gaps::leaves_cells;
pub use gaps::{AxisKey, Gaps, Holes, holes};
pub(crate) use group::{Group, Occurrence, place_of, variables as groups};
pub use held::{Alike, Held};
pub use index::Index;
pub use labels::Labels;
pub use note::Note;
pub(crate) use place::filled;
pub use place::place;
pub use time::is_time_like;
pub(crate) use time::{Place, count_in, decodable, has_bounds, places};

/// One axis of the pattern as combining sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombineAxis {
    /// Name; of a concat axis, the dimension's.
    pub name: String,
    /// How files along it are put together.
    pub kind: AxisKind,
    /// What users see for every key.
    pub labels: Labels,
    /// Items that every file must hold along a concat axis.
    pub items_per_file: Option<u64>,
    /// What becomes of items that no file holds.
    pub gaps: Gaps,
}

/// One surveyed file.
#[derive(Debug, Clone)]
pub struct File {
    /// For messages.
    pub url: Arc<str>,
    /// Its key along every axis.
    pub index: Index,
    /// Its schema after the steps; files of an archive share theirs.
    pub view: Arc<FileView>,
    /// Values that were read, by variable.
    pub values: Held,
}

/// Values that were read for combining.
#[derive(Debug, Clone)]
pub struct Values {
    /// Of shape, type and values: equal values have equal digests. `None` where they were changed since they were read.
    pub digest: Option<u128>,
    /// The values in the variable's dimensions; absent where they are large.
    pub block: Option<Arc<Block>>,
}

/// The combined dataset, before chunks are chosen.
#[derive(Debug, Clone)]
pub struct Combined {
    /// Attributes of the root group.
    pub attrs: Attrs,
    /// Groups below the root, parents first.
    pub groups: Vec<(String, Attrs)>,
    /// Variables in the order of first appearance.
    pub variables: Vec<CombinedVar>,
    /// Dimensions along which files follow each other.
    pub concat: Vec<String>,
    /// Attributes that were left out because files differ: (variable, attribute); the variable is empty for the root.
    pub left_out: Vec<(String, String)>,
    /// What is no error, and worth knowing.
    pub notes: Vec<Note>,
    /// What must be equal in the files because only one of it is kept.
    pub compare: Vec<Comparison>,
    /// Coarser versions that are to be made of it.
    pub pyramid: Option<Levels>,
}

/// One variable of the combined dataset.
#[derive(Debug, Clone)]
pub struct CombinedVar {
    /// Name, dimensions, shape, type, attributes. The storage is the first file's.
    pub var: Arc<crate::schema::Variable>,
    /// Whether it describes others: a dimension's coordinate, bounds, grid mapping, or marked so.
    pub coordinate: bool,
    /// The value of cells that no file holds.
    pub unwritten: Scalar,
    /// Where the values are.
    pub content: Content,
}

/// Where a combined variable's values are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In hand.
    Values(Arc<Block>),
    /// In the files.
    Pieces(Pieces),
}

/// A variable laid out over files.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// The variable's dimensions whose cells are taken in segments; those that are not named are one whole file's.
    pub along: Vec<Along>,
    /// The files, row-major over the keys of `along`; `None` where there is none. One where `along` is empty.
    pub files: Vec<Option<Piece>>,
}

/// One file's part of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The file's number.
    pub file: u32,
    /// The variable's place in the file's [`FileView`].
    pub variable: u32,
}

impl CombineAxis {
    /// Whether files follow each other along it.
    pub fn is_concat(&self) -> bool {
        self.kind == AxisKind::Concat
    }
}

/// Names of the variables of one file whose values combining needs in any case.
pub fn needs_always(axes: &[CombineAxis], view: &FileView) -> Vec<String> {
    let wanted = view.variables.iter().filter(|m| is_needed_always(axes, m));
    wanted.map(|m| m.var.name.clone()).collect()
}

fn is_needed_always(axes: &[CombineAxis], mapped: &Mapped) -> bool {
    let var = &mapped.var;
    let varies = axes.iter().any(|axis| axis.is_concat() && var.dims.contains(&axis.name));
    !varies
        || var.is_dimension_coordinate()
        || var.dtype == DataType::Text
        || matches!(mapped.origin, Origin::Constant(_) | Origin::Held)
}

/// What else must be read once all schemas are known: (file number, variable). Times (with their bounds) that files
/// count in different ways, and what several files hold at one place.
pub fn needs(axes: &[CombineAxis], files: &[File], policies: &Policies) -> Vec<(usize, String)> {
    let groups = group::variables(files);
    let recoded: BTreeSet<usize> =
        time::families(files, &groups, policies).into_iter().flat_map(|f| f.0).collect();
    let mut wanted = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        // large values without a concat dimension were not read with the file: there may be nothing to compare them with
        let compared = group.files.len() > 1 && group.along(axes, files).is_empty();
        if !recoded.contains(&number) && !group.repeated(axes, files) && !compared {
            continue;
        }
        for occurrence in &group.files {
            let Some(file) = files.get(occurrence.file as usize) else { continue };
            if !file.values.contains_key(&group.name) {
                wanted.push((occurrence.file as usize, group.name.clone()));
            }
        }
    }
    wanted
}

/// Bytes of an instant that is decoded, and of it in the unit of all.
const RECODED_BYTES: u64 = 32 + 8 + 8;

/// What putting times in one unit takes beside the values that were read, and the variable that takes the most of it.
pub fn recoded(files: &[File], policies: &Policies) -> Option<(String, u64)> {
    let groups = group::variables(files);
    let members = time::families(files, &groups, policies).into_iter().flat_map(|family| family.0);
    let bytes = |group: &Group| -> u64 {
        let mapped = group.files.iter().filter_map(|occurrence| occurrence.mapped(files));
        mapped.map(|mapped| mapped.var.shape.iter().product::<u64>().saturating_mul(RECODED_BYTES)).sum()
    };
    let all: Vec<(&Group, u64)> =
        members.filter_map(|at| groups.get(at)).map(|group| (group, bytes(group))).collect();
    let (most, _) = all.iter().max_by_key(|(_, bytes)| *bytes)?;
    Some((most.name.clone(), all.iter().map(|(_, bytes)| bytes).sum()))
}

/// What all parts of combining look at.
struct Context<'a> {
    axes: &'a [CombineAxis],
    files: &'a [File],
    policies: &'a Policies,
}

impl Context<'_> {
    /// Whether a coordinate is equal within the rounding of its type.
    fn rounding(&self, name: &str) -> bool {
        self.policies.get("coords", name) != "error"
    }

    /// Whether the first file's values are taken, whatever the others hold, of an array without a concat dimension.
    fn first_counts(&self, var: &crate::schema::Variable, coordinate: bool) -> bool {
        let policy = |key| self.policies.get(key, &var.name);
        !var.shape.is_empty()
            && if coordinate { policy("coords") == "override" } else { policy("static") == "first" }
    }
}

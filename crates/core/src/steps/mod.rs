//! Steps: transformations of one file's schema, before files are combined. Values follow by the [`Origin`] that every
//! variable keeps; nothing is read here but what decides on the schema: the coordinate that a part is selected by, the
//! parts of times.

mod add_dim;
mod attributes;
mod cast;
mod dims;
mod fill;
mod flatten;
mod flip;
mod mask;
mod matching;
mod rename;
mod reset_coords;
mod select;
mod set;
mod stored;
mod subset;
mod time_from;
mod unmatched;
mod view;

use crate::axis::Key;
use crate::block::Block;
use crate::calendar::Calendar;
use crate::combine::CombineAxis;
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::{AddDim, DimValue, Step};
use crate::schema::Schema;

use self::unmatched::Missing;
pub use self::unmatched::{Lack, Unmatched};
pub(crate) use select::forget_names;
pub use view::{FileView, Mapped, Origin, permute};

/// What a step may know of a file besides its schema.
#[derive(Debug, Clone, Copy)]
pub struct FileContext<'a> {
    /// URL or path, for messages and for values from the file's name.
    pub url: &'a str,
    /// Axis → key of the file's position, with the calendar of its dates.
    pub keys: &'a [(String, Key, Calendar)],
    /// The pattern's axes: a part along a concat axis is one of the dataset.
    pub axes: &'a [CombineAxis],
}

/// Reads all values of a variable of the file, which may be derived already.
pub type ReadValues<'a> = dyn FnMut(&Mapped) -> Result<Block> + 'a;

/// The schema of `group` as a root; the whole where `group` is `None`.
pub fn open_group(schema: &Schema, group: Option<&str>) -> Result<FileView> {
    let Some(group) = group.map(|g| g.trim_matches('/')).filter(|g| !g.is_empty()) else {
        return Ok(FileView::new(schema));
    };
    let Some((_, attrs)) = schema.groups.iter().find(|(path, _)| path == group) else {
        return Err(no_group(schema, group));
    };
    let mut view = FileView::new(schema);
    view.attrs = attrs.clone();
    view.enter_group(group);
    Ok(view)
}

fn no_group(schema: &Schema, group: &str) -> Error {
    let error = |message| Error::new(Code::RecipeSource, message);
    let known = || schema.groups.iter().map(|(path, _)| path.as_str()).filter(|path| !path.is_empty());
    let Some(nearest) = names::nearest(group, known()).or_else(|| known().next()) else {
        let error = error(format!("found no group `{group}`: the file has no groups"));
        return error.help("leave out `source.group` (or `--group`)");
    };
    let list: Vec<String> = known().map(|path| format!("`{path}`")).collect();
    error(format!("found no group `{group}`; the groups are {}", list.join(", ")))
        .help(format!("set `source.group` (or `--group`) to one of these, such as `{nearest}`"))
}

/// Applies all steps in order. What the file lacks is reported in `unmatched`, not refused. `after` sees
/// what every step left.
///
/// # Errors
/// `step-invalid` for a step that can't be carried out on this file; what `values` reports.
pub fn apply(
    mut view: FileView,
    steps: &[Step],
    context: FileContext<'_>,
    values: &mut ReadValues<'_>,
    unmatched: &mut Vec<Unmatched>,
    after: &mut dyn FnMut(&FileView),
) -> Result<FileView> {
    for (number, step) in steps.iter().enumerate() {
        let mut missing = Missing::default();
        apply_one(&mut view, step, context, values, &mut missing)?;
        settle(&mut view)?;
        if !missing.is_empty() {
            unmatched.extend(missing.of(number, &view.names()));
        }
        after(&view);
    }
    Ok(view)
}

fn apply_one(
    view: &mut FileView,
    step: &Step,
    context: FileContext<'_>,
    values: &mut ReadValues<'_>,
    missing: &mut Missing,
) -> Result<()> {
    match step {
        Step::Drop(patterns) => select::drop(view, patterns, missing),
        Step::Keep(patterns) => {
            select::keep(view, patterns, missing);
            Ok(())
        }
        Step::Rename(pairs) => {
            let pairs = rename::names(view, pairs, context)?;
            rename::rename(view, &pairs, missing)
        }
        Step::SetCoords(patterns) => {
            select::set_coords(view, patterns, missing);
            Ok(())
        }
        Step::AddDim(add) => add_dim::add_dim(view, add, context, missing),
        Step::Squeeze(dims) => dims::squeeze(view, dims, missing),
        Step::Transpose(dims) => {
            dims::transpose(view, dims, missing);
            Ok(())
        }
        Step::Attrs(edits) => attributes::edit(view, edits, missing),
        Step::ResetCoords(patterns) => reset_coords::reset_coords(view, patterns, missing),
        Step::Cast(types) => cast::cast(view, types, missing),
        Step::Mask(rules) => mask::mask(view, rules, context, missing),
        Step::Subset(selections) => subset::subset(view, selections, context, values, missing),
        Step::TimeFrom(time) => time_from::time_from(view, time, values, missing),
        Step::FlattenGroups(separator) => flatten::flatten(view, separator),
        Step::Fill(filled) => fill::fill(view, filled, missing),
        Step::Flip(dims) => {
            flip::flip(view, dims, missing);
            Ok(())
        }
        Step::Set(computed) => set::set(view, computed, context, missing),
        // of the dataset
        Step::Sort(_) | Step::Dedupe(_) | Step::Roll(_) | Step::TimeEncoding(_) | Step::Pyramid(_) => Ok(()),
    }
}

/// What is made of values in hand alone is in hand, too.
fn settle(view: &mut FileView) -> Result<()> {
    for mapped in &mut view.variables {
        if matches!(mapped.origin, Origin::Derived(_)) && mapped.sources().is_empty() {
            let block = mapped.in_hand().map_err(|e| e.in_variable(&mapped.var.name))?;
            mapped.origin = Origin::Constant(block);
        }
    }
    Ok(())
}

/// A scalar coordinate of a concat axis's name becomes its dimension where the file has none, as xarray concatenates.
///
/// # Errors
/// As of the step `add_dim`.
pub fn expand_scalars(view: FileView, axes: &[CombineAxis], context: FileContext<'_>) -> Result<FileView> {
    let is_scalar = |name: &String| view.variable(name).is_some_and(|m| m.var.shape.is_empty());
    let missing =
        |axis: &&CombineAxis| axis.is_concat() && view.length(&axis.name).is_none() && is_scalar(&axis.name);
    let dims: Vec<_> = axes.iter().filter(missing).map(|axis| DimValue::Scalar(axis.name.clone())).collect();
    widen(view, dims, context)
}

/// A concat axis that an image has no dimension for becomes one, with the key of its position: images have none but their
/// own.
///
/// # Errors
/// As of the step `add_dim`.
pub fn expand_image(view: FileView, axes: &[CombineAxis], context: FileContext<'_>) -> Result<FileView> {
    let missing = |axis: &&CombineAxis| axis.is_concat() && view.length(&axis.name).is_none();
    let dims: Vec<_> = axes.iter().filter(missing).map(|axis| DimValue::Key(axis.name.clone())).collect();
    widen(view, dims, context)
}

/// Adds dimensions by values that are called as they are.
fn widen(view: FileView, dims: Vec<DimValue>, context: FileContext<'_>) -> Result<FileView> {
    let step = |value: DimValue| {
        let (DimValue::Scalar(name) | DimValue::Key(name)) = &value else { return None };
        let dim = name.clone();
        Some(Step::AddDim(AddDim { dim, value, variables: Vec::new(), attrs: Vec::new() }))
    };
    let added: Vec<Step> = dims.into_iter().filter_map(step).collect();
    let mut unread = |_: &Mapped| Err(Error::new(Code::Bug, "`add_dim` reads no values"));
    apply(view, &added, context, &mut unread, &mut Vec::new(), &mut |_| {})
}

/// The step's name in a recipe.
pub const fn name(step: &Step) -> &'static str {
    match step {
        Step::Drop(_) => "drop",
        Step::Keep(_) => "keep",
        Step::Rename(_) => "rename",
        Step::SetCoords(_) => "set_coords",
        Step::AddDim(_) => "add_dim",
        Step::Squeeze(_) => "squeeze",
        Step::Transpose(_) => "transpose",
        Step::Attrs(_) => "attrs",
        Step::ResetCoords(_) => "reset_coords",
        Step::Cast(_) => "cast",
        Step::Mask(_) => "mask",
        Step::Subset(_) => "subset",
        Step::TimeFrom(_) => "time_from",
        Step::FlattenGroups(_) => "flatten_groups",
        Step::Fill(_) => "fill",
        Step::Flip(_) => "flip",
        Step::Set(_) => "set",
        Step::Sort(_) => "sort",
        Step::Dedupe(_) => "dedupe",
        Step::Roll(_) => "roll",
        Step::TimeEncoding(_) => "time_encoding",
        Step::Pyramid(_) => "pyramid",
    }
}

#[cfg(test)]
mod structure_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;

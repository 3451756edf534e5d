//! `subset`: a part along dimensions of every file.
//!
//! A selection along a concat axis is one of the whole dataset, which is not made here.

use super::flip::pick;
use super::stored::{invalid, readable};
use super::unmatched::Missing;
use super::view::FileView;
use super::{FileContext, ReadValues};
use crate::combine::CombineAxis;
use crate::error::Result;
use crate::recipe::Selection;
use crate::selection::{boxed, dim_of, needs_values, select};

pub(super) fn subset(
    view: &mut FileView,
    selections: &[Selection],
    context: FileContext<'_>,
    values: &mut ReadValues<'_>,
    missing: &mut Missing,
) -> Result<()> {
    for selection in selections {
        match dim_of(selection) {
            Some(dim) if is_of_dataset(context.axes, dim) => {}
            Some(dim) => match view.length(dim) {
                Some(length) => along(view, selection, dim, dim, length, values)?,
                None => missing.push(dim.to_owned()),
            },
            None => bbox(view, selection, context, values)?,
        }
    }
    Ok(())
}

fn is_of_dataset(axes: &[CombineAxis], dim: &str) -> bool {
    axes.iter().any(|axis| axis.is_concat() && axis.name == *dim)
}

/// Selects along one dimension, by the values of a coordinate where they decide.
fn along(
    view: &mut FileView,
    selection: &Selection,
    dim: &str,
    coordinate: &str,
    length: u64,
    values: &mut ReadValues<'_>,
) -> Result<()> {
    let runs = match readable(view, coordinate)?.filter(|_| needs_values(selection)) {
        Some(mapped) => {
            let block = values(mapped).map_err(|e| e.in_variable(coordinate))?;
            select(selection, Some((&mapped.var, &block)), length)
        }
        None => select(selection, None, length),
    };
    pick(view, dim, &runs.map_err(|e| e.in_variable(coordinate))?);
    Ok(())
}

fn bbox(
    view: &mut FileView,
    selection: &Selection,
    context: FileContext<'_>,
    values: &mut ReadValues<'_>,
) -> Result<()> {
    let coordinates: Vec<(String, String, u64)> = boxed(view.variables.iter().map(|m| &*m.var))?
        .into_iter()
        .filter_map(|var| Some((var.name.clone(), var.dims.first()?.clone(), *var.shape.first()?)))
        .collect();
    for (name, dim, length) in coordinates {
        if is_of_dataset(context.axes, &dim) {
            return Err(invalid(format!(
                "`subset` by `bbox` cuts `{dim}`, along which files are concatenated"
            ))
            .help(format!("select along it by its coordinate: `{dim}: {{from: …, to: …}}`")));
        }
        along(view, selection, &dim, &name, length, values)?;
    }
    Ok(())
}

//! Cells that policies leave empty in integers without a `_FillValue`: the NetCDF library's default of the type becomes
//! it, and is looked for in the data, where it would be lost, when they are read.

use super::Cx;
use super::absent::fill_of;
use super::numbers::{is_free, rewrite};
use crate::combine::{Group, leaves_cells};
use crate::derived::Op;
use crate::dtype::Scalar;
use crate::error::Code;

/// Gives a variable a fill value in the files that have none: that of another file of its type, else the default.
/// `None`, and nothing is done, where a type has none.
pub(super) fn mark(cx: &mut Cx<'_>, group: &Group, code: Code) -> Option<()> {
    let vars = || group.files.iter().filter_map(|o| o.mapped(cx.files)).map(|m| &m.var);
    vars().filter(|var| var.fill.is_none()).all(|var| fill_of(var).is_some()).then_some(())?;
    let known: Vec<_> = vars().filter_map(|var| Some((var.dtype, var.fill.clone()?))).take(1).collect();
    let help = format!(
        "the step `attrs: {{set: {{{}@_FillValue: …}}}}` gives it a value that the data do not have",
        group.name
    );
    rewrite(cx, group, &help, |mapped| {
        let var = &mapped.var;
        if var.fill.is_some() || var.dtype.is_float() {
            return None;
        }
        let other =
            known.iter().find(|(dtype, _)| *dtype == var.dtype).map(|(_, fill)| (fill.clone(), false));
        let (fill, own): (Scalar, bool) = other.or_else(|| fill_of(var))?;
        // a missing_value is no data
        let masks = own.then(|| fill.clone()).into_iter().collect();
        let check = Op::Remask { masks, fill: fill.clone(), code };
        Some(mapped.clone().with_ops([check], |var| var.fill = Some(fill)))
    });
    Some(())
}

/// Integers along an axis that keeps places without a file.
pub(super) fn in_gaps(cx: &mut Cx<'_>) {
    let axes: Vec<usize> = (0..cx.axes.len())
        .filter(|&at| cx.axes.get(at).is_some_and(|axis| axis.is_concat() && leaves_cells(axis, cx.files)))
        .collect();
    if axes.is_empty() {
        return;
    }
    for group in cx.groups() {
        let along = group.along(cx.axes, cx.files);
        let Some((_, model)) = group.first(cx.files) else { continue };
        let own = cx.axes.iter().any(|axis| axis.name == group.name) && model.var.is_dimension_coordinate();
        let model = model.var.clone();
        let bare = |var: &crate::schema::Variable| var.fill.is_none() && var.dtype == model.dtype;
        let alike = group.files.iter().all(|o| o.mapped(cx.files).is_some_and(|m| bare(&m.var)));
        let empty = along.iter().any(|(axis, _)| axes.contains(axis));
        if empty && alike && !own && model.dtype.is_integer() && is_free(cx, &group) {
            mark(cx, &group, Code::CombineGaps);
        }
    }
}

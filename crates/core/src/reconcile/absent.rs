//! `absent: fill`: files that lack a variable get it with fill values.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Cx;
use crate::block::scalar_to_le;
use crate::combine::{Group, Values, auxiliary, is_time_like, place_of};
use crate::derived::{Derived, Op, Rule};
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;
use crate::steps::{Mapped, Origin};

/// Every file of a merge key that lacks a variable which varies along a concat axis gets it. Coordinates can't be
/// filled; what varies along no axis is taken from the files that have it.
pub(super) fn fill(cx: &mut Cx<'_>) {
    let fills = |group: &Group| {
        group.files.len() < cx.files.len() && cx.policies.get("absent", &group.name) == "fill"
    };
    let groups: Vec<Group> = cx.groups().into_iter().filter(fills).collect();
    if groups.is_empty() {
        return;
    }
    let auxiliary = auxiliary(cx.axes, cx.files);
    for group in groups {
        let along = group.along(cx.axes, cx.files);
        let lacking = group.lacking(cx.axes, cx.files);
        let Some((_, model)) = group.first(cx.files) else { continue };
        if along.is_empty() || lacking.is_empty() || auxiliary.contains(&group.name) {
            continue;
        }
        let (model, Some((fill, known))) = (model.clone(), fill_of(&model.var)) else { continue };
        if model.var.fill.is_none() {
            mark(cx, &group, &fill, known);
        }
        // what another file holds at the place is there
        let place = |file: u32| place_of(&along, cx.files.get(file as usize));
        let mut held: BTreeSet<Vec<u32>> = group.files.iter().map(|o| place(o.file)).collect();
        let lacking: Vec<u32> = lacking.into_iter().filter(|&file| held.insert(place(file))).collect();
        for file in lacking {
            add(cx, file, &model, &along, &fill);
        }
    }
}

/// What stands for missing cells, and whether it is known to: a `_FillValue`, a `missing_value`, NaN, or else the NetCDF
/// library's default, which the data may hold.
pub(super) fn fill_of(var: &Variable) -> Option<(Scalar, bool)> {
    if let Some(fill) = &var.fill {
        return Some((fill.clone(), true));
    }
    if let [value] = var.attrs.missing_values()
        && scalar_to_le(var.dtype, value, &mut Vec::new())
    {
        return Some((value.clone(), true));
    }
    let default = var.dtype.default_fill().filter(|_| !is_time_like(var))?;
    Some((default, var.dtype.is_float()))
}

/// Files that have the variable say its fill value too; one that their data may hold is looked for when they are read.
fn mark(cx: &mut Cx<'_>, group: &Group, fill: &Scalar, known: bool) {
    for &occurrence in &group.files {
        let Some(mapped) = cx.mapped(occurrence).filter(|m| m.var.fill.is_none()) else { continue };
        if known {
            let mut var = mapped.var;
            Arc::make_mut(&mut var).fill = Some(fill.clone());
            cx.set_schema(occurrence, var);
        } else {
            let check = Op::Remask { masks: Vec::new(), fill: fill.clone(), code: Code::CombineAbsent };
            let marked = mapped.with_ops([check], |var| var.fill = Some(fill.clone()));
            cx.replace(occurrence, marked);
        }
    }
}

/// Gives a file the variable, as long as the file is along every concat axis.
fn add(cx: &mut Cx<'_>, file: u32, model: &Mapped, along: &[(usize, usize)], fill: &Scalar) {
    let Some(view) = cx.files.get(file as usize).map(|f| &f.view) else { return };
    let mut var = (*model.var).clone();
    var.fill = Some(fill.clone());
    for &(axis, dim) in along {
        let length = cx.axes.get(axis).and_then(|axis| view.length(&axis.name));
        let (Some(length), Some(slot)) = (length, var.shape.get_mut(dim)) else { return };
        *slot = length;
    }
    let var = cx.shared(Arc::new(var));
    let filled = Derived { inputs: Vec::new(), rule: Rule::Filled(fill.clone()) };
    let mut mapped = Mapped { var, origin: Origin::Derived(Arc::new(filled)) };
    let held =
        mapped.var.dtype == DataType::Text || matches!(model.origin, Origin::Constant(_) | Origin::Held);
    let Some(file) = cx.files.get_mut(file as usize) else { return };
    if held && let Ok(block) = mapped.in_hand() {
        mapped.origin = Origin::Constant(Arc::clone(&block));
        file.values.insert(mapped.var.name.clone(), Values { digest: None, block: Some(block) });
    }
    Arc::make_mut(&mut file.view).variables.push(mapped);
}

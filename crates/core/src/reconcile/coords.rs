//! `coords`: dimensions whose labels differ between files get the union or the intersection of all labels, as xarray
//! joins indexes; every variable with such a dimension follows.

mod labels;
mod merged;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cx;
use super::empty;
use super::grid::give;
use super::statics::is_stacked;
use crate::block::Block;
use crate::combine::{
    Difference, Disagreement, Group, Occurrence, auxiliary, is_latitude, is_longitude, is_time_like,
    leave_out, number_otherwise, refusal, run_against,
};
use crate::derived::Runs;
use crate::dtype::Scalar;
use crate::error::Code;
use crate::schema::Variable;
use labels::{How, Join};

/// Joins every dimension whose coordinate has the policy.
pub(super) fn join(cx: &mut Cx<'_>) {
    let mut joins: BTreeMap<String, Join> = BTreeMap::new();
    for group in cx.groups() {
        let how = match cx.policies.get("coords", &group.name) {
            "outer" => How::Outer,
            "inner" => How::Inner,
            _ => continue,
        };
        let along = |axis: &crate::combine::CombineAxis| axis.is_concat() && axis.name == group.name;
        let is_index = group.first(cx.files).is_some_and(|(_, m)| m.var.is_dimension_coordinate());
        if !is_index || cx.axes.iter().any(along) {
            continue;
        }
        if let Some(problem) = directed(cx, &group) {
            cx.problems.push(problem);
            continue;
        }
        match labels::join(cx, &group, how) {
            Ok(join) => joins.extend(join.map(|join| (group.name.clone(), join))),
            Err(problem) => cx.problems.push(problem),
        }
    }
    if joins.is_empty() {
        return;
    }
    let auxiliary = auxiliary(cx.axes, cx.files);
    for group in cx.groups() {
        match joins.get(&group.name) {
            Some(join) => group.files.iter().for_each(|&o| give(cx, o, &join.labels)),
            None => rearrange(cx, &group, &joins, is_stacked(cx, &group, &auxiliary)),
        }
    }
}

/// Latitudes of two directions, and meridians under two numbers, where the policy refuses them: in a union nobody
/// would see them.
fn directed(cx: &Cx<'_>, group: &Group) -> Option<Disagreement> {
    let (first, model) = group.first(cx.files)?;
    let refused = |key| cx.policies.get(key, "") == "error";
    let (code, differ): (Code, fn(&Block, &Block) -> bool) = match &model.var {
        var if is_latitude(var) && refused("lat") => (Code::CombineLat, run_against),
        var if is_longitude(var) && refused("lon") => (Code::CombineLon, number_otherwise),
        _ => return None,
    };
    let model = cx.in_hand(*group.files.first()?)?;
    let other = |o: &Occurrence| {
        let block = cx.in_hand(*o).filter(|block| !Arc::ptr_eq(block, &model) && differ(&model, block))?;
        Some((&*cx.files.get(o.file as usize)?.url, block))
    };
    let others: Vec<(&str, Arc<Block>)> = group.files.iter().filter_map(other).collect();
    if others.is_empty() {
        return None;
    }
    let own = std::iter::once((&*first.url, &*model));
    let files: Vec<(&str, &Block)> = own.chain(others.iter().map(|(url, block)| (*url, &**block))).collect();
    Some(refusal(code, &group.name, &files, cx.files))
}

/// One file's variable with the cells that it has along the joined dimensions.
struct Part {
    occurrence: Occurrence,
    /// One for every dimension; `None` where all cells stay.
    runs: Vec<Option<Runs>>,
    /// Which labels these are, for every joined dimension: equal for equal runs.
    lists: Vec<usize>,
}

impl Part {
    /// Whether the file has every cell.
    fn is_whole(&self) -> bool {
        self.runs.iter().flatten().all(|runs| runs.runs().iter().all(|run| run.first.is_some()))
    }
}

/// A variable takes the cells of the joined dimensions that it has.
fn rearrange(cx: &mut Cx<'_>, group: &Group, joins: &BTreeMap<String, Join>, stacked: bool) {
    let joined = |var: &Variable| var.dims.iter().any(|dim| joins.contains_key(dim));
    if !group.first(cx.files).is_some_and(|(_, m)| joined(&m.var)) {
        return;
    }
    let parts = match parts(cx, group, joins) {
        Ok(parts) => parts,
        Err(problem) => return cx.problems.push(problem),
    };
    let varies = !group.along(cx.axes, cx.files).is_empty();
    let held = !varies && group.files.iter().all(|&o| cx.in_hand(o).is_some());
    // of files that are stacked because they disagree none has another's cells
    let merged = held.then(|| merged::merge(cx, &parts)).flatten().filter(|m| !stacked || m.agrees());
    let holes = match &merged {
        Some(merged) => merged.holes,
        None => parts.iter().any(|part| !part.is_whole()),
    };
    let mut merged = merged;
    if holes && let Some(problem) = masked(cx, group) {
        let several = group.files.iter().any(|o| o.mapped(cx.files).is_some_and(|m| m.var.fill.is_some()));
        let hidden = several && cx.policies.get("fill", &group.name) == "error";
        if hidden || empty::mark(cx, group, Code::CombineCoords).is_none() {
            return cx.problems.push(problem);
        }
        // with the new value in the empty cells
        merged = merged.and_then(|_| merged::merge(cx, &parts));
    }
    match merged {
        Some(merged) => merged.write(cx, &parts, holes),
        None => parts.into_iter().for_each(|part| pick(cx, part, holes)),
    }
}

/// The cells that every file has.
fn parts(cx: &Cx<'_>, group: &Group, joins: &BTreeMap<String, Join>) -> Result<Vec<Part>, Disagreement> {
    let mut parts = Vec::with_capacity(group.files.len());
    for &occurrence in &group.files {
        let Some((file, mapped)) = cx.files.get(occurrence.file as usize).zip(occurrence.mapped(cx.files))
        else {
            continue;
        };
        let (mut runs, mut lists) = (Vec::new(), Vec::new());
        for dim in &mapped.var.dims {
            let Some(join) = joins.get(dim) else {
                runs.push(None);
                continue;
            };
            let Some((list, own)) = join.of(occurrence.file) else {
                return Err(Disagreement {
                    code: Code::CombineCoords,
                    variable: group.name.clone(),
                    what: format!(
                        "the labels of `{dim}` differ between files, and this file does not say its own"
                    ),
                    found: vec![Difference::new(&*file.url, format!("no `{dim}`"))],
                    help: format!("`drop: [{}]` leaves the variable out", group.name),
                });
            };
            runs.push(own.cloned());
            lists.push(list);
        }
        parts.push(Part { occurrence, runs, lists });
    }
    Ok(parts)
}

/// Why cells that a file does not have can't be told from others yet.
fn masked(cx: &Cx<'_>, group: &Group) -> Option<Disagreement> {
    let unmasked = |o: &&Occurrence| o.mapped(cx.files).is_some_and(|m| missing(&m.var).is_none());
    let occurrence = group.files.iter().find(unmasked)?;
    let name = &group.name;
    let file = cx.files.get(occurrence.file as usize);
    let dtype = occurrence.mapped(cx.files).map(|m| m.var.dtype.to_string()).unwrap_or_default();
    Some(Disagreement {
        code: Code::CombineCoords,
        variable: name.clone(),
        what: "`combine.coords: outer` leaves cells empty, and the variable has no _FillValue to put there"
            .to_owned(),
        found: file.map(|f| Difference::new(&*f.url, dtype)).into_iter().collect(),
        help: format!(
            "`attrs: {{set: {{{name}@_FillValue: …}}}}` gives it one, {}",
            leave_out(cx.files, name)
        ),
    })
}

/// What stands for a missing cell: the variable's fill value, else NaN.
fn missing(var: &Variable) -> Option<Scalar> {
    let nan = (var.dtype.is_float() && !is_time_like(var)).then_some(Scalar::Float(f64::NAN));
    var.fill.clone().or(nan)
}

/// A variable whose cells stay in the file. With `holes` all files get the fill value that some need.
fn pick(cx: &mut Cx<'_>, part: Part, holes: bool) {
    let Part { occurrence, runs, .. } = part;
    let Some(mapped) = cx.mapped(occurrence) else { return };
    let fill = missing(&mapped.var).filter(|_| holes);
    let moved = runs.iter().any(Option::is_some);
    if !moved && (fill.is_none() || mapped.var.fill.is_some()) {
        return;
    }
    let missing = fill.clone().unwrap_or(Scalar::Int(0));
    let mut new = if moved { mapped.pick(runs, missing) } else { mapped };
    if fill.is_some() {
        Arc::make_mut(&mut new.var).fill = fill;
    }
    if moved { cx.replace(occurrence, new) } else { cx.set_schema(occurrence, new.var) }
}

/// Values in hand of a file under the joined dimensions.
fn set(cx: &mut Cx<'_>, occurrence: Occurrence, block: &Arc<Block>, fill: Option<Scalar>) {
    give(cx, occurrence, block);
    let Some(mut var) = occurrence.mapped(cx.files).map(|m| Arc::clone(&m.var)) else { return };
    if fill.is_some() && var.fill.is_none() {
        Arc::make_mut(&mut var).fill = fill;
        cx.set_schema(occurrence, var);
    }
}

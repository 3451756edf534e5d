//! Dimensions, types and fill values over files, and which files lack a variable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{Group, place_of};
use super::{CombinedVar, Context, Difference, Disagreement, File, can_drop, leave_out};
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::{Variable, base_name};

/// What may differ because the values decide.
#[derive(Clone, Copy, Default)]
pub(super) struct Lenient {
    /// Types and fill values: times that are put in one unit.
    pub(super) recoded: bool,
    /// The width of floats: coordinates that are compared within the rounding of the coarser type.
    pub(super) float_width: bool,
    /// Types and fill values: arrays of which the first file's is taken.
    pub(super) first_counts: bool,
}

/// Dimensions, lengths, types and fill values are those of the first file.
pub(super) fn agree(
    context: &Context<'_>,
    group: &Group,
    along: &[(usize, usize)],
    lenient: Lenient,
    problems: &mut Vec<Disagreement>,
) {
    let Some((first_file, first)) = group.first(context.files) else { return };
    let model = &first.var;
    let mut last = Arc::clone(model);
    // in one type they would be made one
    let fills_follow = context.policies.get("fill", &group.name) == "mask";
    let mut found: BTreeMap<Code, Vec<Difference>> = BTreeMap::new();
    let mut found_dims = Arc::clone(model);
    for occurrence in group.files.iter().skip(1) {
        let Some(mapped) = occurrence.mapped(context.files) else { continue };
        let var = &mapped.var;
        if Arc::ptr_eq(var, &last) {
            continue;
        }
        let mut codes = differences(var, model, along, lenient);
        if fills_follow && codes.contains(&Code::CombineDtype) {
            codes.retain(|code| *code != Code::CombineFill);
        }
        if codes.is_empty() {
            last = Arc::clone(var);
        }
        if codes.contains(&Code::CombineDims) && !found.contains_key(&Code::CombineDims) {
            found_dims = Arc::clone(var);
        }
        for code in codes {
            let has = |v: &Variable| match code {
                Code::CombineDims => show_dims(v),
                Code::CombineFill => {
                    v.fill.as_ref().map_or("no _FillValue".into(), |f| format!("_FillValue {f}"))
                }
                _ => v.dtype.to_string(),
            };
            let url = context.files.get(occurrence.file as usize).map_or("?", |f| &*f.url);
            let list =
                found.entry(code).or_insert_with(|| vec![Difference::new(&*first_file.url, has(model))]);
            list.push(Difference::new(url, has(var)));
        }
    }
    for (code, found) in found {
        let what = match code {
            Code::CombineDims => dims_differ(&found_dims, model),
            Code::CombineDtype => "the data type differs between files".to_owned(),
            Code::CombinePacking => "the packed data type differs between files".to_owned(),
            _ => "_FillValue differs between files".to_owned(),
        };
        let help = match code {
            Code::CombineDims => dims_help(context, &found_dims, model),
            _ => numbers_help(context, code, group),
        };
        problems.push(Disagreement { code, variable: model.name.clone(), what, found, help });
    }
}

/// The dimension whose length alone differs, with its lengths in both.
fn other_length<'a>(var: &'a Variable, model: &Variable) -> Option<(&'a String, u64, u64)> {
    let same_dims = var.dims == model.dims;
    let mut all = var.dims.iter().zip(model.shape.iter().zip(&var.shape)).filter(|_| same_dims);
    all.find(|(_, (a, b))| a != b).map(|(dim, (a, b))| (dim, *a, *b))
}

fn dims_differ(other: &Variable, model: &Variable) -> String {
    let sorted = |var: &Variable| var.dims.iter().cloned().collect::<BTreeSet<_>>();
    match other_length(other, model) {
        Some((dim, first, length)) => {
            format!("dimension `{dim}` has length {first} in the first file, and {length} in others")
        }
        None if sorted(other) == sorted(model) => "the order of dimensions differs between files".to_owned(),
        None => "dimensions differ between files".to_owned(),
    }
}

fn dims_help(context: &Context<'_>, other: &Variable, model: &Variable) -> String {
    let drop = leave_out(context.files, &model.name);
    let sorted = |var: &Variable| var.dims.iter().cloned().collect::<BTreeSet<_>>();
    let labelled = |dim: &str| {
        context.files.iter().any(|f| f.view.variable(dim).is_some_and(|m| m.var.is_dimension_coordinate()))
    };
    match other_length(other, model) {
        Some((dim, ..)) if labelled(dim) => format!(
            "`combine.coords: outer` takes the union of all labels of `{dim}`, `inner` those that all files have; {drop}"
        ),
        Some((dim, ..)) => {
            format!(
                "the step `subset` takes the same part of `{dim}`, where that is what all files have; {drop}"
            )
        }
        None if sorted(other) == sorted(model) && context.policies.get("dims", &model.name) == "error" => {
            format!("`combine.dims: transpose` puts them in the first file's order; {drop}")
        }
        None => apart(context, &model.name),
    }
}

/// The policy that makes types, packing or fill values alike, where it is not the one that was asked for.
fn numbers_help(context: &Context<'_>, code: Code, group: &Group) -> String {
    let drop = leave_out(context.files, &group.name);
    let mapped = || group.files.iter().filter_map(|o| o.mapped(context.files));
    let numbers = mapped().all(|m| m.var.dtype.is_integer() || m.var.dtype.is_float());
    let (key, policies) = match code {
        Code::CombineDtype => (
            "dtype",
            "`combine.dtype: promote` writes the smallest type that holds all values, `first` the first file's",
        ),
        Code::CombinePacking => (
            "packing",
            "`combine.packing: decode` writes decoded floats, `auto` one new packing, `first` the first file's",
        ),
        _ => ("fill", "`combine.fill: mask` masks each file with its own values"),
    };
    if numbers && context.policies.get(key, &group.name) == "error" {
        return format!("{policies}; {drop}");
    }
    if code == Code::CombineDtype && mapped().any(|m| m.var.dtype == DataType::Text) {
        return format!("no policy makes numbers of text: {}", apart(context, &group.name));
    }
    apart(context, &group.name)
}

/// What is left where no policy helps.
fn apart(context: &Context<'_>, name: &str) -> String {
    match can_drop(context.files, name) {
        true => format!("make one recipe for each, or {}", leave_out(context.files, name)),
        false => "make one recipe for each".to_owned(),
    }
}

fn differences(var: &Variable, model: &Variable, along: &[(usize, usize)], lenient: Lenient) -> Vec<Code> {
    let lengths = |v: &Variable| -> Vec<Option<u64>> {
        let one = |(d, &n): (usize, &u64)| (!along.iter().any(|a| a.1 == d)).then_some(n);
        v.shape.iter().enumerate().map(one).collect()
    };
    let mut codes = Vec::new();
    if var.dims != model.dims || lengths(var) != lengths(model) {
        codes.push(Code::CombineDims);
    }
    let widths = lenient.float_width && var.dtype.is_float() && model.dtype.is_float();
    if var.dtype != model.dtype && !lenient.recoded && !lenient.first_counts && !widths {
        let packed = var.attrs.packed_by().or(model.attrs.packed_by()).is_some();
        codes.push(if packed { Code::CombinePacking } else { Code::CombineDtype });
    }
    if !same_fill(var.fill.as_ref(), model.fill.as_ref()) && !lenient.recoded && !lenient.first_counts {
        codes.push(Code::CombineFill);
    }
    codes
}

fn show_dims(var: &Variable) -> String {
    if var.dims.is_empty() {
        return "no dimensions".to_owned();
    }
    let dims: Vec<String> = var.dims.iter().zip(&var.shape).map(|(d, n)| format!("{d}={n}")).collect();
    format!("dimensions {}", dims.join(", "))
}

/// `missing_value` of a number must be a number: as text it would mask nothing, and what it marks would pass for data.
pub(super) fn masks_are_numbers(context: &Context<'_>, group: &Group, problems: &mut Vec<Disagreement>) {
    let mut last: Option<&Arc<Variable>> = None;
    let mut found = Vec::new();
    for occurrence in &group.files {
        let Some(var) = occurrence.mapped(context.files).map(|m| &m.var) else { continue };
        if var.dtype == DataType::Text || last.is_some_and(|last| Arc::ptr_eq(last, var)) {
            continue;
        }
        match var.attrs.text("missing_value") {
            None => last = Some(var),
            Some(text) => {
                let url = context.files.get(occurrence.file as usize).map_or("?", |f| &*f.url);
                found.push(Difference::new(
                    url,
                    format!("missing_value = \"{text}\", and the variable is {}", var.dtype),
                ));
            }
        }
    }
    if !found.is_empty() {
        let name = &group.name;
        problems.push(Disagreement {
            code: Code::CombineFill,
            variable: name.clone(),
            what: "attribute `missing_value` is text, and would mask no number".to_owned(),
            found,
            help: format!("the step `attrs` sets it as a number (`set: {{{name}@missing_value: -999}}`) or deletes it (`delete: [{name}@missing_value]`)"),
        });
    }
}

fn same_fill(a: Option<&Scalar>, b: Option<&Scalar>) -> bool {
    match (a, b) {
        // integers of two types may be one number
        (Some(a), Some(b)) => a.same(b) || (a.as_i128().is_some() && a.as_i128() == b.as_i128()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Every file of a merge key has the variable, or none has it. By policy, one that varies along no axis (`once`) is
/// taken from the files that have it, unless it is a coordinate.
pub(super) fn absent(
    context: &Context<'_>,
    group: &Group,
    (along, coordinate): (&[(usize, usize)], bool),
    problems: &mut Vec<Disagreement>,
) {
    let lacking = group.lacking(context.axes, context.files).into_iter();
    let mut lacking: Vec<&File> = lacking.filter_map(|n| context.files.get(n as usize)).collect();
    let fill = context.policies.get("absent", &group.name) == "fill";
    if fill && !coordinate {
        // what another file holds at the place is there
        let place = |file| place_of(along, file);
        let held: BTreeSet<_> =
            group.files.iter().map(|o| place(context.files.get(o.file as usize))).collect();
        lacking.retain(|file| !along.is_empty() && !held.contains(&place(Some(file))));
    }
    if lacking.is_empty() {
        return;
    }
    if let Some(problem) = endless(context, group, along, &lacking).filter(|_| fill && !coordinate) {
        return problems.push(problem);
    }
    let files = if group.files.len() == 1 { "file" } else { "files" };
    let what =
        format!("`{}` is in {} {files} and absent in {}", group.name, group.files.len(), lacking.len());
    let found = group
        .first(context.files)
        .map(|(file, _)| Difference::new(&*file.url, format!("has `{}`", group.name)));
    let found = found
        .into_iter()
        .chain(lacking.iter().map(|file| Difference::new(&*file.url, format!("no `{}`", group.name))));
    problems.push(Disagreement {
        code: Code::CombineAbsent,
        variable: group.name.clone(),
        what,
        found: found.collect(),
        help: match (fill, coordinate) {
            (true, true) => format!("coordinates can't be filled; `combine.absent: drop` leaves `{}` out", group.name),
            (true, false) => format!(
                "`combine.absent: fill` needs a _FillValue for this type: `attrs: {{set: {{{0}@_FillValue: …}}}}` gives it one, `combine.absent: drop` leaves `{0}` out",
                group.name
            ),
            (false, true) => format!("`combine.absent: drop` leaves `{}` out", group.name),
            (false, false) => format!(
                "`combine.absent: fill` gives it fill values where it is absent, `drop` leaves `{}` out",
                group.name
            ),
        },
    });
}

/// Files that lack a variable and nowhere say how long they are along its axis.
fn endless(
    context: &Context<'_>,
    group: &Group,
    along: &[(usize, usize)],
    lacking: &[&File],
) -> Option<Disagreement> {
    let without = |name: &str| lacking.iter().filter(|f| f.view.length(name).is_none()).collect::<Vec<_>>();
    let mut names = along.iter().filter_map(|(axis, _)| Some(&context.axes.get(*axis)?.name));
    let (dim, files) = names.find_map(|name| Some((name, without(name))).filter(|(_, f)| !f.is_empty()))?;
    Some(Disagreement {
        code: Code::CombineAbsent,
        variable: group.name.clone(),
        what: format!(
            "`combine.absent: fill` can't tell how many items of `{dim}` to fill: nothing in the file has that dimension"
        ),
        found: files.iter().map(|f| Difference::new(&*f.url, format!("no dimension `{dim}`"))).collect(),
        help: format!("leave such files out, or `combine.absent: drop` leaves `{}` out", group.name),
    })
}

/// A dimension has one length for all variables of a group, also for those of other files.
pub(super) fn dimensions(context: &Context<'_>, variables: &[CombinedVar], problems: &mut Vec<Disagreement>) {
    let mut known: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    for CombinedVar { var, .. } in variables {
        for (dim, &length) in var.dims.iter().zip(&var.shape) {
            let key = (var.group(), base_name(dim));
            let (first, owner) = *known.entry(key).or_insert((length, &var.name));
            if first == length || !told.insert(key) {
                continue;
            }
            let with = |name: &str, length: u64| {
                let file = context.files.iter().find(|f| f.view.variable(name).is_some());
                Difference::new(file.map_or("?", |f| &f.url), format!("`{name}` has {dim}={length}"))
            };
            problems.push(Disagreement {
                code: Code::CombineDims,
                variable: var.name.clone(),
                what: format!("dimension `{dim}` has two lengths"),
                found: vec![with(owner, first), with(&var.name, length)],
                help: "rename it for some of the variables (`step: rename`), or bake them as datasets of their own"
                    .to_owned(),
            });
        }
    }
}

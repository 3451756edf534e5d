//! Dimensions, types and fill values over files, and which files lack a variable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{Group, merge_key};
use super::{CombinedVar, Context, Difference, Disagreement, File};
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
    let mut found: BTreeMap<Code, Vec<Difference>> = BTreeMap::new();
    for occurrence in group.files.iter().skip(1) {
        let Some(mapped) = occurrence.mapped(context.files) else { continue };
        let var = &mapped.var;
        if Arc::ptr_eq(var, &last) {
            continue;
        }
        let codes = differences(var, model, along, lenient);
        if codes.is_empty() {
            last = Arc::clone(var);
        }
        for code in codes {
            let has = |v: &Variable| match code {
                Code::CombineDims => show_dims(v),
                Code::CombineFill => {
                    v.fill.as_ref().map_or("no _FillValue".into(), |f| format!("_FillValue {f}"))
                }
                _ => v.dtype.to_string(),
            };
            let url = context.files.get(occurrence.file as usize).map_or("?", |f| f.url.as_str());
            let list =
                found.entry(code).or_insert_with(|| vec![Difference::new(&first_file.url, has(model))]);
            list.push(Difference::new(url, has(var)));
        }
    }
    for (code, found) in found {
        let (what, key) = match code {
            Code::CombineDims => ("dimensions or their lengths differ between files", "dims"),
            Code::CombineDtype => ("the data type differs between files", "dtype"),
            Code::CombinePacking => ("the packed data type differs between files", "packing"),
            _ => ("_FillValue differs between files", "fill"),
        };
        let help = format!(
            "no policy of `combine.{key}` that this version carries out allows it; `drop: [{}]` leaves it out",
            model.name
        );
        problems.push(Disagreement { code, variable: model.name.clone(), what: what.into(), found, help });
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
        let packed =
            |v: &Variable| v.attrs.get("scale_factor").is_some() || v.attrs.get("add_offset").is_some();
        codes.push(if packed(var) || packed(model) { Code::CombinePacking } else { Code::CombineDtype });
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
                let url = context.files.get(occurrence.file as usize).map_or("?", |f| f.url.as_str());
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
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Files that lack a variable which others of their merge key have.
pub(super) fn lacking<'a>(context: &Context<'a>, group: &Group) -> Vec<&'a File> {
    if group.files.len() == context.files.len() {
        return Vec::new();
    }
    let has: BTreeSet<usize> = group.files.iter().map(|o| o.file as usize).collect();
    let key = |file: &File| merge_key(context.axes, Some(file));
    let keys: BTreeSet<Vec<u32>> = has.iter().filter_map(|&n| context.files.get(n)).map(key).collect();
    let files = context.files.iter().enumerate();
    files
        .filter(|(number, file)| !has.contains(number) && keys.contains(&key(file)))
        .map(|(_, file)| file)
        .collect()
}

/// Every file of a merge key has the variable, or none has it. By policy, one that varies along no axis (`once`) is
/// taken from the files that have it, unless it is a coordinate.
pub(super) fn absent(
    context: &Context<'_>,
    group: &Group,
    (once, coordinate): (bool, bool),
    problems: &mut Vec<Disagreement>,
) {
    let lacking = lacking(context, group);
    let fill = context.policies.get("absent", &group.name) == "fill";
    if lacking.is_empty() || (fill && once && !coordinate) {
        return;
    }
    let what = format!("`{}` is in {} files and absent in {}", group.name, group.files.len(), lacking.len());
    let found = group
        .first(context.files)
        .map(|(file, _)| Difference::new(&file.url, format!("has `{}`", group.name)));
    let found = found
        .into_iter()
        .chain(lacking.iter().map(|file| Difference::new(&file.url, format!("no `{}`", group.name))));
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

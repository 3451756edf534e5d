//! Attributes over files: equal ones are kept, others left out and listed; those that decide what the numbers mean
//! must be equal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::collected::settle;
use super::group::Group;
use super::time::is_time_like;
use super::{Context, Difference, Disagreement, File, can_drop};
use crate::attrs::{AttrValue, Attrs};
use crate::block::scalar_to_le;
use crate::error::Code;
use crate::names;
use crate::schema::Variable;

/// What the difference of an attribute means.
enum Meaning {
    /// Whatever the policy of `attrs` says.
    Free,
    /// The first file's is kept, as a policy says, and listed.
    First,
    /// None: the first file's is kept, because the values or the types say the same.
    Same,
    /// Must be equal: the code, and the policy's key.
    Fixed(Code, &'static str),
}

/// Attributes that bound the numbers of a variable, and mean nothing once they are counted in another unit.
const BOUNDS_OF_NUMBERS: [&str; 4] = ["valid_min", "valid_max", "valid_range", "actual_range"];

/// Attributes of which one value can't stand for another's numbers.
const DECISIVE: [&str; 12] = [
    "standard_name",
    "computed_standard_name",
    "cell_methods",
    "positive",
    "grid_mapping",
    "bounds",
    "climatology",
    "formula_terms",
    "compress",
    "leap_month",
    "leap_year",
    "month_lengths",
];

/// Attributes of one variable over its files; what differs and may, is left out and noted. `recoded` where its times
/// are put in one unit.
pub(super) fn variable(
    context: &Context<'_>,
    group: &Group,
    recoded: bool,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Attrs {
    let Some((first_file, first)) = group.first(context.files) else { return Attrs::new() };
    let model = &first.var;
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let (mut noted, mut free): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    if recoded {
        let bounds = BOUNDS_OF_NUMBERS.iter().filter(|name| model.attrs.get(name).is_some());
        gone.extend(bounds.map(|name| (*name).to_owned()));
    }
    let mut last: Arc<Variable> = Arc::clone(model);
    let mut refused: Vec<Refused> = Vec::new();
    let mut again: BTreeSet<String> = BTreeSet::new();
    for occurrence in group.files.iter().skip(1) {
        let (Some(mapped), Some(file)) =
            (occurrence.mapped(context.files), context.files.get(occurrence.file as usize))
        else {
            continue;
        };
        // files of one archive mostly share one schema; what was refused of it is refused of this file too
        if Arc::ptr_eq(&last, &mapped.var) || last.attrs == mapped.var.attrs {
            for (_, _, _, found) in refused.iter_mut().filter(|(name, ..)| again.contains(name)) {
                found.extend(found.last().map(|same| Difference::new(&*file.url, &same.has)));
            }
            continue;
        }
        again.clear();
        last = Arc::clone(&mapped.var);
        for name in differing(&model.attrs, &mapped.var.attrs) {
            if gone.contains(name) || free.contains(name) {
                continue;
            }
            match meaning(context, model, &mapped.var, name, recoded) {
                Meaning::Same => {}
                Meaning::First => {
                    noted.insert(name.to_owned());
                }
                Meaning::Free => {
                    free.insert(name.to_owned());
                }
                Meaning::Fixed(code, key) => {
                    let this = Difference::new(&*file.url, has(&mapped.var.attrs, name));
                    again.insert(name.to_owned());
                    match refused.iter_mut().find(|(n, ..)| n == name) {
                        Some((_, _, _, found)) => found.push(this),
                        None => {
                            let own = Difference::new(&*first_file.url, has(&model.attrs, name));
                            refused.push((name.to_owned(), code, key, vec![own, this]));
                        }
                    }
                }
            }
        }
    }
    problems.extend(refused.into_iter().map(|refused| disagreement(context.files, &model.name, refused)));
    let mut kept = model.attrs.clone();
    gone.iter().for_each(|name| drop(kept.remove(name)));
    let all = group.files.iter().filter_map(|occurrence| occurrence.mapped(context.files));
    let policy = context.policies.get("attrs", &model.name);
    gone.extend(settle(&mut kept, free, policy, all.map(|mapped| &mapped.var.attrs)));
    left_out.extend(gone.into_iter().chain(noted).map(|name| (model.name.clone(), name)));
    kept
}

/// An attribute that differs and may not: its name, the code, the policy's key, and what files have.
type Refused = (String, Code, &'static str, Vec<Difference>);

fn disagreement(files: &[File], variable: &str, (name, code, key, found): Refused) -> Disagreement {
    Disagreement {
        code,
        variable: variable.to_owned(),
        what: format!("attribute `{name}` differs between files, and decides what the numbers mean"),
        found,
        help: help(files, key, variable, &name),
    }
}

/// What to do about attributes that decide. Setting one where the numbers differ would be wrong in silence, so it is
/// never the advice for packing and fill values.
fn help(files: &[File], key: &str, variable: &str, attribute: &str) -> String {
    let rest = match can_drop(files, variable) {
        true => format!("make one recipe for each value, or leave the variable out: `drop: [{variable}]`"),
        false => "make one recipe for each value".to_owned(),
    };
    let set = format!("`attrs: {{set: {{{variable}@{attribute}: …}}}}`");
    match key {
        "packing" => {
            format!("`combine.packing: decode` writes decoded floats, where all are numbers; else {rest}")
        }
        "fill" => format!("`combine.fill: mask` masks each file with its own values; else {rest}"),
        "units" => format!(
            "`combine.units: convert` converts to the first file's, where both are units of one quantity; else {rest}; only where the numbers are in one unit and its name differs, the step {set}"
        ),
        "calendar" => format!(
            "`combine.calendar: convert:CALENDAR` converts times, where all files have them in units since a date; else {rest}"
        ),
        _ => format!("{rest}; where one value is right for all files, the step {set}"),
    }
}

fn has(attrs: &Attrs, name: &str) -> String {
    attrs.get(name).map_or_else(|| format!("no `{name}`"), |value| format!("{name} = {value}"))
}

fn meaning(context: &Context<'_>, var: &Variable, other: &Variable, name: &str, recoded: bool) -> Meaning {
    match name {
        // the values decide, in `time`: calendars of other names may be one calendar, texts of units one unit
        "units" | "calendar" if is_time_like(var) && is_time_like(other) => Meaning::Same,
        "units" if units_of_first(context, var, other) => Meaning::First,
        "units" => Meaning::Fixed(Code::CombineUnits, "units"),
        "calendar" if is_time_like(var) || is_time_like(other) => {
            Meaning::Fixed(Code::CombineCalendar, "calendar")
        }
        "scale_factor" | "add_offset" | "_Unsigned" => Meaning::Fixed(Code::CombinePacking, "packing"),
        "missing_value" if recoded || same_mask(var, other) => Meaning::Same,
        "missing_value" => Meaning::Fixed(Code::CombineFill, "fill"),
        _ if DECISIVE.contains(&name) || name.starts_with("flag_") => {
            Meaning::Fixed(Code::CombineAttrs, "attrs")
        }
        // parameters of a map projection
        _ if var.attrs.get("grid_mapping_name").is_some() && !is_prose(name) => {
            Meaning::Fixed(Code::CombineAttrs, "attrs")
        }
        _ if context.policies.get("attrs", &var.name) == "error" => {
            Meaning::Fixed(Code::CombineAttrs, "attrs")
        }
        _ => Meaning::Free,
    }
}

fn units_of_first(context: &Context<'_>, var: &Variable, other: &Variable) -> bool {
    !is_time_like(var) && !is_time_like(other) && context.policies.get("units", &var.name) == "first"
}

fn is_prose(name: &str) -> bool {
    matches!(name, "long_name" | "comment" | "description" | "history" | "references" | "source")
}

/// `missing_value` masks elements of the variable's type, so it is compared in that type.
fn same_mask(a: &Variable, b: &Variable) -> bool {
    let masks = |var: &Variable| -> Option<Vec<u8>> {
        let Some(AttrValue::Numbers { values, .. }) = var.attrs.get("missing_value") else { return None };
        let mut bytes = Vec::new();
        values.iter().all(|value| scalar_to_le(var.dtype, value, &mut bytes)).then_some(bytes)
    };
    a.dtype == b.dtype && masks(a).is_some() && masks(a) == masks(b)
}

/// Attributes of the root group or of a group below it, over all files that have it.
pub(super) fn group<'a>(
    context: &Context<'_>,
    path: &str,
    all: impl Iterator<Item = (&'a str, &'a Attrs)>,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Attrs {
    let all: Vec<(&str, &Attrs)> = all.collect();
    let Some((first_url, first)) = all.first().copied() else { return Attrs::new() };
    let policy = context.policies.get("attrs", "");
    let mut differ: BTreeMap<&str, Vec<Difference>> = BTreeMap::new();
    for (url, attrs) in all.iter().skip(1) {
        for name in differing(first, attrs) {
            let found = differ.entry(name).or_default();
            if policy == "error" {
                found.push(Difference::new(*url, has(attrs, name)));
            }
        }
    }
    let names: BTreeSet<String> = differ.keys().map(|name| (*name).to_owned()).collect();
    for (name, mut found) in differ.into_iter().filter(|_| policy == "error") {
        found.insert(0, Difference::new(first_url, has(first, name)));
        problems.push(Disagreement {
            code: Code::CombineAttrs,
            variable: path.to_owned(),
            what: format!("attribute `{name}` differs between files, and `combine.attrs` is `error`"),
            found,
            help: format!(
                "the step `attrs: {{delete: [{name}]}}` deletes it, `combine.attrs: equal` leaves out what differs"
            ),
        });
    }
    let mut kept = first.clone();
    let out = settle(&mut kept, names, policy, all.iter().map(|(_, attrs)| *attrs));
    left_out.extend(out.into_iter().map(|name| (path.to_owned(), name)));
    kept
}

/// Names of attributes that are not equal in both, or absent in one.
fn differing<'a>(a: &'a Attrs, b: &'a Attrs) -> Vec<&'a str> {
    let others: Vec<(&str, &AttrValue)> = b.iter().collect();
    let mut found = Vec::new();
    let mut shared = 0;
    for (at, (name, value)) in a.iter().enumerate() {
        // mostly in the same place
        let other = match others.get(at) {
            Some((n, other)) if *n == name => Some(*other),
            _ => b.get(name),
        };
        shared += usize::from(other.is_some());
        if !other.is_some_and(|other| value.same(other)) {
            found.push(name);
        }
    }
    if shared < others.len() {
        found.extend(others.iter().map(|(n, _)| *n).filter(|n| a.get(n).is_none()));
    }
    found.retain(|n| !names::matches("_Netcdf4*", n));
    found
}

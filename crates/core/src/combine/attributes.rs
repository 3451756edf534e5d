//! Attributes over files: equal ones are kept, others left out and listed; those that decide what the numbers mean
//! must be equal.

use std::sync::Arc;

use super::group::Group;
use super::time::is_time_like;
use super::{Context, Difference, Disagreement};
use crate::attrs::Attrs;
use crate::error::Code;
use crate::names;
use crate::schema::Variable;

/// What the difference of an attribute means.
enum Meaning {
    /// Left out of the dataset, and listed.
    Free,
    /// Must be equal: the code, the policy's key, and what can be done.
    Fixed(Code, &'static str),
}

/// Attributes of one variable over its files; what differs and may, is left out and noted.
pub(super) fn variable(
    context: &Context<'_>,
    group: &Group,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Attrs {
    let Some((first_file, first)) = group.first(context.files) else { return Attrs::new() };
    let model = &first.var;
    let mut kept = model.attrs.clone();
    let mut last: Option<Arc<Variable>> = Some(Arc::clone(model));
    let mut refused: Vec<(String, Code, &str, Vec<Difference>)> = Vec::new();
    for occurrence in group.files.iter().skip(1) {
        let (Some(mapped), Some(file)) =
            (occurrence.mapped(context.files), context.files.get(occurrence.file as usize))
        else {
            continue;
        };
        // files of one archive mostly share one schema
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &mapped.var) || last.attrs == mapped.var.attrs)
        {
            continue;
        }
        last = Some(Arc::clone(&mapped.var));
        for name in differing(&model.attrs, &mapped.var.attrs) {
            match meaning(context, model, &name) {
                Meaning::Free => {
                    if kept.remove(&name).is_some() || !left_out.contains(&(model.name.clone(), name.clone()))
                    {
                        left_out.push((model.name.clone(), name));
                    }
                }
                Meaning::Fixed(code, key) => {
                    let has =
                        |attrs: &Attrs| attrs.get(&name).map_or("absent".to_owned(), ToString::to_string);
                    let this = Difference::new(&file.url, has(&mapped.var.attrs));
                    match refused.iter_mut().find(|(n, ..)| *n == name) {
                        Some((_, _, _, found)) => found.push(this),
                        None => {
                            let own = Difference::new(&first_file.url, has(&model.attrs));
                            refused.push((name, code, key, vec![own, this]));
                        }
                    }
                }
            }
        }
    }
    for (name, code, key, found) in refused {
        problems.push(Disagreement {
            code,
            variable: model.name.clone(),
            what: format!("attribute `{name}` differs between files, and decides what the numbers mean"),
            found,
            help: format!("policy `combine.{key}` decides this; this version refuses it. Leave the files out, or split the recipe"),
        });
    }
    left_out.sort();
    left_out.dedup();
    kept
}

fn meaning(context: &Context<'_>, var: &Variable, name: &str) -> Meaning {
    match name {
        "units" | "calendar" if is_time_like(var) => Meaning::Free, // decided by the values, in `time`
        "units" => Meaning::Fixed(Code::CombineUnits, "units"),
        "scale_factor" | "add_offset" | "_Unsigned" => Meaning::Fixed(Code::CombinePacking, "packing"),
        "missing_value" => Meaning::Fixed(Code::CombineFill, "fill"),
        "standard_name" | "cell_methods" | "positive" | "grid_mapping" | "bounds" | "climatology"
        | "formula_terms" => Meaning::Fixed(Code::CombineAttrs, "attrs"),
        _ if name.starts_with("flag_") => Meaning::Fixed(Code::CombineAttrs, "attrs"),
        _ if context.policies.get("attrs", &var.name) == "error" => {
            Meaning::Fixed(Code::CombineAttrs, "attrs")
        }
        _ => Meaning::Free,
    }
}

/// Attributes of the root group or of a group below it, over all files that have it.
pub(super) fn group<'a>(
    context: &Context<'_>,
    path: &str,
    mut all: impl Iterator<Item = (&'a str, &'a Attrs)>,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Attrs {
    let Some((first_url, first)) = all.next() else { return Attrs::new() };
    let strict = context.policies.get("attrs", "") == "error";
    let mut kept = first.clone();
    let mut gone: Vec<String> = Vec::new();
    let mut found: Vec<Difference> = Vec::new();
    for (url, attrs) in all {
        for name in differing(first, attrs) {
            if gone.contains(&name) {
                continue;
            }
            if strict {
                let has = |a: &Attrs| {
                    format!("{name} = {}", a.get(&name).map_or("absent".into(), ToString::to_string))
                };
                found.push(Difference::new(first_url, has(first)));
                found.push(Difference::new(url, has(attrs)));
            }
            kept.remove(&name);
            gone.push(name);
        }
    }
    if !found.is_empty() {
        let what = "global attributes differ between files, and `combine.attrs` is `error`".to_owned();
        let help = "`step: attrs` deletes them, `combine.attrs: keep` leaves out what differs".to_owned();
        problems.push(Disagreement { code: Code::CombineAttrs, variable: String::new(), what, found, help });
    }
    left_out.extend(gone.into_iter().map(|name| (path.to_owned(), name)));
    kept
}

/// Names of attributes that are not equal in both, or absent in one.
fn differing(a: &Attrs, b: &Attrs) -> Vec<String> {
    let unequal = a.iter().filter(|(n, v)| !b.get(n).is_some_and(|w| v.same(w))).map(|(n, _)| n);
    let new = b.iter().map(|(n, _)| n).filter(|n| a.get(n).is_none());
    unequal.chain(new).filter(|n| !names::matches("_Netcdf4*", n)).map(str::to_owned).collect()
}

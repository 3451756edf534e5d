//! The order of files along a concat axis, as their coordinate tells it.

use std::cmp::Ordering;

use super::lengths::Offsets;
use super::time::{Place, places, units_of};
use super::{CombinedVar, Content, Context, Difference, Disagreement};
use crate::error::Code;

/// Checks that the coordinate of every concat axis rises (or falls) from file to file without repetition.
pub(super) fn check(
    context: &Context<'_>,
    offsets: &Offsets,
    variables: &[CombinedVar],
    problems: &mut Vec<Disagreement>,
) {
    for (at, axis) in
        context.axes.iter().enumerate().filter(|(_, axis)| axis.is_concat() && axis.labels.len() > 1)
    {
        let Some(variable) =
            variables.iter().find(|v| v.var.name == axis.name && v.var.is_dimension_coordinate())
        else {
            continue;
        };
        let Content::Values(block) = &variable.content else { continue };
        let Some(values) = places(&variable.var, block) else { continue };
        let Some(starts) = offsets.get(at) else { continue };
        let file_at = |position: usize| {
            let key = starts.partition_point(|&start| start <= position as u64).saturating_sub(1);
            let found = context.files.iter().find(|f| f.index.get(at).is_some_and(|&k| k as usize == key));
            found.map_or("?", |f| f.url.as_str()).to_owned()
        };
        let units = units_of(&variable.var);
        let label = |value: Place| value.show(units.as_ref());
        let present: Vec<(usize, Place)> =
            values.iter().copied().enumerate().filter_map(|(i, v)| Some((i, v?))).collect();
        report(context, &axis.name, &present, file_at, label, problems);
    }
}

fn report(
    context: &Context<'_>,
    name: &str,
    values: &[(usize, Place)],
    file_at: impl Fn(usize) -> String,
    label: impl Fn(Place) -> String,
    problems: &mut Vec<Disagreement>,
) {
    let pairs = || values.iter().zip(values.iter().skip(1));
    let falls = match (values.first(), values.last()) {
        (Some((_, first)), Some((_, last))) => last.order(first) == Ordering::Less,
        _ => return,
    };
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.1.order(&b.1));
    let mut twice = Vec::new();
    for pair in sorted.windows(2) {
        if let [(i, a), (j, b)] = pair
            && a.order(b) == Ordering::Equal
        {
            let (i, j) = (*i.min(j), *i.max(j));
            twice.push(Difference::new(file_at(i), format!("`{name}` {} at item {i}", label(*a))));
            twice.push(Difference::new(file_at(j), format!("`{name}` {} at item {j}", label(*b))));
        }
    }
    let wrong: Vec<Difference> = pairs()
        .filter(|((_, a), (_, b))| match a.order(b) {
            Ordering::Equal => false,
            Ordering::Less => falls,
            Ordering::Greater => !falls,
        })
        .flat_map(|((i, a), (j, b))| {
            [Difference::new(file_at(*i), label(*a)), Difference::new(file_at(*j), label(*b))]
        })
        .collect();
    let mut push = |code, what: String, found, help: &str| {
        problems.push(Disagreement { code, variable: name.to_owned(), what, found, help: help.to_owned() });
    };
    if !twice.is_empty() && context.policies.get("duplicates", name) != "keep" {
        let what = format!("the same `{name}` stands in the data {} times more than once", twice.len() / 2);
        push(
            Code::CombineDuplicates,
            what,
            twice,
            "policy `combine.duplicates` decides this (first, last, identical); this version refuses it",
        );
    }
    if !wrong.is_empty() && context.policies.get("order", name) != "keep" {
        let what = format!("`{name}` is not in order");
        push(
            Code::CombineOrder,
            what,
            wrong,
            "list the files in order, or give their keys; `combine.order: keep` takes them as they are",
        );
    }
}

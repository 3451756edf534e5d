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
        let Content::Values(block) = &variable.content else {
            unchecked(context, &axis.name, problems);
            continue;
        };
        let Some(starts) = offsets.get(at) else { continue };
        let mut urls: Vec<Option<&str>> = vec![None; axis.labels.len()];
        for file in context.files {
            if let Some(slot) = file.index.get(at).and_then(|&key| urls.get_mut(key as usize)) {
                slot.get_or_insert(&file.url);
            }
        }
        let file_at = |position: usize| {
            let key = starts.partition_point(|&start| start <= position as u64).saturating_sub(1);
            urls.get(key).copied().flatten().unwrap_or("?").to_owned()
        };
        match (places(&variable.var, block), block.texts()) {
            (Some(values), _) if in_order(values.clone().flatten()) => {}
            (Some(values), _) => {
                let units = units_of(&variable.var);
                let present: Vec<(usize, Place)> =
                    values.enumerate().filter_map(|(i, v)| Some((i, v?))).collect();
                report(context, &axis.name, &present, file_at, |value| value.show(units.as_ref()), problems);
            }
            (None, Some(texts)) => names(context, &axis.name, texts, file_at, problems),
            (None, None) => {}
        }
    }
}

/// Whether all values rise, or all fall, without repetition; what is in order costs no memory.
fn in_order(mut values: impl Iterator<Item = Place>) -> bool {
    let (Some(mut last), mut direction) = (values.next(), None) else { return true };
    values.all(|value| {
        let step = last.order(&value);
        last = value;
        step != Ordering::Equal && *direction.get_or_insert(step) == step
    })
}

/// A coordinate that is too large to be kept in memory.
fn unchecked(context: &Context<'_>, name: &str, problems: &mut Vec<Disagreement>) {
    if context.policies.get("order", name) != "keep" {
        let first = context.files.first().map(|f| Difference::new(&f.url, "too large to be kept in memory"));
        problems.push(Disagreement {
            code: Code::CombineOrder,
            variable: name.to_owned(),
            what: format!("the order of `{name}` can't be checked"),
            found: first.into_iter().collect(),
            help: "`combine.order: keep` takes the files as they are".to_owned(),
        });
    }
}

/// Names have no order, but each stands once.
fn names(
    context: &Context<'_>,
    name: &str,
    texts: &[String],
    file_at: impl Fn(usize) -> String,
    problems: &mut Vec<Disagreement>,
) {
    let mut sorted: Vec<(&String, usize)> = texts.iter().zip(0..).filter(|(t, _)| !t.is_empty()).collect();
    sorted.sort();
    let mut twice = Vec::new();
    for pair in sorted.windows(2) {
        if let [(a, i), (b, j)] = pair
            && a == b
        {
            let has = |at: usize| Difference::new(file_at(at), format!("`{name}` \"{a}\" at item {at}"));
            twice.extend([has(*i), has(*j)]);
        }
    }
    duplicates(context, name, twice, problems);
}

/// Reports what stands in the data more than once; two differences each.
fn duplicates(context: &Context<'_>, name: &str, twice: Vec<Difference>, problems: &mut Vec<Disagreement>) {
    if twice.is_empty() || context.policies.get("duplicates", name) == "keep" {
        return;
    }
    let (count, s) = (twice.len() / 2, if twice.len() == 2 { "" } else { "s" });
    problems.push(Disagreement {
        code: Code::CombineDuplicates,
        variable: name.to_owned(),
        what: format!(
            "{count} value{s} of `{name}` stand{} in the data more than once",
            if s.is_empty() { "s" } else { "" }
        ),
        found: twice,
        help: "policy `combine.duplicates` decides this (first, last, identical); this version refuses it"
            .to_owned(),
    });
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
    duplicates(context, name, twice, problems);
    if !wrong.is_empty() && context.policies.get("order", name) != "keep" {
        problems.push(Disagreement {
            code: Code::CombineOrder,
            variable: name.to_owned(),
            what: format!("`{name}` is not monotonic: files or items are out of order"),
            found: wrong,
            help: "list the files in order, or give their keys; `combine.order: keep` takes them as they are"
                .to_owned(),
        });
    }
}

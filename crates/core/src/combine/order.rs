//! The order of files along a concat axis, as their coordinate tells it, and positions that several of them hold.

use std::cmp::Ordering;
use std::sync::Arc;

use super::lengths::Offsets;
use super::time::{Place, places};
use super::{CombineAxis, CombinedVar, Content, Context, Difference, Disagreement};
use crate::arrange::{Comparison, Double, compare, doubles, left, pick};
use crate::derived::Runs;
use crate::error::{Code, Error, Result};
use crate::recipe::Kept;
use crate::selection::Coordinate;

/// Sees that the coordinate of every concat axis rises (or falls) from file to file without repetition: what does not is
/// put in order as the policies say, or reported. Gives back what must still be compared in the files.
pub(super) fn settle(
    context: &Context<'_>,
    offsets: &Offsets,
    variables: &mut [CombinedVar],
    problems: &mut Vec<Disagreement>,
) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for (at, axis) in context.axes.iter().enumerate().filter(|(_, axis)| axis.is_concat()) {
        let policy = |key| context.policies.get(key, &axis.name);
        if axis.labels.len() < 2 && policy("order") != "sort" && policy("duplicates") == "error" {
            continue;
        }
        let Some(starts) = offsets.get(at) else { continue };
        let settled = settle_axis(context, (at, axis), starts, variables, problems);
        match settled {
            Ok(found) => comparisons.extend(found),
            Err(error) => problems.push(defect(&axis.name, error)),
        }
    }
    comparisons
}

fn settle_axis(
    context: &Context<'_>,
    (at, axis): (usize, &CombineAxis),
    starts: &[u64],
    variables: &mut [CombinedVar],
    problems: &mut Vec<Disagreement>,
) -> Result<Vec<Comparison>> {
    let name = &axis.name;
    let own = |v: &&CombinedVar| v.var.name == *name && v.var.is_dimension_coordinate();
    let Some(variable) = variables.iter().find(own) else { return Ok(Vec::new()) };
    let Content::Values(block) = &variable.content else {
        unchecked(context, name, problems);
        return Ok(Vec::new());
    };
    let (var, block) = (Arc::clone(&variable.var), Arc::clone(block));
    let sorts = context.policies.get("order", name) == "sort";
    let ordered = match places(&var, &block) {
        Some(values) if sorts => rises(values.flatten()),
        Some(values) => in_order(values.flatten()),
        None => block.texts().is_none(),
    };
    if ordered {
        return Ok(Vec::new());
    }
    let coordinate = Coordinate::of(&var, &block, block.len())?;
    let urls = urls(context, at, axis.labels.len());
    let file_at = |cell: usize| {
        let key = starts.partition_point(|&start| start <= cell as u64).saturating_sub(1);
        urls.get(key).copied().flatten().unwrap_or("?").to_owned()
    };
    let before = problems.len();
    let kept = match context.policies.get("duplicates", name) {
        "first" => Some(Kept::First),
        "last" => Some(Kept::Last),
        "identical" => Some(Kept::Identical),
        _ => None,
    };
    let twice = doubles(&coordinate, kept.unwrap_or(Kept::First));
    let mut comparisons = Vec::new();
    match kept {
        None => duplicates(&coordinate, &twice, &file_at, problems),
        Some(Kept::Identical) if !twice.is_empty() => {
            comparisons = compare(variables, name, &coordinate, &twice, &file_at, problems)?;
        }
        Some(_) => {}
    }
    let remaining = if kept.is_some() { left(coordinate.len(), &twice) } else { left(coordinate.len(), &[]) };
    let cells = put_in_order(context, &coordinate, remaining, &file_at, problems);
    if problems.len() == before {
        pick(variables, name, &Runs::of_cells(cells.into_iter().map(|cell| Some(cell as u64))))?;
    }
    Ok(comparisons)
}

/// The first file at every key of an axis.
fn urls<'a>(context: &Context<'a>, at: usize, keys: usize) -> Vec<Option<&'a str>> {
    let mut urls: Vec<Option<&str>> = vec![None; keys];
    for file in context.files {
        if let Some(slot) = file.index.get(at).and_then(|&key| urls.get_mut(key as usize)) {
            slot.get_or_insert(&file.url);
        }
    }
    urls
}

fn defect(name: &str, error: Error) -> Disagreement {
    Disagreement {
        code: error.code,
        variable: name.to_owned(),
        what: error.message,
        found: Vec::new(),
        help: error.help.unwrap_or_default(),
    }
}

/// Whether all values rise, or all fall, without repetition; what is in order costs no memory.
pub(super) fn in_order(mut values: impl Iterator<Item = Place>) -> bool {
    let (Some(mut last), mut direction) = (values.next(), None) else { return true };
    values.all(|value| {
        let step = last.order(&value);
        last = value;
        step != Ordering::Equal && *direction.get_or_insert(step) == step
    })
}

/// Whether every value is greater than the one before.
fn rises(mut values: impl Iterator<Item = Place>) -> bool {
    let Some(mut last) = values.next() else { return true };
    values.all(|value| std::mem::replace(&mut last, value).order(&value) == Ordering::Less)
}

/// A coordinate that is too large to be kept in memory.
fn unchecked(context: &Context<'_>, name: &str, problems: &mut Vec<Disagreement>) {
    if context.policies.get("order", name) != "keep" {
        let first = context.files.first().map(|f| Difference::new(&*f.url, "too large to be kept in memory"));
        problems.push(Disagreement {
            code: Code::CombineOrder,
            variable: name.to_owned(),
            what: format!("the order of `{name}` can't be checked"),
            found: first.into_iter().collect(),
            help: "`combine.order: keep` takes the files as they are".to_owned(),
        });
    }
}

/// Reports what stands in the data more than once; two differences each.
fn duplicates(
    coordinate: &Coordinate<'_>,
    twice: &[Double],
    file_at: &dyn Fn(usize) -> String,
    problems: &mut Vec<Disagreement>,
) {
    let (count, name) = (twice.len(), coordinate.name());
    if count == 0 {
        return;
    }
    let has = |cell: usize| {
        Difference::new(file_at(cell), format!("`{name}` {} at item {cell}", coordinate.show(cell)))
    };
    let what = match count {
        1 => format!("1 value of `{name}` stands in the data more than once"),
        _ => format!("{count} values of `{name}` stand in the data more than once"),
    };
    problems.push(Disagreement {
        code: Code::CombineDuplicates,
        variable: name.to_owned(),
        what,
        found: twice.iter().flat_map(|double| [has(double.kept), has(double.dropped)]).collect(),
        help: "`combine.duplicates: first` or `last` takes one of the files, `identical` does where all values are equal"
            .to_owned(),
    });
}

/// The cells in the order that the policy asks for; what is out of order is reported. Names have no order.
fn put_in_order(
    context: &Context<'_>,
    coordinate: &Coordinate<'_>,
    mut cells: Vec<usize>,
    file_at: &dyn Fn(usize) -> String,
    problems: &mut Vec<Disagreement>,
) -> Vec<usize> {
    let present: Vec<usize> = cells.iter().copied().filter(|&cell| !coordinate.is_missing(cell)).collect();
    let policy = context.policies.get("order", coordinate.name());
    if coordinate.texts().is_some() || policy == "keep" {
        return cells;
    }
    if policy == "sort" {
        cells.sort_by(|&a, &b| coordinate.order(a, b));
        return cells;
    }
    if in_order(present.iter().filter_map(|&cell| coordinate.cell(cell))) {
        return cells;
    }
    let falls = match (present.first(), present.last()) {
        (Some(&first), Some(&last)) => coordinate.order(last, first) == Ordering::Less,
        _ => false,
    };
    let against = if falls { Ordering::Less } else { Ordering::Greater };
    let has = |cell: usize| Difference::new(file_at(cell), coordinate.show(cell));
    let wrong: Vec<Difference> = present
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if coordinate.order(*a, *b) == against => Some([has(*a), has(*b)]),
            _ => None,
        })
        .flatten()
        .collect();
    if !wrong.is_empty() {
        let name = coordinate.name();
        problems.push(Disagreement {
            code: Code::CombineOrder,
            variable: name.to_owned(),
            what: format!("`{name}` is not monotonic: files or items are out of order"),
            found: wrong,
            help: "list the files in order, or give their keys; `combine.order: sort` sorts the dataset, `keep` takes the files as they are"
                .to_owned(),
        });
    }
    cells
}

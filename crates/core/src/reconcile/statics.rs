//! `static: stack`: arrays that differ between files get the concat dimension.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Cx;
use crate::block::Block;
use crate::combine::{Difference, Disagreement, Group, Occurrence, auxiliary, blocks_same};
use crate::derived::{Run, Runs};
use crate::dtype::DataType;
use crate::error::Code;

/// Arrays without a concat dimension whose values differ get one, each file's values for all of its items. Those that
/// are equal in all files stay as they are; so do coordinates, but for those that the recipe names.
pub(super) fn stack(cx: &mut Cx<'_>) {
    let groups: Vec<Group> = cx.groups().into_iter().filter(|group| stacks(cx, group)).collect();
    if groups.is_empty() {
        return;
    }
    let auxiliary = auxiliary(cx.axes, cx.files);
    for group in groups {
        if !is_stacked(cx, &group, &auxiliary) {
            continue;
        }
        let contents = contents(cx, &group);
        if contents.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
            continue;
        }
        let axes = axes(cx, &group, &contents);
        group.files.iter().for_each(|&occurrence| stack_one(cx, occurrence, &axes));
    }
}

fn stacks(cx: &Cx<'_>, group: &Group) -> bool {
    cx.policies.get("static", &group.name) == "stack"
}

/// Whether a variable is stacked where files differ.
pub(super) fn is_stacked(cx: &Cx<'_>, group: &Group, auxiliary: &BTreeSet<String>) -> bool {
    let Some((_, model)) = group.first(cx.files).filter(|_| stacks(cx, group)) else { return false };
    let named = cx.policies.variables.get("static").is_some_and(|own| own.contains_key(&group.name));
    let coordinate = model.var.is_dimension_coordinate() || (auxiliary.contains(&group.name) && !named);
    !model.var.shape.is_empty() && !coordinate && group.along(cx.axes, cx.files).is_empty()
}

/// Of every file which content it has: equal numbers for equal values. Large values are told by their digest.
fn contents(cx: &Cx<'_>, group: &Group) -> Vec<usize> {
    let mut digests: BTreeMap<u128, usize> = BTreeMap::new();
    let mut blocks: Vec<(usize, &Arc<Block>)> = Vec::new();
    let mut found = Vec::new();
    for (number, occurrence) in group.files.iter().enumerate() {
        let values = cx.files.get(occurrence.file as usize).and_then(|f| f.values.get(&group.name));
        let (digest, block) = values.map_or((None, None), |v| (v.digest, v.block.as_ref()));
        // what was changed since it was read has no digest
        let same = |block: &Arc<Block>| {
            blocks.iter().find(|(_, known)| blocks_same(block, known, false)).map(|(n, _)| *n)
        };
        let known = digest.and_then(|digest| digests.get(&digest).copied()).or_else(|| block.and_then(same));
        let content = known.unwrap_or(number);
        if let Some(digest) = digest {
            digests.entry(digest).or_insert(content);
        }
        if let Some(block) = block.filter(|_| content == number) {
            blocks.push((number, block));
        }
        found.push(content);
    }
    found
}

/// The first concat axis that explains the differences, else all of them.
fn axes(cx: &Cx<'_>, group: &Group, contents: &[usize]) -> Vec<usize> {
    let concat: Vec<usize> = (0..cx.axes.len())
        .filter(|&at| cx.axes.get(at).is_some_and(|axis| axis.is_concat() && axis.labels.len() > 1))
        .collect();
    let explains = |axis: &usize| {
        let mut by_key = BTreeMap::new();
        group.files.iter().zip(contents).all(|(occurrence, &content)| {
            let key = cx.files.get(occurrence.file as usize).and_then(|f| f.index.get(*axis));
            *by_key.entry(key).or_insert(content) == content
        })
    };
    concat.iter().copied().find(explains).map_or(concat.clone(), |axis| vec![axis])
}

/// One file's values, repeated for every item that the file has along the axes.
fn stack_one(cx: &mut Cx<'_>, occurrence: Occurrence, axes: &[usize]) {
    // cells that stay in the file need no memory; text is read as a whole
    let Some(plain) = occurrence.mapped(cx.files).cloned() else { return };
    let held = plain.var.dtype == DataType::Text;
    let Some(mut mapped) = (if held { cx.mapped(occurrence) } else { Some(plain) }) else { return };
    let Some(file) = cx.files.get(occurrence.file as usize) else { return };
    let names: Vec<&String> = axes.iter().filter_map(|&at| Some(&cx.axes.get(at)?.name)).collect();
    let lengths: Vec<Option<u64>> = names.iter().map(|name| file.view.length(name)).collect();
    if let Some((name, _)) = names.iter().zip(&lengths).find(|(_, length)| length.is_none()) {
        let problem = Disagreement {
            code: Code::CombineStatic,
            variable: mapped.var.name.clone(),
            what: format!("it can't be stacked along `{name}`, which a file does not have"),
            found: vec![Difference::new(&*file.url, format!("no dimension `{name}`"))],
            help: format!(
                "`add_dim: {{{name}: {{key: {name}}}}}` makes the dimension from the keys of the files"
            ),
        };
        return cx.problems.push(problem);
    }
    let count = names.len();
    let dims = names.into_iter().chain(&mapped.var.dims).cloned().collect();
    let shape = std::iter::repeat_n(1, count).chain(mapped.var.shape.iter().copied()).collect();
    let from = std::iter::repeat_n(None, count).chain((0..mapped.var.dims.len()).map(Some)).collect();
    mapped.rearrange(dims, shape, from);
    for (dim, length) in lengths.into_iter().flatten().enumerate().filter(|(_, length)| *length != 1) {
        let again = (0..length).map(|_| Run { first: Some(0), count: 1, reversed: false });
        mapped = mapped.pick_along(dim, &Runs::new(again));
    }
    if held { cx.replace(occurrence, mapped) } else { cx.lay(occurrence, mapped) }
}

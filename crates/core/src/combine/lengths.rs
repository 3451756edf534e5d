//! How long every file is along every concat axis, and so where it begins.

use std::sync::Arc;

use super::{Context, Difference, Disagreement};
use crate::error::Code;

/// Per axis where every key begins; one more at the end. Empty for merge axes.
pub(super) type Offsets = Vec<Arc<[u64]>>;

pub(super) fn offsets(context: &Context<'_>, problems: &mut Vec<Disagreement>) -> Offsets {
    (0..context.axes.len()).map(|axis| axis_offsets(context, axis, problems)).collect()
}

fn axis_offsets(context: &Context<'_>, at: usize, problems: &mut Vec<Disagreement>) -> Arc<[u64]> {
    let Some(axis) = context.axes.get(at).filter(|axis| axis.is_concat()) else { return Arc::from([]) };
    let mut lengths: Vec<Option<(u64, &str)>> = vec![None; axis.labels.len()];
    let mut differ = Vec::new();
    let mut items = Vec::new();
    for file in context.files {
        let (Some(&key), Some(length)) = (file.index.get(at), file.view.length(&axis.name)) else { continue };
        if axis.items_per_file.is_some_and(|expected| expected != length) {
            items.push(Difference::new(&*file.url, format!("{length} along `{}`", axis.name)));
        }
        let Some(slot) = lengths.get_mut(key as usize) else { continue };
        let (known, url) = *slot.get_or_insert((length, &file.url));
        if known != length {
            differ.push(Difference::new(url, format!("{known} along `{}`", axis.name)));
            differ.push(Difference::new(&*file.url, format!("{length} along `{}`", axis.name)));
        }
    }
    let mut report = |code, what: String, found: Vec<Difference>, help: String| {
        problems.push(Disagreement { code, variable: String::new(), what, found, help });
    };
    if lengths.iter().all(Option::is_none) && !context.files.is_empty() {
        let found = context.files.iter().map(|f| Difference::new(&*f.url, dims_of(f))).take(1).collect();
        let what = format!("no file has a dimension `{}` to concatenate along", axis.name);
        report(
            Code::CombineDims,
            what,
            found,
            format!(
                "is `{0}` mistyped? `add_dim: {{{0}: {{key: {0}}}}}` makes a dimension from the keys of the files",
                axis.name
            ),
        );
    }
    if !differ.is_empty() {
        let what = format!("files at one position of axis `{}` differ in length", axis.name);
        report(
            Code::CombineDims,
            what,
            differ,
            "leave such files out, or combine them by recipes of their own".into(),
        );
    }
    if !items.is_empty() {
        let expected = axis.items_per_file.unwrap_or_default();
        let what = format!("the recipe says `items_per_file: {expected}` along `{}`", axis.name);
        report(Code::CombineItems, what, items, "correct `items_per_file`, or the files".into());
    }
    let mut offsets = Vec::with_capacity(lengths.len() + 1);
    offsets.push(0_u64);
    for length in lengths {
        let length = length.map_or(0, |(length, _)| length);
        offsets.push(offsets.last().copied().unwrap_or(0).saturating_add(length));
    }
    offsets.into()
}

/// Whether a concat axis has a dimension that no file has.
pub(super) fn an_axis_is_absent(context: &Context<'_>) -> bool {
    let mut concat = context.axes.iter().filter(|axis| axis.is_concat());
    concat.any(|axis| context.files.iter().all(|file| file.view.length(&axis.name).is_none()))
}

fn dims_of(file: &super::File) -> String {
    let mut dims: Vec<String> = Vec::new();
    for (dim, length) in file.view.variables.iter().flat_map(|m| m.var.dims.iter().zip(&m.var.shape)) {
        let text = format!("{dim}={length}");
        if !dims.contains(&text) {
            dims.push(text);
        }
    }
    format!("dimensions {}", if dims.is_empty() { "none".to_owned() } else { dims.join(", ") })
}

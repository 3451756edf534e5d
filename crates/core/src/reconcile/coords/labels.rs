//! The union and the intersection of the labels of one dimension.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::Block;
use crate::combine::{Difference, Disagreement, Group, Occurrence, blocks_same, relative_rounding};
use crate::derived::Runs;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::figures::Short;
use crate::reconcile::Cx;
use crate::schema::Variable;

/// Which labels are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Outer,
    Inner,
}

/// The labels of a dimension in the dataset, and where each file has them.
pub(super) struct Join {
    pub(super) labels: Arc<Block>,
    /// The list of every file, by the file's number.
    files: BTreeMap<u32, usize>,
    /// Of every list the cells of the file; `None` where they are all labels in their order.
    runs: Vec<Option<Runs>>,
}

impl Join {
    /// Which list of labels a file has, and its cells; `None` for a file without the coordinate.
    pub(super) fn of(&self, file: u32) -> Option<(usize, Option<&Runs>)> {
        let list = *self.files.get(&file)?;
        Some((list, self.runs.get(list)?.as_ref()))
    }
}

/// The labels of one file, or of several that share them.
struct List {
    block: Arc<Block>,
    url: String,
}

/// A label that can be put in order.
#[derive(Clone, PartialEq)]
enum Label {
    Whole(i128),
    Real(f64),
    Text(String),
}

/// One label of one list.
struct Entry {
    label: Label,
    list: usize,
    item: usize,
}

/// Joins the labels of a dimension's coordinate; `None` where they are one in all files.
pub(super) fn join(cx: &Cx<'_>, group: &Group, how: How) -> Result<Option<Join>, Disagreement> {
    let (lists, files) = lists(cx, group)?;
    let Some(first) = lists.first() else { return Ok(None) };
    if lists.iter().all(|list| blocks_same(&first.block, &list.block, true)) {
        return Ok(None);
    }
    let refused = |what: &str, found, help: &str| Disagreement {
        code: Code::CombineCoords,
        variable: group.name.clone(),
        what: what.to_owned(),
        found,
        help: help.to_owned(),
    };
    let dtype = common_type(&lists).ok_or_else(|| {
        let found = lists.iter().map(|l| Difference::new(&*l.url, l.block.dtype)).collect();
        refused("labels of several types can't be joined", found, "the step `cast` gives them one type")
    })?;
    let groups = grouped(&lists).map_err(|(list, label)| {
        let url = lists.get(list).map_or("?", |l| &l.url);
        let found = vec![Difference::new(url, label)];
        refused(
            "a label that is missing, or stands more than once, can't be joined",
            found,
            "correct the files, or leave them out",
        )
    })?;
    let kept = kept(&groups, &lists, how);
    if kept.is_empty() {
        let ends = |list: &List| {
            let last = (list.block.len() as usize).saturating_sub(1);
            let shown: Vec<String> =
                [0, last].iter().filter_map(|&i| list.block.scalar(i)).map(|s| s.to_string()).collect();
            Difference::new(&*list.url, format!("{} labels, {}", list.block.len(), shown.join(" to ")))
        };
        let found = lists.iter().map(ends).collect();
        return Err(refused(
            "the files have no label in common",
            found,
            "`combine.coords: outer` takes the union of all",
        ));
    }
    let labels = labels(&kept, &lists, dtype).ok_or_else(|| {
        refused(
            "labels that their type can't hold",
            Vec::new(),
            "please report this, with the files' schemas",
        )
    })?;
    Ok(Some(Join { labels: Arc::new(labels), files, runs: runs(&kept, &lists) }))
}

/// The different lists of labels, and which file has which.
fn lists(cx: &Cx<'_>, group: &Group) -> Result<(Vec<List>, BTreeMap<u32, usize>), Disagreement> {
    let mut lists: Vec<List> = Vec::new();
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    let mut files = BTreeMap::new();
    let mut model: Option<Arc<Variable>> = None;
    for &occurrence in &group.files {
        let Some((file, mapped)) = cx.files.get(occurrence.file as usize).zip(occurrence.mapped(cx.files))
        else {
            continue;
        };
        let model = model.get_or_insert_with(|| Arc::clone(&mapped.var));
        if let Some(attr) = counted_otherwise(model, &mapped.var) {
            let has = |var: &Variable| {
                var.attrs.get(attr).map_or(format!("no `{attr}`"), |v| format!("{attr} = {v}"))
            };
            let first = group.files.first().and_then(|o: &Occurrence| cx.files.get(o.file as usize));
            let mut found: Vec<Difference> =
                first.map(|f| Difference::new(&*f.url, has(model))).into_iter().collect();
            found.push(Difference::new(&*file.url, has(&mapped.var)));
            return Err(Disagreement {
                code: Code::CombineCoords,
                variable: group.name.clone(),
                what: format!("labels whose `{attr}` differs can't be joined"),
                found,
                help: "make one recipe for each, or correct the files by the step `attrs`".to_owned(),
            });
        }
        let Some(block) = cx.in_hand(occurrence) else { continue };
        let list = *known.entry(Arc::as_ptr(&block) as usize).or_insert_with(|| {
            lists.push(List { block: Arc::clone(&block), url: file.url.to_string() });
            lists.len() - 1
        });
        files.insert(occurrence.file, list);
    }
    Ok((lists, files))
}

/// An attribute that gives equal numbers another meaning.
fn counted_otherwise(a: &Arc<Variable>, b: &Arc<Variable>) -> Option<&'static str> {
    if Arc::ptr_eq(a, b) {
        return None;
    }
    ["units", "calendar", "scale_factor", "add_offset"].into_iter().find(|name| {
        match (a.attrs.get(name), b.attrs.get(name)) {
            (Some(a), Some(b)) => !a.same(b),
            (a, b) => a.is_some() || b.is_some(),
        }
    })
}

/// The type that holds the labels of all lists: the one that all have, or the widest of floats.
fn common_type(lists: &[List]) -> Option<DataType> {
    let mut types = lists.iter().map(|list| list.block.dtype);
    let first = types.next()?;
    types.try_fold(first, |known, dtype| match (known, dtype) {
        (a, b) if a == b => Some(a),
        (a, b) if a.is_float() && b.is_float() => Some(if b.size() > a.size() { b } else { a }),
        _ => None,
    })
}

/// Every label once, rising, each with the cells that are it; the first cell is of the widest type.
fn grouped(lists: &[List]) -> Result<Vec<Vec<Entry>>, (usize, String)> {
    let mut entries: Vec<Entry> = Vec::new();
    for (number, list) in lists.iter().enumerate() {
        for item in 0..usize::try_from(list.block.len()).unwrap_or(usize::MAX) {
            let scalar = list.block.scalar(item).unwrap_or(Scalar::Float(f64::NAN));
            let label = Label::of(&scalar).ok_or_else(|| (number, format!("{scalar} at item {item}")))?;
            entries.push(Entry { label, list: number, item });
        }
    }
    entries.sort_by(|a, b| a.label.order(&b.label));
    let rounding = lists.iter().map(|l| relative_rounding(l.block.dtype)).fold(0.0, f64::max);
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    // the last label that every list had a cell for
    let mut seen: Vec<Option<usize>> = vec![None; lists.len()];
    for entry in entries {
        if !groups.last().and_then(|g| g.first()).is_some_and(|e| e.label.is_near(&entry.label, rounding)) {
            groups.push(Vec::new());
        }
        let now = groups.len() - 1;
        if seen.get_mut(entry.list).is_some_and(|last| last.replace(now) == Some(now)) {
            return Err((
                entry.list,
                format!("{} at item {}, a second time", entry.label.show(), entry.item),
            ));
        }
        if let Some(group) = groups.last_mut() {
            group.push(entry);
        }
    }
    let width =
        |e: &Entry| std::cmp::Reverse(lists.get(e.list).and_then(|l| l.block.dtype.size()).unwrap_or(0));
    groups.iter_mut().for_each(|group| group.sort_by_key(|e| (width(e), e.list)));
    Ok(groups)
}

/// The union rises, but falls where the first file's labels do; the intersection stands in the first file's order.
fn kept<'a>(groups: &'a [Vec<Entry>], lists: &[List], how: How) -> Vec<&'a Vec<Entry>> {
    let first = |group: &Vec<Entry>| group.iter().find(|e| e.list == 0).map(|e| e.item);
    match how {
        How::Inner => {
            let mut common: Vec<&Vec<Entry>> = groups.iter().filter(|g| g.len() == lists.len()).collect();
            common.sort_by_key(|group| first(group));
            common
        }
        How::Outer => {
            let items: Vec<usize> = groups.iter().filter_map(first).collect();
            let falls = items.len() > 1 && items.windows(2).all(|w| matches!(w, [a, b] if a > b));
            if falls { groups.iter().rev().collect() } else { groups.iter().collect() }
        }
    }
}

fn labels(kept: &[&Vec<Entry>], lists: &[List], dtype: DataType) -> Option<Block> {
    let scalars = kept.iter().map(|group| {
        let entry = group.first()?;
        lists.get(entry.list)?.block.scalar(entry.item)
    });
    Block::of_scalars(dtype, vec![kept.len() as u64], scalars.collect::<Option<Vec<_>>>()?)
}

/// Of every list the cells of the file.
fn runs(kept: &[&Vec<Entry>], lists: &[List]) -> Vec<Option<Runs>> {
    let mut cells: Vec<Vec<(usize, u64)>> = vec![Vec::new(); lists.len()];
    for (place, group) in kept.iter().enumerate() {
        for entry in *group {
            if let Some(cells) = cells.get_mut(entry.list) {
                cells.push((place, entry.item as u64));
            }
        }
    }
    let of_list = |(own, list): (Vec<(usize, u64)>, &List)| {
        let mut own = own.into_iter().peekable();
        let cell = |place| own.next_if(|(at, _)| *at == place).map(|(_, item)| item);
        let runs = Runs::of_cells((0..kept.len()).map(cell));
        (!runs.is_identity(list.block.len())).then_some(runs)
    };
    cells.into_iter().zip(lists).map(of_list).collect()
}

impl Label {
    /// `None` for NaN and for what has no order.
    fn of(scalar: &Scalar) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Some(Self::Text(text.clone())),
            Scalar::Float(x) => (!x.is_nan()).then_some(Self::Real(*x)),
            other => other.as_i128().map(Self::Whole),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal, // labels are of one kind
        }
    }

    fn is_near(&self, other: &Self, rounding: f64) -> bool {
        match (self, other) {
            (Self::Real(a), Self::Real(b)) => a == b || (a - b).abs() <= a.abs().max(b.abs()) * rounding,
            _ => self == other,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Whole(x) => x.to_string(),
            Self::Real(x) => Short(*x).to_string(),
            Self::Text(x) => format!("\"{x}\""),
        }
    }
}

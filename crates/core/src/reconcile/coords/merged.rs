//! Values without a concat dimension under joined dimensions: each file's cells, and of those that it lacks the first
//! file's that has them. Where files agree on the cells that they share, all of them get one block.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Part, missing, set};
use crate::block::{Block, BlockData};
use crate::dtype::Scalar;
use crate::reconcile::Cx;

/// The cells of all files.
pub(super) struct Merged {
    /// Every cell as the first file has it that has it.
    block: Block,
    /// Whether there are cells that no file has.
    pub(super) holes: bool,
    /// Of every different content the cells that are there.
    own: BTreeMap<Content, (Block, Vec<bool>)>,
}

/// A block's address and the lists of its labels.
type Content = (usize, Vec<usize>);

/// Merges the values of all files, which are in hand.
pub(super) fn merge(cx: &Cx<'_>, parts: &[Part]) -> Option<Merged> {
    let mut merged: Option<(Block, Vec<bool>)> = None;
    let mut own: BTreeMap<Content, (Block, Vec<bool>)> = BTreeMap::new();
    for part in parts {
        let content = content(cx, part)?;
        if own.contains_key(&content) {
            continue;
        }
        let (block, known) = picked(cx, part)?;
        match &mut merged {
            None => merged = Some((block.clone(), known.clone())),
            Some((all, all_known)) => {
                if all.shape != block.shape || all.dtype != block.dtype {
                    return None;
                }
                for (cell, seen) in all_known.iter_mut().enumerate() {
                    if !*seen && known.get(cell) == Some(&true) {
                        copy(all, &block, cell)?;
                        *seen = true;
                    }
                }
            }
        }
        own.insert(content, (block, known));
    }
    let (block, known) = merged?;
    Some(Merged { block, holes: known.contains(&false), own })
}

impl Merged {
    /// Whether all files have the same values in the cells that they share.
    pub(super) fn agrees(&self) -> bool {
        let alike = |(block, known): &(Block, Vec<bool>)| {
            let same = |cell: usize| match (block.scalar(cell), self.block.scalar(cell)) {
                (Some(a), Some(b)) => a.same(&b),
                _ => false,
            };
            known.iter().enumerate().all(|(cell, known)| !known || same(cell))
        };
        self.own.values().all(alike)
    }

    /// Gives every file its own cells and the merged ones.
    pub(super) fn write(mut self, cx: &mut Cx<'_>, parts: &[Part], holes: bool) {
        let mut done: BTreeMap<Content, Arc<Block>> = BTreeMap::new();
        for part in parts {
            let Some(content) = content(cx, part) else { continue };
            if let Some((mut block, known)) = self.own.remove(&content) {
                for (cell, _) in known.iter().enumerate().filter(|(_, known)| !**known) {
                    let _ = copy(&mut block, &self.block, cell);
                }
                // files that agree share one block
                let same = done.values().find(|known| ***known == block).cloned();
                done.insert(content.clone(), same.unwrap_or_else(|| Arc::new(block)));
            }
            let Some(block) = done.get(&content).cloned() else { continue };
            let fill = part.occurrence.mapped(cx.files).and_then(|m| missing(&m.var)).filter(|_| holes);
            set(cx, part.occurrence, &block, fill);
        }
    }
}

fn content(cx: &Cx<'_>, part: &Part) -> Option<Content> {
    Some((Arc::as_ptr(&cx.in_hand(part.occurrence)?) as usize, part.lists.clone()))
}

/// A file's values under the joined dimensions, and which of the cells it has.
fn picked(cx: &Cx<'_>, part: &Part) -> Option<(Block, Vec<bool>)> {
    let mapped = cx.mapped(part.occurrence)?;
    let missing = missing(&mapped.var).unwrap_or(Scalar::Int(0));
    let lengths = mapped.var.shape.clone();
    let block = Arc::unwrap_or_clone(mapped.pick(part.runs.clone(), missing).in_hand().ok()?);
    let mut known = vec![true];
    for (runs, &length) in part.runs.iter().zip(&lengths) {
        let row: Vec<bool> = match runs {
            Some(runs) => runs.cells(&(0..runs.len())).iter().map(Option::is_some).collect(),
            None => vec![true; usize::try_from(length).ok()?],
        };
        known = known.iter().flat_map(|&outer| row.iter().map(move |&inner| outer && inner)).collect();
    }
    Some((block, known))
}

fn copy(to: &mut Block, from: &Block, cell: usize) -> Option<()> {
    let size = to.dtype.size();
    match (&mut to.data, &from.data, size) {
        (BlockData::Bytes(to), BlockData::Bytes(from), Some(size)) => {
            let cells = cell * size..(cell + 1) * size;
            to.get_mut(cells.clone())?.copy_from_slice(from.get(cells)?);
        }
        (BlockData::Text(to), BlockData::Text(from), _) => to.get_mut(cell)?.clone_from(from.get(cell)?),
        _ => return None,
    }
    Some(())
}

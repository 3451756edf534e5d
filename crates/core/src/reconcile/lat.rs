//! `lat`: latitudes that run the other way.

use std::sync::Arc;

use super::Cx;
use super::grid::{Line, bounds, give, lines, other_vertices, pick_all};
use crate::block::Block;
use crate::combine::{Occurrence, blocks_same, is_latitude};
use crate::derived::{Runs, taken};

/// Files whose latitude is the first file's from the other end are flipped, with all that has its dimension.
pub(super) fn align(cx: &mut Cx<'_>) {
    if cx.policies.get("lat", "") != "align" {
        return;
    }
    for line in lines(cx, is_latitude) {
        flip(cx, &line);
    }
}

fn flip(cx: &mut Cx<'_>, Line { group, dim }: &Line) {
    let Some((model, first)) = group.files.first().and_then(|&o| Some((cx.in_hand(o)?, o))) else { return };
    let cells = model.len();
    let model_bounds = bounds(cx, first).and_then(|o| cx.in_hand(o));
    // files of one archive share their latitudes: what the last one was found to be
    let mut last: Option<(Arc<Block>, Option<Arc<Block>>)> = None;
    for &occurrence in group.files.iter().skip(1) {
        let Some(block) = cx.in_hand(occurrence) else { continue };
        let known =
            last.as_ref().filter(|(known, _)| Arc::ptr_eq(known, &block)).map(|(_, flipped)| flipped.clone());
        let flipped = known.unwrap_or_else(|| from_the_other_end(&model, &block));
        last = Some((block, flipped.clone()));
        let Some(flipped) = flipped else { continue };
        pick_all(cx, occurrence.file, dim, &Runs::reversed(cells), occurrence);
        give(cx, occurrence, &flipped);
        let own = bounds(cx, occurrence);
        if let (Some(own), Some(model)) = (own, &model_bounds) {
            align_vertices(cx, own, model);
        }
    }
}

/// The values in the model's direction; `None` where they are not the model's.
fn from_the_other_end(model: &Arc<Block>, block: &Arc<Block>) -> Option<Arc<Block>> {
    if Arc::ptr_eq(model, block) || model.shape != block.shape || blocks_same(model, block, true) {
        return None;
    }
    let flipped = taken(block, &[Runs::reversed(block.len())]).ok()?;
    blocks_same(model, &flipped, true).then(|| Arc::new(flipped))
}

/// The vertices of a cell stand in the model's order where that makes the bounds the model's.
pub(super) fn align_vertices(cx: &mut Cx<'_>, own: Occurrence, model: &Block) {
    let Some(block) = cx.in_hand(own).filter(|block| !blocks_same(model, block, true)) else { return };
    if let Some(other) = other_vertices(&block).filter(|other| blocks_same(model, other, true)) {
        give(cx, own, &Arc::new(other));
    }
}

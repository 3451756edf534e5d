//! `lon`: the same meridians under other numbers (0 to 360, -180 to 180) or in another order.

use std::sync::Arc;

use super::Cx;
use super::grid::{Line, bounds, give, lines, other_vertices, pick_all};
use crate::block::{Block, scalar_to_le};
use crate::combine::{Difference, Disagreement, Occurrence, blocks_same, is_longitude, relative_rounding};
use crate::derived::Runs;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;

const CIRCLE: f64 = 360.0;

/// Longitudes are taken in the first file's order and get its numbers, with all that has their dimension.
pub(super) fn roll(cx: &mut Cx<'_>) {
    if cx.policies.get("lon", "") != "roll" {
        return;
    }
    for line in lines(cx, is_longitude) {
        roll_line(cx, &line);
    }
}

/// For every meridian of the model the file's cell.
type Cells = Arc<[u64]>;

fn roll_line(cx: &mut Cx<'_>, Line { group, dim }: &Line) {
    let Some((model, first)) = group.files.first().and_then(|&o| Some((cx.in_hand(o)?, o))) else { return };
    let model_bounds = bounds(cx, first).and_then(|o| cx.in_hand(o));
    let mut last: Option<(Arc<Block>, Option<Cells>)> = None;
    for &occurrence in group.files.iter().skip(1) {
        let Some(block) = cx.in_hand(occurrence) else { continue };
        let known =
            last.as_ref().filter(|(known, _)| Arc::ptr_eq(known, &block)).map(|(_, cells)| cells.clone());
        let cells = known.unwrap_or_else(|| rolled(&model, &block));
        last = Some((Arc::clone(&block), cells.clone()));
        let Some(cells) = cells else { continue };
        let runs = Runs::of_cells(cells.iter().map(|&cell| Some(cell)));
        if !runs.is_identity(block.len()) {
            pick_all(cx, occurrence.file, dim, &runs, occurrence);
        }
        let own = bounds(cx, occurrence);
        give(cx, occurrence, &model);
        if let Some(own) = own {
            roll_bounds(cx, own, model_bounds.as_ref(), (&model, &block), &cells);
        }
    }
}

/// Where the meridians of the model stand in a file that names them otherwise; `None` where it names them alike, or has
/// others, or one of them twice.
fn rolled(model: &Arc<Block>, block: &Arc<Block>) -> Option<Cells> {
    let floats = model.dtype.is_float() && block.dtype.is_float();
    let comparable = floats || model.dtype == block.dtype;
    if Arc::ptr_eq(model, block)
        || !comparable
        || model.shape != block.shape
        || blocks_same(model, block, true)
    {
        return None;
    }
    let off = off(model.dtype, block.dtype);
    let (a, b) = (meridians(model, off)?, meridians(block, off)?);
    let twice = |m: &[(f64, u64)]| m.windows(2).any(|w| matches!(w, [x, y] if y.0 - x.0 <= off));
    if twice(&a) || twice(&b) || a.iter().zip(&b).any(|(x, y)| (x.0 - y.0).abs() > off) {
        return None;
    }
    let mut cells = vec![0; a.len()];
    for ((_, at), (_, from)) in a.iter().zip(&b) {
        *cells.get_mut(*at as usize)? = *from;
    }
    Some(cells.into())
}

/// By how much rounding may have moved a longitude of up to two circles.
fn off(a: DataType, b: DataType) -> f64 {
    2.0 * CIRCLE * relative_rounding(a).max(relative_rounding(b))
}

/// Every longitude from 0 to 360, sorted, with its place.
fn meridians(block: &Block, off: f64) -> Option<Vec<(f64, u64)>> {
    let on_circle = |x: f64| {
        let x = x.rem_euclid(CIRCLE);
        if CIRCLE - x <= off { x - CIRCLE } else { x }
    };
    let values = block.to_f64()?;
    let mut all: Vec<(f64, u64)> = values.into_iter().map(on_circle).zip(0..).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    all.iter().all(|(x, _)| x.is_finite()).then_some(all)
}

/// Bounds, which are in the model's order already, go round with their cells.
fn roll_bounds(
    cx: &mut Cx<'_>,
    own: Occurrence,
    model: Option<&Arc<Block>>,
    (to, from): (&Block, &Block),
    cells: &[u64],
) {
    let Some(block) = cx.in_hand(own) else { return unshifted(cx, own) };
    let Some(shifted) = shifted(&block, to, from, cells) else { return unshifted(cx, own) };
    // a cell over the seam may be written either way round
    let around = |other: &Block| model.filter(|model| same_around(model, other));
    let same = around(&shifted).or_else(|| around(&other_vertices(&shifted)?));
    let block = same.cloned().unwrap_or_else(|| Arc::new(shifted));
    give(cx, own, &block);
}

/// Every cell's bounds moved by as many circles as its longitude.
fn shifted(block: &Block, to: &Block, from: &Block, cells: &[u64]) -> Option<Block> {
    let [count, vertices] = block.shape.as_slice() else { return None };
    let (to, from, values) = (to.to_f64()?, from.to_f64()?, block.to_f64()?);
    let mut bytes = Vec::new();
    for ((row, to), &cell) in values.chunks(usize::try_from(*vertices).ok()?.max(1)).zip(&to).zip(cells) {
        let by = ((to - from.get(cell as usize)?) / CIRCLE).round() * CIRCLE;
        for value in row {
            let value = value + by;
            let value =
                if block.dtype.is_integer() { Scalar::Int(value as i64) } else { Scalar::Float(value) };
            scalar_to_le(block.dtype, &value, &mut bytes).then_some(())?;
        }
    }
    Some(Block::from_bytes(block.dtype, vec![*count, *vertices], bytes))
}

fn same_around(a: &Block, b: &Block) -> bool {
    let off = off(a.dtype, b.dtype);
    let near = |x: f64, y: f64| {
        let apart = (x - y).rem_euclid(CIRCLE);
        apart.min(CIRCLE - apart) <= off
    };
    match (a.to_f64(), b.to_f64()) {
        (Some(x), Some(y)) => a.shape == b.shape && x.into_iter().zip(y).all(|(x, y)| near(x, y)),
        _ => false,
    }
}

fn unshifted(cx: &mut Cx<'_>, own: Occurrence) {
    let Some((file, mapped)) = cx.files.get(own.file as usize).zip(own.mapped(cx.files)) else { return };
    let name = mapped.var.name.clone();
    let found = vec![Difference::new(&*file.url, format!("`{name}`({})", mapped.var.dims.join(", ")))];
    cx.problems.push(Disagreement {
        code: Code::CombineLon,
        what: format!("`{name}` can't be rolled with its longitude: only small bounds of one dimension can"),
        found,
        help: format!("`drop: [{name}]` leaves it out"),
        variable: name,
    });
}

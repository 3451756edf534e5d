//! What the rules of grids share: the coordinates of dimensions inside the files, and taking cells along a dimension.

use std::sync::Arc;

use super::Cx;
use crate::block::Block;
use crate::combine::{Group, Occurrence};
use crate::derived::{Runs, taken};
use crate::schema::{Variable, path_in};
use crate::steps::{Mapped, Origin};

/// A coordinate of one dimension along which files do not follow each other.
pub(super) struct Line {
    pub(super) group: Group,
    pub(super) dim: String,
}

/// Coordinates of one dimension that `is` says yes to.
pub(super) fn lines(cx: &Cx<'_>, is: impl Fn(&Variable) -> bool) -> Vec<Line> {
    let dim = |group: &Group| {
        let var = &group.first(cx.files)?.1.var;
        let [dim] = var.dims.as_slice() else { return None };
        let inside = !cx.axes.iter().any(|axis| axis.is_concat() && axis.name == *dim);
        (inside && group.files.len() > 1 && is(var)).then(|| dim.clone())
    };
    let one = |group: Group| Some(Line { dim: dim(&group)?, group });
    cx.groups().into_iter().filter_map(one).collect()
}

/// The bounds of a coordinate, by the name that the file gives: where they stand in that file.
pub(super) fn bounds(cx: &Cx<'_>, of: Occurrence) -> Option<Occurrence> {
    let view = &cx.files.get(of.file as usize)?.view;
    let var = &of.mapped(cx.files)?.var;
    let path = path_in(var.group(), var.attrs.text("bounds")?);
    let variable = view.variables.iter().position(|m| m.var.name == path)?;
    Some(Occurrence { file: of.file, variable: variable as u32 })
}

/// Takes these cells in every variable of a file that has the dimension, but for one of them.
pub(super) fn pick_all(cx: &mut Cx<'_>, file: u32, dim: &str, runs: &Runs, but: Occurrence) {
    let count = cx.files.get(file as usize).map_or(0, |f| f.view.variables.len());
    for variable in (0..count as u32).filter(|&v| v != but.variable) {
        let occurrence = Occurrence { file, variable };
        let Some(mapped) = cx.mapped(occurrence) else { continue };
        if let Some(at) = mapped.var.dims.iter().position(|d| d == dim) {
            cx.replace(occurrence, mapped.pick_along(at, runs));
        }
    }
}

/// Gives a variable of a file values in hand; its schema keeps all but shape and type.
pub(super) fn give(cx: &mut Cx<'_>, occurrence: Occurrence, block: &Arc<Block>) {
    let Some(mapped) = occurrence.mapped(cx.files) else { return };
    let mut var = Arc::clone(&mapped.var);
    if var.dtype != block.dtype || var.shape != block.shape {
        let var = Arc::make_mut(&mut var);
        (var.dtype, var.shape) = (block.dtype, block.shape.clone());
    }
    cx.replace(occurrence, Mapped { var, origin: Origin::Constant(Arc::clone(block)) });
}

/// Vertices of cells in the other order.
pub(super) fn other_vertices(block: &Block) -> Option<Block> {
    let runs: Vec<Runs> = match block.shape.as_slice() {
        [cells, vertices @ 2] => vec![Runs::range(0..*cells), Runs::reversed(*vertices)],
        _ => return None,
    };
    taken(block, &runs).ok()
}

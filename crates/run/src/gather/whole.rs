//! Parts of files that only the format's reader can decode: records that a variable does not have, odd precisions; and
//! blocks that are in hand already.

use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{Region, indices};
use arcoforge_core::error::Result;
use arcoforge_core::steps::Mapped;

use super::{Slab, Worker};
use crate::strided::{Copy, Dim, strides};
use crate::survey::{Surveyed, read_leaf};

/// Reads a box of a plain variable by the format's reader.
pub(super) fn read(
    worker: &mut Worker,
    surveyed: &Surveyed,
    mapped: &Mapped,
    cells: &Region,
) -> Result<Block> {
    let reader = arcoforge_read::open(Arc::clone(&surveyed.object))?;
    let block = read_leaf(reader.as_ref(), mapped, cells)?;
    worker.bytes_read += block.bytes().map_or(0, |bytes| bytes.len() as u64);
    Ok(block)
}

/// The copies from a block of `cells` into every chunk that shares cells with it.
pub(super) fn copies(slab: &Slab, cells: &Region) -> Vec<(usize, Copy)> {
    let source_strides = strides(&cells.shape());
    let mut found = Vec::new();
    for index in indices(&slab.grid.covering(cells)) {
        let chunk = slab.grid.region(&index);
        let both = if cells.0.is_empty() { Some(cells.clone()) } else { cells.intersect(&chunk) };
        let Some(both) = both else { continue };
        let target_strides = strides(&chunk.shape());
        let start = |origin: &Region, strides: &[usize]| -> usize {
            both.0
                .iter()
                .zip(&origin.0)
                .zip(strides)
                .map(|((b, o), s)| (b.start - o.start) as usize * s)
                .sum()
        };
        let dims =
            both.0.iter().zip(&source_strides).zip(&target_strides).map(|((range, &source), &target)| Dim {
                count: (range.end - range.start) as usize,
                source,
                target,
            });
        let copy = Copy::new(start(cells, &source_strides), start(&chunk, &target_strides), dims);
        let local: Vec<u64> = index.iter().zip(&slab.first).map(|(i, f)| i - f).collect();
        found.push((slab.covering.flat(&local) as usize, copy));
    }
    found
}

//! Cells of a coarser level, made of those of the level above as they were written.

use arcoforge_core::block::Block;
use arcoforge_core::chunk::Region;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Coarser};
use arcoforge_core::target::ArraySpec;
use arcoforge_read::Reader;

use super::{Frame, Worker};
use crate::verify::stored;

/// Fills the chunks of `region` as [`fill`](super::fill) does: part by part, so that a chunk of the level above is read
/// once where its end is that of a part.
pub(crate) fn fill_coarser(
    worker: &mut Worker,
    store: &dyn Reader,
    arrays: &[ArrayPlan],
    spec: &ArraySpec,
    coarser: &Coarser,
    region: &Region,
) -> Result<Vec<Vec<u8>>> {
    let above = arrays.get(coarser.above).ok_or_else(|| Error::new(Code::Bug, "a level of no array"))?;
    let slab = worker.slab(spec, Frame { grid: spec.chunks(), region, whole: true }, None)?;
    for part in coarser.parts(region) {
        let cells = coarser.rule.above(&part, &above.spec.shape);
        let block = stored(store, &above.spec, &cells).map_err(|e| e.in_variable(&above.spec.name))?;
        let made: Block = coarser.rule.reduce(&block)?;
        slab.place(&made, &part)?;
    }
    Ok(slab.into_buffers())
}

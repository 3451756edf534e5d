//! Duplicates of which any is kept: what lies in the files is read and compared before anything is written.

use arcoforge_core::arrange::Comparison;
use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::codec::Encoding;
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::target::ArraySpec;

use crate::gather::{Worker, fill};
use crate::prepare::Prepared;
use crate::session::Session;
use crate::{Outcome, pool};

/// Bytes of one box of cells; a worker holds two.
const BOX_BYTES: u64 = 8 << 20;

/// Compares every pair of cells of which only one is kept.
///
/// # Errors
/// `combine-duplicates` naming variable, position, both files and both values, once for each variable.
pub(crate) fn compare(session: &Session<'_>, prepared: &Prepared) -> Outcome<()> {
    let grids: Vec<ChunkGrid> = prepared.compare.iter().map(boxes).collect();
    let work = |(number, grid): (usize, &ChunkGrid)| (0..grid.len()).map(move |part| (number, part));
    let work: Vec<(usize, u64)> = grids.iter().enumerate().flat_map(work).collect();
    let one = |worker: &mut Worker, at: usize| {
        session.check_interrupt()?;
        let bug = || Error::new(Code::Bug, "a comparison without a variable");
        let &(number, part) = work.get(at).ok_or_else(bug)?;
        let grid = grids.get(number).ok_or_else(bug)?;
        let comparison = prepared.compare.get(number).ok_or_else(bug)?;
        Ok(differs(worker, prepared, comparison, grid, part)?.map(|error| (number, error)))
    };
    let team = || Worker::with_threads(prepared.plan.threads);
    let found = pool::map(prepared.plan.workers, work.len(), false, team, one)?;
    let mut errors: Vec<(usize, Error)> = found.into_iter().flatten().collect();
    errors.dedup_by_key(|(number, _)| *number);
    if errors.is_empty() { Ok(()) } else { Err(errors.into_iter().map(|(_, error)| error).collect()) }
}

/// Boxes of cells of a bounded size: the first dimensions are cut first.
fn boxes(comparison: &Comparison) -> ChunkGrid {
    let var = &comparison.var;
    let mut cells = var.shape.clone();
    for dim in 0..cells.len() {
        let bytes = cells.iter().fold(var.dtype.size_estimate(), |bytes, &n| bytes.saturating_mul(n));
        if let Some(length) = cells.get_mut(dim) {
            *length = (*length / bytes.div_ceil(BOX_BYTES).max(1)).max(1);
        }
    }
    ChunkGrid::new(var.shape.clone(), cells)
}

/// How one box differs.
fn differs(
    worker: &mut Worker,
    prepared: &Prepared,
    comparison: &Comparison,
    grid: &ChunkGrid,
    part: u64,
) -> Result<Option<Error>> {
    let var = &comparison.var;
    let spec = ArraySpec {
        name: var.name.clone(),
        dims: var.dims.clone(),
        shape: var.shape.clone(),
        dtype: var.dtype,
        attrs: var.attrs.clone(),
        fill: var.fill.clone(),
        unwritten: comparison.unwritten.clone(),
        chunk: grid.chunk.clone(),
        shard: None,
        encoding: Encoding::raw(),
    };
    let region = grid.region(&grid.index(part));
    let kept = read(worker, prepared, &spec, &comparison.kept, &region)?;
    let dropped = read(worker, prepared, &spec, &comparison.dropped, &region)?;
    let url = |pieces: &Pieces, cell: &[u64]| {
        let file = pieces.file(cell).and_then(|piece| prepared.files.get(piece.file as usize));
        file.map_or_else(|| "no file".to_owned(), |file| file.url.to_string())
    };
    let refusal = comparison.refusal((&kept, &dropped), &region.start(), url);
    worker.give_back([kept, dropped].into_iter().filter_map(|block| match block.data {
        arcoforge_core::block::BlockData::Bytes(bytes) => Some(bytes),
        arcoforge_core::block::BlockData::Text(_) => None,
    }));
    Ok(refusal)
}

fn read(
    worker: &mut Worker,
    prepared: &Prepared,
    spec: &ArraySpec,
    pieces: &Pieces,
    region: &Region,
) -> Result<Block> {
    let mut buffers = fill(worker, prepared, spec, pieces, region)?;
    let bytes = buffers.pop().ok_or_else(|| Error::new(Code::Bug, "a box without a buffer"))?;
    Ok(Block::from_bytes(spec.dtype, region.shape(), bytes))
}

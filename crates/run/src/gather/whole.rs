//! Parts of files that only the format's reader can decode: records that a variable does not have, odd precisions.

use arcoforge_core::block::BlockData;
use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::codec::Encoding;
use arcoforge_core::combine::Piece;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::{Mapped, Origin};

use super::{Part, Slab, Worker, copies, put};
use crate::prepare::Prepared;

/// Whether a piece is one of these.
pub(super) fn is_whole(prepared: &Prepared, piece: Piece) -> bool {
    mapped(prepared, piece).is_some_and(|mapped| mapped.var.storage == Storage::Whole)
}

fn mapped(prepared: &Prepared, piece: Piece) -> Option<&Mapped> {
    prepared.files.get(piece.file as usize)?.view.variables.get(piece.variable as usize)
}

/// Reads what the slab has of one file, whose part of the array is `cells`, and puts it into the slab's chunks.
pub(super) fn copy(
    worker: &mut Worker,
    prepared: &Prepared,
    slab: &mut Slab<'_>,
    piece: Piece,
    cells: &Region,
) -> Result<()> {
    let bug = || Error::new(Code::Bug, "a part that is read as a whole has no file");
    let mapped = mapped(prepared, piece).ok_or_else(bug)?;
    let object = &prepared.surveyed.get(piece.file as usize).ok_or_else(bug)?.object;
    let Origin::Source { name, .. } = &mapped.origin else { return Err(bug()) };
    let wanted = match cells.intersect(slab.region) {
        Some(wanted) => wanted,
        None if cells.0.is_empty() => cells.clone(),
        None => return Ok(()),
    };
    let place = |e: Error| e.in_variable(&slab.spec.name).at(object.url());
    let reader = arcoforge_read::open(std::sync::Arc::clone(object)).map_err(place)?;
    let shape = reader.schema().variable(name).ok_or_else(bug)?.shape.clone();
    let encoding = Encoding::raw();
    let part = Part {
        object,
        refs: &[],
        origin: cells.start(),
        axes: mapped.axes(),
        grid: ChunkGrid::new(shape.clone(), shape),
        encoding: &encoding,
        unwritten: &slab.spec.unwritten,
        chunked: false,
    };
    let inside = part.to_file(&wanted);
    let block = reader.read(name, &inside).map_err(place)?;
    let BlockData::Bytes(bytes) = &block.data else { return Err(bug()) };
    worker.bytes_read += bytes.len() as u64;
    let copies = copies(slab, &part, &inside, &inside.shape(), &inside);
    put(bytes, slab, &copies)
}

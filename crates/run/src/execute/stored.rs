//! Chunks that are copied as a file stores them.

use std::sync::Arc;

use arcoforge_codec::decode;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef};
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::target::ArraySpec;
use arcoforge_store::Object;
use arcoforge_write::absent_value;

use super::{Target, pack};
use crate::gather::{Worker, fill_with, read_stored, sized};
use crate::prepare::Prepared;

/// A stored chunk of a file that is to be copied.
pub(super) struct StoredChunk<'a> {
    pub(super) object: &'a Arc<dyn Object>,
    pub(super) reference: ChunkRef,
}

/// The file's chunk that has exactly the target chunk's cells.
pub(super) fn stored<'a>(
    prepared: &'a Prepared,
    spec: &ArraySpec,
    pieces: &Pieces,
    index: &[u64],
) -> Result<Option<StoredChunk<'a>>> {
    let bug = || Error::new(Code::Bug, "a chunk to be copied has no file");
    let cells = spec.chunks().region(index);
    let (mut flat, mut local) = (0, index.to_vec());
    for along in &pieces.along {
        let start = cells.0.get(along.dim).map_or(0, |r| r.start);
        let segment = along.segment(start).ok_or_else(bug)?;
        let Some(key) = segment.key else { return Ok(None) };
        flat = flat * along.keys as usize + key as usize;
        let length = spec.chunk.get(along.dim).copied().unwrap_or(1);
        if let Some(at) = local.get_mut(along.dim) {
            *at = (start - segment.start + segment.first) / length;
        }
    }
    let Some(piece) = pieces.files.get(flat).copied().flatten() else { return Ok(None) };
    let (_, mapped, surveyed) = prepared.piece(piece)?;
    // a file whose values only its reader can decode has no chunks to copy
    let Some(refs) = mapped.source().and_then(|source| surveyed.refs.get(source)) else { return Ok(None) };
    // squeezed and added dimensions have one chunk, so the number is the same with or without them
    let grid = ChunkGrid::new(mapped.var.shape.clone(), spec.chunk.clone());
    let reference = refs.get(grid.flat(&local) as usize).ok_or_else(bug)?;
    let plain = matches!(reference, ChunkRef::Stored { filter_mask: 0, .. } | ChunkRef::Unallocated);
    Ok(plain.then_some(StoredChunk { object: &surveyed.object, reference }))
}

/// Hands stored bytes to `write`; inflated and compared with their checksums unless that is switched off.
pub(super) fn copy_stored<T>(
    target: &Target<'_>,
    worker: &mut Worker,
    spec: &ArraySpec,
    index: &[u64],
    found: &StoredChunk<'_>,
    write: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let cells = spec.chunks().chunk_cells() as usize * spec.dtype.size().unwrap_or(1);
    let ChunkRef::Stored { offset, bytes, .. } = found.reference else {
        if absent_value(target.format, spec).is_some() {
            return Ok(None);
        }
        let inside = spec.chunks().region(index).cells() as usize * spec.dtype.size().unwrap_or(1);
        let mut chunk = vec![0; inside];
        fill_with(&mut chunk, spec.dtype, &spec.unwritten);
        return pack(target.format, worker, spec, index, &mut chunk, write);
    };
    let place = |e: Error| e.at(found.object.url());
    let mut encoded = std::mem::take(&mut worker.encoded);
    let ahead = worker.ahead().filter(|_| found.object.is_remote());
    let read = match ahead.and_then(|task| task.take(found.object, offset..offset.saturating_add(bytes))) {
        Some(piece) => piece.bytes().map(|stored| {
            sized(&mut encoded, stored.len());
            encoded.copy_from_slice(stored);
        }),
        None => read_stored(found.object.as_ref(), offset, bytes, &mut encoded),
    };
    worker.bytes_read += bytes;
    worker.encoded = encoded;
    read.map_err(place)?;
    if !target.session.options.unchecked_copies {
        worker.stored.resize(cells, 0);
        decode(
            &spec.encoding,
            spec.dtype.swap_size(),
            0,
            &worker.encoded,
            &mut worker.stored,
            &mut worker.scratch,
        )
        .map_err(place)?;
    }
    write(&worker.encoded).map(Some)
}

//! Filling target chunks: source chunks are fetched and decoded once per slab, and their cells put where they belong.

mod whole;

use std::ops::Range;
use std::sync::Arc;

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::block::scalar_to_le;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::combine::{Piece, Pieces};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::Origin;
use arcoforge_core::target::ArraySpec;
use arcoforge_read::hdf5::decode_foreign;
use arcoforge_store::Object;

use crate::prepare::Prepared;
use crate::strided::{Copy, Dim, strides};

/// Most stored bytes that are fetched from another machine at a time.
const BATCH_BYTES: u64 = 16 << 20;

/// Buffers that one thread uses again and again.
pub(crate) struct Worker {
    pub(crate) scratch: Scratch,
    pub(crate) stored: Vec<u8>,
    pub(crate) encoded: Vec<u8>,
    decoded: Vec<u8>,
    spare: Vec<Vec<u8>>,
    pub(crate) bytes_read: u64,
}

impl Worker {
    pub(crate) fn new() -> Self {
        Self {
            scratch: Scratch::with_foreign(decode_foreign),
            stored: Vec::new(),
            encoded: Vec::new(),
            decoded: Vec::new(),
            spare: Vec::new(),
            bytes_read: 0,
        }
    }

    pub(crate) fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(bytes, 0);
        buffer
    }

    /// Takes buffers back.
    pub(crate) fn give_back(&mut self, buffers: impl IntoIterator<Item = Vec<u8>>) {
        self.spare.extend(buffers);
    }
}

/// Chunks of one array being filled.
struct Slab<'a> {
    spec: &'a ArraySpec,
    region: &'a Region,
    grid: ChunkGrid,
    covering: ChunkGrid,
    first: Vec<u64>,
    buffers: Vec<Vec<u8>>,
    size: usize,
}

/// One file's part of the array.
struct Part<'a> {
    object: &'a Arc<dyn Object>,
    refs: &'a [ChunkRef],
    /// Where the part begins in the array.
    origin: Vec<u64>,
    /// For every dimension of the array the file's.
    axes: Vec<Option<usize>>,
    grid: ChunkGrid,
    encoding: &'a Encoding,
    unwritten: &'a Scalar,
    chunked: bool,
}

/// Fills the chunks of `region` (a box of whole chunks, cut at the array's end): one buffer per chunk, in C order, with
/// the cells that lie inside the array.
pub(crate) fn fill(
    worker: &mut Worker,
    prepared: &Prepared,
    spec: &ArraySpec,
    pieces: &Pieces,
    region: &Region,
) -> Result<Vec<Vec<u8>>> {
    let size = spec.dtype.size().ok_or_else(|| Error::new(Code::Bug, "text is not gathered from chunks"))?;
    let grid = spec.chunks();
    let covering = grid.covering(region);
    let parts = parts(pieces, &spec.shape, region);
    let holes = parts.iter().any(|(piece, _)| piece.is_none());
    let mut buffers = Vec::new();
    for index in indices(&covering) {
        let mut buffer = worker.buffer(grid.region(&index).cells() as usize * size);
        if holes {
            fill_with(&mut buffer, spec.dtype, &spec.unwritten);
        }
        buffers.push(buffer);
    }
    let first = covering.start();
    let covering = ChunkGrid::new(covering.shape(), vec![1; first.len()]);
    let mut slab = Slab { spec, region, grid, covering, first, buffers, size };
    for (piece, cells) in parts {
        let Some(piece) = piece else { continue };
        if whole::is_whole(prepared, piece) {
            whole::copy(worker, prepared, &mut slab, piece, &cells)?;
            continue;
        }
        let part = part(prepared, piece, cells.start())?;
        let url = part.object.url();
        copy_part(worker, &mut slab, &part, &cells).map_err(|e| e.in_variable(&spec.name).at(url))?;
    }
    Ok(slab.buffers)
}

/// The files that share cells with `region`, and the cells of each in the array.
fn parts(pieces: &Pieces, shape: &[u64], region: &Region) -> Vec<(Option<Piece>, Region)> {
    let mut keys = Vec::new();
    for along in &pieces.along {
        let Some(cells) = region.0.get(along.dim) else { return Vec::new() };
        let from = along.offsets.partition_point(|&start| start <= cells.start).saturating_sub(1) as u64;
        let to = along.offsets.partition_point(|&start| start < cells.end) as u64;
        keys.push(from..to);
    }
    let lengths: Vec<u64> = pieces.along.iter().map(|a| a.offsets.len().saturating_sub(1) as u64).collect();
    let numbers = ChunkGrid::new(lengths.clone(), vec![1; lengths.len()]);
    let mut found = Vec::new();
    for key in indices(&Region(keys)) {
        let mut cells = Region::whole(shape);
        for (along, &k) in pieces.along.iter().zip(&key) {
            let bounds = (along.offsets.get(k as usize), along.offsets.get(k as usize + 1));
            if let (Some(range), (Some(&start), Some(&end))) = (cells.0.get_mut(along.dim), bounds) {
                *range = start..end;
            }
        }
        if cells.intersect(region).is_some() || cells.0.is_empty() {
            let piece = pieces.files.get(numbers.flat(&key) as usize).copied().flatten();
            found.push((piece, cells));
        }
    }
    found
}

fn part(prepared: &Prepared, piece: Piece, origin: Vec<u64>) -> Result<Part<'_>> {
    let bug = || Error::new(Code::Bug, "a piece of the plan has no file");
    let file = prepared.files.get(piece.file as usize).ok_or_else(bug)?;
    let mapped = file.view.variables.get(piece.variable as usize).ok_or_else(bug)?;
    let surveyed = prepared.surveyed.get(piece.file as usize).ok_or_else(bug)?;
    let refs = surveyed.refs.get(piece.variable as usize).and_then(Option::as_deref).ok_or_else(bug)?;
    let Storage::Chunks { chunk, encoding, unwritten, chunked } = &mapped.var.storage else {
        return Err(bug());
    };
    let axes = mapped.axes();
    // the file's own shape: dimensions that the variable no longer has are of length one
    let mut shape = vec![1; chunk.len()];
    for (axis, &length) in axes.iter().zip(&mapped.var.shape) {
        if let Some(slot) = axis.and_then(|a| shape.get_mut(a)) {
            *slot = length;
        }
    }
    let grid = ChunkGrid::new(shape, chunk.clone());
    let chunks = grid.len();
    if refs.len() as u64 != chunks || !matches!(mapped.origin, Origin::Source { .. }) {
        return Err(Error::new(Code::Bug, format!("{} chunk references for {chunks} chunks", refs.len())));
    }
    Ok(Part { object: &surveyed.object, refs, origin, axes, grid, encoding, unwritten, chunked: *chunked })
}

impl Part<'_> {
    /// Cells of the array as cells of the file.
    fn to_file(&self, cells: &Region) -> Region {
        let mut ranges: Vec<Range<u64>> = vec![0..1; self.grid.shape.len()];
        for ((range, axis), origin) in cells.0.iter().zip(&self.axes).zip(&self.origin) {
            if let Some(slot) = axis.and_then(|a| ranges.get_mut(a)) {
                *slot = range.start - origin..range.end - origin;
            }
        }
        Region(ranges)
    }

    /// Cells of the file as cells of the array.
    fn to_array(&self, cells: &Region) -> Region {
        let range = |(axis, origin): (&Option<usize>, &u64)| match axis.and_then(|a| cells.0.get(a)) {
            Some(range) => range.start + origin..range.end + origin,
            None => *origin..origin + 1,
        };
        Region(self.axes.iter().zip(&self.origin).map(range).collect())
    }

    /// The shape of a decoded chunk.
    fn block_shape(&self, cells: &Region) -> Vec<u64> {
        if self.chunked { self.grid.chunk.clone() } else { cells.shape() }
    }
}

fn copy_part(worker: &mut Worker, slab: &mut Slab<'_>, part: &Part<'_>, cells: &Region) -> Result<()> {
    let Some(wanted) = cells.intersect(slab.region) else {
        return if cells.0.is_empty() {
            copy_chunks(worker, slab, part, &Region(Vec::new()))
        } else {
            Ok(())
        };
    };
    copy_chunks(worker, slab, part, &part.to_file(&wanted))
}

fn copy_chunks(worker: &mut Worker, slab: &mut Slab<'_>, part: &Part<'_>, wanted: &Region) -> Result<()> {
    let chunks: Vec<Vec<u64>> = indices(&part.grid.covering(wanted)).collect();
    if !part.object.is_remote() {
        for index in &chunks {
            if let Some(ChunkRef::Stored { offset, bytes, .. }) =
                part.refs.get(part.grid.flat(index) as usize)
            {
                read_stored(part.object.as_ref(), *offset, *bytes, &mut worker.stored)?;
                worker.bytes_read += *bytes;
            }
            copy_chunk(worker, slab, part, index, wanted, None)?;
        }
        return Ok(());
    }
    for batch in batches(part, &chunks) {
        let range = |index: &Vec<u64>| match part.refs.get(part.grid.flat(index) as usize) {
            Some(ChunkRef::Stored { offset, bytes, .. }) => *offset..offset.saturating_add(*bytes),
            _ => 0..0,
        };
        let ranges: Vec<Range<u64>> = batch.iter().map(range).collect();
        let fetched = part.object.read_ranges(&ranges)?;
        worker.bytes_read += fetched.iter().map(|b| b.len() as u64).sum::<u64>();
        for (index, stored) in batch.iter().zip(&fetched) {
            copy_chunk(worker, slab, part, index, wanted, Some(stored))?;
        }
    }
    Ok(())
}

/// Fills `stored` with a chunk's bytes; the range is checked against the file before memory is taken.
pub(crate) fn read_stored(object: &dyn Object, offset: u64, bytes: u64, stored: &mut Vec<u8>) -> Result<()> {
    let size = object.validator().size;
    let end = offset.checked_add(bytes).filter(|end| *end <= size);
    let Some(end) = end else {
        return Err(Error::new(
            Code::SourceCorrupt,
            format!(
                "a chunk lies at bytes {offset}..{}, and the file has {size} bytes",
                offset.saturating_add(bytes)
            ),
        )
        .help("the file is truncated or damaged: fetch it again"));
    };
    let bytes =
        usize::try_from(bytes).map_err(|e| Error::new(Code::SourceLimit, "chunk too large").caused_by(e))?;
    stored.resize(bytes, 0);
    object.read_into(offset, stored).map_err(|e| e.in_range(offset, end))
}

/// Consecutive chunks of at most [`BATCH_BYTES`] stored bytes.
fn batches<'a>(part: &Part<'_>, chunks: &'a [Vec<u64>]) -> Vec<&'a [Vec<u64>]> {
    let mut found = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (at, index) in chunks.iter().enumerate() {
        let bytes = match part.refs.get(part.grid.flat(index) as usize) {
            Some(ChunkRef::Stored { bytes, .. }) => *bytes,
            _ => 0,
        };
        if held + bytes > BATCH_BYTES && at > start {
            found.extend(chunks.get(start..at));
            (start, held) = (at, 0);
        }
        held += bytes;
    }
    found.extend(chunks.get(start..).filter(|rest| !rest.is_empty()));
    found
}

/// Decodes one source chunk (its bytes in `fetched`, else in the worker's buffer) and copies its wanted cells.
fn copy_chunk(
    worker: &mut Worker,
    slab: &mut Slab<'_>,
    part: &Part<'_>,
    index: &[u64],
    wanted: &Region,
    fetched: Option<&[u8]>,
) -> Result<()> {
    let cells = part.grid.region(index);
    let shape = part.block_shape(&cells);
    let block_cells = shape.iter().product::<u64>() as usize;
    let Some(inside) = cells.intersect(wanted).or_else(|| cells.0.is_empty().then(|| cells.clone())) else {
        return Ok(());
    };
    let reference = part.refs.get(part.grid.flat(index) as usize);
    let copies = copies(slab, part, &cells, &shape, &inside);
    let swap = slab.spec.dtype.swap_size();
    let size = slab.size;
    let (filter_mask, bytes): (u32, &[u8]) = match (reference, fetched) {
        (Some(ChunkRef::Stored { filter_mask, .. }), Some(fetched)) => (*filter_mask, fetched),
        (Some(ChunkRef::Stored { filter_mask, .. }), None) => (*filter_mask, &worker.stored),
        (Some(ChunkRef::Inline(bytes)), _) => (0, bytes),
        (Some(ChunkRef::Unallocated) | None, _) => {
            worker.decoded.resize(block_cells * size, 0);
            fill_with(&mut worker.decoded, slab.spec.dtype, part.unwritten);
            return put(&worker.decoded, slab, &copies);
        }
    };
    let place = |e: Error| e.in_chunk(index);
    if let [(buffer, copy)] = copies.as_slice()
        && let (Some(run), Some(target)) = (copy.whole_run(block_cells), slab.buffers.get_mut(*buffer))
        && let Some(target) = target.get_mut(run.start * size..run.end * size)
    {
        return decode(part.encoding, swap, filter_mask, bytes, target, &mut worker.scratch).map_err(place);
    }
    worker.decoded.resize(block_cells * size, 0);
    decode(part.encoding, swap, filter_mask, bytes, &mut worker.decoded, &mut worker.scratch)
        .map_err(place)?;
    put(&worker.decoded, slab, &copies)
}

fn put(source: &[u8], slab: &mut Slab<'_>, copies: &[(usize, Copy)]) -> Result<()> {
    for (buffer, copy) in copies {
        let target = slab.buffers.get_mut(*buffer);
        if !target.is_some_and(|target| copy.run(source, target, slab.size)) {
            return Err(Error::new(Code::Bug, "a copy leads out of its chunk"));
        }
    }
    Ok(())
}

/// The copies from one source chunk into every target chunk that shares cells with it.
fn copies(
    slab: &Slab<'_>,
    part: &Part<'_>,
    cells: &Region,
    shape: &[u64],
    inside: &Region,
) -> Vec<(usize, Copy)> {
    let array = part.to_array(inside);
    let source_strides = strides(shape);
    let mut found = Vec::new();
    for index in indices(&slab.grid.covering(&array)) {
        let whole = slab.grid.region(&index);
        let Some(both) = array.intersect(&whole).or_else(|| array.0.is_empty().then(|| array.clone())) else {
            continue;
        };
        let target_strides = strides(&whole.shape());
        let local: Vec<u64> = index.iter().zip(&slab.first).map(|(i, f)| i - f).collect();
        let from = part.to_file(&both);
        let start = |region: &Region, origin: &Region, strides: &[usize]| -> usize {
            region
                .0
                .iter()
                .zip(&origin.0)
                .zip(strides)
                .map(|((r, o), s)| (r.start - o.start) as usize * s)
                .sum()
        };
        let dims = both.0.iter().zip(&part.axes).zip(&target_strides).map(|((range, axis), &target)| Dim {
            count: (range.end - range.start) as usize,
            source: axis.and_then(|a| source_strides.get(a).copied()).unwrap_or(0),
            target,
        });
        let copy =
            Copy::new(start(&from, cells, &source_strides), start(&both, &whole, &target_strides), dims);
        found.push((slab.covering.flat(&local) as usize, copy));
    }
    found
}

/// Fills a buffer with one value.
pub(crate) fn fill_with(buffer: &mut [u8], dtype: DataType, value: &Scalar) {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, value, &mut one) || one.iter().all(|b| *b == 0) {
        buffer.fill(0);
        return;
    }
    buffer.chunks_exact_mut(one.len()).for_each(|cell| cell.copy_from_slice(&one));
}

/// Whether every cell has one value, bit for bit.
pub(crate) fn is_filled_with(buffer: &[u8], dtype: DataType, value: &Scalar) -> bool {
    let mut one = Vec::new();
    scalar_to_le(dtype, value, &mut one) && buffer.chunks_exact(one.len().max(1)).all(|cell| cell == one)
}

//! Filling target chunks: source chunks are fetched and decoded once per slab, and their cells put where they belong.

mod chunks;
mod derived;
mod whole;

use std::ops::Range;

use arcoforge_codec::Scratch;
use arcoforge_core::block::scalar_to_le;
use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::combine::{Piece, Pieces, Segment};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::steps::Mapped;
use arcoforge_core::target::ArraySpec;
use arcoforge_read::hdf5::decode_foreign;

use crate::prepare::Prepared;
use crate::strided::{Copy, Dim, strides};
use crate::survey::Surveyed;

pub(crate) use chunks::read_stored;

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
struct Slab {
    dtype: DataType,
    grid: ChunkGrid,
    covering: ChunkGrid,
    first: Vec<u64>,
    buffers: Vec<Vec<u8>>,
    size: usize,
}

/// A box of cells that one file fills; `None` for cells that no file has.
struct Placement {
    piece: Option<Piece>,
    /// In the array.
    cells: Region,
    /// In the file's variable.
    source: Region,
    /// Which dimensions run from the file's last cell to its first.
    reversed: Vec<bool>,
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
    let placements = placements(pieces, region);
    let holes = placements.iter().any(|p| p.piece.is_none());
    let mut slab = Slab::new(worker, spec.dtype, spec.chunks(), region, holes.then_some(&spec.unwritten))?;
    let mut rest = placements.as_slice();
    while let Some(first) = rest.first() {
        // what one file fills is filled at a time
        let count = rest.iter().take_while(|p| p.piece == first.piece).count();
        let (same, others) = rest.split_at(count);
        rest = others;
        let Some(piece) = first.piece else { continue };
        let (file, mapped, surveyed) = prepared.piece(piece)?;
        let place = |e: Error| e.in_variable(&spec.name).at(&file.url);
        from_file(worker, surveyed, mapped, &mut slab, same).map_err(place)?;
    }
    Ok(slab.buffers)
}

/// Copies what one file has, by the shortest way.
fn from_file(
    worker: &mut Worker,
    surveyed: &Surveyed,
    mapped: &Mapped,
    slab: &mut Slab,
    placements: &[Placement],
) -> Result<()> {
    let in_order = placements.iter().all(|p| p.reversed.iter().all(|r| !r));
    if !mapped.is_plain() || !in_order || placements.len() > 1 {
        return derived::copy(worker, surveyed, mapped, slab, placements);
    }
    for placement in placements {
        let origin =
            placement.cells.0.iter().zip(&placement.source.0).map(|(c, s)| (c.start, s.start)).collect();
        match chunks::part(surveyed, mapped, origin)? {
            Some(part) => chunks::copy_part(worker, slab, &part, &placement.cells)?,
            None => {
                let block = whole::read(worker, surveyed, mapped, &placement.source)?;
                slab.place(&block, &placement.cells)?;
            }
        }
    }
    Ok(())
}

/// The boxes of `region`, file by file.
fn placements(pieces: &Pieces, region: &Region) -> Vec<Placement> {
    let mut lists: Vec<Vec<Segment>> = Vec::new();
    for along in &pieces.along {
        let mut segments = region.0.get(along.dim).map(|cells| along.within(cells)).unwrap_or_default();
        // segments of one file side by side
        segments.sort_by_key(|s| (s.key, s.start));
        lists.push(segments);
    }
    let counts: Vec<u64> = lists.iter().map(|list| list.len() as u64).collect();
    let mut found: Vec<Placement> = Vec::new();
    for index in indices(&Region::whole(&counts)) {
        let mut placement = Placement {
            piece: None,
            cells: region.clone(),
            source: region.clone(),
            reversed: vec![false; region.0.len()],
        };
        let mut flat = Some(0_usize);
        for ((along, list), &at) in pieces.along.iter().zip(&lists).zip(&index) {
            let Some(segment) = list.get(at as usize) else { continue };
            flat = flat.zip(segment.key).map(|(flat, key)| flat * along.keys as usize + key as usize);
            set(&mut placement.cells, along.dim, segment.start..segment.start + segment.count);
            set(&mut placement.source, along.dim, segment.first..segment.first + segment.count);
            if let Some(reversed) = placement.reversed.get_mut(along.dim) {
                *reversed = segment.reversed && segment.count > 1;
            }
        }
        placement.piece = flat.and_then(|flat| pieces.files.get(flat).copied().flatten());
        found.push(placement);
    }
    if pieces.along.len() > 1 {
        found.sort_by_key(|p| p.piece.map(|piece| (piece.file, piece.variable)));
    }
    found
}

fn set(region: &mut Region, dim: usize, range: Range<u64>) {
    if let Some(slot) = region.0.get_mut(dim) {
        *slot = range;
    }
}

impl Slab {
    /// Buffers for the chunks that `region` covers; `unwritten` where not every cell will be filled.
    fn new(
        worker: &mut Worker,
        dtype: DataType,
        grid: ChunkGrid,
        region: &Region,
        unwritten: Option<&Scalar>,
    ) -> Result<Self> {
        let size = dtype.size().ok_or_else(|| Error::new(Code::Bug, "text is not gathered from chunks"))?;
        let covering = grid.covering(region);
        let mut buffers = Vec::new();
        for index in indices(&covering) {
            let mut buffer = worker.buffer(grid.region(&index).cells() as usize * size);
            if let Some(value) = unwritten {
                fill_with(&mut buffer, dtype, value);
            }
            buffers.push(buffer);
        }
        let first = covering.start();
        let covering = ChunkGrid::new(covering.shape(), vec![1; first.len()]);
        Ok(Self { dtype, grid, covering, first, buffers, size })
    }

    /// Puts a block where it belongs.
    fn place(&mut self, block: &arcoforge_core::block::Block, cells: &Region) -> Result<()> {
        let bytes = block.bytes().ok_or_else(|| Error::new(Code::Bug, "text among numbers"))?;
        if block.dtype != self.dtype || block.shape != cells.shape() {
            let (found, expected) = ((block.dtype, &block.shape), (self.dtype, cells.shape()));
            return Err(Error::new(Code::Bug, format!("a block is {found:?}, expected {expected:?}")));
        }
        let strides = strides(&cells.shape());
        let copies = copies(self, cells, &strides, |both| distance(both, cells, &strides));
        put(bytes, self, &copies)
    }
}

/// The copies of `cells` into every chunk that shares some with them. `source` says how far cells lie apart in what is
/// copied, along every dimension of the array, `begin` at which of its cells a box of them begins.
fn copies(
    slab: &Slab,
    cells: &Region,
    source: &[usize],
    begin: impl Fn(&Region) -> usize,
) -> Vec<(usize, Copy)> {
    let mut found = Vec::new();
    for index in indices(&slab.grid.covering(cells)) {
        let chunk = slab.grid.region(&index);
        let both = if cells.0.is_empty() { Some(cells.clone()) } else { cells.intersect(&chunk) };
        let Some(both) = both else { continue };
        let target = strides(&chunk.shape());
        let dims = both.0.iter().zip(source).zip(&target).map(|((range, &source), &target)| Dim {
            count: (range.end - range.start) as usize,
            source,
            target,
        });
        let copy = Copy::new(begin(&both), distance(&both, &chunk, &target), dims);
        let local: Vec<u64> = index.iter().zip(&slab.first).map(|(i, f)| i - f).collect();
        found.push((slab.covering.flat(&local) as usize, copy));
    }
    found
}

/// How many cells behind the first of a block a box in it begins.
fn distance(cells: &Region, block: &Region, strides: &[usize]) -> usize {
    cells.0.iter().zip(&block.0).zip(strides).map(|((c, b), s)| (c.start - b.start) as usize * s).sum()
}

fn put(source: &[u8], slab: &mut Slab, copies: &[(usize, Copy)]) -> Result<()> {
    for (buffer, copy) in copies {
        let target = slab.buffers.get_mut(*buffer);
        if !target.is_some_and(|target| copy.run(source, target, slab.size)) {
            return Err(Error::new(Code::Bug, "a copy leads out of its chunk"));
        }
    }
    Ok(())
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

//! Filling target chunks: source chunks are fetched and decoded once per slab, and their cells put where they belong.

mod ahead;
mod boxes;
mod chunks;
mod coarser;
mod derived;
mod pad;
mod raw;
mod team;
mod whole;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arcoforge_codec::Scratch;
use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::combine::{Piece, Pieces, Segment};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::steps::Mapped;
use arcoforge_core::target::ArraySpec;
use arcoforge_read::Reader;
use arcoforge_read::hdf5::decode_foreign;

use crate::lookahead::TaskAhead;
use crate::prepare::Prepared;
use crate::signature::Signer;
use crate::strided::{Copy, Dim, strides};
use crate::survey::Surveyed;

pub(crate) use ahead::wants;
pub(crate) use boxes::{fill_box, fill_from};
pub(crate) use chunks::read_stored;
pub(crate) use coarser::fill_coarser;
pub(crate) use pad::{fill_with, is_filled_with, pad};

/// Buffers that one thread uses again and again, and the threads that help it with its slabs.
pub(crate) struct Worker {
    pub(crate) scratch: Scratch,
    pub(crate) stored: Vec<u8>,
    pub(crate) encoded: Vec<u8>,
    decoded: Vec<u8>,
    spare: Vec<Vec<u8>>,
    team: Vec<Worker>,
    /// The address of the array's specification that buffers were last used for.
    array: usize,
    pub(crate) bytes_read: u64,
    pub(crate) signer: Signer,
    /// What the running task will read of other machines.
    ahead: Option<Arc<TaskAhead>>,
    /// The store that is filled, where the running task is of a coarser level.
    pub(crate) filled: Option<Arc<dyn Reader>>,
}

impl Worker {
    pub(crate) fn new() -> Self {
        Self {
            scratch: Scratch::with_foreign(decode_foreign),
            stored: Vec::new(),
            encoded: Vec::new(),
            decoded: Vec::new(),
            spare: Vec::new(),
            team: Vec::new(),
            array: 0,
            bytes_read: 0,
            signer: Signer::default(),
            ahead: None,
            filled: None,
        }
    }

    /// Before the cells of an array: what was kept for another is given back, since its sizes and codecs were others and
    /// the memory of a worker is counted for one array at a time. Slabs stay until [`slab`](Self::slab) took what fits.
    fn begin(&mut self, spec: &ArraySpec) -> bool {
        let array = std::ptr::from_ref(spec).addr();
        if std::mem::replace(&mut self.array, array) == array {
            return false;
        }
        self.stored = Vec::new();
        self.encoded = Vec::new();
        self.decoded = Vec::new();
        self.scratch.release();
        for helper in &mut self.team {
            helper.begin(spec);
        }
        true
    }

    /// A slab of an array, which the worker begins with it. Buffers of an array before are taken where they fit: their
    /// memory has been touched already.
    fn slab(&mut self, spec: &ArraySpec, frame: Frame<'_>, unwritten: Option<&Scalar>) -> Result<Slab> {
        let is_new = self.begin(spec);
        let mut slab = Slab::new(self, spec.dtype, frame, unwritten)?;
        slab.shared = self.size() > 1;
        if is_new {
            self.spare = Vec::new();
        }
        Ok(slab)
    }

    /// A buffer of `bytes` bytes with room for `capacity`; what is in it is left over from earlier use. Where none that
    /// was given back is of that size, those are let go: they belonged to another array.
    fn buffer(&mut self, bytes: usize, capacity: usize) -> Vec<u8> {
        let fits = |buffer: &Vec<u8>| (capacity..=capacity + capacity / 8).contains(&buffer.capacity());
        let mut buffer = match self.spare.iter().position(fits) {
            Some(at) => self.spare.swap_remove(at),
            None => {
                self.spare.clear();
                vec![0; capacity]
            }
        };
        buffer.resize(bytes, 0);
        buffer
    }

    /// Takes buffers back.
    pub(crate) fn give_back(&mut self, buffers: impl IntoIterator<Item = Vec<u8>>) {
        self.spare.extend(buffers);
    }
}

/// Sets a buffer's length, with anything in it; never holds more than that, nor old and new contents at a time.
pub(crate) fn sized(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.capacity() < bytes {
        drop(std::mem::take(buffer));
        buffer.reserve_exact(bytes);
    }
    buffer.resize(bytes, 0);
}

/// Chunks of one array being filled.
struct Slab {
    dtype: DataType,
    grid: ChunkGrid,
    covering: ChunkGrid,
    first: Vec<u64>,
    buffers: Vec<Mutex<Vec<u8>>>,
    size: usize,
    /// Several threads fill it: none of them holds a buffer for longer than a copy takes.
    shared: bool,
}

/// A box of cells that one file fills; `None` for cells that no file has.
pub(crate) struct Placement {
    pub(crate) piece: Option<Piece>,
    /// In the array.
    pub(crate) cells: Region,
    /// In the file's variable.
    pub(crate) source: Region,
    /// Which dimensions run from the file's last cell to its first.
    pub(crate) reversed: Vec<bool>,
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
    let frame = Frame { grid: spec.chunks(), region, whole: true };
    gather(worker, prepared, spec, &placements(pieces, region), frame)
}

/// The chunks that are filled: of a grid those that a region covers.
struct Frame<'a> {
    grid: ChunkGrid,
    region: &'a Region,
    /// Buffers have room for whole chunks, also at the array's end: what lies beyond is filled before encoding.
    whole: bool,
}

/// Fills chunks with what the placements say.
fn gather(
    worker: &mut Worker,
    prepared: &Prepared,
    spec: &ArraySpec,
    placements: &[Placement],
    frame: Frame<'_>,
) -> Result<Vec<Vec<u8>>> {
    let holes = placements.iter().any(|p| p.piece.is_none());
    let slab = worker.slab(spec, frame, holes.then_some(&spec.unwritten))?;
    // what one file fills is filled at a time
    let files: Vec<&[Placement]> = placements.chunk_by(|a, b| a.piece == b.piece).collect();
    let shares = if slab.shared { (JOBS_PER_THREAD * worker.size()).div_ceil(files.len().max(1)) } else { 1 };
    worker.each(files.len() * shares, |worker, job| {
        let (Some(same), share) = (files.get(job / shares), Share { number: job % shares, of: shares })
        else {
            return Ok(());
        };
        let Some(piece) = same.first().and_then(|first| first.piece) else { return Ok(()) };
        let (file, mapped, surveyed) = prepared.piece(piece)?;
        let place = |e: Error| e.in_variable(&spec.name).at(&*file.url);
        from_file(worker, surveyed, mapped, &slab, same, share).map_err(place)
    })?;
    Ok(slab.into_buffers())
}

/// What a chunk may grow when it is encoded in place: so that its buffer never moves.
const ENCODED_BYTES: usize = 16;

/// Jobs that a slab is divided into at least, for every thread that fills it.
const JOBS_PER_THREAD: usize = 4;

/// One of several parts of the source chunks that a file gives to a slab.
#[derive(Clone, Copy)]
struct Share {
    number: usize,
    of: usize,
}

impl Share {
    const ALL: Self = Self { number: 0, of: 1 };

    fn of<T>(self, items: &[T]) -> &[T] {
        let bound = |number: usize| items.len() * number / self.of.max(1);
        items.get(bound(self.number)..bound(self.number + 1)).unwrap_or_default()
    }
}

/// Copies what one file has, by the shortest way.
fn from_file(
    worker: &mut Worker,
    surveyed: &Surveyed,
    mapped: &Mapped,
    slab: &Slab,
    placements: &[Placement],
    share: Share,
) -> Result<()> {
    if !is_direct(mapped, placements) {
        // not divided
        return if share.number > 0 {
            Ok(())
        } else {
            derived::copy(worker, surveyed, mapped, slab, placements)
        };
    }
    for placement in placements {
        match chunks::part(surveyed, mapped, placement.origin())? {
            Some(part) => chunks::copy_part(worker, slab, &part, &placement.cells, share)?,
            None if share.number > 0 => {}
            None => {
                let block = whole::read(worker, surveyed, mapped, &placement.source)?;
                slab.place(&block, &placement.cells)?;
            }
        }
    }
    Ok(())
}

/// Whether what a file has is copied chunk by chunk; else it is computed, or put together first.
fn is_direct(mapped: &Mapped, placements: &[Placement]) -> bool {
    let in_order = placements.iter().all(|p| p.reversed.iter().all(|r| !r));
    mapped.is_plain() && in_order && placements.len() <= 1
}

impl Placement {
    /// For every dimension a cell of the array, and the same cell's place in the variable.
    fn origin(&self) -> Vec<(u64, u64)> {
        self.cells.0.iter().zip(&self.source.0).map(|(c, s)| (c.start, s.start)).collect()
    }
}

/// The boxes of `region`, file by file.
pub(crate) fn placements(pieces: &Pieces, region: &Region) -> Vec<Placement> {
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
    /// Buffers for chunks; `unwritten` where not every cell will be filled.
    fn new(
        worker: &mut Worker,
        dtype: DataType,
        frame: Frame<'_>,
        unwritten: Option<&Scalar>,
    ) -> Result<Self> {
        let Frame { grid, region, whole } = frame;
        let size = dtype.size().ok_or_else(|| Error::new(Code::Bug, "text is not gathered from chunks"))?;
        let covering = grid.covering(region);
        let room = if whole { grid.chunk_cells() as usize * size + ENCODED_BYTES } else { 0 };
        let mut buffers = Vec::new();
        for index in indices(&covering) {
            let bytes = grid.region(&index).cells() as usize * size;
            let mut buffer = worker.buffer(bytes, room.max(bytes));
            if let Some(value) = unwritten {
                fill_with(&mut buffer, dtype, value);
            }
            buffers.push(Mutex::new(buffer));
        }
        let first = covering.start();
        let covering = ChunkGrid::new(covering.shape(), vec![1; first.len()]);
        Ok(Self { dtype, grid, covering, first, buffers, size, shared: false })
    }

    /// Where the copies of so many cells are one, which fills a run from its first to its last: the buffer and the bytes
    /// that can be written straight into it; `None` where other threads would wait.
    fn run(&self, copies: &[(usize, Copy)], cells: usize) -> Option<(&Mutex<Vec<u8>>, Range<usize>)> {
        let [(buffer, copy)] = copies else { return None };
        let run = copy.whole_run(cells).filter(|_| !self.shared)?;
        Some((self.buffers.get(*buffer)?, run.start * self.size..run.end * self.size))
    }

    fn into_buffers(self) -> Vec<Vec<u8>> {
        let buffers = self.buffers.into_iter();
        buffers.map(|buffer| buffer.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Puts a block where it belongs.
    fn place(&self, block: &arcoforge_core::block::Block, cells: &Region) -> Result<()> {
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

fn put(source: &[u8], slab: &Slab, copies: &[(usize, Copy)]) -> Result<()> {
    for (buffer, copy) in copies {
        let target = slab.buffers.get(*buffer).map(|b| b.lock().unwrap_or_else(PoisonError::into_inner));
        if !target.is_some_and(|mut target| copy.run(source, &mut target, slab.size)) {
            return Err(Error::new(Code::Bug, "a copy leads out of its chunk"));
        }
    }
    Ok(())
}

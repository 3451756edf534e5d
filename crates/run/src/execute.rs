//! Tasks: every one owns whole objects of the target, fills them and writes them.

mod adopt;
mod ahead;
mod left;
mod stored;

use std::sync::{Mutex, PoisonError};

use arcoforge_codec::{encode, encode_over};
use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Filling, Mode};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::ArraySpec;
use arcoforge_write::{
    Objects, Written, absent_value, chunk_key, chunks_per_shard, encode_text, shard_chunks,
};

use self::left::{Left, Slabs, boxes};
use self::stored::{copy_stored, stored};
use crate::gather::{Worker, fill, fill_coarser, is_filled_with, pad};
use crate::levels::Filled;
use crate::prepare::Prepared;
use crate::receipts::{Entry, Receipts};
use crate::reuse::{At, Reuse};
use crate::scratch::Scratch;
use crate::session::Session;
use crate::signature::{Signature, Signer};
use crate::strided::{Copy, Dim, strides};
use crate::tasks::Tasks;

/// Where tasks write to.
pub(crate) struct Target<'a> {
    pub(crate) store: &'a dyn Objects,
    pub(crate) format: TargetFormat,
    pub(crate) session: &'a Session<'a>,
    pub(crate) prepared: &'a Prepared,
    pub(crate) reuse: &'a Reuse,
    /// The same to be read back.
    pub(crate) filled: Filled<'a>,
    /// Where cells lie that a first stage moved.
    pub(crate) scratch: &'a Scratch,
    pub(crate) tasks: Tasks<'a>,
    /// What runs before have made.
    pub(crate) receipts: Receipts,
    /// For what is looked at before a worker runs it.
    pub(crate) signer: Mutex<Signer>,
}

/// The objects that a task owns, by their numbers in the array's grid.
pub(crate) fn objects(array: &ArrayPlan, task: u64) -> Vec<u64> {
    if array.spec.shard.is_some() {
        return vec![task];
    }
    let (tasks, chunks) = (array.tasks(), array.spec.chunks());
    let whole = tasks.region(&tasks.index(task));
    indices(&chunks.covering(&whole)).map(|index| chunks.flat(&index)).collect()
}

/// Runs one task of one array, but for objects that are there; `done` is told of every object once it is complete, and
/// whether an earlier bake had made it.
pub(crate) fn run(
    target: &Target<'_>,
    worker: &mut Worker,
    array: &ArrayPlan,
    task: u64,
    done: &mut (dyn FnMut(Entry, bool) -> Result<()> + Send),
) -> Result<()> {
    let place = |e: Error| e.in_variable(&array.spec.name);
    if array.spec.shard.is_some() {
        let (entry, reused) = shard(target, worker, array, task).map_err(place)?;
        return done(entry, reused);
    }
    for (number, slab) in (0..).zip(array.slabs(task)) {
        slab_objects(target, worker, array, (number, &slab), done).map_err(place)?;
    }
    Ok(())
}

/// Writes the chunks of one slab, each an object: filled and then encoded by all threads of the worker.
fn slab_objects(
    target: &Target<'_>,
    worker: &mut Worker,
    array: &ArrayPlan,
    (number, slab): (u64, &Region),
    done: &mut (dyn FnMut(Entry, bool) -> Result<()> + Send),
) -> Result<()> {
    let chunks = array.spec.chunks();
    let mut left = Vec::new();
    let is_there = |index: &Vec<u64>| target.receipts.has(&array.spec.name, chunks.flat(index));
    for index in indices(&chunks.covering(slab)).filter(|index| !is_there(index)) {
        target.session.check_interrupt()?;
        let signature = target.signature(worker, array, &index)?;
        match target.reused(&array.spec, &index, &[signature])? {
            Some(written) => done(target.entry(array, &index, written, vec![signature]), true)?,
            None => left.push((index, signature)),
        }
    }
    let done = Mutex::new(done);
    for Left { cells, chunks: left } in boxes(&chunks, left) {
        target.announce(worker, number, &cells);
        let producer = Producer::new(target, worker, array, &cells)?;
        worker.each(left.len(), |worker, at| {
            target.session.check_interrupt()?;
            let Some((index, signature)) = left.get(at) else { return Ok(()) };
            let key = chunk_key(target.format, &array.spec, index);
            let written = producer.chunk(worker, index, |stored| target.store.write(&key, stored))?;
            if written.is_none() {
                target.store.leave_out(&key)?;
            }
            let entry = target.entry(array, index, written, vec![*signature]);
            (done.lock().unwrap_or_else(PoisonError::into_inner))(entry, false)
        })?;
        producer.finish(worker);
    }
    Ok(())
}

impl Target<'_> {
    fn signature(&self, worker: &mut Worker, array: &ArrayPlan, index: &[u64]) -> Result<Signature> {
        worker.signer.chunk(self.format, self.prepared, array, index)
    }

    /// The signatures of all chunks of the object at an index.
    fn signatures(&self, worker: &mut Worker, array: &ArrayPlan, index: &[u64]) -> Result<Vec<Signature>> {
        let count = chunks_per_shard(&array.spec);
        let mut signatures = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for chunk in shard_chunks(&array.spec, index) {
            signatures.push(match chunk {
                Some(chunk) => self.signature(worker, array, &chunk)?,
                None => Signature::BEYOND,
            });
        }
        Ok(signatures)
    }

    /// Takes an object with these signatures that an earlier bake made; `None` where none did.
    fn reused(
        &self,
        spec: &ArraySpec,
        index: &[u64],
        signatures: &[Signature],
    ) -> Result<Option<Option<Written>>> {
        let Some(found) = self.reuse.object(spec, index, signatures) else { return Ok(None) };
        if !found.is_whole() {
            return Ok(None);
        }
        let key = chunk_key(self.format, spec, index);
        match &found.at {
            At::File(path) => self.store.adopt(&key, path)?,
            At::Bytes(bytes) => self.store.write(&key, bytes).map(drop)?,
            At::Target => {}
            At::Nowhere => self.store.leave_out(&key)?,
        }
        Ok(Some(found.written))
    }
}

/// Streams one shard: inner chunks in C order, slab after slab.
fn shard(target: &Target<'_>, worker: &mut Worker, array: &ArrayPlan, task: u64) -> Result<(Entry, bool)> {
    let index = array.spec.objects().index(task);
    let signatures = target.signatures(worker, array, &index)?;
    if let Some(written) = target.reused(&array.spec, &index, &signatures)? {
        return Ok((target.entry(array, &index, written, signatures), true));
    }
    let old = target.reuse.shard(&array.spec, &index, &signatures)?;
    let key = chunk_key(target.format, &array.spec, &index);
    let mut writer = target.store.shard(&key, chunks_per_shard(&array.spec))?;
    let chunks = array.spec.chunks();
    let mut slabs = Slabs::new(array, task, old.as_ref(), &signatures);
    let mut current: Option<(Region, Producer<'_>)> = None;
    for (at, (chunk, signature)) in shard_chunks(&array.spec, &index).zip(&signatures).enumerate() {
        let Some(chunk) = chunk else {
            writer.skip()?;
            continue;
        };
        target.session.check_interrupt()?;
        if let Some(stored) =
            old.as_ref().map(|old| old.chunk(at, *signature, &mut worker.encoded)).transpose()?.flatten()
        {
            if stored {
                writer.append(&worker.encoded)?;
            } else {
                writer.skip()?;
            }
            continue;
        }
        let cells = chunks.region(&chunk);
        while current.as_ref().is_none_or(|(slab, _)| slab.intersect(&cells).is_none()) {
            let (number, next) =
                slabs.next().ok_or_else(|| Error::new(Code::Bug, "a chunk of a shard lies in no slab"))?;
            if let Some((_, done)) = current.take() {
                done.finish(worker);
            }
            target.announce(worker, number, &next);
            let producer = Producer::new(target, worker, array, &next)?;
            current = Some((next, producer));
        }
        let written = match &current {
            Some((_, producer)) => producer.chunk(worker, &chunk, |stored| writer.append(stored))?,
            None => None,
        };
        if written.is_none() {
            writer.skip()?;
        }
    }
    if let Some((_, done)) = current {
        done.finish(worker);
    }
    let written = writer.finish()?;
    if written.is_none() {
        target.store.leave_out(&key)?;
    }
    Ok((target.entry(array, &index, written, signatures), false))
}

/// Makes the encoded chunks of one slab.
struct Producer<'a> {
    target: &'a Target<'a>,
    array: &'a ArrayPlan,
    first: Vec<u64>,
    covering: ChunkGrid,
    /// The slab's chunks, where they are gathered.
    buffers: Vec<Mutex<Vec<u8>>>,
}

impl<'a> Producer<'a> {
    /// Fills the slab where its chunks are not copied.
    fn new(target: &'a Target<'a>, worker: &mut Worker, array: &'a ArrayPlan, slab: &Region) -> Result<Self> {
        let covering = array.spec.chunks().covering(slab);
        let first = covering.start();
        let covering = ChunkGrid::new(covering.shape(), vec![1; first.len()]);
        let buffers = match (&array.content, array.mode) {
            (Filling::Values(_), _) | (_, Mode::Copy) => Vec::new(),
            (Filling::Coarser(coarser), _) => {
                let bug = || Error::new(Code::Bug, "a coarser level before the one above");
                let store = worker.filled.clone().ok_or_else(bug)?;
                fill_coarser(worker, &*store, &target.prepared.plan.arrays, &array.spec, coarser, slab)?
            }
            (Filling::Pieces(pieces), _) => match target.scratch.fill(worker, &array.spec, slab) {
                Some(filled) => filled?,
                None => fill(worker, target.prepared, &array.spec, pieces, slab)?,
            },
        };
        let buffers = buffers.into_iter().map(Mutex::new).collect();
        Ok(Self { target, array, first, covering, buffers })
    }

    /// Hands a chunk's stored bytes to `write`, once; `None` where the chunk is best left out.
    fn chunk<T>(
        &self,
        worker: &mut Worker,
        index: &[u64],
        write: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let (target, spec) = (self.target, &self.array.spec);
        match (&self.array.content, self.array.mode) {
            (Filling::Values(block), _) => values(target.format, worker, spec, block, index, write),
            (Filling::Pieces(pieces), Mode::Copy) => match stored(target.prepared, spec, pieces, index)? {
                Some(found) => {
                    copy_stored(target, worker, spec, index, &found, write).map_err(|e| e.in_chunk(index))
                }
                None => gathered(target.format, target.prepared, worker, spec, pieces, index, write),
            },
            (Filling::Pieces(_) | Filling::Coarser(_), _) => {
                let at: Vec<u64> = index.iter().zip(&self.first).map(|(i, f)| i.saturating_sub(*f)).collect();
                let buffer = self.buffers.get(self.covering.flat(&at) as usize);
                let buffer = buffer.ok_or_else(|| Error::new(Code::Bug, "a chunk lies outside its slab"))?;
                let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                pack(target.format, worker, spec, index, &mut buffer, write)
            }
        }
    }

    fn finish(self, worker: &mut Worker) {
        let buffers = self.buffers.into_iter();
        worker.give_back(buffers.map(|buffer| buffer.into_inner().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// A chunk by itself, among others that are copied: its stored bytes are handed to `write`, once; `None` where it is best
/// left out.
pub(crate) fn gathered<T>(
    format: TargetFormat,
    prepared: &Prepared,
    worker: &mut Worker,
    spec: &ArraySpec,
    pieces: &Pieces,
    index: &[u64],
    write: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let region = spec.chunks().region(index);
    let mut buffers = fill(worker, prepared, spec, pieces, &region)?;
    let buffer = buffers.first_mut().ok_or_else(|| Error::new(Code::Bug, "a chunk without a buffer"))?;
    let packed = pack(format, worker, spec, index, buffer, write)?;
    worker.give_back(buffers);
    Ok(packed)
}

/// A chunk of values in hand, in the same way.
pub(crate) fn values<T>(
    format: TargetFormat,
    worker: &mut Worker,
    spec: &ArraySpec,
    block: &Block,
    index: &[u64],
    write: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let cells = spec.chunks().region(index);
    match &block.data {
        BlockData::Text(texts) => {
            let mut chunk = vec![String::new(); spec.chunks().chunk_cells() as usize];
            for (to, from) in text_cells(&block.shape, &spec.chunk, &cells) {
                if let (Some(slot), Some(text)) = (chunk.get_mut(to), texts.get(from)) {
                    slot.clone_from(text);
                }
            }
            let bytes = encode_text(&chunk)?;
            encode(&spec.encoding, 1, &bytes, &mut worker.encoded, &mut worker.scratch)?;
            write(&worker.encoded).map(Some)
        }
        BlockData::Bytes(bytes) => {
            let mut chunk = part_bytes(block, bytes, &cells)?;
            pack(format, worker, spec, index, &mut chunk, write)
        }
    }
}

/// A part of values in hand.
pub(crate) fn part(block: &Block, cells: &Region) -> Result<Block> {
    let shape = cells.shape();
    match &block.data {
        BlockData::Bytes(bytes) => {
            Ok(Block::from_bytes(block.dtype, shape, part_bytes(block, bytes, cells)?))
        }
        BlockData::Text(texts) => {
            let picked = text_cells(&block.shape, &shape, cells).into_iter().map(|(_, from)| texts.get(from));
            let picked: Option<Vec<String>> = picked.map(Option::<&String>::cloned).collect();
            let picked =
                picked.ok_or_else(|| Error::new(Code::Bug, "texts in hand do not fit their array"))?;
            Ok(Block::from_text(shape, picked))
        }
    }
}

fn part_bytes(block: &Block, bytes: &[u8], cells: &Region) -> Result<Vec<u8>> {
    let size = block.dtype.size().unwrap_or(1);
    let mut part = vec![0; cells.cells() as usize * size];
    if !cut(&block.shape, cells).run(bytes, &mut part, size) {
        return Err(Error::new(Code::Bug, "values in hand do not fit their array"));
    }
    Ok(part)
}

/// The copy of `cells` of an array of `shape` to a buffer of their own.
fn cut(shape: &[u64], cells: &Region) -> Copy {
    let (from, to) = (strides(shape), strides(&cells.shape()));
    let start = cells.0.iter().zip(&from).map(|(r, s)| r.start as usize * s).sum();
    Copy::new(start, 0, dims(cells, &from, &to))
}

fn dims(cells: &Region, from: &[usize], to: &[usize]) -> Vec<Dim> {
    let dim = |((range, &source), &target): ((&std::ops::Range<u64>, &usize), &usize)| Dim {
        count: (range.end - range.start) as usize,
        source,
        target,
    };
    cells.0.iter().zip(from).zip(to).map(dim).collect()
}

/// Cells of a chunk and of the array, by flat index: (chunk, array).
fn text_cells(shape: &[u64], chunk: &[u64], cells: &Region) -> Vec<(usize, usize)> {
    let (array, within) = (
        ChunkGrid::new(shape.to_vec(), vec![1; shape.len()]),
        ChunkGrid::new(chunk.to_vec(), vec![1; chunk.len()]),
    );
    indices(cells)
        .map(|at| {
            let local: Vec<u64> = at.iter().zip(&cells.0).map(|(i, r)| i - r.start).collect();
            (within.flat(&local) as usize, array.flat(&at) as usize)
        })
        .collect()
}

/// Encodes a chunk, given as its cells inside the array, and hands it to `write`; `None` where they are nothing but what a
/// reader sees without it. What is in `cells` then is undefined: they may have been encoded in place.
fn pack<T>(
    format: TargetFormat,
    worker: &mut Worker,
    spec: &ArraySpec,
    index: &[u64],
    cells: &mut Vec<u8>,
    write: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    if absent_value(format, spec).is_some_and(|value| is_filled_with(cells, spec.dtype, value)) {
        return Ok(None);
    }
    let (swap, grid) = (spec.dtype.swap_size(), spec.chunks());
    let inside = grid.region(index);
    if cells.len() as u64 != inside.cells() * spec.dtype.size_estimate() {
        let (found, expected) = (cells.len(), inside.cells());
        return Err(Error::new(Code::Bug, format!("a chunk of {expected} cells has {found} bytes")));
    }
    pad(cells, &inside.shape(), &grid.chunk, spec.dtype, &spec.unwritten);
    let threads = worker.size();
    let Worker { scratch, encoded, .. } = worker;
    write(encode_over(&spec.encoding, swap, cells, encoded, scratch, threads)?).map(Some)
}

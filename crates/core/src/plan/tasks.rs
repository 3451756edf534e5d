//! Dividing the work: slabs of chunks that are filled at a time, so that a source chunk is decoded once, within the
//! memory that is allowed.

use super::source::mapped;
use super::{ArrayPlan, Budget, Mode};
use crate::combine::{Content, File};
use crate::error::{Code, Error, Result};
use crate::schema::Storage;

/// Sets every array's slab, and returns how many workers fit into memory.
pub(super) fn divide(arrays: &mut [ArrayPlan], files: &[File], budget: Budget) -> Result<usize> {
    let values: u64 = arrays.iter().map(held).sum();
    let free = budget.memory_bytes.saturating_sub(Budget::BASE_BYTES + values);
    let mut workers = budget.workers.max(1);
    // fewer workers where a slab that decodes every source chunk once would not fit otherwise
    loop {
        let share = free / workers as u64;
        for array in arrays.iter_mut() {
            shape_slab(array, files, share);
        }
        let worst = arrays.iter().max_by_key(|a| a.worker_bytes);
        match worst {
            Some(array) if array.worker_bytes > share && workers > 1 => workers = workers.div_ceil(2),
            Some(array) if array.worker_bytes > share => {
                return Err(Error::new(
                    Code::MemoryLimit,
                    format!(
                        "the plan needs {} MiB ({} MiB for one chunk of {:?} cells at a time), and {} MiB are allowed",
                        mib(array.worker_bytes + Budget::BASE_BYTES + values),
                        mib(array.worker_bytes),
                        array.spec.chunk,
                        mib(budget.memory_bytes)
                    ),
                )
                .in_variable(&array.spec.name)
                .help("choose smaller chunks (`--chunks`), or allow more memory (`--memory`)"));
            }
            _ => return Ok(workers),
        }
    }
}

/// Peak resident bytes.
pub(super) fn peak(arrays: &[ArrayPlan], workers: usize) -> u64 {
    let values: u64 = arrays.iter().map(held).sum();
    let worst = arrays.iter().map(|a| a.worker_bytes).max().unwrap_or(0);
    Budget::BASE_BYTES + values + worst * workers as u64
}

/// Bytes of values in hand.
fn held(array: &ArrayPlan) -> u64 {
    match &array.content {
        Content::Values(block) => block.len().saturating_mul(block.dtype.size_estimate()),
        Content::Pieces(_) => 0,
    }
}

/// The largest slab that decodes every source chunk once, cut until a worker's share suffices.
fn shape_slab(array: &mut ArrayPlan, files: &[File], share: u64) {
    let spec = &array.spec;
    let Content::Pieces(pieces) = &array.content else {
        array.slab.clone_from(&spec.chunk);
        array.worker_bytes = 2 * spec.chunk_bytes();
        return;
    };
    if array.mode == Mode::Copy {
        array.slab.clone_from(&spec.chunk);
        array.worker_bytes = 3 * spec.chunk_bytes();
        return;
    }
    let source: Vec<u64> = largest_chunk(spec.shape.len(), pieces, files);
    let ratio: Vec<u64> = source
        .iter()
        .zip(&spec.chunk)
        .zip(&spec.shape)
        .map(|((&s, &c), &n)| s.min(n.max(1)).div_ceil(c).max(1))
        .collect();
    let mut chunks = match &spec.shard {
        Some(shard) => streamed(&ratio, shard, &spec.chunk),
        None => ratio,
    };
    let scratch = source.iter().product::<u64>().saturating_mul(spec.dtype.size_estimate()).saturating_mul(2);
    let item = spec.dtype.size_estimate();
    let need = |chunks: &[u64]| -> u64 {
        // only cells inside the array are held; a chunk that reaches over its end is padded when it is encoded
        let lengths = chunks.iter().zip(&spec.chunk).zip(&spec.shape);
        let cells =
            lengths.fold(1_u64, |p, ((&k, &c), &n)| p.saturating_mul(k.saturating_mul(c).min(n.max(1))));
        let padded = if spec.chunk.iter().zip(&spec.shape).any(|(&c, &n)| n % c != 0) {
            spec.chunk_bytes()
        } else {
            0
        };
        // the slab, one encoded chunk, the source chunk as stored and decoded
        cells
            .saturating_mul(item)
            .saturating_add(spec.chunk_bytes())
            .saturating_add(padded)
            .saturating_add(scratch)
    };
    while need(&chunks) > share {
        // outermost first: within a shard, slabs must follow each other in C order
        let Some(widest) = chunks.iter_mut().find(|k| **k > 1) else { break };
        *widest = widest.div_ceil(2);
        if spec.shard.is_some() {
            *widest = 1;
        }
    }
    array.slab = chunks.iter().zip(&spec.chunk).map(|(k, c)| k * c).collect();
    array.worker_bytes = need(&chunks);
}

/// Within a shard inner chunks are written in C order: the first dimension that a source chunk spans is taken in
/// steps of what it spans, all dimensions behind it whole, those before it one chunk at a time.
fn streamed(ratio: &[u64], shard: &[u64], chunk: &[u64]) -> Vec<u64> {
    let first = ratio.iter().position(|&r| r > 1).unwrap_or(ratio.len());
    let whole = shard.iter().zip(chunk).map(|(s, c)| s / c);
    whole
        .enumerate()
        .zip(ratio)
        .map(|((d, whole), &r)| match d.cmp(&first) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => r.min(whole),
            std::cmp::Ordering::Greater => whole,
        })
        .collect()
}

/// The largest source chunk along every dimension, in the variable's dimensions.
fn largest_chunk(rank: usize, pieces: &crate::combine::Pieces, files: &[File]) -> Vec<u64> {
    let mut largest = vec![1; rank];
    for mapped in pieces.files.iter().flatten().filter_map(|piece| mapped(files, *piece)) {
        if let Storage::Chunks { chunk, .. } = &mapped.var.storage {
            for (slot, axis) in largest.iter_mut().zip(mapped.axes()) {
                *slot = (*slot).max(axis.and_then(|a| chunk.get(a).copied()).unwrap_or(1));
            }
        }
    }
    largest
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

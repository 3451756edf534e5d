//! Dividing the work: slabs of chunks that are filled at a time, so that a source chunk is decoded once, within the
//! memory that is allowed.

use super::{ArrayPlan, Budget, Mode, cells};
use crate::combine::{Along, Content, Pieces};
use crate::error::{Code, Error, Result};

/// Sets every array's slab, and returns how many workers fit into memory. `largest` has the largest source chunk of
/// every array whose values are in files, `scratch` what a cell needs while it is computed.
pub(super) fn divide(
    arrays: &mut [ArrayPlan],
    largest: &[Option<Vec<u64>>],
    scratch: &[u64],
    budget: Budget,
) -> Result<usize> {
    let values: u64 = arrays.iter().map(held).sum();
    let free = budget.memory_bytes.saturating_sub(Budget::BASE_BYTES.saturating_add(values));
    let mut best: Option<(f64, usize)> = None;
    let mut workers = budget.workers.max(1);
    // fewer workers where each then has the memory to decode source chunks less often
    loop {
        shape_slabs(arrays, largest, scratch, free / workers as u64);
        if arrays.iter().all(|a| a.worker_bytes <= free / workers as u64) {
            let cost = arrays.iter().map(cost).sum::<f64>() / workers as f64;
            if best.is_none_or(|(least, _)| cost < least * 0.99) {
                best = Some((cost, workers));
            }
        }
        if workers == 1 {
            break;
        }
        workers = workers.div_ceil(2);
    }
    if let Some((_, workers)) = best {
        shape_slabs(arrays, largest, scratch, free / workers as u64);
        return Ok(workers);
    }
    // shaped for one worker by now
    let Some(array) = arrays.iter().max_by_key(|a| a.worker_bytes) else { return Ok(1) };
    let needed = mib(array.worker_bytes.saturating_add(Budget::BASE_BYTES).saturating_add(values));
    Err(Error::new(
        Code::MemoryLimit,
        format!(
            "the plan needs {needed} MiB ({} MiB for one chunk of {:?} cells at a time), and {} MiB are allowed",
            mib(array.worker_bytes),
            array.spec.chunk,
            mib(budget.memory_bytes)
        ),
    )
    .in_variable(&array.spec.name)
    .help(format!("choose smaller chunks (`--chunks`), or allow as much memory: `--memory {needed}MiB` will do")))
}

fn shape_slabs(arrays: &mut [ArrayPlan], largest: &[Option<Vec<u64>>], scratch: &[u64], share: u64) {
    for ((array, largest), &scratch) in arrays.iter_mut().zip(largest).zip(scratch) {
        shape_slab(array, largest.as_deref(), scratch, share);
    }
}

/// Time that an array takes, roughly: bytes decoded and bytes encoded.
fn cost(array: &ArrayPlan) -> f64 {
    let bytes = cells(&array.spec.shape).saturating_mul(array.spec.dtype.size_estimate()) as f64;
    bytes * (1.0 + array.decodes)
}

/// Peak resident bytes.
pub(super) fn peak(arrays: &[ArrayPlan], workers: usize) -> u64 {
    let values: u64 = arrays.iter().map(held).sum();
    let worst = arrays.iter().map(|a| a.worker_bytes).max().unwrap_or(0);
    Budget::BASE_BYTES.saturating_add(values).saturating_add(worst.saturating_mul(workers as u64))
}

/// Bytes of values in hand.
fn held(array: &ArrayPlan) -> u64 {
    match &array.content {
        Content::Values(block) => block.len().saturating_mul(block.dtype.size_estimate()),
        Content::Pieces(_) => 0,
    }
}

/// The slab that decodes every source chunk once, cut until a worker's share suffices.
fn shape_slab(array: &mut ArrayPlan, largest: Option<&[u64]>, derived: u64, share: u64) {
    let spec = &array.spec;
    let chunk_bytes = cells(&spec.chunk).saturating_mul(spec.dtype.size_estimate());
    array.slab.clone_from(&spec.chunk);
    array.decodes = 1.0;
    let (Content::Pieces(pieces), Mode::Decode, Some(source)) = (&array.content, array.mode, largest) else {
        let buffers = if array.mode == Mode::Copy { 3 } else { 2 };
        array.worker_bytes = chunk_bytes.saturating_mul(buffers);
        return;
    };
    let item = spec.dtype.size_estimate();
    let scratch = cells(source).saturating_mul(item).saturating_mul(2);
    let need = |chunks: &[u64]| -> u64 {
        let filled = cells(chunks).saturating_mul(cells(&spec.chunk)).saturating_mul(item + derived);
        // the slab and what its cells are made of, one encoded chunk, the source chunk as stored and decoded
        filled.saturating_add(chunk_bytes).saturating_add(scratch)
    };
    let shaped = |ratio: Vec<u64>| match &spec.shard {
        Some(shard) => streamed(&ratio, shard, &spec.chunk),
        None => ratio,
    };
    // whole source chunks on both sides where that fits, else as many chunks as one source chunk spans
    let mut chunks = shaped(ratios(source, &spec.chunk, &spec.shape, common));
    if need(&chunks) > share {
        chunks = shaped(ratios(source, &spec.chunk, &spec.shape, u64::div_ceil));
    }
    while need(&chunks) > share {
        // outermost first: within a shard, slabs must follow each other in C order
        let Some(widest) = chunks.iter_mut().find(|k| **k > 1) else { break };
        *widest = widest.div_ceil(2);
    }
    array.worker_bytes = need(&chunks);
    array.slab = chunks.iter().zip(&spec.chunk).map(|(k, c)| k.saturating_mul(*c)).collect();
    let task = spec.shard.as_deref().unwrap_or(&array.slab);
    array.decodes = decodes(pieces, source, &spec.shape, task, &array.slab);
}

/// Chunks along every dimension that `count` gives for a source chunk's length and a chunk's; at most the array.
fn ratios(source: &[u64], chunk: &[u64], shape: &[u64], count: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    let one = |((&s, &c), &n): ((&u64, &u64), &u64)| {
        let (c, most) = (c.max(1), n.div_ceil(c.max(1)).max(1));
        count(s.clamp(1, n.max(1)), c).clamp(1, most)
    };
    source.iter().zip(chunk).zip(shape).map(one).collect()
}

/// Chunks until a chunk's end is a source chunk's end again.
fn common(source: u64, chunk: u64) -> u64 {
    let (mut a, mut b) = (source, chunk);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    source / a.max(1)
}

/// Within a shard inner chunks are written in C order: the first dimension that a source chunk spans is taken in
/// steps of what it spans, all dimensions behind it whole, those before it one chunk at a time.
fn streamed(ratio: &[u64], shard: &[u64], chunk: &[u64]) -> Vec<u64> {
    let first = ratio.iter().position(|&r| r > 1).unwrap_or(ratio.len());
    let whole = shard.iter().zip(chunk).map(|(s, c)| s / c.max(&1));
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

/// How many slabs share cells with a source chunk on average: the product over dimensions, because both are grids.
fn decodes(pieces: &Pieces, source: &[u64], shape: &[u64], task: &[u64], slab: &[u64]) -> f64 {
    let mut product = 1.0;
    for (dim, ((&n, &s), (&t, &k))) in shape.iter().zip(source).zip(task.iter().zip(slab)).enumerate() {
        let (s, t, k) = (s.max(1), t.max(1), k.max(1));
        if s == 1 {
            continue;
        }
        let number = |cell: u64| u128::from(cell / t) * u128::from(t.div_ceil(k)) + u128::from(cell % t / k);
        let whole = Along::of_one(dim, n);
        let along = pieces.along.iter().find(|a| a.dim == dim).unwrap_or(&whole);
        let (mut chunks, mut touched) = (0_u64, 0_u128);
        for segment in along.segments.iter().filter(|s| s.key.is_some()) {
            let (mut from, end) = (segment.start, segment.start + segment.count);
            // the first chunk of the file may be cut
            let mut room = if segment.reversed { s } else { s - segment.first % s };
            while from < end {
                let to = from.saturating_add(room).min(end);
                touched += number(to - 1) - number(from) + 1;
                chunks += 1;
                (from, room) = (to, s);
            }
        }
        if chunks > 0 {
            product *= touched as f64 / chunks as f64;
        }
    }
    product
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

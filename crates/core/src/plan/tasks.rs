//! Dividing the work: how many workers, and which way each array takes within a worker's share of the memory.

use super::source::Reading;
use super::ways::{self, Way};
use super::{ArrayPlan, Budget, Filling, Mode, memory};
use crate::chunk::ChunkGrid;
use crate::error::{Code, Error, Result};

/// How many threads work at what.
#[derive(Clone, Copy)]
pub(super) struct Threads {
    /// Slabs at a time.
    pub(super) workers: usize,
    /// Threads for each of them.
    pub(super) team: usize,
}

/// What a division costs, its threads, and the way of every array.
type Division = (f64, Threads, Vec<Way>);

/// Sets every array's way, and returns how many slabs fit into memory at a time, and how many threads each gets.
/// `readings`: how the values of every array are read that are in files; `base`: bytes without values in hand.
pub(super) fn divide(
    arrays: &mut [ArrayPlan],
    readings: &[Option<Reading>],
    budget: Budget,
    base: u64,
) -> Result<Threads> {
    let base = base.saturating_add(arrays.iter().map(held).sum());
    let free = budget.memory_bytes.saturating_sub(base);
    // what is fetched ahead takes no other way's place
    let kept = if any_remote(readings) { memory::kept_ahead(free) } else { 0 };
    let (mut best, mut least) = cheapest(arrays, readings, budget, free - kept);
    if best.is_none() && kept > 0 {
        (best, least) = cheapest(arrays, readings, budget, free);
    }
    let fits = best.is_some();
    let (_, threads, chosen) = best.unwrap_or((0.0, Threads { workers: 1, team: 1 }, least));
    for (array, way) in arrays.iter_mut().zip(chosen) {
        let Way { slab, scratch, worker_bytes, decodes, cost: _ } = way;
        (array.slab, array.scratch) = (slab, scratch);
        (array.worker_bytes, array.decodes) = (worker_bytes, decodes);
    }
    if fits { Ok(threads) } else { Err(too_large(arrays, readings, budget, base)) }
}

/// The best division of so many bytes, where one fits, with its cost and the way of every array; and the ways that need
/// least.
fn cheapest(
    arrays: &[ArrayPlan],
    readings: &[Option<Reading>],
    budget: Budget,
    free: u64,
) -> (Option<Division>, Vec<Way>) {
    let (mut best, mut least): (Option<Division>, _) = (None, Vec::new());
    // fewer and larger slabs where each then has the memory for a cheaper way
    for threads in divisions(budget.workers.max(1)) {
        let share = free / threads.workers as u64;
        let chosen = choose(arrays, readings, threads.team, share);
        if chosen.iter().all(|way| way.worker_bytes <= share) {
            let cost = time(arrays, &chosen, threads.workers as f64);
            if best.as_ref().is_none_or(|(least, _, _)| cost < least * 0.99) {
                best = Some((cost, threads, chosen.clone()));
            }
        }
        least = chosen;
    }
    (best, least)
}

/// What so many slabs at a time take: the share of each worker, and no less than the longest task.
fn time(arrays: &[ArrayPlan], ways: &[Way], workers: f64) -> f64 {
    let tasks = |(array, way): (&ArrayPlan, &Way)| {
        let task = array.spec.shard.as_ref().unwrap_or(&way.slab);
        way.cost / ChunkGrid::new(array.spec.shape.clone(), task.clone()).len().max(1) as f64
    };
    let longest = arrays.iter().zip(ways).map(tasks).fold(0.0, f64::max);
    (ways.iter().map(|way| way.cost).sum::<f64>() / workers).max(longest)
}

/// Whether any array is read from another machine.
pub(super) fn any_remote(readings: &[Option<Reading>]) -> bool {
    readings.iter().flatten().any(|reading| reading.remote)
}

/// Ways to divide threads: a slab for each, one for two, and so on to one for all; at last a single thread.
fn divisions(threads: usize) -> Vec<Threads> {
    let halves = std::iter::successors(Some(threads), |&workers| (workers > 1).then(|| workers.div_ceil(2)));
    let alone = (threads > 1).then_some(Threads { workers: 1, team: 1 });
    halves.map(|workers| Threads { workers, team: threads / workers }).chain(alone).collect()
}

fn choose(arrays: &[ArrayPlan], readings: &[Option<Reading>], team: usize, share: u64) -> Vec<Way> {
    let arrays = arrays.iter().zip(readings);
    arrays.map(|(array, reading)| ways::choose(array, reading.as_ref(), team as u64, share)).collect()
}

/// Peak resident bytes; `base` without values in hand.
pub(super) fn peak(arrays: &[ArrayPlan], workers: usize, base: u64) -> u64 {
    let values: u64 = arrays.iter().map(held).sum();
    let worst = arrays.iter().map(|a| a.worker_bytes).max().unwrap_or(0);
    base.saturating_add(values).saturating_add(worst.saturating_mul(workers as u64))
}

/// Bytes of values in hand, and of what is known of the array's objects.
fn held(array: &ArrayPlan) -> u64 {
    let values = match &array.content {
        Filling::Values(block) => block.held_bytes(),
        Filling::Pieces(_) | Filling::Coarser(_) => 0,
    };
    values.saturating_add(memory::receipts(&array.spec))
}

/// No way of some array fits, not even with one worker: which chunk is too large, and what would do.
fn too_large(arrays: &[ArrayPlan], readings: &[Option<Reading>], budget: Budget, base: u64) -> Error {
    let Some((array, reading)) = arrays.iter().zip(readings).max_by_key(|(array, _)| array.worker_bytes)
    else {
        return Error::new(Code::Bug, "a plan without arrays needs too much memory");
    };
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let needed = mib(array.worker_bytes.saturating_add(base));
    let spec = &array.spec;
    let source = reading.as_ref().map(|r| (&r.chunk, super::cells(&r.chunk)));
    let source = source.filter(|(_, cells)| array.mode == Mode::Decode && *cells > super::cells(&spec.chunk));
    let (whose, chunk) = match source {
        Some((chunk, _)) => (" of the files", chunk),
        None => ("", &spec.chunk),
    };
    let known = base.saturating_sub(Budget::BASE_BYTES);
    let crowded = known > budget.memory_bytes / 2;
    let known = if crowded {
        format!(", {} MiB for what is known of files, arrays and chunks", mib(known))
    } else {
        String::new()
    };
    let codec = if array.mode == Mode::Copy { 0 } else { memory::encoder(&spec.encoding) };
    let by_codec = codec > array.worker_bytes / 2;
    let of_codec =
        if by_codec { format!(", of them {} MiB for its codec", mib(codec)) } else { String::new() };
    let message = format!(
        "the plan needs {needed} MiB ({} MiB for one chunk of {chunk:?} cells{whose} at a time{of_codec}{known}), and {} MiB are \
         allowed",
        mib(array.worker_bytes),
        mib(budget.memory_bytes)
    );
    let help = match source {
        _ if crowded => {
            "bake fewer files at a time, choose larger chunks (`--chunks`), or allow as much memory"
        }
        _ if by_codec => "choose a lower level of the codec (`output.codecs`), or allow as much memory",
        Some(_) => "a chunk of the files can only be decoded whole: allow as much memory",
        None => "choose smaller chunks (`--chunks`), or allow as much memory",
    };
    Error::new(Code::MemoryLimit, message)
        .in_variable(&spec.name)
        .help(format!("{help}: `--memory {needed}MiB` will do"))
}

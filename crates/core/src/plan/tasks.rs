//! Dividing the work: how many workers, and which way each array takes within a worker's share of the memory.

use super::source::Reading;
use super::ways::{self, Way};
use super::{ArrayPlan, Budget, Mode};
use crate::combine::Content;
use crate::error::{Code, Error, Result};

/// Sets every array's way, and returns how many workers fit into memory. `readings`: how the values of every array are
/// read that are in files.
pub(super) fn divide(
    arrays: &mut [ArrayPlan],
    readings: &[Option<Reading>],
    budget: Budget,
) -> Result<usize> {
    let values: u64 = arrays.iter().map(held).sum();
    let free = budget.memory_bytes.saturating_sub(Budget::BASE_BYTES.saturating_add(values));
    let mut best: Option<(f64, usize, Vec<Way>)> = None;
    let mut workers = budget.workers.max(1);
    // fewer workers where each then has the memory for a cheaper way
    let least = loop {
        let share = free / workers as u64;
        let chosen = choose(arrays, readings, share);
        if chosen.iter().all(|way| way.worker_bytes <= share) {
            let cost = chosen.iter().map(|way| way.cost).sum::<f64>() / workers as f64;
            if best.as_ref().is_none_or(|(least, _, _)| cost < least * 0.99) {
                best = Some((cost, workers, chosen.clone()));
            }
        }
        if workers == 1 {
            break chosen;
        }
        workers = workers.div_ceil(2);
    };
    let fits = best.is_some();
    let (_, workers, chosen) = best.unwrap_or((0.0, 1, least));
    for (array, way) in arrays.iter_mut().zip(chosen) {
        let Way { slab, scratch, worker_bytes, decodes, cost: _ } = way;
        (array.slab, array.scratch) = (slab, scratch);
        (array.worker_bytes, array.decodes) = (worker_bytes, decodes);
    }
    if fits { Ok(workers) } else { Err(too_large(arrays, readings, budget, values)) }
}

fn choose(arrays: &[ArrayPlan], readings: &[Option<Reading>], share: u64) -> Vec<Way> {
    arrays.iter().zip(readings).map(|(array, reading)| ways::choose(array, reading.as_ref(), share)).collect()
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

/// No way of some array fits, not even with one worker: which chunk is too large, and what would do.
fn too_large(arrays: &[ArrayPlan], readings: &[Option<Reading>], budget: Budget, values: u64) -> Error {
    let Some((array, reading)) = arrays.iter().zip(readings).max_by_key(|(array, _)| array.worker_bytes)
    else {
        return Error::new(Code::Bug, "a plan without arrays needs too much memory");
    };
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let needed = mib(array.worker_bytes.saturating_add(Budget::BASE_BYTES).saturating_add(values));
    let spec = &array.spec;
    let source = reading.as_ref().map(|r| (&r.chunk, super::cells(&r.chunk)));
    let source = source.filter(|(_, cells)| array.mode == Mode::Decode && *cells > super::cells(&spec.chunk));
    let (whose, chunk) = match source {
        Some((chunk, _)) => (" of the files", chunk),
        None => ("", &spec.chunk),
    };
    let message = format!(
        "the plan needs {needed} MiB ({} MiB for one chunk of {chunk:?} cells{whose} at a time), and {} MiB are allowed",
        mib(array.worker_bytes),
        mib(budget.memory_bytes)
    );
    let help = match source {
        Some(_) => "a chunk of the files can only be decoded whole: allow as much memory",
        None => "choose smaller chunks (`--chunks`), or allow as much memory",
    };
    Error::new(Code::MemoryLimit, message)
        .in_variable(&spec.name)
        .help(format!("{help}: `--memory {needed}MiB` will do"))
}

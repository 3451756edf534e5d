//! How a bake will read its inputs of other machines: what it asks for in one go is decided here as while it runs.

use std::ops::Range;

use arcoforge_core::chunk::Region;
use arcoforge_core::combine::Pieces;
use arcoforge_core::plan::{BATCH_BYTES, Filling, Mode};
use arcoforge_store::{Access, requests};

use crate::gather::{Placement, placements, wants};
use crate::prepare::Prepared;
use crate::survey::Surveyed;

/// Shorter requests are not made smaller to have more of them.
const REQUEST_BYTES_MIN: u64 = 512 << 10;
/// Threads that fetch ahead.
const THREADS_MAX: usize = 32;
/// From here on a source chunk counts as read more than once.
const MORE_THAN_ONCE: f64 = 1.005;

/// Most bytes of one request, unless one chunk is longer: where so many threads fetch ahead, with so much memory for it, that
/// each may have two in hand; else as many as a task asks for in one go.
pub(crate) fn request_bytes(threads: usize, ahead_bytes: u64) -> u64 {
    if ahead_bytes == 0 {
        return BATCH_BYTES;
    }
    (ahead_bytes / (2 * threads.max(1) as u64)).clamp(REQUEST_BYTES_MIN, BATCH_BYTES)
}

/// What a bake reads of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) access: Access,
    /// Requests that are expected, beside those of the survey (which, where it is known, are those of opening the input): near chunks are one. More where they are not wanted at the
    /// same time, or memory for what is in hand runs out between them.
    pub(crate) requests: u64,
    /// Bytes of their answers.
    pub(crate) bytes: u64,
    /// Bytes of the input.
    pub(crate) size: u64,
}

/// What a bake from nothing reads of every input, in their order.
pub(crate) fn reads(prepared: &Prepared) -> Vec<Read> {
    let of = |surveyed: &Surveyed| {
        let (access, size) = (surveyed.object.access(), surveyed.object.validator().size);
        Read { access, requests: 0, bytes: 0, size }
    };
    let mut reads: Vec<Read> = prepared.surveyed.iter().map(of).collect();
    // references copy nothing
    let copies = !prepared.plan.dataset.format.is_references();
    if !copies || !reads.iter().any(Read::is_by_ranges) {
        return reads;
    }
    let most = request_bytes(prepared.fetching, prepared.plan.ahead_bytes);
    let mut once: Vec<Vec<Range<u64>>> = vec![Vec::new(); reads.len()];
    for array in prepared.plan.arrays.iter().filter(|array| array.mode != Mode::Values) {
        let Filling::Pieces(pieces) = &array.content else { continue };
        for (file, ranges) in ranges(prepared, pieces, &array.spec.shape) {
            // what is read again and again is asked for again and again
            if array.decodes > MORE_THAN_ONCE {
                add(prepared, (file, &ranges), (most, array.decodes), &mut reads);
            } else if let Some(all) = once.get_mut(file) {
                all.extend(ranges);
            }
        }
    }
    for (file, ranges) in once.iter().enumerate() {
        add(prepared, (file, ranges), (most, 1.0), &mut reads);
    }
    reads
}

/// The stored chunks that an array is made of, by the number of their file.
fn ranges(prepared: &Prepared, pieces: &Pieces, shape: &[u64]) -> Vec<(usize, Vec<Range<u64>>)> {
    let all: Vec<Placement> = placements(pieces, &Region::whole(shape));
    let of = |same: &[Placement]| {
        let piece = same.first()?.piece?;
        let ranges = wants(prepared, same).into_iter().flat_map(|want| want.ranges).collect();
        Some((piece.file as usize, ranges))
    };
    all.chunk_by(|a, b| a.piece == b.piece).filter_map(of).collect()
}

/// Adds what is asked for to have ranges of a file so many times.
fn add(
    prepared: &Prepared,
    (file, ranges): (usize, &[Range<u64>]),
    (most, often): (u64, f64),
    reads: &mut [Read],
) {
    let (Some(surveyed), Some(read)) = (prepared.surveyed.get(file), reads.get_mut(file)) else { return };
    let asked = requests(ranges, most).into_iter().map(|(range, _)| range);
    let asked: Vec<Range<u64>> = asked.filter(|range| !surveyed.object.is_at_hand(range)).collect();
    let bytes: u64 = asked.iter().map(|range| range.end - range.start).sum();
    read.requests += (asked.len() as f64 * often).ceil() as u64;
    read.bytes += (bytes as f64 * often) as u64;
}

impl Read {
    /// Whether ranges of it are asked for.
    pub(crate) const fn is_by_ranges(&self) -> bool {
        matches!(self.access, Access::Ranges | Access::Later)
    }
}

/// Threads that fetch ahead, with so many connections to a host.
pub(crate) fn threads(connections: u32) -> usize {
    (connections as usize).clamp(1, THREADS_MAX)
}

//! Bytes that codecs and readers need beside the cells that are put together.

use super::Filling;
use super::source::Reading;
use crate::codec::{Blosc, Codec, Encoding};
use crate::target::ArraySpec;

/// Cells that are stored as they are, are read in parts of at most this many bytes.
pub const PART_BYTES: u64 = 4 << 20;
/// Runs of such cells that lie so near to each other that one read takes what lies between them, too.
pub const NEAR_BYTES: u64 = 64 << 10;
/// Stored bytes of another machine that a thread fetches at a time where they are needed before they were asked for, and
/// most of a request ahead; unless one chunk is longer.
pub const BATCH_BYTES: u64 = 4 << 20;
/// Most stored bytes of other machines that are fetched ahead.
const AHEAD_BYTES_MAX: u64 = 64 << 20;
/// Of the memory at least so many bytes are left to fetching ahead, where the plan fits beside a quarter less.
const AHEAD_BYTES_KEPT: u64 = 32 << 20;
/// What the libraries hold for one thread, and its stack.
const CONTEXT_BYTES: u64 = 1 << 20;

/// Where a stored chunk of a file is.
const REFERENCE_BYTES: u64 = 8;

/// Where the stored chunks of an array's files are.
pub(super) fn references(spec: &ArraySpec, reading: Option<&Reading>) -> u64 {
    let chunks = |reading: &Reading| super::cells(&spec.shape) / super::cells(&reading.chunk).max(1);
    reading.map_or(0, chunks).saturating_mul(REFERENCE_BYTES)
}

/// A file's part of an array, and where the variable is among those of the file while files are combined.
const PIECE_BYTES: u64 = 32;

/// Which file holds what of an array.
pub(super) fn pieces(content: &Filling) -> u64 {
    match content {
        Filling::Pieces(pieces) => (pieces.files.len() as u64).saturating_mul(PIECE_BYTES),
        Filling::Values(_) | Filling::Coarser(_) => 0,
    }
}

/// What is known of every object by the receipts of this bake and of one before.
const RECEIPT_BYTES: u64 = 48;
/// The signature of a chunk that a bake before has made.
const SIGNATURE_BYTES: u64 = 16;
/// A chunk of the shard that is being written: its signature, where it lies, and where it lay in the shard before.
const INNER_BYTES: u64 = 48;

/// What is known of the objects of an array from its first task to its last.
pub(super) fn receipts(spec: &ArraySpec) -> u64 {
    let (objects, chunks) = (spec.objects().len(), spec.chunks().len());
    objects.saturating_mul(RECEIPT_BYTES).saturating_add(chunks.saturating_mul(SIGNATURE_BYTES))
}

/// What is known of the chunks of a shard while it is written.
pub(super) fn shard(spec: &ArraySpec) -> u64 {
    let inner = |shard: &Vec<u64>| shard.iter().zip(&spec.chunk).map(|(s, c)| s / c.max(&1)).product::<u64>();
    spec.shard.as_ref().map_or(0, inner).saturating_mul(INNER_BYTES)
}

/// Codecs of a chunk, as [`decoding`] counts them: a field of GRIB may be an image, which lies twice in memory beside
/// what is stored and what is decoded.
pub(super) fn rooms(codecs: &[Codec]) -> usize {
    codecs.iter().map(|codec| if matches!(codec, Codec::Grib(_)) { 3 } else { 1 }).sum()
}

/// While a source chunk of `chunk_bytes` is decoded that went through `codecs` codecs: as stored, between codecs, as
/// decoded. Without codecs only parts of it are read.
pub(super) fn decoding(codecs: usize, chunk_bytes: u64, remote: bool) -> u64 {
    let between = codecs.saturating_sub(1).min(2) as u64;
    let local = match codecs {
        0 if !remote => chunk_bytes.min(PART_BYTES).saturating_mul(2),
        _ => chunk_bytes.saturating_mul(2 + between),
    };
    // several chunks in one answer, and each by itself; a single one is what is counted as stored
    let fetched =
        if remote && chunk_bytes < BATCH_BYTES { (2 * BATCH_BYTES).saturating_sub(chunk_bytes) } else { 0 };
    local.saturating_add(fetched).saturating_add(CONTEXT_BYTES)
}

/// What of `free` bytes is better kept for fetching ahead.
pub(super) fn kept_ahead(free: u64) -> u64 {
    (free / 4).min(AHEAD_BYTES_KEPT)
}

/// What is fetched ahead where so much memory is left.
pub(super) fn ahead(left: u64) -> u64 {
    left.min(AHEAD_BYTES_MAX)
}

/// While a chunk of `chunk_bytes` is encoded: between codecs, and as stored. So many threads work at it where the codec
/// lets them.
pub(super) fn encoding(encoding: &Encoding, chunk_bytes: u64, threads: u64) -> u64 {
    let between = encoding.codecs.len().saturating_sub(1).min(2) as u64;
    let context = encoder(encoding);
    if encoding.is_over_cells(chunk_bytes) {
        return OVER_BYTES.saturating_add(context).saturating_mul(threads).saturating_add(chunk_bytes / 1024);
    }
    // what can't be compressed grows a little
    let encoded = chunk_bytes.saturating_add(chunk_bytes / 64);
    encoded.saturating_add(chunk_bytes.saturating_mul(between)).saturating_add(context)
}

/// Runs of blocks, encoded by a thread, before they go over the elements that they were made of.
const OVER_BYTES: u64 = 3 << 20;

/// What the codecs of a chunk hold, however small it is.
pub(super) fn encoder(encoding: &Encoding) -> u64 {
    encoding.codecs.iter().map(context).max().unwrap_or(0)
}

/// What an encoder holds.
fn context(codec: &Codec) -> u64 {
    match codec {
        // libzstd's estimate for each level, rounded up
        Codec::Zstd { level } => zstd(*level),
        Codec::Blosc(blosc) => blosc_context(blosc),
        Codec::Bzip2 { .. } => 8 << 20,
        _ => 1 << 20,
    }
}

/// Two blocks, and libzstd's estimate of its context for blocks of that length, rounded up; 4 MiB at least.
fn blosc_context(blosc: &Blosc) -> u64 {
    // what c-blosc takes where nothing is asked for
    let block = match (blosc.blocksize, blosc.clevel) {
        (0, ..=2) => 64 << 10,
        (0, 3) => 128 << 10,
        (0, 4..=5) => 256 << 10,
        (0, 6..=8) => 512 << 10,
        (0, _) => 1 << 20,
        (asked, _) => asked,
    };
    let most = match blosc.clevel {
        ..=1 => 600 << 10,
        2 => 1280 << 10,
        3 => 3584 << 10,
        4..=5 => 12800 << 10,
        _ => u64::MAX,
    };
    block.saturating_mul(2).saturating_add(block.saturating_mul(17).min(most)).max(4 << 20)
}

const fn zstd(level: i32) -> u64 {
    (match level {
        ..=3 => 4,
        4..=9 => 16,
        10..=15 => 48,
        16..=19 => 96,
        _ => 768,
    }) << 20
}

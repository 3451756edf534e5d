//! Chunk and shard shapes: as asked, as the sources have them, or of a good size.

use std::collections::{BTreeMap, BTreeSet};

use super::cells;
use super::source::Source;
use crate::combine::{CombinedVar, Content};
use crate::error::{Code, Error, Result};
use crate::recipe::{ChunkLength, Output};
use crate::schema::{Variable, base_name};
use crate::target::{ArraySpec, TargetCaps};

/// A chunk that nobody chose.
const CHUNK_BYTES: u64 = 16 << 20;
/// A shard that nobody chose.
const SHARD_BYTES: u64 = 128 << 20;
/// Source chunks below this are not kept: their index would weigh as much as they do.
const SOURCE_CHUNK_BYTES_MIN: u64 = 64 << 10;
/// Source chunks above this are not kept: readers would have to load too much.
const SOURCE_CHUNK_BYTES_MAX: u64 = 64 << 20;
/// The length of coordinates' chunks along a concat axis: fixed, so that an append changes no chunk shape.
const COORDINATE_CELLS: u64 = 65_536;

type Shapes = (Vec<u64>, Option<Vec<u64>>);

/// Where an array is `published` already, it keeps its lengths wherever nothing is asked for: an archive that grows makes
/// no other chunks.
pub(super) fn choose(
    variable: &CombinedVar,
    source: Option<&Source>,
    output: &Output,
    caps: &TargetCaps,
    concat: &BTreeSet<String>,
    published: Option<&ArraySpec>,
) -> Result<Shapes> {
    let var = &variable.var;
    let asked = lengths(var, &output.chunks);
    let nothing_asked = lengths(var, &output.shards).iter().chain(&asked).all(Option::is_none);
    if let Some(old) = published.filter(|_| nothing_asked) {
        return Ok((old.chunk.clone(), old.shard.clone()));
    }
    // coordinates and what is read as a whole anyway: few chunks, whatever is asked for the data
    let small = variable.coordinate || var.dims.len() < 2 || !asked.iter().any(Option::is_some);
    if small && matches!(variable.content, Content::Values(_)) {
        return Ok((coordinate(var, concat), None));
    }
    let kept = source.and_then(|s| s.chunk.as_ref().filter(|chunk| s.chunked && worth_keeping(var, chunk)));
    let (chunk, from_source) = match (asked.iter().any(Option::is_some), published, kept) {
        (true, Some(old), _) => {
            let chunk = explicit(var, &asked, "chunks", &old.chunk)?;
            (within(var, limited(chunk, &asked, old), concat), false)
        }
        (true, None, _) => (within(var, explicit(var, &asked, "chunks", &var.shape)?, concat), false),
        (false, Some(old), _) => (old.chunk.clone(), false),
        (false, None, Some(chunk)) => (chunk.clone(), true),
        (false, None, None) => (automatic(var, source, concat), false),
    };
    let asked_chunks = asked;
    let asked = lengths(var, &output.shards);
    let chunk = if from_source { chunk } else { fitted(chunk, &asked_chunks, &asked) };
    let shard = if asked.iter().any(Option::is_some) {
        let shard = explicit(var, &asked, "shards", &chunk)?;
        Some(multiple(var, &asked, &shard, &chunk, concat)?)
    } else if from_source && caps.shards {
        grown(var, &chunk, concat)
    } else {
        None
    };
    Ok((chunk, shard))
}

/// One chunk, but of a fixed length along concat dimensions: [`COORDINATE_CELLS`], or the power of two below it that
/// keeps the chunk within [`CHUNK_BYTES`]. It depends on nothing that an append changes.
fn coordinate(var: &Variable, concat: &BTreeSet<String>) -> Vec<u64> {
    let shape = |length: u64| -> Vec<u64> {
        let along = |(dim, &n): (&String, &u64)| if concat.contains(dim) { length } else { n.max(1) };
        var.dims.iter().zip(&var.shape).map(along).collect()
    };
    let mut length = COORDINATE_CELLS;
    while length > 1 && cells(&shape(length)).saturating_mul(var.dtype.size_estimate()) > CHUNK_BYTES {
        length /= 2;
    }
    shape(length)
}

/// A size in bytes allows what was published, too, where the array was too short for more.
fn limited(mut chunk: Vec<u64>, asked: &[Option<ChunkLength>], old: &ArraySpec) -> Vec<u64> {
    for ((length, asked), was) in chunk.iter_mut().zip(asked).zip(&old.chunk) {
        if matches!(asked, Some(ChunkLength::Bytes(_))) {
            *length = (*length).min(*was);
        }
    }
    chunk
}

/// A chunk longer than the array is only waste, but along a dimension that may grow.
fn within(var: &Variable, chunk: Vec<u64>, concat: &BTreeSet<String>) -> Vec<u64> {
    let cut = |((dim, &n), c): ((&String, &u64), u64)| if concat.contains(dim) { c } else { c.min(n.max(1)) };
    var.dims.iter().zip(&var.shape).zip(chunk).map(cut).collect()
}

/// Chunk lengths that nobody asked for, cut so that they divide the shard lengths that somebody did.
fn fitted(mut chunk: Vec<u64>, chunks: &[Option<ChunkLength>], shards: &[Option<ChunkLength>]) -> Vec<u64> {
    for ((length, asked), shard) in chunk.iter_mut().zip(chunks).zip(shards) {
        if let (None, Some(ChunkLength::Cells(shard))) = (asked, shard) {
            *length = (1..=(*length).min(*shard)).rev().find(|c| shard % c == 0).unwrap_or(1);
        }
    }
    chunk
}

/// What the recipe says along every dimension of the variable; full paths win over base names.
fn lengths(var: &Variable, asked: &BTreeMap<String, ChunkLength>) -> Vec<Option<ChunkLength>> {
    var.dims.iter().map(|dim| asked.get(dim).or_else(|| asked.get(base_name(dim))).copied()).collect()
}

fn worth_keeping(var: &Variable, chunk: &[u64]) -> bool {
    let bytes = cells(chunk).saturating_mul(var.dtype.size_estimate());
    (SOURCE_CHUNK_BYTES_MIN..=SOURCE_CHUNK_BYTES_MAX).contains(&bytes)
}

/// A shape as asked; dimensions that are not named get `rest`.
fn explicit(var: &Variable, asked: &[Option<ChunkLength>], key: &str, rest: &[u64]) -> Result<Vec<u64>> {
    let mut shape: Vec<u64> = Vec::new();
    let mut sized: Option<(usize, u64)> = None;
    for (at, ((length, &n), &rest)) in asked.iter().zip(&var.shape).zip(rest).enumerate() {
        shape.push(match length {
            Some(ChunkLength::Cells(0)) => {
                return Err(Error::new(Code::OutputInvalid, format!("`{key}` has a length of 0")));
            }
            Some(ChunkLength::Cells(cells)) => *cells,
            Some(ChunkLength::Whole) => n.max(1),
            Some(ChunkLength::Bytes(bytes)) => {
                if sized.replace((at, *bytes)).is_some() {
                    return Err(Error::new(
                        Code::OutputInvalid,
                        format!(
                            "`{key}` has a size in bytes along more than one dimension of `{}`",
                            var.name
                        ),
                    )
                    .help("give one dimension a size, the others lengths"));
                }
                1
            }
            None => rest.max(1),
        });
    }
    if let Some((at, bytes)) = sized {
        let one = cells(&shape).saturating_mul(var.dtype.size_estimate()).max(1);
        let most = var.shape.get(at).copied().unwrap_or(1).max(1);
        if let Some(length) = shape.get_mut(at) {
            *length = (bytes / one).clamp(1, most);
        }
    }
    Ok(shape)
}

/// About [`CHUNK_BYTES`]: whole in the dimensions inside a file where that fits, grown along the concat dimension. Cuts
/// fall between the sources' chunks where that costs less than half of the length.
fn automatic(var: &Variable, source: Option<&Source>, concat: &BTreeSet<String>) -> Vec<u64> {
    let item = var.dtype.size_estimate();
    let along: Vec<usize> =
        (0..var.dims.len()).filter(|&d| var.dims.get(d).is_some_and(|n| concat.contains(n))).collect();
    let mut chunk: Vec<u64> =
        var.shape.iter().enumerate().map(|(d, &n)| if along.contains(&d) { 1 } else { n.max(1) }).collect();
    let bytes = |chunk: &[u64]| cells(chunk).saturating_mul(item);
    while bytes(&chunk) > CHUNK_BYTES {
        // halve the longest
        let Some(longest) = chunk.iter_mut().max_by_key(|n| **n).filter(|n| **n > 1) else { break };
        *longest = longest.div_ceil(2);
    }
    let aligned = |dim: usize, length: u64| -> u64 {
        let whole = var.shape.get(dim).is_some_and(|&n| length >= n);
        let unit = source.and_then(|s| s.chunk_max.get(dim)).copied().unwrap_or(1).max(1);
        if whole || length < unit { length } else { length - length % unit }
    };
    for (dim, length) in chunk.iter_mut().enumerate() {
        *length = aligned(dim, *length);
    }
    for &dim in along.iter().rev() {
        let room = CHUNK_BYTES / bytes(&chunk).max(1);
        let most = var.shape.get(dim).copied().unwrap_or(1).max(1);
        if let Some(length) = chunk.get_mut(dim) {
            *length = aligned(dim, room.clamp(1, most));
        }
    }
    chunk
}

/// A shard of about [`SHARD_BYTES`] of source chunks; `None` where one chunk is one shard anyway.
fn grown(var: &Variable, chunk: &[u64], concat: &BTreeSet<String>) -> Option<Vec<u64>> {
    let mut shard = chunk.to_vec();
    let is_concat = |d: &usize| var.dims.get(*d).is_some_and(|n| concat.contains(n));
    let inner = (0..shard.len()).rev().filter(|d| !is_concat(d));
    let outer = (0..shard.len()).rev().filter(is_concat);
    for dim in inner.chain(outer).collect::<Vec<_>>() {
        let bytes = cells(&shard).saturating_mul(var.dtype.size_estimate());
        let room = (SHARD_BYTES / bytes.max(1)).max(1);
        let length = *chunk.get(dim)?;
        let chunks = var.shape.get(dim)?.div_ceil(length).max(1);
        // along a concat axis the shard's length is fixed, whatever the archive's length is today
        let most = if is_concat(&dim) { room } else { room.min(chunks) };
        *shard.get_mut(dim)? = length.saturating_mul(most);
    }
    (shard != chunk).then_some(shard)
}

/// A shard must hold whole chunks: numbers of cells as they are asked, `whole` rounded up, sizes in bytes down. None is
/// longer than its array, but along a dimension that may grow.
fn multiple(
    var: &Variable,
    asked: &[Option<ChunkLength>],
    shard: &[u64],
    chunk: &[u64],
    concat: &BTreeSet<String>,
) -> Result<Vec<u64>> {
    let mut rounded = Vec::new();
    let dims = var.dims.iter().zip(&var.shape).zip(asked);
    for (((dim, &n), asked), (&s, &c)) in dims.zip(shard.iter().zip(chunk)) {
        let up = |cells: u64| cells.div_ceil(c).max(1).saturating_mul(c);
        let length = match asked {
            Some(ChunkLength::Whole) => up(s),
            Some(ChunkLength::Bytes(_)) => (s / c).max(1).saturating_mul(c),
            _ if s % c == 0 => s,
            _ if s >= n && !concat.contains(dim) => up(n),
            _ => {
                return Err(Error::new(
                    Code::OutputInvalid,
                    format!(
                        "a shard of {s} along `{dim}` does not hold whole chunks of {c} in `{}`",
                        var.name
                    ),
                )
                .help(format!("take a multiple of {c}, such as {}", up(s))));
            }
        };
        rounded.push(if concat.contains(dim) { length } else { length.min(up(n)) });
    }
    Ok(rounded)
}

//! Which arrays can be said by references to the chunks of the files, in which chunks, and why others can't.
//!
//! A reference is a range of a file whose bytes decode to one whole chunk. So all files must have stored the array alike:
//! the same chunks, codecs and byte order, values as the dataset has them, and files that end where chunks do. What is
//! stored without chunks (contiguous arrays, NetCDF classic) may be cut anywhere, as long as a chunk's cells lie together.

use std::sync::Arc;

use super::source::{Source, describe, mapped};
use super::{ArrayPlan, Mode, cells, encoding};
use crate::codec::{Codec, Encoding};
use crate::combine::{Along, Combined, CombinedVar, Content, File, Piece, Pieces};
use crate::derived::{Derived, Rule};
use crate::dtype::DataType;
use crate::error::{Code, Error, Result};
use crate::recipe::{Codecs, Output};
use crate::schema::{Storage, Variable, base_name};
use crate::steps::{Mapped, Origin};
use crate::target::{ArraySpec, TargetCaps};

/// Chunks of what is stored without any are cut to this size.
const CHUNK_BYTES: u64 = 16 << 20;

/// Why an array can't be referenced, and what to change.
struct Obstacle(String, &'static str);

const BAKE: &str = "bake to `zarr3`, which holds chunks of its own";
const AS_STORED: &str =
    "leave out the step or policy, so that values stay as they are stored; or bake to `zarr3`";

/// Chunks, shards and codecs can't be asked for: they are those of the files.
pub(super) fn check_output(output: &Output) -> Result<()> {
    let key = match output {
        Output { chunks, .. } if !chunks.is_empty() => "chunks",
        Output { shards, .. } if !shards.is_empty() => "shards",
        Output { codecs: Codecs::Chain(_), .. } => "codecs",
        _ => return Ok(()),
    };
    let message =
        format!("found `{key}` for a target of references, whose chunks stay as the files store them");
    Err(Error::new(Code::OutputInvalid, message).help(format!("leave out `{key}`, or bake to `zarr3`")))
}

/// Values in hand up to this size are written into a target of references.
pub const IN_HAND_BYTES: u64 = 64 << 10;

/// Where larger values in hand are those of one file as it stores them, that file is what a target of references names.
pub fn leave_in_files(combined: &mut Combined, files: &[File], caps: &TargetCaps) {
    for variable in &mut combined.variables {
        let Content::Values(block) = &variable.content else { continue };
        if variable.var.bytes() <= IN_HAND_BYTES {
            continue;
        }
        let name = &variable.var.name;
        let same = |file: &File| {
            let held = file.values.get(name).and_then(|values| values.block.as_ref());
            let same = held.is_some_and(|held| Arc::ptr_eq(held, block));
            same.then(|| file.view.variables.iter().position(|mapped| mapped.var.name == *name)).flatten()
        };
        let Some((file, at)) = files.iter().enumerate().find_map(|(n, file)| Some((n, same(file)?))) else {
            continue;
        };
        let piece = Piece { file: file as u32, variable: at as u32 };
        let pieces = Pieces { along: Vec::new(), files: vec![Some(piece)] };
        let content = Content::Pieces(pieces.clone());
        let moved = CombinedVar { content, ..variable.clone() };
        let source = describe(&moved, files);
        if stored(&moved.var, source.as_ref(), &pieces, files, caps).is_ok() {
            *variable = moved;
        }
    }
}

/// The plan of one array. [`Mode::Copy`]: its chunks are the files'. [`Mode::Decode`]: they can't be, and the reason.
pub(super) fn array(
    variable: CombinedVar,
    source: Option<&Source>,
    files: &[File],
    output: &Output,
    caps: &TargetCaps,
) -> Result<ArrayPlan> {
    let found = match &variable.content {
        Content::Values(_) => None,
        Content::Pieces(pieces) => Some(stored(&variable.var, source, pieces, files, caps)),
    };
    let CombinedVar { var, unwritten, content, .. } = variable;
    let whole: Vec<u64> = var.shape.iter().map(|&n| n.max(1)).collect();
    let (chunk, encoding, mode, obstacle) = match found {
        Some(Ok((chunk, encoding))) => (chunk, encoding, Mode::Copy, None),
        other => {
            let obstacle = other.and_then(Result::err);
            let mode = if obstacle.is_some() { Mode::Decode } else { Mode::Values };
            let own = encoding::choose(&var, None, &whole, &content, output, caps)?.encoding;
            (whole, own, mode, obstacle)
        }
    };
    let Obstacle(reason, remedy) = obstacle.unwrap_or(Obstacle(String::new(), ""));
    let spec = ArraySpec {
        name: var.name.clone(),
        dims: var.dims.iter().map(|dim| base_name(dim).to_owned()).collect(),
        shape: var.shape.clone(),
        dtype: var.dtype,
        attrs: var.attrs.clone(),
        fill: var.fill.clone(),
        unwritten,
        chunk,
        shard: None,
        encoding,
    };
    let chosen = encoding::Chosen { encoding: spec.encoding.clone(), mode, reason };
    Ok(ArrayPlan { remedy, ..ArrayPlan::new(spec, content, chosen, None) })
}

/// Chunk and encoding that all files have.
fn stored(
    var: &Variable,
    source: Option<&Source>,
    pieces: &Pieces,
    files: &[File],
    caps: &TargetCaps,
) -> Result<(Vec<u64>, Encoding), Obstacle> {
    let all = || pieces.files.iter().flatten().filter_map(|piece| mapped(files, *piece));
    if let Some(obstacle) = distinct(all()).find_map(unreferable) {
        return Err(obstacle);
    }
    let Some(source) = source else { return Err(Obstacle("no file holds any of it".into(), BAKE)) };
    if !source.in_order || !source.exact {
        let reason = if source.in_order {
            "chunks of the files reach over a dimension that a step removed"
        } else {
            "the order of its dimensions is not the files'"
        };
        return Err(Obstacle(
            reason.into(),
            "leave the dimensions as the files have them, or bake to `zarr3`",
        ));
    }
    let mut contiguous = distinct(all()).map(is_contiguous);
    let first = contiguous.next().unwrap_or(false);
    if contiguous.any(|other| other != first) {
        let reason = "some files store it in chunks, others as one piece";
        return Err(Obstacle(reason.into(), BAKE));
    }
    let (chunk, encoding) = if first { cut(var, pieces, files)? } else { chunked(var, source, pieces)? };
    if !caps.names(&encoding.codecs, true) {
        let names: Vec<&str> =
            encoding.codecs.iter().map(name).filter(|name| !caps.codecs.contains(name)).collect();
        let reason =
            format!("readers of references have no codec {} (found {})", names.join(", "), chain(&encoding));
        return Err(Obstacle(reason, BAKE));
    }
    Ok((chunk, encoding))
}

fn name(codec: &Codec) -> &str {
    match codec {
        Codec::Unknown { name, .. } if !name.is_empty() => name,
        other => other.name(),
    }
}

fn chain(encoding: &Encoding) -> String {
    encoding.codecs.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Each schema once, where neighbours share it.
fn distinct<'a>(all: impl Iterator<Item = &'a Mapped>) -> impl Iterator<Item = &'a Mapped> {
    let mut last: Option<&Arc<Variable>> = None;
    all.filter(move |mapped| !last.replace(&mapped.var).is_some_and(|last| Arc::ptr_eq(last, &mapped.var)))
}

fn is_contiguous(mapped: &Mapped) -> bool {
    matches!(mapped.var.storage, Storage::Chunks { chunked: false, .. })
}

/// What keeps one file's array from being referenced.
fn unreferable(mapped: &Mapped) -> Option<Obstacle> {
    match &mapped.origin {
        Origin::Derived(derived) => Some(changed(derived)),
        Origin::Constant(_) | Origin::Held => {
            Some(Obstacle("a step gives its values, and no file has them".into(), BAKE))
        }
        Origin::Source { .. } if mapped.var.dtype == DataType::Text => {
            Some(Obstacle("it is text, which files store in forms of their own".into(), BAKE))
        }
        Origin::Source { .. } if mapped.var.storage == Storage::Whole => {
            Some(Obstacle("only a reader of the files' own format can decode it".into(), BAKE))
        }
        Origin::Source { .. } => None,
    }
}

fn changed(derived: &Derived) -> Obstacle {
    // what it was made of may have been changed before
    let inner = derived.inputs.iter().find_map(|input| match &input.origin {
        Origin::Derived(inner) if !matches!(inner.rule, Rule::Axes(_)) => Some(changed(inner)),
        _ => None,
    });
    if let (Rule::Axes(_), Some(inner)) = (&derived.rule, inner) {
        return inner;
    }
    let reason = match &derived.rule {
        Rule::Axes(_) => "a step changes the order of its dimensions",
        Rule::Pick { .. } => "a step or policy takes some of its cells, or in another order, within files",
        Rule::Map(_) => {
            "a step or policy changes its values (type, packing, units, masks, direction or other numbers)"
        }
        Rule::Filled(_) => "some files do not have it, and a policy fills their place",
        Rule::Formula { .. } => "a step computes it",
        Rule::Flagged { .. } => "a step masks some of its cells",
    };
    Obstacle(reason.to_owned(), AS_STORED)
}

/// Arrays that files store in chunks.
fn chunked(var: &Variable, source: &Source, pieces: &Pieces) -> Result<(Vec<u64>, Encoding), Obstacle> {
    let alike = "bake to `zarr3`; or make one recipe for the files of each kind";
    let Some(chunk) = &source.chunk else {
        return Err(Obstacle("files differ in the shape of chunks".into(), alike));
    };
    let Some(encoding) = &source.encoding else {
        return Err(Obstacle("files differ in codecs or byte order".into(), alike));
    };
    for along in &pieces.along {
        let length = chunk.get(along.dim).copied().unwrap_or(1).max(1);
        let dim = var.dims.get(along.dim).map_or("?", |dim| base_name(dim));
        if let Some(reason) = misaligned(along, length, dim) {
            return Err(Obstacle(reason, BAKE));
        }
    }
    Ok((chunk.clone(), encoding.clone()))
}

/// The first segment that does not begin where a chunk does, in the dataset and in its file.
fn misaligned(along: &Along, length: u64, dim: &str) -> Option<String> {
    if along.segments.iter().any(|s| s.reversed && s.count > 1) {
        return Some(format!("cells along `{dim}` are taken in the reverse of the files' order"));
    }
    let odd = along.segments.iter().find(|s| s.start % length != 0 || s.first % length != 0)?;
    Some(format!(
        "chunks hold {length} cells along `{dim}`, and cell {} of a file comes at {} of the dataset: no chunk of the dataset \
         begins there",
        odd.first, odd.start
    ))
}

/// Arrays that files store as one piece: the largest chunk whose cells lie together in every file.
fn cut(var: &Variable, pieces: &Pieces, files: &[File]) -> Result<(Vec<u64>, Encoding), Obstacle> {
    let mut common: Vec<u64> = vec![0; var.shape.len()];
    let mut endian = None;
    // dimensions of which only one cell at a time lies together with the others
    let mut single = 0;
    for mapped in distinct(pieces.files.iter().flatten().filter_map(|piece| mapped(files, *piece))) {
        let Storage::Chunks { chunk, encoding, .. } = &mapped.var.storage else { continue };
        if endian.replace(encoding.endian).is_some_and(|endian| endian != encoding.endian) {
            return Err(Obstacle("files differ in byte order".into(), BAKE));
        }
        let records = encoding.codecs.iter().any(|codec| matches!(codec, Codec::Records { .. }));
        let others = encoding.codecs.iter().any(|codec| !matches!(codec, Codec::Records { .. }));
        if others {
            return Err(Obstacle(format!("a codec ({}) without chunks", chain(encoding)), BAKE));
        }
        for (dim, (slot, &n)) in common.iter_mut().zip(&mapped.var.shape).enumerate() {
            let along = pieces.along.iter().find(|along| along.dim == dim);
            *slot = along.map_or_else(|| gcd(*slot, n), |along| step(*slot, along));
            if *slot != n {
                single = single.max(dim);
            }
        }
        let outermost = mapped.axes().iter().position(|axis| *axis == Some(0));
        if let Some(dim) = outermost.filter(|_| records || chunk.first() == Some(&1))
            && let Some(slot) = common.get_mut(dim)
        {
            *slot = 1;
        }
    }
    if pieces.along.iter().any(|along| along.segments.iter().any(|s| s.reversed && s.count > 1)) {
        return Err(Obstacle("cells are taken in the reverse of the files' order".into(), BAKE));
    }
    for slot in common.iter_mut().take(single) {
        *slot = 1;
    }
    let encoding = Encoding { endian: endian.unwrap_or(Encoding::raw().endian), codecs: Vec::new() };
    Ok((sized(common, var.dtype.size_estimate()), encoding))
}

/// A length that divides `of`, and every place where a segment begins and ends.
fn step(of: u64, along: &Along) -> u64 {
    let there = along.segments.iter();
    there.fold(of, |of, s| {
        let first = if s.key.is_some() { s.first } else { 0 };
        gcd(gcd(gcd(of, s.start), s.count), first)
    })
}

/// Cut to [`CHUNK_BYTES`], the outermost dimension first, into parts of equal length.
fn sized(mut chunk: Vec<u64>, item: u64) -> Vec<u64> {
    chunk.iter_mut().for_each(|n| *n = (*n).max(1));
    for dim in 0..chunk.len() {
        let bytes = cells(&chunk).saturating_mul(item);
        if bytes <= CHUNK_BYTES {
            break;
        }
        if let Some(length) = chunk.get_mut(dim) {
            let most = (CHUNK_BYTES / (bytes / *length).max(1)).clamp(1, *length);
            *length = divisor(*length, most);
        }
    }
    chunk
}

/// The largest divisor of `n` that is no more than `most`.
fn divisor(n: u64, most: u64) -> u64 {
    let pairs = (1..=n.isqrt()).filter(|d| n.is_multiple_of(*d)).flat_map(|d| [d, n / d]);
    pairs.filter(|d| *d <= most).max().unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_into_equal_parts() {
        // the length that may be cut, bytes of an element, what comes of it
        let rows: [(&[u64], u64, &[u64]); 6] = [
            (&[10, 20], 4, &[10, 20]),
            (&[100, 720, 1440], 4, &[4, 720, 1440]),
            (&[97, 720, 1440], 4, &[1, 720, 1440]),
            (&[3, 20_000, 20_000], 4, &[1, 200, 20_000]),
            (&[], 8, &[]),
            (&[0, 5], 8, &[1, 5]),
        ];
        for (lengths, item, expected) in rows {
            assert_eq!(sized(lengths.to_vec(), item), expected, "{lengths:?}");
        }
    }
}

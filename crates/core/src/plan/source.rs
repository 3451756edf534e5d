//! How the files store one variable, seen in the dataset's dimensions.

use std::sync::Arc;

use super::memory;
use crate::codec::Encoding;
use crate::combine::{CombinedVar, Content, File, Piece, Pieces};
use crate::derived::{Derived, Rule};
use crate::dtype::Scalar;
use crate::schema::{Storage, Variable};
use crate::steps::{Mapped, Origin};

/// How all files store a variable.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The chunk shape in the variable's dimensions, where it is one in all files.
    pub(super) chunk: Option<Vec<u64>>,
    /// The largest chunk along every dimension.
    pub(super) chunk_max: Vec<u64>,
    /// The encoding, where it is one in all files.
    pub(super) encoding: Option<Encoding>,
    /// The value of unwritten cells, where it is one in all files.
    pub(super) unwritten: Option<Scalar>,
    /// Whether the files really are chunked (not contiguous).
    pub(super) chunked: bool,
    /// Whether the dimensions are in the files' order, and a stored chunk has no cells beyond those of the variable's
    /// dimensions (a squeezed dimension may be chunked longer than it is).
    pub(super) in_order: bool,
    /// Whether every file's chunks begin where the dataset's would.
    pub(super) aligned: bool,
    /// Whether chunks hold nothing besides the variable's cells: dimensions that a step removed have chunks of one.
    pub(super) exact: bool,
    /// The most codecs that a chunk went through, as [`memory::rooms`] counts them; those of a derived variable's arrays count, although it has no encoding.
    pub(super) codecs: usize,
}

/// How the values of an array are read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The largest source chunk.
    pub(super) chunk: Vec<u64>,
    /// The most codecs that it went through.
    pub(super) codecs: usize,
    /// Whether cells are stored as they are, in the order of the array: parts of chunks can be read.
    pub(super) raw: bool,
    /// Bytes that a cell needs while it is computed.
    pub(super) derived: u64,
    /// Whether files are on another machine.
    pub(super) remote: bool,
}

pub(super) fn reading(source: &Source, variable: &CombinedVar, files: &[File]) -> Reading {
    let urls = match &variable.content {
        Content::Pieces(pieces) => pieces.files.as_slice(),
        Content::Values(_) => &[],
    };
    let urls = urls.iter().flatten().filter_map(|piece| files.get(piece.file as usize));
    Reading {
        chunk: source.chunk_max.clone(),
        codecs: source.codecs,
        raw: source.codecs == 0 && source.in_order,
        derived: scratch_bytes(variable, files),
        remote: urls.map(|file| &file.url).any(|url| url.contains("://") && !url.starts_with("file:")),
    }
}

/// `None` for values in hand.
pub(super) fn describe(variable: &CombinedVar, files: &[File]) -> Option<Source> {
    let Content::Pieces(pieces) = &variable.content else { return None };
    let mut found: Option<Source> = None;
    let mut last: Option<Arc<Variable>> = None;
    let mut readable_only = false;
    for mapped in pieces.files.iter().flatten().filter_map(|piece| mapped(files, *piece)) {
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &mapped.var)) {
            continue;
        }
        last = Some(Arc::clone(&mapped.var));
        let Some(one) = of_file(mapped) else {
            readable_only = true;
            continue;
        };
        found = Some(match found {
            None => one,
            Some(all) => merge(all, one),
        });
    }
    let mut source = found?;
    if readable_only {
        // what only a format's reader decodes has no codecs of its own
        source.encoding = None;
    }
    source.aligned = source.chunk.as_ref().is_some_and(|chunk| aligned(pieces, chunk));
    Some(source)
}

/// Bytes that one cell needs while it is computed, of the file that needs most.
fn scratch_bytes(variable: &CombinedVar, files: &[File]) -> u64 {
    let Content::Pieces(pieces) = &variable.content else { return 0 };
    let needs = pieces.files.iter().flatten().filter_map(|p| mapped(files, *p)).map(Mapped::scratch_bytes);
    let moved = pieces
        .along
        .iter()
        .any(|a| a.segments.len() > a.keys as usize || a.segments.iter().any(|s| s.reversed));
    // cells that are taken in another order are put together first
    let most = needs.max().unwrap_or(0);
    if moved { most.max(variable.var.dtype.size_estimate()).saturating_mul(2) } else { most }
}

/// The variable of a piece.
pub(super) fn mapped(files: &[File], piece: Piece) -> Option<&Mapped> {
    files.get(piece.file as usize)?.view.variables.get(piece.variable as usize)
}

fn of_file(mapped: &Mapped) -> Option<Source> {
    match &mapped.origin {
        Origin::Derived(derived) => of_derived(mapped, derived),
        Origin::Source { .. } | Origin::Constant(_) | Origin::Held => of_plain(mapped),
    }
}

/// The chunks that a derived variable is best read by; they are never copied.
fn of_derived(mapped: &Mapped, derived: &Derived) -> Option<Source> {
    let sources = derived.inputs.iter().filter_map(of_file);
    let largest = sources.max_by_key(|source| super::cells(&source.chunk_max))?;
    let source = Source { encoding: None, unwritten: None, ..largest };
    let rank = mapped.var.dims.len();
    Some(match &derived.rule {
        Rule::Axes(axes) => {
            let moved = |chunk: &Vec<u64>| -> Vec<u64> {
                axes.iter().map(|a| a.and_then(|a| chunk.get(a).copied()).unwrap_or(1)).collect()
            };
            let (chunk, chunk_max) = (source.chunk.as_ref().map(moved), moved(&source.chunk_max));
            Source { chunk, chunk_max, ..source }
        }
        Rule::Pick { .. } => Source { chunk: None, ..source },
        _ if source.chunk_max.len() != rank => {
            let chunk_max = mapped.var.shape.iter().map(|&n| n.max(1)).collect();
            Source { chunk: None, chunk_max, ..source }
        }
        _ => source,
    })
}

fn of_plain(mapped: &Mapped) -> Option<Source> {
    let Storage::Chunks { chunk, encoding, unwritten, chunked } = &mapped.var.storage else { return None };
    let axes = mapped.axes();
    let kept: Vec<usize> = axes.iter().flatten().copied().collect();
    let squeezed = (0..chunk.len()).filter(|d| !kept.contains(d)).all(|d| chunk.get(d) == Some(&1));
    let exact = chunk.iter().enumerate().all(|(dim, &length)| length == 1 || kept.contains(&dim));
    let chunk: Vec<u64> = axes.iter().map(|a| a.and_then(|a| chunk.get(a).copied()).unwrap_or(1)).collect();
    Some(Source {
        chunk_max: chunk.clone(),
        chunk: Some(chunk),
        encoding: Some(encoding.clone()),
        unwritten: Some(unwritten.clone()),
        chunked: *chunked,
        in_order: squeezed && kept.windows(2).all(|w| matches!(w, [a, b] if a < b)),
        aligned: false,
        exact,
        codecs: memory::rooms(&encoding.codecs),
    })
}

fn merge(all: Source, one: Source) -> Source {
    let same = |a: Option<Scalar>, b: Option<Scalar>| a.filter(|a| b.as_ref().is_some_and(|b| a.same(b)));
    Source {
        chunk_max: all.chunk_max.iter().zip(&one.chunk_max).map(|(a, b)| *a.max(b)).collect(),
        chunk: all.chunk.filter(|c| Some(c) == one.chunk.as_ref()),
        encoding: all.encoding.filter(|e| Some(e) == one.encoding.as_ref()),
        unwritten: same(all.unwritten, one.unwritten),
        chunked: all.chunked && one.chunked,
        in_order: all.in_order && one.in_order,
        aligned: false,
        exact: all.exact && one.exact,
        codecs: all.codecs.max(one.codecs),
    }
}

/// Every segment begins where a chunk does, in the dataset and in its file, and so does the next one.
fn aligned(pieces: &Pieces, chunk: &[u64]) -> bool {
    pieces.along.iter().all(|along| {
        let length = chunk.get(along.dim).copied().unwrap_or(1).max(1);
        along.segments.iter().all(|s| s.start % length == 0 && s.first % length == 0 && !s.reversed)
    })
}

//! How the files store one variable, seen in the dataset's dimensions.

use std::sync::Arc;

use crate::codec::Encoding;
use crate::combine::{CombinedVar, Content, File, Piece, Pieces};
use crate::dtype::Scalar;
use crate::schema::{Storage, Variable};
use crate::steps::Mapped;

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

/// The variable of a piece.
pub(super) fn mapped(files: &[File], piece: Piece) -> Option<&Mapped> {
    files.get(piece.file as usize)?.view.variables.get(piece.variable as usize)
}

fn of_file(mapped: &Mapped) -> Option<Source> {
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
    }
}

/// Every file but the last must end where a chunk does.
fn aligned(pieces: &Pieces, chunk: &[u64]) -> bool {
    pieces.along.iter().all(|along| {
        let length = chunk.get(along.dim).copied().unwrap_or(1);
        let inner = along.offsets.len().saturating_sub(1);
        along.offsets.iter().take(inner).all(|start| start % length == 0)
    })
}

//! How chunks are stored: copied as they are where the target names their codecs, else encoded.

use super::source::Source;
use super::{Mode, cells};
use crate::codec::{Codec, Encoding, default_encoding};
use crate::combine::Content;
use crate::dtype::DataType;
use crate::error::{Code, Error, Result};
use crate::recipe::{Codecs, Output};
use crate::schema::Variable;
use crate::target::TargetCaps;

/// What was chosen, and why chunks are not copied.
pub(super) struct Chosen {
    pub(super) encoding: Encoding,
    pub(super) mode: Mode,
    pub(super) reason: String,
}

pub(super) fn choose(
    var: &Variable,
    source: Option<&Source>,
    chunk: &[u64],
    content: &Content,
    output: &Output,
    caps: &TargetCaps,
) -> Result<Chosen> {
    if let Codecs::Chain(codecs) = &output.codecs
        && !caps.names(codecs, true)
    {
        let names: Vec<&str> = codecs.iter().map(Codec::name).collect();
        return Err(Error::new(
            Code::OutputInvalid,
            format!("the target has no name for all of the codecs {}", names.join(", ")),
        )
        .help(format!("it has {}", caps.codecs.join(", "))));
    }
    let own = own(var.dtype, cells(chunk).saturating_mul(var.dtype.size_estimate()), output);
    let Some(source) = source else {
        let (mode, reason) = match content {
            Content::Values(_) => (Mode::Values, "the values were read for combining"),
            Content::Pieces(_) => (Mode::Decode, "the files' storage can't be copied"),
        };
        return Ok(Chosen { encoding: own, mode, reason: reason.to_owned() });
    };
    Ok(match obstacle(var, source, chunk, output, caps) {
        None => {
            let encoding = source.encoding.clone().unwrap_or_else(Encoding::raw);
            Chosen { encoding, mode: Mode::Copy, reason: String::new() }
        }
        Some(reason) => Chosen { encoding: own, mode: Mode::Decode, reason },
    })
}

/// How chunks of so many bytes are encoded that are not copied.
pub(super) fn own(dtype: DataType, chunk_bytes: u64, output: &Output) -> Encoding {
    match &output.codecs {
        Codecs::Chain(codecs) => {
            Encoding { codecs: codecs.iter().map(|c| sized(c, dtype)).collect(), ..Encoding::raw() }
        }
        _ if dtype == DataType::Text => {
            Encoding { codecs: vec![Codec::Zstd { level: 3 }], ..Encoding::raw() }
        }
        _ => default_encoding(dtype, chunk_bytes),
    }
}

/// Why stored chunks can't be copied; `None` where they can.
fn obstacle(
    var: &Variable,
    source: &Source,
    chunk: &[u64],
    output: &Output,
    caps: &TargetCaps,
) -> Option<String> {
    let Some(encoding) = &source.encoding else { return Some("files differ in codecs".into()) };
    let Some(stored) = &source.chunk else { return Some("files differ in chunk shape".into()) };
    if stored != chunk {
        return Some(format!("chunks of {stored:?} in the files, {chunk:?} in the target"));
    }
    if !source.chunked {
        return Some("the files store the array as one piece, not in chunks".into());
    }
    if !source.exact {
        return Some("chunks of the files reach over a dimension that a step removed".into());
    }
    if !source.in_order {
        return Some("the order of dimensions changes".into());
    }
    if !source.aligned {
        return Some("files do not end where chunks do".into());
    }
    // a contiguous array ends with its last cell, a chunk at its end would be short
    if !source.chunked && var.shape.iter().zip(chunk).any(|(n, c)| n % c != 0) {
        return Some("the files are contiguous, and not a multiple of the chunk".into());
    }
    if encoding.codecs.is_empty() && output.codecs == Codecs::Default {
        return Some("the files are not compressed".into());
    }
    if let Codecs::Chain(codecs) = &output.codecs
        && codecs.iter().map(|c| sized(c, var.dtype)).collect::<Vec<_>>() != encoding.codecs
    {
        return Some("the recipe asks for other codecs".into());
    }
    let extension = output.codecs != Codecs::Default;
    let names: Vec<&str> = encoding.codecs.iter().map(Codec::name).collect();
    if !caps.names(&encoding.codecs, extension) {
        let hint = if caps.names(&encoding.codecs, true) { " (`codecs: source` allows it)" } else { "" };
        return Some(format!("the target's specification has no name for {}{hint}", names.join(", ")));
    }
    // chunks that were never written stay absent, and must read as the same value
    let same = source
        .unwritten
        .as_ref()
        .is_some_and(|value| var.fill.as_ref().is_none_or(|fill| fill.equals(value)));
    (!same).then(|| "cells that were never written differ from _FillValue".into())
}

/// Fills in what depends on the type.
fn sized(codec: &Codec, dtype: DataType) -> Codec {
    let size = dtype.size().unwrap_or(1) as u32;
    match codec {
        Codec::Shuffle { .. } => Codec::Shuffle { element_size: size },
        Codec::Blosc(blosc) => Codec::Blosc(crate::codec::Blosc { typesize: size, ..blosc.clone() }),
        other => other.clone(),
    }
}

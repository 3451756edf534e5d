//! From stored bytes to elements and back: codecs one after the other, byte order at the end.

use std::ops::Range;

use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::{Code, Error, Result};

use crate::deflate::Wrapper;
use crate::scratch::{Buffers, Scratch, Tools, grow};
use crate::{
    bad_parameter, bitshuffle, blosc, bzip, checksum, corrupt, grib, lz4, lzf, order, records, shuffle,
    support, tiff, too_long, zstandard,
};

/// Undoes the codecs of one chunk, from last to first; `out` then holds little-endian elements.
///
/// `swap_size` is what byte order applies to, see [`DataType::swap_size`](arcoforge_core::dtype::DataType::swap_size).
/// Bit n of `filter_mask` set: codec n was not applied to this chunk (HDF5). On an error, what `out` holds is
/// undefined.
///
/// # Errors
/// [`Code::SourceCorrupt`] where the bytes do not decode, a checksum differs, or the result is not exactly
/// `out.len()` bytes; [`Code::SourceUnsupported`] where [`is_decodable`](crate::is_decodable) says so, or where a codec
/// of HDF5's own meets a scratch without a [`ForeignDecode`](crate::ForeignDecode).
pub fn decode(
    encoding: &Encoding,
    swap_size: usize,
    filter_mask: u32,
    stored: &[u8],
    out: &mut [u8],
    scratch: &mut Scratch,
) -> Result<()> {
    let stages = stages(applied(encoding, filter_mask), out.len());
    decode_stages(&stages, stored, out, scratch)?;
    if encoding.endian == Endian::Big {
        order::swap(out, swap_size);
    }
    Ok(())
}

/// Refuses a chunk that can't be so long when decoded, whatever its bytes are: who asks first takes no memory for what
/// can't come.
///
/// # Errors
/// [`Code::SourceCorrupt`].
pub fn can_hold(
    encoding: &Encoding,
    filter_mask: u32,
    stored_bytes: usize,
    decoded_bytes: u64,
) -> Result<()> {
    let bytes_max = decoded_bytes_max(encoding, filter_mask, stored_bytes as u64);
    if decoded_bytes <= bytes_max {
        return Ok(());
    }
    Err(corrupt(format!(
        "chunk of {stored_bytes} bytes decodes to {bytes_max} bytes at most, {decoded_bytes} expected"
    )))
}

/// `u64::MAX` for codecs that know no limit.
fn decoded_bytes_max(encoding: &Encoding, filter_mask: u32, stored_bytes: u64) -> u64 {
    applied(encoding, filter_mask)
        .fold(stored_bytes, |bytes, codec| bytes.saturating_mul(expansion_max(codec)))
}

/// The codecs that a chunk with this mask went through.
fn applied(encoding: &Encoding, filter_mask: u32) -> impl Iterator<Item = &Codec> {
    let skipped = move |at: usize| u32::try_from(at).ok().and_then(|at| filter_mask.checked_shr(at));
    let codecs = encoding.codecs.iter().enumerate();
    codecs.filter(move |(at, _)| skipped(*at).unwrap_or(0) & 1 == 0).map(|(_, codec)| codec)
}

/// How many times as long as its input a codec's result can be, by its format.
pub(crate) const fn expansion_max(codec: &Codec) -> u64 {
    match codec {
        Codec::Shuffle { .. } | Codec::Fletcher32 | Codec::Crc32c | Codec::Records { .. } => 1,
        // two bits of a stream stand for 258 bytes at most
        Codec::Zlib { .. } | Codec::Gzip { .. } => 1032,
        // a byte of a match's length for 255 bytes; three bytes for 264
        Codec::Lz4Hdf5 { .. } | Codec::Lzf => 256,
        // four bytes of a Zstandard frame for a block of 128 KiB, which is the most in what these two wrap, too
        Codec::Zstd { .. } | Codec::Blosc(_) | Codec::Bitshuffle { .. } => 1 << 15,
        // a block of at least 32 bytes for 900,000 run lengths of 259 bytes for 5
        Codec::Bzip2 { .. } => 1 << 21,
        Codec::Tiff(step) => tiff::expansion_max(step),
        _ => u64::MAX,
    }
}

/// One codec to undo, and the most bytes that may come out.
struct Stage<'a> {
    codec: &'a Codec,
    bytes_max: usize,
}

/// What each codec can at most have been given, computed forwards from the decoded size.
fn stages<'a>(codecs: impl Iterator<Item = &'a Codec>, decoded_bytes: usize) -> Vec<Stage<'a>> {
    let mut bytes_max = decoded_bytes;
    let mut stages = Vec::new();
    for codec in codecs {
        stages.push(Stage { codec, bytes_max });
        bytes_max = match codec {
            Codec::Shuffle { .. } => bytes_max,
            Codec::Tiff(step) => tiff::input_max(step, bytes_max),
            Codec::Fletcher32 | Codec::Crc32c => bytes_max.saturating_add(4),
            _ => bytes_max.saturating_mul(2).saturating_add(4096),
        };
    }
    stages
}

/// Where the bytes of the current stage are.
enum Current {
    Stored(Range<usize>),
    Front(Range<usize>),
}

fn decode_stages(stages: &[Stage], stored: &[u8], out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
    let Scratch { buffers, tools } = scratch;
    let Buffers { front, back } = buffers.largest_last();
    let mut current = Current::Stored(0..stored.len());
    for (at, stage) in stages.iter().enumerate().rev() {
        let input = bytes(&current, stored, front);
        if let Some(payload) = strip(stage.codec, input) {
            let len = payload?.len();
            match &mut current {
                Current::Stored(range) | Current::Front(range) => range.end = range.start + len,
            }
        } else if at == 0 {
            let len = undo(stage.codec, input, out, tools)?;
            return exactly(len, out.len());
        } else {
            let len = undo(stage.codec, input, grow(back, stage.bytes_max), tools)?;
            std::mem::swap(front, back);
            current = Current::Front(0..len);
        }
    }
    let result = bytes(&current, stored, front);
    exactly(result.len(), out.len())?;
    out.copy_from_slice(result);
    Ok(())
}

fn bytes<'a>(current: &Current, stored: &'a [u8], front: &'a [u8]) -> &'a [u8] {
    match current {
        Current::Stored(range) => stored.get(range.clone()),
        Current::Front(range) => front.get(range.clone()),
    }
    .unwrap_or_default()
}

fn exactly(len: usize, expected: usize) -> Result<()> {
    if len == expected {
        Ok(())
    } else {
        Err(corrupt(format!("chunk decodes to {len} bytes, {expected} expected")))
    }
}

/// Codecs that only add a checksum behind the data.
fn strip<'a>(codec: &Codec, stored: &'a [u8]) -> Option<Result<&'a [u8]>> {
    match codec {
        Codec::Fletcher32 => Some(checksum::strip_fletcher32(stored)),
        Codec::Crc32c => Some(checksum::strip_crc32c(stored)),
        _ => None,
    }
}

/// Undoes one codec into `out` and returns how many bytes came out.
pub(crate) fn undo(codec: &Codec, stored: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<usize> {
    match codec {
        Codec::Zlib { .. } => tools.deflate.inflate(Wrapper::Zlib, stored, out),
        Codec::Gzip { .. } => tools.deflate.inflate(Wrapper::Gzip, stored, out),
        Codec::Zstd { .. } => tools.zstd.decode(stored, out),
        Codec::Blosc(_) => blosc::decode(stored, out),
        Codec::Lz4Hdf5 { .. } => lz4::decode(stored, out),
        Codec::Lzf => lzf::decode(stored, out),
        Codec::Bzip2 { .. } => bzip::decode(stored, out),
        Codec::Bitshuffle { params } => bitshuffle::decode(params, stored, out, tools),
        Codec::Records { piece_bytes, stride_bytes } => {
            records::decode(*piece_bytes, *stride_bytes, stored, out)
        }
        Codec::Tiff(step) => tiff::decode(step, stored, out),
        Codec::Grib(field) => grib::decode(field, stored, out, tools),
        Codec::Szip { .. } | Codec::ScaleOffset { .. } | Codec::Nbit { .. } => {
            undo_foreign(codec, stored, out, tools)
        }
        Codec::Shuffle { element_size } if *element_size > 0 => {
            let bytes_max = out.len();
            let target = out.get_mut(..stored.len()).ok_or_else(|| too_long("shuffle", bytes_max))?;
            shuffle::unshuffle(*element_size as usize, stored, target);
            Ok(stored.len())
        }
        Codec::Fletcher32 | Codec::Crc32c | Codec::Shuffle { .. } | Codec::Unknown { .. } => {
            let reason = support::is_decodable(codec).err().unwrap_or_default();
            Err(Error::new(Code::SourceUnsupported, reason))
        }
    }
}

fn undo_foreign(codec: &Codec, stored: &[u8], out: &mut [u8], tools: &Tools) -> Result<usize> {
    let foreign = tools.foreign.ok_or_else(|| {
        Error::new(Code::SourceUnsupported, format!("`{}` is decoded by the HDF5 reader only", codec.name()))
    })?;
    let decoded = foreign(codec, stored, out.len())?;
    let bytes_max = out.len();
    out.get_mut(..decoded.len()).ok_or_else(|| too_long(codec.name(), bytes_max))?.copy_from_slice(&decoded);
    Ok(decoded.len())
}

/// Carries out the codecs of one chunk, from first to last, on little-endian elements; `out` then holds the stored
/// bytes and nothing else.
///
/// # Errors
/// [`Code::OutputInvalid`] for a level or size that a codec does not take; [`Code::TargetUnsupported`] for a codec that
/// arcoforge only decodes.
pub fn encode(
    encoding: &Encoding,
    swap_size: usize,
    data: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<()> {
    let Scratch { buffers, tools } = scratch;
    let Buffers { front, back } = buffers.largest_last();
    let swapped = encoding.endian == Endian::Big && swap_size > 1;
    if swapped {
        front.clear();
        front.extend_from_slice(data);
        order::swap(front, swap_size);
    }
    let Some((last, firsts)) = encoding.codecs.split_last() else {
        out.clear();
        out.extend_from_slice(if swapped { front } else { data });
        return Ok(());
    };
    let mut in_front = swapped;
    for codec in firsts {
        apply(codec, if in_front { front } else { data }, back, tools)?;
        std::mem::swap(front, back);
        in_front = true;
    }
    apply(last, if in_front { front } else { data }, out, tools)
}

/// Does what [`encode`] does, to the same bytes, but over the elements themselves where
/// [`Encoding::is_over_cells`] says so, so that a chunk does not lie in memory twice. What `data` holds
/// then is undefined but for the slice that is returned; `out` is only used where it is not so. Where it is, `threads`
/// threads work at it.
///
/// # Errors
/// Those of [`encode`].
pub fn encode_over<'a>(
    encoding: &Encoding,
    swap_size: usize,
    data: &'a mut Vec<u8>,
    out: &'a mut Vec<u8>,
    scratch: &mut Scratch,
    threads: usize,
) -> Result<&'a [u8]> {
    let codec = encoding.codecs.first().filter(|_| encoding.is_over_cells(data.len() as u64));
    if let Some(Codec::Blosc(blosc)) = codec {
        if encoding.endian == Endian::Big {
            order::swap(data, swap_size);
        }
        return match blosc::encode_over(blosc, data, &mut scratch.tools.runs, threads)? {
            Some(len) => Ok(data.get(..len).unwrap_or_default()),
            None => blosc::encode(blosc, data, out).map(|()| out.as_slice()),
        };
    }
    encode(encoding, swap_size, data, out, scratch)?;
    Ok(out)
}

/// Carries out one codec; `out` then holds its result and nothing else.
fn apply(codec: &Codec, data: &[u8], out: &mut Vec<u8>, tools: &mut Tools) -> Result<()> {
    match codec {
        Codec::Shuffle { element_size: 0 } => Err(bad_parameter("`shuffle` with elements of 0 bytes")),
        Codec::Shuffle { element_size } => {
            out.resize(data.len(), 0);
            shuffle::shuffle(*element_size as usize, data, out);
            Ok(())
        }
        Codec::Zlib { level } => tools.deflate.deflate(Wrapper::Zlib, *level, data, out),
        Codec::Gzip { level } => tools.deflate.deflate(Wrapper::Gzip, *level, data, out),
        Codec::Zstd { level } => zstandard::Contexts::encode(&mut tools.zstd, *level, data, out),
        Codec::Blosc(blosc) => blosc::encode(blosc, data, out),
        Codec::Bzip2 { level } => bzip::encode(*level, data, out),
        Codec::Fletcher32 => {
            checksum::append(data, checksum::fletcher32(data), out);
            Ok(())
        }
        Codec::Crc32c => {
            checksum::append(data, crc32c::crc32c(data), out);
            Ok(())
        }
        Codec::Lz4Hdf5 { .. }
        | Codec::Lzf
        | Codec::Szip { .. }
        | Codec::ScaleOffset { .. }
        | Codec::Nbit { .. }
        | Codec::Bitshuffle { .. }
        | Codec::Records { .. }
        | Codec::Tiff(_)
        | Codec::Grib(_)
        | Codec::Unknown { .. } => Err(Error::new(
            Code::TargetUnsupported,
            format!("`{}` can be read but not written", codec.name()),
        )
        .help("choose another codec, for instance `blosc` or `zstd`")),
    }
}

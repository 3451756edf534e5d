//! LZ4 in HDF5's framing (filter 32004).
//!
//! A header of the decoded size (8 bytes) and the block size (4 bytes), then for every block its stored size (4 bytes)
//! and its bytes; all numbers are big-endian. A block whose stored size equals its decoded size is not compressed.

use arcoforge_core::error::Result;

use crate::{corrupt, too_long};

/// Decodes into `out` and returns how many bytes came out.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let (total, rest) = split_u64(stored)?;
    let (block_bytes, mut rest) = split_u32(rest)?;
    let len = usize::try_from(total).unwrap_or(usize::MAX);
    let bytes_max = out.len();
    let target = out.get_mut(..len).ok_or_else(|| too_long("lz4", bytes_max))?;
    if block_bytes == 0 && len > 0 {
        return Err(corrupt("`lz4` data with blocks of 0 bytes"));
    }
    for block in target.chunks_mut((block_bytes as usize).max(1)) {
        rest = decode_block("lz4", rest, block)?;
    }
    Ok(len)
}

/// Decodes one block with its size in front into exactly `block` and returns what follows.
fn decode_block<'a>(codec: &str, stored: &'a [u8], block: &mut [u8]) -> Result<&'a [u8]> {
    let (len, rest) = split_u32(stored)?;
    let (body, rest) = rest
        .split_at_checked(len as usize)
        .ok_or_else(|| corrupt(format!("`{codec}` block of {len} bytes, {} are left", rest.len())))?;
    if body.len() == block.len() {
        block.copy_from_slice(body);
    } else {
        decode_raw(codec, body, block)?;
    }
    Ok(rest)
}

/// Decodes a bare LZ4 block into exactly `block`.
pub(crate) fn decode_raw(codec: &str, body: &[u8], block: &mut [u8]) -> Result<()> {
    let len = lz4_flex::block::decompress_into(body, block).map_err(|error| {
        corrupt(format!("`{codec}` block of {} bytes does not decode", body.len())).caused_by(error)
    })?;
    if len == block.len() {
        Ok(())
    } else {
        Err(corrupt(format!("`{codec}` block decodes to {len} bytes, {} expected", block.len())))
    }
}

/// A big-endian number and what follows.
pub(crate) fn split_u32(bytes: &[u8]) -> Result<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or_else(truncated)?;
    Ok((u32::from_be_bytes(*number), rest))
}

/// A big-endian number and what follows.
pub(crate) fn split_u64(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or_else(truncated)?;
    Ok((u64::from_be_bytes(*number), rest))
}

fn truncated() -> arcoforge_core::error::Error {
    corrupt("a framed block ends inside its header")
}

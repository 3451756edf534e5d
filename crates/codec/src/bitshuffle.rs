//! Bitshuffle (HDF5 filter 32008): the first bits of all elements of a block, then all second bits, and so on.
//!
//! A block is a number of elements that is a multiple of 8; the last block is cut to such a multiple, and the fewer
//! than 8 elements left stand unchanged at the end. With a compressor there is a header of the decoded size (8 bytes)
//! and the bytes of a block (4 bytes), and every block has its stored size in front (4 bytes); all big-endian.

use arcoforge_core::error::Result;

use crate::scratch::{Tools, grow};
use crate::{corrupt, lz4, too_long};

/// Bytes of a block where the parameters leave it open.
const BLOCK_BYTES: usize = 8192;
/// The fewest elements of such a block.
const BLOCK_ELEMENTS_MIN: usize = 128;

/// The filter's client data, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Params {
    element_size: usize,
    block_elements: usize,
    compressor: Compressor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compressor {
    None,
    Lz4,
    Zstd,
}

impl Params {
    /// From version major, minor, element size, block size (elements, 0 for the default), compressor.
    pub(crate) fn parse(params: &[u32]) -> Result<Self, String> {
        let number = |at: usize| params.get(at).copied().unwrap_or(0) as usize;
        let compressor = match number(4) {
            0 => Compressor::None,
            2 => Compressor::Lz4,
            3 => Compressor::Zstd,
            other => {
                return Err(format!(
                    "`bitshuffle` with compressor {other}; 0 (none), 2 (LZ4) and 3 (Zstandard) are known"
                ));
            }
        };
        let element_size = number(2);
        if element_size == 0 {
            return Err("`bitshuffle` with elements of 0 bytes".into());
        }
        let block_elements = match number(3) {
            0 => (BLOCK_BYTES / element_size / 8 * 8).max(BLOCK_ELEMENTS_MIN),
            given => given,
        };
        if !block_elements.is_multiple_of(8) {
            return Err(format!(
                "`bitshuffle` with blocks of {block_elements} elements; a multiple of 8 expected"
            ));
        }
        Ok(Self { element_size, block_elements, compressor })
    }
}

/// Decodes into `out` and returns how many bytes came out.
pub(crate) fn decode(params: &[u32], stored: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<usize> {
    let mut params = Params::parse(params).map_err(corrupt)?;
    let (mut rest, mut len) = (stored, stored.len());
    if params.compressor != Compressor::None {
        let (total, after) = lz4::split_u64(stored)?;
        let (block_bytes, after) = lz4::split_u32(after)?;
        len = usize::try_from(total).unwrap_or(usize::MAX);
        params.block_elements = block_bytes as usize / params.element_size;
        rest = after;
    }
    if params.block_elements == 0 || !params.block_elements.is_multiple_of(8) {
        return Err(corrupt(format!(
            "`bitshuffle` data with blocks of {} elements; a multiple of 8 expected",
            params.block_elements
        )));
    }
    let bytes_max = out.len();
    let target = out.get_mut(..len).ok_or_else(|| too_long("bitshuffle", bytes_max))?;
    if !len.is_multiple_of(params.element_size) {
        return Err(corrupt(format!(
            "`bitshuffle` data of {len} bytes, elements have {}",
            params.element_size
        )));
    }
    decode_blocks(&params, rest, target, tools)?;
    Ok(len)
}

fn decode_blocks(params: &Params, mut rest: &[u8], target: &mut [u8], tools: &mut Tools) -> Result<()> {
    let group = params.element_size * 8;
    let whole = target.len() / group * group;
    let (blocks, tail) = target.split_at_mut(whole);
    for block in blocks.chunks_mut(params.block_elements.saturating_mul(params.element_size)) {
        rest = match params.compressor {
            Compressor::None => {
                let (rows, after) = rest.split_at_checked(block.len()).ok_or_else(ends_early)?;
                untranspose(params.element_size, rows, block);
                after
            }
            compressor => {
                let (len, after) = lz4::split_u32(rest)?;
                let (body, after) = after.split_at_checked(len as usize).ok_or_else(ends_early)?;
                let rows = grow(&mut tools.block, block.len());
                match compressor {
                    Compressor::Zstd => {
                        let len = tools.zstd.decode(body, rows)?;
                        if len != rows.len() {
                            return Err(corrupt(format!(
                                "`bitshuffle` block decodes to {len} bytes, {} expected",
                                rows.len()
                            )));
                        }
                    }
                    _ => lz4::decode_raw("bitshuffle", body, rows)?,
                }
                untranspose(params.element_size, rows, block);
                after
            }
        };
    }
    tail.copy_from_slice(rest.get(..tail.len()).ok_or_else(ends_early)?);
    Ok(())
}

fn ends_early() -> arcoforge_core::error::Error {
    corrupt("`bitshuffle` data ends inside a block")
}

/// Turns rows of bits into elements; both slices have the same length, a multiple of 8 elements.
fn untranspose(element_size: usize, rows: &[u8], elements: &mut [u8]) {
    let row_bytes = rows.len() / (element_size * 8);
    if row_bytes == 0 {
        return;
    }
    for (byte, eight) in rows.chunks_exact(row_bytes * 8).enumerate() {
        let mut lines = eight.chunks_exact(row_bytes);
        let lines: [&[u8]; 8] = std::array::from_fn(|_| lines.next().unwrap_or_default());
        for (at, group) in elements.chunks_exact_mut(element_size * 8).enumerate() {
            let bits = transpose(u64::from_le_bytes(lines.map(|line| line[at])));
            for (to, from) in group[byte..].iter_mut().step_by(element_size).zip(bits.to_le_bytes()) {
                *to = from;
            }
        }
    }
}

/// Transposes a matrix of 8 by 8 bits: bit j of byte i becomes bit i of byte j (three swaps of ever larger squares).
const fn transpose(x: u64) -> u64 {
    let t = (x ^ (x >> 7)) & 0x00aa_00aa_00aa_00aa;
    let x = x ^ t ^ (t << 7);
    let t = (x ^ (x >> 14)) & 0x0000_cccc_0000_cccc;
    let x = x ^ t ^ (t << 14);
    let t = (x ^ (x >> 28)) & 0x0000_0000_f0f0_f0f0;
    x ^ t ^ (t << 28)
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn transposition_follows_its_definition() {
        for seed in 0..200_u64 {
            let x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(seed as u32);
            let mut expected = 0;
            for (i, j) in (0..8).flat_map(|i| (0..8).map(move |j| (i, j))) {
                expected |= (x >> (8 * i + j) & 1) << (8 * j + i);
            }
            assert_eq!(transpose(x), expected);
        }
    }
}

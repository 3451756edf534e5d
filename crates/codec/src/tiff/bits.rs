//! Samples of other widths than bytes have (TIFF 6.0, section 7): the most significant bit first, rows from whole bytes.

use arcoforge_core::error::Result;

use crate::{corrupt, too_long};

/// Unpacks rows of `row` samples into bytes (up to 7 bits) or little-endian 16-bit integers; returns how many bytes came
/// out. Bytes behind the last whole row are of no row.
pub(crate) fn unpack(bits: u32, row: u64, stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let samples = usize::try_from(row).unwrap_or(usize::MAX);
    let stored_row = samples.saturating_mul(bits as usize).div_ceil(8).max(1);
    let size = if bits < 8 { 1 } else { 2 };
    let bytes_max = out.len();
    let rows = stored.len() / stored_row;
    let len = samples.checked_mul(size).and_then(|row| row.checked_mul(rows));
    let target = len.and_then(|len| out.get_mut(..len)).ok_or_else(|| too_long("packed", bytes_max))?;
    if target.is_empty() {
        return Err(corrupt(format!(
            "{} bytes of `packed` data are no row of {samples} samples",
            stored.len()
        )));
    }
    let written = target.len();
    for (from, to) in stored.chunks_exact(stored_row).zip(target.chunks_exact_mut(samples * size)) {
        unpack_row(bits, size, from, to);
    }
    Ok(written)
}

fn unpack_row(bits: u32, size: usize, from: &[u8], to: &mut [u8]) {
    let (mut held, mut have, mut bytes) = (0_u32, 0_u32, from.iter());
    let mask = (1_u32 << bits) - 1;
    for cell in to.chunks_exact_mut(size) {
        while have < bits {
            held = held << 8 | u32::from(bytes.next().copied().unwrap_or(0));
            have += 8;
        }
        have -= bits;
        let value = (held >> have & mask) as u16;
        let [low, high] = value.to_le_bytes();
        match cell {
            [one] => *one = low,
            [first, second] => (*first, *second) = (low, high),
            _ => {}
        }
    }
}

//! Pixels with all of their samples, to samples with all pixels.

use arcoforge_core::error::Result;

use crate::{corrupt, too_long};

/// Puts one sample of every pixel into `out` and returns how many bytes came out.
pub(crate) fn one(
    sample: usize,
    samples: usize,
    size: usize,
    stored: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let pixel = samples.saturating_mul(size);
    if sample >= samples || pixel == 0 || !stored.len().is_multiple_of(pixel) {
        return Err(corrupt(format!(
            "{} bytes are no whole number of pixels of {pixel} bytes",
            stored.len()
        )));
    }
    let (length, bytes_max) = (stored.len() / samples, out.len());
    let plane = out.get_mut(..length).ok_or_else(|| too_long("sample", bytes_max))?;
    pick(stored.get(sample * size..).unwrap_or_default(), size, pixel, plane);
    Ok(length)
}

/// Puts sample after sample; `out` has the length of `stored`.
pub(crate) fn separate(samples: usize, size: usize, stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let pixel = samples.saturating_mul(size);
    if pixel == 0 || !stored.len().is_multiple_of(pixel) {
        return Err(corrupt(format!(
            "{} bytes are no whole number of pixels of {pixel} bytes",
            stored.len()
        )));
    }
    if samples == 1 {
        out.copy_from_slice(stored);
        return Ok(stored.len());
    }
    let plane = (stored.len() / samples).max(1);
    for (at, plane) in out.chunks_exact_mut(plane).enumerate() {
        let from = stored.get(at * size..).unwrap_or_default();
        pick(from, size, pixel, plane);
    }
    Ok(stored.len())
}

/// The first `size` bytes of every pixel.
fn pick(from: &[u8], size: usize, pixel: usize, plane: &mut [u8]) {
    match size {
        1 => strided::<1>(from, pixel, plane),
        2 => strided::<2>(from, pixel, plane),
        4 => strided::<4>(from, pixel, plane),
        8 => strided::<8>(from, pixel, plane),
        _ => {
            for (to, from) in plane.chunks_exact_mut(size).zip(from.chunks(pixel)) {
                if let Some(cell) = from.get(..size) {
                    to.copy_from_slice(cell);
                }
            }
        }
    }
}

/// The first `N` bytes of every pixel.
fn strided<const N: usize>(from: &[u8], pixel: usize, plane: &mut [u8]) {
    for (to, from) in plane.as_chunks_mut::<N>().0.iter_mut().zip(from.chunks(pixel)) {
        if let Some(cell) = from.first_chunk::<N>() {
            *to = *cell;
        }
    }
}

//! TIFF's own steps (TIFF 6.0, Technical Notes 2 and 3 of Adobe): compressors, predictors, and the packing of samples.

mod bits;
mod jpeg;
mod lzw;
mod packbits;
mod pixels;
mod predictor;
#[cfg(test)]
mod tests;

use arcoforge_core::codec::Tiff;
use arcoforge_core::error::{Code, Error, Result};

use crate::too_long;

/// Undoes one step into `out` and returns how many bytes came out. Compressors end where `out` is full, as libtiff does:
/// some writers fill the last strip up.
pub(crate) fn decode(step: &Tiff, stored: &[u8], out: &mut [u8]) -> Result<usize> {
    is_decodable(step).map_err(|reason| Error::new(Code::SourceUnsupported, reason))?;
    match step {
        Tiff::Lzw => lzw::decode(stored, out),
        Tiff::PackBits => packbits::decode(stored, out),
        Tiff::Jpeg { tables, samples, row, ycbcr } => {
            jpeg::Stream { tables, samples: *samples, row: *row, ycbcr: *ycbcr }.decode(stored, out)
        }
        Tiff::Packed { bits, row } => bits::unpack(*bits, *row, stored, out),
        Tiff::Interleaved { samples, element_size } => {
            pixels::separate(*samples as usize, *element_size as usize, stored, room(step, stored, out)?)
        }
        Tiff::Sample { sample, samples, element_size } => {
            pixels::one(*sample as usize, *samples as usize, *element_size as usize, stored, out)
        }
        Tiff::ReversedBits => {
            let target = room(step, stored, out)?;
            target.iter_mut().zip(stored).for_each(|(to, from)| *to = from.reverse_bits());
            Ok(stored.len())
        }
        Tiff::Delta { element_size, samples, row, endian } => {
            let target = room(step, stored, out)?;
            target.copy_from_slice(stored);
            predictor::add_up(*element_size, *samples as usize, *row, *endian, target)?;
            Ok(stored.len())
        }
        Tiff::FloatDelta { element_size, samples, row } => {
            let target = room(step, stored, out)?;
            predictor::join_planes(*element_size as usize, *samples as usize, *row, stored, target)?;
            Ok(stored.len())
        }
    }
}

/// As many bytes of `out` as went in.
fn room<'a>(step: &Tiff, stored: &[u8], out: &'a mut [u8]) -> Result<&'a mut [u8]> {
    let bytes_max = out.len();
    out.get_mut(..stored.len()).ok_or_else(|| too_long(step.name(), bytes_max))
}

/// The most bytes that a step can have been given, where it yields so many at most.
pub(crate) fn input_max(step: &Tiff, bytes_max: usize) -> usize {
    match step {
        Tiff::Sample { samples, .. } => bytes_max.saturating_mul(*samples as usize),
        Tiff::Packed { .. } => bytes_max,
        step if step.keeps_length() => bytes_max,
        _ => bytes_max.saturating_mul(2).saturating_add(4096),
    }
}

/// How many times as long as its input a step's result can be.
pub(crate) const fn expansion_max(step: &Tiff) -> u64 {
    match step {
        // nine bits or more for a string of 3838 bytes at most; two bytes for 128
        Tiff::Lzw => 4096,
        Tiff::PackBits => 64,
        Tiff::Packed { .. } => 8,
        Tiff::Jpeg { .. } => u64::MAX,
        Tiff::ReversedBits
        | Tiff::Delta { .. }
        | Tiff::FloatDelta { .. }
        | Tiff::Interleaved { .. }
        | Tiff::Sample { .. } => 1,
    }
}

/// Whether the parameters are such as a TIFF file can have; else why not.
pub(crate) fn is_decodable(step: &Tiff) -> Result<(), String> {
    let name = step.name();
    match step {
        Tiff::Delta { element_size, .. } if !matches!(element_size, 1 | 2 | 4 | 8) => {
            Err(format!("`{name}` with samples of {element_size} bytes"))
        }
        Tiff::FloatDelta { element_size, .. } if !matches!(element_size, 2 | 4 | 8) => {
            Err(format!("`{name}` with samples of {element_size} bytes"))
        }
        Tiff::Interleaved { element_size: 0, .. } | Tiff::Sample { element_size: 0, .. } => {
            Err(format!("`{name}` with samples of 0 bytes"))
        }
        Tiff::Packed { bits, .. } if !matches!(bits, 1..=7 | 9..=15) => {
            Err(format!("`{name}` with samples of {bits} bits"))
        }
        Tiff::Jpeg { samples, .. } if !matches!(samples, 1 | 3) => {
            Err(format!("`{name}` with {samples} samples a pixel"))
        }
        Tiff::Delta { samples: 0, .. }
        | Tiff::FloatDelta { samples: 0, .. }
        | Tiff::Interleaved { samples: 0, .. } => Err(format!("`{name}` with pixels of 0 samples")),
        Tiff::Sample { sample, samples, .. } if sample >= samples => {
            Err(format!("`{name}` number {sample} of {samples}"))
        }
        Tiff::Delta { row: 0, .. }
        | Tiff::FloatDelta { row: 0, .. }
        | Tiff::Packed { row: 0, .. }
        | Tiff::Jpeg { row: 0, .. } => Err(format!("`{name}` with rows of 0 samples")),
        _ => Ok(()),
    }
}

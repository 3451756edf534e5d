//! JPEG 2000 code streams (ISO/IEC 15444-1, GRIB 2 template 5.40), by OpenJPEG.
//!
//! Their headers are read here first: an image of another size than the field, of more than one component, or cut into
//! so many pieces that the decoder's tables would dwarf the field, never reaches the library.

use arcoforge_core::error::{Code, Error, Result};

use super::values::{Scale, Value};
use crate::corrupt;

mod library;

/// Start of code stream, and the marker of image and tile sizes behind it.
const START: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];
/// The second bytes of markers.
const CODING: u8 = 0x52;
const TILE_PART: u8 = 0x90;
const DATA: u8 = 0x93;
/// Bits of a sample at most: the library's are signed numbers of 32 bits.
const PRECISION_MAX: u8 = 31;
/// Tiles at most.
const TILES_MAX: u64 = 4096;
/// The exponent of the smallest precincts.
const PRECINCT_MIN: u8 = 4;

/// Unpacks all values of section 7.
pub(super) fn unpack<V: Value>(scale: Scale, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
    let precision = check(data, out.len())?;
    let mask = (1_i32 << precision).wrapping_sub(1);
    library::decode(data, out.len(), |samples| {
        for (cell, sample) in out.iter_mut().zip(samples) {
            *cell = V::cell(scale.value(f64::from(*sample & mask)));
        }
    })
}

/// Looks at the headers of an image of `count` samples and returns the bits of a sample.
fn check(data: &[u8], count: usize) -> Result<u8> {
    let size = data
        .strip_prefix(&START)
        .and_then(|rest| rest.first_chunk::<41>())
        .ok_or_else(|| corrupt("GRIB section 7: does not begin as a JPEG 2000 code stream does"))?;
    // length and capabilities; then sizes and offsets of image and tiles
    let number = |at: usize| {
        let bytes = size.get(4 + at * 4..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        u64::from(u32::from_be_bytes(bytes))
    };
    let (width, height) = (number(0).saturating_sub(number(2)), number(1).saturating_sub(number(3)));
    if width.checked_mul(height) != Some(count as u64) || count == 0 {
        return Err(corrupt(format!(
            "GRIB section 7: JPEG 2000 image of {width} x {height} samples found, {count} values expected"
        )));
    }
    let tiles = |extent: u64, tile: u64| extent.div_ceil(tile.max(1));
    let tiles = tiles(number(0), number(4)).saturating_mul(tiles(number(1), number(5)));
    if tiles > TILES_MAX {
        return Err(unsupported(&format!("{tiles} tiles")));
    }
    let [.., components_high, components_low, precision, step_x, step_y] = *size;
    if (components_high, components_low, step_x, step_y) != (0, 1, 1, 1) {
        return Err(unsupported("more than one component, or samples left out"));
    }
    // the first bit is that of signed samples
    if precision >= PRECISION_MAX {
        return Err(unsupported(&format!("signed samples, or of more than {PRECISION_MAX} bits")));
    }
    check_markers(data)?;
    Ok(precision + 1)
}

/// Looks at the coding styles of the main header and of all tile-parts.
fn check_markers(data: &[u8]) -> Result<()> {
    let mut at = START.len() - 2;
    let mut part_end = None;
    while let Some([0xff, marker, high, low, ..]) = data.get(at..) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let content = data.get(at + 4..at + 2 + length).unwrap_or_default();
        match *marker {
            CODING => check_coding(content)?,
            TILE_PART => {
                let bytes = content.get(2..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
                part_end = at.checked_add(u32::from_be_bytes(bytes) as usize).filter(|end| *end > at);
            }
            DATA => match part_end.take() {
                Some(end) if end > at => {
                    at = end;
                    continue;
                }
                _ => break,
            },
            _ => {}
        }
        at = at.saturating_add(2 + length);
    }
    Ok(())
}

/// Precincts: as large as the image, or of explicit sizes from the eleventh byte on.
fn check_coding(content: &[u8]) -> Result<()> {
    let explicit = content.first().is_some_and(|style| style & 1 == 1);
    let sizes = content.get(10..).filter(|_| explicit).unwrap_or_default();
    match sizes.iter().find(|size| (*size & 15).min(*size >> 4) < PRECINCT_MIN) {
        None => Ok(()),
        Some(size) => Err(unsupported(&format!("precincts of 2^{} x 2^{} samples", size & 15, size >> 4))),
    }
}

fn unsupported(what: &str) -> Error {
    let message = format!("GRIB 2 template 5.40: a JPEG 2000 image with {what} can't be decoded");
    Error::new(Code::SourceUnsupported, message)
}

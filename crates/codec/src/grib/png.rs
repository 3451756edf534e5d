//! PNG images (ISO/IEC 15948, GRIB 2 template 5.41): samples of one value per pixel.

use arcoforge_core::error::{Code, Error, Result};

use super::bits;
use super::values::{Scale, Value};
use crate::corrupt;
use crate::deflate::{Contexts, Wrapper};
use crate::scratch::grow;

/// What every PNG file begins with.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Memory for the compressed and the filtered image.
#[derive(Default)]
pub(crate) struct Rooms {
    compressed: Vec<u8>,
    filtered: Vec<u8>,
}

/// The size of an image: IHDR.
struct Image {
    width: usize,
    height: usize,
    /// Bits of a pixel: a grey value of 1 to 16 bits, or the 24 or 32 bits of a colour.
    bits: u32,
}

impl Image {
    fn parse(header: &[u8], count: usize) -> Result<Self> {
        let Some(&[a, b, c, d, e, f, g, h, depth, colour, compression, filter, interlace]) =
            header.first_chunk()
        else {
            return Err(corrupt(format!(
                "GRIB section 7: IHDR of {} bytes found, 13 expected",
                header.len()
            )));
        };
        let size = |bytes| u32::from_be_bytes(bytes) as usize;
        let bits = match (depth, colour) {
            (1 | 2 | 4 | 8 | 16, 0) => u32::from(depth),
            (8, 2) => 24,
            (8, 6) => 32,
            _ => return Err(unsupported(&format!("colour type {colour} and {depth} bits"))),
        };
        if (compression, filter) != (0, 0) {
            return Err(corrupt(
                "GRIB section 7: PNG image with an unknown method of compression or filters",
            ));
        }
        if interlace != 0 {
            return Err(unsupported("interlaced rows"));
        }
        let image = Self { width: size([a, b, c, d]), height: size([e, f, g, h]), bits };
        if image.width.checked_mul(image.height) != Some(count) || count == 0 {
            return Err(corrupt(format!(
                "GRIB section 7: PNG image of {} x {} pixels found, {count} values expected",
                image.width, image.height
            )));
        }
        Ok(image)
    }

    /// Bytes of a row, without the filter's.
    fn row(&self) -> usize {
        self.width.saturating_mul(self.bits as usize).div_ceil(8)
    }
}

/// Unpacks all values of section 7.
pub(super) fn unpack<V: Value>(
    scale: Scale,
    data: &[u8],
    out: &mut [V::Cell],
    rooms: &mut Rooms,
    deflate: &mut Contexts,
) -> Result<()> {
    let body = data
        .strip_prefix(SIGNATURE)
        .ok_or_else(|| corrupt("GRIB section 7: does not begin with the signature of a PNG image"))?;
    let mut image = None;
    rooms.compressed.clear();
    for (name, content) in Chunks(body) {
        match &name {
            b"IHDR" => image = Some(Image::parse(content, out.len())?),
            b"IDAT" => rooms.compressed.extend_from_slice(content),
            b"IEND" => break,
            _ => {}
        }
    }
    let image = image.ok_or_else(|| corrupt("GRIB section 7: PNG image without IHDR"))?;
    let row = image.row();
    let total = image.height.saturating_mul(row + 1);
    let filtered = grow(&mut rooms.filtered, total);
    let inflated = deflate.inflate(Wrapper::Zlib, &rooms.compressed, filtered)?;
    if inflated != total {
        return Err(corrupt(format!(
            "GRIB section 7: PNG image of {inflated} bytes found, {total} expected"
        )));
    }
    let pixel = (image.bits as usize).div_ceil(8);
    let mut above: &mut [u8] = &mut [];
    let rows = filtered.chunks_exact_mut(row + 1).zip(out.chunks_exact_mut(image.width));
    for (bytes, cells) in rows {
        let Some((filter, bytes)) = bytes.split_first_mut() else { break };
        undo_filter(*filter, pixel, above, bytes)?;
        bits::unpack(bytes, image.bits, cells, |sample| V::cell(scale.value(sample)));
        above = bytes;
    }
    Ok(())
}

/// Undoes the filter of a row; the row above the first one is zeros.
fn undo_filter(filter: u8, pixel: usize, above: &[u8], row: &mut [u8]) -> Result<()> {
    match (filter, above.is_empty()) {
        (0, _) | (2, true) => {}
        (1, _) | (4, true) => match pixel {
            1 => undo_sub::<1>(row),
            2 => undo_sub::<2>(row),
            3 => undo_sub::<3>(row),
            _ => undo_sub::<4>(row),
        },
        (2, false) => {
            for (byte, up) in row.iter_mut().zip(above) {
                *byte = byte.wrapping_add(*up);
            }
        }
        (3, _) => {
            for at in 0..row.len() {
                let left = at.checked_sub(pixel).map_or(0, |at| row[at]);
                let up = above.get(at).copied().unwrap_or(0);
                row[at] = row[at].wrapping_add(((u16::from(left) + u16::from(up)) / 2) as u8);
            }
        }
        (4, false) => match pixel {
            1 => undo_paeth::<1>(above, row),
            2 => undo_paeth::<2>(above, row),
            3 => undo_paeth::<3>(above, row),
            _ => undo_paeth::<4>(above, row),
        },
        _ => return Err(corrupt(format!("GRIB section 7: PNG filter {filter} found, 0 to 4 expected"))),
    }
    Ok(())
}

/// Each byte is the distance to that of the pixel on its left.
fn undo_sub<const PIXEL: usize>(row: &mut [u8]) {
    let mut left = [0_u8; PIXEL];
    for pixel in row.as_chunks_mut::<PIXEL>().0 {
        for (byte, left) in pixel.iter_mut().zip(&mut left) {
            *byte = byte.wrapping_add(*left);
            *left = *byte;
        }
    }
}

/// Each byte is the distance to that of the pixel on its left, above it or left above, whichever is nearest to left
/// plus above minus left above.
fn undo_paeth<const PIXEL: usize>(above: &[u8], row: &mut [u8]) {
    let (mut left, mut corner) = ([0_i16; PIXEL], [0_i16; PIXEL]);
    for (pixel, up) in row.as_chunks_mut::<PIXEL>().0.iter_mut().zip(above.as_chunks::<PIXEL>().0) {
        for at in 0..PIXEL {
            let (a, b, c) = (left[at], i16::from(up[at]), corner[at]);
            let (from_a, from_b) = ((b - c).abs(), (a - c).abs());
            let from_c = (a + b - 2 * c).abs();
            let nearest = if from_a <= from_b && from_a <= from_c {
                a
            } else if from_b <= from_c {
                b
            } else {
                c
            };
            pixel[at] = pixel[at].wrapping_add(nearest as u8);
            (left[at], corner[at]) = (i16::from(pixel[at]), b);
        }
    }
}

/// The chunks of an image: name and content. Their checksums are not looked at: what matters is covered by that of
/// the zlib stream.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest.get(4..).unwrap_or_default();
        Some((*name, content))
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(
        Code::SourceUnsupported,
        format!("GRIB 2 template 5.41: a PNG image with {what} can't be decoded"),
    )
}

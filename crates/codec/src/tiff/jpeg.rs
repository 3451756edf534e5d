//! JPEG in TIFF (Technical Note 2): each strip or tile a stream of its own, with tables that all share in a tag.

use arcoforge_core::error::{Code, Error, Result};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::corrupt;

/// What is known of a stream before it is read.
pub(crate) struct Stream<'a> {
    pub(crate) tables: &'a [u8],
    pub(crate) samples: u32,
    pub(crate) row: u64,
    pub(crate) ycbcr: bool,
}

impl Stream<'_> {
    /// Decodes pixel after pixel into `out` and returns how many bytes came out. Rows behind its end are left.
    pub(crate) fn decode(&self, stored: &[u8], out: &mut [u8]) -> Result<usize> {
        let stream = joined(self.tables, stored);
        let row = usize::try_from(self.row).unwrap_or(usize::MAX).max(1);
        let width = row / (self.samples as usize).max(1);
        let height_max = (out.len() / row).saturating_mul(2).saturating_add(64);
        let options =
            DecoderOptions::default().set_strict_mode(false).set_max_width(width).set_max_height(height_max);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream.as_slice()), options);
        let damaged = |what: String| corrupt(format!("`jpeg` data does not decode: {what}"));
        decoder.decode_headers().map_err(|error| damaged(format!("{error:?}")))?;
        let stored_as = decoder.input_colorspace().ok_or_else(|| damaged("it has no frame".into()))?;
        let shown = self.shown(stored_as)?;
        decoder.set_options(options.jpeg_set_out_colorspace(shown));
        let (found, height) = decoder.dimensions().unwrap_or_default();
        if found != width || height > height_max || !out.len().is_multiple_of(row) || height * row < out.len()
        {
            let message = format!("found {found} x {height} pixels, expected {width} x {}", out.len() / row);
            return Err(damaged(message));
        }
        if height * row == out.len() {
            decoder.decode_into(out).map_err(|error| damaged(format!("{error:?}")))?;
        } else {
            let whole = decoder.decode().map_err(|error| damaged(format!("{error:?}")))?;
            let inside = whole.get(..out.len()).ok_or_else(|| damaged("it ends early".into()))?;
            out.copy_from_slice(inside);
        }
        Ok(out.len())
    }

    /// In which colours the pixels are wanted: RGB of YCbCr, else as they are stored.
    fn shown(&self, stored_as: ColorSpace) -> Result<ColorSpace> {
        let (samples, found) = (self.samples as usize, stored_as.num_components());
        match (samples == found, self.ycbcr, stored_as) {
            (false, ..) => {
                Err(corrupt(format!("`jpeg` data has {found} samples a pixel, expected {samples}")))
            }
            (_, true, ColorSpace::YCbCr) => Ok(ColorSpace::RGB),
            (_, true, other) => Err(Error::new(
                Code::SourceUnsupported,
                format!("`jpeg` data stores {other:?} where the file says YCbCr"),
            )),
            (_, false, stored_as) => Ok(stored_as),
        }
    }
}

/// The shared tables without their end, then the stream without its beginning.
fn joined(tables: &[u8], stored: &[u8]) -> Vec<u8> {
    let tables = tables.strip_suffix(b"\xff\xd9").unwrap_or(tables);
    if tables.len() <= 2 {
        return stored.to_vec();
    }
    [tables, stored.strip_prefix(b"\xff\xd8").unwrap_or(stored)].concat()
}

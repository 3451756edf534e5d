//! DEFLATE in zlib streams (RFC 1950) and gzip members (RFC 1952), by libdeflate.

use arcoforge_core::error::Result;
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use crate::{bad_parameter, corrupt, too_long};

/// What stands around the DEFLATE data.
#[derive(Clone, Copy)]
pub(crate) enum Wrapper {
    Zlib,
    Gzip,
}

impl Wrapper {
    const fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
        }
    }
}

/// libdeflate's contexts: one to inflate, one to deflate at the last level used.
#[derive(Default)]
pub(crate) struct Contexts {
    inflate: Option<Decompressor>,
    deflate: Option<(u32, Compressor)>,
}

impl Contexts {
    /// Inflates into `out` and returns how many bytes came out. Adler-32 or CRC-32 are verified. Bytes behind a zlib
    /// stream are ignored, as libhdf5 does; behind a gzip member they are refused, as Python does, by the length that
    /// the member ends with.
    pub(crate) fn inflate(&mut self, wrapper: Wrapper, stored: &[u8], out: &mut [u8]) -> Result<usize> {
        let context = self.inflate.get_or_insert_with(Decompressor::new);
        let result = match wrapper {
            Wrapper::Zlib => context.zlib_decompress(stored, out),
            Wrapper::Gzip => context.gzip_decompress(stored, out),
        };
        let inflated = result.map_err(|error| match error {
            DecompressionError::InsufficientSpace => too_long(wrapper.name(), out.len()),
            DecompressionError::BadData => {
                corrupt(format!("`{}` data of {} bytes does not inflate", wrapper.name(), stored.len()))
            }
        })?;
        let length = stored.last_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if matches!(wrapper, Wrapper::Gzip) && length != Some(inflated as u32) {
            return Err(corrupt("`gzip` data has bytes behind its end"));
        }
        Ok(inflated)
    }

    /// Deflates at a level of 0 to 9.
    pub(crate) fn deflate(
        &mut self,
        wrapper: Wrapper,
        level: u32,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if self.deflate.as_ref().is_none_or(|(last, _)| *last != level) {
            let parsed =
                i32::try_from(level).ok().filter(|l| *l <= 9).and_then(|l| CompressionLvl::new(l).ok());
            let parsed = parsed.ok_or_else(|| {
                bad_parameter(format!("level {level} of `{}`; 0 to 9 expected", wrapper.name()))
            })?;
            self.deflate = Some((level, Compressor::new(parsed)));
        }
        let Some((_, context)) = &mut self.deflate else { return Ok(()) };
        let bound = match wrapper {
            Wrapper::Zlib => context.zlib_compress_bound(data.len()),
            Wrapper::Gzip => context.gzip_compress_bound(data.len()),
        };
        out.resize(bound, 0);
        let len = match wrapper {
            Wrapper::Zlib => context.zlib_compress(data, out),
            Wrapper::Gzip => context.gzip_compress(data, out),
        };
        let len = len.map_err(|error| {
            bad_parameter(format!("`{}` did not fit its bound", wrapper.name())).caused_by(error)
        })?;
        out.truncate(len);
        Ok(())
    }
}

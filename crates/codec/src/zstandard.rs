//! Zstandard frames (RFC 8878), by libzstd.

use arcoforge_core::error::{Code, Error, Result};
use zstd::bulk::{Compressor, Decompressor};

use crate::{bad_parameter, corrupt};

/// libzstd's contexts: one to decode, one to encode at the last level used.
#[derive(Default)]
pub(crate) struct Contexts {
    decoder: Option<Decompressor<'static>>,
    encoder: Option<(i32, Compressor<'static>)>,
}

impl Contexts {
    /// Decodes all frames of `stored` into `out` and returns how many bytes came out.
    pub(crate) fn decode(&mut self, stored: &[u8], out: &mut [u8]) -> Result<usize> {
        let context = match &mut self.decoder {
            Some(context) => context,
            empty => empty.insert(Decompressor::new().map_err(out_of_memory)?),
        };
        let bytes_max = out.len();
        context.decompress_to_buffer(stored, out).map_err(|error| {
            corrupt(format!(
                "`zstd` data of {} bytes does not decode to at most {bytes_max} bytes",
                stored.len()
            ))
            .caused_by(error)
        })
    }

    /// Encodes one frame that states its content's size, without a checksum.
    pub(crate) fn encode(&mut self, level: i32, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        out.reserve(zstd::zstd_safe::compress_bound(data.len()));
        self.encoder(level)?.compress_to_buffer(data, out).map_err(failed)?;
        Ok(())
    }

    fn encoder(&mut self, level: i32) -> Result<&mut Compressor<'static>> {
        if self.encoder.as_ref().is_none_or(|(last, _)| *last != level) {
            if !zstd::compression_level_range().contains(&level) {
                let range = zstd::compression_level_range();
                return Err(bad_parameter(format!(
                    "level {level} of `zstd`; {} to {} expected",
                    range.start(),
                    range.end()
                )));
            }
            self.encoder = Some((level, Compressor::new(level).map_err(out_of_memory)?));
        }
        match &mut self.encoder {
            Some((_, encoder)) => Ok(encoder),
            None => Err(Error::new(Code::Bug, "no zstd context")),
        }
    }
}

fn out_of_memory(error: std::io::Error) -> Error {
    Error::new(Code::MemoryLimit, "no memory for a `zstd` context").caused_by(error)
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Code::Bug, "`zstd` failed to encode").caused_by(error)
}

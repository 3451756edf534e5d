//! HDF5's own codecs, which follow its datatype messages: szip, scale-offset and n-bit.

use arcoforge_core::codec::Codec;
use arcoforge_core::error::{Code, Error, Result};
use hdf5_reader::filters::{nbit, scaleoffset, szip};

/// Decodes [`Codec::Szip`], [`Codec::ScaleOffset`] and [`Codec::Nbit`], for
/// [`Scratch::with_foreign`](arcoforge_codec::Scratch::with_foreign).
///
/// # Errors
/// [`Code::SourceCorrupt`] where the bytes do not decode or yield more than `bytes_max`;
/// [`Code::SourceUnsupported`] for another codec.
pub fn decode_foreign(codec: &Codec, stored: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    super::guarded(|| {
        let decoded = match codec {
            Codec::Szip { params } => szip::decompress_with_limit(stored, params, bytes_max),
            Codec::ScaleOffset { params } => scaleoffset::decompress_with_limit(stored, params, bytes_max),
            Codec::Nbit { params } => nbit::decompress_with_limit(stored, params, bytes_max),
            other => {
                let message = format!("`{}` is not one of HDF5's own codecs", other.name());
                return Err(Error::new(Code::SourceUnsupported, message));
            }
        };
        let decoded = decoded.map_err(|error| {
            Error::new(Code::SourceCorrupt, format!("`{}` data does not decode", codec.name()))
                .caused_by(error)
        })?;
        if decoded.len() > bytes_max {
            let message = format!(
                "`{}` data decodes to {} bytes, more than the expected {bytes_max}",
                codec.name(),
                decoded.len()
            );
            return Err(Error::new(Code::SourceCorrupt, message));
        }
        Ok(decoded)
    })
}

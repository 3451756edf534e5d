//! Which codecs can be undone.

use arcoforge_core::codec::Codec;

use crate::{bitshuffle, grib, tiff};

/// Whether [`decode`](crate::decode) can undo this codec, else why not (a lower-case phrase).
///
/// Szip, scale-offset and n-bit count as decodable: they need a [`ForeignDecode`](crate::ForeignDecode).
///
/// # Errors
/// The reason, for a filter without a decoder or with parameters that none of its versions has.
pub fn is_decodable(codec: &Codec) -> Result<(), String> {
    match codec {
        Codec::Unknown { id, name } if name.is_empty() => {
            Err(format!("HDF5 filter {id} has no decoder here"))
        }
        Codec::Unknown { id, name } => Err(format!("HDF5 filter {id} (`{name}`) has no decoder here")),
        Codec::Records { piece_bytes, stride_bytes } if *piece_bytes == 0 || stride_bytes < piece_bytes => {
            Err(format!("`records` with pieces of {piece_bytes} bytes, {stride_bytes} bytes apart"))
        }
        Codec::Grib(field) => grib::refusal(field).map_or(Ok(()), Err),
        Codec::Shuffle { element_size: 0 } => Err("`shuffle` with elements of 0 bytes".into()),
        Codec::Bitshuffle { params } => bitshuffle::Params::parse(params).map(|_| ()),
        Codec::Tiff(step) => tiff::is_decodable(step),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let rows = [
            (Codec::Lzf, None),
            (Codec::Szip { params: vec![] }, None),
            (
                Codec::Unknown { id: 32013, name: "zfp".into() },
                Some("HDF5 filter 32013 (`zfp`) has no decoder here"),
            ),
            (Codec::Unknown { id: 9, name: String::new() }, Some("HDF5 filter 9 has no decoder here")),
            (Codec::Shuffle { element_size: 0 }, Some("`shuffle` with elements of 0 bytes")),
            (Codec::Records { piece_bytes: 4, stride_bytes: 4 }, None),
            (
                Codec::Records { piece_bytes: 4, stride_bytes: 3 },
                Some("`records` with pieces of 4 bytes, 3 bytes apart"),
            ),
            (Codec::Bitshuffle { params: vec![0, 4, 2, 0, 2] }, None),
            (
                Codec::Bitshuffle { params: vec![0, 4, 2, 0, 7] },
                Some("`bitshuffle` with compressor 7; 0 (none), 2 (LZ4) and 3 (Zstandard) are known"),
            ),
        ];
        for (codec, expected) in rows {
            assert_eq!(is_decodable(&codec).err().as_deref(), expected, "{codec:?}");
        }
    }
}

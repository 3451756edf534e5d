//! Texts of any length: `vlen-utf8`, and codecs whose decoded length only the stored bytes tell.

use arcoforge_codec::{Scratch, can_hold, decode_to_end};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::{Code, Error, Result};

use super::cells::{length, zeros};

/// Decodes a chunk of `cells` texts.
pub(super) fn decode(
    codecs: &[Codec],
    stored: &[u8],
    cells: usize,
    scratch: &mut Scratch,
) -> Result<Vec<String>> {
    let mut bytes = stored.to_vec();
    for codec in codecs.iter().rev() {
        let encoding = Encoding { endian: Endian::Little, codecs: vec![codec.clone()] };
        if matches!(codec, Codec::Zlib { .. } | Codec::Bzip2 { .. }) {
            bytes = decode_to_end(codec, &bytes, scratch)?;
            continue;
        }
        let decoded = decoded_bytes(codec, &bytes).ok_or_else(|| {
            let message = format!("texts stored with `{}` that does not tell their length", codec.name());
            Error::new(Code::SourceUnsupported, message)
        })?;
        can_hold(&encoding, 0, bytes.len(), decoded)?;
        let mut out = zeros(length(decoded, 1)?)?;
        arcoforge_codec::decode(&encoding, 1, 0, &bytes, &mut out, scratch)?;
        bytes = out;
    }
    texts(&bytes, cells).ok_or_else(|| {
        let message = format!("found {} bytes that are not {cells} texts of `vlen-utf8`", bytes.len());
        Error::new(Code::SourceCorrupt, message)
    })
}

/// How long the stored bytes say that they are when decoded.
fn decoded_bytes(codec: &Codec, stored: &[u8]) -> Option<u64> {
    let length = stored.len() as u64;
    match codec {
        Codec::Shuffle { .. } => Some(length),
        Codec::Crc32c | Codec::Fletcher32 => length.checked_sub(4),
        Codec::Blosc(_) => le(stored.get(4..8)?),
        Codec::Gzip { .. } => le(stored.last_chunk::<4>()?), // RFC 1952: modulo 2^32
        Codec::Zstd { .. } => zstd_content_bytes(stored),
        _ => None,
    }
}

/// The content size in the header of a Zstandard frame (RFC 8878, section 3.1.1.1).
fn zstd_content_bytes(frame: &[u8]) -> Option<u64> {
    let rest = frame.strip_prefix(b"\x28\xb5\x2f\xfd")?;
    let descriptor = *rest.first()?;
    let single_segment = descriptor & 0x20 != 0;
    let dictionary_bytes = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let at = 1 + usize::from(!single_segment) + dictionary_bytes;
    match descriptor >> 6 {
        0 if single_segment => le(rest.get(at..at + 1)?),
        0 => None,
        1 => Some(le(rest.get(at..at + 2)?)? + 256),
        2 => le(rest.get(at..at + 4)?),
        _ => le(rest.get(at..at + 8)?),
    }
}

fn le(bytes: &[u8]) -> Option<u64> {
    Some(bytes.iter().rev().fold(0, |n, &b| (n << 8) | u64::from(b)))
}

/// The number of texts, then each behind its length; all numbers four bytes, little-endian.
fn texts(bytes: &[u8], cells: usize) -> Option<Vec<String>> {
    let (count, mut rest) = bytes.split_at_checked(4)?;
    if usize::try_from(le(count)?).ok()? != cells || cells > rest.len() / 4 {
        return None;
    }
    let mut texts = Vec::with_capacity(cells);
    for _ in 0..cells {
        let (length, behind) = rest.split_at_checked(4)?;
        let (text, behind) = behind.split_at_checked(usize::try_from(le(length)?).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = behind;
    }
    rest.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_behind_their_lengths() {
        // numcodecs.VLenUTF8().encode(["ab", "", "é"])
        let bytes = b"\x03\0\0\0\x02\0\0\0ab\0\0\0\0\x02\0\0\0\xc3\xa9";
        assert_eq!(texts(bytes, 3).unwrap(), ["ab", "", "é"]);
        for (bytes, cells) in
            [(&bytes[..], 2), (&bytes[..19], 3), (b"\xff\xff\xff\xff", usize::MAX), (b"", 0)]
        {
            assert_eq!(texts(bytes, cells), None);
        }
    }

    #[test]
    fn zstd_frames_tell_their_length() {
        let rows: [(&[u8], Option<u64>); 5] = [
            (b"\x28\xb5\x2f\xfd\x20\x05", Some(5)),
            (b"\x28\xb5\x2f\xfd\x60\x00\x01", Some(512)),
            (b"\x28\xb5\x2f\xfd\xa0\x00\x00\x01\x00", Some(65536)),
            (b"\x28\xb5\x2f\xfd\x00\x58", None),
            (b"\x28\xb5\x2f", None),
        ];
        for (frame, expected) in rows {
            assert_eq!(zstd_content_bytes(frame), expected);
        }
    }
}

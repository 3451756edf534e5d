//! Decoding where nothing says how long the result will be.

use arcoforge_core::codec::Codec;
use arcoforge_core::error::Result;

use crate::pipeline::{expansion_max, undo};
use crate::{Scratch, too_long};

/// Room for a result at first.
const ROOM_BYTES: usize = 4096;

/// Undoes `zlib`, `gzip` or `bzip2`, however long the result is: room for it grows until it suffices, and no further than
/// the format can need.
///
/// # Errors
/// As [`decode`](crate::decode).
pub fn decode_to_end(codec: &Codec, stored: &[u8], scratch: &mut Scratch) -> Result<Vec<u8>> {
    let most = (stored.len() as u64).saturating_mul(expansion_max(codec));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut room = stored.len().saturating_mul(4).max(ROOM_BYTES).min(most);
    loop {
        let mut out = vec![0; room];
        match undo(codec, stored, &mut out, &mut scratch.tools) {
            Ok(length) => {
                out.truncate(length);
                return Ok(out);
            }
            Err(error) if room < most && error.message == too_long(codec.name(), room).message => {
                room = room.saturating_mul(2).min(most);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use arcoforge_core::codec::Encoding;
    use arcoforge_core::dtype::Endian;

    use super::*;
    use crate::encode;

    #[test]
    fn what_was_encoded_comes_back_whatever_its_length() {
        let mut scratch = Scratch::new();
        let codecs = [Codec::Zlib { level: 6 }, Codec::Gzip { level: 1 }, Codec::Bzip2 { level: 9 }];
        for codec in codecs {
            for length in [0, 1, 4095, 4096, 4097, 1 << 16, 3 << 20] {
                let data: Vec<u8> =
                    (0..length).map(|n: u32| if n.is_multiple_of(7) { n as u8 } else { 0 }).collect();
                let encoding = Encoding { endian: Endian::Little, codecs: vec![codec.clone()] };
                let mut stored = Vec::new();
                encode(&encoding, 1, &data, &mut stored, &mut scratch).expect("encodes");
                let found = decode_to_end(&codec, &stored, &mut scratch).expect("decodes");
                assert!(found == data, "{} of {length} bytes", codec.name());
                stored.pop();
                let cut = decode_to_end(&codec, &stored, &mut scratch);
                assert!(cut.is_err(), "{} of {length} bytes, cut off", codec.name());
            }
        }
    }
}

//! The file of a survey's facts: tables of what is equal in many inputs, and for every input its rows there.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `arcosurv` |
//! | 8 | length of the content, little-endian |
//! | 16 | XXH3-128 over version, length and content |
//! | | the content: Zstandard over [postcard](https://postcard.jamesmunns.com/wire-format) |

mod rows;

use arcoforge_codec::{Scratch, can_hold};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use xxhash_rust::xxh3::Xxh3;

use super::Known;

/// Changes with what readers say of a file, too: what an earlier version said must not be taken for it.
const VERSION: &str = concat!("survey 1 ", env!("CARGO_PKG_VERSION"));
const MAGIC: &[u8; 8] = b"arcosurv";
/// Bytes before the content.
const HEADER: usize = 32;
const LEVEL: i32 = 3;
/// A file whose content is longer is not read.
const CONTENT_BYTES_MAX: u64 = 1 << 30;

/// The file of these facts; `None` where they are too large for one.
pub(super) fn encode(known: &Known) -> Option<Vec<u8>> {
    let content = postcard::to_allocvec(&rows::Tables::of(known)?).ok()?;
    let length = content.len() as u64;
    if length > CONTENT_BYTES_MAX {
        return None;
    }
    let mut packed = Vec::new();
    arcoforge_codec::encode(&encoding(), 1, &content, &mut packed, &mut Scratch::new()).ok()?;
    let mut file = Vec::with_capacity(HEADER + packed.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&digest(length, &packed).to_le_bytes());
    file.extend_from_slice(&packed);
    Some(file)
}

/// The facts of a file; `None` where it is not whole or of another version.
pub(super) fn decode(file: &[u8]) -> Option<Known> {
    let rest = file.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (expected, packed) = rest.split_first_chunk()?;
    let length = u64::from_le_bytes(*length);
    if length > CONTENT_BYTES_MAX || digest(length, packed) != u128::from_le_bytes(*expected) {
        return None;
    }
    can_hold(&encoding(), 0, packed.len(), length).ok()?;
    let mut content = vec![0; usize::try_from(length).ok()?];
    arcoforge_codec::decode(&encoding(), 1, 0, packed, &mut content, &mut Scratch::new()).ok()?;
    postcard::from_bytes::<rows::Tables>(&content).ok()?.known()
}

fn encoding() -> Encoding {
    Encoding { endian: Endian::Little, codecs: vec![Codec::Zstd { level: LEVEL }] }
}

fn digest(length: u64, packed: &[u8]) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(VERSION.as_bytes());
    hash.update(&length.to_le_bytes());
    hash.update(packed);
    hash.digest128()
}

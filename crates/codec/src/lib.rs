//! Bytes to bytes: every codec that a chunk of HDF5, NetCDF4, Zarr, TIFF or GRIB can be stored with.
//!
//! In the flow this stands between reading and writing: `arcoforge-read` hands over the stored bytes of a chunk with
//! their [`Encoding`](arcoforge_core::codec::Encoding), [`decode`] gives back little-endian elements; [`encode`] is the
//! way back, for `arcoforge-write`. Every call runs on the caller's thread, with explicit level and block size, and
//! gives the same bytes for the same input.
//!
//! ```
//! use arcoforge_codec::{Scratch, decode, encode};
//! use arcoforge_core::codec::{Codec, Encoding};
//! use arcoforge_core::dtype::Endian;
//!
//! let codecs = vec![Codec::Shuffle { element_size: 2 }, Codec::Zlib { level: 4 }];
//! let encoding = Encoding { endian: Endian::Little, codecs };
//! let (elements, mut stored, mut scratch) = (vec![1, 0, 2, 0, 3, 0], Vec::new(), Scratch::new());
//! encode(&encoding, 2, &elements, &mut stored, &mut scratch)?;
//! let mut back = vec![0; 6];
//! decode(&encoding, 2, 0, &stored, &mut back, &mut scratch)?;
//! assert_eq!(back, elements);
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```
//!
//! What is decoded comes from strangers: every size is checked before it is trusted, no call allocates more than a
//! small multiple of the expected result, and checksums are verified. Szip, scale-offset and n-bit are HDF5's own and
//! are decoded by the HDF5 reader through [`ForeignDecode`].
//!
//! It does no IO, starts no thread, and knows nothing about arrays beyond the size of an element.

mod bitshuffle;
mod blosc;
mod bzip;
mod checksum;
mod deflate;
mod grib;
mod lz4;
mod lzf;
mod order;
mod pipeline;
mod records;
mod scratch;
mod shuffle;
mod support;
mod tiff;
mod to_end;
mod zstandard;

use arcoforge_core::error::{Code, Error};

pub use checksum::crc32;
pub use pipeline::{can_hold, decode, encode, encode_over};
pub use scratch::{ForeignDecode, Scratch};
pub use support::is_decodable;
pub use to_end::decode_to_end;

/// A damaged input: what was found and what was expected.
fn corrupt(message: impl Into<String>) -> Error {
    Error::new(Code::SourceCorrupt, message)
}

/// A codec that yields more than the chunk can hold.
fn too_long(codec: &str, bytes_max: usize) -> Error {
    corrupt(format!("`{codec}` data decodes to more than the expected {bytes_max} bytes"))
}

/// A parameter that the codec does not take.
fn bad_parameter(message: impl Into<String>) -> Error {
    Error::new(Code::OutputInvalid, message)
}

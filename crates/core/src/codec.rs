//! Codecs as data: what was done to the bytes of a stored chunk, in the order of encoding.
//!
//! `arcoforge-codec` carries them out; readers report them, targets name them, and the planner compares them.

mod tiff;

use serde::{Deserialize, Serialize};

pub use self::tiff::Tiff;

use crate::dtype::{DataType, Endian};

/// One step from elements to stored bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "codec", rename_all = "lowercase")]
pub enum Codec {
    /// Byte shuffle (HDF5 filter 2): the n-th bytes of all elements together; trailing bytes are kept as they are.
    Shuffle {
        /// Bytes of one element.
        element_size: u32,
    },
    /// DEFLATE in a zlib stream (RFC 1950; HDF5 filter 1).
    Zlib {
        /// 0 to 9.
        level: u32,
    },
    /// DEFLATE in a gzip member (RFC 1952).
    Gzip {
        /// 0 to 9.
        level: u32,
    },
    /// HDF5's Fletcher-32 checksum behind the data (filter 3).
    Fletcher32,
    /// CRC-32C behind the data, little-endian (Zarr v3).
    Crc32c,
    /// Zstandard frame (RFC 8878; HDF5 filter 32015).
    Zstd {
        /// Compression level; negative is faster.
        level: i32,
    },
    /// Blosc 1 container (HDF5 filter 32001).
    Blosc(Blosc),
    /// HDF5 filter 32004: LZ4 in big-endian framed blocks.
    Lz4Hdf5 {
        /// Bytes of one block before compression; 0 for the filter's default.
        block_bytes: u64,
    },
    /// HDF5 filter 32000, LZF.
    Lzf,
    /// HDF5 filter 307, a bzip2 stream.
    Bzip2 {
        /// 1 to 9.
        level: u32,
    },
    /// HDF5 filter 4, extended-Rice (CCSDS 121.0-B) as in szip/libaec.
    Szip {
        /// The filter's client data: options mask, pixels per block, bits per pixel, pixels per scanline.
        params: Vec<u32>,
    },
    /// HDF5 filter 6.
    ScaleOffset {
        /// The filter's client data.
        params: Vec<u32>,
    },
    /// HDF5 filter 5.
    Nbit {
        /// The filter's client data.
        params: Vec<u32>,
    },
    /// HDF5 filter 32008: bits of elements transposed, then optionally LZ4 or Zstandard.
    Bitshuffle {
        /// The filter's client data: version major, minor, element size, block size, compressor.
        params: Vec<u32>,
    },
    /// No compression: pieces that lie apart in the file, with bytes of other arrays between them (records of NetCDF
    /// classic files). The stored bytes begin with the first piece and end with the last.
    Records {
        /// Bytes of one piece.
        piece_bytes: u64,
        /// Bytes from the beginning of one piece to that of the next.
        stride_bytes: u64,
    },
    /// A step of TIFF's own.
    Tiff(Tiff),
    /// One field of a GRIB message: whole (`GRIB` to `7777`), or sections 5, 6 and 7 of it.
    Grib(Grib),
    /// A filter that can't be undone here; keeps its HDF5 number and name for the message.
    Unknown {
        /// The registered number of the filter.
        id: u32,
        /// Its name, where the file has one.
        name: String,
    },
}

impl Codec {
    /// The codec's name, without its parameters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Shuffle { .. } => "shuffle",
            Self::Zlib { .. } => "zlib",
            Self::Gzip { .. } => "gzip",
            Self::Fletcher32 => "fletcher32",
            Self::Crc32c => "crc32c",
            Self::Zstd { .. } => "zstd",
            Self::Blosc(_) => "blosc",
            Self::Lz4Hdf5 { .. } => "lz4hdf5",
            Self::Lzf => "lzf",
            Self::Bzip2 { .. } => "bzip2",
            Self::Szip { .. } => "szip",
            Self::ScaleOffset { .. } => "scaleoffset",
            Self::Nbit { .. } => "nbit",
            Self::Bitshuffle { .. } => "bitshuffle",
            Self::Records { .. } => "records",
            Self::Tiff(step) => step.name(),
            Self::Grib(_) => "grib",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What decoding a field of GRIB 1 (WMO FM 92-VIII) or GRIB 2 (FM 92-XIV) needs beside its bytes. How it is packed stands in
/// these.
///
/// Decoded, it is `points` little-endian numbers in the order of the file, NaN where the field has no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grib {
    /// What every value becomes.
    pub float: GribFloat,
    /// Values of the field, missing ones included.
    pub points: u64,
    /// How to put values in rows; `None` leaves them as they follow each other in the field.
    pub scan: Option<GribScan>,
}

/// The numbers that a GRIB field decodes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GribFloat {
    /// 32 bits: the packed value is computed in 64 and rounded once.
    F32,
    /// 64 bits, for fields that are packed so.
    F64,
}

impl GribFloat {
    /// Bytes of one value.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A scanning mode (GRIB 1 table 8, GRIB 2 table 3.4) whose values do not lie row by row from the first point of each.
///
/// Decoded values do: `rows` rows of `columns` values, rows and columns in the directions that the mode tells, which is
/// not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GribScan {
    /// Points along a row (Ni, Nx).
    pub columns: u64,
    /// Points along a column (Nj, Ny); `columns` times `rows` is the number of points.
    pub rows: u64,
    /// Consecutive values are neighbours along j: the field is stored column by column (bit 3 of the mode).
    pub by_columns: bool,
    /// Every second row, or column if stored so, runs in the opposite direction (bit 4 of the mode, GRIB 2 only).
    pub alternating: bool,
}

/// The parameters of Blosc 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blosc {
    /// `blosclz`, `lz4`, `lz4hc`, `zlib`, `zstd` or `snappy`.
    pub cname: String,
    /// 0 to 9.
    pub clevel: u32,
    /// What is done before compression.
    pub shuffle: BloscShuffle,
    /// Bytes of one element.
    pub typesize: u32,
    /// Bytes of one block; 0 lets the library choose.
    pub blocksize: u64,
}

/// Blosc's own filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BloscShuffle {
    /// None.
    NoShuffle,
    /// By bytes.
    Shuffle,
    /// By bits.
    BitShuffle,
}

/// How one chunk's elements became its stored bytes: byte order, then codecs in the order of encoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// Byte order of the elements.
    pub endian: Endian,
    /// Applied from first to last when encoding, undone from last to first.
    pub codecs: Vec<Codec>,
}

impl Encoding {
    /// Little-endian elements, not compressed.
    pub const fn raw() -> Self {
        Self { endian: Endian::Little, codecs: Vec::new() }
    }

    /// Whether a chunk of so many decoded bytes is encoded in the memory of its elements: in the blocks of Blosc, which
    /// are independent. Small chunks are not worth it, large blocks and their number would need memory of their own, and
    /// Snappy's blocks may grow.
    pub fn is_over_cells(&self, chunk_bytes: u64) -> bool {
        let [Codec::Blosc(blosc)] = self.codecs.as_slice() else { return false };
        let blocks = blosc.blocksize == 0 || (OVER_BLOCK_MIN..=OVER_BLOCK_MAX).contains(&blosc.blocksize);
        blocks && chunk_bytes >= OVER_BYTES_MIN && blosc.cname != "snappy"
    }
}

/// The smallest chunk that is encoded over its elements.
const OVER_BYTES_MIN: u64 = 4 << 20;
/// The smallest blocks of such a chunk.
const OVER_BLOCK_MIN: u64 = 32 << 10;
/// The largest blocks of such a chunk.
const OVER_BLOCK_MAX: u64 = 1 << 20;

/// Bytes of one block of the default codec.
const DEFAULT_BLOCK_BYTES: u64 = 512 * 1024;
/// Blosc never compresses a buffer that is smaller than this.
const COMPRESSED_BYTES_MIN: u64 = 128;

/// How a chunk of `chunk_bytes` decoded bytes is stored where neither recipe nor user says otherwise.
///
/// Blosc with Zstandard in blocks of 512 KiB, little-endian: integers by bits at the fastest level, floating point by
/// bytes at the next one; docs/design/0001-default-codec.md has the measurements. Text, whose elements have no fixed
/// size, gets plain Zstandard; chunks too small for Blosc to compress stay as they are.
pub fn default_encoding(dtype: DataType, chunk_bytes: u64) -> Encoding {
    let codec = match dtype.size() {
        None => Codec::Zstd { level: 3 },
        Some(_) if chunk_bytes < COMPRESSED_BYTES_MIN => return Encoding::raw(),
        Some(size) => {
            let by_bits = dtype.is_integer() || dtype == DataType::Bool;
            Codec::Blosc(Blosc {
                cname: "zstd".into(),
                clevel: if by_bits { 1 } else { 2 },
                shuffle: if by_bits { BloscShuffle::BitShuffle } else { BloscShuffle::Shuffle },
                typesize: size as u32,
                blocksize: DEFAULT_BLOCK_BYTES,
            })
        }
    };
    Encoding { endian: Endian::Little, codecs: vec![codec] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_by_type_and_size() {
        let rows = [
            (DataType::Int16, 2_073_600, "zstd 1 BitShuffle 2"),
            (DataType::Bool, 1000, "zstd 1 BitShuffle 1"),
            (DataType::Float32, 128, "zstd 2 Shuffle 4"),
            (DataType::Complex128, 1 << 30, "zstd 2 Shuffle 16"),
            (DataType::Float64, 127, "raw"),
            (DataType::Text, 1, "zstd"),
        ];
        for (dtype, chunk_bytes, expected) in rows {
            let encoding = default_encoding(dtype, chunk_bytes);
            assert_eq!(encoding.endian, Endian::Little);
            let found = match encoding.codecs.as_slice() {
                [] => "raw".to_owned(),
                [Codec::Blosc(b)] => format!("{} {} {:?} {}", b.cname, b.clevel, b.shuffle, b.typesize),
                [codec] => codec.name().to_owned(),
                more => format!("{more:?}"),
            };
            assert_eq!(found, expected, "{dtype} {chunk_bytes}");
        }
    }
}

//! The steps that TIFF knows from samples to the stored bytes of a strip or tile (TIFF 6.0, with its technical notes).

use serde::{Deserialize, Serialize};

use crate::dtype::Endian;

/// One step of TIFF's own; DEFLATE and Zstandard are codecs that others have, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Tiff {
    /// LZW (compression 5), in the order of bits of TIFF 6.0 or of older files, told by the first two bytes.
    Lzw,
    /// Runs of bytes (compression 32773).
    PackBits,
    /// A JPEG stream (compression 7), with 8 bits a sample.
    Jpeg {
        /// The tag `JPEGTables`: quantization and Huffman tables that all streams share.
        tables: Vec<u8>,
        /// Samples of one pixel: 1 or 3.
        samples: u32,
        /// Samples of one row.
        row: u64,
        /// Whether the stored colours are YCbCr, shown as RGB.
        ycbcr: bool,
    },
    /// The bits of every byte in reverse order (`FillOrder` 2).
    ReversedBits,
    /// Predictor 2: each integer as its difference to the same sample of the pixel before.
    Delta {
        /// Bytes of one sample: 1, 2, 4 or 8.
        element_size: u32,
        /// Samples of one pixel.
        samples: u32,
        /// Samples of one row.
        row: u64,
        /// The byte order in which differences were taken.
        endian: Endian,
    },
    /// Predictor 3: each row of floats as planes of bytes, the most significant first, as differences to the byte
    /// before. What comes out is little-endian whatever the file is.
    FloatDelta {
        /// Bytes of one sample: 2, 4 or 8.
        element_size: u32,
        /// Samples of one pixel.
        samples: u32,
        /// Samples of one row.
        row: u64,
    },
    /// Samples of less than a byte, or of 9 to 15 bits, without gaps; rows begin at whole bytes. What comes out are
    /// bytes, or little-endian 16-bit integers.
    Packed {
        /// Bits of one sample: 1 to 7, or 9 to 15.
        bits: u32,
        /// Samples of one row.
        row: u64,
    },
    /// Pixel after pixel, each with all of its samples; what comes out is sample after sample, each with all pixels.
    Interleaved {
        /// Samples of one pixel.
        samples: u32,
        /// Bytes of one sample.
        element_size: u32,
    },
    /// The same, of which one sample is wanted.
    Sample {
        /// Which.
        sample: u32,
        /// Samples of one pixel.
        samples: u32,
        /// Bytes of one sample.
        element_size: u32,
    },
}

impl Tiff {
    /// The step's name, without its parameters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lzw => "lzw",
            Self::PackBits => "packbits",
            Self::Jpeg { .. } => "jpeg",
            Self::ReversedBits => "reversedbits",
            Self::Delta { .. } => "delta",
            Self::FloatDelta { .. } => "floatdelta",
            Self::Packed { .. } => "packed",
            Self::Interleaved { .. } => "interleaved",
            Self::Sample { .. } => "sample",
        }
    }

    /// Whether what comes out is as long as what went in.
    pub const fn keeps_length(&self) -> bool {
        matches!(
            self,
            Self::ReversedBits | Self::Delta { .. } | Self::FloatDelta { .. } | Self::Interleaved { .. }
        )
    }
}

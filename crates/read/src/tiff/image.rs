//! What one directory says of its image: size, samples, and how they were encoded.

use arcoforge_core::codec::{Codec, Encoding, Tiff};
use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::Result;

use super::file::{Directory, File, damaged};
use super::tags;

const DEFLATE: [u64; 2] = [8, 32_946];
const LZW: u64 = 5;
const JPEG: u64 = 7;
const ZSTD: u64 = 50_000;
const YCBCR: u64 = 6;
/// No dimension is longer.
const LENGTH_MAX: u64 = 1 << 32;

/// The image of one directory.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) samples: u64,
    /// Each sample in strips or tiles of its own.
    pub(super) separate: bool,
    /// Width and height of one tile; `None` for strips.
    pub(super) tile: Option<(u64, u64)>,
    pub(super) rows_per_strip: u64,
    pub(super) compression: u64,
    bits: Vec<u64>,
    formats: Vec<u64>,
    predictor: u64,
    photometric: u64,
    fill_order: u64,
    tables: Vec<u8>,
}

impl Image {
    /// Reads the tags.
    ///
    /// # Errors
    /// `source-corrupt` where they are missing or make no image.
    pub(super) fn read(file: &File, directory: &Directory) -> Result<Self> {
        let first = |tag| file.first(directory, tag);
        let or = |tag, value| first(tag).map(|found| found.unwrap_or(value));
        let length = |tag, what: &str| match first(tag)? {
            Some(length @ 1..=LENGTH_MAX) => Ok(length),
            Some(length) => Err(damaged(format!("its {what} is {length}"))),
            None => Err(damaged(format!("it does not say its {what}"))),
        };
        let (width, height) = (length(tags::WIDTH, "width")?, length(tags::HEIGHT, "height")?);
        let tile = match directory.has(tags::TILE_WIDTH) {
            true => Some((
                length(tags::TILE_WIDTH, "width of a tile")?,
                length(tags::TILE_LENGTH, "height of a tile")?,
            )),
            false => None,
        };
        let samples = or(tags::SAMPLES_PER_PIXEL, 1)?;
        if !(1..=65_535).contains(&samples) {
            return Err(damaged(format!("it has {samples} samples a pixel")));
        }
        Ok(Self {
            width,
            height,
            samples,
            separate: or(tags::PLANAR_CONFIGURATION, 1)? == 2,
            tile,
            rows_per_strip: or(tags::ROWS_PER_STRIP, height)?.clamp(1, height),
            compression: or(tags::COMPRESSION, 1)?,
            bits: file.numbers(directory, tags::BITS_PER_SAMPLE)?,
            formats: file.numbers(directory, tags::SAMPLE_FORMAT)?,
            predictor: or(tags::PREDICTOR, 1)?,
            photometric: or(tags::PHOTOMETRIC, 1)?,
            fill_order: or(tags::FILL_ORDER, 1)?,
            tables: file.bytes(directory, tags::JPEG_TABLES)?.unwrap_or_default(),
        })
    }

    /// Samples that are stored together.
    pub(super) fn together(&self) -> u64 {
        if self.separate { 1 } else { self.samples }
    }

    /// Rows and columns of a tile, or of a strip.
    pub(super) fn chunk(&self) -> (u64, u64) {
        self.tile.map_or((self.rows_per_strip, self.width), |(width, height)| (height, width))
    }

    /// Bytes of so many rows of a strip, where it is stored as it is; `None` where it is compressed.
    pub(super) fn plain_bytes(&self, rows: u64) -> Option<u64> {
        let bits = self.width.checked_mul(self.together())?.checked_mul(self.bits())?;
        bits.div_ceil(8).checked_mul(rows).filter(|_| self.compression == 1)
    }

    /// Bits of the first sample; [`Self::dtype`] refuses where others differ.
    fn bits(&self) -> u64 {
        self.bits.first().copied().unwrap_or(1)
    }

    /// The type of the samples as the dataset has it.
    ///
    /// # Errors
    /// Why they can't be read.
    pub(super) fn dtype(&self) -> Result<DataType, String> {
        let (bits, format) = (self.bits(), self.formats.first().copied().unwrap_or(1));
        let differ = |values: &[u64]| values.iter().any(|value| values.first() != Some(value));
        if differ(&self.bits) {
            return Err(format!("its samples have {:?} bits, expected the same of all", self.bits));
        }
        if differ(&self.formats) {
            return Err(format!("its samples have the formats {:?}, expected the same of all", self.formats));
        }
        Ok(match (format, bits) {
            (1 | 4, 1..=8) => DataType::UInt8,
            (1 | 4, 9..=16) => DataType::UInt16,
            (1 | 4, 32) => DataType::UInt32,
            (1 | 4, 64) => DataType::UInt64,
            (2, 8) => DataType::Int8,
            (2, 16) => DataType::Int16,
            (2, 32) => DataType::Int32,
            (2, 64) => DataType::Int64,
            (3, 16) => DataType::Float16,
            (3, 32) => DataType::Float32,
            (3, 64) => DataType::Float64,
            (6, 64) => DataType::Complex64,
            (6, 128) => DataType::Complex128,
            _ => {
                let name = match format {
                    1 | 4 => "unsigned integers",
                    2 => "signed integers",
                    3 => "floats",
                    5 => "complex integers",
                    6 => "complex numbers",
                    _ => return Err(format!("its samples have the unknown format {format}")),
                };
                return Err(format!("its samples are {name} of {bits} bits, which arcoforge does not read"));
            }
        })
    }

    /// From samples to stored bytes, without the order of samples.
    ///
    /// # Errors
    /// What of it can't be undone.
    pub(super) fn encoding(&self, file_endian: Endian) -> Result<Encoding, String> {
        let dtype = self.dtype()?;
        let size = dtype.size().unwrap_or(1) as u32;
        let packed = self.bits() != u64::from(size) * 8;
        let samples = u32::try_from(self.together()).unwrap_or(u32::MAX);
        let row = self.chunk().1.saturating_mul(self.together());
        let mut codecs = Vec::new();
        let mut endian = file_endian;
        if packed {
            codecs.push(Codec::Tiff(Tiff::Packed { bits: self.bits() as u32, row }));
            endian = Endian::Little;
        }
        let compressor = self.compressor(samples, row)?;
        let predicts = matches!(self.compression, LZW | ZSTD) || DEFLATE.contains(&self.compression);
        match (self.predictor, packed, dtype) {
            (1, ..) => {}
            _ if !predicts => {}
            (2, false, _) if size <= 8 && (dtype.swap_size() as u32 == size || endian == Endian::Little) => {
                codecs.push(Codec::Tiff(Tiff::Delta { element_size: size, samples, row, endian }));
            }
            (3, false, DataType::Float16 | DataType::Float32 | DataType::Float64) => {
                codecs.push(Codec::Tiff(Tiff::FloatDelta { element_size: size, samples, row }));
                endian = Endian::Little;
            }
            (predictor, ..) => {
                return Err(format!(
                    "it has predictor {predictor} with samples of {} bits of type {dtype}",
                    self.bits()
                ));
            }
        }
        codecs.extend(compressor);
        if self.fill_order == 2 && self.compression != JPEG {
            codecs.push(Codec::Tiff(Tiff::ReversedBits));
        }
        if size == 1 {
            endian = Endian::Little;
        }
        Ok(Encoding { endian, codecs })
    }

    fn compressor(&self, samples: u32, row: u64) -> Result<Option<Codec>, String> {
        if self.photometric == YCBCR && self.compression != JPEG {
            return Err("its colours are YCbCr without JPEG, which arcoforge does not read".into());
        }
        Ok(Some(match self.compression {
            1 => return Ok(None),
            LZW => Codec::Tiff(Tiff::Lzw),
            32_773 => Codec::Tiff(Tiff::PackBits),
            ZSTD => Codec::Zstd { level: 9 },
            n if DEFLATE.contains(&n) => Codec::Zlib { level: 6 },
            JPEG if self.bits() != 8 => {
                return Err(format!(
                    "it is compressed by JPEG with {} bits a sample, expected 8",
                    self.bits()
                ));
            }
            JPEG if !matches!(samples, 1 | 3) => {
                return Err(format!(
                    "it is compressed by JPEG with {samples} samples a pixel, expected 1 or 3"
                ));
            }
            JPEG => {
                let ycbcr = self.photometric == YCBCR && samples == 3;
                Codec::Tiff(Tiff::Jpeg { tables: self.tables.clone(), samples, row, ycbcr })
            }
            number => {
                return Err(format!(
                    "it is compressed by {}, which arcoforge does not read",
                    name_of(number)
                ));
            }
        }))
    }
}

/// The name of a compression without a decoder.
fn name_of(compression: u64) -> String {
    let name = match compression {
        2 => "CCITT modified Huffman",
        3 => "CCITT Group 3 fax",
        4 => "CCITT Group 4 fax",
        6 => "old-style JPEG",
        32_809 => "ThunderScan",
        33_003 | 33_005 | 34_712 => "JPEG 2000",
        34_676 | 34_677 => "SGI LogLuv",
        34_887 => "LERC",
        34_925 => "LZMA",
        50_001 => "WebP",
        50_002 | 52_546 => "JPEG XL",
        number => return format!("compression {number}"),
    };
    format!("{name} (compression {compression})")
}

//! Decoded elements of a chunk or region.

use arcoforge_codec::{Scratch, can_hold, decode};
use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::Region;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};

use super::element::Element;
use super::meta::ArrayMeta;
use super::vlen;
use crate::gather::{clone_region, copy_region};
use crate::text::{from_bytes, trim_zeros};

/// Elements in C order.
pub(super) enum Cells {
    /// Little-endian numbers of so many bytes.
    Numbers(usize, Vec<u8>),
    Texts(Vec<String>),
}

impl Cells {
    /// Every cell has the array's unwritten value.
    pub(super) fn unwritten(array: &ArrayMeta, cells: u64) -> Result<Self> {
        let (scalar, bytes) = &array.unwritten;
        if let Scalar::Text(text) = scalar {
            return Ok(Self::Texts(vec![text.clone(); length(cells, 1)?]));
        }
        let mut out = zeros(length(cells, bytes.len())?)?;
        if bytes.iter().any(|&b| b != 0) {
            out.chunks_exact_mut(bytes.len()).for_each(|cell| cell.copy_from_slice(bytes));
        }
        Ok(Self::Numbers(bytes.len(), out))
    }

    /// Decodes one stored chunk.
    pub(super) fn decode(array: &ArrayMeta, stored: &[u8], scratch: &mut Scratch) -> Result<Self> {
        let cells = length(array.chunk.iter().product(), 1)?;
        let Some(size) = array.element.size() else {
            return vlen::decode(&array.encoding.codecs, stored, cells, scratch).map(Self::Texts);
        };
        let size = length(size, 1)?;
        let decoded = length(cells as u64, size)?;
        can_hold(&array.encoding, 0, stored.len(), decoded as u64)?;
        let mut out = zeros(decoded)?;
        decode(&array.encoding, array.element.swap_size(), 0, stored, &mut out, scratch)?;
        Ok(match array.element {
            Element::Number(_) | Element::Utf8 => Self::Numbers(size, out),
            _ if size == 0 => Self::Texts(vec![String::new(); cells]),
            Element::Chars(_) => {
                Self::Texts(out.chunks_exact(size).map(|c| from_bytes(trim_zeros(c))).collect())
            }
            Element::Utf32(_) => Self::Texts(out.chunks_exact(size).map(utf32).collect::<Result<_>>()?),
        })
    }

    /// Copies a box of cells out of a chunk.
    pub(super) fn place(
        &mut self,
        to: (&[u64], &Region),
        chunk: &Self,
        from: (&[u64], &Region),
    ) -> Result<()> {
        match (self, chunk) {
            (Self::Numbers(size, out), Self::Numbers(_, cells)) => {
                copy_region(cells, from.0, from.1, out, to.0, to.1, *size)
            }
            (Self::Texts(out), Self::Texts(cells)) => clone_region(cells, from.0, from.1, out, to.0, to.1),
            _ => Err(Error::new(Code::Bug, "found numbers and texts in one array")),
        }
    }

    /// The cells as a block.
    pub(super) fn block(self, dtype: DataType, shape: Vec<u64>) -> Block {
        let data = match self {
            Self::Numbers(_, bytes) => BlockData::Bytes(bytes),
            Self::Texts(texts) => BlockData::Text(texts),
        };
        Block { dtype, shape, data }
    }
}

/// Code points of four bytes, without the zeros at the end.
fn utf32(cell: &[u8]) -> Result<String> {
    let points = cell.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
    let text: Option<String> = points.map(char::from_u32).collect();
    match text {
        Some(text) => Ok(text.trim_end_matches('\0').to_owned()),
        None => {
            Err(Error::new(Code::SourceCorrupt, "found a number that is no code point in a text of UTF-32"))
        }
    }
}

pub(super) fn length(cells: u64, size: usize) -> Result<usize> {
    usize::try_from(cells).ok().and_then(|n| n.checked_mul(size)).ok_or_else(|| {
        Error::new(Code::SourceLimit, format!("{cells} cells of {size} bytes do not fit in memory"))
    })
}

pub(super) fn zeros(bytes: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if out.try_reserve_exact(bytes).is_err() {
        return Err(Error::new(Code::SourceLimit, format!("{bytes} bytes do not fit in memory")));
    }
    out.resize(bytes, 0);
    Ok(out)
}

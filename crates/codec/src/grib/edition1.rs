//! GRIB 1 (WMO FM 92-VIII): a message.

use arcoforge_core::error::{Code, Error, Result};

use super::bytes::Section;
use super::order::Rows;
use super::second_order::{Begins, Extended, Plain, Sums};
use super::values::Scale;
use super::{Field, Packing, bitmap};
use crate::corrupt;

/// Bytes of section 0, and of section 5.
const HEADER: usize = 8;
const END: &[u8] = b"7777";
/// A length with this bit is a multiple of so many bytes where section 4 says how much to take away: messages of more
/// than 8 MiB.
const LARGE: usize = 0x0080_0000;
const LARGE_UNIT: usize = 120;
/// What all bits of a binary scale factor mean: nothing is known.
const NO_VALUES: i32 = -32767;

/// A whole message, from `GRIB` to `7777`.
pub(super) fn message(stored: &[u8], points: usize) -> Result<Field<'_>> {
    let rest = stored.get(HEADER..).and_then(|rest| rest.strip_suffix(END)).ok_or_else(|| {
        corrupt(format!("GRIB section 0: message of {} bytes does not end with `7777`", stored.len()))
    })?;
    let (product, rest) = section(1, rest)?;
    let flags = product.u8(8)?;
    let (grid, rest) = if flags & 0x80 == 0 { (None, rest) } else { optional(2, rest)? };
    let (bits, rest) = if flags & 0x40 == 0 { (None, rest) } else { optional(3, rest)? };
    let data = data(stored, rest)?;
    let bitmap = bits.map(|section| bitmap_of(&section, points)).transpose()?;
    let packed = bitmap.map_or(points, |bits| bitmap::ones(bits, 0, points));
    let rows = grid.as_ref().map_or(Ok(Rows::Unknown), rows)?;
    if !matches!(rows, Rows::Unknown) {
        rows.lengths(points)?;
    }
    let reader = Reader { section: data, decimal: product.i16(27)?, bitmap, packed, points, rows };
    let (packing, octet) = reader.packing()?;
    Ok(Field { packing, bitmap, packed, data: data.from(octet), rows })
}

/// Cuts off a section, by the three bytes that it begins with.
fn section(number: u8, rest: &[u8]) -> Result<(Section<'_>, &[u8])> {
    let length = length(rest);
    match rest.split_at_checked(length).filter(|_| length >= 3) {
        Some((bytes, behind)) => Ok((Section { number, bytes }, behind)),
        None => Err(corrupt(format!("GRIB section {number}: {} bytes found, {length} expected", rest.len()))),
    }
}

fn optional(number: u8, rest: &[u8]) -> Result<(Option<Section<'_>>, &[u8])> {
    section(number, rest).map(|(section, behind)| (Some(section), behind))
}

fn length(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]) as usize)
}

/// Section 4, whose length means something else in large messages. The length of the message is checked on the way.
fn data<'a>(stored: &[u8], rest: &'a [u8]) -> Result<Section<'a>> {
    let (said, own) = (length(stored.get(4..).unwrap_or_default()), length(rest));
    let is_large = said & LARGE != 0 && own < LARGE_UNIT;
    let expected = if is_large { (said ^ LARGE) * LARGE_UNIT + END.len() - own } else { said };
    if expected != stored.len() {
        return Err(corrupt(format!(
            "GRIB section 0: message of {} bytes found, {expected} expected",
            stored.len()
        )));
    }
    if is_large {
        return Ok(Section { number: 4, bytes: rest });
    }
    let (data, behind) = section(4, rest)?;
    if behind.is_empty() {
        return Ok(data);
    }
    Err(corrupt(format!("GRIB section 4: {} bytes found behind it, none expected", behind.len())))
}

/// The bits of section 3.
fn bitmap_of<'a>(section: &Section<'a>, points: usize) -> Result<&'a [u8]> {
    match section.u16(5)? {
        0 => section.range(7, points.div_ceil(8)),
        other => Err(unsupported(&format!("the predefined bitmap {other}, which is not in the message,"))),
    }
}

/// Section 2: its list of points in rows, or Ni and Nj, which all types with rows have in the same place.
fn rows<'a>(section: &Section<'a>) -> Result<Rows<'a>> {
    if !matches!(section.u8(6)?, 0..=5 | 8 | 10 | 13 | 14 | 20 | 24 | 30 | 34 | 90) {
        return Ok(Rows::Unknown);
    }
    let (vertical, list) = (usize::from(section.u8(4)?), usize::from(section.u8(5)?));
    let (columns, rows) = (section.u16(7)?, usize::from(section.u16(9)?));
    if columns != u16::MAX || list == 255 {
        return Ok(Rows::Regular { columns: usize::from(columns), rows });
    }
    Ok(Rows::Reduced { list: section.range(list.max(1) + vertical * 4, rows * 2)?, octets: 2 })
}

/// Section 4 and what it needs of the others.
struct Reader<'a> {
    section: Section<'a>,
    decimal: i32,
    bitmap: Option<&'a [u8]>,
    packed: usize,
    points: usize,
    rows: Rows<'a>,
}

impl<'a> Reader<'a> {
    /// The packing, and the octet that the data begins with.
    fn packing(&self) -> Result<(Packing<'a>, usize)> {
        let (flags, binary) = (self.section.u8(4)? & 0xf0, self.section.i16(5)?);
        let reference = self.section.ibm(7)?;
        let scale = Scale::new(reference, binary, self.decimal);
        let width = u32::from(self.section.u8(11)?);
        match flags {
            _ if flags & 0x80 != 0 => Err(unsupported("packing of spectral coefficients")),
            _ if binary == NO_VALUES => Ok((Packing::Nothing, 12)),
            0x00 | 0x20 if width == 0 => Ok((Packing::Constant(reference), 12)),
            0x00 | 0x20 => Ok((Packing::Simple { scale, width }, 12)),
            // what ecCodes writes where it is asked for IEEE packing
            0x30 => match self.section.u8(12)? {
                1 => Ok((Packing::Ieee32, 13)),
                2 => Ok((Packing::Ieee64, 13)),
                other => Err(unsupported(&format!("floating-point numbers of precision {other}"))),
            },
            _ if flags & 0x40 != 0 => self.second_order(scale, width),
            _ => Err(unsupported("packing of a matrix of values at a point")),
        }
    }

    /// Second-order packing, by the flags of octet 14.
    fn second_order(&self, scale: Scale, first_bits: u32) -> Result<(Packing<'a>, usize)> {
        let section = &self.section;
        let flags = section.u8(14)?;
        let groups = usize::from(section.u16(17)?) + (usize::from(section.u8(21)?) << 16);
        let begins = match flags & 0x78 {
            0x18 => return self.extended(scale, first_bits, groups, flags),
            0x10 => Begins::Rows(self.row_lengths()?),
            0x20 | 0x30 => Begins::Bitmap,
            _ => return Err(unsupported(&format!("second-order packing with the flags {flags:#010b}"))),
        };
        if flags & 0x07 != 0 {
            return Err(unsupported(&format!("second-order packing with the flags {flags:#010b}")));
        }
        let widths = if flags & 0x10 == 0 { 1 } else { groups };
        let widths = section.range(22, widths)?;
        let octet = 22 + widths.len();
        Ok((Packing::Plain(Plain { scale, first_bits, groups, widths, begins }), octet))
    }

    /// General extended second-order packing, of ECMWF.
    fn extended(
        &self,
        scale: Scale,
        first_bits: u32,
        groups: usize,
        flags: u8,
    ) -> Result<(Packing<'a>, usize)> {
        let section = &self.section;
        let order = flags & 3;
        let bits = if order == 0 { 0 } else { u32::from(section.u8(26)?) };
        let octet = match order {
            0 => 26,
            _ => 27 + (bits as usize * (usize::from(order) + 1)).div_ceil(8),
        };
        let extended = Extended {
            scale,
            first_bits,
            groups,
            width_bits: u32::from(section.u8(22)?),
            length_bits: u32::from(section.u8(23)?),
            sums: Sums::read(order, bits, section.from(27))?,
            boustrophedonic: flags & 4 != 0,
        };
        Ok((Packing::Extended(extended), octet))
    }

    /// Packed values of each row of the grid.
    fn row_lengths(&self) -> Result<Vec<usize>> {
        let mut lengths = self.rows.lengths(self.points)?;
        if let Some(bits) = self.bitmap {
            let mut from = 0;
            for length in &mut lengths {
                let to = from + *length;
                *length = bitmap::ones(bits, from, to);
                from = to;
            }
        }
        debug_assert_eq!(lengths.iter().sum::<usize>(), self.packed);
        Ok(lengths)
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::SourceUnsupported, format!("GRIB 1 {what} can't be decoded"))
}

//! GRIB 2 (WMO FM 92-XIV): a message of one field, or sections 5, 6 and 7 of a field.

use arcoforge_core::error::{Code, Error, Result};

use super::bytes::Section;
use super::ccsds::Ccsds;
use super::complex::Complex;
use super::order::Rows;
use super::run_length::RunLength;
use super::second_order::{Extended, Sums};
use super::values::Scale;
use super::{Field, Packing};
use crate::corrupt;

/// Bytes of section 0.
const HEADER: usize = 16;

/// The sections of one field.
#[derive(Default)]
struct Sections<'a> {
    grid: Option<Section<'a>>,
    representation: Option<Section<'a>>,
    bitmap: Option<Section<'a>>,
    data: Option<Section<'a>>,
}

/// A whole message, from `GRIB` to `7777`.
pub(super) fn message(stored: &[u8], points: usize) -> Result<Field<'_>> {
    let length = stored.get(8..HEADER).and_then(<[u8]>::first_chunk).map(|bytes| u64::from_be_bytes(*bytes));
    let body = stored.get(HEADER..).and_then(|rest| rest.strip_suffix(b"7777"));
    match body {
        Some(body) if length == Some(stored.len() as u64) => field(body, points),
        _ => Err(corrupt(format!(
            "GRIB section 0: message of {} bytes found, {} bytes that end with `7777` expected",
            stored.len(),
            length.unwrap_or(0)
        ))),
    }
}

/// The sections of a field, one behind the other.
pub(super) fn field(bytes: &[u8], points: usize) -> Result<Field<'_>> {
    let mut sections = Sections::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some([a, b, c, d, number]) = rest.first_chunk().copied() else {
            return Err(corrupt(format!(
                "GRIB: {} bytes found, the 5 that a section begins with expected",
                rest.len()
            )));
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some((bytes, behind)) = rest.split_at_checked(length).filter(|_| length >= 5) else {
            return Err(corrupt(format!(
                "GRIB section {number}: {} bytes found, {length} expected",
                rest.len()
            )));
        };
        let place = match number {
            3 => &mut sections.grid,
            5 => &mut sections.representation,
            6 => &mut sections.bitmap,
            7 => &mut sections.data,
            _ => &mut None,
        };
        if place.replace(Section { number, bytes }).is_some() {
            return Err(corrupt(format!("GRIB section {number}: found twice in a field")));
        }
        rest = behind;
    }
    sections.field(points)
}

impl<'a> Sections<'a> {
    fn field(&self, points: usize) -> Result<Field<'a>> {
        let section = |found: Option<Section<'a>>, number: u8| {
            found.ok_or_else(|| corrupt(format!("GRIB section {number}: not found")))
        };
        let representation = section(self.representation, 5)?;
        let data = section(self.data, 7)?;
        let packing = packing(&representation)?;
        let packed = representation.u32(6)? as usize;
        let of_grid = self.grid.map_or(Ok(points as u64), |grid| grid.u32(7).map(u64::from))?;
        if of_grid != points as u64 {
            return Err(corrupt(format!("GRIB section 3: {of_grid} points found, {points} expected")));
        }
        let bitmap = bitmap(section(self.bitmap, 6)?, points)?;
        if packed > points || (bitmap.is_none() && packed != points) {
            return Err(corrupt(format!("GRIB section 5: {packed} values found, {points} expected")));
        }
        let rows = self.grid.map_or(Ok(Rows::Unknown), |grid| rows(&grid))?;
        Ok(Field { packing, bitmap, packed, data: data.from(6), rows })
    }
}

/// The bits of section 6, where it has some.
fn bitmap<'a>(section: Section<'a>, points: usize) -> Result<Option<&'a [u8]>> {
    match section.u8(6)? {
        0 => section.range(7, points.div_ceil(8)).map(Some),
        255 => Ok(None),
        other => Err(unsupported(&format!("bitmap {other} of table 6.0, which is not in the field,"))),
    }
}

/// Section 5.
fn packing<'a>(section: &Section<'a>) -> Result<Packing<'a>> {
    let template = section.u16(10)?;
    match template {
        4 => return ieee(section.u8(12)?),
        200 => return RunLength::parse(section).map(Packing::RunLength),
        0 | 2 | 3 | 40 | 41 | 42 | 61 | 50001 | 50002 => {}
        _ => return Err(unsupported(&format!("template 5.{template}{}", template_name(template)))),
    }
    let reference = section.f32(12)?;
    let scale = Scale::new(reference, section.i16(16)?, section.i16(18)?);
    let width = u32::from(section.u8(20)?);
    Ok(match template {
        2 | 3 => {
            let complex = Complex::parse(section, scale, width, template == 3)?;
            if complex.is_constant() { Packing::Constant(reference) } else { Packing::Complex(complex) }
        }
        61 => Packing::Logarithm { scale, width, added: section.f32(21)? },
        50002 => Packing::Extended(second_order(section, scale, true)?),
        _ if width == 0 => Packing::Constant(reference),
        0 => Packing::Simple { scale, width },
        40 => Packing::Jpeg2000(scale),
        41 => Packing::Png(scale),
        42 => Packing::Ccsds(Ccsds::parse(section, scale, width)?),
        _ => Packing::Extended(second_order(section, scale, false)?),
    })
}

/// The precision of template 5.4.
fn ieee(precision: u8) -> Result<Packing<'static>> {
    match precision {
        1 => Ok(Packing::Ieee32),
        2 => Ok(Packing::Ieee64),
        other => Err(unsupported(&format!("floating-point numbers of precision {other} (table 5.7)"))),
    }
}

/// Templates 5.50001 and 5.50002 of ECMWF, the second of which has flags.
fn second_order(section: &Section, scale: Scale, with_flags: bool) -> Result<Extended> {
    let flags = if with_flags { section.u8(32)? } else { 0 };
    let order_octet = if with_flags { 33 } else { 32 };
    let order = section.u8(order_octet)?;
    let sums = match order {
        0 => Sums::read(0, 0, &[])?,
        _ => Sums::read(order, u32::from(section.u8(order_octet + 1)?), section.from(order_octet + 2))?,
    };
    Ok(Extended {
        scale,
        first_bits: u32::from(section.u8(21)?),
        groups: section.u32(22)? as usize,
        width_bits: u32::from(section.u8(30)?),
        length_bits: u32::from(section.u8(31)?),
        sums,
        boustrophedonic: flags & 0x80 != 0,
    })
}

/// Section 3: its list of points in rows, or Ni and Nj, which all templates with rows have in the same place.
fn rows<'a>(section: &Section<'a>) -> Result<Rows<'a>> {
    let octets = usize::from(section.u8(11)?);
    let template = section.u16(13)?;
    if !matches!(template, 0..=5 | 10 | 12 | 20 | 30..=33 | 40..=43) {
        return Ok(Rows::Unknown);
    }
    let (columns, rows) = (section.u32(31)? as usize, section.u32(35)? as usize);
    if octets == 0 {
        return Ok(Rows::Regular { columns, rows });
    }
    // the list is what the section ends with
    let length = rows.saturating_mul(octets);
    let from = (section.bytes.len() + 1).saturating_sub(length);
    Ok(Rows::Reduced { list: section.range(from.max(1), length)?, octets })
}

/// What a template that can't be decoded is.
const fn template_name(template: u16) -> &'static str {
    match template {
        1 => " (matrix of values at a point)",
        50 | 51 | 53 => " (spectral coefficients)",
        _ => "",
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::SourceUnsupported, format!("GRIB 2 {what} can't be decoded"))
}

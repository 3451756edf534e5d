//! One field of GRIB 1 or GRIB 2: its sections, its packing, its bitmap, the order of its values.
//!
//! Values equal those of ecCodes, computed in 64 bits; where ecCodes departs from the manual, it is followed: a
//! field of numbers of no bits has its reference value everywhere, whatever the decimal scale factor is.

mod bitmap;
mod bits;
mod bytes;
mod ccsds;
mod complex;
mod edition1;
mod edition2;
mod jpeg2000;
mod order;
mod png;
mod run_length;
mod second_order;
mod values;

use arcoforge_core::codec::{Grib, GribFloat};
use arcoforge_core::error::{Code, Error, Result};

use crate::scratch::Tools;
use crate::{corrupt, too_long};
use bits::Bits;
use ccsds::Ccsds;
use complex::Complex;
use order::Rows;
pub(crate) use png::Rooms;
use run_length::RunLength;
use second_order::{Extended, Plain};
use values::{Scale, Value};

/// A field, taken apart.
struct Field<'a> {
    packing: Packing<'a>,
    /// Which points have values; without it, all have.
    bitmap: Option<&'a [u8]>,
    /// Values that are packed, which are not more than points.
    packed: usize,
    /// What is packed.
    data: &'a [u8],
    rows: Rows<'a>,
}

/// How values are packed.
enum Packing<'a> {
    /// No point has a value.
    Nothing,
    /// All have the same.
    Constant(f64),
    Simple {
        scale: Scale,
        width: u32,
    },
    /// Logarithms of values, to which something was added to make them positive.
    Logarithm {
        scale: Scale,
        width: u32,
        added: f64,
    },
    Complex(Complex),
    Ieee32,
    Ieee64,
    Jpeg2000(Scale),
    Png(Scale),
    Ccsds(Ccsds),
    RunLength(RunLength<'a>),
    Extended(Extended),
    Plain(Plain<'a>),
}

/// Decodes a message, or sections 5 to 7, into `out` and returns how many bytes came out.
pub(crate) fn decode(grib: &Grib, stored: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<usize> {
    let sizes = usize::try_from(grib.points).ok();
    let sizes = sizes.and_then(|points| Some((points, points.checked_mul(grib.float.size())?)));
    let (points, bytes) = sizes.ok_or_else(|| too_long("grib", out.len()))?;
    let bytes_max = out.len();
    let out = out.get_mut(..bytes).ok_or_else(|| too_long("grib", bytes_max))?;
    let field = match stored {
        [b'G', b'R', b'I', b'B', _, _, _, 1, ..] => edition1::message(stored, points)?,
        [b'G', b'R', b'I', b'B', _, _, _, 2, ..] => edition2::message(stored, points)?,
        [b'G', b'R', b'I', b'B', _, _, _, edition, ..] => {
            let message = format!("GRIB edition {edition} can't be decoded; 1 and 2 can");
            return Err(Error::new(Code::SourceUnsupported, message));
        }
        _ => edition2::field(stored, points)?,
    };
    match grib.float {
        GribFloat::F32 => field.decode::<f32>(grib, f32::cells(out), tools)?,
        GribFloat::F64 => field.decode::<f64>(grib, f64::cells(out), tools)?,
    }
    Ok(bytes)
}

/// Why the parameters are none, a lower-case phrase.
pub(crate) fn refusal(grib: &Grib) -> Option<String> {
    let scan = grib.scan.filter(|scan| scan.columns.checked_mul(scan.rows) != Some(grib.points))?;
    Some(format!("`grib` with {} points in {} x {}", grib.points, scan.columns, scan.rows))
}

impl Field<'_> {
    fn decode<V: Value>(&self, grib: &Grib, out: &mut [V::Cell], tools: &mut Tools) -> Result<()> {
        let ones = self.bitmap.map_or(self.packed, |bits| bitmap::ones(bits, 0, out.len()));
        if ones > self.packed {
            return Err(corrupt(format!(
                "GRIB: {} values found, {ones} expected by the bitmap",
                self.packed
            )));
        }
        if ones > 0 {
            let packed = out.get_mut(..self.packed).unwrap_or_default();
            self.unpack::<V>(packed, tools)?;
        }
        if let Some(bits) = self.bitmap {
            bitmap::spread::<V>(bits, out);
        }
        if matches!(&self.packing, Packing::Extended(extended) if extended.boustrophedonic) {
            order::alternate(self.rows.lengths(out.len())?, out);
        }
        match &grib.scan {
            Some(scan) => order::scan::<V>(scan, out, &mut tools.block),
            None => Ok(()),
        }
    }

    /// Unpacks all packed values.
    fn unpack<V: Value>(&self, out: &mut [V::Cell], tools: &mut Tools) -> Result<()> {
        match &self.packing {
            Packing::Nothing => out.fill(V::MISSING),
            Packing::Constant(value) => out.fill(V::cell(*value)),
            Packing::Simple { scale, width } => {
                self.numbers::<V>(*width, out, |number| scale.value(number))?;
            }
            Packing::Logarithm { scale, width, added } => {
                let value = |number: f64| match *added {
                    0.0 => scale.value(number).exp(),
                    added => scale.value(number).exp() - added,
                };
                // as for simple packing, numbers of no bits are the reference value
                match width {
                    0 => out.fill(V::cell(scale.reference.exp() - added)),
                    _ => self.numbers::<V>(*width, out, value)?,
                }
            }
            Packing::Complex(complex) => complex.unpack::<V>(self.data, out)?,
            Packing::Ieee32 => self.floats::<V, 4>(out, |bytes| f64::from(f32::from_be_bytes(bytes)))?,
            Packing::Ieee64 => self.floats::<V, 8>(out, f64::from_be_bytes)?,
            Packing::Jpeg2000(scale) => jpeg2000::unpack::<V>(*scale, self.data, out)?,
            Packing::Png(scale) => {
                let (rooms, deflate) = (&mut tools.png, &mut tools.deflate);
                png::unpack::<V>(*scale, self.data, out, rooms, deflate)?;
            }
            Packing::Ccsds(ccsds) => ccsds.unpack::<V>(self.data, out)?,
            Packing::RunLength(run_length) => run_length.unpack::<V>(self.data, out)?,
            Packing::Extended(extended) => extended.unpack::<V>(self.data, out)?,
            Packing::Plain(plain) => plain.unpack::<V>(self.data, out)?,
        }
        Ok(())
    }

    /// Values by a function of a number of `width` bits.
    fn numbers<V: Value>(
        &self,
        width: u32,
        out: &mut [V::Cell],
        value: impl Fn(f64) -> f64 + Copy,
    ) -> Result<()> {
        Bits::new(self.data).has("packed values", out.len(), width)?;
        bits::unpack(self.data, width, out, |number| V::cell(value(number)));
        Ok(())
    }

    /// Floating-point numbers as they are.
    fn floats<V: Value, const BYTES: usize>(
        &self,
        out: &mut [V::Cell],
        value: impl Fn([u8; BYTES]) -> f64,
    ) -> Result<()> {
        Bits::new(self.data).has("floating-point values", out.len(), BYTES as u32 * 8)?;
        for (cell, bytes) in out.iter_mut().zip(self.data.as_chunks::<BYTES>().0) {
            *cell = V::cell(value(*bytes));
        }
        Ok(())
    }
}

//! Complex packing, with or without spatial differencing (GRIB 2 templates 5.2 and 5.3).

use arcoforge_core::error::{Code, Error, Result};

use super::bits::{Bits, WIDTH_MAX};
use super::bytes::Section;
use super::values::{Scale, Value};
use crate::corrupt;

/// The parameters of both templates.
#[derive(Debug, Clone)]
pub(super) struct Complex {
    scale: Scale,
    /// Bits of a group's reference.
    width: u32,
    missing: Missing,
    groups: usize,
    width_reference: u32,
    width_bits: u32,
    length_reference: u64,
    length_increment: u64,
    length_last: u64,
    length_bits: u32,
    /// 0 without spatial differencing.
    order: u8,
    extra_octets: u32,
}

/// Which of the largest numbers of a group stand for no value (table 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    None,
    Primary,
    PrimaryAndSecondary,
}

impl Complex {
    /// From octets 12 on of section 5.
    pub(super) fn parse(section: &Section, scale: Scale, width: u32, differenced: bool) -> Result<Self> {
        let missing = match section.u8(23)? {
            0 => Missing::None,
            1 => Missing::Primary,
            2 => Missing::PrimaryAndSecondary,
            other => return Err(unsupported(&format!("missing value management {other} (table 5.5)"))),
        };
        let order = if differenced { section.u8(48)? } else { 0 };
        if differenced && !matches!(order, 1 | 2) {
            return Err(unsupported(&format!("spatial differencing of order {order} (table 5.6)")));
        }
        let complex = Self {
            scale,
            width,
            missing,
            groups: section.u32(32)? as usize,
            width_reference: u32::from(section.u8(36)?),
            width_bits: u32::from(section.u8(37)?),
            length_reference: u64::from(section.u32(38)?),
            length_increment: u64::from(section.u8(42)?),
            length_last: u64::from(section.u32(43)?),
            length_bits: u32::from(section.u8(47)?),
            order,
            extra_octets: if differenced { u32::from(section.u8(49)?) } else { 0 },
        };
        for bits in [complex.width, complex.width_bits, complex.length_bits, complex.extra_octets * 8] {
            if bits > WIDTH_MAX {
                return Err(corrupt(format!(
                    "GRIB section 5: numbers of {bits} bits found, at most {WIDTH_MAX} expected"
                )));
            }
        }
        Ok(complex)
    }

    /// Whether every value is the reference value: groups without references and without numbers.
    pub(super) const fn is_constant(&self) -> bool {
        self.width == 0 && self.width_reference == 0 && self.width_bits == 0
    }

    /// Unpacks all values of section 7.
    pub(super) fn unpack<V: Value>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        // a group has at least one value
        if self.groups > out.len() {
            return Err(corrupt(format!(
                "GRIB section 5: {} groups found for {} values",
                self.groups,
                out.len()
            )));
        }
        match self.order {
            0 => self.unpack_groups::<V, 0>(data, out),
            1 => self.unpack_groups::<V, 1>(data, out),
            _ => self.unpack_groups::<V, 2>(data, out),
        }
    }

    fn unpack_groups<V: Value, const ORDER: usize>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        let mut bits = Bits::new(data);
        let mut sums = Sums::<ORDER>::read(&mut bits, self.extra_octets * 8)?;
        let mut references = bits.split("references of groups", self.groups, self.width)?;
        let mut widths = bits.split("widths of groups", self.groups, self.width_bits)?;
        let mut lengths = bits.split("lengths of groups", self.groups, self.length_bits)?;
        let total = out.len();
        let mut rest = out;
        for group in 0..self.groups {
            let reference = references.read(self.width);
            let width = (widths.read(self.width_bits) as u32).wrapping_add(self.width_reference);
            let scaled = lengths.read(self.length_bits).wrapping_mul(self.length_increment);
            let last = group + 1 == self.groups;
            let length = if last { self.length_last } else { scaled.wrapping_add(self.length_reference) };
            let (values, behind) = usize::try_from(length)
                .ok()
                .and_then(|length| std::mem::take(&mut rest).split_at_mut_checked(length))
                .ok_or_else(|| {
                    corrupt(format!("GRIB section 7: groups of more than {total} values found"))
                })?;
            bits.has("values of a group", values.len(), width)?;
            self.unpack_group::<V, ORDER>(reference, width, &mut bits, &mut sums, values);
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let found = total - rest.len();
        Err(corrupt(format!("GRIB section 7: groups of {found} values found, {total} expected")))
    }

    #[inline]
    fn unpack_group<V: Value, const ORDER: usize>(
        &self,
        reference: u64,
        width: u32,
        bits: &mut Bits,
        sums: &mut Sums<ORDER>,
        out: &mut [V::Cell],
    ) {
        let largest = |width: u32| u64::MAX.checked_shr(64 - width).unwrap_or(0);
        let reserved = match self.missing {
            Missing::None => 0,
            Missing::Primary => 1,
            Missing::PrimaryAndSecondary => 2,
        };
        let scale = self.scale;
        let value = |sums: &mut Sums<ORDER>, number: u64| {
            V::cell(scale.value(sums.next(reference.wrapping_add(number) as i64) as f64))
        };
        if width == 0 {
            let absent = reserved > 0 && largest(self.width).wrapping_sub(reference) < reserved;
            for cell in out {
                *cell = if absent { V::MISSING } else { value(sums, 0) };
            }
        } else if reserved == 0 {
            for cell in out {
                *cell = value(sums, bits.read(width));
            }
        } else {
            let largest = largest(width);
            for cell in out {
                let number = bits.read(width);
                *cell = if largest - number < reserved { V::MISSING } else { value(sums, number) };
            }
        }
    }
}

/// Undoes spatial differencing of an order, number by number.
struct Sums<const ORDER: usize> {
    /// The first numbers, which are not differences.
    first: [i64; 2],
    /// How many of them have come.
    seen: usize,
    bias: i64,
    last: i64,
    penultimate: i64,
}

impl<const ORDER: usize> Sums<ORDER> {
    /// The extra descriptors that section 7 begins with.
    fn read(bits: &mut Bits, width: u32) -> Result<Self> {
        let mut sums = Self { first: [0; 2], seen: 0, bias: 0, last: 0, penultimate: 0 };
        if ORDER > 0 {
            bits.has("descriptors of spatial differencing", ORDER + 1, width)?;
            for first in sums.first.iter_mut().take(ORDER) {
                *first = bits.read(width) as i64;
            }
            sums.bias = bits.read_signed(width);
        }
        Ok(sums)
    }

    #[inline]
    fn next(&mut self, number: i64) -> i64 {
        if ORDER == 0 {
            return number;
        }
        let sum = if self.seen < ORDER {
            self.seen += 1;
            if self.seen == 1 { self.first[0] } else { self.first[1] }
        } else if ORDER == 1 {
            number.wrapping_add(self.bias).wrapping_add(self.last)
        } else {
            let twice = self.last.wrapping_add(self.last).wrapping_sub(self.penultimate);
            number.wrapping_add(self.bias).wrapping_add(twice)
        };
        (self.penultimate, self.last) = (self.last, sum);
        sum
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::SourceUnsupported, format!("GRIB 2 {what} can't be decoded"))
}

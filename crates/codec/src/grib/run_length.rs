//! Run-length packing with level values (GRIB 2 template 5.200).

use arcoforge_core::error::Result;

use super::bits::Bits;
use super::bytes::Section;
use super::values::{Value, power};
use crate::corrupt;

/// The parameters of the template.
#[derive(Debug, Clone)]
pub(super) struct RunLength<'a> {
    bits: u32,
    /// The largest level in the field; larger numbers are digits of lengths.
    level_max: u64,
    decimal: i32,
    /// Levels from 1 on, two bytes each.
    levels: &'a [u8],
}

impl<'a> RunLength<'a> {
    /// From octet 12 on of section 5.
    pub(super) fn parse(section: &Section<'a>) -> Result<Self> {
        let scale = i32::from(section.u8(17)?);
        let run_length = Self {
            bits: u32::from(section.u8(12)?),
            level_max: u64::from(section.u16(13)?),
            decimal: if scale > 127 { 128 - scale } else { scale },
            levels: section.range(18, usize::from(section.u16(15)?) * 2)?,
        };
        let RunLength { bits, level_max, levels, .. } = &run_length;
        let numbers = 1_u64.checked_shl(*bits).filter(|_| *bits <= 32).unwrap_or(0);
        if *level_max * 2 > levels.len() as u64 || numbers < level_max.saturating_add(2) {
            return Err(corrupt(format!(
                "GRIB section 5: levels up to {level_max} found, {} of them, in numbers of {bits} bits",
                levels.len() / 2
            )));
        }
        Ok(run_length)
    }

    /// Unpacks all values of section 7: a level, then the digits of how often it comes beside the first time, the
    /// lowest first.
    pub(super) fn unpack<V: Value>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        let scale = power(10.0, -self.decimal);
        let total = out.len();
        let mut rest = out;
        let mut bits = Bits::new(data);
        let mut count = (data.len() as u64).saturating_mul(8) / u64::from(self.bits.max(1));
        // without numbers, or without levels, nothing is there
        if count == 0 || self.level_max == 0 {
            rest.fill(V::MISSING);
            return Ok(());
        }
        let radix = (1_u64 << self.bits) - 1 - self.level_max;
        let mut next = || (count > 0).then(|| bits.read(self.bits)).inspect(|_| count -= 1);
        let mut number = next();
        while let Some(level) = number.filter(|_| !rest.is_empty()) {
            if level > self.level_max {
                return Err(corrupt(format!(
                    "GRIB section 7: level {level} found, {} at most",
                    self.level_max
                )));
            }
            let (mut length, mut factor) = (1_u64, 1_u64);
            number = next();
            while let Some(digit) = number.filter(|n| *n > self.level_max) {
                length = length.saturating_add(factor.saturating_mul(digit - self.level_max - 1));
                factor = factor.saturating_mul(radix);
                number = next();
            }
            let (run, behind) = usize::try_from(length)
                .ok()
                .and_then(|length| std::mem::take(&mut rest).split_at_mut_checked(length))
                .ok_or_else(|| corrupt(format!("GRIB section 7: runs of more than {total} values found")))?;
            run.fill(self.value::<V>(level, scale));
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let found = total - rest.len();
        Err(corrupt(format!("GRIB section 7: runs of {found} values found, {total} expected")))
    }

    fn value<V: Value>(&self, level: u64, scale: f64) -> V::Cell {
        let levels = self.levels.as_chunks::<2>().0;
        let found = (level as usize).checked_sub(1).and_then(|at| levels.get(at));
        found.map_or(V::MISSING, |bytes| V::cell(f64::from(u16::from_be_bytes(*bytes)) * scale))
    }
}

//! Second-order packing (GRIB 1 section 4 with complex packing, templates 5.50001 and 5.50002 of GRIB 2), which groups
//! values and packs their distances from the first-order value of the group.

use arcoforge_core::error::Result;

use super::bitmap;
use super::bits::Bits;
use super::values::{Scale, Value};
use crate::corrupt;

/// Packing with widths and lengths of groups as lists of numbers, with or without spatial differencing.
#[derive(Debug, Clone)]
pub(super) struct Extended {
    pub(super) scale: Scale,
    /// Bits of a first-order value.
    pub(super) first_bits: u32,
    pub(super) groups: usize,
    pub(super) width_bits: u32,
    pub(super) length_bits: u32,
    pub(super) sums: Sums,
    /// Every second row runs in the opposite direction.
    pub(super) boustrophedonic: bool,
}

impl Extended {
    /// Unpacks all values: widths, lengths, first-order values, then the values, each list from a byte on.
    pub(super) fn unpack<V: Value>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        if self.groups > out.len() {
            let message = format!("GRIB: {} groups found for {} values", self.groups, out.len());
            return Err(corrupt(message));
        }
        let mut bits = Bits::new(data);
        let mut widths = bits.split("widths of groups", self.groups, self.width_bits)?;
        let mut lengths = bits.split("lengths of groups", self.groups, self.length_bits)?;
        let mut firsts = bits.split("first-order values", self.groups, self.first_bits)?;
        let (total, mut sums) = (out.len(), self.sums.clone());
        let value = |number: i64| V::cell(self.scale.value(number as f64));
        let (given, mut rest) = out.split_at_mut(sums.order.min(total));
        for (cell, first) in given.iter_mut().zip(sums.first) {
            *cell = value(first);
        }
        for _ in 0..self.groups {
            let (width, first) = (widths.read(self.width_bits) as u32, firsts.read(self.first_bits));
            let (cells, behind) = usize::try_from(lengths.read(self.length_bits))
                .ok()
                .and_then(|length| std::mem::take(&mut rest).split_at_mut_checked(length))
                .ok_or_else(|| corrupt(format!("GRIB: groups of more than {total} values found")))?;
            bits.has("values of a group", cells.len(), width)?;
            for cell in cells {
                *cell = value(sums.next(first.wrapping_add(bits.read(width)) as i64));
            }
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let found = total - rest.len();
        Err(corrupt(format!("GRIB: groups of {found} values found, {total} expected")))
    }
}

/// Undoes spatial differencing of order 0 to 3.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    order: usize,
    /// The first numbers, which are not differences.
    first: [i64; 3],
    bias: i64,
    /// The last number, its difference, the difference of that.
    state: [i64; 3],
}

impl Sums {
    /// By the order, and as many numbers of `width` bits and the bias behind them.
    pub(super) fn read(order: u8, width: u32, data: &[u8]) -> Result<Self> {
        let mut sums = Self { order: usize::from(order), first: [0; 3], bias: 0, state: [0; 3] };
        if order == 0 {
            return Ok(sums);
        }
        if order > 3 {
            return Err(corrupt(format!(
                "GRIB: spatial differencing of order {order} found, at most 3 expected"
            )));
        }
        let mut bits = Bits::new(data);
        bits.has("descriptors of spatial differencing", sums.order + 1, width)?;
        for first in sums.first.iter_mut().take(sums.order) {
            *first = bits.read(width) as i64;
        }
        sums.bias = bits.read_signed(width);
        let [a, b, c] = sums.first;
        sums.state = match order {
            1 => [a, 0, 0],
            2 => [b, b.wrapping_sub(a), 0],
            _ => [c, c.wrapping_sub(b), c.wrapping_sub(b).wrapping_sub(b.wrapping_sub(a))],
        };
        Ok(sums)
    }

    #[inline]
    fn next(&mut self, number: i64) -> i64 {
        let mut sum = number.wrapping_add(self.bias);
        for state in self.state.iter_mut().take(self.order).rev() {
            sum = sum.wrapping_add(*state);
            *state = sum;
        }
        sum
    }
}

/// Packing with one byte for the width of a group, or of all.
#[derive(Debug, Clone)]
pub(super) struct Plain<'a> {
    pub(super) scale: Scale,
    /// Bits of a first-order value.
    pub(super) first_bits: u32,
    pub(super) groups: usize,
    /// A width for every group, or one for all.
    pub(super) widths: &'a [u8],
    /// Where groups begin.
    pub(super) begins: Begins,
}

/// Where the groups of [`Plain`] begin.
#[derive(Debug, Clone)]
pub(super) enum Begins {
    /// Where a second bitmap, in front of the first-order values, has a one.
    Bitmap,
    /// With the rows of the grid; so many values each.
    Rows(Vec<usize>),
}

impl Plain<'_> {
    /// Unpacks all values: the second bitmap, first-order values, then the values, each list from a byte on.
    pub(super) fn unpack<V: Value>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        let mut bits = Bits::new(data);
        let lengths = match &self.begins {
            Begins::Rows(rows) => rows.clone(),
            Begins::Bitmap => {
                bits.split("second bitmap", out.len(), 1)?;
                bitmap::runs(data, out.len())?
            }
        };
        if lengths.len() != self.groups {
            let message = format!("GRIB section 4: {} groups found, {} expected", self.groups, lengths.len());
            return Err(corrupt(message));
        }
        let mut firsts = bits.split("first-order values", self.groups, self.first_bits)?;
        let widths = self.widths.iter().chain(std::iter::repeat(self.widths.last().unwrap_or(&0)));
        let mut rest = out;
        for (length, width) in lengths.into_iter().zip(widths) {
            let (first, width) = (firsts.read(self.first_bits), u32::from(*width));
            bits.has("values of a group", length, width)?;
            let (cells, behind) = std::mem::take(&mut rest)
                .split_at_mut_checked(length)
                .ok_or_else(|| corrupt("GRIB section 4: rows of more values than the grid has"))?;
            for cell in cells {
                *cell = V::cell(self.scale.value(first.wrapping_add(bits.read(width)) as i64 as f64));
            }
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(corrupt(format!("GRIB section 4: groups of {} values less than expected", rest.len())))
    }
}

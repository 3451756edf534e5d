//! Calendar months and years: `months since` as people mean it where a month has no one length.
//!
//! A whole number moves the month of the reference and keeps its day and time of day; a day that the month does not
//! have becomes its last one (one month after 31 January is 28 or 29 February), as `pandas.DateOffset`, `dateutil`
//! and CDO do. A fraction lies linearly between the two whole numbers around it: 0.5 months since 1 January is the
//! middle of January, 16 January 12:00; 0.5 years is the middle of the year.

use super::TimeUnits;
use super::float::{half_place, roundest, split_float};
use super::unit::TimeUnit;
use crate::block::Block;
use crate::code::Code;
use crate::dtype::Scalar;
use crate::error::{Error, Result};

impl TimeUnits {
    /// Whether the unit is a month or a year without one length in this calendar.
    pub fn counts_months(&self) -> bool {
        self.unit.ns(self.calendar).is_none()
    }

    /// As [`TimeUnits::decode`], with months and years of no one length counted in the calendar.
    ///
    /// # Errors
    /// `combine-time` for what is not a number or beyond the range of years.
    pub fn decode_months(&self, block: &Block, masked: &[Scalar]) -> Result<Vec<Option<i128>>> {
        self.cells(block, masked, |value| self.decode_one_month(value))
    }

    pub(super) fn decode_one_month(&self, value: &Scalar) -> Result<Option<i128>> {
        if !self.counts_months() {
            return self.decode_one(value);
        }
        let instant = match value {
            Scalar::Float(x) if x.is_nan() => return Ok(None),
            Scalar::Int(i64::MIN) => return Ok(None),
            Scalar::Float(x) => self.between_months(*x),
            other => other.as_i128().and_then(|x| self.whole_months(x)),
        };
        instant
            .map(Some)
            .ok_or_else(|| Error::new(Code::CombineTime, format!("{value} is not a count of `{self}`")))
    }

    /// The reference, moved by whole units.
    fn whole_months(&self, count: i128) -> Option<i128> {
        let each = if self.unit == TimeUnit::Years { 12 } else { 1 };
        let months = i64::try_from(count.checked_mul(each)?).ok()?;
        self.reference.add_months(self.calendar, months).map(|date| self.calendar.to_ns(&date))
    }

    fn between_months(&self, count: f64) -> Option<i128> {
        let (negative, mantissa, exponent) = split_float(count)?;
        let signed = |whole: i128| if negative { -whole } else { whole };
        if exponent >= 0 {
            let factor = 1_i128.checked_shl(u32::try_from(exponent).ok()?).filter(|f| *f > 0)?;
            return self.whole_months(signed(i128::from(mantissa).checked_mul(factor)?));
        }
        // as in `float_times`: nothing is left of what lies so near to zero
        let shift = exponent.unsigned_abs();
        if shift > 120 {
            return self.whole_months(0);
        }
        let (whole, rest) = (i128::from(mantissa) >> shift, i128::from(mantissa) & ((1 << shift) - 1));
        let near = self.whole_months(signed(whole))?;
        if rest == 0 {
            return Some(near);
        }
        let span = (self.whole_months(signed(whole + 1))? - near).abs();
        let since = roundest(rest.checked_mul(span)?, half_place(mantissa, span), 1 << shift);
        near.checked_add(signed(since))
    }
}

//! CF time coordinates (section 4.4 of the conventions): numbers with `UNIT since REFERENCE` to instants and back.
//!
//! An instant is a count of nanoseconds as in [`Calendar::to_ns`]. Integers are exact. A double stands for every
//! number that rounds to it: of those, the one is taken that is a whole number of seconds after the reference, else
//! of milliseconds, else of microseconds, else the nearest nanosecond. So `54786.333333333336` days are eight o'clock,
//! and encoding the instant in the same unit gives back the same double.
//!
//! ```
//! use arcoforge_core::cftime::TimeUnits;
//! use arcoforge_core::dtype::Scalar;
//!
//! let units = TimeUnits::parse("hours since 1900-1-1 00:00:0.0", Some("gregorian"))?;
//! let instant = units.decode_one(&Scalar::Float(1.5))?;
//! assert_eq!(units.date(instant.unwrap()).unwrap().to_string(), "1900-01-01T01:30");
//! assert_eq!(units.to_string(), "hours since 1900-01-01");
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```

mod common;
mod convert;
mod float;
mod months;
mod parts;
mod stored;
mod unit;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::attrs::Attrs;
use crate::block::Block;
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::timestamp;

pub use common::{Unfit, common_units};
pub use parts::{Parts, from_parts, units_since_1970};
pub use stored::encode_as;
pub use unit::TimeUnit;

/// The meaning of a time coordinate's numbers: its `units` and `calendar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeUnits {
    /// What is counted.
    pub unit: TimeUnit,
    /// From when on, in UTC.
    pub reference: DateTime,
    /// How days make years.
    pub calendar: Calendar,
}

/// Whether a `units` attribute is meant as time since a reference (as xarray decides it), well formed or not.
pub fn is_time(units: &str) -> bool {
    units.split_whitespace().any(|word| word.eq_ignore_ascii_case("since"))
}

impl TimeUnits {
    /// Reads `hours since 1900-1-1 00:00:0.0 +01:00` with the `calendar` attribute (`None`: standard).
    ///
    /// A negative reference year in the standard and Julian calendars is a year BC, as in cftime: -1 is the year
    /// before 1, and year 0 is refused. In the others years are astronomical.
    ///
    /// # Errors
    /// `combine-time` for text that is not CF time, `combine-calendar` for a calendar that the conventions do not have.
    pub fn parse(units: &str, calendar: Option<&str>) -> Result<Self> {
        let calendar = match calendar {
            None => Calendar::Standard,
            Some(name) => calendar_named(name)?,
        };
        let malformed = |why: String| {
            Error::new(Code::CombineTime, format!("units `{units}` are not a time: {why}"))
                .help("CF time looks like `days since 1900-01-01 00:00:00`")
        };
        let (unit, reference) =
            split_since(units).ok_or_else(|| malformed("expected `UNIT since DATE`".into()))?;
        let unit =
            TimeUnit::parse(unit).ok_or_else(|| malformed(format!("`{unit}` is not a unit of time")))?;
        let mut stamp = timestamp::parse(reference).map_err(malformed)?;
        if stamp.local.month == 0 || stamp.local.day == 0 {
            return Err(malformed("month and day begin at 1".to_owned())
                .help("`0000-00-00` marks a climatology without a year: set `units` of the variable to what is meant, as `days since 2000-01-01`"));
        }
        if counts_bc(calendar) && stamp.local.year <= 0 {
            if stamp.local.year == 0 {
                return Err(malformed(format!("the {calendar} calendar has no year 0"))
                    .help("libraries disagree on what year 0 is here: set `calendar` or `units` of the variable to what is meant"));
            }
            stamp.local.year += 1;
        }
        let reference = stamp.resolve(reference, calendar).map_err(malformed)?;
        Ok(Self { unit, reference, calendar })
    }

    /// The units that the attributes of a variable tell: `units`, `calendar`.
    ///
    /// # Errors
    /// As [`TimeUnits::parse`]; `combine-calendar` for a calendar of the file's own (`month_lengths`, `leap_year`,
    /// `leap_month`) and where `calendar` is not text.
    pub fn of(attrs: &Attrs) -> Result<Self> {
        let own = |name: &&&str| attrs.get(name).is_some();
        if let Some(own) = ["month_lengths", "leap_year", "leap_month"].iter().find(own) {
            let what = format!("the file defines a calendar of its own by `{own}`, which is not decoded");
            return Err(Error::new(Code::CombineCalendar, what).help(
                "where all files count from one reference in one unit, the numbers are kept as they are",
            ));
        }
        match (attrs.get("calendar"), attrs.text("calendar")) {
            (Some(value), None) => {
                Err(Error::new(Code::CombineCalendar, format!("`calendar` is {value}, not a name"))
                    .help("set `calendar` of the files with `step: attrs`"))
            }
            (_, calendar) => Self::parse(attrs.text("units").unwrap_or_default(), calendar),
        }
    }

    /// Nanoseconds of one unit.
    ///
    /// # Errors
    /// `combine-months` for months and years, which have no one length.
    pub fn unit_ns(&self) -> Result<i128> {
        self.unit.ns(self.calendar).ok_or_else(|| {
            let name = self.unit.name();
            Error::new(
                Code::CombineMonths,
                format!(
                    "time is counted in {name} (`{self}`), which are of no one length in the {} calendar",
                    self.calendar
                ),
            )
            .help("`combine.months: calendar` counts calendar months and years from the reference; without `units` the numbers are kept as they are")
        })
    }

    /// The instant of one number; `None` for NaN, and for the smallest 64-bit integer, which is numpy's "not a time".
    ///
    /// # Errors
    /// `combine-months` as [`TimeUnits::unit_ns`]; `combine-time` for what is not a number or beyond 128 bits.
    pub fn decode_one(&self, value: &Scalar) -> Result<Option<i128>> {
        let unit = self.unit_ns()?;
        let since = match value {
            Scalar::Float(x) if x.is_nan() => return Ok(None),
            Scalar::Int(i64::MIN) => return Ok(None),
            Scalar::Float(x) => float::float_times(*x, unit),
            other => other.as_i128().and_then(|x| x.checked_mul(unit)),
        };
        since
            .and_then(|ns| ns.checked_add(self.reference_ns()))
            .map(Some)
            .ok_or_else(|| Error::new(Code::CombineTime, format!("{value} is not a count of `{self}`")))
    }

    /// The instants of a block of numbers, in C order; `None` for NaN and for the values in `masked` (`_FillValue`,
    /// `missing_value`).
    ///
    /// # Errors
    /// As [`TimeUnits::decode_one`].
    pub fn decode(&self, block: &Block, masked: &[Scalar]) -> Result<Vec<Option<i128>>> {
        self.cells(block, masked, |value| self.decode_one(value))
    }

    fn cells(
        &self,
        block: &Block,
        masked: &[Scalar],
        decode: impl Fn(&Scalar) -> Result<Option<i128>>,
    ) -> Result<Vec<Option<i128>>> {
        let cells = usize::try_from(block.len()).unwrap_or(usize::MAX);
        let cell = |index: usize| {
            let value = block.scalar(index).ok_or_else(|| {
                Error::new(
                    Code::CombineTime,
                    format!("time has no element {index}: {} expected", block.len()),
                )
            })?;
            if masked.iter().any(|mask| mask.equals(&value)) { Ok(None) } else { decode(&value) }
        };
        (0..cells).map(cell).collect()
    }

    /// The number of an instant; `None` where no integer of 64 bits is exact.
    pub fn encode(&self, instant: i128) -> Option<i64> {
        let unit = self.unit.ns(self.calendar)?;
        let since = instant.checked_sub(self.reference_ns())?;
        (since.rem_euclid(unit) == 0).then(|| i64::try_from(since.div_euclid(unit)).ok()).flatten()
    }

    /// The date of an instant in this calendar.
    pub fn date(&self, instant: i128) -> Option<DateTime> {
        self.calendar.from_ns(instant)
    }

    /// The reference as an instant.
    pub fn reference_ns(&self) -> i128 {
        self.calendar.to_ns(&self.reference)
    }
}

impl fmt::Display for TimeUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bc = counts_bc(self.calendar) && self.reference.year <= 0;
        let written = DateTime { year: self.reference.year - i64::from(bc), ..self.reference };
        write!(
            f,
            "{} since {}",
            self.unit.name(),
            DateTime { hour: 0, minute: 0, second: 0, nanosecond: 0, ..written }
        )?;
        if written.ns_of_day() == 0 {
            return Ok(());
        }
        write!(f, " {:02}:{:02}:{:02}", written.hour, written.minute, written.second)?;
        f.write_str(&timestamp::fraction(written.nanosecond))
    }
}

/// In the two historical calendars cftime takes a negative year as one BC, without a year 0 between.
const fn counts_bc(calendar: Calendar) -> bool {
    matches!(calendar, Calendar::Standard | Calendar::Julian)
}

/// The calendar of a `calendar` attribute.
///
/// # Errors
/// `combine-calendar` for what is no calendar of the conventions, and for those whose numbers can't be decoded.
pub fn calendar_named(name: &str) -> Result<Calendar> {
    if let Some(calendar) = Calendar::parse(name) {
        return Ok(calendar);
    }
    let refused = |why: &str| Error::new(Code::CombineCalendar, format!("calendar `{name}` {why}"));
    let keep = "where all files count from one reference in one unit, the numbers are kept as they are";
    Err(match name.trim().to_ascii_lowercase().as_str() {
        "none" => refused("has no dates: its times belong to no year").help(keep),
        "utc" => refused("counts leap seconds, which are not decoded").help(format!(
            "{keep}; if the numbers have no leap seconds, as most, set `calendar` to `standard`"
        )),
        "tai" => refused("is atomic time, which is not decoded to dates")
            .help(format!("{keep}; to take its dates as they are written, set `calendar` to `standard`")),
        _ => {
            let known: Vec<&str> = Calendar::ALL.iter().map(|calendar| calendar.name()).collect();
            refused("is not one of the CF conventions")
                .help(format!("the calendars are {}", known.join(", ")))
        }
    })
}

/// Splits `UNIT since DATE`.
fn split_since(units: &str) -> Option<(&str, &str)> {
    let (unit, rest) = units.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let word = rest.get(..5).filter(|word| word.eq_ignore_ascii_case("since"))?;
    let date = rest.get(word.len()..)?;
    date.starts_with(char::is_whitespace).then_some((unit, date.trim()))
}

#[cfg(test)]
#[path = "cftime_tests.rs"]
mod tests;

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

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::calendar::{Calendar, DAY_NS, DateTime};
use crate::code::Code;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::timestamp;

/// A unit of CF time, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Seven days.
    Weeks,
    /// In UDUNITS a twelfth of a tropical year, in people's minds a calendar month. Of one length in the 360-day calendar only.
    Months,
    /// In UDUNITS a tropical year, in people's minds a calendar year. Never decoded.
    Years,
}

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

impl TimeUnit {
    const FIXED: [Self; 8] = [
        Self::Nanoseconds,
        Self::Microseconds,
        Self::Milliseconds,
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
        Self::Days,
        Self::Weeks,
    ];

    /// The unit of a spelling that CF, UDUNITS, cftime or xarray know, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "ns" | "nsec" | "nsecs" | "nanosec" | "nanosecs" | "nanosecond" | "nanoseconds" => {
                Self::Nanoseconds
            }
            "us" | "µs" | "μs" | "usec" | "usecs" | "microsec" | "microsecs" | "microsecond"
            | "microseconds" => Self::Microseconds,
            "ms" | "msec" | "msecs" | "millisec" | "millisecs" | "millisecond" | "milliseconds" => {
                Self::Milliseconds
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            "min" | "mins" | "minute" | "minutes" => Self::Minutes,
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Hours,
            "d" | "day" | "days" => Self::Days,
            "week" | "weeks" => Self::Weeks,
            "month" | "months" | "mon" | "mons" => Self::Months,
            "year" | "years" | "yr" | "yrs" => Self::Years,
            _ => return None,
        })
    }

    /// The name in canonical units texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::Years => "years",
        }
    }

    /// Nanoseconds of one unit; `None` where that is not one number.
    pub const fn ns(self, calendar: Calendar) -> Option<i128> {
        Some(match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
            Self::Days => DAY_NS,
            Self::Weeks => 7 * DAY_NS,
            Self::Months if matches!(calendar, Calendar::Day360) => 30 * DAY_NS,
            Self::Months | Self::Years => return None,
        })
    }
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
            Some(name) => Calendar::parse(name).ok_or_else(|| unknown_calendar(name))?,
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
            .help("keep the numbers as they are by dropping `units`, or set `combine.months` to `calendar`")
        })
    }

    /// The instant of one number; `None` for NaN.
    ///
    /// # Errors
    /// `combine-months` as [`TimeUnits::unit_ns`]; `combine-time` for what is not a number or beyond 128 bits.
    pub fn decode_one(&self, value: &Scalar) -> Result<Option<i128>> {
        let unit = self.unit_ns()?;
        let since = match value {
            Scalar::Float(x) if x.is_nan() => return Ok(None),
            Scalar::Float(x) => float_times(*x, unit),
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
        let cells = usize::try_from(block.len()).unwrap_or(usize::MAX);
        let cell = |index: usize| {
            let value = block.scalar(index).ok_or_else(|| {
                Error::new(
                    Code::CombineTime,
                    format!("time has no element {index}: {} expected", block.len()),
                )
            })?;
            if masked.iter().any(|mask| equal(mask, &value)) { Ok(None) } else { self.decode_one(&value) }
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

/// The coarsest units that hold every instant of every part as an exact integer: the first part's reference, and its
/// unit or the first finer one that fits all. No part: `None`.
///
/// # Errors
/// `combine-calendar` where calendars differ, `combine-months` for months and years, `combine-time` where not even
/// nanoseconds fit into 64 bits.
pub fn common_units(parts: &[(TimeUnits, Vec<Option<i128>>)]) -> Result<Option<TimeUnits>> {
    let Some((first, _)) = parts.first() else { return Ok(None) };
    let mut finest = first.unit;
    for (units, _) in parts {
        units.unit_ns()?;
        if units.calendar != first.calendar {
            return Err(Error::new(
                Code::CombineCalendar,
                format!("calendar is {} and {}", first.calendar, units.calendar),
            ));
        }
        finest = finest.min(units.unit);
    }
    let fits = |unit: TimeUnit| {
        let target = TimeUnits { unit, ..*first };
        let instants = parts.iter().flat_map(|(_, instants)| instants).flatten();
        let worst = instants.copied().find(|instant| target.encode(*instant).is_none());
        worst.map_or(Ok(target), Err)
    };
    // 360-day months are tried as they are; below them the fixed units.
    let candidates = TimeUnit::FIXED.into_iter().rev().filter(|unit| *unit < finest);
    let mut worst = 0;
    for unit in std::iter::once(finest).chain(candidates) {
        match fits(unit) {
            Ok(target) => return Ok(Some(target)),
            Err(instant) => worst = instant,
        }
    }
    let date = first.date(worst).map_or_else(|| format!("{worst} ns"), |date| date.to_string());
    Err(Error::new(
        Code::CombineTime,
        format!(
            "no unit holds all times as 64-bit integers since {}: `{date}` fits no unit that is fine enough for the rest",
            first.reference
        ),
    ))
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

fn unknown_calendar(name: &str) -> Error {
    let known: Vec<&str> = Calendar::ALL.iter().map(|calendar| calendar.name()).collect();
    Error::new(Code::CombineCalendar, format!("calendar `{name}` is not one of the CF conventions"))
        .help(format!("the calendars are {}", known.join(", ")))
}

/// Splits `UNIT since DATE`.
fn split_since(units: &str) -> Option<(&str, &str)> {
    let (unit, rest) = units.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let word = rest.get(..5).filter(|word| word.eq_ignore_ascii_case("since"))?;
    let date = rest.get(word.len()..)?;
    date.starts_with(char::is_whitespace).then_some((unit, date.trim()))
}

/// Equal as numbers; NaN equals itself.
pub(crate) fn equal(a: &Scalar, b: &Scalar) -> bool {
    a.same(b)
        || match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64().is_some() && a.as_f64() == b.as_f64(),
        }
}

/// A double as `sign * mantissa * 2^exponent`; `None` where it is not finite.
fn split_float(value: f64) -> Option<(bool, u64, i32)> {
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).ok()?;
    let fraction = bits & ((1 << 52) - 1);
    match exponent {
        0x7ff => None,
        0 => Some((value.is_sign_negative(), fraction, -1074)),
        _ => Some((value.is_sign_negative(), fraction | (1 << 52), exponent - 1075)),
    }
}

/// The roundest number of nanoseconds within half a unit in the last place of `value` times `unit`.
fn float_times(value: f64, unit: i128) -> Option<i128> {
    let (negative, mantissa, exponent) = split_float(value)?;
    let scaled = i128::from(mantissa).checked_mul(unit)?;
    let ns = if exponent >= 0 {
        let factor = 1_i128.checked_shl(u32::try_from(exponent).ok()?).filter(|f| *f > 0)?;
        scaled.checked_mul(factor)?
    } else {
        // Below 2^103 after scaling: half of the last place is gone where the divisor is beyond 2^120.
        let shift = exponent.unsigned_abs();
        // Below a power of two doubles lie twice as close.
        let within = if mantissa == 1 << 52 { unit / 4 } else { unit / 2 };
        if shift > 120 { 0 } else { roundest(scaled, within, 1_i128 << shift) }
    };
    Some(if negative { -ns } else { ns })
}

/// `scaled / divisor` nanoseconds, give or take `within / divisor`: the multiple of a second, millisecond or
/// microsecond that lies there, else the nearest integer (half to even).
fn roundest(scaled: i128, within: i128, divisor: i128) -> i128 {
    for step in [1_000_000_000, 1_000_000, 1_000] {
        let near = nearest_multiple(scaled, divisor, step);
        let distance =
            near.checked_mul(step).and_then(|ns| ns.checked_mul(divisor)).map(|x| (x - scaled).abs());
        if distance.is_some_and(|d| d <= within) {
            return near * step;
        }
    }
    nearest_multiple(scaled, divisor, 1)
}

/// The integer nearest to `scaled / (divisor * step)`, half to even.
fn nearest_multiple(scaled: i128, divisor: i128, step: i128) -> i128 {
    let Some(divisor) = divisor.checked_mul(step) else { return 0 };
    let (whole, rest) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => whole % 2 != 0,
    };
    whole + i128::from(up)
}

#[cfg(test)]
#[path = "cftime_tests.rs"]
mod tests;

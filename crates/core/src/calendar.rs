//! The calendars of the CF conventions (section 4.4.1): dates to elapsed time and back, exactly.
//!
//! All arithmetic is on integers. Elapsed time is counted in nanoseconds since 1970-01-01T00:00; for the three
//! calendars of real days (standard, proleptic Gregorian, Julian) that is the same instant, the Gregorian date; the
//! model calendars count from their own 1970-01-01. There are no leap seconds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::error::{Error, Result};
use crate::timestamp::{self, Precision};

/// Nanoseconds of a day.
pub const DAY_NS: i128 = 86_400_000_000_000;

/// A CF calendar; aliases are one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Calendar {
    /// Julian until 1582-10-04, Gregorian from 1582-10-15 (`standard`, `gregorian`).
    #[default]
    #[serde(rename = "standard")]
    Standard,
    /// Gregorian at all times.
    #[serde(rename = "proleptic_gregorian")]
    ProlepticGregorian,
    /// Julian at all times.
    #[serde(rename = "julian")]
    Julian,
    /// 365 days a year (`noleap`, `365_day`).
    #[serde(rename = "noleap")]
    NoLeap,
    /// 366 days a year (`all_leap`, `366_day`).
    #[serde(rename = "all_leap")]
    AllLeap,
    /// Twelve months of 30 days.
    #[serde(rename = "360_day")]
    Day360,
}

/// A date and time of day in some calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DateTime {
    /// Astronomical year (0 exists, negative allowed).
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59; CF time has no leap seconds.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanosecond: u32,
}

impl Calendar {
    /// Every calendar, in the order of the conventions.
    pub const ALL: [Self; 6] =
        [Self::Standard, Self::ProlepticGregorian, Self::Julian, Self::NoLeap, Self::AllLeap, Self::Day360];

    /// The calendar of a CF name or alias, in any case; `None` where the conventions have none of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Self::Standard,
            "proleptic_gregorian" => Self::ProlepticGregorian,
            "julian" => Self::Julian,
            "noleap" | "no_leap" | "365_day" => Self::NoLeap,
            "all_leap" | "allleap" | "366_day" => Self::AllLeap,
            "360_day" => Self::Day360,
            _ => return None,
        })
    }

    /// The name that the conventions prefer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::ProlepticGregorian => "proleptic_gregorian",
            Self::Julian => "julian",
            Self::NoLeap => "noleap",
            Self::AllLeap => "all_leap",
            Self::Day360 => "360_day",
        }
    }

    /// Whether a year has a 29 February.
    pub const fn is_leap(self, year: i64) -> bool {
        let julian = year.rem_euclid(4) == 0;
        let gregorian = julian && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
        match self {
            Self::NoLeap | Self::Day360 => false,
            Self::AllLeap => true,
            Self::Julian => julian,
            Self::ProlepticGregorian => gregorian,
            Self::Standard => {
                if year > 1582 {
                    gregorian
                } else {
                    julian
                }
            }
        }
    }

    /// The last day of a month (1 to 12); 0 for other months.
    pub const fn last_day(self, year: i64, month: u8) -> u8 {
        match (self, month) {
            (Self::Day360, 1..=12) => 30,
            (_, 1 | 3 | 5 | 7 | 8 | 10 | 12) => 31,
            (_, 4 | 6 | 9 | 11) => 30,
            (_, 2) if self.is_leap(year) => 29,
            (_, 2) => 28,
            _ => 0,
        }
    }

    /// Whether the calendar has this date and the time of day is one: not 30 February, not 1582-10-05 where it was skipped.
    pub fn has(self, date: &DateTime) -> bool {
        let skipped =
            self == Self::Standard && (date.year, date.month) == (1582, 10) && (5..15).contains(&date.day);
        (1..=self.last_day(date.year, date.month)).contains(&date.day)
            && !skipped
            && date.hour < 24
            && date.minute < 60
            && date.second < 60
            && date.nanosecond < 1_000_000_000
    }

    /// Days since 1970-01-01; see the module on what that is in each calendar.
    pub fn to_days(self, year: i64, month: u8, day: u8) -> i128 {
        let (y, m, d) = (i128::from(year), i128::from(month), i128::from(day));
        // Years that begin on 1 March: a leap day is then the last of its year.
        let from_march = |gregorian: bool| {
            let y = y - i128::from(month <= 2);
            let in_year = (153 * ((m + 9).rem_euclid(12)) + 2).div_euclid(5) + d - 1;
            let leap_days = y.div_euclid(4);
            if gregorian {
                365 * y + leap_days - y.div_euclid(100) + y.div_euclid(400) + in_year - 719_468
            } else {
                365 * y + leap_days + in_year - 719_470
            }
        };
        match self {
            Self::Standard => from_march((year, month, day) >= (1582, 10, 15)),
            Self::ProlepticGregorian => from_march(true),
            Self::Julian => from_march(false),
            Self::NoLeap => 365 * (y - 1970) + days_before(month, false) + d - 1,
            Self::AllLeap => 366 * (y - 1970) + days_before(month, true) + d - 1,
            Self::Day360 => 360 * (y - 1970) + 30 * (m - 1) + d - 1,
        }
    }

    /// Year, month and day of a count of days since 1970-01-01; `None` where the year is beyond 64 bits.
    pub fn from_days(self, days: i128) -> Option<(i64, u8, u8)> {
        /// 1582-10-15, the first Gregorian day.
        const SWITCH: i128 = -141_427;
        match self {
            Self::Standard if days >= SWITCH => gregorian_from_days(days),
            Self::ProlepticGregorian => gregorian_from_days(days),
            Self::Standard | Self::Julian => {
                let days = days.checked_add(719_470)?;
                let year = days.checked_mul(4)?.checked_add(3)?.div_euclid(1461);
                split_march_year(year, days - 365 * year - year.div_euclid(4))
            }
            Self::NoLeap => split_model_year(days, 365),
            Self::AllLeap => split_model_year(days, 366),
            Self::Day360 => {
                let in_year = days.rem_euclid(360);
                let year = i64::try_from(days.div_euclid(360) + 1970).ok()?;
                Some((year, small(in_year / 30 + 1)?, small(in_year % 30 + 1)?))
            }
        }
    }

    /// Nanoseconds since 1970-01-01T00:00; exact for every date that the calendar has.
    pub fn to_ns(self, date: &DateTime) -> i128 {
        self.to_days(date.year, date.month, date.day) * DAY_NS + i128::from(date.ns_of_day())
    }

    /// The date of a count of nanoseconds since 1970-01-01T00:00; `None` where the year is beyond 64 bits.
    pub fn from_ns(self, ns: i128) -> Option<DateTime> {
        let (year, month, day) = self.from_days(ns.div_euclid(DAY_NS))?;
        let rest = u64::try_from(ns.rem_euclid(DAY_NS)).ok()?;
        let second = rest / 1_000_000_000;
        Some(DateTime {
            year,
            month,
            day,
            hour: u8::try_from(second / 3600).ok()?,
            minute: u8::try_from(second / 60 % 60).ok()?,
            second: u8::try_from(second % 60).ok()?,
            nanosecond: u32::try_from(rest % 1_000_000_000).ok()?,
        })
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl DateTime {
    /// Midnight of a date that `calendar` has.
    pub fn date(calendar: Calendar, year: i64, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0 };
        calendar.has(&date).then_some(date)
    }

    /// Reads ISO 8601 and its usual relatives: `1981-09-01`, `1981-09`, `1981`, `2000-1-1 6:0:0.5`, a `T` between
    /// date and time, `Z`, `+01:00` (the result is then UTC). What is left out is the first: 1 January, 00:00. Years
    /// are astronomical.
    ///
    /// # Errors
    /// `recipe-value` for anything else, and for dates that the calendar does not have.
    pub fn parse(text: &str, calendar: Calendar) -> Result<Self> {
        Self::parse_with_precision(text, calendar).map(|(date, _)| date)
    }

    /// As [`DateTime::parse`], but the last instant (to the nanosecond) of what is written: `1981` is the end of
    /// 31 December 1981. For the inclusive end of a range.
    ///
    /// # Errors
    /// As [`DateTime::parse`].
    pub fn parse_last(text: &str, calendar: Calendar) -> Result<Self> {
        let (date, precision) = Self::parse_with_precision(text, calendar)?;
        let ns = calendar.to_ns(&date);
        let next = match precision {
            Precision::Year => date.add_months(calendar, 12).map(|d| calendar.to_ns(&d)),
            Precision::Month => date.add_months(calendar, 1).map(|d| calendar.to_ns(&d)),
            Precision::Day => Some(ns + DAY_NS),
            Precision::Hour => Some(ns + 3_600_000_000_000),
            Precision::Minute => Some(ns + 60_000_000_000),
            Precision::Second => Some(ns + 1_000_000_000),
            Precision::Fraction => Some(ns + 1),
        };
        Ok(next.and_then(|next| calendar.from_ns(next - 1)).unwrap_or(date))
    }

    fn parse_with_precision(text: &str, calendar: Calendar) -> Result<(Self, Precision)> {
        let fail = |message: String| {
            Error::new(Code::RecipeValue, message)
                .help("dates look like `1981-09-01`, `1981-09`, `1981` or `1981-09-01T06:00:00`")
        };
        let stamp = timestamp::parse(text).map_err(fail)?;
        stamp.resolve(text, calendar).map(|date| (date, stamp.precision)).map_err(fail)
    }

    /// Nanoseconds since midnight.
    pub fn ns_of_day(&self) -> u64 {
        let second = (u64::from(self.hour) * 60 + u64::from(self.minute)) * 60 + u64::from(self.second);
        second * 1_000_000_000 + u64::from(self.nanosecond)
    }

    /// Minutes since midnight, cut.
    pub fn minute_of_day(&self) -> u16 {
        u16::from(self.hour) * 60 + u16::from(self.minute)
    }

    /// The day of the year, 1 to 366.
    pub fn day_of_year(&self, calendar: Calendar) -> u16 {
        let days = calendar.to_days(self.year, self.month, self.day) - calendar.to_days(self.year, 1, 1);
        u16::try_from(days + 1).unwrap_or(0)
    }

    /// Nanoseconds later (or earlier); `None` beyond the range of years.
    pub fn add_ns(&self, calendar: Calendar, ns: i128) -> Option<Self> {
        calendar.from_ns(calendar.to_ns(self).checked_add(ns)?)
    }

    /// Calendar months later (or earlier). The day is kept, cut at the month's end; a day that the switch of 1582
    /// skipped becomes the 15th. `None` beyond the range of years.
    pub fn add_months(&self, calendar: Calendar, months: i64) -> Option<Self> {
        let months =
            self.year.checked_mul(12)?.checked_add(i64::from(self.month) - 1)?.checked_add(months)?;
        let (year, month) = (months.div_euclid(12), u8::try_from(months.rem_euclid(12) + 1).ok()?);
        let day = self.day.min(calendar.last_day(year, month));
        let date = Self { year, month, day, ..*self };
        Some(if calendar.has(&date) { date } else { Self { day: 15, ..date } })
    }
}

/// As short as exact: `1981-09-01`, `1981-09-01T06:00`, `1981-09-01T06:00:00.5`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}-{:02}", self.year.unsigned_abs(), self.month, self.day)?;
        if self.ns_of_day() == 0 {
            return Ok(());
        }
        write!(f, "T{:02}:{:02}", self.hour, self.minute)?;
        if self.second == 0 && self.nanosecond == 0 {
            return Ok(());
        }
        write!(f, ":{:02}{}", self.second, timestamp::fraction(self.nanosecond))
    }
}

/// Days of a year before a month, in a year of 365 or 366 days.
fn days_before(month: u8, leap: bool) -> i128 {
    let calendar = if leap { Calendar::AllLeap } else { Calendar::NoLeap };
    (1..month).map(|m| i128::from(calendar.last_day(0, m))).sum()
}

fn split_model_year(days: i128, length: i128) -> Option<(i64, u8, u8)> {
    let year = i64::try_from(days.div_euclid(length) + 1970).ok()?;
    let in_year = days.rem_euclid(length);
    let month = (1..=12_u8).rev().find(|m| days_before(*m, length == 366) <= in_year)?;
    Some((year, month, small(in_year - days_before(month, length == 366) + 1)?))
}

fn gregorian_from_days(days: i128) -> Option<(i64, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    split_march_year(year + era * 400, day - (365 * year + year / 4 - year / 100))
}

/// From a year that begins on 1 March and the day in it, both from 0.
fn split_march_year(year: i128, in_year: i128) -> Option<(i64, u8, u8)> {
    let month = (5 * in_year + 2) / 153;
    let day = small(in_year - (153 * month + 2) / 5 + 1)?;
    let month = small(if month < 10 { month + 3 } else { month - 9 })?;
    Some((i64::try_from(year + i128::from(month <= 2)).ok()?, month, day))
}

fn small(value: i128) -> Option<u8> {
    u8::try_from(value).ok()
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;

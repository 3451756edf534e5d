//! The units that CF times are counted in.

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, DAY_NS};

/// A unit of CF time, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// 365 days, as UDUNITS has it.
    CommonYears,
    /// In UDUNITS a tropical year, in people's minds a calendar year. Of no one length.
    Years,
}

impl TimeUnit {
    /// The units that every reader of CF times decodes, finest first; cftime and xarray know no weeks.
    pub(super) const READABLE: [Self; 7] = [
        Self::Nanoseconds,
        Self::Microseconds,
        Self::Milliseconds,
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
        Self::Days,
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
            "common_year" | "common_years" => Self::CommonYears,
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
            Self::CommonYears => "common_years",
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
            Self::CommonYears => 365 * DAY_NS,
            Self::Months | Self::Years => return None,
        })
    }
}

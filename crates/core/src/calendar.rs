//! The calendars of the CF conventions (section 4.4.1): dates to elapsed time and back, exactly.

use serde::{Deserialize, Serialize};

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

//! When a field is: its reference time and its step, in seconds.

use arcoforge_core::calendar::{Calendar, DateTime};

use super::keys::Keys;

const DAY: i64 = 86_400;
/// No step is longer: 30 million years.
const STEP_SECONDS_MAX: i64 = 1_000_000_000_000_000;
const CALENDAR: Calendar = Calendar::ProlepticGregorian;

/// A moment as a message has it: year, month, day, hour, minute, second.
type Moment = [i64; 6];

/// Seconds since 1970, or what is wrong with the date.
fn seconds(moment: Moment) -> Result<i64, String> {
    let [year, month, day, hour, minute, second] = moment;
    let (short_month, short_day) = (u8::try_from(month).unwrap_or(0), u8::try_from(day).unwrap_or(0));
    let in_day = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..61).contains(&second);
    let date = DateTime::date(CALENDAR, year, short_month, short_day).filter(|_| in_day).ok_or_else(|| {
        format!("found the date {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}, which there is not")
    })?;
    let days = CALENDAR.to_days(date.year, date.month, date.day);
    let days = i64::try_from(days).map_err(|_| "the date is out of range".to_owned())?;
    let far = || "the date is out of range".to_owned();
    let start =
        days.checked_mul(DAY).filter(|start| start.unsigned_abs() < i64::MAX as u64 / 4).ok_or_else(far)?;
    Ok(start + hour * 3600 + minute * 60 + second)
}

/// The reference time of edition 1, whose section 1 counts years in centuries.
pub(super) fn reference1(section: &[u8]) -> Result<i64, String> {
    let octet = |n: usize| i64::from(section.get(n).copied().unwrap_or(0));
    let (of_century, century) = (octet(12), octet(24));
    seconds([(century - 1) * 100 + of_century, octet(13), octet(14), octet(15), octet(16), 0])
}

/// The reference time of edition 2.
pub(super) fn reference2(section: &[u8]) -> Result<i64, String> {
    let octet = |n: usize| i64::from(section.get(n).copied().unwrap_or(0));
    seconds([octet(12) << 8 | octet(13), octet(14), octet(15), octet(16), octet(17), octet(18)])
}

/// The step of edition 1, where it ends: P1, or P2 of intervals (table 5).
pub(super) fn step1(section: &[u8], time: i64, instant: bool) -> Result<Option<i64>, String> {
    let octet = |n: usize| i64::from(section.get(n).copied().unwrap_or(0));
    let (unit, p1, p2, indicator) = (octet(17), octet(18), octet(19), octet(20));
    let length = match indicator {
        10 => p1 << 8 | p2,
        _ if instant => p1,
        0 | 1 => p1,
        _ => p2,
    };
    let unit = match unit {
        13 => Unit::Seconds(900),
        14 => Unit::Seconds(1800),
        254 => Unit::Seconds(1),
        unit => Unit::of(unit)?,
    };
    unit.after(time, length).map(Some)
}

/// The step of edition 2: the forecast time, and the interval that begins there, if there is one.
pub(super) fn step2(keys: &Keys, time: i64) -> Result<Option<i64>, String> {
    if keys.has("localTimeMethod") {
        return Err("found a product at local times (template 4.88), whose steps differ from point to point"
            .to_owned());
    }
    let Some(length) = keys.get("forecastTime") else { return Ok(None) };
    let unit = Unit::of(keys.get("indicatorOfUnitForForecastTime").unwrap_or(1));
    let start = match (unit, length) {
        (_, 0) => 0,
        (unit, length) => unit?.after(time, length)?,
    };
    let ranges = keys.get("numberOfTimeRanges").unwrap_or(0);
    if ranges == 0 {
        return Ok(Some(start));
    }
    let increments = keys.all("typeOfTimeIncrement");
    let range = |n: usize| -> Result<i64, String> {
        let length = keys.all("lengthOfTimeRange").get(n).copied().flatten().unwrap_or(0);
        let unit = keys.all("indicatorOfUnitForTimeRange").get(n).copied().flatten().unwrap_or(1);
        if length == 0 { Ok(0) } else { Unit::of(unit)?.after(time.saturating_add(start), length) }
    };
    match (ranges, increments) {
        // fields of successive reference times: the length of their range is none of steps
        (1, [Some(1)]) => return Ok(Some(start)),
        (1, _) => return range(0).map(|length| Some(start + length)),
        _ => {}
    }
    if ranges == 2
        && let Some(at) = increments.iter().position(|&increment| increment == Some(2))
    {
        return range(at).map(|length| Some(start + length));
    }
    seconds(end_of_interval(keys)).map(|end| Some(end - time))
}

fn end_of_interval(keys: &Keys) -> Moment {
    ["year", "month", "day", "hour", "minute", "second"]
        .map(|part| keys.get(&format!("{part}OfEndOfOverallTimeInterval")).unwrap_or(0))
}

/// A unit of time (edition 1 table 4, edition 2 table 4.4).
#[derive(Debug, Clone, Copy)]
enum Unit {
    Seconds(i64),
    Months(i64),
}

impl Unit {
    fn of(code: i64) -> Result<Self, String> {
        Ok(match code {
            0 => Self::Seconds(60),
            1 => Self::Seconds(3600),
            2 => Self::Seconds(DAY),
            3 => Self::Months(1),
            4 => Self::Months(12),
            5 => Self::Months(120),
            6 => Self::Months(360),
            7 => Self::Months(1200),
            10 => Self::Seconds(3 * 3600),
            11 => Self::Seconds(6 * 3600),
            12 => Self::Seconds(12 * 3600),
            13 => Self::Seconds(1),
            14 => Self::Seconds(900),
            15 => Self::Seconds(1800),
            _ => {
                return Err(format!(
                    "found the unit of time {code}, which the tables of the WMO do not have"
                ));
            }
        })
    }

    /// So many units from a moment on, in seconds; months as long as they are there.
    fn after(self, time: i64, length: i64) -> Result<i64, String> {
        let far = || format!("found a step of {length} units, which is out of range");
        let near = |step: &i64| step.unsigned_abs() < STEP_SECONDS_MAX as u64;
        match self {
            Self::Seconds(unit) => length.checked_mul(unit).filter(near).ok_or_else(far),
            Self::Months(unit) => {
                let (days, rest) = (time.div_euclid(DAY), time.rem_euclid(DAY));
                let (year, month, day) = CALENDAR.from_days(i128::from(days)).ok_or_else(far)?;
                let date = DateTime::date(CALENDAR, year, month, day).ok_or_else(far)?;
                let months = length.checked_mul(unit).ok_or_else(far)?;
                let later = date.add_months(CALENDAR, months).ok_or_else(far)?;
                let later = seconds([later.year, later.month.into(), later.day.into(), 0, 0, 0])?;
                Some(later + rest - time).filter(near).ok_or_else(far)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        let rows = [
            ([1970, 1, 1, 0, 0, 0], Ok(0)),
            ([2020, 2, 29, 12, 30, 5], Ok(1_582_979_405)),
            ([1969, 12, 31, 23, 0, 0], Ok(-3600)),
        ];
        for (moment, expected) in rows {
            assert_eq!(seconds(moment), expected, "{moment:?}");
        }
        let there_is_not = seconds([2020, 2, 30, 0, 0, 0]).unwrap_err();
        assert_eq!(there_is_not, "found the date 2020-02-30 00:00:00, which there is not");
    }

    #[test]
    fn steps_of_edition_1() {
        let section = |unit: u8, p1: u8, p2: u8, indicator: u8| {
            let mut section = [0; 28];
            section[17..21].copy_from_slice(&[unit, p1, p2, indicator]);
            section
        };
        let rows = [
            (section(1, 6, 0, 0), 6 * 3600),
            (section(1, 0, 6, 4), 6 * 3600),
            (section(1, 1, 44, 10), 300 * 3600),
            (section(0, 90, 0, 0), 5400),
            (section(13, 3, 0, 0), 2700),
            (section(254, 30, 0, 0), 30),
            (section(3, 1, 0, 0), 31 * DAY),
        ];
        for (section, expected) in rows {
            assert_eq!(step1(&section, 0, false), Ok(Some(expected)));
        }
        assert!(step1(&section(77, 1, 0, 0), 0, false).is_err());
    }
}

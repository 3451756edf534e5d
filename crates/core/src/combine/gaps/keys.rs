//! What is missing between the keys of found inputs, as far as they keep a step.

use super::regular::{self, Jump};
use super::{INSERTED_MAX, Place};
use crate::axis::Key;
use crate::calendar::{Calendar, DAY_NS, DateTime};
use crate::cftime::{TimeUnit, TimeUnits};

/// Ranges that are listed.
const RANGES_MAX: usize = 8;

/// Dates that are missing between those that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holes {
    /// What one step is called: `day`, `month`, `position`.
    pub step: &'static str,
    /// How many dates there are.
    pub found: u64,
    /// How many are missing.
    pub missing: u64,
    /// First and last of the first ranges that are missing.
    pub ranges: Vec<(DateTime, DateTime)>,
    /// Missing dates beyond those ranges.
    pub more: u64,
}

/// What is missing between dates in order: the smallest distance is the step, and every other one is a whole number of it.
/// `None` where that is not so, where a key is no date, or where nothing is missing.
pub fn holes(keys: &[Key], calendar: Calendar) -> Option<Holes> {
    let instant = |key: &Key| match key {
        Key::Date(date) => Some(Place::Whole(calendar.to_ns(date))),
        _ => None,
    };
    let reference = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let units = TimeUnits { unit: TimeUnit::Seconds, reference, calendar };
    let (jumps, missing) = regular::jumps(keys.iter().map(instant), Some(&units), INSERTED_MAX, RANGES_MAX)?;
    let date = |place: Option<Place>| match place? {
        Place::Whole(ns) => units.date(ns),
        Place::Real(_) => None,
    };
    let ends = |jump: &Jump<'_>| Some((date(jump.value(1))?, date(jump.value(jump.count))?));
    let ranges: Vec<_> = jumps.iter().map(ends).collect::<Option<_>>()?;
    let listed: u64 = jumps.iter().map(|jump| jump.count).sum();
    let step = jumps.first()?.step_name();
    (missing > 0).then(|| Holes { step, found: keys.len() as u64, missing, ranges, more: missing - listed })
}

/// What steps of so many nanoseconds are called.
pub(super) const fn name_of(step_ns: i128) -> &'static str {
    const HOUR_NS: i128 = DAY_NS / 24;
    match step_ns {
        DAY_NS => "day",
        HOUR_NS => "hour",
        _ => "position",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing() {
        let rows: &[(&str, Option<&str>)] = &[
            ("2020-01-01 2020-01-02 2020-01-04", Some("day 3+1: 2020-01-03..2020-01-03")),
            (
                "2020-01-01 2020-01-02 2020-01-05 2020-01-07",
                Some("day 4+3: 2020-01-03..2020-01-04 2020-01-06..2020-01-06"),
            ),
            ("2020-01-31 2020-02-01 2020-02-02", None),
            ("2020-01 2020-02 2020-05", Some("month 3+2: 2020-03-01..2020-04-01")),
            ("2018 2019 2022", Some("year 3+2: 2020-01-01..2021-01-01")),
            (
                "2020-01-01T00 2020-01-01T01 2020-01-01T03",
                Some("hour 3+1: 2020-01-01T02:00..2020-01-01T02:00"),
            ),
            ("2020-01-01 2020-01-09 2020-01-25", Some("position 3+1: 2020-01-17..2020-01-17")),
            ("2020-01-01 2020-01-03 2020-01-06", None),
            ("2020-01-01", None),
            ("1 2 4", None),
            ("", None),
        ];
        for (keys, expected) in rows {
            let keys: Vec<Key> = keys
                .split_whitespace()
                .map(|text| match text.len() {
                    1 => Key::guess(text),
                    _ => Key::Date(DateTime::parse(text, Calendar::Standard).unwrap()),
                })
                .collect();
            let shown = holes(&keys, Calendar::Standard).map(|found| {
                let ranges: Vec<String> = found.ranges.iter().map(|(a, b)| format!("{a}..{b}")).collect();
                assert_eq!(found.more, 0);
                format!("{} {}+{}: {}", found.step, found.found, found.missing, ranges.join(" "))
            });
            assert_eq!(shown.as_deref(), *expected, "{keys:?}");
        }
    }
}

//! Timestamps as text: ISO 8601, and what UDUNITS and the files of archives write instead.

use crate::calendar::{Calendar, DateTime};
use crate::cursor::{Cursor, fraction_to_ns};

/// How much of a timestamp was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// A timestamp as written; may not exist in a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) local: DateTime,
    /// East of Greenwich.
    pub(crate) offset_minutes: i32,
    pub(crate) precision: Precision,
}

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Reads `1981-09-01`, `1981-9-1 6:0:0.5 +01:00`, `1981-09-01T06Z`, `1981`, `Sep 1, 1981`.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let mut cursor = Cursor::new(text.trim());
    let malformed = || format!("`{text}` is not a date");
    let mut stamp = match parse_date(&mut cursor) {
        Ok(stamp) => stamp,
        Err(Some(message)) => return Err(format!("`{text}` is not a date: {message}")),
        Err(None) => return Err(malformed()),
    };
    let blanks = cursor.blanks();
    let time_follows = cursor.peek().is_some_and(|c| c.is_ascii_digit());
    if stamp.precision >= Precision::Day && ((cursor.eat_any("Tt").is_some()) || (blanks && time_follows)) {
        cursor.blanks();
        parse_time(&mut cursor, &mut stamp).ok_or_else(malformed)?;
        cursor.blanks();
    }
    stamp.offset_minutes = parse_zone(&mut cursor).ok_or_else(malformed)?;
    if cursor.done() { Ok(stamp) } else { Err(malformed()) }
}

impl Timestamp {
    /// The instant in UTC, where the calendar has it.
    pub(crate) fn resolve(&self, text: &str, calendar: Calendar) -> Result<DateTime, String> {
        if !calendar.has(&self.local) {
            return Err(format!("the {calendar} calendar has no `{text}`"));
        }
        self.local
            .add_ns(calendar, i128::from(self.offset_minutes) * -60_000_000_000)
            .ok_or_else(|| format!("`{text}` is out of range"))
    }
}

/// A fraction of a second with its point, without trailing zeros; empty for zero.
pub(crate) fn fraction(nanosecond: u32) -> String {
    if nanosecond == 0 {
        return String::new();
    }
    format!(".{nanosecond:09}").trim_end_matches('0').to_owned()
}

/// The month of an English name or its first three letters, and how many bytes that is.
pub(crate) fn month_name(text: &str) -> Option<(u8, usize)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
    (1..).zip(MONTHS).find_map(|(number, name)| {
        let short = name.get(..3)?;
        starts(name).then_some((number, name.len())).or_else(|| starts(short).then_some((number, 3)))
    })
}

fn parse_date(cursor: &mut Cursor<'_>) -> Result<Timestamp, Option<&'static str>> {
    let mut local = DateTime { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let stamp = |local, precision| Timestamp { local, offset_minutes: 0, precision };
    if let Some((month, _)) = month_name(cursor.rest()) {
        local = parse_named_month(cursor, month, local).ok_or(None)?;
        return Ok(stamp(local, Precision::Day));
    }
    let sign = cursor.eat_any("+-");
    let digits = cursor.digits(10);
    if digits.is_empty() || digits.len() > 9 {
        return Err(None);
    }
    if sign.is_none() && digits.len() > 5 && cursor.peek() != Some('-') {
        return Err(Some("separate year, month and day with dashes"));
    }
    let year: i64 = digits.parse().map_err(|_| None)?;
    local.year = if sign == Some('-') { -year } else { year };
    if !cursor.eat('-') {
        return Ok(stamp(local, Precision::Year));
    }
    local.month = cursor.number(2).ok_or(None)?;
    if !cursor.eat('-') {
        return Ok(stamp(local, Precision::Month));
    }
    local.day = cursor.number(2).ok_or(None)?;
    Ok(stamp(local, Precision::Day))
}

/// `Sep 1, 1981`.
fn parse_named_month(cursor: &mut Cursor<'_>, month: u8, mut local: DateTime) -> Option<DateTime> {
    cursor.take_while(9, |c| c.is_ascii_alphabetic());
    cursor.blanks();
    local.month = month;
    local.day = cursor.number(2)?;
    cursor.eat(',');
    cursor.blanks().then_some(())?;
    let digits = cursor.digits(5);
    local.year = if digits.len() == 4 { digits.parse().ok()? } else { return None };
    Some(local)
}

/// `6`, `6:0`, `06:00:00`, `06:00:00.25`.
fn parse_time(cursor: &mut Cursor<'_>, stamp: &mut Timestamp) -> Option<()> {
    stamp.local.hour = cursor.number(2)?;
    stamp.precision = Precision::Hour;
    if !cursor.eat(':') {
        return Some(());
    }
    stamp.local.minute = cursor.number(2)?;
    stamp.precision = Precision::Minute;
    if !cursor.eat(':') {
        return Some(());
    }
    stamp.local.second = cursor.number(2)?;
    stamp.precision = Precision::Second;
    if cursor.eat('.') {
        stamp.local.nanosecond = fraction_to_ns(cursor.digits(30))?;
        stamp.precision = Precision::Fraction;
    }
    Some(())
}

/// Nothing, `Z`, `UTC`, `GMT`, `+1`, `+01:00`, `-0530`, and `0:00` without a sign.
fn parse_zone(cursor: &mut Cursor<'_>) -> Option<i32> {
    if cursor.done() || ["UTC", "GMT", "Z"].iter().any(|zone| cursor.eat_word(zone)) {
        return Some(0);
    }
    let sign = cursor.eat_any("+-");
    let mut hours = cursor.digits(4);
    let mut minutes = "0";
    if cursor.eat(':') {
        minutes = cursor.digits(2);
    } else if sign.is_none() {
        return None;
    } else if hours.len() > 2 {
        (hours, minutes) = hours.split_at_checked(hours.len() - 2)?;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = (hours <= 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(if sign == Some('-') { -total } else { total })
}

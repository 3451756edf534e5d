//! Dates in names of files: the directives of strftime and strptime, in every CF calendar.
//!
//! | directive | meaning | directive | meaning |
//! |---|---|---|---|
//! | `%Y` | year, four digits or more | `%j` | day of the year, 001–366 |
//! | `%y` | year, two digits: 69–99 are 19xx, 00–68 are 20xx | `%f` | microseconds, six digits |
//! | `%m` | month, 01–12 | `%b`, `%h` | month, `Jan` |
//! | `%d` | day, 01–31 | `%B` | month, `January` |
//! | `%e` | day, padded with a blank | `%I`, `%p` | hour 01–12, `AM` or `PM` |
//! | `%H` `%M` `%S` | hour, minute, second | `%F`, `%T` | `%Y-%m-%d`, `%H:%M:%S` |
//! | `%%` | a percent sign | `%-d` | any number without padding |
//!
//! Everything else after a percent sign is refused when the format is parsed.

use std::fmt::{self, Write as _};

use crate::calendar::{Calendar, DateTime};
use crate::cursor::Cursor;
use crate::timestamp::{MONTHS, month_name};

/// A parsed format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strftime(Vec<Item>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    Part { part: Part, padded: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Year2,
    Month,
    MonthShort,
    MonthLong,
    Day,
    DayBlank,
    DayOfYear,
    Hour,
    Hour12,
    AmPm,
    Minute,
    Second,
    Microsecond,
}

/// What strptime has read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Fields {
    year: Option<i64>,
    month: Option<u8>,
    day: Option<u8>,
    day_of_year: Option<u16>,
    hour: Option<u8>,
    hour12: Option<u8>,
    afternoon: Option<bool>,
    minute: Option<u8>,
    second: Option<u8>,
    nanosecond: Option<u32>,
}

impl Strftime {
    /// Reads a format.
    ///
    /// # Errors
    /// The byte at which an unknown directive begins, and a message.
    pub fn parse(format: &str) -> Result<Self, (usize, String)> {
        let mut cursor = Cursor::new(format);
        let mut items = Vec::new();
        let mut literal = String::new();
        while !cursor.done() {
            let start = cursor.at();
            let plain = cursor.take_while(usize::MAX, |c| c != '%');
            literal.push_str(plain);
            let at = start.saturating_add(plain.len());
            if !cursor.eat('%') {
                break;
            }
            let padded = !cursor.eat('-');
            let directive = cursor.bump().ok_or_else(|| (at, "the format ends after `%`".to_owned()))?;
            if directive == '%' && padded {
                literal.push('%');
                continue;
            }
            let expansion = expand(directive).ok_or_else(|| (at, unknown(directive)))?;
            if !literal.is_empty() {
                items.push(Item::Literal(std::mem::take(&mut literal)));
            }
            items.extend(expansion.iter().map(|piece| match piece {
                Ok(part) => Item::Part { part: *part, padded },
                Err(text) => Item::Literal((*text).to_owned()),
            }));
        }
        if !literal.is_empty() {
            items.push(Item::Literal(literal));
        }
        Ok(Self(items))
    }

    /// The date in this format.
    pub fn format(&self, date: &DateTime, calendar: Calendar) -> String {
        let mut text = String::new();
        for item in &self.0 {
            match item {
                Item::Literal(literal) => text.push_str(literal),
                Item::Part { part, padded } => {
                    // a text takes all that is written to it
                    let _ = part.write(&mut text, date, calendar, *padded);
                }
            }
        }
        text
    }

    /// Reads a date in this format (strptime): all of `text`. What the format lacks is the first: 1 January, 00:00.
    ///
    /// # Errors
    /// A message, where the text does not fit, the format has no year, or the calendar has no such date.
    pub fn read(&self, text: &str, calendar: Calendar) -> Result<DateTime, String> {
        let mut cursor = Cursor::new(text);
        let mut fields = Fields::default();
        let mismatch = |at: usize| format!("`{text}` does not fit the date format, from byte {at} on");
        for (index, item) in self.0.iter().enumerate() {
            let at = cursor.at();
            let fits = match item {
                Item::Literal(literal) => literal.chars().all(|c| cursor.eat(c)),
                Item::Part { part, .. } => {
                    // Digits follow: a year is four digits then.
                    let open = !matches!(self.0.get(index.saturating_add(1)), Some(Item::Part { .. }));
                    part.read(&mut cursor, &mut fields, open).is_some()
                }
            };
            if !fits {
                return Err(mismatch(at));
            }
        }
        if !cursor.done() {
            return Err(mismatch(cursor.at()));
        }
        fields.date(text, calendar)
    }
}

fn unknown(directive: char) -> String {
    format!(
        "`%{directive}` is not a directive for dates; known are %Y %y %m %b %B %d %e %j %H %I %p %M %S %f %F %T %%"
    )
}

/// The parts, and the text between them, that a directive stands for.
fn expand(directive: char) -> Option<&'static [Result<Part, &'static str>]> {
    Some(match directive {
        'Y' => &[Ok(Part::Year)],
        'y' => &[Ok(Part::Year2)],
        'm' => &[Ok(Part::Month)],
        'b' | 'h' => &[Ok(Part::MonthShort)],
        'B' => &[Ok(Part::MonthLong)],
        'd' => &[Ok(Part::Day)],
        'e' => &[Ok(Part::DayBlank)],
        'j' => &[Ok(Part::DayOfYear)],
        'H' => &[Ok(Part::Hour)],
        'I' => &[Ok(Part::Hour12)],
        'p' => &[Ok(Part::AmPm)],
        'M' => &[Ok(Part::Minute)],
        'S' => &[Ok(Part::Second)],
        'f' => &[Ok(Part::Microsecond)],
        'F' => &[Ok(Part::Year), Err("-"), Ok(Part::Month), Err("-"), Ok(Part::Day)],
        'T' => &[Ok(Part::Hour), Err(":"), Ok(Part::Minute), Err(":"), Ok(Part::Second)],
        _ => return None,
    })
}

impl Part {
    /// Adds it to a text: names of millions of files are made so.
    fn write(self, text: &mut String, date: &DateTime, calendar: Calendar, padded: bool) -> fmt::Result {
        let width = |width: usize| if padded { width } else { 0 };
        let month = MONTHS.get(usize::from(date.month).saturating_sub(1)).copied().unwrap_or("");
        match self {
            Self::Year if date.year < 0 => write!(text, "-{:0w$}", date.year.unsigned_abs(), w = width(4)),
            Self::Year => write!(text, "{:0w$}", date.year, w = width(4)),
            Self::Year2 => write!(text, "{:0w$}", date.year.rem_euclid(100), w = width(2)),
            Self::Month => write!(text, "{:0w$}", date.month, w = width(2)),
            Self::MonthShort => text.write_str(month.get(..3).unwrap_or(month)),
            Self::MonthLong => text.write_str(month),
            Self::Day => write!(text, "{:0w$}", date.day, w = width(2)),
            Self::DayBlank => write!(text, "{:w$}", date.day, w = width(2)),
            Self::DayOfYear => write!(text, "{:0w$}", date.day_of_year(calendar), w = width(3)),
            Self::Hour => write!(text, "{:0w$}", date.hour, w = width(2)),
            Self::Hour12 => write!(text, "{:0w$}", (u16::from(date.hour) + 11) % 12 + 1, w = width(2)),
            Self::AmPm => text.write_str(if date.hour < 12 { "AM" } else { "PM" }),
            Self::Minute => write!(text, "{:0w$}", date.minute, w = width(2)),
            Self::Second => write!(text, "{:0w$}", date.second, w = width(2)),
            Self::Microsecond => write!(text, "{:0w$}", date.nanosecond / 1000, w = width(6)),
        }
    }

    fn read(self, cursor: &mut Cursor<'_>, fields: &mut Fields, open: bool) -> Option<()> {
        match self {
            Self::Year => {
                let negative = cursor.eat('-');
                let digits = cursor.digits(if open { 9 } else { 4 });
                let year: i64 = (digits.len() >= 4).then_some(digits)?.parse().ok()?;
                set(&mut fields.year, if negative { -year } else { year })
            }
            Self::Year2 => {
                let year: i64 = cursor.digits(2).parse().ok()?;
                set(&mut fields.year, if year < 69 { 2000 + year } else { 1900 + year })
            }
            Self::Month => set(&mut fields.month, cursor.number(2)?),
            Self::MonthShort | Self::MonthLong => {
                let (month, length) = month_name(cursor.rest())?;
                let length = if self == Self::MonthShort { 3 } else { length };
                cursor.take_while(length, |_| true);
                set(&mut fields.month, month)
            }
            Self::Day | Self::DayBlank => {
                cursor.eat(' ');
                set(&mut fields.day, cursor.number(2)?)
            }
            Self::DayOfYear => set(&mut fields.day_of_year, cursor.number(3)?),
            Self::Hour => set(&mut fields.hour, cursor.number(2)?),
            Self::Hour12 => set(&mut fields.hour12, cursor.number(2)?),
            Self::AmPm => {
                let afternoon = cursor.eat_word("PM");
                (afternoon || cursor.eat_word("AM")).then_some(())?;
                set(&mut fields.afternoon, afternoon)
            }
            Self::Minute => set(&mut fields.minute, cursor.number(2)?),
            Self::Second => set(&mut fields.second, cursor.number(2)?),
            Self::Microsecond => {
                let digits = cursor.digits(9);
                (!digits.is_empty()).then_some(())?;
                set(&mut fields.nanosecond, crate::cursor::fraction_to_ns(digits)?)
            }
        }
    }
}

/// Sets a field, or compares where it was read before.
fn set<T: PartialEq + Copy>(field: &mut Option<T>, value: T) -> Option<()> {
    (*field.get_or_insert(value) == value).then_some(())
}

impl Fields {
    fn date(&self, text: &str, calendar: Calendar) -> Result<DateTime, String> {
        let absent = || format!("the {calendar} calendar has no date `{text}`");
        let year = self.year.ok_or("the date format has no year (%Y or %y)")?;
        let mut date = DateTime {
            year,
            month: self.month.unwrap_or(1),
            day: self.day.unwrap_or(1),
            hour: self.hour_of_day().ok_or_else(absent)?,
            minute: self.minute.unwrap_or(0),
            second: self.second.unwrap_or(0),
            nanosecond: self.nanosecond.unwrap_or(0),
        };
        if let Some(day) = self.day_of_year {
            let days = calendar.to_days(year, 1, 1) + i128::from(day) - 1;
            let (found, month, day_of_month) = calendar.from_days(days).ok_or_else(absent)?;
            let agrees = |field: Option<u8>, value: u8| field.is_none_or(|f| f == value);
            if found != year || day == 0 || !agrees(self.month, month) || !agrees(self.day, day_of_month) {
                return Err(absent());
            }
            (date.month, date.day) = (month, day_of_month);
        }
        if calendar.has(&date) { Ok(date) } else { Err(absent()) }
    }

    fn hour_of_day(&self) -> Option<u8> {
        match (self.hour12, self.afternoon) {
            (None, _) => Some(self.hour.unwrap_or(0)),
            (Some(hour), Some(afternoon)) => {
                let hour = (1..=12).contains(&hour).then_some(hour % 12)? + if afternoon { 12 } else { 0 };
                self.hour.is_none_or(|h| h == hour).then_some(hour)
            }
            (Some(_), None) => None,
        }
    }
}

#[cfg(test)]
#[path = "strftime_tests.rs"]
mod tests;

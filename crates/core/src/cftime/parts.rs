//! Times from their parts: year, month, day and the like, as many tables and swath files keep them.

use super::float::float_times;
use super::{TimeUnit, TimeUnits, common_units, counts_bc};
use crate::calendar::{Calendar, DAY_NS, DateTime};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::figures::Short;

const HOUR_NS: i128 = 3_600_000_000_000;
const MINUTE_NS: i128 = 60_000_000_000;
const SECOND_NS: i128 = 1_000_000_000;

/// The parts of times, one number for every element; NaN where it is missing. Month and day are 1 where they are not
/// given, the time of day is midnight.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    /// As in reference dates: in the standard and Julian calendars there is no year 0, and -1 is the year before 1.
    pub year: &'a [f64],
    /// 1 to 12.
    pub month: Option<&'a [f64]>,
    /// 1 to 31; may have a fraction, as every part below, where no finer part is given.
    pub day: Option<&'a [f64]>,
    /// 1 to 366, in place of month and day.
    pub day_of_year: Option<&'a [f64]>,
    /// 0 to 23, or 24 for the end of the day.
    pub hour: Option<&'a [f64]>,
    /// 0 to 59.
    pub minute: Option<&'a [f64]>,
    /// 0 to 59.
    pub second: Option<&'a [f64]>,
}

/// The instants of times that are given in parts; `None` where any part is missing.
///
/// # Errors
/// `step-invalid`, naming the element and its value, for what is no date or time of day of the calendar, for parts of
/// several lengths, and for a fraction of a part where a finer one is given.
pub fn from_parts(parts: &Parts<'_>, calendar: Calendar) -> Result<Vec<Option<i128>>> {
    if parts.day_of_year.is_some() && (parts.month.is_some() || parts.day.is_some()) {
        return Err(invalid("`day_of_year` stands in place of `month` and `day`, but both are given"));
    }
    for (name, values) in parts.named() {
        if values.len() != parts.year.len() {
            let (has, years) = (values.len(), parts.year.len());
            return Err(invalid(format!("`{name}` has {has} elements, but `year` has {years}")));
        }
    }
    let one = |item: usize| {
        let element = Element::of(parts, item);
        if element.missing {
            return Ok(None);
        }
        element.instant(calendar).map(Some).map_err(|why| {
            invalid(format!("item {item} is no time of the {calendar} calendar: {why}"))
                .help("`step: mask` makes such an element missing, `calendar` of `time_from` names another calendar")
        })
    };
    (0..parts.year.len()).map(one).collect()
}

/// Units in which all these instants are exact 64-bit integers: days since 1970-01-01, or a finer unit.
///
/// # Errors
/// `combine-time` where not even nanoseconds do.
pub fn units_since_1970(instants: &[Option<i128>], calendar: Calendar) -> Result<TimeUnits> {
    let Some(reference) = DateTime::date(calendar, 1970, 1, 1) else {
        return Err(Error::new(Code::Bug, "a calendar without 1970"));
    };
    let days = TimeUnits { unit: TimeUnit::Days, reference, calendar };
    let found = common_units(&[(days, instants.to_vec())]).map_err(|unfit| unfit.error)?;
    Ok(found.unwrap_or(days))
}

impl<'a> Parts<'a> {
    fn named(&self) -> impl Iterator<Item = (&'static str, &'a [f64])> {
        let all = [
            ("month", self.month),
            ("day", self.day),
            ("day_of_year", self.day_of_year),
            ("hour", self.hour),
            ("minute", self.minute),
            ("second", self.second),
        ];
        all.into_iter().filter_map(|(name, values)| Some((name, values?)))
    }
}

/// One element's parts; `None` where a part is not given at all.
struct Element {
    missing: bool,
    year: f64,
    month: Option<f64>,
    day: Option<f64>,
    day_of_year: Option<f64>,
    hour: Option<f64>,
    minute: Option<f64>,
    second: Option<f64>,
}

impl Element {
    fn of(parts: &Parts<'_>, item: usize) -> Self {
        let at = |values: Option<&[f64]>| values.map(|v| v.get(item).copied().unwrap_or(f64::NAN));
        let year = at(Some(parts.year)).unwrap_or(f64::NAN);
        let missing = year.is_nan() || parts.named().any(|(_, v)| v.get(item).is_none_or(|x| x.is_nan()));
        Self {
            missing,
            year,
            month: at(parts.month),
            day: at(parts.day),
            day_of_year: at(parts.day_of_year),
            hour: at(parts.hour),
            minute: at(parts.minute),
            second: at(parts.second),
        }
    }

    fn instant(&self, calendar: Calendar) -> Result<i128, String> {
        self.check_fractions()?;
        let year = self.year(calendar)?;
        let day = match self.day_of_year {
            Some(number) => day_of_year(number, year, calendar)?,
            None => self.day_of_month(year, calendar)?,
        };
        Ok(day + self.time_of_day()?)
    }

    /// Only the finest part may have a fraction: that of a coarser one is what the finer ones say again.
    fn check_fractions(&self) -> Result<(), String> {
        let parts = [
            ("day", self.day.or(self.day_of_year)),
            ("hour", self.hour),
            ("minute", self.minute),
            ("second", self.second),
        ];
        let given: Vec<(&str, f64)> = parts.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
        for pair in given.windows(2) {
            if let [(name, value), (finer, _)] = pair
                && value.fract() != 0.0
            {
                return Err(format!("{name} {} has a fraction, but {finer} is given too", Short(*value)));
            }
        }
        Ok(())
    }

    fn year(&self, calendar: Calendar) -> Result<i64, String> {
        let year = whole("year", self.year, -1e9, 1e9)?;
        match (counts_bc(calendar), year) {
            (true, 0) => Err("it has no year 0".to_owned()),
            (true, year) if year < 0 => Ok(year + 1),
            _ => Ok(year),
        }
    }

    fn day_of_month(&self, year: i64, calendar: Calendar) -> Result<i128, String> {
        let month = whole("month", self.month.unwrap_or(1.0), 1.0, 12.0)?;
        let day = self.day.unwrap_or(1.0);
        let ns = float_times(day, DAY_NS).ok_or_else(|| format!("day {} is not a day", Short(day)))?;
        let date = u8::try_from(month).ok().zip(u8::try_from(ns.div_euclid(DAY_NS)).ok());
        let date = date.and_then(|(month, day)| DateTime::date(calendar, year, month, day));
        let date = date.ok_or_else(|| {
            let (day, year) = (Short(day), Short(self.year));
            format!("there is no day {day} in month {month} of {year}")
        })?;
        Ok(calendar.to_ns(&date) + ns.rem_euclid(DAY_NS))
    }

    fn time_of_day(&self) -> Result<i128, String> {
        let parts = [
            ("hour", self.hour, HOUR_NS, 24),
            ("minute", self.minute, MINUTE_NS, 60),
            ("second", self.second, SECOND_NS, 60),
        ];
        let mut total = 0;
        for (name, value, unit, end) in parts {
            let value = value.unwrap_or(0.0);
            let ns = float_times(value, unit).filter(|ns| (0..end * unit).contains(ns));
            let midnight = name == "hour" && value == 24.0;
            total += match ns {
                Some(ns) => ns,
                None if midnight => DAY_NS,
                None => return Err(format!("{name} {} is not one of 0 to {}", Short(value), end - 1)),
            };
        }
        if total > DAY_NS || (self.hour == Some(24.0) && total != DAY_NS) {
            return Err("the day ends at hour 24, but minute or second go on".to_owned());
        }
        Ok(total)
    }
}

fn day_of_year(number: f64, year: i64, calendar: Calendar) -> Result<i128, String> {
    let first = calendar.to_days(year, 1, 1);
    let days = calendar.to_days(year.saturating_add(1), 1, 1) - first;
    let ns = float_times(number, DAY_NS).filter(|ns| (DAY_NS..(days + 1) * DAY_NS).contains(ns));
    let ns = ns.ok_or_else(|| format!("day_of_year {} is not one of 1 to {days}", Short(number)))?;
    Ok((first - 1) * DAY_NS + ns)
}

fn whole(name: &str, value: f64, least: f64, most: f64) -> Result<i64, String> {
    if value.fract() != 0.0 {
        return Err(format!("{name} {} is no whole number", Short(value)));
    }
    if !(least..=most).contains(&value) {
        return Err(format!("{name} {} is not one of {} to {}", Short(value), Short(least), Short(most)));
    }
    Ok(value as i64)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::StepInvalid, message)
}

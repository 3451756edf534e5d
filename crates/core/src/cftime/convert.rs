//! From one calendar to another by date: year, month, day and time of day stay, as
//! `xarray.Dataset.convert_calendar(align_on="date")` does it. A date that the other calendar does not have is refused:
//! xarray drops it.

use super::{TimeUnits, counts_bc};
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::error::{Error, Result};

impl TimeUnits {
    /// These units in another calendar: the reference keeps its date, or is 1 January of its year where the calendar
    /// does not have that date.
    ///
    /// # Errors
    /// `combine-calendar` for years before 1 where the two calendars count them in another way.
    pub fn in_calendar(&self, calendar: Calendar) -> Result<Self> {
        if calendar == self.calendar {
            return Ok(*self);
        }
        check_year(&self.reference, self.calendar, calendar)?;
        let first = DateTime::date(calendar, self.reference.year, 1, 1);
        let reference =
            if calendar.has(&self.reference) { self.reference } else { first.unwrap_or(self.reference) };
        Ok(Self { reference, calendar, ..*self })
    }

    /// The same dates in another calendar; missing ones stay missing.
    ///
    /// # Errors
    /// `combine-calendar`, naming item and date, where the calendar does not have it.
    pub fn convert(&self, instants: &[Option<i128>], calendar: Calendar) -> Result<Vec<Option<i128>>> {
        if calendar == self.calendar {
            return Ok(instants.to_vec());
        }
        let one = |(item, instant): (usize, &Option<i128>)| {
            let Some(ns) = *instant else { return Ok(None) };
            let date = self.date(ns).ok_or_else(|| {
                Error::new(Code::CombineTime, format!("item {item} lies beyond all years: {ns} ns"))
            })?;
            check_year(&date, self.calendar, calendar)?;
            if calendar.has(&date) {
                return Ok(Some(calendar.to_ns(&date)));
            }
            let what = format!(
                "item {item} is {date} ({}), a date that the {calendar} calendar does not have",
                self.calendar
            );
            Err(Error::new(Code::CombineCalendar, what)
                .help("convert to a calendar that has it, or leave the item out with `step: subset`"))
        };
        instants.iter().enumerate().map(one).collect()
    }
}

/// Years before 1 have one name in calendars without a year 0, and another in those with one.
fn check_year(date: &DateTime, from: Calendar, to: Calendar) -> Result<()> {
    if date.year > 0 || counts_bc(from) == counts_bc(to) {
        return Ok(());
    }
    let what =
        format!("{date} ({from}) has another year in the {to} calendar: only one of them has a year 0");
    Err(Error::new(Code::CombineCalendar, what).help("keep the calendar, or set `units` of the files"))
}

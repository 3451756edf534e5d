//! One unit for times that are counted in several ways.

use super::TimeUnits;
use super::unit::TimeUnit;
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::error::Error;

/// Why there is no common unit, and which parts exclude each other: places in the list of parts.
#[derive(Debug)]
pub struct Unfit {
    /// What is wrong.
    pub error: Error,
    /// The parts, one or two.
    pub parts: Vec<usize>,
}

type Part = (TimeUnits, Vec<Option<i128>>);

/// Units that hold every instant of every part as an exact integer of 64 bits. The unit is the finest that a part is
/// counted in (but days at most), else the first finer one that is exact, else a coarser one that is exact and in
/// which the numbers are small enough. The reference is the first part's; where no unit does from there, 1970, then
/// the day of the earliest instant. No part: `None`.
///
/// Doubles are no way out: they hold less than 64 bits, and a number that only they hold ends in zeros, so that a
/// coarser unit would do.
///
/// # Errors
/// `combine-calendar` where calendars differ, `combine-months` for months and years of no one length, `combine-time`
/// where not even nanoseconds fit into 64 bits.
pub fn common_units(parts: &[Part]) -> Result<Option<TimeUnits>, Unfit> {
    let Some((first, _)) = parts.first() else { return Ok(None) };
    let mut declared = TimeUnit::Days;
    for (at, (units, _)) in parts.iter().enumerate() {
        units.unit_ns().map_err(|error| Unfit { error, parts: vec![at] })?;
        if units.calendar != first.calendar {
            let what = format!("calendar is {} and {}", first.calendar, units.calendar);
            let error = Error::new(Code::CombineCalendar, what).help(
                "`combine.calendar: convert:NAME` converts the dates to one calendar, as `convert:standard`",
            );
            return Err(Unfit { error, parts: vec![0, at] });
        }
        declared = declared.min(units.unit);
    }
    let references = references(first, parts);
    let found = references.iter().find_map(|reference| {
        let base = TimeUnits { unit: TimeUnit::Days, reference: *reference, calendar: first.calendar };
        fitting(&base, declared, parts)
    });
    found.map(Some).ok_or_else(|| unfit(first, parts))
}

/// The first part's reference, then what brings numbers nearer to zero.
fn references(first: &TimeUnits, parts: &[Part]) -> Vec<DateTime> {
    let earliest = parts.iter().flat_map(|(_, instants)| instants).flatten().min();
    let day = earliest
        .and_then(|&ns| first.date(ns))
        .and_then(|date| DateTime::date(first.calendar, date.year, date.month, date.day));
    [Some(first.reference), DateTime::date(first.calendar, 1970, 1, 1), day].into_iter().flatten().collect()
}

/// The unit for one reference; finer ones before coarser ones.
fn fitting(base: &TimeUnits, declared: TimeUnit, parts: &[Part]) -> Option<TimeUnits> {
    let finer = TimeUnit::READABLE.into_iter().rev().filter(|unit| *unit <= declared);
    let coarser = TimeUnit::READABLE.into_iter().filter(|unit| *unit > declared);
    finer.chain(coarser).map(|unit| TimeUnits { unit, ..*base }).find(|units| {
        parts.iter().flat_map(|(_, instants)| instants).flatten().all(|&ns| units.encode(ns).is_some())
    })
}

/// The part that needs the finest unit, and the one that lies farthest from the reference.
fn unfit(first: &TimeUnits, parts: &[Part]) -> Unfit {
    let all = || {
        let of = |(at, (_, instants)): (usize, &'_ Part)| {
            instants.iter().flatten().map(move |ns| (at, *ns)).collect::<Vec<_>>()
        };
        parts.iter().enumerate().flat_map(of)
    };
    let (fine, precise, unit) = all()
        .map(|(at, ns)| (at, ns, needed(ns - first.reference_ns(), first.calendar)))
        .min_by_key(|(_, _, unit)| *unit)
        .unwrap_or((0, 0, TimeUnit::Nanoseconds));
    let (far, distant) = all().max_by_key(|(_, ns)| (ns - first.reference_ns()).abs()).unwrap_or((0, 0));
    let date = |ns: i128| first.date(ns).map_or_else(|| format!("{ns} ns"), |date| date.to_string());
    let what = format!(
        "no unit holds all times as 64-bit integers: {} needs {}, and in these {} is too far away",
        date(precise),
        unit.name(),
        date(distant)
    );
    let parts = if fine == far { vec![fine] } else { vec![fine, far] };
    Unfit { error: Error::new(Code::CombineTime, what), parts }
}

/// The coarsest unit of which this is a whole number.
fn needed(since: i128, calendar: Calendar) -> TimeUnit {
    let exact = |unit: &TimeUnit| unit.ns(calendar).is_some_and(|ns| since % ns == 0);
    TimeUnit::READABLE.into_iter().rev().find(exact).unwrap_or(TimeUnit::Nanoseconds)
}

//! What is missing between values that keep a step.

use super::{Inserted, Value};
use crate::cftime::TimeUnits;
use crate::combine::time::Place;

/// The part of a step by which distances of floating-point values may be off.
const OFF_MAX: f64 = 1e-3;

/// A distance of neighbours.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Of integers, or of instants in nanoseconds.
    Whole(i128),
    Real(f64),
    /// Of dates on one day of the month, at one time of day.
    Months(i64),
}

/// What is missing: every distance is a whole number of the smallest one. `None` where that is not so, or where more
/// than `most` items are missing.
pub(super) fn missing(all: &[Place], units: Option<&TimeUnits>, most: u64) -> Option<Vec<Inserted>> {
    if all.len() < 2 {
        return Some(Vec::new());
    }
    [months(all, units), whole(all), real(all)]
        .into_iter()
        .flatten()
        .find_map(|step| between(all, units, step, most))
}

fn distances(all: &[Place]) -> impl Iterator<Item = (&Place, &Place)> {
    all.iter().zip(all.iter().skip(1))
}

fn whole(all: &[Place]) -> Option<Step> {
    let distance = |(a, b): (&Place, &Place)| match (a, b) {
        (Place::Whole(a), Place::Whole(b)) => b.checked_sub(*a),
        _ => None,
    };
    let smallest = distances(all).map(distance).try_fold(None, |least: Option<i128>, distance| {
        let distance = distance?;
        Some(Some(
            least.map_or(distance, |least| if distance.abs() < least.abs() { distance } else { least }),
        ))
    });
    smallest.flatten().filter(|step| *step != 0).map(Step::Whole)
}

fn real(all: &[Place]) -> Option<Step> {
    let distance = |(a, b): (&Place, &Place)| match (a, b) {
        (Place::Real(a), Place::Real(b)) => Some(b - a),
        _ => None,
    };
    let all: Option<Vec<f64>> = distances(all).map(distance).collect();
    let smallest = all?.into_iter().min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
    (smallest != 0.0 && smallest.is_finite()).then_some(Step::Real(smallest))
}

fn months(all: &[Place], units: Option<&TimeUnits>) -> Option<Step> {
    let months = all.iter().map(|place| month(place, units?)).collect::<Option<Vec<_>>>()?;
    let (_, first) = months.first()?;
    if months.iter().any(|(_, rest)| rest != first) {
        return None;
    }
    let smallest =
        months.windows(2).map(|w| if let [a, b] = w { b.0 - a.0 } else { 0 }).min_by_key(|d| d.abs())?;
    (smallest != 0).then_some(Step::Months(smallest))
}

/// The number of a date's month, and its place within the month.
fn month(place: &Place, units: &TimeUnits) -> Option<(i64, (u8, u64))> {
    let Place::Whole(ns) = place else { return None };
    let date = units.date(*ns)?;
    Some((date.year.checked_mul(12)?.checked_add(i64::from(date.month))?, (date.day, date.ns_of_day())))
}

fn between(all: &[Place], units: Option<&TimeUnits>, step: Step, most: u64) -> Option<Vec<Inserted>> {
    let (mut found, mut total) = (Vec::new(), 0_u64);
    for (at, (a, b)) in (1..).zip(distances(all)) {
        let count = steps(a, b, units, step)?.checked_sub(1)?;
        if count == 0 {
            continue;
        }
        total = total.checked_add(count).filter(|total| *total <= most)?;
        let values =
            (1..=count).map(|n| after(a, b, n, count + 1, units, step)).collect::<Option<Vec<_>>>()?;
        found.push(Inserted { at, count, values: values.into_iter().map(Value::Number).collect() });
    }
    Some(found)
}

/// How many steps lead from one value to the next.
fn steps(a: &Place, b: &Place, units: Option<&TimeUnits>, step: Step) -> Option<u64> {
    match (step, a, b) {
        (Step::Whole(step), Place::Whole(a), Place::Whole(b)) => {
            let distance = b.checked_sub(*a)?;
            (distance % step == 0).then(|| u64::try_from(distance / step).ok()).flatten()
        }
        (Step::Months(step), a, b) => {
            let distance = month(b, units?)?.0 - month(a, units?)?.0;
            (distance % step == 0).then(|| u64::try_from(distance / step).ok()).flatten()
        }
        (Step::Real(step), Place::Real(a), Place::Real(b)) => {
            let steps = (b - a) / step;
            let is_whole = steps > 0.5 && (steps - steps.round()).abs() <= OFF_MAX;
            is_whole.then(|| steps.round() as u64)
        }
        _ => None,
    }
}

/// The value `n` of `of` steps after `a`, on the way to `b`.
fn after(a: &Place, b: &Place, n: u64, of: u64, units: Option<&TimeUnits>, step: Step) -> Option<Place> {
    match (step, a, b) {
        (Step::Whole(step), Place::Whole(a), _) => {
            a.checked_add(step.checked_mul(i128::from(n))?).map(Place::Whole)
        }
        (Step::Months(step), Place::Whole(a), _) => {
            let units = units?;
            let date =
                units.date(*a)?.add_months(units.calendar, step.checked_mul(i64::try_from(n).ok()?)?)?;
            Some(Place::Whole(units.calendar.to_ns(&date)))
        }
        (Step::Real(_), Place::Real(a), Place::Real(b)) => {
            Some(Place::Real(a + (b - a) * (n as f64 / of as f64)))
        }
        _ => None,
    }
}

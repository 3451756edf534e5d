//! What is missing between values that keep a step.

use super::{Inserted, Value, keys};
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

/// Values in their order, gone through more than once: never all of them in memory. `None` is one that is missing.
pub(super) trait Values: Iterator<Item = Option<Place>> + Clone {}
impl<T: Iterator<Item = Option<Place>> + Clone> Values for T {}

/// Equal steps between two neighbours.
pub(super) struct Jump<'u> {
    /// In front of which value.
    pub(super) at: u64,
    /// Values that are missing there.
    pub(super) count: u64,
    ends: (Place, Place),
    step: Step,
    units: Option<&'u TimeUnits>,
}

/// What is missing: every distance is a whole number of the smallest one. `None` where that is not so, where more than
/// `most` items are missing, or where a value is.
pub(super) fn missing(all: impl Values, units: Option<&TimeUnits>, most: u64) -> Option<Vec<Inserted>> {
    jumps(all, units, most, usize::MAX)?.0.iter().map(Jump::inserted).collect()
}

/// The first `kept` places where something is missing, as [`missing`], and how many items are missing in all.
pub(super) fn jumps<'u>(
    all: impl Values,
    units: Option<&'u TimeUnits>,
    most: u64,
    kept: usize,
) -> Option<(Vec<Jump<'u>>, u64)> {
    if all.clone().any(|place| place.is_none()) {
        return None;
    }
    let all = all.flatten();
    if all.clone().nth(1).is_none() {
        return Some((Vec::new(), 0));
    }
    let steps = [months(all.clone(), units), whole(all.clone()), real(all.clone())];
    steps.into_iter().flatten().find_map(|step| between(all.clone(), units, step, (most, kept)))
}

/// Values and the next.
fn distances(all: impl Iterator<Item = Place> + Clone) -> impl Iterator<Item = (Place, Place)> + Clone {
    let next = all.clone().skip(1);
    all.zip(next)
}

fn whole(all: impl Iterator<Item = Place> + Clone) -> Option<Step> {
    let distance = |(a, b): (Place, Place)| match (a, b) {
        (Place::Whole(a), Place::Whole(b)) => b.checked_sub(a),
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

fn real(all: impl Iterator<Item = Place> + Clone) -> Option<Step> {
    let distance = |(a, b): (Place, Place)| match (a, b) {
        (Place::Real(a), Place::Real(b)) => Some(b - a),
        _ => None,
    };
    let smallest = distances(all).map(distance).try_fold(None, |least: Option<f64>, distance| {
        let distance = distance?;
        let is_less = |least: f64| distance.abs().total_cmp(&least.abs()).is_lt();
        Some(Some(least.map_or(distance, |least| if is_less(least) { distance } else { least })))
    })??;
    (smallest != 0.0 && smallest.is_finite()).then_some(Step::Real(smallest))
}

fn months(all: impl Iterator<Item = Place> + Clone, units: Option<&TimeUnits>) -> Option<Step> {
    let mut months = all.map(|place| month(&place, units?));
    let (mut last, rest) = months.next()??;
    let mut smallest: Option<i64> = None;
    for next in months {
        let (month, own) = next?;
        if own != rest {
            return None;
        }
        let distance = month - last;
        if smallest.is_none_or(|smallest| distance.abs() < smallest.abs()) {
            smallest = Some(distance);
        }
        last = month;
    }
    smallest.filter(|smallest| *smallest != 0).map(Step::Months)
}

/// The number of a date's month, and its place within the month.
fn month(place: &Place, units: &TimeUnits) -> Option<(i64, (u8, u64))> {
    let Place::Whole(ns) = place else { return None };
    let date = units.date(*ns)?;
    Some((date.year.checked_mul(12)?.checked_add(i64::from(date.month))?, (date.day, date.ns_of_day())))
}

fn between<'u>(
    all: impl Iterator<Item = Place> + Clone,
    units: Option<&'u TimeUnits>,
    step: Step,
    (most, kept): (u64, usize),
) -> Option<(Vec<Jump<'u>>, u64)> {
    let (mut found, mut total) = (Vec::new(), 0_u64);
    for (at, ends) in (1..).zip(distances(all)) {
        let count = steps(&ends.0, &ends.1, units, step)?.checked_sub(1)?;
        if count == 0 {
            continue;
        }
        total = total.checked_add(count).filter(|total| *total <= most)?;
        let jump = Jump { at, count, ends, step, units };
        // that what stands there can be told is said by the last of them
        jump.value(count)?;
        if found.len() < kept {
            found.push(jump);
        }
    }
    Some((found, total))
}

impl Jump<'_> {
    /// The missing value of this number, counted from 1.
    pub(super) fn value(&self, n: u64) -> Option<Place> {
        after(&self.ends.0, &self.ends.1, n, self.count + 1, self.units, self.step)
    }

    /// What one step is called.
    pub(super) const fn step_name(&self) -> &'static str {
        match self.step {
            Step::Months(1) => "month",
            Step::Months(12) => "year",
            Step::Whole(step) => keys::name_of(step),
            Step::Months(_) | Step::Real(_) => "position",
        }
    }

    fn inserted(&self) -> Option<Inserted> {
        let values = (1..=self.count).map(|n| self.value(n).map(Value::Number)).collect::<Option<_>>()?;
        Some(Inserted { at: self.at, count: self.count, values })
    }
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

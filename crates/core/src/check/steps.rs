//! Distances of neighbours along a coordinate.

use super::names::invalid;
use super::some_of;
use super::walk::{Breaks, Item};
use crate::axis::Every;
use crate::calendar::DAY_NS;
use crate::cftime::TimeUnits;
use crate::error::Result;
use crate::figures::Short;

const SECOND_NS: i128 = 1_000_000_000;
const HOUR_NS: i128 = 3600 * SECOND_NS;
/// The shortest month of any calendar.
const MONTH_NS_MIN: i128 = 28 * DAY_NS;
/// The part of a step by which distances of floating-point coordinates may be off.
const OFF_MAX: f64 = 1e-3;

/// The steps that a coordinate may have; the one with fewest breaks is meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    candidates: Vec<Candidate>,
    given: bool,
    rises: Option<bool>,
}

#[derive(Debug, Clone)]
struct Candidate {
    stride: Stride,
    breaks: Breaks,
    missing: u64,
}

/// A distance; positive.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stride {
    Time(i128),
    /// Compared by the calendar's months, so that the middles of months are one month apart.
    Months(i64),
    Number(f64),
}

impl Steps {
    /// The distance that a recipe names.
    ///
    /// # Errors
    /// `check-invalid` where it does not fit the coordinate.
    pub(super) fn every(text: &str, time: Option<&TimeUnits>, name: &str) -> Result<Self> {
        let stride = match (time, Every::parse(text), text.trim().parse::<f64>()) {
            (Some(_), Some(every), _) => Some(match every {
                Every::Minutes(n) => Stride::Time(i128::from(n) * 60 * SECOND_NS),
                Every::Hours(n) => Stride::Time(i128::from(n) * HOUR_NS),
                Every::Days(n) => Stride::Time(i128::from(n) * DAY_NS),
                Every::Months(n) => Stride::Months(i64::from(n)),
                Every::Years(n) => Stride::Months(i64::from(n) * 12),
            }),
            (None, _, Ok(number)) => Some(Stride::Number(number)),
            _ => None,
        };
        let stride = stride.filter(Stride::is_positive).ok_or_else(|| {
            let expected = match time {
                Some(_) => "it is a time: expected a distance such as `1 day`, `6 h` or `1 month`",
                None => "it is no time of fixed unit: expected a number greater than 0",
            };
            invalid("gaps", format!("`{text}` is no distance along `{name}`; {expected}"))
        })?;
        Ok(Self { candidates: vec![Candidate::new(stride)], given: true, rises: None })
    }

    /// Takes a pair of neighbours.
    pub(super) fn take(&mut self, last: &Item, item: &Item) {
        let Some((distance, months, off)) = distance(last, item) else { return };
        let rises = *self.rises.get_or_insert_with(|| distance.rises());
        if self.candidates.is_empty() && !self.given {
            self.candidates.extend(guesses(&distance, months).into_iter().map(Candidate::new));
        }
        let back = distance.rises() != rises;
        for candidate in &mut self.candidates {
            let steps = candidate.stride.steps(&distance, months, off).filter(|_| !back);
            match steps {
                Some(1) => {}
                Some(steps) if steps > 1 => {
                    let missing = steps - 1;
                    candidate.missing = candidate.missing.saturating_add(missing);
                    let noun = if missing == 1 { "item" } else { "items" };
                    candidate.breaks.add(|| format!("after {last}, {missing} {noun} missing"));
                }
                _ => candidate.breaks.add(|| format!("{item} follows {last}")),
            }
        }
    }

    /// What is wrong, if anything.
    pub(super) fn found(&self, name: &str) -> Option<String> {
        let best = self.candidates.iter().min_by_key(|c| c.breaks.count)?;
        let count = best.breaks.count;
        (count > 0).then(|| {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let given = if self.given { "" } else { ", its first step" };
            let missing = if best.missing > 0 && count > 1 {
                format!(" ({} missing in all)", best.missing)
            } else {
                String::new()
            };
            format!(
                "`{name}` leaves its step of {}{given} {times}{missing}: {}",
                best.stride.shown(),
                some_of(&best.breaks.first, count)
            )
        })
    }
}

impl Candidate {
    fn new(stride: Stride) -> Self {
        Self { stride, breaks: Breaks::default(), missing: 0 }
    }
}

/// A signed distance of two items.
enum Distance {
    Time(i128),
    Number(f64),
}

impl Distance {
    fn rises(&self) -> bool {
        match self {
            Self::Time(ns) => *ns >= 0,
            Self::Number(x) => *x >= 0.0,
        }
    }
}

/// The distance of two items, in calendar months too, and by how much rounding may have changed it.
fn distance(last: &Item, item: &Item) -> Option<(Distance, i64, f64)> {
    Some(match (last, item) {
        (Item::Time(units, a, off_a), Item::Time(_, b, off_b)) => {
            let month = |instant: i128| {
                units.date(instant).map(|d| d.year.saturating_mul(12).saturating_add(i64::from(d.month)))
            };
            let months = month(*b)?.saturating_sub(month(*a)?);
            (Distance::Time(b.checked_sub(*a)?), months, (*off_a).max(*off_b) as f64)
        }
        (Item::Whole(a), Item::Whole(b)) => (Distance::Number(b.checked_sub(*a)? as f64), 0, 0.0),
        (Item::Number(a, off_a), Item::Number(b, off_b)) => (Distance::Number(b - a), 0, off_a.max(*off_b)),
        _ => return None,
    })
}

/// What the first step may mean: a fixed distance, and where it is long enough a number of months.
fn guesses(first: &Distance, months: i64) -> Vec<Stride> {
    let fixed = match first {
        Distance::Time(ns) => Stride::Time(ns.abs()),
        Distance::Number(x) => Stride::Number(x.abs()),
    };
    let long = matches!(first, Distance::Time(ns) if ns.abs() >= MONTH_NS_MIN) && months != 0;
    let guesses = [Some(fixed), long.then(|| Stride::Months(months.saturating_abs()))];
    guesses.into_iter().flatten().filter(Stride::is_positive).collect()
}

impl Stride {
    fn is_positive(&self) -> bool {
        match self {
            Self::Time(ns) => *ns > 0,
            Self::Months(months) => *months > 0,
            Self::Number(x) => *x > 0.0 && x.is_finite(),
        }
    }

    /// How many steps a distance is; `None` where it is no whole number of them.
    fn steps(&self, distance: &Distance, months: i64, off: f64) -> Option<u64> {
        let (distance, step) = match (self, distance) {
            (Self::Months(step), _) => {
                return (months % step == 0).then(|| (months / step).unsigned_abs());
            }
            (Self::Time(step), Distance::Time(ns)) if off == 0.0 => {
                return if ns % step == 0 { u64::try_from((ns / step).abs()).ok() } else { None };
            }
            (Self::Time(step), Distance::Time(ns)) => (*ns as f64, *step as f64),
            (Self::Number(step), Distance::Number(x)) => (*x, *step),
            _ => return None,
        };
        let steps = (distance.abs() / step).round();
        let allowed = (OFF_MAX * step).max(off).min(step / 2.0);
        ((distance.abs() - steps * step).abs() <= allowed).then_some(steps as u64)
    }

    fn shown(&self) -> String {
        let of = |n: i128, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
        match self {
            Self::Number(x) => Short(*x).to_string(),
            Self::Months(n) if n % 12 == 0 => of(i128::from(n / 12), "year"),
            Self::Months(n) => of(i128::from(*n), "month"),
            Self::Time(ns) => {
                let units =
                    [(DAY_NS, "day"), (HOUR_NS, "hour"), (60 * SECOND_NS, "minute"), (SECOND_NS, "second")];
                match units.into_iter().find(|(unit, _)| ns % unit == 0) {
                    Some((unit, name)) => of(ns / unit, name),
                    None => format!("{} seconds", Short(*ns as f64 / 1e9)),
                }
            }
        }
    }
}

//! Latitudes that run the other way, and the same meridians under other numbers or in another order.

use std::collections::BTreeSet;

use super::{Difference, Disagreement, File, leave_out};
use crate::block::Block;
use crate::error::Code;
use crate::horizontal::{Horizontal, horizontal};
use crate::schema::Variable;

const CIRCLE: f64 = 360.0;

pub(crate) fn is_latitude(var: &Variable) -> bool {
    horizontal(var) == Some(Horizontal::Latitude)
}

pub(crate) fn is_longitude(var: &Variable) -> bool {
    horizontal(var) == Some(Horizontal::Longitude)
}

/// The same values from the other end.
pub(super) fn is_flipped(a: &Block, b: &Block) -> bool {
    match (a.to_f64(), b.to_f64()) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b.iter().rev()).all(|(x, y)| x == y),
        _ => false,
    }
}

/// Whether one runs from south to north and the other from north to south.
pub(crate) fn run_against(a: &Block, b: &Block) -> bool {
    rises(a).zip(rises(b)).is_some_and(|(a, b)| a != b)
}

/// Whether all values rise; `None` where they neither rise nor fall.
fn rises(block: &Block) -> Option<bool> {
    let values = block.to_f64()?;
    let all = |ok: fn(f64, f64) -> bool| values.windows(2).all(|w| matches!(w, [a, b] if ok(*a, *b)));
    match values.len() {
        0 | 1 => None,
        _ if all(|a, b| a < b) => Some(true),
        _ if all(|a, b| a > b) => Some(false),
        _ => None,
    }
}

/// A longitude to a ten-thousandth of a degree.
fn rounded(x: f64) -> i64 {
    (x * 1e4).round() as i64
}

fn on_circle(x: f64) -> i64 {
    rounded(x.rem_euclid(CIRCLE)) % rounded(CIRCLE)
}

/// The same meridians, counted from 0 to 360 in one and from -180 to 180 in the other, in any order.
pub(super) fn is_rolled(a: &Block, b: &Block) -> bool {
    let meridians = |block: &Block| -> Option<BTreeSet<i64>> {
        Some(block.to_f64()?.into_iter().map(on_circle).collect())
    };
    meridians(a).is_some() && meridians(a) == meridians(b)
}

/// Whether a meridian of `b` stands in `a` under other numbers alone.
pub(crate) fn number_otherwise(a: &Block, b: &Block) -> bool {
    let (Some(a), Some(b)) = (a.to_f64(), b.to_f64()) else { return false };
    let numbers: BTreeSet<i64> = a.iter().map(|x| rounded(*x)).collect();
    let meridians: BTreeSet<i64> = a.iter().map(|x| on_circle(*x)).collect();
    b.iter().any(|x| meridians.contains(&on_circle(*x)) && !numbers.contains(&rounded(*x)))
}

/// The refusal of latitudes or longitudes; the first of `files` is the one that the others do not follow.
pub(crate) fn refusal(code: Code, name: &str, files: &[(&str, &Block)], all: &[File]) -> Disagreement {
    let show = |block: &Block| if code == Code::CombineLat { course(block) } else { numbers(block) };
    let mut shown = files.iter().map(|(url, block)| (*url, show(block)));
    let (one, other) = (shown.next().unwrap_or_default(), shown.next().unwrap_or_default());
    let what = match code {
        Code::CombineLat => {
            format!("latitude runs {} in {} and {} in {}", one.1, one.0, other.1, other.0)
        }
        _ if one.1 == other.1 => {
            format!("longitudes stand in another order in {} than in {}", other.0, one.0)
        }
        _ => format!("longitudes are {} in {} and {} in {}", one.1, one.0, other.1, other.0),
    };
    let policy = match code {
        Code::CombineLat => "`combine.lat: align` flips to the first file's direction",
        _ => "`combine.lon: roll` takes the first file's meridians in their order",
    };
    Disagreement {
        code,
        variable: name.to_owned(),
        what,
        found: files.iter().map(|(url, block)| Difference::new(*url, ends(block))).collect(),
        help: format!("{policy}; {}", leave_out(all, name)),
    }
}

fn course(block: &Block) -> String {
    let text = match rises(block) {
        Some(true) => "from south to north",
        Some(false) => "from north to south",
        None => "in no direction",
    };
    text.to_owned()
}

fn numbers(block: &Block) -> String {
    let below = block.to_f64().is_some_and(|values| values.iter().any(|x| *x < 0.0));
    if below { "-180 to 180".to_owned() } else { "0 to 360".to_owned() }
}

/// The first and the last value.
fn ends(block: &Block) -> String {
    let last = usize::try_from(block.len()).unwrap_or(usize::MAX).saturating_sub(1);
    let shown: Vec<String> =
        [0, last].iter().filter_map(|&i| block.scalar(i)).map(|s| s.to_string()).collect();
    shown.join(" to ")
}

//! Positions without a file, and what becomes of their place in the dataset.

use arcoforge_core::axis::{Axis, Key, Keys};
use arcoforge_core::combine::{AxisKey, CombineAxis, Gaps};
use arcoforge_core::error::{Code, Error, FoundFile};
use arcoforge_core::pattern::Position;

use crate::Outcome;
use crate::find::Inputs;

/// Declared positions that have no file.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    /// As users see them, those of the future included.
    pub(crate) labels: Vec<String>,
    /// Their keys along every axis, without those of the future.
    keys: Vec<Vec<u32>>,
}

/// Positions without a file: beyond the last file of a range that ends now they are not yet there; others are refused
/// unless the policy skips them. `there` says of every position whether it has a file.
pub(crate) fn absent(inputs: &Inputs, there: &[bool], policy: &str) -> Outcome<Absent> {
    if there.iter().all(|there| *there) && !there.is_empty() {
        return Ok(Absent::default());
    }
    let positions: Vec<Position> = inputs.positions().collect();
    let last = |axis: usize| {
        let there = positions.iter().zip(there).filter(|(_, there)| **there);
        there.filter_map(|(position, _)| position.index.get(axis).copied()).max()
    };
    let ends: Vec<(usize, Option<u32>)> = inputs.open_ended.iter().map(|&axis| (axis, last(axis))).collect();
    let future = |position: &Position| {
        ends.iter().any(|(axis, end)| match (position.index.get(*axis), end) {
            (Some(at), Some(end)) => at > end,
            _ => false,
        })
    };
    let empty = || positions.iter().zip(there).filter(|(_, there)| !**there).map(|(p, _)| p);
    let label = |p: &Position| {
        p.keys.iter().map(|(axis, key)| format!("{axis} {key}")).collect::<Vec<_>>().join(", ")
    };
    let wrong: Vec<&Position> = empty().filter(|p| !future(p)).collect();
    if wrong.is_empty() || (["skip", "fill"].contains(&policy) && wrong.len() < inputs.len()) {
        let keys = wrong.iter().map(|position| position.index.clone()).collect();
        return Ok(Absent { labels: empty().map(label).collect(), keys });
    }
    let file = |p: &&Position| {
        let label = label(p);
        match p.candidates.first() {
            Some(url) => FoundFile { url: url.clone(), has: label },
            None => FoundFile { url: label, has: String::new() },
        }
    };
    Err(vec![refusal(wrong.iter().map(file).collect(), inputs)])
}

/// Holes between files that a template names, or else paths that somebody wrote, or nothing at all.
fn refusal(mut files: Vec<FoundFile>, inputs: &Inputs) -> Error {
    let (count, positions) = (files.len(), inputs.len());
    if count < positions && inputs.by_template {
        let message = format!("{count} of {positions} positions have no file");
        let help = "positions that the archive lacks go into `source.missing`; `combine.gaps: skip` leaves them out, \
                    `combine.gaps: fill` keeps them as fill values";
        return Error::new(Code::CombineGaps, message).found(files).help(help);
    }
    // where a path is wrong, its place on an axis says nothing
    files.iter_mut().for_each(|file| file.has.clear());
    let help = if count < positions {
        "correct the path or URL; `combine.gaps: skip` leaves out what is absent, `fill` keeps it as fill values"
    } else {
        "correct the path or URL"
    };
    Error::new(Code::SourceNotFound, format!("not found: {count} of {positions} inputs"))
        .found(files)
        .help(help)
}

/// Has the axes keep the place of what is absent, by policy `gaps: fill`.
pub(crate) fn keep(axes: &mut [CombineAxis], declared: &[Axis], inputs: &Inputs, absent: &Absent) {
    for (at, (axis, declared)) in axes.iter_mut().zip(declared).enumerate() {
        let key = |key: &Key| match key {
            Key::Date(date) => AxisKey::Date(*date),
            Key::Int(number) => AxisKey::Int(*number),
            Key::Text(_) | Key::Map(_) => AxisKey::Text,
        };
        let keys = inputs.pattern.axes().get(at).map(|axis| axis.keys.iter().map(key).collect());
        axis.gaps = match &declared.keys {
            Keys::Found => Gaps::Found,
            _ => Gaps::Declared {
                keys: keys.unwrap_or_default(),
                calendar: inputs.pattern.calendar(),
                absent: absent.keys.iter().filter_map(|index| index.get(at).copied()).collect(),
            },
        };
    }
}

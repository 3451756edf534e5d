//! Selections of positions, resolved to indices of keys.

use std::ops::Range;

use super::expand::suggest_axis;
use super::{KeyMatch, PatternAxis, Selection};
use crate::axis::Key;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::names::nearest;

/// A selection as indices: per axis the ranges of keys, ascending; `None` is all of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selected(Vec<Option<Vec<Range<u32>>>>);

impl Selected {
    /// Resolves a selection of `source.WHERE`. A key that the axis does not have is an error: it selects nothing.
    pub(super) fn new(selection: &Selection, axes: &[PatternAxis], place: &str) -> Result<Self> {
        let wrong = |message: String| Error::new(Code::RecipeSource, format!("`source.{place}`: {message}"));
        if let Some(name) = selection.0.keys().find(|name| axes.iter().all(|axis| axis.name != **name)) {
            return Err(
                wrong(format!("`{name}` is not an axis of the recipe")).help(suggest_axis(name, axes))
            );
        }
        let ranges = |axis: &PatternAxis| match selection.0.get(&axis.name) {
            None => Ok(None),
            Some(KeyMatch::One(key)) => Ok(Some(pieces(axis, std::slice::from_ref(key), &wrong)?)),
            Some(KeyMatch::Any(keys)) => Ok(Some(pieces(axis, keys, &wrong)?)),
            Some(KeyMatch::Range { from, to }) => {
                Ok(Some(span(axis, from.as_ref(), to.as_ref()).map_err(wrong)?))
            }
        };
        axes.iter().map(ranges).collect::<Result<_>>().map(Self)
    }

    /// Whether a position is selected.
    pub(super) fn has(&self, index: &[u32]) -> bool {
        self.0.iter().zip(index).all(|(ranges, at)| {
            ranges.as_ref().is_none_or(|ranges| {
                let after = ranges.partition_point(|range| range.start <= *at);
                after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|range| range.contains(at))
            })
        })
    }
}

impl Selection {
    /// Whether keys (axis, key) are selected. Axes that are not among them do not restrict.
    pub fn selects(&self, keys: &[(&str, &Key)]) -> bool {
        self.0.iter().all(|(axis, wanted)| {
            keys.iter().find(|(name, _)| name == axis).is_none_or(|(_, key)| wanted.matches(key))
        })
    }
}

impl KeyMatch {
    /// Whether a key is one of these.
    pub fn matches(&self, key: &Key) -> bool {
        match self {
            Self::One(one) => one.same(key),
            Self::Any(any) => any.iter().any(|one| one.same(key)),
            Self::Range { from, to } => {
                from.as_ref().is_none_or(|from| from.compare(key).is_some_and(std::cmp::Ordering::is_le))
                    && to.as_ref().is_none_or(|to| to.compare(key).is_some_and(std::cmp::Ordering::is_ge))
            }
        }
    }
}

/// Where a key stands on an axis. Fast where the axis is sorted.
pub(super) fn find(keys: &[Key], key: &Key) -> Option<u32> {
    let sorted = keys.binary_search_by(|other| other.compare(key).unwrap_or(std::cmp::Ordering::Less));
    let hit = sorted.ok().filter(|at| keys.get(*at).is_some_and(|other| other.same(key)));
    hit.or_else(|| keys.iter().position(|other| other.same(key))).and_then(|at| u32::try_from(at).ok())
}

/// The ranges of single keys.
fn pieces(axis: &PatternAxis, keys: &[Key], wrong: &impl Fn(String) -> Error) -> Result<Vec<Range<u32>>> {
    let mut found =
        keys.iter().map(|key| find(&axis.keys, key).ok_or(key)).collect::<Result<Vec<_>, _>>().map_err(
            |key| {
                let error = wrong(format!("axis `{}` has no key `{key}`", axis.name));
                match near(axis, key) {
                    Some(help) => error.help(help),
                    None => error,
                }
            },
        )?;
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(|at| at..at.saturating_add(1)).collect())
}

fn near(axis: &PatternAxis, key: &Key) -> Option<String> {
    if let (Some(first), Some(last), Key::Date(_) | Key::Int(_)) = (axis.keys.first(), axis.keys.last(), key)
    {
        return Some(format!("its keys run from `{first}` to `{last}`"));
    }
    let known: Vec<String> = axis.keys.iter().take(10_000).map(Key::to_string).collect();
    nearest(&key.to_string(), known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
}

/// The keys between two, both inclusive.
fn span(axis: &PatternAxis, from: Option<&Key>, to: Option<&Key>) -> Result<Vec<Range<u32>>, String> {
    if let (Some(a), Some(b)) = (from, to)
        && a.compare(b).is_some_and(std::cmp::Ordering::is_gt)
    {
        return Err(format!("`to` ({b}) is before `from` ({a})"));
    }
    let other_kind = |end: &&Key| axis.keys.iter().any(|key| key.compare(end).is_none());
    if let Some(end) = from.into_iter().chain(to).find(other_kind) {
        return Err(format!("`{end}` can't be compared with the keys of axis `{}`", axis.name));
    }
    let wanted = KeyMatch::Range { from: from.cloned(), to: to.cloned() };
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for (at, key) in (0_u32..).zip(&axis.keys) {
        if wanted.matches(key) {
            match ranges.last_mut() {
                Some(range) if range.end == at => range.end = at.saturating_add(1),
                _ => ranges.push(at..at.saturating_add(1)),
            }
        }
    }
    Ok(ranges)
}

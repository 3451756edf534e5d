//! Which arrays a check means.

use crate::error::{Code, Error, Result};
use crate::names::{is_glob, matches, nearest};
use crate::target::{ArraySpec, Dataset};

/// A check that can't be made on this dataset.
pub(super) fn invalid(check: &str, message: impl std::fmt::Display) -> Error {
    Error::new(Code::CheckInvalid, format!("check `{check}`: {message}"))
}

/// The numbers of the arrays of a name or glob, which must be at least one.
pub(super) fn arrays(check: &str, pattern: &str, dataset: &Dataset) -> Result<Vec<usize>> {
    let names = || dataset.arrays.iter().map(|array| array.name.as_str());
    let found: Vec<usize> =
        names().enumerate().filter(|(_, name)| matches(pattern, name)).map(|(at, _)| at).collect();
    if found.is_empty() {
        return Err(unknown(check, "variable", pattern, names().collect()));
    }
    Ok(found)
}

/// As [`arrays`], those that hold what the check needs: those of a glob that do not are left out, a name must.
pub(super) fn fitting(
    check: &str,
    pattern: &str,
    dataset: &Dataset,
    fits: impl Fn(&ArraySpec) -> Result<(), String>,
) -> Result<Vec<usize>> {
    let mut out = Vec::new();
    let mut reason = String::new();
    for at in arrays(check, pattern, dataset)? {
        let Some(array) = dataset.arrays.get(at) else { continue };
        match fits(array) {
            Ok(()) => out.push(at),
            Err(why) => reason = format!("`{}` {why}", array.name),
        }
    }
    if out.is_empty() || (!is_glob(pattern) && !reason.is_empty()) {
        return Err(invalid(check, reason));
    }
    Ok(out)
}

/// The error for a name that the dataset lacks.
pub(super) fn unknown(check: &str, what: &str, name: &str, mut known: Vec<&str>) -> Error {
    known.sort_unstable();
    known.dedup();
    let error = invalid(check, format!("the dataset has no {what} `{name}`"));
    match nearest(name, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("it has {}", known.join(", "))),
    }
}

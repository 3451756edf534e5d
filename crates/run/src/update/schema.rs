//! What readers of a dataset rely on: types, dimensions, chunks, codecs, attributes by which values are decoded.

use std::collections::BTreeMap;

use arcoforge_core::attrs::Attrs;
use arcoforge_core::error::{Code, Error};
use arcoforge_core::figures::first_of;
use arcoforge_core::target::{ArraySpec, Dataset};

use crate::describe::{codecs, format_name, shape};
use crate::figures::count;

/// Variables that a message names.
const NAMED_MAX: usize = 8;

const GONE: &str = "gone";
const NEW: &str = "new";
const LEVELS: &str = "levels";
/// Attributes by which readers decode values.
const DECODING: &[&str] = &[
    "units",
    "calendar",
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "_Unsigned",
    "flag_values",
    "flag_masks",
    "flag_meanings",
];

/// One thing of one array that would be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What: `chunks`. Of the variable itself: [`GONE`] or [`NEW`].
    what: String,
    variable: String,
    was: String,
    is: String,
}

/// The errors: one for each thing that changes, whatever the number of arrays of which it does.
pub(super) fn refused(changes: &[Change]) -> Vec<Error> {
    let mut groups: Vec<(&str, Vec<&Change>)> = Vec::new();
    for change in changes {
        match groups.iter_mut().find(|(what, _)| *what == change.what) {
            Some((_, group)) => group.push(change),
            None => groups.push((&change.what, vec![change])),
        }
    }
    groups.into_iter().filter_map(|(what, group)| one(what, &group)).collect()
}

fn one(what: &str, group: &[&Change]) -> Option<Error> {
    let (first, others) = group.split_first()?;
    let Change { variable, was, is, .. } = first;
    let message = match (variable.as_str(), others) {
        _ if what == GONE => format!("an update would take away {}: in no input now", named(group)),
        _ if what == NEW => format!("an update would add {}: not in the published dataset", named(group)),
        _ if what == LEVELS => {
            let levels =
                format!("a pyramid's number of levels can't change by an update: {was} was, {is} would be");
            let help = "write the same number as `pyramid: {levels: N}`, 1 for the dataset alone, or bake the dataset anew: \
                        `--overwrite`";
            return Some(Error::new(Code::UpdateRefused, levels).help(help));
        }
        ("", _) => format!("an update would change the {what}: {was} was, {is} would be"),
        (name, []) => format!("an update would change the {what} of `{name}`: {was} was, {is} would be"),
        (name, others) => format!(
            "an update would change the {what} of {}: of `{name}` {was} was, {is} would be; also of {}",
            count(group.len() as u64, "variable"),
            named(others)
        ),
    };
    let error = Error::new(Code::UpdateRefused, message);
    let error = if variable.is_empty() { error } else { error.in_variable(variable) };
    Some(error.help("keep the recipe and the inputs as they were, or bake the dataset anew: `--overwrite`"))
}

fn named(changes: &[&Change]) -> String {
    first_of(changes.iter().map(|change| format!("`{}`", change.variable)), NAMED_MAX, ", ")
}

/// What readers rely on, and differs. Another format changes everything else with it.
pub(super) fn schema(old: &Dataset, new: &Dataset) -> Vec<Change> {
    let change = |what: &str, variable: &str, was: &str, is: &str| {
        let [what, variable, was, is] = [what, variable, was, is].map(str::to_owned);
        Change { what, variable, was, is }
    };
    if old.format != new.format {
        return vec![change("format", "", format_name(old.format), format_name(new.format))];
    }
    let by_name = |dataset: &Dataset| -> BTreeMap<String, ArraySpec> {
        dataset.arrays.iter().map(|spec| (spec.name.clone(), spec.as_ref().clone())).collect()
    };
    let (mut before, mut after) = (by_name(old), by_name(new));
    let (was, is) = (levels(old), levels(new));
    let mut found = Vec::new();
    if was != is {
        let shown = |levels: Option<u64>| levels.map_or("no pyramid".to_owned(), |levels| levels.to_string());
        found.push(change(LEVELS, "", &shown(was), &shown(is)));
        // arrays of levels that only one of them has follow from it
        let both = was.zip(is).map_or(0, |(was, is)| was.min(is));
        let kept = |name: &String, _: &mut ArraySpec| level_of(name).is_some_and(|level| level < both);
        before.retain(kept);
        after.retain(kept);
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    found.extend(gone.map(|name| change(GONE, name, "", "")));
    let added = after.keys().filter(|name| !before.contains_key(*name));
    found.extend(added.map(|name| change(NEW, name, "", "")));
    for (was, is) in after.iter().filter_map(|(name, is)| Some((before.get(name)?, is))) {
        let of = |(what, then, now): (String, String, String)| change(&what, &was.name, &then, &now);
        found.extend(array(was, is, new.format.is_references()).into_iter().map(of));
    }
    found
}

/// The levels of a pyramid, with the dataset itself; `None` of a dataset that is none.
fn levels(dataset: &Dataset) -> Option<u64> {
    dataset.attrs.get("multiscales")?;
    let all = dataset.arrays.iter().map(|spec| level_of(&spec.name));
    all.collect::<Option<Vec<u64>>>()?.into_iter().max().map(|last| last + 1)
}

/// The level that an array of a pyramid is of.
fn level_of(name: &str) -> Option<u64> {
    name.split_once('/')?.0.parse().ok()
}

/// What differs of an array: (what, what was, what would be). Chunks of a target of references are those of the files,
/// and nobody keeps any of them.
fn array(was: &ArraySpec, is: &ArraySpec, references: bool) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut differ = |what: &str, was: String, is: String| {
        if was != is {
            found.push((what.to_owned(), was, is));
        }
    };
    differ("type", was.dtype.name().into(), is.dtype.name().into());
    differ("dimensions", was.dims.join(" x "), is.dims.join(" x "));
    if !references {
        differ("chunks", shape(&was.chunk), shape(&is.chunk));
    }
    let shard = |spec: &ArraySpec| spec.shard.as_ref().map_or("none".into(), |lengths| shape(lengths));
    differ("shards", shard(was), shard(is));
    let (mut then, mut now) = (codecs(&was.encoding.codecs), codecs(&is.encoding.codecs));
    if then == now && was.dtype == is.dtype {
        // what is rarely shown, as a size of blocks; that of cells follows from the type
        (then, now) = (details(was), details(is));
    }
    if !references {
        differ("codecs", then, now);
    }
    let fill = |spec: &ArraySpec| spec.fill.as_ref().map_or("none".into(), ToString::to_string);
    differ("fill value", fill(was), fill(is));
    let shown = |attrs: &Attrs, name: &str| attrs.get(name).map_or("none".into(), ToString::to_string);
    for name in DECODING {
        differ(&format!("attribute `{name}`"), shown(&was.attrs, name), shown(&is.attrs, name));
    }
    if was.dims == is.dims {
        for (dim, (was, is)) in was.dims.iter().zip(was.shape.iter().zip(&is.shape)) {
            if is < was {
                found.push((format!("length along `{dim}`"), was.to_string(), is.to_string()));
            }
        }
    }
    found
}

/// Codecs with everything that configures them.
fn details(spec: &ArraySpec) -> String {
    serde_json::to_string(&spec.encoding.codecs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(what: &str, variable: &str) -> Change {
        let [what, variable, was, is] = [what, variable, "1", "2"].map(str::to_owned);
        Change { what, variable, was, is }
    }

    #[test]
    fn a_cause_is_told_once() {
        let many: Vec<Change> = (0..12).map(|n| change("codecs", &format!("v{n}"))).collect();
        let rows: [(&[Change], &[&str]); 6] = [
            (
                &[change(LEVELS, "")],
                &["a pyramid's number of levels can't change by an update: 1 was, 2 would be"],
            ),
            (&[], &[]),
            (
                &[change(GONE, "a"), change(NEW, "b"), change(GONE, "c")],
                &[
                    "an update would take away `a`, `c`: in no input now",
                    "an update would add `b`: not in the published dataset",
                ],
            ),
            (&[change("format", "")], &["an update would change the format: 1 was, 2 would be"]),
            (
                &[change("chunks", "a"), change("type", "a"), change("chunks", "b")],
                &[
                    "an update would change the chunks of 2 variables: of `a` 1 was, 2 would be; also of `b`",
                    "an update would change the type of `a`: 1 was, 2 would be",
                ],
            ),
            (
                &many,
                &[
                    "an update would change the codecs of 12 variables: of `v0` 1 was, 2 would be; also of `v1`, `v2`, \
                   `v3`, `v4`, `v5`, `v6`, `v7`, `v8` and 3 more",
                ],
            ),
        ];
        for (changes, expected) in rows {
            let found: Vec<String> = refused(changes).into_iter().map(|error| error.message).collect();
            assert_eq!(found, expected);
        }
    }
}

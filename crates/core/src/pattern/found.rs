//! Inputs of a listing, put in their places.

use std::collections::BTreeMap;

use super::{PatternAxis, select};
use crate::axis::{Axis, Key, Keys};
use crate::code::Code;
use crate::error::{Error, Result};

type Found = (BTreeMap<String, Key>, String);

/// Gives found axes their keys and returns the input at every index.
pub(super) fn arrange(
    axes: &[Axis],
    expanded: &mut [PatternAxis],
    found: &[Found],
) -> Result<BTreeMap<Vec<u32>, String>> {
    if found.is_empty() {
        let error = Error::new(Code::SourceNotFound, "no input was found");
        return Err(error.help("check `source.find`: the place, the glob and the regex"));
    }
    if axes.is_empty() && found.len() > 1 {
        return Err(wrong(format!("{} inputs were found, and the recipe has no axes", found.len()))
            .help("declare one, such as `axes: {time: {concat: found}}`"));
    }
    let counted = axes.len() == 1 && found.iter().all(|(keys, _)| keys.is_empty());
    for (axis, full) in axes.iter().zip(expanded.iter_mut()) {
        if axis.keys == Keys::Found {
            full.keys = if counted { count(found.len()) } else { sorted_keys(&axis.name, found)? };
            full.declared = full.keys.len() as u64;
        }
    }
    let mut files: BTreeMap<Vec<u32>, String> = BTreeMap::new();
    for (at, (keys, url)) in (0_u32..).zip(found) {
        let index = match expanded {
            [axis] if counted && axes.iter().all(|axis| axis.keys == Keys::Found) => {
                debug_assert_eq!(axis.declared, found.len() as u64);
                vec![at]
            }
            _ => expanded.iter().map(|axis| place(axis, keys, url)).collect::<Result<_>>()?,
        };
        if let Some(other) = files.insert(index, url.clone()) {
            let labels: Vec<String> = keys.iter().map(|(axis, key)| format!("{axis} {key}")).collect();
            let message =
                format!("two inputs are at one position ({}): {other} and {url}", labels.join(", "));
            return Err(Error::new(Code::CombineDuplicates, message)
                .help("narrow the glob, let the regex capture what differs, or set `pick: latest`"));
        }
    }
    Ok(files)
}

fn wrong(message: String) -> Error {
    Error::new(Code::RecipeSource, message)
}

fn count(length: usize) -> Vec<Key> {
    (0..).take(length).map(Key::Int).collect()
}

fn place(axis: &PatternAxis, keys: &BTreeMap<String, Key>, url: &str) -> Result<u32> {
    let key = keys.get(&axis.name).ok_or_else(|| no_key(&axis.name, url))?;
    select::find(&axis.keys, key).ok_or_else(|| {
        wrong(format!("an input has the key `{key}`, which axis `{}` does not have", axis.name))
            .at(url)
            .help("narrow the glob, extend the axis, or declare it as `found`")
    })
}

fn no_key(axis: &str, url: &str) -> Error {
    wrong(format!("an input has no key for axis `{axis}`"))
        .at(url)
        .help(format!("give `source.find` a regex with the named group `(?P<{axis}>...)`"))
}

/// The keys that inputs have along an axis, sorted and unique.
fn sorted_keys(axis: &str, found: &[Found]) -> Result<Vec<Key>> {
    let key = |(keys, url): &Found| keys.get(axis).cloned().ok_or_else(|| no_key(axis, url));
    let mut keys = found.iter().map(key).collect::<Result<Vec<_>>>()?;
    let first = keys.first().map(std::mem::discriminant);
    if let Some(other) = keys.iter().find(|key| Some(std::mem::discriminant(*key)) != first) {
        let first = keys.first().map(Key::to_string).unwrap_or_default();
        return Err(wrong(format!("the keys of axis `{axis}` are of two kinds: `{first}` and `{other}`")));
    }
    keys.sort_by(|a, b| a.compare(b).unwrap_or(std::cmp::Ordering::Equal));
    keys.dedup_by(|a, b| a.same(b));
    Ok(keys)
}

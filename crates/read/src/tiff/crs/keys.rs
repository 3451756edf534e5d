//! The GeoKey directory (OGC 19-008r4): numbers and texts under keys.

use std::collections::BTreeMap;

use arcoforge_core::error::Result;

use crate::tiff::file::{Directory, File};
use crate::tiff::tags;

/// The value that stands for "not of a list: it is described here".
pub(super) const USER_DEFINED: u64 = 32_767;

/// Keys with their values.
#[derive(Debug, Default, Clone)]
pub(in crate::tiff) struct Keys(BTreeMap<u64, Value>);

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Short(u64),
    Doubles(Vec<f64>),
    Text(String),
}

impl Keys {
    /// Reads the keys; none where the file has none. Those that point beyond their lists are passed over.
    pub(in crate::tiff) fn read(file: &File, directory: &Directory) -> Result<Self> {
        let shorts = file.numbers(directory, tags::GEO_KEYS)?;
        let doubles = file.doubles(directory, tags::GEO_DOUBLES)?;
        let texts = file.text(directory, tags::GEO_TEXTS)?.unwrap_or_default();
        let (head, entries) = shorts.split_at(shorts.len().min(4));
        let count = head.get(3).copied().unwrap_or(0);
        let within = |list: usize, at: u64, count: u64| {
            let (at, count) = (usize::try_from(at).ok()?, usize::try_from(count).ok()?);
            at.checked_add(count).filter(|end| *end <= list).map(|end| at..end)
        };
        let mut keys = BTreeMap::new();
        for entry in entries.chunks_exact(4).take(usize::try_from(count).unwrap_or(0)) {
            let &[key, place, count, value] = entry else { continue };
            let value = match u16::try_from(place).unwrap_or(0) {
                tags::GEO_DOUBLES => within(doubles.len(), value, count)
                    .and_then(|at| doubles.get(at))
                    .map(|d| Value::Doubles(d.to_vec())),
                tags::GEO_TEXTS => {
                    let at = within(texts.len(), value, count)
                        .or_else(|| within(texts.len(), value, count.saturating_sub(1)));
                    at.and_then(|at| texts.get(at))
                        .map(|text| Value::Text(text.trim_end_matches(['|', '\0']).to_owned()))
                }
                0 => Some(Value::Short(value)),
                _ => None,
            };
            value.map(|value| keys.insert(key, value));
        }
        Ok(Self(keys))
    }

    pub(in crate::tiff) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::tiff) fn short(&self, key: u64) -> Option<u64> {
        match self.0.get(&key)? {
            Value::Short(value) => Some(*value),
            _ => None,
        }
    }

    /// A number of a list that is not "user-defined" or "undefined".
    pub(super) fn code(&self, key: u64) -> Option<u64> {
        self.short(key).filter(|code| *code != USER_DEFINED && *code != 0)
    }

    pub(super) fn double(&self, key: u64) -> Option<f64> {
        match self.0.get(&key)? {
            Value::Doubles(values) => values.first().copied(),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: u64) -> Option<&str> {
        match self.0.get(&key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All keys with their values, for readers that know what to make of them.
    pub(in crate::tiff) fn shown(&self) -> String {
        let one = |(key, value): (&u64, &Value)| match value {
            Value::Short(value) => format!("{key}={value}"),
            Value::Text(text) => format!("{key}={text}"),
            Value::Doubles(values) => {
                format!("{key}={}", values.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
            }
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

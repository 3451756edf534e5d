//! What an object store lists of a dataset's chunks: lengths and tags, a few bytes for each.

use std::collections::BTreeMap;

use arcoforge_core::target::Dataset;
use arcoforge_write::chunk_at;
use xxhash_rust::xxh3::xxh3_64;

/// Objects by array and number.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    arrays: BTreeMap<String, BTreeMap<u64, Listed>>,
}

/// One object: its length, and a hash of its tag where the listing has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    bytes: u64,
    tag: Option<u64>,
}

impl Listed {
    /// Whether it is what was written.
    pub(crate) fn is(self, bytes: u64, written: Option<u64>) -> bool {
        self.bytes == bytes && self.tag.is_none_or(|tag| written == Some(tag))
    }
}

impl Listing {
    /// Adds an object by its key; `false` where the dataset has none under it.
    pub(crate) fn add(&mut self, dataset: &Dataset, key: &str, bytes: u64, etag: Option<&str>) -> bool {
        let Some((array, object)) = chunk_at(dataset, key) else { return false };
        let objects = self.arrays.entry(array.name.clone()).or_default();
        objects.insert(object, Listed { bytes, tag: etag.map(tag) });
        true
    }

    /// All objects, by array and number.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&str, u64)> {
        self.arrays
            .iter()
            .flat_map(|(array, objects)| objects.keys().map(move |object| (array.as_str(), *object)))
    }

    /// The tag of an object, where the listing has one.
    pub(crate) fn tag(&self, array: &str, object: u64) -> Option<u64> {
        self.get(array, object)?.tag
    }

    /// What is listed of an object.
    pub(crate) fn get(&self, array: &str, object: u64) -> Option<Listed> {
        self.arrays.get(array)?.get(&object).copied()
    }
}

/// A hash of an entity tag. Servers quote tags in some answers, and not in others.
pub(crate) fn tag(etag: &str) -> u64 {
    xxh3_64(etag.trim_matches('"').as_bytes())
}

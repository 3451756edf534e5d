//! Where references lead to: URLs by number, opened as they are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};

use super::{Held, Located, place_in_whole};
use crate::local::lock;
use crate::location::{Location, redact};
use crate::object::Object;
use crate::sources::Sources;

/// Objects that are kept open.
const OPEN_MAX: usize = 1024;

/// What a reference says of a key.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Bytes(Arc<[u8]>),
    /// The number of a URL, and the range; the whole where there is none.
    Range(u32, Option<(u64, u64)>),
}

/// The URLs of references, in the order in which they were met.
#[derive(Debug)]
pub(super) struct Leads {
    sources: Arc<Sources>,
    urls: Mutex<Urls>,
    open: Mutex<BTreeMap<u32, Arc<dyn Object>>>,
    /// They may not lead to files of this machine.
    told_by_server: bool,
}

#[derive(Debug, Default)]
struct Urls {
    all: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Leads {
    pub(super) fn new(sources: &Arc<Sources>, told_by_server: bool) -> Self {
        Self { sources: Arc::clone(sources), urls: Mutex::default(), open: Mutex::default(), told_by_server }
    }

    /// The number of a URL, a new one where it has none.
    pub(super) fn number(&self, url: &str) -> u32 {
        let mut urls = lock(&self.urls);
        if let Some(number) = urls.numbers.get(url) {
            return *number;
        }
        let (url, number): (Arc<str>, u32) = (url.into(), urls.all.len() as u32);
        urls.all.push(Arc::clone(&url));
        urls.numbers.insert(url, number);
        number
    }

    /// Whether any URL that was met is on another machine.
    pub(super) fn are_remote(&self) -> bool {
        lock(&self.urls).all.iter().any(|url| url.contains("://") && !url.starts_with("file:"))
    }

    /// What a reference leads to, to be read.
    pub(super) fn held(&self, entry: &Entry) -> Result<Held> {
        Ok(match entry {
            Entry::Bytes(bytes) => Held::Bytes(Arc::clone(bytes)),
            Entry::Range(url, range) => {
                let object = self.object(*url)?;
                let (offset, bytes) = range.unwrap_or((0, object.validator().size));
                Held::Range(object, offset, bytes)
            }
        })
    }

    /// Where that lies.
    pub(super) fn located(&self, entry: &Entry) -> Result<Located> {
        Ok(match entry {
            Entry::Bytes(bytes) => Located::Bytes(Arc::clone(bytes)),
            Entry::Range(url, Some((offset, bytes))) => Located::Range(place_in_whole(*url, *offset), *bytes),
            Entry::Range(url, None) => {
                Located::Range(place_in_whole(*url, 0), self.object(*url)?.validator().size)
            }
        })
    }

    /// The object of a URL.
    pub(super) fn object(&self, number: u32) -> Result<Arc<dyn Object>> {
        if let Some(object) = lock(&self.open).get(&number) {
            return Ok(Arc::clone(object));
        }
        let url = lock(&self.urls).all.get(number as usize).cloned();
        let url = url.ok_or_else(|| Error::new(Code::Bug, "found a reference to no URL"))?;
        if self.told_by_server && !Location::parse(&url)?.is_remote() {
            let message = "references from a server lead to a file of this machine";
            return Err(Error::new(Code::SourceDenied, message)
                .at(redact(&url))
                .help("fetch the references first"));
        }
        let object = self.sources.open_packed(&url)?;
        let mut open = lock(&self.open);
        if open.len() >= OPEN_MAX {
            open.pop_first();
        }
        open.insert(number, Arc::clone(&object));
        Ok(object)
    }
}

/// Names of the folders directly below one, of keys.
pub(super) fn names_below<T>(entries: &BTreeMap<Box<str>, T>, below: &str) -> Vec<String> {
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    let inside = entries.range(Box::from(prefix.as_str())..).map(|(key, _)| key);
    let names = inside.map_while(|key| key.strip_prefix(prefix.as_str()));
    let names: BTreeSet<&str> = names.filter_map(|rest| rest.split_once('/').map(|(name, _)| name)).collect();
    names.into_iter().map(str::to_owned).collect()
}

//! A store in a bucket: which objects there are, and how long each is, a listing tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Result};

use super::folder::Numbers;
use super::{Held, Keyed, Located, place_in_whole};
use crate::bucket::Bucket;
use crate::local::lock;
use crate::object::Object;
use crate::sources::Sources;

/// Objects that are asked for one by one before their folder is listed.
const ASKED_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Listed {
    sources: Arc<Sources>,
    bucket: Bucket,
    /// It is no input.
    of_target: bool,
    /// Documents that are not there yet, or are to be others.
    documents: BTreeMap<String, Arc<[u8]>>,
    numbers: Mutex<Numbers>,
}

impl Listed {
    /// An input.
    pub(super) fn new(sources: Arc<Sources>, bucket: Bucket) -> Self {
        Self { sources, bucket, of_target: false, documents: BTreeMap::new(), numbers: Mutex::default() }
    }

    /// A target, with documents in place of those that lie there.
    pub(super) fn of_target(
        sources: Arc<Sources>,
        bucket: Bucket,
        documents: BTreeMap<String, Arc<[u8]>>,
    ) -> Self {
        Self { of_target: true, documents, ..Self::new(sources, bucket) }
    }

    fn open(&self, key: &str) -> Result<Arc<dyn Object>> {
        let url = self.bucket.url_of(key);
        if self.of_target { self.sources.open_of_target(&url) } else { self.sources.open_packed(&url) }
    }

    fn located(&self, key: &str, bytes: u64) -> Located {
        Located::Range(place_in_whole(lock(&self.numbers).of(key), 0), bytes)
    }

    /// The lengths of objects whose keys begin so.
    fn lengths(&self, prefix: &str) -> Result<BTreeMap<String, u64>> {
        let items = self.bucket.list(prefix).all()?.items;
        Ok(items.into_iter().map(|item| (item.key, item.size)).collect())
    }
}

impl Keyed for Listed {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        if let Some(document) = self.documents.get(key) {
            return Ok(Some(Held::Bytes(Arc::clone(document))));
        }
        match self.open(key) {
            Err(e) if e.code == Code::SourceNotFound => Ok(None),
            Err(e) => Err(e),
            Ok(object) => {
                let bytes = object.validator().size;
                Ok(Some(Held::Range(object, 0, bytes)))
            }
        }
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        if keys.len() <= ASKED_MAX {
            let one = |key: &String| {
                let item = self.bucket.head(key)?;
                Ok(item.map(|item| self.located(key, item.size)))
            };
            return keys.iter().map(one).collect();
        }
        let lengths = self.lengths(common(keys))?;
        Ok(keys.iter().map(|key| lengths.get(key).map(|bytes| self.located(key, *bytes))).collect())
    }

    fn folders(&self, below: &str) -> Result<Vec<String>> {
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
        let folders = self.bucket.list_folder(&prefix).all()?.folders;
        let name =
            |folder: String| folder.strip_prefix(&prefix).map(|name| name.trim_end_matches('/').to_owned());
        Ok(folders.into_iter().filter_map(name).collect())
    }

    fn objects(&self) -> Result<Option<Vec<(String, u64, String)>>> {
        let items = self.bucket.list("").all()?.items;
        Ok(Some(items.into_iter().map(|item| (item.key, item.size, item.etag.unwrap_or_default())).collect()))
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        let key = lock(&self.numbers).key(number)?;
        self.open(&key)
    }
}

/// What all keys begin with, up to a slash.
fn common(keys: &[String]) -> &str {
    let Some((first, others)) = keys.split_first() else { return "" };
    let length = others.iter().fold(first.len(), |length, key| {
        first.bytes().zip(key.bytes()).take(length).take_while(|(a, b)| a == b).count()
    });
    let end = first.get(..length).and_then(|same| same.rfind('/')).map_or(0, |at| at + 1);
    first.get(..end).unwrap_or_default()
}

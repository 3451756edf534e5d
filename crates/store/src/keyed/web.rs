//! A store on a server: every key is a URL. What exists and how long it is only a request tells, so that the survey of an
//! array asks once for every chunk, several at a time; short chunks come along with the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};

use super::folder::Numbers;
use super::{Held, Keyed, Located, place_in_whole};
use crate::local::lock;
use crate::object::Object;
use crate::several;
use crate::sources::Sources;

#[derive(Debug)]
pub(super) struct Web {
    sources: Arc<Sources>,
    /// Without a slash at its end.
    root: String,
    /// With its question mark, where there is one.
    query: String,
    numbers: Mutex<Numbers>,
    open: Mutex<BTreeMap<u32, Arc<dyn Object>>>,
}

impl Web {
    pub(super) fn new(sources: Arc<Sources>, url: &str) -> Self {
        let (root, query) = url.split_at(url.find('?').unwrap_or(url.len()));
        let (root, query) = (root.trim_end_matches('/').to_owned(), query.to_owned());
        Self { sources, root, query, numbers: Mutex::default(), open: Mutex::default() }
    }

    fn url(&self, key: &str) -> String {
        format!("{}/{key}{}", self.root, self.query)
    }

    fn one(&self, key: &str) -> Result<Option<Located>> {
        let object = match self.sources.open_packed(&self.url(key)) {
            Err(e) if e.code == Code::SourceNotFound => return Ok(None),
            other => other?,
        };
        let (member, bytes) = (lock(&self.numbers).of(key), object.validator().size);
        lock(&self.open).insert(member, object);
        Ok(Some(Located::Range(place_in_whole(member, 0), bytes)))
    }
}

impl Keyed for Web {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        match self.sources.open_packed(&self.url(key)) {
            Err(e) if e.code == Code::SourceNotFound => Ok(None),
            Err(e) => Err(e),
            Ok(object) => {
                let bytes = object.validator().size;
                Ok(Some(Held::Range(object, 0, bytes)))
            }
        }
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        let threads = self.sources.options().connections_per_host as usize;
        several::at_once(keys, threads, |key| self.one(key))
    }

    fn folders(&self, _: &str) -> Result<Vec<String>> {
        let message = "the store has no consolidated metadata, and a server can't be asked for folders";
        Err(Error::new(Code::SourceUnsupported, message)
            .at(&self.root)
            .help("consolidate its metadata (`zarr.consolidate_metadata`), or name one of its arrays"))
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        if let Some(object) = lock(&self.open).get(&number) {
            return Ok(Arc::clone(object));
        }
        let key = lock(&self.numbers).key(number)?;
        self.sources.open_packed(&self.url(&key))
    }
}

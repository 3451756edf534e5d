//! A store with documents in place of those that lie there, or that are not there yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::error::Result;

use super::{Held, Keyed, Located};
use crate::object::Object;

#[derive(Debug)]
pub(super) struct Overlaid {
    pub(super) documents: BTreeMap<String, Arc<[u8]>>,
    pub(super) below: Arc<dyn Keyed>,
}

impl Keyed for Overlaid {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        match self.documents.get(key) {
            Some(document) => Ok(Some(Held::Bytes(Arc::clone(document)))),
            None => self.below.get(key),
        }
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        let mut found = self.below.locate(keys)?;
        for (key, slot) in keys.iter().zip(&mut found) {
            if let Some(document) = self.documents.get(key) {
                *slot = Some(Located::Bytes(Arc::clone(document)));
            }
        }
        Ok(found)
    }

    fn folders(&self, below: &str) -> Result<Vec<String>> {
        self.below.folders(below)
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        self.below.member(number)
    }
}

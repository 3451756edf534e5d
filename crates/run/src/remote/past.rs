//! What lies at a target in an object store, and which bake of ours made it.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::Bucket;
use arcoforge_write::Written;
use serde::{Deserialize, Serialize};

use crate::state::PlanFile;

/// Root metadata of stores, in the order in which a look asks for it.
pub(super) const ROOTS: [&str; 4] = ["zarr.json", ".zmetadata", ".zgroup", ".zarray"];

/// The object by which readers find a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) key: String,
    pub(super) etag: String,
    pub(super) crc32c: u32,
}

/// What a note beside a target says of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The object that makes the dataset visible.
    pub(super) key: String,
    pub(super) crc32c: u32,
    /// Its tag once it was put; of a publication that begins, the tag of what lay there before.
    pub(super) etag: Option<String>,
}

impl Root {
    /// What is noted of it once it was published.
    pub(super) fn note(&self) -> Note {
        Note { key: self.key.clone(), crc32c: self.crc32c, etag: Some(self.etag.clone()) }
    }
}

/// A target in an object store, and what is known of the bakes before.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) target: Bucket,
    /// `TARGET.bake`: plans, receipts and notes, by digest.
    pub(super) beside: Bucket,
    /// What readers see.
    pub(super) root: Option<Root>,
    /// The digest of the bake that made it; `None` where no bake of ours did.
    pub(super) made_by: Option<String>,
    /// Its publication was cut off behind the step that made it visible.
    pub(super) cut_off: bool,
    /// Digests of bakes of this target, finished or not.
    pub(super) states: BTreeSet<String>,
}

impl Past {
    /// Looks at a target and changes nothing.
    pub(super) fn of(target: Bucket, beside: Bucket) -> Result<Self> {
        let mut past =
            Self { target, beside, root: None, made_by: None, cut_off: false, states: BTreeSet::new() };
        past.look()?;
        Ok(past)
    }

    /// Looks again: another process may have published meanwhile.
    pub(super) fn look(&mut self) -> Result<()> {
        self.root = self.find_root()?;
        self.made_by = None;
        self.cut_off = false;
        self.states.clear();
        let mut notes: Vec<(String, bool, String)> = Vec::new();
        for page in self.beside.list("") {
            for found in page?.items {
                let Some((digest, name)) = found.key.split_once('/') else { continue };
                self.states.insert(digest.to_owned());
                if name == "done" || name == "visible" {
                    notes.push((digest.to_owned(), name == "done", found.key.clone()));
                }
            }
        }
        // a publication that ended says more than one that only began
        notes.sort_by_key(|(_, done, _)| !done);
        for (digest, done, key) in notes {
            let Some(text) = self.beside.get(&key, None)? else { continue };
            let Ok(note) = serde_json::from_slice::<Note>(&text.bytes) else { continue };
            if self.is_by(&note, done) {
                self.made_by = Some(digest);
                self.cut_off = !done;
                break;
            }
        }
        Ok(())
    }

    fn is_by(&self, note: &Note, done: bool) -> bool {
        self.root.as_ref().is_some_and(|root| {
            let same = root.key == note.key && root.crc32c == note.crc32c;
            // of one that began, what lay there before is another object
            same && (note.etag.as_deref() == Some(root.etag.as_str())) == done
        })
    }

    fn find_root(&self) -> Result<Option<Root>> {
        for key in ROOTS {
            if let Some(found) = self.target.get(key, None)? {
                let crc32c = Written::of(&found.bytes).crc32c;
                let etag = found.item.etag.unwrap_or_default();
                return Ok(Some(Root { key: key.to_owned(), etag, crc32c }));
            }
        }
        Ok(None)
    }

    /// Whether anything lies below the target.
    pub(super) fn is_empty(&self) -> Result<bool> {
        match self.target.list("").next() {
            Some(page) => page.map(|page| page.items.is_empty()),
            None => Ok(true),
        }
    }

    /// The plan of a state; `None` where it can't be read.
    pub(super) fn plan(&self, digest: &str) -> Result<Option<PlanFile>> {
        let Some(text) = self.beside.get(&format!("{digest}/plan.json"), None)? else { return Ok(None) };
        Ok(PlanFile::parse(&text.bytes).ok())
    }

    /// Segments of receipts of a state, each as it was put.
    pub(super) fn receipts(&self, digest: &str) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for page in self.beside.list(&format!("{digest}/receipts/")) {
            keys.extend(page?.items.into_iter().map(|found| found.key));
        }
        Ok(keys)
    }

    /// Removes all objects of a state.
    pub(super) fn forget(&self, digest: &str) -> Result<()> {
        delete_below(&self.beside, &format!("{digest}/"))
    }

    /// Readers find no dataset from here on.
    pub(super) fn remove_root(&mut self) -> Result<()> {
        self.target.delete(&ROOTS.map(str::to_owned))?;
        self.root = None;
        Ok(())
    }

    /// Refuses what lies there.
    pub(super) fn exists(&self, message: impl Into<String>) -> Error {
        Error::new(Code::TargetExists, message.into()).at(self.target.url())
    }
}

/// Deletes all objects whose keys begin so.
pub(super) fn delete_below(bucket: &Bucket, prefix: &str) -> Result<()> {
    for page in bucket.list(prefix) {
        let keys: Vec<String> = page?.items.into_iter().map(|found| found.key).collect();
        bucket.delete(&keys)?;
    }
    Ok(())
}

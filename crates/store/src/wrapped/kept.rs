//! What was unwrapped in this run: found again by whoever opens the same input.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};

use crate::local::lock;
use crate::object::Object;

use super::Archive;

/// Directories of archives that are kept.
const ARCHIVES_MAX: usize = 8;
/// Bytes of unpacked files that are kept although nobody reads them, so that the stages of a run unpack once.
const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
const KEPT_FILES_MAX: usize = 256;

/// What is behind a compression: a file, or an archive.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    /// A file that is wrapped no further.
    File(Arc<dyn Object>),
    /// An archive, whose directory was read.
    Archive(Arc<Archive>),
}

/// Layers by what they were opened as.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    archives: VecDeque<(String, Arc<Archive>)>,
    files: VecDeque<Arc<dyn Object>>,
    /// Files that somebody still has open are found, kept or not.
    open: BTreeMap<String, Weak<dyn Object>>,
    /// Entries of `open` at which those are dropped that nobody has open any more.
    sweep_at: usize,
}

impl Kept {
    pub(crate) fn find(&self, key: &str) -> Option<Layer> {
        let inner = lock(&self.0);
        let archive = inner.archives.iter().find(|(kept, _)| kept == key);
        match archive {
            Some((_, archive)) => Some(Layer::Archive(Arc::clone(archive))),
            None => inner.open.get(key).and_then(Weak::upgrade).map(Layer::File),
        }
    }

    pub(crate) fn keep(&self, key: &str, layer: &Layer) {
        let mut guard = lock(&self.0);
        let inner = &mut *guard;
        match layer {
            Layer::Archive(archive) => {
                inner.archives.push_back((key.to_owned(), Arc::clone(archive)));
                if inner.archives.len() > ARCHIVES_MAX {
                    inner.archives.pop_front();
                }
            }
            Layer::File(file) => {
                if inner.open.len() >= inner.sweep_at {
                    inner.open.retain(|_, file| file.strong_count() > 0);
                    inner.sweep_at = (2 * inner.open.len()).max(KEPT_FILES_MAX);
                }
                inner.open.insert(key.to_owned(), Arc::downgrade(file));
                inner.files.push_back(Arc::clone(file));
                let mut bytes = inner.files.iter().map(|f| f.validator().size).fold(0, u64::saturating_add);
                while (bytes > KEPT_BYTES_MAX || inner.files.len() > KEPT_FILES_MAX)
                    && let Some(dropped) = inner.files.pop_front()
                {
                    bytes = bytes.saturating_sub(dropped.validator().size);
                }
            }
        }
    }
}

//! What many files have alike is kept once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arcoforge_core::block::Block;
use arcoforge_core::combine::{Alike, Values};
use arcoforge_core::error::Result;
use arcoforge_core::schema::{Schema, Variable};
use arcoforge_core::steps::FileView;

use super::hand::Hand;

/// Versions of one variable, and of files' schemas, that are kept for sharing.
const VERSIONS_MAX: usize = 8;
/// Different blocks that are kept for sharing, where they are small: sharing saves less than it takes.
const SMALL_BLOCKS_MAX: usize = 1000;
/// Blocks of fewer bytes are small.
const SMALL_BYTES: usize = 512;

/// A version that is kept, found again by what it was made of.
type Made<K, V> = Mutex<Vec<(Arc<K>, Arc<V>)>>;

/// Equal variables, schemas and values of files.
pub(crate) struct Interner {
    pub(crate) hand: Hand,
    names: Mutex<BTreeSet<Arc<str>>>,
    variables: Mutex<BTreeMap<String, Vec<Arc<Variable>>>>,
    opened: Made<Schema, FileView>,
    views: Mutex<Vec<Arc<FileView>>>,
    alike: Mutex<Vec<Alike>>,
    blocks: Mutex<BTreeMap<u128, Arc<Block>>>,
    digests: Mutex<BTreeMap<usize, (Weak<Block>, u128)>>,
    /// Of the first file so far, with its place: its schema before the steps and after each.
    first: Mutex<Option<(Vec<u32>, Vec<FileView>)>>,
}

impl Interner {
    /// Of a survey whose values in hand are counted.
    pub(crate) fn new(hand: Hand) -> Self {
        Self {
            hand,
            names: Mutex::default(),
            variables: Mutex::default(),
            opened: Mutex::default(),
            views: Mutex::default(),
            alike: Mutex::default(),
            blocks: Mutex::default(),
            digests: Mutex::default(),
            first: Mutex::default(),
        }
    }

    /// Lets values go: files have been combined.
    pub(crate) fn forget_values(&self) {
        lock(&self.alike).clear();
        lock(&self.blocks).clear();
        lock(&self.digests).clear();
    }

    pub(super) fn name(&self, name: &str) -> Arc<str> {
        let mut known = lock(&self.names);
        if let Some(same) = known.get(name) {
            return Arc::clone(same);
        }
        let name: Arc<str> = name.into();
        known.insert(Arc::clone(&name));
        name
    }

    pub(super) fn variable(&self, var: &Arc<Variable>) -> Arc<Variable> {
        let mut known = lock(&self.variables);
        let Some(versions) = known.get_mut(&var.name) else {
            known.insert(var.name.clone(), vec![Arc::clone(var)]);
            return Arc::clone(var);
        };
        let same = |other: &&Arc<Variable>| Arc::ptr_eq(other, var) || other.is_same(var);
        if let Some(same) = versions.iter().find(same) {
            return Arc::clone(same);
        }
        if versions.len() < VERSIONS_MAX {
            versions.push(Arc::clone(var));
        }
        Arc::clone(var)
    }

    /// The schema of a file before the steps, which `make` makes where no file of that schema was opened lately.
    pub(super) fn opened(
        &self,
        schema: &Arc<Schema>,
        make: impl FnOnce() -> Result<FileView>,
    ) -> Result<FileView> {
        let known = lock(&self.opened).iter().find(|(known, _)| Arc::ptr_eq(known, schema)).cloned();
        if let Some((_, view)) = known {
            return Ok((*view).clone());
        }
        let mut view = make()?;
        self.share_variables(&mut view);
        let mut opened = lock(&self.opened);
        if opened.len() >= VERSIONS_MAX {
            opened.remove(0);
        }
        opened.push((Arc::clone(schema), Arc::new(view.clone())));
        Ok(view)
    }

    pub(super) fn share_variables(&self, view: &mut FileView) {
        for mapped in &mut view.variables {
            mapped.var = self.variable(&mapped.var);
        }
    }

    /// A schema whose variables are shared, shared as a whole.
    pub(super) fn view(&self, view: FileView) -> Arc<FileView> {
        let mut known = lock(&self.views);
        if let Some(same) = known.iter().find(|known| same_view(known, &view)) {
            return Arc::clone(same);
        }
        let view = Arc::new(view);
        if known.len() < VERSIONS_MAX {
            known.push(Arc::clone(&view));
        }
        view
    }

    /// Values that other files may have, too.
    pub(super) fn alike(&self, values: Vec<(Arc<str>, Values)>) -> Alike {
        let mut known = lock(&self.alike);
        let same = |known: &&Alike| {
            let mut pairs = known.iter().zip(&values);
            known.len() == values.len()
                && pairs.all(|(a, b)| a.0 == b.0 && a.1.digest.is_some() && a.1.digest == b.1.digest)
        };
        if let Some(same) = known.iter().find(same) {
            return Arc::clone(same);
        }
        let values = Arc::new(values);
        if known.len() < VERSIONS_MAX {
            known.push(Arc::clone(&values));
        }
        values
    }

    /// Shared values, and whether they are there for the first time.
    pub(super) fn block(&self, digest: u128, block: Arc<Block>) -> (Arc<Block>, bool) {
        let mut known = lock(&self.blocks);
        if let Some(same) = known.get(&digest) {
            return (Arc::clone(same), false);
        }
        let small = block.bytes().is_some_and(|bytes| bytes.len() < SMALL_BYTES);
        if !small || known.len() < SMALL_BLOCKS_MAX {
            known.insert(digest, Arc::clone(&block));
        }
        (block, true)
    }

    /// The digest of shared values, made once of each.
    pub(super) fn digest(&self, block: &Arc<Block>, make: impl FnOnce() -> u128) -> u128 {
        if block.bytes().is_some_and(|bytes| bytes.len() < SMALL_BYTES) {
            return make();
        }
        let place = Arc::as_ptr(block) as usize;
        let known = lock(&self.digests).get(&place).cloned();
        if let Some((of, digest)) = known
            && of.upgrade().is_some_and(|of| Arc::ptr_eq(&of, block))
        {
            return digest;
        }
        let digest = make();
        lock(&self.digests).insert(place, (Arc::downgrade(block), digest));
        digest
    }

    /// Whether no file before this one was seen.
    pub(super) fn is_first(&self, index: &[u32]) -> bool {
        lock(&self.first).as_ref().is_none_or(|(first, _)| index < first.as_slice())
    }

    pub(super) fn first(&self, index: &[u32], history: Vec<FileView>) {
        let mut known = lock(&self.first);
        if known.as_ref().is_none_or(|(first, _)| index < first.as_slice()) {
            *known = Some((index.to_vec(), history));
        }
    }

    /// The first file's schema before the steps and after each.
    pub(crate) fn history(self) -> Vec<FileView> {
        let first = self.first.into_inner().unwrap_or_else(PoisonError::into_inner);
        first.map(|(_, history)| history).unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn same_view(a: &FileView, b: &FileView) -> bool {
    let variables = || a.variables.iter().zip(&b.variables);
    a.variables.len() == b.variables.len()
        && variables().all(|(a, b)| Arc::ptr_eq(&a.var, &b.var) && a.origin == b.origin)
        && a.attrs == b.attrs
        && a.groups == b.groups
        && a.coords == b.coords
        && a.unreadable == b.unreadable
}

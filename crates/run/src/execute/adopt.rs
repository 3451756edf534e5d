//! Objects that an earlier bake made whole, taken before anything is moved through scratch storage; and what is noted of
//! every object.

use arcoforge_core::chunk::indices;
use arcoforge_core::error::Result;
use arcoforge_core::plan::ArrayPlan;
use arcoforge_write::{Version, Written, chunk_key};

use super::{Target, Worker};
use crate::receipts::{Entry, tag};
use crate::signature::Signature;

impl Target<'_> {
    /// Takes an object that an earlier bake made; `None` where none did.
    pub(crate) fn adopt(&self, worker: &mut Worker, array: &ArrayPlan, object: u64) -> Result<Option<Entry>> {
        let index = array.spec.objects().index(object);
        if !self.reuse.knows(&array.spec, &index) {
            return Ok(None);
        }
        let place = |e: arcoforge_core::error::Error| e.in_variable(&array.spec.name);
        let chunks = self.signatures(worker, array, &index).map_err(place)?;
        let found = self.reused(&array.spec, &index, &chunks).map_err(place)?;
        Ok(found.map(|written| self.entry(array, &index, written, chunks)))
    }

    /// What is noted of an object that is complete.
    pub(super) fn entry(
        &self,
        array: &ArrayPlan,
        index: &[u64],
        written: Option<Written>,
        chunks: Vec<Signature>,
    ) -> Entry {
        let version = written.map(|_| self.store.version(&chunk_key(self.format, &array.spec, index)));
        let Version { changed_ns, etag } = version.unwrap_or_default();
        let changed_ns = changed_ns.and_then(|changed| u64::try_from(changed).ok());
        let object = array.spec.objects().flat(index);
        // of what lay there before, the listing tells
        let tag = etag.as_deref().map(tag).or_else(|| self.reuse.tag(&array.spec.name, object));
        Entry { object, written, changed_ns, tag, chunks }
    }

    /// Whether a task of the first stage is to be run: no run before has moved its cells, or they are gone, and some object
    /// that holds such cells is not there.
    pub(crate) fn is_to_be_moved(&self, number: u64) -> bool {
        !self.is_moved(number) && self.is_needed(number).unwrap_or(true)
    }

    fn is_needed(&self, number: u64) -> Option<bool> {
        let (spec, cells) = self.scratch.cells(self.prepared, number)?;
        let objects = spec.objects();
        let mut covering = indices(&objects.covering(&cells));
        Some(covering.any(|index| !self.receipts.has(&spec.name, objects.flat(&index))))
    }

    /// Whether a run before has moved the cells of a task of the first stage to the very files that are there.
    pub(crate) fn is_moved(&self, number: u64) -> bool {
        self.receipts.has_scratch(self.scratch.division(), number)
    }
}

//! What tasks will read of other machines, so far as it is sure that they will.

use std::iter;
use std::sync::{Arc, PoisonError};

use arcoforge_core::chunk::{ChunkRef, Region, indices};
use arcoforge_core::combine::Pieces;
use arcoforge_core::plan::{ArrayPlan, BATCH_BYTES, Filling, Mode};

use super::left::boxes;
use super::stored::stored;
use super::{Target, Worker};
use crate::gather::{placements, wants};
use crate::lookahead::{Begun, Want, Wanted};

/// Slabs that are looked at together where each is a chunk to be copied.
const SLABS_MAX: u64 = 64;

impl Target<'_> {
    /// Says that a slab of the running task is about to be read, or these cells of it.
    pub(crate) fn announce(&self, worker: &Worker, slab: u64, cells: &Region) {
        if let Some(task) = worker.ahead() {
            task.slab(slab, &|task, slab, begun| match begun {
                Begun::Now => self.wanted(task, slab, Some(cells)),
                Begun::NotYet => self.wanted(task, slab, None),
            });
        }
    }

    /// Says that a task of the first stage is about to be run.
    pub(crate) fn announce_scratch(&self, worker: &Worker) {
        if let Some(task) = worker.ahead() {
            task.slab(0, &|task, slab, begun| {
                let first = task < self.scratch.tasks() && slab == 0;
                let sure = begun == Begun::Now || self.is_to_be_moved(task);
                let wants = (first && sure).then(|| self.scratch.wants(self.prepared, task))??;
                Some(Wanted { wants, slabs: 1 })
            });
        }
    }

    /// What a task of the second stage reads for one slab: what of it is to be made, where that is known, else the cells
    /// that are about to be read.
    fn wanted(&self, number: u64, slab: u64, begun: Option<&Region>) -> Option<Wanted> {
        let (array, task) = self.tasks.get(number.checked_sub(self.scratch.tasks())?)?;
        let Filling::Pieces(pieces) = &array.content else { return None };
        if self.scratch.file(&array.spec).is_some() {
            return None;
        }
        let region = array.slab(task, slab)?;
        let left = self.left(array, task, &region);
        if array.mode == Mode::Copy && left.is_some() {
            return Some(self.copied(array, pieces, task, slab));
        }
        let slabs = u64::from(left.is_some() || begun == Some(&region));
        let left = left.or_else(|| begun.map(|cells| vec![cells.clone()]))?;
        let mut found = Vec::new();
        for cells in &left {
            match array.mode {
                Mode::Copy => self.chunks(array, pieces, cells, &mut found),
                _ => join(&mut found, wants(self.prepared, &placements(pieces, cells))),
            }
        }
        Some(Wanted { wants: found, slabs })
    }

    /// What several slabs of chunks that are copied read, from one on.
    fn copied(&self, array: &ArrayPlan, pieces: &Pieces, task: u64, slab: u64) -> Wanted {
        let mut found = Wanted { wants: Vec::new(), slabs: 0 };
        for region in (slab..slab + SLABS_MAX).map_while(|slab| array.slab(task, slab)) {
            let Some(left) = self.left(array, task, &region) else { break };
            left.iter().for_each(|cells| self.chunks(array, pieces, cells, &mut found.wants));
            found.slabs += 1;
            let bytes = found.wants.iter().flat_map(|want| &want.ranges).map(|r| r.end - r.start);
            if bytes.sum::<u64>() >= BATCH_BYTES {
                break;
            }
        }
        found
    }

    /// Adds what chunks read that are copied.
    fn chunks(&self, array: &ArrayPlan, pieces: &Pieces, cells: &Region, wants: &mut Vec<Want>) {
        for index in indices(&array.spec.chunks().covering(cells)) {
            join(wants, self.chunk(array, pieces, &index));
        }
    }

    /// What a chunk reads that is copied where that can be.
    fn chunk(&self, array: &ArrayPlan, pieces: &Pieces, index: &[u64]) -> Vec<Want> {
        let spec = &array.spec;
        match stored(self.prepared, spec, pieces, index) {
            Ok(Some(chunk)) => match chunk.reference {
                ChunkRef::Stored { offset, bytes, .. } if chunk.object.is_remote() => {
                    let ranges = iter::once(offset..offset.saturating_add(bytes)).collect();
                    vec![Want { object: Arc::clone(chunk.object), ranges }]
                }
                _ => Vec::new(),
            },
            Ok(None) => wants(self.prepared, &placements(pieces, &spec.chunks().region(index))),
            // found again when it is read
            Err(_) => Vec::new(),
        }
    }

    /// The boxes of a slab's chunks that neither are there nor are taken of an earlier bake; `None` where that is not known
    /// before the task runs.
    fn left(&self, array: &ArrayPlan, task: u64, slab: &Region) -> Option<Vec<Region>> {
        let spec = &array.spec;
        if spec.shard.is_some() {
            if self.receipts.has(&spec.name, task) {
                return Some(Vec::new());
            }
            // some of its chunks may be taken, which nobody compares twice
            let known = self.reuse.knows(spec, &spec.objects().index(task));
            return (!known).then(|| vec![slab.clone()]);
        }
        let chunks = spec.chunks();
        let left = indices(&chunks.covering(slab)).filter(|index| !self.is_there(array, index));
        let left = boxes(&chunks, left.map(|index| (index, ())).collect());
        Some(left.into_iter().map(|left| left.cells).collect())
    }

    /// Whether a chunk is there, or an earlier bake made it.
    fn is_there(&self, array: &ArrayPlan, index: &[u64]) -> bool {
        let spec = &array.spec;
        if self.receipts.has(&spec.name, spec.chunks().flat(index)) {
            return true;
        }
        if !self.reuse.knows(spec, index) {
            return false;
        }
        let mut signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        let signature = signer.chunk(self.format, self.prepared, array, index);
        signature.is_ok_and(|signature| self.reuse.object(spec, index, &[signature]).is_some())
    }
}

/// Adds ranges of the file that came last to what is wanted of it.
fn join(wants: &mut Vec<Want>, more: Vec<Want>) {
    for want in more {
        match wants.last_mut() {
            Some(last) if Arc::ptr_eq(&last.object, &want.object) => last.ranges.extend(want.ranges),
            _ => wants.push(want),
        }
    }
}

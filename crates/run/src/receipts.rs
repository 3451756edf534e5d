//! Receipts: which objects of a store lie there whole, how long they are, their checksums and signatures.
//!
//! One line of JSON per object, appended after the object is complete. Objects are numbered as the dataset's grids
//! number them, whatever the division into tasks was, so that a bake may be resumed with more or less memory.
//! A receipt is trusted as far as it can be: bytes that a process wrote survive its end, so receipts of the running
//! system hold if the object has their length and did not change since; those of a system that went down hold where the
//! bytes were flushed to the disk before. Else their checksum is compared.

mod lines;
mod listing;
mod trust;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::chunk::ChunkGrid;
use arcoforge_core::error::Result;
use arcoforge_core::plan::ArrayPlan;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_write::{Written, chunk_key, chunks_per_shard};

use self::lines::{DIGITS, Line, Row, Scratched, header, signatures};
use self::trust::{Proof, boot, is_durable, is_there};
use crate::execute::objects;
use crate::signature::Signature;
use crate::state::State;

pub(crate) use self::lines::Entry;
pub use self::lines::Unit;
pub(crate) use self::listing::{Listing, tag};
pub(crate) use self::trust::checksum;
pub(crate) use self::writer::{Log, Writer};

/// What lies in a store by its receipts.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    arrays: BTreeMap<String, Objects>,
    /// Tasks of the first stage, by division.
    scratch: BTreeMap<String, BTreeSet<u64>>,
}

/// The objects of one array, by number.
#[derive(Debug)]
struct Objects {
    spec: Arc<ArraySpec>,
    grid: ChunkGrid,
    chunks_each: usize,
    /// Whether the object is there, and what was written of it.
    done: Vec<Option<Option<Written>>>,
    /// Empty where nobody asks for them.
    signatures: Vec<Signature>,
}

impl Receipts {
    /// Nothing is there yet.
    fn none(dataset: &Dataset, signatures: bool) -> Self {
        let of = |spec: &Arc<ArraySpec>| {
            let grid = spec.objects();
            let count = usize::try_from(grid.len()).unwrap_or(usize::MAX);
            let chunks_each = usize::try_from(chunks_per_shard(spec)).unwrap_or(usize::MAX);
            let kept = if signatures { count.saturating_mul(chunks_each) } else { 0 };
            let objects = Objects {
                spec: Arc::clone(spec),
                grid,
                chunks_each,
                done: vec![None; count],
                signatures: vec![Signature::BEYOND; kept],
            };
            (spec.name.clone(), objects)
        };
        Self { arrays: dataset.arrays.iter().map(of).collect(), scratch: BTreeMap::new() }
    }

    /// What a bake has made so far of the store that it fills.
    pub(crate) fn of(state: &State, dataset: &Dataset) -> Self {
        Self::none(dataset, false).filled(state, dataset.format, Some(&state.store()), false)
    }

    /// What a bake made of the store at `root`, with the signatures of its chunks; `published` stores were flushed to the
    /// disk. Without `root` all that the receipts tell.
    pub(crate) fn signed(state: &State, dataset: &Dataset, root: Option<&Path>, published: bool) -> Self {
        Self::none(dataset, true).filled(state, dataset.format, root, published)
    }

    /// What receipts say that a bake made, wherever it lies now.
    pub(crate) fn told(state: &State, dataset: &Dataset) -> Self {
        Self::none(dataset, false).filled(state, dataset.format, None, true)
    }

    /// The key of the first object that is not in the store at `root` as it was written.
    pub(crate) fn first_other(&self, format: TargetFormat, root: &Path) -> Option<String> {
        self.arrays.values().find_map(|objects| {
            (0_u64..).zip(&objects.done).find_map(|(number, done)| {
                let key = chunk_key(format, &objects.spec, &objects.grid.index(number));
                let path = root.join(&key);
                let same = match done {
                    Some(Some(written)) => is_there(&path, *written, None, Proof::Checksum),
                    Some(None) => !path.exists(),
                    None => false,
                };
                (!same).then_some(key)
            })
        })
    }

    /// Lines that are torn or do not fit the dataset are passed over: what they are about is done again.
    fn filled(mut self, state: &State, format: TargetFormat, root: Option<&Path>, flushed: bool) -> Self {
        let folder = if flushed { state.receipts_published() } else { state.receipts() };
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            self.read_file(&file, format, root, flushed);
        }
        self
    }

    fn read_file(&mut self, path: &Path, format: TargetFormat, root: Option<&Path>, flushed: bool) {
        let Ok(file) = File::open(path) else { return };
        let (mut file, mut line) = (BufReader::new(file), Vec::new());
        let mut next = |line: &mut Vec<u8>| {
            line.clear();
            file.read_until(b'\n', line).is_ok_and(|bytes| bytes > 0)
        };
        let Some(header) = next(&mut line).then(|| header(&line)).flatten() else { return };
        let proof = match flushed {
            true => Proof::Length,
            false if header.boot.is_some() && header.boot == boot() => Proof::Time,
            false if is_durable(path) => Proof::Time,
            false => Proof::Checksum,
        };
        while next(&mut line) {
            match serde_json::from_slice(&line) {
                Ok(Row::Scratch(Scratched { scratch, of })) if proof != Proof::Checksum => {
                    self.scratch.entry(of).or_default().insert(scratch);
                }
                Ok(Row::Object(line)) => self.note(&line, format, root, proof),
                Ok(Row::Scratch(_)) | Err(_) => {}
            }
        }
    }

    fn note(&mut self, line: &Line<'_, &str>, format: TargetFormat, root: Option<&Path>, proof: Proof) {
        self.note_where(line, |spec, index, written| {
            let Some(root) = root else { return true };
            let path = root.join(chunk_key(format, spec, index));
            match written {
                Some(written) => is_there(&path, written, line.changed, proof),
                None => !path.exists(),
            }
        });
    }

    /// Notes an object where it is there, by its array, its index and what was written.
    fn note_where(
        &mut self,
        line: &Line<'_, &str>,
        is_there: impl FnOnce(&ArraySpec, &[u64], Option<Written>) -> bool,
    ) {
        let Some(objects) = self.arrays.get_mut(line.array.as_ref()) else { return };
        if line.object >= objects.grid.len() {
            return;
        }
        let written = line.bytes.zip(line.crc32c).map(|(bytes, crc32c)| Written { bytes, crc32c });
        if is_there(&objects.spec, &objects.grid.index(line.object), written) {
            objects.note(line.object, written, line.chunks);
        }
    }

    /// What files of receipts tell of objects in an object store, where a `listing` has them with the same length and tag.
    pub(crate) fn listed(
        dataset: &Dataset,
        files: impl IntoIterator<Item = Result<Vec<u8>>>,
        listing: Option<&Listing>,
        signatures: bool,
    ) -> Result<Self> {
        let mut found = Self::none(dataset, signatures);
        for file in files {
            let file = file?;
            let mut lines = file.split_inclusive(|b| *b == b'\n');
            if lines.next().and_then(header).is_none() {
                continue;
            }
            for line in lines {
                let Ok(Row::Object(line)) = serde_json::from_slice(line) else { continue };
                found.note_where(&line, |spec, _, written| {
                    let Some(listing) = listing else { return true };
                    match (written, listing.get(&spec.name, line.object)) {
                        (Some(written), Some(listed)) => listed.is(written.bytes, line.tag),
                        // what an older bake had stored there goes before the dataset is published
                        (None, _) => true,
                        (Some(_), None) => false,
                    }
                });
            }
        }
        Ok(found)
    }

    /// Keys that are listed though their objects are not stored.
    pub(crate) fn not_stored(&self, format: TargetFormat, listing: &Listing) -> Vec<String> {
        let left = |(array, object): (&str, u64)| {
            let objects = self.arrays.get(array).filter(|_| self.get(array, object) == Some(None))?;
            Some(chunk_key(format, &objects.spec, &objects.grid.index(object)))
        };
        listing.objects().filter_map(left).collect()
    }

    /// Adds an object that is complete.
    pub(crate) fn add(&mut self, array: &str, object: u64, written: Option<Written>) {
        let done = self.arrays.get_mut(array).map(|objects| &mut objects.done);
        let at = usize::try_from(object).unwrap_or(usize::MAX);
        if let Some(slot) = done.and_then(|done| done.get_mut(at)) {
            *slot = Some(written);
        }
    }

    /// Whether all objects are.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrays.values().all(|objects| objects.done.iter().all(Option::is_some))
    }

    /// Whether all objects of a task are complete.
    pub(crate) fn has_task(&self, array: &ArrayPlan, task: u64) -> bool {
        objects(array, task).iter().all(|object| self.has(&array.spec.name, *object))
    }

    /// Whether an object is complete.
    pub(crate) fn has(&self, array: &str, object: u64) -> bool {
        self.get(array, object).is_some()
    }

    /// Whether a task of the first stage is complete.
    pub(crate) fn has_scratch(&self, division: &str, task: u64) -> bool {
        self.scratch.get(division).is_some_and(|tasks| tasks.contains(&task))
    }

    /// What was written of an object; `None` where it is not complete.
    pub(crate) fn get(&self, array: &str, object: u64) -> Option<Option<Written>> {
        let objects = self.arrays.get(array)?;
        objects.done.get(usize::try_from(object).ok()?).copied().flatten()
    }

    /// The signatures of an object's chunks; `None` where it is not complete or they were not asked for.
    pub(crate) fn signatures(&self, array: &str, object: u64) -> Option<&[Signature]> {
        let objects = self.arrays.get(array)?;
        let at = usize::try_from(object).ok()?;
        objects.done.get(at).copied().flatten()?;
        let first = at.checked_mul(objects.chunks_each)?;
        objects.signatures.get(first..first.checked_add(objects.chunks_each)?)
    }

    /// Objects that are stored, and their bytes.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let written = self.arrays.values().flat_map(|objects| objects.done.iter().flatten().flatten());
        written.fold((0, 0), |(objects, bytes), w| (objects + 1, bytes + w.bytes))
    }
}

impl Objects {
    fn note(&mut self, object: u64, written: Option<Written>, chunks: &str) {
        let Ok(at) = usize::try_from(object) else { return };
        let whole = chunks.len() == self.chunks_each.saturating_mul(DIGITS);
        if !whole || signatures(chunks).any(|signature| signature.is_none()) {
            return;
        }
        if !self.signatures.is_empty()
            && let Some(kept) = self.signatures.get_mut(at * self.chunks_each..(at + 1) * self.chunks_each)
        {
            kept.iter_mut().zip(signatures(chunks).flatten()).for_each(|(kept, signature)| *kept = signature);
        }
        if let Some(slot) = self.done.get_mut(at) {
            *slot = Some(written);
        }
    }
}

/// Whether a unit of a plan wrote some of the receipts in a folder.
pub(crate) fn has_units(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let first = |path: PathBuf| {
        let mut line = Vec::new();
        BufReader::new(File::open(path).ok()?).read_until(b'\n', &mut line).ok()?;
        header(&line)
    };
    files.filter_map(|entry| first(entry.path())).any(|header| header.unit.is_some())
}

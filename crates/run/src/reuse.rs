//! Chunks that need not be made: an earlier bake of the same target made them, by the same signature.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_icechunk::{Stored, View};
use arcoforge_write::{ShardIndex, Written, chunk_key, chunks_per_shard, shard_index};

use crate::bake::{Past, changed_ns, untouched_until};
use crate::receipts::{Listing, Receipts, checksum};
use crate::signature::Signature;
use crate::state::State;

/// Stores whose chunks may be taken.
#[derive(Debug, Default)]
pub(crate) struct Reuse {
    donors: Vec<Donor>,
    /// Of an object store: what lay there at the beginning.
    listing: Listing,
}

/// One earlier bake: what it was to make, what it did make, and where that lies.
#[derive(Debug)]
struct Donor {
    root: Root,
    dataset: Dataset,
    receipts: Receipts,
    untouched_until: Option<i128>,
}

/// Where the objects of an earlier bake lie.
#[derive(Debug)]
enum Root {
    Folder(PathBuf),
    Snapshot(Box<View>),
    /// Where the new dataset is written over them, object by object.
    Target,
}

/// Where an object lies that can be taken.
#[derive(Debug)]
pub(crate) enum At {
    /// It is not stored, because readers see the same without it.
    Nowhere,
    /// A file of another store.
    File(PathBuf),
    /// In hand: it is small.
    Bytes(Vec<u8>),
    /// It lies under its key already, where the new dataset has it too.
    Target,
}

/// An object that can be taken as it is.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) at: At,
    pub(crate) written: Option<Written>,
    /// Of what changed after this, and of all where nothing tells, the checksum is compared.
    untouched_until: Option<i128>,
}

impl Found {
    /// Whether the object still is what its receipt says: of one that nothing changed, its length suffices. Copies keep
    /// the time of modification, and nothing sets back the time of change.
    pub(crate) fn is_whole(&self) -> bool {
        let (path, written) = match (&self.at, self.written) {
            (At::File(path), Some(written)) => (path, written),
            (At::Bytes(bytes), Some(written)) => return Written::of(bytes) == written,
            _ => return true,
        };
        let Ok(there) = fs::metadata(path) else { return false };
        let untouched =
            self.untouched_until.zip(changed_ns(path)).is_some_and(|(until, changed)| changed <= until);
        there.len() == written.bytes && (untouched || checksum(path) == Some(written.crc32c))
    }
}

/// A shard of which some inner chunks can be taken.
#[derive(Debug)]
pub(crate) struct OldShard<'a> {
    /// The shard and where its inner chunks lie; `None` where nothing of it is stored.
    file: Option<(File, ShardIndex)>,
    signatures: &'a [Signature],
}

impl Reuse {
    /// What bakes of a target made: those that did not end, and the one that lies at the target where `published`.
    /// Of objects that changed after `now`, checksums are compared; of all where it is not known.
    pub(crate) fn find(
        past: &mut Past,
        own: &State,
        dataset: &Dataset,
        published: bool,
        now: Option<i128>,
    ) -> Self {
        let target = past.target().to_owned();
        let branch = past.branch().cloned();
        let at_target = past.made_by().filter(|_| published).cloned();
        let plans = past.plans();
        let open = |state: State| {
            if state == *own {
                return None;
            }
            if state.is_publishing() {
                return None; // which of two stores lies there is not known
            }
            let (root, untouched_until) = match at_target.as_ref() == Some(&state) {
                true => match &branch {
                    Some(branch) => {
                        (Root::Snapshot(Box::new(branch.view().ok()?)), changed_ns(&state.done()))
                    }
                    None => (Root::Folder(target.clone()), untouched_until(&target, &state)),
                },
                false if state.done().is_file() => return None,
                // that they are as they were written is seen when receipts are read, below
                false => (Root::Folder(state.store()), now),
            };
            let mut old = plans.take_dataset(&state)?;
            // of other arrays no chunk can be taken, and nothing need be known
            old.arrays.retain(|old| dataset.arrays.iter().any(|new| is_divided_alike(old, new)));
            // what was published was flushed before
            let receipts = Receipts::signed(&state, &old, root.folder(), state.done().is_file());
            (receipts.totals().0 > 0).then_some(Donor { root, dataset: old, receipts, untouched_until })
        };
        let donors = State::all(&target).into_iter().filter_map(open).collect();
        Self { donors, listing: Listing::default() }
    }

    /// What bakes made of the objects over which the new dataset is written, with the signatures of their chunks.
    pub(crate) fn in_place(donors: impl IntoIterator<Item = (Dataset, Receipts)>, listing: Listing) -> Self {
        let donor =
            |(dataset, receipts)| Donor { root: Root::Target, dataset, receipts, untouched_until: None };
        Self { donors: donors.into_iter().map(donor).collect(), listing }
    }

    /// The tag of an object that lies under its key already.
    pub(crate) fn tag(&self, array: &str, object: u64) -> Option<u64> {
        self.listing.tag(array, object)
    }

    /// Whether no earlier bake made anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.donors.is_empty()
    }

    /// Whether an earlier bake made an object of an array, which may be taken.
    pub(crate) fn knows(&self, spec: &ArraySpec, index: &[u64]) -> bool {
        let known = |donor: &Donor| {
            donor.find(spec, index).is_some_and(|(_, at)| donor.receipts.signatures(&spec.name, at).is_some())
        };
        self.donors.iter().any(known)
    }

    /// An object all of whose chunks have these signatures.
    pub(crate) fn object(&self, spec: &ArraySpec, index: &[u64], signatures: &[Signature]) -> Option<Found> {
        self.donors.iter().find_map(|donor| {
            let (old, number) = donor.find(spec, index)?;
            if donor.receipts.signatures(&spec.name, number)? != signatures {
                return None;
            }
            let written = donor.receipts.get(&spec.name, number)?;
            let at = match written {
                Some(_) => donor.stored(old, index)?,
                None => At::Nowhere,
            };
            Some(Found { at, written, untouched_until: donor.untouched_until })
        })
    }

    /// The shard at the same place, where some of its chunks have these signatures and its bytes are what was written.
    pub(crate) fn shard(
        &self,
        spec: &ArraySpec,
        index: &[u64],
        signatures: &[Signature],
    ) -> Result<Option<OldShard<'_>>> {
        for donor in &self.donors {
            let Some((old, number)) = donor.find(spec, index) else { continue };
            let Some(had) = donor.receipts.signatures(&spec.name, number) else { continue };
            let common = had.iter().zip(signatures).any(|(a, b)| a == b && *a != Signature::BEYOND);
            if !common || had.len() != signatures.len() {
                continue;
            }
            let Some(written) = donor.receipts.get(&spec.name, number).flatten() else {
                return Ok(Some(OldShard { file: None, signatures: had }));
            };
            let Some(At::File(path)) = donor.stored(old, index) else { continue };
            if checksum(&path) != Some(written.crc32c) {
                continue; // damaged since: made again
            }
            let failed =
                |e| Error::new(Code::TargetUnwritable, "can't read a shard to be updated").caused_by(e);
            let file = File::open(&path).map_err(failed)?;
            let index =
                shard_index(&file, chunks_per_shard(old)).map_err(|e| e.at(path.display().to_string()))?;
            return Ok(Some(OldShard { file: Some((file, index)), signatures: had }));
        }
        Ok(None)
    }
}

/// Whether an object of one may be an object of the other.
fn is_divided_alike(old: &ArraySpec, new: &ArraySpec) -> bool {
    old.name == new.name && old.shard == new.shard && old.chunk == new.chunk
}

impl Root {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Snapshot(_) | Self::Target => None,
        }
    }
}

impl Donor {
    /// Where an object lies that is stored; `None` where it can't be had.
    fn stored(&self, spec: &ArraySpec, index: &[u64]) -> Option<At> {
        Some(match &self.root {
            Root::Folder(folder) => At::File(folder.join(chunk_key(self.dataset.format, spec, index))),
            Root::Snapshot(view) => match view.chunk(&spec.name, index).ok()?? {
                Stored::File(path) => At::File(path),
                Stored::Bytes(bytes) => At::Bytes(bytes),
                Stored::Virtual(..) => return None,
            },
            Root::Target => At::Target,
        })
    }

    /// The donor's array and the number of its object at an index.
    fn find(&self, spec: &ArraySpec, index: &[u64]) -> Option<(&ArraySpec, u64)> {
        let old = self.dataset.arrays.iter().find(|old| is_divided_alike(old, spec))?;
        let grid = old.objects();
        let inside = index.len() == grid.shape.len() && index.iter().zip(grid.counts()).all(|(i, n)| *i < n);
        inside.then(|| (old.as_ref(), grid.flat(index)))
    }
}

impl OldShard<'_> {
    /// Whether an inner chunk has this signature.
    pub(crate) fn holds(&self, at: usize, signature: Signature) -> bool {
        self.signatures.get(at) == Some(&signature)
    }

    /// The stored bytes of an inner chunk that has this signature: `None` where it must be made, `Some(false)` where it
    /// is not stored; else they are in `out`.
    pub(crate) fn chunk(&self, at: usize, signature: Signature, out: &mut Vec<u8>) -> Result<Option<bool>> {
        if !self.holds(at, signature) {
            return Ok(None);
        }
        let Some((file, index)) = &self.file else { return Ok(Some(false)) };
        let Some((offset, length)) = index.get(at) else { return Ok(Some(false)) };
        out.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        file.read_exact_at(out, offset).map_err(|e| {
            Error::new(Code::TargetUnwritable, "can't read a shard to be updated").caused_by(e)
        })?;
        Ok(Some(true))
    }
}

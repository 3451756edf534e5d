//! A staged store taken into an Icechunk repository: one transaction, whatever becomes of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use arcoforge_core::references::{Referenced, References};
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_icechunk::{Commit, Repository, Snapshot, Transaction, has_checksum};
use arcoforge_store::files::atomic_write;
use arcoforge_write::chunk_key;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::branch::{Branch, Committed, nodes, noted};
use crate::pool;
use crate::receipts::Receipts;
use crate::references::{access, containers, permission};
use crate::session::{Event, Session};
use crate::state::{PlanFile, State};

/// Chunks that a thread looks at before it tells the transaction.
const CHUNKS_AT_A_TIME: u64 = 1 << 12;
/// The same of chunks that are sent to an object store.
const SENT_AT_A_TIME: u64 = 16;
/// Threads that send chunks to an object store, at least.
const SENDERS: usize = 8;

/// What is committed.
pub(super) struct Publisher<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) branch: &'a Branch,
    pub(super) state: &'a State,
    /// Whatever is on the branch goes first.
    pub(super) anew: bool,
    /// Where chunks lie, of a target whose chunks stay in the sources.
    pub(super) references: &'a [(ArraySpec, References)],
}

impl Publisher<'_> {
    /// Takes every object of the staged store into the repository and commits, once: a run that was cut off behind its
    /// commit finds it.
    ///
    /// # Errors
    /// `target-conflict` where others committed meanwhile and touched the same; `target-unwritable`.
    pub(super) fn publish(&self) -> Result<Snapshot> {
        let repository = Repository::create(self.branch.root())?;
        if let Some(before) = noted(&self.state.visible())
            && let Some(found) = repository.find(self.branch.name(), &before.base, &before.bake)?
        {
            return Ok(found);
        }
        let plan = PlanFile::read(&self.state.plan())?;
        let format = plan.dataset.format;
        if format.is_references() {
            self.name_places(&repository)?;
        }
        let mut transaction = repository.begin(self.branch.name())?;
        let commit = commit(&plan)?;
        note(self.state, &Committed { bake: commit.id.clone(), base: transaction.base() })?;
        self.nodes(&mut transaction, &plan.dataset)?;
        match format.is_references() {
            true => self.references(&transaction)?,
            false => self.chunks(&transaction, &plan.dataset)?,
        }
        self.session.check_interrupt()?;
        transaction.commit(&commit)
    }

    fn nodes(&self, transaction: &mut Transaction<'_>, dataset: &Dataset) -> Result<()> {
        let nodes = nodes(dataset)?;
        let mut keep: BTreeSet<String> = match self.anew {
            true => BTreeSet::new(),
            false => nodes.iter().map(|(name, _)| name.clone()).collect(),
        };
        if dataset.format.is_references() && !self.anew {
            // files decide on chunks, which may be others now
            let now: BTreeMap<&str, &[u8]> = nodes.iter().map(|(name, node)| (&**name, &**node)).collect();
            for (name, node) in transaction.nodes_before()? {
                if now.get(&*name).is_some_and(|now| !is_divided_alike(&node, now)) {
                    keep.remove(&name);
                }
            }
        }
        transaction.keep(&keep)?;
        nodes.into_iter().try_for_each(|(name, metadata)| transaction.set_node(&name, metadata))
    }

    /// Sees to it that readers know the places that chunks lie in, and says what they have to do.
    fn name_places(&self, repository: &Repository) -> Result<()> {
        let objects = self.references.iter().flat_map(|(_, references)| references.objects());
        let sources = &self.session.sources;
        let places = containers(objects.map(|object| &*object.url), &|prefix| access(sources, prefix))?;
        repository.add_containers(&places)?;
        let unversioned = |object: &&Arc<Referenced>| !has_checksum(object);
        let mut objects = self.references.iter().flat_map(|(_, references)| references.objects());
        if let Some(object) = objects.find(unversioned) {
            self.session.tell(&Event::Warning(format!(
                "nothing tells the versions of some inputs, so that readers can't see when they change: {}",
                object.url
            )));
        }
        if !places.is_empty() {
            let text = format!("readers have to allow the places of chunks: {}", permission(&places));
            self.session.tell(&Event::Note(text));
        }
        Ok(())
    }

    fn references(&self, transaction: &Transaction<'_>) -> Result<()> {
        for (spec, references) in self.references {
            self.session.check_interrupt()?;
            transaction.set_references(&spec.name, &spec.chunks(), references)?;
        }
        Ok(())
    }

    fn chunks(&self, transaction: &Transaction<'_>, dataset: &Dataset) -> Result<()> {
        let receipts = Receipts::told(self.state, dataset);
        // what is linked is done at once; what is sent waits, and is better sent beside others
        let local = self.branch.root().folder().is_some();
        let at_a_time = if local { CHUNKS_AT_A_TIME } else { SENT_AT_A_TIME };
        let parts = |spec: &ArraySpec| spec.objects().len().div_ceil(at_a_time);
        let work: Vec<(&ArraySpec, u64)> = dataset
            .arrays
            .iter()
            .flat_map(|spec| (0..parts(spec)).map(move |part| (&**spec, part)))
            .collect();
        let changed = AtomicU64::new(0);
        let one = |_: &mut (), at: usize| {
            self.session.check_interrupt()?;
            let Some((spec, part)) = work.get(at) else { return Ok(()) };
            let chunks = self.part(spec, part * at_a_time..(part + 1) * at_a_time, dataset, &receipts)?;
            changed.fetch_add(transaction.set_chunks(&spec.name, &chunks)?, Ordering::Relaxed);
            Ok(())
        };
        let threads = self.session.options.budget.workers.max(if local { 1 } else { SENDERS });
        pool::each(threads, work.len(), true, || (), one).map_err(|errors| {
            errors.into_iter().next().unwrap_or_else(|| Error::new(Code::Bug, "an error without a cause"))
        })
    }

    /// Some chunks of an array, with the files of those that are stored.
    fn part(
        &self,
        spec: &ArraySpec,
        part: Range<u64>,
        dataset: &Dataset,
        receipts: &Receipts,
    ) -> Result<Vec<(Vec<u64>, Option<PathBuf>)>> {
        let grid = spec.objects();
        let staging = self.state.store();
        let one = |number: u64| {
            let index = grid.index(number);
            let written = receipts.get(&spec.name, number).ok_or_else(|| {
                Error::new(Code::Bug, "a chunk without a receipt is to be published")
                    .in_variable(&spec.name)
                    .in_chunk(&index)
            })?;
            let file = written.map(|_| staging.join(chunk_key(dataset.format, spec, &index)));
            Ok((index, file))
        };
        (part.start..grid.len().min(part.end)).map(one).collect()
    }
}

fn note(state: &State, committed: &Committed) -> Result<()> {
    atomic_write(&state.visible(), &json(committed)?)
}

/// Notes that a commit of another process is what a state was to make.
pub(super) fn note_committed(state: &State, bake: String) -> Result<()> {
    note(state, &Committed { bake, base: String::new() })
}

/// Whether chunks of an array stay what they are when its metadata becomes another.
fn is_divided_alike(before: &[u8], now: &[u8]) -> bool {
    let read = |node: &[u8]| serde_json::from_slice::<Value>(node).unwrap_or_default();
    let (before, now) = (read(before), read(now));
    ["node_type", "chunk_grid", "chunk_key_encoding", "data_type", "codecs"]
        .iter()
        .all(|key| before.get(key) == now.get(key))
}

/// What the commit of a plan says.
fn commit(plan: &PlanFile) -> Result<Commit> {
    let digest = |value: &[u8]| hex(&Sha256::digest(value));
    let recipe_digest = digest(&json(&plan.recipe)?);
    let inputs_digest = digest(&json(&plan.inputs)?);
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    Ok(Commit {
        message: format!(
            "bake of {}: {} inputs; recipe {}, inputs {}",
            plan.recipe.name,
            plan.inputs.len(),
            short(&recipe_digest),
            short(&inputs_digest)
        ),
        id: name_of_this_commit(&plan.digest),
        digest: plan.digest.clone(),
        recipe: plan.recipe.name.clone(),
        recipe_digest,
        inputs_digest,
        program: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// A name that no other commit has, also of the same plan by another machine.
fn name_of_this_commit(digest: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let host = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    hex(&Sha256::digest(format!("{digest} {now} {} {host}", std::process::id())))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))
}

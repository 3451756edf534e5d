//! One dataset on its way to a target in an object store.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use arcoforge_core::check::Examination;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::target::Dataset;
use arcoforge_store::Put;
use arcoforge_write::{BucketStore, Written, chunk_at, metadata};

use super::claim::Claim;
use super::extends::check_extends;
use super::log::Segments;
use super::past::{Note, Past};
use crate::Outcome;
use crate::bake::{AtTarget, Baked, Existing, Run, check_unchanged, summary};
use crate::checks;
use crate::duplicates;
use crate::execute::Target;
use crate::figures::count;
use crate::levels::Filled;
use crate::lock::Lock;
use crate::prepare::{Prepared, prepare_like};
use crate::receipts::{Listing, Receipts, Writer};
use crate::reuse::Reuse;
use crate::scratch::Scratch;
use crate::session::{Event, Session, Stage};
use crate::state::PlanFile;
use crate::tasks::Tasks;
use crate::update;

/// A target in an object store, and what may become of what lies there.
#[derive(Debug, Clone)]
pub struct RemoteTarget {
    /// The store, as in `s3://bucket/sst.zarr`.
    pub url: String,
    /// Cells that readers see may change: they find no dataset meanwhile.
    pub in_place: bool,
}

/// A dataset whose objects are complete, and which readers do not see yet.
pub struct RemoteStaged {
    url: String,
    past: Past,
    digest: String,
    /// `None` where the target holds the dataset already.
    claim: Option<Claim>,
    /// Documents of the root, by which readers find the dataset: keys and bytes. The last makes it visible.
    roots: Vec<(String, Vec<u8>)>,
    /// What other bakes of this target were to make.
    others: Vec<Dataset>,
    baked: Baked,
}

/// Bakes a recipe into an object store, up to the step that makes it visible.
///
/// # Errors
/// Everything that is wrong with the inputs or the target. Readers see what they saw before, or with `in_place` nothing.
pub fn stage_remote(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    target: &RemoteTarget,
    existing: Existing,
) -> Outcome<(RemoteStaged, Prepared)> {
    let fail = |e: Error| vec![e];
    if recipe.output.format.is_icechunk() {
        let error = Error::new(
            Code::TargetUnsupported,
            "Icechunk repositories are written to folders of this machine",
        );
        return Err(fail(error.at(&target.url).help("bake to a folder, or write Zarr: `--format zarr3`")));
    }
    if recipe.output.format.is_references() {
        let error = Error::new(Code::TargetUnsupported, "references are written to folders of this machine");
        return Err(fail(error.at(&target.url).help("bake them to a folder, and copy that")));
    }
    if target.url.starts_with("gs://") {
        // an object that another bake put there since could be taken for ours
        let message = "listings of Google Cloud Storage tell no versions, by which receipts are confirmed";
        let error = Error::new(Code::TargetUnsupported, message).at(&target.url);
        return Err(fail(error.help("bake to a folder and copy it, or to `s3://` or `az://`")));
    }
    let past = past_of(session, &target.url).map_err(fail)?;
    check_before(&past, existing, target).map_err(fail)?;
    let old = past.made_by.clone().map(|digest| past.plan(&digest)).transpose().map_err(fail)?.flatten();
    let prepared = prepare_like(session, recipe, lock, |part| {
        check_part(&past, old.as_ref(), existing, part)?;
        let old = old.as_ref().filter(|_| existing != Existing::Overwrite);
        let old = old.filter(|old| old.recipe.name == recipe.name && (part || !old.part));
        Ok(old.map(|old| &old.dataset))
    })?;
    let digest = prepared.digest.clone();
    let done = past.made_by.as_deref() == Some(&*digest) && existing != Existing::Overwrite;
    let mut staged = RemoteStaged {
        url: target.url.clone(),
        past,
        digest,
        claim: None,
        roots: Vec::new(),
        others: Vec::new(),
        baked: summary(&prepared, done),
    };
    if done {
        staged.settle(session, &prepared).map_err(fail)?;
        return Ok((staged, prepared));
    }
    check_old(&staged.past, old.as_ref(), existing, recipe, &prepared)?;
    let seen = prepared.plan.finest();
    let examination = Examination::new(&recipe.checks, &seen.dataset)?;
    duplicates::compare(session, &prepared)?;
    staged.take(session).map_err(fail)?;
    let seen = staged.past.root.clone();
    staged.past.look().map_err(fail)?;
    if staged.past.root != seen {
        let message = "another process published to this target meanwhile";
        return Err(fail(staged.past.exists(message).help("run again: it looks at what lies there now")));
    }
    let filled = staged
        .fill(session, recipe, &prepared, old.as_ref(), (existing, target.in_place))
        .and_then(|()| staged.complete(session, &prepared, &examination));
    let url = &target.url;
    filled.map_err(|errors| errors.into_iter().map(|error| of_target(error, url)).collect::<Vec<_>>())?;
    Ok((staged, prepared))
}

fn past_of(session: &Session<'_>, url: &str) -> Result<Past> {
    let beside = format!("{url}.bake");
    let past = Past::of(session.sources.bucket(url)?, session.sources.bucket(&beside)?);
    past.map_err(|error| of_target(error, url))
}

/// What can't be read at a target can't be written to either.
fn of_target(error: Error, target: &str) -> Error {
    let there = error.place.url.as_deref().is_some_and(|url| url.starts_with(target));
    match error.code {
        Code::SourceUnreachable | Code::SourceDenied | Code::SourceNotFound if there => {
            Error { code: Code::TargetUnwritable, ..error }
        }
        _ => error,
    }
}

/// Looks at a target in an object store and changes nothing.
///
/// # Errors
/// `source-denied`, `source-not-found` (no such bucket), `source-unreachable`.
pub fn at_bucket(session: &Session<'_>, url: &str, recipe: &Recipe, prepared: &Prepared) -> Result<AtTarget> {
    let past = past_of(session, url)?;
    let Some(digest) = &past.made_by else {
        return Ok(if past.root.is_none() { AtTarget::Nothing } else { AtTarget::OtherStore(None) });
    };
    if *digest == prepared.digest {
        return Ok(AtTarget::SameDataset);
    }
    let old = past.plan(digest)?.filter(|old| old.recipe.name == recipe.name);
    let differences = old.and_then(|old| update::check(&old, prepared, recipe).ok());
    Ok(differences.map_or(AtTarget::OtherStore(None), |found| AtTarget::Outdated(found.text())))
}

/// Refuses a target before any work.
fn check_before(past: &Past, existing: Existing, target: &RemoteTarget) -> Result<()> {
    if past.root.is_none() {
        if past.states.is_empty() && !past.is_empty()? {
            return Err(past.exists("found objects that are no Zarr store").help("choose another target"));
        }
        return Ok(());
    }
    match existing {
        Existing::Overwrite if !target.in_place => Err(past
            .exists("found a Zarr store, and an object store has no step that exchanges one for another")
            .help("`--overwrite --in-place` removes its metadata first: readers find no dataset until the new one is \
                   whole. Or bake to another target")),
        Existing::Overwrite => Ok(()),
        Existing::Refuse | Existing::Update if past.made_by.is_some() => Ok(()),
        Existing::Refuse => Err(past.exists("found a Zarr store").help("choose another target")),
        Existing::Update => {
            let message = "found a store whose recipe is not known: only what `bake` made can be updated";
            Err(past.exists(message).help("choose another target"))
        }
    }
}

/// A part of a dataset takes the place of nothing but another part.
fn check_part(past: &Past, old: Option<&PlanFile>, existing: Existing, part: bool) -> Result<()> {
    let whole = past.root.is_some() && !old.is_some_and(|old| old.part);
    if part && whole && existing != Existing::Refuse {
        let message =
            "found a store that may hold a whole dataset, and `--take` and `--test` bake a part of it";
        return Err(past.exists(message).help("bake the part to another target"));
    }
    Ok(())
}

fn check_old(
    past: &Past,
    old: Option<&PlanFile>,
    existing: Existing,
    recipe: &Recipe,
    prepared: &Prepared,
) -> Outcome<()> {
    let (Some(old), true) = (old, past.root.is_some()) else { return Ok(()) };
    let other = || {
        vec![
            past.exists(format!("found a store of the recipe `{}`", old.recipe.name))
                .help("choose another target"),
        ]
    };
    match existing {
        Existing::Overwrite => Ok(()),
        _ if old.recipe.name != recipe.name => Err(other()),
        Existing::Update => update::check(old, prepared, recipe).map(drop),
        Existing::Refuse => {
            let was = update::Differences::between(old, prepared).text();
            let error = past.exists(format!("found an earlier bake of this dataset: {was}"));
            Err(vec![error.help("`--update` brings it up to date")])
        }
    }
}

/// What is known of a target before a bake fills it.
struct Known {
    /// Of this bake.
    receipts: Receipts,
    /// What other bakes were to make, and what of it lies there.
    donors: Vec<(Dataset, Receipts)>,
    listing: Listing,
    /// What all other bakes were to make.
    all: Vec<Dataset>,
}

impl RemoteStaged {
    /// Where the dataset goes.
    pub fn target(&self) -> &str {
        &self.url
    }

    /// What was done so far.
    pub const fn baked(&self) -> &Baked {
        &self.baked
    }

    /// Claims the target: from here on every request looks whether the claim is held still.
    fn take(&mut self, session: &Session<'_>) -> Result<()> {
        let claim = Claim::take(session, &self.past.beside, &self.digest)?;
        self.past.target = self.past.target.guarded(claim.guard());
        self.past.beside = self.past.beside.guarded(claim.guard());
        self.claim = Some(claim);
        Ok(())
    }

    /// Runs all tasks that are not done.
    fn fill(
        &mut self,
        session: &Session<'_>,
        recipe: &Recipe,
        prepared: &Prepared,
        old: Option<&PlanFile>,
        (existing, in_place): (Existing, bool),
    ) -> Outcome<()> {
        let fail = |e: Error| vec![e];
        let dataset = &prepared.plan.dataset;
        let anew = existing == Existing::Overwrite;
        if anew {
            self.past.remove_root().and_then(|()| self.past.forget(&self.digest)).map_err(fail)?;
        }
        let Known { receipts, donors, listing, all } = self.known(dataset, anew).map_err(fail)?;
        self.others = all;
        if let (Some(old), false) = (old, anew) {
            // what was published, whatever an update that was cut off has put over it: the cells that readers see are the same
            let told = self.past.made_by.as_ref().map(|by| self.receipts(by, &old.dataset, None, true));
            let told = told.transpose().map_err(fail)?;
            match check_extends(prepared, &old.dataset, told.as_ref()) {
                Err(_) if in_place => self.past.remove_root().map_err(fail)?,
                other => other.map_err(|e| fail(e.at(&self.url)))?,
            }
        }
        let reuse = Reuse::in_place(donors, listing);
        let plan = PlanFile::new(recipe, prepared, None).to_bytes().map_err(fail)?;
        self.past.beside.put(&format!("{}/plan.json", self.digest), plan).map_err(fail)?;
        let store = BucketStore::new(self.past.target.clone());
        let kept = receipts.totals();
        let temporary = std::env::temp_dir();
        let folder = session.options.scratch.as_deref().unwrap_or(&temporary);
        let folder = Scratch::folder(Some(folder), folder, &prepared.digest);
        let scratch = Scratch::open(&prepared.plan, &folder).map_err(fail)?;
        let at_end = session.sources.bucket_at_end(self.past.beside.url()).map_err(fail)?;
        let writer =
            Writer::to(Segments::new(&self.past.beside, at_end, &self.digest), None).map_err(fail)?;
        let (begun, tasks, signer) = (AtomicBool::new(false), Tasks::of(&prepared.plan), Mutex::default());
        let target = Target {
            store: &store,
            format: dataset.format,
            filled: Filled::Bucket(&self.url),
            session,
            prepared,
            reuse: &reuse,
            scratch: &scratch,
            tasks,
            receipts,
            signer,
        };
        let mut run = Run::new(target, writer, &begun);
        let ran = run.adopt().and_then(|()| run.both_stages(&(0..prepared.tasks())));
        // what is complete counts, however the run ended
        let noted = run.writer.durable();
        ran?;
        noted.map_err(fail)?;
        check_unchanged(session, prepared).map_err(|e| {
            run.writer.withdraw();
            fail(e)
        })?;
        run.totals.report(&mut self.baked, kept);
        scratch.remove();
        Ok(())
    }

    /// What is complete of this bake, what others made, and what lies there.
    fn known(&self, dataset: &Dataset, anew: bool) -> Result<Known> {
        let mut others = Vec::new();
        for digest in self.past.states.iter().filter(|digest| **digest != self.digest) {
            if let Some(plan) = self.past.plan(digest)? {
                others.push((digest, plan.dataset, Listing::default()));
            }
        }
        let all = others.iter().map(|(_, dataset, _)| dataset.clone()).collect();
        if anew {
            others.clear();
        }
        let mut listing = Listing::default();
        for page in self.past.target.list("") {
            for found in page?.items {
                listing.add(dataset, &found.key, found.size, found.etag.as_deref());
                for (_, dataset, listing) in &mut others {
                    listing.add(dataset, &found.key, found.size, found.etag.as_deref());
                }
            }
        }
        let receipts = self.receipts(&self.digest, dataset, Some(&listing), false)?;
        let mut donors = Vec::new();
        for (digest, dataset, listing) in others {
            let receipts = self.receipts(digest, &dataset, Some(&listing), true)?;
            donors.push((dataset, receipts));
        }
        Ok(Known { receipts, donors, listing, all })
    }

    fn receipts(
        &self,
        digest: &str,
        dataset: &Dataset,
        listing: Option<&Listing>,
        signatures: bool,
    ) -> Result<Receipts> {
        let keys = self.past.receipts(digest)?;
        let segments = keys.iter().filter_map(|key| {
            let found = self.past.beside.get(key, None).transpose()?;
            Some(found.map(|found| found.bytes))
        });
        Receipts::listed(dataset, segments, listing, signatures)
    }

    /// Every object lies there as it was put, and the checks hold; then metadata, all but what makes the dataset visible.
    fn complete(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        examination: &Examination<'_>,
    ) -> Outcome<()> {
        let fail = |e: Error| vec![e];
        session.check_interrupt().map_err(fail)?;
        let dataset = &prepared.plan.dataset;
        let objects = metadata(dataset).map_err(fail)?;
        let old = self.compare(session, dataset).map_err(fail)?;
        if !examination.is_empty() {
            // no document is there before the checks hold
            let documents = objects.iter().map(|(key, bytes)| (key.clone(), bytes.as_slice().into()));
            let store = session.sources.open_bucket(&self.url, documents.collect());
            let store = store.and_then(arcoforge_read::open).map_err(fail)?;
            self.baked.checks = checks::run_on(session, examination, &prepared.plan, store.as_ref())?;
            checks::settle(session, &self.url, self.past.beside.url(), &self.baked.checks)?;
        }
        for some in old.chunks(1000) {
            self.past.target.delete(some).map_err(fail)?;
        }
        self.baked.objects += objects.len() as u64;
        self.baked.bytes_written += objects.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        let (roots, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(key, _)| !key.contains('/'));
        for (key, bytes) in others {
            self.past.target.put(&key, bytes).map_err(fail)?;
        }
        self.roots = roots;
        Ok(())
    }

    /// Compares what the store lists with the receipts. Gives back the keys of what other bakes of ours put there, and this
    /// one does not have; what is somebody else's stays.
    fn compare(&self, session: &Session<'_>, dataset: &Dataset) -> Result<Vec<String>> {
        let own = keys_of(dataset)?;
        let mut ours = BTreeSet::new();
        for dataset in &self.others {
            ours.extend(keys_of(dataset)?);
        }
        let (mut listing, mut old, mut foreign) = (Listing::default(), Vec::new(), Vec::new());
        for page in self.past.target.list("") {
            for found in page?.items {
                if own.contains(&found.key)
                    || listing.add(dataset, &found.key, found.size, found.etag.as_deref())
                {
                    continue;
                }
                let known = ours.contains(&found.key)
                    || self.others.iter().any(|other| chunk_at(other, &found.key).is_some());
                if known { old.push(found.key) } else { foreign.push(found.key) }
            }
        }
        let receipts = self.receipts(&self.digest, dataset, Some(&listing), false)?;
        if !receipts.is_complete() {
            let message =
                "objects of the new dataset are not as they were put: somebody else writes to the target";
            return Err(Error::new(Code::TargetUnwritable, message)
                .at(&self.url)
                .help("see that nobody does, then run again: what is missing is made again"));
        }
        if let Some(first) = foreign.first() {
            session.tell(&Event::Warning(format!(
                "{}: {} that no bake put there, such as {first}; it stays",
                self.url,
                count(foreign.len() as u64, "object")
            )));
        }
        // what an older bake had stored where this one stores nothing
        old.extend(receipts.not_stored(dataset.format, &listing));
        Ok(old)
    }

    /// Puts what makes the dataset visible, only where what lay there at the beginning still lies there.
    ///
    /// # Errors
    /// `target-exists` where another process published meanwhile, `target-busy` where one took over, `target-unwritable`.
    pub fn publish(mut self, session: &Session<'_>) -> Outcome<Baked> {
        let fail = |e: Error| vec![e];
        let mut roots = std::mem::take(&mut self.roots);
        let (Some(claim), Some((key, bytes))) = (self.claim.take(), roots.pop()) else {
            return Ok(self.baked.clone());
        };
        session.tell(&Event::Started { stage: Stage::Publish, total: 0 });
        session.check_interrupt().map_err(fail)?;
        self.appear(&claim, (&key, &bytes), &roots).map_err(|e| fail(of_target(e, &self.url)))?;
        session.tell(&Event::Finished { stage: Stage::Publish });
        Ok(self.baked.clone())
    }

    /// Ends the publication of what the target holds, where it was cut off.
    fn settle(&mut self, session: &Session<'_>, prepared: &Prepared) -> Result<()> {
        if !self.past.cut_off {
            return Ok(());
        }
        match self.take(session) {
            // another process is about to
            Err(e) if e.code == Code::TargetBusy => return Ok(()),
            other => other?,
        }
        self.past.look()?;
        match &self.past.root {
            Some(root) if self.past.made_by.as_ref() == Some(&self.digest) => {
                let documents = metadata(&prepared.plan.dataset)?.into_iter();
                let others: Vec<_> =
                    documents.filter(|(key, _)| !key.contains('/') && *key != root.key).collect();
                self.end(&root.note(), &others)
            }
            _ => Ok(()),
        }
    }

    fn appear(&self, claim: &Claim, (key, bytes): (&str, &[u8]), others: &[(String, Vec<u8>)]) -> Result<()> {
        let Past { target, beside, root, .. } = &self.past;
        claim.renew()?;
        let before = root.as_ref().filter(|root| root.key == key).map(|root| root.etag.clone());
        let mut note = Note { key: key.to_owned(), crc32c: Written::of(bytes).crc32c, etag: before.clone() };
        if before.is_none() {
            // an equal root proves nothing of other bakes any more: theirs was removed
            let others = self.past.states.iter().filter(|other| **other != self.digest);
            let notes = others.flat_map(|other| [format!("{other}/done"), format!("{other}/visible")]);
            beside.delete(&notes.collect::<Vec<_>>())?;
        }
        beside.put(&format!("{}/visible", self.digest), json(&note)?)?;
        let put = match &before {
            Some(etag) => target.put_if_match(key, etag, bytes.to_vec())?,
            None => target.put_if_absent(key, bytes.to_vec())?,
        };
        let Put::Done { etag } = put else {
            return Err(self
                .past
                .exists("something that came while the store was written")
                .help("see what lies there; nothing was replaced"));
        };
        note.etag = Some(etag);
        self.end(&note, others)
    }

    /// Puts the root's other documents, and notes that the dataset is visible; what other bakes of this target keep goes.
    fn end(&self, note: &Note, others: &[(String, Vec<u8>)]) -> Result<()> {
        let Past { target, beside, .. } = &self.past;
        for (key, bytes) in others {
            target.put(key, bytes.clone())?;
        }
        beside.put(&format!("{}/done", self.digest), json(note)?)?;
        beside.delete(&[format!("{}/visible", self.digest)])?;
        for other in self.past.states.iter().filter(|other| **other != self.digest && other.len() == 64) {
            self.past.forget(other)?;
        }
        Ok(())
    }
}

/// The keys of a dataset's metadata.
fn keys_of(dataset: &Dataset) -> Result<BTreeSet<String>> {
    Ok(metadata(dataset)?.into_iter().map(|(key, _)| key).collect())
}

fn json(note: &Note) -> Result<Vec<u8>> {
    serde_json::to_vec(note).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))
}

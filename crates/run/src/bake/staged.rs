//! One dataset on its way to its target: locked, filled, made visible.

use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use arcoforge_core::check::Examination;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::{Recipe, TargetFormat};
use arcoforge_core::references::References;
use arcoforge_core::target::ArraySpec;
use arcoforge_store::files::remove_tree;
use arcoforge_write::{LocalStore, Written, cut_short};

use super::commit::{Publisher, note_committed};
use super::publication::{end_publication, finish_publication, is_moved, note_moved, write_visible};
use super::run::{Run, check_unchanged};
use super::{Baked, Past};
use crate::Outcome;
use crate::checks;
use crate::execute::Target;
use crate::figures::count;
use crate::levels::Filled;
use crate::prepare::Prepared;
use crate::receipts::{Receipts, Unit, Writer};
use crate::references;
use crate::reuse::Reuse;
use crate::scratch::Scratch;
use crate::session::{Event, Session};
use crate::state::{Guard, PlanFile, State};
use crate::tasks::Tasks;

/// A dataset that is complete, has passed its checks and is not yet at its target. Where it is dropped before
/// [`publish`](super::publish), its chunks are kept for the next bake; where it has none, nothing is left.
#[derive(Debug)]
pub struct Staged {
    pub(super) past: Past,
    state: State,
    pub(super) overwrite: bool,
    /// It is made whatever lies at the target.
    anew: bool,
    /// Where it lies; `None` where the target holds the dataset already.
    store: Option<LocalStore>,
    /// The target holds it.
    pub(super) done: bool,
    /// Some of it is worth keeping.
    begun: AtomicBool,
    /// What makes it visible, once metadata is written.
    visible: Option<(String, Written)>,
    /// Of a repository with virtual chunks: where they lie.
    references: Vec<(ArraySpec, References)>,
    pub(super) baked: Baked,
    guard: Option<Guard>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let alone = self.guard.as_ref().is_some_and(|guard| !guard.shared);
        if self.done || !alone || self.begun.load(Ordering::Relaxed) {
            return;
        }
        if self.state.done().is_file() {
            // what is published stays, and what is known of it
            let _left = self.state.forget_abandoned();
        } else {
            self.state.discard();
        }
    }
}

impl Staged {
    /// Looks whether the target of `past` holds what was prepared.
    pub(crate) fn new(mut past: Past, prepared: &Prepared, overwrite: bool) -> Self {
        past.look();
        let state = State::new(past.target(), &prepared.digest);
        let done = past.made_by() == Some(&state);
        Self {
            past,
            state,
            overwrite,
            anew: false,
            store: None,
            done,
            begun: AtomicBool::new(false),
            visible: None,
            references: Vec::new(),
            baked: summary(prepared, done),
            guard: None,
        }
    }

    /// Where the dataset goes.
    pub fn target(&self) -> &Path {
        self.past.target()
    }

    /// What lies at the target is not trusted: it is baked whatever that is.
    pub(super) fn bake_anew(&mut self) {
        self.anew = true;
        self.done = false;
        self.baked.nothing_to_do = false;
    }

    /// The target and the bakes before.
    pub(crate) const fn past(&mut self) -> &mut Past {
        &mut self.past
    }

    /// Locks the target, ends publications that were cut off, and makes the folder that is filled.
    pub(crate) fn take(&mut self, recipe: &Recipe, prepared: &Prepared, shared: bool) -> Result<()> {
        self.guard = Some(self.state.lock(shared)?);
        if shared {
            self.past.look();
        } else {
            let ended = finish_publication(&mut self.past)?;
            // the commit that a run made before it was cut off is the one that is asked for
            self.anew &= !(ended && self.past.branch().is_some() && self.past.made_by() == Some(&self.state));
            self.state.tidy();
            self.state.inherit(recipe, &prepared.digest, self.past.plans())?;
            if self.anew {
                self.state.set_receipts_aside()?;
            }
        }
        self.begun.store(self.state.receipts().is_dir(), Ordering::Relaxed);
        if self.past.made_by() == Some(&self.state) && !self.anew {
            // by a process that was faster, or by one that was cut off
            self.done = true;
            self.baked.nothing_to_do = true;
            return Ok(());
        }
        if shared && LocalStore::is_copied(self.target(), &self.state.store()) {
            let message =
                "a publication was cut off, and copied: which store is the new one is to be found out first";
            return Err(Error::new(Code::TargetBusy, message)
                .at(self.target().display().to_string())
                .help("`arcoforge finish` or `arcoforge bake` does so"));
        }
        let create = if is_staged_as_file(recipe.output.format) {
            LocalStore::create_file
        } else {
            LocalStore::create
        };
        self.store = Some(create(self.target().to_owned(), self.state.store())?);
        if !self.state.plan().is_file() {
            PlanFile::new(recipe, prepared, None).write(&self.state.plan())?;
        }
        Ok(())
    }

    /// Ends the publication of what the target holds, where it was cut off.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let state = &self.state;
        let begun = state.is_publishing() || state.visible().is_file();
        let cut_off = begun || state.is_abandoned() || !state.remains().is_empty();
        if !cut_off && !is_moved(self.past.target(), state) {
            return Ok(());
        }
        match state.lock(false) {
            Ok(_guard) => {
                state.tidy();
                finish_publication(&mut self.past)?;
                let _compared_again_next_time = note_moved(&self.past, state);
                let abandoned = state.is_abandoned() && self.past.made_by() == Some(state);
                if abandoned { state.forget_abandoned() } else { Ok(()) }
            }
            // another process is about to
            Err(e) if e.code == Code::TargetBusy => Ok(()),
            // where nobody may write, it is compared again the next time
            Err(_) if !cut_off => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Runs the tasks of a range that are not done: first those that move cells to scratch storage, then the others.
    pub(crate) fn run(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        receipts: Receipts,
        reuse: &Reuse,
        range: &Range<u64>,
        unit: Option<&Unit>,
    ) -> Outcome<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let fail = |e: Error| vec![e];
        let dataset = &prepared.plan.dataset;
        let kept = receipts.totals();
        let folder = Scratch::folder(session.options.scratch.as_deref(), self.state.dir(), &prepared.digest);
        if session.options.scratch.is_some() && prepared.scratch_tasks() > 0 {
            self.state.note_scratch(&folder).map_err(fail)?;
        }
        let scratch = Scratch::open(&prepared.plan, &folder).map_err(fail)?;
        let writer = Writer::create(&self.state.receipts(), unit).map_err(fail)?;
        let tasks = Tasks::of(&prepared.plan);
        let format = dataset.format;
        let (scratched, signer) = (&scratch, Mutex::default());
        let target = Target {
            store,
            format,
            filled: Filled::Folder(store.staging()),
            session,
            prepared,
            reuse,
            scratch: scratched,
            tasks,
            receipts,
            signer,
        };
        let mut run = Run::new(target, writer, &self.begun);
        // units are divided by what the plan says alone
        let adopted = if unit.is_none() { run.adopt() } else { Ok(()) };
        if let Err(errors) = adopted.and_then(|()| run.both_stages(range)) {
            // what is wrong with the recipe or the data is not mended by running it again: nothing is left then
            let again = errors.iter().any(|e| !matches!(e.code.exit_status(), 3 | 4));
            self.begun.fetch_and(again, Ordering::Relaxed);
            if self.begun.load(Ordering::Relaxed) {
                session.tell(&Event::Note(format!(
                    "{} of {} done and kept in {}: the next bake goes on from there",
                    run.totals.tasks(),
                    count(range.end.saturating_sub(range.start), "task"),
                    self.state.root().display()
                )));
            }
            return Err(errors);
        }
        if let Err(error) = check_unchanged(session, prepared) {
            // what was read may be of two versions
            self.begun.fetch_and(!run.writer.withdraw(), Ordering::Relaxed);
            return Err(fail(error));
        }
        if unit.is_some() {
            scratch.sync().and_then(|()| store.flush()).and_then(|()| run.writer.durable()).map_err(fail)?;
        }
        run.totals.report(&mut self.baked, kept);
        if range.end == prepared.tasks() && unit.is_none() {
            scratch.remove();
            // also what runs before moved to other folders
            self.state.forget_scratch();
            let _left = remove_tree(&self.state.scratch());
        }
        Ok(())
    }

    /// Writes references in place of chunks, and all metadata with them: no task moves any data. With `readable` they are
    /// read back before they are published.
    pub(crate) fn refer(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        readable: bool,
    ) -> Outcome<()> {
        let Some(store) = &self.store else { return Ok(()) };
        if prepared.plan.dataset.format.is_icechunk() {
            self.references = references::collect(session, prepared, store, readable, &mut self.baked)?;
        } else {
            self.visible = Some(references::write(session, prepared, store, &mut self.baked)?);
        }
        check_unchanged(session, prepared).map_err(|e| vec![e])
    }

    /// What bakes of other plans made of this target and did not publish, and what one did, where that is `published`.
    pub(crate) fn reuse(&mut self, prepared: &Prepared, published: bool) -> Reuse {
        let now = self.guard.as_ref().and_then(Guard::now);
        let found = Reuse::find(&mut self.past, &self.state, &prepared.plan.dataset, published, now);
        self.past.forget();
        found
    }

    /// What is complete so far.
    pub(crate) fn receipts(&self, prepared: &Prepared) -> Receipts {
        Receipts::of(&self.state, &prepared.plan.dataset)
    }

    /// Whether the target holds the dataset already.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// What was done so far.
    pub(crate) fn baked(&self) -> &Baked {
        &self.baked
    }

    /// Metadata, then checks.
    pub(crate) fn complete(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        examination: &Examination<'_>,
    ) -> Outcome<()> {
        let Some(store) = &self.store else { return Ok(()) };
        if !prepared.plan.dataset.format.is_references() {
            let metadata = store.write_metadata(&prepared.plan.dataset).map_err(|e| vec![e])?;
            for (_, written) in &metadata {
                self.baked.objects += 1;
                self.baked.bytes_written += written.bytes;
            }
            self.visible = metadata.last().cloned();
        }
        if !examination.is_empty() {
            self.baked.checks = checks::run(session, examination, &prepared.plan, store.staging())?;
            // what fails is kept: other checks may be what is needed, and no chunk would be another
            let (target, root) =
                (self.target().display().to_string(), self.state.root().display().to_string());
            checks::settle(session, &target, &root, &self.baked.checks)?;
        }
        Ok(())
    }

    /// Looks whether another process committed the very same meanwhile: then there is nothing left to do.
    pub(super) fn find_committed(&mut self, session: &Session<'_>) -> Result<()> {
        let Some(branch) = self.past.branch().filter(|_| !self.done && !self.anew) else { return Ok(()) };
        let tip = branch.tip()?.and_then(|tip| tip.bake);
        let Some(bake) = tip.filter(|bake| State::new(self.past.target(), &bake.digest) == self.state) else {
            return Ok(());
        };
        note_committed(&self.state, bake.id)?;
        remove_tree(&self.state.store())?;
        self.done = true;
        self.baked.nothing_to_do = true;
        self.end(session)
    }

    /// The rename. What it leaves of an older store is worth a warning. An error behind the rename says that readers see the
    /// dataset.
    pub(super) fn appear(&mut self, session: &Session<'_>) -> Result<()> {
        let Some(store) = self.store.as_mut().filter(|_| !self.done) else { return Ok(()) };
        if let Some(branch) = self.past.branch() {
            let references = &*self.references;
            let publisher = Publisher { session, branch, state: &self.state, anew: self.anew, references };
            publisher.publish()?;
            self.references.clear();
            self.done = true;
            branch.set_tag()?;
            // the repository has links to it: what changes behind the note that is written last, others changed
            remove_tree(&self.state.store())?;
            return self.end(session);
        }
        if let Some((key, written)) = &self.visible {
            write_visible(&self.state, key, *written)?;
        }
        let published = store.publish(self.overwrite);
        self.done = store.is_published();
        let published = published?;
        if let Some(left) = published.leftover {
            session.tell(&Event::Warning(format!(
                "the old store could not be removed; its remains are in {}",
                left.display()
            )));
        }
        self.end(session)
    }

    /// Notes that the dataset is at its target, and lets go what it replaces.
    fn end(&self, session: &Session<'_>) -> Result<()> {
        let kept = end_publication(&self.state).map_err(|e| cut_short(e, self.past.target()))?;
        for left in kept {
            session.tell(&Event::Warning(format!(
                "units of another plan for this target are kept in {}: `plan --overwrite` and `finish` publish them; \
                 remove the folder if nobody will",
                left.display()
            )));
        }
        Ok(())
    }
}

/// Whether what is not published yet is one file.
const fn is_staged_as_file(format: TargetFormat) -> bool {
    format.is_file() || matches!(format, TargetFormat::IcechunkVirtual)
}

pub(crate) fn summary(prepared: &Prepared, nothing_to_do: bool) -> Baked {
    Baked {
        nothing_to_do,
        arrays: prepared.plan.arrays.len(),
        objects: 0,
        bytes_written: 0,
        objects_kept: 0,
        bytes_kept: 0,
        bytes_read: 0,
        inputs: prepared.files.len(),
        digest: prepared.digest.clone(),
        checks: Vec::new(),
    }
}

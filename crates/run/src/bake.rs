//! Baking: tasks on threads, chunks first, metadata last, then the dataset appears.
//!
//! Whatever ends a bake, what it made is kept beside the target with its receipts: the next bake of the same plan goes on
//! from there, one of another plan takes the chunks whose signatures are the same.

mod existing;
mod likeness;
mod past;
mod publication;
mod run;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arcoforge_core::check::{Examination, Verdict};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_write::{LocalStore, Written, check_target};

pub(crate) use self::existing::check_existing;
use self::existing::prepare_to_bake;
pub use self::existing::{AtTarget, Existing, at_target, check_unbaked, prepare_for};
pub(crate) use self::likeness::changed_ns;
pub use self::past::Past;
pub(crate) use self::publication::untouched_until;
use self::publication::{end_publication, finish_publication, is_moved, note_moved, write_visible};
use self::run::{Run, check_unchanged};
use crate::Outcome;
use crate::checks;
use crate::describe::kept_chunks;
use crate::duplicates;
use crate::execute::Target;
use crate::figures::count;
use crate::lock::Lock;
use crate::prepare::Prepared;
use crate::receipts::{Receipts, Unit, Writer};
use crate::reuse::Reuse;
use crate::scratch::Scratch;
use crate::session::{Event, Session, Stage};
use crate::state::{Guard, PlanFile, State};
use crate::tasks::Tasks;

/// What a bake did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The target holds this very dataset already; nothing was done.
    pub nothing_to_do: bool,
    /// Arrays of the dataset.
    pub arrays: usize,
    /// Objects of the store, metadata included.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes_written: u64,
    /// Of these objects, those that a bake before had made.
    pub objects_kept: u64,
    /// Bytes of these.
    pub bytes_kept: u64,
    /// Stored bytes of chunks read from the inputs.
    pub bytes_read: u64,
    /// Inputs.
    pub inputs: usize,
    /// The plan's digest.
    pub digest: String,
    /// What the checks found; empty where nothing was done.
    pub checks: Vec<Verdict>,
}

/// Bakes a recipe into a store on a local file system.
///
/// # Errors
/// Everything that is wrong with the inputs or the target. The target is as it was before.
pub fn bake(session: &Session<'_>, recipe: &Recipe, target: &Path, existing: Existing) -> Outcome<Baked> {
    bake_locked(session, recipe, None, target, existing).map(|(baked, _)| baked)
}

/// [`bake`] with the inputs that a lock names; also gives back what was prepared.
///
/// # Errors
/// As [`bake`], and `lock-mismatch`.
pub fn bake_locked(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    target: &Path,
    existing: Existing,
) -> Outcome<(Baked, Prepared)> {
    let (staged, prepared) = stage(session, recipe, lock, Past::of(target), existing)?;
    let baked = publish(session, vec![staged])?.pop();
    baked.map(|baked| (baked, prepared)).ok_or_else(|| vec![Error::new(Code::Bug, "nothing was published")])
}

/// A dataset that is complete, has passed its checks and is not yet at its target. Where it is dropped before
/// [`publish`], its chunks are kept for the next bake; where it has none, nothing is left.
#[derive(Debug)]
pub struct Staged {
    past: Past,
    state: State,
    overwrite: bool,
    /// It is made whatever lies at the target.
    anew: bool,
    /// Where it lies; `None` where the target holds the dataset already.
    store: Option<LocalStore>,
    /// The target holds it.
    done: bool,
    /// Some of it is worth keeping.
    begun: AtomicBool,
    /// What makes it visible, once metadata is written.
    visible: Option<(String, Written)>,
    baked: Baked,
    guard: Option<Guard>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let alone = self.guard.as_ref().is_some_and(|guard| !guard.shared);
        if !self.done && alone && !self.begun.load(Ordering::Relaxed) {
            self.state.discard();
        }
    }
}

/// Bakes a recipe beside its target, of which the past is known, and makes its checks; readers see nothing of it.
///
/// # Errors
/// As [`bake_locked`].
pub fn stage(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    mut past: Past,
    existing: Existing,
) -> Outcome<(Staged, Prepared)> {
    let fail = |e: Error| vec![e];
    past.look();
    check_unbaked(&past, existing).map_err(fail)?;
    let prepared = prepare_to_bake(session, recipe, lock, &mut past, existing)?;
    let mut staged = Staged::new(past, &prepared, existing != Existing::Refuse);
    if existing == Existing::Overwrite {
        staged.bake_anew();
    }
    if staged.done {
        staged.settle().map_err(fail)?;
    } else {
        check_existing(&mut staged.past, existing, recipe, &prepared)?;
        let examination = Examination::new(&recipe.checks, &prepared.plan.dataset)?;
        duplicates::compare(session, &prepared)?;
        staged.take(recipe, &prepared, false).map_err(fail)?;
        if !staged.done {
            // another bake may have published between the first look and the lock
            check_existing(&mut staged.past, existing, recipe, &prepared)?;
            if existing == Existing::Update {
                kept_chunks(&prepared).into_iter().for_each(|text| session.tell(&Event::Note(text)));
            }
            let (reuse, receipts) =
                (staged.reuse(&prepared, existing == Existing::Update), staged.receipts(&prepared));
            staged.run(session, &prepared, receipts, &reuse, &(0..prepared.tasks()), None)?;
            staged.complete(session, &prepared, &examination)?;
        }
    }
    staged.past.forget();
    Ok((staged, prepared))
}

/// Makes datasets appear at their targets, one right after the other, each by one rename or one exchange of folders.
///
/// # Errors
/// `target-exists` or `target-unwritable` where a target changed since it was looked at; none is published where that is
/// seen before the first. Else those before it are, and the message names them. `interrupted` before the first.
pub fn publish(session: &Session<'_>, mut staged: Vec<Staged>) -> Outcome<Vec<Baked>> {
    let fail = |e: Error| vec![e];
    if staged.iter().all(|one| one.done) {
        return Ok(staged.iter().map(|one| one.baked.clone()).collect());
    }
    for one in staged.iter().filter(|one| !one.done) {
        check_target(one.target(), one.overwrite).map_err(fail)?;
    }
    session.tell(&Event::Started { stage: Stage::Publish, total: 0 });
    session.check_interrupt().map_err(fail)?;
    let mut published: Vec<String> = Vec::new();
    for one in &mut staged {
        if let Err(mut error) = one.appear(session) {
            if !published.is_empty() {
                error.message += &format!("; published before it: {}", published.join(", "));
            }
            return Err(vec![error]);
        }
        published.push(one.target().display().to_string());
    }
    session.tell(&Event::Finished { stage: Stage::Publish });
    Ok(staged.iter().map(|one| one.baked.clone()).collect())
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
            baked: summary(prepared, done),
            guard: None,
        }
    }

    /// Where the dataset goes.
    pub fn target(&self) -> &Path {
        self.past.target()
    }

    /// What lies at the target is not trusted: it is baked whatever that is.
    fn bake_anew(&mut self) {
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
            finish_publication(&mut self.past)?;
            self.state.tidy();
            self.state.inherit(recipe, &prepared.digest, self.past.plans())?;
        }
        self.begun.store(self.state.receipts().is_dir(), Ordering::Relaxed);
        if self.past.made_by() == Some(&self.state) && !self.anew {
            // by a process that was faster, or by one that was cut off
            self.done = true;
            self.baked.nothing_to_do = true;
            return Ok(());
        }
        self.store = Some(LocalStore::create(self.target(), self.state.store())?);
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
        let target = Target { store, format, session, prepared, reuse, scratch: &scratch, tasks, receipts };
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
            self.state.forget_scratch();
        }
        Ok(())
    }

    /// What bakes of other plans made of this target and did not publish, and what one did, where that is `published`.
    pub(crate) fn reuse(&mut self, prepared: &Prepared, published: bool) -> Reuse {
        let found = Reuse::find(&mut self.past, &self.state, &prepared.plan.dataset, published);
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
        let metadata = store.write_metadata(&prepared.plan.dataset).map_err(|e| vec![e])?;
        for (_, written) in &metadata {
            self.baked.objects += 1;
            self.baked.bytes_written += written.bytes;
        }
        self.visible = metadata.last().cloned();
        if !examination.is_empty() {
            self.baked.checks = checks::run(session, examination, &prepared.plan, store.staging())?;
            // what fails is kept: other checks may be what is needed, and no chunk would be another
            checks::settle(session, self.target(), self.state.root(), &self.baked.checks)?;
        }
        Ok(())
    }

    /// The rename. What it leaves of an older store is worth a warning.
    fn appear(&mut self, session: &Session<'_>) -> Result<()> {
        let Some(store) = self.store.as_mut().filter(|_| !self.done) else { return Ok(()) };
        if let Some((key, written)) = &self.visible {
            write_visible(&self.state, key, *written)?;
        }
        let published = store.publish(self.overwrite)?;
        self.done = true;
        if let Some(left) = published.leftover {
            session.tell(&Event::Warning(format!(
                "the old store could not be removed; its remains are in {}",
                left.display()
            )));
        }
        for left in end_publication(&self.state)? {
            session.tell(&Event::Warning(format!(
                "units of another plan for this target are kept in {}: `plan --overwrite` and `finish` publish them; \
                 remove the folder if nobody will",
                left.display()
            )));
        }
        Ok(())
    }
}

fn summary(prepared: &Prepared, nothing_to_do: bool) -> Baked {
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

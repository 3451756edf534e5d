//! Baking: tasks on threads, chunks first, metadata last, then the dataset appears.
//!
//! Whatever ends a bake, what it made is kept beside the target with its receipts: the next bake of the same plan goes on
//! from there, one of another plan takes the chunks whose signatures are the same.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arcoforge_core::check::{Examination, Verdict};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_store::files::{atomic_write, unwritable};
use arcoforge_write::{LocalStore, Written, check_target};
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::duplicates;
use crate::execute::{self, Target};
use crate::figures::count;
use crate::gather::Worker;
use crate::lock::Lock;
use crate::prepare::{Prepared, prepare};
use crate::receipts::{Entry, Receipts, Unit, Writer, checksum};
use crate::reuse::Reuse;
use crate::scratch::Scratch;
use crate::session::{Event, Session, Stage};
use crate::state::{Guard, PlanFile, State};
use crate::tasks::Tasks;
use crate::update::{self, Differences};
use crate::{Outcome, pool};

/// What becomes of a store that lies at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It is an error.
    #[default]
    Refuse,
    /// It is replaced; nothing of it is used.
    Overwrite,
    /// It is replaced by one that takes over all chunks that are still the same. A store that this recipe did not make is
    /// an error.
    Update,
}

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

/// What a bake would find where its dataset is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtTarget {
    /// Nothing: a new store would appear.
    Nothing,
    /// This very dataset: nothing would be done.
    SameDataset,
    /// The dataset of this recipe as it was: `--update` brings it up to date. How the inputs differ.
    Outdated(String),
    /// A store that `--overwrite` replaces.
    OtherStore,
}

/// Looks at a target and changes nothing.
///
/// # Errors
/// `target-exists` where something lies there that no bake replaces; `target-unwritable`.
pub fn at_target(target: &Path, recipe: &Recipe, prepared: &Prepared) -> Result<AtTarget> {
    if is_done(target, &State::new(target, &prepared.digest)) {
        return Ok(AtTarget::SameDataset);
    }
    check_target(target, true)?;
    Ok(match (check_target(target, false), published(target)) {
        (Ok(()), _) => AtTarget::Nothing,
        (Err(_), Some((_, old)))
            if old.recipe.name == recipe.name && update::check(&old, prepared, recipe).is_ok() =>
        {
            AtTarget::Outdated(Differences::between(&old, prepared).text())
        }
        (Err(_), _) => AtTarget::OtherStore,
    })
}

/// What `done` says: the object that made the store visible, as it was written.
#[derive(Serialize, Deserialize)]
struct Done {
    key: String,
    crc32c: u32,
}

/// How far a publication went that may have made what lies at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Publication {
    /// To its end.
    Ended,
    /// It was cut off behind the rename, and what it replaced is gone.
    Cleaned,
    /// It was cut off right behind the rename.
    Renamed,
}

/// The publication of a state, where what lies at the target is as it left it. An older one may have left the same
/// metadata: the one that went less far is the younger.
fn publication(target: &Path, state: &State) -> Option<Publication> {
    let noted = state.visible().is_file();
    let (found, note) = if state.is_publishing() {
        // what it replaced may have stayed, and the note been renamed
        let note = if noted { state.visible() } else { state.done() };
        (LocalStore::took_place(target, &state.store()).then_some(Publication::Renamed)?, note)
    } else if noted && !state.store().is_dir() {
        (Publication::Cleaned, state.visible())
    } else {
        (Publication::Ended, state.done())
    };
    let note: Done = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    (checksum(&target.join(&note.key)) == Some(note.crc32c)).then_some(found)
}

/// The state of the bake that made what lies at the target; `None` where no bake of ours did.
fn published_by(target: &Path) -> Option<State> {
    let found =
        State::all(target).into_iter().filter_map(|state| Some((publication(target, &state)?, state)));
    found.max_by_key(|(publication, _)| *publication).map(|(_, state)| state)
}

/// Whether the target holds the dataset of this state, and nothing else took its place since.
fn is_done(target: &Path, state: &State) -> bool {
    published_by(target).as_ref() == Some(state)
}

/// The bake that made what lies at the target, with its plan; `None` where no bake of ours did.
fn published(target: &Path) -> Option<(State, PlanFile)> {
    let state = published_by(target)?;
    let plan = PlanFile::read(&state.plan()).ok()?;
    Some((state, plan))
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
    let (staged, prepared) = stage(session, recipe, lock, target, existing)?;
    let baked = publish(session, vec![staged])?.pop();
    baked.map(|baked| (baked, prepared)).ok_or_else(|| vec![Error::new(Code::Bug, "nothing was published")])
}

/// A dataset that is complete, has passed its checks and is not yet at its target. Where it is dropped before
/// [`publish`], its chunks are kept for the next bake; where it has none, nothing is left.
#[derive(Debug)]
pub struct Staged {
    target: PathBuf,
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

/// Bakes a recipe beside its target and makes its checks; readers see nothing of it.
///
/// # Errors
/// As [`bake_locked`].
pub fn stage(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    target: &Path,
    existing: Existing,
) -> Outcome<(Staged, Prepared)> {
    let fail = |e: Error| vec![e];
    check_unbaked(target, existing).map_err(fail)?;
    let prepared = prepare(session, recipe, lock)?;
    let mut staged = Staged::new(target, &prepared, existing != Existing::Refuse);
    // who overwrites does not trust what is there
    staged.anew = existing == Existing::Overwrite;
    staged.done &= !staged.anew;
    if staged.done {
        staged.settle().map_err(fail)?;
    } else {
        check_existing(target, existing, recipe, &prepared)?;
        let examination = Examination::new(&recipe.checks, &prepared.plan.dataset)?;
        duplicates::compare(session, &prepared)?;
        staged.take(recipe, &prepared, false).map_err(fail)?;
        if !staged.done {
            let reuse = Reuse::find(target, &staged.state, existing == Existing::Update);
            staged.run(session, &prepared, &reuse, &(0..prepared.tasks()), None)?;
            staged.complete(session, &prepared, &examination)?;
        }
    }
    Ok((staged, prepared))
}

/// Refuses a target before any work. One that a bake of ours lies at may hold the very dataset, which is no error.
///
/// # Errors
/// `target-exists`, `target-unwritable`.
pub fn check_unbaked(target: &Path, existing: Existing) -> Result<()> {
    if published(target).is_some() {
        return Ok(());
    }
    match existing {
        Existing::Overwrite => check_target(target, true),
        Existing::Refuse => check_target(target, false),
        Existing::Update => check_target(target, false).map_err(|e| {
            let message = "found a store whose recipe is not known: only what `bake` made can be updated";
            if e.code == Code::TargetExists && check_target(target, true).is_ok() {
                Error { message: message.to_owned(), ..e }
                    .help("`--overwrite` replaces it, in one atomic step")
            } else {
                e
            }
        }),
    }
}

/// Refuses what may not be replaced, once the new dataset is known.
pub(crate) fn check_existing(
    target: &Path,
    existing: Existing,
    recipe: &Recipe,
    prepared: &Prepared,
) -> Outcome<()> {
    let fail = |e: Error| vec![e];
    let Some((_, old)) = published(target) else { return check_unbaked(target, existing).map_err(fail) };
    match existing {
        Existing::Overwrite => check_target(target, true).map_err(fail),
        Existing::Update => {
            check_target(target, true).map_err(fail)?;
            if old.recipe.name != recipe.name {
                let message = format!("found a store of the recipe `{}`", old.recipe.name);
                return Err(vec![
                    Error::new(Code::TargetExists, message)
                        .at(target.display().to_string())
                        .help("`--overwrite` replaces it, in one atomic step"),
                ]);
            }
            update::check(&old, prepared, recipe).map(drop)
        }
        Existing::Refuse => check_target(target, false).map_err(|error| {
            if old.recipe.name != recipe.name {
                return vec![error];
            }
            let was = Differences::between(&old, prepared).text();
            let message = format!("found an earlier bake of this dataset: {was}");
            let help =
                "`--update` brings it up to date, `--overwrite` bakes it anew; both in one atomic step";
            vec![Error { message, ..error }.help(help)]
        }),
    }
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
        check_target(&one.target, one.overwrite).map_err(fail)?;
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
        published.push(one.target.display().to_string());
    }
    session.tell(&Event::Finished { stage: Stage::Publish });
    Ok(staged.iter().map(|one| one.baked.clone()).collect())
}

impl Staged {
    pub(crate) fn new(target: &Path, prepared: &Prepared, overwrite: bool) -> Self {
        let state = State::new(target, &prepared.digest);
        let done = is_done(target, &state);
        Self {
            target: target.to_owned(),
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
        &self.target
    }

    /// Locks the target, ends publications that were cut off, and makes the folder that is filled.
    pub(crate) fn take(&mut self, recipe: &Recipe, prepared: &Prepared, shared: bool) -> Result<()> {
        self.guard = Some(self.state.lock(shared)?);
        if !shared {
            State::all(&self.target).iter().try_for_each(|state| finish_publication(&self.target, state))?;
            self.state.tidy();
        }
        self.begun.store(self.state.receipts().is_dir(), Ordering::Relaxed);
        if is_done(&self.target, &self.state) && !self.anew {
            // by a process that was faster, or by one that was cut off
            self.done = true;
            self.baked.nothing_to_do = true;
            return Ok(());
        }
        self.store = Some(LocalStore::create(&self.target, self.state.store())?);
        if !self.state.plan().is_file() {
            PlanFile::new(recipe, prepared, None).write(&self.state.plan())?;
        }
        Ok(())
    }

    /// Ends the publication of what the target holds, where it was cut off.
    pub(crate) fn settle(&self) -> Result<()> {
        if !self.state.is_publishing() && !self.state.visible().is_file() && self.state.remains().is_empty() {
            return Ok(());
        }
        match self.state.lock(false) {
            Ok(_guard) => {
                self.state.tidy();
                finish_publication(&self.target, &self.state)
            }
            // another process is about to
            Err(e) if e.code == Code::TargetBusy => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Runs the tasks of a range that are not done: first those that move cells to scratch storage, then the others.
    pub(crate) fn run(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        reuse: &Reuse,
        range: &Range<u64>,
        unit: Option<&Unit>,
    ) -> Outcome<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let fail = |e: Error| vec![e];
        let dataset = &prepared.plan.dataset;
        let receipts = Receipts::read(&self.state.receipts(), dataset, store.staging(), false, false);
        let (kept, bytes_kept) = receipts.totals();
        let folder = Scratch::folder(session.options.scratch.as_deref(), self.state.dir(), &prepared.digest);
        let scratch = Scratch::open(&prepared.plan, &folder).map_err(fail)?;
        let writer = Writer::create(&self.state.receipts(), unit).map_err(fail)?;
        let target = Target { store, format: dataset.format, session, prepared, reuse, scratch: &scratch };
        let run = Run {
            target,
            tasks: Tasks::of(&prepared.plan),
            receipts,
            writer,
            begun: &self.begun,
            finished: AtomicU64::new(0),
            made: Made::default(),
        };
        if let Err(errors) = run.both_stages(range) {
            // what is wrong with the recipe or the data is not mended by running it again: nothing is left then
            let again = errors.iter().any(|e| !matches!(e.code.exit_status(), 3 | 4));
            self.begun.fetch_and(again, Ordering::Relaxed);
            if self.begun.load(Ordering::Relaxed) {
                session.tell(&Event::Note(format!(
                    "{} of {} done and kept in {}: the next bake goes on from there",
                    run.finished.load(Ordering::Relaxed),
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
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let made = run.made;
        self.baked.objects = kept + load(&made.objects);
        self.baked.bytes_written = bytes_kept + load(&made.bytes);
        self.baked.objects_kept = kept + load(&made.objects_reused);
        self.baked.bytes_kept = bytes_kept + load(&made.bytes_reused);
        self.baked.bytes_read = load(&made.read);
        if range.end == prepared.tasks() && unit.is_none() {
            scratch.remove();
        }
        Ok(())
    }

    /// What is complete so far.
    pub(crate) fn receipts(&self, prepared: &Prepared) -> Receipts {
        Receipts::read(&self.state.receipts(), &prepared.plan.dataset, &self.state.store(), false, false)
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
            let settled = checks::settle(session, &self.target, &self.baked.checks);
            self.begun.fetch_and(settled.is_ok(), Ordering::Relaxed);
            settled?;
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
        end_publication(&self.state)
    }
}

/// No file was written to while it was read.
fn check_unchanged(session: &Session<'_>, prepared: &Prepared) -> Result<()> {
    for input in prepared.surveyed.iter().filter(|input| !input.object.is_remote()) {
        let was = input.object.validator().modified_ns;
        let now = session.sources.version(input.object.url()).and_then(|version| version.modified_ns);
        if was.is_some() && now.is_some() && was != now {
            return Err(Error::new(Code::SourceChanged, "the file was written to while it was read")
                .at(input.object.url())
                .help("wait until nothing writes to it any more, then run again"));
        }
    }
    Ok(())
}

/// One run over a range of tasks.
struct Run<'a> {
    target: Target<'a>,
    tasks: Tasks<'a>,
    receipts: Receipts,
    writer: Writer,
    /// Set with the first receipt.
    begun: &'a AtomicBool,
    finished: AtomicU64,
    made: Made,
}

impl Run<'_> {
    /// All tasks of the first stage are done before the first of the second.
    fn both_stages(&self, range: &Range<u64>) -> Outcome<()> {
        let session = self.target.session;
        let first = self.target.scratch.tasks();
        session.tell(&Event::Started { stage: Stage::Bake, total: range.end.saturating_sub(range.start) });
        let second = range.start.max(first)..range.end.max(first);
        // a unit of the first stage alone has no task of the second to tell by
        let whole = !second.is_empty() && second.clone().all(|number| self.is_done(number - first));
        let moved = range.start..range.end.min(first);
        if whole {
            self.advance(session, moved.end.saturating_sub(moved.start), 0, 0);
        } else {
            self.each(&moved, |worker, number| self.scratched(worker, number))?;
            self.check_scratch(range.start.min(first), first).map_err(|e| vec![e])?;
        }
        self.each(&second, |worker, number| self.task(worker, number - first))?;
        session.tell(&Event::Finished { stage: Stage::Bake });
        Ok(())
    }

    fn each(&self, range: &Range<u64>, work: impl Fn(&mut Worker, u64) -> Result<()> + Sync) -> Outcome<()> {
        let plan = &self.target.prepared.plan;
        let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let one = |worker: &mut Worker, at: usize| {
            self.target.session.check_interrupt()?;
            work(worker, range.start + at as u64)
        };
        pool::map(plan.workers, count, true, || Worker::with_threads(plan.threads), one).map(drop)
    }

    /// Moves a box of cells to scratch storage.
    fn scratched(&self, worker: &mut Worker, number: u64) -> Result<()> {
        let (session, before) = (self.target.session, worker.bytes_read);
        if !self.is_moved(number) {
            self.target.scratch.run(session, self.target.prepared, worker, number)?;
            self.writer.note_scratch(self.target.scratch.division(), number)?;
            self.begun.store(true, Ordering::Relaxed);
        }
        self.advance(session, 1, worker.bytes_read - before, 0);
        Ok(())
    }

    /// What other units were to move is there.
    fn check_scratch(&self, own: u64, all: u64) -> Result<()> {
        match (0..own).find(|number| !self.is_moved(*number)) {
            None => Ok(()),
            Some(number) => Err(Error::new(
                Code::UnitsMissing,
                format!("task {number} of the {all} that move cells to scratch storage has not run yet"),
            )
            .help("run the units that come first to their end, then this one")),
        }
    }

    /// Whether a run before has moved these cells, and they are still there.
    fn is_moved(&self, number: u64) -> bool {
        let scratch = self.target.scratch;
        !scratch.is_fresh() && self.receipts.has_scratch(scratch.division(), number)
    }

    fn is_done(&self, number: u64) -> bool {
        self.tasks.get(number).is_some_and(|(array, task)| {
            execute::objects(array, task).iter().all(|object| self.receipts.has(&array.spec.name, *object))
        })
    }

    /// Makes the objects of one task.
    fn task(&self, worker: &mut Worker, number: u64) -> Result<()> {
        let Some((array, task)) = self.tasks.get(number) else {
            return Err(Error::new(Code::Bug, "a task without an array"));
        };
        let name = &array.spec.name;
        let (mut written, before) = (0, worker.bytes_read);
        if !self.is_done(number) {
            let is_there = |object| self.receipts.has(name, object);
            execute::run(&self.target, worker, array, task, &is_there, &mut |entry: Entry, reused| {
                self.writer.note(name, &entry)?;
                self.begun.store(true, Ordering::Relaxed);
                written += self.made.add(&entry, reused);
                Ok(())
            })?;
        }
        self.advance(self.target.session, 1, worker.bytes_read - before, written);
        Ok(())
    }

    fn advance(&self, session: &Session<'_>, items: u64, bytes_read: u64, bytes_written: u64) {
        self.finished.fetch_add(items, Ordering::Relaxed);
        self.made.read.fetch_add(bytes_read, Ordering::Relaxed);
        session.tell(&Event::Advanced { stage: Stage::Bake, items, bytes_read, bytes_written });
    }
}

/// Totals of one run, added to by all threads.
#[derive(Default)]
struct Made {
    objects: AtomicU64,
    bytes: AtomicU64,
    objects_reused: AtomicU64,
    bytes_reused: AtomicU64,
    read: AtomicU64,
}

impl Made {
    /// Counts an object; the bytes that were written anew.
    fn add(&self, entry: &Entry, reused: bool) -> u64 {
        let Some(written) = entry.written else { return 0 };
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(written.bytes, Ordering::Relaxed);
        if reused {
            self.objects_reused.fetch_add(1, Ordering::Relaxed);
            self.bytes_reused.fetch_add(written.bytes, Ordering::Relaxed);
            return 0;
        }
        written.bytes
    }
}

/// Notes before the rename what tells the published store from any other.
fn write_visible(state: &State, key: &str, written: Written) -> Result<()> {
    let done = Done { key: key.to_owned(), crc32c: written.crc32c };
    let text = serde_json::to_vec(&done).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))?;
    atomic_write(&state.visible(), &text)
}

/// Ends a publication that was cut off behind its rename; one that was before it is as if it had not begun.
fn finish_publication(target: &Path, state: &State) -> Result<()> {
    if publication(target, state).is_none_or(|publication| publication <= Publication::Ended) {
        return Ok(());
    }
    if state.is_publishing() {
        LocalStore::create(target, state.store())?;
    }
    end_publication(state)
}

/// No two states ever say that they made the target: others go before this one says so.
fn end_publication(state: &State) -> Result<()> {
    state.forget_others()?;
    match fs::rename(state.visible(), state.done()) {
        Err(e) if e.kind() == ErrorKind::NotFound && state.done().is_file() => Ok(()),
        other => other.map_err(|e| unwritable(&state.done(), e)),
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

//! The tasks of a range, each run where no receipt says that it is done.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Plan};
use arcoforge_read::Reader;
use arcoforge_write::Written;

use super::Baked;
use crate::execute::{self, Target};
use crate::gather::Worker;
use crate::lookahead::Lookahead;
use crate::prepare::Prepared;
use crate::receipts::{Entry, Writer};
use crate::session::{Event, Session, Stage};
use crate::{Outcome, pool};

/// Objects that are looked at before the receipts of those that were taken are added.
const ADOPTED_AT_A_TIME: usize = 1 << 14;

/// One run over a range of tasks.
pub(crate) struct Run<'a> {
    target: Target<'a>,
    pub(crate) writer: Writer,
    /// Set with the first receipt.
    begun: &'a AtomicBool,
    pub(crate) totals: Totals,
}

impl<'a> Run<'a> {
    pub(crate) fn new(target: Target<'a>, writer: Writer, begun: &'a AtomicBool) -> Self {
        Self { target, writer, begun, totals: Totals::default() }
    }

    /// Takes whole objects that earlier bakes made of arrays that go through scratch storage, so that their cells need not
    /// be moved.
    pub(crate) fn adopt(&mut self) -> Outcome<()> {
        let prepared = self.target.prepared;
        if self.target.reuse.is_empty() {
            return Ok(());
        }
        for array in prepared.plan.arrays.iter().filter(|array| array.scratch.is_some()) {
            let objects = array.spec.objects().len();
            for first in (0..objects).step_by(ADOPTED_AT_A_TIME) {
                let count = (objects - first).min(ADOPTED_AT_A_TIME as u64) as usize;
                let adopt = |worker: &mut Worker, at: usize| self.adopt_one(worker, array, first + at as u64);
                let adopted = pool::map(prepared.plan.workers, count, true, Worker::new, adopt)?;
                for (object, written) in adopted.into_iter().flatten() {
                    self.target.receipts.add(&array.spec.name, object, written);
                }
            }
        }
        Ok(())
    }

    /// Takes one object that is not there yet: its number and what lies there now; `None` where none is to be had.
    fn adopt_one(
        &self,
        worker: &mut Worker,
        array: &ArrayPlan,
        object: u64,
    ) -> Result<Option<(u64, Option<Written>)>> {
        let (target, name) = (&self.target, &array.spec.name);
        target.session.check_interrupt()?;
        if target.receipts.has(name, object) {
            return Ok(None);
        }
        let Some(entry) = target.adopt(worker, array, object)? else { return Ok(None) };
        self.writer.note(name, &entry)?;
        self.begun.store(true, Ordering::Relaxed);
        self.totals.add(&entry, true);
        Ok(Some((object, entry.written)))
    }

    /// All tasks of the first stage are done before the first of the second.
    pub(crate) fn both_stages(&self, range: &Range<u64>) -> Outcome<()> {
        let session = self.target.session;
        let first = self.target.scratch.tasks();
        session.tell(&Event::Started { stage: Stage::Bake, total: range.end.saturating_sub(range.start) });
        let second = range.start.max(first)..range.end.max(first);
        // a unit of the first stage alone has no task of the second to tell by
        let stages = self.target.prepared.plan.stages();
        let of = |stage: &Range<u64>| {
            second.start.max(first + stage.start)..second.end.min(first + stage.end).max(second.start)
        };
        let own = stages.first().map_or(0..0, of);
        let whole = !own.is_empty() && own.clone().all(|number| self.is_done(number - first));
        let moved = range.start..range.end.min(first);
        if whole {
            self.advance(session, moved.end.saturating_sub(moved.start), 0, 0);
        } else {
            self.each(&moved, |worker, number| self.scratched(worker, number))?;
            self.check_scratch(range.start.min(first), first).map_err(|e| vec![e])?;
        }
        self.each(&own, |worker, number| self.task(worker, number - first))?;
        for level in stages.iter().skip(1).map(of) {
            self.level(&level, |worker, number| self.task(worker, number - first))?;
        }
        session.tell(&Event::Finished { stage: Stage::Bake });
        Ok(())
    }

    fn each(&self, range: &Range<u64>, work: impl Fn(&mut Worker, u64) -> Result<()> + Sync) -> Outcome<()> {
        let (session, plan) = (self.target.session, &self.target.prepared.plan);
        let count = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let ahead = Lookahead::of(session, plan, range);
        let one = |worker: &mut Worker, at: usize| {
            session.check_interrupt()?;
            let number = range.start + at as u64;
            worker.look_ahead(ahead.as_ref().map(|ahead| ahead.begin(number)));
            work(worker, number)
        };
        pool::each(plan.workers, count, true, || Worker::with_threads(plan.threads), one)
    }

    /// The tasks of a coarser level, which read what is complete of the level above.
    fn level(&self, range: &Range<u64>, work: impl Fn(&mut Worker, u64) -> Result<()> + Sync) -> Outcome<()> {
        let Target { session, prepared, filled, .. } = &self.target;
        if range.is_empty() {
            return Ok(());
        }
        let store = filled.open(session, &prepared.plan.dataset).map_err(|e| vec![e])?;
        let store: Arc<dyn Reader> = store.into();
        let count = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let worker = || {
            let mut worker = Worker::new();
            worker.filled = Some(Arc::clone(&store));
            worker
        };
        let one = |worker: &mut Worker, at: usize| {
            session.check_interrupt()?;
            work(worker, range.start + at as u64)
        };
        pool::each(threads_of_levels(&prepared.plan), count, true, worker, one)
    }

    /// Moves a box of cells to scratch storage.
    fn scratched(&self, worker: &mut Worker, number: u64) -> Result<()> {
        let (session, before) = (self.target.session, worker.bytes_read);
        if self.target.is_to_be_moved(number) {
            self.target.announce_scratch(worker);
            self.target.scratch.run(session, self.target.prepared, worker, number)?;
            self.writer.note_scratch(self.target.scratch.division(), number)?;
            self.begun.store(true, Ordering::Relaxed);
        }
        self.advance(session, 1, worker.bytes_read - before, 0);
        Ok(())
    }

    /// What other units were to move is there.
    fn check_scratch(&self, own: u64, all: u64) -> Result<()> {
        match (0..own).find(|number| self.target.is_to_be_moved(*number)) {
            None => Ok(()),
            Some(number) => Err(Error::new(
                Code::UnitsMissing,
                format!("task {number} of the {all} that move cells to scratch storage has not run yet"),
            )
            .help("run the units that come first to their end, then this one")),
        }
    }

    fn is_done(&self, number: u64) -> bool {
        let Target { tasks, receipts, .. } = &self.target;
        tasks.get(number).is_some_and(|(array, task)| receipts.has_task(array, task))
    }

    /// Makes the objects of one task.
    fn task(&self, worker: &mut Worker, number: u64) -> Result<()> {
        let Some((array, task)) = self.target.tasks.get(number) else {
            return Err(Error::new(Code::Bug, "a task without an array"));
        };
        let name = &array.spec.name;
        let (mut written, before) = (0, worker.bytes_read);
        if !self.is_done(number) {
            execute::run(&self.target, worker, array, task, &mut |entry: Entry, reused| {
                self.writer.note(name, &entry)?;
                self.begun.store(true, Ordering::Relaxed);
                written += self.totals.add(&entry, reused);
                Ok(())
            })?;
        }
        self.advance(self.target.session, 1, worker.bytes_read - before, written);
        Ok(())
    }

    fn advance(&self, session: &Session<'_>, items: u64, bytes_read: u64, bytes_written: u64) {
        self.totals.tasks.fetch_add(items, Ordering::Relaxed);
        self.totals.read.fetch_add(bytes_read, Ordering::Relaxed);
        session.tell(&Event::Advanced { stage: Stage::Bake, items, bytes_read, bytes_written });
    }
}

/// A chunk of a level is the work of one thread: as many as there are, fewer where they need more memory than the workers that
/// were planned.
fn threads_of_levels(plan: &Plan) -> usize {
    let most = |arrays: &[ArrayPlan]| arrays.iter().map(|array| array.worker_bytes).max().unwrap_or(0).max(1);
    let levels = plan.levels.first().and_then(|first| plan.arrays.get(*first..)).unwrap_or_default();
    let planned = most(&plan.arrays).saturating_mul(plan.workers as u64);
    let fitting = usize::try_from(planned / most(levels)).unwrap_or(usize::MAX);
    fitting.min(plan.workers * plan.threads).max(plan.workers)
}

/// No file was written to while it was read.
pub(crate) fn check_unchanged(session: &Session<'_>, prepared: &Prepared) -> Result<()> {
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

/// Totals of one run, added to by all threads.
#[derive(Default)]
pub(crate) struct Totals {
    tasks: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
    objects_reused: AtomicU64,
    bytes_reused: AtomicU64,
    read: AtomicU64,
}

impl Totals {
    /// Tasks that are done.
    pub(crate) fn tasks(&self) -> u64 {
        self.tasks.load(Ordering::Relaxed)
    }

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

    /// Puts the figures of this run into the report, and what runs before it had made: objects and bytes.
    pub(crate) fn report(&self, baked: &mut Baked, kept: (u64, u64)) {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        baked.objects = kept.0 + load(&self.objects);
        baked.bytes_written = kept.1 + load(&self.bytes);
        baked.objects_kept = kept.0 + load(&self.objects_reused);
        baked.bytes_kept = kept.1 + load(&self.bytes_reused);
        baked.bytes_read = load(&self.read);
    }
}

//! The checks of a recipe, made on the store that is baked and not yet published.
//!
//! Values are read back through the Zarr reader, chunk by chunk, each array once for all that is asked of it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arcoforge_core::check::{Examination, Tally, Verdict, Walk};
use arcoforge_core::chunk::indices;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::counted;
use arcoforge_core::plan::Plan;
use arcoforge_core::recipe::Level;
use arcoforge_core::target::ArraySpec;
use arcoforge_read::Reader;

use crate::references::open_target;
use crate::session::{Event, Session, Stage};
use crate::verify::stored;
use crate::{Outcome, pool};

/// What reading one chunk takes, in chunks: stored bytes, what they decode to, the cells that are wanted, and those
/// that codecs lay aside.
const CHUNKS_PER_WORKER: u64 = 4;
/// Recommendations of one check that are told one by one.
const ADVICE_MAX: usize = 10;

/// Makes the checks on the store that lies at `staging`.
///
/// # Errors
/// `target-mismatch` where the store can't be read back; `interrupted`.
pub(crate) fn run(
    session: &Session<'_>,
    examination: &Examination<'_>,
    plan: &Plan,
    staging: &Path,
) -> Outcome<Vec<Verdict>> {
    let store = open_target(session, staging, plan.dataset.format).map_err(|e| vec![e])?;
    run_on(session, examination, plan, store.as_ref())
}

/// The same of a store that is open.
///
/// # Errors
/// As of [`run`].
pub(crate) fn run_on(
    session: &Session<'_>,
    examination: &Examination<'_>,
    plan: &Plan,
    store: &dyn Reader,
) -> Outcome<Vec<Verdict>> {
    let reading = Reading { session, examination, plan, store, ends: ends(examination, plan) };
    let items = reading.items();
    session.tell(&Event::Started { stage: Stage::Check, total: items });
    let tallies: Vec<Mutex<Tally>> =
        examination.questions().iter().map(|questions| Mutex::new(Tally::empty(questions))).collect();
    let one = |(): &mut (), item: usize| {
        let walked = reading.item(item, &tallies)?;
        session.tell(&Event::Advanced { stage: Stage::Check, items: 1, bytes_read: 0, bytes_written: 0 });
        Ok(walked)
    };
    let count = usize::try_from(items).unwrap_or(usize::MAX);
    let walked = pool::map(reading.workers(), count, true, || (), one)?;
    let walks: Vec<Walk> = walked.into_iter().flatten().map(|walk| *walk).collect();
    let tallies: Vec<Tally> =
        tallies.into_iter().map(|t| t.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    session.tell(&Event::Finished { stage: Stage::Check });
    Ok(examination.verdicts(&walks, &tallies))
}

/// Tells what was found.
///
/// # Errors
/// `check-failed` for everything that does not hold and whose check does not only warn. Chunks are kept in `root`.
pub(crate) fn settle(session: &Session<'_>, target: &str, root: &str, verdicts: &[Verdict]) -> Outcome<()> {
    let mut errors = Vec::new();
    let unpublished = format!(
        "nothing was published, and {target} is as before. What was baked is kept in {root}: with other `checks` in the \
         recipe, `bake` goes on without baking it again"
    );
    for verdict in verdicts {
        session.tell(&Event::Checked(verdict.clone()));
        for failure in &verdict.failures {
            match verdict.level {
                Level::Warn => session.tell(&Event::Warning(failure.message.clone())),
                Level::Error => errors.push(failure.to_error().help(&unpublished)),
            }
        }
        for advice in verdict.advice.iter().take(ADVICE_MAX) {
            session.tell(&Event::Warning(format!("{} (recommended)", advice.message)));
        }
        let more = verdict.advice.len().saturating_sub(ADVICE_MAX);
        if more > 0 {
            let more = counted(more as u64, "more recommendation");
            session.tell(&Event::Warning(format!("{more} of check `{}`", verdict.check)));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is read, and how it is cut into items of work: first the walks, then the objects of each array that is asked.
struct Reading<'a> {
    session: &'a Session<'a>,
    examination: &'a Examination<'a>,
    plan: &'a Plan,
    store: &'a dyn Reader,
    /// Per question the number of the item behind its last.
    ends: Vec<u64>,
}

fn ends(examination: &Examination<'_>, plan: &Plan) -> Vec<u64> {
    let mut end = examination.walks().len() as u64;
    let objects = examination.questions().iter().map(|questions| {
        end += plan.dataset.arrays.get(questions.array).map_or(0, |spec| spec.objects().len());
        end
    });
    objects.collect()
}

impl Reading<'_> {
    fn items(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.examination.walks().len() as u64)
    }

    fn spec(&self, array: usize) -> Result<&ArraySpec> {
        let spec = self.plan.dataset.arrays.get(array);
        spec.map(AsRef::as_ref).ok_or_else(|| Error::new(Code::Bug, "a check of an array that is not there"))
    }

    /// One walk, or the chunks of one object.
    fn item(&self, item: usize, tallies: &[Mutex<Tally>]) -> Result<Option<Box<Walk>>> {
        if let Some(walk) = self.examination.walks().get(item) {
            return self.walk(walk.clone()).map(|walk| Some(Box::new(walk)));
        }
        let question = self.ends.partition_point(|end| *end <= item as u64);
        let begin = match question.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => self.examination.walks().len() as u64,
        };
        let (questions, tally) = self
            .examination
            .questions()
            .get(question)
            .zip(tallies.get(question))
            .ok_or_else(|| Error::new(Code::Bug, "an item of work without a question"))?;
        let spec = self.spec(questions.array)?;
        let (objects, chunks) = (spec.objects(), spec.chunks());
        let region = objects.region(&objects.index(item as u64 - begin));
        let mut own = Tally::empty(questions);
        for index in indices(&chunks.covering(&region)) {
            self.session.check_interrupt()?;
            let block = stored(self.store, spec, &chunks.region(&index)).map_err(|e| e.in_chunk(&index))?;
            own.merge(&questions.answer(&block, chunks.flat(&index)));
        }
        tally.lock().unwrap_or_else(PoisonError::into_inner).merge(&own);
        Ok(None)
    }

    /// Goes along a coordinate, one chunk after the other.
    fn walk(&self, mut walk: Walk) -> Result<Walk> {
        let spec = self.spec(walk.array)?;
        let chunks = spec.chunks();
        for chunk in 0..chunks.len() {
            self.session.check_interrupt()?;
            let index = chunks.index(chunk);
            let block = stored(self.store, spec, &chunks.region(&index)).map_err(|e| e.in_chunk(&index))?;
            walk.take(&block);
        }
        Ok(walk)
    }

    /// As many as the plan has, fewer where the memory that it leaves does not suffice.
    fn workers(&self) -> usize {
        let arrays = self.examination.questions().iter().map(|q| q.array);
        let arrays = arrays.chain(self.examination.walks().iter().map(|w| w.array));
        let chunk =
            arrays.filter_map(|at| self.plan.dataset.arrays.get(at)).map(|spec| spec.chunk_bytes()).max();
        let worker = chunk.unwrap_or(0).saturating_mul(CHUNKS_PER_WORKER).max(1);
        let baking = self.plan.arrays.iter().map(|array| array.worker_bytes).max().unwrap_or(0);
        let baking = baking.saturating_mul(self.plan.workers as u64).saturating_add(self.plan.ahead_bytes);
        let held = self.plan.peak_bytes.saturating_sub(baking);
        let left = self.plan.memory_bytes.saturating_sub(held);
        usize::try_from(left / worker).unwrap_or(usize::MAX).clamp(1, self.plan.workers.max(1))
    }
}

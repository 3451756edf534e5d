//! Every input is opened once; what could be opened is there also where others failed.

use std::sync::{Mutex, PoisonError};

use arcoforge_core::combine::{CombineAxis, File};
use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::pattern::Position;
use arcoforge_core::recipe::Recipe;
use arcoforge_core::steps::Unmatched;

use super::{Found, Kept, Surveyed, Surveyor, open};
use crate::find::Inputs;
use crate::gaps::{self, Absent};
use crate::lock::Lock;
use crate::pool::{ERRORS_MAX, attempt};
use crate::session::{Event, Session, Stage};
use crate::{Outcome, checksums};

/// Threads that survey where inputs are on another machine.
const REMOTE_THREADS_MAX: usize = 32;

/// Positions that are made at a time.
const BATCH: usize = 10_000;

/// What surveying gave.
#[derive(Default)]
pub(crate) struct All {
    /// Inputs, in order.
    pub(crate) files: Vec<File>,
    /// The open inputs, in the same order.
    pub(crate) surveyed: Vec<Surveyed>,
    /// Names in steps that no file has.
    pub(crate) unmatched: Vec<Unmatched>,
    /// Positions without a file.
    pub(crate) absent: Absent,
    /// What is wrong with other inputs.
    pub(crate) errors: Vec<Error>,
}

/// Opens and surveys every input, in parallel.
///
/// # Errors
/// Where nothing is left to be combined, or combining it would say nothing: changed inputs, too many errors, Ctrl-C.
pub(crate) fn survey_all(
    session: &Session<'_>,
    recipe: &Recipe,
    inputs: &Inputs,
    axes: &[CombineAxis],
    lock: Option<&Lock>,
    (interner, cache): Kept<'_>,
) -> Outcome<All> {
    let expected = checksums::expected(session, recipe, inputs).map_err(|e| vec![e])?;
    session.tell(&Event::Started { stage: Stage::Survey, total: inputs.len() as u64 });
    let (pattern, alone) = (&inputs.pattern, inputs.len() == 1);
    let surveyor = Surveyor { session, recipe, pattern, axes, alone, expected, interner, cache };
    let changes: Mutex<Vec<(usize, FoundFile)>> = Mutex::default();
    let mut there = vec![false; inputs.len()];
    let mut all = All { files: Vec::with_capacity(inputs.len()), ..All::default() };
    all.surveyed.reserve_exact(inputs.len());
    for first in (0..inputs.len()).step_by(BATCH) {
        let until = inputs.len().min(first + BATCH);
        let positions: Vec<Position> = (first..until).filter_map(|at| inputs.position(at)).collect();
        let one = |(): &mut (), at: usize| {
            let Some(position) = positions.get(at) else { return Ok(None) };
            let change = |change| {
                changes.lock().unwrap_or_else(PoisonError::into_inner).push((first + at, change));
            };
            surveyor.one(position, lock, change)
        };
        let (results, errors) = attempt(threads(session, &positions), positions.len(), false, || (), one);
        let opened = results.iter().filter(|(_, found)| found.is_some()).map(|(at, _)| at);
        for at in opened.chain(errors.iter().map(|(at, _)| at)) {
            there.get_mut(first + at).into_iter().for_each(|there| *there = true);
        }
        all.errors.extend(errors.into_iter().map(|(_, error)| error));
        all.add(results.into_iter().filter_map(|(_, found)| found));
        if let (Some(cache), Some(last)) = (cache, positions.last()) {
            cache.flush_before(last);
        }
        if all.errors.len() >= ERRORS_MAX || all.errors.iter().any(|e| e.code == Code::Interrupted) {
            cache.inspect(|cache| cache.flush());
            return Err(all.errors);
        }
    }
    cache.inspect(|cache| cache.flush());
    if all.errors.len() == inputs.len() {
        return Err(all.errors);
    }
    if let Some(refused) = interner.hand.refused() {
        all.errors.push(refused);
        return Err(all.errors);
    }
    session.tell(&Event::Finished { stage: Stage::Survey });
    check_changes(changes.into_inner().unwrap_or_else(PoisonError::into_inner), inputs.len())?;
    match gaps::absent(inputs, &there, recipe.combine.get("gaps", "")) {
        Ok(absent) => all.absent = absent,
        Err(more) => all.errors.extend(more),
    }
    if all.files.is_empty() && !all.errors.is_empty() { Err(all.errors) } else { Ok(all) }
}

impl All {
    /// The inputs of one batch, in order.
    fn add(&mut self, found: impl Iterator<Item = Found>) {
        for Found { file, surveyed, unmatched } in found {
            Unmatched::join(&mut self.unmatched, unmatched, self.files.is_empty());
            self.files.push(file);
            self.surveyed.push(surveyed);
        }
    }
}

impl Surveyor<'_> {
    /// Opens and surveys the input of one position, where there is one; one that is not that of the lock is told.
    fn one(
        &self,
        position: &Position,
        lock: Option<&Lock>,
        change: impl Fn(FoundFile),
    ) -> Result<Option<Found>> {
        self.session.check_interrupt()?;
        let Some(opened) = open(self.session, self.cache, position)? else { return Ok(None) };
        let object = &opened.object;
        let base = &self.session.options.base;
        let sum = self.expected.of_catalog(opened.candidate);
        if let Some(has) =
            lock.and_then(|l| l.change(position, object.url(), base, object.validator(), sum.as_deref()))
        {
            change(FoundFile { url: object.url().to_owned(), has });
            return Ok(None);
        }
        let found = self.survey(position, opened)?;
        let done = Event::Advanced { stage: Stage::Survey, items: 1, bytes_read: 0, bytes_written: 0 };
        self.session.tell(&done);
        Ok(Some(found))
    }
}

/// Threads wait where inputs are on another machine, so there are more of them.
fn threads(session: &Session<'_>, positions: &[Position]) -> usize {
    let remote =
        positions.iter().any(|p| p.candidates.iter().any(|c| c.contains("://") && !c.starts_with("file:")));
    let workers = session.options.budget.workers;
    if remote { workers.max(session.options.connections as usize).min(REMOTE_THREADS_MAX) } else { workers }
}

/// Inputs that are not those of recipe.lock: one error for all of them.
fn check_changes(mut changes: Vec<(usize, FoundFile)>, total: usize) -> Outcome<()> {
    if changes.is_empty() {
        return Ok(());
    }
    changes.sort_by_key(|(at, _)| *at);
    let message = format!("{} of {total} inputs are not those of recipe.lock", changes.len());
    Err(vec![
        Error::new(Code::LockMismatch, message)
            .found(changes.into_iter().map(|(_, changed)| changed))
            .help(
                "`bake --update` brings a store up to date with the inputs as they are now, `arcoforge lock` the lock \
                 alone",
            ),
    ])
}

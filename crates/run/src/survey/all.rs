//! Every input is opened once; what could be opened is there also where others failed.

use std::sync::{Mutex, PoisonError};

use arcoforge_core::combine::CombineAxis;
use arcoforge_core::error::{Code, Error, FoundFile};
use arcoforge_core::pattern::Position;
use arcoforge_core::recipe::Recipe;

use super::{Found, Interner, SurveyCache, Surveyor, open};
use crate::find::Inputs;
use crate::gaps::{self, Absent};
use crate::lock::Lock;
use crate::pool::{ERRORS_MAX, attempt};
use crate::session::{Event, Session, Stage};
use crate::{Outcome, checksums};

/// Threads that survey where inputs are on another machine.
const REMOTE_THREADS_MAX: usize = 32;

/// What surveying gave.
pub(crate) struct All {
    /// Inputs, in order.
    pub(crate) found: Vec<Found>,
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
    (interner, cache): (&Interner, Option<&SurveyCache>),
) -> Outcome<All> {
    let positions = &inputs.positions;
    let expected = checksums::expected(session, recipe, positions).map_err(|e| vec![e])?;
    session.tell(&Event::Started { stage: Stage::Survey, total: positions.len() as u64 });
    let changes: Mutex<Vec<(usize, FoundFile)>> = Mutex::default();
    let surveyor = Surveyor { session, recipe, pattern: &inputs.pattern, axes, expected, interner, cache };
    let one = |(): &mut (), at: usize| {
        session.check_interrupt()?;
        let Some(position) = positions.get(at) else { return Ok(None) };
        let opened = open(session, cache, position)?;
        let done = |found| {
            cache.inspect(|cache| cache.done(position));
            Ok(found)
        };
        let Some(opened) = opened else { return done(None) };
        let object = &opened.object;
        if let Some(changed) = lock.and_then(|l| l.change(position, object.url(), object.validator())) {
            let changed = FoundFile { url: object.url().to_owned(), has: changed };
            changes.lock().unwrap_or_else(PoisonError::into_inner).push((at, changed));
            return done(None);
        }
        let found = surveyor.survey(position, opened)?;
        session.tell(&Event::Advanced { stage: Stage::Survey, items: 1, bytes_read: 0, bytes_written: 0 });
        done(Some(found))
    };
    let (results, errors) = attempt(threads(session, positions), positions.len(), false, || (), one);
    cache.inspect(|cache| cache.flush());
    let over = |(_, error): &(usize, Error)| error.code == Code::Interrupted;
    if errors.len() >= ERRORS_MAX || errors.iter().any(over) || errors.len() == positions.len() {
        return Err(errors.into_iter().map(|(_, error)| error).collect());
    }
    session.tell(&Event::Finished { stage: Stage::Survey });
    check_changes(changes.into_inner().unwrap_or_else(PoisonError::into_inner), positions.len())?;
    let mut there = vec![false; positions.len()];
    let opened = results.iter().filter(|(_, found)| found.is_some()).map(|(at, _)| at);
    for at in opened.chain(errors.iter().map(|(at, _)| at)) {
        if let Some(there) = there.get_mut(*at) {
            *there = true;
        }
    }
    let found: Vec<Found> = results.into_iter().filter_map(|(_, found)| found).collect();
    let mut errors: Vec<Error> = errors.into_iter().map(|(_, error)| error).collect();
    let absent = gaps::absent(inputs, &there, recipe.combine.get("gaps", "")).unwrap_or_else(|more| {
        errors.extend(more);
        Absent::default()
    });
    if found.is_empty() && !errors.is_empty() { Err(errors) } else { Ok(All { found, absent, errors }) }
}

/// Threads wait where inputs are on another machine, so there are more of them.
fn threads(session: &Session<'_>, positions: &[Position]) -> usize {
    let remote = positions.iter().any(|p| p.candidates.iter().any(|c| c.starts_with("http")));
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
            .help("`arcoforge lock` takes the inputs as they are now"),
    ])
}

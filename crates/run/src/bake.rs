//! Baking: tasks on threads, chunks first, metadata last, then the dataset appears.
//!
//! Whatever ends a bake, what it made is kept beside the target with its receipts: the next bake of the same plan goes on
//! from there, one of another plan takes the chunks whose signatures are the same.

mod branch;
mod commit;
mod existing;
mod likeness;
mod past;
mod publication;
mod run;
mod staged;

use std::path::Path;

use arcoforge_core::check::{Examination, Verdict};
use arcoforge_core::error::{Code, Error};
use arcoforge_core::recipe::Recipe;

pub use self::branch::{Branch, MAIN};
pub(crate) use self::branch::{CheckOut, CheckedOut};
pub(crate) use self::existing::check_existing;
use self::existing::prepare_to_bake;
pub use self::existing::{AtTarget, Existing, at_target, check_unbaked, prepare_for};
pub(crate) use self::likeness::changed_ns;
pub use self::past::Past;
pub(crate) use self::publication::untouched_until;
pub(crate) use self::run::{Run, check_unchanged};
pub use self::staged::Staged;
pub(crate) use self::staged::summary;
use crate::Outcome;
use crate::describe::kept_chunks;
use crate::duplicates;
use crate::lock::Lock;
use crate::prepare::Prepared;
use crate::remote::RemoteStaged;
use crate::session::{Event, Session, Stage};

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
    past.branch().map_or(Ok(()), Branch::check_tag).map_err(fail)?;
    check_unbaked(&past, existing, &session.options).map_err(fail)?;
    let prepared = prepare_to_bake(session, recipe, lock, &mut past, existing)?;
    let mut staged = Staged::new(past, &prepared, existing != Existing::Refuse);
    if existing == Existing::Overwrite {
        staged.bake_anew();
    }
    if staged.done {
        staged.settle().map_err(fail)?;
    } else {
        check_existing(&mut staged.past, existing, recipe, &prepared)?;
        let seen = prepared.plan.finest();
        let examination = Examination::new(&recipe.checks, &seen.dataset)?;
        duplicates::compare(session, &prepared)?;
        staged.take(recipe, &prepared, false).map_err(fail)?;
        if !staged.done {
            // another bake may have published between the first look and the lock
            check_existing(&mut staged.past, existing, recipe, &prepared)?;
            if existing == Existing::Update {
                kept_chunks(&prepared).into_iter().for_each(|text| session.tell(&Event::Note(text)));
            }
            if prepared.plan.dataset.format.is_references() {
                staged.refer(session, &prepared, !examination.is_empty())?;
            } else {
                let (reuse, receipts) =
                    (staged.reuse(&prepared, existing == Existing::Update), staged.receipts(&prepared));
                staged.run(session, &prepared, receipts, &reuse, &(0..prepared.tasks()), None)?;
            }
            staged.complete(session, &prepared, &examination)?;
        }
    }
    staged.past.forget();
    Ok((staged, prepared))
}

/// A dataset that is complete and that readers do not see yet.
pub enum Ready {
    /// Of a target on a file system.
    Folder(Box<Staged>),
    /// Of one in an object store.
    Bucket(Box<RemoteStaged>),
}

/// [`publish`] for datasets wherever they go: those on file systems first.
///
/// # Errors
/// As [`publish`] and [`RemoteStaged::publish`].
pub fn publish_all(session: &Session<'_>, ready: Vec<Ready>) -> Outcome<Vec<Baked>> {
    let (mut folders, mut all) = (Vec::new(), Vec::new());
    for one in ready {
        match one {
            Ready::Folder(staged) => {
                folders.push(*staged);
                all.push(None);
            }
            Ready::Bucket(staged) => all.push(Some(staged)),
        }
    }
    let mut folders = publish(session, folders)?.into_iter();
    let of = |bucket: Option<Box<RemoteStaged>>| match bucket {
        Some(staged) => staged.publish(session),
        None => folders.next().ok_or_else(|| vec![Error::new(Code::Bug, "a dataset was not published")]),
    };
    all.into_iter().map(of).collect()
}

/// Makes datasets appear at their targets, one right after the other, each by one rename or one exchange of folders.
///
/// # Errors
/// `target-exists` or `target-unwritable` where a target changed since it was looked at; none is published where that is
/// seen before the first. Else those before it are, and the message names them. `interrupted` before the first.
pub fn publish(session: &Session<'_>, mut staged: Vec<Staged>) -> Outcome<Vec<Baked>> {
    let fail = |e: Error| vec![e];
    for one in &mut staged {
        one.find_committed(session).map_err(fail)?;
    }
    for one in staged.iter().filter(|one| one.done) {
        // of a run that was cut off behind its commit
        one.past.branch().map_or(Ok(()), Branch::set_tag).map_err(fail)?;
    }
    if staged.iter().all(|one| one.done) {
        return Ok(staged.iter().map(|one| one.baked.clone()).collect());
    }
    for one in staged.iter().filter(|one| !one.done) {
        one.past.check(one.overwrite).map_err(fail)?;
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

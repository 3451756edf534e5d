//! What lies at a target already, and whether a bake may take its place.

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::target::Dataset;

use super::past::Past;
use crate::Outcome;
use crate::lock::Lock;
use crate::prepare::{Prepared, prepare_like};
use crate::session::{Options, Session};
use crate::state::State;
use crate::update::{self, Differences};

/// What becomes of a store that lies at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It is an error.
    #[default]
    Refuse,
    /// It is replaced; nothing of what is published is used.
    Overwrite,
    /// It is replaced by one that takes over all chunks that are still the same. A store that this recipe did not make is
    /// an error.
    Update,
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
    /// A store that `--overwrite` replaces; which one, where more is known of it.
    OtherStore(Option<String>),
    /// A store that is not known to be of a part, and a part is to be baked: nothing replaces it.
    Whole,
}

/// Prepares a dataset for a target. Where an earlier bake of it lies there and is not replaced as a whole, its chunks stay
/// as they are wherever the recipe leaves them open.
///
/// # Errors
/// As [`prepare`](crate::prepare::prepare).
pub fn prepare_for(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    past: &mut Past,
    existing: Existing,
) -> Outcome<Prepared> {
    prepare_like(session, recipe, lock, |part| Ok(to_be_like(past, recipe, existing, part)))
}

/// [`prepare_for`], and refuses before any input is opened that a part takes the place of more than that.
pub(super) fn prepare_to_bake(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    past: &mut Past,
    existing: Existing,
) -> Outcome<Prepared> {
    prepare_like(session, recipe, lock, |part| {
        check_part(past, existing, part)?;
        Ok(to_be_like(past, recipe, existing, part))
    })
}

/// The dataset whose chunks stay as they are.
fn to_be_like<'p>(
    past: &'p mut Past,
    recipe: &Recipe,
    existing: Existing,
    part: bool,
) -> Option<&'p Dataset> {
    let old = if existing == Existing::Overwrite { None } else { past.published() };
    // a part is too short to choose chunks for the whole
    let old = old.filter(|old| old.recipe.name == recipe.name && (part || !old.part));
    old.map(|old| &old.dataset)
}

/// Looks at a target and changes nothing.
///
/// # Errors
/// `target-exists` where something lies there that no bake replaces; `target-unwritable`.
pub fn at_target(past: &mut Past, recipe: &Recipe, prepared: &Prepared) -> Result<AtTarget> {
    past.look();
    let target = past.target().to_owned();
    if past.made_by() == Some(&State::new(&target, &prepared.digest)) {
        return Ok(AtTarget::SameDataset);
    }
    past.check(true)?;
    if past.check(false).is_ok() {
        return Ok(AtTarget::Nothing);
    }
    let old = past.published();
    if prepared.part && !old.as_ref().is_some_and(|old| old.part) {
        return Ok(AtTarget::Whole);
    }
    let old = old.filter(|old| old.recipe.name == recipe.name);
    let differences = old.and_then(|old| update::check(old, prepared, recipe).ok());
    Ok(match differences {
        Some(found) => AtTarget::Outdated(found.text()),
        None if past.made_by().is_some() => AtTarget::OtherStore(None),
        None => AtTarget::OtherStore(past.stranger().map(|(what, _)| what)),
    })
}

/// Refuses a target before any work. One that a bake of ours lies at may hold the very dataset, which is no error.
///
/// # Errors
/// `target-exists`, `target-unwritable`.
pub fn check_unbaked(past: &Past, existing: Existing, options: &Options) -> Result<()> {
    if past.made_by().is_some() {
        return past.check_place();
    }
    // of a part it is said that it is one, which is known once the inputs are found
    let perhaps_part = existing == Existing::Update && !options.take.is_empty();
    if perhaps_part { past.check(true) } else { check_unknown(past, existing) }
}

/// A part of a dataset (`--take`, `--test`) takes the place of nothing but another part.
fn check_part(past: &mut Past, existing: Existing, part: bool) -> Result<()> {
    let replaces = part && existing != Existing::Refuse;
    if !replaces || past.check(false).is_ok() {
        return Ok(());
    }
    let found = match past.published() {
        Some(old) if old.part => return Ok(()),
        Some(_) => "a bake of the whole dataset",
        None => "a store that may hold a whole dataset",
    };
    past.check(true)?;
    let message = format!("found {found}, and `--take` and `--test` bake a part of it");
    Err(Error::new(Code::TargetExists, message)
        .at(past.target().display().to_string())
        .help("bake the part to another target, as in `--to part.zarr`; or remove the store first"))
}

/// Refuses a target that no bake of ours lies at.
fn check_unknown(past: &Past, existing: Existing) -> Result<()> {
    let replaceable = past.check(true).is_ok();
    let explained = |e: Error| {
        if e.code != Code::TargetExists || !replaceable {
            return e;
        }
        match (past.stranger(), existing) {
            (Some((what, help)), _) => Error { message: format!("found {what}"), ..e }.help(help),
            (None, Existing::Update) => {
                let message = "found a store whose recipe is not known: only what `bake` made can be updated";
                Error { message: message.to_owned(), ..e }
                    .help("`--overwrite` replaces it, in one atomic step")
            }
            (None, _) => e,
        }
    };
    past.check(existing == Existing::Overwrite).map_err(explained)
}

/// Refuses what may not be replaced, once the new dataset is known. Asked again of a store that passed, it compares no
/// inputs.
pub(crate) fn check_existing(
    past: &mut Past,
    existing: Existing,
    recipe: &Recipe,
    prepared: &Prepared,
) -> Outcome<()> {
    let fail = |e: Error| vec![e];
    if past.has_passed() {
        past.check(existing != Existing::Refuse).map_err(fail)?;
        return if existing == Existing::Update { check_foreign(past).map_err(fail) } else { Ok(()) };
    }
    check_part(past, existing, prepared.part).map_err(fail)?;
    match existing {
        Existing::Overwrite => check_unknown(past, existing).map_err(fail)?,
        Existing::Update => check_update(past, recipe, prepared)?,
        Existing::Refuse => check_absent(past, recipe, prepared)?,
    }
    past.pass();
    Ok(())
}

fn check_update(past: &mut Past, recipe: &Recipe, prepared: &Prepared) -> Outcome<()> {
    let (fail, target) = (|e: Error| vec![e], past.target().to_owned());
    let Some(old) = past.published() else {
        return check_unknown(past, Existing::Update).map_err(fail);
    };
    if old.recipe.name != recipe.name {
        let message = format!("found a store of the recipe `{}`", old.recipe.name);
        return Err(vec![
            Error::new(Code::TargetExists, message)
                .at(target.display().to_string())
                .help("`--overwrite` replaces it, in one atomic step"),
        ]);
    }
    let differences = update::check(old, prepared, recipe);
    past.check(true).map_err(fail)?;
    check_foreign(past).map_err(fail)?;
    differences.map(drop)
}

fn check_foreign(past: &mut Past) -> Result<()> {
    let Some(dataset) = past.dataset().cloned() else { return Ok(()) };
    past.check_foreign(&dataset)
}

fn check_absent(past: &mut Past, recipe: &Recipe, prepared: &Prepared) -> Outcome<()> {
    if past.published().is_none() {
        return check_unknown(past, Existing::Refuse).map_err(|e| vec![e]);
    }
    let found = past.check(false);
    let Some(old) = past.published() else { return Ok(()) };
    found.map_err(|error| {
        if old.recipe.name != recipe.name {
            return vec![error];
        }
        let was = Differences::between(old, prepared).text();
        let message = format!("found an earlier bake of this dataset: {was}");
        let help = "`--update` brings it up to date, `--overwrite` bakes it anew; both in one atomic step";
        vec![Error { message, ..error }.help(help)]
    })
}

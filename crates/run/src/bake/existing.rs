//! What lies at a target already, and whether a bake may take its place.

use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_write::check_target;

use super::publication::{is_done, published, published_by, stranger};
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
    /// It is replaced; nothing of it is used.
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
    target: &Path,
    existing: Existing,
) -> Outcome<Prepared> {
    let old = if existing == Existing::Overwrite { None } else { published(target) };
    // a part is too short to choose chunks for the whole
    let old = old.filter(|old| old.recipe.name == recipe.name);
    let old = old.filter(|old| !old.part || !session.options.take.is_empty());
    prepare_like(session, recipe, lock, old.as_ref().map(|old| &old.dataset))
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
    if check_target(target, false).is_ok() {
        return Ok(AtTarget::Nothing);
    }
    let old = published(target);
    if prepared.part && !old.as_ref().is_some_and(|old| old.part) {
        return Ok(AtTarget::Whole);
    }
    let old = old.filter(|old| old.recipe.name == recipe.name);
    let differences = old.and_then(|old| update::check(&old, prepared, recipe).ok());
    Ok(match differences {
        Some(found) => AtTarget::Outdated(found.text()),
        None if published_by(target).is_some() => AtTarget::OtherStore(None),
        None => AtTarget::OtherStore(stranger(target).map(|(what, _)| what)),
    })
}

/// Refuses a target before any work. One that a bake of ours lies at may hold the very dataset, which is no error.
///
/// # Errors
/// `target-exists`, `target-unwritable`.
pub fn check_unbaked(target: &Path, existing: Existing, options: &Options) -> Result<()> {
    check_part(target, existing, options)?;
    if published_by(target).is_some() { Ok(()) } else { check_unknown(target, existing) }
}

/// A part of a dataset (`--take`, `--test`) takes the place of nothing but another part.
fn check_part(target: &Path, existing: Existing, options: &Options) -> Result<()> {
    let replaces = !options.take.is_empty() && existing != Existing::Refuse;
    if !replaces || check_target(target, false).is_ok() {
        return Ok(());
    }
    let found = match published(target) {
        Some(old) if old.part => return Ok(()),
        Some(_) => "a bake of the whole dataset",
        None => "a store that may hold a whole dataset",
    };
    check_target(target, true)?;
    let message = format!("found {found}, and `--take` and `--test` bake a part of it");
    Err(Error::new(Code::TargetExists, message)
        .at(target.display().to_string())
        .help("bake the part to another target, as in `--to part.zarr`; or remove the store first"))
}

/// Refuses a target that no bake of ours lies at.
fn check_unknown(target: &Path, existing: Existing) -> Result<()> {
    let replaceable = check_target(target, true).is_ok();
    let explained = |e: Error| {
        if e.code != Code::TargetExists || !replaceable {
            return e;
        }
        match (stranger(target), existing) {
            (Some((what, help)), _) => Error { message: format!("found {what}"), ..e }.help(help),
            (None, Existing::Update) => {
                let message = "found a store whose recipe is not known: only what `bake` made can be updated";
                Error { message: message.to_owned(), ..e }
                    .help("`--overwrite` replaces it, in one atomic step")
            }
            (None, _) => e,
        }
    };
    check_target(target, existing == Existing::Overwrite).map_err(explained)
}

/// Refuses what may not be replaced, once the new dataset is known.
pub(crate) fn check_existing(
    target: &Path,
    existing: Existing,
    recipe: &Recipe,
    prepared: &Prepared,
) -> Outcome<()> {
    let fail = |e: Error| vec![e];
    let Some(old) = published(target) else { return check_unknown(target, existing).map_err(fail) };
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
            update::check_foreign(target, &old.dataset).map_err(fail)?;
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

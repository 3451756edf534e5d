//! `plan`: what a bake would do.

use std::path::PathBuf;

use arcoforge_run::{AtTarget, at_target, describe, prepare};
use serde_json::json;

use crate::Outcome;
use crate::cli::Plan;
use crate::given::{Given, given};
use crate::output::Output;

pub(crate) fn run(args: &Plan, output: &Output) -> Outcome {
    let given = given(output, &args.inputs, &args.shape, &args.run)?;
    let target = target(args, &given)?;
    let lock = given.lock()?;
    let prepared = given.run(output, |session, recipe| prepare(session, recipe, lock.as_ref()))?;
    let found = match &target {
        Some(target) => Some(at_target(target, &prepared.digest)?),
        None => None,
    };
    let target = target.map(|path| path.display().to_string());
    if let (Some(target), Some(found)) = (&target, found) {
        output.data(&format!("target: {target}: {}\n", told(found, args.overwrite)));
    }
    output.data(&describe::plan_text(&prepared));
    if output.json {
        output.done(json!({
            "command": "plan",
            "target": target,
            "at_target": found.map(name),
            "plan": describe::plan_json(&prepared),
        }));
    }
    Ok(())
}

/// The target, where anything says which: data files have none without `--to`.
fn target(args: &Plan, given: &Given) -> Outcome<Option<PathBuf>> {
    if args.to.is_none() && given.path.is_none() {
        return Ok(None);
    }
    given.target(args.to.as_deref()).map(Some)
}

const fn told(found: AtTarget, overwrite: bool) -> &'static str {
    match (found, overwrite) {
        (AtTarget::Nothing, _) => "nothing is there yet",
        (AtTarget::SameDataset, _) => "holds this dataset already; a bake does nothing",
        (AtTarget::OtherStore, true) => "holds another store, which a bake replaces",
        (AtTarget::OtherStore, false) => "holds another store; a bake needs `--overwrite` to replace it",
    }
}

const fn name(found: AtTarget) -> &'static str {
    match found {
        AtTarget::Nothing => "nothing",
        AtTarget::SameDataset => "same-dataset",
        AtTarget::OtherStore => "other-store",
    }
}

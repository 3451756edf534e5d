//! `plan`: what a bake would do.

use std::path::PathBuf;

use arcoforge_run::{AtTarget, Locks, at_target, describe, prepare};
use serde_json::json;

use crate::Outcome;
use crate::cli::Plan;
use crate::datasets::Datasets;
use crate::given::{Given, given};
use crate::output::Output;
use crate::report::{self, Failure};

pub(crate) fn run(args: &Plan, output: &Output) -> Outcome {
    let mut datasets = given(output, &args.inputs, &args.shape, &args.run)?;
    let targets = targets(args, &datasets)?;
    let locks = datasets.locks()?;
    let mut failed = None;
    for (given, target) in datasets.chosen.iter().zip(targets) {
        if let Err(failure) = one(args, output, given, target, &locks) {
            failed.get_or_insert(failure.code());
            report::show(&given.output(output), &failure);
        }
    }
    match failed {
        Some(code) => return Err(Failure::Shown(code)),
        None if datasets.chosen.len() > 1 => {
            output.done(json!({"command": "plan", "datasets": datasets.chosen.len()}));
        }
        None => {}
    }
    Ok(())
}

fn one(args: &Plan, output: &Output, given: &Given, target: Option<PathBuf>, locks: &Locks) -> Outcome {
    let lock = locks.get(&given.recipe.name);
    let prepared = given.run(output, |session, recipe| prepare(session, recipe, lock))?;
    let found = match &target {
        Some(target) => Some(at_target(target, &prepared.digest)?),
        None => None,
    };
    let target = target.map(|path| path.display().to_string());
    if let Some((number, _)) = given.number {
        let gap = if number > 1 { "\n" } else { "" };
        output.data(&format!("{gap}dataset: {}\n", given.recipe.name));
    }
    if let (Some(target), Some(found)) = (&target, found) {
        output.data(&format!("target: {target}: {}\n", told(found, args.overwrite)));
    }
    output.data(&describe::plan_text(&prepared));
    if output.json {
        let fields = json!({
            "command": "plan",
            "target": target,
            "at_target": found.map(name),
            "plan": describe::plan_json(&prepared),
        });
        given.output(output).line(if given.number.is_some() { "dataset" } else { "done" }, fields);
    }
    Ok(())
}

/// The targets, where anything says which: data files have none without `--to`.
fn targets(args: &Plan, datasets: &Datasets) -> Outcome<Vec<Option<PathBuf>>> {
    if args.to.is_none() && datasets.chosen.iter().all(|given| given.path.is_none()) {
        return Ok(vec![None; datasets.chosen.len()]);
    }
    Ok(datasets.targets(args.to.as_deref())?.into_iter().map(Some).collect())
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

//! `plan`: what a bake would do.

use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{
    AtTarget, Existing, Locks, Past, Place, PlanFile, Prepared, RunFile, at_bucket, at_target, check_lasting,
    check_planned, check_unbaked, describe, figures, first_text, first_units, prepare, prepare_for,
};
use serde_json::{Value, json};

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
    for (given, target) in datasets.chosen.iter_mut().zip(targets) {
        if args.save.is_some() {
            // other processes run it from other folders
            let base = &given.options.base;
            given.options.base = absolute(if base.as_os_str().is_empty() { Path::new(".") } else { base })?;
        }
        let past = match &target {
            Some(target) => given.past(target, args.branch.as_deref(), None)?,
            None => None,
        };
        // a plan that is only shown says what lies there
        if let Some(past) = past.as_ref().filter(|_| args.save.is_some()) {
            check_unbaked(past, existing(args), &given.options)?;
        }
        if let Err(failure) = one(args, output, given, (target.as_ref(), past), &locks) {
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

fn one(
    args: &Plan,
    output: &Output,
    given: &Given,
    (target, mut past): (Option<&Place>, Option<Past>),
    locks: &Locks,
) -> Outcome {
    let lock = locks.get(&given.recipe.name);
    let (prepared, found) = given.run(output, |session, recipe| {
        let Some(past) = &mut past else {
            let prepared = prepare(session, recipe, lock)?;
            let Some(Place::Bucket(url)) = target else { return Ok((prepared, None)) };
            let found = at_bucket(session, url, recipe, &prepared).map_err(|e| vec![e])?;
            return Ok((prepared, Some(found)));
        };
        let prepared = prepare_for(session, recipe, lock, past, existing(args))?;
        let found = at_target(past, recipe, &prepared).map_err(|e| vec![e])?;
        if args.save.is_some() && found != AtTarget::SameDataset {
            check_lasting(&prepared)?;
            check_planned(past, args.overwrite, recipe, &prepared)?;
        }
        Ok((prepared, Some(found)))
    })?;
    let mut saved = Value::Null;
    if let (Some(units), Some(path)) = (args.units, &args.save) {
        saved = save(args, output, given, &prepared, target.and_then(Place::folder), units, path)?;
    }
    let target = target.map(Place::to_string);
    if let Some((number, _)) = given.number {
        let gap = if number > 1 { "\n" } else { "" };
        output.data(&format!("{gap}dataset: {}\n", given.recipe.name));
    }
    if let (Some(target), Some(found)) = (&target, &found) {
        output.data(&format!("target: {target}: {}\n", told(found, args.overwrite)));
    }
    output.data(&describe::plan_text(&prepared));
    if output.json {
        let fields = json!({
            "command": "plan",
            "target": target,
            "at_target": found.as_ref().map(name),
            "plan": describe::plan_json(&prepared),
            "units": saved,
        });
        given.output(output).line(if given.number.is_some() { "dataset" } else { "done" }, fields);
    }
    Ok(())
}

const fn existing(args: &Plan) -> Existing {
    if args.overwrite { Existing::Overwrite } else { Existing::Refuse }
}

/// The targets, where anything says which: data files have none without `--to`.
fn targets(args: &Plan, datasets: &Datasets) -> Outcome<Vec<Option<Place>>> {
    if args.to.is_none() && datasets.chosen.iter().all(|given| given.path.is_none()) {
        return Ok(vec![None; datasets.chosen.len()]);
    }
    Ok(datasets.targets(args.to.as_deref())?.into_iter().map(Some).collect())
}

fn absolute(path: &Path) -> Outcome<PathBuf> {
    let failed = |e| Error::new(Code::Usage, "the current folder is not known").caused_by(e);
    Ok(std::path::absolute(path).map_err(failed)?)
}

/// Writes the plan for `unit` and `finish`; gives back what a program wants to know of it.
fn save(
    args: &Plan,
    output: &Output,
    given: &Given,
    prepared: &Prepared,
    target: Option<&Path>,
    units: u64,
    path: &Path,
) -> Outcome<Value> {
    let Some(target) = target.filter(|_| given.number.is_none()) else {
        let error = Error::new(Code::Usage, "found `--save`, expected one dataset that goes to a folder");
        return Err(error.help("give `--to FOLDER`, and choose one dataset: `--only NAME`").into());
    };
    let options = &given.options;
    let run = RunFile {
        target: absolute(target)?,
        branch: args.branch.clone(),
        tag: None,
        overwrite: args.overwrite,
        units: units.min(prepared.unit_tasks().max(1)),
        tasks: prepared.tasks(),
        memory_bytes: prepared.plan.memory_bytes,
        workers: options.budget.workers,
        connections: options.connections,
        base: options.base.clone(),
        take: options.take.clone(),
        scratch: options.scratch.as_deref().map(absolute).transpose()?,
        cache: options.cache.as_deref().map(absolute).transpose()?,
        unchecked_copies: false,
    };
    let units = run.units;
    PlanFile::new(&given.recipe, prepared, Some(run)).write(path)?;
    let first = first_units(units, prepared);
    let order = match first {
        0 => "in any order".to_owned(),
        1 => format!("{} and comes first; the others begin when it has ended", first_text(first)),
        _ => format!("{} and come first; the others begin when these have ended", first_text(first)),
    };
    output.note(&format!("{}: {}: {order}", path.display(), figures::count(units, "unit")));
    Ok(json!({"file": path.display().to_string(), "count": units, "first": first}))
}

fn told(found: &AtTarget, overwrite: bool) -> String {
    match (found, overwrite) {
        (AtTarget::Nothing, _) => "nothing is there yet".into(),
        (AtTarget::SameDataset, _) => "holds this dataset already; a bake does nothing".into(),
        (AtTarget::Whole, _) => {
            "holds a whole dataset; a part of one (`--take`, `--test`) goes to another target".into()
        }
        (AtTarget::Outdated(how), false) => {
            format!("holds an earlier bake of this recipe ({how}); `--update` brings it up to date")
        }
        (AtTarget::Outdated(_) | AtTarget::OtherStore(_), true) => {
            "holds another store, which a bake replaces".into()
        }
        (AtTarget::OtherStore(what), false) => {
            let what = what.as_deref().unwrap_or("another store");
            format!("holds {what}; a bake needs `--overwrite` to replace it")
        }
    }
}

const fn name(found: &AtTarget) -> &'static str {
    match found {
        AtTarget::Nothing => "nothing",
        AtTarget::SameDataset => "same-dataset",
        AtTarget::Outdated(_) => "outdated",
        AtTarget::OtherStore(_) => "other-store",
        AtTarget::Whole => "whole-dataset",
    }
}

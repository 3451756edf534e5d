//! `verify`: target and sources, value by value.

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{Locks, Place, figures, prepare, verify, verify_branch, verify_bucket};
use serde_json::{Value, json};

use crate::Outcome;
use crate::cli::Verify;
use crate::given::{Given, given};
use crate::output::Output;
use crate::report::{self, Failure};

pub(crate) fn run(args: &Verify, output: &Output) -> Outcome {
    let mut datasets = given(output, &args.inputs, &args.shape, &args.run)?;
    // what was found in an earlier run is what is to be verified
    datasets.chosen.iter_mut().for_each(|given| given.options.survey_cache = None);
    let targets = datasets.targets(args.to.as_deref())?;
    let locks = datasets.locks()?;
    let (mut lines, mut failed) = (Vec::new(), None);
    for (given, target) in datasets.chosen.iter().zip(&targets) {
        match one(args, output, given, target, &locks) {
            Ok(fields) => lines.push((given.output(output), fields)),
            Err(failure) => {
                failed.get_or_insert(failure.code());
                report::show(&given.output(output), &failure);
            }
        }
    }
    match failed {
        Some(code) => Err(Failure::Shown(code)),
        None => {
            output.datasets("verify", lines);
            Ok(())
        }
    }
}

fn one(args: &Verify, output: &Output, given: &Given, place: &Place, locks: &Locks) -> Outcome<Value> {
    if place.folder().is_some_and(|target| !target.exists()) {
        let error = Error::new(Code::TargetNotFound, "the store to compare does not exist");
        let error = error.at(place.to_string());
        return Err(error.help("name the store that was baked, as in `--to sst.zarr`").into());
    }
    let branch = given.branch(place, args.branch.as_deref(), None)?;
    let verified = given.run(output, |session, recipe| {
        let prepared = prepare(session, recipe, locks.get(&recipe.name))?;
        match (&branch, place) {
            (Some(branch), _) => verify_branch(session, &prepared, branch, args.sample),
            (None, Place::Folder(target)) => verify(session, &prepared, target, args.sample),
            (None, Place::Bucket(url)) => verify_bucket(session, &prepared, url, args.sample),
        }
    })?;
    let target = place.to_string();
    let (done, all) = verified.tasks;
    let extent = if done == all { "every value".to_owned() } else { format!("{done} of {all} tasks") };
    output.data(&format!(
        "{target}: equal to its sources: {extent}, {} of {}\n",
        figures::count(verified.cells, "cell"),
        figures::count(verified.arrays as u64, "array"),
    ));
    Ok(json!({
        "command": "verify", "target": target, "arrays": verified.arrays, "tasks": done, "tasks_total": all,
        "cells": verified.cells,
    }))
}

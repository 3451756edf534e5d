//! `verify`: target and sources, value by value.

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{figures, prepare, verify};
use serde_json::json;

use crate::Outcome;
use crate::cli::Verify;
use crate::given::given;
use crate::output::Output;

pub(crate) fn run(args: &Verify, output: &Output) -> Outcome {
    let given = given(output, &args.inputs, &args.shape, &args.run)?;
    let target = given.target(args.to.as_deref())?;
    if !target.exists() {
        let error = Error::new(Code::TargetNotFound, "the store to compare does not exist");
        let error = error.at(target.display().to_string());
        return Err(error.help("name the store that was baked, as in `--to sst.zarr`").into());
    }
    let lock = given.lock()?;
    let verified = given.run(output, |session, recipe| {
        let prepared = prepare(session, recipe, lock.as_ref())?;
        verify(session, &prepared, &target, args.sample)
    })?;
    let target = target.display().to_string();
    let (done, all) = verified.tasks;
    let extent = if done == all { "every value".to_owned() } else { format!("{done} of {all} tasks") };
    output.data(&format!(
        "{target}: equal to its sources: {extent}, {} of {}\n",
        figures::count(verified.cells, "cell"),
        figures::count(verified.arrays as u64, "array"),
    ));
    output.done(json!({
        "command": "verify", "target": target, "arrays": verified.arrays, "tasks": done, "tasks_total": all,
        "cells": verified.cells,
    }));
    Ok(())
}

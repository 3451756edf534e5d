//! `bake`: the dataset is made.

use std::path::Path;
use std::time::Instant;

use arcoforge_core::error::Error;
use arcoforge_run::describe::{check_json, checks_text};
use arcoforge_run::{Baked, Event, Lock, Prepared, Session, bake_locked, figures};
use serde_json::json;

use crate::Outcome;
use crate::cli::Bake;
use crate::given::{Given, given};
use crate::output::Output;

pub(crate) fn run(args: &Bake, output: &Output) -> Outcome {
    let begun = Instant::now();
    let mut given = given(output, &args.inputs, &args.shape, &args.run)?;
    given.options.unchecked_copies = args.unchecked_copies;
    let target = given.target(args.to.as_deref())?;
    let lock = given.lock()?;
    let baked = given.run(output, |session, recipe| {
        let (baked, prepared) = bake_locked(session, recipe, lock.as_ref(), &target, args.overwrite)?;
        if lock.is_none() && given.options.take.is_empty() {
            write_lock(session, &given, &prepared);
        }
        Ok(baked)
    })?;
    show(output, &baked, &target, begun);
    Ok(())
}

/// Pins the inputs that were baked; a folder that can't be written to is worth a warning, not a failure.
fn write_lock(session: &Session<'_>, given: &Given, prepared: &Prepared) {
    let Some(path) = given.lock_path() else { return };
    let inputs = prepared.surveyed.iter();
    let found = inputs.map(|s| (s.index.clone(), s.object.url().to_owned(), s.object.validator().clone()));
    let written: Result<(), Error> =
        Lock::new(&given.recipe, &given.options.base, found.collect()).and_then(|lock| lock.write(&path));
    if let Err(error) = written {
        let message = format!("{} was not written: {}", path.display(), error.message);
        session.tell(&Event::Warning(message));
    }
}

fn show(output: &Output, baked: &Baked, target: &Path, begun: Instant) {
    let target = target.display().to_string();
    if baked.nothing_to_do {
        output.note(&format!("{target} holds this dataset already; nothing to do"));
    } else {
        output.note(&format!(
            "{target}: {} from {}, {} in {}, {}",
            figures::count(baked.arrays as u64, "array"),
            figures::count(baked.inputs as u64, "input"),
            figures::bytes(baked.bytes_written),
            figures::count(baked.objects, "object"),
            figures::duration(begun.elapsed()),
        ));
    }
    if !baked.checks.is_empty() {
        output.note(&format!("checks: {}", checks_text(&baked.checks)));
    }
    output.done(json!({
        "command": "bake",
        "target": target,
        "nothing_to_do": baked.nothing_to_do,
        "inputs": baked.inputs,
        "arrays": baked.arrays,
        "objects": baked.objects,
        "bytes_written": baked.bytes_written,
        "bytes_read": baked.bytes_read,
        "digest": baked.digest,
        "checks": baked.checks.iter().map(check_json).collect::<Vec<_>>(),
    }));
}

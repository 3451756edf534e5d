//! `bake`: the datasets are made.

use std::time::Instant;

use arcoforge_core::error::Error;
use arcoforge_run::describe::{check_json, checks_text};
use arcoforge_run::{
    Baked, Described, Event, Existing, Lock, Locks, MAIN, Past, Place, Prepared, Ready, RemoteTarget,
    Session, check_unbaked, figures, publish_all, stac, stage, stage_remote, write_stac,
};
use serde_json::{Value, json};

use crate::Outcome;
use crate::cli::Bake;
use crate::datasets::Datasets;
use crate::given::{Given, given, in_session};
use crate::output::Output;

pub(crate) fn run(args: &Bake, output: &Output) -> Outcome {
    let begun = Instant::now();
    let mut datasets = given(output, &args.inputs, &args.shape, &args.run)?;
    let targets = datasets.targets(args.to.as_deref())?;
    // an update takes the inputs as they are now, whatever the lock says, and writes it anew
    let mut locks = match datasets.locks() {
        Err(_) if args.update => Locks::default(),
        locks => locks?,
    };
    let existing = match (args.overwrite, args.update) {
        (true, _) => Existing::Overwrite,
        (false, true) => Existing::Update,
        (false, false) => Existing::Refuse,
    };
    let past =
        |(given, target): (&Given, &Place)| given.past(target, args.branch.as_deref(), args.tag.as_deref());
    let pasts = datasets.chosen.iter().zip(&targets).map(past).collect::<Outcome<Vec<Option<Past>>>>()?;
    for (given, past) in datasets.chosen.iter().zip(pasts.iter()) {
        past.as_ref().map_or(Ok(()), |past| check_unbaked(past, existing, &given.options))?;
    }
    let (mut ready, mut described, mut new) = (Vec::new(), Vec::new(), false);
    for (given, (target, past)) in datasets.chosen.iter_mut().zip(targets.iter().zip(pasts)) {
        given.options.unchecked_copies = args.unchecked_copies;
        let name = given.recipe.name.clone();
        let (one, lock) = given.run(output, |session, recipe| {
            // an update takes the inputs as they are now
            let locked = locks.get(&name).filter(|_| !args.update);
            let (one, prepared) = match past {
                Some(past) => {
                    let (staged, prepared) = stage(session, recipe, locked, past, existing)?;
                    (Ready::Folder(Box::new(staged)), prepared)
                }
                None => {
                    let target = RemoteTarget { url: target.to_string(), in_place: args.in_place };
                    let (staged, prepared) = stage_remote(session, recipe, locked, &target, existing)?;
                    (Ready::Bucket(Box::new(staged)), prepared)
                }
            };
            let wanted = locked.is_none() && given.options.take.is_empty() && given.path.is_some();
            described.push(args.stac.then(|| stac(recipe, &prepared.plan, target)));
            Ok((one, wanted.then(|| lock_of(given, &prepared)).transpose().map_err(|e| vec![e])?))
        })?;
        ready.push(one);
        if let Some(lock) = lock {
            locks.insert(&name, lock);
            new = true;
        }
    }
    let [first, others @ ..] = datasets.chosen.as_slice() else { return Ok(()) };
    let all = if others.is_empty() { first.output(output) } else { output.clone() };
    let baked = in_session(&all, &first.options, |session| {
        let baked = publish_all(session, ready)?;
        if new {
            write_locks(session, &datasets, &locks);
        }
        // beside a repository lies what describes its main branch
        if args.branch.as_deref().is_none_or(|branch| branch == MAIN) {
            let asked = targets.iter().zip(&described);
            asked.for_each(|(place, described)| describe(session, place, described.as_ref()));
        }
        Ok(baked)
    })?;
    show(output, &datasets, &baked, &targets, begun);
    Ok(())
}

/// The inputs that were baked.
fn lock_of(given: &Given, prepared: &Prepared) -> Result<Lock, Error> {
    let inputs = prepared.files.iter().zip(&prepared.surveyed);
    let found =
        inputs.map(|(f, s)| (f.index.to_vec(), s.object.url().to_owned(), s.object.validator().clone()));
    let base = &given.options.base;
    Lock::new(&given.recipe, base, found.collect())?.with_checksums(base, &prepared.checksums)
}

/// Pins the inputs that were baked; a folder that can't be written to is worth a warning, not a failure.
fn write_locks(session: &Session<'_>, datasets: &Datasets, locks: &Locks) {
    let Some(path) = datasets.lock_path() else { return };
    if let Err(error) = locks.write(&path, datasets.several) {
        let message = format!("{} was not written: {}", path.display(), error.message);
        session.tell(&Event::Warning(message));
    }
}

/// Describes a dataset beside it; a place that can't be written to is worth a warning, not a failure.
fn describe(session: &Session<'_>, place: &Place, described: Option<&Described>) {
    let Some(described) = described else { return };
    if let Err(error) = write_stac(session, place, described) {
        session.tell(&Event::Warning(format!("{place}: no STAC item was written: {}", error.message)));
    }
}

fn show(output: &Output, datasets: &Datasets, baked: &[Baked], targets: &[Place], begun: Instant) {
    let mut lines = Vec::new();
    for ((given, baked), target) in datasets.chosen.iter().zip(baked).zip(targets) {
        let target = target.to_string();
        tell(output, baked, &target, begun);
        lines.push((given.output(output), fields("bake", baked, &target)));
    }
    output.datasets("bake", lines);
}

pub(super) fn tell(output: &Output, baked: &Baked, target: &str, begun: Instant) {
    if baked.nothing_to_do {
        output.note(&format!("{target} holds this dataset already; nothing to do"));
    } else {
        let kept = match baked.objects_kept {
            0 => String::new(),
            kept => format!(" ({} of them, {}, as they were)", kept, figures::bytes(baked.bytes_kept)),
        };
        output.note(&format!(
            "{target}: {} from {}, {} in {}{kept}, {}",
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
}

pub(super) fn fields(command: &str, baked: &Baked, target: &str) -> Value {
    json!({
        "command": command,
        "target": target,
        "nothing_to_do": baked.nothing_to_do,
        "inputs": baked.inputs,
        "arrays": baked.arrays,
        "objects": baked.objects,
        "bytes_written": baked.bytes_written,
        "objects_kept": baked.objects_kept,
        "bytes_kept": baked.bytes_kept,
        "bytes_read": baked.bytes_read,
        "digest": baked.digest,
        "checks": baked.checks.iter().map(check_json).collect::<Vec<_>>(),
    })
}

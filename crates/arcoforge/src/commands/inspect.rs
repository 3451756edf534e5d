//! `inspect`: what is in a file or store.

use arcoforge_run::{Session, Version, describe, inspect, inspect_version};
use serde_json::json;

use crate::Outcome;
use crate::cli::Inspect;
use crate::options;
use crate::output::Output;

pub(crate) fn run(args: &Inspect, output: &Output) -> Outcome {
    let session = Session::new(options::base(args.cache.clone()), |_| {});
    let version = match (&args.branch, &args.tag, &args.snapshot) {
        (Some(name), ..) => Some(Version::Branch(name.clone())),
        (_, Some(name), _) => Some(Version::Tag(name.clone())),
        (.., Some(id)) => Some(Version::Snapshot(id.clone())),
        (None, None, None) => None,
    };
    let found = match &version {
        Some(version) => inspect_version(&session, &args.input, version)?,
        None => inspect(&session, &args.input)?,
    };
    output.data(&describe::file_text(&found));
    if output.json {
        output.done(json!({"command": "inspect", "file": describe::file_json(&found)}));
    }
    Ok(())
}

//! `inspect`: what is in a file or store.

use arcoforge_run::{Session, describe, inspect};
use serde_json::json;

use crate::Outcome;
use crate::cli::Inspect;
use crate::options;
use crate::output::Output;

pub(crate) fn run(args: &Inspect, output: &Output) -> Outcome {
    let session = Session::new(options::base(args.cache.clone()), |_| {});
    let found = inspect(&session, &args.input)?;
    output.data(&describe::file_text(&found));
    if output.json {
        output.done(json!({"command": "inspect", "file": describe::file_json(&found)}));
    }
    Ok(())
}

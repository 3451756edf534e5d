//! `plan`: what a bake would do.

use arcoforge_run::{describe, prepare};
use serde_json::json;

use crate::Outcome;
use crate::cli::Plan;
use crate::given::given;
use crate::output::Output;

pub(crate) fn run(args: &Plan, output: &Output) -> Outcome {
    let given = given(output, &args.inputs, &args.shape, &args.run)?;
    let lock = given.lock()?;
    let prepared = given.run(output, |session, recipe| prepare(session, recipe, lock.as_ref()))?;
    output.data(&describe::plan_text(&prepared));
    if output.json {
        output.done(json!({"command": "plan", "plan": describe::plan_json(&prepared)}));
    }
    Ok(())
}

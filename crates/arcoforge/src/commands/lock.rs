//! `lock`: recipe.lock.

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{figures, lock};
use serde_json::json;

use crate::Outcome;
use crate::cli::Lock;
use crate::given::from_recipe;
use crate::output::Output;

pub(crate) fn run(args: &Lock, output: &Output) -> Outcome {
    let given = from_recipe(output, &args.recipe, &args.run)?;
    if args.run.take.is_some() {
        let error = Error::new(Code::Usage, "found `--take`, and a lock holds every input");
        return Err(error.help("leave out `--take`").into());
    }
    let path = given.lock_path().ok_or_else(|| Error::new(Code::Bug, "a recipe has no lock"))?;
    let lock = given.run(output, lock)?;
    lock.write(&path)?;
    let shown = path.display().to_string();
    output.note(&format!("{shown}: {}", figures::count(lock.inputs.len() as u64, "input")));
    output.done(json!({"command": "lock", "lock": shown, "inputs": lock.inputs.len()}));
    Ok(())
}

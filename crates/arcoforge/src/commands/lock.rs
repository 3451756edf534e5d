//! `lock`: recipe.lock.

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{Changes, Lock as Locked, figures, lock};
use serde_json::json;

use crate::Outcome;
use crate::cli::Lock;
use crate::given::from_recipe;
use crate::output::Output;

pub(crate) fn run(args: &Lock, output: &Output) -> Outcome {
    let given = from_recipe(output, &args.recipe, args.fetch.options())?;
    let path = given.lock_path().ok_or_else(|| Error::new(Code::Bug, "a recipe has no lock"))?;
    // one of another source, or damaged: there is nothing to compare with, and it is made anew
    let before = Locked::read(&path, &given.recipe).ok().flatten();
    let lock = given.run(output, lock)?;
    lock.write(&path)?;
    let changes = before.map(|before| lock.changes_since(&before));
    let shown = path.display().to_string();
    let inputs = figures::count(lock.inputs.len() as u64, "input");
    output.note(&format!("{shown}: {inputs}{}", changes.map(told).unwrap_or_default()));
    output.done(json!({
        "command": "lock",
        "lock": shown,
        "inputs": lock.inputs.len(),
        "changes": changes.map(|c| json!({"new": c.new, "changed": c.changed, "gone": c.gone})),
    }));
    Ok(())
}

fn told(changes: Changes) -> String {
    let Changes { new, changed, gone } = changes;
    match (new, changed, gone) {
        (0, 0, 0) => ", as before".to_owned(),
        _ => format!(", of which {new} new and {changed} changed; {gone} gone"),
    }
}

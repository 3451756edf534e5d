//! `lock`: recipe.lock.

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{Changes, Locks, figures, lock};
use serde_json::{Value, json};

use crate::Outcome;
use crate::cli::Lock;
use crate::given::from_recipe;
use crate::output::Output;

pub(crate) fn run(args: &Lock, output: &Output) -> Outcome {
    let mut datasets = from_recipe(output, &args.recipe, &args.only, &args.fetch.options())?;
    let path = datasets.lock_path().ok_or_else(|| Error::new(Code::Bug, "a recipe has no lock"))?;
    // those of another source, or damaged: there is nothing to compare with, and they are made anew
    let before = datasets.locks();
    let before = if args.only.is_empty() { before.unwrap_or_default() } else { before? };
    let mut locks = if args.only.is_empty() { Locks::default() } else { before.clone() };
    let mut lines = Vec::new();
    let shown = path.display().to_string();
    for given in &datasets.chosen {
        let name = given.recipe.name.as_str();
        let lock = given.run(output, lock)?;
        let changes = before.get(name).map(|before| lock.changes_since(before));
        let inputs = figures::count(lock.inputs.len() as u64, "input");
        let whose = if datasets.several { format!(": {name}") } else { String::new() };
        output.note(&format!("{shown}{whose}: {inputs}{}", changes.map(told).unwrap_or_default()));
        lines.push((given.output(output), fields(&shown, lock.inputs.len(), changes)));
        locks.insert(name, lock);
    }
    locks.write(&path, datasets.several)?;
    output.datasets("lock", lines);
    Ok(())
}

fn fields(path: &str, inputs: usize, changes: Option<Changes>) -> Value {
    json!({
        "command": "lock",
        "lock": path,
        "inputs": inputs,
        "changes": changes.map(|c| json!({"new": c.new, "changed": c.changed, "gone": c.gone})),
    })
}

fn told(changes: Changes) -> String {
    let Changes { new, changed, gone } = changes;
    match (new, changed, gone) {
        (0, 0, 0) => ", as before".to_owned(),
        _ => format!(", of which {new} new and {changed} changed; {gone} gone"),
    }
}

//! `check`: the problems of recipes.

use std::path::Path;

use arcoforge_core::error::Code;
use arcoforge_core::pattern::Input;
use arcoforge_core::recipe::Recipe;
use arcoforge_run::{Session, figures, find};
use serde_json::json;

use crate::Outcome;
use crate::cli::Check;
use crate::given::read_recipe;
use crate::options;
use crate::output::Output;
use crate::report::{self, Failure};

pub(crate) fn run(args: &Check, output: &Output) -> Outcome {
    let mut worst = None;
    for path in &args.recipes {
        if let Err(failure) = one(path, output) {
            let status = match &failure {
                Failure::Shown(code) => *code,
                Failure::Errors(errors) => errors.first().map_or(Code::Bug, |e| e.code),
            };
            report::show(output, &failure);
            worst.get_or_insert(status);
        }
    }
    output.done(json!({"command": "check", "recipes": args.recipes.len(), "ok": worst.is_none()}));
    worst.map_or(Ok(()), |code| Err(Failure::Shown(code)))
}

fn one(path: &Path, output: &Output) -> Outcome {
    let recipe = read_recipe(output, path)?;
    let name = path.display();
    let positions = match &recipe.source.input {
        // what a listing holds is for `plan` to find out
        Input::Find(_) => "inputs to be listed".to_owned(),
        Input::Url(_) | Input::Files(_) => figures::count(declared(path, &recipe)?, "input"),
    };
    output.data(&format!("{name}: ok, {positions}\n"));
    Ok(())
}

/// How many inputs the recipe declares. Opens nothing.
fn declared(path: &Path, recipe: &Recipe) -> Outcome<u64> {
    let session = Session::new(options::base(None), |_| {});
    let inputs = find(&session, recipe).map_err(|e| e.at(path.display().to_string()))?;
    Ok(inputs.positions.len() as u64)
}

//! `check`: the problems of recipes.

use std::path::Path;

use arcoforge_core::pattern::Input;
use arcoforge_core::recipe::Recipe;
use arcoforge_run::{Options, Session, figures, find};
use serde_json::json;

use crate::Outcome;
use crate::cli::Check;
use crate::datasets;
use crate::given::read_recipes;
use crate::options;
use crate::output::Output;
use crate::report::{self, Failure};

pub(crate) fn run(args: &Check, output: &Output) -> Outcome {
    let mut worst = None;
    for path in &args.recipes {
        if let Err(failure) = one(path, &args.only, output) {
            report::show(output, &failure);
            worst.get_or_insert(failure.code());
        }
    }
    output.done(json!({"command": "check", "recipes": args.recipes.len(), "ok": worst.is_none()}));
    worst.map_or(Ok(()), |code| Err(Failure::Shown(code)))
}

fn one(path: &Path, patterns: &[String], output: &Output) -> Outcome {
    let recipes = read_recipes(output, path)?;
    let several = recipes.len() > 1;
    let recipes = datasets::only(recipes, patterns)?;
    let name = path.display();
    credentials(&recipes, output);
    let found = recipes.iter().map(|recipe| inputs(path, recipe)).collect::<Outcome<Vec<_>>>()?;
    if !several {
        found.iter().for_each(|inputs| output.data(&format!("{name}: ok, {inputs}\n")));
        return Ok(());
    }
    output.data(&format!("{name}: ok, {}\n", figures::count(recipes.len() as u64, "dataset")));
    for (recipe, inputs) in recipes.iter().zip(found) {
        output.data(&format!("  {}: {inputs}\n", recipe.name));
    }
    Ok(())
}

/// Which credentials the recipes ask for, and whether this machine holds them; those who check need not.
fn credentials(recipes: &[Recipe], output: &Output) {
    let mut told = Vec::new();
    for asked in recipes.iter().filter_map(|recipe| recipe.source.credentials.as_ref()) {
        if told.contains(&asked) {
            continue;
        }
        told.push(asked);
        let options = Options { credentials: Some(asked.clone()), ..options::base(None) };
        match Session::new(options, |_| {}).credentials_found() {
            Ok(Some(place)) => output.note(&format!("credentials `{}`: {place}", asked.name)),
            Ok(None) => {}
            Err(error) => {
                let help = error.help.map_or_else(String::new, |help| format!(": {help}"));
                output.note(&format!("credentials `{}`: {}{help}", asked.name, error.message));
            }
        }
    }
}

/// The inputs in words; what a listing holds is for `plan` to find out.
fn inputs(path: &Path, recipe: &Recipe) -> Outcome<String> {
    Ok(match &recipe.source.input {
        Input::Find(_) => "inputs to be listed".to_owned(),
        Input::Url(_) | Input::Files(_) => figures::count(declared(path, recipe)?, "input"),
    })
}

/// How many inputs the recipe declares. Opens nothing.
fn declared(path: &Path, recipe: &Recipe) -> Outcome<u64> {
    let session = Session::new(options::base(None), |_| {});
    let inputs = find(&session, recipe).map_err(|e| e.at(path.display().to_string()))?;
    Ok(inputs.len() as u64)
}

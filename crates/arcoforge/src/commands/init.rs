//! `init`: a recipe from examples.

use std::path::Path;

use arcoforge_core::error::{Code, Error};
use arcoforge_run::{Session, init};
use serde_json::json;

use crate::Outcome;
use crate::cli::Init;
use crate::options;
use crate::output::Output;

pub(crate) fn run(args: &Init, output: &Output) -> Outcome {
    if let Some(path) = args.output.as_deref().filter(|path| path.exists() && !args.overwrite) {
        let error =
            Error::new(Code::TargetExists, "the recipe exists already").at(path.display().to_string());
        return Err(error.help("give another name, or `--overwrite` to replace it").into());
    }
    let session = Session::new(options::base(args.cache.clone()), |_| {});
    let folder = args.output.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let text = init(&session, &args.inputs, folder)?;
    check(&text)?;
    let shown = match &args.output {
        Some(path) => {
            std::fs::write(path, &text).map_err(|e| unwritable(path, e))?;
            output
                .note(&format!("{} is written; read it through, then `arcoforge plan {0}`", path.display()));
            Some(path.display().to_string())
        }
        None => {
            output.data(&text);
            None
        }
    };
    output.done(json!({"command": "init", "recipe": text, "written": shown}));
    Ok(())
}

/// What is written must be a recipe.
fn check(text: &str) -> Outcome {
    match arcoforge_recipe::parse(text, "recipe.yaml") {
        Ok(_) => Ok(()),
        Err(problems) => {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            let error =
                Error::new(Code::Bug, format!("this is a defect of arcoforge: the recipe is wrong: {first}"));
            Err(error.help(crate::panics::REPORT).into())
        }
    }
}

fn unwritable(path: &Path, cause: std::io::Error) -> Error {
    let error =
        Error::new(Code::TargetUnwritable, "the recipe can't be written").at(path.display().to_string());
    error.caused_by(cause)
}

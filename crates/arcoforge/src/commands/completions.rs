//! `completions`: a script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Outcome;
use crate::cli::Cli;
use crate::output::Output;

pub(crate) fn run(shell: Shell, output: &Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "arcoforge", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    output.data(&script);
    output.done(serde_json::json!({"script": script}));
    Ok(())
}

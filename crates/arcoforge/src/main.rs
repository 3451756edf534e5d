//! The one binary: arguments become calls of `arcoforge-recipe` and `arcoforge-run`, results become text or JSON.
//!
//! Data goes to stdout, everything else to stderr. What a command decides is decided in the crates below; here stands
//! only how it is asked for and how it is shown.

mod cli;
mod commands;
mod datasets;
mod given;
mod interrupt;
mod options;
mod output;
mod panics;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::output::Output;
use crate::report::Failure;

fn main() -> ExitCode {
    interrupt::spare_large_files();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report::usage(&error),
    };
    let output = Output::new(cli.output.json, cli.output.quiet);
    let result = panics::caught(|| commands::run(&cli.command, &output));
    let result = result.and_then(|()| output::answered().map_err(Failure::from));
    ExitCode::from(match result {
        Ok(()) => 0,
        Err(failure) => report::show(&output, &failure),
    })
}

/// The result of a command.
type Outcome<T = ()> = Result<T, Failure>;

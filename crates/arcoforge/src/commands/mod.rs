//! One module per command.

mod bake;
mod check;
mod completions;
mod finish;
mod init;
mod inspect;
mod lock;
mod plan;
mod schema;
mod unit;
mod verify;

use crate::Outcome;
use crate::cli::Command;
use crate::output::Output;

/// Does what was asked for.
pub(crate) fn run(command: &Command, output: &Output) -> Outcome {
    match command {
        Command::Bake(args) => bake::run(args, output),
        Command::Plan(args) => plan::run(args, output),
        Command::Unit(args) => unit::run(args, output),
        Command::Finish(args) => finish::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::Lock(args) => lock::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::Init(args) => init::run(args, output),
        Command::Schema => schema::run(output),
        Command::Completions { shell } => completions::run(*shell, output),
    }
}

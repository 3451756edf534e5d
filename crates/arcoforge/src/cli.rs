//! The commands with their purposes and examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::options::{Fetch, Inputs, Run, Shape};

/// Turns archives of scientific files (NetCDF, HDF5) into one analysis-ready Zarr dataset.
///
/// A recipe says which files there are and what dataset they make. `plan` shows what would be done, `bake` does it,
/// `verify` proves it.
#[derive(Debug, Parser)]
#[command(
    name = "arcoforge",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = TOP
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// How results are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Print one JSON object per line on stdout: events, then `done` or `error`
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,
    /// Print no progress, only results, warnings and errors
    #[arg(long, short, global = true, display_order = 901)]
    pub(crate) quiet: bool,
}

const TOP: &str = "\
Examples:
  arcoforge init archive/ --output recipe.yaml    writes a recipe for the files below archive/
  arcoforge plan recipe.yaml                      shows the dataset and what it costs
  arcoforge bake recipe.yaml --to sst.zarr        makes it
  arcoforge bake 'in/*.nc' --concat time --to sst.zarr

Exit codes:
  0  done                          4  the data was refused by a policy or a check
  1  a defect of arcoforge         5  an input could not be fetched or read
  2  usage                         6  the target failed
  3  the recipe is wrong         130  interrupted; nothing was published";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bake a recipe, or files given by name, into one Zarr store
    ///
    /// Every input is opened, checked against the others and written as chunks; the store appears only when it is
    /// complete. Where files disagree on something that matters, the bake stops and names them.
    ///
    /// Inputs are pinned in `recipe.lock` beside the recipe: a bake uses the lock that it finds, and writes one where
    /// there is none (not with `--take` or `--test`).
    ///
    /// Of a recipe that makes several datasets none is published before all are complete and have passed their checks.
    #[command(after_help = BAKE)]
    Bake(Bake),
    /// Show what a bake would do; write nothing
    ///
    /// Opens the metadata of every input and prints inputs, the combined dataset, chunks and codecs of every array,
    /// tasks, bytes and memory, and why chunks are decoded rather than copied.
    #[command(after_help = PLAN)]
    Plan(Plan),
    /// Carry out one unit of a plan, in a process of its own
    ///
    /// `plan --units N --save PLAN` divides a bake into units; each of them may run on another machine that sees the same
    /// inputs and the same target, in any order, several at once, and more than once. Where `plan` names units that come
    /// first, all others begin when these have ended. What a unit made is on the disk when it ends. `finish` publishes.
    #[command(after_help = UNIT)]
    Unit(Unit),
    /// Publish a plan whose units have all run
    ///
    /// Compares the receipts of the units with the plan, writes the metadata, makes the checks of the recipe and lets the
    /// store appear. Units that are missing are named.
    #[command(after_help = FINISH)]
    Finish(Finish),
    /// Check recipes without opening any data
    ///
    /// Prints every problem of every recipe, with the place in the text and what to do.
    #[command(after_help = CHECK)]
    Check(Check),
    /// Write recipe.lock: every input with what tells its version
    ///
    /// Opens every input once. A bake with a lock refuses inputs that changed since.
    #[command(after_help = LOCK)]
    Lock(Lock),
    /// Show what is in a file or Zarr store
    ///
    /// Prints format, groups, dimensions, variables with types, attributes, chunks, filters and storage order. The
    /// format is told by the content, not by the name.
    #[command(after_help = INSPECT)]
    Inspect(Inspect),
    /// Compare a store with its sources, value by value
    ///
    /// Reads target and sources again. Give the options that the bake had (`--step`, `--set`, `--take`, ...).
    #[command(after_help = VERIFY)]
    Verify(Verify),
    /// Write a recipe from a few example files, a folder or URLs
    ///
    /// Looks at the names and opens the first and last file, infers axes and the template of the paths, and writes a
    /// commented recipe. Nothing but the recipe is written, and that to stdout without `--output`.
    #[command(after_help = INIT)]
    Init(Init),
    /// Print the JSON Schema of recipes
    ///
    /// Editors check and complete recipes with it.
    #[command(after_help = SCHEMA)]
    Schema,
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

const BAKE: &str = "\
Examples:
  arcoforge bake recipe.yaml
  arcoforge bake recipe.yaml --take time=2 --to test.zarr
  arcoforge bake 'archive/*.nc' --concat time --chunks time=20 --step 'squeeze: [zlev]' --to sst.zarr
  arcoforge bake one.nc --to one.zarr --format zarr2
  arcoforge bake recipe.yaml --format icechunk --to sst.icechunk --tag v1
  arcoforge bake recipe.yaml --format icechunk-virtual --to sst.icechunk
  arcoforge bake recipe.yaml --only 'tas-*' --to 'out/{name}.zarr'";
const PLAN: &str = "\
Examples:
  arcoforge plan recipe.yaml
  arcoforge plan recipe.yaml --chunks time=20 --memory 2GiB
  arcoforge plan 'archive/*.nc' --concat time --json";
const UNIT: &str = "\
Examples:
  arcoforge plan recipe.yaml --to sst.zarr --units 16 --save sst.plan
  arcoforge unit --plan sst.plan --index 0
  arcoforge unit --plan sst.plan --index \"$SLURM_ARRAY_TASK_ID\"
  arcoforge finish --plan sst.plan";
const FINISH: &str = "Example:\n  arcoforge finish --plan sst.plan";
const CHECK: &str = "Example:\n  arcoforge check recipe.yaml other/recipe.yaml";
const LOCK: &str = "Example:\n  arcoforge lock recipe.yaml";
const INSPECT: &str = "Examples:\n  arcoforge inspect day.nc\n  arcoforge inspect https://host/day.nc --json\n  arcoforge inspect sst.zarr\n  arcoforge inspect sst.icechunk --tag v1";
const VERIFY: &str = "Examples:\n  arcoforge verify recipe.yaml --to sst.zarr\n  arcoforge verify recipe.yaml --to sst.zarr --sample 10";
const INIT: &str = "\
Examples:
  arcoforge init archive/ --output recipe.yaml
  arcoforge init https://host/sst.19900101.nc https://host/sst.19900102.nc > recipe.yaml";
const SCHEMA: &str = "Example:\n  arcoforge schema > recipe.schema.json";
const COMPLETIONS: &str = "\
Examples:
  arcoforge completions bash > ~/.local/share/bash-completion/completions/arcoforge
  arcoforge completions zsh > ~/.zfunc/_arcoforge";

/// `bake`.
#[derive(Debug, Args)]
pub(crate) struct Bake {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The store to write: a folder, or a place in an object store (`s3://`, `gs://`, `az://`); `{name}` in it stands for
    /// the dataset's name, as several datasets need it. Default: `output.to` of the recipe, else NAME.zarr; both in the
    /// current folder
    #[arg(long, value_name = "STORE")]
    pub(crate) to: Option<String>,
    /// The branch of the Icechunk repository; the default is main. One that is not there yet is made
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// A tag for the snapshot of the Icechunk repository that is committed; a tag never moves
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
    /// Replace a store that exists; it stays as it is until the new one is complete
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Bring a store up to date that this recipe made: inputs that are new or changed are baked, all other chunks are
    /// taken over; readers see the old dataset until the new one is complete. Refreshes recipe.lock
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) update: bool,
    /// Describe the dataset beside it, in STORE.stac: a STAC item and collection, and the lines of Python that open it
    #[arg(long)]
    pub(crate) stac: bool,
    /// In an object store, which can't exchange one store for another: let `--overwrite` and `--update` change what
    /// readers see. They find no dataset until the new one is complete
    #[arg(long)]
    pub(crate) in_place: bool,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Copy stored chunks without inflating them to compare their checksums
    #[arg(long, help_heading = "Running")]
    pub(crate) unchecked_copies: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The store that `bake` would write: says what lies there now. Default: as for `bake`
    #[arg(long, value_name = "STORE")]
    pub(crate) to: Option<String>,
    /// The branch of the Icechunk repository; the default is main. One that is not there yet is made
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Plan to replace a store that exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Divide the work into so many units and write the plan to a file, for `unit` and `finish`
    #[arg(long, value_name = "N", requires = "save", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) units: Option<u64>,
    /// The file of the plan
    #[arg(long, value_name = "PLAN", requires = "units")]
    pub(crate) save: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// `unit`.
#[derive(Debug, Args)]
pub(crate) struct Unit {
    /// The plan that `plan --units N --save PLAN` wrote
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// Which unit, from 0
    #[arg(long, value_name = "I")]
    pub(crate) index: u64,
    /// Which attempt at it this is; receipts tell it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) attempt: u32,
}

/// `finish`.
#[derive(Debug, Args)]
pub(crate) struct Finish {
    /// The plan whose units have run
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: PathBuf,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The recipes
    #[arg(required = true, value_name = "RECIPE")]
    pub(crate) recipes: Vec<PathBuf>,
    /// Only datasets of this name, of a recipe that makes several; a glob; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
}

/// `lock`.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// The recipe
    pub(crate) recipe: String,
    /// Only datasets of this name, of a recipe that makes several; a glob; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) fetch: Fetch,
}

/// `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A file, a URL or a Zarr store
    #[arg(value_name = "FILE|STORE")]
    pub(crate) input: String,
    /// The branch of an Icechunk repository; the default is main
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tag", "snapshot"])]
    pub(crate) branch: Option<String>,
    /// A tag of an Icechunk repository
    #[arg(long, value_name = "NAME", conflicts_with = "snapshot")]
    pub(crate) tag: Option<String>,
    /// A snapshot of an Icechunk repository
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<String>,
    /// Keep downloads in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The store to compare. Default: as for `bake`
    #[arg(long, value_name = "STORE")]
    pub(crate) to: Option<String>,
    /// The branch of the Icechunk repository; the default is main
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Compare every N-th task only
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Example files, folders, globs or URLs
    #[arg(required = true, value_name = "FILE|DIR|URL")]
    pub(crate) inputs: Vec<String>,
    /// Write the recipe to this file
    #[arg(long, short, value_name = "RECIPE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Keep downloads in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

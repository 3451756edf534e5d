//! Options that several commands share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arcoforge_core::error::Error;
use arcoforge_core::recipe::{ChunkLength, Codecs, Recipe, Step, TargetFormat};
use arcoforge_recipe::{
    PolicyArgument, parse_bytes, parse_chunks, parse_codecs, parse_format, parse_policy, parse_step,
    parse_take,
};
use arcoforge_run::Options;
use clap::Args;

use crate::report::Failure;

/// A recipe, or files.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// One recipe (.yaml), or data files: paths, folders, globs, URLs
    #[arg(required = true, value_name = "RECIPE|FILE")]
    pub(crate) inputs: Vec<String>,
    /// The dimension along which data files follow each other, in the order given
    #[arg(long, value_name = "DIM")]
    pub(crate) concat: Option<String>,
    /// Only datasets of this name, of a recipe that makes several; a glob; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Checksums of data files, as sha256sum or md5sum writes them; a file or a URL. A recipe has `source.checksums`
    #[arg(long, value_name = "FILE")]
    pub(crate) checksums: Option<String>,
}

/// What the dataset looks like; each option stands above the recipe.
#[derive(Debug, Args)]
#[command(next_help_heading = "Dataset (stands above the recipe)")]
pub(crate) struct Shape {
    /// The format of the target: zarr3, zarr2, icechunk, or references to chunks that stay in the files:
    /// icechunk-virtual, kerchunk-json, kerchunk-parquet
    #[arg(long, value_parser = format, value_name = "FORMAT")]
    format: Option<TargetFormat>,
    /// Chunk lengths, as in time=20,lat=whole,lon=64MiB
    #[arg(long, value_parser = lengths, value_name = "DIM=LENGTH,...")]
    chunks: Option<Lengths>,
    /// Shard lengths, in cells
    #[arg(long, value_parser = lengths, value_name = "DIM=LENGTH,...")]
    shards: Option<Lengths>,
    /// How chunks are encoded: default, source, or a chain as in '[shuffle, {zstd: 3}]'
    #[arg(long, value_name = "CODECS")]
    codecs: Option<String>,
    /// A policy for what differs between files, as in combine.gaps=skip or combine.attrs.sst=first
    #[arg(long, value_name = "combine.KEY=POLICY")]
    set: Vec<String>,
    /// A step behind those of the recipe, as in 'rename: {ice: sic}'; may be repeated
    #[arg(long, value_name = "STEP")]
    step: Vec<String>,
    /// The group inside each file that is taken as its root
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

/// What may be used while running.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct Run {
    /// Take only the first keys of an axis, as in time=2
    #[arg(long, value_parser = take, value_name = "AXIS=N,...")]
    pub(crate) take: Option<Take>,
    /// Take what `test.take` of the recipe says
    #[arg(long, conflicts_with = "take")]
    pub(crate) test: bool,
    /// Most memory that may be used, as in 2GiB; the default is 256MiB, and more for more than 70,000 files
    #[arg(long, value_parser = bytes, value_name = "SIZE")]
    memory: Option<u64>,
    /// Keep cells between the two stages of a rechunking in this folder; the default is beside the target. All units of a
    /// plan use that of `plan --save`
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    fetch: Fetch,
}

/// What may be used while opening inputs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct Fetch {
    /// Threads; the default is the number of processors
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    workers: Option<u16>,
    /// Keep downloads in this folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Open every input again, and keep nothing of what is found. Else it is kept for the next run, in the folder of
    /// `--cache` or the user's cache folder, and files that did not change are not opened
    #[arg(long)]
    no_survey_cache: bool,
}

/// Lengths per dimension.
#[derive(Debug, Clone)]
pub(crate) struct Lengths(BTreeMap<String, ChunkLength>);

/// Numbers of keys per axis.
#[derive(Debug, Clone)]
pub(crate) struct Take(BTreeMap<String, u64>);

impl Shape {
    /// Whether the recipe stands as it is.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { format, chunks, shards, codecs, set, step, group } = self;
        let lengths = chunks.is_none() && shards.is_none();
        format.is_none()
            && lengths
            && codecs.is_none()
            && set.is_empty()
            && step.is_empty()
            && group.is_none()
    }

    /// Puts the options above the recipe.
    pub(crate) fn apply(&self, recipe: &mut Recipe) -> Result<(), Failure> {
        let Self { format, chunks, shards, codecs, set, step, group } = self;
        recipe.output.format = format.unwrap_or(recipe.output.format);
        recipe.output.chunks.extend(chunks.iter().flat_map(|l| l.0.clone()));
        recipe.output.shards.extend(shards.iter().flat_map(|l| l.0.clone()));
        if let Some(group) = group {
            recipe.source.group = Some(group.clone());
        }
        let codecs: Option<Codecs> = codecs.as_deref().map(parse_codecs).transpose()?;
        recipe.output.codecs = codecs.unwrap_or_else(|| recipe.output.codecs.clone());
        let steps: Vec<Step> = step.iter().map(|text| parse_step(text)).collect::<Result<_, _>>()?;
        recipe.steps.extend(steps);
        for text in set {
            let PolicyArgument { key, variable, policy } = parse_policy(text)?;
            match variable {
                Some(variable) => {
                    recipe.combine.variables.entry(key).or_default().insert(variable, policy);
                }
                None => {
                    recipe.combine.all.insert(key, policy);
                }
            }
        }
        recipe.combine.imply(&recipe.steps, &recipe.axes);
        Ok(())
    }
}

impl Run {
    /// How a command runs, before the recipe's own limits.
    pub(crate) fn options(&self) -> Options {
        let mut options = self.fetch.options();
        options.budget.memory_bytes = self.memory.unwrap_or(options.budget.memory_bytes);
        options.budget.asked = self.memory.is_some();
        options.scratch.clone_from(&self.scratch);
        options.take = self.take.clone().map(|take| take.0).unwrap_or_default();
        options
    }
}

impl Fetch {
    /// How inputs are opened, before the recipe's own limits.
    pub(crate) fn options(&self) -> Options {
        let mut options = base(self.cache.clone());
        options.survey_cache = options.survey_cache.filter(|_| !self.no_survey_cache);
        options.budget.workers = self.workers.map_or(options.budget.workers, usize::from);
        options
    }
}

/// The defaults, with caches and Ctrl-C.
pub(crate) fn base(cache: Option<PathBuf>) -> Options {
    let survey_cache = surveys(cache.as_deref());
    Options { cache, survey_cache, interrupted: crate::interrupt::flag(), ..Options::default() }
}

/// The folder of surveys: in that of downloads, else in the user's cache folder, where there is one.
fn surveys(cache: Option<&Path>) -> Option<PathBuf> {
    kept(cache, "survey")
}

/// The folder of bakes to repositories in object stores, in the same folder as that of surveys.
pub(crate) fn bakes(cache: Option<&Path>) -> PathBuf {
    kept(cache, "bakes").unwrap_or_else(|| std::env::temp_dir().join("arcoforge-bakes"))
}

fn kept(cache: Option<&Path>, name: &str) -> Option<PathBuf> {
    if let Some(cache) = cache {
        return Some(cache.join(name));
    }
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(cache.join("arcoforge").join(name))
}

/// An argument's error as clap wants it: message and help in one text.
fn plain(error: Error) -> String {
    match error.help {
        Some(help) => format!("{}; {help}", error.message),
        None => error.message,
    }
}

fn format(text: &str) -> Result<TargetFormat, String> {
    parse_format(text).map_err(plain)
}

fn lengths(text: &str) -> Result<Lengths, String> {
    parse_chunks(text).map(Lengths).map_err(plain)
}

fn take(text: &str) -> Result<Take, String> {
    parse_take(text).map(Take).map_err(plain)
}

fn bytes(text: &str) -> Result<u64, String> {
    parse_bytes(text).map_err(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_how_many_files_fit_into_the_default_limit() {
        let budget = Options::default().budget;
        let mut counts = (0..10_000_000).step_by(1000);
        let more = counts.find(|files| budget.surveying(*files).memory_bytes > budget.memory_bytes);
        let thousands = more.expect("it grows") / 10_000 * 10;
        let help = Run::augment_args(clap::Command::new("bake")).render_long_help().to_string();
        let said = format!("the default is 256MiB, and more for more than {thousands},000 files");
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(&said), "{said}: {help}");
    }
}

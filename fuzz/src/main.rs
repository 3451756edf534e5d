//! The targets with a plain mutator: `arcoforge-fuzz [--seconds N] [--seed S] [TARGET]...` in `./test fuzz`,
//! `arcoforge-fuzz --replay FILE... TARGET` for one input, `arcoforge-fuzz --seeds FOLDER TARGET` for libFuzzer's corpus.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arcoforge_fuzz::guard::{self, Cost};
use arcoforge_fuzz::targets::{TARGETS, Target, named};

/// What the command line says.
struct Options {
    seconds: f64,
    seed: u64,
    first: u64,
    replay: Option<PathBuf>,
    seeds: Option<PathBuf>,
    targets: Vec<&'static Target>,
}

fn main() -> ExitCode {
    match options().and_then(|options| work(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_secs());
    let mut options =
        Options { seconds: 60.0, seed: clock, first: 0, replay: None, seeds: None, targets: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--seconds" => options.seconds = number(&value()?)?,
            "--seed" => options.seed = number(&value()?)?,
            "--first" => options.first = number(&value()?)?,
            "--replay" => options.replay = Some(value()?.into()),
            "--seeds" => options.seeds = Some(value()?.into()),
            name => options.targets.push(named(name).ok_or_else(|| {
                let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                format!("no target `{name}`; there are {}", all.join(", "))
            })?),
        }
    }
    if options.targets.is_empty() {
        options.targets.extend(TARGETS);
    }
    Ok(options)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

fn work(options: &Options) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    for target in &options.targets {
        if let Some(path) = &options.replay {
            let cost = guard::run(target, &fs::read(path).map_err(|e| failed(path, e))?);
            println!("{}: {cost:?}", path.display());
        } else if let Some(folder) = &options.seeds {
            fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
            for (number, seed) in (target.seeds)().iter().enumerate() {
                let path = folder.join(format!("{}-{number:03}", target.name));
                fs::write(&path, seed).map_err(|e| failed(&path, e))?;
            }
        } else {
            let seconds = Duration::from_secs_f64(options.seconds / options.targets.len() as f64);
            fuzz(target, seconds, options)?;
        }
    }
    Ok(())
}

/// Runs inputs until the time is over; the one that runs is in a file, which stays where it ends the process.
fn fuzz(target: &Target, time: Duration, options: &Options) -> Result<(), String> {
    let path = std::env::temp_dir().join(format!("arcoforge-fuzz-{}-{}", target.name, std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::create(&path).map_err(failed)?;
    println!("{}: seed {}, the input that fails would be {}", target.name, options.seed, path.display());
    let (seeds, began, mut worst) = ((target.seeds)(), Instant::now(), Cost::default());
    let mut count = options.first;
    while began.elapsed() < time {
        let input = target.input(&seeds, options.seed, count);
        file.set_len(input.len() as u64).map_err(failed)?;
        file.write_all_at(&input, 0).map_err(failed)?;
        let cost = guard::run(target, &input);
        worst.time = worst.time.max(cost.time);
        worst.memory_bytes = worst.memory_bytes.max(cost.memory_bytes);
        count += 1;
    }
    println!(
        "{}: {} inputs in {:.1} s, at most {:.0} ms and {:.1} MiB each",
        target.name,
        count - options.first,
        began.elapsed().as_secs_f64(),
        worst.time.as_secs_f64() * 1e3,
        worst.memory_bytes as f64 / f64::from(1 << 20)
    );
    fs::remove_file(&path).map_err(failed)
}

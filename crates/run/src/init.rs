//! A recipe from examples: names give axes and template, the first and last file give dimensions and steps.

mod columns;
mod dates;
mod facts;
mod guess;
mod recipe;
mod text;

use std::path::Path;

use arcoforge_core::chunk::Region;
use arcoforge_core::error::Result;
use arcoforge_core::schema::Schema;

use self::facts::{Facts, other_variables};
use self::guess::{Axis, Guess};
use self::recipe::Draft;
use crate::given::list_inputs;
use crate::inspect::inspect;
use crate::session::Session;

/// Coordinates up to this size are compared.
const COMPARED_BYTES_MAX: u64 = 8 << 20;
/// Ends of names that are no data, in folders.
const NO_DATA: &[&str] =
    &[".yaml", ".yml", ".lock", ".txt", ".md", ".py", ".json", ".csv", ".html", ".md5", ".sha256"];

/// Writes a commented recipe for example files, folders, globs or URLs. `folder` is where the recipe will lie; where
/// it is not the current one, relative paths are made absolute.
///
/// # Errors
/// Codes `source-*`: nothing is found, or the first or last file can't be read.
pub fn init(session: &Session<'_>, inputs: &[String], folder: &Path) -> Result<String> {
    let mut names = list_inputs(&session.sources, inputs)?;
    let is_data = |name: &String| {
        !name.contains("/.") && !NO_DATA.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
    };
    if names.iter().any(is_data) {
        names.retain(is_data);
    }
    names.dedup();
    let guess = guess::guess(&names);
    if let Some(guess) = &guess {
        names = sorted(&names, guess);
    }
    // the names may have another order now
    let guess = guess.and_then(|_| guess::guess(&names));
    let (first, last) =
        (names.first().cloned().unwrap_or_default(), names.last().cloned().unwrap_or_default());
    let first_schema = inspect(session, &first)?.schema;
    let last_schema = if names.len() > 1 { inspect(session, &last)?.schema } else { first_schema.clone() };
    let merges = match &guess {
        Some(guess) => merges(session, &names, guess, &first_schema)?,
        None => Vec::new(),
    };
    let last_schema = if merges.contains(&true) { first_schema.clone() } else { last_schema };
    let mut facts = Facts::new(&first_schema, &last_schema);
    if let Some(time) = facts.time.clone().filter(|_| first != last) {
        facts.same_times = same_values(session, &first, &last, &time)?;
    }
    let local = !names.iter().any(|name| name.contains("://"));
    let names = rebased(names, folder);
    let guess = guess.and_then(|_| guess::guess(&names));
    let draft = Draft { names: &names, local, guess: guess.as_ref(), merges, facts: &facts };
    Ok(recipe::write(&draft))
}

/// Whether two files hold the same values of a variable; not asked of large ones.
fn same_values(session: &Session<'_>, first: &str, last: &str, name: &str) -> Result<bool> {
    let mut blocks = Vec::new();
    for input in [first, last] {
        let reader = arcoforge_read::open(session.open(input)?).map_err(|e| e.at(input))?;
        let Some(variable) = reader.schema().variable(name) else { return Ok(false) };
        if variable.bytes() > COMPARED_BYTES_MAX {
            return Ok(false);
        }
        let units = variable.attrs.text("units").map(str::to_owned);
        let block =
            reader.read(name, &Region::whole(&variable.shape)).map_err(|e| e.in_variable(name).at(input))?;
        blocks.push((units, block));
    }
    Ok(matches!(blocks.as_slice(), [a, b] if a == b))
}

/// Names in the order of their keys.
fn sorted(names: &[String], guess: &Guess) -> Vec<String> {
    let mut keyed: Vec<(&Vec<usize>, &String)> = guess.index.iter().zip(names).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, name)| name.clone()).collect()
}

/// For every axis, whether files along it hold other variables: opens one file that differs from the first only there.
fn merges(session: &Session<'_>, names: &[String], guess: &Guess, first: &Schema) -> Result<Vec<bool>> {
    let mut merges = Vec::new();
    for (at, axis) in guess.axes.iter().enumerate() {
        let origin = guess.index.first();
        let only_here = |index: &&Vec<usize>| {
            origin.is_some_and(|o| o.iter().zip(*index).enumerate().all(|(i, (a, b))| (i == at) != (a == b)))
        };
        let other = guess.index.iter().position(|index| only_here(&index));
        let other = other.filter(|_| matches!(axis, Axis::Words(_))).and_then(|at| names.get(at));
        merges.push(match other {
            Some(name) => other_variables(first, &inspect(session, name)?.schema),
            None => false,
        });
    }
    Ok(merges)
}

/// Relative paths that lead from the recipe's folder to the files.
fn rebased(names: Vec<String>, folder: &Path) -> Vec<String> {
    let (Ok(here), true) = (std::env::current_dir(), !folder.as_os_str().is_empty()) else { return names };
    let Ok(folder) = here.join(folder).canonicalize() else { return names };
    let rebase = |name: String| {
        if name.contains("://") || Path::new(&name).is_absolute() || folder == here {
            return name;
        }
        let whole = here.join(&name);
        let whole = whole.strip_prefix(&folder).unwrap_or(&whole);
        whole.display().to_string()
    };
    names.into_iter().map(rebase).collect()
}

//! The datasets of a recipe: which of them a command works on, and where each goes.

use std::path::PathBuf;

use arcoforge_core::error::{Code, Error};
use arcoforge_core::figures::first_of;
use arcoforge_core::names::{matches, nearest};
use arcoforge_core::recipe::Recipe;
use arcoforge_run::{Locks, Place};

use crate::Outcome;
use crate::given::Given;

/// What stands for the dataset's name in `--to`.
const NAME: &str = "{name}";
/// Names that a message lists.
const NAMES_SHOWN: usize = 5;

/// What a command works on: the chosen datasets of a recipe, or the one that data files make.
#[derive(Debug)]
pub(crate) struct Datasets {
    /// At least one, in the order of the recipe.
    pub(crate) chosen: Vec<Given>,
    /// The recipe makes several, chosen or not.
    pub(crate) several: bool,
    /// The locks of all its datasets, or why they can't be had.
    pub(crate) locks: Result<Locks, Error>,
}

impl Datasets {
    /// The locks' file; `None` where data files were given.
    pub(crate) fn lock_path(&self) -> Option<PathBuf> {
        self.chosen.first().and_then(Given::lock_path)
    }

    /// Takes the locks out.
    pub(crate) fn locks(&mut self) -> Outcome<Locks> {
        Ok(std::mem::replace(&mut self.locks, Ok(Locks::default()))?)
    }

    /// Where every chosen dataset goes.
    ///
    /// One store never takes the place of several: `--to` needs `{name}` where several datasets are chosen.
    pub(crate) fn targets(&self, to: Option<&str>) -> Outcome<Vec<Place>> {
        if let (Some(to), [first, _, ..]) = (to.filter(|to| !to.contains(NAME)), self.chosen.as_slice()) {
            let many = self.chosen.len();
            let error =
                Error::new(Code::Usage, format!("found one target, `--to {to}`, for {many} datasets"));
            let folder = to.trim_end_matches('/').trim_end_matches(".zarr");
            let help = format!(
                "write `--to '{folder}/{NAME}.zarr'`, or choose one dataset: `--only {}`",
                first.recipe.name
            );
            return Err(error.help(help).into());
        }
        let one = |given: &Given| match (to, &given.path) {
            (Some(to), Some(_)) => given.target(Some(&to.replace(NAME, &given.recipe.name))),
            _ => given.target(to),
        };
        let targets = self.chosen.iter().map(one).collect::<Outcome<Vec<_>>>()?;
        apart(&self.chosen, &targets)?;
        Ok(targets)
    }
}

/// No dataset is written to, or below, the target of another.
fn apart(chosen: &[Given], targets: &[Place]) -> Outcome {
    let mut sorted: Vec<(&Place, &str)> =
        targets.iter().zip(chosen).map(|(place, given)| (place, given.recipe.name.as_str())).collect();
    sorted.sort();
    for pair in sorted.windows(2) {
        if let [(above, first), (below, second)] = pair
            && below.is_within(above)
        {
            let message = format!(
                "found `{above}` as the target of `{first}` and `{below}` as that of `{second}`, expected two that are apart",
            );
            let help = format!("change `output.to`, or write `--to 'FOLDER/{NAME}.zarr'`");
            return Err(Error::new(Code::Usage, message).help(help).into());
        }
    }
    Ok(())
}

/// The recipes whose names fit one of the patterns, all where there are no patterns.
pub(crate) fn only(recipes: Vec<Recipe>, patterns: &[String]) -> Outcome<Vec<Recipe>> {
    if patterns.is_empty() {
        return Ok(recipes);
    }
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    let unknown = patterns.iter().find(|pattern| !names.iter().any(|name| matches(pattern, name)));
    if let Some(pattern) = unknown {
        let error = Error::new(Code::Usage, format!("no dataset of the recipe is called `{pattern}`"));
        return Err(error.help(known(pattern, &names)).into());
    }
    let chosen = |recipe: &Recipe| patterns.iter().any(|pattern| matches(pattern, &recipe.name));
    Ok(recipes.into_iter().filter(chosen).collect())
}

fn known(pattern: &str, names: &[&str]) -> String {
    if let Some(near) = nearest(pattern, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let shown = first_of(names.iter().map(|name| format!("`{name}`")), NAMES_SHOWN, ", ");
    let more = if names.len() > NAMES_SHOWN { "; `arcoforge check` lists them" } else { "" };
    format!("the datasets are {shown}{more}")
}

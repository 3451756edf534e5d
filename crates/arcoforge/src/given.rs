//! From arguments to a recipe: read from a file, or made for data files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arcoforge_core::axis::{Axis, AxisKind, Keys};
use arcoforge_core::error::{Code, Error};
use arcoforge_core::pattern::{Input, Source};
use arcoforge_core::recipe::{About, Output as RecipeOutput, Policies, Recipe, TargetFormat};
use arcoforge_run::{Branch, Locks, Options, Past, Place, Session, list_inputs};

use crate::Outcome;
use crate::datasets::{self, Datasets};
use crate::options::{Inputs, Run, Shape, bakes};
use crate::output::Output;
use crate::progress::Progress;
use crate::report::{self, Failure};

/// One dataset that a command works on.
#[derive(Debug)]
pub(crate) struct Given {
    /// The recipe, with the options of the command line.
    pub(crate) recipe: Recipe,
    /// The recipe's file; `None` where data files were given.
    pub(crate) path: Option<PathBuf>,
    /// How to run.
    pub(crate) options: Options,
    /// Which of how many, where several are chosen.
    pub(crate) number: Option<(usize, usize)>,
    /// Options of the command line stand above the recipe, so that not every problem is the recipe's.
    changed: bool,
}

/// Reads or makes the recipes and puts the options above them.
pub(crate) fn given(output: &Output, inputs: &Inputs, shape: &Shape, run: &Run) -> Outcome<Datasets> {
    let mut datasets = match recipe_path(inputs)? {
        Some(path) => from_recipe(output, path, &inputs.only, &run.options())?,
        None => of_data(inputs, run.options())?,
    };
    for given in &mut datasets.chosen {
        if run.test {
            given.options.take = test_take(&given.recipe)?;
        }
        shape.apply(&mut given.recipe)?;
        given.changed = !shape.is_empty();
    }
    Ok(datasets)
}

/// What `--test` takes.
fn test_take(recipe: &Recipe) -> Outcome<BTreeMap<String, u64>> {
    if recipe.test.is_empty() {
        let error = Error::new(Code::Usage, "found `--test`, and no recipe that says what a test takes");
        return Err(error.help("add `test: {take: {AXIS: 2}}` to the recipe, or use `--take AXIS=2`").into());
    }
    Ok(recipe.test.clone())
}

/// Reads the datasets of a recipe that fit `patterns`, with their locks; shows what is wrong with it.
pub(crate) fn from_recipe(
    output: &Output,
    path: &str,
    patterns: &[String],
    options: &Options,
) -> Outcome<Datasets> {
    let path = PathBuf::from(path);
    let recipes = read_recipes(output, &path)?;
    let several = recipes.len() > 1;
    let locks = Locks::read(&lock_path(&path), &recipes.iter().collect::<Vec<_>>());
    let recipes = datasets::only(recipes, patterns)?;
    let count = recipes.len();
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let one = |(at, recipe): (usize, Recipe)| {
        let connections = recipe.source.connections.unwrap_or(options.connections);
        let rate = recipe.source.rate.or(options.rate);
        let options = Options {
            base: base.clone(),
            connections,
            rate,
            credentials: recipe.source.credentials.clone(),
            ..options.clone()
        };
        let number = (count > 1).then_some((at + 1, count));
        Given { recipe, path: Some(path.clone()), options, number, changed: false }
    };
    Ok(Datasets { chosen: recipes.into_iter().enumerate().map(one).collect(), several, locks })
}

/// The dataset that data files stand for.
fn of_data(inputs: &Inputs, options: Options) -> Outcome<Datasets> {
    if let Some(name) = inputs.only.first() {
        let error = Error::new(Code::Usage, format!("found `--only {name}` without a recipe"));
        return Err(error.help("data files make one dataset").into());
    }
    let given =
        Given { recipe: of_files(inputs, &options)?, path: None, options, number: None, changed: false };
    Ok(Datasets { chosen: vec![given], several: false, locks: Ok(Locks::default()) })
}

/// Reads and parses, for all datasets; warnings and problems are shown here, where the text is known.
pub(crate) fn read_recipes(output: &Output, path: &Path) -> Outcome<Vec<Recipe>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(&name, path, e))?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut table = |file: &str| std::fs::read_to_string(folder.join(file)).map_err(|e| why(&e));
    let (recipes, found) = match arcoforge_recipe::parse_all_with(&text, &name, &mut table) {
        Ok((recipes, warnings)) => (Some(recipes), warnings),
        Err(found) => (None, found),
    };
    let code = report::diagnostics(output, &found, &text, &name);
    recipes.ok_or(Failure::Shown(code.unwrap_or(Code::RecipeSyntax)))
}

/// Why a table that a recipe names can't be read.
fn why(cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::NotFound => {
            "the file does not exist; paths begin at the recipe's folder".to_owned()
        }
        std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
        _ => format!("the file can't be read: {cause}"),
    }
}

/// Runs `work` in a session that shows progress.
pub(crate) fn in_session<T>(
    output: &Output,
    options: &Options,
    work: impl FnOnce(&Session<'_>) -> Result<T, Vec<Error>>,
) -> Result<T, Vec<Error>> {
    let progress = Progress::new(output.clone());
    let session = Session::new(options.clone(), |event| progress.tell(event));
    let result = work(&session);
    drop(session);
    progress.clear();
    result
}

/// recipe.lock beside the recipe.
fn lock_path(recipe: &Path) -> PathBuf {
    recipe.with_extension("lock")
}

fn unreadable(name: &str, path: &Path, cause: std::io::Error) -> Failure {
    use std::io::ErrorKind::{InvalidData, NotFound};
    let message = match cause.kind() {
        NotFound => "the recipe does not exist",
        InvalidData => return Error::new(Code::RecipeSyntax, "the recipe is not UTF-8 text").at(name).into(),
        _ if path.is_dir() => {
            let inside = path.join("recipe.yaml").display().to_string();
            let error = Error::new(Code::Usage, "found a folder, expected a recipe").at(name);
            return error.help(format!("give the file itself, such as `{inside}`")).into();
        }
        _ => "the recipe can't be read",
    };
    let missing = cause.kind() == NotFound;
    let error = Error::new(Code::Usage, message).at(name);
    let error = if missing { error } else { error.caused_by(cause) };
    let help = "check the path; `arcoforge init FILE...` writes a recipe from example files";
    error.help(help).into()
}

fn is_recipe(input: &str) -> bool {
    let lower = input.to_ascii_lowercase();
    lower.ends_with(".yaml") || lower.ends_with(".yml")
}

/// The recipe among the inputs, if it is one.
fn recipe_path(inputs: &Inputs) -> Outcome<Option<&str>> {
    let usage = |message: String, help: &str| Err(Error::new(Code::Usage, message).help(help).into());
    match inputs.inputs.as_slice() {
        [one] if is_recipe(one) => match (&inputs.concat, &inputs.checksums) {
            (Some(dim), _) => usage(
                format!("found `--concat {dim}` with a recipe"),
                "the recipe's `axes` say what is concatenated",
            ),
            (None, Some(list)) => usage(
                format!("found `--checksums {list}` with a recipe"),
                "name the file in the recipe's `source.checksums`",
            ),
            (None, None) => Ok(Some(one)),
        },
        [one] if Path::new(one).join("recipe.yaml").is_file() => {
            let inside = Path::new(one).join("recipe.yaml");
            let help = format!("for the recipe in it, give `{}`", inside.display());
            usage(format!("found the folder `{one}`, expected a recipe or data files"), &help)
        }
        many => match many.iter().find(|i| is_recipe(i)) {
            Some(recipe) => usage(
                format!("found the recipe `{recipe}` among other inputs"),
                "give one recipe, or data files only",
            ),
            None => Ok(None),
        },
    }
}

/// The recipe that data files stand for: `axes: {}` for one, a concat axis for several.
fn of_files(inputs: &Inputs, options: &Options) -> Outcome<Recipe> {
    let session = Session::new(options.clone(), |_| {});
    let files = list_inputs(&session.sources, &inputs.inputs)?;
    let axes = match (&inputs.concat, files.len()) {
        (Some(dim), _) => {
            vec![Axis { name: dim.clone(), kind: AxisKind::Concat, keys: Keys::Found, items_per_file: None }]
        }
        (None, 1) => Vec::new(),
        (None, many) => {
            let message = format!("found {many} files, and nothing says how they belong together");
            let help = "name the dimension along which they follow each other, as in `--concat time`; \
                        for anything else write a recipe (`arcoforge init FILE...` begins one)";
            return Err(Error::new(Code::Usage, message).help(help).into());
        }
    };
    let mut source = Source::new(Input::Files(files));
    source.checksums.manifests.extend(inputs.checksums.clone());
    Ok(Recipe {
        name: "files".to_owned(),
        about: About::default(),
        axes,
        source,
        steps: Vec::new(),
        combine: Policies::default(),
        output: RecipeOutput::default(),
        checks: Vec::new(),
        test: BTreeMap::new(),
    })
}

impl Given {
    /// Where the dataset goes: `--to`, else `output.to`, else NAME.zarr, in the current folder.
    pub(crate) fn target(&self, to: Option<&str>) -> Outcome<Place> {
        let to = match (to, &self.recipe.output.to, &self.path) {
            (Some(to), _, _) => to.to_owned(),
            (None, Some(to), _) => to.clone(),
            (None, None, Some(_)) => format!("{}.{}", self.recipe.name, self.ending()),
            (None, None, None) => {
                let error = Error::new(Code::Usage, "nothing says where the dataset goes");
                return Err(error.help("name the store to write, as in `--to sst.zarr`").into());
            }
        };
        Ok(Place::parse(&to)?)
    }

    /// How names of targets end by default.
    const fn ending(&self) -> &'static str {
        match self.recipe.output.format {
            TargetFormat::Icechunk | TargetFormat::IcechunkVirtual => "icechunk",
            _ => "zarr",
        }
    }

    /// The branch of the repository that is the target; `None` where that is no repository.
    pub(crate) fn branch(
        &self,
        target: &Place,
        name: Option<&str>,
        tag: Option<&str>,
    ) -> Outcome<Option<Branch>> {
        if self.recipe.output.format.is_icechunk() {
            return Ok(Some(match target {
                Place::Folder(folder) => Branch::new(folder, name, tag)?,
                Place::Bucket(url) => {
                    let session = Session::new(self.options.clone(), |_| {});
                    Branch::in_bucket(&session, url, &bakes(self.options.cache.as_deref()), name, tag)?
                }
            }));
        }
        let option = name.map(|name| format!("--branch {name}")).or(tag.map(|tag| format!("--tag {tag}")));
        match option {
            Some(option) => {
                let error = Error::new(
                    Code::Usage,
                    format!("found `{option}` for a target that is no Icechunk repository"),
                );
                Err(error.help("add `--format icechunk` or `icechunk-virtual`, or leave it out").into())
            }
            None => Ok(None),
        }
    }

    /// What lies at the target; `None` of a Zarr store in an object store.
    pub(crate) fn past(
        &self,
        target: &Place,
        branch: Option<&str>,
        tag: Option<&str>,
    ) -> Outcome<Option<Past>> {
        let branch = self.branch(target, branch, tag)?;
        Ok(match (branch, target) {
            (Some(branch), _) => Some(Past::of_branch(branch)),
            (None, Place::Folder(folder)) => Some(Past::of(folder)),
            (None, Place::Bucket(_)) => None,
        })
    }

    /// Where this dataset's lines go: with its name, where it has one.
    pub(crate) fn output(&self, output: &Output) -> Output {
        match &self.path {
            Some(_) => output.of(&self.recipe.name),
            None => output.clone(),
        }
    }

    /// Runs `work` in a session that shows progress, and shows what is wrong. Problems of the recipe itself are placed
    /// in its file.
    pub(crate) fn run<T>(
        &self,
        output: &Output,
        work: impl FnOnce(&Session<'_>, &Recipe) -> Result<T, Vec<Error>>,
    ) -> Outcome<T> {
        let output = self.output(output);
        if let Some((number, count)) = self.number {
            output.note(&format!("{} ({number} of {count})", self.recipe.name));
        }
        in_session(&output, &self.options, |session| work(session, &self.recipe)).map_err(|errors| {
            let failure = Failure::Errors(errors.into_iter().map(|e| self.placed(e)).collect());
            if self.number.is_some() && !output.json {
                output.error(&format!("dataset `{}`:\n", self.recipe.name));
            }
            let code = failure.code();
            report::show(&output, &failure);
            Failure::Shown(code)
        })
    }

    fn is_of_recipe(&self, code: Code) -> bool {
        code.as_str().starts_with("recipe-") || (code.exit_status() == 3 && !self.changed)
    }

    fn placed(&self, error: Error) -> Error {
        match &self.path {
            Some(path) if self.is_of_recipe(error.code) && error.place.url.is_none() => {
                error.at(path.display().to_string())
            }
            _ => error,
        }
    }

    /// recipe.lock beside the recipe; `None` where data files were given.
    pub(crate) fn lock_path(&self) -> Option<PathBuf> {
        self.path.as_deref().map(lock_path)
    }
}

//! Everything before the first byte is moved: find, survey, combine, plan.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::arrange::{self, Comparison};
use arcoforge_core::combine::{self, CombineAxis, Combined, File, Gaps, Labels, Note, Piece};
use arcoforge_core::error::{Code, Error};
use arcoforge_core::figures::hex;
use arcoforge_core::pattern::{Pattern, Source};
use arcoforge_core::plan::{self, Plan};
use arcoforge_core::recipe::{Policies, Recipe};
use arcoforge_core::reconcile::reconcile;
use arcoforge_core::steps::{self, FileView, Mapped, Unmatched};
use arcoforge_core::target::Dataset;
use arcoforge_store::Validator;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::find::{find, name_of, named};
use crate::gaps;
use crate::lock::Lock;
use crate::pool;
use crate::reads;
use crate::references;
use crate::session::{Event, Session, Stage};
use crate::signature::{is_weak, this_run};
use crate::survey::{self, All, Hand, Interner, Kept, SurveyCache, Surveyed};

/// The version of the canonical text that a plan's digest is taken of.
const DIGEST_VERSION: &str = "arcoforge plan 1";

/// A recipe, ready to be baked.
#[derive(Debug)]
pub struct Prepared {
    /// What will be done.
    pub plan: Plan,
    /// Not all inputs of the recipe were asked for (`--take`).
    pub part: bool,
    /// The surveyed files as combining saw them.
    pub files: Vec<File>,
    /// The open inputs, in the same order.
    pub surveyed: Vec<Surveyed>,
    /// The recipe's folder.
    base: PathBuf,
    /// What users call the keys of every axis.
    labels: Vec<Labels>,
    /// Declared positions that have no file and were skipped by policy or lie in the future: labels.
    pub absent: Vec<String>,
    /// Attributes that were left out because files differ: (variable, attribute).
    pub left_out: Vec<(String, String)>,
    /// What is no error, and worth knowing.
    pub notes: Vec<Note>,
    /// SHA-256 over recipe, inputs, dataset and versions, in hex.
    pub digest: String,
    /// The first file's schema before the steps, and after each with the step's name.
    pub history: Vec<(&'static str, FileView)>,
    /// What the bytes of inputs add up to, where a catalog says so, by URL.
    pub checksums: BTreeMap<String, String>,
    /// Duplicates that a bake compares before it writes.
    pub compare: Vec<Comparison>,
    /// Threads that fetch ahead.
    pub(crate) fetching: usize,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Labels of its keys.
    pub keys: Vec<String>,
    /// URL or path; that from the recipe's folder in all that outlives a run.
    pub url: Arc<str>,
    /// What was seen when it was opened.
    pub validator: Validator,
}

impl Input {
    /// The same with the name that it has in every run.
    fn named(self, base: &Path) -> Self {
        let name = name_of(&self.url, base);
        if *name == *self.url { self } else { Self { url: name.into(), ..self } }
    }
}

/// Finds, surveys, combines and plans. Writes nothing.
///
/// # Errors
/// Everything that is wrong with the inputs or on which they disagree.
pub fn prepare(session: &Session<'_>, recipe: &Recipe, lock: Option<&Lock>) -> Outcome<Prepared> {
    prepare_like(session, recipe, lock, |_| Ok(None))
}

/// [`prepare`] for a dataset that takes the place of one whose chunks stay where the recipe leaves them open. `published` is
/// asked for that one before any input is opened, and told whether some inputs are left out.
///
/// # Errors
/// As [`prepare`], and those of `published`.
pub(crate) fn prepare_like<'d>(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    published: impl FnOnce(bool) -> Result<Option<&'d Dataset>, Error>,
) -> Outcome<Prepared> {
    session.tell(&Event::Started { stage: Stage::Find, total: 0 });
    let inputs = find(session, recipe).map_err(|e| vec![e])?;
    session.tell(&Event::Finished { stage: Stage::Find });
    let published = published(inputs.part).map_err(|e| vec![e])?;
    let mut axes = combine_axes(&inputs.pattern);
    let budget = session.options.budget;
    survey::check_files(&session.budget_of(inputs.len()), inputs.len()).map_err(|e| vec![e])?;
    let interner = Interner::new(Hand::of(session, inputs.len()));
    let cache = SurveyCache::of(session, recipe, &inputs);
    let kept = (&interner, cache.as_ref());
    let All { mut files, surveyed, unmatched, absent, errors } =
        survey::survey_all(session, recipe, &inputs, &axes, lock, kept)?;
    cache.as_ref().inspect(|cache| cache.end());
    if errors.is_empty() {
        check_unmatched(recipe, &unmatched)?;
    }
    if recipe.combine.get("gaps", "") == "fill" {
        gaps::keep(&mut axes, &recipe.axes, &inputs, &absent);
    }
    let (part, checksums) = (inputs.part, inputs.checksums());
    // the keys of a million positions are a part of what combining may take
    drop(inputs);
    let combined = combined(session, recipe, &axes, &mut files, &surveyed, kept);
    let mut combined = unless_wrong(combined, errors)?;
    let (left_out, compare) = (combined.left_out.clone(), std::mem::take(&mut combined.compare));
    let notes = combined.notes.clone();
    notes.iter().for_each(|note| session.tell(&Event::Warning(note.text())));
    let caps = arcoforge_write::caps(recipe.output.format);
    if caps.references && combined.pyramid.is_some() {
        return Err(vec![levels_of_references()]);
    }
    if caps.references {
        plan::leave_in_files(&mut combined, &files, &caps);
    }
    // what was only compared is not needed any more; what is written, the dataset holds
    files.iter_mut().for_each(|file| file.values.clear());
    interner.forget_values();
    drop(cache);
    let mut plan =
        plan::plan(combined, &files, &recipe.output, &caps, budget, published).map_err(|e| vec![e])?;
    plan.peak_bytes = plan.peak_bytes.max(interner.hand.peak_bytes());
    representable(&plan, &files).map_err(|e| vec![e])?;
    session.tell(&Event::Finished { stage: Stage::Plan });
    let labels: Vec<Labels> = axes.into_iter().map(|axis| axis.labels).collect();
    let base = session.options.base.clone();
    let inputs = input_list(&files, &surveyed, &labels).map(|input| input.named(&base));
    let digest = digest(&named(recipe, &base), inputs, &plan.dataset).map_err(|e| vec![e])?;
    let names = std::iter::once("").chain(recipe.steps.iter().map(steps::name));
    let history = names.zip(interner.history()).collect();
    let mut prepared = Prepared {
        plan,
        part,
        files,
        surveyed,
        base,
        labels,
        absent: absent.labels,
        left_out,
        notes,
        digest,
        history,
        checksums,
        compare,
        fetching: reads::threads(session.options.connections),
    };
    let format = recipe.output.format;
    if format.is_references() {
        let inlined = references::refuse(&prepared, format)?;
        inlined.iter().for_each(|note| session.tell(&Event::Note(note.text())));
        prepared.notes.extend(inlined);
    }
    Ok(prepared)
}

/// What was combined, unless something is wrong with single files: that does not hide what others disagree on.
fn unless_wrong(combined: Outcome<Combined>, mut errors: Vec<Error>) -> Outcome<Combined> {
    match combined {
        Ok(combined) if errors.is_empty() => Ok(combined),
        Ok(_) => Err(errors),
        Err(more) => {
            let hole = |error: &Error| error.code == Code::CombineGaps;
            let known = !errors.is_empty();
            errors.extend(more.into_iter().filter(|error| !(known && hole(error))));
            Err(errors)
        }
    }
}

/// Reads what combining needs, makes files alike as policies say, and combines.
fn combined(
    session: &Session<'_>,
    recipe: &Recipe,
    axes: &[CombineAxis],
    files: &mut [File],
    surveyed: &[Surveyed],
    kept: Kept<'_>,
) -> Outcome<Combined> {
    read_needs(session, axes, files, surveyed, kept, &recipe.combine)?;
    session.tell(&Event::Started { stage: Stage::Plan, total: 0 });
    let undecided = reconcile(axes, files, &recipe.combine);
    // what rules changed and is compared
    read_needs(session, axes, files, surveyed, kept, &recipe.combine)?;
    let encoded = arrange::needs(&recipe.steps, files);
    read(session, files, surveyed, kept, &encoded)?;
    if let Some((name, bytes)) = combine::recoded(files, &recipe.combine) {
        kept.0.hand.add(&name, bytes).map_err(|e| vec![e])?;
    }
    let mut combined = combine::combine(axes, files, &recipe.combine, undecided)
        .map_err(|problems| problems.iter().map(combine::Disagreement::to_error).collect::<Vec<_>>())?;
    arrange::arrange(&mut combined, &recipe.steps, files)?;
    Ok(combined)
}

/// A pyramid has chunks that no file has.
fn levels_of_references() -> Error {
    let message = "found the step `pyramid` and a target of references: coarser levels are new chunks, and references only \
                   say where those of files lie";
    Error::new(Code::OutputInvalid, message).help("write Zarr or Icechunk, or leave out `pyramid`")
}

/// What the target's format can't hold is refused before anything is written.
fn representable(plan: &Plan, files: &[File]) -> Result<(), Error> {
    let refused = |error: Error| match files {
        [only] => error.at(&*only.url),
        _ => error,
    };
    arcoforge_write::metadata(&plan.dataset).map(drop).map_err(refused)
}

/// The axes as combining sees them.
fn combine_axes(pattern: &Pattern) -> Vec<CombineAxis> {
    let axis = |axis: &arcoforge_core::pattern::PatternAxis| CombineAxis {
        name: axis.name.clone(),
        kind: axis.kind,
        labels: axis.keys.iter().map(ToString::to_string).collect(),
        items_per_file: axis.items_per_file,
        gaps: Gaps::LeftOut,
    };
    pattern.axes().iter().map(axis).collect()
}

/// What a step needs and files lack is a mistake.
fn check_unmatched(recipe: &Recipe, unmatched: &[Unmatched]) -> Outcome<()> {
    let errors = Unmatched::errors(&recipe.steps, unmatched);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The inputs, in order.
fn input_list<'a>(
    files: &'a [File],
    surveyed: &'a [Surveyed],
    labels: &'a [Labels],
) -> impl DoubleEndedIterator<Item = Input> + 'a {
    files.iter().zip(surveyed).map(move |(file, surveyed)| {
        let keys = file.index.iter().zip(labels);
        let keys = keys.filter_map(|(at, labels)| labels.get(*at as usize).map(str::to_owned)).collect();
        Input { keys, url: Arc::clone(&file.url), validator: surveyed.object.validator().clone() }
    })
}

/// Reads the values that combining needs once all schemas are known.
fn read_needs(
    session: &Session<'_>,
    axes: &[CombineAxis],
    files: &mut [File],
    surveyed: &[Surveyed],
    kept: Kept<'_>,
    policies: &Policies,
) -> Outcome<()> {
    read(session, files, surveyed, kept, &combine::needs(axes, files, policies))
}

/// Reads values of files: (file number, variable).
fn read(
    session: &Session<'_>,
    files: &mut [File],
    surveyed: &[Surveyed],
    kept: Kept<'_>,
    wanted: &[(usize, String)],
) -> Outcome<()> {
    let snapshot: &[File] = files;
    let one = |(): &mut (), at: usize| {
        session.check_interrupt()?;
        let (Some((number, name)), bug) =
            (wanted.get(at), || Error::new(Code::Bug, "a needed value has no file"))
        else {
            return Err(Error::new(Code::Bug, "a needed value is out of range"));
        };
        let surveyed = surveyed.get(*number).ok_or_else(bug)?;
        let mapped = snapshot.get(*number).and_then(|f| f.view.variable(name)).ok_or_else(bug)?;
        survey::read_more(surveyed, mapped, kept)
    };
    let values = pool::map(session.options.budget.workers, wanted.len(), false, || (), one);
    kept.1.inspect(|cache| cache.flush());
    let values = values?;
    for ((number, name), value) in wanted.iter().zip(values) {
        if let Some(file) = files.get_mut(*number) {
            file.values.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// The digest that names a bake: equal for the same recipe, inputs and dataset. Words about the dataset and what a test
/// takes are left out. Checks are not: what lies at the target passed those of its digest.
pub(crate) fn digest(
    recipe: &Recipe,
    inputs: impl Iterator<Item = Input>,
    dataset: &Dataset,
) -> arcoforge_core::error::Result<String> {
    let mut hash = Sha256::new();
    let mut add = |value: &serde_json::Value| hash.update(value.to_string().as_bytes());
    let json = |e: serde_json::Error| Error::new(Code::Bug, "the plan can't be written as JSON").caused_by(e);
    add(&serde_json::json!([DIGEST_VERSION, env!("CARGO_PKG_VERSION")]));
    let Recipe { name, about: _, axes, source, steps, combine, output, checks, test: _ } = recipe;
    // by whatever login, it is the same dataset
    let source = Source { credentials: None, ..source.clone() };
    add(&serde_json::to_value((name, axes, source, steps, combine, output, checks)).map_err(json)?);
    add(&serde_json::to_value(dataset).map_err(json)?);
    for input in inputs {
        add(&serde_json::json!([input.keys, input.url, input.validator]));
        if is_weak(&input.validator) {
            add(&serde_json::json!(this_run()));
        }
    }
    Ok(hex(&hash.finalize()))
}

impl Prepared {
    /// The inputs with the paths by which they were opened, in the order of the files.
    pub fn inputs(&self) -> impl DoubleEndedIterator<Item = Input> + '_ {
        input_list(&self.files, &self.surveyed, &self.labels)
    }

    /// The inputs by the names that they have in every run, from whatever folder.
    pub(crate) fn named_inputs(&self) -> impl Iterator<Item = Input> + '_ {
        self.inputs().map(|input| input.named(&self.base))
    }

    /// The recipe as it is in every run.
    pub(crate) fn named_recipe<'a>(&self, recipe: &'a Recipe) -> Cow<'a, Recipe> {
        named(recipe, &self.base)
    }

    /// The name of a file in every run.
    pub(crate) fn name<'a>(&self, file: &'a File) -> Cow<'a, str> {
        name_of(&file.url, &self.base)
    }

    /// Tasks of the first stage, which moves cells to scratch storage.
    pub(crate) fn scratch_tasks(&self) -> u64 {
        self.plan.arrays.iter().map(plan::ArrayPlan::scratch_tasks).sum()
    }

    /// Tasks of both stages.
    pub fn tasks(&self) -> u64 {
        self.scratch_tasks() + self.plan.tasks()
    }

    /// Those of units: coarser levels are made when all of them have ended.
    pub fn unit_tasks(&self) -> u64 {
        self.scratch_tasks() + self.plan.stages().first().map_or(0, |own| own.end)
    }

    /// The file of a piece, its variable there, and the open input.
    pub(crate) fn piece(&self, piece: Piece) -> Result<(&File, &Mapped, &Surveyed), Error> {
        let bug = || Error::new(Code::Bug, "a piece of the plan has no file");
        let file = self.files.get(piece.file as usize).ok_or_else(bug)?;
        let mapped = file.view.variables.get(piece.variable as usize).ok_or_else(bug)?;
        Ok((file, mapped, self.surveyed.get(piece.file as usize).ok_or_else(bug)?))
    }
}

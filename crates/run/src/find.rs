//! From a recipe to its inputs: the pattern's positions, and which URL stands at each.

mod cmr;
mod esgf;
mod holes;
mod listed;
mod pages;
mod parquet_file;
mod record;
mod stac;
mod stac_files;
mod table;
mod thredds;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use arcoforge_core::axis::Axis;
use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::error::Result;
use arcoforge_core::pattern::{Checksum, Input, Pattern, Position, Source};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::template::Template;

use crate::session::Session;

/// A recipe's pattern with the positions that have candidates.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Axes with their keys.
    pub pattern: Pattern,
    /// Not all keys were asked for.
    pub part: bool,
    /// Numbers of the positions that are not left out; none where all are there.
    kept: Option<Vec<u64>>,
    /// Relative paths start here.
    base: PathBuf,
    /// Axes whose range ends now, so that the last keys may not have files yet.
    pub open_ended: Vec<usize>,
    /// Whether a template names the files; else they are listed one by one, or found.
    pub by_template: bool,
    /// What a catalog says of inputs, by their URLs as they are shown.
    facts: BTreeMap<String, Fact>,
}

/// What a catalog says of an input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fact {
    /// Bytes.
    pub(crate) size: Option<u64>,
    /// What they add up to.
    pub(crate) checksum: Option<Checksum>,
}

/// Expands the recipe's pattern, listing directories where it says so. Opens no file.
///
/// # Errors
/// `recipe-*` for patterns that do not fit, `source-not-found` where a listing is empty.
pub fn find(session: &Session<'_>, recipe: &Recipe) -> Result<Inputs> {
    session.check_credentials()?;
    let now = now();
    let mut facts = BTreeMap::new();
    let pattern = match &recipe.source.input {
        Input::Find(find) => {
            let listed = listed::listed(session, find, &recipe.axes)?;
            facts = listed.facts;
            let pattern = Pattern::from_found(&recipe.axes, &recipe.source, Some(now), &listed.found)?;
            holes::tell(session, &recipe.axes, &pattern);
            pattern
        }
        Input::Url(_) | Input::Files(_) => Pattern::expand(&recipe.axes, &recipe.source, Some(now))?,
    };
    let all = pattern.len();
    let pattern =
        if session.options.take.is_empty() { pattern } else { pattern.take(&session.options.take)? };
    let part = pattern.len() < all;
    let open =
        |axis: &Axis| matches!(&axis.keys, arcoforge_core::axis::Keys::Dates(range) if range.to.is_none());
    let open_ended = recipe.axes.iter().enumerate().filter(|(_, a)| open(a)).map(|(at, _)| at).collect();
    let mut kept = Vec::new();
    for position in pattern.positions() {
        let number = position?.number;
        if !recipe.source.missing.is_empty() {
            kept.push(number);
        }
    }
    let kept = (!recipe.source.missing.is_empty()).then_some(kept);
    let by_template = matches!(recipe.source.input, Input::Url(_));
    // what was listed is found from here, whatever the recipe's folder is
    let listed = matches!(recipe.source.input, Input::Find(_));
    let base = if listed { PathBuf::new() } else { session.options.base.clone() };
    Ok(Inputs { pattern, part, kept, base, open_ended, by_template, facts })
}

impl Inputs {
    /// How many positions are not left out.
    pub fn len(&self) -> usize {
        self.kept.as_ref().map_or(self.pattern.len() as usize, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of the positions that are not left out, made on demand.
    pub fn position(&self, at: usize) -> Option<Position> {
        let number = match &self.kept {
            Some(kept) => *kept.get(at)?,
            None => at as u64,
        };
        // that all can be made was seen when they were found
        let mut position = self.pattern.position(number).ok().flatten()?;
        for candidate in &mut position.candidates {
            *candidate = resolve(candidate, &self.base);
        }
        Some(position)
    }

    /// What the bytes of inputs add up to, where a catalog says so: URL without secrets → `sha256:…`.
    pub fn checksums(&self) -> BTreeMap<String, String> {
        let mark = |(url, fact): (&String, &Fact)| Some((url.clone(), fact.checksum.as_ref()?.to_string()));
        self.facts.iter().filter_map(mark).collect()
    }

    /// What a catalog says of inputs, by their URLs without secrets.
    pub(crate) fn facts(&self) -> &BTreeMap<String, Fact> {
        &self.facts
    }

    /// Every position that is not left out, in order.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        (0..self.len()).filter_map(|at| self.position(at))
    }
}

/// A relative path from the recipe's folder; URLs and absolute paths as they are.
pub(crate) fn resolve(candidate: &str, base: &Path) -> String {
    let relative =
        !candidate.contains("://") && Path::new(candidate).is_relative() && !base.as_os_str().is_empty();
    if relative { base.join(candidate).display().to_string() } else { candidate.to_owned() }
}

/// What an input is called in all that outlives a run: its path from the recipe's folder where it is below it, so that
/// nothing depends on the folder from which a command was run, nor on how either is spelled; else as it is.
pub(crate) fn name_of<'a>(url: &'a str, base: &Path) -> Cow<'a, str> {
    if url.contains("://") {
        return Cow::Borrowed(url);
    }
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let path = Path::new(url);
    let below = if path.is_relative() == base.is_relative() {
        below(path, base)
    } else {
        let absolute = |path: &Path| std::path::absolute(path).ok();
        absolute(path).zip(absolute(base)).and_then(|(path, base)| below(&path, &base))
    };
    below.map_or(Cow::Borrowed(url), |below| Cow::Owned(below.display().to_string()))
}

/// A recipe with its lists and templates of inputs as all that outlives a run has them: however paths are spelled that lead
/// to the same files from the recipe's folder, it is the same recipe. What is shown to users stays as they wrote it.
pub(crate) fn named<'a>(recipe: &'a Recipe, base: &Path) -> Cow<'a, Recipe> {
    let is_other = |text: &str| *name_of(&resolve(text, base), base) != *text;
    let Source { input, overrides, .. } = &recipe.source;
    let others = match input {
        Input::Url(templates) => templates.iter().any(|template| is_other(template.as_str())),
        Input::Files(files) => files.iter().any(|file| is_other(file)),
        // from where these begin, expressions may ask
        Input::Find(_) => false,
    };
    let templates = |of: &[Template]| of.iter().map(|template| named_template(template, base)).collect();
    if !others && !overrides.iter().flat_map(|o| &o.url).any(|template| is_other(template.as_str())) {
        return Cow::Borrowed(recipe);
    }
    let mut recipe = recipe.clone();
    match &mut recipe.source.input {
        Input::Url(all) => *all = templates(all),
        Input::Files(files) => {
            files.iter_mut().for_each(|file| *file = name_of(&resolve(file, base), base).into_owned());
        }
        Input::Find(_) => {}
    }
    recipe.source.overrides.iter_mut().for_each(|one| one.url = templates(&one.url));
    Cow::Owned(recipe)
}

fn named_template(template: &Template, base: &Path) -> Template {
    let text = resolve(template.as_str(), base);
    Template::parse(&name_of(&text, base)).unwrap_or_else(|_| template.clone())
}

/// A path from a folder that it is in.
fn below(path: &Path, base: &Path) -> Option<PathBuf> {
    let named = |part: &Component<'_>| *part != Component::CurDir;
    let mut parts = path.components().filter(named);
    base.components().filter(named).all(|part| parts.next() == Some(part)).then(|| parts.collect())
}

/// The time in UTC.
fn now() -> DateTime {
    let ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
    let epoch = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let calendar = Calendar::ProlepticGregorian;
    calendar.from_ns(calendar.to_ns(&epoch) + ns).unwrap_or(epoch)
}

/// A time of a catalog in nanoseconds since 1970.
fn instant(text: &str) -> Option<i64> {
    let calendar = Calendar::ProlepticGregorian;
    let epoch = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let date = DateTime::parse(text.trim(), calendar).ok()?;
    i64::try_from(calendar.to_ns(&date) - calendar.to_ns(&epoch)).ok()
}

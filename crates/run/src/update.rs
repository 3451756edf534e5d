//! What an update would change of a published dataset, and what it must not.

mod foreign;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::recipe::Recipe;

pub(crate) use self::foreign::check_foreign;
use self::schema::{Change, refused, schema};
use crate::figures::count;
use crate::prepare::{Input, Prepared};
use crate::signature::{is_weak, why_weak};
use crate::state::PlanFile;

/// How the inputs of a new plan differ from those of a published dataset.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Positions that had no input.
    pub(crate) new: u64,
    /// Positions with another URL or another version.
    pub(crate) changed: u64,
    /// Inputs whose position has none now.
    pub(crate) gone: Vec<Input>,
    /// What readers rely on, and would be another.
    pub(crate) schema: Vec<Change>,
    /// The first input of which nothing tells one version from another, and why.
    pub(crate) weak: Option<(String, &'static str)>,
}

impl Differences {
    pub(crate) fn between(old: &PlanFile, now: &Prepared) -> Self {
        // found inputs may be numbered, so that one that goes moves all behind it: what keeps its URL is the same input
        let before: BTreeMap<&str, &Input> = old.inputs.iter().map(|i| (&*i.url, i)).collect();
        let inputs: Vec<Input> = now.named_inputs().collect();
        let after: BTreeSet<&str> = inputs.iter().map(|i| &*i.url).collect();
        let known: BTreeMap<&[String], &Input> =
            old.inputs.iter().map(|input| (input.keys.as_slice(), input)).collect();
        let mut found = Self { schema: schema(&old.dataset, &now.plan.dataset), ..Self::default() };
        let weak = inputs.iter().find(|input| is_weak(&input.validator));
        found.weak = weak.map(|input| (input.url.to_string(), why_weak(&input.url)));
        let mut replaced = BTreeSet::new();
        for input in &inputs {
            if let Some(was) = before.get(&*input.url) {
                found.changed += u64::from(was.validator != input.validator);
                continue;
            }
            match known.get(input.keys.as_slice()).filter(|was| !after.contains(&*was.url)) {
                Some(was) => {
                    replaced.insert(&*was.url);
                    found.changed += 1;
                }
                None => found.new += 1,
            }
        }
        let gone = |i: &&Input| !after.contains(&*i.url) && !replaced.contains(&*i.url);
        found.gone = old.inputs.iter().filter(gone).cloned().collect();
        found
    }

    /// `3 inputs are new, 1 changed`.
    pub(crate) fn text(&self) -> String {
        let one = |n: u64, what: &str| {
            (n > 0).then(|| format!("{} {}{what}", count(n, "input"), if n == 1 { "is " } else { "are " }))
        };
        let parts = [one(self.new, "new"), one(self.changed, "changed"), one(self.gone.len() as u64, "gone")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match (parts.is_empty(), self.schema.is_empty()) {
            (false, _) => parts.join(", "),
            (true, false) => "the dataset would have another form".to_owned(),
            (true, true) => match &self.weak {
                Some((url, why)) => format!("nothing tells whether inputs changed: {url}: {why}"),
                None => "the recipe changed".to_owned(),
            },
        }
    }
}

/// Refuses an update that takes something away.
///
/// # Errors
/// `update-refused` for inputs that are gone (unless `combine.gaps` decides what becomes of their places), and for
/// arrays that readers would have to read in another way.
pub(crate) fn check(old: &PlanFile, now: &Prepared, recipe: &Recipe) -> Result<Differences, Vec<Error>> {
    let found = Differences::between(old, now);
    let mut errors = Vec::new();
    let decided = matches!(recipe.combine.get("gaps", ""), "fill" | "skip");
    if !found.gone.is_empty() && !decided {
        let gone = found.gone.iter().map(|input| FoundFile {
            url: input.url.to_string(),
            has: "in the published dataset, and no input now".to_owned(),
        });
        let message = format!(
            "{} of the published dataset {} gone",
            count(found.gone.len() as u64, "input"),
            if found.gone.len() == 1 { "is" } else { "are" }
        );
        errors.push(Error::new(Code::UpdateRefused, message).found(gone).help(
            "bring them back; or let `combine.gaps: fill` keep their places as fill values, where the axis declares \
             them; or bake the dataset anew: `--overwrite`",
        ));
    }
    // lengths follow from inputs that are gone
    if errors.is_empty() {
        errors.extend(refused(&found.schema));
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

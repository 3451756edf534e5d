//! What an update would change of a published dataset, and what it must not.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::attrs::Attrs;
use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::target::{ArraySpec, Dataset};

use crate::figures::count;
use crate::prepare::{Input, Prepared};
use crate::state::PlanFile;

/// Attributes by which readers decode values.
const DECODING: &[&str] = &[
    "units",
    "calendar",
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "_Unsigned",
    "flag_values",
    "flag_masks",
    "flag_meanings",
];

/// How the inputs of a new plan differ from those of a published dataset.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Positions that had no input.
    pub(crate) new: u64,
    /// Positions with another URL or another version.
    pub(crate) changed: u64,
    /// Inputs whose position has none now.
    pub(crate) gone: Vec<Input>,
    /// What readers rely on, and would be another: (variable, what was, what would be).
    pub(crate) schema: Vec<(String, String)>,
}

impl Differences {
    pub(crate) fn between(old: &PlanFile, now: &Prepared) -> Self {
        // found inputs may be numbered, so that one that goes moves all behind it: what keeps its URL is the same input
        let before: BTreeMap<&str, &Input> = old.inputs.iter().map(|i| (&*i.url, i)).collect();
        let inputs: Vec<Input> = now.inputs().collect();
        let after: BTreeSet<&str> = inputs.iter().map(|i| &*i.url).collect();
        let known: BTreeMap<&[String], &Input> =
            old.inputs.iter().map(|input| (input.keys.as_slice(), input)).collect();
        let mut found = Self { schema: schema(&old.dataset, &now.plan.dataset), ..Self::default() };
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
            (true, true) => "the recipe changed, or an input whose server tells no versions".to_owned(),
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
    let schema: &[(String, String)] = if errors.is_empty() { &found.schema } else { &[] };
    for (variable, what) in schema {
        errors.push(
            Error::new(Code::UpdateRefused, format!("an update would change {what}"))
                .in_variable(variable)
                .help("keep the recipe and the inputs as they were, or bake the dataset anew: `--overwrite`"),
        );
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// What readers rely on, and differs.
fn schema(old: &Dataset, new: &Dataset) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let by_name = |dataset: &Dataset| -> BTreeMap<String, ArraySpec> {
        dataset.arrays.iter().map(|spec| (spec.name.clone(), spec.as_ref().clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        found.push((
            name.clone(),
            "the variables: it is in the published dataset, and in no input now".into(),
        ));
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        found.push((name.clone(), "the variables: it is not in the published dataset".into()));
    }
    for (name, was, is) in after.iter().filter_map(|(name, is)| Some((name, before.get(name)?, is))) {
        found.extend(array(was, is).into_iter().map(|what| (name.clone(), what)));
    }
    if old.format != new.format {
        found.push((String::new(), format!("the format: {:?} was, {:?} would be", old.format, new.format)));
    }
    found
}

fn array(was: &ArraySpec, is: &ArraySpec) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, was: String, is: String| {
        if was != is {
            found.push(format!("its {what}: {was} was, {is} would be"));
        }
    };
    differ("type", was.dtype.name().into(), is.dtype.name().into());
    differ("dimensions", format!("{:?}", was.dims), format!("{:?}", is.dims));
    differ("chunks", format!("{:?}", was.chunk), format!("{:?}", is.chunk));
    let shard = |spec: &ArraySpec| spec.shard.as_ref().map_or("none".into(), |shard| format!("{shard:?}"));
    differ("shards", shard(was), shard(is));
    differ("codecs", format!("{:?}", was.encoding.codecs), format!("{:?}", is.encoding.codecs));
    let fill = |spec: &ArraySpec| spec.fill.as_ref().map_or("none".into(), ToString::to_string);
    differ("fill value", fill(was), fill(is));
    let shown = |attrs: &Attrs, name: &str| attrs.get(name).map_or("none".into(), ToString::to_string);
    for name in DECODING {
        differ(&format!("attribute `{name}`"), shown(&was.attrs, name), shown(&is.attrs, name));
    }
    if was.dims == is.dims {
        for (dim, (was, is)) in was.dims.iter().zip(was.shape.iter().zip(&is.shape)) {
            if is < was {
                found.push(format!("its length along `{dim}`: {was} was, {is} would be"));
            }
        }
    }
    found
}

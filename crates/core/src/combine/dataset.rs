//! All variables of all files become those of one dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dropped::{self, Dropped};
use super::gaps;
use super::group::{self, Group, merge_key};
use super::layout::Layout;
use super::lengths::{self, Offsets};
use super::schemas::{self, Lenient};
use super::statics::Static;
use super::time::{self, Times};
use super::{
    CombineAxis, Combined, CombinedVar, Content, Context, Difference, Disagreement, File, attributes, order,
    remarks,
};
use crate::attrs::{AttrValue, Attrs};
use crate::block::scalar_to_le;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::recipe::Policies;
use crate::schema::{Storage, Variable};

/// Combines the files (in row-major order of `axes`), or reports everything that they disagree on; `undecided` is what
/// [`reconcile`](crate::reconcile::reconcile) reported.
///
/// # Errors
/// Every disagreement that the policies do not decide.
pub fn combine(
    axes: &[CombineAxis],
    files: &[File],
    policies: &Policies,
    undecided: Vec<Disagreement>,
) -> Result<Combined, Vec<Disagreement>> {
    let context = Context { axes, files, policies };
    // what could not be made alike would be reported again as what differs
    let known: BTreeSet<String> = undecided.iter().map(|problem| problem.variable.clone()).collect();
    let mut problems = unreadable(files);
    problems.extend(undecided);
    let mut offsets = lengths::offsets(&context, &mut problems);
    if lengths::an_axis_is_absent(&context) {
        // without the dimension every variable differs between files, and that says nothing
        return Err(problems);
    }
    let auxiliary = auxiliary(axes, files);
    let all = group::variables(files);
    let times = time::recode(files, &all, policies, &mut problems);
    times.check_countable(files, &all, &mut problems);
    let combiner = Combiner { context: &context, offsets: &offsets, times: &times, auxiliary: &auxiliary };
    let mut left_out = Vec::new();
    let mut variables = Vec::new();
    let mut dropped = dropped::absent(&context, &all, &mut problems);
    for group in all.iter().filter(|group| !known.contains(&group.name)) {
        if !dropped.contains(&group.name) {
            let variable = combiner.variable(group, &mut left_out, &mut dropped, &mut problems);
            variables.extend(variable.map(|variable| sharing_segments(variable, &variables)));
        }
    }
    let mut notes = dropped.finish(&mut variables);
    schemas::dimensions(&context, &variables, &mut problems);
    gaps::keep(&context, &mut offsets, &mut variables, &mut notes, &mut problems);
    notes.extend(remarks::all(&context, &all, &variables));
    let compare = order::settle(&context, &offsets, &mut variables, &mut problems);
    gaps::close(&context, &mut variables, &mut notes, &mut problems);
    let roots = files.iter().map(|f| (&*f.url, &f.view.attrs));
    let mut attrs = attributes::group(&context, "", roots, &mut left_out, &mut problems);
    let mut groups = groups(&context, &mut left_out, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    mark_coordinates(&context, &variables, &mut attrs, &mut groups);
    let concat = axes.iter().filter(|a| a.is_concat()).map(|a| a.name.clone()).collect();
    Ok(Combined { attrs, groups, variables, concat, left_out, notes, compare, pyramid: None })
}

/// What readers could not read and no step dropped.
fn unreadable(files: &[File]) -> Vec<Disagreement> {
    let mut problems: Vec<Disagreement> = Vec::new();
    for file in files {
        for item in &file.view.unreadable {
            let this = Difference::new(&*file.url, &item.reason);
            match problems.iter_mut().find(|p| p.variable == item.name) {
                Some(problem) => problem.found.push(this),
                None => problems.push(Disagreement {
                    code: Code::SourceUnsupported,
                    variable: item.name.clone(),
                    what: format!("`{}` can't be read", item.name),
                    found: vec![this],
                    help: format!("`drop: ['{}']` bakes the rest", item.name),
                }),
            }
        }
    }
    problems
}

/// Coordinates, bounds and the like, as the first file of every merge key has them.
pub(crate) fn auxiliary(axes: &[CombineAxis], files: &[File]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let firsts = files.iter().filter(|f| seen.insert(merge_key(axes, Some(f))));
    firsts.flat_map(|f| f.view.auxiliary()).collect()
}

/// What all variables of one dataset are combined with.
struct Combiner<'a> {
    context: &'a Context<'a>,
    offsets: &'a Offsets,
    times: &'a Times,
    auxiliary: &'a BTreeSet<String>,
}

impl Combiner<'_> {
    fn variable(
        &self,
        group: &Group,
        left_out: &mut Vec<(String, String)>,
        dropped: &mut Dropped,
        problems: &mut Vec<Disagreement>,
    ) -> Option<CombinedVar> {
        let before = problems.len();
        let context = self.context;
        let (_, model) = group.first(context.files)?;
        let along = group.along(context.axes, context.files);
        let recoded = self.times.get(&group.name);
        let coordinate = self.auxiliary.contains(&group.name);
        let timely = recoded.is_some() || self.times.refused(&group.name);
        let widths = along.is_empty() && coordinate && context.rounding(&group.name);
        let float_width = widths && context.policies.get("dtype", &group.name) == "promote";
        let first_counts = along.is_empty() && context.first_counts(&model.var, coordinate);
        let lenient = Lenient { recoded: timely, float_width, first_counts };
        schemas::agree(context, group, &along, lenient, problems);
        schemas::absent(context, group, (&along, coordinate), problems);
        schemas::masks_are_numbers(context, group, problems);
        let attrs = attributes::variable(context, group, timely, left_out, problems);
        if problems.len() > before || self.times.refused(&group.name) {
            return None;
        }
        let mut var = Variable { attrs, ..(*model.var).clone() };
        let content = if along.is_empty() {
            let statics = Static { context, group, offsets: self.offsets, recoded, coordinate, first_counts };
            if var.shape.is_empty()
                && context.policies.get("scalars", &group.name) == "drop"
                && !statics.differ(statics.chosen()).is_empty()
            {
                dropped.add(&group.name, "left out, because it varies between files");
                return None;
            }
            statics.settle(&mut var, problems)
        } else {
            let layout = Layout { context, group, along: &along, offsets: self.offsets, recoded, coordinate };
            layout.lay_out(&mut var, problems)
        };
        if content.is_none() && problems.len() == before {
            problems.push(Disagreement {
                code: Code::Bug,
                variable: group.name.clone(),
                what: format!("`{}` could not be laid out", group.name),
                found: Vec::new(),
                help: "please report this, with the files' schemas".to_owned(),
            });
        }
        let unwritten = unwritten(&var);
        Some(CombinedVar { var: Arc::new(var), coordinate, unwritten, content: content? })
    }
}

/// Variables along one axis take the same segments of files: a list of millions is held once.
fn sharing_segments(mut variable: CombinedVar, others: &[CombinedVar]) -> CombinedVar {
    let along = |other: &CombinedVar| match &other.content {
        Content::Pieces(pieces) => pieces.along.clone(),
        Content::Values(_) => Vec::new(),
    };
    if let Content::Pieces(pieces) = &mut variable.content {
        for own in &mut pieces.along {
            let mut known = others.iter().flat_map(along);
            if let Some(same) = known.find(|known| known.segments == own.segments) {
                own.segments = same.segments;
            }
        }
    }
    variable
}

/// The value of cells that no file holds; one that the type can hold.
pub(crate) fn unwritten(var: &Variable) -> Scalar {
    let own = match (&var.fill, &var.storage) {
        (Some(fill), _) => Some(fill),
        (None, Storage::Chunks { unwritten, .. }) => Some(unwritten),
        (None, Storage::Whole) => None,
    };
    match (var.dtype, own) {
        (DataType::Text, Some(Scalar::Text(text))) => Scalar::Text(text.clone()),
        (DataType::Text, _) => Scalar::Text(String::new()),
        (dtype, Some(own)) if scalar_to_le(dtype, own, &mut Vec::new()) => own.clone(),
        _ => Scalar::Int(0),
    }
}

/// Groups of all files, parents first, with the attributes that are equal.
fn groups(
    context: &Context<'_>,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Vec<(String, Attrs)> {
    let mut paths: Vec<&str> = Vec::new();
    let mut all: BTreeMap<&str, Vec<(&str, &Attrs)>> = BTreeMap::new();
    for file in context.files {
        for (path, attrs) in &file.view.groups {
            let found = all.entry(path).or_default();
            if found.is_empty() {
                paths.push(path);
            }
            found.push((&file.url, attrs));
        }
    }
    let of = |path: &str| all.get(path).cloned().unwrap_or_default().into_iter();
    paths
        .into_iter()
        .map(|path| (path.to_owned(), attributes::group(context, path, of(path), left_out, problems)))
        .collect()
}

/// Names of coordinates that no attribute of the data tells go into the group's `coordinates`, as xarray reads it.
fn mark_coordinates(
    context: &Context<'_>,
    variables: &[CombinedVar],
    attrs: &mut Attrs,
    groups: &mut [(String, Attrs)],
) {
    let marked: BTreeSet<&String> = context.files.iter().flat_map(|f| &f.view.coords).collect();
    for name in marked {
        let Some(found) = variables.iter().find(|v| v.var.name == *name) else { continue };
        if found.var.is_dimension_coordinate() {
            continue;
        }
        let home = match found.var.group() {
            "" => Some(&mut *attrs),
            group => groups.iter_mut().find(|(path, _)| path == group).map(|(_, attrs)| attrs),
        };
        if let Some(home) = home {
            let mut words: Vec<String> =
                home.text("coordinates").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            if !words.iter().any(|w| w == found.var.base_name()) {
                words.push(found.var.base_name().to_owned());
                home.set("coordinates", AttrValue::Text(words.join(" ")));
            }
        }
    }
}

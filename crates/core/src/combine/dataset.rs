//! All variables of all files become those of one dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{self, Group, Occurrence, merge_key};
use super::lengths::{self, Offsets};
use super::place::{filled, place};
use super::{
    Along, CombineAxis, Combined, CombinedVar, Content, Context, Difference, Disagreement, File, Piece,
    Pieces, attributes, order, statics, time,
};
use crate::attrs::{AttrValue, Attrs};
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::recipe::Policies;
use crate::schema::{Storage, Variable};

/// Combines the files (in row-major order of `axes`), or reports everything that they disagree on.
///
/// # Errors
/// Every disagreement that the policies do not decide.
pub fn combine(
    axes: &[CombineAxis],
    files: &[File],
    policies: &Policies,
) -> Result<Combined, Vec<Disagreement>> {
    let context = Context { axes, files, policies };
    let mut problems = unreadable(files);
    let offsets = lengths::offsets(&context, &mut problems);
    let auxiliary = auxiliary(&context);
    let mut left_out = Vec::new();
    let mut variables = Vec::new();
    for group in group::variables(files) {
        let coordinate = auxiliary.contains(&group.name);
        if let Some(variable) = variable(&context, &group, &offsets, coordinate, &mut left_out, &mut problems)
        {
            variables.push(variable);
        }
    }
    order::check(&context, &offsets, &variables, &mut problems);
    let roots = files.iter().map(|f| (f.url.as_str(), &f.view.attrs));
    let mut attrs = attributes::group(&context, "", roots, &mut left_out, &mut problems);
    let mut groups = groups(&context, &mut left_out, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    mark_coordinates(&context, &variables, &mut attrs, &mut groups);
    let concat = axes.iter().filter(|a| a.is_concat()).map(|a| a.name.clone()).collect();
    Ok(Combined { attrs, groups, variables, concat, left_out })
}

/// What readers could not read and no step dropped.
fn unreadable(files: &[File]) -> Vec<Disagreement> {
    let mut problems: Vec<Disagreement> = Vec::new();
    for file in files {
        for item in &file.view.unreadable {
            let this = Difference::new(&file.url, &item.reason);
            match problems.iter_mut().find(|p| p.variable == item.name) {
                Some(problem) => problem.found.push(this),
                None => problems.push(Disagreement {
                    code: Code::SourceUnsupported,
                    variable: item.name.clone(),
                    what: format!("`{}` can't be read", item.name),
                    found: vec![this],
                    help: format!("`step: drop: [{}]` bakes the rest", item.name),
                }),
            }
        }
    }
    problems
}

/// Coordinates, bounds and the like, as the first file of every merge key has them.
fn auxiliary(context: &Context<'_>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let firsts = context.files.iter().filter(|f| seen.insert(merge_key(context.axes, Some(f))));
    firsts.flat_map(|f| f.view.auxiliary()).collect()
}

fn variable(
    context: &Context<'_>,
    group: &Group,
    offsets: &Offsets,
    coordinate: bool,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Option<CombinedVar> {
    let before = problems.len();
    let (_, model) = group.first(context.files)?;
    let along = group.along(context.axes, context.files);
    schemas_agree(context, group, &along, problems);
    absent(context, group, problems);
    let attrs = attributes::variable(context, group, left_out, problems);
    let mut var = Variable { attrs, ..(*model.var).clone() };
    if problems.len() > before {
        return None;
    }
    let (var, content) = if along.is_empty() {
        statics::settle(context, group, var, coordinate, problems)?
    } else {
        for &(axis, dim) in &along {
            *var.shape.get_mut(dim)? = offsets.get(axis).and_then(|o| o.last()).copied()?;
        }
        let content = lay_out(context, group, &along, offsets, &mut var, problems)?;
        (var, content)
    };
    let unwritten = unwritten(&var);
    Some(CombinedVar { var: Arc::new(var), coordinate, unwritten, content })
}

/// The value of cells that no file holds.
fn unwritten(var: &Variable) -> Scalar {
    match (&var.fill, &var.storage) {
        (Some(fill), _) => fill.clone(),
        (None, _) if var.dtype == DataType::Text => Scalar::Text(String::new()),
        (None, Storage::Chunks { unwritten, .. }) => unwritten.clone(),
        (None, Storage::Whole) => Scalar::Int(0),
    }
}

/// Dimensions, lengths, types and fill values are those of the first file.
fn schemas_agree(
    context: &Context<'_>,
    group: &Group,
    along: &[(usize, usize)],
    problems: &mut Vec<Disagreement>,
) {
    let Some((first_file, first)) = group.first(context.files) else { return };
    let model = &first.var;
    let mut found: BTreeMap<Code, Vec<Difference>> = BTreeMap::new();
    let shape = |v: &Variable| {
        let lengths = v.shape.iter().enumerate();
        lengths.map(|(d, &n)| if along.iter().any(|a| a.1 == d) { 0 } else { n }).collect::<Vec<_>>()
    };
    let timely = time::differ(context.files, group);
    for occurrence in group.files.iter().skip(1) {
        let Some(mapped) = occurrence.mapped(context.files) else { continue };
        let var = &mapped.var;
        if Arc::ptr_eq(var, model) {
            continue;
        }
        let differences = [
            (var.dims != model.dims || shape(var) != shape(model), Code::CombineDims),
            (var.dtype != model.dtype && !timely, Code::CombineDtype),
            (!same_fill(var.fill.as_ref(), model.fill.as_ref()) && !timely, Code::CombineFill),
        ];
        for (_, code) in differences.into_iter().filter(|(differs, _)| *differs) {
            let has = |v: &Variable| match code {
                Code::CombineDims => format!("{:?} of lengths {:?}", v.dims, v.shape),
                Code::CombineDtype => v.dtype.to_string(),
                _ => v.fill.as_ref().map_or("no _FillValue".into(), |f| format!("_FillValue {f}")),
            };
            let url = context.files.get(occurrence.file as usize).map_or("?", |f| f.url.as_str());
            let list =
                found.entry(code).or_insert_with(|| vec![Difference::new(&first_file.url, has(model))]);
            list.push(Difference::new(url, has(var)));
        }
    }
    for (code, found) in found {
        let (what, key) = match code {
            Code::CombineDims => ("dimensions or their lengths differ between files", "dims"),
            Code::CombineDtype => ("the data type differs between files", "dtype"),
            _ => ("_FillValue differs between files", "fill"),
        };
        let help = format!(
            "policy `combine.{key}` decides this; this version refuses it. `drop: [{}]` leaves it out",
            model.name
        );
        problems.push(Disagreement { code, variable: model.name.clone(), what: what.into(), found, help });
    }
}

fn same_fill(a: Option<&Scalar>, b: Option<&Scalar>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Every file of a merge key has the variable, or none has it.
fn absent(context: &Context<'_>, group: &Group, problems: &mut Vec<Disagreement>) {
    if group.files.len() == context.files.len() {
        return;
    }
    let has: BTreeSet<u32> = group.files.iter().map(|o| o.file).collect();
    let keys: BTreeSet<Vec<u32>> =
        group.files.iter().map(|o| merge_key(context.axes, context.files.get(o.file as usize))).collect();
    let lacks = |number: &usize, file: &File| {
        !has.contains(&(*number as u32)) && keys.contains(&merge_key(context.axes, Some(file)))
    };
    let found: Vec<Difference> = context
        .files
        .iter()
        .enumerate()
        .filter(|(number, file)| lacks(number, file))
        .map(|(_, file)| Difference::new(&file.url, format!("no `{}`", group.name)))
        .collect();
    if !found.is_empty() {
        problems.push(Disagreement {
            code: Code::CombineAbsent,
            variable: group.name.clone(),
            what: format!("`{}` is in {} files and absent in {}", group.name, has.len(), found.len()),
            found,
            help: format!(
                "policy `combine.absent` decides this; this version refuses it. `drop: [{}]` leaves it out",
                group.name
            ),
        });
    }
}

/// Lays a variable's files along its concat axes.
fn lay_out(
    context: &Context<'_>,
    group: &Group,
    along: &[(usize, usize)],
    offsets: &Offsets,
    var: &mut Variable,
    problems: &mut Vec<Disagreement>,
) -> Option<Content> {
    let (blocks, units) = time::common(context, group, problems)?;
    let lengths: Vec<usize> =
        along.iter().filter_map(|&(axis, _)| Some(context.axes.get(axis)?.labels.len())).collect();
    let mut slots: Vec<Option<usize>> = vec![None; lengths.iter().product()];
    for (number, occurrence) in group.files.iter().enumerate() {
        let index = &context.files.get(occurrence.file as usize)?.index;
        let flat = along
            .iter()
            .zip(&lengths)
            .fold(0, |flat, (&(axis, _), &n)| flat * n + index.get(axis).map_or(0, |&i| i as usize));
        let slot = slots.get_mut(flat)?;
        match *slot {
            None => *slot = Some(number),
            Some(before) => {
                repeated_alike(context, group, before, number, units.is_some(), &blocks, problems)?
            }
        }
    }
    let starts = |axis: usize| offsets.get(axis).cloned().unwrap_or_else(|| Arc::from([]));
    // keys whose files are all left out take no room
    let room = |flat: usize| {
        let mut rest = flat;
        along.iter().zip(&lengths).rev().all(|(&(axis, _), &n)| {
            let (at, ends) = (rest % n, starts(axis));
            rest /= n;
            ends.get(at) < ends.get(at + 1)
        })
    };
    let empty = slots.iter().enumerate().filter(|(flat, slot)| slot.is_none() && room(*flat)).count();
    if empty > 0 {
        holes(context, var, empty, problems)?;
    }
    let in_hand = slots.iter().flatten().all(|&n| blocks.get(n).is_some_and(Option::is_some));
    if !in_hand {
        let along = along.iter().map(|&(axis, dim)| Along { dim, offsets: starts(axis) }).collect();
        let piece = |o: &Occurrence| Piece { file: o.file, variable: o.variable };
        let files = slots.iter().map(|s| s.and_then(|n| group.files.get(n)).map(piece)).collect();
        return Some(Content::Pieces(Pieces { along, files }));
    }
    let dtype = blocks.iter().flatten().next().map_or(var.dtype, |b| b.dtype);
    let mut whole = filled(dtype, var.shape.clone(), &unwritten(var))?;
    for (flat, number) in slots.iter().enumerate() {
        let Some(block) = number.and_then(|n| blocks.get(n)).and_then(Option::as_ref) else { continue };
        let mut origin = vec![0; var.shape.len()];
        let mut rest = flat;
        for (&(axis, dim), &n) in along.iter().zip(&lengths).rev() {
            *origin.get_mut(dim)? = starts(axis).get(rest % n).copied().unwrap_or(0);
            rest /= n;
        }
        place(&mut whole, block, &origin);
    }
    if let Some(units) = units {
        time::set_units(var, &units, &whole);
    }
    Some(Content::Values(Arc::new(whole)))
}

/// Cells without a file need a value that readers mask.
fn holes(
    context: &Context<'_>,
    var: &mut Variable,
    count: usize,
    problems: &mut Vec<Disagreement>,
) -> Option<()> {
    if var.fill.is_some() {
        return Some(());
    }
    if var.dtype.is_float() && !time::is_time_like(var) {
        var.fill = Some(Scalar::Float(f64::NAN));
        return Some(());
    }
    problems.push(Disagreement {
        code: Code::CombineGaps,
        variable: var.name.clone(),
        what: format!("{count} positions have no file, and the variable has no _FillValue to put there"),
        found: context.files.iter().take(1).map(|f| Difference::new(&f.url, var.dtype)).collect(),
        help: "leave the positions out along a whole axis, or drop the variable".to_owned(),
    });
    None
}

/// Two files at one place of a variable must hold the same values.
fn repeated_alike(
    context: &Context<'_>,
    group: &Group,
    a: usize,
    b: usize,
    recoded: bool,
    blocks: &[Option<Arc<crate::block::Block>>],
    problems: &mut Vec<Disagreement>,
) -> Option<()> {
    let file = |n: usize| group.files.get(n).and_then(|o| context.files.get(o.file as usize));
    let digest = |n: usize| file(n).and_then(|f| f.values.get(&group.name)).map(|v| v.digest);
    let block = |n: usize| blocks.get(n).and_then(Option::as_ref);
    let alike = if recoded {
        block(a).is_some() && block(a) == block(b)
    } else {
        digest(a).is_some() && digest(a) == digest(b)
    };
    if alike {
        return Some(());
    }
    let by = block(a).zip(block(b)).and_then(|(a, b)| statics::largest_difference(a, b));
    let what = format!("`{}` stands in several files of one position, with other values", group.name);
    let has = by.map_or("another content".to_owned(), |(d, _)| format!("differs by up to {d}"));
    let found = vec![Difference::new(&file(a)?.url, "the first"), Difference::new(&file(b)?.url, has)];
    match problems.iter_mut().find(|p| p.variable == group.name && p.what == what) {
        Some(problem) => problem.found.extend(found),
        None => problems.push(Disagreement {
            code: Code::CombineCoords,
            variable: group.name.clone(),
            what,
            found,
            help: format!("rename or drop `{}` in some of the files", group.name),
        }),
    }
    Some(())
}

/// Groups of all files, parents first, with the attributes that are equal.
fn groups(
    context: &Context<'_>,
    left_out: &mut Vec<(String, String)>,
    problems: &mut Vec<Disagreement>,
) -> Vec<(String, Attrs)> {
    let mut paths: Vec<&str> = Vec::new();
    for (path, _) in context.files.iter().flat_map(|f| &f.view.groups) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    let of = |path: &str| {
        let found: Vec<_> = context
            .files
            .iter()
            .filter_map(|f| Some((f.url.as_str(), &f.view.groups.iter().find(|(p, _)| p == path)?.1)))
            .collect();
        found
    };
    paths
        .into_iter()
        .map(|path| {
            (path.to_owned(), attributes::group(context, path, of(path).into_iter(), left_out, problems))
        })
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

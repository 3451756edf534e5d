//! Times over files: where reference or unit differ, every file is decoded and encoded anew in one unit that is fine
//! enough for all. Where they do not, the stored numbers are kept bit for bit.

use std::cmp::Ordering;
use std::sync::Arc;

use super::group::{Group, Occurrence};
use super::{Context, Difference, Disagreement, File};
use crate::attrs::AttrValue;
use crate::block::Block;
use crate::calendar::Calendar;
use crate::cftime::{self, TimeUnits};
use crate::dtype::{DataType, Scalar};
use crate::error::{Error, Result};
use crate::schema::Variable;
use crate::steps::FileView;

/// The value of a missing time in 64-bit integers, as numpy has it.
const NOT_A_TIME: i64 = i64::MIN;

/// Whether a variable's `units` are meant as time since a reference.
pub fn is_time_like(var: &Variable) -> bool {
    var.attrs.text("units").is_some_and(cftime::is_time)
}

/// The meaning of a variable's numbers, where they are times that can be decoded.
pub(super) fn units_of(var: &Variable) -> Option<TimeUnits> {
    is_time_like(var).then(|| parse(var).ok()).flatten()
}

fn parse(var: &Variable) -> Result<TimeUnits> {
    TimeUnits::parse(var.attrs.text("units").unwrap_or_default(), var.attrs.text("calendar"))
}

/// The variable whose `units` hold for `var`: itself, or the parent whose bounds it is (CF 7.1).
fn owner<'a>(view: &'a FileView, var: &'a Variable) -> Option<&'a Variable> {
    if is_time_like(var) {
        return Some(var);
    }
    if var.attrs.get("units").is_some() {
        return None;
    }
    let is_parent = |parent: &Variable| {
        is_time_like(parent)
            && (parent.attrs.text("bounds") == Some(var.base_name())
                || parent.attrs.text("climatology") == Some(var.base_name()))
            && parent.group() == var.group()
    };
    view.variables.iter().map(|m| &*m.var).find(|v| is_parent(v))
}

/// Whether the variable's times are counted in another way, or stored in another type, in some files.
pub(super) fn differ(files: &[File], group: &Group) -> bool {
    let Some((file, first)) = group.first(files) else { return false };
    let Some(model) = owner(&file.view, &first.var) else { return false };
    let mut same_as = Arc::clone(&first.var);
    let parsed = parse(model).ok();
    group.files.iter().skip(1).any(|occurrence| {
        let (Some(file), Some(mapped)) = (files.get(occurrence.file as usize), occurrence.mapped(files))
        else {
            return false;
        };
        if is_time_like(&mapped.var) && Arc::ptr_eq(&same_as, &mapped.var) {
            return false;
        }
        let Some(own) = owner(&file.view, &mapped.var) else { return true };
        let text = |v: &Variable| {
            (v.attrs.text("units").map(str::to_owned), v.attrs.text("calendar").map(str::to_owned))
        };
        let same = mapped.var.dtype == first.var.dtype
            && (text(own) == text(model) || (parsed.is_some() && parse(own).ok() == parsed));
        if same {
            same_as = Arc::clone(&mapped.var);
        }
        !same
    })
}

/// Every file's values in one encoding: as stored, or as 64-bit integers in the common unit that is returned.
/// `None` (with a problem reported) where they can't be put in one.
pub(super) fn common(
    context: &Context<'_>,
    group: &Group,
    problems: &mut Vec<Disagreement>,
) -> Option<(Vec<Option<Arc<Block>>>, Option<TimeUnits>)> {
    let raw = |o: &Occurrence| {
        context.files.get(o.file as usize)?.values.get(&group.name).and_then(|values| values.block.clone())
    };
    if !differ(context.files, group) {
        return Some((group.files.iter().map(raw).collect(), None));
    }
    match recode(context, group) {
        Ok((blocks, units)) => Some((blocks, Some(units))),
        Err((url, error)) => {
            problems.push(Disagreement {
                code: error.code,
                variable: group.name.clone(),
                what: format!("times of files differ in unit and can't be put in one: {}", error.message),
                found: vec![Difference::new(url, units_text(context, group))],
                help: error.help.unwrap_or_default(),
            });
            None
        }
    }
}

type Recoded = (Vec<Option<Arc<Block>>>, TimeUnits);

fn recode(context: &Context<'_>, group: &Group) -> Result<Recoded, (String, Error)> {
    let own = decode_group(context, group)?;
    // bounds and their parent share one unit, so both decide how fine it is
    let mut parts: Vec<(TimeUnits, Vec<Option<i128>>)> = Vec::new();
    for relative in relatives(context, group) {
        parts.extend(decode_group(context, &relative)?);
    }
    let first_url = group.first(context.files).map(|(f, _)| f.url.clone()).unwrap_or_default();
    let units = cftime::common_units(&parts).map_err(|e| (first_url.clone(), e))?;
    let Some(units) = units else { return Ok((Vec::new(), default_units())) };
    let mut blocks = Vec::new();
    for (occurrence, (_, instants)) in group.files.iter().zip(own) {
        let shape = occurrence.mapped(context.files).map(|m| m.var.shape.clone()).unwrap_or_default();
        let mut bytes = Vec::with_capacity(instants.len() * 8);
        for instant in instants {
            let value = instant.and_then(|ns| units.encode(ns)).unwrap_or(NOT_A_TIME);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        blocks.push(Some(Arc::new(Block::from_bytes(DataType::Int64, shape, bytes))));
    }
    Ok((blocks, units))
}

fn default_units() -> TimeUnits {
    let reference = crate::calendar::DateTime {
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
    };
    TimeUnits { unit: cftime::TimeUnit::Seconds, reference, calendar: Calendar::Standard }
}

/// The variable, its parent or its bounds: all that must share its unit, the parent first.
fn relatives(context: &Context<'_>, group: &Group) -> Vec<Group> {
    let Some((file, first)) = group.first(context.files) else { return Vec::new() };
    let Some(parent) = owner(&file.view, &first.var) else { return Vec::new() };
    let mut names = vec![parent.name.clone()];
    for attr in ["bounds", "climatology"] {
        if let Some(bounds) = parent.attrs.text(attr) {
            let path = if parent.group().is_empty() {
                bounds.to_owned()
            } else {
                format!("{}/{bounds}", parent.group())
            };
            names.push(path);
        }
    }
    let occurrences = |name: &String| {
        let files = context.files.iter().enumerate().filter_map(|(number, file)| {
            let at = file
                .view
                .variables
                .iter()
                .position(|m| m.var.name == *name && file.values.contains_key(name))?;
            Some(Occurrence { file: number as u32, variable: at as u32 })
        });
        Group { name: name.clone(), files: files.collect() }
    };
    names.iter().map(occurrences).filter(|g| !g.files.is_empty()).collect()
}

/// The instants of every file that has the variable, with that file's units.
fn decode_group(
    context: &Context<'_>,
    group: &Group,
) -> Result<Vec<(TimeUnits, Vec<Option<i128>>)>, (String, Error)> {
    let mut parts = Vec::new();
    for occurrence in &group.files {
        let (Some(file), Some(mapped)) =
            (context.files.get(occurrence.file as usize), occurrence.mapped(context.files))
        else {
            continue;
        };
        let own = owner(&file.view, &mapped.var).unwrap_or(&mapped.var);
        let units = parse(own).map_err(|e| (file.url.clone(), e))?;
        let Some(block) = file.values.get(&group.name).and_then(|v| v.block.as_ref()) else { continue };
        let instants = units.decode(block, &masks(&mapped.var)).map_err(|e| (file.url.clone(), e))?;
        parts.push((units, instants));
    }
    Ok(parts)
}

/// Values that readers mask: `_FillValue` and `missing_value`.
fn masks(var: &Variable) -> Vec<Scalar> {
    let mut masks: Vec<Scalar> = var.fill.iter().cloned().collect();
    if let Some(AttrValue::Numbers { values, .. }) = var.attrs.get("missing_value") {
        masks.extend(values.iter().cloned());
    }
    masks
}

/// The units of the files that have the variable, each once, the first few.
fn units_text(context: &Context<'_>, group: &Group) -> String {
    let mut texts: Vec<String> = Vec::new();
    for occurrence in &group.files {
        let (Some(file), Some(mapped)) =
            (context.files.get(occurrence.file as usize), occurrence.mapped(context.files))
        else {
            continue;
        };
        let own = owner(&file.view, &mapped.var).unwrap_or(&mapped.var);
        let calendar = own.attrs.text("calendar").unwrap_or("standard");
        let text = format!("`{}` ({calendar})", own.attrs.text("units").unwrap_or("no units"));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.truncate(3);
    texts.join(", ")
}

/// Changes a variable's schema to times as 64-bit integers in `units`.
pub(super) fn set_units(var: &mut Variable, units: &TimeUnits, block: &Block) {
    var.dtype = DataType::Int64;
    var.attrs.remove("missing_value");
    let missing = block.bytes().unwrap_or_default().chunks_exact(8).any(|b| b == NOT_A_TIME.to_le_bytes());
    var.fill = missing.then_some(Scalar::Int(NOT_A_TIME));
    if is_time_like(var) {
        var.attrs.set("units", AttrValue::Text(units.to_string()));
        var.attrs.set("calendar", AttrValue::Text(units.calendar.name().to_owned()));
    }
}

/// A value along an axis that can be put in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Instants in nanoseconds, or integers.
    Whole(i128),
    /// Anything else that is real.
    Real(f64),
}

impl Place {
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Whole(a), Self::Real(b)) => (*a as f64).total_cmp(b),
            (Self::Real(a), Self::Whole(b)) => a.total_cmp(&(*b as f64)),
        }
    }

    /// As users read it: a date where `units` are given.
    pub(super) fn show(&self, units: Option<&TimeUnits>) -> String {
        match (self, units) {
            (Self::Whole(ns), Some(units)) => {
                units.date(*ns).map_or_else(|| ns.to_string(), |d| d.to_string())
            }
            (Self::Whole(x), None) => x.to_string(),
            (Self::Real(x), _) => x.to_string(),
        }
    }
}

/// A coordinate's values for ordering; masked ones and NaN are `None`. `None` in all for text.
pub(super) fn places(var: &Variable, block: &Block) -> Option<Vec<Option<Place>>> {
    if let Some(instants) = units_of(var).and_then(|units| units.decode(block, &masks(var)).ok()) {
        return Some(instants.into_iter().map(|i| i.map(Place::Whole)).collect());
    }
    let one = |i: usize| {
        let value = block.scalar(i)?;
        value.as_i128().map(Place::Whole).or_else(|| value.as_f64().filter(|x| !x.is_nan()).map(Place::Real))
    };
    let cells = usize::try_from(block.len()).ok()?;
    (block.dtype.is_integer() || block.dtype.is_float()).then(|| (0..cells).map(one).collect())
}

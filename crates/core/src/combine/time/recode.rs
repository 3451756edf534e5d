//! One unit for all files: where reference, unit or type of times differ, every file is decoded with its own and
//! encoded anew as 64-bit integers in one unit that is fine enough for all. A time and its bounds are one family:
//! bounds have no units of their own, so they are either all recoded or all kept bit for bit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{has_bounds, is_time_like, masks, owner, parse};
use crate::attrs::AttrValue;
use crate::block::Block;
use crate::cftime::{self, TimeUnits};
use crate::combine::group::{Group, Occurrence};
use crate::combine::{Difference, Disagreement, File};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::schema::Variable;

/// The value of a missing time in 64-bit integers, as numpy has it.
pub(in crate::combine) const NOT_A_TIME: i64 = i64::MIN;

/// Integers up to this are exact in doubles.
const EXACT_IN_DOUBLES: u64 = 1 << 53;

/// A time and its bounds: places in the list of groups, the time first.
pub(in crate::combine) struct Family(pub(in crate::combine) Vec<usize>);

/// One variable's times in the unit of its family.
pub(in crate::combine) struct Recoded {
    pub(in crate::combine) units: TimeUnits,
    /// One for every file of the group, in its order: 64-bit integers, [`NOT_A_TIME`] where masked.
    pub(in crate::combine) blocks: Vec<Arc<Block>>,
}

/// What was recoded, by variable.
#[derive(Default)]
pub(in crate::combine) struct Times {
    recoded: BTreeMap<String, Recoded>,
    refused: BTreeSet<String>,
}

impl Times {
    /// The variable's times in one unit; `None` where the stored numbers can stay.
    pub(in crate::combine) fn get(&self, name: &str) -> Option<&Recoded> {
        self.recoded.get(name)
    }

    /// Whether the variable's times differ and can't be put in one unit, which is reported already.
    pub(in crate::combine) fn refused(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// Reports times that are counted in months or years, which are of no one length.
    pub(in crate::combine) fn check_countable(
        &self,
        files: &[File],
        groups: &[Group],
        problems: &mut Vec<Disagreement>,
    ) {
        for group in groups.iter().filter(|group| !self.refused(&group.name)) {
            let Some((_, mapped)) = group.first(files) else { continue };
            let Some(error) =
                is_time_like(&mapped.var).then(|| parse(&mapped.var).ok()?.unit_ns().err()).flatten()
            else {
                continue;
            };
            let name = &group.name;
            let units = |o: &Occurrence| {
                let units = o.mapped(files)?.var.attrs.text("units")?;
                Some(Difference::new(&files.get(o.file as usize)?.url, format!("units = \"{units}\"")))
            };
            let found = group.files.iter().filter_map(units).collect();
            problems.push(Disagreement {
                code: error.code,
                variable: name.clone(),
                what: error.message,
                found,
                help: format!(
                    "the step `attrs: {{move: {{{name}@units: {name}@units_of_months}}}}` keeps the numbers as numbers; xarray can't decode them as dates either"
                ),
            });
        }
    }
}

/// The families whose members are counted in another way, or stored in another type, in some files.
pub(in crate::combine) fn families(files: &[File], groups: &[Group]) -> Vec<Family> {
    let at: BTreeMap<&str, usize> = groups.iter().enumerate().map(|(at, g)| (g.name.as_str(), at)).collect();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut found = Vec::new();
    let timely = |group: &Group| group.first(files).is_some_and(|(_, m)| is_time_like(&m.var));
    let bounded = |group: &Group| {
        let first = group.first(files);
        first.is_some_and(|(file, mapped)| {
            file.view.variables.iter().any(|p| is_time_like(&p.var) && has_bounds(&p.var, &mapped.var))
        })
    };
    let parents = groups.iter().enumerate().filter(|(_, g)| timely(g) && !bounded(g));
    for (number, group) in parents {
        let Some((_, mapped)) = group.first(files) else { continue };
        let mut members = vec![number];
        for attr in ["bounds", "climatology"] {
            let Some(name) = mapped.var.attrs.text(attr) else { continue };
            let path = match mapped.var.group() {
                "" => name.to_owned(),
                parent => format!("{parent}/{name}"),
            };
            members.extend(at.get(path.as_str()).copied().filter(|&n| taken.insert(n)));
        }
        if members.iter().any(|&n| groups.get(n).is_some_and(|g| differ(files, g))) {
            found.push(Family(members));
        }
    }
    found
}

fn differ(files: &[File], group: &Group) -> bool {
    let Some((file, first)) = group.first(files) else { return false };
    let Some(model) = owner(&file.view, &first.var) else { return false };
    let parsed = parse(model).ok();
    let mut same_as = Arc::clone(&first.var);
    group.files.iter().skip(1).any(|occurrence| {
        let (Some(file), Some(mapped)) = (files.get(occurrence.file as usize), occurrence.mapped(files))
        else {
            return false;
        };
        if is_time_like(&mapped.var) && Arc::ptr_eq(&same_as, &mapped.var) {
            return false;
        }
        // a time without units is a disagreement of attributes
        let Some(own) = owner(&file.view, &mapped.var) else { return false };
        let text = |v: &'_ Variable, attr: &str| v.attrs.text(attr).map(str::to_owned);
        let same_text = ["units", "calendar"].iter().all(|attr| text(own, attr) == text(model, attr));
        let same = mapped.var.dtype == first.var.dtype
            && (same_text || (parsed.is_some() && parse(own).ok() == parsed));
        if same {
            same_as = Arc::clone(&mapped.var);
        }
        !same
    })
}

/// Puts the times of every family in one unit; what can't be is reported.
pub(in crate::combine) fn recode(
    files: &[File],
    groups: &[Group],
    problems: &mut Vec<Disagreement>,
) -> Times {
    let mut times = Times::default();
    for Family(members) in families(files, groups) {
        let members: Vec<&Group> = members.iter().filter_map(|&n| groups.get(n)).collect();
        match recode_family(files, &members) {
            Ok(recoded) => times.recoded.extend(recoded),
            Err((member, url, error)) => {
                times.refused.extend(members.iter().map(|g| g.name.clone()));
                let mut found = counted(files, member);
                if let Some(url) = url.filter(|url| found.iter().all(|d| d.url != *url)) {
                    found.insert(0, Difference::new(url, "the file in which it fails"));
                }
                problems.push(Disagreement {
                    code: error.code,
                    variable: member.name.clone(),
                    what: format!(
                        "times of files differ in unit or type, and can't be put in one: {}",
                        error.message
                    ),
                    found,
                    help: error.help.unwrap_or_else(|| {
                        format!("set `units` and `calendar` of the files with `step: attrs`, or split the recipe; `drop: [{}]` leaves it out", member.name)
                    }),
                });
            }
        }
    }
    times
}

type Part = (TimeUnits, Vec<Option<i128>>);
type Refusal<'a> = (&'a Group, Option<String>, Error);

fn recode_family<'a>(files: &[File], members: &[&'a Group]) -> Result<Vec<(String, Recoded)>, Refusal<'a>> {
    let mut decoded: Vec<Part> = Vec::new();
    for member in members {
        for occurrence in &member.files {
            let Some(file) = files.get(occurrence.file as usize) else { continue };
            let part = decode(file, member, *occurrence, files);
            decoded.push(part.map_err(|error| (*member, Some(file.url.clone()), error))?);
        }
    }
    let Some(parent) = members.first() else { return Ok(Vec::new()) };
    let units = match cftime::common_units(&decoded) {
        Ok(Some(units)) => units,
        Ok(None) => return Ok(Vec::new()),
        Err(error) => return Err((parent, None, error)),
    };
    let mut parts = decoded.into_iter();
    let mut recoded = Vec::new();
    for member in members {
        let mut blocks = Vec::with_capacity(member.files.len());
        for (occurrence, (_, instants)) in member.files.iter().zip(parts.by_ref()) {
            let shape = occurrence.mapped(files).map(|m| m.var.shape.clone()).unwrap_or_default();
            let block = encode(&units, shape, &instants).ok_or_else(|| {
                (*member, None, Error::new(Code::Bug, "a time does not fit the unit chosen for it"))
            })?;
            blocks.push(Arc::new(block));
        }
        recoded.push((member.name.clone(), Recoded { units, blocks }));
    }
    Ok(recoded)
}

fn decode(file: &File, group: &Group, occurrence: Occurrence, files: &[File]) -> Result<Part> {
    let bug = || Error::new(Code::Bug, "a time has no variable");
    let mapped = occurrence.mapped(files).ok_or_else(bug)?;
    let own = owner(&file.view, &mapped.var).ok_or_else(|| {
        Error::new(Code::CombineTime, "the file says not in which unit these times are counted")
            .help(format!("drop `{}`, or set `units` of it with `step: attrs`", group.name))
    })?;
    if let Some(packing) = ["scale_factor", "add_offset"].iter().find(|a| mapped.var.attrs.get(a).is_some()) {
        return Err(Error::new(Code::CombineTime, format!("times are packed with `{packing}`")));
    }
    let units = parse(own)?;
    let block = file.values.get(&group.name).and_then(|v| v.block.as_ref()).ok_or_else(|| {
        Error::new(
            Code::CombineTime,
            format!("`{}` is too large to be decoded while files are compared", group.name),
        )
        .help(format!("`drop: [{}]` leaves it out", group.name))
    })?;
    Ok((units, units.decode(block, &masks(&mapped.var))?))
}

/// `None` where an instant is no whole number of the unit.
fn encode(units: &TimeUnits, shape: Vec<u64>, instants: &[Option<i128>]) -> Option<Block> {
    let mut bytes = Vec::with_capacity(instants.len().checked_mul(8)?);
    for instant in instants {
        let value = match instant {
            Some(ns) => units.encode(*ns)?,
            None => NOT_A_TIME,
        };
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    Some(Block::from_bytes(DataType::Int64, shape, bytes))
}

/// How the files count, each way once, with the first file that does so.
fn counted(files: &[File], group: &Group) -> Vec<Difference> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for occurrence in &group.files {
        let (Some(file), Some(mapped)) = (files.get(occurrence.file as usize), occurrence.mapped(files))
        else {
            continue;
        };
        let own = owner(&file.view, &mapped.var).unwrap_or(&mapped.var);
        let units = own.attrs.text("units").map_or("no units".to_owned(), |u| format!("`{u}`"));
        let calendar =
            own.attrs.text("calendar").map_or("no calendar".to_owned(), |c| format!("calendar `{c}`"));
        let has = format!("{units}, {calendar}, {}", mapped.var.dtype);
        if seen.insert(has.clone()) {
            found.push(Difference::new(&file.url, has));
        }
    }
    found
}

/// Changes a variable's schema to times in `units`, and gives its values: the 64-bit integers, or doubles with NaN where
/// times are missing and doubles are exact. (xarray can't decode a masked integer in every calendar.)
pub(in crate::combine) fn set_units(var: &mut Variable, units: &TimeUnits, block: &Arc<Block>) -> Arc<Block> {
    var.attrs.remove("missing_value");
    var.fill = None;
    let mut block = Arc::clone(block);
    let whole = || {
        block
            .bytes()
            .unwrap_or_default()
            .chunks_exact(8)
            .filter_map(|b| Some(i64::from_le_bytes(b.try_into().ok()?)))
    };
    if whole().any(|value| value == NOT_A_TIME) {
        if whole().all(|value| value == NOT_A_TIME || value.unsigned_abs() <= EXACT_IN_DOUBLES) {
            let double = |value: i64| if value == NOT_A_TIME { f64::NAN } else { value as f64 };
            let bytes = whole().flat_map(|value| double(value).to_le_bytes()).collect();
            block = Arc::new(Block::from_bytes(DataType::Float64, block.shape.clone(), bytes));
            var.fill = Some(Scalar::Float(f64::NAN));
        } else {
            var.fill = Some(Scalar::Int(NOT_A_TIME));
        }
    }
    var.dtype = block.dtype;
    if is_time_like(var) {
        var.attrs.set("units", AttrValue::Text(units.to_string()));
        var.attrs.set("calendar", AttrValue::Text(units.calendar.name().to_owned()));
    }
    block
}

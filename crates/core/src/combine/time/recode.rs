//! One unit for all files: where reference, unit or type of times differ, every file is decoded with its own and
//! encoded anew as 64-bit integers in one unit that is fine enough for all; so are times of calendar months and times that a
//! policy converts to another calendar. A time and its bounds are one family:
//! bounds have no units of their own, so they are either all recoded or all kept bit for bit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::families::{Family, Wanted, counted_alike, families};
use super::{is_time_like, owner, parse};
use crate::attrs::AttrValue;
use crate::block::Block;
use crate::cftime::{self, TimeUnit, TimeUnits};
use crate::combine::group::{Group, Occurrence};
use crate::combine::{Difference, Disagreement, File, can_drop, leave_out};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::recipe::Policies;
use crate::schema::Variable;

/// The value of a missing time in 64-bit integers, as numpy has it.
pub(in crate::combine) const NOT_A_TIME: i64 = i64::MIN;

/// Integers up to this are exact in doubles.
const EXACT_IN_DOUBLES: u64 = 1 << 53;

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
        let open = |group: &&Group| !self.refused(&group.name) && self.get(&group.name).is_none();
        for group in groups.iter().filter(open) {
            let Some((_, mapped)) = group.first(files) else { continue };
            let Some(error) =
                is_time_like(&mapped.var).then(|| parse(&mapped.var).ok()?.unit_ns().err()).flatten()
            else {
                continue;
            };
            let name = &group.name;
            let units = |o: &Occurrence| {
                let units = o.mapped(files)?.var.attrs.text("units")?;
                Some(Difference::new(&*files.get(o.file as usize)?.url, format!("units = \"{units}\"")))
            };
            let found = group.files.iter().filter_map(units).collect();
            problems.push(Disagreement {
                code: error.code,
                variable: name.clone(),
                what: error.message,
                found,
                help: format!(
                    "`combine.months: calendar` counts calendar months and years from the reference; the step `attrs: {{move: {{{name}@units: {name}@units_of_months}}}}` keeps the numbers as numbers, which xarray can't decode as dates either"
                ),
            });
        }
    }
}

/// Puts the times of every family in one unit, as the policies say; what can't be is reported.
pub(in crate::combine) fn recode(
    files: &[File],
    groups: &[Group],
    policies: &Policies,
    problems: &mut Vec<Disagreement>,
) -> Times {
    let mut times = Times::default();
    for Family(members) in families(files, groups, policies) {
        let members: Vec<&Group> = members.iter().filter_map(|&n| groups.get(n)).collect();
        let Some(parent) = members.first() else { continue };
        let wanted = Wanted::of(policies, &parent.name).map_err(|error| refusal(parent, Vec::new(), error));
        match wanted.and_then(|wanted| recode_family(files, &members, wanted)) {
            Ok(recoded) => times.recoded.extend(recoded),
            Err(refusal) => {
                times.refused.extend(members.iter().map(|g| g.name.clone()));
                problems.push(refusal.report(files));
            }
        }
    }
    times
}

type Part = (TimeUnits, Vec<Option<i128>>);

/// Why a family can't be put in one unit.
struct Refusal<'a> {
    member: &'a Group,
    /// Where it fails.
    urls: Vec<String>,
    error: Error,
}

fn refusal(member: &Group, urls: Vec<String>, error: Error) -> Refusal<'_> {
    Refusal { member, urls, error }
}

impl Refusal<'_> {
    fn report(self, files: &[File]) -> Disagreement {
        let mut found = counted(files, self.member);
        for url in self.urls.iter().rev() {
            let at = found.iter().position(|d| d.url == *url);
            let this = match at {
                Some(at) => found.remove(at),
                None => Difference::new(url, "the file in which it fails"),
            };
            found.insert(0, this);
        }
        let name = &self.member.name;
        Disagreement {
            code: self.error.code,
            variable: name.clone(),
            what: format!("times can't be put in one unit and calendar: {}", self.error.message),
            found,
            help: self.error.help.unwrap_or_else(|| {
                let how = "set `units` and `calendar` of the files with `step: attrs`, or split the recipe";
                match can_drop(files, name) {
                    true => format!("{how}; {}", leave_out(files, name)),
                    false => how.to_owned(),
                }
            }),
        }
    }
}

fn recode_family<'a>(
    files: &[File],
    members: &[&'a Group],
    wanted: Wanted,
) -> Result<Vec<(String, Recoded)>, Refusal<'a>> {
    if let Some(member) = members.iter().find(|m| wanted.alike && !counted_alike(files, m)) {
        let what = "reference or unit differ between files, and `combine.time` is `error`";
        let help = "`combine.time: decode` puts them in one unit without loss";
        return Err(refusal(member, Vec::new(), Error::new(Code::CombineTime, what).help(help)));
    }
    let mut sources = Vec::new();
    let mut decoded: Vec<Part> = Vec::new();
    for member in members {
        for occurrence in &member.files {
            let Some(file) = files.get(occurrence.file as usize) else { continue };
            let part = decode(file, member, *occurrence, files, wanted);
            decoded.push(part.map_err(|error| refusal(member, vec![file.url.to_string()], error))?);
            sources.push((*member, &*file.url));
        }
    }
    let units = match cftime::common_units(&decoded) {
        Ok(Some(units)) => units,
        Ok(None) => return Ok(Vec::new()),
        Err(unfit) => {
            let found: Vec<_> = unfit.parts.iter().filter_map(|&part| sources.get(part)).collect();
            let Some((member, _)) = found.first() else { return Ok(Vec::new()) };
            let urls = found.iter().map(|(_, url)| (*url).to_owned()).collect();
            return Err(refusal(member, urls, unfit.error));
        }
    };
    let mut parts = decoded.into_iter();
    let mut recoded = Vec::new();
    for member in members {
        let mut blocks = Vec::with_capacity(member.files.len());
        for (occurrence, (_, instants)) in member.files.iter().zip(parts.by_ref()) {
            let shape = occurrence.mapped(files).map(|m| m.var.shape.clone()).unwrap_or_default();
            let block = encode(&units, shape, &instants).ok_or_else(|| {
                let bug = Error::new(Code::Bug, "a time does not fit the unit chosen for it");
                refusal(member, Vec::new(), bug)
            })?;
            blocks.push(Arc::new(block));
        }
        recoded.push((member.name.clone(), Recoded { units, blocks }));
    }
    Ok(recoded)
}

/// One file's times as instants, in the calendar that is wanted.
fn decode(
    file: &File,
    group: &Group,
    occurrence: Occurrence,
    files: &[File],
    wanted: Wanted,
) -> Result<Part> {
    let bug = || Error::new(Code::Bug, "a time has no variable");
    let mapped = occurrence.mapped(files).ok_or_else(bug)?;
    let own = owner(&file.view, &mapped.var).ok_or_else(|| {
        Error::new(Code::CombineTime, "the file says not in which unit these times are counted")
            .help(format!("set `units` of it with `step: attrs`; {}", leave_out(files, &group.name)))
    })?;
    if let Some(packing) = mapped.var.attrs.packed_by() {
        return Err(Error::new(Code::CombineTime, format!("times are packed with `{packing}`")));
    }
    let units = parse(own)?;
    let block = file.values.get(&group.name).and_then(|v| v.block.as_ref()).ok_or_else(|| {
        Error::new(
            Code::CombineTime,
            format!("`{}` is too large to be decoded while files are compared", group.name),
        )
        .help(leave_out(files, &group.name))
    })?;
    let masks = mapped.var.masks();
    let instants =
        if wanted.months { units.decode_months(block, &masks) } else { units.decode(block, &masks) }?;
    // counts of months are gone with the decoding
    let units = TimeUnits { unit: units.unit.min(TimeUnit::Days), ..units };
    match wanted.calendar {
        Some(calendar) => Ok((units.in_calendar(calendar)?, units.convert(&instants, calendar)?)),
        None => Ok((units, instants)),
    }
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
            found.push(Difference::new(&*file.url, has));
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
    count_in(var, units);
    block
}

/// Sets the attributes of times in `units`; bounds, whose units are those of their time, say at most the calendar.
pub(crate) fn count_in(var: &mut Variable, units: &TimeUnits) {
    let timely = is_time_like(var);
    if timely {
        var.attrs.set("units", AttrValue::Text(units.to_string()));
    }
    if timely || var.attrs.get("calendar").is_some() {
        var.attrs.set("calendar", AttrValue::Text(units.calendar.name().to_owned()));
    }
}

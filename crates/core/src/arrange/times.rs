//! `time_encoding`: the units, calendar and type that times are stored in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{hand, invalid, unknown};
use crate::block::Block;
use crate::cftime::{TimeUnits, encode_as};
use crate::combine::{Combined, CombinedVar, Content, File, count_in, is_time_like, unwritten};
use crate::dtype::Scalar;
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::{Step, TimeEncoding};
use crate::schema::Variable;

/// Attributes that the new numbers would contradict.
const RANGES: [&str; 5] = ["missing_value", "valid_min", "valid_max", "valid_range", "actual_range"];

/// What must be read of the files before they are combined: (file number, variable). Times that are encoded anew, with
/// their bounds.
pub fn needs(steps: &[Step], files: &[File]) -> Vec<(usize, String)> {
    let patterns: Vec<&str> = steps
        .iter()
        .filter_map(|step| if let Step::TimeEncoding(list) = step { Some(list) } else { None })
        .flatten()
        .map(|(pattern, _)| pattern.as_str())
        .collect();
    let mut wanted = Vec::new();
    for (number, file) in files.iter().enumerate().filter(|_| !patterns.is_empty()) {
        let is_meant = |var: &Variable| {
            is_time_like(var) && patterns.iter().any(|pattern| names::matches(pattern, &var.name))
        };
        let mut found = BTreeSet::new();
        for mapped in file.view.variables.iter().filter(|mapped| is_meant(&mapped.var)) {
            found.insert(mapped.var.name.clone());
            found.extend(mapped.var.bounds().filter(|name| file.view.variable(name).is_some()));
        }
        let unread = found.into_iter().filter(|name| !file.values.contains_key(name));
        wanted.extend(unread.map(|name| (number, name)));
    }
    wanted
}

pub(super) fn encode(
    combined: &mut Combined,
    encodings: &[(String, TimeEncoding)],
    files: &[File],
) -> Result<()> {
    for (pattern, encoding) in encodings {
        let fits = |v: &&CombinedVar| names::matches(pattern, &v.var.name);
        let matched: Vec<Arc<Variable>> =
            combined.variables.iter().filter(fits).map(|v| Arc::clone(&v.var)).collect();
        if matched.is_empty() {
            let known = combined.variables.iter().map(|v| v.var.name.as_str());
            return Err(unknown(pattern, "no variable of the dataset", known));
        }
        if let [only] = matched.as_slice()
            && !is_time_like(only)
        {
            let units =
                only.attrs.text("units").map_or("no units".into(), |units| format!("units \"{units}\""));
            return Err(invalid(format!("`{}` is no time: it has {units}", only.name))
                .help("bounds follow the time that they belong to"));
        }
        let of_others: BTreeSet<String> = matched.iter().flat_map(|var| var.bounds()).collect();
        let times = matched.iter().filter(|var| is_time_like(var) && !of_others.contains(&var.name));
        for var in times {
            family(combined, var, encoding, files).map_err(|e| e.in_variable(&var.name))?;
        }
    }
    Ok(())
}

/// One time with its bounds, which have its units and its type.
fn family(combined: &mut Combined, parent: &Variable, encoding: &TimeEncoding, files: &[File]) -> Result<()> {
    let from = TimeUnits::of(&parent.attrs)?;
    let related: BTreeSet<String> = parent.bounds().collect();
    let mut members: Vec<(usize, Vec<Option<i128>>)> = Vec::new();
    for (at, variable) in combined.variables.iter().enumerate() {
        let var = &variable.var;
        if var.name != parent.name && !related.contains(&var.name) {
            continue;
        }
        if let Some(packing) = var.attrs.packed_by() {
            return Err(invalid(format!("`{}` is packed with `{packing}`", var.name)));
        }
        let units = if is_time_like(var) { TimeUnits::of(&var.attrs)? } else { from };
        let instants = units.decode(&*hand::values(variable, files)?, &var.masks())?;
        members.push((at, units.convert(&instants, from.calendar)?));
    }
    let all: Vec<Option<i128>> = members.iter().flat_map(|(_, instants)| instants.iter().copied()).collect();
    let (units, block, missing) = encode_as(&all, &from, encoding)?;
    let mut start = 0;
    for (at, instants) in members {
        let Some(variable) = combined.variables.get_mut(at) else { continue };
        let part = start..start + instants.len();
        start = part.end;
        let size = block.dtype.size().unwrap_or(1);
        let bytes = block.bytes().and_then(|bytes| bytes.get(part.start * size..part.end * size));
        let bytes = bytes.ok_or_else(|| Error::new(Code::Bug, "a time was encoded in part"))?.to_vec();
        let block = Block::from_bytes(block.dtype, variable.var.shape.clone(), bytes);
        set(variable, &units, block, missing.clone().filter(|_| instants.contains(&None)));
    }
    Ok(())
}

fn set(variable: &mut CombinedVar, units: &TimeUnits, block: Block, missing: Option<Scalar>) {
    let var = Arc::make_mut(&mut variable.var);
    RANGES.iter().for_each(|name| drop(var.attrs.remove(name)));
    count_in(var, units);
    (var.dtype, var.fill) = (block.dtype, missing);
    variable.unwritten = unwritten(var);
    variable.content = Content::Values(Arc::new(block));
}

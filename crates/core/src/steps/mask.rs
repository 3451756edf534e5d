//! `mask`: cells become missing, by their values or by a flag variable.
//!
//! They get the variable's `_FillValue`, else its `missing_value`; a variable without either gets a new `_FillValue`:
//! NaN, or the netCDF library's default of an integer type, which must not be a value of the file.

use super::FileContext;
use super::matching;
use super::stored::{invalid, is_real, not_real, readable};
use super::unmatched::Missing;
use super::view::{FileView, Mapped, Origin};
use crate::attrs::AttrValue;
use crate::block::{reinterpret, typed};
use crate::derived::{Derived, Flag, Op, Rule, axes_within};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Result};
use crate::names;
use crate::recipe::MaskRule;
use crate::schema::{Storage, Variable};

pub(super) fn mask(
    view: &mut FileView,
    rules: &[MaskRule],
    context: FileContext<'_>,
    missing: &mut Missing,
) -> Result<()> {
    for rule in rules {
        let mut flags = Vec::new();
        for (name, wanted) in &rule.flags {
            match readable(view, name)? {
                Some(flag) => flags.push((flag.clone(), conditions(&flag.var, wanted)?)),
                None => missing.push(name.clone()),
            }
        }
        if flags.len() < rule.flags.len() {
            let lacks = rule.flags.iter().map(|(name, _)| name).find(|name| view.variable(name).is_none());
            let masked =
                |m: &&Mapped| names::matches(&rule.variable, &m.var.name) && !names::is_glob(&rule.variable);
            if let (Some(masked), Some(lacks)) = (view.variables.iter().find(masked), lacks) {
                missing.partly(&masked.var.name, lacks, context.url);
            }
            apart(rule, missing);
            continue;
        }
        let (patterns, names) = ([(rule.variable.as_str(), rule)].into_iter(), missing.names());
        matching::each(view, patterns, missing, |_, mapped, rule, glob| {
            let is_flag = flags.iter().any(|(flag, _)| flag.var.name == mapped.var.name);
            if glob && (is_flag || !is_real(mapped.var.dtype)) {
                return Ok(None);
            }
            one(mapped, rule, &flags, glob).map(Some)
        })?;
        if missing.names() > names {
            apart(rule, missing);
        }
    }
    Ok(())
}

/// The file has not both the variable and its flags.
fn apart(rule: &MaskRule, missing: &mut Missing) {
    let flags = rule.flags.iter().map(|(name, _)| name.as_str());
    missing.together(&rule.variable, flags.chain([rule.variable.as_str()]));
}

fn one(mapped: &Mapped, rule: &MaskRule, flags: &[(Mapped, Vec<Flag>)], glob: bool) -> Result<Mapped> {
    let var = &mapped.var;
    let half = var.dtype == DataType::Float16;
    if half || !is_real(var.dtype) {
        let help = format!("`cast: {{{}: float32}}` before it", var.name);
        return Err(if half { not_real(var).help(help) } else { not_real(var) });
    }
    if !glob {
        can_match(var, &rule.equals)?;
    }
    let old = var.stored_masks();
    let fill = old.first().cloned().or_else(|| var.dtype.default_fill()).ok_or_else(|| {
        invalid(format!("`mask` of `{}`: {} has no value for missing cells", var.name, var.dtype))
            .help(format!("`cast: {{{}: int8}}` before it", var.name))
    })?;
    let ops = operations(var, rule, &old, &fill);
    let is_new = old.is_empty();
    let new = |var: &mut Variable| {
        if is_new {
            var.fill = Some(fill.clone());
            if let Storage::Chunks { unwritten, .. } = &mut var.storage {
                unwritten.clone_from(&fill);
            }
        }
    };
    let masked = if ops.is_empty() { mapped.clone() } else { mapped.clone().with_ops(ops, new) };
    if flags.is_empty() {
        return Ok(masked);
    }
    flagged(masked, flags, fill.clone(), new)
}

/// Refuses a value that no cell can have.
fn can_match(var: &Variable, equals: &[Scalar]) -> Result<()> {
    let types = || std::iter::once(var.dtype).chain(var.meant());
    match equals.iter().find(|value| types().all(|dtype| typed(dtype, value).is_none())) {
        None => Ok(()),
        Some(value) => {
            let stored = types().last().unwrap_or(var.dtype);
            let error = invalid(format!(
                "`mask` of `{}`: `equals` is {value}, which is no value of type {stored}",
                var.name
            ));
            Err(match var.attrs.packing() {
                Some(_) => error.help(
                    "it is compared before scale_factor and add_offset; `below` and `above` are decoded",
                ),
                None => error.help("it is compared with values as they are stored"),
            })
        }
    }
}

/// What is done to every cell.
fn operations(var: &Variable, rule: &MaskRule, old: &[Scalar], fill: &Scalar) -> Vec<Op> {
    let code = Code::StepValues;
    let mut ops = Vec::new();
    if old.is_empty() && !var.dtype.is_float() {
        ops.push(Op::Remask { masks: Vec::new(), fill: fill.clone(), code });
    }
    let to = var.meant();
    if !rule.equals.is_empty() {
        // as stored, or what the same bits are meant as
        let stored = |value: &Scalar| match (typed(var.dtype, value), to) {
            (None, Some(to)) if typed(to, value).is_some() => reinterpret(to, var.dtype, value),
            _ => value.clone(),
        };
        let masks = rule.equals.iter().map(stored).chain([fill.clone()]).collect();
        ops.push(Op::Remask { masks, fill: fill.clone(), code });
    }
    if rule.below.is_some() || rule.above.is_some() {
        let bits = |value: &Scalar| to.map_or_else(|| value.clone(), |to| reinterpret(var.dtype, to, value));
        ops.extend(to.map(|to| Op::Reinterpret { to }));
        ops.push(Op::Limit {
            masks: old.iter().map(bits).collect(),
            packing: var.attrs.packing().unwrap_or((1.0, 0.0)),
            least: rule.below,
            greatest: rule.above,
            fill: bits(fill),
        });
        ops.extend(to.map(|_| Op::Reinterpret { to: var.dtype }));
    }
    ops
}

/// The variable with `fill` where a flag holds.
fn flagged(
    mapped: Mapped,
    flags: &[(Mapped, Vec<Flag>)],
    fill: Scalar,
    new: impl FnOnce(&mut Variable),
) -> Result<Mapped> {
    for (flag, _) in flags {
        let strange =
            flag.var.dims.iter().zip(&flag.var.shape).find(|(d, n)| mapped.var.length(d) != Some(**n));
        if let Some((dim, length)) = strange {
            let (name, flag) = (&mapped.var.name, &flag.var.name);
            return Err(invalid(format!(
                "`mask` of `{name}` by `{flag}`, which lies along `{dim}` of length {length}; `{name}` does not"
            )));
        }
    }
    let along = |(flag, list): &(Mapped, Vec<Flag>)| {
        let (own, dims) = (&flag.var.dims, &mapped.var.dims);
        // of a dimension that the variable has twice nobody knows which is meant
        let axes =
            axes_within(own, dims).filter(|axes| axes.len() == dims.len() || mapped.var.has_unique_dims());
        let axes = axes.ok_or_else(|| {
            invalid(format!(
                "`mask` of `{}` by `{}`: a dimension is there twice",
                mapped.var.name, flag.var.name
            ))
        })?;
        Ok((axes, list.clone()))
    };
    let rule = Rule::Flagged { flags: flags.iter().map(along).collect::<Result<_>>()?, fill };
    let mut var = std::sync::Arc::clone(&mapped.var);
    new(std::sync::Arc::make_mut(&mut var));
    let inputs = std::iter::once(mapped).chain(flags.iter().map(|(flag, _)| flag.clone())).collect();
    Ok(Mapped { var, origin: Origin::Derived(std::sync::Arc::new(Derived { inputs, rule })) })
}

/// When a flag variable masks: its values as numbers, or words of its `flag_meanings`.
fn conditions(var: &Variable, wanted: &[Scalar]) -> Result<Vec<Flag>> {
    if !is_real(var.dtype) {
        return Err(not_real(var));
    }
    wanted
        .iter()
        .map(|value| match value {
            Scalar::Text(word) => meaning(var, word),
            value => Ok(Flag::Value(value.clone())),
        })
        .collect()
}

fn meaning(var: &Variable, word: &str) -> Result<Flag> {
    let name = &var.name;
    let words: Vec<&str> = var.attrs.text("flag_meanings").unwrap_or_default().split_whitespace().collect();
    let Some(at) = words.iter().position(|known| *known == word) else {
        let message = format!("`{name}` has no flag `{word}`");
        return Err(match names::nearest(word, words.iter().copied()) {
            Some(near) => invalid(message).help(format!("the nearest of its flag_meanings is `{near}`")),
            None if words.is_empty() => invalid(format!("{message}: it has no attribute flag_meanings"))
                .help("name the values of the flag by numbers"),
            None => invalid(message).help(format!("its flag_meanings are {}", words.join(", "))),
        });
    };
    let of = |attr: &str| match var.attrs.get(attr) {
        Some(AttrValue::Numbers { values, .. }) if values.len() == words.len() => values.get(at).cloned(),
        _ => None,
    };
    let whole = |value: Option<Scalar>| value.as_ref().and_then(Scalar::as_i128);
    match (of("flag_masks"), of("flag_values")) {
        (None, Some(value)) => Ok(Flag::Value(value)),
        (masks, value) => match whole(masks) {
            Some(mask) => Ok(Flag::Bits { mask, value: whole(value) }),
            None => Err(invalid(format!(
                "`{name}` has {} flag_meanings, and neither flag_values nor flag_masks for each",
                words.len()
            ))
            .help("name the values of the flag by numbers")),
        },
    }
}

//! `dtype`: integer and float widths of variables that are not packed.

use super::Cx;
use super::numbers::{Member, Numbers, members, report, rewrite, unlike};
use super::packing::range;
use crate::attrs::AttrValue;
use crate::block::typed;
use crate::combine::Group;
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;
use crate::steps::Mapped;

/// From the smallest, integers before floats of their size.
const TYPES: [DataType; 11] = [
    DataType::Int8,
    DataType::UInt8,
    DataType::Int16,
    DataType::UInt16,
    DataType::Float16,
    DataType::Int32,
    DataType::UInt32,
    DataType::Float32,
    DataType::Int64,
    DataType::UInt64,
    DataType::Float64,
];

const HELP: &str = "`combine.dtype: promote` writes the smallest type that holds all values";

/// Puts all files into one type.
pub(super) fn agree(cx: &mut Cx<'_>, groups: &[Group]) {
    for group in unlike(cx, groups) {
        let Some(members) = members(cx, group) else { continue };
        let Some(first) = members.first() else { continue };
        let packed = members.iter().any(|m| m.numbers.packing.is_some());
        let policy = cx.policies.get("dtype", &group.name);
        if packed || policy == "error" || members.iter().all(|m| m.var.dtype == first.var.dtype) {
            continue;
        }
        let to = if policy == "first" { Some(first.var.dtype) } else { smallest(&members) };
        match to {
            Some(_) if policy != "first" && is_rounded(cx, group, &members) => {}
            Some(to) => {
                let mask = first.numbers.masks.first();
                rewrite(cx, group, HELP, |mapped| cast(mapped, to, mask));
            }
            None => {
                let text = (
                    Code::CombineDtype,
                    "no type holds the values of all files exactly",
                    "`combine.dtype: first` takes the first file's type, and refuses what does not fit"
                        .to_owned(),
                );
                report(cx, &members, text, |m| m.var.dtype != first.var.dtype, |m| m.var.dtype.to_string());
            }
        }
    }
}

/// The smallest type that holds every value of every file.
fn smallest(members: &[Member]) -> Option<DataType> {
    TYPES.into_iter().find(|to| members.iter().all(|m| holds(*to, m.var.dtype)))
}

/// Whether a type holds every value of another.
fn holds(to: DataType, from: DataType) -> bool {
    match (range(from), range(to)) {
        (Some(from), Some(to)) => to.0 <= from.0 && from.1 <= to.1,
        // every integer up to two to the bits of the significand
        (Some(from), None) => significand(to).is_some_and(|bits| from.1.max(-from.0) <= 1 << bits),
        (None, None) => significand(from).is_some() && significand(from) <= significand(to),
        (None, Some(_)) => false,
    }
}

const fn significand(dtype: DataType) -> Option<u32> {
    match dtype {
        DataType::Float16 => Some(11),
        DataType::Float32 => Some(24),
        DataType::Float64 => Some(53),
        _ => None,
    }
}

/// Coordinates that combining compares within the rounding of the coarser type.
fn is_rounded(cx: &Cx<'_>, group: &Group, members: &[Member]) -> bool {
    members.iter().all(|m| m.var.dtype.is_float())
        && group.along(cx.axes, cx.files).is_empty()
        && cx.policies.get("coords", &group.name) == "equal"
        && group.first(cx.files).is_some_and(|(file, _)| file.view.auxiliary().contains(&group.name))
}

/// The variable in another type; masks go with it, to `mask` where the type can't hold them. `None` where it has the type.
fn cast(mapped: &Mapped, to: DataType, mask: Option<&Scalar>) -> Option<Mapped> {
    let numbers = Numbers::of(&mapped.var)?;
    if numbers.stored == to {
        return None;
    }
    let kept = |mask: &Scalar| typed(to, mask).filter(|new| new.as_f64() == mask.as_f64() || mask.is_nan());
    let all_kept = numbers.masks.iter().all(|mask| kept(mask).is_some());
    let loses_nan = numbers.stored.is_float() && to.is_integer();
    let fill = if all_kept && !loses_nan {
        None
    } else {
        let own = numbers.masks.iter().find_map(kept);
        mask.and_then(|mask| typed(to, mask)).or(own).or((!all_kept).then(|| missing(to)))
    };
    let op = Op::Cast {
        to,
        masks: if fill.is_some() { numbers.masks.clone() } else { Vec::new() },
        fill: fill.clone(),
        code: Code::CombineDtype,
    };
    Some(mapped.clone().with_ops([op], |var: &mut Variable| {
        var.dtype = to;
        match fill {
            Some(fill) => {
                var.attrs.remove("missing_value");
                var.fill = Some(fill);
            }
            None => {
                var.fill = var.fill.as_ref().and_then(kept);
                remask(var, &numbers, to);
            }
        }
    }))
}

/// A value that stands for missing cells where no other does.
fn missing(dtype: DataType) -> Scalar {
    match range(dtype) {
        Some((0, greatest)) => u64::try_from(greatest).map_or(Scalar::UInt(u64::MAX), Scalar::UInt),
        Some((least, _)) => i64::try_from(least).map_or(Scalar::Int(i64::MIN), Scalar::Int),
        None => Scalar::Float(f64::NAN),
    }
}

/// `missing_value` in the new type: what it was as a value of the old one.
fn remask(var: &mut Variable, numbers: &Numbers, to: DataType) {
    let Some(AttrValue::Numbers { values, .. }) = var.attrs.get("missing_value") else { return };
    let through = |value: &Scalar| typed(numbers.stored, value).and_then(|v| typed(to, &v));
    let values: Vec<Scalar> = values.iter().filter_map(through).collect();
    if values.is_empty() {
        var.attrs.remove("missing_value");
    } else {
        var.attrs.set("missing_value", AttrValue::Numbers { dtype: to, values });
    }
}

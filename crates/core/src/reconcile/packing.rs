//! `packing`: scale_factor, add_offset, `_Unsigned` and the packed type.
//!
//! Files that pack alike stay packed, bit for bit. What plain integers are is left to `dtype`.

use super::Cx;
use super::numbers::{Member, Numbers, PACKING, members, report, rewrite, unlike};
use super::repack::{self, Target};
use crate::attrs::{AttrValue, Attrs};
use crate::block::{reinterpret, typed};
use crate::combine::Group;
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::figures::Short;
use crate::schema::Variable;
use crate::steps::Mapped;

/// Attributes in packed units.
const LIMITS: [&str; 3] = ["valid_min", "valid_max", "valid_range"];

/// What to do instead, where a packing can't hold what files hold.
pub(super) const HELP: &str = "`combine.packing: decode` writes decoded floats";

/// Puts the numbers of all files into one packing, or decodes them.
pub(super) fn agree(cx: &mut Cx<'_>, groups: &[Group]) {
    for group in unlike(cx, groups) {
        let Some(members) = members(cx, group) else { continue };
        let policy = cx.policies.get("packing", &group.name).to_owned();
        if policy == "error" {
            continue;
        }
        if differs(&members) {
            if !masks_are_refused(cx, group, &members) {
                match policy.as_str() {
                    "auto" => auto(cx, group, &members),
                    "first" => first(cx, group, &members),
                    _ => decode(cx, group, &members),
                }
            }
        } else if sign_differs(&members) {
            rewrite(cx, group, HELP, signed);
        }
    }
}

/// Whether bits mean other numbers in some files, and some files pack.
pub(super) fn differs(members: &[Member]) -> bool {
    let Some(first) = members.first() else { return false };
    members.iter().any(|m| m.numbers.packing.is_some())
        && members.iter().any(|m| !m.numbers.packed_as(&first.numbers))
}

/// Plain integers of which some files turn the sign.
fn sign_differs(members: &[Member]) -> bool {
    let Some(first) = members.first() else { return false };
    let turned = |m: &Member| m.var.attrs.get("_Unsigned").is_some();
    members.iter().any(turned)
        && members.iter().any(|m| {
            (m.numbers.stored, m.numbers.meant, turned(m))
                != (first.numbers.stored, first.numbers.meant, turned(first))
        })
}

/// Decoding would hide masks that differ, and `combine.fill` is `error`.
pub(super) fn masks_are_refused(cx: &mut Cx<'_>, group: &Group, members: &[Member]) -> bool {
    let Some(first) = members.first() else { return false };
    let other = |m: &Member| !m.numbers.masks_as(&first.numbers);
    if cx.policies.get("fill", &group.name) != "error" || !members.iter().any(other) {
        return false;
    }
    let text = (
        Code::CombineFill,
        "_FillValue or missing_value differ between files, and `combine.fill` is `error`",
        "`combine.fill: mask` masks each file with its own values".to_owned(),
    );
    report(cx, members, text, other, |m| {
        let masks: Vec<String> = m.numbers.masks.iter().map(Scalar::to_string).collect();
        if masks.is_empty() { "no _FillValue".to_owned() } else { format!("masked: {}", masks.join(", ")) }
    });
    true
}

fn decode(cx: &mut Cx<'_>, group: &Group, members: &[Member]) {
    let all: Vec<_> = members.iter().map(|m| (&m.numbers, m.numbers.line())).collect();
    let to = float_for(&all);
    rewrite(cx, group, HELP, |mapped| decoded(mapped, to));
}

/// Float32 where its spacing at the largest number that any file can represent is at most a tenth of the finest step,
/// else float64. Floats are as precise as they are stored; scaled and shifted ones have their relative precision.
pub(super) fn float_for(all: &[(&Numbers, (f64, f64))]) -> DataType {
    let doubles = all.iter().any(|(n, _)| n.stored == DataType::Float64);
    let shifted = all.iter().any(|(n, _)| n.packing.is_some_and(|p| p.1 != 0.0) && n.stored.is_float());
    let ends = all.iter().filter_map(|(n, line)| {
        let (low, high) = range(n.meant)?;
        let at = |x: i128| (x as f64).mul_add(line.0, line.1).abs();
        Some((at(low).max(at(high)), line.0.abs()))
    });
    let largest = ends.clone().map(|(largest, _)| largest).fold(0.0, f64::max);
    let step = ends.map(|(_, step)| step).fold(f64::INFINITY, f64::min);
    let fine = step.is_infinite() || spacing(largest) <= step / 10.0;
    if doubles || shifted || !fine { DataType::Float64 } else { DataType::Float32 }
}

/// The least and the greatest value of an integer type.
pub(super) const fn range(dtype: DataType) -> Option<(i128, i128)> {
    Some(match dtype {
        DataType::Int8 => (i8::MIN as i128, i8::MAX as i128),
        DataType::Int16 => (i16::MIN as i128, i16::MAX as i128),
        DataType::Int32 => (i32::MIN as i128, i32::MAX as i128),
        DataType::Int64 => (i64::MIN as i128, i64::MAX as i128),
        DataType::UInt8 => (0, u8::MAX as i128),
        DataType::UInt16 => (0, u16::MAX as i128),
        DataType::UInt32 => (0, u32::MAX as i128),
        DataType::UInt64 => (0, u64::MAX as i128),
        _ => return None,
    })
}

/// The distance of a positive number's neighbours in single precision.
fn spacing(at: f64) -> f64 {
    let bits = (at as f32).to_bits();
    f64::from(f32::from_bits(bits.saturating_add(1))) - f64::from(f32::from_bits(bits))
}

/// The variable as decoded floats, NaN where it is missing.
pub(super) fn decoded(mapped: &Mapped, to: DataType) -> Option<Mapped> {
    let numbers = Numbers::of(&mapped.var)?;
    let (scale, offset) = numbers.line();
    let plain = numbers.packing.is_none() && numbers.stored == to;
    let untouched = plain && numbers.masks.iter().all(Scalar::is_nan);
    let change = |var: &mut Variable| {
        limits(&mut var.attrs, &numbers, to, &|x| Some(x));
        as_float(var, to);
    };
    if untouched {
        let mut mapped = mapped.clone();
        change(std::sync::Arc::make_mut(&mut mapped.var));
        return Some(mapped);
    }
    Some(mapped.clone().with_ops([unpack(&numbers, scale, offset, to)], change))
}

/// The operation that decodes.
pub(super) fn unpack(numbers: &Numbers, scale: f64, offset: f64, to: DataType) -> Op {
    let meant = (numbers.meant != numbers.stored).then_some(numbers.meant);
    Op::Unpack { meant, masks: numbers.masks.clone(), scale, offset, to }
}

/// The schema of decoded floats.
pub(super) fn as_float(var: &mut Variable, to: DataType) {
    for name in PACKING {
        var.attrs.remove(name);
    }
    (var.dtype, var.fill) = (to, Some(Scalar::Float(f64::NAN)));
}

/// Puts limits that are given in packed units (CF 8.1; in another type than the packed one they are decoded already)
/// into the type `to`, after `then`; what it can't express is left out.
pub(super) fn limits(attrs: &mut Attrs, numbers: &Numbers, to: DataType, then: &dyn Fn(f64) -> Option<f64>) {
    let (scale, offset) = numbers.line();
    for name in LIMITS {
        let Some(AttrValue::Numbers { dtype, values }) = attrs.get(name).cloned() else { continue };
        let packed = numbers.stored.is_float() || dtype.is_integer();
        let one = |value: &Scalar| -> Option<Scalar> {
            let value =
                if packed { reinterpret(numbers.stored, numbers.meant, value) } else { value.clone() };
            let value = value.as_f64()?;
            let value = then(if packed { value * scale + offset } else { value })?;
            typed(to, &Scalar::Float(value))
        };
        match values.iter().map(one).collect::<Option<Vec<Scalar>>>() {
            // a line that falls turns the range around
            Some(mut values) if scale > 0.0 || values.len() > 1 => {
                if scale < 0.0 {
                    values.reverse();
                }
                attrs.set(name, AttrValue::Numbers { dtype: to, values });
            }
            _ => drop(attrs.remove(name)),
        }
    }
}

/// Plain integers in the type that is meant, without `_Unsigned`.
fn signed(mapped: &Mapped) -> Option<Mapped> {
    let numbers = Numbers::of(&mapped.var)?;
    mapped.var.attrs.get("_Unsigned")?;
    let change = |var: &mut Variable| {
        var.attrs.remove("_Unsigned");
        var.dtype = numbers.meant;
        var.fill = var.fill.as_ref().map(|fill| reinterpret(numbers.stored, numbers.meant, fill));
        for name in LIMITS.iter().chain(&["missing_value"]) {
            if let Some(AttrValue::Numbers { values, .. }) = var.attrs.get(name) {
                let values =
                    values.iter().map(|value| reinterpret(numbers.stored, numbers.meant, value)).collect();
                var.attrs.set(*name, AttrValue::Numbers { dtype: numbers.meant, values });
            }
        }
    };
    if numbers.meant == numbers.stored {
        let mut mapped = mapped.clone();
        change(std::sync::Arc::make_mut(&mut mapped.var));
        return Some(mapped);
    }
    Some(mapped.clone().with_ops([Op::Reinterpret { to: numbers.meant }], change))
}

fn first(cx: &mut Cx<'_>, group: &Group, members: &[Member]) {
    let Some(model) = members.first() else { return };
    if model.numbers.stored.is_float() && model.numbers.packing.is_none() {
        let to = model.numbers.stored;
        rewrite(cx, group, HELP, |m| {
            let plain = Numbers::of(&m.var).is_some_and(|n| n.packing.is_none() && n.stored == to);
            if plain { None } else { decoded(m, to) }
        });
        return;
    }
    if model.numbers.packing.is_none() {
        let text = (
            Code::CombinePacking,
            "the first file is not packed, and its integers can't hold what other files unpack to",
            HELP.to_owned(),
        );
        report(cx, members, text, |m| m.numbers.packing.is_some(), show);
        return;
    }
    let target = Target::of(&model.var, &model.numbers);
    rewrite(cx, group, HELP, |m| repack::into(m, &target));
}

fn auto(cx: &mut Cx<'_>, group: &Group, members: &[Member]) {
    match repack::holding_all(members) {
        Some(target) => rewrite(cx, group, HELP, |m| repack::into(m, &target)),
        None => {
            let text = (
                Code::CombinePacking,
                "no packing in 32-bit integers holds what all files can represent, as finely as the finest does",
                HELP.to_owned(),
            );
            report(cx, members, text, |_| true, show);
        }
    }
}

/// Type and packing, for messages.
fn show(member: &Member) -> String {
    let Numbers { meant, packing, .. } = &member.numbers;
    match packing {
        Some((scale, offset)) => {
            let (scale, offset) = (Short(*scale), Short(*offset));
            format!("{meant} with scale_factor {scale} and add_offset {offset}")
        }
        None => format!("{meant}, not packed"),
    }
}

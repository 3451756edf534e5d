//! `units`: the units of data and of coordinates that are no times.
//!
//! Texts of one unit (`degC`, `celsius`) are no difference: the first file's is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cx;
use super::numbers::{Member, Numbers, is_free, members, report, rewrite, rewrite_by, unlike};
use super::packing::{self, as_float, float_for, limits, unpack};
use super::shifted::{self, Mark};
use crate::attrs::AttrValue;
use crate::block::typed;
use crate::combine::{Group, can_drop};
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::steps::Mapped;
use crate::units::{Conversion, Linear, Unit};

/// How the numbers of every unit that files have become numbers of the first file's.
struct Plan {
    first: AttrValue,
    /// By text.
    from: BTreeMap<String, Conversion>,
}

/// Puts all files into the first file's units, where the policy says so.
pub(super) fn agree(cx: &mut Cx<'_>, groups: &[Group]) {
    for group in unlike(cx, groups) {
        let Some(members) = members(cx, group) else { continue };
        let Some(first) = members.first().and_then(|m| m.var.attrs.get("units")).cloned() else { continue };
        if members.iter().all(|m| m.var.attrs.get("units").is_some_and(|units| units.same(&first))) {
            continue;
        }
        let policy = cx.policies.get("units", &group.name).to_owned();
        let Some(plan) = planned(&members, first) else {
            if policy == "convert" {
                refuse(cx, &members);
            }
            continue;
        };
        let one_unit = plan.from.values().all(Conversion::is_identity);
        // combining keeps the first file's under `first`, and refuses under `error`
        match shifted::against(&members, plan.from.values()) {
            _ if one_unit => same_text(cx, group),
            _ if policy != "convert" => {}
            Some(mark) => refuse_marked(cx, &members, &mark),
            None => convert(cx, group, groups, &members, &plan),
        }
    }
}

/// `None` where some file has no units, or such as can't be converted to the first file's.
fn planned(members: &[Member], first: AttrValue) -> Option<Plan> {
    let text = first.as_text()?;
    let target = Unit::parse(text).ok()?;
    let mut from = BTreeMap::new();
    let difference = |m: &Member| m.var.attrs.text("units_metadata") == Some("temperature: difference");
    for member in members {
        if members.first().is_some_and(|first| difference(first) != difference(member)) {
            return None;
        }
        let own = member.var.attrs.text("units")?;
        if from.contains_key(own) {
            continue;
        }
        let mut conversion = Unit::parse(own).ok()?.conversion_to(&target)?;
        if direction(own).zip(direction(text)).is_some_and(|(a, b)| a != b) {
            return None;
        }
        match (&mut conversion, difference(member)) {
            (Conversion::Linear(line), true) => line.offset = 0.0,
            (_, true) => return None,
            _ => {}
        }
        from.insert(own.to_owned(), conversion);
    }
    Some(Plan { first, from })
}

/// Degrees to the north are of the size of those to the east, and are not the same.
fn direction(units: &str) -> Option<char> {
    let units = units.to_ascii_lowercase();
    let ends = |list: &[&str]| list.iter().any(|end| units.ends_with(end));
    match units.starts_with("degree") {
        true if ends(&["north", "_n", "een", "esn"]) => Some('n'),
        true if ends(&["east", "_e", "eee", "ese"]) => Some('e'),
        _ => None,
    }
}

fn refuse(cx: &mut Cx<'_>, members: &[Member]) {
    let Some(first) = members.first() else { return };
    let help = format!(
        "where the numbers are in one unit, the step `attrs: {{set: {{{}@units: …}}}}`, or `combine.units: first`",
        first.var.name
    );
    let what = "units differ between files, and can't be converted to those of the first file";
    refuse_with(cx, members, what, help);
}

/// Differences can be converted once they are told to be such; nobody knows whether the unit of a square is one.
fn refuse_marked(cx: &mut Cx<'_>, members: &[Member], mark: &Mark) {
    let Some(first) = members.first() else { return };
    let (name, Mark { attribute, text, squared }) = (&first.var.name, mark);
    let why = match squared {
        true => "whose unit is a square, and may be given as the unit itself",
        false => "which an offset would make wrong",
    };
    let what = format!(
        "units differ between files, and `{attribute}` = \"{text}\" says that these are no values on the unit's scale, {why}"
    );
    let rest = match can_drop(cx.files, name) {
        true => format!("make one recipe for each unit, or leave it out: `drop: [{name}]`"),
        false => "make one recipe for each unit".to_owned(),
    };
    let help = match squared {
        true => rest,
        false => format!(
            "where they are differences, the step `attrs: {{set: {{{name}@units_metadata: \"temperature: difference\"}}}}` has them converted without the offset; else {rest}"
        ),
    };
    refuse_with(cx, members, &what, help);
}

fn refuse_with(cx: &mut Cx<'_>, members: &[Member], what: &str, help: String) {
    let Some(first) = members.first() else { return };
    let own = |m: &Member| m.var.attrs.get("units").cloned();
    report(
        cx,
        members,
        (Code::CombineUnits, what, help),
        |m| own(m) != own(first),
        |m| own(m).map_or_else(|| "no `units`".to_owned(), |units| format!("units = {units}")),
    );
}

/// The first file's text for the one unit that all files have.
fn same_text(cx: &mut Cx<'_>, group: &Group) {
    let Some(first) = group.first(cx.files).and_then(|(_, m)| m.var.attrs.get("units")).cloned() else {
        return;
    };
    rewrite(cx, group, "", |mapped| {
        let mut mapped = mapped.clone();
        Arc::make_mut(&mut mapped.var).attrs.set("units", first.clone());
        Some(mapped)
    });
}

fn convert(cx: &mut Cx<'_>, group: &Group, groups: &[Group], members: &[Member], plan: &Plan) {
    let Some(first) = members.first() else { return };
    let policy = |key: &str| cx.policies.get(key, &group.name);
    // conversion would hide differences that other policies refuse; combining reports them
    let types = members.iter().any(|m| m.var.dtype != first.var.dtype);
    let hidden = (policy("packing") == "error" && packing::differs(members))
        || (policy("dtype") == "error" && types && !packing::differs(members));
    if hidden || packing::masks_are_refused(cx, group, members) {
        return;
    }
    let flagged = |m: &Member| ["flag_values", "flag_masks"].iter().any(|a| m.var.attrs.get(a).is_some());
    if members.iter().any(flagged) {
        return refuse(cx, members);
    }
    let by_file: BTreeMap<usize, Conversion> = conversions(cx, group, plan);
    let repacked =
        matches!(policy("packing"), "first" | "auto") && members.iter().any(|m| m.numbers.packing.is_some());
    let named: Vec<String> = first.var.bounds().collect();
    let own = |m: &Member| plan.from.get(m.var.attrs.text("units")?).copied();
    let pairs: Vec<_> = members.iter().filter_map(|m| Some((&m.numbers, own(m)?))).collect();
    let to = if repacked { DataType::Float64 } else { type_for(&pairs) };
    put(cx, group, &by_file, (to, repacked, may_lack(members)), Some(&plan.first));
    for bounds in groups.iter().filter(|g| named.contains(&g.name)) {
        let inherits = !bounds
            .files
            .iter()
            .any(|o| o.mapped(cx.files).is_none_or(|m| m.var.attrs.get("units").is_some()));
        if let Some(members) = members_of_bounds(cx, bounds).filter(|_| inherits) {
            let all = members.iter().flat_map(|m| plan.from.values().map(move |c| (&m.numbers, *c)));
            let to = type_for(&all.collect::<Vec<_>>());
            put(cx, bounds, &by_file, (to, false, may_lack(&members)), None);
        }
    }
}

fn members_of_bounds(cx: &Cx<'_>, group: &Group) -> Option<Vec<Member>> {
    if is_free(cx, group) { members(cx, group) } else { None }
}

fn conversions(cx: &Cx<'_>, group: &Group, plan: &Plan) -> BTreeMap<usize, Conversion> {
    let of =
        |file: u32, mapped: &Mapped| Some((file as usize, *plan.from.get(mapped.var.attrs.text("units")?)?));
    group.files.iter().filter_map(|o| of(o.file, o.mapped(cx.files)?)).collect()
}

/// Converts the values of all files to the type `to`; those that are packed anew afterwards stay as they are where they
/// have the unit.
fn put(
    cx: &mut Cx<'_>,
    group: &Group,
    by_file: &BTreeMap<usize, Conversion>,
    (to, repacked, masked): (DataType, bool, bool),
    units: Option<&AttrValue>,
) {
    let of = |file: usize| by_file.get(&file).copied().unwrap_or(Conversion::IDENTITY);
    rewrite_by(cx, group, packing::HELP, of, |conversion, mapped| {
        let mut new = if repacked && conversion.is_identity() {
            mapped.clone()
        } else {
            converted(mapped, conversion, to)?
        };
        if !masked {
            Arc::make_mut(&mut new.var).fill = None;
        }
        if let Some(units) = units {
            Arc::make_mut(&mut new.var).attrs.set("units", units.clone());
        }
        Some(new)
    });
}

/// Whether cells may be missing: floats without a mask, such as coordinates, get none.
fn may_lack(members: &[Member]) -> bool {
    let plain = |n: &Numbers| n.stored.is_float() && n.packing.is_none() && n.masks.is_empty();
    !members.iter().all(|m| plain(&m.numbers))
}

/// The type that numbers under conversions need.
fn type_for(pairs: &[(&Numbers, Conversion)]) -> DataType {
    let all: Vec<_> = pairs.iter().map(|(n, c)| (*n, fused(n, c).unwrap_or_else(|| n.line()))).collect();
    float_for(&all)
}

/// Factor and addend of decoding and converting in one.
fn fused(numbers: &Numbers, conversion: &Conversion) -> Option<(f64, f64)> {
    let (scale, offset) = numbers.line();
    match conversion {
        _ if conversion.is_identity() => Some((scale, offset)),
        Conversion::Linear(Linear { scale: by, offset: more }) => Some((scale * by, offset * by + more)),
        _ => None,
    }
}

fn converted(mapped: &Mapped, conversion: &Conversion, to: DataType) -> Option<Mapped> {
    let numbers = Numbers::of(&mapped.var)?;
    if conversion.is_identity() {
        return packing::decoded(mapped, to);
    }
    let ops = match fused(&numbers, conversion) {
        Some((scale, offset)) => vec![unpack(&numbers, scale, offset, to)],
        None => {
            let (scale, offset) = numbers.line();
            let wide = unpack(&numbers, scale, offset, DataType::Float64);
            vec![wide, Op::Convert { conversion: *conversion, to }]
        }
    };
    Some(mapped.clone().with_ops(ops, |var| {
        limits(&mut var.attrs, &numbers, to, &|x| Some(conversion.apply(x)));
        if let Some(AttrValue::Numbers { values, .. }) = var.attrs.get("actual_range") {
            // in the units of decoded values
            let one = |v: &Scalar| typed(to, &Scalar::Float(conversion.apply(v.as_f64()?)));
            match values.iter().map(one).collect::<Option<Vec<Scalar>>>() {
                Some(values) => var.attrs.set("actual_range", AttrValue::Numbers { dtype: to, values }),
                None => drop(var.attrs.remove("actual_range")),
            }
        }
        as_float(var, to);
    }))
}

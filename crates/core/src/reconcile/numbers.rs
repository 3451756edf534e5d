//! What the rules about numbers share: how a variable's stored numbers are meant, and how all files are rewritten.

use std::sync::Arc;

use super::Cx;
use crate::attrs::AttrValue;
use crate::combine::{Difference, Disagreement, File, Group, Occurrence, has_bounds, is_time_like};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error};
use crate::schema::Variable;
use crate::steps::{Mapped, Origin};

/// Attributes that say how stored numbers are meant, gone once they are decoded.
pub(super) const PACKING: [&str; 4] = ["scale_factor", "add_offset", "_Unsigned", "missing_value"];

/// How a variable's stored numbers are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    /// The type of the bits.
    pub(super) stored: DataType,
    /// The type that they are meant as: `_Unsigned` may turn the sign.
    pub(super) meant: DataType,
    /// `scale_factor` and `add_offset`, where there is either.
    pub(super) packing: Option<(f64, f64)>,
    /// Values that are missing, in the stored type.
    pub(super) masks: Vec<Scalar>,
}

/// One schema of a variable and the first file that has it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) file: usize,
    pub(super) var: Arc<Variable>,
    pub(super) numbers: Numbers,
}

impl Numbers {
    /// `None` for what is no real number, and where attributes do not say what they should: combining refuses those
    /// that differ.
    pub(super) fn of(var: &Variable) -> Option<Self> {
        let stored = var.dtype;
        if !stored.is_integer() && !stored.is_float() {
            return None;
        }
        let part = |name: &str| match var.attrs.get(name) {
            None => Some(None),
            Some(_) => var.attrs.f64(name).filter(|x| x.is_finite()).map(Some),
        };
        let (scale, offset) = (part("scale_factor")?, part("add_offset")?);
        let packed = scale.is_some() || offset.is_some();
        let packing = packed.then(|| (scale.unwrap_or(1.0), offset.unwrap_or(0.0)));
        if packing.is_some_and(|(scale, _)| scale == 0.0) {
            return None;
        }
        if !matches!(var.attrs.get("missing_value"), None | Some(AttrValue::Numbers { .. })) {
            return None;
        }
        Some(Self { stored, meant: var.meant().unwrap_or(stored), packing, masks: var.stored_masks() })
    }

    /// Factor and addend of decoding; those of plain numbers leave every bit, also of -0.0.
    pub(super) fn line(&self) -> (f64, f64) {
        self.packing.unwrap_or((1.0, -0.0))
    }

    /// Whether the same bits mean the same number.
    pub(super) fn packed_as(&self, other: &Self) -> bool {
        (self.stored, self.meant, self.packing) == (other.stored, other.meant, other.packing)
    }

    /// Masks in no order and once each; a NaN equals another.
    pub(super) fn masks_as(&self, other: &Self) -> bool {
        let within = |a: &[Scalar], b: &[Scalar]| a.iter().all(|x| b.iter().any(|y| x.same(y)));
        within(&self.masks, &other.masks) && within(&other.masks, &self.masks)
    }
}

/// The groups that the rules about numbers look at: files have different schemas, nothing about the variable is refused
/// yet, and it is neither a time nor the bounds of one, which combining recodes.
pub(super) fn unlike<'a>(cx: &Cx<'_>, groups: &'a [Group]) -> Vec<&'a Group> {
    groups.iter().filter(|group| differs(cx.files, group) && is_free(cx, group)).collect()
}

/// Whether rules may rewrite a variable.
pub(super) fn is_free(cx: &Cx<'_>, group: &Group) -> bool {
    let timely = |o: &Occurrence| o.mapped(cx.files).is_some_and(|m| is_time_like(&m.var));
    let refused = cx.problems.iter().any(|problem| problem.variable == group.name);
    !refused && !group.files.iter().any(timely) && !bounds_a_time(cx.files, group)
}

fn differs(files: &[File], group: &Group) -> bool {
    let Some((_, first)) = group.first(files) else { return false };
    group.files.iter().any(|o| o.mapped(files).is_some_and(|m| !Arc::ptr_eq(&m.var, &first.var)))
}

fn bounds_a_time(files: &[File], group: &Group) -> bool {
    let Some((file, own)) = group.first(files) else { return false };
    file.view.variables.iter().any(|parent| is_time_like(&parent.var) && has_bounds(&parent.var, &own.var))
}

/// The schemas of a variable in file order, files that share theirs once; `None` where one is not of real numbers.
pub(super) fn members(cx: &Cx<'_>, group: &Group) -> Option<Vec<Member>> {
    let mut found: Vec<Member> = Vec::new();
    for occurrence in &group.files {
        let var = &occurrence.mapped(cx.files)?.var;
        if found.last().is_some_and(|last| Arc::ptr_eq(&last.var, var)) {
            continue;
        }
        let (file, numbers) = (occurrence.file as usize, Numbers::of(var)?);
        found.push(Member { file, var: Arc::clone(var), numbers });
    }
    Some(found)
}

/// Replaces the variable in every file by what `change` makes of it; `None` leaves it. Values in hand that can't become
/// what the rule says are reported, with `help`.
pub(super) fn rewrite(
    cx: &mut Cx<'_>,
    group: &Group,
    help: &str,
    change: impl Fn(&Mapped) -> Option<Mapped>,
) {
    rewrite_by(cx, group, help, |_| (), |(), mapped| change(mapped));
}

/// The same with something that `change` wants to know of the file, by its number.
pub(super) fn rewrite_by<T: PartialEq>(
    cx: &mut Cx<'_>,
    group: &Group,
    help: &str,
    of_file: impl Fn(usize) -> T,
    change: impl Fn(&T, &Mapped) -> Option<Mapped>,
) {
    // files that share a schema share what is made of it
    let mut last: Option<(T, Mapped, Option<Mapped>)> = None;
    let mut failed: Option<(Code, Vec<Difference>)> = None;
    for &occurrence in &group.files {
        let Some(old) = cx.mapped(occurrence) else { continue };
        let known = of_file(occurrence.file as usize);
        let new = match &last {
            Some((knew, was, new)) if *knew == known && same(was, &old) => new.clone(),
            _ => change(&known, &old),
        };
        last = Some((known, old, new.clone()));
        let Some(new) = new else { continue };
        match settled(new) {
            Ok(new) => cx.replace(occurrence, new),
            Err(error) => {
                let url = cx.files.get(occurrence.file as usize).map_or("?", |f| &*f.url);
                let this = Difference::new(url, &error.message);
                failed.get_or_insert_with(|| (error.code, Vec::new())).1.push(this);
            }
        }
    }
    if let Some((code, found)) = failed {
        let what = "values do not fit what the policies make of them".to_owned();
        let variable = group.name.clone();
        cx.problems.push(Disagreement { code, variable, what, found, help: help.to_owned() });
    }
}

/// Whether a file's variable is another's but for the file.
fn same(a: &Mapped, b: &Mapped) -> bool {
    let origins = match (&a.origin, &b.origin) {
        (Origin::Source { .. }, Origin::Source { .. }) => a.origin == b.origin,
        (Origin::Derived(a), Origin::Derived(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    origins && Arc::ptr_eq(&a.var, &b.var)
}

/// Computes at once what is made of values in hand.
fn settled(mapped: Mapped) -> Result<Mapped, Error> {
    let Origin::Derived(derived) = &mapped.origin else { return Ok(mapped) };
    if !derived.inputs.iter().all(|input| matches!(input.origin, Origin::Constant(_))) {
        return Ok(mapped);
    }
    let origin = Origin::Constant(mapped.in_hand()?);
    Ok(Mapped { var: mapped.var, origin })
}

/// Reports what differs: `has` shows every schema, the first one and those for which `other` holds are listed.
pub(super) fn report(
    cx: &mut Cx<'_>,
    members: &[Member],
    (code, what, help): (Code, &str, String),
    other: impl Fn(&Member) -> bool,
    has: impl Fn(&Member) -> String,
) {
    let Some(first) = members.first() else { return };
    let url = |member: &Member| cx.files.get(member.file).map_or("?", |f| &*f.url);
    let mut found = vec![Difference::new(url(first), has(first))];
    let others = members.iter().skip(1).filter(|member| other(member));
    found.extend(others.map(|member| Difference::new(url(member), has(member))));
    let variable = first.var.name.clone();
    cx.problems.push(Disagreement { code, variable, what: what.to_owned(), found, help });
}

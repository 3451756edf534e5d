//! `fill`: _FillValue and missing_value.
//!
//! Each file is masked with its own values, and one value is written. Floats get NaN, which stands in no one's way;
//! integers a value that all files mask, else the first file's, which no other cell may have: that is checked when the
//! cells are read.

use std::sync::Arc;

use super::Cx;
use super::numbers::{Member, Numbers, members, rewrite, unlike};
use crate::attrs::AttrValue;
use crate::block::typed;
use crate::combine::Group;
use crate::derived::Op;
use crate::dtype::Scalar;
use crate::error::Code;
use crate::schema::Variable;

const HELP: &str = "make one recipe for each _FillValue";

/// Masks all files with one value.
pub(super) fn agree(cx: &mut Cx<'_>, groups: &[Group]) {
    for group in unlike(cx, groups) {
        let Some(members) = members(cx, group) else { continue };
        let Some(first) = members.first() else { continue };
        let alike = members.iter().all(|m| declared_alike(m, first));
        let one_type = members.iter().all(|m| m.numbers.stored == first.numbers.stored);
        if alike || !one_type || cx.policies.get("fill", &group.name) == "error" {
            continue;
        }
        let Some(fill) = chosen(&members) else { continue };
        rewrite(cx, group, HELP, |mapped| {
            let numbers = Numbers::of(&mapped.var)?;
            let change = |var: &mut Variable| {
                var.attrs.remove("missing_value");
                var.fill = Some(fill.clone());
            };
            let own = numbers.masks.iter().any(|mask| mask.same(&fill));
            let rest = numbers.masks.iter().filter(|mask| !mask.same(&fill));
            // elsewhere the chosen value is a value, that would be missing
            let masks: Vec<Scalar> = rest.chain(own.then_some(&fill)).cloned().collect();
            if (own && masks.len() == 1) || (masks.is_empty() && fill.is_nan()) {
                let mut mapped = mapped.clone();
                change(Arc::make_mut(&mut mapped.var));
                return Some(mapped);
            }
            let op = Op::Remask { masks, fill: fill.clone(), code: Code::CombineFill };
            Some(mapped.clone().with_ops([op], change))
        });
    }
}

/// Masks as the files write them: combining keeps what all files have.
fn declared_alike(a: &Member, b: &Member) -> bool {
    let fills = match (&a.var.fill, &b.var.fill) {
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    fills && missing(a) == missing(b)
}

/// `missing_value` as values of the variable's type, which are what it masks; as text, because NaN equals NaN.
fn missing(member: &Member) -> Option<Vec<String>> {
    let AttrValue::Numbers { values, .. } = member.var.attrs.get("missing_value")? else { return None };
    let one = |value: &Scalar| {
        typed(member.numbers.stored, value).map_or(format!("not {value}"), |v| v.to_string())
    };
    Some(values.iter().map(one).collect())
}

/// The value that is written; `None` where no file masks anything that its type can hold.
fn chosen(members: &[Member]) -> Option<Scalar> {
    let first = members.first()?;
    if first.numbers.stored.is_float() {
        return Some(Scalar::Float(f64::NAN));
    }
    let all = |mask: &&Scalar| members.iter().all(|m| m.numbers.masks.iter().any(|x| x.same(mask)));
    let shared = first.numbers.masks.iter().find(all);
    let found = shared.or_else(|| members.iter().find_map(|m| m.numbers.masks.first()));
    found.and_then(|fill| typed(first.numbers.stored, fill))
}

//! `attrs`: set, delete and move attributes of the root group and of variables.
//!
//! Another `_FillValue` (or `missing_value`) in place of one is another value of the missing cells, too: what is missing
//! stays so. Where there was none, cells that have the new value are missing from then on.

use super::stored::{invalid, is_real};
use super::unmatched::Missing;
use super::view::{FileView, Mapped};
use crate::attrs::{AttrValue, Attrs};
use crate::block::{scalar_from_le, scalar_to_le, typed};
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::AttrEdit;
use crate::schema::{Storage, Variable};

pub(super) fn edit(view: &mut FileView, edits: &[AttrEdit], missing: &mut Missing) -> Result<()> {
    for edit in edits {
        let (AttrEdit::Set { variable, .. }
        | AttrEdit::Delete { variable, .. }
        | AttrEdit::Move { variable, .. }) = edit;
        if variable.is_empty() {
            if !edit_attrs(&mut view.attrs, edit) {
                missing.push(label(edit));
            }
            continue;
        }
        let mut found = false;
        for mapped in &mut view.variables {
            if names::matches(variable, &mapped.var.name) {
                found |= edit_mapped(mapped, edit)?;
            }
        }
        if !found {
            missing.push(label(edit));
        }
    }
    Ok(())
}

/// Edits a variable's attributes. Where another value stands for missing cells afterwards, they get it.
fn edit_mapped(mapped: &mut Mapped, edit: &AttrEdit) -> Result<bool> {
    let before = mapped.var.stored_masks();
    let found = edit_variable(mapped.edit(), edit)?;
    let (AttrEdit::Set { name: target, .. } | AttrEdit::Move { to: target, .. }) = edit else {
        return Ok(found);
    };
    if !found || !matches!(target.as_str(), "_FillValue" | "missing_value") {
        return Ok(found);
    }
    let var = &mapped.var;
    let own = |value: &Scalar| typed(var.dtype, value).unwrap_or_else(|| value.clone());
    let has = |list: &[Scalar], value: &Scalar| list.iter().any(|known| own(known).same(&own(value)));
    let after = var.stored_masks();
    let mut old: Vec<Scalar> = before.iter().filter(|mask| !has(&after, mask)).cloned().collect();
    if old.is_empty() {
        return Ok(found);
    }
    let new = if target == "_FillValue" { var.fill.clone() } else { missing_value(var) };
    let new = new.filter(|_| is_real(var.dtype) && var.dtype != DataType::Float16).ok_or_else(|| {
        let (name, dtype) = (&var.name, var.dtype);
        let old = old.first().map(ToString::to_string).unwrap_or_default();
        invalid(format!(
            "`{target}` of `{name}` ({dtype}) is {old}, and cells that have it can't get the new value"
        ))
        .help("a missing value is a number of the variable's own type; `cast` halves to float32 before")
    })?;
    // cells that have the new value already are missing only where it was a missing value before
    old.extend(Some(new.clone()).filter(|new| has(&before, new)));
    let unwritten = matches!(&var.storage, Storage::Chunks { unwritten, .. } if has(&old, unwritten));
    let remask = Op::Remask { masks: old, fill: new.clone(), code: Code::StepValues };
    *mapped = mapped.clone().with_ops([remask], |var| {
        if let Storage::Chunks { unwritten: cell, .. } = &mut var.storage
            && unwritten
        {
            *cell = new;
        }
    });
    Ok(found)
}

/// The first `missing_value` that the type has.
fn missing_value(var: &Variable) -> Option<Scalar> {
    var.attrs.missing_values().iter().find_map(|value| typed(var.dtype, value))
}

/// Edits a variable's attributes; `_FillValue` is one of them to users, though it is kept apart.
fn edit_variable(var: &mut Variable, edit: &AttrEdit) -> Result<bool> {
    if let Some(fill) = var.fill.take() {
        var.attrs.set("_FillValue", AttrValue::number(var.dtype, fill));
    }
    let found = edit_attrs(&mut var.attrs, edit);
    if let Some(value) = var.attrs.remove("_FillValue") {
        let fill = fill_value(var.dtype, &value).ok_or_else(|| {
            let (name, dtype) = (&var.name, var.dtype);
            Error::new(
                Code::StepInvalid,
                format!("`_FillValue` {value} of `{name}` is no value of type {dtype}"),
            )
            .help("a _FillValue is one value of the variable's own type, before scale_factor and add_offset")
        })?;
        var.fill = Some(fill);
    }
    Ok(found)
}

/// One value in a variable's type; `None` where the type does not have it.
fn fill_value(dtype: DataType, value: &AttrValue) -> Option<Scalar> {
    if dtype == DataType::Text {
        return value.as_text().map(|text| Scalar::Text(text.to_owned()));
    }
    let mut bytes = Vec::new();
    scalar_to_le(dtype, value.as_scalar()?, &mut bytes).then(|| scalar_from_le(dtype, &bytes))?
}

fn edit_attrs(attrs: &mut Attrs, edit: &AttrEdit) -> bool {
    match edit {
        AttrEdit::Set { name, value, .. } => {
            attrs.set(name.clone(), value.clone());
            true
        }
        AttrEdit::Delete { name, .. } => {
            let gone: Vec<String> =
                attrs.iter().map(|(n, _)| n.to_owned()).filter(|n| names::matches(name, n)).collect();
            gone.iter().for_each(|n| {
                attrs.remove(n);
            });
            !gone.is_empty()
        }
        AttrEdit::Move { from, to, .. } => match attrs.remove(from) {
            Some(value) => {
                attrs.set(to.clone(), value);
                true
            }
            None => false,
        },
    }
}

/// The attribute as the recipe writes it: `variable@name`, or the name alone for the root group.
fn label(edit: &AttrEdit) -> String {
    let (AttrEdit::Set { variable, name, .. }
    | AttrEdit::Delete { variable, name }
    | AttrEdit::Move { variable, from: name, .. }) = edit;
    if variable.is_empty() { name.clone() } else { format!("{variable}@{name}") }
}

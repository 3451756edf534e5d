//! `attrs`: set, delete and move attributes of the root group and of variables.

use super::view::FileView;
use crate::attrs::{AttrValue, Attrs};
use crate::block::{scalar_from_le, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::AttrEdit;
use crate::schema::Variable;

pub(super) fn edit(view: &mut FileView, edits: &[AttrEdit], missing: &mut Vec<String>) -> Result<()> {
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
                found |= edit_variable(mapped.edit(), edit)?;
            }
        }
        if !found {
            missing.push(label(edit));
        }
    }
    Ok(())
}

/// Edits a variable's attributes; `_FillValue` is one of them to users, though it is kept apart.
fn edit_variable(var: &mut Variable, edit: &AttrEdit) -> Result<bool> {
    if let Some(fill) = var.fill.take() {
        var.attrs.set("_FillValue", AttrValue::number(var.dtype, fill));
    }
    let found = edit_attrs(&mut var.attrs, edit);
    if let Some(value) = var.attrs.remove("_FillValue") {
        let fill = typed(var.dtype, &value).ok_or_else(|| {
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
fn typed(dtype: DataType, value: &AttrValue) -> Option<Scalar> {
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

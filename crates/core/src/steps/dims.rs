//! `squeeze` and `transpose`: the dimensions of variables.

use super::unmatched::Missing;
use super::view::FileView;
use crate::error::{Code, Error, Result};

pub(super) fn squeeze(view: &mut FileView, dims: &[String], missing: &mut Missing) -> Result<()> {
    for dim in dims {
        match view.length(dim) {
            None => missing.push(dim.clone()),
            Some(1) => remove(view, dim),
            Some(length) => {
                return Err(Error::new(
                    Code::StepInvalid,
                    format!(
                        "`squeeze` of `{dim}`, which has length {length}; only a dimension of length 1 can go"
                    ),
                )
                .help(format!("`subset: {{{dim}: {{items: [0]}}}}` before it takes one item")));
            }
        }
    }
    Ok(())
}

fn remove(view: &mut FileView, dim: &str) {
    for mapped in &mut view.variables {
        let Some(at) = mapped.var.dims.iter().position(|d| d == dim) else { continue };
        let (mut dims, mut shape) = (mapped.var.dims.clone(), mapped.var.shape.clone());
        let mut from: Vec<Option<usize>> = (0..dims.len()).map(Some).collect();
        dims.remove(at);
        shape.remove(at);
        from.remove(at);
        let name = mapped.var.name.clone();
        mapped.rearrange(dims, shape, from);
        if name == dim {
            view.coords.insert(name); // what was a dimension's coordinate stays one, as a scalar
        }
    }
}

pub(super) fn transpose(view: &mut FileView, order: &[String], missing: &mut Missing) {
    missing.extend(order.iter().filter(|dim| view.length(dim).is_none()).cloned());
    for mapped in &mut view.variables {
        let dims = &mapped.var.dims;
        let named = order.iter().filter_map(|dim| dims.iter().position(|d| d == dim));
        let rest = (0..dims.len()).filter(|&i| dims.get(i).is_some_and(|d| !order.contains(d)));
        let new: Vec<usize> = named.chain(rest).collect();
        if new.iter().enumerate().all(|(at, &from)| at == from) {
            continue;
        }
        let pick = |&i: &usize| Some((mapped.var.dims.get(i)?.clone(), *mapped.var.shape.get(i)?));
        let (dims, shape) = new.iter().filter_map(pick).unzip();
        mapped.rearrange(dims, shape, new.into_iter().map(Some).collect());
    }
}

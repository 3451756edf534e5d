//! Variables without a concat dimension: equal in all files and kept once, scalars that vary laid along the axes
//! that they vary with, anything else refused with the largest difference.

use std::sync::Arc;

use super::group::Group;
use super::place::{filled, place};
use super::time::{self, Place};
use super::{Content, Context, Difference, Disagreement, Piece, Pieces, Values};
use crate::block::Block;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;

/// A variable's new schema and values.
pub(super) type Settled = (Variable, Content);

pub(super) fn settle(
    context: &Context<'_>,
    group: &Group,
    var: Variable,
    coordinate: bool,
    problems: &mut Vec<Disagreement>,
) -> Option<Settled> {
    let first = *group.files.first()?;
    let values = |file: u32| context.files.get(file as usize).and_then(|f| f.values.get(&group.name));
    let differ: Vec<u32> = {
        let model = values(first.file);
        let is_other = |o: &&super::group::Occurrence| {
            !same(context, group, &var, model, values(o.file), first.file, o.file, coordinate)
        };
        group.files.iter().skip(1).filter(is_other).map(|o| o.file).collect()
    };
    if differ.is_empty() {
        let content = match values(first.file).and_then(|v| v.block.clone()) {
            Some(block) => Content::Values(block),
            None => {
                let piece = Piece { file: first.file, variable: first.variable };
                Content::Pieces(Pieces { along: Vec::new(), files: vec![Some(piece)] })
            }
        };
        return Some((var, content));
    }
    if var.shape.is_empty() && context.policies.get("scalars", &var.name) == "promote" {
        return promote(context, group, var, problems);
    }
    refuse(context, group, &var, first.file, &differ, coordinate, problems);
    None
}

/// Whether two files' values are one; a coordinate's within the rounding of its type.
#[allow(clippy::too_many_arguments)] // a comparison of two files in one context
fn same(
    context: &Context<'_>,
    group: &Group,
    var: &Variable,
    a: Option<&Values>,
    b: Option<&Values>,
    file_a: u32,
    file_b: u32,
    coordinate: bool,
) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    let counted = |file: u32| {
        let view = &context.files.get(file as usize)?.view;
        Some(Arc::clone(&view.variable(&group.name)?.var))
    };
    let (Some(var_a), Some(var_b)) = (counted(file_a), counted(file_b)) else { return false };
    let one_unit = var_a.attrs.get("units") == var_b.attrs.get("units") || !time::is_time_like(&var_a);
    if a.digest == b.digest && one_unit {
        return true;
    }
    let (Some(a), Some(b)) = (&a.block, &b.block) else { return false };
    if time::is_time_like(&var_a) {
        let (x, y) = (time::places(&var_a, a), time::places(&var_b, b));
        return x.is_some() && x == y;
    }
    if a.shape != b.shape || a.dtype != b.dtype {
        return false;
    }
    match largest_difference(a, b) {
        Some((0.0, _)) => true,
        Some((difference, scale)) if coordinate && context.policies.get("coords", &var.name) == "equal" => {
            difference <= scale * rounding(var.dtype)
        }
        _ => false,
    }
}

/// The relative rounding of a type: half a unit in the last place, and the other file's half.
fn rounding(dtype: DataType) -> f64 {
    match dtype {
        DataType::Float16 => 2f64.powi(-10),
        DataType::Float32 => f64::from(f32::EPSILON),
        DataType::Float64 => f64::EPSILON,
        _ => 0.0,
    }
}

/// The largest difference, and the magnitude of the values where it is; NaN against a number is infinite.
/// `None` for text and complex numbers.
pub(super) fn largest_difference(a: &Block, b: &Block) -> Option<(f64, f64)> {
    let (a, b) = (a.to_f64()?, b.to_f64()?);
    let mut worst = (0.0, 0.0);
    for (&x, &y) in a.iter().zip(&b) {
        let difference = match (x.is_nan(), y.is_nan()) {
            (true, true) => continue,
            (true, false) | (false, true) => f64::INFINITY,
            _ if x == y => continue,
            _ => (x - y).abs(),
        };
        let scale = x.abs().max(y.abs());
        // what counts is the difference relative to the values
        if difference / scale > if worst.1 == 0.0 { 0.0 } else { worst.0 / worst.1 }
            || difference.is_infinite()
        {
            worst = (difference, scale);
        }
    }
    Some(worst)
}

/// A scalar that varies gets the dimensions of the axes along which it does.
fn promote(
    context: &Context<'_>,
    group: &Group,
    mut var: Variable,
    problems: &mut Vec<Disagreement>,
) -> Option<Settled> {
    let (blocks, units) = time::common(context, group, problems)?;
    let bytes_of = |block: &Option<Arc<Block>>| block.as_ref().map(|b| b.data.clone());
    let concat: Vec<usize> = context
        .axes
        .iter()
        .enumerate()
        .filter(|(_, a)| a.is_concat() && a.labels.len() > 1)
        .map(|(i, _)| i)
        .collect();
    let key = |file: u32, axes: &[usize]| -> Vec<u32> {
        let index = context.files.get(file as usize).map(|f| f.index.as_slice()).unwrap_or_default();
        axes.iter().filter_map(|&a| index.get(a).copied()).collect()
    };
    let explains = |axes: &[usize]| {
        let mut seen = std::collections::BTreeMap::new();
        group.files.iter().zip(&blocks).all(|(o, block)| {
            let value = bytes_of(block);
            *seen.entry(key(o.file, axes)).or_insert_with(|| value.clone()) == value
        })
    };
    let one = concat.iter().map(|&a| vec![a]).find(|axes| explains(axes));
    let Some(axes) = one.or_else(|| explains(&concat).then(|| concat.clone())).filter(|a| !a.is_empty())
    else {
        let files: Vec<u32> = group.files.iter().skip(1).map(|o| o.file).collect();
        refuse(context, group, &var, group.files.first()?.file, &files, false, problems);
        return None;
    };
    let lengths: Vec<u64> = axes.iter().filter_map(|&a| Some(items(context, a)?.iter().sum())).collect();
    let dtype = blocks.iter().flatten().next()?.dtype;
    let nothing = if dtype == DataType::Text { Scalar::Text(String::new()) } else { Scalar::Int(0) };
    let mut whole = filled(dtype, lengths.clone(), var.fill.as_ref().unwrap_or(&nothing))?;
    for (occurrence, block) in group.files.iter().zip(&blocks) {
        let Some(block) = block else { continue };
        let (mut origin, mut shape) = (Vec::new(), Vec::new());
        for (&axis, &at) in axes.iter().zip(&key(occurrence.file, &axes)) {
            let items = items(context, axis)?;
            origin.push(items.iter().take(at as usize).sum());
            shape.push(items.get(at as usize).copied().unwrap_or(0));
        }
        let part = filled(dtype, shape, &block.scalar(0)?)?;
        place(&mut whole, &part, &origin);
    }
    var.dims = axes.iter().filter_map(|&a| context.axes.get(a).map(|axis| axis.name.clone())).collect();
    var.shape = lengths;
    if let Some(units) = units {
        time::set_units(&mut var, &units, &whole);
    }
    Some((var, Content::Values(Arc::new(whole))))
}

/// Items of every key along an axis.
fn items(context: &Context<'_>, axis: usize) -> Option<Vec<u64>> {
    let spec = context.axes.get(axis)?;
    let mut items = vec![0; spec.labels.len()];
    for file in context.files {
        if let (Some(&at), Some(length)) = (file.index.get(axis), file.view.length(&spec.name)) {
            *items.get_mut(at as usize)? = length;
        }
    }
    Some(items)
}

fn refuse(
    context: &Context<'_>,
    group: &Group,
    var: &Variable,
    first: u32,
    differ: &[u32],
    coordinate: bool,
    problems: &mut Vec<Disagreement>,
) {
    let file = |number: u32| context.files.get(number as usize);
    let block =
        |number: u32| file(number).and_then(|f| f.values.get(&group.name)).and_then(|v| v.block.as_ref());
    let show = |number: u32| match block(number) {
        Some(b) if b.len() == 1 => b.scalar(0).map_or_else(String::new, |s| s.to_string()),
        Some(b) => match block(first).filter(|_| number != first).and_then(|a| largest_difference(a, b)) {
            Some((difference, _)) if block(first).is_some_and(|a| a.shape == b.shape) => {
                format!("differs from the first file by up to {difference}")
            }
            _ => preview(var, b),
        },
        None => "another content".to_owned(),
    };
    let url = |number: u32| file(number).map_or("?", |f| f.url.as_str()).to_owned();
    let mut found = vec![Difference::new(url(first), show(first))];
    found.extend(differ.iter().map(|&n| Difference::new(url(n), show(n))));
    let (code, key) = match () {
        () if var.dtype == DataType::Text => (Code::CombineStrings, "static"),
        () if var.shape.is_empty() => (Code::CombineScalars, "scalars"),
        () if coordinate => (Code::CombineCoords, "coords"),
        () => (Code::CombineStatic, "static"),
    };
    problems.push(Disagreement {
        code,
        variable: var.name.clone(),
        what: format!("`{}` has no concat dimension, and differs between files", var.name),
        found,
        help: format!(
            "policy `combine.{key}` decides this; this version refuses it. `drop: [{}]` leaves it out",
            var.name
        ),
    });
}

/// The first values.
fn preview(var: &Variable, block: &Block) -> String {
    let units = time::units_of(var);
    let shown: Vec<String> = match (time::places(var, block), block.texts()) {
        (Some(places), _) => {
            let show = |p: &Option<Place>| p.map_or("missing".to_owned(), |p| p.show(units.as_ref()));
            places.iter().take(3).map(show).collect()
        }
        (None, Some(texts)) => texts.iter().take(3).map(|t| format!("\"{t}\"")).collect(),
        (None, None) => Vec::new(),
    };
    format!("shape {:?}: {}{}", block.shape, shown.join(", "), if block.len() > 3 { ", …" } else { "" })
}

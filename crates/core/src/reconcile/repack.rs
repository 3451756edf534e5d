//! Packing anew: into the first file's packing, or into one that holds all.

use super::numbers::{Member, Numbers, PACKING};
use super::packing::{limits, range, unpack};
use crate::attrs::{AttrValue, Attrs};
use crate::block::reinterpret;
use crate::derived::Op;
use crate::dtype::{DataType, Scalar};
use crate::error::Code;
use crate::schema::Variable;
use crate::steps::Mapped;

/// The packing that files are put into.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    numbers: Numbers,
    fill: Option<Scalar>,
    /// Those of [`PACKING`].
    attrs: Attrs,
}

impl Target {
    /// A file's own packing.
    pub(super) fn of(var: &Variable, numbers: &Numbers) -> Self {
        let own = PACKING.iter().filter_map(|name| Some(((*name).to_owned(), var.attrs.get(name)?.clone())));
        Self { numbers: numbers.clone(), fill: var.fill.clone(), attrs: own.collect() }
    }

    fn new(stored: DataType, (scale, offset): (f64, f64), fill: i64) -> Self {
        let number = |x: f64| AttrValue::number(DataType::Float64, Scalar::Float(x));
        let mut attrs = Attrs::new();
        attrs.set("scale_factor", number(scale));
        attrs.set("add_offset", number(offset));
        let fill = Scalar::Int(fill);
        let masks = vec![fill.clone()];
        let numbers = Numbers { stored, meant: stored, packing: Some((scale, offset)), masks };
        Self { numbers, fill: Some(fill), attrs }
    }
}

/// One packing of the finest step of all files, on the grid of the file that has it, that holds every number that any
/// file can represent and a _FillValue below them: half a step is the most that any value moves. In int16 where that
/// has room, else in int32; `None` where neither has, and for files that are not packed into integers.
pub(super) fn holding_all(members: &[Member]) -> Option<Target> {
    let mut ends = Vec::new();
    for Member { numbers, .. } in members {
        let (scale, offset) = numbers.line();
        let (low, high) = range(numbers.meant)?;
        let (a, b) = (low as f64 * scale + offset, high as f64 * scale + offset);
        ends.push((a.min(b), a.max(b), scale.abs(), offset));
    }
    let low = ends.iter().map(|e| e.0).fold(f64::INFINITY, f64::min);
    let high = ends.iter().map(|e| e.1).fold(f64::NEG_INFINITY, f64::max);
    let &(_, _, step, origin) = ends.iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
    let middle = f64::midpoint(low, high);
    let offset = origin + ((middle - origin) / step).round() * step;
    let fits = |dtype: DataType| {
        let (least, greatest) = range(dtype)?;
        let place = |x: f64| ((x - offset) / step).round_ties_even();
        // the least value is the fill
        (place(low) > least as f64 && place(high) <= greatest as f64)
            .then(|| Target::new(dtype, (step, offset), i64::try_from(least).unwrap_or(i64::MIN)))
    };
    fits(DataType::Int16).or_else(|| fits(DataType::Int32))
}

/// The variable in another packing; `None` where it has it.
pub(super) fn into(mapped: &Mapped, target: &Target) -> Option<Mapped> {
    let numbers = Numbers::of(&mapped.var)?;
    if numbers.packed_as(&target.numbers) {
        return None;
    }
    let Numbers { stored, meant, masks, .. } = &target.numbers;
    let (scale, offset) = target.numbers.line();
    let turned = |value: &Scalar| reinterpret(*stored, *meant, value);
    let (from_scale, from_offset) = numbers.line();
    let mut ops = vec![
        unpack(&numbers, from_scale, from_offset, DataType::Float64),
        Op::Pack {
            scale,
            offset,
            fill: target.fill.as_ref().or(masks.first()).map(turned),
            masks: masks.iter().map(turned).collect(),
            to: *meant,
            code: Code::CombinePacking,
        },
    ];
    if meant != stored {
        ops.push(Op::Reinterpret { to: *stored });
    }
    let packed = |x: f64| Some(((x - offset) / scale).round_ties_even());
    Some(mapped.clone().with_ops(ops, |var| {
        // limits in the type of the new packing; of unsigned ones there are none to compare with
        if meant == stored {
            limits(&mut var.attrs, &numbers, *stored, &packed);
        }
        for name in PACKING {
            var.attrs.remove(name);
        }
        for (name, value) in target.attrs.iter() {
            var.attrs.set(name, value.clone());
        }
        (var.dtype, var.fill) = (*stored, target.fill.clone());
    }))
}

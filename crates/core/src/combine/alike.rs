//! Whether the values of two files are one, and by how much they differ.

use std::sync::Arc;

use super::Values;
use crate::block::Block;
use crate::dtype::{DataType, Scalar};
use crate::figures::Short;

/// The largest difference between two blocks: where it is, and both values.
pub(super) struct Largest {
    pub(super) item: usize,
    pub(super) first: Scalar,
    pub(super) other: Scalar,
    /// Absent where one is not a number and the other is.
    pub(super) by: Option<f64>,
}

/// Whether two files hold the same values; with `rounding`, up to the rounding of the coarser type.
pub(super) fn same(a: Option<&Values>, b: Option<&Values>, rounding: bool) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    if a.digest.is_some() && a.digest == b.digest {
        return true;
    }
    match (&a.block, &b.block) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => true,
        (Some(a), Some(b)) => blocks_same(a, b, rounding),
        _ => false,
    }
}

/// Equal in value: NaN is NaN, -0.0 is 0.0, integers are compared exactly.
pub(crate) fn blocks_same(a: &Block, b: &Block, rounding: bool) -> bool {
    if a.shape != b.shape {
        return false;
    }
    if a.dtype == b.dtype && a.data == b.data {
        return true;
    }
    let floats = a.dtype.is_float() && b.dtype.is_float();
    if !floats || (a.dtype != b.dtype && !rounding) {
        return false;
    }
    let ulp = if rounding { relative_rounding(a.dtype).max(relative_rounding(b.dtype)) } else { 0.0 };
    let cells = usize::try_from(a.len()).unwrap_or(usize::MAX);
    (0..cells).all(|i| match (real(a, i), real(b, i)) {
        (Some(x), Some(y)) => {
            x == y
                || (x.is_nan() && y.is_nan())
                || (x.is_finite() && y.is_finite() && (x - y).abs() <= x.abs().max(y.abs()) * ulp)
        }
        _ => false,
    })
}

fn real(block: &Block, item: usize) -> Option<f64> {
    block.scalar(item).and_then(|value| value.as_f64())
}

/// Half a unit in the last place, and the other file's half, relative to the value.
pub(crate) fn relative_rounding(dtype: DataType) -> f64 {
    match dtype {
        DataType::Float16 => 2f64.powi(-10),
        DataType::Float32 => f64::from(f32::EPSILON),
        DataType::Float64 => f64::EPSILON,
        _ => 0.0,
    }
}

/// Where two blocks of one shape differ most; `None` where they don't, or their shapes differ.
pub(super) fn largest_difference(a: &Block, b: &Block) -> Option<Largest> {
    if a.shape != b.shape {
        return None;
    }
    let mut worst: Option<Largest> = None;
    for item in 0..usize::try_from(a.len()).ok()? {
        let (first, other) = (a.scalar(item)?, b.scalar(item)?);
        let by = match (first.as_i128(), other.as_i128(), first.as_f64(), other.as_f64()) {
            (Some(x), Some(y), ..) if x == y => continue,
            (Some(x), Some(y), ..) => Some(x.abs_diff(y) as f64),
            (_, _, Some(x), Some(y)) if x == y || (x.is_nan() && y.is_nan()) => continue,
            (_, _, Some(x), Some(y)) => Some((x - y).abs()).filter(|d| d.is_finite()),
            _ if first == other => continue,
            _ => None,
        };
        let larger = match (&worst, by) {
            (None, _) => true,
            (Some(Largest { by: Some(known), .. }), Some(by)) => by > *known,
            (Some(Largest { by: Some(_), .. }), None) => true,
            (Some(Largest { by: None, .. }), _) => false,
        };
        if larger {
            worst = Some(Largest { item, first, other, by });
        }
    }
    worst
}

impl Largest {
    /// What the other file has instead.
    pub(super) fn show(&self) -> String {
        let Self { item, first, other, by } = self;
        match by {
            Some(by) => {
                format!("{other} instead of {first} at item {item}, the largest difference ({})", Short(*by))
            }
            None => format!("{other} instead of {first} at item {item}"),
        }
    }
}

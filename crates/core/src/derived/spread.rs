//! Inputs that have some of a result's dimensions, in any order: their boxes, and their cells repeated along the others.

use crate::chunk::Region;

/// For every dimension of an input the result's; one that the input has twice is the result's first and second. A rule
/// keeps it, as names of dimensions may change afterwards.
///
/// `None` where the result lacks one.
pub(crate) fn axes_within(input: &[String], dims: &[String]) -> Option<Vec<usize>> {
    let mut axes: Vec<usize> = Vec::with_capacity(input.len());
    for name in input {
        let at = (0..dims.len()).find(|at| dims.get(*at) == Some(name) && !axes.contains(at))?;
        axes.push(at);
    }
    Some(axes)
}

/// The box of an input that a box of the result needs.
pub(super) fn input_region(axes: &[usize], region: &Region) -> Region {
    Region(axes.iter().filter_map(|&at| region.0.get(at).cloned()).collect())
}

/// The input's values, one for every cell of `shape`, the result's.
pub(crate) fn spread<T: Copy>(values: Vec<T>, axes: &[usize], shape: &[u64]) -> Vec<T> {
    if axes.len() == shape.len() && axes.is_sorted() {
        return values;
    }
    // how far apart the input's cells lie along every dimension of the result
    let mut strides = vec![0_usize; shape.len()];
    let mut stride = 1;
    for &at in axes.iter().rev() {
        if let Some(slot) = strides.get_mut(at) {
            *slot = stride;
        }
        stride *= shape.get(at).map_or(1, |&n| n as usize);
    }
    let cells = shape.iter().product::<u64>() as usize;
    let mut out = Vec::with_capacity(cells);
    let mut index = vec![0_u64; shape.len()];
    let mut from = 0;
    for _ in 0..cells {
        out.extend(values.get(from).copied());
        for dim in (0..shape.len()).rev() {
            index[dim] += 1;
            from += strides[dim];
            if index[dim] < shape[dim] {
                break;
            }
            from -= strides[dim] * index[dim] as usize;
            index[dim] = 0;
        }
    }
    out
}

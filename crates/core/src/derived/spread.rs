//! Inputs that have some of a result's dimensions, in any order: their boxes, and their cells repeated along the others.

use std::ops::Range;

use crate::chunk::Region;

/// The box of an input that a box of the result needs; the whole length along dimensions that the result lacks.
pub(super) fn input_region(input: &[String], shape: &[u64], dims: &[String], region: &Region) -> Region {
    let range = |(name, &length): (&String, &u64)| -> Range<u64> {
        let at = dims.iter().position(|dim| dim == name);
        at.and_then(|at| region.0.get(at)).cloned().unwrap_or(0..length)
    };
    Region(input.iter().zip(shape).map(range).collect())
}

/// The input's values, one for every cell of `shape`, which lies along `dims`.
pub(crate) fn spread<T: Copy>(values: Vec<T>, input: &[String], dims: &[String], shape: &[u64]) -> Vec<T> {
    if input == dims {
        return values;
    }
    let length = |name: &String| {
        dims.iter().position(|dim| dim == name).and_then(|at| shape.get(at)).map_or(1, |&n| n as usize)
    };
    // how far apart the input's cells lie along every dimension of the result
    let mut strides = vec![0_usize; dims.len()];
    let mut stride = 1;
    for name in input.iter().rev() {
        let at = dims.iter().position(|dim| dim == name);
        if let Some(slot) = at.and_then(|at| strides.get_mut(at)) {
            *slot = stride;
        }
        stride *= length(name);
    }
    let cells = shape.iter().product::<u64>() as usize;
    let mut out = Vec::with_capacity(cells);
    let mut index = vec![0_u64; dims.len()];
    let mut from = 0;
    for _ in 0..cells {
        out.extend(values.get(from).copied());
        for dim in (0..dims.len()).rev() {
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

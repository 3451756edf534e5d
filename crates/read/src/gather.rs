//! Boxes of cells moved between row-major buffers: what decoded chunks and target regions have in common.

use arcoforge_core::chunk::Region;
use arcoforge_core::error::{Code, Error, Result};

/// Copies the cells of `src_region` (in a buffer of shape `src_shape`) to `dst_region` (in a buffer of `dst_shape`).
///
/// Both buffers are in C order with `elem` bytes a cell; the regions have the same shape and lie inside their
/// buffers. Inner dimensions that both sides hold as a whole are copied in one run.
///
/// # Errors
/// [`Code::Bug`] where ranks, shapes, regions or buffer lengths do not fit each other; nothing is copied then.
pub fn copy_region(
    src: &[u8],
    src_shape: &[u64],
    src_region: &Region,
    dst: &mut [u8],
    dst_shape: &[u64],
    dst_region: &Region,
    elem: usize,
) -> Result<()> {
    let runs = Runs::new(src_shape, src_region, dst_shape, dst_region)?;
    runs.check(src.len() / elem.max(1), dst.len() / elem.max(1))?;
    let bytes = runs.cells * elem;
    runs.each(|from, to| {
        let (from, to) = (from * elem, to * elem);
        if let (Some(source), Some(target)) = (src.get(from..from + bytes), dst.get_mut(to..to + bytes)) {
            target.copy_from_slice(source);
        }
    });
    Ok(())
}

/// [`copy_region`] for elements that are cloned, such as text.
///
/// # Errors
/// As of [`copy_region`].
pub fn clone_region<T: Clone>(
    src: &[T],
    src_shape: &[u64],
    src_region: &Region,
    dst: &mut [T],
    dst_shape: &[u64],
    dst_region: &Region,
) -> Result<()> {
    let runs = Runs::new(src_shape, src_region, dst_shape, dst_region)?;
    runs.check(src.len(), dst.len())?;
    runs.each(|from, to| {
        if let (Some(source), Some(target)) =
            (src.get(from..from + runs.cells), dst.get_mut(to..to + runs.cells))
        {
            target.clone_from_slice(source);
        }
    });
    Ok(())
}

/// Sets every cell of `region` to the little-endian element `value`, whose length is the size of a cell.
///
/// # Errors
/// As of [`copy_region`].
pub fn fill_region(dst: &mut [u8], dst_shape: &[u64], region: &Region, value: &[u8]) -> Result<()> {
    let runs = Runs::new(dst_shape, region, dst_shape, region)?;
    runs.check(usize::MAX, dst.len() / value.len().max(1))?;
    let bytes = runs.cells * value.len();
    let same = value.first().copied().filter(|first| value.iter().all(|b| b == first));
    runs.each(|_, to| {
        let to = to * value.len();
        if let Some(target) = dst.get_mut(to..to + bytes) {
            match same {
                Some(byte) => target.fill(byte),
                None => {
                    for cell in target.chunks_exact_mut(value.len().max(1)) {
                        cell.copy_from_slice(value);
                    }
                }
            }
        }
    });
    Ok(())
}

/// A walk over the contiguous runs that two boxes of the same shape consist of.
struct Runs {
    /// Cells of one run.
    cells: usize,
    /// Outer dimensions from the innermost to the outermost: count, step in the source, step in the target (cells).
    outer: Vec<(usize, usize, usize)>,
    /// First cell in the source and in the target.
    start: (usize, usize),
    /// One past the last cell in the source and in the target; 0 where there is nothing to copy.
    end: (usize, usize),
}

impl Runs {
    fn new(src_shape: &[u64], src_region: &Region, dst_shape: &[u64], dst_region: &Region) -> Result<Self> {
        let shape = src_region.shape();
        let fits = |region: &Region, within: &[u64]| {
            region.0.len() == within.len()
                && region.0.iter().zip(within).all(|(r, &n)| r.start <= r.end && r.end <= n)
        };
        if !fits(src_region, src_shape) || !fits(dst_region, dst_shape) || shape != dst_region.shape() {
            return Err(Error::new(
                Code::Bug,
                format!(
                    "regions do not fit: {src_region:?} of {src_shape:?} to {dst_region:?} of {dst_shape:?}"
                ),
            ));
        }
        if shape.contains(&0) {
            return Ok(Self { cells: 0, outer: vec![(0, 0, 0)], start: (0, 0), end: (0, 0) });
        }
        let too_large =
            || Error::new(Code::SourceLimit, format!("array of shape {src_shape:?} does not fit in memory"));
        let (src_steps, dst_steps) =
            (strides(src_shape).ok_or_else(too_large)?, strides(dst_shape).ok_or_else(too_large)?);
        let at = |region: &Region, steps: &[usize]| -> usize {
            region.0.iter().zip(steps).map(|(r, &s)| r.start as usize * s).sum()
        };
        let last =
            |steps: &[usize]| -> usize { shape.iter().zip(steps).map(|(&n, &s)| (n as usize - 1) * s).sum() };
        let start = (at(src_region, &src_steps), at(dst_region, &dst_steps));
        let end = (start.0 + last(&src_steps) + 1, start.1 + last(&dst_steps) + 1);
        let mut cells = 1;
        let mut outer: Vec<(usize, usize, usize)> = Vec::new();
        for ((&n, &src), &dst) in shape.iter().zip(&src_steps).zip(&dst_steps).rev() {
            if outer.is_empty() && src == cells && dst == cells {
                cells *= n as usize;
            } else if n > 1 {
                outer.push((n as usize, src, dst));
            }
        }
        Ok(Self { cells, outer, start, end })
    }

    /// Refuses buffers of fewer cells than the walk touches.
    fn check(&self, src_cells: usize, dst_cells: usize) -> Result<()> {
        if self.end.0 > src_cells || self.end.1 > dst_cells {
            return Err(Error::new(
                Code::Bug,
                format!(
                    "buffers of {src_cells} and {dst_cells} cells are shorter than the regions {:?}",
                    self.end
                ),
            ));
        }
        Ok(())
    }

    /// Calls `run` with the first cell of every run in the source and in the target.
    fn each(&self, mut run: impl FnMut(usize, usize)) {
        if self.cells == 0 {
            return;
        }
        let (mut from, mut to) = self.start;
        let mut at = vec![0; self.outer.len()];
        loop {
            run(from, to);
            let mut done = true;
            for (i, &(n, src, dst)) in at.iter_mut().zip(&self.outer) {
                *i += 1;
                (from, to) = (from + src, to + dst);
                if *i < n {
                    done = false;
                    break;
                }
                (from, to) = (from - n * src, to - n * dst);
                *i = 0;
            }
            if done {
                return;
            }
        }
    }
}

/// Cells from one index to the next along every dimension; `None` where the array has more cells than memory.
fn strides(shape: &[u64]) -> Option<Vec<usize>> {
    let mut steps = vec![1; shape.len()];
    let mut cells: usize = 1;
    for (step, &n) in steps.iter_mut().zip(shape).rev() {
        *step = cells;
        cells = cells.checked_mul(usize::try_from(n).ok()?.max(1))?;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use arcoforge_core::chunk::indices;

    use super::*;

    fn region(bounds: &[(u64, u64)]) -> Region {
        Region(bounds.iter().map(|&(a, b)| a..b).collect())
    }

    /// Copies cell by cell with plain index arithmetic.
    fn reference(src_shape: &[u64], src: &Region, dst_shape: &[u64], dst: &Region) -> Vec<u16> {
        let flat =
            |shape: &[u64], index: &[u64]| shape.iter().zip(index).fold(0, |flat, (n, i)| flat * n + i);
        let mut out = vec![0; dst_shape.iter().product::<u64>() as usize];
        for (from, to) in indices(src).zip(indices(dst)) {
            out[flat(dst_shape, &to) as usize] = flat(src_shape, &from) as u16 + 1;
        }
        out
    }

    #[test]
    fn regions_are_copied_like_cell_by_cell() {
        type Row = (&'static [u64], &'static [(u64, u64)], &'static [u64], &'static [(u64, u64)]);
        let rows: &[Row] = &[
            (&[], &[], &[], &[]),
            (&[5], &[(1, 4)], &[3], &[(0, 3)]),
            (&[4, 6], &[(0, 4), (0, 6)], &[4, 6], &[(0, 4), (0, 6)]),
            (&[4, 6], &[(1, 3), (0, 6)], &[2, 6], &[(0, 2), (0, 6)]),
            (&[4, 6], &[(1, 3), (2, 5)], &[5, 7], &[(3, 5), (4, 7)]),
            (&[2, 3, 4], &[(0, 2), (1, 3), (0, 4)], &[2, 2, 4], &[(0, 2), (0, 2), (0, 4)]),
            (&[2, 3, 4], &[(1, 2), (0, 3), (3, 4)], &[3, 3, 1], &[(2, 3), (0, 3), (0, 1)]),
            (
                &[1, 3, 1, 4],
                &[(0, 1), (1, 3), (0, 1), (1, 4)],
                &[2, 2, 2, 3],
                &[(1, 2), (0, 2), (1, 2), (0, 3)],
            ),
            (&[3, 2], &[(1, 1), (0, 2)], &[3, 2], &[(0, 0), (0, 2)]),
        ];
        for (src_shape, src_bounds, dst_shape, dst_bounds) in rows {
            let (src, dst) = (region(src_bounds), region(dst_bounds));
            let cells: Vec<u16> = (1..=src_shape.iter().product::<u64>() as u16).collect();
            let bytes: Vec<u8> = cells.iter().flat_map(|c| c.to_le_bytes()).collect();
            let expected = reference(src_shape, &src, dst_shape, &dst);
            let mut out = vec![0; expected.len() * 2];
            copy_region(&bytes, src_shape, &src, &mut out, dst_shape, &dst, 2).unwrap();
            let out: Vec<u16> = out.chunks(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
            assert_eq!(out, expected, "{src:?} of {src_shape:?} to {dst:?} of {dst_shape:?}");
            let mut cloned = vec![0; expected.len()];
            clone_region(&cells, src_shape, &src, &mut cloned, dst_shape, &dst).unwrap();
            assert_eq!(cloned, expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let whole = region(&[(0, 2), (0, 2)]);
        let rows = [
            (vec![2, 2], region(&[(0, 3), (0, 2)]), 4),
            (vec![2], whole.clone(), 4),
            (vec![2, 2], region(&[(0, 1), (0, 2)]), 4),
            (vec![2, 2], whole.clone(), 3),
        ];
        for (shape, from, bytes) in rows {
            let error =
                copy_region(&vec![0; bytes], &shape, &from, &mut [0; 4], &[2, 2], &whole, 1).unwrap_err();
            assert_eq!(error.code, Code::Bug);
        }
    }

    #[test]
    fn a_fill_stays_in_its_region() {
        let mut cells = vec![0; 12];
        fill_region(&mut cells, &[2, 3], &region(&[(0, 2), (1, 2)]), &[7, 8]).unwrap();
        assert_eq!(cells, [0, 0, 7, 8, 0, 0, 0, 0, 7, 8, 0, 0]);
        fill_region(&mut cells, &[2, 3], &region(&[(1, 2), (0, 3)]), &[9, 9]).unwrap();
        assert_eq!(cells, [0, 0, 7, 8, 0, 0, 9, 9, 9, 9, 9, 9]);
    }
}

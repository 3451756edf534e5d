//! Copies of boxes of cells between buffers of any dimension order.

use std::ops::Range;

/// One dimension of a copy: how many cells, and how far apart they lie in both buffers, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dim {
    pub(crate) count: usize,
    pub(crate) source: usize,
    pub(crate) target: usize,
}

/// A copy, its dimensions merged where both sides allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    source_start: usize,
    target_start: usize,
    dims: Vec<Dim>,
}

impl Copy {
    /// A copy from and to the given cells, outermost dimension first.
    pub(crate) fn new(source_start: usize, target_start: usize, dims: impl IntoIterator<Item = Dim>) -> Self {
        let mut merged: Vec<Dim> = Vec::new();
        for dim in dims.into_iter().filter(|d| d.count != 1) {
            match merged.last_mut() {
                Some(outer)
                    if outer.source == dim.source * dim.count && outer.target == dim.target * dim.count =>
                {
                    *outer = Dim { count: outer.count * dim.count, ..dim };
                }
                _ => merged.push(dim),
            }
        }
        if merged.is_empty() {
            merged.push(Dim { count: 1, source: 1, target: 1 });
        }
        Self { source_start, target_start, dims: merged }
    }

    /// The run of target cells that the whole source, of `cells` cells, fills from its first to its last cell.
    pub(crate) fn whole_run(&self, cells: usize) -> Option<Range<usize>> {
        match self.dims.as_slice() {
            [Dim { count, source: 1, target: 1 }] if *count == cells && self.source_start == 0 => {
                Some(self.target_start..self.target_start + count)
            }
            _ => None,
        }
    }

    /// Copies cells of `size` bytes. False where a cell lies outside its buffer; some may be copied then.
    pub(crate) fn run(&self, source: &[u8], target: &mut [u8], size: usize) -> bool {
        let Some((inner, outer)) = self.dims.split_last() else { return false };
        // neighbours here are neighbours there along another dimension: both go into one tile
        let across = outer.iter().rposition(|dim| dim.source == 1).filter(|_| inner.source != 1);
        let Some(across) = across else {
            return self.nested(outer, |from, to| row(source, from * size, target, to * size, *inner, size));
        };
        let mut outer = outer.to_vec();
        let across = outer.remove(across);
        self.nested(&outer, |from, to| {
            tiles(across.count, inner.count, |rows, cells| {
                let inner = Dim { count: cells.len(), ..*inner };
                rows.into_iter().all(|at| {
                    let from = from + at * across.source + cells.start * inner.source;
                    let to = to + at * across.target + cells.start * inner.target;
                    row(source, from * size, target, to * size, inner, size)
                })
            })
        })
    }

    /// Runs `each` for all cells of these dimensions, with a cell of source and of target; stops where it gives false.
    fn nested(&self, outer: &[Dim], mut each: impl FnMut(usize, usize) -> bool) -> bool {
        let mut index = vec![0; outer.len()];
        loop {
            let offset =
                |pick: fn(&Dim) -> usize| index.iter().zip(outer).map(|(i, d)| i * pick(d)).sum::<usize>();
            if !each(self.source_start + offset(|d| d.source), self.target_start + offset(|d| d.target)) {
                return false;
            }
            let mut dim = outer.len();
            loop {
                if dim == 0 {
                    return true;
                }
                dim -= 1;
                index[dim] += 1;
                if index[dim] < outer[dim].count {
                    break;
                }
                index[dim] = 0;
            }
        }
    }
}

/// Cells along both sides of a tile: few enough that what they lie in stays in the first cache.
const TILE: usize = 32;

/// Two dimensions cut into tiles.
fn tiles(across: usize, along: usize, mut each: impl FnMut(Range<usize>, Range<usize>) -> bool) -> bool {
    let parts = |count: usize| (0..count).step_by(TILE).map(move |at| at..count.min(at + TILE));
    parts(across).all(|a| parts(along).all(|i| each(a.clone(), i)))
}

/// Copies one row of the innermost dimension.
fn row(source: &[u8], from: usize, target: &mut [u8], to: usize, dim: Dim, size: usize) -> bool {
    if dim.count == 0 {
        return true;
    }
    if dim.source == 1 && dim.target == 1 {
        let bytes = dim.count * size;
        return match (source.get(from..from + bytes), target.get_mut(to..to + bytes)) {
            (Some(source), Some(target)) => {
                target.copy_from_slice(source);
                true
            }
            _ => false,
        };
    }
    let last = |start: usize, stride: usize| start + ((dim.count - 1) * stride + 1) * size;
    let (Some(source), Some(target)) =
        (source.get(from..last(from, dim.source)), target.get_mut(to..last(to, dim.target)))
    else {
        return false;
    };
    match size {
        1 => scatter::<1>(source, target, dim),
        2 => scatter::<2>(source, target, dim),
        4 => scatter::<4>(source, target, dim),
        8 => scatter::<8>(source, target, dim),
        _ => {
            let cells = source.chunks(dim.source * size).zip(target.chunks_mut(dim.target * size));
            cells.for_each(|(s, t)| t[..size].copy_from_slice(&s[..size]));
        }
    }
    true
}

/// Copies `dim.count` cells that begin where the slices do and end with them.
fn scatter<const SIZE: usize>(source: &[u8], target: &mut [u8], dim: Dim) {
    let (source, target) = (source.as_chunks::<SIZE>().0, target.as_chunks_mut::<SIZE>().0);
    let mut from = 0;
    if dim.target == 1 {
        for cell in target {
            *cell = source[from];
            from += dim.source;
        }
        return;
    }
    let mut to = 0;
    for _ in 0..dim.count {
        target[to] = source[from];
        from += dim.source;
        to += dim.target;
    }
}

/// Cells between neighbours along every dimension of a C-order buffer.
pub(crate) fn strides(shape: &[u64]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1;
    for (stride, &length) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= length as usize;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_buffers_become_one_run() {
        let dims = [
            Dim { count: 2, source: 6, target: 6 },
            Dim { count: 3, source: 2, target: 2 },
            Dim { count: 2, source: 1, target: 1 },
        ];
        assert_eq!(Copy::new(0, 24, dims).whole_run(12), Some(24..36));
        assert_eq!(Copy::new(0, 24, dims).whole_run(13), None);
    }

    #[test]
    fn a_transposed_copy_moves_every_cell() {
        // 2 x 3 in C order to 3 x 2
        let dims = [Dim { count: 2, source: 3, target: 1 }, Dim { count: 3, source: 1, target: 2 }];
        for size in [1, 2, 3, 4, 8, 16] {
            let source: Vec<u8> = (0..6 * size as u8).collect();
            let mut target = vec![0; 6 * size];
            assert!(Copy::new(0, 0, dims).run(&source, &mut target, size));
            let cells: Vec<u8> = target.chunks(size).map(|c| c[0] / size as u8).collect();
            assert_eq!(cells, [0, 3, 1, 4, 2, 5], "{size}");
        }
    }

    #[test]
    fn a_large_copy_in_any_order_moves_every_cell() {
        let shape = [5, 70, 3, 41];
        let total: usize = shape.iter().product();
        let source: Vec<u8> = (0..total as u32).flat_map(u32::to_le_bytes).collect();
        let from = strides(&shape.map(|n| n as u64));
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [3, 0, 1, 2], [0, 1, 3, 2], [2, 3, 1, 0]];
        for order in orders {
            let to = strides(&order.map(|dim| shape[dim] as u64));
            let dims = order.iter().zip(&to).map(|(&dim, &target)| Dim {
                count: shape[dim],
                source: from[dim],
                target,
            });
            let mut target = vec![0; 4 * total];
            assert!(Copy::new(0, 0, dims).run(&source, &mut target, 4));
            let found: Vec<u32> =
                target.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
            let expected: Vec<u32> = (0..total)
                .map(|flat| {
                    order.iter().zip(&to).map(|(&dim, t)| flat / t % shape[dim] * from[dim]).sum::<usize>()
                        as u32
                })
                .collect();
            assert_eq!(found, expected, "{order:?}");
        }
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let dims = [Dim { count: 4, source: 1, target: 1 }];
        assert!(!Copy::new(1, 0, dims).run(&[0; 4], &mut [0; 4], 1));
    }
}

//! Which cells of a dimension are taken, in runs of neighbours.

use std::ops::Range;
use std::sync::Arc;

/// Neighbouring cells of a dimension, taken in their order or from the last to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The lowest cell; `None` where the input does not have these cells.
    pub first: Option<u64>,
    /// How many.
    pub count: u64,
    /// From the last to the first.
    pub reversed: bool,
}

/// The cells that are taken along one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    runs: Arc<[Run]>,
    /// Where every run begins in the result, and at the end its length.
    starts: Arc<[u64]>,
}

impl Runs {
    /// Runs as given; empty ones are left out.
    pub fn new(runs: impl IntoIterator<Item = Run>) -> Self {
        let runs: Arc<[Run]> = runs.into_iter().filter(|run| run.count > 0).collect();
        let mut starts = vec![0];
        for run in runs.iter() {
            starts.push(starts.last().copied().unwrap_or(0) + run.count);
        }
        Self { runs, starts: starts.into() }
    }

    /// Single cells in any order, put together to runs; `None` for cells that are not there.
    pub fn of_cells(cells: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for cell in cells {
            match (runs.last_mut(), cell) {
                (Some(run), None) if run.first.is_none() => run.count += 1,
                (Some(run), Some(cell)) if run.continues(cell) => run.extend(cell),
                _ => runs.push(Run { first: cell, count: 1, reversed: false }),
            }
        }
        Self::new(runs)
    }

    /// One range.
    pub fn range(cells: Range<u64>) -> Self {
        let count = cells.end.saturating_sub(cells.start);
        Self::new([Run { first: Some(cells.start), count, reversed: false }])
    }

    /// All cells from the last to the first.
    pub fn reversed(length: u64) -> Self {
        Self::new([Run { first: Some(0), count: length, reversed: true }])
    }

    /// The runs in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many cells are taken.
    pub fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Whether none is taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all cells of a dimension are taken in their order.
    pub fn is_identity(&self, length: u64) -> bool {
        match &*self.runs {
            [] => length == 0,
            [run] => run.first == Some(0) && run.count == length && (!run.reversed || length < 2),
            _ => false,
        }
    }

    /// The runs of a part of the result, each with the cells of the result that it fills.
    pub fn within(&self, part: &Range<u64>) -> Vec<(Range<u64>, Run)> {
        let from = self.starts.partition_point(|&start| start <= part.start).saturating_sub(1);
        let mut found = Vec::new();
        for (run, &start) in self.runs.iter().zip(self.starts.iter()).skip(from) {
            if start >= part.end {
                break;
            }
            let cells = start.max(part.start)..(start + run.count).min(part.end);
            if cells.start < cells.end {
                let skipped = if run.reversed { start + run.count - cells.end } else { cells.start - start };
                let count = cells.end - cells.start;
                found.push((cells, Run { first: run.first.map(|f| f + skipped), count, ..*run }));
            }
        }
        found
    }

    /// The input's cell for every cell of a part of the result.
    pub fn cells(&self, part: &Range<u64>) -> Vec<Option<u64>> {
        self.within(part).into_iter().flat_map(|(_, run)| run.cells()).collect()
    }

    /// These cells of what `self` takes: picking twice as picking once.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let cells = next.runs.iter().flat_map(|run| match run.first {
            None => vec![*run],
            Some(first) => {
                let mut parts: Vec<Run> =
                    self.within(&(first..first + run.count)).into_iter().map(|(_, part)| part).collect();
                if run.reversed {
                    parts.reverse();
                    parts.iter_mut().for_each(|part| part.reversed = !part.reversed);
                }
                parts
            }
        });
        Self::new(cells)
    }
}

impl Run {
    fn continues(&self, cell: u64) -> bool {
        let Some(first) = self.first else { return false };
        match (self.count, self.reversed) {
            (1, _) => cell == first + 1 || cell + 1 == first,
            (_, false) => cell == first + self.count,
            (_, true) => cell + 1 == first,
        }
    }

    fn extend(&mut self, cell: u64) {
        if self.first.is_some_and(|first| cell < first) {
            self.first = Some(cell);
            self.reversed = true;
        }
        self.count += 1;
    }

    /// The input's cells in the order in which they are taken.
    pub fn cells(self) -> impl Iterator<Item = Option<u64>> {
        (0..self.count).map(move |i| {
            self.first.map(|first| if self.reversed { first + self.count - 1 - i } else { first + i })
        })
    }
}

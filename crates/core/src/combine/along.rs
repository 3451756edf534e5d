//! Where the cells of a dimension come from: segments of files, one after the other.

use std::ops::Range;
use std::sync::Arc;

use crate::derived::{Run, Runs};

/// One dimension of a variable whose cells are taken from files in segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Along {
    /// The dimension's place in the variable.
    pub dim: usize,
    /// How many files there are along it.
    pub keys: u32,
    /// The segments, in order, without gaps between them.
    pub segments: Arc<[Segment]>,
}

/// Neighbouring cells of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The first cell in the dataset.
    pub start: u64,
    /// How many cells.
    pub count: u64,
    /// Which file along the dimension; `None` for cells that no file has.
    pub key: Option<u32>,
    /// The lowest cell in the file.
    pub first: u64,
    /// From the file's last cell of the segment to its first.
    pub reversed: bool,
}

impl Along {
    /// Whole files one after the other: where every file begins, and at the end where the last one ends.
    pub fn of_files(dim: usize, offsets: &[u64]) -> Self {
        let segment = |(key, start, end): (usize, u64, u64)| Segment {
            start,
            count: end.saturating_sub(start),
            key: Some(key as u32),
            first: 0,
            reversed: false,
        };
        let pairs = offsets.windows(2).enumerate().map(|(key, pair)| match pair {
            [start, end] => (key, *start, *end),
            _ => (key, 0, 0),
        });
        let is_empty = |(_, start, end): &(usize, u64, u64)| start >= end;
        // an iterator that knows its length makes the list in place, and one over millions of files is long
        let segments = match pairs.clone().any(|pair| is_empty(&pair)) {
            true => pairs.filter(|pair| !is_empty(pair)).map(segment).collect(),
            false => pairs.map(segment).collect(),
        };
        Self { dim, keys: offsets.len().saturating_sub(1) as u32, segments }
    }

    /// One file, all of it: what a dimension is along which files do not follow each other.
    pub fn of_one(dim: usize, length: u64) -> Self {
        Self::of_files(dim, &[0, length])
    }

    /// The length of the dimension.
    pub fn len(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.start + last.count)
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The segment that holds a cell.
    pub fn segment(&self, cell: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|s| s.start <= cell);
        self.segments.get(after.checked_sub(1)?).filter(|s| cell < s.start + s.count)
    }

    /// The parts of segments within a range of cells.
    pub fn within(&self, cells: &Range<u64>) -> Vec<Segment> {
        let from = self.segments.partition_point(|s| s.start <= cells.start).saturating_sub(1);
        let rest = self.segments.iter().skip(from).take_while(|s| s.start < cells.end);
        rest.filter_map(|s| s.part(cells)).collect()
    }

    /// These cells of the dimension, in the order of `runs`.
    #[must_use]
    pub fn pick(&self, runs: &Runs) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        let mut start = 0;
        for run in runs.runs() {
            for segment in self.of_run(run) {
                let next = Segment { start, ..segment };
                start += next.count;
                match segments.last_mut().filter(|last| last.continued_by(&next)) {
                    Some(last) => last.append(&next),
                    None => segments.push(next),
                }
            }
        }
        Self { segments: segments.into(), ..*self }
    }

    fn of_run(&self, run: &Run) -> Vec<Segment> {
        let Some(first) = run.first else {
            return vec![Segment { start: 0, count: run.count, key: None, first: 0, reversed: false }];
        };
        let mut parts = self.within(&(first..first + run.count));
        if run.reversed {
            parts.reverse();
            parts.iter_mut().for_each(|part| part.reversed = !part.reversed);
        }
        parts
    }
}

impl Segment {
    fn part(&self, cells: &Range<u64>) -> Option<Self> {
        let (start, end) = (self.start.max(cells.start), (self.start + self.count).min(cells.end));
        let skipped =
            if self.reversed { (self.start + self.count).saturating_sub(end) } else { start - self.start };
        (start < end).then(|| Self { start, count: end - start, first: self.first + skipped, ..*self })
    }

    fn continued_by(&self, next: &Self) -> bool {
        self.key == next.key
            && match self.key {
                None => true,
                Some(_) => match (self.count, self.reversed, next.count, next.reversed) {
                    (_, false, _, false) | (1, _, _, false) | (_, false, 1, _) => {
                        self.first + self.count == next.first
                    }
                    _ => next.first + next.count == self.first,
                },
            }
    }

    fn append(&mut self, next: &Self) {
        if self.key.is_some() {
            self.reversed = next.first < self.first;
            self.first = self.first.min(next.first);
        }
        self.count += next.count;
    }
}

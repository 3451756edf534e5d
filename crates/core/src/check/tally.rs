//! Ranges and shares of missing values: all questions about one array's values are answered in one reading.

use super::decoding::Decoding;
use crate::block::Block;
use crate::target::ArraySpec;

/// What is asked of one array's values.
#[derive(Debug, Clone, PartialEq)]
pub struct Questions {
    /// The number of the array in the dataset.
    pub array: usize,
    /// Least and greatest value allowed, one pair per check.
    pub(super) bounds: Vec<(f64, f64)>,
    decoding: Decoding,
}

/// Answers, for the chunks that were taken so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Cells seen.
    pub cells: u64,
    /// Cells that are missing.
    pub missing: u64,
    /// The least value; infinite where there is none.
    pub least: f64,
    /// The greatest value; negative infinite where there is none.
    pub greatest: f64,
    /// Per pair of bounds: cells outside, and the number of the first chunk that has one.
    pub outside: Vec<(u64, u64)>,
}

impl Questions {
    pub(super) fn new(number: usize, array: &ArraySpec) -> Self {
        Self { array: number, bounds: Vec::new(), decoding: Decoding::new(array) }
    }

    /// Asks for one more range; its number.
    pub(super) fn add(&mut self, least: f64, greatest: f64) -> usize {
        self.bounds.push((least, greatest));
        self.bounds.len() - 1
    }

    /// Answers for one chunk, `chunk` being its number in C order.
    pub fn answer(&self, block: &Block, chunk: u64) -> Tally {
        let mut tally = Tally::new(self.bounds.len());
        let Some(bytes) = block.bytes() else { return tally };
        let narrow = |x: f64| if self.decoding.single { f64::from(x as f32) } else { x };
        let bounds: Vec<(f64, f64)> = self.bounds.iter().map(|(lo, hi)| (narrow(*lo), narrow(*hi))).collect();
        self.decoding.each(bytes, &mut |value| {
            tally.cells += 1;
            let Some(value) = value else {
                tally.missing += 1;
                return;
            };
            tally.least = tally.least.min(value);
            tally.greatest = tally.greatest.max(value);
            for ((least, greatest), outside) in bounds.iter().zip(&mut tally.outside) {
                if value < *least || value > *greatest {
                    *outside = (outside.0 + 1, chunk);
                }
            }
        });
        tally
    }
}

impl Tally {
    /// Nothing seen yet; for this many pairs of bounds.
    fn new(bounds: usize) -> Self {
        Self {
            cells: 0,
            missing: 0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            outside: vec![(0, u64::MAX); bounds],
        }
    }

    /// The answers to `questions` before anything was read.
    pub fn empty(questions: &Questions) -> Self {
        Self::new(questions.bounds.len())
    }

    /// Takes the answers of other chunks along; the order does not matter.
    pub fn merge(&mut self, other: &Self) {
        self.cells += other.cells;
        self.missing += other.missing;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        for (own, other) in self.outside.iter_mut().zip(&other.outside) {
            *own = (own.0 + other.0, own.1.min(other.1));
        }
    }

    /// The share of missing cells; 0 where there are no cells.
    pub fn missing_share(&self) -> f64 {
        if self.cells == 0 { 0.0 } else { self.missing as f64 / self.cells as f64 }
    }
}

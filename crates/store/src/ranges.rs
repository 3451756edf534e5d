//! Putting near ranges together, so that many small reads cost few requests.

use std::ops::Range;

/// Bytes that a merged request has at most where nothing else bounds memory.
pub(crate) const MERGED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// One request for several ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// What is fetched.
    pub(crate) range: Range<u64>,
    /// Indices of the ranges that lie in it.
    pub(crate) members: Vec<usize>,
}

/// Merges ranges with at most `gap` bytes between them, to at most `most` bytes unless a single range is larger. Every
/// range lies in exactly one merged one; empty ranges are left out. The result is sorted by start.
pub(crate) fn merge(ranges: &[Range<u64>], gap: u64, most: u64) -> Vec<Merged> {
    let mut order: Vec<(usize, &Range<u64>)> =
        ranges.iter().enumerate().filter(|(_, range)| range.start < range.end).collect();
    order.sort_by_key(|(at, range)| (range.start, range.end, *at));
    let mut merged: Vec<Merged> = Vec::new();
    for (at, range) in order {
        match merged.last_mut() {
            Some(last)
                if range.start <= last.range.end.saturating_add(gap)
                    && (range.end <= last.range.end || range.end - last.range.start <= most) =>
            {
                last.range.end = last.range.end.max(range.end);
                last.members.push(at);
            }
            _ => merged.push(Merged { range: range.clone(), members: vec![at] }),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_merged() {
        const M: u64 = 1024 * 1024;
        type Row<'a> = (&'a [Range<u64>], u64, &'a [(Range<u64>, &'a [usize])]);
        let rows: &[Row<'_>] = &[
            (&[], 10, &[]),
            (&[0..5, 5..5], 10, &[(0..5, &[0])]),
            (&[0..5, 15..20], 10, &[(0..20, &[0, 1])]),
            (&[0..5, 16..20], 10, &[(0..5, &[0]), (16..20, &[1])]),
            (&[16..20, 0..5, 5..6], 0, &[(0..6, &[1, 2]), (16..20, &[0])]),
            (&[0..10, 2..4, 3..3], 0, &[(0..10, &[0, 1])]),
            (&[5..8, 5..8], 0, &[(5..8, &[0, 1])]),
            (&[0..20 * M, 20 * M..40 * M], 0, &[(0..20 * M, &[0]), (20 * M..40 * M, &[1])]),
            (&[0..40 * M, M..2 * M], 0, &[(0..40 * M, &[0, 1])]),
            (&[0..u64::MAX, 1..2], u64::MAX, &[(0..u64::MAX, &[0, 1])]),
        ];
        for (ranges, gap, expected) in rows {
            let found = merge(ranges, *gap, MERGED_BYTES_MAX);
            let found: Vec<(Range<u64>, &[usize])> =
                found.iter().map(|m| (m.range.clone(), m.members.as_slice())).collect();
            assert_eq!(found, *expected, "{ranges:?}");
        }
    }
}

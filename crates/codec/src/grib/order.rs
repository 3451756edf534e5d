//! The order of values: rows that run to and fro, and fields that are stored column by column.

use arcoforge_core::codec::GribScan;
use arcoforge_core::error::Result;

use super::values::Value;
use crate::scratch::grow;
use crate::{bad_parameter, corrupt};

/// Rows of a grid, as section 2 or 3 tells them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// All of one length.
    Regular { columns: usize, rows: usize },
    /// A list of their lengths, big-endian numbers of so many bytes.
    Reduced { list: &'a [u8], octets: usize },
    /// There is no such section, or one without rows.
    Unknown,
}

impl Rows<'_> {
    /// Values of each row.
    ///
    /// # Errors
    /// Where rows are not known, or are not rows of `points` values.
    pub(super) fn lengths(&self, points: usize) -> Result<Vec<usize>> {
        let lengths: Vec<usize> = match *self {
            Self::Regular { columns, rows } if columns.checked_mul(rows) == Some(points) => {
                vec![columns; rows]
            }
            Self::Reduced { list, octets } if octets > 0 => {
                let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
                list.chunks_exact(octets).map(number).collect()
            }
            _ => Vec::new(),
        };
        let total = lengths.iter().try_fold(0_usize, |total, length| total.checked_add(*length));
        if total == Some(points) {
            return Ok(lengths);
        }
        Err(corrupt(format!("GRIB: rows of {} values found, {points} expected", total.unwrap_or(usize::MAX))))
    }
}

/// Turns every second row around.
pub(super) fn alternate<C>(lengths: impl IntoIterator<Item = usize>, out: &mut [C]) {
    let mut rest = out;
    for (at, length) in lengths.into_iter().enumerate() {
        let Some((row, behind)) = std::mem::take(&mut rest).split_at_mut_checked(length) else { return };
        if at % 2 == 1 {
            row.reverse();
        }
        rest = behind;
    }
}

/// Puts values as they were scanned into rows of one direction.
///
/// # Errors
/// Columns and rows that are not those of so many values.
pub(super) fn scan<V: Value>(scan: &GribScan, out: &mut [V::Cell], room: &mut Vec<u8>) -> Result<()> {
    let sizes = usize::try_from(scan.columns).ok().zip(usize::try_from(scan.rows).ok());
    let Some((columns, rows)) = sizes.filter(|(c, r)| c.checked_mul(*r) == Some(out.len())) else {
        let GribScan { columns, rows, .. } = scan;
        return Err(bad_parameter(format!("`grib` field of {} values in {columns} x {rows}", out.len())));
    };
    let (run, runs) = if scan.by_columns { (rows, columns) } else { (columns, rows) };
    if scan.alternating {
        alternate(std::iter::repeat_n(run, runs), out);
    }
    if scan.by_columns && columns > 1 && rows > 1 {
        let stored = V::cells(grow(room, size_of_val(out)));
        stored.copy_from_slice(out);
        for (at, row) in out.chunks_exact_mut(columns).enumerate() {
            for (cell, column) in row.iter_mut().zip(stored.chunks_exact(rows)) {
                *cell = column[at];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_direction() {
        // by columns, alternating, as stored, as decoded: 3 columns, 2 rows
        let rows: [(bool, bool, &[u8; 6], &[u8; 6]); 4] = [
            (false, false, b"abcdef", b"abcdef"),
            (false, true, b"abcfed", b"abcdef"),
            (true, false, b"adbecf", b"abcdef"),
            (true, true, b"adebcf", b"abcdef"),
        ];
        for (by_columns, alternating, stored, expected) in rows {
            let cells = |bytes: &[u8; 6]| bytes.map(|b| [b; 4]);
            let mut out = cells(stored);
            let mode = GribScan { columns: 3, rows: 2, by_columns, alternating };
            scan::<f32>(&mode, &mut out, &mut Vec::new()).expect("fits");
            assert_eq!(out, cells(expected), "{mode:?}");
        }
        let mode = GribScan { columns: 4, rows: 2, by_columns: true, alternating: true };
        assert!(scan::<f32>(&mode, &mut [[0; 4]; 6], &mut Vec::new()).is_err());
    }

    #[test]
    fn lengths_of_rows() {
        let list = [0, 2, 0, 4, 0, 2];
        let rows = [
            (Rows::Regular { columns: 4, rows: 2 }, 8, Some(vec![4, 4])),
            (Rows::Regular { columns: 4, rows: 3 }, 8, None),
            (Rows::Reduced { list: &list, octets: 2 }, 8, Some(vec![2, 4, 2])),
            (Rows::Reduced { list: &list, octets: 2 }, 9, None),
            (Rows::Unknown, 8, None),
        ];
        for (rows, points, expected) in rows {
            assert_eq!(rows.lengths(points).ok(), expected, "{rows:?}");
        }
    }
}

//! Predictors (TIFF 6.0, section 14, and Technical Note 3): rows of differences to rows of values.

use arcoforge_core::dtype::Endian;
use arcoforge_core::error::Result;

use crate::corrupt;

/// Adds up the integers of a row.
macro_rules! integers {
    ($type:ty, $read:ident, $write:ident) => {
        |samples: usize, row: &mut [u8]| {
            numbers(samples, row, <$type>::$read, <$type>::wrapping_add, <$type>::$write);
        }
    };
}

/// Undoes predictor 2 in place: to every sample the same sample of the pixel before is added, in the file's byte order.
pub(crate) fn add_up(size: u32, samples: usize, row: u64, endian: Endian, cells: &mut [u8]) -> Result<()> {
    let bytes = row_bytes(size as usize, row, cells.len())?;
    let undo: fn(usize, &mut [u8]) = match (size, endian) {
        (1, _) => bytes_of,
        (2, Endian::Little) => integers!(u16, from_le_bytes, to_le_bytes),
        (2, Endian::Big) => integers!(u16, from_be_bytes, to_be_bytes),
        (4, Endian::Little) => integers!(u32, from_le_bytes, to_le_bytes),
        (4, Endian::Big) => integers!(u32, from_be_bytes, to_be_bytes),
        (_, Endian::Little) => integers!(u64, from_le_bytes, to_le_bytes),
        (_, Endian::Big) => integers!(u64, from_be_bytes, to_be_bytes),
    };
    cells.chunks_exact_mut(bytes).for_each(|row| undo(samples, row));
    Ok(())
}

/// Bytes of one row; refuses what is no whole number of rows.
fn row_bytes(size: usize, row: u64, len: usize) -> Result<usize> {
    let bytes = usize::try_from(row).ok().and_then(|row| row.checked_mul(size)).filter(|bytes| *bytes > 0);
    match bytes {
        Some(bytes) if len.is_multiple_of(bytes) => Ok(bytes),
        _ => {
            Err(corrupt(format!("{len} bytes are no whole number of rows of {row} samples of {size} bytes")))
        }
    }
}

fn bytes_of(samples: usize, row: &mut [u8]) {
    for at in samples..row.len() {
        row[at] = row[at].wrapping_add(row[at - samples]);
    }
}

fn numbers<const N: usize, T: Copy>(
    samples: usize,
    row: &mut [u8],
    read: fn([u8; N]) -> T,
    add: fn(T, T) -> T,
    write: fn(T) -> [u8; N],
) {
    let cells = row.as_chunks_mut::<N>().0;
    for at in samples..cells.len() {
        cells[at] = write(add(read(cells[at]), read(cells[at - samples])));
    }
}

/// Undoes predictor 3: the bytes of a row are added up, then the planes are put together to little-endian floats. `out`
/// has the length of `stored`.
pub(crate) fn join_planes(
    size: usize,
    samples: usize,
    row: u64,
    stored: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let bytes = row_bytes(size, row, stored.len())?;
    let mut sums = vec![0; bytes];
    for (from, to) in stored.chunks_exact(bytes).zip(out.chunks_exact_mut(bytes)) {
        sums.copy_from_slice(from);
        bytes_of(samples, &mut sums);
        for (plane, sums) in sums.chunks_exact(bytes / size).enumerate() {
            for (cell, byte) in to.chunks_exact_mut(size).zip(sums) {
                cell[size - 1 - plane] = *byte;
            }
        }
    }
    Ok(())
}

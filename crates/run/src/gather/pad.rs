//! Cells with one value, and chunks that reach over the end of their array.

use arcoforge_core::block::scalar_to_le;
use arcoforge_core::dtype::{DataType, Scalar};

/// Fills a buffer with one value.
pub(crate) fn fill_with(buffer: &mut [u8], dtype: DataType, value: &Scalar) {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, value, &mut one) {
        one.clear();
    }
    fill(buffer, &one);
}

/// Fills a buffer with one cell's bytes; with zeros where there are none.
fn fill(buffer: &mut [u8], one: &[u8]) {
    let Some((&first, rest)) = one.split_first() else { return buffer.fill(0) };
    if rest.iter().all(|byte| *byte == first) {
        return buffer.fill(first);
    }
    let end = buffer.len() - buffer.len() % one.len();
    let Some(head) = buffer.get_mut(..one.len().min(end)) else { return };
    head.copy_from_slice(one.get(..head.len()).unwrap_or_default());
    let mut filled = head.len();
    while filled > 0 && filled < end {
        // what is filled, once more behind itself
        let more = filled.min(end - filled);
        buffer.copy_within(..more, filled);
        filled += more;
    }
}

/// Whether every cell has one value, bit for bit.
pub(crate) fn is_filled_with(buffer: &[u8], dtype: DataType, value: &Scalar) -> bool {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, value, &mut one) {
        return false;
    }
    // every cell is as the one before it
    buffer.is_empty()
        || buffer.starts_with(&one) && buffer.get(one.len()..) == buffer.get(..buffer.len() - one.len())
}

/// Makes of the cells of a chunk that lie inside its array, in C order, the whole chunk; those beyond the array get
/// `value`. Nothing is copied where only the outermost dimension ends early.
pub(crate) fn pad(buffer: &mut Vec<u8>, inside: &[u64], chunk: &[u64], dtype: DataType, value: &Scalar) {
    let size = dtype.size().unwrap_or(1);
    let Some(last) = inside.iter().zip(chunk).rposition(|(i, c)| i != c) else { return };
    let mut one = Vec::new();
    if !scalar_to_le(dtype, value, &mut one) {
        one.clear();
    }
    // rows of the innermost dimension that ends early, with all behind it
    let bytes = |shape: &[u64]| shape.iter().skip(last).product::<u64>() as usize * size;
    let (short, long) = (bytes(inside), bytes(chunk));
    let rows: u64 = chunk.iter().take(last).product();
    buffer.resize(rows as usize * long, 0);
    // from the last to the first, so that no row is overwritten before it is moved
    for row in (0..rows).rev() {
        let to = row as usize * long;
        let kept = match number_inside(row, inside, chunk, last) {
            Some(number) => {
                let from = number as usize * short;
                buffer.copy_within(from..from + short, to);
                short
            }
            None => 0,
        };
        if let Some(beyond) = buffer.get_mut(to + kept..to + long) {
            fill(beyond, &one);
        }
    }
}

/// The number of a row of the chunk among those inside the array; `None` where it lies beyond.
fn number_inside(mut row: u64, inside: &[u64], chunk: &[u64], last: usize) -> Option<u64> {
    let (mut number, mut step) = (0, 1);
    for (&inside, &chunk) in inside.iter().zip(chunk).take(last).rev() {
        let at = row % chunk;
        if at >= inside {
            return None;
        }
        number += at * step;
        step *= inside;
        row /= chunk;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_filled_with_any_value() {
        let rows = [
            (DataType::Int16, Scalar::Int(-999), 2),
            (DataType::Int16, Scalar::Int(-1), 2),
            (DataType::Float32, Scalar::Float(0.1), 4),
            (DataType::Float64, Scalar::Float(1e20), 8),
            (DataType::UInt8, Scalar::UInt(7), 1),
        ];
        for (dtype, value, size) in rows {
            let mut one = Vec::new();
            assert!(scalar_to_le(dtype, &value, &mut one));
            for cells in [0, 1, 2, 3, 5, 8, 1000] {
                let mut buffer = vec![0xaa; cells * size];
                fill_with(&mut buffer, dtype, &value);
                assert!(buffer.chunks(size).all(|cell| cell == one), "{value:?} {cells}");
                assert!(is_filled_with(&buffer, dtype, &value), "{value:?} {cells}");
                for at in 0..buffer.len().min(20) {
                    buffer[at] ^= 1;
                    assert!(!is_filled_with(&buffer, dtype, &value), "{value:?} {cells} {at}");
                    buffer[at] ^= 1;
                }
            }
        }
    }

    #[test]
    fn chunks_beyond_the_array_are_filled_up() {
        let rows: [(&[u64], &[u64]); 9] = [
            (&[3], &[5]),
            (&[2, 3], &[2, 3]),
            (&[2, 3], &[4, 3]),
            (&[2, 3], &[2, 5]),
            (&[2, 3], &[4, 5]),
            (&[1, 1, 1], &[3, 3, 3]),
            (&[2, 3, 4], &[3, 3, 7]),
            (&[2, 3, 4], &[5, 4, 4]),
            (&[2, 1, 3, 2], &[2, 3, 4, 2]),
        ];
        for (inside, chunk) in rows {
            let cells: u64 = inside.iter().product();
            let mut buffer: Vec<u8> = (0..cells).flat_map(|n| (n as i16 + 1).to_le_bytes()).collect();
            pad(&mut buffer, inside, chunk, DataType::Int16, &Scalar::Int(-7));
            let found: Vec<i16> = buffer.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
            assert_eq!(found, expected(inside, chunk), "{inside:?} {chunk:?}");
        }
    }

    /// Cell by cell.
    fn expected(inside: &[u64], chunk: &[u64]) -> Vec<i16> {
        let cells: u64 = chunk.iter().product();
        let mut found = Vec::new();
        for flat in 0..cells {
            let (mut rest, mut number, mut step, mut is_inside) = (flat, 0, 1, true);
            for (i, c) in inside.iter().zip(chunk).rev() {
                is_inside &= rest % c < *i;
                number += rest % c * step;
                step *= i;
                rest /= c;
            }
            found.push(if is_inside { number as i16 + 1 } else { -7 });
        }
        found
    }
}

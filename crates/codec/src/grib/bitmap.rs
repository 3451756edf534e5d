//! Bitmaps: which points have values.

use arcoforge_core::error::Result;

use super::values::Value;
use crate::corrupt;

/// Ones among the bits from one to another.
pub(super) fn ones(bits: &[u8], from: usize, to: usize) -> usize {
    let mask = |byte: usize, value: u8| {
        let (first, last) = (from.saturating_sub(byte * 8).min(8), to.saturating_sub(byte * 8).min(8));
        let upto = |n: usize| 0xff_u8.checked_shr(n as u32).unwrap_or(0);
        value & upto(first) & !upto(last)
    };
    let (begin, end) = (from / 8, to.div_ceil(8).min(bits.len()));
    let bytes = bits.get(begin..end).unwrap_or_default();
    bytes.iter().zip(begin..).map(|(value, byte)| mask(byte, *value).count_ones() as usize).sum()
}

/// Lengths of the runs that begin with a one.
///
/// # Errors
/// Bits that begin with none.
pub(super) fn runs(bits: &[u8], count: usize) -> Result<Vec<usize>> {
    let mut lengths: Vec<usize> = Vec::new();
    for at in 0..count {
        if bits.get(at / 8).is_some_and(|byte| byte << (at % 8) & 0x80 != 0) {
            lengths.push(1);
        } else if let Some(length) = lengths.last_mut() {
            *length += 1;
        } else {
            return Err(corrupt("GRIB section 4: the second bitmap begins with 0, 1 expected"));
        }
    }
    Ok(lengths)
}

/// Moves the values in front, as many as there are ones, to where the ones are; the other cells become missing.
pub(super) fn spread<V: Value>(bits: &[u8], out: &mut [V::Cell]) {
    let mut left = ones(bits, 0, out.len());
    // from the last cell on, so that no value is written over before it is moved
    for byte in (0..out.len().div_ceil(8)).rev() {
        let points = byte * 8..out.len().min(byte * 8 + 8);
        let mask = bits.get(byte).copied().unwrap_or(0);
        if mask == 0xff && points.len() == 8 {
            left -= 8;
            out.copy_within(left..left + 8, points.start);
            continue;
        }
        for at in points.rev() {
            // without a branch: holes come as they like
            let is_set = mask << (at % 8) & 0x80 != 0;
            left -= usize::from(is_set);
            let value = out.get(left).copied().unwrap_or(V::MISSING);
            out[at] = if is_set { value } else { V::MISSING };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_of_any_range() {
        let bits = [0b1010_0101, 0xff, 0b0000_0001];
        for from in 0..=24 {
            for to in from..=24 {
                let expected = (from..to).filter(|n| bits[n / 8] << (n % 8) & 0x80_u8 != 0).count();
                assert_eq!(ones(&bits, from, to), expected, "{from}..{to}");
            }
        }
    }

    #[test]
    fn values_go_where_the_ones_are() {
        for bits in [[0, 0, 0], [0xff, 0xff, 0xff], [0b1010_0101, 0xff, 0b0101_0000], [1, 0, 0x80]] {
            for count in [0, 1, 5, 8, 17, 20] {
                let is_set = |n: usize| bits[n / 8] << (n % 8) & 0x80_u8 != 0;
                let mut next = 0_u8;
                let expected: Vec<f32> = (0..count)
                    .map(|n| {
                        next += u8::from(is_set(n));
                        if is_set(n) { f32::from(next) } else { f32::NAN }
                    })
                    .collect();
                let mut out: Vec<[u8; 4]> = (0..count).map(|n| (n as f32 + 1.0).to_le_bytes()).collect();
                spread::<f32>(&bits, &mut out);
                let expected: Vec<[u8; 4]> = expected.iter().map(|n| n.to_le_bytes()).collect();
                assert_eq!(out, expected, "{bits:?} {count}");
            }
        }
    }

    #[test]
    fn runs_begin_with_ones() {
        assert_eq!(runs(&[0b1001_1000], 8).ok(), Some(vec![3, 1, 4]));
        assert_eq!(runs(&[], 0).ok(), Some(vec![]));
        assert!(runs(&[0b0100_0000], 2).is_err());
    }
}

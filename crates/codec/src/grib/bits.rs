//! Numbers of any width, one behind the other from the most significant bit on.

use arcoforge_core::error::Result;

use crate::corrupt;

/// The widest number.
pub(super) const WIDTH_MAX: u32 = 64;
/// The widest number that one load of eight bytes holds from any bit on.
const LOAD_WIDTH: u32 = 57;

/// A place in a run of numbers. Behind the end there are zeros: who reads asks [`Bits::has`] first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    bit: u64,
}

impl<'a> Bits<'a> {
    /// From the first bit on.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, bit: 0 }
    }

    /// Whether so many numbers of this width are left.
    ///
    /// # Errors
    /// `SourceCorrupt`, with the name of what is to be read.
    pub(super) fn has(&self, what: &str, count: usize, width: u32) -> Result<()> {
        let needed = (count as u64).saturating_mul(u64::from(width));
        let left = (self.bytes.len() as u64).saturating_mul(8).saturating_sub(self.bit);
        if needed <= left && width <= WIDTH_MAX {
            return Ok(());
        }
        Err(corrupt(format!("GRIB: {what}: {left} bits found, {count} numbers of {width} bits expected")))
    }

    /// The next number, of at most [`WIDTH_MAX`] bits.
    #[inline]
    pub(super) fn read(&mut self, width: u32) -> u64 {
        let value = peek(self.bytes, self.bit, width);
        self.bit = self.bit.wrapping_add(u64::from(width));
        value
    }

    /// The next number whose first bit is its sign.
    pub(super) fn read_signed(&mut self, width: u32) -> i64 {
        let Some(magnitude) = width.checked_sub(1) else { return 0 };
        let negative = self.read(1) == 1;
        let value = self.read(magnitude) as i64;
        if negative { value.wrapping_neg() } else { value }
    }

    /// Cuts off so many numbers of this width, and what fills the last byte.
    ///
    /// # Errors
    /// Those of [`Bits::has`].
    pub(super) fn split(&mut self, what: &str, count: usize, width: u32) -> Result<Self> {
        self.has(what, count, width)?;
        let first = *self;
        let end = self.bit.saturating_add((count as u64).saturating_mul(u64::from(width)));
        self.bit = end.next_multiple_of(8);
        Ok(first)
    }
}

/// The number of `width` bits from a bit on.
#[inline]
fn peek(bytes: &[u8], bit: u64, width: u32) -> u64 {
    let (at, shift) = ((bit >> 3) as usize, (bit & 7) as u32);
    match width {
        0 => 0,
        1..=LOAD_WIDTH => word(bytes, at).wrapping_shl(shift).wrapping_shr(64 - width),
        _ => {
            let both = u128::from(word(bytes, at)) << 64 | u128::from(word(bytes, at.saturating_add(8)));
            (both << shift >> 64) as u64 >> (64 - width.min(64))
        }
    }
}

/// Eight bytes from `at` on, zeros behind the end.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(eight) => u64::from_be_bytes(*eight),
        None => last_word(bytes, at),
    }
}

#[cold]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    for (target, byte) in eight.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *target = *byte;
    }
    u64::from_be_bytes(eight)
}

/// Makes cells of numbers of one width, which `bytes` must [have](Bits::has).
pub(super) fn unpack<C>(bytes: &[u8], width: u32, out: &mut [C], cell: impl Fn(f64) -> C + Copy) {
    macro_rules! widths {
        ($($width:literal)*) => {
            match width {
                8 => whole::<1, C>(bytes, out, |n| cell(f64::from(n[0]))),
                16 => whole::<2, C>(bytes, out, |n| cell(f64::from(u16::from_be_bytes(n)))),
                24 => whole::<3, C>(bytes, out, |[a, b, c]| cell(f64::from(i32::from_be_bytes([0, a, b, c])))),
                32 => whole::<4, C>(bytes, out, |n| cell(f64::from(u32::from_be_bytes(n)))),
                $($width => eights::<$width, C>(bytes, out, cell),)*
                _ => rest(Bits::new(bytes), width, out, cell),
            }
        };
    }
    widths!(1 2 3 4 5 6 7 9 10 11 12 13 14 15 17 18 19 20 21 22 23 25 26 27 28 29 30 31);
}

/// Numbers of whole bytes.
fn whole<const BYTES: usize, C>(bytes: &[u8], out: &mut [C], cell: impl Fn([u8; BYTES]) -> C) {
    for (target, number) in out.iter_mut().zip(bytes.as_chunks::<BYTES>().0) {
        *target = cell(*number);
    }
}

/// Numbers of less than 32 bits: eight of them begin and end with a byte.
fn eights<const WIDTH: usize, C>(bytes: &[u8], out: &mut [C], cell: impl Fn(f64) -> C + Copy) {
    let (groups, _) = out.as_chunks_mut::<8>();
    let mut done = 0;
    for group in groups {
        let window = bytes.get(done * WIDTH..).unwrap_or_default();
        // the load of the last number ends less than eight bytes behind the group
        if window.len() < WIDTH + 8 {
            break;
        }
        for (at, target) in group.iter_mut().enumerate() {
            let bit = (at * WIDTH) as u64;
            *target = cell(f64::from(peek(window, bit, WIDTH as u32) as i32));
        }
        done += 1;
    }
    let behind = Bits { bytes, bit: (done * WIDTH * 8) as u64 };
    rest(behind, WIDTH as u32, out.get_mut(done * 8..).unwrap_or_default(), cell);
}

fn rest<C>(mut bits: Bits, width: u32, out: &mut [C], cell: impl Fn(f64) -> C) {
    for target in out {
        *target = cell(bits.read(width) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of `width` bits, bit by bit.
    fn packed(numbers: &[u64], width: u32) -> Vec<u8> {
        let mut bytes = vec![0; (numbers.len() * width as usize).div_ceil(8)];
        let bits = numbers.iter().flat_map(|n| (0..width).rev().map(move |bit| n >> bit & 1));
        for (at, bit) in bits.enumerate() {
            bytes[at / 8] |= (bit as u8) << (7 - at % 8);
        }
        bytes
    }

    fn numbers(count: u64, width: u32) -> Vec<u64> {
        let random = (0..count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        random.map(|n| n >> (64 - width)).collect()
    }

    #[test]
    fn every_width_and_count() {
        for width in 1..=WIDTH_MAX {
            for count in [0, 1, 7, 8, 9, 100] {
                let numbers = numbers(count, width);
                let bytes = packed(&numbers, width);
                let mut bits = Bits::new(&bytes);
                bits.has("numbers", numbers.len(), width).expect("enough");
                let read: Vec<u64> = numbers.iter().map(|_| bits.read(width)).collect();
                assert_eq!(read, numbers, "{width} {count}");
                assert!(bits.has("numbers", 8, width).is_err(), "{width} {count}");
                let mut out = vec![0.0; numbers.len()];
                unpack(&bytes, width, &mut out, |n| n);
                let expected: Vec<f64> = numbers.iter().map(|n| *n as f64).collect();
                assert_eq!(out, expected, "{width} {count}");
            }
        }
    }

    #[test]
    fn signs_and_alignment() {
        let bytes = [0b1000_0101, 0b0111_1111, 0xff];
        let mut bits = Bits::new(&bytes);
        let mut first = bits.split("numbers", 3, 3).expect("enough");
        assert_eq!([first.read_signed(3), first.read_signed(3), first.read_signed(2)], [0, 1, 1]);
        assert_eq!((bits.read(8), bits.read(8), bits.read(64)), (0xff, 0, 0));
        assert_eq!(Bits::new(&[0b1000_0101]).read_signed(8), -5);
        assert_eq!(Bits::new(&[0xff]).read_signed(0), 0);
    }
}

//! Adaptive entropy coding (CCSDS 121.0-B-3, GRIB 2 template 5.42).

use arcoforge_core::error::{Code, Error, Result};

use super::bytes::Section;
use super::values::{Scale, Value};
use crate::corrupt;

/// The longest block.
const BLOCK_MAX: usize = 64;
/// Blocks of zeros that stand for the rest of a segment.
const REST_OF_SEGMENT: u64 = 5;
/// Blocks of a segment.
const SEGMENT: usize = 64;
/// The largest number that stands for a pair of samples.
const PAIR_MAX: u64 = 90;

/// The parameters of the template.
#[derive(Debug, Clone)]
pub(super) struct Ccsds {
    scale: Scale,
    /// Bits of a sample, 1 to 32.
    width: u32,
    /// Samples of a block.
    block: usize,
    /// Blocks between two reference samples.
    interval: usize,
    /// Samples are differences from what is predicted.
    preprocessed: bool,
    /// Bits that tell how a block is coded.
    option_bits: u32,
    /// Every interval begins with a byte.
    padded: bool,
}

impl Ccsds {
    /// From octet 22 on of section 5.
    pub(super) fn parse(section: &Section, scale: Scale, width: u32) -> Result<Self> {
        let (flags, block, interval) = (section.u8(22)?, section.u8(23)?, section.u16(24)?);
        if flags & 1 != 0 {
            let message = "GRIB 2 template 5.42 with signed samples can't be decoded";
            return Err(Error::new(Code::SourceUnsupported, message));
        }
        let restricted = flags & 16 != 0;
        let option_bits = match width {
            1..=2 if restricted => 1,
            3..=4 if restricted => 2,
            1..=8 => 3,
            9..=16 => 4,
            17..=32 => 5,
            _ => {
                return Err(corrupt(format!(
                    "GRIB section 5: samples of {width} bits found, 1 to 32 expected"
                )));
            }
        };
        let block = usize::from(block);
        if block == 0 || block > BLOCK_MAX || block % 2 == 1 || !(1..=4096).contains(&interval) {
            return Err(corrupt(format!(
                "GRIB section 5: blocks of {block} samples and intervals of {interval} blocks found, 8 to 64 and 1 to \
                 4096 expected"
            )));
        }
        Ok(Self {
            scale,
            width,
            block,
            interval: usize::from(interval),
            preprocessed: flags & 8 != 0,
            option_bits,
            padded: flags & 32 != 0,
        })
    }

    /// Unpacks all values of section 7.
    pub(super) fn unpack<V: Value>(&self, data: &[u8], out: &mut [V::Cell]) -> Result<()> {
        let mut stream = Stream { bytes: data, bit: 0 };
        let scale = self.scale;
        for interval in out.chunks_mut(self.block * self.interval) {
            if self.padded {
                stream.bit = stream.bit.next_multiple_of(8);
            }
            self.unpack_interval(&mut stream, interval, |sample| V::cell(scale.value(f64::from(sample))))?;
        }
        if stream.bit <= (data.len() as u64).saturating_mul(8) {
            return Ok(());
        }
        Err(corrupt(format!(
            "GRIB section 7: {} bytes found, more expected for {} values",
            data.len(),
            out.len()
        )))
    }

    /// Unpacks the blocks from one reference sample to the next.
    fn unpack_interval<C>(&self, stream: &mut Stream, out: &mut [C], cell: impl Fn(u32) -> C) -> Result<()> {
        let mut samples = [0_u32; BLOCK_MAX];
        let mut predictor = Predictor::new(self.width);
        let mut rest = out;
        let mut at = 0;
        while !rest.is_empty() {
            if stream.bit > (stream.bytes.len() as u64).saturating_mul(8) {
                return Err(corrupt(format!("GRIB section 7: ends {} values too early", rest.len())));
            }
            let with_reference = at == 0 && self.preprocessed;
            let block = samples.get_mut(..self.block).unwrap_or_default();
            let blocks = self.read(stream, block, with_reference, at)?;
            let count = rest.len().min(self.block.saturating_mul(blocks));
            let (cells, behind) = std::mem::take(&mut rest).split_at_mut(count);
            let (once, again) = cells.split_at_mut(count.min(self.block));
            if self.preprocessed {
                predictor.undo(block, with_reference);
            }
            for (target, sample) in once.iter_mut().zip(block.iter()) {
                *target = cell(*sample);
            }
            // only blocks of zeros come many at once
            let same = if self.preprocessed { predictor.last } else { 0 };
            again.fill_with(|| cell(same));
            rest = behind;
            at += blocks;
        }
        Ok(())
    }

    /// Reads a block and returns how many it stands for: itself, or many blocks of zeros. `at` is its number in the
    /// interval.
    fn read(&self, stream: &mut Stream, block: &mut [u32], with_reference: bool, at: usize) -> Result<usize> {
        let option = stream.read(self.option_bits) as u32;
        if option == (1 << self.option_bits) - 1 {
            block.fill_with(|| stream.read(self.width) as u32);
            return Ok(1);
        }
        let is_pairs = option == 0 && stream.read(1) == 1;
        let (first, coded) = block.split_at_mut(usize::from(with_reference));
        for reference in first {
            *reference = stream.read(self.width) as u32;
        }
        if option > 0 {
            stream.split_samples(option - 1, coded);
        } else if is_pairs {
            stream.pairs(coded, with_reference)?;
        } else {
            coded.fill(0);
            let count = stream.unary().saturating_add(1);
            let left_of_segment = (self.interval.saturating_sub(at)).min(SEGMENT - at % SEGMENT);
            return Ok(match count {
                REST_OF_SEGMENT => left_of_segment.max(1),
                ..REST_OF_SEGMENT => count as usize,
                _ => usize::try_from(count - 1).unwrap_or(usize::MAX),
            });
        }
        Ok(1)
    }
}

/// Undoes the unit-delay predictor and the mapping of its errors.
struct Predictor {
    last: u32,
    max: u32,
}

impl Predictor {
    const fn new(width: u32) -> Self {
        Self { last: 0, max: u32::MAX >> (32 - width) }
    }

    #[inline]
    fn undo(&mut self, block: &mut [u32], with_reference: bool) {
        let (max, middle) = (self.max, self.max / 2 + 1);
        let mut last = self.last;
        let (first, mapped) = block.split_at_mut(usize::from(with_reference));
        for reference in first {
            last = *reference;
        }
        for sample in mapped {
            // the error's half, rounded up; odd ones are negative
            let (half, sign) = ((*sample >> 1).wrapping_add(*sample & 1), (*sample & 1).wrapping_neg());
            let near = if last & middle == 0 { last } else { max ^ last };
            let from_edge = if last & middle == 0 { *sample } else { max ^ *sample };
            let from_last = last.wrapping_add((*sample >> 1) ^ sign);
            last = if half <= near { from_last } else { from_edge };
            *sample = last;
        }
        self.last = last;
    }
}

/// Bits from the most significant on, zeros behind the end.
struct Stream<'a> {
    bytes: &'a [u8],
    bit: u64,
}

impl Stream<'_> {
    /// The next 57 bits or more, in the uppermost bits.
    #[inline]
    fn peek(&self) -> u64 {
        self.word(self.bit) << (self.bit & 7)
    }

    /// Eight bytes from the one on that has this bit.
    #[inline]
    fn word(&self, bit: u64) -> u64 {
        let at = (bit >> 3) as usize;
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(eight) => u64::from_be_bytes(*eight),
            None => last_word(self.bytes, at),
        }
    }

    /// The next number, of at most 32 bits.
    #[inline]
    fn read(&mut self, width: u32) -> u64 {
        let value = self.peek().checked_shr(64 - width).unwrap_or(0);
        self.bit += u64::from(width);
        value
    }

    /// How many zeros stand before the next one.
    #[inline]
    fn unary(&mut self) -> u64 {
        let zeros = self.peek().leading_zeros();
        if zeros < 57 {
            self.bit += u64::from(zeros) + 1;
            return u64::from(zeros);
        }
        self.long_unary()
    }

    #[cold]
    fn long_unary(&mut self) -> u64 {
        let mut count = 0_u64;
        loop {
            let zeros = self.peek().leading_zeros();
            if zeros < 57 {
                self.bit += u64::from(zeros) + 1;
                return count + u64::from(zeros);
            }
            if (self.bit >> 3) as usize >= self.bytes.len() {
                // what reads on finds the end
                self.bit = self.bit.saturating_add(1);
                return count;
            }
            self.bit += 56;
            count += 56;
        }
    }

    /// Samples whose upper part is unary, and whose lower `bits` bits follow those of all.
    #[inline]
    fn split_samples(&mut self, bits: u32, samples: &mut [u32]) {
        self.unaries(samples);
        if bits > 0 {
            let mut lower = Stream { bytes: self.bytes, bit: self.bit };
            for sample in samples {
                *sample = sample.wrapping_shl(bits) | lower.read(bits) as u32;
            }
            self.bit = lower.bit;
        }
    }

    /// What [`Stream::unary`] gives, for each sample: places of ones are taken from eight bytes at a time, so that none
    /// waits for the one before it.
    #[inline]
    fn unaries(&mut self, samples: &mut [u32]) {
        let end = (self.bytes.len() as u64).saturating_mul(8);
        let mut begin = self.bit;
        // the first bit of the eight bytes, and their ones that are left, the first of them lowest
        let mut base = begin & !7;
        let mut ones = self.word(base).reverse_bits() & (u64::MAX << (begin & 7));
        for sample in samples {
            while ones == 0 {
                base = base.wrapping_add(64);
                if base >= end {
                    // what reads on finds the end
                    self.bit = end.wrapping_add(1);
                    return;
                }
                ones = self.word(base).reverse_bits();
            }
            let place = base.wrapping_add(u64::from(ones.trailing_zeros()));
            *sample = place.wrapping_sub(begin) as u32;
            begin = place.wrapping_add(1);
            ones &= ones.wrapping_sub(1);
        }
        self.bit = begin;
    }

    /// Pairs of samples by one number each: their sum counted up, then the second of them. The first of the first pair
    /// is the reference sample, where there is one.
    fn pairs(&mut self, samples: &mut [u32], with_reference: bool) -> Result<()> {
        let mut rest = samples;
        let mut half = with_reference;
        while !rest.is_empty() {
            let number = self.unary();
            if number > PAIR_MAX {
                return Err(corrupt(format!(
                    "GRIB section 7: pair {number} found, {PAIR_MAX} at most expected"
                )));
            }
            let sum = (0..13_u64).rev().find(|sum| sum * (sum + 1) / 2 <= number).unwrap_or(0);
            let second = number - sum * (sum + 1) / 2;
            let pair = [(sum - second) as u32, second as u32];
            let pair = pair.get(usize::from(half)..).unwrap_or_default();
            let count = rest.len().min(pair.len());
            let (targets, behind) = std::mem::take(&mut rest).split_at_mut(count);
            for (target, sample) in targets.iter_mut().zip(pair) {
                *target = *sample;
            }
            (rest, half) = (behind, false);
        }
        Ok(())
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

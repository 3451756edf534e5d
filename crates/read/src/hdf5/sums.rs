//! Checksums of the blocks below a fixed or extensible array (HDF5 file format specification 3.0, VII.C and VII.D).
//!
//! The library checks those of the two headers only; a bit that is flipped in a block would give another chunk's values.

use hdf5_reader::checksum::jenkins_lookup3;

use super::fault::{Parsed, corrupt};
use super::file::File;

/// Signature, version and client before the address of the header, in every block.
const PREFIX_BYTES: u64 = 6;
const SUM_BYTES: u64 = 4;

/// Checks the data block of a fixed array.
pub(super) fn fixed_array(file: &File, address: u64) -> Parsed<()> {
    let (offset, length) = (u64::from(file.offset_size), u64::from(file.length_size));
    let header = bytes(file, address, 8 + length + offset)?;
    let (size, page_bits) = (number(&header, 6, 1), number(&header, 7, 1));
    let (count, block) = (number(&header, 8, length), number(&header, 8 + length, offset));
    if file.is_undefined(block) {
        return Ok(());
    }
    let prefix = PREFIX_BYTES + offset;
    match page_entries(page_bits).filter(|&n| count > n) {
        None => check(file, block, prefix.saturating_add(count.saturating_mul(size))),
        Some(per_page) => {
            let pages = count.div_ceil(per_page);
            let start = prefix + pages.div_ceil(8);
            check(file, block, start)?;
            let set = bytes(file, block.saturating_add(prefix), pages.div_ceil(8))?;
            let first = block.saturating_add(start + SUM_BYTES);
            let step = per_page.saturating_mul(size).saturating_add(SUM_BYTES);
            for page in (0..pages).filter(|&page| is_set(&set, page)) {
                let entries = per_page.min(count - page * per_page);
                check(file, first.saturating_add(page.saturating_mul(step)), entries.saturating_mul(size))?;
            }
            Ok(())
        }
    }
}

/// Checks the index block, the secondary blocks and the data blocks of an extensible array.
pub(super) fn extensible_array(file: &File, address: u64) -> Parsed<()> {
    let (offset, length) = (u64::from(file.offset_size), u64::from(file.length_size));
    let header = bytes(file, address, 12 + 6 * length + offset)?;
    let byte = |at| number(&header, at, 1);
    let (min_entries, min_pointers, bits) = (byte(9), byte(10), byte(7));
    let index = number(&header, 12 + 6 * length, offset);
    if !min_entries.is_power_of_two() || !min_pointers.is_power_of_two() || bits > 64 {
        return corrupt("extensible array with invalid parameters");
    }
    if file.is_undefined(index) {
        return Ok(());
    }
    let array = Extensible {
        file,
        size: byte(6),
        prefix: PREFIX_BYTES + offset + bits.div_ceil(8),
        per_page: page_entries(byte(11)),
    };
    let levels = (u64::from(min_entries.trailing_zeros())..=bits).zip(0_u32..).map(|(_, level)| level);
    let direct = 2 * min_pointers.trailing_zeros();
    let pointers = PREFIX_BYTES + offset + byte(8) * array.size;
    let count =
        levels.clone().map(|level| if level < direct { 1_u64 << (level / 2) } else { 1 }).sum::<u64>();
    check(file, index, pointers + count * offset)?;
    let block = bytes(file, index, pointers + count * offset)?;
    let mut at = pointers;
    for level in levels {
        let entries = min_entries.checked_shl(level.div_ceil(2)).unwrap_or(u64::MAX);
        let blocks = 1_u64 << (level / 2).min(63);
        if level < direct {
            for _ in 0..blocks {
                array.data(number(&block, at, offset), entries, None)?;
                at += offset;
            }
        } else {
            array.secondary(number(&block, at, offset), blocks, entries)?;
            at += offset;
        }
    }
    Ok(())
}

struct Extensible<'a> {
    file: &'a File,
    /// Bytes of an entry.
    size: u64,
    /// Bytes before the entries of a block.
    prefix: u64,
    per_page: Option<u64>,
}

impl Extensible<'_> {
    fn pages(&self, entries: u64) -> u64 {
        self.per_page.filter(|&n| entries > n).map_or(0, |n| entries.div_ceil(n))
    }

    fn secondary(&self, address: u64, blocks: u64, entries: u64) -> Parsed<()> {
        if self.file.is_undefined(address) {
            return Ok(());
        }
        let (offset, pages) = (u64::from(self.file.offset_size), self.pages(entries));
        let bitmap = blocks.saturating_mul(pages.div_ceil(8));
        let length = self.prefix.saturating_add(bitmap).saturating_add(blocks.saturating_mul(offset));
        check(self.file, address, length)?;
        let block = bytes(self.file, address, length)?;
        let set = bytes(self.file, address.saturating_add(self.prefix), bitmap)?;
        for number_of in 0..blocks {
            let data = number(&block, self.prefix + bitmap + number_of * offset, offset);
            self.data(data, entries, Some((&set, number_of.saturating_mul(pages))))?;
        }
        Ok(())
    }

    /// `set` tells which pages were written, from a bit on; without it only the block's own sum is known to be there.
    fn data(&self, address: u64, entries: u64, set: Option<(&[u8], u64)>) -> Parsed<()> {
        if self.file.is_undefined(address) {
            return Ok(());
        }
        let Some(per_page) = self.per_page.filter(|&n| entries > n) else {
            return check(self.file, address, self.prefix.saturating_add(entries.saturating_mul(self.size)));
        };
        check(self.file, address, self.prefix)?;
        let Some((set, first)) = set else { return Ok(()) };
        let length = per_page.saturating_mul(self.size);
        let start = address.saturating_add(self.prefix + SUM_BYTES);
        let written = (0..self.pages(entries)).filter(|page| is_set(set, first.saturating_add(*page)));
        for page in written {
            let at = start.saturating_add(page.saturating_mul(length.saturating_add(SUM_BYTES)));
            check(self.file, at, length)?;
        }
        Ok(())
    }
}

/// Entries of one page, for blocks that have pages.
fn page_entries(bits: u64) -> Option<u64> {
    u32::try_from(bits).ok().filter(|&bits| bits > 0).and_then(|bits| 1_u64.checked_shl(bits))
}

/// Bits are numbered from the highest of each byte.
fn is_set(bitmap: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|at| bitmap.get(at));
    byte.is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
}

/// A little-endian number; 0 beyond the end.
fn number(bytes: &[u8], at: u64, width: u64) -> u64 {
    let (at, width) = (usize::try_from(at).unwrap_or(usize::MAX), usize::try_from(width).unwrap_or(0));
    let found = bytes.get(at..at.saturating_add(width)).unwrap_or_default();
    found.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}

fn bytes(file: &File, address: u64, length: u64) -> Parsed<Vec<u8>> {
    let end = address.saturating_add(length);
    let size = file.storage().len();
    let Some(length) = usize::try_from(length).ok().filter(|_| end <= size) else {
        return corrupt(format!("index of chunks at bytes {address}..{end} in a file of {size} bytes"));
    };
    Ok(file.storage().read_range(address, length)?.as_ref().to_vec())
}

/// Compares the sum behind `length` bytes.
fn check(file: &File, address: u64, length: u64) -> Parsed<()> {
    let block = bytes(file, address, length.saturating_add(SUM_BYTES))?;
    let (data, sum) = block.split_at(block.len().saturating_sub(4));
    match u64::from(jenkins_lookup3(data)) == number(sum, 0, SUM_BYTES) {
        true => Ok(()),
        false => corrupt(format!("index of chunks at byte {address} has another checksum than it says")),
    }
}

//! HDF5's checksums of metadata made right again, so that what lies behind them is reached.
//!
//! Only structures whose length stands in themselves, for files with addresses and lengths of 8 bytes.

/// Structures of one length: signature, bytes before the checksum.
const FIXED: &[(&[u8], usize)] = &[(b"BTHD", 34), (b"FRHP", 142), (b"FAHD", 24), (b"EAHD", 68)];

/// Computes every checksum anew that can be found.
pub(super) fn repair(data: &mut [u8]) {
    for at in 0..data.len().saturating_sub(8) {
        let Some(rest) = data.get(at..) else { continue };
        let length = if rest.starts_with(b"\x89HDF\r\n\x1a\n") && matches!(rest.get(8), Some(2 | 3)) {
            Some(44)
        } else if rest.starts_with(b"OHDR") {
            header(rest)
        } else {
            FIXED.iter().find(|(name, _)| rest.starts_with(name)).map(|(_, length)| *length)
        };
        let Some(length) = length else { continue };
        let Some(sum) = data.get(at..at + length).map(lookup3) else { continue };
        for (to, byte) in data.iter_mut().skip(at + length).zip(sum.to_le_bytes()) {
            *to = byte;
        }
    }
}

/// Bytes of an object header's first block, without its checksum.
fn header(data: &[u8]) -> Option<usize> {
    let flags = *data.get(5)?;
    let times = if flags & 0x20 != 0 { 16 } else { 0 };
    let phases = if flags & 0x10 != 0 { 4 } else { 0 };
    let (at, width) = (6 + times + phases, 1_usize << (flags & 3));
    let size = data
        .get(at..at + width)?
        .iter()
        .rev()
        .try_fold(0_usize, |n, &b| n.checked_mul(256).map(|n| n | usize::from(b)))?;
    at.checked_add(width)?.checked_add(size).filter(|end| *end < data.len())
}

/// Jenkins' lookup3, `hashlittle` with an initial value of 0.
pub(super) fn lookup3(data: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(data.len() as u32);
    let mut state = [start; 3];
    let mut rest = data;
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = after;
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        last(&mut state);
    }
    state[2]
}

fn add(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks(4)) {
        *word = word.wrapping_add(bytes.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b)));
    }
}

fn mix(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    for (turn_a, turn_b, turn_c) in [(4, 6, 8), (16, 19, 4)] {
        a = a.wrapping_sub(c) ^ c.rotate_left(turn_a);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(turn_b);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(turn_c);
        b = b.wrapping_add(a);
    }
    *state = [a, b, c];
}

fn last(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    *state = [a, b, c];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Jenkins' own driver.
    #[test]
    fn lookup3_gives_the_published_values() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn files_of_the_library_are_left_as_they_are() {
        for seed in super::super::seeds::hdf5() {
            let mut repaired = seed.clone();
            repair(&mut repaired);
            assert!(repaired == seed, "a checksum of the library was replaced");
        }
    }
}

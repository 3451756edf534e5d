//! Byte shuffle: the first bytes of all elements, then all second bytes, and so on; trailing bytes stay at the end.
//!
//! Elements of 2, 4 and 8 bytes are the hot path of every archive and go through vectors of 16 bytes; all other sizes
//! and the last few elements go byte by byte.

#[cfg(target_arch = "x86_64")]
mod x86;

/// Elements that the byte loop handles at a time, so that they stay in the first cache.
const TILE: usize = 256;

/// Shuffles `data` into `out`, which has the same length.
pub(crate) fn shuffle(element_size: usize, data: &[u8], out: &mut [u8]) {
    let Some(elements) = split(element_size, data, out) else { return };
    let len = elements * element_size;
    let (data, out) = (&data[..len], &mut out[..len]);
    let done = shuffle_vectors(element_size, data, out);
    for start in (done..elements).step_by(TILE) {
        let tile = start..elements.min(start + TILE);
        for byte in 0..element_size {
            let plane = &mut out[byte * elements..][tile.clone()];
            let column = data[tile.start * element_size + byte..].iter().step_by(element_size);
            plane.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Undoes [`shuffle`].
pub(crate) fn unshuffle(element_size: usize, data: &[u8], out: &mut [u8]) {
    let Some(elements) = split(element_size, data, out) else { return };
    let len = elements * element_size;
    let (data, out) = (&data[..len], &mut out[..len]);
    let done = unshuffle_vectors(element_size, data, out);
    for start in (done..elements).step_by(TILE) {
        let tile = start..elements.min(start + TILE);
        for byte in 0..element_size {
            let plane = &data[byte * elements..][tile.clone()];
            let column = out[tile.start * element_size + byte..].iter_mut().step_by(element_size);
            column.zip(plane).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Copies what is not shuffled and returns how many elements are; `None` where that is all.
fn split(element_size: usize, data: &[u8], out: &mut [u8]) -> Option<usize> {
    debug_assert_eq!(data.len(), out.len());
    let elements = data.len().checked_div(element_size).unwrap_or(0);
    if element_size < 2 || elements < 2 {
        out.copy_from_slice(data);
        return None;
    }
    let at = elements * element_size;
    out[at..].copy_from_slice(&data[at..]);
    Some(elements)
}

#[cfg(target_arch = "x86_64")]
fn shuffle_vectors(element_size: usize, data: &[u8], out: &mut [u8]) -> usize {
    match element_size {
        2 => x86::shuffle::<2, 32>(data, out),
        4 => x86::shuffle::<4, 64>(data, out),
        8 => x86::shuffle::<8, 128>(data, out),
        _ => 0,
    }
}

#[cfg(target_arch = "x86_64")]
fn unshuffle_vectors(element_size: usize, data: &[u8], out: &mut [u8]) -> usize {
    match element_size {
        2 => x86::unshuffle::<2, 32>(data, out),
        4 => x86::unshuffle::<4, 64>(data, out),
        8 => x86::unshuffle::<8, 128>(data, out),
        _ => 0,
    }
}

#[cfg(not(target_arch = "x86_64"))]
const fn shuffle_vectors(_element_size: usize, _data: &[u8], _out: &mut [u8]) -> usize {
    0
}

#[cfg(not(target_arch = "x86_64"))]
const fn unshuffle_vectors(_element_size: usize, _data: &[u8], _out: &mut [u8]) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::{shuffle, unshuffle};

    /// The definition, one byte at a time.
    fn expected(size: usize, data: &[u8]) -> Vec<u8> {
        let elements = data.len() / size;
        let mut out = Vec::new();
        for byte in 0..size {
            out.extend((0..elements).map(|e| data[e * size + byte]));
        }
        out.extend(&data[elements * size..]);
        out
    }

    #[test]
    fn every_size_and_length_follows_the_definition() {
        for size in [1, 2, 3, 4, 5, 7, 8, 12, 16, 33] {
            for len in (0..300).chain([511, 512, 513, 4096, 4099, 10_007]) {
                let data: Vec<u8> = (0..len).map(|i| (i * 31 + i / 7) as u8).collect();
                let (mut packed, mut back) = (vec![0; len], vec![0; len]);
                shuffle(size, &data, &mut packed);
                assert_eq!(packed, expected(size, &data), "shuffle {size} {len}");
                unshuffle(size, &packed, &mut back);
                assert_eq!(back, data, "unshuffle {size} {len}");
            }
        }
    }
}

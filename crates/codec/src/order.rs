//! Byte order.

/// Reverses the bytes of every element of `swap_size` bytes, in place; trailing bytes stay.
pub(crate) fn swap(bytes: &mut [u8], swap_size: usize) {
    match swap_size {
        0 | 1 => {}
        2 => swap_fixed::<2>(bytes),
        4 => swap_fixed::<4>(bytes),
        8 => swap_fixed::<8>(bytes),
        _ => bytes.chunks_exact_mut(swap_size).for_each(<[u8]>::reverse),
    }
}

fn swap_fixed<const N: usize>(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<N>().0.iter_mut().for_each(|element| element.reverse());
}

#[cfg(test)]
mod tests {
    use super::swap;

    #[test]
    fn every_size() {
        let rows: [(usize, &[u8]); 6] = [
            (1, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
            (2, &[1, 0, 3, 2, 5, 4, 7, 6, 8]),
            (3, &[2, 1, 0, 5, 4, 3, 8, 7, 6]),
            (4, &[3, 2, 1, 0, 7, 6, 5, 4, 8]),
            (8, &[7, 6, 5, 4, 3, 2, 1, 0, 8]),
            (16, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        for (size, expected) in rows {
            let mut bytes: Vec<u8> = (0..9).collect();
            swap(&mut bytes, size);
            assert_eq!(bytes, expected, "{size}");
        }
    }
}

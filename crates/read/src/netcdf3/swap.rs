//! Byte order: the classic formats are big-endian throughout.

/// Turns big-endian elements of `size` bytes into little-endian ones, in place. Bytes behind the last whole element
/// stay as they are.
pub(super) fn to_little(bytes: &mut [u8], size: usize) {
    match size {
        2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|b| *b = u16::from_be_bytes(*b).to_le_bytes()),
        4 => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|b| *b = u32::from_be_bytes(*b).to_le_bytes()),
        8 => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|b| *b = u64::from_be_bytes(*b).to_le_bytes()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::to_little;

    #[test]
    fn elements_are_turned_round() {
        for (size, expected) in
            [(1, [1, 2, 3, 4, 5, 6, 7, 8]), (2, [2, 1, 4, 3, 6, 5, 8, 7]), (4, [4, 3, 2, 1, 8, 7, 6, 5])]
        {
            let mut bytes = [1, 2, 3, 4, 5, 6, 7, 8];
            to_little(&mut bytes, size);
            assert_eq!(bytes, expected);
        }
    }
}

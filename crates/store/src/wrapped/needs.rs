//! What a decoder will hold, by the first bytes of a stream.

use super::kind::Packing;

/// First bytes that tell it: a stream header of xz with the longest header of a block.
pub(crate) const PEEKED: usize = 12 + 1024;
/// What is read and written at a time, and the decoder's tables.
const BUFFERS: u64 = 1 << 20;
/// Nine blocks of 100 kB, four bytes for each of their bytes, and the block itself.
const BZIP2: u64 = 5 << 20;
/// LZMA2 among the filters of xz.
const LZMA2: u64 = 0x21;

/// Bytes that unpacking this stream takes. Where its beginning is damaged, the decoder says so.
pub(crate) fn bytes(packing: Packing, head: &[u8]) -> u64 {
    let window = match packing {
        Packing::Gzip | Packing::Deflate => 0,
        Packing::Bzip2 => BZIP2,
        Packing::Xz => dictionary(head).unwrap_or(0),
        Packing::Zstd => window(head).unwrap_or(0),
    };
    window.saturating_add(BUFFERS)
}

/// The window of a frame of Zstandard (RFC 8878, 3.1.1.1).
pub(crate) fn window(head: &[u8]) -> Option<u64> {
    let (magic, rest) = head.split_first_chunk::<4>()?;
    if magic != b"\x28\xb5\x2f\xfd" {
        return None;
    }
    let (&descriptor, rest) = rest.split_first()?;
    if descriptor & 0x20 == 0 {
        let window = rest.first()?;
        let base = 1_u64 << (10 + u64::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // one segment: as long as its content, whose length stands behind the dictionary's number
    let skipped = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let width = [1, 2, 4, 8].get(usize::from(descriptor >> 6))?;
    let field = rest.get(*skipped..skipped + width)?;
    let length = little_endian(field);
    Some(if *width == 2 { length + 256 } else { length })
}

/// The dictionary of the first block of a stream of xz (its format, 3.1 and 5.3.1).
fn dictionary(head: &[u8]) -> Option<u64> {
    let block = head.get(12..)?;
    let length = usize::from(*block.first()?) * 4;
    let (&flags, mut rest) = block.get(1..length)?.split_first()?;
    for bit in [0x40, 0x80] {
        if flags & bit != 0 {
            rest = number(rest)?.1;
        }
    }
    for _ in 0..=(flags & 3) {
        let (id, after) = number(rest)?;
        let (size, after) = number(after)?;
        let (properties, after) = after.split_at_checked(usize::try_from(size).ok()?)?;
        if id == LZMA2 {
            let bits = u32::from(*properties.first()?).min(40);
            return Some(if bits == 40 {
                u64::from(u32::MAX)
            } else {
                u64::from(2 | (bits & 1)) << (bits / 2 + 11)
            });
        }
        rest = after;
    }
    None
}

/// A number of seven bits a byte.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zstd(log: u32, bytes: &[u8], sized: bool) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        if sized {
            encoder.include_contentsize(true).unwrap();
            encoder.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
        }
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn zstd_windows() {
        let rows = [
            (zstd(20, &[0; 9], false), 1 << 20),
            (zstd(27, &[0; 9], false), 128 << 20),
            (zstd(20, &[0; 9], true), 9),
            (zstd(20, &[0; 300], true), 300),
            (zstd(20, &[0; 70_000], true), 70_000),
        ];
        for (bytes, expected) in rows {
            assert_eq!(window(&bytes), Some(expected), "{:?}", bytes.get(..12));
        }
        assert_eq!(window(b"\x50\x2a\x4d\x18\0\0\0\0"), None, "a frame that is skipped");
        assert_eq!(window(b"\x28\xb5\x2f\xfd"), None, "cut off");
    }

    #[test]
    fn xz_dictionaries() {
        // as `xz` writes them: stream header, then the first block's
        let stream = *b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F";
        let rows: [(&[u8], Option<u64>); 6] = [
            (b"\x02\0\x21\x01\x16\0\0\0", Some(8 << 20)),
            (b"\x02\0\x21\x01\x1c\0\0\0", Some(64 << 20)),
            (b"\x02\0\x21\x01\x28\0\0\0", Some(u64::from(u32::MAX))),
            (b"\x04\xc0\x80\x80\x04\x80\x80\x04\x21\x01\x17\0\0\0\0\0", Some(12 << 20)),
            (b"\x02\x01\x04\0\x21\x01\x16\0", Some(8 << 20)),
            (b"\0\0\0\0", None),
        ];
        for (block, expected) in rows {
            assert_eq!(dictionary(&[&stream[..], block].concat()), expected, "{block:?}");
        }
    }
}

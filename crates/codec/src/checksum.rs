//! Checksums behind the data: HDF5's Fletcher-32, Zarr's CRC-32C, and the CRC-32 of DAP4.

use arcoforge_core::error::Result;

use crate::corrupt;

/// The 16-bit words that can be summed in 32 bits before the sums must be folded.
const WORDS_PER_FOLD: usize = 360;

/// The CRC-32 of ISO 3309 (ITU-T V.42), as in gzip.
pub fn crc32(data: &[u8]) -> u32 {
    libdeflater::crc32(data)
}

/// Fletcher-32 as HDF5 computes it: over big-endian 16-bit words, an odd last byte as a high byte.
pub(crate) fn fletcher32(data: &[u8]) -> u32 {
    let (mut low, mut high) = (0_u32, 0_u32);
    let (words, rest) = data.as_chunks::<2>();
    for run in words.chunks(WORDS_PER_FOLD) {
        for &word in run {
            low = low.wrapping_add(u32::from(u16::from_be_bytes(word)));
            high = high.wrapping_add(low);
        }
        (low, high) = (fold(low), fold(high));
    }
    if let [byte] = rest {
        low = low.wrapping_add(u32::from(*byte) << 8);
        high = high.wrapping_add(low);
        (low, high) = (fold(low), fold(high));
    }
    (fold(high) << 16) | fold(low)
}

const fn fold(sum: u32) -> u32 {
    (sum & 0xffff) + (sum >> 16)
}

/// Checks and removes HDF5's Fletcher-32. Accepts, as libhdf5 does, the byte order that its releases before 1.6.3
/// wrote on little-endian machines.
pub(crate) fn strip_fletcher32(stored: &[u8]) -> Result<&[u8]> {
    let (data, sum) = split_sum(stored, "fletcher32")?;
    let computed = fletcher32(data);
    let [a, b, c, d] = computed.to_be_bytes();
    let historical = u32::from_be_bytes([b, a, d, c]);
    if sum == computed || sum == historical { Ok(data) } else { Err(mismatch("fletcher32", sum, computed)) }
}

/// Checks and removes a CRC-32C.
pub(crate) fn strip_crc32c(stored: &[u8]) -> Result<&[u8]> {
    let (data, sum) = split_sum(stored, "crc32c")?;
    let computed = crc32c::crc32c(data);
    if sum == computed { Ok(data) } else { Err(mismatch("crc32c", sum, computed)) }
}

/// Copies `data` with a checksum behind it, little-endian.
pub(crate) fn append(data: &[u8], sum: u32, out: &mut Vec<u8>) {
    out.clear();
    out.reserve(data.len() + 4);
    out.extend_from_slice(data);
    out.extend_from_slice(&sum.to_le_bytes());
}

fn split_sum<'a>(stored: &'a [u8], codec: &str) -> Result<(&'a [u8], u32)> {
    let (data, sum) = stored.split_last_chunk::<4>().ok_or_else(|| {
        corrupt(format!("`{codec}` data of {} bytes; the checksum alone has 4", stored.len()))
    })?;
    Ok((data, u32::from_le_bytes(*sum)))
}

fn mismatch(codec: &str, stored: u32, computed: u32) -> arcoforge_core::error::Error {
    corrupt(format!("`{codec}` checksum is {computed:#010x}, the data says {stored:#010x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of libhdf5 itself are among the vectors of the integration tests.
    #[test]
    fn fletcher32_and_both_its_byte_orders() {
        let long: Vec<u8> = (0..5000_u32).map(|i| ((i * i) >> 3) as u8).collect();
        let rows: [(&[u8], u32); 3] = [(&[], 0), (&[0, 0, 0], 0), (&[255, 255], 0xffff_ffff)];
        for (data, expected) in rows {
            assert_eq!(fletcher32(data), expected, "{data:?}");
        }
        let mut stored = Vec::new();
        append(&long, fletcher32(&long), &mut stored);
        assert_eq!(strip_fletcher32(&stored).unwrap(), long);
        let at = stored.len() - 4;
        stored[at..].reverse();
        stored[at..].rotate_left(2);
        assert_eq!(strip_fletcher32(&stored).unwrap(), long, "the historical byte order");
        stored[17] ^= 4;
        assert!(strip_fletcher32(&stored).unwrap_err().message.contains("checksum"));
        assert!(strip_fletcher32(&[1, 2, 3]).unwrap_err().message.contains("3 bytes"));
    }

    #[test]
    fn crc32c_check_value() {
        let mut stored = Vec::new();
        append(b"123456789", 0xe306_9283, &mut stored);
        assert_eq!(strip_crc32c(&stored).unwrap(), b"123456789");
        stored[0] ^= 1;
        assert!(strip_crc32c(&stored).is_err());
    }
}

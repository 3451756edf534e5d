//! LZF (HDF5 filter 32000): literal runs and back references within 8 KiB.

use arcoforge_core::error::Result;

use crate::{corrupt, too_long};

/// Decodes into `out` and returns how many bytes came out.
///
/// A control byte below 32 announces that many literals plus one. Otherwise its upper three bits are the length minus
/// two of a copy (7: add the next byte), its lower five with one more byte the distance minus one.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let (mut rest, mut len, bytes_max) = (stored, 0_usize, out.len());
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        if control < 32 {
            let (run, after) = after.split_at_checked(control + 1).ok_or_else(truncated)?;
            let target = out.get_mut(len..len + run.len()).ok_or_else(|| too_long("lzf", bytes_max))?;
            target.copy_from_slice(run);
            (rest, len) = (after, len + run.len());
        } else {
            let (more, after) = if control >> 5 == 7 { split_first(after)? } else { (0, after) };
            let (low, after) = split_first(after)?;
            let (count, distance) = ((control >> 5) + more + 2, ((control & 31) << 8) + low + 1);
            let from = len
                .checked_sub(distance)
                .ok_or_else(|| corrupt(format!("`lzf` data refers {distance} bytes back at byte {len}")))?;
            let window = out.get_mut(from..len + count).ok_or_else(|| too_long("lzf", bytes_max))?;
            for at in distance..window.len() {
                window[at] = window[at - distance];
            }
            (rest, len) = (after, len + count);
        }
    }
    Ok(len)
}

fn split_first(bytes: &[u8]) -> Result<(usize, &[u8])> {
    bytes.split_first().map(|(first, rest)| (usize::from(*first), rest)).ok_or_else(truncated)
}

fn truncated() -> arcoforge_core::error::Error {
    corrupt("`lzf` data ends inside a run")
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// Stored bytes, and what comes out or a part of the message.
    type Row = (&'static [u8], Result<&'static [u8], &'static str>);

    #[test]
    fn runs_and_copies() {
        let rows: [Row; 8] = [
            (&[], Ok(b"")),
            (&[2, b'a', b'b', b'c'], Ok(b"abc")),
            (&[0, b'a', 0x20, 0], Ok(b"aaaa")),
            (&[1, b'a', b'b', 0xe0, 1, 1], Ok(b"abababababab")),
            (&[2, b'a'], Err("ends inside")),
            (&[0, b'a', 0x20], Err("ends inside")),
            (&[0, b'a', 0x20, 5], Err("refers 6 bytes back")),
            (&[0, b'a', 0xe0, 255, 0], Err("more than the expected 12")),
        ];
        for (stored, expected) in rows {
            let mut out = [0; 12];
            match (decode(stored, &mut out), expected) {
                (Ok(len), Ok(expected)) => assert_eq!(&out[..len], expected),
                (Err(error), Err(part)) => assert!(error.message.contains(part), "{error}"),
                (got, expected) => panic!("{stored:?}: {got:?} instead of {expected:?}"),
            }
        }
    }
}

//! Pieces that lie apart in a file: records of one array between those of others.

use arcoforge_core::error::Result;

use crate::{corrupt, too_long};

/// Copies every piece into `out`, one behind the other, and returns how many bytes that are.
pub(crate) fn decode(piece_bytes: u64, stride_bytes: u64, stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let sizes = usize::try_from(piece_bytes).ok().zip(usize::try_from(stride_bytes).ok());
    let (piece, stride) = sizes.filter(|&(piece, stride)| piece > 0 && stride >= piece).ok_or_else(|| {
        corrupt(format!("`records` with pieces of {piece_bytes} bytes, {stride_bytes} bytes apart"))
    })?;
    let bytes_max = out.len();
    let mut rest = out;
    let mut copied = 0;
    for record in stored.chunks(stride) {
        let found = record.get(..piece).ok_or_else(|| {
            corrupt(format!("the last record has {} bytes, {piece} expected", record.len()))
        })?;
        let (target, behind) =
            rest.split_at_mut_checked(piece).ok_or_else(|| too_long("records", bytes_max))?;
        target.copy_from_slice(found);
        rest = behind;
        copied += piece;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn pieces_come_one_behind_the_other() {
        type Row = (u64, u64, &'static [u8], usize, Option<&'static [u8]>);
        let rows: [Row; 8] = [
            (2, 4, b"ab..cd..ef", 6, Some(b"abcdef")),
            (2, 4, b"ab..cd..ef..", 6, Some(b"abcdef")),
            (2, 2, b"abcd", 4, Some(b"abcd")),
            (2, 4, b"", 4, Some(b"")),
            (2, 4, b"ab..cd..e", 6, None),
            (2, 4, b"ab..cd..ef", 4, None),
            (0, 4, b"ab", 4, None),
            (4, 2, b"ab", 4, None),
        ];
        for (piece, stride, stored, length, expected) in rows {
            let mut out = vec![0; length];
            let found = decode(piece, stride, stored, &mut out).ok();
            assert_eq!(found.and_then(|n| out.get(..n)), expected, "{piece} {stride} {stored:?}");
        }
    }
}

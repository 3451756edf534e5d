//! PackBits (TIFF 6.0, section 9): literal runs and repeated bytes.

use arcoforge_core::error::Result;

use crate::corrupt;

/// Decodes into `out`, as far as it has room, and returns how many bytes came out.
///
/// A control byte up to 127 announces that many literals plus one; one above 128 that the next byte stands 257 minus it
/// times; 128 stands for nothing.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let (mut rest, mut len) = (stored, 0_usize);
    while len < out.len() {
        let Some((&control, after)) = rest.split_first() else { break };
        let room = out.get_mut(len..).unwrap_or_default();
        let count = match control {
            128 => {
                rest = after;
                continue;
            }
            0..128 => usize::from(control) + 1,
            129.. => 257 - usize::from(control),
        };
        let fits = count.min(room.len());
        let target = room.get_mut(..fits).unwrap_or_default();
        if control < 128 {
            target.copy_from_slice(after.get(..fits).ok_or_else(truncated)?);
            rest = after.get(count..).unwrap_or_default();
        } else {
            let (&byte, after) = after.split_first().ok_or_else(truncated)?;
            target.fill(byte);
            rest = after;
        }
        len += fits;
    }
    Ok(len)
}

fn truncated() -> arcoforge_core::error::Error {
    corrupt("`packbits` data ends inside a run")
}

//! LZW as TIFF has it: codes of 9 to 12 bits, the most significant bit first; wider codes begin one code early. Files of
//! writers before TIFF 5.0 have the least significant bit first, and codes widen in time.

use arcoforge_core::error::Result;
use weezl::decode::Decoder;
use weezl::{BitOrder, LzwStatus};

use crate::corrupt;

/// Decodes into `out`, as far as it has room, and returns how many bytes came out.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut decoder = match stored {
        // the code that clears the table, 256, with its low bits first
        [0, second, ..] if second & 1 == 1 => Decoder::new(BitOrder::Lsb, 8),
        _ => Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let (mut from, mut to) = (0, 0);
    while to < out.len() {
        let (input, room) = (stored.get(from..).unwrap_or_default(), out.get_mut(to..).unwrap_or_default());
        let done = decoder.decode_bytes(input, room);
        from += done.consumed_in;
        to += done.consumed_out;
        match done.status {
            Ok(LzwStatus::Ok) if done.consumed_in + done.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => {
                let message = format!("`lzw` data has no such code near byte {from} of {}", stored.len());
                return Err(corrupt(message).caused_by(error));
            }
        }
    }
    Ok(to)
}

//! Fields of GRIB: the first bytes say how many points there are and how they are scanned, the rest is the field.

use arcoforge_codec::Scratch;
use arcoforge_core::codec::{Codec, Encoding, Grib, GribFloat, GribScan};
use arcoforge_core::dtype::Endian;

/// Bytes of points (2), bits of what is asked for, columns.
const HEADER: usize = 4;

/// The header of a field whose values stay as they are.
pub(super) fn header(points: u16) -> [u8; HEADER] {
    let [low, high] = points.to_le_bytes();
    [low, high, 0, 1]
}

pub(super) fn decode(data: &[u8]) {
    let Some((&[low, high, flags, columns], stored)) = data.split_first_chunk::<HEADER>() else { return };
    let points = u64::from(u16::from_le_bytes([low, high]));
    let float = if flags & 1 == 0 { GribFloat::F32 } else { GribFloat::F64 };
    let columns = u64::from(columns).max(1);
    let scan =
        GribScan { columns, rows: points / columns, by_columns: flags & 2 != 0, alternating: flags & 4 != 0 };
    let codec = Codec::Grib(Grib { float, points, scan: (flags & 6 != 0).then_some(scan) });
    let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
    let mut out = vec![0; points as usize * float.size()];
    // an error is as good an end as any
    let _ = arcoforge_codec::decode(&encoding, 1, 0, stored, &mut out, &mut Scratch::new());
}

/// Lengths of messages and what they end with, which most changes would make wrong.
pub(super) fn repair(data: &mut [u8]) {
    let Some(message) = data.get_mut(HEADER..) else { return };
    let length = message.len();
    if !message.starts_with(b"GRIB") || length < 20 {
        return;
    }
    if let Some(end) = message.get_mut(length - 4..) {
        end.copy_from_slice(b"7777");
    }
    let edition = message.get(7).copied();
    let [.., a, b, c] = length.to_be_bytes();
    match edition {
        Some(1) => message[4..7].copy_from_slice(&[a, b, c]),
        _ => message[8..16].copy_from_slice(&(length as u64).to_be_bytes()),
    }
}

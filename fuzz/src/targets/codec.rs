//! Every codec: the first bytes choose codecs and their parameters, the rest are stored bytes.

use arcoforge_codec::Scratch;
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding, Tiff};
use arcoforge_core::dtype::Endian;
use arcoforge_read::hdf5::decode_foreign;

/// Bytes of one codec in the header: which, how many parameters, the parameters.
const PARAMETERS_MAX: usize = 12;

/// Header: how many codecs; each of them; element size; filter mask; decoded length (2 bytes). Then the stored bytes.
pub(super) fn decode(data: &[u8]) {
    let mut header = data.iter();
    let mut next = || usize::from(header.next().copied().unwrap_or(0));
    let codecs: Vec<Codec> = (0..next() % 5).map(|_| codec(&mut next)).collect();
    let (element, mask) = (next() % 17, next() as u32);
    let (low, high) = (next(), next());
    let endian = if mask & 0x80 == 0 { Endian::Little } else { Endian::Big };
    let mut out = vec![0; low | high << 8];
    let mut scratch = Scratch::with_foreign(decode_foreign);
    let stored: Vec<u8> = header.copied().collect();
    let encoding = Encoding { endian, codecs };
    // an error is as good an end as any
    let _ = arcoforge_codec::decode(&encoding, element, mask & 0x7f, &stored, &mut out, &mut scratch);
}

fn codec(next: &mut impl FnMut() -> usize) -> Codec {
    let id = next();
    let count = next() % (PARAMETERS_MAX + 1);
    // a byte of 240 and more stands for a large number
    let params: Vec<u32> = (0..count)
        .map(|_| next() as u32)
        .map(|n| if n >= 240 { 1 << (2 * (n - 240) + 1) } else { n })
        .collect();
    let at = |n: usize| params.get(n).copied().unwrap_or(0);
    match id % 14 {
        0 => Codec::Zlib { level: 1 },
        1 => Codec::Gzip { level: 1 },
        2 => Codec::Zstd { level: 1 },
        3 => Codec::Bzip2 { level: 1 },
        4 => Codec::Lz4Hdf5 { block_bytes: u64::from(at(0)) },
        5 => Codec::Lzf,
        6 => Codec::Blosc(Blosc {
            cname: "lz4".into(),
            clevel: 5,
            shuffle: BloscShuffle::Shuffle,
            typesize: at(0),
            blocksize: u64::from(at(1)),
        }),
        7 => Codec::Bitshuffle { params },
        8 => Codec::Shuffle { element_size: at(0) },
        9 if at(0) & 1 == 0 => Codec::Fletcher32,
        9 => Codec::Crc32c,
        10 => Codec::Szip { params },
        11 if at(0) & 1 == 0 => Codec::Nbit { params },
        11 => Codec::ScaleOffset { params },
        12 => Codec::Tiff(tiff(at(0), at(1), u64::from(at(2)), at(3))),
        _ => Codec::Records { piece_bytes: u64::from(at(0)), stride_bytes: u64::from(at(1)) },
    }
}

/// A step of TIFF's own.
fn tiff(which: u32, size: u32, row: u64, samples: u32) -> Tiff {
    let endian = if samples & 1 == 0 { Endian::Little } else { Endian::Big };
    match which % 9 {
        0 => Tiff::Lzw,
        1 => Tiff::PackBits,
        2 => Tiff::Jpeg { tables: Vec::new(), samples, row, ycbcr: size & 1 == 0 },
        3 => Tiff::ReversedBits,
        4 => Tiff::Delta { element_size: size, samples, row, endian },
        5 => Tiff::FloatDelta { element_size: size, samples, row },
        6 => Tiff::Packed { bits: size, row },
        7 => Tiff::Interleaved { samples, element_size: size },
        _ => Tiff::Sample { sample: samples / 2, samples, element_size: size },
    }
}

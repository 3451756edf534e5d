//! Vectors of imagecodecs (libtiff's algorithms by another hand) and of the specification.

use arcoforge_core::codec::{Codec, Encoding, Tiff};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::Code;

use super::decode;
use crate::Scratch;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2).expect("two digits"), 16).expect("digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Decodes into as many bytes as are expected.
fn check(step: &Tiff, stored: &str, expected: &str) {
    let mut out = vec![0; expected.len() / 2];
    let length = decode(step, &bytes(stored), &mut out).expect("decodes");
    assert_eq!((length, out), (expected.len() / 2, bytes(expected)), "{step:?}");
}

#[test]
fn vectors() {
    let delta = |element_size, samples, row, endian| Tiff::Delta { element_size, samples, row, endian };
    let rows = [
        // TIFF 6.0, section 9
        (
            Tiff::PackBits,
            "feaa0280002afdaa0380002a22f7aa",
            "aaaaaa80002aaaaaaaaa80002a22aaaaaaaaaaaaaaaaaaaa",
        ),
        (Tiff::PackBits, "80fe61", "616161"),
        (Tiff::ReversedBits, "0180f0", "80010f"),
        (delta(1, 1, 3, Endian::Little), "0101ff0501ff", "010201050605"),
        (delta(1, 3, 6, Endian::Big), "010203010101", "010203020304"),
        (delta(2, 1, 2, Endian::Little), "ff000100ffff0200", "ff000001ffff0100"),
        (delta(2, 1, 2, Endian::Big), "00ff0001ffff0002", "00ff0100ffff0001"),
        (delta(4, 1, 2, Endian::Big), "000000ff00000001", "000000ff00000100"),
        (
            delta(8, 1, 2, Endian::Little),
            "ff000000000000000100000000000000",
            "ff000000000000000001000000000000",
        ),
        (Tiff::Packed { bits: 1, row: 10 }, "a0400180", "0100010000000000000100000000000000010100"),
        (Tiff::Packed { bits: 4, row: 3 }, "1230", "010203"),
        (Tiff::Packed { bits: 12, row: 2 }, "123456", "23015604"),
        (Tiff::Interleaved { samples: 3, element_size: 1 }, "010203040506", "010402050306"),
        (Tiff::Interleaved { samples: 2, element_size: 2 }, "0102030405060708", "0102050603040708"),
        (Tiff::Sample { sample: 1, samples: 3, element_size: 1 }, "010203040506", "0205"),
        (
            Tiff::FloatDelta { element_size: 4, samples: 1, row: 3 },
            "3f8180804050b0000000000000505e5215c62502e41af906",
            "0000c03f000000c00000504000000000f9021550ffe6dbae",
        ),
        (
            Tiff::FloatDelta { element_size: 2, samples: 1, row: 3 },
            "3e8282be0080007c04800000",
            "003e00c080420000007c0080",
        ),
        (
            Tiff::Lzw,
            "800000202018100a060382013028241a110a864160f0985c0e250f8ac3627108b43a290100",
            "000102030405060708090001020304050607080900010203040506070809000102030405060708090001020304050607080900010203040506070809",
        ),
    ];
    for (step, stored, expected) in rows {
        check(&step, stored, expected);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let rows = [
        (Tiff::PackBits, "05aa", "ends inside a run"),
        (Tiff::PackBits, "fe", "ends inside a run"),
        (Tiff::Lzw, "ffffffff", "no such code"),
        (Tiff::Delta { element_size: 2, samples: 1, row: 3, endian: Endian::Little }, "00000000", "rows"),
        (Tiff::FloatDelta { element_size: 4, samples: 1, row: 3 }, "00000000", "rows"),
        (Tiff::Interleaved { samples: 3, element_size: 1 }, "01020304", "pixels"),
        (Tiff::Packed { bits: 1, row: 100 }, "00", "no row"),
        (Tiff::Jpeg { tables: vec![], samples: 3, row: 6, ycbcr: true }, "ffd8ffd9", "does not decode"),
        (Tiff::ReversedBits, "0102030405060708090a0b0c0d0e0f1011", "more than the expected 16"),
    ];
    for (step, stored, expected) in rows {
        let error = decode(&step, &bytes(stored), &mut [0; 16]).expect_err("refuses");
        assert!(error.code == Code::SourceCorrupt && error.message.contains(expected), "{step:?}: {error}");
    }
}

#[test]
fn short_results_are_no_chunks() {
    let rows = [
        vec![Codec::Tiff(Tiff::Lzw)],
        vec![Codec::Tiff(Tiff::PackBits)],
        vec![Codec::Tiff(Tiff::Interleaved { samples: 2, element_size: 1 }), Codec::Tiff(Tiff::PackBits)],
    ];
    for codecs in rows {
        let encoding = Encoding { endian: Endian::Little, codecs };
        let mut out = [0; 16];
        let error = crate::decode(&encoding, 1, 0, &[], &mut out, &mut Scratch::new()).expect_err("refuses");
        assert!(error.message.contains("0 bytes, 16 expected"), "{error}");
    }
}

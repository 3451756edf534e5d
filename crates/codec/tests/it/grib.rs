//! Fields of GRIB against ecCodes' values; `fixtures/make_grib.py` says where they come from.

use arcoforge_codec::{Scratch, decode, is_decodable};
use arcoforge_core::codec::{Codec, Encoding, Grib, GribFloat, GribScan};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::Code;

use crate::damage::{Noise, largest_allocation};

static STORED: &[u8] = include_bytes!("fixtures/grib.bin");
static TABLE: &str = include_str!("fixtures/grib.txt");
static VALUES: &[u8] = include_bytes!("fixtures/grib_values.bin");

/// Name, stored bytes, values.
type Field = (&'static str, &'static [u8], &'static [[u8; 4]]);

fn fields() -> Vec<Field> {
    let mut values = VALUES.as_chunks::<4>().0;
    let field = |line: &'static str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [points, start, length] = [1, 2, 3].map(|at| words[at].parse::<usize>().unwrap());
        let (these, behind) = values.split_at(points);
        values = behind;
        (words[0], &STORED[start..start + length], these)
    };
    TABLE.lines().map(field).collect()
}

fn encoding(float: GribFloat, points: usize, scan: Option<GribScan>) -> Encoding {
    let codecs = vec![Codec::Grib(Grib { float, points: points as u64, scan })];
    Encoding { endian: Endian::Little, codecs }
}

#[test]
fn every_packing_decodes_to_its_values() {
    let mut scratch = Scratch::new();
    for (name, stored, values) in fields() {
        let mut out = vec![0; values.len() * 4];
        decode(&encoding(GribFloat::F32, values.len(), None), 4, 0, stored, &mut out, &mut scratch)
            .expect(name);
        for (at, (found, expected)) in out.as_chunks().0.iter().zip(values).enumerate() {
            let (found, expected) = (f32::from_le_bytes(*found), f32::from_le_bytes(*expected));
            let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(same, "{name}, {at}: {found} instead of {expected}");
        }
        // numbers of 64 bits are the same before they are rounded
        let mut wide = vec![0; values.len() * 8];
        decode(&encoding(GribFloat::F64, values.len(), None), 8, 0, stored, &mut wide, &mut scratch)
            .expect(name);
        let rounded =
            wide.as_chunks().0.iter().map(|bytes| (f64::from_le_bytes(*bytes) as f32).to_le_bytes());
        assert!(out.as_chunks().0.iter().copied().eq(rounded), "{name}");
    }
}

#[test]
fn another_number_of_points_and_a_cut_are_errors() {
    let mut scratch = Scratch::new();
    for (name, stored, values) in fields() {
        for points in [values.len() - 1, values.len() + 1, values.len() + 8] {
            let mut out = vec![0; points * 4];
            let result =
                decode(&encoding(GribFloat::F32, points, None), 4, 0, stored, &mut out, &mut scratch);
            // without section 3, only the bytes of a bitmap tell how many points there are
            assert!(result.is_err() || name == "sections", "{name}: {points}");
        }
        let mut out = vec![0; values.len() * 4];
        for end in 0..stored.len() {
            let encoding = encoding(GribFloat::F32, values.len(), None);
            let error = decode(&encoding, 4, 0, &stored[..end], &mut out, &mut scratch).expect_err(name);
            assert_eq!(error.code, Code::SourceCorrupt, "{name}, {end} bytes: {error}");
        }
    }
}

#[test]
fn damage_ends_well_and_takes_little_memory() {
    let mut noise = Noise(0x5eed);
    let mut scratch = Scratch::new();
    for (name, stored, values) in fields() {
        let mut out = vec![0; values.len() * 4];
        for _ in 0..400 {
            let mut damaged = noise.damage(stored);
            // the length of the message is right more often than by chance
            if let Some(length) = damaged.get_mut(8..16).filter(|_| stored[7] == 2) {
                let bytes = (stored.len() as u64).to_be_bytes();
                length.copy_from_slice(&bytes);
            }
            let encoding = encoding(GribFloat::F32, values.len(), None);
            let largest = largest_allocation(|| {
                let _ = decode(&encoding, 4, 0, &damaged, &mut out, &mut scratch);
            });
            assert!(largest < 64 << 10, "{name}: {largest} bytes");
        }
    }
}

#[test]
fn what_is_no_field_is_named() {
    let rows: [(&[u8], &str); 5] = [
        (b"", "section 5: not found"),
        (b"GRIB\0\0\0\x03rest of it", "edition 3 can't be decoded"),
        (b"GRIB\0\0\0\x02\0\0\0\0\0\0\0\x14", "section 0: message of 16 bytes found"),
        (b"\0\0\0\x05\x05\0\0", "2 bytes found, the 5 that a section begins with"),
        (b"\0\0\0\x09\x05", "section 5: 5 bytes found, 9 expected"),
    ];
    for (stored, part) in rows {
        let mut out = [0; 16];
        let encoding = encoding(GribFloat::F32, 4, None);
        let error = decode(&encoding, 4, 0, stored, &mut out, &mut Scratch::new()).expect_err("no field");
        assert!(error.message.contains(part), "{error}");
    }
    let scan = GribScan { columns: 3, rows: 2, by_columns: true, alternating: false };
    for (points, expected) in [(6, None), (7, Some("`grib` with 7 points in 3 x 2"))] {
        let codec = encoding(GribFloat::F32, points, Some(scan)).codecs.remove(0);
        assert_eq!(is_decodable(&codec).err().as_deref(), expected);
    }
}

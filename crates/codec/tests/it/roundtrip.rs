//! What is encoded decodes to the same elements, the same way every time.

use arcoforge_codec::{Scratch, decode, encode};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::Code;

use crate::vectors::values;

fn blosc(cname: &str, clevel: u32, shuffle: BloscShuffle, typesize: u32, blocksize: u64) -> Codec {
    Codec::Blosc(Blosc { cname: cname.into(), clevel, shuffle, typesize, blocksize })
}

fn pipelines(size: u32) -> Vec<Vec<Codec>> {
    let mut rows = vec![
        vec![],
        vec![Codec::Shuffle { element_size: size }],
        vec![Codec::Zlib { level: 0 }],
        vec![Codec::Shuffle { element_size: size }, Codec::Zlib { level: 4 }, Codec::Fletcher32],
        vec![Codec::Gzip { level: 9 }, Codec::Crc32c],
        vec![Codec::Shuffle { element_size: size }, Codec::Zstd { level: 3 }],
        vec![Codec::Zstd { level: -5 }, Codec::Zlib { level: 1 }, Codec::Gzip { level: 1 }],
        vec![Codec::Bzip2 { level: 1 }],
        vec![Codec::Fletcher32],
        vec![Codec::Fletcher32, Codec::Zstd { level: 1 }, Codec::Crc32c, Codec::Zlib { level: 1 }],
    ];
    for cname in ["blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"] {
        for shuffle in [BloscShuffle::NoShuffle, BloscShuffle::Shuffle, BloscShuffle::BitShuffle] {
            for (clevel, blocksize) in [(0, 0), (1, 0), (1, 1024), (5, 4096), (3, 65536)] {
                rows.push(vec![blosc(cname, clevel, shuffle, size, blocksize)]);
            }
        }
    }
    rows
}

#[test]
fn every_pipeline_gives_the_elements_back_and_the_same_bytes_again() {
    let mut used = Scratch::new();
    for (size, count) in
        [(1, 0), (1, 1), (2, 1), (2, 4097), (4, 40), (4, 9000), (8, 1001), (3, 700), (16, 300)]
    {
        for kind in ["smooth", "steps", "noise"] {
            let data = values(kind, size.min(8), count * size.div_ceil(8));
            for codecs in pipelines(size as u32) {
                for endian in [Endian::Little, Endian::Big] {
                    let encoding = Encoding { endian, codecs: codecs.clone() };
                    let label = format!("{size} {count} {kind} {encoding:?}");
                    let (mut stored, mut again) = (vec![9; 3], Vec::new());
                    encode(&encoding, size, &data, &mut stored, &mut used).expect(&label);
                    encode(&encoding, size, &data, &mut again, &mut Scratch::new()).expect(&label);
                    assert!(stored == again, "{label}: other bytes with a used scratch");
                    let mut out = vec![1; data.len()];
                    decode(&encoding, size, 0, &stored, &mut out, &mut used).expect(&label);
                    assert!(out == data, "{label}");
                }
            }
        }
    }
}

#[test]
fn a_scratch_moves_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Scratch::new());
}

#[test]
fn parameters_are_checked() {
    let rows = [
        (Codec::Zlib { level: 10 }, Code::OutputInvalid, "level 10 of `zlib`; 0 to 9 expected"),
        (Codec::Gzip { level: 99 }, Code::OutputInvalid, "level 99 of `gzip`; 0 to 9 expected"),
        (Codec::Bzip2 { level: 0 }, Code::OutputInvalid, "level 0 of `bzip2`; 1 to 9 expected"),
        (Codec::Zstd { level: 23 }, Code::OutputInvalid, "level 23 of `zstd`; -131072 to 22 expected"),
        (Codec::Shuffle { element_size: 0 }, Code::OutputInvalid, "`shuffle` with elements of 0 bytes"),
        (Codec::Lzf, Code::TargetUnsupported, "`lzf` can be read but not written"),
        (
            blosc("zip", 1, BloscShuffle::Shuffle, 2, 0),
            Code::OutputInvalid,
            "`blosc` has no compressor `zip`",
        ),
        (
            blosc("lz4", 10, BloscShuffle::Shuffle, 2, 0),
            Code::OutputInvalid,
            "level 10 of `blosc`; 0 to 9 expected",
        ),
        (
            blosc("lz4", 1, BloscShuffle::Shuffle, 0, 0),
            Code::OutputInvalid,
            "`blosc` of 4 bytes in blocks of 0, elements of 0; sizes from 1 to 2147483631 expected",
        ),
    ];
    for (codec, code, message) in rows {
        let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
        let error = encode(&encoding, 1, &[1, 2, 3, 4], &mut Vec::new(), &mut Scratch::new()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }
}

//! Stored bytes made by others; `fixtures/make_vectors.py` says how.

use arcoforge_codec::{Scratch, decode, is_decodable};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::Endian;

static STORED: &[u8] = include_bytes!("fixtures/vectors.bin");
static TABLE: &str = include_str!("fixtures/vectors.txt");

/// One stored chunk and what it holds.
pub(crate) struct Vector {
    pub(crate) line: &'static str,
    pub(crate) encoding: Encoding,
    pub(crate) filter_mask: u32,
    pub(crate) element_size: usize,
    pub(crate) stored: &'static [u8],
    pub(crate) expected: Vec<u8>,
}

/// Every vector of the table.
pub(crate) fn all() -> impl Iterator<Item = Vector> {
    TABLE.lines().map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, codecs, mask, order, size, count, kind, start, len] = fields[..] else { panic!("{line}") };
        let [size, count, start, len] = [size, count, start, len].map(|n| n.parse::<usize>().unwrap());
        let codecs = codecs.split('|').filter(|c| *c != "none").map(|text| codec(text, size)).collect();
        Vector {
            line,
            encoding: Encoding { endian: if order == ">" { Endian::Big } else { Endian::Little }, codecs },
            filter_mask: mask.parse().unwrap(),
            element_size: size,
            stored: &STORED[start..start + len],
            expected: values(kind, size, count),
        }
    })
}

/// A filter as `id:client,data`, or numcodecs' name for a codec.
fn codec(text: &str, size: usize) -> Codec {
    let Some((id, params)) = text.split_once(':') else { return named(text, size) };
    let params: Vec<u32> = params.split(',').filter(|p| !p.is_empty()).map(|p| p.parse().unwrap()).collect();
    match id {
        "1" => Codec::Zlib { level: params[0] },
        "2" => Codec::Shuffle { element_size: params[0] },
        "3" => Codec::Fletcher32,
        "307" => Codec::Bzip2 { level: params[0] },
        "32000" => Codec::Lzf,
        "32001" => named("blosc", size),
        "32004" => Codec::Lz4Hdf5 { block_bytes: u64::from(params[0]) },
        "32008" => Codec::Bitshuffle { params },
        "32015" => Codec::Zstd { level: 3 },
        other => panic!("filter {other}"),
    }
}

fn named(name: &str, size: usize) -> Codec {
    match name {
        "gzip" => Codec::Gzip { level: 5 },
        "zlib" => Codec::Zlib { level: 5 },
        "zstd" => Codec::Zstd { level: 3 },
        "bz2" => Codec::Bzip2 { level: 5 },
        "crc32c" => Codec::Crc32c,
        "fletcher32" => Codec::Fletcher32,
        "blosc" => Codec::Blosc(Blosc {
            cname: "zstd".into(),
            clevel: 3,
            shuffle: BloscShuffle::Shuffle,
            typesize: size as u32,
            blocksize: 0,
        }),
        other => panic!("codec {other}"),
    }
}

/// The elements, as the script computes them.
pub(crate) fn values(kind: &str, size: usize, count: usize) -> Vec<u8> {
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let value = |i: u64| match kind {
        "ramp" => i * 3 + (i >> 4),
        "steps" => (i >> 4) * 5 + (i & 1),
        "smooth" => (i * i) >> 9,
        "constant" => 7,
        "noise" => {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise
        }
        other => panic!("values {other}"),
    };
    (0..count as u64).map(value).flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect()
}

#[test]
fn every_vector_decodes_to_its_values() {
    let mut scratch = Scratch::new();
    let mut failures = Vec::new();
    let mut rows = 0;
    for v in all() {
        rows += 1;
        assert!(v.encoding.codecs.iter().all(|c| is_decodable(c).is_ok()), "{}", v.line);
        let mut out = vec![0xaa; v.expected.len()];
        match decode(&v.encoding, v.element_size, v.filter_mask, v.stored, &mut out, &mut scratch) {
            Ok(()) if out == v.expected => {}
            Ok(()) => failures.push(format!("{}: other values", v.line)),
            Err(error) => failures.push(format!("{}: {error}", v.line)),
        }
    }
    assert_eq!(failures, Vec::<String>::new());
    assert!(rows > 500, "{rows} vectors");
}

#[test]
fn another_length_is_an_error() {
    let mut scratch = Scratch::new();
    for v in all() {
        for len in [0, v.expected.len() - 1, v.expected.len() + 1, v.expected.len() * 2] {
            let mut out = vec![0; len];
            let result = decode(&v.encoding, v.element_size, v.filter_mask, v.stored, &mut out, &mut scratch);
            let error = result.expect_err(v.line);
            assert_eq!(error.code, arcoforge_core::error::Code::SourceCorrupt, "{} {len}: {error}", v.line);
        }
    }
}

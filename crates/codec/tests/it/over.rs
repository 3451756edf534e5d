//! Chunks encoded in the memory of their elements: the same bytes as in memory of their own.

use arcoforge_codec::{Scratch, encode, encode_over};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::Endian;

use crate::vectors::values;

const MIB: usize = 1 << 20;

/// `bytes` bytes of elements of `size` bytes: noise from one of the parts to another, parts of a thousand.
fn elements(size: usize, bytes: usize, noise: [usize; 2]) -> Vec<u8> {
    let part = |kind| {
        let mut data = values(kind, size.min(8), bytes.div_ceil(size.min(8)));
        data.truncate(bytes);
        data
    };
    let (mut data, random) = (part("smooth"), part("noise"));
    let range =
        bytes / 1000 * noise[0]..bytes / 1000 * noise[1] + if noise[1] == 1000 { bytes % 1000 } else { 0 };
    data[range.clone()].copy_from_slice(&random[range]);
    data
}

fn check(label: &str, encoding: &Encoding, size: usize, data: &[u8], scratch: &mut Scratch) {
    let (mut expected, mut own) = (Vec::new(), Vec::new());
    encode(encoding, size, data, &mut expected, &mut Scratch::new()).expect(label);
    for threads in [1, 2 + data.len() % 2] {
        let mut cells = data.to_vec();
        let found = encode_over(encoding, size, &mut cells, &mut own, scratch, threads).expect(label);
        assert!(
            found == expected,
            "{label}, {threads} threads: {} bytes, {} expected",
            found.len(),
            expected.len()
        );
        let over = encoding.is_over_cells(data.len() as u64);
        assert_eq!(own.is_empty(), over, "{label}");
        assert!(!over || cells.capacity() <= data.len() + 64, "{label}: the cells' memory grew");
    }
}

#[test]
fn chunks_over_their_cells_have_the_bytes_of_any_others() {
    let sizes = [4 * MIB, 4 * MIB + 1, 4 * MIB + 4096, 5_000_003, 6 * MIB - 16, 4 * MIB - 1];
    // all smooth, all noise, noise at the beginning, at the end, in the middle, nearly all noise
    let kinds = [[0, 0], [0, 1000], [0, 600], [700, 1000], [300, 800], [0, 998]];
    let constant = vec![7; 5 * MIB + 3];
    let mut scratch = Scratch::new();
    let mut row = 0;
    for cname in ["blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"] {
        for shuffle in [BloscShuffle::NoShuffle, BloscShuffle::Shuffle, BloscShuffle::BitShuffle] {
            for (clevel, blocksize) in [
                (1, 0),
                (2, 512 << 10),
                (1, 32 << 10),
                (3, 0),
                (1, 100_000),
                (1, 1 << 20),
                (0, 0),
                (1, 1 << 21),
            ] {
                // every type meets every shuffle, and over the rows every length and kind of noise
                for typesize in [[1, 8], [2, 16], [4, 1], [8, 2], [16, 4]][row / 2 % 5] {
                    row += 1;
                    let size = sizes[row % sizes.len()];
                    let noise = kinds[row / 7 % kinds.len()];
                    let codec =
                        Codec::Blosc(Blosc { cname: cname.into(), clevel, shuffle, typesize, blocksize });
                    let endian = if row.is_multiple_of(11) && size.is_multiple_of(16) {
                        Endian::Big
                    } else {
                        Endian::Little
                    };
                    let encoding = Encoding { endian, codecs: vec![codec] };
                    let label = format!("{encoding:?} {size} {noise:?}");
                    let typesize = typesize as usize;
                    check(&label, &encoding, typesize, &elements(typesize, size, noise), &mut scratch);
                    if row % 5 == 0 {
                        check(&label, &encoding, typesize, &constant, &mut scratch);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_nearly_too_long_is_no_longer_than_in_memory_of_its_own() {
    let mut scratch = Scratch::new();
    for cname in ["lz4", "zstd"] {
        for typesize in [1, 200] {
            for blocksize in [32 << 10, 512 << 10] {
                let shuffle = BloscShuffle::NoShuffle;
                let codec =
                    Codec::Blosc(Blosc { cname: cname.into(), clevel: 1, shuffle, typesize, blocksize });
                let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
                let mut data = elements(1, 4 * MIB + 77, [0, 1000]);
                // what the last or the first block saves is about what headers cost
                for zeros in [0, 100, 400, 1600] {
                    for at in [0, 3 * MIB] {
                        data[at..at + zeros].fill(0);
                        let label = format!("{encoding:?} {zeros} at {at}");
                        check(&label, &encoding, typesize as usize, &data, &mut scratch);
                    }
                }
            }
        }
    }
}

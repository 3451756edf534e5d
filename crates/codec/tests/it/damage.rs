//! Damaged input: no panic, no result of another length, no memory beyond a small multiple of what is expected.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use arcoforge_codec::{Scratch, can_hold, decode};
use arcoforge_core::codec::{Codec, Encoding};
use arcoforge_core::dtype::Endian;
use arcoforge_core::error::Code;

use crate::vectors;

/// Remembers the largest single allocation of the thread since it was last cleared.
struct Largest;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Largest = Largest;

// SAFETY: hands every call on to the system's allocator, unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: memory of `alloc` above, with its layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The largest single allocation of this thread meanwhile.
pub(crate) fn largest_allocation(work: impl FnOnce()) -> usize {
    LARGEST.set(0);
    work();
    LARGEST.get()
}

/// Marsaglia's xorshift: the same damage in every run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// Flips, sets, cuts, repeats or adds a few bytes; most often near the start, where headers are.
    pub(crate) fn damage(&mut self, stored: &[u8]) -> Vec<u8> {
        let mut bytes = stored.to_vec();
        for _ in 0..=self.below(4) {
            let reach = if self.below(2) == 0 { bytes.len().min(24) } else { bytes.len() };
            let at = self.below(reach);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), self.below(256) as u8),
                2 => bytes.extend_from_within(at..),
                kind => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = match kind {
                            3 => 0xff,
                            4 => *byte ^ (1 << self.below(8)),
                            _ => self.below(256) as u8,
                        };
                    }
                }
            }
        }
        bytes
    }
}

/// What a decoder may take whatever the size of the chunk: bzip2 needs four bytes for each of its 900,000.
fn fixed_bytes(encoding: &Encoding) -> usize {
    let bzip2 = encoding.codecs.iter().any(|codec| matches!(codec, Codec::Bzip2 { .. }));
    if bzip2 { 3_600_000 } else { 65_536 }
}

/// What Python's `gzip.decompress` does too; `zlib.decompress` and libhdf5 ignore what follows a zlib stream.
#[test]
fn bytes_behind_the_end() {
    let data = [7_u8; 100];
    for (codec, expected) in
        [(Codec::Gzip { level: 1 }, Some(Code::SourceCorrupt)), (Codec::Zlib { level: 1 }, None)]
    {
        let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
        let (mut stored, mut out) = (Vec::new(), vec![0; data.len()]);
        arcoforge_codec::encode(&encoding, 1, &data, &mut stored, &mut Scratch::new()).unwrap();
        stored.push(b'x');
        let found = decode(&encoding, 1, 0, &stored, &mut out, &mut Scratch::new());
        assert_eq!(found.err().map(|e| e.code), expected, "{:?}", encoding.codecs);
    }
}

#[test]
fn damaged_chunks_are_refused_or_decode_to_the_right_length() {
    let mut noise = Noise(0x1234_5678_9abc_def1);
    let (mut refused, mut accepted) = (0_u32, 0_u32);
    for v in vectors::all() {
        let (mut out, mut scratch) = (vec![0; v.expected.len()], Scratch::new());
        for _ in 0..40 {
            let stored = noise.damage(v.stored);
            LARGEST.set(0);
            let result = decode(&v.encoding, v.element_size, v.filter_mask, &stored, &mut out, &mut scratch);
            let largest = LARGEST.get();
            let limit = v.expected.len() * 8 + fixed_bytes(&v.encoding);
            assert!(largest <= limit, "{}: allocated {largest} bytes", v.line);
            match result {
                Ok(()) => accepted += 1,
                Err(error) => {
                    assert_eq!(error.code, Code::SourceCorrupt, "{}: {error}", v.line);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 10_000 && accepted > 100, "{refused} refused, {accepted} accepted");
}

#[test]
fn noise_is_refused_by_everything_with_a_header() {
    let mut noise = Noise(77);
    let mut scratch = Scratch::new();
    for _ in 0..2000 {
        let len = noise.below(200);
        let stored: Vec<u8> = (0..len).map(|_| noise.below(256) as u8).collect();
        for codec in [
            Codec::Zlib { level: 1 },
            Codec::Gzip { level: 1 },
            Codec::Zstd { level: 1 },
            Codec::Bzip2 { level: 1 },
            Codec::Crc32c,
            Codec::Lz4Hdf5 { block_bytes: 0 },
            Codec::Lzf,
            Codec::Bitshuffle { params: vec![0, 4, 4, 0, 2] },
            Codec::Bitshuffle { params: vec![0, 4, 4, 0, 3] },
        ] {
            let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
            let result = decode(&encoding, 4, 0, &stored, &mut [0; 4096], &mut scratch);
            assert_eq!(result.map_err(|e| e.code), Err(Code::SourceCorrupt), "{encoding:?} {stored:?}");
        }
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_expected_chunk() {
    let bomb = vec![0; 64 << 20];
    let rows = [
        Codec::Zlib { level: 9 },
        Codec::Gzip { level: 9 },
        Codec::Zstd { level: 9 },
        Codec::Bzip2 { level: 9 },
    ];
    for codec in rows {
        let encoding = Encoding { endian: Endian::Little, codecs: vec![codec] };
        let mut stored = Vec::new();
        arcoforge_codec::encode(&encoding, 1, &bomb, &mut stored, &mut Scratch::new()).unwrap();
        let shuffled = [Codec::Shuffle { element_size: 4 }, encoding.codecs[0].clone()];
        for codecs in [encoding.codecs.clone(), shuffled.to_vec()] {
            let encoding = Encoding { endian: Endian::Little, codecs };
            LARGEST.set(0);
            let result = decode(&encoding, 4, 0, &stored, &mut [0; 1000], &mut Scratch::new());
            assert_eq!(result.map_err(|e| e.code), Err(Code::SourceCorrupt), "{encoding:?}");
            assert!(LARGEST.get() <= fixed_bytes(&encoding), "{encoding:?}: {} bytes", LARGEST.get());
        }
    }
}

/// No vector of another library decodes to more than what is said to be the most, and the most is near.
#[test]
fn what_can_come_out_is_no_less_than_what_does() {
    for v in vectors::all() {
        can_hold(&v.encoding, v.filter_mask, v.stored.len(), v.expected.len() as u64).unwrap();
    }
    let zeros = vec![0; 64 << 20];
    for codec in [Codec::Zlib { level: 9 }, Codec::Gzip { level: 9 }, Codec::Zstd { level: 19 }] {
        let encoding =
            Encoding { endian: Endian::Little, codecs: vec![Codec::Shuffle { element_size: 4 }, codec] };
        let mut stored = Vec::new();
        arcoforge_codec::encode(&encoding, 4, &zeros, &mut stored, &mut Scratch::new()).unwrap();
        let hold = |times: usize| can_hold(&encoding, 0, stored.len(), (times * zeros.len()) as u64);
        hold(1).unwrap();
        assert_eq!(hold(2).unwrap_err().code, Code::SourceCorrupt, "{:?}: {}", encoding.codecs, stored.len());
    }
}

//! Shuffle with vectors of 16 bytes. SSE2 belongs to every x86-64 processor, so nothing is detected at run time.
//!
//! Sixteen elements of `SIZE` bytes are `SIZE` vectors. Interleaving the first half of the vectors with the second
//! half, log2(SIZE) times, turns planes into elements; dealing bytes out into even and odd ones undoes it.

use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_loadu_si128, _mm_packus_epi16, _mm_set1_epi16, _mm_srli_epi16,
    _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
};

/// Elements in one step.
const STEP: usize = 16;

/// Shuffles as many elements as fill whole steps and returns how many. `BYTES` is 16 times `SIZE`, a power of two.
pub(super) fn shuffle<const SIZE: usize, const BYTES: usize>(data: &[u8], out: &mut [u8]) -> usize {
    let elements = data.len() / SIZE;
    let mut planes = out.chunks_exact_mut(elements.max(1)).map(|plane| plane.as_chunks_mut::<STEP>().0);
    let mut planes: [&mut [[u8; STEP]]; SIZE] = std::array::from_fn(|_| planes.next().unwrap_or_default());
    let groups = data.as_chunks::<BYTES>().0;
    for (at, group) in groups.iter().enumerate() {
        let (parts, _) = group.as_chunks::<STEP>();
        let mut vectors: [__m128i; SIZE] = std::array::from_fn(|i| load(&parts[i]));
        for _ in 0..SIZE.ilog2() {
            vectors = deal(vectors);
        }
        for (plane, vector) in planes.iter_mut().zip(vectors) {
            store(vector, &mut plane[at]);
        }
    }
    groups.len() * STEP
}

/// Undoes [`shuffle`] for as many elements as fill whole steps and returns how many.
pub(super) fn unshuffle<const SIZE: usize, const BYTES: usize>(data: &[u8], out: &mut [u8]) -> usize {
    let elements = data.len() / SIZE;
    let mut planes = data.chunks_exact(elements.max(1)).map(|plane| plane.as_chunks::<STEP>().0);
    let planes: [&[[u8; STEP]]; SIZE] = std::array::from_fn(|_| planes.next().unwrap_or_default());
    let groups = out.as_chunks_mut::<BYTES>().0;
    let count = groups.len();
    for (at, group) in groups.iter_mut().enumerate() {
        let mut vectors: [__m128i; SIZE] = std::array::from_fn(|i| load(&planes[i][at]));
        for _ in 0..SIZE.ilog2() {
            vectors = interleave(vectors);
        }
        let (parts, _) = group.as_chunks_mut::<STEP>();
        for (part, vector) in parts.iter_mut().zip(vectors) {
            store(vector, part);
        }
    }
    count * STEP
}

#[inline(always)]
fn interleave<const SIZE: usize>(v: [__m128i; SIZE]) -> [__m128i; SIZE] {
    std::array::from_fn(|i| {
        let (a, b) = (v[i / 2], v[i / 2 + SIZE / 2]);
        // SAFETY: SSE2 is part of x86-64.
        #[allow(unsafe_code, unused_unsafe)]
        unsafe {
            if i % 2 == 0 { _mm_unpacklo_epi8(a, b) } else { _mm_unpackhi_epi8(a, b) }
        }
    })
}

#[inline(always)]
fn deal<const SIZE: usize>(v: [__m128i; SIZE]) -> [__m128i; SIZE] {
    std::array::from_fn(|i| {
        let pair = i % (SIZE / 2);
        let (a, b) = (v[2 * pair], v[2 * pair + 1]);
        // SAFETY: SSE2 is part of x86-64.
        #[allow(unsafe_code, unused_unsafe)]
        unsafe {
            if i < SIZE / 2 {
                let even = _mm_set1_epi16(0x00ff);
                _mm_packus_epi16(_mm_and_si128(a, even), _mm_and_si128(b, even))
            } else {
                _mm_packus_epi16(_mm_srli_epi16::<8>(a), _mm_srli_epi16::<8>(b))
            }
        }
    })
}

#[inline(always)]
fn load(bytes: &[u8; STEP]) -> __m128i {
    // SAFETY: 16 readable bytes; the instruction takes any alignment.
    #[allow(unsafe_code)]
    unsafe {
        _mm_loadu_si128(bytes.as_ptr().cast())
    }
}

#[inline(always)]
fn store(vector: __m128i, bytes: &mut [u8; STEP]) {
    // SAFETY: 16 writable bytes; the instruction takes any alignment.
    #[allow(unsafe_code)]
    unsafe {
        _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector);
    }
}

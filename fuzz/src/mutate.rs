//! Inputs made of good ones: a few changes each, the same ones for the same seed.

use crate::random::Random;

/// Numbers at which readers go wrong.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    1 << 32,
    1 << 40,
    0x7fff_ffff_ffff_ffff,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];
/// Longest input that is made.
const BYTES_MAX: usize = 128 << 10;

/// What inputs of a target are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text: pieces of it are moved, and the words of the target put in.
    Text,
    /// Bytes that may move.
    Bytes,
    /// Bytes that are found by their offset: most changes leave the others where they are.
    Placed,
}

/// A changed copy of one of the seeds.
pub fn mutant(seeds: &[Vec<u8>], words: &[&str], kind: Kind, random: &mut Random) -> Vec<u8> {
    let mut out = random.one(seeds).cloned().unwrap_or_default();
    for _ in 0..=random.below(4) {
        let moves = match kind {
            Kind::Placed => random.below(8) == 0,
            Kind::Bytes => random.below(2) == 0,
            Kind::Text => random.below(8) != 0,
        };
        if moves { shift(&mut out, seeds, words, random) } else { overwrite(&mut out, random) }
    }
    out.truncate(BYTES_MAX);
    out
}

/// A place in the input; every other time near its start, where headers are.
fn place(out: &[u8], random: &mut Random) -> usize {
    let reach = if random.below(2) == 0 { out.len().min(512) } else { out.len() };
    random.below(reach)
}

fn overwrite(out: &mut [u8], random: &mut Random) {
    let at = place(out, random);
    let bytes: Vec<u8> = match random.below(6) {
        0 => vec![out.get(at).copied().unwrap_or(0) ^ (1 << random.below(8))],
        1 => vec![(random.number() & 0xff) as u8],
        2 => vec![out.get(at).copied().unwrap_or(0).wrapping_add((random.below(33) as u8).wrapping_sub(16))],
        _ => {
            let edge = random.one(EDGES).copied().unwrap_or(0);
            let width = 1 << random.below(4);
            let mut bytes = edge.to_le_bytes().get(..width).unwrap_or_default().to_vec();
            if random.below(3) == 0 {
                bytes.reverse();
            }
            bytes
        }
    };
    for (to, byte) in out.iter_mut().skip(at).zip(bytes) {
        *to = byte;
    }
}

fn shift(out: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = place(out, random);
    let end = (at + random.below(24)).min(out.len());
    match random.below(6) {
        0 => out.truncate(at),
        1 => drop(out.drain(at..end)),
        2 => {
            let copy: Vec<u8> = out.get(at..end).unwrap_or_default().to_vec();
            let copies = if random.below(16) == 0 { random.below(2000) } else { 1 };
            let to = random.below(out.len());
            out.splice(to..to, copy.repeat(copies));
        }
        3 => {
            let other = random.one(seeds).cloned().unwrap_or_default();
            let from = random.below(other.len());
            let until = (from + random.below(200)).min(other.len());
            out.splice(at..end, other.get(from..until).unwrap_or_default().iter().copied());
        }
        _ => {
            let word = random.one(words).copied().unwrap_or("\u{0}");
            let until = if random.below(2) == 0 { at } else { end };
            out.splice(at..until, word.bytes());
        }
    }
}

//! Ways to fill one array: in one pass, in one pass with source chunks decoded more than once, or through scratch
//! storage; what each needs, and what it costs.

use super::rechunk::{Rechunk, consolidate, read_limits, shared, within};
use super::source::Reading;
use super::{ArrayPlan, Filling, Mode, cells, memory};
use crate::combine::{Along, Pieces};
use crate::target::ArraySpec;

/// One way.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Cells of one slab.
    pub(super) slab: Vec<u64>,
    /// The stage before, where there is one.
    pub(super) scratch: Option<Rechunk>,
    /// Bytes that one worker needs.
    pub(super) worker_bytes: u64,
    /// How often a source chunk is decoded.
    pub(super) decodes: f64,
    /// Time, as many decoded bytes as one thread takes the same for.
    pub(super) cost: f64,
}

// What a byte costs, next to a byte that is inflated (about 400 MB a second and core).
const ENCODED: f64 = 1.0;
const INFLATED: f64 = 1.0;
/// As it is stored: one read, one copy.
const STORED: f64 = 0.2;
/// Fetched from another machine: compressed to a third or so, 30 MB a second.
const FETCHED: f64 = 4.0;
/// Written to scratch storage and read from it, at the speed of a plain disk.
const SCRATCH: f64 = 1.5;
/// A positioned write and a positioned read, however small.
const PIECE: f64 = 4000.0;
/// A positioned read of what is stored as it is, however short.
const READ: f64 = 1000.0;

/// The cheapest way for `team` threads at a slab of those that fit into `share`; where none does, the one that needs least.
pub(super) fn choose(array: &ArrayPlan, reading: Option<&Reading>, team: u64, share: u64) -> Way {
    let spec = &array.spec;
    let (Filling::Pieces(pieces), Mode::Decode, Some(reading)) = (&array.content, array.mode, reading) else {
        return plain(array, team);
    };
    let beside = memory::shard(spec);
    let shaping = Shaping::new(spec, pieces, reading, team, share.saturating_sub(beside));
    let ways = [Some(shaping.once()), shaping.in_runs(), shaping.two_stages()];
    let mut best: Option<Way> = None;
    for mut way in ways.into_iter().flatten() {
        way.worker_bytes = way.worker_bytes.saturating_add(beside);
        let fits = |way: &Way| way.worker_bytes <= share;
        let better = best.as_ref().is_none_or(|best| match (fits(&way), fits(best)) {
            (true, true) => way.cost < best.cost,
            (false, false) => way.worker_bytes < best.worker_bytes,
            (fits, _) => fits,
        });
        if better {
            best = Some(way);
        }
    }
    best.unwrap_or_else(|| plain(array, team))
}

/// Values in hand are encoded, stored chunks are copied: one chunk at a time.
fn plain(array: &ArrayPlan, team: u64) -> Way {
    let spec = &array.spec;
    let chunk_bytes = spec.chunk_bytes();
    let encoding = memory::encoding(&spec.encoding, chunk_bytes, team);
    // a copied chunk is inflated to compare its checksum; one that can't be copied after all is decoded
    let decoded = match array.mode {
        Mode::Coarsen => match &array.content {
            Filling::Coarser(coarser) => coarser.part_bytes,
            _ => 0,
        },
        Mode::Copy => memory::decoding(spec.encoding.codecs.len(), chunk_bytes, false),
        Mode::Values => 0,
        // as the format's reader gives it
        Mode::Decode => chunk_bytes.saturating_mul(2),
    };
    Way {
        slab: spec.chunk.clone(),
        scratch: None,
        worker_bytes: chunk_bytes
            .saturating_add(encoding)
            .saturating_add(decoded)
            .saturating_add(memory::shard(spec)),
        decodes: 1.0,
        cost: array_bytes(spec) * (ENCODED + INFLATED),
    }
}

/// What ways are made of.
struct Shaping<'a> {
    spec: &'a ArraySpec,
    pieces: &'a Pieces,
    reading: &'a Reading,
    share: u64,
    item: u64,
    /// Threads that work at a slab.
    team: u64,
    /// Bytes while all threads decode a source chunk each.
    decoding: u64,
}

impl<'a> Shaping<'a> {
    fn new(spec: &'a ArraySpec, pieces: &'a Pieces, reading: &'a Reading, team: u64, share: u64) -> Self {
        let item = spec.dtype.size_estimate();
        let source = cells(&reading.chunk).saturating_mul(item);
        Self {
            spec,
            pieces,
            reading,
            share,
            item,
            team,
            decoding: memory::decoding(reading.codecs, source, reading.remote).saturating_mul(team),
        }
    }

    /// One pass. The slab decodes every source chunk once; it is cut until it fits.
    fn once(&self) -> Way {
        let (spec, source) = (self.spec, &self.reading.chunk);
        let need = |chunks: &[u64]| -> u64 {
            let filled = cells(chunks).saturating_mul(cells(&spec.chunk));
            let filled = filled.saturating_mul(self.item + self.reading.derived);
            filled.saturating_add(self.encodings(cells(chunks))).saturating_add(self.decoding)
        };
        let shaped = |ratio: Vec<u64>| match &spec.shard {
            Some(shard) => streamed(&ratio, shard, &spec.chunk),
            None => ratio,
        };
        // whole source chunks on both sides where that fits, else as many chunks as one source chunk spans
        let mut chunks = shaped(ratios(source, &spec.chunk, &spec.shape, common));
        if need(&chunks) > self.share {
            chunks = shaped(ratios(source, &spec.chunk, &spec.shape, u64::div_ceil));
        }
        while need(&chunks) > self.share {
            // outermost first: within a shard, slabs must follow each other in C order
            let Some(widest) = chunks.iter_mut().find(|k| **k > 1) else { break };
            *widest = widest.div_ceil(2);
        }
        let slab: Vec<u64> = chunks.iter().zip(&spec.chunk).map(|(k, c)| k.saturating_mul(*c)).collect();
        self.one_pass(slab, need(&chunks))
    }

    /// One pass over cells that are stored as they are: only the runs that the slab needs are read, and they are longer
    /// where the slab is wider along the last dimensions.
    fn in_runs(&self) -> Option<Way> {
        if !self.reading.raw || self.reading.remote {
            return None;
        }
        let beside = self.encodings(self.team).saturating_add(self.decoding);
        let cells_max = self.share.saturating_sub(beside) / (self.item + self.reading.derived).max(1);
        let slab = self.slab(cells_max);
        let filled = cells(&slab).saturating_mul(self.item + self.reading.derived);
        let way = self.one_pass(slab, filled.saturating_add(beside));
        let (_, reads) = self.runs(&way.slab);
        Some(Way { cost: way.cost + reads * READ / self.readers(&way.slab), ..way })
    }

    fn one_pass(&self, slab: Vec<u64>, worker_bytes: u64) -> Way {
        let task = self.spec.shard.as_deref().unwrap_or(&slab);
        let decodes = self.decodes(task, &slab);
        let reading = self.byte() * decodes / self.readers(&slab);
        let cost = array_bytes(self.spec) * (self.encoded(&slab) + reading);
        Way { slab, scratch: None, worker_bytes, decodes, cost }
    }

    /// Through scratch storage: see [`super::rechunk`]. `None` where one pass does it all, or cells have no fixed size.
    fn two_stages(&self) -> Option<Way> {
        let (spec, source) = (self.spec, &self.reading.chunk);
        spec.dtype.size()?;
        let part = memory::PART_BYTES.min(cells(&spec.shape).saturating_mul(self.item));
        let writing = self.encodings(self.team).saturating_add(part.saturating_mul(self.team));
        let slab = self.slab(self.share.saturating_sub(writing) / self.item);
        let second = cells(&slab).saturating_mul(self.item).saturating_add(writing);
        let per_cell = self.item + self.reading.derived;
        let cells_max = self.share.saturating_sub(self.decoding) / per_cell.max(1);
        let mut read = consolidate(&spec.shape, source, &read_limits(source, &slab), cells_max);
        while within(&read, &spec.shape) > cells_max {
            // a source chunk beside itself decoded is too much: it is decoded for each part
            let Some(longest) = read.iter_mut().find(|n| **n > 1) else { break };
            *longest = longest.div_ceil(2);
        }
        let read: Vec<u64> = read.iter().zip(&spec.shape).map(|(&r, &n)| r.clamp(1, n.max(1))).collect();
        let first = within(&read, &spec.shape).saturating_mul(per_cell).saturating_add(self.decoding);
        let rechunk = Rechunk { intermediate: shared(&read, &slab), read };
        let decodes = self.decodes(&rechunk.read, &rechunk.read);
        let pieces = rechunk.pieces(&spec.shape) as f64 * PIECE;
        let reading = self.byte() * decodes / self.readers(&rechunk.read) + SCRATCH / self.team as f64;
        let cost = array_bytes(spec) * (self.encoded(&slab) + reading) + pieces / self.team as f64;
        Some(Way { slab, worker_bytes: first.max(second), decodes, cost, scratch: Some(rechunk) })
    }

    /// How many threads find source chunks to read for a slab.
    fn readers(&self, slab: &[u64]) -> f64 {
        let sources = slab.iter().zip(&self.reading.chunk).zip(&self.spec.shape);
        let sources: u64 = sources.map(|((&k, &s), &n)| k.min(n).div_ceil(s.max(1)).max(1)).product();
        self.team.min(sources) as f64
    }

    /// How many chunks of a slab of so many are encoded at a time, those of a shard one after the other; and how many
    /// threads work at each.
    fn encoders(&self, chunks: u64) -> (u64, u64) {
        let at_a_time = if self.spec.shard.is_some() { 1 } else { self.team.min(chunks).max(1) };
        let together = at_a_time == 1 && self.spec.encoding.is_over_cells(self.spec.chunk_bytes());
        (at_a_time, if together { self.team } else { 1 })
    }

    /// Bytes while chunks of a slab of so many are encoded.
    fn encodings(&self, chunks: u64) -> u64 {
        let (chunks, threads) = self.encoders(chunks);
        memory::encoding(&self.spec.encoding, self.spec.chunk_bytes(), threads).saturating_mul(chunks)
    }

    /// What it costs to encode a byte.
    fn encoded(&self, slab: &[u64]) -> f64 {
        let chunks = slab.iter().zip(&self.spec.chunk).map(|(s, c)| s / c.max(&1)).product();
        let (chunks, threads) = self.encoders(chunks);
        ENCODED / (chunks * threads) as f64
    }

    /// The largest slab of at most `cells_max` cells, with those of whole chunks beyond the array's end; within a shard one that is written in C order: it grows the last
    /// dimension first, and another one only where all behind it are whole.
    fn slab(&self, cells_max: u64) -> Vec<u64> {
        let spec = self.spec;
        match &spec.shard {
            // whole shards have whole chunks, whatever the array's end
            Some(shard) => consolidate(shard, &spec.chunk, shard, cells_max),
            None => {
                let whole = |(&n, &c): (&u64, &u64)| n.div_ceil(c.max(1)).max(1).saturating_mul(c.max(1));
                let whole: Vec<u64> = spec.shape.iter().zip(&spec.chunk).map(whole).collect();
                consolidate(&whole, &spec.chunk, &whole, cells_max)
            }
        }
    }

    /// What it costs to have a byte of the sources in memory.
    fn byte(&self) -> f64 {
        let decoded = if self.reading.codecs == 0 { STORED } else { INFLATED };
        if self.reading.remote { decoded + FETCHED } else { decoded }
    }

    fn decodes(&self, task: &[u64], slab: &[u64]) -> f64 {
        let whole = decodes(self.pieces, &self.reading.chunk, &self.spec.shape, task, slab);
        if !self.reading.raw || self.reading.remote {
            return whole;
        }
        whole.min(self.runs(slab).0)
    }

    /// How often a byte is read on average, and in how many reads in all, where only runs are read.
    fn runs(&self, slab: &[u64]) -> (f64, f64) {
        let (chunk, shape) = (&self.reading.chunk, &self.spec.shape);
        let wanted: Vec<u64> =
            slab.iter().zip(chunk).zip(shape).map(|((&k, &c), &n)| k.min(c).min(n).max(1)).collect();
        let (read, reads) = runs(chunk, wanted.clone(), self.item);
        let cells_wanted = cells(&wanted) as f64;
        (read / cells_wanted, reads * cells(shape) as f64 / cells_wanted)
    }
}

/// Cells that are read of a chunk that is stored as it is, and in how many reads, for a box in it: those from its first
/// to its last cell where at least half are wanted or they are few, else half of the box at a time.
fn runs(chunk: &[u64], mut wanted: Vec<u64>, item: u64) -> (f64, f64) {
    let (mut span, mut stride) = (1_u64, 1_u64);
    for (&c, &w) in chunk.iter().zip(&wanted).rev() {
        span = span.saturating_add((w - 1).saturating_mul(stride));
        stride = stride.saturating_mul(c);
    }
    let near = span <= cells(&wanted).saturating_mul(2) || span.saturating_mul(item) <= memory::NEAR_BYTES;
    match wanted.iter_mut().find(|w| **w > 1) {
        Some(longest) if !near => {
            let (whole, half) = (*longest, longest.div_ceil(2));
            *longest = half;
            let (read, reads) = runs(chunk, wanted, item);
            let halves = whole as f64 / half as f64;
            (read * halves, reads * halves)
        }
        _ => (span as f64, 1.0),
    }
}

/// Decoded bytes of an array.
fn array_bytes(spec: &ArraySpec) -> f64 {
    cells(&spec.shape).saturating_mul(spec.dtype.size_estimate()) as f64
}

/// Chunks along every dimension that `count` gives for a source chunk's length and a chunk's; at most the array.
fn ratios(source: &[u64], chunk: &[u64], shape: &[u64], count: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    let one = |((&s, &c), &n): ((&u64, &u64), &u64)| {
        let (c, most) = (c.max(1), n.div_ceil(c.max(1)).max(1));
        count(s.clamp(1, n.max(1)), c).clamp(1, most)
    };
    source.iter().zip(chunk).zip(shape).map(one).collect()
}

/// Chunks until a chunk's end is a source chunk's end again.
fn common(source: u64, chunk: u64) -> u64 {
    let (mut a, mut b) = (source, chunk);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    source / a.max(1)
}

/// Within a shard inner chunks are written in C order: the first dimension that a source chunk spans is taken in
/// steps of what it spans, all dimensions behind it whole, those before it one chunk at a time.
fn streamed(ratio: &[u64], shard: &[u64], chunk: &[u64]) -> Vec<u64> {
    let first = ratio.iter().position(|&r| r > 1).unwrap_or(ratio.len());
    let whole = shard.iter().zip(chunk).map(|(s, c)| s / c.max(&1));
    whole
        .enumerate()
        .zip(ratio)
        .map(|((d, whole), &r)| match d.cmp(&first) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => r.min(whole),
            std::cmp::Ordering::Greater => whole,
        })
        .collect()
}

/// How many slabs share cells with a source chunk on average: the product over dimensions, because both are grids.
fn decodes(pieces: &Pieces, source: &[u64], shape: &[u64], task: &[u64], slab: &[u64]) -> f64 {
    let mut product = 1.0;
    for (dim, ((&n, &s), (&t, &k))) in shape.iter().zip(source).zip(task.iter().zip(slab)).enumerate() {
        let (s, t, k) = (s.max(1), t.max(1), k.max(1));
        if s == 1 {
            continue;
        }
        let number = |cell: u64| u128::from(cell / t) * u128::from(t.div_ceil(k)) + u128::from(cell % t / k);
        let whole = Along::of_one(dim, n);
        let along = pieces.along.iter().find(|a| a.dim == dim).unwrap_or(&whole);
        let (mut chunks, mut touched) = (0_u64, 0_u128);
        for segment in along.segments.iter().filter(|s| s.key.is_some()) {
            let (mut from, end) = (segment.start, segment.start + segment.count);
            // the first chunk of the file may be cut
            let mut room = if segment.reversed { s } else { s - segment.first % s };
            while from < end {
                let to = from.saturating_add(room).min(end);
                touched += number(to - 1) - number(from) + 1;
                chunks += 1;
                (from, room) = (to, s);
            }
        }
        if chunks > 0 {
            product *= touched as f64 / chunks as f64;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_in_runs() {
        // chunk, wanted of it, bytes of a cell: cells read, reads; the rows of `gather::raw`, which reads so
        type Row = (&'static [u64], &'static [u64], u64, f64, f64);
        let rows: &[Row] = &[
            (&[], &[], 4, 1.0, 1.0),
            (&[100], &[10], 4, 10.0, 1.0),
            (&[10, 100], &[10, 100], 8, 1000.0, 1.0),
            (&[10, 100], &[2, 10], 8, 110.0, 1.0),
            (&[16, 1 << 20], &[16, 1000], 4, 16_000.0, 16.0),
            (&[4, 16, 1 << 16], &[2, 4, 1 << 16], 4, 524_288.0, 2.0),
            (&[16, 1000], &[16, 600], 4, 15_600.0, 1.0),
        ];
        for (chunk, wanted, item, read, reads) in rows {
            assert_eq!(runs(chunk, wanted.to_vec(), *item), (*read, *reads), "{wanted:?} of {chunk:?}");
        }
    }
}

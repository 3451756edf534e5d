//! A container written over the cells that it is made of.
//!
//! Blocks are independent: runs of them are encoded, each by c-blosc as a container of its own and several at a time where there
//! are threads for it, and put where the cells of the blocks before were. The bytes are those of
//! [`encode`](super::encode), but there is only one chunk in memory.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use arcoforge_core::codec::Blosc;
use arcoforge_core::error::{Code, Error, Result};

use super::{Encoder, HEADER, decode};

/// Bytes of cells that are encoded at a time by one thread; at the end up to twice as many.
const RUN_BYTES: usize = 1 << 20;
/// Runs for each of several threads, between one moment when all wait for the slowest and the next.
const RUNS_PER_THREAD: usize = 2;
/// The flag of a container whose cells are stored as they are.
const COPIED: u8 = 2;
/// The flag of a container whose blocks are not divided into the bytes of their elements.
const WHOLE_BLOCKS: u8 = 0x10;

/// Encodes the cells in their own memory on `threads` threads and returns the container's length: it is what `cells` then
/// begins with. `buffers` live on. `None` where the cells are too few to be worth it; they are as they were then.
pub(crate) fn encode_over(
    blosc: &Blosc,
    cells: &mut Vec<u8>,
    buffers: &mut Vec<Vec<u8>>,
    threads: usize,
) -> Result<Option<usize>> {
    let encoder = Encoder::new(blosc, cells.len())?;
    let together = if threads > 1 { threads * RUNS_PER_THREAD } else { 1 };
    buffers.resize_with(together.max(buffers.len()), Vec::new);
    let Some(head) = buffers.first_mut() else { return Ok(None) };
    // no room for anything but the header
    if encoder.run(cells, head, HEADER)? != 0 {
        return Ok(None);
    }
    let Some(layout) = Layout::of(head, cells.len()) else { return Ok(None) };
    if layout.head[2] & COPIED != 0 {
        return Ok(Some(layout.copied(cells)));
    }
    let mut over = Over { cells, written: 0, waiting: vec![0; layout.head_bytes()] };
    let mut starts = Vec::with_capacity(layout.blocks());
    let mut next = 0;
    while next < over.cells.len() {
        let runs = layout.runs(next, together);
        layout.encode_runs(&encoder, over.cells, &runs, buffers, threads)?;
        for (range, run) in runs.into_iter().zip(&mut *buffers) {
            if !layout.fits(&encoder, &over, range.clone(), run)? {
                over.restore(&layout, &starts, run)?;
                return Ok(Some(layout.copied(over.cells)));
            }
            let body = HEADER + 4 * range.len().div_ceil(layout.block_bytes);
            for start in run[HEADER..body].as_chunks::<4>().0 {
                starts.push(over.len() + u32::from_le_bytes(*start) as usize - body);
            }
            over.push(&run[body..], range.end);
            next = range.end;
        }
    }
    let len = over.end();
    layout.finish(cells, &starts, len);
    Ok(Some(len))
}

/// How cells are divided into blocks, by the header of their container.
struct Layout {
    head: [u8; HEADER],
    bytes: usize,
    block_bytes: usize,
}

impl Layout {
    /// `None` where there is but one run of blocks.
    fn of(head: &[u8], bytes: usize) -> Option<Self> {
        let head = *head.first_chunk::<HEADER>()?;
        let block_bytes = block_bytes(&head);
        let layout = Self { head, bytes, block_bytes };
        (block_bytes > 0 && layout.run_end(0) < bytes).then_some(layout)
    }

    fn blocks(&self) -> usize {
        self.bytes.div_ceil(self.block_bytes)
    }

    /// Bytes before the first block: the header and where every block begins.
    fn head_bytes(&self) -> usize {
        HEADER + 4 * self.blocks()
    }

    /// Where the run ends that begins at `from`. The last takes up to twice as much: what is left at the end, which is
    /// encoded in another way, is never the first block of a run.
    fn run_end(&self, from: usize) -> usize {
        let run = (RUN_BYTES / self.block_bytes).max(1) * self.block_bytes;
        if self.bytes - from < 2 * run { self.bytes } else { from + run }
    }

    /// At most `count` runs, from `next` on.
    fn runs(&self, next: usize, count: usize) -> Vec<Range<usize>> {
        let run = |from: usize| (from < self.bytes).then(|| from..self.run_end(from));
        std::iter::successors(run(next), |before| run(before.end)).take(count).collect()
    }

    /// Most bytes of the blocks of a run.
    fn most(&self, cells: &[u8]) -> usize {
        let blocks = cells.len().div_ceil(self.block_bytes);
        let lengths = if self.head[2] & WHOLE_BLOCKS != 0 { 1 } else { usize::from(self.head[3]) };
        cells.len() + 4 * lengths * blocks
    }

    /// Encodes runs, each into a buffer and with all the room that it may need; what can't be compressed leaves an empty one.
    fn encode_runs(
        &self,
        encoder: &Encoder<'_>,
        cells: &[u8],
        runs: &[Range<usize>],
        buffers: &mut [Vec<u8>],
        threads: usize,
    ) -> Result<()> {
        let queue = Mutex::new(runs.iter().zip(buffers));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || -> Result<()> {
            while let Some((range, run)) = next() {
                let cells = &cells[range.clone()];
                if !self.encode_run(encoder, cells, self.most(cells), run)? {
                    run.clear();
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads.min(runs.len())).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = helpers.into_iter().map(|helper| match helper.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.fold(own, Result::and)
        })
    }

    /// Whether an encoded run has room behind those before it. Where that is less than any run could need, c-blosc has to
    /// know: it is encoded again.
    fn fits(
        &self,
        encoder: &Encoder<'_>,
        over: &Over<'_>,
        range: Range<usize>,
        run: &mut Vec<u8>,
    ) -> Result<bool> {
        let cells = &over.cells[range];
        let room = (self.bytes + HEADER).saturating_sub(over.len());
        if run.is_empty() || room >= self.most(cells) {
            return Ok(!run.is_empty());
        }
        self.encode_run(encoder, cells, room, run)
    }

    /// Encodes some blocks as a container of their own; false where they need more than `room` bytes without header.
    fn encode_run(
        &self,
        encoder: &Encoder<'_>,
        cells: &[u8],
        room: usize,
        run: &mut Vec<u8>,
    ) -> Result<bool> {
        let blocks = cells.len().div_ceil(self.block_bytes);
        let encoded = encoder.run(cells, run, HEADER + 4 * blocks + self.most(cells).min(room))?;
        let head = run.first_chunk::<HEADER>().unwrap_or(&self.head);
        if encoded == 0 || head[2] == self.head[2] | COPIED {
            return Ok(false);
        }
        if head[..4] != self.head[..4] || block_bytes(head) != self.block_bytes {
            let (found, expected) = (block_bytes(head), self.block_bytes);
            return Err(Error::new(
                Code::Bug,
                format!("`blosc` made blocks of {found} bytes, expected {expected}"),
            ));
        }
        Ok(true)
    }

    /// The container of cells that can't be compressed.
    fn copied(&self, cells: &mut Vec<u8>) -> usize {
        let len = self.bytes + HEADER;
        cells.reserve_exact(HEADER);
        cells.resize(len, 0);
        cells.copy_within(..self.bytes, HEADER);
        self.finish(cells, &[], len);
        if let Some(flags) = cells.get_mut(2) {
            *flags |= COPIED;
        }
        len
    }

    /// Puts the header and the starts of blocks in front.
    fn finish(&self, cells: &mut [u8], starts: &[usize], len: usize) {
        let [head @ .., _, _, _, _] = &self.head;
        let numbers = std::iter::once(&len).chain(starts).flat_map(|n| (*n as u32).to_le_bytes());
        for (to, byte) in cells.iter_mut().zip(head.iter().copied().chain(numbers)) {
            *to = byte;
        }
    }

    /// The container of one block that was encoded to `bytes` bytes, without these.
    fn of_one(&self, bytes: usize) -> [u8; HEADER + 4] {
        let [version, compressor, flags, item, ..] = self.head;
        let mut head = [version, compressor, flags, item, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let start = HEADER + 4;
        for (to, n) in head[4..].as_chunks_mut::<4>().0.iter_mut().zip([
            self.block_bytes,
            self.block_bytes,
            start + bytes,
            start,
        ]) {
            *to = (n as u32).to_le_bytes();
        }
        head
    }
}

fn block_bytes(head: &[u8; HEADER]) -> usize {
    let [.., a, b, c, d, _, _, _, _] = *head;
    u32::from_le_bytes([a, b, c, d]) as usize
}

/// A container that grows over cells that were encoded.
struct Over<'a> {
    cells: &'a mut Vec<u8>,
    /// Bytes of the container that lie in the place of cells.
    written: usize,
    /// What follows them, until there is room: no more than blocks grow that can't be compressed.
    waiting: Vec<u8>,
}

impl Over<'_> {
    /// Bytes of the container so far.
    fn len(&self) -> usize {
        self.written + self.waiting.len()
    }

    /// Adds bytes to the container; the cells before `encoded` are not needed any more.
    fn push(&mut self, bytes: &[u8], encoded: usize) {
        let waiting = std::mem::take(&mut self.waiting);
        let left = self.put(&waiting, encoded);
        self.waiting = waiting.get(waiting.len() - left.len()..).unwrap_or_default().to_vec();
        let left = if self.waiting.is_empty() { self.put(bytes, encoded) } else { bytes };
        self.waiting.extend_from_slice(left);
    }

    /// Puts what there is room for over the cells before `encoded`, and returns the rest.
    fn put<'b>(&mut self, bytes: &'b [u8], encoded: usize) -> &'b [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(encoded - self.written));
        self.cells[self.written..self.written + now.len()].copy_from_slice(now);
        self.written += now.len();
        later
    }

    /// What waits goes behind, where the container may be longer than the cells by a header. The container's length.
    fn end(self) -> usize {
        let len = self.len();
        if !self.waiting.is_empty() {
            self.cells.reserve_exact(HEADER);
            self.cells.truncate(self.written);
            self.cells.extend_from_slice(&self.waiting);
        }
        len
    }

    /// Decodes the blocks again that begin at `starts`, from the last to the first.
    fn restore(&mut self, layout: &Layout, starts: &[usize], run: &mut Vec<u8>) -> Result<()> {
        for (number, &start) in starts.iter().enumerate().rev() {
            run.clear();
            run.extend_from_slice(&layout.of_one(self.len() - start));
            run.extend_from_slice(&self.cells[start.min(self.written)..self.written]);
            let kept = start.saturating_sub(self.written);
            run.extend_from_slice(&self.waiting[kept..]);
            self.waiting.truncate(kept);
            self.written = self.written.min(start);
            let place = number * layout.block_bytes;
            if self.written > place {
                // the end of the block before
                self.waiting.splice(..0, self.cells[place..self.written].iter().copied());
                self.written = place;
            }
            decode(run, &mut self.cells[place..place + layout.block_bytes])?;
        }
        Ok(())
    }
}

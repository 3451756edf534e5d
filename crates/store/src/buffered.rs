//! Aligned blocks of an object, kept: so that parsing metadata costs few reads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::Result;

use crate::keyed::Keyed;
use crate::local::lock;
use crate::object::{Access, Beside, Object, Validator, check_range, read_range};

/// Bytes of a block and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockOptions {
    /// Bytes of one block.
    pub block_bytes: usize,
    /// Blocks that are kept; the one used longest ago goes first.
    pub blocks_max: usize,
}

impl BlockOptions {
    /// For files of this machine: small blocks, since a read costs microseconds.
    pub const LOCAL: Self = Self { block_bytes: 64 * 1024, blocks_max: 16 };
    /// For objects of other machines: large blocks, since a read costs a round trip.
    pub const REMOTE: Self = Self { block_bytes: 512 * 1024, blocks_max: 16 };
}

/// An object read in aligned blocks, some of which are kept. Reads as large as a block pass by it.
///
/// Memory is at most `blocks_max` blocks. A file that is smaller than one block is read once.
#[derive(Debug)]
pub struct Buffered {
    inner: Arc<dyn Object>,
    options: BlockOptions,
    blocks: Mutex<VecDeque<Block>>,
}

/// Bytes from an offset, at least up to the end of the block they were read for.
#[derive(Debug)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn contains(&self, offset: u64) -> bool {
        offset >= self.start && offset - self.start < len(&self.bytes)
    }

    /// The part of `offset..offset + wanted` that begins at `offset` and lies inside.
    fn part(&self, offset: u64, wanted: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(wanted)?.min(self.bytes.len());
        self.bytes.get(from..to).filter(|part| !part.is_empty())
    }
}

impl Buffered {
    /// Wraps an object, with blocks as they suit it; reads nothing yet.
    pub fn new(inner: Arc<dyn Object>) -> Self {
        let options = if inner.is_remote() { BlockOptions::REMOTE } else { BlockOptions::LOCAL };
        Self::with_options(inner, options)
    }

    /// Wraps an object with blocks of a given size (at least one byte, at least one block).
    pub fn with_options(inner: Arc<dyn Object>, options: BlockOptions) -> Self {
        let options =
            BlockOptions { block_bytes: options.block_bytes.max(1), blocks_max: options.blocks_max.max(1) };
        let prefix = inner.take_prefix().filter(|bytes| !bytes.is_empty());
        let blocks = prefix.map(|bytes| Block { start: 0, bytes }).into_iter().collect();
        Self { inner, options, blocks: Mutex::new(blocks) }
    }

    /// The object below.
    pub fn inner(&self) -> &Arc<dyn Object> {
        &self.inner
    }

    /// Forgets all blocks: for objects that are kept open after their metadata was read.
    pub fn clear(&self) {
        lock(&self.blocks).clear();
    }

    /// Copies what a kept block has from `offset` on into `out`; how many bytes that were.
    fn copy_kept(&self, offset: u64, out: &mut [u8]) -> usize {
        let mut blocks = lock(&self.blocks);
        let Some(at) = blocks.iter().position(|block| block.contains(offset)) else { return 0 };
        let Some(part) = blocks.get(at).and_then(|block| block.part(offset, out.len())) else { return 0 };
        let copied = part.len();
        if let Some(target) = out.get_mut(..copied) {
            target.copy_from_slice(part);
        }
        if at + 1 < blocks.len()
            && let Some(block) = blocks.remove(at)
        {
            blocks.push_back(block);
        }
        copied
    }

    /// Reads the block that `offset` lies in.
    fn load(&self, offset: u64) -> Result<()> {
        let block = u64::try_from(self.options.block_bytes).unwrap_or(u64::MAX);
        let start = offset - offset % block;
        let end = start.saturating_add(block).min(self.validator().size);
        let bytes = read_range(&*self.inner, start..end)?;
        let mut blocks = lock(&self.blocks);
        while blocks.len() >= self.options.blocks_max {
            blocks.pop_front();
        }
        blocks.push_back(Block { start, bytes });
        Ok(())
    }

    /// The bytes of a range, where they are kept.
    pub fn kept(&self, range: &Range<u64>) -> Option<Vec<u8>> {
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let blocks = lock(&self.blocks);
        let part = blocks.iter().find_map(|block| block.part(range.start, length))?;
        (part.len() == length).then(|| part.to_vec())
    }
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl Object for Buffered {
    fn url(&self) -> &str {
        self.inner.url()
    }

    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        self.inner.place(offset)
    }

    fn keyed(&self) -> Option<&Arc<dyn Keyed>> {
        self.inner.keyed()
    }

    fn end(&self) -> u64 {
        self.inner.end()
    }

    fn validator(&self) -> &Validator {
        self.inner.validator()
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        check_range(self.url(), offset, out.len(), self.validator().size)?;
        let (mut offset, mut out) = (offset, out);
        while !out.is_empty() {
            let copied = self.copy_kept(offset, out);
            if copied == 0 {
                if out.len() >= self.options.block_bytes {
                    return self.inner.read_into(offset, out);
                }
                self.load(offset)?;
                continue;
            }
            out = out.get_mut(copied..).unwrap_or_default();
            offset = offset.saturating_add(u64::try_from(copied).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let mut out: Vec<Option<Vec<u8>>> = ranges.iter().map(|range| self.kept(range)).collect();
        let missing: Vec<Range<u64>> = ranges
            .iter()
            .zip(&out)
            .filter(|(_, kept)| kept.is_none())
            .map(|(range, _)| range.clone())
            .collect();
        let mut read = self.inner.read_ranges(&missing)?.into_iter();
        for slot in out.iter_mut().filter(|slot| slot.is_none()) {
            *slot = read.next();
        }
        Ok(out.into_iter().flatten().collect())
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn beside(&self, file: Beside) -> Option<Vec<u8>> {
        self.inner.beside(file)
    }

    fn access(&self) -> Access {
        self.inner.access()
    }
}

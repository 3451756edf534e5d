//! Parts of files that only the format's reader can decode: records that a variable does not have, odd precisions; and
//! blocks that are in hand already.

use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::Region;
use arcoforge_core::error::Result;
use arcoforge_core::steps::Mapped;

use super::Worker;
use crate::survey::{Surveyed, read_leaf};

/// Reads a box of a plain variable by the format's reader.
pub(super) fn read(
    worker: &mut Worker,
    surveyed: &Surveyed,
    mapped: &Mapped,
    cells: &Region,
) -> Result<Block> {
    let reader = arcoforge_read::open(Arc::clone(&surveyed.object))?;
    let block = read_leaf(reader.as_ref(), mapped, cells)?;
    worker.bytes_read += block.bytes().map_or(0, |bytes| bytes.len() as u64);
    Ok(block)
}

//! Values of a region: fields fetched, decoded and put in place.

use arcoforge_codec::{Scratch, can_hold, decode};
use arcoforge_core::block::{Block, scalar_to_le};
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::Variable;
use arcoforge_store::Object;
use arcoforge_store::object::read_range;

use crate::gather::{copy_region, fill_region};

/// Most bytes of one region.
const REGION_BYTES_MAX: u64 = 64 << 30;

/// A region of an array in hand.
pub(super) fn cut(variable: &Variable, bytes: &[u8], region: &Region) -> Result<Block> {
    let size = variable.dtype.size().unwrap_or(8);
    let mut out = buffer(region, size)?;
    let target = Region::whole(&region.shape());
    copy_region(bytes, &variable.shape, region, &mut out, &region.shape(), &target, size)?;
    Ok(Block::from_bytes(variable.dtype, region.shape(), out))
}

/// A region of a variable of fields.
pub(super) fn fields(
    object: &dyn Object,
    variable: &Variable,
    (chunk, encoding, unwritten): (&[u64], &Encoding, &Scalar),
    refs: &[ChunkRef],
    region: &Region,
) -> Result<Block> {
    let size = variable.dtype.size().unwrap_or(4);
    let mut out = buffer(region, size)?;
    let shape = region.shape();
    let grid = ChunkGrid::new(variable.shape.clone(), chunk.to_vec());
    let mut scratch = Scratch::default();
    let mut decoded = Vec::new();
    let mut fill = Vec::new();
    scalar_to_le(variable.dtype, unwritten, &mut fill);
    for index in indices(&grid.covering(region)) {
        let cells = grid.region(&index);
        let Some(part) = cells.intersect(region) else { continue };
        let target = part.relative_to(&region.start());
        let number = usize::try_from(grid.flat(&index)).unwrap_or(usize::MAX);
        match refs.get(number) {
            Some(ChunkRef::Stored { offset, bytes, filter_mask }) => {
                let end = offset.saturating_add(*bytes);
                let stored = read_range(object, *offset..end)?;
                let length = cells.cells().saturating_mul(size as u64);
                can_hold(encoding, *filter_mask, stored.len(), length)?;
                decoded.clear();
                decoded.resize(usize::try_from(length).unwrap_or(0), 0);
                decode(encoding, size, *filter_mask, &stored, &mut decoded, &mut scratch)?;
                let source = part.relative_to(&cells.start());
                copy_region(&decoded, &cells.shape(), &source, &mut out, &shape, &target, size)?;
            }
            _ => fill_region(&mut out, &shape, &target, &fill)?,
        }
    }
    Ok(Block::from_bytes(variable.dtype, shape, out))
}

fn buffer(region: &Region, size: usize) -> Result<Vec<u8>> {
    let bytes = region.cells().saturating_mul(size as u64);
    if bytes > REGION_BYTES_MAX {
        let message = format!("found a region of {bytes} bytes, {REGION_BYTES_MAX} are the most");
        return Err(Error::new(Code::SourceLimit, message));
    }
    Ok(vec![0; usize::try_from(bytes).unwrap_or(0)])
}

//! Where every chunk of an array is, of a shard by its index.

use arcoforge_codec::Scratch;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, indices};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Held, Keyed, Located};

use super::dims::join;
use super::load::{ABSENT, read_index};
use super::meta::{ArrayMeta, Shard};

/// Keys that are asked for at a time.
const KEYS: usize = 4096;
/// Chunks of one array; as many references take 400 MB before they are packed.
const CHUNKS_MAX: u64 = 1 << 24;

/// The chunks (of shards the inner ones) in C order of their grid.
pub(super) fn all(store: &dyn Keyed, array: &ArrayMeta, path: &str) -> Result<Vec<ChunkRef>> {
    let (outer, chunks) = (array.outer_grid(), ChunkGrid::new(array.shape.clone(), array.chunk.clone()));
    if chunks.len() > CHUNKS_MAX {
        let message = format!("found {} chunks, more than the limit of {CHUNKS_MAX}", chunks.len());
        return Err(Error::new(Code::SourceLimit, message));
    }
    let mut found = vec![ChunkRef::Unallocated; usize::try_from(chunks.len()).unwrap_or(0)];
    let mut numbers = 0..outer.len();
    loop {
        let part: Vec<Vec<u64>> = numbers.by_ref().take(KEYS).map(|number| outer.index(number)).collect();
        if part.is_empty() {
            return Ok(found);
        }
        let keys: Vec<String> = part.iter().map(|index| join(path, &array.keys.key(index))).collect();
        let located = store.locate(&keys)?;
        for ((index, key), located) in part.iter().zip(&keys).zip(located) {
            let Some(located) = located else { continue };
            let Some(shard) = array.shard else {
                put(&mut found, chunks.flat(index), reference(located))?;
                continue;
            };
            inner(store, (array, shard), key, &located, &mut |inner, offset, bytes| {
                let per_shard = array.inner_grid().counts();
                let at: Vec<u64> =
                    index.iter().zip(&per_shard).zip(inner).map(|((o, n), i)| o * n + i).collect();
                // chunks of the last shards may lie beyond the array
                let inside = at.iter().zip(chunks.counts()).all(|(at, count)| *at < count);
                let stored = ChunkRef::Stored { offset, bytes, filter_mask: 0 };
                if inside { put(&mut found, chunks.flat(&at), stored) } else { Ok(()) }
            })
            .map_err(|e| e.in_chunk(index))?;
        }
    }
}

fn put(found: &mut [ChunkRef], number: u64, reference: ChunkRef) -> Result<()> {
    let slot = usize::try_from(number).ok().and_then(|number| found.get_mut(number));
    *slot.ok_or_else(|| Error::new(Code::Bug, "found a chunk outside of its array"))? = reference;
    Ok(())
}

fn reference(located: Located) -> ChunkRef {
    match located {
        Located::Bytes(bytes) => ChunkRef::Inline(bytes),
        Located::Range(offset, bytes) => ChunkRef::Stored { offset, bytes, filter_mask: 0 },
    }
}

/// What is told of an inner chunk.
type Tell<'a> = dyn FnMut(&[u64], u64, u64) -> Result<()> + 'a;

/// Tells the inner chunks that a shard holds: index in the shard, first byte in the whole, and how many.
fn inner(
    store: &dyn Keyed,
    (array, shard): (&ArrayMeta, Shard),
    key: &str,
    located: &Located,
    tell: &mut Tell<'_>,
) -> Result<()> {
    let Located::Range(start, bytes) = located else {
        return Err(Error::new(Code::SourceUnsupported, "found a shard within the references"));
    };
    let held: Option<Held> = store.get(key)?;
    let held = held.ok_or_else(|| Error::new(Code::SourceChanged, "a shard is not there any more"))?;
    let grid = array.inner_grid();
    let entries = read_index(&held, shard, grid.len(), &mut Scratch::new())?;
    for (index, entry) in
        indices(&grid.covering(&arcoforge_core::chunk::Region::whole(&array.outer))).zip(entries)
    {
        if entry == ABSENT {
            continue;
        }
        let (offset, length) = entry;
        if offset.checked_add(length).is_none_or(|end| end > *bytes) {
            let message =
                format!("found a reference to {length} bytes from {offset} on in a shard of {bytes}");
            return Err(Error::new(Code::SourceCorrupt, message));
        }
        tell(&index, start + offset, length)?;
    }
    Ok(())
}

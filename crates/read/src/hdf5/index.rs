//! Where every chunk of a dataset lies: all of HDF5's chunk indices as one list in C order.

use arcoforge_core::chunk::{ChunkGrid, ChunkRef};
use hdf5_reader::btree_v1::{BTreeV1Key, collect_btree_v1_leaves_storage};
use hdf5_reader::chunk_index::{
    ChunkEntry, collect_implicit_chunk_entries, collect_v2_chunk_entries_storage, single_chunk_entry,
};
use hdf5_reader::extensible_array::collect_extensible_array_chunk_entries_storage;
use hdf5_reader::fixed_array::collect_fixed_array_chunk_entries_storage;
use hdf5_reader::messages::layout::ChunkIndexing;

use super::dataset::{Dataset, Layout};
use super::fault::{Parsed, corrupt, unsupported};
use super::file::File;
use super::sums;

/// Most chunks of one dataset.
const CHUNKS_MAX: u64 = 1 << 25;
/// As many chunks may have been written nowhere, whatever the file's size.
const SPARSE_CHUNKS_MAX: u64 = 1 << 21;
/// Bytes of the file that a chunk takes at least: an address in the index.
const INDEXED_BYTES_MIN: u64 = 8;

/// Every chunk of [`Dataset::grid`], in C order. Offsets count from the file's first byte.
pub(super) fn chunk_refs(file: &File, dataset: &Dataset) -> Parsed<Vec<ChunkRef>> {
    let grid = dataset.grid();
    check_count(file, &grid)?;
    match &dataset.layout {
        Layout::Compact(data) => Ok(vec![ChunkRef::Inline(data.clone()); grid.len() as usize]),
        Layout::Contiguous(None) => Ok(vec![ChunkRef::Unallocated; grid.len() as usize]),
        Layout::Contiguous(Some(address)) => rows(file, &grid, dataset.element.size as u64, *address),
        Layout::Chunked { chunk, address, index, plain_edges } => {
            let Some(address) = address else {
                return Ok(vec![ChunkRef::Unallocated; grid.len() as usize]);
            };
            let entries =
                if grid.is_empty() { Vec::new() } else { entries(file, dataset, chunk, *address, index)? };
            place(file, dataset, &grid, &entries, *plain_edges)
        }
    }
}

/// Refuses a grid that is too large to be listed: a few bytes can declare more chunks than memory holds.
pub(super) fn check_count(file: &File, grid: &ChunkGrid) -> Parsed<()> {
    let size = file.object.validator().size;
    let limit = (size / INDEXED_BYTES_MIN).clamp(SPARSE_CHUNKS_MAX, CHUNKS_MAX);
    match grid.len() {
        count if count > limit => {
            unsupported(format!("has {count} chunks, more than {limit} in a file of {size} bytes"))
        }
        _ => Ok(()),
    }
}

/// Rows of a contiguous array: offsets by arithmetic. Rows at the end hold only what is inside the array.
fn rows(file: &File, grid: &ChunkGrid, element_bytes: u64, address: u64) -> Parsed<Vec<ChunkRef>> {
    let mut steps = vec![element_bytes; grid.shape.len()];
    let mut bytes = element_bytes;
    for (step, &n) in steps.iter_mut().zip(&grid.shape).rev() {
        *step = bytes;
        bytes = bytes.saturating_mul(n);
    }
    let refs = (0..grid.len()).map(|flat| {
        let region = grid.region(&grid.index(flat));
        let start: u64 = region.0.iter().zip(&steps).map(|(r, &step)| r.start.saturating_mul(step)).sum();
        stored(file, address.saturating_add(start), region.cells().saturating_mul(element_bytes), 0)
    });
    refs.collect()
}

/// A reference to bytes that lie inside the file.
fn stored(file: &File, address: u64, bytes: u64, filter_mask: u32) -> Parsed<ChunkRef> {
    let offset = address.saturating_add(file.base);
    let size = file.object.validator().size;
    if offset.saturating_add(bytes) > size {
        return corrupt(format!(
            "found a chunk at bytes {offset}..{} in a file of {size} bytes",
            offset.saturating_add(bytes)
        ));
    }
    Ok(ChunkRef::Stored { offset, bytes, filter_mask })
}

fn entries(
    file: &File,
    dataset: &Dataset,
    chunk: &[u32],
    address: u64,
    index: &Option<ChunkIndexing>,
) -> Parsed<Vec<ChunkEntry>> {
    let (storage, offsets, lengths) = (file.storage(), file.offset_size, file.length_size);
    let shape = dataset.space.shape.as_slice();
    let max = dataset.space.max.as_deref().filter(|max| max.len() == shape.len());
    // libhdf5 numbers the chunks of fixed arrays and of implicit indices over the maximal extent
    let limit: Vec<u64> = match max {
        Some(max) => shape.iter().zip(max).map(|(&n, &m)| if m == u64::MAX { n } else { n.max(m) }).collect(),
        None => shape.to_vec(),
    };
    let rank = shape.len();
    Ok(match index {
        None => btree_v1(file, address, rank, chunk)?,
        Some(ChunkIndexing::SingleChunk { filtered_size, filters }) => {
            vec![single_chunk_entry(address, *filtered_size, *filters, rank)]
        }
        Some(ChunkIndexing::Implicit) => {
            collect_implicit_chunk_entries(address, &limit, chunk, dataset.element.size, None, storage.len())?
        }
        Some(ChunkIndexing::FixedArray { .. }) => {
            sums::fixed_array(file, address)?;
            collect_fixed_array_chunk_entries_storage(
                storage, address, offsets, lengths, &limit, chunk, None,
            )?
        }
        Some(ChunkIndexing::ExtensibleArray { .. }) => {
            sums::extensible_array(file, address)?;
            collect_extensible_array_chunk_entries_storage(
                storage, address, offsets, lengths, shape, max, chunk, None,
            )?
        }
        Some(ChunkIndexing::BTreeV2) => {
            collect_v2_chunk_entries_storage(storage, address, offsets, lengths, rank as u32, chunk, None)?
        }
    })
}

fn btree_v1(file: &File, address: u64, rank: usize, chunk: &[u32]) -> Parsed<Vec<ChunkEntry>> {
    let (offset_size, length_size) = (file.offset_size, file.length_size);
    let leaves = collect_btree_v1_leaves_storage(
        file.storage(),
        address,
        offset_size,
        length_size,
        Some(rank as u32),
        chunk,
        None,
    )?;
    let mut entries = Vec::with_capacity(leaves.len());
    for (key, address) in leaves {
        let BTreeV1Key::RawData { chunk_size, filter_mask, mut offsets } = key else {
            return corrupt("index of chunks holds keys of a group");
        };
        offsets.truncate(rank);
        entries.push(ChunkEntry { address, size: u64::from(chunk_size), filter_mask, offsets });
    }
    Ok(entries)
}

/// Entries of an index to the list in C order; those outside the extent (left from a larger one) are passed over.
fn place(
    file: &File,
    dataset: &Dataset,
    grid: &ChunkGrid,
    entries: &[ChunkEntry],
    plain_edges: bool,
) -> Parsed<Vec<ChunkRef>> {
    let plain_bytes = dataset.chunk_bytes();
    let mut refs = vec![ChunkRef::Unallocated; grid.len() as usize];
    let counts = grid.counts();
    for entry in entries {
        if entry.offsets.len() != counts.len() || file.is_undefined(entry.address) {
            continue;
        }
        if entry.offsets.iter().zip(&grid.chunk).any(|(&offset, &n)| offset % n != 0) {
            return corrupt(format!(
                "found a chunk at cell {:?}, not a multiple of {:?}",
                entry.offsets, grid.chunk
            ));
        }
        let index: Vec<u64> = entry.offsets.iter().zip(&grid.chunk).map(|(&offset, &n)| offset / n).collect();
        if index.iter().zip(&counts).any(|(i, n)| i >= n) {
            continue;
        }
        let is_edge =
            index.iter().zip(&grid.chunk).zip(&grid.shape).any(|((&i, &n), &end)| (i + 1) * n > end);
        let plain = dataset.codecs.is_empty() || (plain_edges && is_edge);
        let (bytes, mask) = if plain { (plain_bytes, u32::MAX) } else { (entry.size, entry.filter_mask) };
        let mask = if dataset.codecs.is_empty() { 0 } else { mask };
        let flat = grid.flat(&index) as usize;
        match refs.get_mut(flat) {
            Some(slot @ ChunkRef::Unallocated) => *slot = stored(file, entry.address, bytes, mask)?,
            _ => return corrupt(format!("found chunk {index:?} twice in the index")),
        }
    }
    Ok(refs)
}

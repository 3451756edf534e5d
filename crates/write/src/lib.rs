//! Zarr version 3 and version 2 as targets: metadata, keys, chunks, shards and their publication; and references to
//! chunks that stay in their files.
//!
//! The last station of a bake: `run` decodes and encodes blocks, this crate says under which key they lie and what
//! the metadata around them is, and puts them where readers see the old dataset or the new one, never a half.
//! What is written follows the Zarr specifications (v2; v3 core with `sharding_indexed`) and, where these are silent,
//! what zarr-python and xarray write and read: `_FillValue`, dimension names, text, consolidated metadata.
//!
//! ```
//! use arcoforge_core::recipe::TargetFormat;
//! use arcoforge_write::{ShardWriter, caps, encode_text};
//!
//! assert!(caps(TargetFormat::Zarr3).codecs.contains(&"zstd"));
//! assert_eq!(encode_text(&["é"])?, [1, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9]);
//!
//! let mut bytes = Vec::new();
//! let mut shard = ShardWriter::new(&mut bytes, "sst/c/0", 2);
//! shard.append(b"chunk")?;
//! shard.skip()?;
//! let written = shard.finish()?;
//! assert_eq!(written.map(|w| w.bytes), Some(5 + 2 * 16 + 4));
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```
//!
//! It never knows a source, and neither encodes nor chooses chunks.

mod bucket;
mod check;
mod codecs;
mod json;
mod kerchunk;
mod keys;
mod local;
mod objects;
mod shard;
mod text;
mod v2;
mod v3;

use arcoforge_core::error::Result;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::Dataset;

pub use bucket::BucketStore;
pub use codecs::caps;
pub use kerchunk::{JsonReferences, parquet_metadata, parquet_objects};
pub use keys::{absent_value, chunk_at, chunk_key, chunks_per_shard, inner_grid, shard_chunks};
pub use local::{
    LOCK, LocalStore, Published, RECEIPTS_BEFORE, bakes_in, check_place, check_target, cut_short,
    partial_files, remove_bake, remove_working_folder, working_folder,
};
pub use objects::{Objects, ShardStream, Version};
pub use shard::{ShardIndex, ShardWriter, Written, shard_index, write_chunk};
pub use text::encode_text;

/// One object of a store: its key and its bytes.
pub type KeyValue = (String, Vec<u8>);

/// Every metadata object of `dataset`, consolidated metadata included, in the order of writing: what makes the store
/// visible comes last (v3 `zarr.json` of the root, v2 `.zgroup` and `.zmetadata`).
///
/// Every group has the consolidated metadata of what lies below it, so that opening a group needs one read too.
///
/// # Errors
/// `target-unsupported` where the format can't hold a name, a fill value, a codec or shards; `output-invalid` where a
/// shard is not a multiple of its chunk; `bug` where the dataset contradicts itself.
pub fn metadata(dataset: &Dataset) -> Result<Vec<KeyValue>> {
    check::dataset(dataset)?;
    match dataset.format.metadata() {
        // a snapshot is what consolidated metadata stands for
        TargetFormat::Zarr3 => v3::metadata(dataset, !dataset.format.is_icechunk()),
        _ => v2::metadata(dataset),
    }
}

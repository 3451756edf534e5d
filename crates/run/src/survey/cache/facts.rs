//! What a survey takes from one input.

use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRefs, Region};
use arcoforge_core::schema::{Format, Schema};
use arcoforge_store::Validator;
use xxhash_rust::xxh3::Xxh3;

use crate::survey::add;

/// What is known of one input, as its reader said it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// What told its version from outside, before it was opened.
    pub(crate) version: Validator,
    /// The name that it has once it is open.
    pub(crate) url: Arc<str>,
    /// The validator that it has once it is open.
    pub(crate) validator: Validator,
    /// What the file is.
    pub(crate) format: Format,
    /// Its schema.
    pub(crate) schema: Arc<Schema>,
    /// Where chunks of variables are.
    pub(crate) refs: Vec<(Arc<str>, ChunkRefs)>,
    /// Values that were read.
    pub(crate) values: Vec<(Arc<str>, Region, Arc<Block>)>,
    /// Digests of values that are too large to be kept, by what they are of.
    pub(crate) digests: Vec<(u128, u128)>,
    /// Checksums that the file was found to have.
    pub(crate) checksums: Vec<String>,
}

/// A digest of type, shape and values.
pub(super) fn block_digest(block: &Block) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(block.dtype.name().as_bytes());
    block.shape.iter().for_each(|length| hash.update(&length.to_le_bytes()));
    add(&mut hash, block);
    hash.digest128()
}

//! The dataset to write, as data: what a target's module turns into metadata and keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attrs::Attrs;
use crate::chunk::ChunkGrid;
use crate::codec::{Codec, Encoding};
use crate::dtype::{DataType, Scalar};
use crate::recipe::TargetFormat;

/// A whole dataset as it will be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// What the target is.
    pub format: TargetFormat,
    /// Attributes of the root group.
    pub attrs: Attrs,
    /// Groups below the root, parents first, with their attributes. Complete: every array's group is listed.
    pub groups: Vec<(String, Attrs)>,
    /// Arrays, in the order of the dataset.
    pub arrays: Vec<Arc<ArraySpec>>,
}

/// One array as it will be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArraySpec {
    /// Full path without a leading slash.
    pub name: String,
    /// Dimension names as a reader sees them (without group paths), outermost first.
    pub dims: Vec<String>,
    /// Length of every dimension.
    pub shape: Vec<u64>,
    /// The type of the elements.
    pub dtype: DataType,
    /// Attributes without `_FillValue`.
    pub attrs: Attrs,
    /// The `_FillValue` attribute; cells of this value are masked by readers.
    pub fill: Option<Scalar>,
    /// The value of cells in chunks that are not stored (Zarr's `fill_value`), also where nothing is masked.
    pub unwritten: Scalar,
    /// The shape of one chunk (of an inner chunk, where there are shards).
    pub chunk: Vec<u64>,
    /// The shape of one shard, a multiple of the chunk's.
    pub shard: Option<Vec<u64>>,
    /// From elements to stored bytes of one chunk.
    pub encoding: Encoding,
}

impl ArraySpec {
    /// The grid of (inner) chunks.
    pub fn chunks(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape.clone(), self.chunk.clone())
    }

    /// The grid of stored objects: shards where there are any, else chunks.
    pub fn objects(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape.clone(), self.shard.clone().unwrap_or_else(|| self.chunk.clone()))
    }

    /// Decoded bytes of one (inner) chunk; text counts 16 an element.
    pub fn chunk_bytes(&self) -> u64 {
        self.chunk.iter().fold(self.dtype.size_estimate(), |bytes, &n| bytes.saturating_mul(n))
    }
}

/// What a target can hold, exported as data by the module that writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCaps {
    /// The target.
    pub format: TargetFormat,
    /// [`Codec::name`]s that the target's core specification (or for v2: numcodecs) has, any reader reads them.
    pub codecs: &'static [&'static str],
    /// Names that only some readers know (`numcodecs.*` in Zarr v3).
    pub codecs_extension: &'static [&'static str],
    /// Whether chunks can be put together in shards.
    pub shards: bool,
    /// Whether chunks stay where they are, and the target only says where.
    pub references: bool,
}

impl TargetCaps {
    /// Whether every codec has a name in the target; with `extension`, also names that only some readers know.
    pub fn names(&self, codecs: &[Codec], extension: bool) -> bool {
        codecs.iter().all(|codec| {
            let name = codec.name();
            self.codecs.contains(&name) || (extension && self.codecs_extension.contains(&name))
        })
    }
}

//! One module per format: bytes to schema, chunk references, decoded blocks.
//!
//! A reader never knows a target. It reports what is in a file, or refuses by name; nothing is left out in silence:
//! what it can't read is listed in [`arcoforge_core::schema::Schema::unreadable`].

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::Result;
use arcoforge_core::schema::{Format, Schema};

/// One open file or store.
pub trait Reader: Send + Sync {
    /// What the file is.
    fn format(&self) -> Format;

    /// Its schema.
    fn schema(&self) -> &Schema;

    /// Where every chunk of a variable with [`arcoforge_core::schema::Storage::Chunks`] lies, in C order of its grid.
    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>>;

    /// The decoded values of a region, in the type, dimension order and shape that the schema says.
    fn read(&self, variable: &str, region: &Region) -> Result<Block>;
}

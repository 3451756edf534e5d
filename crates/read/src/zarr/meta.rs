//! What an array's metadata says, the same for both versions.

use arcoforge_core::attrs::Attrs;
use arcoforge_core::chunk::ChunkGrid;
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding};
use arcoforge_core::dtype::Scalar;
use serde_json::Value;

use super::element::{Element, Fill};
use super::json;

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ArrayMeta {
    pub(super) shape: Vec<u64>,
    /// The shape of what one key holds: a chunk, or a shard.
    pub(super) outer: Vec<u64>,
    /// The shape of what is encoded at once; equal to `outer` without shards.
    pub(super) chunk: Vec<u64>,
    pub(super) keys: Keys,
    pub(super) element: Element,
    pub(super) encoding: Encoding,
    pub(super) shard: Option<Shard>,
    /// The value of cells in chunks that are absent.
    pub(super) unwritten: Fill,
    /// The `_FillValue`: what stands for missing data.
    pub(super) fill: Option<Scalar>,
    pub(super) dims: Option<Vec<Option<String>>>,
    pub(super) attrs: Attrs,
}

/// How a chunk's index becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// Whether keys begin with `c` (version 3's default encoding).
    pub(super) prefixed: bool,
    pub(super) separator: char,
}

/// The index of a shard: offset and length of every inner chunk, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    /// At the end of the shard, else at its start.
    pub(super) index_last: bool,
    /// Whether a CRC-32C follows the index.
    pub(super) checksum: bool,
}

impl Keys {
    /// The key of a chunk, relative to its array.
    pub(super) fn key(self, index: &[u64]) -> String {
        let parts: Vec<String> = index.iter().map(u64::to_string).collect();
        let parts = parts.join(&self.separator.to_string());
        match (self.prefixed, index.is_empty()) {
            (true, true) => "c".to_owned(),
            (true, false) => format!("c{}{parts}", self.separator),
            (false, true) => "0".to_owned(),
            (false, false) => parts,
        }
    }
}

impl ArrayMeta {
    /// The grid of keys.
    pub(super) fn outer_grid(&self) -> ChunkGrid {
        ChunkGrid::new(self.shape.clone(), self.outer.clone())
    }

    /// Inner chunks along every dimension of a shard.
    pub(super) fn inner_grid(&self) -> ChunkGrid {
        ChunkGrid::new(self.outer.clone(), self.chunk.clone())
    }

    /// Refuses shapes that contradict each other.
    pub(super) fn check(self) -> Result<Self, String> {
        let rank = self.shape.len();
        if self.outer.len() != rank || self.chunk.len() != rank {
            return Err(format!(
                "chunks of shape {:?} do not fit an array of shape {:?}",
                self.outer, self.shape
            ));
        }
        if self.outer.contains(&0) || self.chunk.contains(&0) {
            return Err(format!("chunks of shape {:?} have no cells", self.chunk));
        }
        if self.outer.iter().zip(&self.chunk).any(|(outer, chunk)| outer % chunk != 0) {
            return Err(format!(
                "shards of shape {:?} are not whole chunks of shape {:?}",
                self.outer, self.chunk
            ));
        }
        if self.dims.as_ref().is_some_and(|dims| dims.len() != rank) {
            return Err(format!(
                "{} dimension names stand for {rank} dimensions",
                self.dims.iter().flatten().count()
            ));
        }
        let cells = self.shape.iter().chain([&1]).try_fold(1u64, |cells, &n| cells.checked_mul(n.max(1)));
        let bytes =
            self.outer.iter().try_fold(self.element.size().unwrap_or(16), |bytes, &n| bytes.checked_mul(n));
        match (cells, bytes) {
            (Some(_), Some(_)) => Ok(self),
            _ => Err(format!(
                "the shape {:?} in chunks of {:?} is beyond 2^64 cells or bytes",
                self.shape, self.outer
            )),
        }
    }
}

/// A bytes-to-bytes codec by its name and parameters; names of numcodecs come without `numcodecs.`.
pub(super) fn codec(name: &str, parameters: &Value, element: Element) -> Result<Codec, String> {
    let number = |key: &str| parameters.get(key).and_then(Value::as_i64);
    let level = |key: &str, default: u32| number(key).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let element_bytes = element.size().and_then(|size| u32::try_from(size).ok()).unwrap_or(1);
    let codec = match name {
        "zlib" => Codec::Zlib { level: level("level", 1) },
        "gzip" => Codec::Gzip { level: level("level", 1) },
        "zstd" => Codec::Zstd { level: number("level").and_then(|n| i32::try_from(n).ok()).unwrap_or(0) },
        "bz2" => Codec::Bzip2 { level: level("level", 1) },
        "crc32c" => Codec::Crc32c,
        "fletcher32" => Codec::Fletcher32,
        "shuffle" => Codec::Shuffle { element_size: level("elementsize", 4) },
        "blosc" => Codec::Blosc(blosc(parameters, element_bytes)?),
        _ => return Err(format!("the codec `{name}` is not one that arcoforge reads")),
    };
    match arcoforge_codec::is_decodable(&codec) {
        Ok(()) => Ok(codec),
        Err(reason) => Err(format!("the codec `{name}` can't be read: {reason}")),
    }
}

fn blosc(parameters: &Value, element_bytes: u32) -> Result<Blosc, String> {
    let number = |key: &str| parameters.get(key).and_then(Value::as_u64);
    let by_bits_of_bytes = if element_bytes == 1 { BloscShuffle::BitShuffle } else { BloscShuffle::Shuffle };
    let shuffle = match parameters.get("shuffle") {
        None => BloscShuffle::Shuffle,
        Some(value) => match (value.as_str(), value.as_i64()) {
            (Some("noshuffle"), _) | (_, Some(0)) => BloscShuffle::NoShuffle,
            (Some("shuffle"), _) | (_, Some(1)) => BloscShuffle::Shuffle,
            (Some("bitshuffle"), _) | (_, Some(2)) => BloscShuffle::BitShuffle,
            (_, Some(-1)) => by_bits_of_bytes,
            _ => return Err(format!("the shuffle {value} of `blosc` is not known")),
        },
    };
    Ok(Blosc {
        cname: json::text(parameters, "cname").unwrap_or("lz4").to_owned(),
        clevel: number("clevel").and_then(|n| u32::try_from(n).ok()).unwrap_or(5),
        shuffle,
        typesize: number("typesize").and_then(|n| u32::try_from(n).ok()).unwrap_or(element_bytes),
        blocksize: number("blocksize").unwrap_or(0),
    })
}

//! Stored objects as streams: a chunk, and a shard (`sharding_indexed` of the Zarr v3 specification).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::unwritable;

/// What was written of one object; a receipt keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Length of the object.
    pub bytes: u64,
    /// CRC-32C of the object (the checksum that object stores know too).
    pub crc32c: u32,
}

impl Written {
    /// Nothing yet: zero bytes.
    pub const EMPTY: Self = Self { bytes: 0, crc32c: 0 };

    /// The length and checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::EMPTY.and(bytes)
    }

    /// What it is once `bytes` follow.
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        Self {
            bytes: self.bytes.saturating_add(bytes.len() as u64),
            crc32c: crc32c::crc32c_append(self.crc32c, bytes),
        }
    }
}

/// Writes one whole object.
///
/// # Errors
/// `target-unwritable`, with `name` as the place.
pub fn write_chunk(mut out: impl Write, name: &str, bytes: &[u8]) -> Result<Written> {
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| failed(name, e))?;
    Ok(Written::of(bytes))
}

/// What an output of ours gives is an error of ours already.
fn failed(name: &str, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => unwritable(Path::new(name), error),
    }
}

/// Where a chunk that is not in the shard lies, by the specification.
const ABSENT: u64 = u64::MAX;
/// Entries of an index that are put into bytes at a time.
const INDEX_PART: usize = 4096;

/// A shard as a stream: inner chunks come in C order and lie without gaps; the index comes last.
///
/// Only the index is held in memory, 16 bytes for each inner chunk. The index is little-endian (`bytes`) with a
/// CRC-32C behind it (`crc32c`), at the end of the object (`index_location: end`).
#[derive(Debug)]
pub struct ShardWriter<W> {
    out: W,
    name: String,
    chunks: u64,
    index: Vec<(u64, u64)>,
    written: Written,
}

impl<W: Write> ShardWriter<W> {
    /// A shard of `chunks` inner chunks ([`chunks_per_shard`](crate::chunks_per_shard)), written to `out`; `name` is
    /// the place in errors. Nothing is written yet.
    pub fn new(out: W, name: impl Into<String>, chunks: u64) -> Self {
        // grown to no more than it needs
        let index = Vec::with_capacity(usize::try_from(chunks).unwrap_or(0).min(1 << 24));
        Self { out, name: name.into(), chunks, index, written: Written::EMPTY }
    }

    /// Appends the next inner chunk, encoded.
    ///
    /// # Errors
    /// `target-unwritable`; the shard is then lost. `bug` where the shard has all its chunks already.
    pub fn append(&mut self, encoded: &[u8]) -> Result<()> {
        self.entry((self.written.bytes, encoded.len() as u64))?;
        self.put(encoded)
    }

    /// Leaves the next inner chunk out: readers see the array's fill value there.
    ///
    /// # Errors
    /// `bug` where the shard has all its chunks already.
    pub fn skip(&mut self) -> Result<()> {
        self.entry((ABSENT, ABSENT))
    }

    /// Writes the index and ends the shard. `None` where every inner chunk was left out: then nothing was written,
    /// and the object should not exist.
    ///
    /// # Errors
    /// `target-unwritable`; `bug` where inner chunks are missing.
    pub fn finish(mut self) -> Result<Option<Written>> {
        if self.index.len() as u64 != self.chunks {
            return Err(self.count_error(self.index.len() as u64));
        }
        if self.index.iter().all(|&entry| entry == (ABSENT, ABSENT)) {
            return Ok(None);
        }
        let (index, mut bytes) = (std::mem::take(&mut self.index), Vec::new());
        let mut checksum = 0;
        for part in index.chunks(INDEX_PART) {
            bytes.clear();
            bytes.extend(
                part.iter().flat_map(|(offset, length)| [*offset, *length]).flat_map(u64::to_le_bytes),
            );
            checksum = crc32c::crc32c_append(checksum, &bytes);
            self.put(&bytes)?;
        }
        self.put(&checksum.to_le_bytes())?;
        self.out.flush().map_err(|e| failed(&self.name, e))?;
        Ok(Some(self.written))
    }

    fn entry(&mut self, entry: (u64, u64)) -> Result<()> {
        if self.index.len() as u64 >= self.chunks {
            return Err(self.count_error(self.chunks.saturating_add(1)));
        }
        self.index.push(entry);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| failed(&self.name, e))?;
        self.written = self.written.and(bytes);
        Ok(())
    }

    fn count_error(&self, found: u64) -> Error {
        Error::new(Code::Bug, format!("found {found} inner chunks, expected {} in a shard", self.chunks))
            .at(&self.name)
    }
}

/// Where the inner chunks of a shard lie, as its index says: 16 bytes for each.
#[derive(Debug)]
pub struct ShardIndex(Vec<u8>);

impl ShardIndex {
    /// Offset and length of an inner chunk; `None` where it is not stored.
    pub fn get(&self, chunk: usize) -> Option<(u64, u64)> {
        let [offset, length] = *self.0.as_chunks::<8>().0.as_chunks::<2>().0.get(chunk)?;
        let place = (u64::from_le_bytes(offset), u64::from_le_bytes(length));
        (place != (ABSENT, ABSENT)).then_some(place)
    }
}

/// The index at a shard's end.
///
/// # Errors
/// `target-unwritable` where the shard can't be read or its index is damaged.
pub fn shard_index(shard: &File, chunks: u64) -> Result<ShardIndex> {
    let damaged = || {
        Error::new(Code::TargetUnwritable, "the index of a stored shard is damaged")
            .help("bake the dataset anew: `--overwrite`")
    };
    let length = chunks.checked_mul(16).and_then(|bytes| bytes.checked_add(4)).ok_or_else(damaged)?;
    let size = shard.metadata().map_err(|e| damaged().caused_by(e))?.len();
    let offset = size.checked_sub(length).ok_or_else(damaged)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged())?];
    shard.read_exact_at(&mut bytes, offset).map_err(|e| damaged().caused_by(e))?;
    let (index, checksum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    if crc32c::crc32c(index) != u32::from_le_bytes(*checksum) {
        return Err(damaged());
    }
    let length = index.len();
    bytes.truncate(length);
    Ok(ShardIndex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(chunks: &[Option<&[u8]>]) -> Result<(Vec<u8>, Option<Written>)> {
        let mut bytes = Vec::new();
        let mut writer = ShardWriter::new(&mut bytes, "a/c/0", chunks.len() as u64);
        for chunk in chunks {
            match chunk {
                Some(chunk) => writer.append(chunk)?,
                None => writer.skip()?,
            }
        }
        let written = writer.finish()?;
        Ok((bytes, written))
    }

    /// The bytes are what zarr-python 3.4 stores for `zarr.create_array(shape=(6,), dtype="u1", chunks=(2,), shards=(6,),
    /// compressors=None, fill_value=0)` with `a[0:2] = 1, 2` and `a[4:6] = 3, 4`, and are checked by reading back in the
    /// oracle script too.
    #[test]
    fn a_shard_is_laid_out_as_zarr_python_does() -> Result<()> {
        let (bytes, written) = shard(&[Some(&[1, 2]), None, Some(&[3, 4])])?;
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
        assert_eq!(written, Some(Written::of(&bytes)));
        Ok(())
    }

    const GOLDEN: &str = "01020304\
        00000000000000000200000000000000\
        ffffffffffffffffffffffffffffffff\
        02000000000000000200000000000000\
        4eba0aa0";

    #[test]
    fn a_shard_without_chunks_is_not_written() -> Result<()> {
        let (bytes, written) = shard(&[None, None])?;
        assert_eq!((bytes.len(), written), (0, None));
        Ok(())
    }

    #[test]
    fn a_wrong_number_of_chunks_is_a_defect() {
        let mut writer = ShardWriter::new(Vec::new(), "a/c/0", 1);
        assert!(writer.append(b"x").is_ok());
        assert_eq!(writer.append(b"y").map_err(|e| e.code), Err(Code::Bug));
        assert_eq!(ShardWriter::new(Vec::new(), "a/c/0", 1).finish().map_err(|e| e.code), Err(Code::Bug));
    }

    #[test]
    fn a_full_disk_names_the_object() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let errors =
            [ShardWriter::new(Full, "a/c/0", 1).append(b"x").err(), write_chunk(Full, "a/c/0", b"x").err()];
        for error in errors.into_iter().flatten() {
            assert_eq!(error.code, Code::TargetUnwritable);
            assert_eq!(error.place.url.as_deref(), Some("a/c/0"));
        }
    }
}

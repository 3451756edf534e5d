//! The file of a survey's facts: tables of what is equal in many inputs, and for every input its rows there.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `arcosurv` |
//! | 8 | length of the content, little-endian |
//! | 16 | XXH3-128 over version, content as packed, and length |
//! | | the content: Zstandard over [postcard](https://postcard.jamesmunns.com/wire-format) |
//!
//! It is written and read in pieces: the facts lie in memory once, and nothing of their size beside them.

mod rows;
mod stream;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use arcoforge_store::files::atomic_fill;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::Known;
use stream::{Packed, Unpacked};

/// Changes with what readers say of a file, too: what an earlier version said must not be taken for it.
const VERSION: &str = concat!("survey 2 ", env!("CARGO_PKG_VERSION"));
const MAGIC: &[u8; 8] = b"arcosurv";
/// Bytes before the content.
const HEADER: u64 = 32;
const LEVEL: i32 = 3;
/// Power of two of the window: what readers need for it is little.
const WINDOW_LOG: u32 = 20;
/// A file whose content is longer is not read.
const CONTENT_BYTES_MAX: u64 = 1 << 30;
/// Bytes that are hashed at a time.
const HASHED_BYTES: usize = 64 << 10;

/// Writes the file of these facts; there is none where they are too large for one.
pub(super) fn write(path: &Path, known: &Known) -> Option<()> {
    let tables = rows::Tables::of(known)?;
    atomic_fill(path, |file| fill(file, &tables)).ok()
}

fn fill(file: &mut File, tables: &rows::Tables) -> io::Result<()> {
    file.seek(SeekFrom::Start(HEADER))?;
    let (length, hash) = pack(file, tables)?;
    file.seek(SeekFrom::Start(0))?;
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(&ended(hash, length).to_le_bytes());
    file.write_all(&header)
}

/// Writes the content; its length and digest.
fn pack(file: &mut File, tables: &rows::Tables) -> io::Result<(u64, Xxh3)> {
    let out = Hashed { out: BufWriter::new(file), hash: begun() };
    let mut encoder = zstd::stream::write::Encoder::new(out, LEVEL)?;
    encoder.window_log(WINDOW_LOG)?;
    let mut serializer = postcard::Serializer { output: Packed::new(BufWriter::new(encoder)) };
    let done = tables.serialize(&mut serializer);
    let Packed { to, length } = serializer.output;
    if done.is_err() || length > CONTENT_BYTES_MAX {
        return Err(io::Error::other("the facts can't be written"));
    }
    let Hashed { mut out, hash } = to.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    out.flush()?;
    Ok((length, hash))
}

/// The facts of a file; `None` where it is not whole, of another version, or holds more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Option<Known> {
    let mut file = File::open(path).ok()?;
    let (mut magic, mut length, mut expected) = ([0; 8], [0; 8], [0; 16]);
    file.read_exact(&mut magic).ok()?;
    file.read_exact(&mut length).ok()?;
    file.read_exact(&mut expected).ok()?;
    let length = u64::from_le_bytes(length);
    if magic != *MAGIC || length > CONTENT_BYTES_MAX.min(most) {
        return None;
    }
    let (mut hash, mut buffer) = (begun(), vec![0; HASHED_BYTES]);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            count => hash.update(buffer.get(..count)?),
        }
    }
    if ended(hash, length) != u128::from_le_bytes(expected) {
        return None;
    }
    file.seek(SeekFrom::Start(HEADER)).ok()?;
    let mut decoder = zstd::stream::read::Decoder::new(file).ok()?;
    decoder.window_log_max(WINDOW_LOG).ok()?;
    let unpacked = Unpacked::new(BufReader::new(decoder), length);
    let mut from = postcard::Deserializer::from_flavor(unpacked);
    rows::Tables::deserialize(&mut from).ok()?.known()
}

fn begun() -> Xxh3 {
    let mut hash = Xxh3::new();
    hash.update(VERSION.as_bytes());
    hash
}

fn ended(mut hash: Xxh3, length: u64) -> u128 {
    hash.update(&length.to_le_bytes());
    hash.digest128()
}

/// What is written, and the digest of it.
struct Hashed<W> {
    out: W,
    hash: Xxh3,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

//! Readers of files: the schema, where every chunk is, and the values of every variable.

use arcoforge_core::chunk::Region;
use arcoforge_core::error::Result;
use arcoforge_core::schema::{Storage, Variable};
use arcoforge_read::Reader;

use super::memory::Memory;

/// How the files begin that are told apart.
pub(super) const SIGNATURES: &[&str] = &[
    "CDF\u{1}",
    "CDF\u{2}",
    "CDF\u{5}",
    "\u{1f}\u{8b}",
    "GRIB",
    "BUFR",
    "PK\u{3}\u{4}",
    "<!DOCTYPE html>",
    "<html",
    "<?xml",
    "{\"error\":",
    "\u{feff}",
    "BZh9",
    "HDF\r\n\u{1a}\n",
    "\u{0}",
    "II*\u{0}",
    "MM\u{0}*",
];
/// Variables up to this size are read whole, of others a corner.
const WHOLE_BYTES: u64 = 1 << 20;
/// Variables with larger chunks are not read: a chunk may be as large as it says, and what fits is the planner's matter.
const CHUNK_BYTES: u64 = 64 << 20;
/// Most variables that are read of one file.
const VARIABLES_MAX: usize = 64;

pub(super) fn hdf5(data: &[u8]) {
    if let Ok(reader) = arcoforge_read::hdf5::open(Memory::new(data)) {
        read_all(&reader);
    }
}

pub(super) fn netcdf3(data: &[u8]) {
    if let Ok(reader) = arcoforge_read::netcdf3::open(Memory::new(data)) {
        read_all(&reader);
    }
}

pub(super) fn tiff(data: &[u8]) {
    if let Ok(reader) = arcoforge_read::tiff::open(Memory::new(data)) {
        read_all(&reader);
    }
}

pub(super) fn grib(data: &[u8]) {
    if let Ok(reader) = arcoforge_read::grib::open(Memory::new(data)) {
        read_all(&reader);
    }
}

/// Whatever the first bytes say that it is.
pub(super) fn any(data: &[u8]) {
    if let Ok(reader) = arcoforge_read::open(Memory::new(data)) {
        read_all(&*reader);
    }
}

/// Reads what there is; errors are answers, too, and their text must come out.
pub(super) fn read_all(reader: &dyn Reader) {
    for variable in reader.schema().variables.iter().take(VARIABLES_MAX) {
        if matches!(variable.storage, Storage::Chunks { .. }) {
            told(reader.chunk_refs(&variable.name));
        }
        if chunk_bytes(variable) <= CHUNK_BYTES {
            told(reader.read(&variable.name, &part(variable)));
        }
    }
    told(reader.read("no such variable", &Region(Vec::new())));
}

fn told<T>(result: Result<T>) {
    if let Err(error) = result {
        assert!(!error.to_string().is_empty());
    }
}

fn chunk_bytes(variable: &Variable) -> u64 {
    let Storage::Chunks { chunk, .. } = &variable.storage else { return 0 };
    chunk.iter().fold(variable.dtype.size().unwrap_or(16) as u64, |all, &n| all.saturating_mul(n))
}

fn part(variable: &Variable) -> Region {
    let element = variable.dtype.size().unwrap_or(16) as u64;
    let bytes = variable.shape.iter().try_fold(element, |all, &n| all.checked_mul(n));
    match bytes {
        Some(bytes) if bytes <= WHOLE_BYTES => Region::whole(&variable.shape),
        _ => Region(variable.shape.iter().map(|&n| n.saturating_sub(2)..n).collect()),
    }
}

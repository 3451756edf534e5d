//! One module per format: bytes to schema, chunk references, decoded blocks.
//!
//! In the flow this stands behind `arcoforge-store`, which gives bytes: [`open`] tells a file's format by its content
//! and gives a [`Reader`], [`open_store`] does so for a Zarr store on disk.
//!
//! ```no_run
//! use std::path::Path;
//! use arcoforge_core::chunk::Region;
//!
//! let store = arcoforge_read::open_store(Path::new("oisst.zarr"))?;
//! let sst = store.schema().variable("sst").expect("has sst");
//! let first = store.read("sst", &Region(vec![0..1, 0..720, 0..1440]))?;
//! assert_eq!(first.dtype, sst.dtype);
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```
//!
//! A reader never knows a target. It reports what is in a file, or refuses by name; nothing is left out in silence:
//! what it can't read is listed in [`arcoforge_core::schema::Schema::unreadable`].

mod chars;
pub mod dap;
pub mod gather;
pub mod grib;
pub mod hdf5;

pub mod netcdf3;
mod sniff;
mod text;
pub mod tiff;
pub mod zarr;

use std::path::Path;
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema};
use arcoforge_store::Object;

/// One open file or store.
pub trait Reader: Send + Sync {
    /// What the file is.
    fn format(&self) -> Format;

    /// Its schema.
    fn schema(&self) -> &Schema;

    /// What whoever publishes the file should know, where it was read nevertheless: a phrase that names the file.
    fn remark(&self) -> Option<&str> {
        None
    }

    /// Where every chunk of a variable with [`arcoforge_core::schema::Storage::Chunks`] lies, in C order of its grid.
    /// Chunks at the end of an array with `chunked: false` hold only the cells inside the array.
    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>>;

    /// The decoded values of a region, in the type, dimension order and shape that the schema says.
    fn read(&self, variable: &str, region: &Region) -> Result<Block>;
}

/// Opens a file: its format is told by its content, never by its name.
///
/// # Errors
/// Codes `source-*`: what was found in place of data, a format that is not read, or a damaged header.
pub fn open(object: Arc<dyn Object>) -> Result<Box<dyn Reader>> {
    if let Some(store) = object.keyed() {
        return Ok(Box::new(zarr::open_keyed(Arc::clone(store), object.url())?));
    }
    Ok(match sniff::sniff(object.as_ref())? {
        sniff::Found::Netcdf3 => Box::new(netcdf3::open(object)?),
        sniff::Found::Hdf5 => Box::new(hdf5::open(object)?),
        sniff::Found::Tiff => Box::new(tiff::open(object)?),
        sniff::Found::Grib => Box::new(grib::open(object)?),
    })
}

/// Opens a Zarr store (version 2 or 3) in a local directory.
///
/// # Errors
/// [`Code::SourceNotFound`] where there is none, [`Code::SourceFormat`] for a directory without Zarr metadata,
/// [`Code::SourceCorrupt`] for damaged metadata. Single arrays that can't be read are in the schema's `unreadable`.
pub fn open_store(path: &Path) -> Result<Box<dyn Reader>> {
    Ok(Box::new(zarr::open(path)?))
}

/// The error for a variable that the file does not have, or has and can't be read.
pub(crate) fn no_variable(name: &str, schema: &Schema) -> Error {
    match schema.unreadable.iter().find(|u| u.name == name) {
        Some(unreadable) => Error::new(Code::SourceUnsupported, unreadable.reason.clone()).in_variable(name),
        None => Error::new(Code::Bug, format!("found no variable `{name}` in the file")),
    }
}

/// Refuses a region that does not lie in an array of `shape`.
pub(crate) fn check_region(region: &Region, shape: &[u64]) -> Result<()> {
    let inside = region.0.len() == shape.len()
        && region.0.iter().zip(shape).all(|(range, &length)| range.start <= range.end && range.end <= length);
    match inside {
        true => Ok(()),
        false => Err(Error::new(
            Code::Bug,
            format!("found region {:?}, expected one inside the shape {shape:?}", region.0),
        )),
    }
}

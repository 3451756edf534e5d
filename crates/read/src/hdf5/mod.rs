//! HDF5 and NetCDF-4 files.
//!
//! Structures are found with the `hdf5-reader` crate; headers, datatypes and the NetCDF-4 conventions are parsed here.
//! The order of variables and attributes is that of the NetCDF-C library: of creation where the file tracks it, else by
//! name. Nothing is read from another file: external links, external storage and virtual datasets are listed as
//! unreadable.
//!
//! Where the NetCDF library pads a variable that has fewer records than its unlimited dimension, so does this reader.

mod attrs;
mod dataset;
mod dense;
mod dims;
mod fault;
mod file;
mod foreign;
mod header;
mod index;
mod schema;
mod sums;
mod tree;
mod types;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage};
use arcoforge_store::Object;

pub use foreign::decode_foreign;

use self::file::File;
use self::schema::{Contents, Stored};
use crate::Reader;

/// An open HDF5 or NetCDF-4 file.
pub struct Hdf5Reader {
    file: File,
    format: Format,
    schema: Schema,
    stored: BTreeMap<String, Stored>,
}

/// Opens an HDF5 or NetCDF-4 file and reads all of its metadata, but no chunk index.
///
/// # Errors
/// [`Code::SourceFormat`] without an HDF5 signature, [`Code::SourceCorrupt`] for a truncated or damaged file,
/// and what the store reports. Objects that can't be read are listed in [`Schema::unreadable`].
pub fn open(object: Arc<dyn Object>) -> Result<Hdf5Reader> {
    let url = object.url().to_owned();
    let opened = guarded(|| {
        let file = File::open(object)?;
        let Contents { format, schema, stored } = schema::read(&file)?;
        Ok(Hdf5Reader { file, format, schema, stored })
    });
    opened.map_err(|error| error.at(url))
}

impl Hdf5Reader {
    fn stored(&self, variable: &str) -> Result<&Stored> {
        self.stored.get(variable).ok_or_else(|| crate::no_variable(variable, &self.schema))
    }

    /// Runs `work` on a variable and adds the place to its errors.
    fn on<T>(&self, variable: &str, work: impl FnOnce(&Stored) -> Result<T>) -> Result<T> {
        let done = guarded(|| work(self.stored(variable)?));
        done.map_err(|error| error.in_variable(variable).at(self.file.object.url()))
    }
}

impl Reader for Hdf5Reader {
    fn format(&self) -> Format {
        self.format
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        self.on(variable, |stored| {
            let chunks =
                self.schema.variable(variable).is_some_and(|v| matches!(v.storage, Storage::Chunks { .. }));
            if !chunks {
                return Err(Error::new(
                    Code::Bug,
                    "found chunks asked of a variable that is read as a whole",
                ));
            }
            values::shown_refs(&self.file, stored)
        })
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        self.on(variable, |stored| {
            let shape = self.schema.variable(variable).map(|v| v.shape.as_slice()).unwrap_or_default();
            crate::check_region(region, shape)?;
            values::read(&self.file, stored, region)
        })
    }
}

impl fmt::Debug for Hdf5Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hdf5Reader")
            .field("url", &self.file.object.url())
            .field("format", &self.format)
            .finish()
    }
}

/// A panic below, in the library, is a file that it can't parse.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::new(Code::SourceCorrupt, format!("HDF5 structures can't be parsed: {text}"))
            .help("the file is truncated or damaged: fetch it again"))
    })
}

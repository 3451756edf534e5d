//! TIFF, BigTIFF, GeoTIFF and cloud-optimized GeoTIFF (TIFF 6.0; OGC 19-008r4; the tags of GDAL).
//!
//! An image is shown as xarray shows it by rasterio: `band_data` with the dimensions `band`, `y` and `x`, coordinates of the
//! pixels' centres, and the coordinate reference system on `spatial_ref`, its grid mapping. Numbers stay as they are
//! stored, with scale, offset and the value for missing cells as attributes. A strip or tile is a chunk; rows that are
//! stored as they are, without a gap, are cut anew. Bands that are scaled differently become variables of their own,
//! `band_1` and so on. The first page is the root, each other one a group (`page_2`). Overviews are left out; a mask is
//! the variable `mask`.

mod array;
mod crs;
mod file;
mod geo;
mod image;
mod metadata;
mod page;
mod tags;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema};
use arcoforge_store::Object;

use self::array::Array;
use self::file::File;
use self::geo::Transform;
use crate::Reader;
use crate::gather::copy_region;

pub(crate) use self::file::is_tiff;

/// An open TIFF file.
#[derive(Debug)]
pub struct TiffReader {
    file: File,
    schema: Schema,
    contents: BTreeMap<String, Content>,
}

/// What a variable is made of.
#[derive(Debug)]
enum Content {
    /// Strips or tiles, and the value of those that were never written.
    Array(Array, Scalar),
    /// Little-endian values in hand, and their shape.
    InHand(DataType, Vec<u64>, Arc<[u8]>),
    /// x or y of the centres of pixels: of every column or row, or of each of both.
    Centers(Transform, Axis),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    X,
    Y,
}

/// Reads the directories of a TIFF file, and what they say of their images; no strip or tile.
///
/// # Errors
/// [`Code::SourceFormat`] without the signature, [`Code::SourceCorrupt`] for a damaged or truncated file,
/// [`Code::SourceLimit`] for one with absurdly many pages. Images that can't be read are in [`Schema::unreadable`].
pub fn open(object: Arc<dyn Object>) -> Result<TiffReader> {
    let url = object.url().to_owned();
    let opened = File::open(object).and_then(|(file, directories)| {
        let (schema, contents) = page::read_all(&file, &directories)?;
        Ok(TiffReader { file, schema, contents })
    });
    opened.map_err(|error| error.at(url))
}

impl TiffReader {
    /// Runs `work` on a variable and adds the place to its errors.
    fn on<T>(&self, variable: &str, work: impl FnOnce(&Content) -> Result<T>) -> Result<T> {
        let found = self.contents.get(variable).ok_or_else(|| crate::no_variable(variable, &self.schema));
        found.and_then(work).map_err(|error| error.in_variable(variable).at(self.file.object.url()))
    }
}

impl Reader for TiffReader {
    fn format(&self) -> Format {
        Format::Tiff
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        self.on(variable, |content| match content {
            Content::Array(array, _) => Ok(array.chunk_refs(&self.file)?.to_vec()),
            Content::InHand(.., bytes) => Ok(vec![ChunkRef::Inline(Arc::clone(bytes))]),
            Content::Centers(transform, axis) => {
                let shape = self.schema.variable(variable).map(|v| v.shape.as_slice()).unwrap_or_default();
                let values = centers(*transform, *axis, &Region::whole(shape))?;
                Ok(vec![ChunkRef::Inline(values.bytes().unwrap_or_default().into())])
            }
        })
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        self.on(variable, |content| {
            let shape = self.schema.variable(variable).map(|v| v.shape.as_slice()).unwrap_or_default();
            crate::check_region(region, shape)?;
            match content {
                Content::Array(array, unwritten) => values::read(&self.file, array, region, unwritten),
                Content::InHand(dtype, shape, bytes) => {
                    let size = dtype.size().unwrap_or(1);
                    let mut out = values::zeros(region.cells(), size)?;
                    let (part, whole) = (region.shape(), Region::whole(&region.shape()));
                    copy_region(bytes, shape, region, &mut out, &part, &whole, size)?;
                    Ok(Block::from_bytes(*dtype, part, out))
                }
                Content::Centers(transform, axis) => centers(*transform, *axis, region),
            }
        })
    }
}

/// x or y of the pixels of a region of rows and columns, or of one of them.
fn centers(transform: Transform, axis: Axis, region: &Region) -> Result<Block> {
    let mut out = values::zeros(region.cells(), 8)?;
    out.clear();
    let mut push = |column, row| {
        let (x, y) = transform.center(column, row);
        out.extend(if axis == Axis::X { x } else { y }.to_le_bytes());
    };
    match (region.0.as_slice(), axis) {
        ([columns], Axis::X) => columns.clone().for_each(|column| push(column, 0)),
        ([rows], Axis::Y) => rows.clone().for_each(|row| push(0, row)),
        ([rows, columns], _) => {
            rows.clone().for_each(|row| columns.clone().for_each(|column| push(column, row)));
        }
        _ => return Err(Error::new(Code::Bug, "found a region of other dimensions than rows and columns")),
    }
    Ok(Block::from_bytes(DataType::Float64, region.shape(), out))
}

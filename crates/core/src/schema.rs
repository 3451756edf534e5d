//! The schema of one file or of a whole dataset: groups, dimensions, variables, attributes, and how chunks are stored.
//!
//! Names are full paths without a leading slash: `product/no2`, and dimensions likewise (`mirror_step` in the root,
//! `product/corner` in a group), so that a name is unique in a file.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attrs::Attrs;
use crate::block::typed;
use crate::codec::Encoding;
use crate::dtype::{DataType, Scalar};

/// What a file is, as found by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// NetCDF classic (CDF-1).
    Netcdf3Classic,
    /// NetCDF 64-bit offset (CDF-2).
    Netcdf3Offset64,
    /// NetCDF 64-bit data (CDF-5).
    Netcdf3Data64,
    /// NetCDF-4: HDF5 with the conventions of the NetCDF library.
    Netcdf4,
    /// HDF5 without the conventions of the NetCDF library.
    Hdf5,
    /// TIFF or BigTIFF, GeoTIFF included.
    Tiff,
    /// Zarr, version 2.
    Zarr2,
    /// Zarr, version 3.
    Zarr3,
    /// GRIB, edition 1.
    Grib1,
    /// GRIB, edition 2.
    Grib2,
}

/// The schema of a file or dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    /// Attributes of the root group.
    pub attrs: Attrs,
    /// Groups below the root, parents first, with their attributes.
    pub groups: Vec<(String, Attrs)>,
    /// Variables in file order.
    pub variables: Vec<Arc<Variable>>,
    /// Objects of the file that can't be read, with the reason. A bake refuses them unless a step drops them.
    pub unreadable: Vec<Unreadable>,
}

/// A variable that the reader can't carry over, kept so that it is refused by name and never left out in silence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// Full path.
    pub name: String,
    /// What the file has and arcoforge can't read, a lower-case phrase.
    pub reason: String,
}

/// One array with its metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Full path, unique in the file.
    pub name: String,
    /// Full paths of the dimensions, outermost first. A dimension's name is unique within one variable.
    pub dims: Vec<String>,
    /// Length of every dimension.
    pub shape: Vec<u64>,
    /// The type of the elements as the dataset has it (chars are joined to text).
    pub dtype: DataType,
    /// Attributes without `_FillValue`.
    pub attrs: Attrs,
    /// The `_FillValue` attribute.
    pub fill: Option<Scalar>,
    /// How the elements are stored.
    pub storage: Storage,
}

/// How a variable's elements are stored in its file.
#[derive(Debug, Clone, PartialEq)]
pub enum Storage {
    /// A regular grid of independently stored chunks, in the dimension order of the file's own array.
    Chunks {
        /// The shape of one chunk (contiguous arrays are presented as chunks of rows).
        chunk: Vec<u64>,
        /// From elements to stored bytes.
        encoding: Encoding,
        /// The value of cells that were never written.
        unwritten: Scalar,
        /// False where the file stores the array as one piece (contiguous, NetCDF3) and `chunk` is our choice. A chunk
        /// at the end of such an array stores only the cells inside it; one of a chunked array is always whole.
        chunked: bool,
    },
    /// Read as a whole by the format's reader, decoded (text, compact oddities).
    Whole,
}

impl Storage {
    /// Of a variable that is no array of a file: one chunk, not encoded.
    pub fn in_hand(shape: &[u64], unwritten: Scalar) -> Self {
        let chunk = shape.iter().map(|&n| n.max(1)).collect();
        Self::Chunks { chunk, encoding: Encoding::raw(), unwritten, chunked: false }
    }
}

impl Variable {
    /// The last part of the path.
    pub fn base_name(&self) -> &str {
        base_name(&self.name)
    }

    /// The group's path; empty for the root.
    pub fn group(&self) -> &str {
        group_of(&self.name)
    }

    /// Full paths of the variables that bound this one's cells, as its attributes name them.
    pub fn bounds(&self) -> impl Iterator<Item = String> + '_ {
        let names = ["bounds", "climatology"].into_iter().filter_map(|attr| self.attrs.text(attr));
        names.map(|name| path_in(self.group(), name.trim()))
    }

    /// Whether this is a coordinate variable in the sense of CF: one dimension, of its own name.
    pub fn is_dimension_coordinate(&self) -> bool {
        self.dims.len() == 1 && self.dims.first() == Some(&self.name)
    }

    /// The length along a dimension, where the variable has it.
    pub fn length(&self, dim: &str) -> Option<u64> {
        self.dims.iter().position(|d| d == dim).and_then(|at| self.shape.get(at)).copied()
    }

    /// Whether no dimension is there twice, as that of a covariance may be.
    pub fn has_unique_dims(&self) -> bool {
        self.dims.iter().enumerate().all(|(at, dim)| !self.dims.iter().take(at).any(|other| other == dim))
    }

    /// Values that stand for missing ones, as they are written: `_FillValue` first, then `missing_value`.
    pub fn masks(&self) -> Vec<Scalar> {
        self.fill.iter().chain(self.attrs.missing_values()).cloned().collect()
    }

    /// The same in the variable's type; what it can't hold masks nothing.
    pub fn stored_masks(&self) -> Vec<Scalar> {
        let more = self.attrs.missing_values().iter().filter_map(|value| typed(self.dtype, value));
        self.fill.iter().cloned().chain(more).collect()
    }

    /// The type that the bits are meant as, where `_Unsigned` says that it is another than the stored one.
    pub fn meant(&self) -> Option<DataType> {
        let meant = match self.attrs.text("_Unsigned")? {
            "true" => self.dtype.unsigned(),
            "false" => self.dtype.signed(),
            _ => self.dtype,
        };
        (meant != self.dtype).then_some(meant)
    }

    /// Equal bit for bit; unlike `==`, a NaN equals itself.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { name, dims, shape, dtype, attrs, fill, storage } = self;
        let fills = match (fill, &other.fill) {
            (Some(a), Some(b)) => a.same(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let plain = (name, dims, shape, dtype) == (&other.name, &other.dims, &other.shape, &other.dtype);
        plain && fills && storage.is_same(&other.storage) && attrs.is_same(&other.attrs)
    }

    /// How many elements there are.
    pub fn cells(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Bytes of all elements, decoded; text counts 16 an element.
    pub fn bytes(&self) -> u64 {
        self.cells().saturating_mul(self.dtype.size_estimate())
    }
}

impl Storage {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, Self::Whole) => true,
            (
                Self::Chunks { chunk, encoding, unwritten, chunked },
                Self::Chunks { chunk: c, encoding: e, unwritten: u, chunked: d },
            ) => (chunk, encoding, chunked) == (c, e, d) && unwritten.same(u),
            _ => false,
        }
    }
}

impl Schema {
    /// The variable at a full path.
    pub fn variable(&self, name: &str) -> Option<&Arc<Variable>> {
        self.variables.iter().find(|v| v.name == name)
    }

    /// Every dimension with its length, in the order of first use.
    pub fn dims(&self) -> Vec<(String, u64)> {
        let mut dims: Vec<(String, u64)> = Vec::new();
        for variable in &self.variables {
            for (dim, &length) in variable.dims.iter().zip(&variable.shape) {
                if !dims.iter().any(|(d, _)| d == dim) {
                    dims.push((dim.clone(), length));
                }
            }
        }
        dims
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// The full path of a name in an attribute of `group` or of a variable in it; absolute names begin with a slash.
pub fn path_in(group: &str, name: &str) -> String {
    match (group, name.strip_prefix('/')) {
        (_, Some(absolute)) => absolute.to_owned(),
        ("", None) => name.to_owned(),
        (group, None) => format!("{group}/{name}"),
    }
}

/// The part of a path before its last part; empty in the root.
pub fn group_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(group, _)| group)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Netcdf3Classic => "NetCDF-3 classic",
            Self::Netcdf3Offset64 => "NetCDF-3 64-bit offset",
            Self::Netcdf3Data64 => "NetCDF-3 64-bit data (CDF-5)",
            Self::Netcdf4 => "NetCDF-4",
            Self::Hdf5 => "HDF5",
            Self::Tiff => "TIFF",
            Self::Zarr2 => "Zarr v2",
            Self::Zarr3 => "Zarr v3",
            Self::Grib1 => "GRIB 1",
            Self::Grib2 => "GRIB 2",
        })
    }
}

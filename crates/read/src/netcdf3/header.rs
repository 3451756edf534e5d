//! The header of a NetCDF classic file, as written (CDF-1, CDF-2, CDF-5: the NetCDF Classic Format Specification).
//!
//! The header is parsed here and not by a library, because it has to be read by ranges (the library at hand can't go
//! on from a prefix that ends inside an attribute) and because texts that are not UTF-8 must keep every byte.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::block::scalar_from_le;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::schema::Format;

use super::cursor::{Cursor, Stop};
use super::swap::to_little;
use crate::text::{from_bytes, trim_zeros};

const DIMENSIONS: u32 = 10;
const VARIABLES: u32 = 11;
const ATTRIBUTES: u32 = 12;
/// Twice what the NetCDF library allows.
const ATTRIBUTES_MAX: u64 = 16_384;

/// A parsed header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// Records; `None` where the writer left it open and the file's length decides.
    pub(super) records: Option<u64>,
    pub(super) dims: Vec<Dim>,
    pub(super) attrs: Attrs,
    pub(super) variables: Vec<HeaderVariable>,
    /// Where names are paths: groups with their attributes.
    pub(super) groups: Option<Vec<(String, Attrs)>>,
    /// Bytes of the header itself.
    pub(super) bytes: u64,
}

/// A dimension; a length of zero marks the record dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dim {
    pub(super) name: String,
    pub(super) length: u64,
}

/// A variable as the header lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeaderVariable {
    pub(super) name: String,
    /// Indices into the header's dimensions.
    pub(super) dims: Vec<usize>,
    pub(super) attrs: Attrs,
    /// `None` for characters.
    pub(super) dtype: Option<DataType>,
    /// First byte of the data.
    pub(super) begin: u64,
}

/// The format that the first four bytes name; `None` where they name no classic NetCDF.
pub(crate) fn format_of(magic: &[u8]) -> Option<Format> {
    match magic.get(..4)? {
        b"CDF\x01" => Some(Format::Netcdf3Classic),
        b"CDF\x02" => Some(Format::Netcdf3Offset64),
        b"CDF\x05" => Some(Format::Netcdf3Data64),
        _ => None,
    }
}

/// Parses a header from the first bytes of a file of `file_bytes` bytes.
pub(super) fn parse(prefix: &[u8], file_bytes: u64, format: Format) -> Result<Header, Stop> {
    let mut cursor = Cursor::new(prefix, file_bytes, format == Format::Netcdf3Data64);
    cursor.take(4, "the signature")?;
    let records = cursor.count_or_ones("the number of records")?;
    let dims = parse_dims(&mut cursor)?;
    let attrs = parse_attrs(&mut cursor, format)?;
    let count = cursor.list(VARIABLES, 28, "the list of variables")?;
    let mut variables: Vec<HeaderVariable> = Vec::new();
    for _ in 0..count {
        variables.push(parse_variable(&mut cursor, format, dims.len())?);
    }
    Ok(Header { records, dims, attrs, variables, groups: None, bytes: cursor.position() })
}

fn parse_dims(cursor: &mut Cursor<'_>) -> Result<Vec<Dim>, Stop> {
    let count = cursor.list(DIMENSIONS, 12, "the list of dimensions")?;
    let mut dims = Vec::new();
    for _ in 0..count {
        let name = cursor.name("a dimension's name")?;
        let length = cursor.count("a dimension's length")?;
        dims.push(Dim { name, length });
    }
    if dims.iter().filter(|d| d.length == 0).count() > 1 {
        return Err(Stop::Bad("two dimensions are record dimensions, expected one at most".to_owned()));
    }
    Ok(dims)
}

fn parse_variable(cursor: &mut Cursor<'_>, format: Format, dims_len: usize) -> Result<HeaderVariable, Stop> {
    let name = cursor.name("a variable's name")?;
    let rank = cursor.count("a variable's number of dimensions")?;
    cursor.fits(rank, 4, "a variable's dimensions")?;
    let mut dims = Vec::new();
    for _ in 0..rank {
        let id = cursor.count("a dimension's number")?;
        match usize::try_from(id) {
            Ok(id) if id < dims_len => dims.push(id),
            _ => return Err(Stop::Bad(format!("variable `{name}` names dimension {id} of {dims_len}"))),
        }
    }
    let attrs = parse_attrs(cursor, format)?;
    let dtype = parse_type(cursor, format)?;
    cursor.count_or_ones("a variable's size")?; // redundant, and wrong in files beyond 4 GiB: computed from the shape
    let begin = match format {
        Format::Netcdf3Classic => u64::from(cursor.u32("a variable's offset")?),
        _ => cursor.u64("a variable's offset")?,
    };
    Ok(HeaderVariable { name, dims, attrs, dtype, begin })
}

fn parse_attrs(cursor: &mut Cursor<'_>, format: Format) -> Result<Attrs, Stop> {
    let count = cursor.list(ATTRIBUTES, 16, "a list of attributes")?;
    if count > ATTRIBUTES_MAX {
        return Err(Stop::Bad(format!(
            "a list has {count} attributes, more than the limit of {ATTRIBUTES_MAX}"
        )));
    }
    let mut attrs = Vec::new();
    for _ in 0..count {
        let name = cursor.name("an attribute's name")?;
        let dtype = parse_type(cursor, format)?;
        let count = cursor.count("an attribute's length")?;
        let size = dtype.and_then(DataType::size).unwrap_or(1) as u64;
        let what = format!("attribute `{name}`");
        cursor.fits(count, size, &what)?;
        let bytes = cursor.take_padded(count.saturating_mul(size), &what)?;
        attrs.push((name, attr_value(dtype, bytes)));
    }
    Ok(attrs.into_iter().collect())
}

/// The external types: `None` for characters. Types 7 to 11 exist in CDF-5 only.
fn parse_type(cursor: &mut Cursor<'_>, format: Format) -> Result<Option<DataType>, Stop> {
    let code = cursor.u32("a type")?;
    Ok(Some(match code {
        1 => DataType::Int8,
        2 => return Ok(None),
        3 => DataType::Int16,
        4 => DataType::Int32,
        5 => DataType::Float32,
        6 => DataType::Float64,
        7 if format == Format::Netcdf3Data64 => DataType::UInt8,
        8 if format == Format::Netcdf3Data64 => DataType::UInt16,
        9 if format == Format::Netcdf3Data64 => DataType::UInt32,
        10 if format == Format::Netcdf3Data64 => DataType::Int64,
        11 if format == Format::Netcdf3Data64 => DataType::UInt64,
        _ => {
            return Err(Stop::Bad(format!(
                "type {code} before byte {} does not exist in {format}",
                cursor.position()
            )));
        }
    }))
}

fn attr_value(dtype: Option<DataType>, bytes: &[u8]) -> AttrValue {
    let Some(dtype) = dtype else {
        return AttrValue::Text(from_bytes(trim_zeros(bytes)));
    };
    let size = dtype.size().unwrap_or(1);
    let mut little = bytes.to_vec();
    to_little(&mut little, size);
    let values: Vec<Scalar> = little.chunks_exact(size).filter_map(|b| scalar_from_le(dtype, b)).collect();
    AttrValue::Numbers { dtype, values }
}

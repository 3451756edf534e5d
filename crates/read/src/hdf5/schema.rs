//! From the objects of a file to its schema, and to what is needed to read each variable.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::block::{scalar_from_le, scalar_to_le};
use arcoforge_core::chunk::ChunkRef;
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use arcoforge_core::error::{Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable, Variable};

use super::attrs;
use super::dataset::{self, Dataset, Layout};
use super::dims::{self, Array, Named};
use super::fault::{Fault, Parsed, unsupported};
use super::file::File;
use super::tree::{self, Object};
use super::types::{Element, Kind, Number, Padding};
use crate::chars::{Chars, is_text_length};

/// A variable as stored, and how it is shown.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) dataset: Dataset,
    /// The extent along the dataset's own dimensions; beyond the stored one there is `pad`.
    pub(super) shape: Vec<u64>,
    /// One element's stored bytes for cells that the dataset does not reach.
    pub(super) pad: Vec<u8>,
    pub(super) view: View,
    /// Of the whole shape where the variable is shown in chunks, else of the stored extent.
    pub(super) refs: OnceLock<Arc<[ChunkRef]>>,
}

/// How stored elements become values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum View {
    /// As they are.
    Numbers(Number),
    /// Cut out of their bytes.
    Bits { number: Number, offset: u32, precision: u32 },
    /// One text each.
    Text(Padding),
    /// Characters: along the last dimension they are texts (`joined`), or one text each.
    Chars { joined: bool, latin1: bool },
    /// Texts in global heaps.
    HeapText,
}

/// A file's schema and its variables as stored.
pub(super) struct Contents {
    pub(super) format: Format,
    pub(super) schema: Schema,
    pub(super) stored: BTreeMap<String, Stored>,
}

/// Reads all metadata of a file.
pub(super) fn read(file: &File) -> Result<Contents> {
    let tree = tree::walk(file)?;
    let mut schema = Schema { unreadable: tree.unreadable, ..Schema::default() };
    let format = groups(file, &tree.groups, &mut schema)?;
    let (mut arrays, mut objects) = (Vec::new(), Vec::new());
    for object in tree.datasets {
        match array(file, &object) {
            Ok(array) => {
                arrays.push(array);
                objects.push(object);
            }
            Err(fault) => refuse(&mut schema, &object.path, fault)?,
        }
    }
    let paths: Vec<String> = tree.groups.into_iter().map(|group| group.path).collect();
    let named = dims::name_all(file, &paths, &arrays)?;
    let is_netcdf = format || arrays.iter().any(|a| a.attrs.iter().any(|attr| attr.name == "_Netcdf4Dimid"));
    let parsed = parse_all(file, &arrays, objects, named, &mut schema)?;
    let stored = variables(file, parsed, &mut schema)?;
    Ok(Contents { format: if is_netcdf { Format::Netcdf4 } else { Format::Hdf5 }, schema, stored })
}

/// A variable whose header could be parsed.
struct ParsedArray<'a> {
    array: &'a Array,
    named: Named,
    dataset: Dataset,
}

/// Attributes of the groups; whether the root has the NetCDF library's marks.
fn groups(file: &File, groups: &[Object], schema: &mut Schema) -> Result<bool> {
    let mut is_netcdf = false;
    for group in groups {
        let place = |error: Error| if group.path.is_empty() { error } else { error.in_variable(&group.path) };
        let raw = match attrs::collect(file, &group.header) {
            Ok(raw) => raw,
            Err(fault) => {
                let reason = fault.unsupported().map_err(place)?;
                schema.unreadable.push(Unreadable { name: format!("{}@", group.path), reason });
                Vec::new()
            }
        };
        let (attrs, unreadable) = attrs::visible(file, &raw, |name| dims::is_plumbing(name, false))
            .map_err(|fault| place(fault.into()))?;
        list_unreadable(schema, &group.path, unreadable);
        if group.path.is_empty() {
            is_netcdf = raw.iter().any(|attr| matches!(attr.name.as_str(), "_NCProperties" | "_nc3_strict"));
            schema.attrs = attrs;
        } else {
            schema.groups.push((group.path.clone(), attrs));
        }
    }
    Ok(is_netcdf)
}

/// Attributes that can't be carried over are named `variable@attribute`.
fn list_unreadable(schema: &mut Schema, path: &str, attrs: Vec<(String, String)>) {
    let attrs = attrs.into_iter();
    schema
        .unreadable
        .extend(attrs.map(|(name, reason)| Unreadable { name: format!("{path}@{name}"), reason }));
}

/// Lists what can't be read; a damage is an error.
fn refuse(schema: &mut Schema, path: &str, fault: Fault) -> Result<()> {
    let reason = fault.unsupported().map_err(|error| error.in_variable(path))?;
    schema.unreadable.push(Unreadable { name: path.to_owned(), reason });
    Ok(())
}

fn array(file: &File, object: &Object) -> Parsed<Array> {
    let space = dataset::space(file, &object.header)?;
    let attrs = attrs::collect(file, &object.header)?;
    Ok(Array { path: object.path.clone(), address: object.address, attrs, space })
}

fn parse_all<'a>(
    file: &File,
    arrays: &'a [Array],
    objects: Vec<Object>,
    named: Vec<Named>,
    schema: &mut Schema,
) -> Result<Vec<ParsedArray<'a>>> {
    let mut parsed = Vec::new();
    for ((array, object), named) in
        arrays.iter().zip(objects).zip(named).filter(|(_, named)| named.is_variable)
    {
        let dataset =
            dataset::parse(file, &object.header, array.space.clone()).and_then(|dataset| {
                match named
                    .dims
                    .iter()
                    .enumerate()
                    .find(|(at, dim)| named.dims.iter().take(*at).any(|d| d == *dim))
                {
                    Some((_, dim)) => unsupported(format!("has the dimension `{dim}` twice")),
                    None => Ok(dataset),
                }
            });
        match dataset {
            Ok(dataset) => parsed.push(ParsedArray { array, named, dataset }),
            Err(fault) => refuse(schema, &named.name, fault)?,
        }
    }
    Ok(parsed)
}

fn is_char(element: &Element) -> bool {
    element.size == 1 && matches!(element.kind, Kind::Text(_))
}

fn variables(
    file: &File,
    parsed: Vec<ParsedArray<'_>>,
    schema: &mut Schema,
) -> Result<BTreeMap<String, Stored>> {
    let chars: Vec<Chars<'_>> = parsed
        .iter()
        .map(|p| Chars { name: &p.named.name, dims: &p.named.dims, is_char: is_char(&p.dataset.element) })
        .collect();
    let joins = |p: &ParsedArray<'_>| {
        let is_marked = p.named.phony_last || p.array.attrs.iter().any(|attr| attr.name == "_Encoding");
        let is_length = |dim: &String| is_marked || is_text_length(dim, &chars);
        is_char(&p.dataset.element) && p.named.dims.last().is_some_and(is_length)
    };
    let joined: Vec<bool> = parsed.iter().map(joins).collect();
    let mut stored = BTreeMap::new();
    for (p, joined) in parsed.into_iter().zip(joined) {
        let is_scale = p.array.is_scale(file);
        let visible = attrs::visible(file, &p.array.attrs, |name| dims::is_plumbing(name, is_scale));
        let (attrs, unreadable) = visible.map_err(|fault| Error::from(fault).in_variable(&p.named.name))?;
        list_unreadable(schema, &p.named.name, unreadable);
        let name = p.named.name.clone();
        let (variable, held) = variable(p.named, p.dataset, attrs, joined);
        schema.variables.push(Arc::new(variable));
        stored.insert(name, held);
    }
    Ok(stored)
}

fn variable(named: Named, dataset: Dataset, attrs: Attrs, joined: bool) -> (Variable, Stored) {
    let latin1 = attrs.text("_Encoding").is_some_and(is_latin1);
    let (view, dtype) = match &dataset.element.kind {
        Kind::Number(number) | Kind::Enum { number, .. } => (View::Numbers(*number), number.dtype),
        Kind::Bits { number, offset, precision } => {
            (View::Bits { number: *number, offset: *offset, precision: *precision }, number.dtype)
        }
        Kind::Text(_) if is_char(&dataset.element) => (View::Chars { joined, latin1 }, DataType::Text),
        Kind::Text(padding) => (View::Text(*padding), DataType::Text),
        _ => (View::HeapText, DataType::Text),
    };
    let mut attrs = attrs;
    if let Kind::Enum { members, number } = &dataset.element.kind {
        set_flags(&mut attrs, members, number.dtype);
    }
    let fill = take_fill(&mut attrs, dtype);
    let pad = pad_bytes(&dataset, view, fill.as_ref());
    let rank = named.dims.len() - usize::from(joined);
    let variable = Variable {
        name: named.name,
        dims: named.dims.into_iter().take(rank).collect(),
        shape: named.shape.iter().take(rank).copied().collect(),
        dtype,
        attrs,
        fill,
        storage: storage(&dataset, view, &named.shape, &pad),
    };
    (variable, Stored { dataset, shape: named.shape, pad, view, refs: OnceLock::new() })
}

fn is_latin1(encoding: &str) -> bool {
    ["latin1", "latin-1", "iso-8859-1", "iso8859-1", "iso_8859-1"]
        .iter()
        .any(|name| encoding.eq_ignore_ascii_case(name))
}

/// The members of an enumeration as CF's flags, where the file does not have them.
fn set_flags(attrs: &mut Attrs, members: &[(String, Scalar)], dtype: DataType) {
    if attrs.get("flag_values").is_some() || attrs.get("flag_meanings").is_some() {
        return;
    }
    let values = members.iter().map(|(_, value)| value.clone()).collect();
    let meanings: Vec<String> =
        members.iter().map(|(name, _)| name.split_whitespace().collect::<Vec<_>>().join("_")).collect();
    attrs.set("flag_values", AttrValue::Numbers { dtype, values });
    attrs.set("flag_meanings", AttrValue::Text(meanings.join(" ")));
}

/// Takes `_FillValue` out of the attributes, in the variable's type. One that no cell can equal stays an attribute.
fn take_fill(attrs: &mut Attrs, dtype: DataType) -> Option<Scalar> {
    if dtype == DataType::Text {
        attrs.remove("_Encoding");
        let fill = attrs.text("_FillValue").map(|text| Scalar::Text(text.to_owned()))?;
        attrs.remove("_FillValue");
        return Some(fill);
    }
    let mut bytes = Vec::new();
    let value = attrs.get("_FillValue").and_then(AttrValue::as_scalar)?;
    if !scalar_to_le(dtype, value, &mut bytes) {
        return None;
    }
    let fill = scalar_from_le(dtype, &bytes)?;
    attrs.remove("_FillValue");
    Some(fill)
}

/// What the NetCDF library gives for records that a variable does not have: its fill value, by attribute or by type.
fn pad_bytes(dataset: &Dataset, view: View, fill: Option<&Scalar>) -> Vec<u8> {
    let zeros = || dataset.fill.clone().unwrap_or_else(|| vec![0; dataset.element.size]);
    let (View::Numbers(number) | View::Bits { number, .. }) = view else { return zeros() };
    let by_type = match number.dtype {
        DataType::Int8 => Scalar::Int(-127),
        DataType::UInt8 => Scalar::UInt(255),
        DataType::Int16 => Scalar::Int(-32767),
        DataType::UInt16 => Scalar::UInt(65535),
        DataType::Int32 => Scalar::Int(-2_147_483_647),
        DataType::UInt32 => Scalar::UInt(4_294_967_295),
        DataType::Int64 => Scalar::Int(-9_223_372_036_854_775_806),
        DataType::UInt64 => Scalar::UInt(18_446_744_073_709_551_614),
        DataType::Float32 | DataType::Float64 => Scalar::Float(9.969_209_968_386_869e36),
        _ => return zeros(),
    };
    if fill.is_none() && dataset.fill.is_some() {
        return zeros();
    }
    let mut bytes = Vec::new();
    if !scalar_to_le(number.dtype, fill.unwrap_or(&by_type), &mut bytes) {
        return zeros();
    }
    if number.endian == Endian::Big {
        bytes.chunks_mut(number.dtype.swap_size().max(1)).for_each(<[u8]>::reverse);
    }
    bytes
}

/// Numbers in whole chunks are shown as such, all else is read by [`super::values`].
fn storage(dataset: &Dataset, view: View, shape: &[u64], pad: &[u8]) -> Storage {
    let View::Numbers(number) = view else { return Storage::Whole };
    let grid = dataset.grid();
    let extent = &dataset.space.shape;
    let unwritten = dataset.fill.clone().unwrap_or_else(|| vec![0; dataset.element.size]);
    if shape != extent {
        let whole_chunks = shape
            .iter()
            .zip(extent)
            .zip(&grid.chunk)
            .all(|((&n, &stored), &c)| n == stored || stored % c == 0);
        if !dataset.is_chunked() || !whole_chunks || unwritten != pad {
            return Storage::Whole;
        }
    }
    let Some(unwritten) = number.scalar(&unwritten) else { return Storage::Whole };
    let encoding = Encoding { endian: number.endian, codecs: dataset.codecs.clone() };
    let chunked = matches!(dataset.layout, Layout::Chunked { .. });
    Storage::Chunks { chunk: grid.chunk, encoding, unwritten, chunked }
}

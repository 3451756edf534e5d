//! NetCDF classic files: CDF-1, CDF-2 (64-bit offset) and CDF-5 (64-bit data).
//!
//! The header is read by ranges; no value is read before it is asked for. Arrays are presented as chunks of gapless,
//! big-endian rows ([`Storage::Chunks`] with `chunked: false`), or of several short records; characters as a whole.

mod cursor;
mod gather;
mod groups;
mod header;
mod layout;
mod swap;
mod variable;

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::dtype::DataType;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable};
use arcoforge_store::Object;
use arcoforge_store::object::read_range;

use self::cursor::Stop;
use self::header::Header;
use self::layout::Array;
use crate::Reader;
use crate::chars::{Chars, is_text_length};
use crate::text::{from_bytes, latin1, trim_zeros};

pub(crate) use self::header::format_of;

/// The first read of a header; most are shorter.
const HEADER_BYTES_FIRST: u64 = 64 << 10;
/// No header is read beyond this.
const HEADER_BYTES_MAX: u64 = 64 << 20;

/// An open NetCDF classic file.
#[derive(Debug)]
pub struct Netcdf3Reader {
    object: Arc<dyn Object>,
    format: Format,
    schema: Schema,
    arrays: BTreeMap<String, Text>,
}

/// An array, and how its characters are read if it has any.
#[derive(Debug)]
struct Text {
    array: Array,
    /// Whether the last dimension counts the characters of texts.
    joined: bool,
    /// Whether `_Encoding` says that the characters are Latin-1.
    latin1: bool,
}

/// Reads the header of a NetCDF classic file.
///
/// # Errors
/// [`Code::SourceFormat`] where the signature is another, [`Code::SourceCorrupt`] where the header is damaged or the
/// file is shorter than its layout, [`Code::SourceLimit`] for headers beyond 64 MiB.
pub fn open(object: Arc<dyn Object>) -> Result<Netcdf3Reader> {
    let file_bytes = object.validator().size;
    let (format, mut header) = read_header(object.as_ref(), file_bytes).map_err(|e| e.at(object.url()))?;
    if crate::dap::has_paths(object.as_ref()) {
        groups::sort_out(&mut header);
    }
    let layout = layout::layout(&header, file_bytes).map_err(|what| {
        Error::new(Code::SourceCorrupt, format!("the {format} header is damaged: {what}")).at(object.url())
    })?;
    if layout.end > file_bytes {
        return Err(Error::new(
            Code::SourceCorrupt,
            format!("truncated: found {file_bytes} bytes, the {format} header needs {}", layout.end),
        )
        .at(object.url())
        .help("fetch the file again"));
    }
    refuse_subfiles(&header).map_err(|e| e.at(object.url()))?;
    let (schema, arrays) = schema(header, layout.arrays);
    Ok(Netcdf3Reader { object, format, schema, arrays })
}

fn read_header(object: &dyn Object, file_bytes: u64) -> Result<(Format, Header)> {
    let mut prefix_bytes = file_bytes.min(HEADER_BYTES_FIRST);
    let mut prefix = read_range(object, 0..prefix_bytes)?;
    let format = format_of(&prefix).ok_or_else(|| {
        Error::new(
            Code::SourceFormat,
            "found no signature of a NetCDF classic file, expected `CDF` and 1, 2 or 5",
        )
    })?;
    loop {
        let what = match header::parse(&prefix, file_bytes, format) {
            Ok(header) => return Ok((format, header)),
            Err(Stop::Bad(what)) => what,
            Err(Stop::More) if prefix_bytes >= file_bytes => {
                "it reaches beyond the end of the file".to_owned()
            }
            Err(Stop::More) if prefix_bytes >= HEADER_BYTES_MAX => {
                let message =
                    format!("the {format} header is longer than the limit of {HEADER_BYTES_MAX} bytes");
                let error = Error::new(Code::SourceLimit, message);
                return Err(error.help("check that the file is complete and is what its name says"));
            }
            Err(Stop::More) => {
                let longer = file_bytes.min(prefix_bytes.saturating_mul(4)).min(HEADER_BYTES_MAX);
                prefix.extend(read_range(object, prefix_bytes..longer)?);
                prefix_bytes = longer;
                continue;
            }
        };
        return Err(Error::new(Code::SourceCorrupt, format!("the {format} header is damaged: {what}"))
            .help("the file is truncated or damaged: fetch it again"));
    }
}

/// PnetCDF can spread one dataset over several files; the main one then holds no values.
fn refuse_subfiles(header: &Header) -> Result<()> {
    let mut attrs = header.attrs.iter().chain(header.variables.iter().flat_map(|v| v.attrs.iter()));
    match attrs.find(|(name, _)| name.to_ascii_lowercase().starts_with("_pnetcdf_subfiling")) {
        None => Ok(()),
        Some((name, _)) => Err(Error::new(
            Code::SourceUnsupported,
            format!(
                "found the attribute `{name}`: the values are in subfiles of PnetCDF, which arcoforge does not read"
            ),
        )),
    }
}

fn schema(header: Header, arrays: Vec<(String, Result<Array, String>)>) -> (Schema, BTreeMap<String, Text>) {
    let groups = header.groups.unwrap_or_default();
    let mut schema = Schema { attrs: header.attrs, groups, ..Schema::default() };
    let mut readable = Vec::new();
    for ((name, array), written) in arrays.into_iter().zip(header.variables) {
        match array {
            Ok(array) => readable.push((name, array, written.attrs)),
            Err(reason) => schema.unreadable.push(Unreadable { name, reason }),
        }
    }
    let chars: Vec<Chars<'_>> = readable
        .iter()
        .map(|(name, a, _)| Chars { name, dims: &a.dims, is_char: a.dtype.is_none() })
        .collect();
    let joins = |a: &Array| a.dtype.is_none() && a.dims.last().is_some_and(|dim| is_text_length(dim, &chars));
    let joined: Vec<bool> = readable.iter().map(|(_, array, _)| joins(array)).collect();
    let mut texts = BTreeMap::new();
    for ((name, array, attrs), joined) in readable.into_iter().zip(joined) {
        schema.variables.push(Arc::new(variable::variable(&name, &array, &attrs, joined)));
        let latin1 = attrs.text("_Encoding").is_some_and(is_latin1);
        texts.insert(name, Text { array, joined, latin1 });
    }
    (schema, texts)
}

fn is_latin1(encoding: &str) -> bool {
    ["latin1", "latin-1", "iso-8859-1", "iso8859-1", "iso_8859-1"]
        .iter()
        .any(|name| encoding.eq_ignore_ascii_case(name))
}

impl Netcdf3Reader {
    fn array(&self, variable: &str) -> Result<&Text> {
        self.arrays
            .get(variable)
            .ok_or_else(|| crate::no_variable(variable, &self.schema).at(self.object.url()))
    }

    fn place(&self, variable: &str) -> impl FnOnce(Error) -> Error {
        let (url, variable) = (self.object.url().to_owned(), variable.to_owned());
        move |error| error.in_variable(variable).at(url)
    }
}

impl Reader for Netcdf3Reader {
    fn format(&self) -> Format {
        self.format
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        let array = &self.array(variable)?.array;
        let chunks =
            self.schema.variable(variable).is_some_and(|v| matches!(v.storage, Storage::Chunks { .. }));
        if !chunks {
            let error = Error::new(Code::Bug, "found chunks asked of a variable that is read as a whole");
            return Err(self.place(variable)(error));
        }
        let grid = array.grid();
        let refs = (0..grid.len()).map(|flat| {
            let region = grid.region(&grid.index(flat));
            let bytes = array.stored_bytes(&region);
            ChunkRef::Stored { offset: array.offset(&region.start()), bytes, filter_mask: 0 }
        });
        Ok(refs.collect())
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        let text = self.array(variable)?;
        let array = &text.array;
        let rank = array.shape.len() - usize::from(text.joined);
        crate::check_region(region, array.shape.get(..rank).unwrap_or_default())
            .map_err(self.place(variable))?;
        let mut stored = region.clone();
        stored.0.extend(array.shape.iter().skip(rank).map(|&n| 0..n));
        let mut bytes = gather::gather(self.object.as_ref(), array, &stored).map_err(self.place(variable))?;
        match array.dtype {
            Some(dtype) => {
                swap::to_little(&mut bytes, dtype.size().unwrap_or(1));
                Ok(Block::from_bytes(dtype, region.shape(), bytes))
            }
            None => {
                Ok(Block { dtype: DataType::Text, shape: region.shape(), data: texts(text, region, &bytes) })
            }
        }
    }
}

/// Cuts characters into texts, without the zeros at their ends.
fn texts(text: &Text, region: &Region, bytes: &[u8]) -> arcoforge_core::block::BlockData {
    let length = if text.joined { text.array.shape.last().copied().unwrap_or(1) } else { 1 };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let decode = |cell: &[u8]| match text.latin1 {
        true => latin1(trim_zeros(cell)),
        false => from_bytes(trim_zeros(cell)),
    };
    let cells = usize::try_from(region.cells()).unwrap_or(usize::MAX);
    let texts = match length {
        0 => vec![String::new(); cells],
        _ => bytes.chunks_exact(length).map(decode).collect(),
    };
    arcoforge_core::block::BlockData::Text(texts)
}

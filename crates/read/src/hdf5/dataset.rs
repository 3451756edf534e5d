//! A dataset's header messages, parsed: element type, extent, layout, filters and fill value.

use std::sync::Arc;

use arcoforge_core::chunk::ChunkGrid;
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec};
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::dataspace::{self, DataspaceMessage, DataspaceType};
use hdf5_reader::messages::fill_value;
use hdf5_reader::messages::filter_pipeline::{self, FilterDescription};
use hdf5_reader::messages::layout::{self, ChunkIndexing, DataLayout};

use super::fault::{Parsed, corrupt, unsupported};
use super::file::File;
use super::header::{Header, kind};
use super::types::{self, Element, Kind};

/// Contiguous arrays are presented in chunks of rows of about this many bytes.
const ROWS_BYTES: u64 = 2 << 20;
/// Contiguous arrays up to this size are one chunk.
const ROWS_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of one decoded chunk.
const CHUNK_BYTES_MAX: u64 = 2 << 30;

/// Everything that is needed to find and decode a dataset's elements.
#[derive(Debug, Clone)]
pub(super) struct Dataset {
    pub(super) element: Element,
    pub(super) space: Space,
    pub(super) layout: Layout,
    /// In the order of encoding.
    pub(super) codecs: Vec<Codec>,
    /// The stored bytes of an element that was never written; `None`: the format's default, zeros.
    pub(super) fill: Option<Vec<u8>>,
}

/// A dataset's extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) shape: Vec<u64>,
    /// What it may grow to; `u64::MAX` is without limit.
    pub(super) max: Option<Vec<u64>>,
    /// Without any element, not even a scalar.
    pub(super) null: bool,
}

/// Where the elements are.
#[derive(Debug, Clone)]
pub(super) enum Layout {
    /// In the header.
    Compact(Arc<[u8]>),
    /// In one piece: address (`None`: never written).
    Contiguous(Option<u64>),
    /// In chunks.
    Chunked {
        /// The shape of one chunk.
        chunk: Vec<u32>,
        /// The address of the index, or of the only chunk (`None`: never written).
        address: Option<u64>,
        /// How chunks are found; `None` is a B-tree of version 1.
        index: Option<ChunkIndexing>,
        /// Chunks that reach over the end are stored without filters.
        plain_edges: bool,
    },
}

impl Dataset {
    /// The grid that the elements are stored in; contiguous ones in rows of our choice.
    pub(super) fn grid(&self) -> ChunkGrid {
        let shape = self.space.shape.clone();
        let chunk = match &self.layout {
            Layout::Compact(_) => shape.clone(),
            Layout::Contiguous(_) => rows(&shape, self.element.size as u64),
            Layout::Chunked { chunk, .. } => chunk.iter().map(|&n| u64::from(n)).collect(),
        };
        ChunkGrid::new(shape, chunk)
    }

    /// Whether the file itself has chunks.
    pub(super) fn is_chunked(&self) -> bool {
        matches!(self.layout, Layout::Chunked { .. })
    }

    /// Bytes of one whole decoded chunk.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.grid().chunk.iter().fold(self.element.size as u64, |all, &n| all.saturating_mul(n))
    }
}

/// The extent of a dataset.
pub(super) fn space(file: &File, header: &Header) -> Parsed<Space> {
    let Some(bytes) = header.payload(file, kind::DATASPACE)? else {
        return corrupt("dataset without a dataspace");
    };
    let mut cursor = Cursor::new(&bytes);
    let DataspaceMessage { dims, max_dims, dataspace_type, .. } =
        dataspace::parse(&mut cursor, file.offset_size, file.length_size, bytes.len())?;
    if dims.iter().try_fold(1_u64, |all, &n| all.checked_mul(n.max(1))).is_none_or(|cells| cells > 1 << 60) {
        return corrupt(format!("dataset of shape {dims:?}"));
    }
    Ok(Space { shape: dims, max: max_dims, null: dataspace_type == DataspaceType::Null })
}

/// Parses a dataset's header.
pub(super) fn parse(file: &File, header: &Header, space: Space) -> Parsed<Dataset> {
    if header.get(kind::EXTERNAL_FILES).is_some() {
        return unsupported("stores its values in other files (external storage)");
    }
    let Some(datatype) = header.payload(file, kind::DATATYPE)? else {
        return corrupt("dataset without a datatype");
    };
    let element = types::parse(&datatype)?;
    match &element.kind {
        Kind::Other(reason) => return unsupported(format!("is {reason}")),
        Kind::Reference => return unsupported("is of references to other objects"),
        Kind::Sequence(_) => return unsupported("is of sequences of variable length"),
        _ if space.null => return unsupported("has a null dataspace, which holds no values"),
        _ => {}
    }
    let codecs = match header.payload(file, kind::FILTERS)? {
        None => Vec::new(),
        Some(bytes) => {
            let mut cursor = Cursor::new(&bytes);
            filter_pipeline::parse(&mut cursor, file.offset_size, file.length_size, bytes.len())?
                .filters
                .iter()
                .map(|filter| codec(filter, element.size))
                .collect()
        }
    };
    if let Some(reason) = codecs.iter().find_map(|codec| arcoforge_codec::is_decodable(codec).err()) {
        return unsupported(format!("is stored with a filter that can't be undone: {reason}"));
    }
    let layout = parse_layout(file, header, &space, element.size)?;
    let fill = fill(file, header, element.size)?;
    let dataset = Dataset { element, space, layout, codecs, fill };
    if dataset.is_chunked() && dataset.chunk_bytes() > CHUNK_BYTES_MAX {
        return unsupported(format!(
            "has chunks of {} bytes, more than {CHUNK_BYTES_MAX}",
            dataset.chunk_bytes()
        ));
    }
    Ok(dataset)
}

fn parse_layout(file: &File, header: &Header, space: &Space, element_bytes: usize) -> Parsed<Layout> {
    let Some(bytes) = header.payload(file, kind::LAYOUT)? else { return corrupt("dataset without a layout") };
    let mut cursor = Cursor::new(&bytes);
    let parsed = layout::parse(&mut cursor, file.offset_size, file.length_size, bytes.len())?.layout;
    let all = space.shape.iter().fold(element_bytes as u64, |all, &n| all.saturating_mul(n));
    let defined = |address| (!file.is_undefined(address)).then_some(address);
    match parsed {
        DataLayout::Compact { data } if (data.len() as u64) < all => {
            corrupt(format!("compact storage of {} bytes for {all} bytes of elements", data.len()))
        }
        DataLayout::Compact { data } => Ok(Layout::Compact(data.into())),
        DataLayout::Contiguous { address, size } => {
            let legacy = matches!(bytes.first(), Some(1 | 2));
            if defined(address).is_some() && !legacy && size < all {
                return corrupt(format!("contiguous storage of {size} bytes for {all} bytes of elements"));
            }
            Ok(Layout::Contiguous(defined(address)))
        }
        DataLayout::Chunked { address, dims, chunk_indexing, .. } => {
            let rank = space.shape.len();
            let Some(chunk) = dims.get(..rank).filter(|_| dims.len() <= rank + 1) else {
                return corrupt(format!("chunks of {} dimensions for an array of {rank}", dims.len()));
            };
            if chunk.contains(&0) || rank == 0 {
                return corrupt(format!("chunks of shape {chunk:?}"));
            }
            let plain_edges =
                matches!(bytes.as_slice(), [version, 2, flags, ..] if *version >= 4 && flags & 1 != 0);
            Ok(Layout::Chunked {
                chunk: chunk.to_vec(),
                address: defined(address),
                index: chunk_indexing,
                plain_edges,
            })
        }
    }
}

fn fill(file: &File, header: &Header, element_bytes: usize) -> Parsed<Option<Vec<u8>>> {
    let (offsets, lengths) = (file.offset_size, file.length_size);
    let value = match (header.payload(file, kind::FILL)?, header.payload(file, kind::FILL_OLD)?) {
        (Some(bytes), _) => {
            fill_value::parse_new(&mut Cursor::new(&bytes), offsets, lengths, bytes.len())?.value
        }
        (None, Some(bytes)) => {
            fill_value::parse_old(&mut Cursor::new(&bytes), offsets, lengths, bytes.len())?.value
        }
        (None, None) => None,
    };
    match value {
        Some(value) if value.len() != element_bytes => {
            corrupt(format!("fill value of {} bytes for elements of {element_bytes}", value.len()))
        }
        other => Ok(other),
    }
}

/// Whole rows of about [`ROWS_BYTES`]: each such chunk is one piece of the file.
fn rows(shape: &[u64], element_bytes: u64) -> Vec<u64> {
    let all = shape.iter().fold(element_bytes, |all, &n| all.saturating_mul(n));
    if all <= ROWS_BYTES_MAX {
        return shape.to_vec();
    }
    let mut inner = element_bytes.max(1);
    let mut chunk = vec![1; shape.len()];
    for (rows, &n) in chunk.iter_mut().zip(shape).rev() {
        *rows = n.min((ROWS_BYTES / inner).max(1));
        if *rows < n {
            break;
        }
        inner = inner.saturating_mul(n.max(1));
    }
    chunk
}

/// A filter of the pipeline as a codec.
fn codec(filter: &FilterDescription, element_bytes: usize) -> Codec {
    let params = filter.client_data.clone();
    let at = |n: usize| params.get(n).copied();
    match filter.id {
        1 => Codec::Zlib { level: at(0).unwrap_or(6) },
        2 => Codec::Shuffle { element_size: at(0).filter(|&n| n > 0).unwrap_or(element_bytes as u32) },
        3 => Codec::Fletcher32,
        4 => Codec::Szip { params },
        5 => Codec::Nbit { params },
        6 => Codec::ScaleOffset { params },
        307 => Codec::Bzip2 { level: at(0).unwrap_or(9) },
        32000 => Codec::Lzf,
        32001 => Codec::Blosc(blosc(&params, element_bytes)),
        32004 => Codec::Lz4Hdf5 { block_bytes: u64::from(at(0).unwrap_or(0)) },
        32008 => Codec::Bitshuffle { params },
        32015 => Codec::Zstd { level: at(0).map_or(3, u32::cast_signed) },
        id => Codec::Unknown { id: u32::from(id), name: filter.name.clone().unwrap_or_default() },
    }
}

/// The client data of hdf5-blosc: version, format, element size, chunk bytes, level, shuffle, compressor.
fn blosc(params: &[u32], element_bytes: usize) -> Blosc {
    let at = |n: usize| params.get(n).copied();
    let names = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];
    Blosc {
        cname: (*names.get(at(6).unwrap_or(0) as usize).unwrap_or(&"blosclz")).to_owned(),
        clevel: at(4).unwrap_or(5),
        shuffle: match at(5) {
            Some(0) => BloscShuffle::NoShuffle,
            Some(2) => BloscShuffle::BitShuffle,
            _ => BloscShuffle::Shuffle,
        },
        typesize: at(2).filter(|&n| n > 0).unwrap_or(element_bytes as u32),
        blocksize: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_pieces_of_the_file_of_a_good_size() {
        let rows_of: [(&[u64], u64, &[u64]); 7] = [
            (&[], 8, &[]),
            (&[10, 20], 4, &[10, 20]),
            (&[100, 1000, 1000], 4, &[1, 524, 1000]),
            (&[100, 100, 1000], 4, &[5, 100, 1000]),
            (&[10_000_000], 8, &[262_144]),
            (&[0, 1_000_000], 8, &[0, 1_000_000]),
            (&[3, 2, 4_000_000], 8, &[1, 1, 262_144]),
        ];
        for (shape, element_bytes, expected) in rows_of {
            assert_eq!(rows(shape, element_bytes), expected, "{shape:?}");
        }
    }

    #[test]
    fn filters_become_codecs() {
        let filter =
            |id, client_data: &[u32]| FilterDescription { id, name: None, client_data: client_data.to_vec() };
        let rows = [
            (filter(1, &[4]), Codec::Zlib { level: 4 }),
            (filter(2, &[]), Codec::Shuffle { element_size: 8 }),
            (filter(2, &[4]), Codec::Shuffle { element_size: 4 }),
            (filter(32015, &[]), Codec::Zstd { level: 3 }),
            (filter(32013, &[1]), Codec::Unknown { id: 32013, name: String::new() }),
        ];
        for (filter, expected) in rows {
            assert_eq!(codec(&filter, 8), expected);
        }
        let found = blosc(&[2, 2, 4, 1000, 5, 2, 5], 4);
        assert_eq!(
            (found.cname.as_str(), found.clevel, found.shuffle),
            ("zstd", 5, BloscShuffle::BitShuffle)
        );
    }
}

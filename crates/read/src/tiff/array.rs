//! Arrays of a file: a grid of tiles, strips or runs of rows, and where each of them lies.

use std::sync::{Arc, OnceLock};

use arcoforge_core::chunk::{ChunkGrid, ChunkRef};
use arcoforge_core::codec::{Codec, Encoding, Tiff};
use arcoforge_core::dtype::DataType;
use arcoforge_core::error::{Code, Error, Result};

use super::file::{Directory, File, damaged};
use super::image::Image;
use super::tags;

/// No strip or tile is larger when decoded.
const CHUNK_BYTES_MAX: u64 = 2 << 30;
/// Rows that are stored as they are come in pieces of about this.
const RUN_BYTES: u64 = 4 << 20;

/// Numbers of an image: all of its samples, or one.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) grid: ChunkGrid,
    pub(super) dtype: DataType,
    pub(super) encoding: Encoding,
    /// Tiles are stored whole, strips only as far as the image reaches.
    pub(super) chunked: bool,
    stored: Stored,
    refs: OnceLock<Arc<[ChunkRef]>>,
}

/// Where the bytes are.
#[derive(Debug)]
enum Stored {
    /// In strips or tiles, whose places are values of the directory; this is the first.
    Listed { directory: Directory, first: u64, plain: Option<PlainStrips> },
    /// As they are, row after row, from one byte for each plane.
    Runs { starts: Vec<u64>, rows: PlainStrips },
}

/// Strips that are not compressed: what their bytes should be.
#[derive(Debug, Clone, Copy)]
struct PlainStrips {
    row_bytes: u64,
    height: u64,
    rows: u64,
}

impl PlainStrips {
    /// Bytes of the strip or run at this place along the rows.
    fn bytes(self, at: u64) -> u64 {
        self.height.saturating_sub(at * self.rows).min(self.rows) * self.row_bytes
    }
}

impl Array {
    /// The array of all samples, with a dimension for them in front; or that of one sample, without it.
    ///
    /// # Errors
    /// The inner one says why the image can't be read.
    pub(super) fn new(
        file: &File,
        directory: &Directory,
        image: &Image,
        sample: Option<u64>,
    ) -> Result<Result<Self, String>> {
        let (dtype, mut encoding) = match (image.dtype(), image.encoding(file.endian)) {
            (Ok(dtype), Ok(encoding)) => (dtype, encoding),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        let size = dtype.size().unwrap_or(1) as u64;
        let (rows, columns) = image.chunk();
        let chunk_bytes = rows.saturating_mul(columns).saturating_mul(image.together()).saturating_mul(size);
        if columns.saturating_mul(image.together()).saturating_mul(size) > CHUNK_BYTES_MAX
            || chunk_bytes > CHUNK_BYTES_MAX && image.compression != 1
        {
            let what = if image.tile.is_some() { "tiles" } else { "strips" };
            return Ok(Err(format!(
                "its {what} of {chunk_bytes} bytes are beyond the limit of {CHUNK_BYTES_MAX}"
            )));
        }
        if image.together() > 1 {
            let (samples, element_size) = (image.samples as u32, size as u32);
            let step = match sample {
                None => Tiff::Interleaved { samples, element_size },
                Some(sample) => Tiff::Sample { sample: sample as u32, samples, element_size },
            };
            encoding.codecs.insert(0, Codec::Tiff(step));
        }
        let (stored, rows) = place(file, directory, image, rows, sample)?;
        let mut grid = ChunkGrid::new(vec![image.height, image.width], vec![rows, columns]);
        if sample.is_none() {
            grid.shape.insert(0, image.samples);
            grid.chunk.insert(0, image.together());
        }
        let chunked = image.tile.is_some();
        Ok(Ok(Self { grid, dtype, encoding, chunked, stored, refs: OnceLock::new() }))
    }

    /// Where every chunk lies, in C order of the grid.
    ///
    /// # Errors
    /// `source-corrupt` where the directory lists others than the grid has, or places outside the file.
    pub(super) fn chunk_refs(&self, file: &File) -> Result<Arc<[ChunkRef]>> {
        if let Some(refs) = self.refs.get() {
            return Ok(Arc::clone(refs));
        }
        let refs: Arc<[ChunkRef]> = match &self.stored {
            Stored::Runs { starts, rows } => self.runs(starts, *rows),
            Stored::Listed { directory, first, plain } => self.listed(file, directory, *first, *plain)?,
        }
        .into();
        if let Some(end) = refs.iter().map(end_of).max().filter(|end| *end > file.size()) {
            let message = format!("truncated: found {} bytes, its strips or tiles need {end}", file.size());
            return Err(Error::new(Code::SourceCorrupt, message).help("fetch the file again"));
        }
        Ok(Arc::clone(self.refs.get_or_init(|| refs)))
    }

    fn runs(&self, starts: &[u64], rows: PlainStrips) -> Vec<ChunkRef> {
        let along = rows.height.div_ceil(rows.rows);
        let run = |start: u64| {
            (0..along).map(move |at| ChunkRef::Stored {
                offset: start.saturating_add(at * rows.rows * rows.row_bytes),
                bytes: rows.bytes(at),
                filter_mask: 0,
            })
        };
        starts.iter().flat_map(|start| run(*start)).collect()
    }

    fn listed(
        &self,
        file: &File,
        directory: &Directory,
        first: u64,
        plain: Option<PlainStrips>,
    ) -> Result<Vec<ChunkRef>> {
        let List { offsets, bytes } = List::read(file, directory)?;
        let (count, first) = (self.grid.len(), usize::try_from(first).unwrap_or(usize::MAX));
        let end = usize::try_from(count).ok().and_then(|count| first.checked_add(count));
        let Some(wanted) = end.and_then(|end| offsets.get(first..end)) else {
            let message = format!("it lists {} strips or tiles, expected {count}", offsets.len());
            return Err(damaged(message));
        };
        let along = plain.map_or(1, |plain| plain.height.div_ceil(plain.rows)).max(1);
        let mut refs = Vec::with_capacity(wanted.len());
        for (at, offset) in (0..).zip(wanted) {
            let should = plain.map(|plain| plain.bytes(at % along));
            let listed = usize::try_from(at).ok().and_then(|at| bytes.get(first + at)).copied();
            let bytes = match (listed, should) {
                (Some(listed), Some(should)) => listed.min(should),
                (Some(listed), None) => listed,
                (None, Some(should)) => should,
                (None, None) => return Err(damaged("it does not say how long its strips or tiles are")),
            };
            refs.push(match bytes {
                0 => ChunkRef::Unallocated,
                bytes => ChunkRef::Stored { offset: *offset, bytes, filter_mask: 0 },
            });
        }
        Ok(refs)
    }
}

/// What the directory lists.
struct List {
    offsets: Vec<u64>,
    /// Fewer than offsets, or none, in files of old writers.
    bytes: Vec<u64>,
}

impl List {
    fn read(file: &File, directory: &Directory) -> Result<Self> {
        let either = |one, other| if directory.has(one) { one } else { other };
        Ok(Self {
            offsets: file.numbers(directory, either(tags::TILE_OFFSETS, tags::STRIP_OFFSETS))?,
            bytes: file.numbers(directory, either(tags::TILE_BYTES, tags::STRIP_BYTES))?,
        })
    }
}

fn end_of(chunk: &ChunkRef) -> u64 {
    match chunk {
        ChunkRef::Stored { offset, bytes, .. } => offset.saturating_add(*bytes),
        ChunkRef::Inline(_) | ChunkRef::Unallocated => 0,
    }
}

/// Where the bytes are, and how many rows a chunk has: strips that are not compressed and follow each other without a
/// gap are cut anew.
fn place(
    file: &File,
    directory: &Directory,
    image: &Image,
    rows: u64,
    sample: Option<u64>,
) -> Result<(Stored, u64)> {
    let along = image.height.div_ceil(rows);
    let across = image.tile.map_or(1, |(width, _)| image.width.div_ceil(width));
    let first = match sample.filter(|_| image.separate) {
        Some(sample) => sample * along * across,
        None => 0,
    };
    let row_bytes = image.plain_bytes(1).filter(|_| image.tile.is_none());
    let plain = row_bytes.map(|row_bytes| PlainStrips { row_bytes, height: image.height, rows });
    let listed = || (Stored::Listed { directory: directory.clone(), first, plain }, rows);
    let Some(strips) = plain else { return Ok(listed()) };
    let planes = if image.separate && sample.is_none() { image.samples } else { 1 };
    let List { offsets, bytes } = List::read(file, directory)?;
    let strip = |plane: u64, at: u64| {
        let number = first.checked_add(plane.checked_mul(along)?)?.checked_add(at)?;
        offsets.get(usize::try_from(number).ok()?).copied()
    };
    let follows = |plane| {
        let next = |at: u64| Some(strip(plane, at)?.checked_add(strips.bytes(at))? == strip(plane, at + 1)?);
        (0..along - 1).all(|at| next(at) == Some(true))
    };
    let starts: Option<Vec<u64>> =
        (0..planes).map(|plane| strip(plane, 0).filter(|start| *start > 0 && follows(plane))).collect();
    match starts {
        Some(starts) if !bytes.contains(&0) => {
            let rows = (RUN_BYTES / strips.row_bytes.max(1)).clamp(1, image.height);
            Ok((Stored::Runs { starts, rows: PlainStrips { rows, ..strips } }, rows))
        }
        _ => Ok(listed()),
    }
}

//! Targets of references: for every chunk of the dataset where it lies in a file, or its bytes where it is small.
//!
//! What the plan calls copied is a range of a file here, and what it calls decoded has to be small enough to be written
//! into the target itself. All that is in the way is found before anything is written, of every array.

mod address;
mod places;
mod read;
mod refuse;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::chunk::{ChunkGrid, ChunkRef};
use arcoforge_core::combine::{Along, Pieces};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Filling, Mode};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::references::{Referenced, References};
use arcoforge_core::schema::Storage;
use arcoforge_core::target::ArraySpec;
use arcoforge_store::object::read_range;
use arcoforge_store::{Access, Object};
use arcoforge_write::absent_value;

pub(crate) use self::places::{access, containers, permission};
pub(crate) use self::read::{open_as_references, open_target};
pub(crate) use self::refuse::refuse;
pub(crate) use self::write::{collect, write};

use self::address::Address;
use self::places::is_nameable;
use crate::execute::{gathered, values};
use crate::gather::Worker;
use crate::prepare::Prepared;

/// Decoded bytes of one array up to which chunks that can't be referenced are written into the target.
pub(crate) const INLINE_BYTES: u64 = 1 << 20;

/// Where one chunk of the dataset is.
enum Place<'a> {
    /// It is not stored, and reads as the array's fill value.
    Absent,
    /// Bytes of a file, with the file.
    Range(&'a Arc<dyn Object>, u64, u64),
    /// Bytes that the survey has in hand, encoded.
    Bytes(Arc<[u8]>),
    /// It can't be referenced, and why.
    Nowhere(String),
}

/// The files that chunks lie in, each once.
pub(crate) struct Files {
    format: TargetFormat,
    /// By the address of the open input: what holds its bytes, and where they begin there.
    inputs: BTreeMap<usize, Option<(Arc<Referenced>, u64)>>,
    /// Of inputs that are made of many objects: by URL.
    members: BTreeMap<Arc<str>, Arc<Referenced>>,
    /// Servers (scheme and host) that were asked in this run how they are read.
    asked: BTreeSet<String>,
}

impl Files {
    const fn new(format: TargetFormat) -> Self {
        Self { format, inputs: BTreeMap::new(), members: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// What holds a byte of an input, and which byte it is there; `None` where nothing does that the target can name.
    fn find(&mut self, object: &Arc<dyn Object>, offset: u64) -> Result<Option<(Arc<Referenced>, u64)>> {
        if !self.sends_ranges(object)? {
            return Ok(None);
        }
        let found = self.found(object, offset)?;
        Ok(found.filter(|(referenced, _)| is_nameable(self.format, &referenced.url)))
    }

    /// Whether readers can ask for ranges, as far as it is known: of inputs whose survey was kept, one of each server is
    /// opened for it.
    fn sends_ranges(&mut self, object: &Arc<dyn Object>) -> Result<bool> {
        if object.access() == Access::Later {
            let server: String = object.url().split('/').take(3).collect::<Vec<_>>().join("/");
            if self.asked.insert(server) {
                read_range(&**object, 0..object.validator().size.min(1))?;
            }
        }
        Ok(object.access() != Access::NoRanges)
    }

    fn found(&mut self, object: &Arc<dyn Object>, offset: u64) -> Result<Option<(Arc<Referenced>, u64)>> {
        if object.keyed().is_some() {
            let Some((url, offset)) = object.place(offset)? else { return Ok(None) };
            let url = absolute(&url);
            let new =
                || Arc::new(Referenced { url: Arc::clone(&url), bytes: 0, etag: None, modified_ns: None });
            let known = self.members.entry(Arc::clone(&url)).or_insert_with(new);
            return Ok(Some((Arc::clone(known), offset)));
        }
        let moved = |found: &(Arc<Referenced>, u64)| (Arc::clone(&found.0), found.1.saturating_add(offset));
        let key = Arc::as_ptr(object).cast::<()>().addr();
        if let Some(found) = self.inputs.get(&key) {
            return Ok(found.as_ref().map(moved));
        }
        let validator = object.validator();
        // an input that is opened later does not know yet that it is no file
        let place = if arcoforge_read::dap::is_dataset(object.url()) { None } else { object.place(0)? };
        let found = place.map(|(url, start)| {
            let inside = start > 0 || *url != *object.url();
            let referenced = Referenced {
                url: absolute(&url),
                bytes: if inside { 0 } else { validator.size },
                etag: validator.etag.clone().filter(|_| !inside),
                modified_ns: validator.modified_ns,
            };
            (Arc::new(referenced), start)
        });
        let answer = found.as_ref().map(moved);
        self.inputs.insert(key, found);
        Ok(answer)
    }
}

/// The URL, or the absolute path without `..`.
fn absolute(url: &Arc<str>) -> Arc<str> {
    if url.contains("://") {
        return Arc::clone(url);
    }
    let path = url.strip_prefix("file:").unwrap_or(url);
    let Ok(path) = std::path::absolute(Path::new(path)) else { return Arc::clone(url) };
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            // what is above a link is above what it leads to
            Component::ParentDir => {
                out = out.canonicalize().unwrap_or(out);
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out.display().to_string().into()
}

/// The references of one array, and the bytes of what could not be referenced.
///
/// # Errors
/// What reading inputs and encoding bring; `bug` for what [`refuse`] lets through and is none.
pub(crate) fn references(
    prepared: &Prepared,
    format: TargetFormat,
    array: &ArrayPlan,
    worker: &mut Worker,
    files: &mut Files,
) -> Result<References> {
    let spec = &array.spec;
    let grid = spec.chunks();
    let mut found = References::with_capacity(usize::try_from(grid.len()).unwrap_or(0));
    let mut numbers: BTreeMap<usize, u32> = BTreeMap::new();
    let mut inline = |found: &mut References, index: &[u64]| {
        let bytes = match &array.content {
            Filling::Values(block) => values(format, worker, spec, block, index, |bytes| Ok(bytes.to_vec()))?,
            Filling::Pieces(pieces) => {
                gathered(format, prepared, worker, spec, pieces, index, |bytes| Ok(bytes.to_vec()))?
            }
            Filling::Coarser(_) => return Err(Error::new(Code::Bug, "references have no coarser levels")),
        };
        match bytes {
            Some(bytes) => found.push_inline(&bytes),
            None => found.push_absent(),
        }
        Ok(())
    };
    let (Filling::Pieces(pieces), Mode::Copy) = (&array.content, array.mode) else {
        for number in 0..grid.len() {
            inline(&mut found, &grid.index(number))?;
        }
        return Ok(found);
    };
    places(prepared, format, spec, pieces, &mut |index, place| {
        match place {
            Place::Absent => found.push_absent(),
            Place::Bytes(bytes) => found.push_inline(&bytes),
            Place::Nowhere(_) => inline(&mut found, index)?,
            Place::Range(object, offset, bytes) => {
                let Some((referenced, offset)) = files.find(object, offset)? else {
                    return inline(&mut found, index);
                };
                let number = match numbers.get(&Arc::as_ptr(&referenced).addr()) {
                    Some(number) => *number,
                    None => {
                        let number = found.add_object(Arc::clone(&referenced))?;
                        numbers.insert(Arc::as_ptr(&referenced).addr(), number);
                        number
                    }
                };
                found.push_range(number, offset, bytes)?;
            }
        }
        Ok(())
    })
    .map_err(|e| e.in_variable(&spec.name))?;
    Ok(found)
}

/// Tells of every chunk of an array in files where it is, in C order.
fn places<'a>(
    prepared: &'a Prepared,
    format: TargetFormat,
    spec: &ArraySpec,
    pieces: &Pieces,
    tell: &mut dyn FnMut(&[u64], Place<'a>) -> Result<()>,
) -> Result<()> {
    let bug = || Error::new(Code::Bug, "a chunk to be referenced has no file");
    let grid = spec.chunks();
    let along = pieces.along.iter().map(|along| Cut::of(along, &grid)).collect::<Option<Vec<Cut>>>();
    let along = along.ok_or_else(bug)?;
    let absent = absent_value(format, spec);
    let mut last: Option<(usize, Option<OneFile<'a>>)> = None;
    let mut index = vec![0; grid.chunk.len()];
    let mut local = index.clone();
    for number in 0..grid.len() {
        local.copy_from_slice(&index);
        let mut flat = Some(0);
        for cut in &along {
            let at =
                index.get(cut.dim).and_then(|at| cut.at.get(usize::try_from(*at).ok()?)).ok_or_else(bug)?;
            flat = flat.zip(at.0).map(|(flat, key)| flat * cut.keys + key as usize);
            if let Some(slot) = local.get_mut(cut.dim) {
                *slot = at.1;
            }
        }
        let place = match flat {
            None => unwritten(absent, &spec.unwritten, "no file holds it"),
            Some(flat) => {
                if last.as_ref().is_none_or(|(known, _)| *known != flat) {
                    last = Some((flat, OneFile::of(prepared, spec, pieces, flat)?));
                }
                match last.as_ref().and_then(|(_, file)| file.as_ref()) {
                    None => unwritten(absent, &spec.unwritten, "no file holds it"),
                    Some(file) => file.place(&local, absent)?,
                }
            }
        };
        tell(&index, place).map_err(|e| e.in_chunk(&index))?;
        debug_assert_eq!(grid.flat(&index), number);
        step(&mut index, &grid.counts());
    }
    Ok(())
}

/// The next index in C order.
fn step(index: &mut [u64], counts: &[u64]) {
    for (slot, count) in index.iter_mut().zip(counts).rev() {
        *slot += 1;
        if *slot < *count {
            return;
        }
        *slot = 0;
    }
}

/// A chunk that is not stored: left out where readers see the same there.
fn unwritten<'a>(
    absent: Option<&arcoforge_core::dtype::Scalar>,
    value: &arcoforge_core::dtype::Scalar,
    why: &str,
) -> Place<'a> {
    match absent {
        Some(seen) if seen.equals(value) => Place::Absent,
        _ => Place::Nowhere(format!(
            "a chunk is not stored ({why}) and holds {value}, which readers would not see"
        )),
    }
}

/// Which file every chunk along a dimension comes from, and which chunk of that file it is.
struct Cut {
    dim: usize,
    keys: usize,
    at: Vec<(Option<u32>, u64)>,
}

impl Cut {
    fn of(along: &Along, grid: &ChunkGrid) -> Option<Self> {
        let (length, count) = (*grid.chunk.get(along.dim)?, *grid.counts().get(along.dim)?);
        let at = (0..count).map(|chunk| {
            let segment = along.segment(chunk * length)?;
            Some((segment.key, (chunk * length - segment.start + segment.first) / length))
        });
        Some(Self { dim: along.dim, keys: along.keys as usize, at: at.collect::<Option<_>>()? })
    }
}

/// One file's chunks of an array.
struct OneFile<'a> {
    object: &'a Arc<dyn Object>,
    refs: &'a arcoforge_core::chunk::ChunkRefs,
    grid: ChunkGrid,
    value: &'a arcoforge_core::dtype::Scalar,
    /// Where cells are, of what is stored as one piece.
    address: Option<Address<'a>>,
}

impl<'a> OneFile<'a> {
    /// `None` where the place of the file is empty.
    fn of(prepared: &'a Prepared, spec: &ArraySpec, pieces: &Pieces, flat: usize) -> Result<Option<Self>> {
        let Some(piece) = pieces.files.get(flat).copied().flatten() else { return Ok(None) };
        let (_, mapped, surveyed) = prepared.piece(piece)?;
        let bug = || Error::new(Code::Bug, "an array to be referenced is none of its file");
        let source = mapped.source().ok_or_else(bug)?;
        let refs = surveyed.refs.get(source).ok_or_else(bug)?;
        let Storage::Chunks { unwritten, chunked, .. } = &mapped.var.storage else { return Err(bug()) };
        let grid = ChunkGrid::new(mapped.var.shape.clone(), spec.chunk.clone());
        let address = if *chunked { None } else { Some(Address::new(mapped, refs, spec).ok_or_else(bug)?) };
        Ok(Some(Self { object: &surveyed.object, refs, grid, value: unwritten, address }))
    }

    /// Where the file's chunk of that index is.
    fn place(&self, local: &[u64], absent: Option<&arcoforge_core::dtype::Scalar>) -> Result<Place<'a>> {
        if let Some(address) = &self.address {
            return Ok(match address.range(local, &self.grid) {
                Some((offset, bytes)) => Place::Range(self.object, offset, bytes),
                None => Place::Nowhere("the cells of a chunk do not lie together in the file".into()),
            });
        }
        let number = usize::try_from(self.grid.flat(local)).unwrap_or(usize::MAX);
        let reference = self.refs.get(number);
        Ok(match reference.ok_or_else(|| Error::new(Code::Bug, "a chunk to be referenced is not known"))? {
            ChunkRef::Unallocated => unwritten(absent, self.value, "never written"),
            ChunkRef::Inline(bytes) => Place::Bytes(bytes),
            ChunkRef::Stored { offset, bytes, filter_mask: 0 } => Place::Range(self.object, offset, bytes),
            ChunkRef::Stored { .. } => {
                Place::Nowhere("a codec was skipped for some chunks (HDF5 filter mask)".into())
            }
        })
    }
}

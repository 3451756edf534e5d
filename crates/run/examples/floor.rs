//! The least that a bake has to do: reads, decodes, gathers, encodes and writes the same chunks as `bake`, on one thread,
//! each source chunk once, with the same codecs and the simplest code, and prints the CPU seconds that this took.
//!
//!     cargo run --release -p arcoforge-run --example floor -- RECIPE FOLDER
//!         [--chunks DIM=LENGTH,...] [--shards ...] [--codecs CODECS] [--format FORMAT] [--unchecked-copies]
//!
//! What comes before (finding, opening and combining the files) is not counted, there is no limit of memory, and FOLDER
//! gets no dataset but a file for every chunk. Cells of values in hand (coordinates) are left out.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arcoforge_codec::{Scratch, decode, encode};
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, ChunkRefs, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::combine::{Piece, Pieces};
use arcoforge_core::plan::{ArrayPlan, Budget, Filling, Mode};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::schema::Storage;
use arcoforge_core::steps::Mapped;
use arcoforge_run::{Options, Prepared, Session, Surveyed, prepare};

type Done<T> = Result<T, Box<dyn Error>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("floor: {error}");
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Done<()> {
    let [recipe, out, options @ ..] = arguments else {
        return Err("usage: floor RECIPE FOLDER [OPTION]...".into());
    };
    let (recipe, base, unchecked) = asked(Path::new(recipe), options)?;
    let budget = Budget { memory_bytes: 1 << 40, asked: true, workers: 2 };
    let session = Session::new(Options { budget, base, ..Options::default() }, |_| {});
    let prepared = prepare(&session, &recipe, None).map_err(|errors| {
        errors.first().map_or_else(String::new, |first| format!("{}: {}", first.message, errors.len()))
    })?;
    let mut floor = Floor { out: out.into(), unchecked, prepared: &prepared, worker: Worker::default() };
    fs::create_dir_all(&floor.out)?;
    let begun = cpu_seconds()?;
    for array in &prepared.plan.arrays {
        match (&array.content, array.mode) {
            (Filling::Values(_) | Filling::Coarser(_), _) => {}
            (Filling::Pieces(pieces), Mode::Copy) => floor.copy(array, pieces)?,
            (Filling::Pieces(pieces), _) => floor.gather(array, pieces)?,
        }
    }
    let cpu = cpu_seconds()? - begun;
    let Worker { read, written, decoded, .. } = &floor.worker;
    println!("{}", serde_json::json!({"cpu": cpu, "read": read, "written": written, "decoded": decoded}));
    Ok(())
}

/// The recipe with the options above it, its folder, and whether copied chunks are not inflated.
fn asked(path: &Path, options: &[String]) -> Done<(Recipe, PathBuf, bool)> {
    let text = fs::read_to_string(path)?;
    let (mut recipe, _) = arcoforge_recipe::parse(&text, &path.display().to_string())
        .map_err(|found| found.first().map_or_else(String::new, |d| d.render(&text, "recipe")))?;
    let mut unchecked = false;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if option == "--unchecked-copies" {
            unchecked = true;
            continue;
        }
        let value = options.next().ok_or_else(|| format!("{option} has no value"))?;
        let output = &mut recipe.output;
        match option.as_str() {
            "--chunks" => output.chunks = arcoforge_recipe::parse_chunks(value)?,
            "--shards" => output.shards = arcoforge_recipe::parse_chunks(value)?,
            "--codecs" => output.codecs = arcoforge_recipe::parse_codecs(value)?,
            "--format" => output.format = arcoforge_recipe::parse_format(value)?,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok((recipe, path.parent().map(Path::to_owned).unwrap_or_default(), unchecked))
}

/// What this thread has had of a processor so far, user and system.
fn cpu_seconds() -> Done<f64> {
    std::thread::yield_now(); // brings the count up to date
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanoseconds as f64 / 1e9)
}

struct Floor<'a> {
    out: PathBuf,
    unchecked: bool,
    prepared: &'a Prepared,
    worker: Worker,
}

#[derive(Default)]
struct Worker {
    scratch: Scratch,
    stored: Vec<u8>,
    decoded_chunk: Vec<u8>,
    encoded: Vec<u8>,
    read: u64,
    written: u64,
    decoded: u64,
}

/// One array of one file, its chunks, and where it begins in the dataset along the first dimension that files follow.
struct Source<'a> {
    file: File,
    mapped: &'a Mapped,
    refs: &'a ChunkRefs,
    encoding: &'a Encoding,
    grid: ChunkGrid,
    start: u64,
}

/// Target chunks that are being filled, by their place along the concat dimension.
type Open = BTreeMap<u64, Vec<Vec<u8>>>;

impl<'a> Floor<'a> {
    fn source(&self, piece: Piece, start: u64) -> Done<Source<'a>> {
        let bug = "a piece of the plan has no file";
        let mapped = self.prepared.files.get(piece.file as usize).ok_or(bug)?;
        let mapped = mapped.view.variables.get(piece.variable as usize).ok_or(bug)?;
        let Surveyed { object, refs, .. } = self.prepared.surveyed.get(piece.file as usize).ok_or(bug)?;
        let Storage::Chunks { chunk, encoding, .. } = &mapped.var.storage else {
            return Err(format!("`{}` has no plain chunks", mapped.var.name).into());
        };
        let refs = mapped.source().and_then(|name| refs.get(name)).ok_or("a computed variable")?;
        let mut shape = vec![1; chunk.len()];
        for (axis, &length) in mapped.axes().iter().zip(&mapped.var.shape) {
            if let Some(axis) = *axis {
                shape[axis] = length;
            }
        }
        let grid = ChunkGrid::new(shape, chunk.clone());
        Ok(Source { file: File::open(object.url())?, mapped, refs, encoding, grid, start })
    }

    /// The files of an array, one after the other.
    fn sources(&self, pieces: &Pieces) -> Vec<(Piece, u64)> {
        match pieces.along.as_slice() {
            [] => pieces.files.iter().flatten().map(|piece| (*piece, 0)).collect(),
            [along, ..] => {
                let piece = |key: u32| pieces.files.get(key as usize).copied().flatten();
                along.segments.iter().filter_map(|s| Some((piece(s.key?)?, s.start))).collect()
            }
        }
    }

    /// Copies stored chunks.
    fn copy(&mut self, array: &ArrayPlan, pieces: &Pieces) -> Done<()> {
        let size = array.spec.dtype.size().ok_or("text")?;
        for (number, (piece, start)) in self.sources(pieces).into_iter().enumerate() {
            let source = self.source(piece, start)?;
            for (at, reference) in source.refs.iter().enumerate() {
                let ChunkRef::Stored { offset, bytes, .. } = reference else { continue };
                self.worker.fetch(&source, offset, bytes)?;
                if !self.unchecked {
                    let cells = source.grid.chunk_cells() as usize;
                    let Worker { scratch, stored, decoded_chunk, .. } = &mut self.worker;
                    decoded_chunk.resize(cells * size, 0);
                    decode(source.encoding, array.spec.dtype.swap_size(), 0, stored, decoded_chunk, scratch)?;
                }
                self.worker.written += self.worker.stored.len() as u64;
                fs::write(self.path(array, &[number as u64, at as u64]), &self.worker.stored)?;
            }
        }
        Ok(())
    }

    /// Decodes source chunks in the order of the files into all target chunks that they touch, and encodes those that
    /// are full.
    fn gather(&mut self, array: &ArrayPlan, pieces: &Pieces) -> Done<()> {
        if pieces.along.len() > 1
            || pieces.along.iter().any(|a| a.segments.iter().any(|s| s.reversed || s.first > 0))
        {
            return Err("files along more than one dimension, or not whole".into());
        }
        let concat = pieces.along.first().map_or(0, |along| along.dim);
        let (mut open, mut spare): (Open, Vec<Vec<u8>>) = (Open::new(), Vec::new());
        for (piece, start) in self.sources(pieces) {
            let source = self.source(piece, start)?;
            let mut chunks: Vec<Vec<u64>> = indices(&Region::whole(&source.grid.counts())).collect();
            let axis = source.mapped.axes().get(concat).copied().flatten();
            chunks.sort_by_key(|index| axis.and_then(|a| index.get(a).copied()));
            for index in chunks {
                let from = self.scatter(array, &source, concat, &index, &mut open, &mut spare)?;
                while let Some(first) = open.first_entry().filter(|e| *e.key() < from) {
                    let (at, buffers) = first.remove_entry();
                    self.write(array, concat, at, &buffers)?;
                    spare.extend(buffers);
                }
            }
        }
        for (at, buffers) in open {
            self.write(array, concat, at, &buffers)?;
        }
        Ok(())
    }

    /// Decodes one chunk of a file and copies its cells. Gives the first target chunk along the concat dimension that
    /// it touches: those before it are full.
    fn scatter(
        &mut self,
        array: &ArrayPlan,
        source: &Source<'_>,
        concat: usize,
        index: &[u64],
        open: &mut Open,
        spare: &mut Vec<Vec<u8>>,
    ) -> Done<u64> {
        let (spec, size) = (&array.spec, array.spec.dtype.size().ok_or("text")?);
        let target = spec.chunks();
        let cells = source.grid.region(index);
        let axes = source.mapped.axes();
        let here = |(dim, axis): (usize, &Option<usize>)| {
            let range = axis.and_then(|a| cells.0.get(a)).cloned().unwrap_or(0..1);
            if dim == concat { range.start + source.start..range.end + source.start } else { range }
        };
        let here = Region(axes.iter().enumerate().map(here).collect());
        let Some(ChunkRef::Stored { offset, bytes, filter_mask }) =
            source.refs.get(source.grid.flat(index) as usize)
        else {
            return Err("a chunk that was never written".into());
        };
        self.worker.fetch(source, offset, bytes)?;
        let chunk_cells = source.grid.chunk_cells() as usize;
        self.worker.decoded += (chunk_cells * size) as u64;
        let swap = spec.dtype.swap_size();
        let covering = target.covering(&here);
        let mut is_decoded = false;
        for chunk in indices(&covering) {
            let whole = target.region(&chunk);
            let Some(both) = here.intersect(&whole) else { continue };
            let buffers = open
                .entry(chunk[concat])
                .or_insert_with(|| fresh(&target, concat, chunk[concat], size, spare));
            let buffer = &mut buffers[flat(&target, concat, &chunk) as usize];
            let dims = dims(&both, &here, &whole, &axes, &source.grid.chunk, &target.chunk);
            let Worker { scratch, stored, decoded_chunk, .. } = &mut self.worker;
            if let Some(run) = dims.run(chunk_cells) {
                let run = &mut buffer[run.start * size..run.end * size];
                decode(source.encoding, swap, filter_mask, stored, run, scratch)?;
                continue;
            }
            if !is_decoded {
                decoded_chunk.resize(chunk_cells * size, 0);
                decode(source.encoding, swap, filter_mask, stored, decoded_chunk, scratch)?;
                is_decoded = true;
            }
            dims.copy(decoded_chunk, buffer, size);
        }
        Ok(covering.0.get(concat).map_or(0, |range| range.start))
    }

    /// Encodes and writes the chunks at one place along the concat dimension.
    fn write(&mut self, array: &ArrayPlan, concat: usize, at: u64, buffers: &[Vec<u8>]) -> Done<()> {
        let target = array.spec.chunks();
        for chunk in indices(&row(&target, concat, at)) {
            let buffer = &buffers[flat(&target, concat, &chunk) as usize];
            let Worker { scratch, encoded, written, .. } = &mut self.worker;
            encode(&array.spec.encoding, array.spec.dtype.swap_size(), buffer, encoded, scratch)?;
            *written += encoded.len() as u64;
            let path = self.path(array, &chunk);
            fs::write(path, &self.worker.encoded)?;
        }
        Ok(())
    }

    fn path(&self, array: &ArrayPlan, index: &[u64]) -> PathBuf {
        let numbers: Vec<String> = index.iter().map(ToString::to_string).collect();
        self.out.join(format!("{}.{}", array.spec.name.replace('/', "."), numbers.join(".")))
    }
}

impl Worker {
    fn fetch(&mut self, source: &Source<'_>, offset: u64, bytes: u64) -> Done<()> {
        self.stored.resize(bytes as usize, 0);
        self.read += bytes;
        Ok(source.file.read_exact_at(&mut self.stored, offset)?)
    }
}

/// The target's chunks at one place along the concat dimension.
fn row(target: &ChunkGrid, concat: usize, at: u64) -> Region {
    let mut row = Region::whole(&target.counts());
    row.0[concat] = at..at + 1;
    row
}

/// A chunk's number among those at its place along the concat dimension.
fn flat(target: &ChunkGrid, concat: usize, chunk: &[u64]) -> u64 {
    let counts = target.counts();
    let dims = counts.iter().zip(chunk).enumerate().filter(|(dim, _)| *dim != concat);
    dims.fold(0, |flat, (_, (count, at))| flat * count + at)
}

/// Buffers of whole chunks; what lies beyond the array is zero.
fn fresh(target: &ChunkGrid, concat: usize, at: u64, size: usize, spare: &mut Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let bytes = target.chunk_cells() as usize * size;
    let buffer = |chunk: Vec<u64>| {
        let mut buffer = spare.pop().unwrap_or_default();
        buffer.resize(bytes, 0);
        if target.region(&chunk).shape() != target.chunk {
            buffer.fill(0);
        }
        buffer
    };
    indices(&row(target, concat, at)).map(buffer).collect()
}

/// A box of cells in two buffers: per dimension how many, and how far apart in both; where it begins in both.
struct Dims {
    dims: Vec<[usize; 3]>,
    from: usize,
    to: usize,
}

fn dims(
    both: &Region,
    here: &Region,
    whole: &Region,
    axes: &[Option<usize>],
    source_chunk: &[u64],
    target_chunk: &[u64],
) -> Dims {
    let (of_source, of_target) = (strides(source_chunk), strides(target_chunk));
    let mut found = Dims { dims: Vec::new(), from: 0, to: 0 };
    let ranges = both.0.iter().zip(&here.0).zip(&whole.0);
    for (((range, here), whole), (axis, &target)) in ranges.zip(axes.iter().zip(&of_target)) {
        let source = axis.map_or(0, |a| of_source[a]);
        let offset = |origin: &Range<u64>| (range.start - origin.start) as usize;
        found.from += offset(here) * source;
        found.to += offset(whole) * target;
        let count = (range.end - range.start) as usize;
        match found.dims.last_mut() {
            _ if count == 1 => {}
            Some([n, s, t]) if *s == source * count && *t == target * count => {
                (*n, *s, *t) = (*n * count, source, target);
            }
            _ => found.dims.push([count, source, target]),
        }
    }
    found
}

impl Dims {
    /// The cells of the target that the whole source fills in its own order.
    fn run(&self, cells: usize) -> Option<Range<usize>> {
        match self.dims.as_slice() {
            [[count, 1, 1]] if *count == cells && self.from == 0 => Some(self.to..self.to + count),
            _ => None,
        }
    }

    fn copy(&self, source: &[u8], target: &mut [u8], size: usize) {
        nested(&self.dims, source, self.from, target, self.to, size);
    }
}

fn nested(dims: &[[usize; 3]], source: &[u8], from: usize, target: &mut [u8], to: usize, size: usize) {
    match dims {
        [] => target[to * size..][..size].copy_from_slice(&source[from * size..][..size]),
        [[count, 1, 1]] => {
            target[to * size..][..count * size].copy_from_slice(&source[from * size..][..count * size]);
        }
        [[count, s, t], inner @ ..] => {
            (0..*count).for_each(|i| nested(inner, source, from + i * s, target, to + i * t, size));
        }
    }
}

/// Cells between neighbours along every dimension of a buffer in C order.
fn strides(shape: &[u64]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dim in (1..shape.len()).rev() {
        strides[dim - 1] = strides[dim] * shape[dim] as usize;
    }
    strides
}

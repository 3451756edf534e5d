//! The plan: which chunks a dataset gets, what is copied and what decoded, in which tasks, at what memory.
//!
//! A plan is a value. It is made before a byte is moved, and it names its cost; what runs it only decides when.

mod chunks;
mod encoding;
mod filling;
mod levels;
mod memory;
mod rechunk;
mod refer;
mod source;
mod tasks;
mod ways;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chunk::{ChunkGrid, Region};
use crate::combine::{Combined, CombinedVar, File};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::{Output, TargetFormat};
use crate::schema::base_name;
use crate::target::{ArraySpec, Dataset, TargetCaps};

pub use filling::{Coarser, Filling};
pub use memory::{BATCH_BYTES, NEAR_BYTES, PART_BYTES};
pub use rechunk::Rechunk;
pub use refer::{IN_HAND_BYTES, leave_in_files};

/// What the machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Peak resident bytes of the process.
    pub memory_bytes: u64,
    /// Somebody asked for this limit. Where nobody did, it grows with what must be known of very many inputs.
    pub asked: bool,
    /// Threads that work at a time.
    pub workers: usize,
}

impl Budget {
    /// What the program itself needs before it holds any data.
    pub const BASE_BYTES: u64 = 24 << 20;
    /// What is known of every file beside where its chunks are and its own values; files that are alike share their schema.
    pub const FILE_BYTES: u64 = 768;
    /// What a limit that nobody asked for leaves to the values that are a file's own: three times, say.
    pub const OWN_BYTES: u64 = 768;
    /// What is known of every array: its attributes, where its cells come from, and its metadata while it is written.
    pub const ARRAY_BYTES: u64 = 8 << 10;

    /// The limit where `known_bytes` are resident before any data: what nobody asked for leaves half of itself to data.
    #[must_use]
    pub fn knowing(self, known_bytes: u64) -> Self {
        if self.asked {
            return self;
        }
        let least = known_bytes.saturating_add(self.memory_bytes / 2);
        Self { memory_bytes: self.memory_bytes.max(least), ..self }
    }

    /// The limit for the survey of so many files.
    #[must_use]
    pub fn surveying(self, files: usize) -> Self {
        let own = (files as u64).saturating_mul(Self::OWN_BYTES);
        self.knowing(Self::base_bytes(files, 0).saturating_add(own))
    }

    /// What is resident before any data: what is known of files and arrays.
    pub fn base_bytes(files: usize, arrays: usize) -> u64 {
        let files = (files as u64).saturating_mul(Self::FILE_BYTES);
        let known = files.saturating_add((arrays as u64).saturating_mul(Self::ARRAY_BYTES));
        Self::BASE_BYTES.saturating_add(known)
    }
}

/// What will be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The dataset to write.
    pub dataset: Dataset,
    /// What is done for every array, in the order of [`Dataset::arrays`].
    pub arrays: Vec<ArrayPlan>,
    /// Slabs that are worked on at a time; fewer than there are threads where memory does not suffice for as many, or where
    /// larger ones let source chunks be decoded less often.
    pub workers: usize,
    /// Threads that work at one slab.
    pub threads: usize,
    /// Stored bytes of other machines that are fetched before they are needed; 0 where all files are on this machine.
    pub ahead_bytes: u64,
    /// Peak resident bytes, estimated from above, with those that are fetched ahead.
    pub peak_bytes: u64,
    /// The limit that was kept to.
    pub memory_bytes: u64,
    /// The dataset has levels: its own arrays are those of the group `0`.
    pub pyramid: bool,
    /// Where the arrays of every coarser level begin.
    pub levels: Vec<usize>,
}

/// What is done for one array.
#[derive(Debug, Clone)]
pub struct ArrayPlan {
    /// The array.
    pub spec: Arc<ArraySpec>,
    /// Where its values come from.
    pub content: Filling,
    /// Whether stored chunks are copied or decoded.
    pub mode: Mode,
    /// Why chunks are not copied; empty where they are.
    pub reason: String,
    /// What to change, where chunks can't be referenced and that is what is asked for.
    pub remedy: &'static str,
    /// The chunk that a bake from nothing would choose, where the one of a published dataset is kept.
    pub anew: Option<Vec<u64>>,
    /// Cells of one slab: the chunks that are filled at a time, a multiple of the chunk.
    pub slab: Vec<u64>,
    /// Bytes that one worker needs for it.
    pub worker_bytes: u64,
    /// How often a source chunk is decoded on average: 1 is once. More where slabs cut source chunks, because chunks,
    /// shards or the memory allowed do not let a slab hold them whole. Of cells that are stored as they are: how often
    /// they are read.
    pub decodes: f64,
    /// Where the cells go through scratch storage in a stage before; slabs are filled from there.
    pub scratch: Option<Rechunk>,
}

/// How an array's chunks come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Values in hand are encoded.
    Values,
    /// Stored bytes are copied.
    Copy,
    /// Source chunks are decoded, gathered and encoded.
    Decode,
    /// Chunks of the level above are read back, made coarser and encoded.
    Coarsen,
}

impl ArrayPlan {
    /// A plan that is not divided yet.
    fn new(
        spec: ArraySpec,
        content: impl Into<Filling>,
        chosen: encoding::Chosen,
        anew: Option<Vec<u64>>,
    ) -> Self {
        Self {
            slab: spec.chunk.clone(),
            spec: Arc::new(spec),
            content: content.into(),
            mode: chosen.mode,
            reason: chosen.reason,
            remedy: "",
            anew,
            worker_bytes: 0,
            decodes: 1.0,
            scratch: None,
        }
    }

    /// The same of an array of a coarser level.
    fn of_level(spec: ArraySpec, content: Filling, mode: Mode) -> Self {
        let chosen = encoding::Chosen { encoding: spec.encoding.clone(), mode, reason: String::new() };
        Self::new(spec, content, chosen, None)
    }

    /// The boxes of cells that tasks own: whole shards where there are any, else slabs.
    pub fn tasks(&self) -> ChunkGrid {
        let cells = self.spec.shard.clone().unwrap_or_else(|| self.slab.clone());
        ChunkGrid::new(self.spec.shape.clone(), cells)
    }

    /// The boxes of cells that tasks of the first stage own; none where there is one pass only.
    pub fn scratch_tasks(&self) -> u64 {
        self.scratch.as_ref().map_or(0, |rechunk| rechunk.boxes(&self.spec.shape).len())
    }

    /// Bytes of scratch storage that the array needs. The file may be longer: what is never written takes no place.
    pub fn scratch_bytes(&self) -> u64 {
        let all = cells(&self.spec.shape).saturating_mul(self.spec.dtype.size_estimate());
        self.scratch.as_ref().map_or(0, |_| all)
    }

    /// The slabs of one task, in the order in which they are written.
    pub fn slabs(&self, task: u64) -> impl Iterator<Item = Region> {
        (0..).map_while(move |number| self.slab(task, number))
    }

    /// One slab of a task; `None` behind the last.
    pub fn slab(&self, task: u64, number: u64) -> Option<Region> {
        let tasks = self.tasks();
        let whole = tasks.region(&tasks.index(task));
        let grid = ChunkGrid::new(whole.shape(), self.slab.clone());
        let within = (number < grid.len()).then(|| grid.region(&grid.index(number)))?;
        Some(Region(within.0.iter().zip(whole.start()).map(|(r, o)| r.start + o..r.end + o).collect()))
    }
}

impl Plan {
    /// Tasks of all arrays, those of the first stage not counted.
    pub fn tasks(&self) -> u64 {
        self.arrays.iter().map(|a| a.tasks().len()).sum()
    }

    /// Tasks that fill scratch storage before any other begins.
    pub fn scratch_tasks(&self) -> u64 {
        self.arrays.iter().map(ArrayPlan::scratch_tasks).sum()
    }

    /// Bytes of scratch storage.
    pub fn scratch_bytes(&self) -> u64 {
        self.arrays.iter().map(ArrayPlan::scratch_bytes).fold(0, u64::saturating_add)
    }
}

/// Chooses chunks, shards and codecs, and divides the work. Chunks and shards that nobody asks for stay as they are in the
/// dataset that is `published`.
///
/// # Errors
/// `output-invalid` where chunks, shards or codecs do not fit the dataset; `memory-limit` where no division fits.
pub fn plan(
    combined: Combined,
    files: &[File],
    output: &Output,
    caps: &TargetCaps,
    budget: Budget,
    published: Option<&Dataset>,
) -> Result<Plan> {
    check_output(&combined, output, caps)?;
    let concat: BTreeSet<String> = combined.concat.iter().cloned().collect();
    let mut arrays = Vec::new();
    let mut readings = Vec::new();
    let mut variables = Vec::new();
    for variable in combined.variables {
        variables.push((Arc::clone(&variable.var), variable.coordinate));
        let source = source::describe(&variable, files);
        readings.push(source.as_ref().map(|source| source::reading(source, &variable, files)));
        if caps.references {
            arrays.push(refer::array(variable, source.as_ref(), files, output, caps)?);
            continue;
        }
        let old = published.filter(|old| old.format == caps.format);
        let old = old.and_then(|old| {
            old.arrays.iter().find(|spec| is_of(spec, &variable, combined.pyramid.is_some()))
        });
        arrays.push(array(variable, source.as_ref(), output, caps, &concat, old.map(AsRef::as_ref))?);
    }
    let mut levels = Vec::new();
    if let Some(pyramid) = &combined.pyramid {
        levels = levels::add(&mut arrays, &variables, pyramid, output, &concat)?;
        readings.resize_with(arrays.len(), || None);
    }
    let chunks = arrays.iter().zip(&readings).map(|(array, reading)| {
        memory::references(&array.spec, reading.as_ref()).saturating_add(memory::pieces(&array.content))
    });
    let base = chunks.fold(Budget::base_bytes(files.len(), arrays.len()), u64::saturating_add);
    let receipts = arrays.iter().map(|array| memory::receipts(&array.spec)).fold(base, u64::saturating_add);
    let budget = budget.knowing(receipts);
    let threads = match tasks::divide(&mut arrays, &readings, budget, base) {
        // no chunk of references is ever in memory but where it is compared
        Err(_) if caps.references => tasks::Threads { workers: 1, team: 1 },
        threads => threads.map_err(|e| in_first_file(e, &arrays, files))?,
    };
    let tasks::Threads { workers, team: threads } = threads;
    arrays.iter().try_for_each(check_tiles)?;
    let peak_bytes = tasks::peak(&arrays, workers, base);
    let ahead_bytes = match tasks::any_remote(&readings) {
        true => memory::ahead(budget.memory_bytes.saturating_sub(peak_bytes)),
        false => 0,
    };
    let peak_bytes = peak_bytes.saturating_add(ahead_bytes);
    let mut attrs = combined.attrs;
    for (name, value) in &output.attrs {
        attrs.set(name.clone(), value.clone());
    }
    let groups = match &combined.pyramid {
        Some(pyramid) => levels::groups(&mut attrs, &combined.groups, &variables, &arrays, pyramid),
        None => combined.groups,
    };
    let groups = all_groups(groups, &arrays);
    let dataset = Dataset {
        format: caps.format,
        attrs,
        groups,
        arrays: arrays.iter().map(|a| Arc::clone(&a.spec)).collect(),
    };
    let memory_bytes = budget.memory_bytes;
    let pyramid = combined.pyramid.is_some();
    Ok(Plan { dataset, arrays, workers, threads, ahead_bytes, peak_bytes, memory_bytes, pyramid, levels })
}

/// What is asked of the output is what the dataset and the target have.
fn check_output(combined: &Combined, output: &Output, caps: &TargetCaps) -> Result<()> {
    check_names(combined, output)?;
    if caps.references {
        refer::check_output(output)?;
    }
    if output.shards.is_empty() || caps.shards {
        return Ok(());
    }
    let (what, other) = match caps.format {
        TargetFormat::Icechunk => ("Icechunk can't hold", "`zarr3`"),
        _ => ("Zarr v2 does not have", "Zarr v3"),
    };
    Err(Error::new(Code::OutputInvalid, format!("found `shards`, which {what}"))
        .help(format!("leave out `shards`, or write {other}")))
}

/// Names the first file of the array that an error is about: its chunks may be what is too large.
fn in_first_file(error: Error, arrays: &[ArrayPlan], files: &[File]) -> Error {
    let about = arrays.iter().find(|a| error.place.variable.as_deref() == Some(a.spec.name.as_str()));
    let first = about.and_then(|array| match &array.content {
        Filling::Pieces(pieces) => pieces.files.iter().flatten().next(),
        Filling::Values(_) | Filling::Coarser(_) => None,
    });
    match first.and_then(|piece| files.get(piece.file as usize)) {
        Some(file) => error.at(&*file.url),
        None => error,
    }
}

/// Whether a published array is the one that a variable becomes.
fn is_of(spec: &ArraySpec, variable: &CombinedVar, pyramid: bool) -> bool {
    let dims = variable.var.dims.iter().map(|dim| base_name(dim));
    let own = if pyramid { spec.name.strip_prefix("0/") } else { Some(spec.name.as_str()) };
    own == Some(variable.var.name.as_str()) && spec.dims.iter().map(String::as_str).eq(dims)
}

fn array(
    variable: CombinedVar,
    source: Option<&source::Source>,
    output: &Output,
    caps: &TargetCaps,
    concat: &BTreeSet<String>,
    published: Option<&ArraySpec>,
) -> Result<ArrayPlan> {
    let (anew, shard) = chunks::choose(&variable, source, output, caps, concat, None)?;
    let (chunk, shard) = match published {
        None => (anew.clone(), shard),
        Some(_) => chunks::choose(&variable, source, output, caps, concat, published)?,
    };
    let CombinedVar { var, unwritten, content, .. } = variable;
    let chosen = encoding::choose(&var, source, &chunk, &content, output, caps)?;
    let spec = ArraySpec {
        name: var.name.clone(),
        dims: var.dims.iter().map(|d| base_name(d).to_owned()).collect(),
        shape: var.shape.clone(),
        dtype: var.dtype,
        attrs: var.attrs.clone(),
        fill: var.fill.clone(),
        unwritten,
        chunk: chunk.clone(),
        shard,
        encoding: chosen.encoding.clone(),
    };
    let anew = (anew != chunk).then_some(anew);
    Ok(ArrayPlan::new(spec, content, chosen, anew))
}

/// What the writer relies on: slabs hold whole chunks, shards hold whole chunks, and within a shard slabs follow each
/// other in the C order of its chunks: one chunk at a time, then one dimension in steps, then whole dimensions.
fn check_tiles(array: &ArrayPlan) -> Result<()> {
    let spec = &array.spec;
    let whole = |of: &[u64]| {
        of.len() == spec.chunk.len() && of.iter().zip(&spec.chunk).all(|(a, c)| *c > 0 && a % c == 0)
    };
    let shard = spec.shard.as_deref().unwrap_or(&array.slab);
    let stepped =
        array.slab.iter().zip(&spec.chunk).position(|(slab, chunk)| slab > chunk).unwrap_or(shard.len());
    let behind = array.slab.iter().zip(shard).zip(&spec.shape).skip(stepped + 1);
    let in_order = behind.into_iter().all(|((slab, shard), n)| slab >= shard || slab >= n);
    if whole(&array.slab) && whole(shard) && in_order {
        return Ok(());
    }
    let message =
        format!("slabs of {:?}, shards of {shard:?} and chunks of {:?} do not fit", array.slab, spec.chunk);
    Err(Error::new(Code::Bug, message).in_variable(&spec.name))
}

/// Cells of a box, at most as many as 64 bits can count.
fn cells(shape: &[u64]) -> u64 {
    shape.iter().fold(1, |product: u64, &n| product.saturating_mul(n))
}

/// Names in `chunks` and `shards` must be dimensions of the dataset.
fn check_names(combined: &Combined, output: &Output) -> Result<()> {
    let known: BTreeSet<&str> = combined
        .variables
        .iter()
        .flat_map(|v| &v.var.dims)
        .flat_map(|d| [d.as_str(), base_name(d)])
        .collect();
    for (key, name) in
        output.chunks.keys().map(|n| ("chunks", n)).chain(output.shards.keys().map(|n| ("shards", n)))
    {
        if !known.contains(name.as_str()) {
            let all: Vec<&str> = known.iter().copied().collect();
            let error = Error::new(
                Code::OutputInvalid,
                format!(
                    "`{key}` names `{name}`, which is no dimension of the dataset; dimensions are: {}",
                    all.join(", ")
                ),
            );
            return Err(match names::nearest(name, known.iter().copied()) {
                Some(near) => error.help(format!("the nearest name is `{near}`")),
                None => error,
            });
        }
    }
    Ok(())
}

/// Every group that an array lies in, parents first.
fn all_groups(
    mut groups: Vec<(String, crate::attrs::Attrs)>,
    arrays: &[ArrayPlan],
) -> Vec<(String, crate::attrs::Attrs)> {
    for array in arrays {
        let mut path = crate::schema::group_of(&array.spec.name);
        while !path.is_empty() {
            if !groups.iter().any(|(p, _)| p == path) {
                groups.push((path.to_owned(), crate::attrs::Attrs::new()));
            }
            path = crate::schema::group_of(path);
        }
    }
    groups.sort_by_key(|(path, _)| path.matches('/').count());
    groups
}

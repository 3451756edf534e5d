//! Receipts: which objects of a store lie there whole, how long they are, their checksums and signatures.
//!
//! One line of JSON per object, appended after the object is complete. Objects are numbered as the dataset's grids
//! number them, whatever the division into tasks was, so that a bake may be resumed with more or less memory.
//! A receipt is trusted as far as it can be: bytes that a process wrote survive its end, so receipts of the running
//! system hold if the object has their length; those of a system that went down hold where the bytes were flushed to
//! the disk before, or their checksum is compared.

mod trust;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arcoforge_core::chunk::ChunkGrid;
use arcoforge_core::error::Result;
use arcoforge_core::plan::ArrayPlan;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::{ArraySpec, Dataset};
use arcoforge_store::files::unwritable;
use arcoforge_write::{Written, chunk_key, chunks_per_shard};
use serde::{Deserialize, Serialize};

use self::trust::{boot, is_durable, is_there};
use crate::execute::objects;
use crate::signature::Signature;
use crate::state::State;

pub(crate) use self::trust::checksum;

/// The version of the lines.
const VERSION: u32 = 2;

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number in the grid of the array's objects.
    pub(crate) object: u64,
    /// `None` where all its cells are what readers see without it, so that it is not stored.
    pub(crate) written: Option<Written>,
    /// The signatures of its chunks, in the order in which they lie in it.
    pub(crate) chunks: Vec<Signature>,
}

/// The first line of a file of receipts.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// Which run of the operating system wrote the objects.
    boot: Option<String>,
    unit: Option<Unit>,
}

/// A part of a plan that one process carries out: what goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The plan's digest.
    pub plan: String,
    /// The first task.
    pub lo: u64,
    /// The task behind the last.
    pub hi: u64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A line behind the first.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row<'a> {
    #[serde(borrow)]
    Object(Line<'a, &'a str>),
    Scratch(Scratched),
}

#[derive(Serialize, Deserialize)]
struct Line<'a, C> {
    #[serde(borrow)]
    array: Cow<'a, str>,
    object: u64,
    bytes: Option<u64>,
    crc32c: Option<u32>,
    /// Signatures of the chunks, one behind the other: 32 hexadecimal digits each.
    chunks: C,
}

/// Signatures as digits, never all of them in memory: a shard may have a million chunks.
struct Digits<'a>(&'a [Signature]);

impl Serialize for Digits<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|signature| write!(f, "{:032x}", signature.0))
    }
}

/// Hexadecimal digits of a signature.
const DIGITS: usize = 32;

/// The signatures that `digits` are; `None` for one that is none.
fn signatures(digits: &str) -> impl Iterator<Item = Option<Signature>> {
    digits.as_bytes().chunks(DIGITS).map(|one| {
        let one = std::str::from_utf8(one).ok().filter(|one| one.len() == DIGITS && !one.starts_with('+'))?;
        u128::from_str_radix(one, 16).ok().map(Signature)
    })
}

/// A task of the first stage: its cells lie in scratch storage.
#[derive(Serialize, Deserialize)]
struct Scratched {
    scratch: u64,
    /// The division of the work that numbers it.
    of: String,
}

/// The last line of a file whose objects were all flushed to the disk.
#[derive(Serialize, Deserialize)]
struct Footer {
    durable: bool,
}

/// Appends receipts, from several threads.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Writer {
    /// A new file in the folder of receipts. What earlier runs left there stays.
    pub(crate) fn create(folder: &Path, unit: Option<&Unit>) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| unwritable(folder, e))?;
        let mut number = 0_u32;
        let (path, file) = loop {
            // a process of another machine may have the same number
            let path = folder.join(format!("{}-{number}.jsonl", std::process::id()));
            match File::options().create_new(true).append(true).open(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
                other => break (path.clone(), other.map_err(|e| unwritable(&path, e))?),
            }
        };
        let writer = Self { path, file: Mutex::new(BufWriter::new(file)) };
        writer.line(&Header { version: VERSION, boot: boot(), unit: unit.cloned() })?;
        Ok(writer)
    }

    /// Notes an object that is complete.
    pub(crate) fn note(&self, array: &str, entry: &Entry) -> Result<()> {
        self.line(&Line {
            array: array.into(),
            object: entry.object,
            bytes: entry.written.map(|w| w.bytes),
            crc32c: entry.written.map(|w| w.crc32c),
            chunks: Digits(&entry.chunks),
        })
    }

    /// Takes back everything that was noted. Whether these were all receipts of the folder.
    pub(crate) fn withdraw(&self) -> bool {
        let _left = fs::remove_file(&self.path);
        self.path.parent().is_some_and(|folder| fs::remove_dir(folder).is_ok())
    }

    /// Notes a task of the first stage that is complete.
    pub(crate) fn note_scratch(&self, division: &str, task: u64) -> Result<()> {
        self.line(&Scratched { scratch: task, of: division.to_owned() })
    }

    /// Says that all objects noted so far were flushed to the disk, and flushes that.
    pub(crate) fn durable(&self) -> Result<()> {
        self.line(&Footer { durable: true })?;
        let file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.get_ref().sync_all().map_err(|e| unwritable(&self.path, e))
    }

    /// One line after the other, a short one in one write: what a killed process leaves is whole lines and at most one
    /// torn at the end.
    fn line(&self, line: &impl Serialize) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let written = serde_json::to_writer(&mut *file, line).map_err(std::io::Error::from);
        written
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.flush())
            .map_err(|e| unwritable(&self.path, e))
    }
}

/// What lies in a store by its receipts.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    arrays: BTreeMap<String, Objects>,
    /// Tasks of the first stage, by division.
    scratch: BTreeMap<String, BTreeSet<u64>>,
}

/// The objects of one array, by number.
#[derive(Debug)]
struct Objects {
    spec: Arc<ArraySpec>,
    grid: ChunkGrid,
    chunks_each: usize,
    /// Whether the object is there, and what was written of it.
    done: Vec<Option<Option<Written>>>,
    /// Empty where nobody asks for them.
    signatures: Vec<Signature>,
}

impl Receipts {
    /// Nothing is there yet.
    fn none(dataset: &Dataset, signatures: bool) -> Self {
        let of = |spec: &Arc<ArraySpec>| {
            let grid = spec.objects();
            let count = usize::try_from(grid.len()).unwrap_or(usize::MAX);
            let chunks_each = usize::try_from(chunks_per_shard(spec)).unwrap_or(usize::MAX);
            let kept = if signatures { count.saturating_mul(chunks_each) } else { 0 };
            let objects = Objects {
                spec: Arc::clone(spec),
                grid,
                chunks_each,
                done: vec![None; count],
                signatures: vec![Signature::BEYOND; kept],
            };
            (spec.name.clone(), objects)
        };
        Self { arrays: dataset.arrays.iter().map(of).collect(), scratch: BTreeMap::new() }
    }

    /// What a bake has made so far of the store that it fills.
    pub(crate) fn of(state: &State, dataset: &Dataset) -> Self {
        Self::none(dataset, false).filled(state, dataset.format, Some(&state.store()), false)
    }

    /// What a bake made of the store at `root`, with the signatures of its chunks; `published` stores were flushed to the
    /// disk.
    pub(crate) fn signed(state: &State, dataset: &Dataset, root: &Path, published: bool) -> Self {
        Self::none(dataset, true).filled(state, dataset.format, Some(root), published)
    }

    /// What receipts say that a bake made, wherever it lies now.
    pub(crate) fn told(state: &State, dataset: &Dataset) -> Self {
        Self::none(dataset, false).filled(state, dataset.format, None, true)
    }

    /// The key of the first object that is not in the store at `root` as it was written.
    pub(crate) fn first_other(&self, format: TargetFormat, root: &Path) -> Option<String> {
        self.arrays.values().find_map(|objects| {
            (0_u64..).zip(&objects.done).find_map(|(number, done)| {
                let key = chunk_key(format, &objects.spec, &objects.grid.index(number));
                let path = root.join(&key);
                let same = match done {
                    Some(Some(written)) => is_there(&path, *written, false),
                    Some(None) => !path.exists(),
                    None => false,
                };
                (!same).then_some(key)
            })
        })
    }

    /// Lines that are torn or do not fit the dataset are passed over: what they are about is done again.
    fn filled(mut self, state: &State, format: TargetFormat, root: Option<&Path>, flushed: bool) -> Self {
        let files = fs::read_dir(state.receipts()).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            self.read_file(&file, format, root, flushed);
        }
        self
    }

    fn read_file(&mut self, path: &Path, format: TargetFormat, root: Option<&Path>, flushed: bool) {
        let Ok(file) = File::open(path) else { return };
        let (mut file, mut line) = (BufReader::new(file), Vec::new());
        let mut next = |line: &mut Vec<u8>| {
            line.clear();
            file.read_until(b'\n', line).is_ok_and(|bytes| bytes > 0)
        };
        let Some(header) = next(&mut line).then(|| header(&line)).flatten() else { return };
        let trusted = flushed || (header.boot.is_some() && header.boot == boot()) || is_durable(path);
        while next(&mut line) {
            match serde_json::from_slice(&line) {
                Ok(Row::Scratch(Scratched { scratch, of })) if trusted => {
                    self.scratch.entry(of).or_default().insert(scratch);
                }
                Ok(Row::Object(line)) => self.note(&line, format, root, trusted),
                Ok(Row::Scratch(_)) | Err(_) => {}
            }
        }
    }

    fn note(&mut self, line: &Line<'_, &str>, format: TargetFormat, root: Option<&Path>, trusted: bool) {
        let Some(objects) = self.arrays.get_mut(line.array.as_ref()) else { return };
        if line.object >= objects.grid.len() {
            return;
        }
        let written = line.bytes.zip(line.crc32c).map(|(bytes, crc32c)| Written { bytes, crc32c });
        let there = |root: &Path| {
            let key = root.join(chunk_key(format, &objects.spec, &objects.grid.index(line.object)));
            match written {
                Some(written) => is_there(&key, written, trusted),
                None => !key.exists(),
            }
        };
        if root.is_none_or(there) {
            objects.note(line.object, written, line.chunks);
        }
    }

    /// Adds an object that is complete.
    pub(crate) fn add(&mut self, array: &str, object: u64, written: Option<Written>) {
        let done = self.arrays.get_mut(array).map(|objects| &mut objects.done);
        let at = usize::try_from(object).unwrap_or(usize::MAX);
        if let Some(slot) = done.and_then(|done| done.get_mut(at)) {
            *slot = Some(written);
        }
    }

    /// Whether all objects are.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrays.values().all(|objects| objects.done.iter().all(Option::is_some))
    }

    /// Whether all objects of a task are complete.
    pub(crate) fn has_task(&self, array: &ArrayPlan, task: u64) -> bool {
        objects(array, task).iter().all(|object| self.has(&array.spec.name, *object))
    }

    /// Whether an object is complete.
    pub(crate) fn has(&self, array: &str, object: u64) -> bool {
        self.get(array, object).is_some()
    }

    /// Whether a task of the first stage is complete.
    pub(crate) fn has_scratch(&self, division: &str, task: u64) -> bool {
        self.scratch.get(division).is_some_and(|tasks| tasks.contains(&task))
    }

    /// What was written of an object; `None` where it is not complete.
    pub(crate) fn get(&self, array: &str, object: u64) -> Option<Option<Written>> {
        let objects = self.arrays.get(array)?;
        objects.done.get(usize::try_from(object).ok()?).copied().flatten()
    }

    /// The signatures of an object's chunks; `None` where it is not complete or they were not asked for.
    pub(crate) fn signatures(&self, array: &str, object: u64) -> Option<&[Signature]> {
        let objects = self.arrays.get(array)?;
        let at = usize::try_from(object).ok()?;
        objects.done.get(at).copied().flatten()?;
        let first = at.checked_mul(objects.chunks_each)?;
        objects.signatures.get(first..first.checked_add(objects.chunks_each)?)
    }

    /// Objects that are stored, and their bytes.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let written = self.arrays.values().flat_map(|objects| objects.done.iter().flatten().flatten());
        written.fold((0, 0), |(objects, bytes), w| (objects + 1, bytes + w.bytes))
    }
}

impl Objects {
    fn note(&mut self, object: u64, written: Option<Written>, chunks: &str) {
        let Ok(at) = usize::try_from(object) else { return };
        let whole = chunks.len() == self.chunks_each.saturating_mul(DIGITS);
        if !whole || signatures(chunks).any(|signature| signature.is_none()) {
            return;
        }
        if !self.signatures.is_empty()
            && let Some(kept) = self.signatures.get_mut(at * self.chunks_each..(at + 1) * self.chunks_each)
        {
            kept.iter_mut().zip(signatures(chunks).flatten()).for_each(|(kept, signature)| *kept = signature);
        }
        if let Some(slot) = self.done.get_mut(at) {
            *slot = Some(written);
        }
    }
}

/// The first line of a file, where it is one of this version.
fn header(line: &[u8]) -> Option<Header> {
    let header: Header = serde_json::from_slice(line).ok()?;
    (header.version == VERSION).then_some(header)
}

/// Whether a unit of a plan wrote some of the receipts in a folder.
pub(crate) fn has_units(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let first = |path: PathBuf| {
        let mut line = Vec::new();
        BufReader::new(File::open(path).ok()?).read_until(b'\n', &mut line).ok()?;
        header(&line)
    };
    files.filter_map(|entry| first(entry.path())).any(|header| header.unit.is_some())
}

//! Scratch storage: where cells lie between the two stages of a bake that does not fit into memory in one pass.
//!
//! A first stage of [`Scratch::tasks`] tasks, each by [`Scratch::run`], in any order, in any process, and twice where it
//! must be: what a task writes, no other writes. When all are done, [`Scratch::fill`] takes the place of
//! [`gather::fill`](crate::gather::fill) for the arrays that it has.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::chunk::{ChunkGrid, Region};
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{Filling, Plan, Rechunk};
use arcoforge_core::target::ArraySpec;
use arcoforge_store::files::unwritable;

use crate::figures::bytes;
use crate::gather::{Worker, fill_box, fill_from, placements, wants};
use crate::lookahead::Want;
use crate::prepare::Prepared;
use crate::session::Session;

/// Before the digest in the name of a folder in `--scratch`.
const PREFIX: &str = "arcoforge-";
/// Behind the cells of a file.
const MARK_BYTES: u64 = 16;

/// The scratch files of one plan. Empty where every array takes one pass.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    folder: PathBuf,
    /// By the array's name.
    files: BTreeMap<String, ScratchFile>,
    /// Arrays in the order of the plan: the number in the plan, and where its tasks end among all.
    ends: Vec<(usize, u64)>,
    /// Names of the files: another division of the work has others.
    division: String,
}

/// The cells of one array.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    file: File,
    path: PathBuf,
    mark: u128,
    spec: Arc<ArraySpec>,
    rechunk: Rechunk,
}

impl Scratch {
    /// Where the scratch files of a bake lie: in its own folder of `asked` (`--scratch`), else in its state.
    pub(crate) fn folder(asked: Option<&Path>, state: &Path, digest: &str) -> PathBuf {
        match asked {
            Some(folder) => folder.join(format!("{PREFIX}{digest}")),
            None => state.join("scratch"),
        }
    }

    /// Whether a folder has the name of one that lies in `--scratch`.
    pub(crate) fn is_folder(path: &Path) -> bool {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let digest = name.strip_prefix(PREFIX).unwrap_or_default();
        digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Opens the scratch files of a plan; what a run before has written stays. Makes nothing where no array needs any.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn open(plan: &Plan, folder: &Path) -> Result<Self> {
        let mut scratch = Self { folder: folder.to_owned(), ..Self::default() };
        let mut end = 0;
        for (number, array) in plan.arrays.iter().enumerate() {
            let Some(rechunk) = &array.scratch else { continue };
            end += array.scratch_tasks();
            scratch.ends.push((number, end));
            let file = ScratchFile::open(folder, number, &array.spec, rechunk)?;
            scratch.division += &file.identity();
            scratch.files.insert(array.spec.name.clone(), file);
        }
        Ok(scratch)
    }

    /// What receipts of tasks of the first stage name; they hold for no other division of the work.
    pub(crate) fn division(&self) -> &str {
        &self.division
    }

    /// How many tasks the first stage has.
    pub(crate) fn tasks(&self) -> u64 {
        self.ends.last().map_or(0, |(_, end)| *end)
    }

    /// Runs one task of the first stage: reads a box of cells and writes them. Gives back how many bytes were written.
    ///
    /// # Errors
    /// What reading the inputs reports, `target-unwritable`, `interrupted`.
    pub(crate) fn run(
        &self,
        session: &Session<'_>,
        prepared: &Prepared,
        worker: &mut Worker,
        number: u64,
    ) -> Result<u64> {
        session.check_interrupt()?;
        let bug = || Error::new(Code::Bug, "a task of the first stage has no array");
        let (file, pieces, number) = self.task(prepared, number).ok_or_else(bug)?;
        let boxes = file.boxes();
        let cells = boxes.region(&boxes.index(number));
        let grid = file.chunks(&cells);
        let buffers = fill_box(worker, prepared, &file.spec, pieces, (&cells, grid))?;
        let mut written = 0;
        for (chunk, buffer) in (0..).zip(&buffers) {
            // what is never written reads as zero
            if buffer.iter().any(|byte| *byte != 0) {
                file.write(file.offset(number, chunk), buffer)?;
                written += buffer.len() as u64;
            }
        }
        worker.give_back(buffers);
        Ok(written)
    }

    /// What a task of the first stage reads of other machines; `None` where there is no such task.
    pub(crate) fn wants(&self, prepared: &Prepared, number: u64) -> Option<Vec<Want>> {
        let (file, pieces, number) = self.task(prepared, number)?;
        let boxes = file.boxes();
        Some(wants(prepared, &placements(pieces, &boxes.region(&boxes.index(number)))))
    }

    /// The array whose cells a task of the first stage moves, and which; `None` where there is no such task.
    pub(crate) fn cells(&self, prepared: &Prepared, number: u64) -> Option<(&ArraySpec, Region)> {
        let (file, _, number) = self.task(prepared, number)?;
        let boxes = file.boxes();
        Some((&file.spec, boxes.region(&boxes.index(number))))
    }

    /// The array of a task, where its cells come from, and the task's number there.
    fn task<'p>(&self, prepared: &'p Prepared, number: u64) -> Option<(&ScratchFile, &'p Pieces, u64)> {
        let at = self.ends.partition_point(|(_, end)| *end <= number);
        let (array, _) = self.ends.get(at)?;
        let before = at.checked_sub(1).and_then(|at| self.ends.get(at)).map_or(0, |(_, end)| *end);
        let array = prepared.plan.arrays.get(*array)?;
        match &array.content {
            Filling::Pieces(pieces) => Some((self.file(&array.spec)?, pieces, number - before)),
            Filling::Values(_) | Filling::Coarser(_) => None,
        }
    }

    /// The file of an array that goes through scratch storage.
    pub(crate) fn file(&self, spec: &ArraySpec) -> Option<&ScratchFile> {
        self.files.get(&spec.name)
    }

    /// Fills the chunks of `region` as [`gather::fill`](crate::gather::fill) does; `None` for an array that is filled
    /// from its files.
    ///
    /// # Errors
    /// `target-unwritable` where the scratch file can't be read.
    pub(crate) fn fill(
        &self,
        worker: &mut Worker,
        spec: &ArraySpec,
        region: &Region,
    ) -> Option<Result<Vec<Vec<u8>>>> {
        self.file(spec).map(|file| fill_from(worker, file, spec, region))
    }

    /// Waits until everything written is on the disk: before a receipt says that it is there.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn sync(&self) -> Result<()> {
        self.files.values().try_for_each(|f| f.file.sync_data().map_err(|e| unwritable(&f.path, e)))
    }

    /// Removes the files, once the target's chunks are complete.
    pub(crate) fn remove(self) {
        // also what runs with another division left
        let _left = fs::remove_dir_all(&self.folder);
    }
}

impl ScratchFile {
    /// The name tells how cells lie: a plan that divides them otherwise never reads them. Behind the cells stands a mark,
    /// which tells the file from one of that name that was there before: receipts of the first stage hold for one file.
    fn open(folder: &Path, number: usize, spec: &Arc<ArraySpec>, rechunk: &Rechunk) -> Result<Self> {
        let shown = |of: &[u64]| of.iter().map(u64::to_string).collect::<Vec<_>>().join("x");
        let name = format!("{number}-{}-{}.cells", shown(&rechunk.read), shown(&rechunk.intermediate));
        let path = folder.join(name);
        let length = rechunk.bytes(&spec.shape, spec.dtype.size_estimate());
        let opened = fs::create_dir_all(folder).and_then(|()| marked(&path, length));
        let (file, mark) = opened.map_err(|e| full(&path, length, e))?;
        Ok(Self { file, path, mark, spec: Arc::clone(spec), rechunk: rechunk.clone() })
    }

    /// How cells lie in it, and its mark.
    fn identity(&self) -> String {
        format!("{} {:032x};", self.path.file_name().unwrap_or_default().display(), self.mark)
    }

    pub(crate) fn boxes(&self) -> ChunkGrid {
        self.rechunk.boxes(&self.spec.shape)
    }

    pub(crate) fn chunks(&self, cells: &Region) -> ChunkGrid {
        self.rechunk.chunks(cells)
    }

    pub(crate) fn offset(&self, number: u64, chunk: u64) -> u64 {
        self.rechunk.offset(number, chunk, self.spec.dtype.size_estimate())
    }

    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(out, offset).map_err(|e| {
            Error::new(Code::TargetUnwritable, "scratch storage can't be read")
                .at(self.path.display().to_string())
                .caused_by(e)
        })
    }

    fn write(&self, offset: u64, cells: &[u8]) -> Result<()> {
        let length = self.rechunk.bytes(&self.spec.shape, self.spec.dtype.size_estimate());
        self.file.write_all_at(cells, offset).map_err(|e| full(&self.path, length, e))
    }
}

/// A file of `length` bytes and a mark behind them: the one that is there, else a new one. It is made under another name,
/// so that of several processes all see the same.
fn marked(path: &Path, length: u64) -> io::Result<(File, u128)> {
    loop {
        match File::options().read(true).write(true).open(path) {
            Ok(file) if file.metadata()?.len() == length + MARK_BYTES => {
                let mut mark = [0; MARK_BYTES as usize];
                file.read_exact_at(&mut mark, length)?;
                return Ok((file, u128::from_le_bytes(mark)));
            }
            Ok(_) => fs::remove_file(path)?,
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let (first, second) = (RandomState::new().hash_one(path), RandomState::new().hash_one(length));
        let mark = u128::from(first) << 64 | u128::from(second);
        let made = path.with_extension(format!("{mark:032x}.partial"));
        let file = File::create_new(&made)?;
        file.set_len(length)?;
        file.write_all_at(&mark.to_le_bytes(), length)?;
        match fs::hard_link(&made, path) {
            Ok(()) => fs::remove_file(&made)?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => fs::remove_file(&made)?,
            // a file system without links
            Err(_) => fs::rename(&made, path)?,
        }
    }
}

/// Why scratch storage can't be written, and what to do.
fn full(path: &Path, length: u64, e: std::io::Error) -> Error {
    unwritable(path, e).help(format!(
        "scratch storage of this array needs up to {}: `--scratch DIR` puts it on another disk, more memory (`--memory`) \
         may do without",
        bytes(length)
    ))
}

#[cfg(test)]
mod tests {
    use arcoforge_core::attrs::Attrs;
    use arcoforge_core::chunk::indices;
    use arcoforge_core::codec::Encoding;
    use arcoforge_core::dtype::{DataType, Scalar};

    use super::*;

    /// Shape, box, intermediate chunk, target chunk, slab.
    type Row = (&'static [u64], &'static [u64], &'static [u64], &'static [u64], &'static [u64]);

    fn spec(shape: &[u64], chunk: &[u64]) -> Arc<ArraySpec> {
        Arc::new(ArraySpec {
            name: "x".into(),
            dims: shape.iter().map(ToString::to_string).collect(),
            shape: shape.to_vec(),
            dtype: DataType::UInt32,
            attrs: Attrs::new(),
            fill: None,
            unwritten: Scalar::Int(0),
            chunk: chunk.to_vec(),
            shard: None,
            encoding: Encoding::raw(),
        })
    }

    /// The cells of a box: each is its number in the array, and one more.
    fn cells(shape: &[u64], region: &Region) -> Vec<u8> {
        let array = ChunkGrid::new(shape.to_vec(), vec![1; shape.len()]);
        indices(region).flat_map(|index| (array.flat(&index) as u32 + 1).to_le_bytes()).collect()
    }

    #[test]
    fn what_the_first_stage_writes_the_second_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows: &[Row] = &[
            (&[6, 8], &[2, 8], &[2, 3], &[6, 3], &[6, 3]),
            (&[7, 9, 5], &[3, 9, 5], &[3, 2, 2], &[7, 2, 2], &[7, 2, 4]),
            (&[7, 9, 5], &[3, 4, 5], &[2, 4, 1], &[2, 9, 1], &[2, 9, 2]),
            (&[40, 600], &[40, 300], &[7, 300], &[7, 600], &[14, 600]),
            (&[5], &[2], &[2], &[3], &[3]),
            (&[], &[], &[], &[], &[]),
        ];
        for (number, (shape, read, intermediate, chunk, slab)) in rows.iter().enumerate() {
            let spec = spec(shape, chunk);
            let rechunk = Rechunk { read: read.to_vec(), intermediate: intermediate.to_vec() };
            let file = ScratchFile::open(folder.path(), number, &spec, &rechunk).expect("a file");
            let boxes = file.boxes();
            for at in 0..boxes.len() {
                let region = boxes.region(&boxes.index(at));
                let inner = file.chunks(&region);
                for piece in 0..inner.len() {
                    let here = inner.region(&inner.index(piece));
                    let moved = here.0.iter().zip(&region.0).map(|(h, r)| h.start + r.start..h.end + r.start);
                    let bytes = cells(shape, &Region(moved.collect()));
                    file.write(file.offset(at, piece), &bytes).expect("written");
                }
            }
            for threads in [1, 3] {
                let mut worker = Worker::with_threads(threads);
                let slabs = ChunkGrid::new(shape.to_vec(), slab.to_vec());
                for at in 0..slabs.len() {
                    let region = slabs.region(&slabs.index(at));
                    let chunks = fill_from(&mut worker, &file, &spec, &region).expect("filled");
                    let grid = spec.chunks();
                    let expected: Vec<Vec<u8>> =
                        indices(&grid.covering(&region)).map(|i| cells(shape, &grid.region(&i))).collect();
                    assert_eq!(chunks, expected, "{shape:?}, slab {at}");
                    worker.give_back(chunks);
                }
            }
        }
    }
}

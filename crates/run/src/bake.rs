//! Baking: tasks on threads, chunks first, metadata last, then the dataset appears.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arcoforge_core::check::{Examination, Verdict};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_write::{LocalStore, check_target};

use crate::checks;
use crate::duplicates;
use crate::execute::{self, Target};
use crate::gather::Worker;
use crate::lock::Lock;
use crate::prepare::{Prepared, prepare};
use crate::session::{Event, Session, Stage};
use crate::{Outcome, pool};

/// The version of the files in a bake's state directory.
const STATE_VERSION: u32 = 1;

/// What a bake did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The target holds this very dataset already; nothing was done.
    pub nothing_to_do: bool,
    /// Arrays of the dataset.
    pub arrays: usize,
    /// Objects written, metadata included.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes_written: u64,
    /// Stored bytes of chunks read from the inputs.
    pub bytes_read: u64,
    /// Inputs.
    pub inputs: usize,
    /// The plan's digest.
    pub digest: String,
    /// What the checks found; empty where nothing was done.
    pub checks: Vec<Verdict>,
}

/// Where all state of a bake lies: `TARGET.bake/DIGEST`.
pub fn state_dir(target: &Path, digest: &str) -> PathBuf {
    let mut name = target.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(".bake");
    target.with_file_name(name).join(digest)
}

/// What a bake would find where its dataset is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtTarget {
    /// Nothing: a new store would appear.
    Nothing,
    /// This very dataset: nothing would be done.
    SameDataset,
    /// A store that `--overwrite` replaces.
    OtherStore,
}

/// Looks at a target and changes nothing. `digest` is that of the prepared dataset.
///
/// # Errors
/// `target-exists` where something lies there that no bake replaces; `target-unwritable`.
pub fn at_target(target: &Path, digest: &str) -> Result<AtTarget> {
    if is_done(target, &state_dir(target, digest)) {
        return Ok(AtTarget::SameDataset);
    }
    check_target(target, true)?;
    Ok(match check_target(target, false) {
        Ok(()) => AtTarget::Nothing,
        Err(_) => AtTarget::OtherStore,
    })
}

/// Whether the target holds the dataset of this state.
fn is_done(target: &Path, state: &Path) -> bool {
    target.exists() && state.join("done").is_file()
}

/// Bakes a recipe into a store on a local file system.
///
/// # Errors
/// Everything that is wrong with the inputs or the target. The target is as it was before.
pub fn bake(session: &Session<'_>, recipe: &Recipe, target: &Path, overwrite: bool) -> Outcome<Baked> {
    bake_locked(session, recipe, None, target, overwrite).map(|(baked, _)| baked)
}

/// [`bake`] with the inputs that a lock names; also gives back what was prepared.
///
/// # Errors
/// As [`bake`], and `lock-mismatch`.
pub fn bake_locked(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    target: &Path,
    overwrite: bool,
) -> Outcome<(Baked, Prepared)> {
    let (staged, prepared) = stage(session, recipe, lock, target, overwrite)?;
    let baked = publish(session, vec![staged])?.pop();
    baked.map(|baked| (baked, prepared)).ok_or_else(|| vec![Error::new(Code::Bug, "nothing was published")])
}

/// A dataset that is complete, has passed its checks and is not yet at its target. Where it is dropped before
/// [`publish`], nothing of it is left.
#[derive(Debug)]
pub struct Staged {
    target: PathBuf,
    state: PathBuf,
    overwrite: bool,
    /// Where it lies; `None` where the target holds the dataset already.
    store: Option<LocalStore>,
    /// The target holds it.
    done: bool,
    baked: Baked,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            discard(&self.state);
        }
    }
}

/// Bakes a recipe beside its target and makes its checks; readers see nothing of it.
///
/// # Errors
/// As [`bake_locked`]; nothing is left then.
pub fn stage(
    session: &Session<'_>,
    recipe: &Recipe,
    lock: Option<&Lock>,
    target: &Path,
    overwrite: bool,
) -> Outcome<(Staged, Prepared)> {
    let fail = |e: Error| vec![e];
    check_unbaked(target, overwrite).map_err(fail)?;
    let prepared = prepare(session, recipe, lock)?;
    let state = state_dir(target, &prepared.digest);
    let done = is_done(target, &state);
    if !done {
        check_target(target, overwrite).map_err(fail)?;
    }
    let baked = summary(&prepared, done);
    let mut staged = Staged { target: target.to_owned(), state, overwrite, store: None, done, baked };
    if done {
        return Ok((staged, prepared));
    }
    let examination = Examination::new(&recipe.checks, &prepared.plan.dataset)?;
    duplicates::compare(session, &prepared)?;
    staged.fill(session, &prepared, &examination)?;
    Ok((staged, prepared))
}

/// Refuses a target before any work. One that a bake of ours lies at may hold the very dataset, which is no error.
///
/// # Errors
/// `target-exists`, `target-unwritable`.
pub fn check_unbaked(target: &Path, overwrite: bool) -> Result<()> {
    let was_baked = state_dir(target, "").is_dir() && target.exists();
    if was_baked { Ok(()) } else { check_target(target, overwrite) }
}

/// Makes datasets appear at their targets, one right after the other, each by one rename or one exchange of folders.
///
/// # Errors
/// `target-exists` or `target-unwritable` where a target changed since it was looked at; none is published where that is
/// seen before the first. Else those before it are, and the message names them. `interrupted` before the first.
pub fn publish(session: &Session<'_>, mut staged: Vec<Staged>) -> Outcome<Vec<Baked>> {
    let fail = |e: Error| vec![e];
    if staged.iter().all(|one| one.done) {
        return Ok(staged.iter().map(|one| one.baked.clone()).collect());
    }
    for one in staged.iter().filter(|one| !one.done) {
        check_target(&one.target, one.overwrite).map_err(fail)?;
    }
    session.tell(&Event::Started { stage: Stage::Publish, total: 0 });
    session.check_interrupt().map_err(fail)?;
    let mut published: Vec<String> = Vec::new();
    for one in &mut staged {
        if let Err(mut error) = one.appear(session) {
            if !published.is_empty() {
                error.message += &format!("; published before it: {}", published.join(", "));
            }
            return Err(vec![error]);
        }
        published.push(one.target.display().to_string());
    }
    session.tell(&Event::Finished { stage: Stage::Publish });
    Ok(staged.iter().map(|one| one.baked.clone()).collect())
}

impl Staged {
    /// Where the dataset goes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// All tasks, then metadata, then checks.
    fn fill(
        &mut self,
        session: &Session<'_>,
        prepared: &Prepared,
        examination: &Examination<'_>,
    ) -> Outcome<()> {
        let fail = |e: Error| vec![e];
        let staging = self.state.join("store");
        if staging.exists() {
            // what a killed run left; receipts are not yet used to resume
            fs::remove_dir_all(&staging).map_err(|e| vec![unwritable(&staging, e)])?;
        }
        let store = self.store.insert(LocalStore::create(&self.target, &staging).map_err(fail)?);
        write_plan(prepared, &self.state).map_err(fail)?;
        let receipts = self.state.join("receipts.jsonl");
        let receipts =
            Mutex::new(BufWriter::new(File::create(&receipts).map_err(|e| vec![unwritable(&receipts, e)])?));
        for (objects, written, read) in tasks(session, prepared, store, &receipts)? {
            self.baked.objects += objects;
            self.baked.bytes_written += written;
            self.baked.bytes_read += read;
        }
        let mut receipts = receipts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        receipts.flush().map_err(|e| vec![unwritable(&self.state, e)])?;
        for (_, written) in store.write_metadata(&prepared.plan.dataset).map_err(fail)? {
            self.baked.objects += 1;
            self.baked.bytes_written += written.bytes;
        }
        if !examination.is_empty() {
            self.baked.checks = checks::run(session, examination, &prepared.plan, &staging)?;
            checks::settle(session, &self.target, &self.baked.checks)?;
        }
        Ok(())
    }

    /// The rename. What it leaves of an older store is worth a warning.
    fn appear(&mut self, session: &Session<'_>) -> Result<()> {
        let Some(store) = self.store.as_mut().filter(|_| !self.done) else { return Ok(()) };
        let published = store.publish(self.overwrite)?;
        self.done = true;
        if let Some(left) = published.leftover {
            session.tell(&Event::Warning(format!(
                "the old store could not be removed; its remains are in {}",
                left.display()
            )));
        }
        fs::write(self.state.join("done"), b"").map_err(|e| unwritable(&self.state, e))?;
        forget_others(&self.state);
        Ok(())
    }
}

/// Runs every task; per task objects, bytes written and bytes read.
fn tasks(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &LocalStore,
    receipts: &Mutex<BufWriter<File>>,
) -> Outcome<Vec<(u64, u64, u64)>> {
    let target = Target { store, format: prepared.plan.dataset.format, session, prepared };
    let all = prepared.tasks();
    session.tell(&Event::Started { stage: Stage::Bake, total: all.len() as u64 });
    let one = |worker: &mut Worker, at: usize| {
        session.check_interrupt()?;
        let found = all.get(at).and_then(|(number, task)| Some((prepared.plan.arrays.get(*number)?, *task)));
        let Some((array, task)) = found else { return Err(Error::new(Code::Bug, "a task without an array")) };
        let before = worker.bytes_read;
        let receipt = execute::run(&target, worker, array, task)?;
        let written: u64 = receipt.objects.iter().map(|(_, w)| w.bytes).sum();
        let read = worker.bytes_read - before;
        note(receipts, &array.spec.name, task, &receipt)?;
        session.tell(&Event::Advanced {
            stage: Stage::Bake,
            items: 1,
            bytes_read: read,
            bytes_written: written,
        });
        Ok((receipt.objects.len() as u64, written, read))
    };
    let done = pool::map(prepared.plan.workers, all.len(), true, Worker::new, one)?;
    session.tell(&Event::Finished { stage: Stage::Bake });
    Ok(done)
}

/// One line per task: which objects, how long, which checksum.
fn note(receipts: &Mutex<BufWriter<File>>, array: &str, task: u64, receipt: &execute::Receipt) -> Result<()> {
    let objects: Vec<_> =
        receipt.objects.iter().map(|(key, w)| serde_json::json!([key, w.bytes, w.crc32c])).collect();
    let line = serde_json::json!({"array": array, "task": task, "objects": objects});
    let mut out = receipts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    writeln!(out, "{line}").map_err(|e| unwritable(Path::new("receipts.jsonl"), e))
}

fn write_plan(prepared: &Prepared, state: &Path) -> Result<()> {
    let plan = serde_json::json!({
        "version": STATE_VERSION,
        "digest": prepared.digest,
        "dataset": prepared.plan.dataset,
        "inputs": prepared.inputs.iter().map(|i| serde_json::json!([i.keys, i.url, i.validator])).collect::<Vec<_>>(),
    });
    let path = state.join("plan.json");
    fs::write(&path, plan.to_string()).map_err(|e| unwritable(&path, e))
}

/// A failed bake leaves nothing.
fn discard(state: &Path) {
    let _left = fs::remove_dir_all(state);
    if let Some(parent) = state.parent() {
        let _not_empty = fs::remove_dir(parent);
    }
}

/// State of bakes that this one replaced.
fn forget_others(state: &Path) {
    let Some(entries) = state.parent().and_then(|p| fs::read_dir(p).ok()) else { return };
    for entry in entries.flatten().filter(|e| e.path() != state) {
        let _left = fs::remove_dir_all(entry.path());
    }
}

fn summary(prepared: &Prepared, nothing_to_do: bool) -> Baked {
    Baked {
        nothing_to_do,
        arrays: prepared.plan.arrays.len(),
        objects: 0,
        bytes_written: 0,
        bytes_read: 0,
        inputs: prepared.inputs.len(),
        digest: prepared.digest.clone(),
        checks: Vec::new(),
    }
}

fn unwritable(path: &Path, e: std::io::Error) -> Error {
    Error::new(Code::TargetUnwritable, "can't write").at(path.display().to_string()).caused_by(e)
}

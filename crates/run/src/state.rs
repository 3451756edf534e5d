//! What a bake keeps beside its target, in `TARGET.bake/DIGEST`: its plan, its receipts and the store while it is filled.

mod plans;

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::target::Dataset;
use arcoforge_store::files::{atomic_write, changed_ns, is_at, remove_tree, unwritable};
use arcoforge_write::{
    LOCK, LocalStore, RECEIPTS_BEFORE, bakes_in, partial_files, remove_bake, remove_working_folder,
    working_folder,
};
use serde::{Deserialize, Serialize};

use crate::prepare::{Input, Prepared, digest};
use crate::receipts::{Receipts, has_units};
use crate::scratch::Scratch;
use crate::signature::is_weak;

pub(crate) use self::plans::Plans;

/// The version of [`PlanFile`].
const VERSION: u32 = 2;

/// The folder of one bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// `TARGET.bake`.
    root: PathBuf,
    /// `TARGET.bake/DIGEST`.
    dir: PathBuf,
}

impl State {
    pub(crate) fn new(target: &Path, digest: &str) -> Self {
        let root = working_folder(target);
        Self { dir: root.join(digest), root }
    }

    /// States of bakes of this target, finished or not.
    pub(crate) fn all(target: &Path) -> Vec<Self> {
        Self::all_in(&Self::new(target, "").root)
    }

    fn all_in(root: &Path) -> Vec<Self> {
        bakes_in(root).into_iter().map(|dir| Self { root: root.to_owned(), dir }).collect()
    }

    /// `TARGET.bake`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.dir.join("plan.json")
    }

    pub(crate) fn receipts(&self) -> PathBuf {
        self.dir.join("receipts")
    }

    /// The store while it is filled.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// A file that names the folder of scratch storage, where that lies elsewhere (`--scratch`).
    fn scratch_elsewhere(&self) -> PathBuf {
        self.dir.join("scratch-folder")
    }

    /// Notes where scratch storage lies, so that it goes when this goes.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn note_scratch(&self, folder: &Path) -> Result<()> {
        let folder = std::path::absolute(folder).map_err(|e| unwritable(folder, e))?;
        // what a run before moved to another folder serves nobody
        if fs::read(self.scratch_elsewhere()).is_ok_and(|was| was != folder.as_os_str().as_encoded_bytes()) {
            self.forget_scratch();
        }
        atomic_write(&self.scratch_elsewhere(), folder.as_os_str().as_encoded_bytes())
    }

    /// Where scratch storage lies without `--scratch`.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// Removes scratch storage that lies elsewhere.
    pub(crate) fn forget_scratch(&self) {
        let Ok(named) = fs::read(self.scratch_elsewhere()) else { return };
        let folder = PathBuf::from(OsString::from_vec(named));
        if Scratch::is_folder(&folder) {
            let _left = fs::remove_dir_all(folder);
        }
        let _left = fs::remove_file(self.scratch_elsewhere());
    }

    /// A file that is there once the store became the target.
    pub(crate) fn done(&self) -> PathBuf {
        self.dir.join("done")
    }

    /// What [`done`](Self::done) becomes: written before the store is published.
    pub(crate) fn visible(&self) -> PathBuf {
        self.dir.join("visible")
    }

    /// Whether a publication was begun and not ended.
    pub(crate) fn is_publishing(&self) -> bool {
        LocalStore::is_publishing(&self.store())
    }

    /// Removes everything that the bake keeps, and nothing that it did not make.
    pub(crate) fn discard(&self) {
        self.remove();
        remove_working_folder(&self.root);
    }

    fn remove(&self) {
        self.forget_scratch();
        let _whole = remove_bake(&self.dir);
    }

    /// Folders of other bakes of this target that were being removed when a process was cut off.
    pub(crate) fn remains(&self) -> Vec<Self> {
        let kept = |state: &Self| state == self || state.is_publishing() || state.store().exists();
        let noted = |state: &Self| state.done().is_file() || state.visible().is_file();
        Self::all_in(&self.root).into_iter().filter(|state| !kept(state) && !noted(state)).collect()
    }

    /// Removes what processes that were cut off were writing or removing. Only while no other process bakes to this
    /// target.
    pub(crate) fn tidy(&self) {
        self.remains().iter().for_each(Self::remove);
        for path in partial_files(&self.dir) {
            let _left = fs::remove_file(path);
        }
    }

    /// Whether what lies here is of a bake that was to replace the dataset which the target holds, and was cut off. What
    /// units made stays: somebody may wait for it.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.done().is_file()
            && self.store().exists()
            && !self.is_publishing()
            && !has_units(&self.receipts())
    }

    /// Receipts of the dataset that is published, while it is baked anew.
    fn receipts_before(&self) -> PathBuf {
        self.dir.join(RECEIPTS_BEFORE)
    }

    /// Receipts of what is published, or about to be.
    pub(crate) fn receipts_published(&self) -> PathBuf {
        let before = self.receipts_before();
        if before.is_dir() && !self.visible().is_file() { before } else { self.receipts() }
    }

    /// Before what is published is baked anew: its receipts say nothing of the new store.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn set_receipts_aside(&self) -> Result<()> {
        let before = self.receipts_before();
        if !self.done().is_file() || before.is_dir() || !self.receipts().is_dir() {
            return Ok(());
        }
        fs::rename(self.receipts(), &before).map_err(|e| unwritable(&before, e))
    }

    /// Once the new store is visible.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn forget_receipts_before(&self) -> Result<()> {
        remove_tree(&self.receipts_before())
    }

    /// Removes what a bake that was to replace the published dataset made, and puts the receipts of that one back.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn forget_abandoned(&self) -> Result<()> {
        if self.receipts_before().is_dir() {
            remove_tree(&self.receipts())?;
            let (from, to) = (self.receipts_before(), self.receipts());
            fs::rename(from, &to).map_err(|e| unwritable(&to, e))?;
        }
        self.forget_scratch();
        remove_tree(&self.scratch())?;
        remove_tree(&self.visible())?;
        remove_tree(&self.store())
    }

    /// Whether a bake began here that has not come to its end.
    fn is_unfinished(&self) -> bool {
        let noted = self.done().is_file() || self.visible().is_file();
        self.store().exists() && !self.is_publishing() && !noted
    }

    /// Goes on from what a bake of the same plan with other checks made, where nothing is here yet: checks decide
    /// whether a dataset is published, and no byte of it. Only while no other process bakes to this target.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub(crate) fn inherit(&self, recipe: &Recipe, digest: &str, plans: &mut Plans) -> Result<()> {
        if self.receipts().is_dir() {
            return Ok(());
        }
        let mut same = |other: &Self| {
            let other = Some(other).filter(|other| *other != self && other.is_unfinished());
            let Some((other, plan)) = other.and_then(|other| Some((other, plans.plan(other)?))) else {
                return false;
            };
            // what units made is waited for under their plan's name, until it is whole
            let free = !has_units(&other.receipts()) || Receipts::of(other, &plan.dataset).is_complete();
            free && plan.digest_with(recipe).is_ok_and(|found| found == digest)
        };
        let Some(other) = Self::all_in(&self.root).into_iter().find(|other| same(other)) else {
            return Ok(());
        };
        if !remove_bake(&self.dir) && self.dir.exists() {
            // somebody put something there
            return Ok(());
        }
        other.forget_scratch();
        fs::rename(&other.dir, &self.dir).map_err(|e| unwritable(&self.dir, e))?;
        // it names the checks that were
        remove_tree(&self.plan())
    }

    /// Removes what other bakes of this target keep; that they published it first. What units of another plan made stays:
    /// somebody may wait for it. Gives back these folders.
    ///
    /// # Errors
    /// `target-unwritable` where one still says that it published.
    pub(crate) fn forget_others(&self) -> Result<Vec<PathBuf>> {
        let others = Self::all_in(&self.root).into_iter().filter(|other| other != self);
        let (kept, gone): (Vec<Self>, Vec<Self>) =
            others.partition(|other| other.is_unfinished() && has_units(&other.receipts()));
        for note in gone.iter().flat_map(|other| [other.done(), other.visible()]) {
            remove_tree(&note)?;
        }
        gone.iter().for_each(Self::remove);
        Ok(kept.into_iter().map(|state| state.dir).collect())
    }

    /// Keeps other processes from baking to this target; `shared` where units of one plan run at a time.
    ///
    /// # Errors
    /// `target-busy` while another process bakes to it.
    pub(crate) fn lock(&self, shared: bool) -> Result<Guard> {
        let path = self.root.join(LOCK);
        loop {
            fs::create_dir_all(&self.root).map_err(|e| unwritable(&self.root, e))?;
            let opened = File::options().create(true).truncate(false).write(true).open(&path);
            let file = match opened {
                // a process that discards its state took the folder away
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(|e| unwritable(&path, e))?,
            };
            match if shared { file.try_lock_shared() } else { file.try_lock() } {
                // a lock on one that was removed keeps nobody away
                Ok(()) if !is_at(&file, &path) => {}
                // file systems without locks: nothing protects there, as nothing did
                Ok(()) | Err(TryLockError::Error(_)) => {
                    fs::create_dir_all(&self.dir).map_err(|e| unwritable(&self.dir, e))?;
                    return Ok(Guard { file, shared });
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(Code::TargetBusy, "another process bakes to this target")
                        .at(self.root.with_extension("").display().to_string())
                        .help("wait until it has ended, or choose another target"));
                }
            }
        }
    }
}

/// The lock is held as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard {
    file: File,
    /// Others may hold it, too.
    pub(crate) shared: bool,
}

impl Guard {
    /// The time by the clock of the target's file system: what changes there from now on has a later one. `None` where that
    /// can't be told.
    pub(crate) fn now(&self) -> Option<i128> {
        self.file.set_modified(SystemTime::now()).ok()?;
        // that clock stands still for milliseconds
        self.file.metadata().ok().map(|found| changed_ns(&found) - 1)
    }
}

/// A plan as a file: everything that decides the dataset, in closed form (recipe, arrays with their grids), and the list
/// of inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    version: u32,
    /// The program that wrote it.
    program: String,
    /// SHA-256 over recipe, inputs, dataset and versions, in hex.
    pub digest: String,
    /// How it is divided and run, of a plan that other processes carry out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunFile>,
    /// What the dataset is made by.
    pub recipe: Recipe,
    /// Not all inputs of the recipe were asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub part: bool,
    /// What is made.
    pub dataset: Dataset,
    /// What it is made of.
    pub inputs: Vec<Input>,
}

/// How a plan's units are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Where the dataset goes.
    pub target: PathBuf,
    /// The branch, of a repository that is not to be written on `main`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch: Option<String>,
    /// The tag that the commit gets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
    /// Replace what lies there.
    pub overwrite: bool,
    /// Units in all.
    pub units: u64,
    /// Tasks in all.
    pub tasks: u64,
    /// Peak resident bytes of one unit.
    pub memory_bytes: u64,
    /// Threads of one unit.
    pub workers: usize,
    /// Most connections to one host, per unit.
    pub connections: u32,
    /// Where relative paths start.
    pub base: PathBuf,
    /// Keys per axis that are taken.
    pub take: std::collections::BTreeMap<String, u64>,
    /// Where cells lie between the stages of a rechunking; beside the target by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scratch: Option<PathBuf>,
    /// Where downloads and surveys are kept.
    pub cache: Option<PathBuf>,
    /// Copied chunks are not inflated to compare their checksums.
    pub unchecked_copies: bool,
}

impl PlanFile {
    /// The plan of what was prepared.
    pub fn new(recipe: &Recipe, prepared: &Prepared, run: Option<RunFile>) -> Self {
        Self {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            digest: prepared.digest.clone(),
            run,
            recipe: prepared.named_recipe(recipe).into_owned(),
            part: prepared.part,
            dataset: prepared.plan.dataset.clone(),
            inputs: prepared.named_inputs().collect(),
        }
    }

    /// The digest that this plan would have with the checks of another recipe.
    fn digest_with(&self, other: &Recipe) -> Result<String> {
        let recipe = Recipe { checks: other.checks.clone(), ..self.recipe.clone() };
        digest(&recipe, self.inputs.iter().cloned(), &self.dataset)
    }

    /// The plan as text.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension(format!("{}.partial", std::process::id()));
        let written = File::create(&temporary).and_then(|file| {
            let mut out = BufWriter::new(file);
            serde_json::to_writer(&mut out, self)?;
            out.flush()?;
            fs::rename(&temporary, path)
        });
        written.map_err(|e| {
            let _left = fs::remove_file(&temporary);
            unwritable(path, e)
        })
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// `plan-invalid` where the file is no plan, of another version, or was changed.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| {
            invalid("the plan can't be read".into()).caused_by(e).at(path.display().to_string())
        })?;
        Self::parse(&text).map_err(|e| e.at(path.display().to_string()))
    }

    /// Reads a plan from its text.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let plan: Self =
            serde_json::from_slice(text).map_err(|e| invalid("the file is no plan".into()).caused_by(e))?;
        if plan.version != VERSION || plan.program != env!("CARGO_PKG_VERSION") {
            return Err(invalid(format!(
                "the plan is of version {} by arcoforge {}, expected {VERSION} by {}",
                plan.version,
                plan.program,
                env!("CARGO_PKG_VERSION")
            )));
        }
        // where a server tells no versions, a plan is of one run
        let lasting = !plan.inputs.iter().any(|input| is_weak(&input.validator));
        if lasting && digest(&plan.recipe, plan.inputs.iter().cloned(), &plan.dataset)? != plan.digest {
            return Err(invalid("the plan was changed: its digest does not fit its content".into()));
        }
        Ok(plan)
    }
}

fn invalid(message: String) -> Error {
    Error::new(Code::PlanInvalid, message)
        .help("`arcoforge plan RECIPE --to STORE --units N --save PLAN` writes one")
}

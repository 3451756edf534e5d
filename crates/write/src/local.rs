//! A store in a local directory: filled beside the target, published by one rename or one exchange.

mod objects;
mod replace;
mod working;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::target::Dataset;
use arcoforge_store::files::{
    Durability, Exchange, Identity, atomic_write_with, exchange_dirs, remove_tree, unwritable,
};

pub use self::replace::{check_place, check_target};
use self::replace::{check_replaced, exists, is_references, is_zarr, parent};
pub use self::working::{
    LOCK, RECEIPTS_BEFORE, bakes_in, partial_files, remove_bake, remove_working_folder, working_folder,
};
use crate::Written;

/// A directory that becomes a store when it is published; until then the target is untouched.
///
/// Objects may be written from many threads at once. A chunk costs one open, write and close; all is flushed to the disk at
/// once, before the store is published. An object written twice holds what came last, so a unit of work can be run again.
#[derive(Debug)]
pub struct LocalStore {
    target: PathBuf,
    staging: PathBuf,
    /// It is one file, not a folder.
    file: bool,
    published: bool,
}

/// What [`LocalStore::publish`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// How the store took the place of an older one; `None` where there was none.
    pub replaced: Option<Exchange>,
    /// Where remains of the older store lie that could not be removed; the new one is complete nevertheless.
    pub leftover: Option<PathBuf>,
}

impl LocalStore {
    /// A store that will be at `target`, filled at `staging`, which must be on the same file system (beside it). What
    /// is in `staging` already is kept, so that a bake can be resumed.
    ///
    /// A publication that was cut off is finished first; [`is_published`](Self::is_published) then says so.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn create(target: impl Into<PathBuf>, staging: impl Into<PathBuf>) -> Result<Self> {
        Self::begin(Self { target: target.into(), staging: staging.into(), file: false, published: false })
    }

    /// The same for a target that is one file: whoever fills it writes it at `staging`.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn create_file(target: impl Into<PathBuf>, staging: impl Into<PathBuf>) -> Result<Self> {
        Self::begin(Self { target: target.into(), staging: staging.into(), file: true, published: false })
    }

    fn begin(mut store: Self) -> Result<Self> {
        store.recover()?;
        store.file |= store.staging.is_file();
        if !store.published {
            let folder = if store.file { parent(&store.staging) } else { &store.staging };
            fs::create_dir_all(parent(&store.target))
                .and_then(|()| fs::create_dir_all(folder))
                .map_err(|e| unwritable(&store.staging, e))?;
        }
        Ok(store)
    }

    /// Whether the target is this store already, published by a run that was cut off right after.
    pub fn is_published(&self) -> bool {
        self.published
    }

    /// Whether a publication from this staging directory was begun and not ended.
    pub fn is_publishing(staging: &Path) -> bool {
        marker(staging).exists()
    }

    /// Whether what lies at the target is what was filled at `staging`, by a publication that was cut off right behind
    /// its rename.
    pub fn took_place(target: &Path, staging: &Path) -> bool {
        fs::read_to_string(marker(staging)).is_ok_and(|marked| identity(target).is_ok_and(|id| id == marked))
    }

    /// Whether neither is what the note of a publication names: both were copied to where they are, and which of them is
    /// the new store only their content tells.
    pub fn is_copied(target: &Path, staging: &Path) -> bool {
        let named =
            |marked: &str| [target, staging].iter().any(|at| identity(at).is_ok_and(|id| id == marked));
        fs::read_to_string(marker(staging)).is_ok_and(|marked| !named(&marked))
    }

    /// Notes that the new store of a publication that was cut off lies at `place`: the target, or the staging directory.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn mark(staging: &Path, place: &Path) -> Result<()> {
        let id = identity(place).map_err(|e| unwritable(place, e))?;
        // whole or not at all: a note that is torn would name another folder
        atomic_write_with(&marker(staging), id.as_bytes(), Durability::Disk)
    }

    /// Where the store will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where objects lie until the store is published.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Flushes everything that was written to the disk.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn flush(&self) -> Result<()> {
        File::open(&self.staging)
            .and_then(|dir| rustix::fs::syncfs(dir).map_err(io::Error::from))
            .map_err(|e| unwritable(&self.staging, e))
    }

    /// Writes and syncs all metadata of `dataset`, what makes the store visible last. Chunks come before.
    ///
    /// # Errors
    /// `target-unwritable`, and those of [`metadata`](crate::metadata).
    pub fn write_metadata(&self, dataset: &Dataset) -> Result<Vec<(String, Written)>> {
        let mut written = Vec::new();
        for (key, bytes) in crate::metadata(dataset)? {
            let path = self.path(&key)?;
            open(&path)
                .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
                .map_err(|e| unwritable(&path, e))?;
            written.push((key, Written::of(&bytes)));
        }
        Ok(written)
    }

    /// Makes the store appear at the target, whole: by a rename where nothing is there, by an atomic exchange (and
    /// then removal of the old store) where `overwrite` allows to replace one. Doing it again does nothing. On the few
    /// file systems without an atomic exchange the target is absent for a moment; the answer says so.
    ///
    /// # Errors
    /// `target-exists` where the target may not be replaced, `target-unwritable` where the system refuses; the target
    /// is untouched then, and the staging directory kept. `bug` before [`write_metadata`](Self::write_metadata). Where
    /// [`is_published`](Self::is_published) says so after an error, readers see the new store all the same, see [`cut_short`].
    pub fn publish(&mut self, overwrite: bool) -> Result<Published> {
        if self.published {
            return Ok(Published { replaced: None, leftover: None });
        }
        if !(if self.file { is_references(&self.staging) } else { is_zarr(&self.staging) }) {
            return Err(Error::new(Code::Bug, "found no metadata in a store to be published")
                .at(self.staging.display().to_string()));
        }
        check_replaced(&self.target, overwrite)?;
        self.flush()?;
        Self::mark(&self.staging, &self.staging)?;
        let replaced = self.swap(overwrite).inspect_err(|_| {
            let _not_moved = fs::remove_file(self.marker());
        })?;
        self.published = true;
        sync_dir(parent(&self.target)).map_err(|e| cut_short(e, &self.target))?;
        Ok(Published { replaced, leftover: self.clean().is_err().then(|| self.staging.clone()) })
    }

    /// Removes the staging directory; the target stays as it is.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn abandon(self) -> Result<()> {
        self.clean()
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        if key.is_empty() || !Path::new(key).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::new(
                Code::Bug,
                format!("found the key `{key}`, expected one inside the store"),
            ));
        }
        Ok(self.staging.join(key))
    }

    /// A store that appeared since the target was looked at is replaced only where one may be.
    fn swap(&self, overwrite: bool) -> Result<Option<Exchange>> {
        if overwrite && (is_zarr(&self.target) || is_references(&self.target)) {
            return exchange_dirs(&self.staging, &self.target).map(Some);
        }
        if self.file {
            return self.link();
        }
        fs::rename(&self.staging, &self.target).map(|()| None).map_err(|e| match e.kind() {
            // a directory never takes the place of one that holds something, or of a file
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                exists("something that came while the store was written", &self.target).caused_by(e)
            }
            _ => unwritable(&self.target, e),
        })
    }

    /// A rename of a file would replace what came to the target meanwhile; a link does not.
    fn link(&self) -> Result<Option<Exchange>> {
        match fs::hard_link(&self.staging, &self.target) {
            Ok(()) => remove_tree(&self.staging).map(|()| None),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                Err(exists("something that came while the references were written", &self.target)
                    .caused_by(e))
            }
            // file systems without links
            Err(_) => fs::rename(&self.staging, &self.target)
                .map(|()| None)
                .map_err(|e| unwritable(&self.target, e)),
        }
    }

    /// The file that names the directory which is being published, so that a run after a crash knows whether the
    /// staging directory holds the new store or the old one.
    fn marker(&self) -> PathBuf {
        marker(&self.staging)
    }

    fn recover(&mut self) -> Result<()> {
        let marker = self.marker();
        let marked = match fs::read_to_string(&marker) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(unwritable(&marker, e)),
        };
        if identity(&self.target).is_ok_and(|id| id == marked) {
            self.published = true;
            // its flush may be what failed
            let ended = sync_dir(parent(&self.target)).and_then(|()| self.clean());
            return ended.map_err(|e| cut_short(e, &self.target));
        }
        // what lies in the staging directory was exchanged for what it replaced, and something else took its place since
        if identity(&self.staging).is_ok_and(|id| id != marked) {
            remove_tree(&self.staging)?;
        }
        fs::remove_file(&marker).map_err(|e| unwritable(&marker, e))
    }

    /// Removes the staging directory, then the note.
    fn clean(&self) -> Result<()> {
        remove_tree(&self.staging)?;
        remove_tree(&self.marker())
    }
}

/// An error behind the step that made a store appear: what readers see, and what to do.
pub fn cut_short(error: Error, target: &Path) -> Error {
    let message = format!(
        "the new dataset is at its target, and every reader sees it: {}; what ends its publication failed: {}",
        target.display(),
        error.message
    );
    Error { message, ..error }
        .help("mend the cause and run the same command again: it ends the publication and bakes nothing")
}

fn marker(staging: &Path) -> PathBuf {
    let mut name = staging.file_name().unwrap_or_default().to_owned();
    name.push(".publishing");
    staging.with_file_name(name)
}

/// What a note says of a directory.
fn identity(path: &Path) -> io::Result<String> {
    Identity::of(path).map(|id| id.to_string())
}

/// Creates a file; its directories only where they are missing, so that the usual case is one call. A file that is there
/// is replaced, not written over: it may be a link to one of a published store.
fn open(path: &Path) -> io::Result<File> {
    // another process may do the same at any time: one unit twice at once
    loop {
        match File::create_new(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => match fs::remove_file(path) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            },
            Err(e) if e.kind() == ErrorKind::NotFound => fs::create_dir_all(parent(path))?,
            other => return other,
        }
    }
}

fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| unwritable(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_came_meanwhile_is_replaced_only_where_one_may_be() {
        for overwrite in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("t.zarr");
            let store = LocalStore::create(&target, folder.path().join("staging")).expect("a store");
            for (root, text) in [(&store.staging, "ours"), (&target, "another")] {
                fs::create_dir_all(root).expect("a folder");
                fs::write(root.join("zarr.json"), text).expect("written");
            }
            let swapped = store.swap(overwrite).map_err(|e| e.code);
            let now = fs::read_to_string(target.join("zarr.json")).expect("read");
            let expected = if overwrite { "ours" } else { "another" };
            assert_eq!((swapped.is_ok(), now.as_str()), (overwrite, expected));
            assert!(overwrite || swapped == Err(arcoforge_core::error::Code::TargetExists));
        }
    }
}

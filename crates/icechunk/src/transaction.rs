//! One commit: nodes and chunks that become visible at once, or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, FoundFile, Result};
use arcoforge_store::files::unwritable;
use bytes::Bytes;
use icechunk::Store;
use icechunk::conflicts::detector::ConflictDetector;
use icechunk::format::manifest::{ChunkPayload, ChunkRef};
use icechunk::format::{ChunkId, ChunkIndices};
use icechunk::session::{Session, SessionErrorKind};
use tokio::sync::RwLock;

use crate::repository::Repository;
use crate::root::Root;
use crate::runtime::wait;
use crate::snapshot::{Commit, Snapshot};
use crate::view::{Stored, View, indices, node_path};

/// Chunks of so many bytes at most lie in the manifest, as the library's default is.
const INLINE_BYTES_MAX: u64 = 512;
/// How often a commit is tried on top of what others committed meanwhile.
const TRIES: usize = 100;

/// A commit that is being made. Nothing of it is visible, and dropping it leaves objects that nothing names.
#[derive(Debug)]
pub struct Transaction<'r> {
    repository: &'r Repository,
    branch: String,
    store: Store,
    base: View,
    /// Arrays of the snapshot before that are still the same, so that their chunks stay where nothing is said of them.
    kept: BTreeSet<String>,
}

impl<'r> Transaction<'r> {
    pub(crate) fn new(repository: &'r Repository, branch: String, session: Session, base: View) -> Self {
        let store = Store::from_session_and_config(Arc::new(RwLock::new(session)), 1);
        Self { repository, branch, store, base, kept: BTreeSet::new() }
    }

    /// The name of the snapshot on top of which this comes.
    pub fn base(&self) -> String {
        self.base.id()
    }

    /// Takes every node away that is not named. Of those that are, arrays keep their chunks.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn keep(&mut self, keep: &BTreeSet<String>) -> Result<()> {
        let session = self.store.session();
        let mut session = wait(session.write())?;
        for (name, metadata) in self.base.nodes()? {
            let path = node_path(&name)?;
            if keep.contains(&name) {
                self.kept.insert(name);
                continue;
            }
            // a group takes what is in it along
            if wait(session.get_node(&path))?.is_err() {
                continue;
            }
            let deleted = if is_array(&metadata) {
                wait(session.delete_array(path))?
            } else {
                wait(session.delete_group(path))?
            };
            deleted.map_err(|e| self.failed("can't delete a node", &e).in_variable(name))?;
        }
        Ok(())
    }

    /// Sets the Zarr v3 metadata of a group or array; of the root by the empty path. Parents come first.
    ///
    /// # Errors
    /// `target-unwritable` where the library refuses it.
    pub fn set_node(&self, path: &str, metadata: Vec<u8>) -> Result<()> {
        let key = if path.is_empty() { "zarr.json".to_owned() } else { format!("{path}/zarr.json") };
        wait(self.store.set(&key, metadata.into()))?
            .map_err(|e| self.failed("can't set the metadata of a node", &e).in_variable(path))
    }

    /// Sets chunks of one array: from files, which stay as they are, or that nothing is stored. Gives back how many are
    /// others than before. On one file system files are linked, not copied; they must never be changed.
    ///
    /// # Errors
    /// `target-unwritable`; `bug` for an array that is not there.
    pub fn set_chunks(&self, array: &str, chunks: &[(Vec<u64>, Option<PathBuf>)]) -> Result<u64> {
        let kept = self.kept.contains(array);
        let mut changed: Vec<(ChunkIndices, Option<ChunkPayload>)> = Vec::new();
        for (index, file) in chunks {
            let length = file.as_ref().and_then(|file| fs::metadata(file).ok()).map(|found| found.len());
            let had = if kept { self.base.chunk_of(array, index, length)? } else { None };
            let payload = match (file, &had) {
                (None, None) => continue,
                (None, Some(_)) => None,
                (Some(file), Some(had)) if is_same(file, had) => continue,
                (Some(file), _) => Some(self.store_file(file)?),
            };
            changed.push((indices(index)?, payload));
        }
        let count = changed.len() as u64;
        self.set_payloads(array, changed)?;
        Ok(count)
    }

    /// Whether an array of the snapshot before keeps the chunks of which nothing is said.
    pub(crate) fn keeps(&self, array: &str) -> bool {
        self.kept.contains(array)
    }

    /// The snapshot before.
    pub(crate) const fn base_view(&self) -> &View {
        &self.base
    }

    /// Groups and arrays of the snapshot before, with their metadata.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn nodes_before(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.base.nodes()
    }

    /// Sets where chunks of an array are.
    pub(crate) fn set_payloads(
        &self,
        array: &str,
        chunks: Vec<(ChunkIndices, Option<ChunkPayload>)>,
    ) -> Result<()> {
        let path = node_path(array)?;
        let session = self.store.session();
        let set = async {
            let mut session = session.write().await;
            for (index, payload) in chunks {
                session.set_chunk_ref(path.clone(), index, payload).await?;
            }
            Ok::<_, icechunk::session::SessionError>(())
        };
        wait(set)?.map_err(|e| self.failed("can't set chunks", &e).in_variable(array))
    }

    /// A new object with the bytes of a file.
    fn store_file(&self, file: &Path) -> Result<ChunkPayload> {
        let length = fs::metadata(file).map_err(|e| unwritable(file, e))?.len();
        if length <= INLINE_BYTES_MAX {
            let bytes = fs::read(file).map_err(|e| unwritable(file, e))?;
            return Ok(ChunkPayload::Inline(Bytes::from(bytes)));
        }
        let id = ChunkId::random();
        let key = format!("chunks/{id}");
        match self.repository.root() {
            Root::Folder(folder) => {
                let object = folder.join(key);
                link_or_copy(file, &object).map_err(|e| unwritable(&object, e))?;
            }
            Root::Bucket(bucket) => {
                let bytes = fs::read(file).map_err(|e| unwritable(file, e))?;
                bucket.put(&key, bytes)?;
            }
        }
        Ok(ChunkPayload::Ref(ChunkRef { id, offset: 0, length }))
    }

    /// Makes it all visible at once. One that others made on the branch meanwhile is gone on from where the two touch
    /// nothing in common; the answer of one that got lost is found again by the commit's name.
    ///
    /// # Errors
    /// `target-conflict` where another commit touched the same; `target-unwritable`.
    pub fn commit(self, commit: &Commit) -> Result<Snapshot> {
        let base = self.base.id();
        let session = self.store.session();
        let mut session = wait(session.write())?;
        for _ in 0..TRIES {
            let call = session.commit(&commit.message).properties(commit.properties()).allow_empty(true);
            let Err(error) = wait(call.execute())? else { break };
            // the answer may be what got lost, not the commit
            if self.repository.find(&self.branch, &base, &commit.id)?.is_some() {
                break;
            }
            if !matches!(error.kind, SessionErrorKind::Conflict { .. }) {
                return Err(self.failed("can't commit", &error));
            }
            let others = self.repository.since(&self.branch, Some(&base))?;
            if let Some(same) = same(&others, commit) {
                return Ok(same);
            }
            if let Err(error) = wait(session.rebase(&ConflictDetector))? {
                return Err(self.conflict(&error, &others));
            }
        }
        let found = self.repository.find(&self.branch, &base, &commit.id)?;
        found.ok_or_else(|| {
            Error::new(Code::TargetBusy, "others commit to the branch without end")
                .at(self.repository.place())
        })
    }

    fn conflict(&self, error: &icechunk::session::SessionError, others: &[Snapshot]) -> Error {
        let overlap = match &error.kind {
            SessionErrorKind::RebaseFailed { conflicts, .. } => {
                let conflicts: Vec<String> = conflicts.iter().map(|one| format!("{one:?}")).collect();
                let first = conflicts.first().cloned().unwrap_or_default();
                format!("{} in common, the first: {first}", conflicts.len())
            }
            _ => error.to_string(),
        };
        let message = format!(
            "others committed to the branch `{}` meanwhile, and touched the same ({overlap})",
            self.branch
        );
        let found = others.iter().map(|other| FoundFile {
            url: format!("snapshot {}", other.id),
            has: format!("committed {}: {}", other.committed, other.message),
        });
        Error::new(Code::TargetConflict, message)
            .at(self.repository.place())
            .found(found)
            .help("run it again: it is made on top of what is there now; or bake to a branch of its own, `--branch`")
    }

    fn failed(&self, what: &str, error: &impl std::fmt::Display) -> Error {
        self.repository.home.failed(what, error)
    }
}

/// The last of other commits, where it is the very same bake.
fn same(others: &[Snapshot], commit: &Commit) -> Option<Snapshot> {
    let last = others.first()?;
    last.bake.as_ref().is_some_and(|bake| bake.digest == commit.digest).then(|| last.clone())
}

fn is_array(metadata: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(metadata)
        .is_ok_and(|node| node.get("node_type").and_then(serde_json::Value::as_str) == Some("array"))
}

/// Whether a file is what a chunk has already: a link to it, or few bytes that are equal.
fn is_same(file: &Path, had: &Stored) -> bool {
    match had {
        Stored::Bytes(bytes) => {
            fs::metadata(file).is_ok_and(|found| found.len() == bytes.len() as u64)
                && fs::read(file).is_ok_and(|found| found == *bytes)
        }
        Stored::File(object) => {
            let (Ok(a), Ok(b)) = (fs::metadata(file), fs::metadata(object)) else { return false };
            (a.dev(), a.ino()) == (b.dev(), b.ino())
        }
        Stored::Virtual(..) => false,
    }
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    let linked = match fs::hard_link(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::hard_link(from, to)
        }
        other => other,
    };
    linked.or_else(|_| fs::copy(from, to).map(drop))
}

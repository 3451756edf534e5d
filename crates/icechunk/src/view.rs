//! Reading one snapshot: its nodes, and where its chunks lie.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::unwritable;
use futures::TryStreamExt;
use icechunk::format::manifest::{ChunkInfo, ChunkPayload, ChunkRef};
use icechunk::format::snapshot::{NodeData, NodeSnapshot};
use icechunk::format::{ByteRange, ChunkIndices, Path as NodePath};
use icechunk::session::{Session, get_chunk};

use crate::runtime::{failed, wait};

/// Where the bytes of a chunk are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// They are these.
    Bytes(Vec<u8>),
    /// The whole of a file, which nobody may change.
    File(PathBuf),
}

/// One snapshot, to be read by many threads at once.
#[derive(Debug)]
pub struct View {
    session: Session,
    root: PathBuf,
}

impl View {
    pub(crate) const fn new(session: Session, root: PathBuf) -> Self {
        Self { session, root }
    }

    /// The snapshot's name.
    pub fn id(&self) -> String {
        self.session.snapshot_id().to_string()
    }

    /// Every group and array: its path without a leading slash, and its Zarr v3 metadata.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read.
    pub fn nodes(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let one = |node: NodeSnapshot| (name(&node.path), node.user_data.to_vec());
        Ok(self.node_snapshots()?.into_iter().map(one).collect())
    }

    fn node_snapshots(&self) -> Result<Vec<NodeSnapshot>> {
        let read = async {
            let nodes = self.session.list_nodes(&NodePath::root()).await?;
            nodes.collect::<Result<Vec<_>, _>>()
        };
        wait(read)?.map_err(|e| self.failed("can't read the snapshot", &e))
    }

    /// The stored bytes of a chunk; `None` where nothing is stored.
    ///
    /// # Errors
    /// `target-unwritable` where the repository can't be read; `bug` for an array that is not there.
    pub fn chunk(&self, array: &str, index: &[u64]) -> Result<Option<Stored>> {
        let (path, index) = (node_path(array)?, indices(index)?);
        let payload = wait(self.session.get_chunk_ref(&path, &index))?
            .map_err(|e| self.failed("can't read a reference of a chunk", &e).in_variable(array))?;
        match payload {
            None => Ok(None),
            Some(payload) => self.stored(&path, &index, payload).map_err(|e| e.in_variable(array)).map(Some),
        }
    }

    fn stored(&self, path: &NodePath, index: &ChunkIndices, payload: ChunkPayload) -> Result<Stored> {
        match payload {
            ChunkPayload::Inline(bytes) => Ok(Stored::Bytes(bytes.to_vec())),
            ChunkPayload::Ref(ChunkRef { id, offset: 0, length })
                if self.is_whole(&id.to_string(), length) =>
            {
                Ok(Stored::File(self.object(&id.to_string())))
            }
            _ => {
                let read = async {
                    let reader = self.session.get_chunk_reader(path, index, &ByteRange::ALL).await?;
                    get_chunk(reader).await
                };
                let bytes = wait(read)?.map_err(|e| self.failed("can't read a chunk", &e))?;
                Ok(Stored::Bytes(bytes.unwrap_or_default().to_vec()))
            }
        }
    }

    /// The file of a chunk's object.
    fn object(&self, id: &str) -> PathBuf {
        self.root.join("chunks").join(id)
    }

    fn is_whole(&self, id: &str, length: u64) -> bool {
        fs::metadata(self.object(id)).is_ok_and(|found| found.len() == length)
    }

    /// Puts a Zarr v3 store in a folder that has what the snapshot has: metadata, and with `chunks` links to the files of
    /// its chunks, which are not copied.
    ///
    /// # Errors
    /// `target-unwritable` where the folder can't be written or the repository not be read.
    pub fn check_out(&self, folder: &Path, chunks: bool) -> Result<()> {
        for node in self.node_snapshots()? {
            let within = folder.join(name(&node.path));
            let metadata = within.join("zarr.json");
            fs::create_dir_all(&within)
                .and_then(|()| fs::write(&metadata, &node.user_data))
                .map_err(|e| unwritable(&metadata, e))?;
            if chunks && matches!(node.node_data, NodeData::Array { .. }) {
                self.check_out_chunks(&node.path, &within).map_err(|e| e.in_variable(name(&node.path)))?;
            }
        }
        Ok(())
    }

    fn check_out_chunks(&self, path: &NodePath, within: &Path) -> Result<()> {
        let read = async {
            let mut found: Vec<ChunkInfo> = Vec::new();
            let chunks = self.session.array_chunk_iterator(path).await;
            futures::pin_mut!(chunks);
            while let Some(chunk) = chunks.try_next().await? {
                found.push(chunk);
            }
            Ok::<_, icechunk::session::SessionError>(found)
        };
        for ChunkInfo { coord, payload, .. } in
            wait(read)?.map_err(|e| self.failed("can't read chunks", &e))?
        {
            let file = coord.0.iter().fold(within.join("c"), |path, at| path.join(at.to_string()));
            file.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| unwritable(&file, e))?;
            let made = match self.stored(path, &coord, payload)? {
                Stored::Bytes(bytes) => fs::write(&file, bytes),
                Stored::File(object) => std::path::absolute(object).and_then(|object| symlink(object, &file)),
            };
            made.map_err(|e| unwritable(&file, e))?;
        }
        Ok(())
    }

    fn failed(&self, what: &str, error: &impl std::fmt::Display) -> Error {
        failed(what, error).at(self.root.display().to_string())
    }
}

/// A node's path as datasets have it.
pub(crate) fn name(path: &NodePath) -> String {
    path.to_string().trim_start_matches('/').to_owned()
}

pub(crate) fn node_path(name: &str) -> Result<NodePath> {
    NodePath::try_from(format!("/{name}")).map_err(|e| {
        Error::new(
            Code::TargetUnsupported,
            format!("found the name `{name}`, which Icechunk can't hold: {e}"),
        )
    })
}

pub(crate) fn indices(index: &[u64]) -> Result<ChunkIndices> {
    let narrow = |at: &u64| u32::try_from(*at);
    index.iter().map(narrow).collect::<Result<Vec<_>, _>>().map(ChunkIndices).map_err(|_| {
        let message = format!("found a chunk of the index {index:?}, and Icechunk counts to 4294967295");
        Error::new(Code::TargetUnsupported, message).help("choose larger chunks")
    })
}

#[cfg(test)]
mod tests {
    use super::{name, node_path};

    #[test]
    fn names_of_nodes() {
        for text in ["", "a", "g/a"] {
            assert_eq!(name(&node_path(text).expect("a path")), text);
        }
    }
}

//! Reading one snapshot: its nodes, and where its chunks lie.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use arcoforge_core::base64;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::files::unwritable;
use futures::TryStreamExt;
use icechunk::format::manifest::{ChunkInfo, ChunkPayload, ChunkRef};
use icechunk::format::snapshot::{NodeData, NodeSnapshot};
use icechunk::format::{ByteRange, ChunkIndices, Path as NodePath};
use icechunk::session::{Session, get_chunk};
use serde_json::{Value, json};

use crate::references::source;
use crate::repository::Home;
use crate::root::Root;
use crate::runtime::wait;

/// Where the bytes of a chunk are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// They are these.
    Bytes(Vec<u8>),
    /// The whole of a file, which nobody may change.
    File(PathBuf),
    /// They are a range of what is no part of the repository: where, first byte, how many.
    Virtual(String, u64, u64),
}

/// One snapshot, to be read by many threads at once.
#[derive(Debug)]
pub struct View {
    session: Session,
    home: Home,
}

impl View {
    pub(crate) const fn new(session: Session, home: Home) -> Self {
        Self { session, home }
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
        self.chunk_of(array, index, None)
    }

    /// The same; of a chunk of another length than `length` no bytes are fetched.
    pub(crate) fn chunk_of(&self, array: &str, index: &[u64], length: Option<u64>) -> Result<Option<Stored>> {
        let (path, index) = (node_path(array)?, indices(index)?);
        let payload = wait(self.session.get_chunk_ref(&path, &index))?
            .map_err(|e| self.failed("can't read a reference of a chunk", &e).in_variable(array))?;
        match payload {
            None => Ok(None),
            Some(payload) if length.is_some_and(|length| payload.length() != length) => {
                Ok(Some(Stored::Bytes(Vec::new())))
            }
            Some(payload) => self.stored(&path, &index, payload).map_err(|e| e.in_variable(array)).map(Some),
        }
    }

    fn stored(&self, path: &NodePath, index: &ChunkIndices, payload: ChunkPayload) -> Result<Stored> {
        match payload {
            ChunkPayload::Inline(bytes) => Ok(Stored::Bytes(bytes.to_vec())),
            ChunkPayload::Virtual(chunk) => {
                Ok(Stored::Virtual(chunk.location.url().to_owned(), chunk.offset, chunk.length))
            }
            ChunkPayload::Ref(ChunkRef { id, offset: 0, length })
                if let Some(object) = self.whole(&id.to_string(), length) =>
            {
                Ok(Stored::File(object))
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

    /// The file of a chunk's object, where that is all of it.
    fn whole(&self, id: &str, length: u64) -> Option<PathBuf> {
        let object = self.home.root.folder()?.join("chunks").join(id);
        fs::metadata(&object).is_ok_and(|found| found.len() == length).then_some(object)
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

    /// Writes references to all that the snapshot holds, as kerchunk has them: metadata, and where every chunk lies.
    ///
    /// # Errors
    /// `target-unwritable` where the file can't be written or the repository not be read.
    pub fn write_references(&self, file: &Path) -> Result<()> {
        let mut text = String::from("{\"version\":1,\"refs\":{");
        let mut put = |key: &str, value: Value| {
            let first = if text.ends_with('{') { "" } else { ",\n" };
            text += &format!("{first}{}:{value}", Value::from(key));
        };
        for node in self.node_snapshots()? {
            let within = name(&node.path);
            let key =
                |below: &str| if within.is_empty() { below.to_owned() } else { format!("{within}/{below}") };
            put(&key("zarr.json"), String::from_utf8_lossy(&node.user_data).into());
            if !matches!(node.node_data, NodeData::Array { .. }) {
                continue;
            }
            for ChunkInfo { coord, payload, .. } in
                self.chunks(&node.path).map_err(|e| e.in_variable(&within))?
            {
                let at = coord.0.iter().fold("c".to_owned(), |path, at| format!("{path}/{at}"));
                put(&key(&at), self.reference(payload)?);
            }
        }
        text += "}}\n";
        fs::write(file, text).map_err(|e| unwritable(file, e))
    }

    fn reference(&self, payload: ChunkPayload) -> Result<Value> {
        Ok(match payload {
            ChunkPayload::Inline(bytes) => format!("base64:{}", base64::encode(&bytes)).into(),
            ChunkPayload::Virtual(chunk) => json!([source(chunk.location.url()), chunk.offset, chunk.length]),
            ChunkPayload::Ref(ChunkRef { id, offset, length }) => {
                let url = match &self.home.root {
                    Root::Folder(root) => {
                        let object = root.join("chunks").join(id.to_string());
                        let object = std::path::absolute(&object).map_err(|e| unwritable(&object, e))?;
                        object.display().to_string()
                    }
                    Root::Bucket(bucket) => bucket.url_of(&format!("chunks/{id}")),
                };
                json!([url, offset, length])
            }
            _ => {
                let message = "found a chunk of a kind that is not known, in a newer form of the format";
                return Err(Error::new(Code::TargetUnsupported, message).at(self.home.place()));
            }
        })
    }

    /// Whether its chunks are files of this machine.
    pub fn is_local(&self) -> bool {
        self.home.root.folder().is_some()
    }

    /// Every chunk of an array that is not absent.
    pub(crate) fn chunks(&self, path: &NodePath) -> Result<Vec<ChunkInfo>> {
        let read = async {
            let mut found: Vec<ChunkInfo> = Vec::new();
            let chunks = self.session.array_chunk_iterator(path).await;
            futures::pin_mut!(chunks);
            while let Some(chunk) = chunks.try_next().await? {
                found.push(chunk);
            }
            Ok::<_, icechunk::session::SessionError>(found)
        };
        wait(read)?.map_err(|e| self.failed("can't read chunks", &e))
    }

    fn check_out_chunks(&self, path: &NodePath, within: &Path) -> Result<()> {
        for ChunkInfo { coord, payload, .. } in self.chunks(path)? {
            let file = coord.0.iter().fold(within.join("c"), |path, at| path.join(at.to_string()));
            file.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| unwritable(&file, e))?;
            let made = match self.stored(path, &coord, payload)? {
                Stored::Bytes(bytes) => fs::write(&file, bytes),
                Stored::File(object) => std::path::absolute(object).and_then(|object| symlink(object, &file)),
                Stored::Virtual(url, ..) => return Err(elsewhere(&url)),
            };
            made.map_err(|e| unwritable(&file, e))?;
        }
        Ok(())
    }

    fn failed(&self, what: &str, error: &impl std::fmt::Display) -> Error {
        self.home.failed(what, error)
    }
}

fn elsewhere(url: &str) -> Error {
    let message = "found a virtual chunk, expected that all chunks lie in the repository";
    Error::new(Code::TargetMismatch, message).at(url).help("compare it as `--format icechunk-virtual`")
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

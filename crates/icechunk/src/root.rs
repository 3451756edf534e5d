//! Where a repository lies.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::error::Result;
use arcoforge_store::Bucket;

use crate::folder::{Folder, LOCK};
use crate::objects::Objects;
use crate::storage::REPOSITORY;

/// Where a repository lies: a folder of this machine, or a prefix in an object store.
#[derive(Debug, Clone)]
pub enum Root {
    /// A folder.
    Folder(PathBuf),
    /// A bucket and a prefix.
    Bucket(Bucket),
}

impl Root {
    /// The folder; `None` of an object store.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }

    pub(crate) fn objects(&self) -> Arc<dyn Objects> {
        match self {
            Self::Folder(path) => Arc::new(Folder::new(path.clone())),
            Self::Bucket(bucket) => Arc::new(bucket.clone()),
        }
    }

    /// Whether an Icechunk repository lies here, of any version of the format.
    ///
    /// # Errors
    /// `source-denied`, `source-unreachable` of an object store.
    pub fn is_repository(&self) -> Result<bool> {
        match self {
            Self::Folder(root) => Ok((root.join(REPOSITORY).is_file() && root.join("snapshots").is_dir())
                || root.join("refs").join("branch.main").is_dir()),
            Self::Bucket(bucket) => {
                Ok(bucket.head(REPOSITORY)?.is_some() || bucket.head("refs/branch.main/ref.json")?.is_some())
            }
        }
    }

    /// Whether nothing lies here but what somebody leaves who is about to make a repository, or was cut off then.
    ///
    /// # Errors
    /// `source-denied`, `source-unreachable` of an object store.
    pub fn is_begun(&self) -> Result<bool> {
        const PARTS: [&str; 7] =
            ["snapshots", "transactions", "manifests", "chunks", "overwritten", "config.yaml", LOCK];
        // the root of the repository while it is written
        let part = |name: &str| PARTS.contains(&name) || name.starts_with("repo#");
        let names: Vec<String> = match self {
            Self::Folder(root) => match std::fs::read_dir(root) {
                Ok(entries) => {
                    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
                }
                Err(_) => return Ok(false),
            },
            Self::Bucket(bucket) => {
                let found = bucket.list_folder("").all()?;
                let folders = found.folders.into_iter().map(|name| name.trim_end_matches('/').to_owned());
                found.items.into_iter().map(|item| item.key).chain(folders).collect()
            }
        };
        Ok(!names.is_empty() && names.iter().all(|name| part(name)))
    }

    /// Whether nothing at all lies here.
    ///
    /// # Errors
    /// `source-denied`, `source-unreachable` of an object store.
    pub fn is_empty(&self) -> Result<bool> {
        match self {
            Self::Folder(root) => {
                Ok(std::fs::read_dir(root).map_or(true, |mut entries| entries.next().is_none()))
            }
            Self::Bucket(bucket) => match bucket.list("").next() {
                Some(page) => page.map(|page| page.items.is_empty()),
                None => Ok(true),
            },
        }
    }
}

impl PartialEq for Root {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(a), Self::Folder(b)) => a == b,
            (Self::Bucket(a), Self::Bucket(b)) => a.url() == b.url(),
            _ => false,
        }
    }
}

impl Eq for Root {}

impl From<PathBuf> for Root {
    fn from(path: PathBuf) -> Self {
        Self::Folder(path)
    }
}

impl From<&Path> for Root {
    fn from(path: &Path) -> Self {
        Self::Folder(path.to_owned())
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(bucket) => f.write_str(bucket.url()),
        }
    }
}

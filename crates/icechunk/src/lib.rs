//! Icechunk repositories as targets.
//!
//! A repository holds Zarr v3 arrays in snapshots: every commit adds one, and none changes. A reader of a branch sees the
//! old snapshot or the new one, never a half, and what was is still there. This crate hides the asynchronous library behind
//! calls that return when they are done, of which many threads may run at once. It follows version 2 of the
//! [Icechunk specification](https://icechunk.io/en/latest/spec/).
//!
//! ```
//! use arcoforge_icechunk::{Commit, Repository, Root, Version};
//!
//! # fn example(folder: &std::path::Path) -> arcoforge_core::error::Result<()> {
//! let repository = Repository::create(&Root::Folder(folder.to_owned()))?;
//! let transaction = repository.begin("main")?;
//! transaction.set_node("", br#"{"zarr_format":3,"node_type":"group"}"#.to_vec())?;
//! let commit = Commit { message: "a group".into(), id: "1".into(), digest: "d".into(), ..Commit::default() };
//! let snapshot = transaction.commit(&commit)?;
//! assert_eq!(repository.history(&Version::Branch("main".into()))?[0].id, snapshot.id);
//! # Ok(())
//! # }
//! # let folder = tempfile::tempdir().unwrap();
//! # example(&folder.path().join("repo")).unwrap();
//! ```
//!
//! It never knows a source, and neither encodes nor chooses chunks. Sockets are opened by nobody here: the library is built
//! without its clients.

mod bucket;
mod config;
mod folder;
mod objects;
mod references;
mod repository;
mod root;
mod runtime;
mod snapshot;
mod storage;
mod transaction;
mod view;

pub use config::{Access, Container};
pub use references::{Location, has_checksum, location};
pub use repository::Repository;
pub use root::Root;
pub use snapshot::{Commit, Snapshot, Version};
pub use transaction::Transaction;
pub use view::{Stored, View};

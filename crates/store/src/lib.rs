//! Bytes and sockets: URL to object, byte ranges, retry, limits per host, cache; and writing whole files to disks.
//!
//! Inputs come in through [`Sources::open`] as [`Object`]s, are read by `arcoforge-read` (metadata through
//! [`Buffered`]), and the target's files go out through [`files`]. The interface is synchronous and made for many
//! threads.
//!
//! ```
//! use arcoforge_store::{Sources, SourceOptions, object::read_range};
//!
//! let folder = std::env::temp_dir().join(format!("arcoforge-store-doc-{}", std::process::id()));
//! arcoforge_store::files::atomic_write(&folder.join("a.bin"), b"0123456789")?;
//! let found = arcoforge_store::list_local(&[format!("{}/*.bin", folder.display())])?;
//!
//! let sources = Sources::new(SourceOptions::default());
//! let object = sources.open(&found[0].path)?;
//! assert_eq!(object.validator().size, 10);
//! assert_eq!(read_range(&*object, 2..5)?, b"234");
//! # arcoforge_store::files::remove_tree(&folder)?;
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```
//!
//! This crate never knows what an array is.

mod ahead;
mod bucket;
mod buffered;
mod cache;
pub mod credentials;
mod deferred;
pub mod files;
mod ftp;
mod http;
mod keyed;
mod listing;
mod local;
mod location;
pub mod object;
mod ranges;
mod several;
mod sources;
mod stats;
mod wrapped;

pub use ahead::{Ahead, Ticket, requests};
pub use bucket::{
    Bucket, BucketKind, BucketOptions, BucketUrl, Got, Item, Multipart, Page as BucketPage, Pages, Put,
    S3Place,
};
pub use buffered::{BlockOptions, Buffered};
pub use http::{Ask, Page, ROOTS_VARIABLE};
pub use keyed::{Held, Keyed, Located, document, folder, folder_with};
pub use listing::index::resolve;
pub use listing::{Entry, list_local};
pub use location::{Location, redact};
pub use object::{Access, Beside, Object, Validator};
pub use sources::{SourceOptions, Sources};
pub use stats::Stats;
pub use wrapped::UnpackLimits;

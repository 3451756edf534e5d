//! Coarser levels of a pyramid while a bake fills its store: what is complete is read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arcoforge_core::error::Result;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::Dataset;
use arcoforge_read::{Reader, zarr};
use arcoforge_store::{Keyed, folder_with};

use crate::session::Session;

/// A store that is filled, by the metadata that it will have.
pub(crate) enum Filled<'a> {
    /// A folder.
    Folder(&'a Path),
    /// Keys of an object store.
    Bucket(&'a str),
}

impl Filled<'_> {
    /// Opens it as it is now.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn open(&self, session: &Session<'_>, dataset: &Dataset) -> Result<Box<dyn Reader>> {
        let format = match dataset.format {
            TargetFormat::Icechunk => TargetFormat::Zarr3,
            other => other,
        };
        // the root's document repeats all others
        let whole = Dataset { format, ..dataset.clone() };
        let documents: BTreeMap<String, Arc<[u8]>> =
            arcoforge_write::metadata(&whole)?.into_iter().map(|(key, bytes)| (key, bytes.into())).collect();
        let (keyed, shown): (Arc<dyn Keyed>, String) = match self {
            Self::Folder(root) => (folder_with(root, documents), root.display().to_string()),
            Self::Bucket(url) => (session.sources.keyed_bucket(url, documents)?, (*url).to_owned()),
        };
        Ok(Box::new(zarr::open_keyed(keyed, &shown)?))
    }
}

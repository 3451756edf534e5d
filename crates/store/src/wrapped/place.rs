//! Where unpacked files lie: in the cache, where there is one, else in a temporary folder that goes with the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::error::Result;
use sha2::{Digest, Sha256};

use arcoforge_core::figures::hex;

use crate::cache::lock_file;
use crate::files::{create_dirs, temporary_beside, unwritable};
use crate::http::Client;
use crate::local::LocalObject;
use crate::object::{Object, Validator};

/// Makes room for unpacked files.
#[derive(Debug)]
pub(crate) struct Place {
    client: Arc<Client>,
    cache: Option<PathBuf>,
}

/// What tells a version of something inside an object from another: the object's own validator, and what is inside.
/// Where nothing but a size is known of the object, nothing else is known of what is inside.
pub(crate) fn derived(outer: &Validator, what: &str, size: u64) -> Validator {
    if outer.etag.is_none() && outer.modified_ns.is_none() {
        return Validator { size, ..Validator::default() };
    }
    let mut digest = Sha256::new();
    for part in
        [&format!("{} {:?}", outer.size, outer.modified_ns), outer.etag.as_deref().unwrap_or(""), what]
    {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let etag = hex(&digest.finalize()).get(..32).map(|mark| format!("\"{mark}\""));
    Validator { size, etag, modified_ns: outer.modified_ns }
}

impl Place {
    pub(crate) fn new(client: Arc<Client>, cache: Option<PathBuf>) -> Self {
        Self { client, cache: cache.map(|cache| cache.join("unpacked")) }
    }

    /// The file that `make` writes, or that was written before for the same `url`, `what` and validator.
    pub(crate) fn file(
        &self,
        url: &str,
        what: &str,
        validator: Validator,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Arc<dyn Object>> {
        match (&self.cache, &validator.etag) {
            (Some(cache), Some(etag)) => {
                let key = hex(&Sha256::digest(format!("{url} {what}")));
                let folder = cache.join(key.get(..2).unwrap_or_default()).join(&key);
                create_dirs(&folder)?;
                let held = lock_file(&self.client, &folder, url)?;
                let path = in_cache(&folder, etag.trim_matches('"'), make)?;
                drop(held);
                let object = LocalObject::open(&self.client.files, &path, url)?;
                Ok(Arc::new(object.standing_for(validator, None).unpacked()))
            }
            _ => {
                let (path, guard) = self.client.spools.path()?;
                make(&path)?;
                let object = LocalObject::open(&self.client.files, &path, url)?;
                Ok(Arc::new(object.standing_for(validator, Some(Box::new(guard))).unpacked()))
            }
        }
    }
}

/// `data-MARK-SIZE` in a folder, made first where it is not there or not complete; other versions are removed.
fn in_cache(folder: &Path, mark: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let items = || fs::read_dir(folder).map_err(|e| unwritable(folder, e));
    let begins = format!("data-{mark}-");
    for item in items()?.flatten() {
        let name = item.file_name();
        let size = name.to_str().and_then(|name| name.strip_prefix(&begins)?.parse::<u64>().ok());
        if size.is_some() && item.metadata().ok().map(|found| found.len()) == size {
            return Ok(item.path());
        }
    }
    let partial = temporary_beside(&folder.join("data"));
    make(&partial)?;
    let done = fs::metadata(&partial).and_then(|made| {
        let path = folder.join(format!("{begins}{}", made.len()));
        fs::rename(&partial, &path).map(|()| path)
    });
    let path = done.map_err(|e| {
        let _ = fs::remove_file(&partial);
        unwritable(folder, e)
    })?;
    for item in items()?.flatten() {
        if item.path() != path && item.file_name().as_encoded_bytes().starts_with(b"data-") {
            let _ = fs::remove_file(item.path());
        }
    }
    Ok(path)
}

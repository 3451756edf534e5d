//! Whole downloads, kept between runs by URL and validator.
//!
//! `DIR/ab/abcd…/` (SHA-256 of the URL without its secrets) holds `entry.json`, which says what was downloaded, and
//! the file itself. An entry counts only while the server confirms it (`If-None-Match`, `If-Modified-Since`), once in
//! each run; what the server can't confirm is downloaded again. Files appear whole, by renaming; one download serves
//! all threads, and by a file lock all processes that share the folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arcoforge_core::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{atomic_write, create_dirs, temporary_beside, unwritable};
use crate::http::{Answer, Client, Failure, download, same_version};
use crate::local::{LocalObject, lock};
use crate::location::redact;
use crate::object::Validator;

/// The version of `entry.json`.
const VERSION: u32 = 1;

/// A folder of downloads.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    /// Keys that the server confirmed in this run.
    confirmed: Mutex<BTreeSet<String>>,
}

/// `entry.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    version: u32,
    url: String,
    file: String,
    validator: Validator,
    /// `Last-Modified` as the server wrote it, to be sent back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    last_modified: Option<String>,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, confirmed: Mutex::default() }
    }

    /// The object from the cache, downloaded or confirmed first.
    pub(crate) fn open(&self, client: &Client, url: &str) -> Result<LocalObject> {
        let shown = redact(url);
        let key = hex(&Sha256::digest(shown.as_bytes()));
        let folder = self.root.join(key.get(..2).unwrap_or_default()).join(&key);
        client.keys.with(&key, || {
            if lock(&self.confirmed).contains(&key)
                && let Some(entry) = Entry::read(&folder)
            {
                return entry.open(client, &folder, &shown);
            }
            create_dirs(&folder)?;
            let _held = lock_file(&folder)?;
            let entry = client.with_retries(&shown, || refresh(client, url, &shown, &folder))?;
            lock(&self.confirmed).insert(key.clone());
            entry.open(client, &folder, &shown)
        })
    }
}

/// Waits until no other process downloads the same file; held until dropped.
pub(crate) fn lock_file(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|e| unwritable(&path, e))?;
    match file.lock() {
        // Some network file systems can't lock; renaming keeps files whole all the same.
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => {}
        other => other.map_err(|e| unwritable(&path, e))?,
    }
    Ok(file)
}

/// Makes the entry what the server has now.
fn refresh(client: &Client, url: &str, shown: &str, folder: &Path) -> Result<Entry, Failure> {
    let old = Entry::read(folder);
    let mut fields = Vec::new();
    if let Some(entry) = &old {
        if let Some(etag) = &entry.validator.etag {
            fields.push(("If-None-Match", etag.as_str()));
        } else if let Some(date) = &entry.last_modified {
            fields.push(("If-Modified-Since", date.as_str()));
        }
    }
    let answer = client.get(url, None, &fields)?;
    match (answer.status, old) {
        (304, Some(entry)) => Ok(entry),
        (200, Some(entry)) if entry.is_confirmed_by(&answer) => Ok(entry),
        (200, old) => replace(client, answer, shown, folder, old.as_ref()),
        (status, _) => Err(Failure::soon(
            Error::new(
                Code::SourceUnreachable,
                format!("the server answered {status} to a request for the whole file"),
            )
            .at(shown),
        )),
    }
}

fn replace(
    client: &Client,
    answer: Answer<'_>,
    shown: &str,
    folder: &Path,
    old: Option<&Entry>,
) -> Result<Entry, Failure> {
    let head = answer.head.clone();
    let partial = temporary_beside(&folder.join("data"));
    let size = download(client, answer, shown, &partial)?;
    let validator = head.validator(size);
    let mark = format!("{:?} {:?} {size}", validator.etag, head.last_modified);
    let file = format!("data-{}", hex(&Sha256::digest(mark.as_bytes())).get(..16).unwrap_or_default());
    let entry =
        Entry { version: VERSION, url: shown.to_owned(), file, validator, last_modified: head.last_modified };
    let done = fs::rename(&partial, folder.join(&entry.file))
        .map_err(|e| unwritable(folder, e))
        .and_then(|()| entry.write(folder));
    if let Err(error) = done {
        let _ = fs::remove_file(&partial);
        return Err(Failure::never(error));
    }
    if let Some(old) = old.filter(|old| old.file != entry.file) {
        let _ = fs::remove_file(folder.join(&old.file));
    }
    Ok(entry)
}

impl Entry {
    /// The entry of a folder, if it is complete: the file is there and has its size.
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join("entry.json")).ok()?;
        let entry: Self = serde_json::from_slice(&text).ok()?;
        let plain = entry.version == VERSION && !entry.file.contains('/');
        let size = fs::metadata(folder.join(&entry.file)).ok().filter(fs::Metadata::is_file)?.len();
        (plain && size == entry.validator.size).then_some(entry)
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("entry.json");
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::new(Code::Bug, "a cache entry can't be written as JSON").caused_by(e))?;
        atomic_write(&path, &text)
    }

    fn open(&self, client: &Client, folder: &Path, shown: &str) -> Result<LocalObject> {
        let object = LocalObject::open(&client.files, &folder.join(&self.file), shown)?;
        Ok(object.standing_for(self.validator.clone(), None))
    }

    /// Whether a server that ignored the question sends the same version all the same.
    fn is_confirmed_by(&self, answer: &Answer<'_>) -> bool {
        let marked = (self.validator.etag.is_some() && answer.head.etag.is_some())
            || (self.last_modified.is_some() && self.last_modified == answer.head.last_modified);
        let size = answer.head.content_length.filter(|_| answer.head.encoding.is_none());
        marked && same_version(&self.validator, &answer.head.validator(size.unwrap_or(self.validator.size)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Whole downloads, kept between runs by URL and validator.
//!
//! `DIR/ab/abcd…/` (SHA-256 of the URL without its secrets) holds `entry.json`, which says what was downloaded, and
//! the file itself. An entry counts only while the server confirms it (`If-None-Match`, `If-Modified-Since`), once in
//! each run; what the server can't confirm is downloaded again. Files appear whole, by renaming, once they are on the disk;
//! one download serves all threads, and by a file lock all processes that share the folder. What a killed run left of a
//! large file (`.data.partial`, with a note of how much of it is good) is gone on with, or removed.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{atomic_write, create_dirs, temporary_beside, unwritable};
use crate::http::{Answer, Client, Downloaded, Failure, Transfer, same_version};
use crate::local::{LocalObject, lock};
use crate::location::redact;
use crate::object::Validator;

/// The version of `entry.json`.
const VERSION: u32 = 1;
/// A file that is being downloaded, in the folder of its entry.
const PARTIAL: &str = ".data.partial";
/// How often it is looked whether another process is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
            let confirmed = if lock(&self.confirmed).contains(&key) { Entry::read(&folder) } else { None };
            let entry = match confirmed {
                Some(entry) => entry,
                None => {
                    create_dirs(&folder)?;
                    let held = lock_file(client, &folder, &shown)?;
                    let mut transfer = if held.is_alone {
                        Transfer::going_on(client, &shown, folder.join(PARTIAL))
                    } else {
                        Transfer::new(client, &shown, temporary_beside(&folder.join("data")))
                    };
                    let entry =
                        client.with_retries(&shown, || refresh(client, url, &folder, &mut transfer))?;
                    lock(&self.confirmed).insert(key.clone());
                    entry
                }
            };
            client.versions.check(&shown, &entry.validator)?;
            entry.open(client, &folder, &shown)
        })
    }
}

/// A lock among processes, held until dropped.
pub(crate) struct HeldFile {
    /// Whether the file system can lock at all; some network file systems can't, and renaming keeps files whole there.
    is_alone: bool,
    _file: File,
}

/// Waits until no other process works in this folder.
///
/// # Errors
/// `target-unwritable`, `interrupted`.
pub(crate) fn lock_file(client: &Client, folder: &Path, shown: &str) -> Result<HeldFile> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|e| unwritable(&path, e))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(HeldFile { is_alone: true, _file: file }),
            Err(TryLockError::WouldBlock) => {
                client.check_interrupted(shown)?;
                std::thread::sleep(LOOK_EVERY);
            }
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                return Ok(HeldFile { is_alone: false, _file: file });
            }
            Err(TryLockError::Error(e)) => return Err(unwritable(&path, e)),
        }
    }
}

/// Makes the entry what the server has now.
fn refresh(client: &Client, url: &str, folder: &Path, transfer: &mut Transfer<'_>) -> Result<Entry, Failure> {
    let old = Entry::read(folder);
    let answer = match transfer.ask_for_rest(url)? {
        Some(answer) if answer.status != 416 => answer,
        _ => client.get(url, None, &old.as_ref().map(Entry::questions).unwrap_or_default())?,
    };
    match (answer.status, old) {
        (304, Some(entry)) => Ok(entry),
        (200, Some(entry)) if entry.is_confirmed_by(&answer) => Ok(entry),
        (200 | 206, old) => replace(transfer, answer, folder, old.as_ref()),
        (status, _) => Err(Failure::soon(
            Error::new(
                Code::SourceUnreachable,
                format!("the server answered {status} to a request for the whole file"),
            )
            .at(transfer.shown()),
        )),
    }
}

fn replace(
    transfer: &mut Transfer<'_>,
    answer: Answer<'_>,
    folder: &Path,
    old: Option<&Entry>,
) -> Result<Entry, Failure> {
    let Downloaded { validator, last_modified } = transfer.take(answer)?;
    let mark = format!("{:?} {:?} {}", validator.etag, last_modified, validator.size);
    let file = format!("data-{}", hex(&Sha256::digest(mark.as_bytes())).get(..16).unwrap_or_default());
    let entry = Entry { version: VERSION, url: transfer.shown().to_owned(), file, validator, last_modified };
    // the entry must not outlive a loss of power that the file does not
    let done = File::open(transfer.path())
        .and_then(|file| file.sync_data())
        .and_then(|()| fs::rename(transfer.path(), folder.join(&entry.file)))
        .map_err(|e| unwritable(folder, e))
        .and_then(|()| entry.write(folder));
    if let Err(error) = done {
        let _ = fs::remove_file(transfer.path());
        return Err(Failure::never(error));
    }
    if let Some(old) = old.filter(|old| old.file != entry.file) {
        let _ = fs::remove_file(folder.join(&old.file));
    }
    Ok(entry)
}

impl Entry {
    /// What asks the server whether this is still what it has.
    fn questions(&self) -> Vec<(&str, &str)> {
        match (&self.validator.etag, &self.last_modified) {
            (Some(etag), _) => vec![("If-None-Match", etag)],
            (None, Some(date)) => vec![("If-Modified-Since", date)],
            (None, None) => Vec::new(),
        }
    }

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

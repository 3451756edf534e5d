//! Places that keep objects by key: buckets of S3, Google Cloud Storage and Azure Blob Storage, and folders.
//!
//! A [`Bucket`] is a bucket (or container, or folder) and a prefix in it. Keys are relative to the prefix, in parts
//! between `/`. There is no rename and no folder in a bucket; what holds everywhere is:
//!
//! - An object is written whole or not at all, and read as one version.
//! - [`Bucket::put_if_absent`] and [`Bucket::put_if_match`] let one of several writers win. Their answer is about what
//!   lies there, also where the answer of the server was lost: a put that did land is [`Put::Done`], however often it had
//!   to be tried. Each object carries an id of the put that made it, and of the conditional puts before it, in its
//!   metadata, which is read back where the outcome is not known.
//! - What was put is seen by every later read, list and condition.
//!
//! A folder can't hold a key `a` beside a key `a/b`; no layout of data has such keys.
//!
//! Failures that may pass (500, 503 SlowDown, timeouts, broken connections) are repeated within the limits of
//! [`SourceOptions`](crate::SourceOptions); Ctrl-C ends waits.
//!
//! ```
//! use arcoforge_store::{Put, Sources, SourceOptions};
//!
//! let folder = std::env::temp_dir().join(format!("arcoforge-bucket-doc-{}", std::process::id()));
//! let sources = Sources::new(SourceOptions::default());
//! let bucket = sources.bucket(&folder.display().to_string())?;
//! let Put::Done { etag } = bucket.put_if_absent("a/root", b"one".to_vec())? else { panic!("it was empty") };
//! assert_eq!(bucket.put_if_absent("a/root", b"two".to_vec())?, Put::Conflict);
//! assert!(matches!(bucket.put_if_match("a/root", &etag, b"two".to_vec())?, Put::Done { .. }));
//! assert_eq!(bucket.put_if_match("a/root", &etag, b"three".to_vec())?, Put::Conflict);
//! assert_eq!(bucket.get("a/root", None)?.expect("it is there").bytes, b"two");
//! # arcoforge_store::files::remove_tree(&folder)?;
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```

mod access;
mod address;
mod connector;
mod folder;
mod keys;
mod multipart;
mod profile;
mod refusal;
mod remote;
mod resolve;
mod url;
mod wait;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};

pub use access::{BucketOptions, S3Place};
pub(crate) use address::Addresses;
pub(crate) use connector::DENIED;
pub(crate) use folder::Folder;
pub use multipart::Multipart;
pub(crate) use remote::{Guard, Remote};
pub use url::{BucketKind, BucketUrl};

/// An object as listings and heads tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Relative to the bucket's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// What tells its version, for [`Bucket::put_if_match`]: the entity tag; on Google Cloud Storage the generation,
    /// which listings do not have.
    pub etag: Option<String>,
    /// When it was written: nanoseconds since 1970, to the second on servers.
    pub modified_ns: Option<i64>,
}

/// An object, or a range of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The bytes asked for.
    pub bytes: Vec<u8>,
    /// The object that they are of.
    pub item: Item,
}

/// How a conditional put ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is there, or was until another writer replaced it in turn.
    Done {
        /// For [`Bucket::put_if_match`]; one that nothing has any more where it was replaced meanwhile.
        etag: String,
    },
    /// Another writer was first; nothing was written.
    Conflict,
}

/// A part of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Objects.
    pub items: Vec<Item>,
    /// Of [`Bucket::list_folder`]: what lies deeper, by its keys up to and with the next `/`.
    pub folders: Vec<String>,
}

/// A page, and how to ask for the next one.
pub(crate) struct PageOf {
    pub(crate) page: Page,
    pub(crate) next: Option<String>,
}

/// What a place can do, by its own full keys. See [`Bucket`] for what each does.
pub(crate) trait Place: Send + Sync + fmt::Debug {
    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Got>>;
    fn head(&self, key: &str) -> Result<Option<Item>>;
    fn page(&self, prefix: &str, deep: bool, next: Option<&str>) -> Result<PageOf>;
    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String>;
    fn put_if(&self, key: &str, expected: Option<&str>, bytes: Vec<u8>) -> Result<Put>;
    fn delete(&self, keys: &[String]) -> Result<()>;
    fn copy(&self, from: &str, to: &str) -> Result<()>;
    fn upload(&self, key: &str) -> Result<Box<dyn Upload>>;
    /// `None` where nothing is tried again.
    fn guarded(&self, guard: Guard) -> Option<Arc<dyn Place>>;
}

/// An object that is written in parts; nothing is seen of it before [`finish`](Self::finish).
pub(crate) trait Upload: Send + fmt::Debug {
    /// Parts but the last one must have equal lengths.
    fn part(&mut self, bytes: Vec<u8>) -> Result<()>;
    /// The entity tag.
    fn finish(&mut self) -> Result<String>;
    fn abort(&mut self);
}

/// A bucket and a prefix, or a folder. Cheap to clone; for many threads.
#[derive(Clone)]
pub struct Bucket {
    place: Arc<dyn Place>,
    /// Without secrets and a closing `/`.
    url: Arc<str>,
    /// Empty, or with a closing `/`.
    prefix: Arc<str>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(crate) fn new(place: Arc<dyn Place>, url: &str, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Self { place, url: url.trim_end_matches('/').into(), prefix: prefix.into() }
    }

    /// The URL or path of the prefix, without secrets, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL or path of an object, for messages.
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    /// The same place with a longer prefix.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let whole = format!("{}{prefix}", self.prefix);
        Self::new(Arc::clone(&self.place), &self.url_of(prefix), &whole)
    }

    /// The same place, where every request, and every repetition of one, is made only if `allowed` says so. (A folder asks
    /// nobody.)
    #[must_use]
    pub fn guarded(&self, allowed: Arc<dyn Fn() -> Result<()> + Send + Sync>) -> Self {
        let place = self.place.guarded(Guard(allowed)).unwrap_or_else(|| Arc::clone(&self.place));
        Self { place, ..self.clone() }
    }

    /// Reads an object, or a range of it; `None` where there is no such object.
    ///
    /// # Errors
    /// `source-corrupt` for a range that ends beyond the object, `source-denied`, `source-unreachable`, `interrupted`.
    pub fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Got>> {
        let got = self.place.get(&self.full(key)?, range)?;
        Ok(got.map(|got| Got { item: Item { key: key.to_owned(), ..got.item }, ..got }))
    }

    /// What is known of an object; `None` where there is none.
    ///
    /// # Errors
    /// `source-denied`, `source-unreachable`, `interrupted`.
    pub fn head(&self, key: &str) -> Result<Option<Item>> {
        let item = self.place.head(&self.full(key)?)?;
        Ok(item.map(|item| Item { key: key.to_owned(), ..item }))
    }

    /// All objects whose keys begin with `prefix`, which need not end at a `/`, page by page.
    pub fn list(&self, prefix: &str) -> Pages {
        self.pages(prefix, true)
    }

    /// The objects right below `prefix`, which is empty or ends at a `/`, and what lies deeper as folders.
    pub fn list_folder(&self, prefix: &str) -> Pages {
        self.pages(prefix, false)
    }

    fn pages(&self, prefix: &str, deep: bool) -> Pages {
        Pages { bucket: self.clone(), prefix: format!("{}{prefix}", self.prefix), deep, next: Next::First }
    }

    /// Writes an object, whole or not at all, over what was there; gives its entity tag.
    ///
    /// # Errors
    /// `target-unwritable`, also where an answer was lost until the repetitions were used up; `interrupted`.
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String> {
        self.place.put(&self.full(key)?, bytes).map_err(as_target)
    }

    /// Writes an object where there is none.
    ///
    /// # Errors
    /// `target-unwritable`: the message says where it is not known whether the object was written. `interrupted`.
    pub fn put_if_absent(&self, key: &str, bytes: Vec<u8>) -> Result<Put> {
        self.place.put_if(&self.full(key)?, None, bytes).map_err(as_target)
    }

    /// Writes an object over the version with this entity tag, and no other.
    ///
    /// Entity tags are of the content on some servers: what recurs, recurs with its tag. So let the bytes hold something
    /// that no other put has (a time, a count, an id).
    ///
    /// # Errors
    /// As [`put_if_absent`](Self::put_if_absent).
    pub fn put_if_match(&self, key: &str, etag: &str, bytes: Vec<u8>) -> Result<Put> {
        self.place.put_if(&self.full(key)?, Some(etag), bytes).map_err(as_target)
    }

    /// Deletes objects; what is not there is fine.
    ///
    /// # Errors
    /// `target-unwritable`: some may be gone, some not. `interrupted`.
    pub fn delete(&self, keys: &[String]) -> Result<()> {
        let full: Vec<String> = keys.iter().map(|key| self.full(key)).collect::<Result<_>>()?;
        self.place.delete(&full).map_err(as_target)
    }

    /// Copies an object without moving its bytes through this machine (S3: up to 5 GiB).
    ///
    /// # Errors
    /// `target-unwritable`, also where `from` does not exist; `interrupted`.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.place.copy(&self.full(from)?, &self.full(to)?).map_err(as_target)
    }

    /// Begins an object that is written in parts, for what does not fit into memory. Nothing is seen before
    /// [`Multipart::finish`], and nothing stays where it is dropped before.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn multipart(&self, key: &str) -> Result<Multipart> {
        Ok(Multipart::new(self.clone(), key, self.full(key)?))
    }

    fn full(&self, key: &str) -> Result<String> {
        keys::check(key).map_err(|error| error.at(&*self.url))?;
        Ok(format!("{}{key}", self.prefix))
    }
}

/// What goes wrong with writing is about a target.
fn as_target(mut error: Error) -> Error {
    if matches!(
        error.code,
        Code::SourceUnreachable | Code::SourceDenied | Code::SourceNotFound | Code::SourceUnsupported
    ) {
        error.code = Code::TargetUnwritable;
    }
    error
}

/// The pages of a listing, asked for one by one.
#[derive(Debug)]
pub struct Pages {
    bucket: Bucket,
    prefix: String,
    deep: bool,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    After(String),
    Over,
}

impl Pages {
    /// All of it, in one page.
    ///
    /// # Errors
    /// `source-denied`, `source-not-found` (no such bucket), `source-unreachable`, `interrupted`.
    pub fn all(self) -> Result<Page> {
        let mut all = Page::default();
        for page in self {
            let page = page?;
            all.items.extend(page.items);
            all.folders.extend(page.folders);
        }
        all.folders.sort_unstable();
        all.folders.dedup();
        Ok(all)
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let after = match std::mem::replace(&mut self.next, Next::Over) {
            Next::First => None,
            Next::After(token) => Some(token),
            Next::Over => return None,
        };
        let found = match self.bucket.place.page(&self.prefix, self.deep, after.as_deref()) {
            Ok(found) => found,
            Err(error) => return Some(Err(error.at(&*self.bucket.url))),
        };
        let PageOf { page: Page { items, folders }, next } = found;
        if let Some(token) = next {
            self.next = Next::After(token);
        }
        let own = |key: String| key.strip_prefix(&*self.bucket.prefix).map(str::to_owned);
        // a marker of the folder itself has no key here
        let mut items: Vec<Item> = items
            .into_iter()
            .filter(|item| item.key.starts_with(&self.prefix))
            .filter_map(|item| Some(Item { key: own(item.key.clone())?, ..item }))
            .filter(|item| !item.key.is_empty())
            .collect();
        items.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
        Some(Ok(Page { items, folders: folders.into_iter().filter_map(own).collect() }))
    }
}

//! Inputs of many objects: a Zarr store in a folder or on a server, or references to ranges of other files. Whoever reads
//! them sees one object, in whose bytes every member has a place of its own.

mod bucket;
mod folder;
mod leads;
mod overlaid;
mod references;
mod tables;
mod web;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use sha2::{Digest, Sha256};

use self::bucket::Listed;
use self::folder::Folder;
use self::overlaid::Overlaid;
use self::references::References;
use self::tables::Tables;
use self::web::Web;
use crate::location::Location;
use crate::object::{Object, Validator, read_all, read_range};
use crate::sources::Sources;

/// Bytes that a member has in the whole; none is longer.
const MEMBER_BITS: u32 = 40;
/// Documents that say which version of a store it is, at its root.
const ROOT_DOCUMENTS: [&str; 4] = ["zarr.json", ".zmetadata", ".zgroup", ".zarray"];
/// No metadata document is longer.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// Where an object of a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// In hand.
    Bytes(Arc<[u8]>),
    /// In the whole: first byte, and how many.
    Range(u64, u64),
}

/// An object of a store, to be read at once.
#[derive(Debug, Clone)]
pub enum Held {
    /// In hand.
    Bytes(Arc<[u8]>),
    /// A range of something: first byte, and how many.
    Range(Arc<dyn Object>, u64, u64),
}

/// Objects by key.
pub trait Keyed: Send + Sync + Debug {
    /// The object of a key; `None` where it is not there.
    fn get(&self, key: &str) -> Result<Option<Held>>;

    /// Where the objects of these keys lie; `None` for one that is not there.
    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>>;

    /// Names of the folders directly below one, sorted; of the root where it is empty.
    fn folders(&self, below: &str) -> Result<Vec<String>>;

    /// Key, length and version of every object, in any order; `None` where they can't be listed.
    fn objects(&self) -> Result<Option<Vec<(String, u64, String)>>> {
        Ok(None)
    }

    /// A member by its number: what holds the bytes of objects.
    fn member(&self, number: u32) -> Result<Arc<dyn Object>>;
}

/// Where byte `offset` of a member is in the whole.
fn place_in_whole(member: u32, offset: u64) -> u64 {
    u64::from(member) << MEMBER_BITS | offset
}

/// A store as one object.
#[derive(Debug)]
struct Whole {
    url: Arc<str>,
    validator: Validator,
    remote: bool,
    keyed: Arc<dyn Keyed>,
}

impl Whole {
    /// The member that has a range, and where it lies there.
    fn part(&self, range: &Range<u64>) -> Result<(u32, Range<u64>)> {
        let mask = (1 << MEMBER_BITS) - 1;
        let (first, last) =
            (range.start >> MEMBER_BITS, range.end.saturating_sub(1).max(range.start) >> MEMBER_BITS);
        let member = u32::try_from(first).ok().filter(|_| first == last);
        let bug = || Error::new(Code::Bug, "found a range over two members of a store").at(&*self.url);
        let member = member.ok_or_else(bug)?;
        let start = range.start & mask;
        Ok((member, start..start + (range.end - range.start)))
    }
}

impl Object for Whole {
    fn url(&self) -> &str {
        &self.url
    }

    fn name(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }

    fn place(&self, offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        let (member, range) = self.part(&(offset..offset))?;
        self.keyed.member(member)?.place(range.start)
    }

    fn keyed(&self) -> Option<&Arc<dyn Keyed>> {
        Some(&self.keyed)
    }

    fn end(&self) -> u64 {
        u64::MAX
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let (member, range) = self.part(&(offset..offset.saturating_add(out.len() as u64)))?;
        self.keyed.member(member)?.read_into(range.start, out)
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let parts = ranges.iter().map(|range| self.part(range)).collect::<Result<Vec<_>>>()?;
        let mut read = Vec::with_capacity(ranges.len());
        for same in parts.chunk_by(|a, b| a.0 == b.0) {
            let Some((member, _)) = same.first() else { continue };
            let ranges: Vec<Range<u64>> = same.iter().map(|(_, range)| range.clone()).collect();
            read.extend(self.keyed.member(*member)?.read_ranges(&ranges)?);
        }
        Ok(read)
    }

    fn is_remote(&self) -> bool {
        self.remote
    }

    fn is_at_hand(&self, range: &Range<u64>) -> bool {
        let Ok((member, range)) = self.part(range) else { return false };
        self.keyed.member(member).is_ok_and(|object| object.is_at_hand(&range))
    }
}

/// The whole document under a key; `None` where there is none.
///
/// # Errors
/// Those of the store; `source-limit` for one that is too long.
pub fn document(keyed: &dyn Keyed, key: &str) -> Result<Option<Vec<u8>>> {
    match keyed.get(key)? {
        Some(held) if held.bytes() > DOCUMENT_BYTES_MAX => {
            let message = format!(
                "found metadata of {} bytes, more than the limit of {DOCUMENT_BYTES_MAX}",
                held.bytes()
            );
            Err(Error::new(Code::SourceLimit, message).at(key))
        }
        Some(held) => held.read(0, held.bytes()).map(Some),
        None => Ok(None),
    }
}

impl Held {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range(_, _, bytes) => *bytes,
        }
    }

    /// Reads a range, which has to lie inside the object.
    ///
    /// # Errors
    /// `source-corrupt` where it does not; those of reading it.
    pub fn read(&self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(bytes).filter(|end| *end <= self.bytes());
        let Some(end) = end else {
            let message = format!(
                "found a reference to {bytes} bytes from {offset} on in an object of {}",
                self.bytes()
            );
            return Err(Error::new(Code::SourceCorrupt, message));
        };
        match self {
            Self::Bytes(held) => Ok(held.get(offset as usize..end as usize).unwrap_or_default().to_vec()),
            Self::Range(object, start, _) => {
                read_range(&**object, start.saturating_add(offset)..start.saturating_add(end))
            }
        }
    }
}

/// The store in a folder of this machine.
pub fn folder(root: &Path) -> Arc<dyn Keyed> {
    Arc::new(Folder::new(root))
}

/// The same with documents in place of those that lie there.
pub fn folder_with(root: &Path, documents: BTreeMap<String, Arc<[u8]>>) -> Arc<dyn Keyed> {
    Arc::new(Overlaid { documents, below: folder(root) })
}

impl Sources {
    /// Opens a Zarr store (a folder of this machine, or a URL, also of a bucket, that ends with `.zarr`) or references (a JSON
    /// file; a folder of Parquet tables, whose URL ends with `.parq` or `.parquet`) as one object; `None` where it is neither.
    ///
    /// What tells its version is a digest of its metadata and of the names, lengths and times of all its objects. Of a store
    /// on a server and of references nothing tells it.
    ///
    /// # Errors
    /// Those of reading its metadata; `source-corrupt` for a damaged file of references.
    pub fn open_keyed(self: &Arc<Self>, url_or_path: &str) -> Result<Option<Arc<dyn Object>>> {
        // what is no place of ours, whoever opens it refuses
        let Ok(location) = Location::parse(url_or_path) else { return Ok(None) };
        let keyed: Arc<dyn Keyed> = match location {
            Location::Local(path) if is_store(&path) => {
                self.check_local(url_or_path)?;
                folder(&path)
            }
            Location::Http(url) if is_store_url(&url) => Arc::new(Web::new(Arc::clone(self), &url)),
            Location::Bucket(url) if is_store_url(&url.text()) => {
                let bucket = self.bucket_of_inputs(&url);
                Arc::new(Listed::new(Arc::clone(self), bucket))
            }
            _ if !is_json(url_or_path) => return Ok(None),
            _ => return self.open_references(url_or_path),
        };
        if let Some(tables) = self.tables(url_or_path, &keyed)? {
            return Ok(Some(tables));
        }
        // a file of that name, most likely
        if !is_zarr_url(url_or_path) && is_remote(url_or_path) {
            return Ok(None);
        }
        whole(url_or_path, keyed).map(Some)
    }

    /// References in Parquet tables as one object; `None` where a folder holds none.
    fn tables(
        self: &Arc<Self>,
        url_or_path: &str,
        keyed: &Arc<dyn Keyed>,
    ) -> Result<Option<Arc<dyn Object>>> {
        let url: Arc<str> = crate::location::redact(url_or_path).into();
        let place = |e: Error| e.at(&*url);
        let found = Tables::open(self, (&url, keyed), is_remote(url_or_path)).map_err(place)?;
        let Some(tables) = found else { return Ok(None) };
        // what lies where they lead to may be another without them
        let validator = Validator { size: tables.bytes(), ..Validator::default() };
        let remote = tables.is_remote().map_err(place)?;
        Ok(Some(Arc::new(Whole { url, validator, remote, keyed: Arc::new(tables) })))
    }

    /// The target in a bucket as one object, with documents in place of those that lie there.
    ///
    /// # Errors
    /// As of [`open_keyed`](Self::open_keyed).
    pub fn open_bucket(
        self: &Arc<Self>,
        url: &str,
        documents: BTreeMap<String, Arc<[u8]>>,
    ) -> Result<Arc<dyn Object>> {
        whole(url, self.keyed_bucket(url, documents)?)
    }

    /// The same by keys, without a look at what lies there.
    ///
    /// # Errors
    /// Those of finding the login.
    pub fn keyed_bucket(
        self: &Arc<Self>,
        url: &str,
        documents: BTreeMap<String, Arc<[u8]>>,
    ) -> Result<Arc<dyn Keyed>> {
        Ok(Arc::new(Listed::of_target(Arc::clone(self), self.bucket(url)?, documents)))
    }
}

fn whole(url_or_path: &str, keyed: Arc<dyn Keyed>) -> Result<Arc<dyn Object>> {
    let url: Arc<str> = crate::location::redact(url_or_path).into();
    let validator = version(&*keyed).map_err(|e| e.at(&*url))?;
    let remote = is_remote(&url);
    Ok(Arc::new(Whole { url, validator, remote, keyed }))
}

impl Sources {
    /// Opens references, whatever they are called: a JSON file, or a folder of Parquet tables; `None` where there are none.
    ///
    /// # Errors
    /// Those of reading it; `source-corrupt` for a damaged one.
    pub fn open_references(self: &Arc<Self>, url_or_path: &str) -> Result<Option<Arc<dyn Object>>> {
        if let Location::Local(path) = Location::parse(url_or_path)?
            && path.is_dir()
        {
            self.check_local(url_or_path)?;
            return self.tables(url_or_path, &folder(&path));
        }
        let object = self.open(url_or_path)?;
        let found = References::parse(self, &read_all(&*object)?, object.is_remote())
            .map_err(|e| e.at(object.url()))?;
        Ok(found.map(|found| {
            // what lies where they lead to may be another without them
            let validator = Validator { size: object.validator().size, ..Validator::default() };
            let (url, remote) = (object.name(), found.is_remote());
            let whole: Arc<dyn Object> = Arc::new(Whole { url, validator, remote, keyed: Arc::new(found) });
            whole
        }))
    }
}

/// A digest of all metadata documents and of what is listed of all objects, and the length of the documents; no digest where
/// objects can't be listed.
fn version(keyed: &dyn Keyed) -> Result<Validator> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut open = vec![String::new()];
    let mut consolidated = false;
    while let Some(folder) = open.pop() {
        let key = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let mut is_array = false;
        let mut found = false;
        for name in ROOT_DOCUMENTS.into_iter().chain([".zattrs"]) {
            let Some(bytes) = document(keyed, &key(name))? else { continue };
            found = true;
            let text = String::from_utf8_lossy(&bytes);
            consolidated |=
                folder.is_empty() && (name == ".zmetadata" || text.contains("\"consolidated_metadata\""));
            is_array |= name == ".zarray" || text.contains("\"chunk_grid\"");
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
            size += bytes.len() as u64;
        }
        if consolidated {
            break;
        }
        if found && !is_array {
            open.extend(keyed.folders(&folder)?.into_iter().rev().map(|name| key(&name)));
        }
    }
    let Some(mut objects) = keyed.objects()? else {
        // metadata says nothing of values: it holds for one run
        return Ok(Validator { size, ..Validator::default() });
    };
    objects.sort();
    for (key, bytes, version) in objects {
        hash.update(format!("{key}\0{bytes}\0{version}\n"));
    }
    let etag = hex(&hash.finalize()).get(..32).map(|digest| format!("\"{digest}\""));
    Ok(Validator { size, etag, modified_ns: None })
}

/// Whether a path is a folder with Zarr's metadata.
fn is_store(path: &Path) -> bool {
    path.is_dir() && ROOT_DOCUMENTS.iter().any(|name| path.join(name).is_file())
}

fn is_zarr_url(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.trim_end_matches('/').ends_with(".zarr")
}

/// Whether a URL is one of a store or of a folder of tables.
fn is_store_url(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    is_zarr_url(url) || [".parq", ".parquet"].iter().any(|ending| path.ends_with(ending))
}

fn is_remote(url: &str) -> bool {
    url.contains("://") && !url.starts_with("file:")
}

fn is_json(url: &str) -> bool {
    url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase().ends_with(".json")
}

//! Inputs that are compressed or archived, read as if they lay there plain.
//!
//! What something is wrapped in is decided by its first bytes, wrapping by wrapping. Members that an archive stores as
//! they are, are ranges of it ([`part::Part`]); what is compressed is unpacked once, into the cache or a temporary file
//! that goes with the last reader. Nothing else is ever written, and no member's name becomes a path.

mod allowance;
mod kept;
mod kind;
mod members;
mod names;
mod needs;
mod part;
mod place;
mod stream;
mod tar;
mod unpack;
mod window;
mod zip;

pub use unpack::UnpackLimits;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};

use self::allowance::Allowance;
use self::kept::{Kept, Layer};
use self::kind::{Kind, LOOKED_AT, Packing, is_data};
use self::members::{Member, Storage, ZipEntry, choose, listed};
use self::part::Part;
use self::place::{Place, derived};
use self::stream::{Input, Memory};
use self::unpack::{Job, head};
use crate::files::fill;
use crate::http::Client;
use crate::object::{Object, read_range};

/// Wrappings around a file: `.tar.gz` has two.
const WRAPPINGS_MAX: u32 = 2;
/// Members whose content is looked at to find the one that is data.
const JUDGED_MAX: usize = 256;

/// Opens what lies in files and archives.
#[derive(Debug)]
pub(crate) struct Unwrapper {
    client: Arc<Client>,
    place: Place,
    limits: UnpackLimits,
    allowance: Allowance,
    kept: Kept,
}

/// An archive whose directory was read.
#[derive(Debug)]
pub(crate) struct Archive {
    object: Arc<dyn Object>,
    members: Vec<Member>,
    /// Wrappings down to its members.
    wrappings: u32,
}

/// An object, and whether it takes disk for as long as it is open.
type Opened = (Arc<dyn Object>, bool);

impl Unwrapper {
    pub(crate) fn new(client: Arc<Client>, cache: Option<PathBuf>, limits: UnpackLimits) -> Self {
        let place = Place::new(Arc::clone(&client), cache);
        Self { client, place, limits, allowance: Allowance::new(&limits), kept: Kept::default() }
    }

    /// Opens an input with all its wrappings taken off. `key` stands for it in this run, `fragment` names a member.
    pub(crate) fn open(
        &self,
        key: &str,
        fragment: Option<&str>,
        outer: impl FnOnce() -> Result<Arc<dyn Object>>,
    ) -> Result<Arc<dyn Object>> {
        let mut layer = self.layer(key, 0, || Ok((outer()?, false)))?;
        let (mut key, mut fragment) = (key.to_owned(), fragment.filter(|fragment| !fragment.is_empty()));
        loop {
            let archive = match layer {
                Layer::File(object) => return without_member(object, fragment),
                Layer::Archive(archive) => archive,
            };
            let url = archive.object.url();
            let member = match fragment {
                Some(wanted) => {
                    let chosen = choose(&archive.members, wanted).map_err(|e| e.at(url))?;
                    fragment = chosen.rest;
                    chosen.member
                }
                None => self.only(&archive).map_err(|e| e.at(url))?,
            };
            key = format!("{key}#{}", member.name);
            layer = self.layer(&key, archive.wrappings, || self.member(&archive, member))?;
        }
    }

    /// Takes compressions off until there is a file or an archive.
    fn layer(&self, key: &str, wrappings: u32, open: impl FnOnce() -> Result<Opened>) -> Result<Layer> {
        if let Some(layer) = self.kept.find(key) {
            return Ok(layer);
        }
        self.client.keys.with(&format!("unwrap {key}"), || {
            if let Some(layer) = self.kept.find(key) {
                return Ok(layer);
            }
            let (mut object, mut takes_disk) = open()?;
            let mut wrappings = wrappings;
            loop {
                let head = read_range(&*object, 0..object.validator().size.min(LOOKED_AT))?;
                let kind = Kind::of(&head);
                wrappings += 1;
                if kind != Kind::Plain && wrappings > WRAPPINGS_MAX {
                    return Err(too_deep(object.url()));
                }
                let layer = match kind {
                    Kind::Packed(packing) => {
                        (object, takes_disk) = (self.unpacked(&object, packing)?, true);
                        continue;
                    }
                    Kind::Plain => Layer::File(object),
                    Kind::Zip | Kind::Tar => Layer::Archive(Arc::new(self.archive(object, kind, wrappings)?)),
                };
                if takes_disk || matches!(layer, Layer::Archive(_)) {
                    self.kept.keep(key, &layer);
                }
                return Ok(layer);
            }
        })
    }

    fn archive(&self, object: Arc<dyn Object>, kind: Kind, wrappings: u32) -> Result<Archive> {
        let url = object.url();
        let members = if kind == Kind::Zip {
            zip::members(&*object, self.limits.members_max)
        } else {
            tar::members(&*object, self.limits.members_max, || self.client.check_interrupted(url))
        };
        let members = members.map_err(|e| e.at(url))?;
        Ok(Archive { object, members, wrappings })
    }

    /// A whole object, unpacked.
    fn unpacked(&self, object: &Arc<dyn Object>, packing: Packing) -> Result<Arc<dyn Object>> {
        let (url, size) = (object.url().to_owned(), object.validator().size);
        let validator = derived(object.validator(), packing.name(), 0);
        let job = self.job(&url, packing, size, None);
        self.place.file(&url, packing.name(), validator, |path| {
            let first = object.take_prefix().unwrap_or_default();
            job.to_file(Input::new(Arc::clone(object), 0..size, first), path)
        })
    }

    fn job<'a>(
        &'a self,
        shown: &'a str,
        packing: Packing,
        packed: u64,
        expected: Option<(u64, u32)>,
    ) -> Job<'a> {
        let (client, limits, allowance) = (&*self.client, &self.limits, &self.allowance);
        Job { client, limits, allowance, shown, packing, packed, expected }
    }

    /// A member as an object.
    fn member(&self, archive: &Archive, member: &Member) -> Result<Opened> {
        let url = format!("{}#{}", archive.object.url(), member.name);
        let validator = derived(archive.object.validator(), &format!("#{}", member.name), member.size);
        if member.size == 0 {
            return Err(Error::new(Code::SourceNotData, "the member is empty").at(url));
        }
        let ahead = if archive.object.is_remote() { self.client.options().prefix_bytes } else { 0 };
        let part = |start, first: Vec<u8>, url, validator| -> Opened {
            let first = Some(first).filter(|bytes| !bytes.is_empty());
            (Arc::new(Part::new(Arc::clone(&archive.object), start, url, validator, first)), false)
        };
        match &member.storage {
            Storage::Unreadable(why) => {
                let message = format!("member `{}` {why}, which can't be read", member.name);
                Err(Error::new(Code::SourceUnsupported, message)
                    .help("unpack it by hand and name the file")
                    .at(archive.object.url()))
            }
            Storage::Here(start) => {
                let end = start.saturating_add(member.size.min(ahead));
                let first = read_range(&*archive.object, *start..end)?;
                Ok(part(*start, first, url, validator))
            }
            Storage::Zip(entry) => {
                let at = |e: Error| e.at(archive.object.url());
                let (start, first) = zip::locate(&*archive.object, member, entry, ahead).map_err(at)?;
                let Some(packing) = entry.packing else { return Ok(part(start, first, url, validator)) };
                let job = self.job(&url, packing, entry.packed, Some((member.size, entry.crc)));
                let range = start..start.saturating_add(entry.packed);
                let input = Input::new(Arc::clone(&archive.object), range, first);
                let file = self.place.file(&url, "#", validator, |path| job.to_file(input, path))?;
                Ok((file, true))
            }
        }
    }

    /// The one member that is data.
    fn only<'a>(&self, archive: &'a Archive) -> Result<&'a Member> {
        let likely: Vec<&Member> = archive.members.iter().filter(|m| !names::is_aside(&m.name)).collect();
        if let [only] = likely.as_slice() {
            return Ok(only);
        }
        let mut found = Vec::new();
        for member in likely.iter().take(JUDGED_MAX) {
            self.client.check_interrupted(archive.object.url())?;
            if self.is_data(archive, member)? {
                found.push(*member);
            }
        }
        match (found.as_slice(), likely.len()) {
            ([only], ..=JUDGED_MAX) => Ok(only),
            ([], ..=JUDGED_MAX) => {
                let all: Vec<&Member> = archive.members.iter().collect();
                Err(no_data_file(&all))
            }
            (several, ..=JUDGED_MAX) => Err(ambiguous(several.len(), several)),
            (_, all) => Err(ambiguous(all, &likely)),
        }
    }

    /// Whether a member is data, by its first bytes; one that can't be read may be.
    fn is_data(&self, archive: &Archive, member: &Member) -> Result<bool> {
        let length = member.size.min(LOOKED_AT);
        let bytes = match &member.storage {
            Storage::Unreadable(_) => return Ok(true),
            Storage::Here(start) => read_range(&*archive.object, *start..start.saturating_add(length))?,
            Storage::Zip(entry) => {
                let check = || self.client.check_interrupted(archive.object.url());
                let memory = Memory { allowance: &self.allowance, check: &check };
                zip_head(archive, (member, entry), &memory, usize::try_from(length).unwrap_or(0))?
            }
        };
        Ok(is_data(&bytes))
    }
}

fn zip_head(
    archive: &Archive,
    (member, entry): (&Member, &ZipEntry),
    memory: &Memory<'_>,
    length: usize,
) -> Result<Vec<u8>> {
    let (start, first) = zip::locate(&*archive.object, member, entry, LOOKED_AT)?;
    let range = start..start.saturating_add(entry.packed);
    let mut input = Input::new(Arc::clone(&archive.object), range, first);
    match entry.packing {
        Some(packing) => head(packing, input, memory, length).map_err(|e| e.at(&member.name)),
        None => {
            let mut bytes = vec![0; length];
            let filled = fill(&mut input, &mut bytes)
                .map_err(|e| Error::new(Code::SourceUnreachable, "the archive can't be read").caused_by(e))?;
            bytes.truncate(filled);
            Ok(bytes)
        }
    }
}

/// Why an archive without a file of data can't be read; one of a Zarr store could be, unpacked.
fn no_data_file(members: &[&Member]) -> Error {
    if members.iter().any(|member| names::is_of_zarr(&member.name)) {
        let message =
            format!("the archive holds a Zarr store, which is not read in archives; {}", listed(members));
        return Error::new(Code::SourceUnsupported, message).help("unpack it and name the store's folder");
    }
    Error::new(Code::SourceNotData, format!("the archive holds no data file; {}", listed(members)))
}

fn ambiguous(count: usize, members: &[&Member]) -> Error {
    let message = format!("the archive holds {count} data files, expected one; {}", listed(members));
    Error::new(Code::SourceNotData, message)
        .help("name one of them behind `#`: `ARCHIVE#MEMBER`, or by a glob")
}

fn too_deep(url: &str) -> Error {
    Error::new(
        Code::SourceLimit,
        format!("found more than {WRAPPINGS_MAX} compressions and archives in one another"),
    )
    .at(url)
    .help("`.tar.gz` counts as two: unpack the outer ones by hand")
}

/// A file that is no archive has no members; what the NetCDF library writes behind `#` means nothing here.
fn without_member(object: Arc<dyn Object>, fragment: Option<&str>) -> Result<Arc<dyn Object>> {
    match fragment {
        None | Some("bytes" | "mode=bytes") => Ok(object),
        Some(fragment) => Err(Error::new(
            Code::SourceUnsupported,
            format!(
                "found `#{fragment}`, but the file is neither a zip nor a tar archive and has no members"
            ),
        )
        .at(object.url())
        .help("leave out what stands behind `#`")),
    }
}

/// Path and member of `ARCHIVE#MEMBER`. A file that exists under the whole name is that file.
pub(crate) fn split_member(path: &Path) -> Option<(PathBuf, String)> {
    let text = path.to_str().filter(|text| text.contains('#'))?;
    if path.exists() {
        return None;
    }
    text.rmatch_indices('#').find_map(|(at, _)| {
        let archive = Path::new(text.get(..at)?);
        archive.is_file().then(|| Some((archive.to_owned(), text.get(at + 1..)?.to_owned())))?
    })
}

//! `source.checksums`: which inputs have one, and whether their bytes add up to it.
//!
//! A name belongs to the input at that path (from the manifest's folder, or the recipe's); where none is there, to every
//! input whose path ends with it. What is hashed is the file as it is published, with its compression or archive on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::{and_more, hex};
use arcoforge_core::names::nearest;
use arcoforge_core::pattern::{Algorithm, Checksum, Input, Position, parse_manifest};
use arcoforge_core::recipe::Recipe;
use arcoforge_store::object::read_range;
use arcoforge_store::{Object, redact};
use sha2::digest::DynDigest;

use crate::find::{Fact, Inputs, resolve};
use crate::session::{Event, Session};

/// Bytes that are read at a time.
const PART_BYTES: u64 = 4 << 20;
/// The largest manifest.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// Names that a warning lists.
const NAMES_SHOWN: usize = 3;
/// Inputs whose names are compared with an unknown one.
const COMPARED_MAX: usize = 1000;

/// One line of a list of checksums.
struct Entry {
    name: String,
    checksum: Checksum,
    /// The manifest, or `source.checksums`.
    list: Arc<str>,
    /// Folder from which the name is relative.
    folder: String,
}

/// The checksums of a recipe's inputs.
#[derive(Default)]
pub(crate) struct Expected {
    entries: Vec<Entry>,
    /// File (without a member behind `#`) → its entries.
    files: HashMap<String, Vec<usize>>,
    /// What a catalog says of files, by their URLs without secrets.
    facts: BTreeMap<String, Fact>,
    /// Whether its sizes are compared too.
    sizes: bool,
    /// Files that were hashed, or are right now: then others wait. An archive has many inputs.
    done: Mutex<HashMap<String, Arc<Mutex<bool>>>>,
}

/// Reads the manifests and finds the inputs that they list. What lists none, and inputs that no list has, are warnings.
///
/// # Errors
/// Of manifests that can't be fetched or read, and `recipe-source` where lists contradict each other.
pub(crate) fn expected(session: &Session<'_>, recipe: &Recipe, inputs: &Inputs) -> Result<Expected> {
    let checksums = &recipe.source.checksums;
    let facts = inputs.facts().clone();
    let verify = matches!(&recipe.source.input, Input::Find(find) if find.verify);
    if checksums.is_empty() && !verify {
        return Ok(Expected { facts, ..Expected::default() });
    }
    let base = session.options.base.display().to_string();
    let list: Arc<str> = "source.checksums".into();
    let own = checksums.listed.iter().map(|(name, checksum)| Entry {
        name: name.clone(),
        checksum: checksum.clone(),
        list: Arc::clone(&list),
        folder: base.clone(),
    });
    let mut entries: Vec<Entry> = own.collect();
    for manifest in &checksums.manifests {
        entries.extend(read_manifest(session, manifest)?);
    }
    if verify {
        let list: Arc<str> = "the catalog".into();
        let entry = |(name, fact): (&String, &Fact)| {
            let (name, checksum) = (name.clone(), fact.checksum.clone()?);
            Some(Entry { name, checksum, list: Arc::clone(&list), folder: String::new() })
        };
        entries.extend(facts.iter().filter_map(entry));
    }
    let positions: &[Position] = &inputs.positions().collect::<Vec<_>>();
    let candidates: BTreeSet<&str> =
        positions.iter().flat_map(|p| &p.candidates).map(|url| without_member(url)).collect();
    let (files, unknown) = assigned(&entries, &candidates)?;
    let expected = Expected { entries, files, facts, sizes: verify, done: Mutex::default() };
    expected.warn(session, &candidates, &unknown, positions);
    Ok(expected)
}

fn read_manifest(session: &Session<'_>, manifest: &str) -> Result<Vec<Entry>> {
    let url = resolve(manifest, &session.options.base);
    let object = session.sources.open(&url).map_err(|e| e.help("a manifest of `source.checksums`"))?;
    let size = object.validator().size;
    if size > MANIFEST_BYTES_MAX {
        let message = format!("found a manifest of {size} bytes, expected at most {MANIFEST_BYTES_MAX}");
        return Err(Error::new(Code::SourceLimit, message).at(url));
    }
    let wrong = |message: String| {
        let help = "expected lines as `sha256sum` writes them: digits, two spaces, the file's name";
        Error::new(Code::SourceFormat, message).at(&url).help(help)
    };
    let text = String::from_utf8(read_range(object.as_ref(), 0..size)?)
        .map_err(|_| wrong("the manifest of checksums is not UTF-8 text".to_owned()))?;
    let (list, folder): (Arc<str>, String) = (url.as_str().into(), folder_of(&url).to_owned());
    let entries =
        parse_manifest(&text).map_err(|message| wrong(format!("a manifest of checksums: {message}")))?;
    let entry = |(name, checksum)| Entry { name, checksum, list: Arc::clone(&list), folder: folder.clone() };
    Ok(entries.into_iter().map(entry).collect())
}

/// Entries by their numbers: of each file, and those that no file has.
type Assigned = (HashMap<String, Vec<usize>>, Vec<usize>);

/// Which entries each file has, and entries that no file has.
fn assigned(entries: &[Entry], files: &BTreeSet<&str>) -> Result<Assigned> {
    let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
    for file in files {
        by_name.entry(last_part(file)).or_default().push(file);
    }
    let (mut found, mut unknown): Assigned = Default::default();
    for (at, entry) in entries.iter().enumerate() {
        let name = entry.name.trim_start_matches("./");
        let whole = resolve(name, Path::new(&entry.folder));
        let whole = if entry.folder.contains("://") && !name.contains("://") && !name.starts_with('/') {
            format!("{}/{name}", entry.folder)
        } else {
            whole
        };
        let ends =
            |file: &&&str| **file == name || file.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'));
        let owners: Vec<&str> = match files.get(whole.as_str()) {
            Some(file) => vec![*file],
            None => by_name.get(last_part(name)).into_iter().flatten().filter(ends).copied().collect(),
        };
        if owners.is_empty() {
            unknown.push(at);
        }
        for owner in owners {
            let own = found.entry(owner.to_owned()).or_default();
            let other = own.iter().filter_map(|&other| entries.get(other)).find(|other| {
                other.checksum.algorithm == entry.checksum.algorithm
                    && other.checksum.hex != entry.checksum.hex
            });
            if let Some(other) = other {
                return Err(contradiction(owner, entry, other));
            }
            own.push(at);
        }
    }
    Ok((found, unknown))
}

fn contradiction(file: &str, entry: &Entry, other: &Entry) -> Error {
    let algorithm = entry.checksum.algorithm.name();
    let message = format!(
        "two {algorithm} checksums: {} as `{}` in {}, {} as `{}` in {}",
        other.checksum.hex, other.name, other.list, entry.checksum.hex, entry.name, entry.list
    );
    let help = "files of one name are told apart by their folders: list them with their paths";
    Error::new(Code::RecipeSource, message).at(file).help(help)
}

impl Expected {
    fn warn(
        &self,
        session: &Session<'_>,
        candidates: &BTreeSet<&str>,
        unknown: &[usize],
        positions: &[Position],
    ) {
        let known: Vec<&str> = candidates.iter().copied().take(COMPARED_MAX).map(last_part).collect();
        let mut lists: BTreeMap<&str, (Vec<&str>, usize)> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let (names, all) = lists.entry(&entry.list).or_default();
            *all += 1;
            if unknown.binary_search(&at).is_ok() {
                names.push(&entry.name);
            }
        }
        for (list, (names, all)) in lists {
            // a manifest mostly lists a whole archive, and a recipe takes a part of it
            if names.is_empty() || (list != "source.checksums" && names.len() < all) {
                continue;
            }
            let near = |name: &&str| match nearest(last_part(name), known.iter().copied()) {
                Some(near) => format!("`{name}` (did you mean `{near}`?)"),
                None => format!("`{name}`"),
            };
            // looking for near names takes its time: only for those that are shown
            let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(near).collect();
            let more = and_more(" ", names.len().saturating_sub(NAMES_SHOWN) as u64);
            let message = format!("{list} lists what is no input: {}{more}", shown.join(", "));
            session.tell(&Event::Warning(message));
        }
        let listed =
            |p: &&Position| p.candidates.iter().any(|url| self.files.contains_key(without_member(url)));
        let without = positions.len() - positions.iter().filter(listed).count();
        if without > 0 {
            let place = if self.sizes { "the catalog" } else { "`source.checksums`" };
            let message = format!("{without} of {} inputs have no checksum in {place}", positions.len());
            session.tell(&Event::Warning(message));
        }
    }

    /// The checksum that a catalog gives of a file.
    pub(crate) fn of_catalog(&self, candidate: &str) -> Option<String> {
        if self.facts.is_empty() {
            return None;
        }
        self.facts.get(&redact(candidate))?.checksum.as_ref().map(ToString::to_string)
    }

    /// The checksums of the file that `candidate` names.
    pub(crate) fn marks(&self, candidate: &str) -> Vec<String> {
        let entries = self.files.get(without_member(candidate)).into_iter().flatten();
        let checksums = entries.filter_map(|&at| self.entries.get(at)).map(|entry| &entry.checksum);
        checksums.map(|checksum| format!("{}:{}", checksum.algorithm.name(), checksum.hex)).collect()
    }

    /// Hashes the file that `candidate` names, where it has checksums.
    ///
    /// # Errors
    /// `source-corrupt` where it has another; those of reading it.
    pub(crate) fn verify(&self, session: &Session<'_>, candidate: &str) -> Result<()> {
        let file = without_member(candidate);
        let Some(entries) = self.files.get(file) else { return Ok(()) };
        let slot = {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(done.entry(file.to_owned()).or_default())
        };
        let mut is_done = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_done {
            return Ok(());
        }
        let object = session.sources.open_packed(candidate)?;
        self.check_size(candidate, object.as_ref())?;
        let entries: Vec<&Entry> = entries.iter().filter_map(|&at| self.entries.get(at)).collect();
        let algorithms: BTreeSet<Algorithm> = entries.iter().map(|entry| entry.checksum.algorithm).collect();
        for (algorithm, found) in hashed(session, object.as_ref(), &algorithms)? {
            let differs =
                |entry: &&&Entry| entry.checksum.algorithm == algorithm && entry.checksum.hex != found;
            if let Some(entry) = entries.iter().find(differs) {
                let (name, list) = (algorithm.name(), &entry.list);
                let message = format!(
                    "the {name} checksum differs: found {found}, expected {} ({list})",
                    entry.checksum.hex
                );
                let help =
                    "the file is not the one that was published: fetch it again, or correct its checksum";
                return Err(Error::new(Code::SourceCorrupt, message).at(object.url()).help(help));
            }
        }
        *is_done = true;
        Ok(())
    }
}

impl Expected {
    /// A catalog's size is compared where its checksum is.
    fn check_size(&self, candidate: &str, object: &dyn Object) -> Result<()> {
        let fact = if self.sizes { self.facts.get(&redact(candidate)) } else { None };
        let (found, Some(expected)) = (object.validator().size, fact.and_then(|fact| fact.size)) else {
            return Ok(());
        };
        if found == expected {
            return Ok(());
        }
        let message = format!("the file has {found} bytes, expected {expected} (the catalog)");
        let help = "the file is not the one that was published: fetch it again, or leave `verify` out";
        Err(Error::new(Code::SourceCorrupt, message).at(object.url()).help(help))
    }
}

/// All bytes of an object, once, through each algorithm; the digits of each.
fn hashed(
    session: &Session<'_>,
    object: &dyn Object,
    algorithms: &BTreeSet<Algorithm>,
) -> Result<Vec<(Algorithm, String)>> {
    let mut hashes: Vec<_> = algorithms.iter().map(|&algorithm| (algorithm, hasher(algorithm))).collect();
    let size = object.validator().size;
    let mut part = Vec::new();
    let mut start = 0;
    while start < size {
        session.check_interrupt()?;
        let length = PART_BYTES.min(size - start);
        part.resize(usize::try_from(length).unwrap_or(0), 0);
        object.read_into(start, &mut part)?;
        hashes.iter_mut().for_each(|(_, hash)| hash.update(&part));
        start += length;
    }
    Ok(hashes.into_iter().map(|(algorithm, hash)| (algorithm, hex(&hash.finalize()))).collect())
}

fn hasher(algorithm: Algorithm) -> Box<dyn DynDigest> {
    match algorithm {
        Algorithm::Sha256 => Box::<sha2::Sha256>::default(),
        Algorithm::Sha512 => Box::<sha2::Sha512>::default(),
        Algorithm::Sha1 => Box::<sha1::Sha1>::default(),
        Algorithm::Md5 => Box::<md5::Md5>::default(),
    }
}

/// The file of `archive.tar#member`.
fn without_member(url: &str) -> &str {
    url.split_once('#').map_or(url, |(file, _)| file)
}

fn last_part(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

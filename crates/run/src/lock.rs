//! recipe.lock: every input with what tells its version, so that a bake can be repeated exactly.

mod file;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arcoforge_core::calendar::Calendar;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use arcoforge_core::pattern::Position;
use arcoforge_core::recipe::Recipe;
use arcoforge_store::files::atomic_write;
use arcoforge_store::{Object, Validator};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::find::{find, name_of};
use crate::session::{Event, Session, Stage};
use crate::survey::{self, SurveyCache};
use crate::{Outcome, pool};

pub use file::Locks;

/// The version of the file's format.
const VERSION: u32 = 1;
/// Inputs of one digest in the header.
const PARTITION: usize = 10_000;
/// A file that is half written and older than this was left by a process that was killed.
const PARTIAL_AGE: Duration = Duration::from_secs(60);

/// The inputs of a recipe, as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The format's version.
    lock: u32,
    /// SHA-256 of the recipe's axes and source, in hex.
    source: String,
    /// SHA-256 over every ten thousand inputs, in hex.
    partitions: Vec<String>,
    /// Every input, in the order of the pattern.
    pub inputs: Vec<LockedInput>,
}

/// One input of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedInput {
    /// The keys' places along the axes.
    pub position: Vec<u32>,
    /// URL or path, relative to the recipe where it is below it.
    pub url: String,
    /// What tells this version from another.
    pub validator: Validator,
    /// What its bytes add up to, where a catalog says so: `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// What an update of a lock changed; numbers of inputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Positions that had no input.
    pub new: usize,
    /// Positions with another URL or another version.
    pub changed: usize,
    /// Positions that have no input now.
    pub gone: usize,
}

/// Opens every input once and notes what tells its version.
///
/// # Errors
/// What is wrong with the inputs.
pub fn lock(session: &Session<'_>, recipe: &Recipe) -> Outcome<Lock> {
    let inputs = find(session, recipe).map_err(|e| vec![e])?;
    session.tell(&Event::Started { stage: Stage::Survey, total: inputs.len() as u64 });
    let cache = SurveyCache::of(session, recipe, &inputs);
    let one = |(): &mut (), at: usize| {
        session.check_interrupt()?;
        let Some(position) = inputs.position(at) else { return Ok(None) };
        let opened = survey::open(session, cache.as_ref(), &position)?;
        session.tell(&Event::Advanced { stage: Stage::Survey, items: 1, bytes_read: 0, bytes_written: 0 });
        let input = |object: Arc<dyn Object>| (object.url().to_owned(), object.validator().clone());
        let found = opened.map(|opened| input(opened.object));
        Ok(found.map(|(url, validator)| (position.index, url, validator)))
    };
    let threads = session.options.budget.workers.max(session.options.connections as usize);
    let found = pool::map(threads, inputs.len(), false, || (), one)?;
    session.tell(&Event::Finished { stage: Stage::Survey });
    let found: Vec<_> = found.into_iter().flatten().collect();
    let base = &session.options.base;
    let lock = Lock::new(recipe, base, found).and_then(|lock| lock.with_checksums(base, &inputs.checksums()));
    lock.map_err(|e| vec![e])
}

impl Lock {
    /// A lock of inputs: (position, URL, validator).
    ///
    /// # Errors
    /// `bug` where the recipe can't be written as JSON.
    pub fn new(recipe: &Recipe, base: &Path, found: Vec<(Vec<u32>, String, Validator)>) -> Result<Self> {
        let inputs: Vec<LockedInput> = found
            .into_iter()
            .map(|(position, url, validator)| LockedInput {
                position,
                url: name_of(&url, base).into_owned(),
                validator,
                checksum: None,
            })
            .collect();
        let partitions = inputs.chunks(PARTITION).map(digest_of).collect::<Result<_>>()?;
        Ok(Self { lock: VERSION, source: source_digest(recipe)?, partitions, inputs })
    }

    /// With what the bytes of inputs add up to, by their URLs.
    ///
    /// # Errors
    /// `bug` where the inputs can't be written as JSON.
    pub fn with_checksums(mut self, base: &Path, checksums: &BTreeMap<String, String>) -> Result<Self> {
        let named: BTreeMap<_, _> = checksums.iter().map(|(url, sum)| (name_of(url, base), sum)).collect();
        if named.is_empty() {
            return Ok(self);
        }
        for input in &mut self.inputs {
            input.checksum = named.get(input.url.as_str()).map(|sum| (*sum).clone());
        }
        self.partitions = self.inputs.chunks(PARTITION).map(digest_of).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Reads a lock; `None` where there is none.
    ///
    /// # Errors
    /// `lock-mismatch` where the file is not a lock, is damaged, or belongs to another source.
    pub fn read(path: &Path, recipe: &Recipe) -> Result<Option<Self>> {
        let Some(text) = text(path)? else { return Ok(None) };
        let lock: Self =
            serde_json::from_slice(&text).map_err(|e| wrong(path, "the file is not a lock").caused_by(e))?;
        lock.check(path, recipe)?;
        Ok(Some(lock))
    }

    /// Whether the lock is whole and of this recipe.
    fn check(&self, path: &Path, recipe: &Recipe) -> Result<()> {
        if self.lock != VERSION {
            return Err(wrong(path, format!("the lock has version {}, expected {VERSION}", self.lock)));
        }
        let partitions = self.inputs.chunks(PARTITION).map(digest_of).collect::<Result<Vec<_>>>()?;
        if partitions != self.partitions {
            return Err(wrong(path, "the lock was changed by hand: its digests do not fit its inputs"));
        }
        if self.source != source_digest(recipe)? {
            return Err(wrong(path, "the recipe's axes or source changed since the lock was made"));
        }
        Ok(())
    }

    /// Writes the lock as a whole or not at all.
    ///
    /// # Errors
    /// `target-unwritable`.
    pub fn write(&self, path: &Path) -> Result<()> {
        write(path, self)
    }

    /// How the inputs differ from those of an earlier lock of the same source.
    pub fn changes_since(&self, before: &Self) -> Changes {
        let known: BTreeMap<&[u32], &LockedInput> =
            before.inputs.iter().map(|input| (input.position.as_slice(), input)).collect();
        let mut changes = Changes::default();
        let mut kept = 0;
        for input in &self.inputs {
            match known.get(input.position.as_slice()) {
                None => changes.new += 1,
                Some(was) => {
                    kept += 1;
                    changes.changed += usize::from(*was != input);
                }
            }
        }
        changes.gone = before.inputs.len().saturating_sub(kept);
        changes
    }

    /// How an input differs from the one that was locked; `None` where it does not.
    pub(crate) fn change(
        &self,
        position: &Position,
        url: &str,
        base: &Path,
        now: &Validator,
        checksum: Option<&str>,
    ) -> Option<String> {
        // pruned and whole patterns number their positions alike along every axis, so the index finds the input
        let at = self.inputs.binary_search_by(|input| input.position.as_slice().cmp(&position.index)).ok();
        let Some(locked) = at.and_then(|at| self.inputs.get(at)) else {
            return Some("not in the lock".to_owned());
        };
        if *name_of(url, base) != *locked.url {
            return Some(format!("`{}` in the lock", locked.url));
        }
        if let (Some(was), Some(is)) = (&locked.checksum, checksum)
            && was != is
        {
            return Some(format!("{is} in the catalog, {was} in the lock"));
        }
        (locked.validator != *now)
            .then(|| format!("{} now, {} in the lock", shown(now), shown(&locked.validator)))
    }
}

/// A version as users read it.
fn shown(version: &Validator) -> String {
    let mut parts = vec![format!("{} bytes", version.size)];
    parts.extend(version.etag.as_ref().map(|tag| format!("ETag {tag}")));
    let date =
        |ns: i64| Calendar::ProlepticGregorian.from_ns(i128::from(ns)).map(|date| format!("modified {date}"));
    parts.extend(version.modified_ns.and_then(date));
    parts.join(", ")
}

/// The bytes of a lock's file; `None` where there is none.
fn text(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(wrong(path, "the lock can't be read").caused_by(e)),
    }
}

fn wrong(path: &Path, message: impl Into<String>) -> Error {
    Error::new(Code::LockMismatch, message)
        .at(path.display().to_string())
        .help("`arcoforge lock` makes it anew, and so does `bake --update`")
}

fn write(path: &Path, lock: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(lock).map_err(no_json)?;
    text.push(b'\n');
    remove_partials(path);
    atomic_write(path, &text)
}

/// Removes what processes that were killed left beside a lock. Another one may be writing its own just now: that takes no
/// minute.
fn remove_partials(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let begin = format!(".{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&begin)?.strip_suffix(".partial"));
        let process = number.and_then(|number| number.split_once('-'));
        if !process.is_some_and(|(a, b)| [a, b].iter().all(|n| n.parse::<u32>().is_ok())) {
            continue;
        }
        let age =
            entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > PARTIAL_AGE) {
            let _left = fs::remove_file(entry.path());
        }
    }
}

fn no_json(e: serde_json::Error) -> Error {
    Error::new(Code::Bug, "no JSON").caused_by(e)
}

fn digest_of<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let text = serde_json::to_vec(value).map_err(no_json)?;
    Ok(hex(&Sha256::digest(text)))
}

/// What the positions of inputs depend on.
fn source_digest(recipe: &Recipe) -> Result<String> {
    let parts: BTreeMap<&str, serde_json::Value> = [
        ("axes", serde_json::to_value(&recipe.axes)),
        ("input", serde_json::to_value(&recipe.source.input)),
        ("overrides", serde_json::to_value(&recipe.source.overrides)),
        ("missing", serde_json::to_value(&recipe.source.missing)),
    ]
    .into_iter()
    .map(|(name, value)| Ok((name, value?)))
    .collect::<Result<_, serde_json::Error>>()
    .map_err(no_json)?;
    digest_of(&parts)
}

#[cfg(test)]
mod tests {
    use arcoforge_core::pattern::{Find, Input, Source};
    use arcoforge_core::recipe::{About, Output, Policies};

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            name: "a".into(),
            about: About::default(),
            axes: Vec::new(),
            source: Source::new(Input::Find(Find::default())),
            steps: Vec::new(),
            combine: Policies::default(),
            output: Output::default(),
            checks: Vec::new(),
            test: BTreeMap::new(),
        }
    }

    #[test]
    fn paths_below_the_recipe_are_relative_and_others_whole() {
        let rows = [
            ("", "/data/a.nc", "/data/a.nc"),
            ("", "data/a.nc", "data/a.nc"),
            ("", "./data/a.nc", "data/a.nc"),
            (".", "./data/a.nc", "data/a.nc"),
            ("..", "../data/a.nc", "data/a.nc"),
            ("/recipes/", "/recipes/data/a.nc", "data/a.nc"),
            ("/recipes", "/recipes/../data/a.nc", "../data/a.nc"),
            ("/recipe", "/recipes/a.nc", "/recipes/a.nc"),
            ("/recipes", "/recipes/data/a.nc", "data/a.nc"),
            ("/recipes", "/data/a.nc", "/data/a.nc"),
            ("/recipes", "/recipes/./data/a.nc", "data/a.nc"),
            ("./recipes", "recipes/data/a.nc", "data/a.nc"),
            (".", "data/./a.nc", "data/a.nc"),
            ("recipes", "https://host/a.nc", "https://host/a.nc"),
        ];
        for (base, url, expected) in rows {
            let found = vec![(vec![0], url.to_owned(), Validator::default())];
            let lock = Lock::new(&recipe(), Path::new(base), found).expect("a lock");
            assert_eq!(lock.inputs.first().map(|i| i.url.as_str()), Some(expected), "{base} {url}");
        }
    }

    #[test]
    fn changes_are_counted_by_position() {
        let locked = |inputs: &[(u32, &str, u64)]| {
            let found = inputs.iter().map(|&(at, url, size)| {
                (vec![at], url.to_owned(), Validator { size, ..Validator::default() })
            });
            Lock::new(&recipe(), Path::new(""), found.collect()).expect("a lock")
        };
        let before = locked(&[(0, "a.nc", 1), (1, "b.nc", 1), (2, "c.nc", 1)]);
        let rows = [
            (locked(&[(0, "a.nc", 1), (1, "b.nc", 1), (2, "c.nc", 1)]), Changes::default()),
            (locked(&[(0, "a.nc", 1), (2, "c.nc", 1)]), Changes { gone: 1, ..Changes::default() }),
            (
                locked(&[(0, "a.nc", 2), (1, "b-final.nc", 1), (2, "c.nc", 1), (3, "d.nc", 1)]),
                Changes { new: 1, changed: 2, gone: 0 },
            ),
        ];
        for (now, expected) in rows {
            assert_eq!(now.changes_since(&before), expected, "{:?}", now.inputs);
        }
    }

    #[test]
    fn a_lock_survives_its_file_and_not_a_change_by_hand() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("recipe.lock");
        let found =
            vec![(vec![0], "a.nc".to_owned(), Validator { size: 7, etag: None, modified_ns: Some(5) })];
        let lock = Lock::new(&recipe(), Path::new(""), found).expect("a lock");
        assert_eq!(Lock::read(&path, &recipe()).expect("absent"), None);
        lock.write(&path).expect("written");
        assert_eq!(Lock::read(&path, &recipe()).expect("read"), Some(lock));
        let text = std::fs::read_to_string(&path).expect("text").replace("\"size\": 7", "\"size\": 8");
        std::fs::write(&path, text).expect("changed");
        assert_eq!(Lock::read(&path, &recipe()).expect_err("changed").code, Code::LockMismatch);
    }
}

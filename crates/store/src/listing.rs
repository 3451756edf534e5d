//! Which files patterns name: single files, directories, globs.

mod buckets;
mod folders;
pub(crate) mod index;
pub(crate) mod remote;
mod web;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use glob::{MatchOptions, Pattern, PatternError};

use self::folders::{below, leads_nowhere, names};
use crate::local::{explain_io, modified_ns, where_it_ends};

/// One file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path, as the pattern leads to it.
    pub path: String,
    /// Bytes, where the listing says so.
    pub size: Option<u64>,
    /// Modification time, nanoseconds since 1970, where that fits.
    pub modified_ns: Option<i64>,
}

impl Entry {
    /// One that is known by its name only.
    pub(crate) const fn named(path: String) -> Self {
        Self { path, size: None, modified_ns: None }
    }
}

/// As shells do it: `*` does not match hidden files.
const GLOB: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Lists the regular files that patterns name.
///
/// A pattern is a file, a directory (all regular files below it, hidden ones too) or a glob as in shells: `*`, `?` and
/// `[a-z]` stay within a folder and pass over hidden names, `**` descends into folders that are not hidden. Symbolic links
/// are followed; below a directory, and by `**`, every folder is entered once, and none that lies above. A path that exists
/// is taken literally, whatever characters it has.
///
/// Entries come pattern by pattern in the order given, within a pattern sorted by the bytes of the whole path
/// (`a-1/x` before `a/x`, `10` before `9`); a file named by two patterns comes once, where it was named first.
///
/// # Errors
/// `source-not-found` for a pattern that matches no file, naming the nearest folder that exists; `source-denied` for a
/// folder that may not be read; `source-unsupported` for a path that is not UTF-8; `source-not-data` where files of a Zarr
/// store would be among them.
pub fn list_local(patterns: &[String]) -> Result<Vec<Entry>> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for pattern in patterns {
        let mut found = match_pattern(pattern)?;
        found.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        entries.extend(found.into_iter().filter(|entry| seen.insert(entry.path.clone())));
    }
    Ok(entries)
}

fn match_pattern(pattern: &str) -> Result<Vec<Entry>> {
    let path = Path::new(pattern);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let mut found = Vec::new();
            walk(path, &mut found)?;
            if found.is_empty() {
                return Err(nothing(pattern, "the directory has no files"));
            }
            Ok(found)
        }
        Ok(metadata) => Ok(vec![entry(path, &metadata)?]),
        Err(e) if e.kind() == io::ErrorKind::NotFound && pattern.contains('#') => {
            with_member(pattern, explain_io(e, path).at(pattern))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound && is_glob(pattern) => expand(pattern),
        Err(e) => Err(explain_io(e, path).at(pattern)),
    }
}

/// Files whose names have a `#`, else archives with the member behind it. A folder has no members.
fn with_member(pattern: &str, nothing: Error) -> Result<Vec<Entry>> {
    let whole = if is_glob(pattern) { expand(pattern) } else { Err(nothing) };
    let Err(nothing) = whole else { return whole };
    for (at, _) in pattern.rmatch_indices('#') {
        let (archive, member) = pattern.split_at(at);
        let found = match fs::metadata(archive) {
            Ok(metadata) if metadata.is_file() => vec![entry(Path::new(archive), &metadata)?],
            Err(_) if is_glob(archive) => expand(archive).unwrap_or_default(),
            _ => Vec::new(),
        };
        if !found.is_empty() {
            let with = |file: Entry| Entry { path: format!("{}{member}", file.path), ..file };
            return Ok(found.into_iter().map(with).collect());
        }
    }
    Err(nothing)
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// One part of a glob between slashes.
enum Part {
    /// A name as it stands, `/` and `..` included.
    Literal(OsString),
    /// A name with wildcards.
    Any(Pattern),
    /// `**`: this folder and all below it.
    Deep,
}

fn expand(pattern: &str) -> Result<Vec<Entry>> {
    let parts = parse(pattern).map_err(|e| {
        Error::new(Code::SourceNotFound, "the pattern is not a valid glob")
            .caused_by(e)
            .at(pattern)
            .help("`**` stands alone between slashes; `[[]` matches a bracket")
    })?;
    let mut paths = Vec::new();
    descend(Path::new(""), &parts, &mut paths)?;
    let mut found = Vec::new();
    let mut directories = false;
    for path in paths {
        let metadata = fs::metadata(&path).map_err(|e| explain(e, &path))?;
        directories |= metadata.is_dir();
        if metadata.is_file() {
            found.push(entry(&path, &metadata)?);
        }
    }
    match (found.is_empty(), directories) {
        (false, _) => Ok(found),
        (true, false) => Err(nothing(pattern, "the pattern matches no file")),
        (true, true) => Err(Error::new(Code::SourceNotFound, "the pattern matches directories only")
            .at(pattern)
            .help(format!("for the files below them, write `{}/**/*`", pattern.trim_end_matches('/')))),
    }
}

fn parse(pattern: &str) -> Result<Vec<Part>, PatternError> {
    let mut parts = Vec::new();
    for component in Path::new(pattern).components() {
        let name = component.as_os_str();
        match name.to_str() {
            Some("**") if matches!(parts.last(), Some(Part::Deep)) => {}
            Some("**") => parts.push(Part::Deep),
            Some(text) if is_glob(text) => parts.push(Part::Any(Pattern::new(text)?)),
            _ => parts.push(Part::Literal(name.to_owned())),
        }
    }
    if matches!(parts.last(), Some(Part::Deep)) {
        parts.push(Part::Any(Pattern::new("*")?));
    }
    Ok(parts)
}

/// Collects the paths below `base` that match.
fn descend(base: &Path, parts: &[Part], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        match fs::symlink_metadata(base) {
            Err(e) if leads_nowhere(&e) => {}
            // one that can't be asked is never left out in silence
            other => other.map(|_| found.push(base.to_owned())).map_err(|e| explain(e, base))?,
        }
        return Ok(());
    };
    match part {
        Part::Literal(name) => descend(&base.join(name), rest, found)?,
        Part::Any(pattern) => {
            for (name, _) in names(base)? {
                if name.to_str().is_some_and(|name| pattern.matches_with(name, GLOB)) {
                    descend(&base.join(name), rest, found)?;
                }
            }
        }
        Part::Deep => {
            below(base, false, |folder| {
                let before = found.len();
                descend(&folder.path, rest, found)?;
                let taken = folder.is_store && found.len() > before;
                if taken { Err(store_among(&folder.path)) } else { Ok(()) }
            })?;
        }
    }
    Ok(())
}

fn explain(e: io::Error, path: &Path) -> Error {
    explain_io(e, path).at(path.display().to_string())
}

/// An error for a pattern without any match: says how far the path exists.
fn nothing(pattern: &str, message: &str) -> Error {
    let fixed: PathBuf = Path::new(pattern)
        .components()
        .take_while(|part| !is_glob(&part.as_os_str().to_string_lossy()))
        .collect::<PathBuf>()
        .join("*");
    let help = if pattern.contains('{') {
        "braces are not expanded here: give one pattern for each alternative".to_owned()
    } else {
        where_it_ends(&fixed).replace("check the file's name", "check the pattern")
    };
    Error::new(Code::SourceNotFound, message).at(pattern).help(help)
}

fn walk(directory: &Path, found: &mut Vec<Entry>) -> Result<()> {
    below(directory, true, |folder| {
        if folder.is_store {
            return Err(store_among(&folder.path));
        }
        for (name, _) in folder.names.iter().filter(|(_, kind)| !kind.is_dir()) {
            let path = folder.path.join(name);
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => found.push(entry(&path, &metadata)?),
                Ok(_) => {}
                // Editors leave hidden links that lead nowhere as locks.
                Err(e) if e.kind() == io::ErrorKind::NotFound && is_hidden(&path) => {}
                Err(e) => return Err(explain(e, &path)),
            }
        }
        Ok(())
    })
}

/// A store has no files to be read one by one.
fn store_among(store: &Path) -> Error {
    let above = store.parent().unwrap_or(Path::new(""));
    Error::new(Code::SourceNotData, "found a Zarr store among the inputs, expected files")
        .at(store.display().to_string())
        .help(format!(
            "keep stores in another folder, or name the files by a pattern, as in `{}`",
            above.join("*.nc").display()
        ))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn entry(path: &Path, metadata: &Metadata) -> Result<Entry> {
    let Some(text) = path.to_str() else {
        return Err(Error::new(Code::SourceUnsupported, "the path is not UTF-8")
            .at(path.display().to_string())
            .help("rename the file or folder"));
    };
    Ok(Entry { path: text.to_owned(), size: Some(metadata.size()), modified_ns: modified_ns(metadata) })
}

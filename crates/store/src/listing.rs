//! Which files patterns name: single files, directories, globs.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use glob::MatchOptions;

use crate::local::{explain_io, modified_ns, where_it_ends};

/// One file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path, as the pattern leads to it.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970, where that fits.
    pub modified_ns: Option<i64>,
}

/// As shells do it: `*` stays within a folder and does not match hidden files, `**` descends.
const GLOB: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Lists the regular files that patterns name.
///
/// A pattern is a file, a directory (all regular files below it, hidden ones too; symbolic links to files are
/// followed, those to directories are not) or a glob (`*`, `?`, `[a-z]`, `**`). A path that exists is taken
/// literally, whatever characters it has.
///
/// Entries come pattern by pattern in the order given, within a pattern sorted by the bytes of the whole path
/// (`a-1/x` before `a/x`, `10` before `9`); a file named by two patterns comes once, where it was named first.
///
/// # Errors
/// `source-not-found` for a pattern that matches no file, naming the nearest folder that exists; `source-denied` for a
/// folder that may not be read; `source-unsupported` for a path that is not UTF-8.
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
        Err(e) if e.kind() == io::ErrorKind::NotFound && is_glob(pattern) => expand(pattern),
        Err(e) => Err(explain_io(e, path).at(pattern)),
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn expand(pattern: &str) -> Result<Vec<Entry>> {
    let paths = glob::glob_with(pattern, GLOB).map_err(|e| {
        Error::new(Code::SourceNotFound, "the pattern is not a valid glob").caused_by(e).at(pattern)
    })?;
    let mut found = Vec::new();
    let mut directories = 0_u64;
    for path in paths {
        let path = path.map_err(|e| {
            let path = e.path().to_owned();
            explain_io(e.into(), &path).at(path.display().to_string())
        })?;
        let metadata =
            fs::metadata(&path).map_err(|e| explain_io(e, &path).at(path.display().to_string()))?;
        if metadata.is_dir() {
            directories += 1;
        } else if metadata.is_file() {
            found.push(entry(&path, &metadata)?);
        }
    }
    match (found.is_empty(), directories) {
        (false, _) => Ok(found),
        (true, 0) => Err(nothing(pattern, "the pattern matches no file")),
        (true, _) => Err(Error::new(Code::SourceNotFound, "the pattern matches directories only")
            .at(pattern)
            .help(format!("for the files below them, write `{}/**/*`", pattern.trim_end_matches('/')))),
    }
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
    let explain = |e, path: &Path| explain_io(e, path).at(path.display().to_string());
    for item in fs::read_dir(directory).map_err(|e| explain(e, directory))? {
        let item = item.map_err(|e| explain(e, directory))?;
        let path = item.path();
        let kind = item.file_type().map_err(|e| explain(e, &path))?;
        if kind.is_dir() {
            walk(&path, found)?;
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push(entry(&path, &metadata)?),
            Ok(_) => {}
            // Editors leave hidden links that lead nowhere as locks.
            Err(e) if e.kind() == io::ErrorKind::NotFound && is_hidden(&path) => {}
            Err(e) => return Err(explain(e, &path)),
        }
    }
    Ok(())
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
    Ok(Entry { path: text.to_owned(), size: metadata.size(), modified_ns: modified_ns(metadata) })
}

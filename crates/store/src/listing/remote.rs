//! Globs over places that are listed folder by folder: index pages of web servers, and whatever else lists names.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, Result};
use glob::{MatchOptions, Pattern};

use super::index::decoded;
use super::{Entry, is_glob, list_local, web};
use crate::bucket::BucketUrl;
use crate::ftp;
use crate::location::redact;
use crate::several;
use crate::sources::Sources;

/// Most folders that one pattern lists.
const FOLDERS_MAX: usize = 20_000;
/// Most files that one pattern names.
const FILES_MAX: usize = 5_000_000;
/// Most folders within each other: links that lead around in a circle end here.
const DEPTH_MAX: usize = 64;

const NAMES: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A place whose folders can be listed.
pub(crate) trait Folders: Sync {
    /// What lies directly in a folder. `folder` is a URL that ends with a slash.
    ///
    /// # Errors
    /// `source-not-found` where there is no such folder, and those of asking.
    fn names(&self, folder: &str) -> Result<Vec<Child>>;
}

/// What lies in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Child {
    /// As people read it.
    pub(crate) name: String,
    /// As it stands in a URL.
    pub(crate) segment: String,
    pub(crate) kind: Kind,
    /// Bytes, where the listing says so.
    pub(crate) size: Option<u64>,
    /// Modification time in nanoseconds since 1970, where the listing says so.
    pub(crate) modified_ns: Option<i64>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    File,
    /// It can be listed.
    Folder,
    /// The place does not tell: a folder where a pattern leads on, else a file.
    Untold,
}

impl Sources {
    /// Lists the files that patterns name: paths and globs of this machine as [`list_local`] does, and the same of web
    /// servers that show what their folders hold (`https://host/2020*/*.nc`; with a slash at its end, all files below a
    /// folder). A URL without wildcards is a file and is not asked for. `?` is a wildcard; a query can't be given.
    ///
    /// Only folders that the pattern can lead to are listed, none twice. Links to other hosts are never followed. Sizes
    /// and times of pages made for people are not taken.
    ///
    /// # Errors
    /// As of [`list_local`]; `source-limit` for more than 20,000 folders or 5,000,000 files; those of asking servers.
    pub fn list(&self, patterns: &[String]) -> Result<Vec<Entry>> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for pattern in patterns {
            let found = self.list_one(pattern)?;
            entries.extend(found.into_iter().filter(|entry| seen.insert(entry.path.clone())));
        }
        Ok(entries)
    }

    /// By the pattern's scheme.
    fn list_one(&self, pattern: &str) -> Result<Vec<Entry>> {
        let scheme = pattern.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https") => self.list_web(pattern),
            Some("ftp" | "ftps") => {
                expand(&ftp::Tree::new(self.client()), pattern, self.options().connections_per_host)
            }
            Some(_) if BucketUrl::parse(pattern).is_some() => self.list_bucket(pattern),
            // what can't be listed by wildcards can still be named
            Some(other) if other != "file" && is_glob(pattern) => {
                let message = format!("listings of `{other}://` can't be read");
                let help =
                    "name the files by a template (`source.url`), one by one (`source.files`), or by a table";
                Err(Error::new(Code::SourceUnsupported, message).at(redact(pattern)).help(help))
            }
            Some(other) if other != "file" => Ok(vec![Entry::named(pattern.to_owned())]),
            Some(_) => list_local(&[pattern.get("file://".len()..).unwrap_or_default().to_owned()]),
            None => list_local(&[pattern.to_owned()]),
        }
    }

    fn list_web(&self, pattern: &str) -> Result<Vec<Entry>> {
        let (files, member) = pattern.split_once('#').unwrap_or((pattern, ""));
        let mut found = expand(&web::Web(self), files, self.options().connections_per_host)?;
        if !member.is_empty() {
            found.iter_mut().for_each(|entry| entry.path = format!("{}#{member}", entry.path));
        }
        Ok(found)
    }
}

/// One part of a pattern between slashes.
#[derive(Debug)]
enum Part {
    /// A name.
    Literal(String),
    /// A name with wildcards, and whether it may be hidden.
    Any(Pattern, bool),
    /// `**`: this folder and all below it, hidden ones too where `true`.
    Deep(bool),
}

/// The files that a pattern of URLs names, sorted.
pub(crate) fn expand(folders: &dyn Folders, pattern: &str, threads: u32) -> Result<Vec<Entry>> {
    let Some((base, parts)) = parse(pattern)? else { return Ok(vec![Entry::named(pattern.to_owned())]) };
    let mut waiting: BTreeMap<String, BTreeSet<usize>> = [(base.clone(), [0].into())].into();
    let mut found = Found::default();
    for depth in 0.. {
        if waiting.is_empty() {
            break;
        }
        found.folders += waiting.len();
        if depth > DEPTH_MAX || found.folders > FOLDERS_MAX {
            let message = if depth > DEPTH_MAX {
                format!("the pattern leads into more than {DEPTH_MAX} folders within each other")
            } else {
                format!("the pattern leads into more than {FOLDERS_MAX} folders")
            };
            let help = "name more of the path, and avoid `**`";
            return Err(Error::new(Code::SourceLimit, message).at(redact(pattern)).help(help));
        }
        let asked: Vec<(String, BTreeSet<usize>)> = std::mem::take(&mut waiting).into_iter().collect();
        let listed = several::at_once(&asked, threads as usize, |(folder, _)| folders.names(folder))?;
        for ((folder, states), children) in asked.iter().zip(listed) {
            found.names += children.len();
            for child in &children {
                step(folder, child, states, &parts, &mut waiting, &mut found);
            }
        }
        if found.files.len() > FILES_MAX {
            let message = format!("the pattern names more than {FILES_MAX} files");
            return Err(Error::new(Code::SourceLimit, message).at(redact(pattern)));
        }
    }
    if found.files.is_empty() {
        Err(found.nothing(pattern, &base))
    } else {
        Ok(found.files.into_values().collect())
    }
}

/// What is known so far.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, Entry>,
    /// A folder has the name that a file should have.
    folder: bool,
    folders: usize,
    names: usize,
}

/// Where a name leads, by the parts of the pattern that lie behind its folder.
fn step(
    folder: &str,
    child: &Child,
    states: &BTreeSet<usize>,
    parts: &[Part],
    waiting: &mut BTreeMap<String, BTreeSet<usize>>,
    found: &mut Found,
) {
    let url = format!("{folder}{}", child.segment);
    let mut enter = |state| {
        waiting.entry(format!("{url}/")).or_default().insert(state);
    };
    let mut all = states.clone();
    for state in states {
        // `**` is also no folder at all
        if matches!(parts.get(*state), Some(Part::Deep(_))) {
            all.insert(state + 1);
        }
    }
    for state in all {
        let is_match = match parts.get(state) {
            None => false,
            Some(Part::Deep(hidden)) => {
                if child.kind == Kind::Folder && (*hidden || !child.name.starts_with('.')) {
                    enter(state);
                }
                false
            }
            Some(Part::Literal(name)) => *name == child.name,
            Some(Part::Any(pattern, hidden)) => {
                (*hidden || !child.name.starts_with('.')) && pattern.matches_with(&child.name, NAMES)
            }
        };
        let is_last = state + 1 == parts.len();
        match (is_match, is_last, child.kind) {
            (true, false, Kind::Folder | Kind::Untold) => enter(state + 1),
            (true, true, Kind::Folder) => found.folder = true,
            (true, true, Kind::File | Kind::Untold) => {
                let Child { size, modified_ns, .. } = *child;
                found.files.insert(url.clone(), Entry { path: url.clone(), size, modified_ns });
            }
            _ => {}
        }
    }
}

/// The folder where wildcards begin, and the parts behind it; `None` for a pattern that names one file.
fn parse(pattern: &str) -> Result<Option<(String, Vec<Part>)>> {
    let wrong =
        |message: &str, help: &str| Error::new(Code::SourceNotFound, message).at(redact(pattern)).help(help);
    let start = pattern.find("://").map_or(0, |at| at + 3);
    let (authority, path) = match pattern.get(start..).and_then(|rest| rest.find('/')) {
        Some(at) => pattern.split_at_checked(start + at).unwrap_or((pattern, "")),
        None => (pattern, ""),
    };
    if authority.contains('*') {
        return Err(wrong("found a wildcard in the name of a host", "give one pattern for each host"));
    }
    if !(is_glob(path) || path.is_empty() || path.ends_with('/')) {
        return Ok(None);
    }
    if path.split_once('?').is_some_and(|(_, query)| query.contains('=')) {
        let help = "in a pattern `?` is one character; name files with queries one by one (`source.files`)";
        return Err(wrong("found a query in a pattern of URLs", help));
    }
    let names: Vec<&str> = path.split('/').skip(1).collect();
    let fixed = names.iter().take_while(|name| !is_glob(name)).count().min(names.len().saturating_sub(1));
    let (before, behind) = names.split_at_checked(fixed).unwrap_or((&names, &[]));
    let mut base = format!("{authority}/");
    before.iter().for_each(|name| base.push_str(&format!("{name}/")));
    let mut parts = Vec::new();
    for (at, name) in behind.iter().enumerate() {
        let is_last = at + 1 == behind.len();
        match *name {
            "**" if matches!(parts.last(), Some(Part::Deep(_))) => {}
            "**" => parts.push(Part::Deep(false)),
            // a folder stands for all that lies below it
            "" if is_last => parts.push(Part::Deep(true)),
            "" => {}
            name if is_glob(name) => parts.push(any(&decoded(name)).map_err(|e| {
                wrong(
                    "the pattern is not a valid glob",
                    "`**` stands alone between slashes; `[[]` matches a bracket",
                )
                .caused_by(e)
            })?),
            name => parts.push(Part::Literal(decoded(name))),
        }
    }
    if let Some(Part::Deep(hidden)) = parts.last() {
        let hidden = *hidden;
        parts.push(Part::Any(Pattern::new("*").unwrap_or_default(), hidden));
    }
    Ok(Some((base, parts)))
}

fn any(name: &str) -> Result<Part, glob::PatternError> {
    Ok(Part::Any(Pattern::new(name)?, name.starts_with('.')))
}

impl Found {
    /// An error for a pattern without any match.
    fn nothing(&self, pattern: &str, base: &str) -> Error {
        if self.folder {
            return Error::new(Code::SourceNotFound, "the pattern matches directories only")
                .at(redact(pattern))
                .help(format!("for the files below them, write `{}/**/*`", pattern.trim_end_matches('/')));
        }
        let help = if self.names == 0 {
            format!("the listing of `{}` names nothing below it: it may be none of files", redact(base))
        } else if pattern.contains('{') {
            "braces are not expanded here: give one pattern for each alternative".to_owned()
        } else {
            let (names, folders) = (self.names, self.folders);
            format!("found {names} names in {folders} folders from `{}` on: check the pattern", redact(base))
        };
        Error::new(Code::SourceNotFound, "the pattern matches no file").at(redact(pattern)).help(help)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Paths of files, and which folders were asked for.
    struct Tree(&'static [&'static str], Mutex<Vec<String>>);

    impl Folders for Tree {
        fn names(&self, folder: &str) -> Result<Vec<Child>> {
            self.1.lock().unwrap().push(folder.to_owned());
            let path = folder.strip_prefix("http://h/").unwrap();
            let mut names = BTreeMap::new();
            for rest in self.0.iter().filter_map(|file| file.strip_prefix(path)) {
                let (name, kind) =
                    rest.split_once('/').map_or((rest, Kind::File), |(name, _)| (name, Kind::Folder));
                let segment = name.replace(' ', "%20");
                names.insert(name, Child { name: name.into(), segment, kind, ..Child::default() });
            }
            Ok(names.into_values().collect())
        }
    }

    #[test]
    fn patterns() {
        const FILES: &[&str] = &[
            "d/2019/a.nc",
            "d/2020/a.nc",
            "d/2020/b c.nc",
            "d/2020/x/a.nc",
            "d/2020/x/y/a.nc",
            "d/.h/a.nc",
            "d/2020/.a.nc",
            "d/readme",
            "e/a.nc",
        ];
        let rows: &[(&str, Result<&str, &str>, usize)] = &[
            ("d/2020/a.nc", Ok("d/2020/a.nc"), 0),
            ("d/20*/a.nc", Ok("d/2019/a.nc d/2020/a.nc"), 3),
            ("d/202?/*.nc", Ok("d/2020/a.nc d/2020/b%20c.nc"), 2),
            ("d/2020/b%20*", Ok("d/2020/b%20c.nc"), 1),
            ("d/2020/b *", Ok("d/2020/b%20c.nc"), 1),
            ("d/2020/[!a]*.nc", Ok("d/2020/b%20c.nc"), 1),
            ("d/2020/.*", Ok("d/2020/.a.nc"), 1),
            ("d/*/x/*.nc", Ok("d/2020/x/a.nc"), 4),
            ("d/2020/**/a.nc", Ok("d/2020/a.nc d/2020/x/a.nc d/2020/x/y/a.nc"), 3),
            ("d/**", Ok("d/2019/a.nc d/2020/a.nc d/2020/b%20c.nc d/2020/x/a.nc d/2020/x/y/a.nc d/readme"), 5),
            ("d/2020/x/", Ok("d/2020/x/a.nc d/2020/x/y/a.nc"), 2),
            ("d/.h/", Ok("d/.h/a.nc"), 1),
            ("d/2*", Err("directories only"), 1),
            ("d/*.grib", Err("no file"), 1),
            ("d/*.nc?token=a", Err("query"), 0),
            ("d/[a", Err("glob"), 0),
        ];
        for (pattern, expected, listed) in rows {
            let tree = Tree(FILES, Mutex::default());
            let found = expand(&tree, &format!("http://h/{pattern}"), 3);
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let names: Vec<&str> =
                        found.iter().map(|e| e.path.strip_prefix("http://h/").unwrap()).collect();
                    assert_eq!(names.join(" "), *expected, "{pattern}");
                }
                (Err(error), Err(part)) => assert!(error.message.contains(part), "{pattern}: {error}"),
                (found, _) => panic!("{pattern}: {found:?}"),
            }
            assert_eq!(tree.1.lock().unwrap().len(), *listed, "{pattern}");
        }
        assert!(parse("http://h/").unwrap().is_some() && parse("http://*/a").is_err());
    }

    /// Every folder has itself in it.
    struct Circle;

    impl Folders for Circle {
        fn names(&self, _: &str) -> Result<Vec<Child>> {
            Ok(vec![Child { name: "a".into(), segment: "a".into(), kind: Kind::Folder, ..Child::default() }])
        }
    }

    #[test]
    fn circles_end() {
        let error = expand(&Circle, "http://h/**/*.nc", 1).unwrap_err();
        assert_eq!(error.code, Code::SourceLimit);
    }
}

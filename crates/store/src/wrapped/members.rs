//! What an archive holds, and which of it is meant.

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::first_of;
use glob::{MatchOptions, Pattern};

use super::kind::Packing;
use super::names;
use crate::location::percent_decoded;

/// Members that a message lists.
const LISTED: usize = 8;

/// A file in an archive; directories are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The path in the archive, without `./` before it.
    pub(crate) name: String,
    /// Bytes, unpacked.
    pub(crate) size: u64,
    /// How to get at them.
    pub(crate) storage: Storage,
}

/// Where a member's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In the archive as they are, from this offset on.
    Here(u64),
    /// Behind a header of zip.
    Zip(ZipEntry),
    /// They can't be read, and why.
    Unreadable(&'static str),
}

/// What the directory of a zip archive says of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZipEntry {
    /// Offset of its local header.
    pub(crate) header: u64,
    /// Offset that it must end before.
    pub(crate) end_max: u64,
    /// Bytes as they are stored.
    pub(crate) packed: u64,
    /// `None` where they are stored as they are.
    pub(crate) packing: Option<Packing>,
    /// The method's number.
    pub(crate) method: u16,
    /// CRC-32 of the unpacked bytes.
    pub(crate) crc: u32,
    /// Bytes of the name.
    pub(crate) name_bytes: u16,
}

/// The member that a fragment names, and what remains of the fragment for an archive inside.
#[derive(Debug)]
pub(crate) struct Chosen<'a, 'f> {
    pub(crate) member: &'a Member,
    pub(crate) rest: Option<&'f str>,
}

/// Finds the member of a fragment: an exact name, else a glob that matches one.
pub(crate) fn choose<'a, 'f>(members: &'a [Member], fragment: &'f str) -> Result<Chosen<'a, 'f>> {
    let plain = fragment.strip_prefix("./").unwrap_or(fragment);
    if let Some(member) = named(members, plain) {
        return Ok(Chosen { member, rest: None });
    }
    for (at, _) in plain.match_indices('#') {
        let (name, rest) = (plain.get(..at).unwrap_or_default(), plain.get(at + 1..));
        if let Some(member) = named(members, name) {
            return Ok(Chosen { member, rest });
        }
    }
    let (pattern, rest) = match plain.split_once('#') {
        Some((pattern, rest)) => (pattern, Some(rest)),
        None => (plain, None),
    };
    let matched = matching(members, pattern)?;
    match matched.as_slice() {
        [member] => Ok(Chosen { member, rest }),
        [] => Err(Error::new(
            Code::SourceNotFound,
            format!("the archive has no member `{pattern}`; {}", listed(&members.iter().collect::<Vec<_>>())),
        )
        .help("after `#` stands the member's whole path in the archive, or a glob such as `#*.nc`")),
        several => Err(Error::new(
            Code::SourceNotData,
            format!("`{pattern}` matches {} members, expected one; {}", several.len(), listed(several)),
        )
        .help("name one member in full: `ARCHIVE#MEMBER`")),
    }
}

fn named<'a>(members: &'a [Member], name: &str) -> Option<&'a Member> {
    members.iter().find(|member| member.name == name).or_else(|| {
        let decoded = String::from_utf8(percent_decoded(name)?).ok()?;
        members.iter().find(|member| member.name == decoded)
    })
}

fn matching<'a>(members: &'a [Member], pattern: &str) -> Result<Vec<&'a Member>> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(Vec::new());
    }
    let glob = Pattern::new(pattern).map_err(|e| {
        Error::new(Code::SourceNotFound, format!("`{pattern}` after `#` is not a valid glob")).caused_by(e)
    })?;
    let options = MatchOptions { case_sensitive: true, ..MatchOptions::new() };
    let meant = |member: &&Member| {
        glob.matches_with(&member.name, options)
            && (!names::is_hidden(&member.name) || pattern.starts_with('.'))
    };
    Ok(members.iter().filter(meant).collect())
}

/// The first members, for messages.
pub(crate) fn listed(members: &[&Member]) -> String {
    if members.is_empty() {
        return "it has no files".to_owned();
    }
    let names = members.iter().map(|member| format!("`{}`", member.name));
    format!("found {}", first_of(names, LISTED, ", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments() {
        let member = |name: &&str| Member { name: (*name).to_owned(), size: 1, storage: Storage::Here(0) };
        let names =
            ["a.nc", "d/b.nc", "d/c d.nc", "[1].nc", "in#ner.tar", "inner.tar", ".x.nc", "e.h5", "p%20q"];
        let members: Vec<Member> = names.iter().map(member).collect();
        for (fragment, expected) in [
            ("a.nc", Ok(("a.nc", None))),
            ("./a.nc", Ok(("a.nc", None))),
            ("d/c%20d.nc", Ok(("d/c d.nc", None))),
            ("p%20q", Ok(("p%20q", None))),
            ("[1].nc", Ok(("[1].nc", None))),
            ("*/b.nc", Ok(("d/b.nc", None))),
            ("*b.nc", Ok(("d/b.nc", None))),
            ("*.h5", Ok(("e.h5", None))),
            (".*.nc", Ok((".x.nc", None))),
            ("in#ner.tar#q.nc", Ok(("in#ner.tar", Some("q.nc")))),
            ("inner.tar#d/*.nc", Ok(("inner.tar", Some("d/*.nc")))),
            ("*.h5#x", Ok(("e.h5", Some("x")))),
            ("*.nc", Err(Code::SourceNotData)),
            ("b.nc", Err(Code::SourceNotFound)),
            ("[", Err(Code::SourceNotFound)),
            ("", Err(Code::SourceNotFound)),
        ] {
            let found = choose(&members, fragment);
            let found = found.as_ref().map(|c| (c.member.name.as_str(), c.rest)).map_err(|e| e.code);
            assert_eq!(found, expected, "{fragment}");
        }
    }
}

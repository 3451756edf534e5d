//! Virtual chunks: ranges of files that stay where they are.

use std::collections::HashMap;

use arcoforge_core::chunk::ChunkGrid;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::references::{Reference, Referenced, References};
use bytes::Bytes;
use icechunk::format::ChunkIndices;
use icechunk::format::manifest::{
    Checksum, ChunkInfo, ChunkPayload, SecondsSinceEpoch, VirtualChunkLocation, VirtualChunkRef,
};
use icechunk::storage::ETag;
use url::Url;

use crate::transaction::Transaction;
use crate::view::{indices, node_path};

/// A file as virtual chunks name it.
type Named = (VirtualChunkLocation, Option<Checksum>);

impl Transaction<'_> {
    /// Sets every chunk of one array, in C order of its grid: where it lies in a file, its bytes, or that it is absent. Gives
    /// back how many are others than before.
    ///
    /// # Errors
    /// `target-unsupported` for a file that the format can't name; `target-unwritable`.
    pub fn set_references(&self, array: &str, grid: &ChunkGrid, references: &References) -> Result<u64> {
        let named: HashMap<usize, Named> = references
            .objects()
            .iter()
            .map(|object| Ok((std::sync::Arc::as_ptr(object).addr(), named(object)?)))
            .collect::<Result<_>>()?;
        let mut had: HashMap<ChunkIndices, ChunkPayload> = match self.keeps(array) {
            false => HashMap::new(),
            true => {
                let chunks = self.base_view().chunks(&node_path(array)?)?;
                chunks.into_iter().map(|ChunkInfo { coord, payload, .. }| (coord, payload)).collect()
            }
        };
        let mut changed = Vec::new();
        for (number, reference) in (0..).zip(references.iter()) {
            let payload = match reference {
                Reference::Absent => None,
                Reference::Inline(bytes) => Some(ChunkPayload::Inline(Bytes::copy_from_slice(bytes))),
                Reference::Range { object, offset, bytes } => {
                    let found = named.get(&std::sync::Arc::as_ptr(object).addr());
                    let bug = || Error::new(Code::Bug, "a reference to a file that is not listed");
                    let (location, checksum) = found.cloned().ok_or_else(bug)?;
                    let length = u64::from(bytes);
                    Some(ChunkPayload::Virtual(VirtualChunkRef { location, offset, length, checksum }))
                }
            };
            let index = indices(&grid.index(number))?;
            if had.remove(&index) != payload {
                changed.push((index, payload));
            }
        }
        let count = changed.len() as u64;
        self.set_payloads(array, changed)?;
        Ok(count)
    }
}

/// Its URL, and by what readers see that it is still the same.
fn named(object: &Referenced) -> Result<Named> {
    let place = location(&object.url)?;
    let location = VirtualChunkLocation::from_url(&place.stored).map_err(|e| unnamed(&object.url, &e))?;
    Ok((location, checksum(object)))
}

fn unnamed(url: &str, why: &dyn std::fmt::Display) -> Error {
    let message = format!("found a file that no virtual chunk can name: {why}");
    Error::new(Code::TargetUnsupported, message)
        .at(url)
        .help("reach it by another name, or bake to `icechunk` or `zarr3`, which hold chunks of their own")
}

/// Clients of S3 send tags without their quotes, as S3 takes them; servers of HTTP refuse them so, and are asked for the time.
/// Weak tags say nothing of bytes.
fn checksum(object: &Referenced) -> Option<Checksum> {
    let strong = object.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
    if let Some(etag) = strong.filter(|_| object.url.starts_with("s3://")) {
        return Some(Checksum::ETag(ETag(etag.trim_matches('"').to_owned())));
    }
    // a time within a second: the file was not written to behind its end
    let seconds = object.modified_ns.filter(|ns| *ns > 0)?.div_euclid(1_000_000_000)
        + i64::from(object.modified_ns.is_some_and(|ns| ns.rem_euclid(1_000_000_000) > 0));
    u32::try_from(seconds).ok().map(|seconds| Checksum::LastModified(SecondsSinceEpoch(seconds)))
}

/// Whether readers see that a file is another one than it was.
pub fn has_checksum(object: &Referenced) -> bool {
    checksum(object).is_some()
}

/// A file as virtual chunks name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The URL that chunks hold.
    pub stored: String,
    /// What readers compare with the prefixes of places: the URL as they understand it, without escapes.
    pub compared: String,
}

/// How virtual chunks name a URL or an absolute path of this machine: with host and path as the URL standard (WHATWG) writes
/// them, what URLs have no place for escaped, of a path `file://`.
///
/// # Errors
/// `target-unsupported` for what is no URL, and what readers would take for another file.
pub fn location(url: &str) -> Result<Location> {
    let escaped = |text: &str, escape: &[char]| -> String {
        let needs = |c: char| c.is_ascii_control() || escape.contains(&c);
        text.chars().map(|c| if needs(c) { format!("%{:02X}", c as u32) } else { c.to_string() }).collect()
    };
    let given = match url.split_once("://") {
        _ if url.starts_with('/') => format!("file://{}", escaped(url, &['%', '?', '#', '\\', ' '])),
        // keys of buckets stand as they are; those of servers are escaped already
        Some(("s3" | "gs", _)) => escaped(url, &['%', '?', '#']),
        _ => url.to_owned(),
    };
    let parsed = Url::parse(&given).map_err(|e| unnamed(url, &e))?;
    let compared = decoded(parsed.as_str()).ok_or_else(|| unnamed(url, &"its name is not UTF-8"))?;
    if matches!(parsed.scheme(), "http" | "https") {
        // readers take the path apart, without its escapes
        let path = parsed.path();
        if path.contains("//") || path.to_ascii_lowercase().contains("%2f") {
            return Err(unnamed(url, &"Icechunk's clients ask for no path with `//` or `%2F`"));
        }
    }
    let stored = if parsed.scheme() == "s3" || parsed.scheme() == "gs" { given } else { parsed.into() };
    Ok(Location { stored, compared })
}

/// Where a virtual chunk lies, as readers of files and buckets take it: what [`location`] makes a URL of.
pub(crate) fn source(location: &str) -> String {
    match location.split_once("://") {
        Some(("file", path)) => unescaped(path),
        Some(("s3" | "gs", _)) => unescaped(location),
        _ => location.to_owned(),
    }
}

/// A URL without escapes (`%20`).
fn unescaped(url: &str) -> String {
    decoded(url).unwrap_or_else(|| url.to_owned())
}

/// The same; `None` where what is escaped is no text.
fn decoded(url: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(url.len()), url.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let code = (first == b'%').then(|| behind.get(..2)).flatten();
        let code = code.filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for url in ["/d 1/100%?#.nc", "/Łódź/%41.nc", "s3://b/a?b%20#.nc", "https://h/a%20b.nc"] {
            let object = Referenced { url: url.into(), bytes: 9, etag: None, modified_ns: None };
            let (location, _) = named(&object).expect("a name");
            assert_eq!(source(location.url()), url);
        }
    }

    #[test]
    fn files_as_virtual_chunks_name_them() {
        let at = |seconds| Some(Checksum::LastModified(SecondsSinceEpoch(seconds)));
        let tag = |tag: &str| Some(Checksum::ETag(ETag(tag.to_owned())));
        let rows = [
            ("/data/a.nc", None, Some(1_000_000_000), "file:///data/a.nc", at(1)),
            ("/data/a.nc", None, Some(1_000_000_001), "file:///data/a.nc", at(2)),
            ("/d 1/100%?#.nc", None, None, "file:///d%201/100%25%3F%23.nc", None),
            ("s3://b/k.nc", Some("\"abc\""), Some(1_000_000_000), "s3://b/k.nc", tag("abc")),
            ("s3://b/100%.nc", Some("W/\"abc\""), Some(2_000_000_000), "s3://b/100%25.nc", at(2)),
            ("https://h/a%20b.nc", Some("\"abc\""), Some(3_000_000_000), "https://h/a%20b.nc", at(3)),
            ("https://h/a.nc", Some("\"abc\""), None, "https://h/a.nc", None),
        ];
        for (url, etag, modified_ns, expected, checksum) in rows {
            let etag = etag.map(str::to_owned);
            let object = Referenced { url: url.into(), bytes: 9, etag, modified_ns };
            let (location, found) = named(&object).expect("a name");
            assert_eq!((location.url(), found), (expected, checksum), "{url}");
        }
    }

    #[test]
    fn locations_are_as_readers_understand_them() {
        // Expected: the URL standard (WHATWG), as `new URL(…).href` of browsers has it.
        let rows = [
            ("/d/../e/a b.nc", Some(("file:///e/a%20b.nc", "file:///e/a b.nc"))),
            ("/d/a\tb .nc", Some(("file:///d/a%09b%20.nc", "file:///d/a\tb .nc"))),
            ("/d/end ", Some(("file:///d/end%20", "file:///d/end "))),
            (
                "HTTPS://Host.ORG:443/x/../a%20b.nc",
                Some(("https://host.org/a%20b.nc", "https://host.org/a b.nc")),
            ),
            ("http://HOST:80/./a.nc", Some(("http://host/a.nc", "http://host/a.nc"))),
            ("http://h:8080/%2e%2e/a.nc", Some(("http://h:8080/a.nc", "http://h:8080/a.nc"))),
            ("s3://Bucket/x y/a?b.nc", Some(("s3://Bucket/x y/a%3Fb.nc", "s3://Bucket/x y/a?b.nc"))),
            ("http://h/a//b.nc", None),
            ("http://h/a%2Fb.nc", None),
            ("http://h/%ff.nc", None),
            ("http://h:99999/a.nc", None),
        ];
        for (url, expected) in rows {
            let found = location(url).map_err(|e| e.code);
            let wanted = |(stored, compared): (&str, &str)| Location {
                stored: stored.to_owned(),
                compared: compared.to_owned(),
            };
            assert_eq!(found, expected.map(wanted).ok_or(Code::TargetUnsupported), "{url}");
            if let Ok(found) = found {
                let named = VirtualChunkLocation::from_url(&found.stored).expect("a name");
                assert_eq!(named.url(), found.stored);
            }
        }
    }
}

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
    let url = location(&object.url);
    let named = VirtualChunkLocation::from_url(&url).map_err(|e| {
        let message = format!("found a file that no virtual chunk can name: {e}");
        Error::new(Code::TargetUnsupported, message).at(&*object.url)
    })?;
    Ok((named, checksum(object)))
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

/// A URL as virtual chunks have it: of a path of this machine `file://`, with what URLs have no place for escaped.
fn location(url: &str) -> String {
    let escaped = |text: &str, escape: &[char]| -> String {
        text.chars()
            .map(|c| if escape.contains(&c) { format!("%{:02X}", c as u32) } else { c.to_string() })
            .collect()
    };
    if url.starts_with('/') {
        return format!("file://{}", escaped(url, &['%', '?', '#', '\\']));
    }
    match url.split_once("://") {
        // keys of buckets stand as they are; those of servers are escaped already
        Some(("s3" | "gs", _)) => escaped(url, &['%', '?', '#']),
        _ => url.to_owned(),
    }
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
pub fn unescaped(url: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(url.len()), url.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let code = (first == b'%').then(|| behind.get(..2)).flatten();
        let code = code.filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| url.to_owned())
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
}

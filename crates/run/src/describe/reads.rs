//! How inputs of other machines will be read: by ranges, or whole.

use std::fmt::Write;

use arcoforge_store::Access;
use serde_json::{Map, Value, json};

use crate::figures::{bytes, count};
use crate::reads::Read;

/// Why inputs were fetched whole.
const WHOLE: [(Access, &str); 3] = [
    (Access::NoRanges, "the server sends no ranges"),
    (Access::Kept, "`--cache` keeps whole files"),
    (Access::Unpacked, "they are compressed"),
];

/// Inputs that are read in one way.
#[derive(Default)]
struct Sum {
    files: u64,
    requests: u64,
    bytes: u64,
    size: u64,
}

impl Sum {
    fn of<'a>(reads: impl Iterator<Item = &'a Read>) -> Self {
        reads.fold(Self::default(), |sum, read| Self {
            files: sum.files + 1,
            requests: sum.requests.saturating_add(read.requests),
            bytes: sum.bytes.saturating_add(read.bytes),
            size: sum.size.saturating_add(read.size),
        })
    }
}

/// One line for each way; none for inputs of this machine, nor of ranges where the target copies nothing.
pub(super) fn text(out: &mut String, reads: &[Read], copies: bool) {
    let ranged = Sum::of(reads.iter().filter(|read| read.is_by_ranges()));
    if copies && ranged.files > 0 {
        let (files, requests) = (count(ranged.files, "file"), count(ranged.requests, "request"));
        let _ = writeln!(
            out,
            "  read by ranges: {files}, about {requests} for {} of {}",
            bytes(ranged.bytes),
            bytes(ranged.size)
        );
    }
    for (access, why) in WHOLE {
        let whole = Sum::of(reads.iter().filter(|read| read.access == access));
        if whole.files > 0 {
            let _ = writeln!(
                out,
                "  fetched whole: {}, {} ({why})",
                count(whole.files, "file"),
                bytes(whole.size)
            );
        }
    }
}

/// How one input is read, as fields of a JSON object.
pub(super) fn one_json(read: &Read) -> Map<String, Value> {
    let how = match read.access {
        Access::Here => "here",
        Access::Ranges | Access::Later => "ranges",
        Access::NoRanges | Access::Kept | Access::Unpacked => "whole",
    };
    let mut fields = Map::from_iter([("read".to_owned(), json!(how))]);
    if read.is_by_ranges() {
        fields.insert("requests".to_owned(), json!(read.requests));
        fields.insert("bytes_read".to_owned(), json!(read.bytes));
    }
    if let Some((_, why)) = WHOLE.iter().find(|(access, _)| *access == read.access) {
        fields.insert("whole_because".to_owned(), json!(why));
    }
    fields
}

/// All inputs that are read by ranges, as fields of a JSON object.
pub(super) fn json(reads: &[Read]) -> Map<String, Value> {
    let ranged = Sum::of(reads.iter().filter(|read| read.is_by_ranges()));
    let fields = [("requests", ranged.requests), ("bytes_requested", ranged.bytes)];
    fields.into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect()
}

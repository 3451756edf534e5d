//! Zarr stores: the input is a list of files, `\n=== NAME` before the content of each.

use std::path::{Path, PathBuf};

use super::files::read_all;

/// What stands before each file.
pub(super) const MARK: &str = "\n=== ";
/// Words of Zarr's metadata.
pub(super) const WORDS: &[&str] = &[
    "\n=== zarr.json\n",
    "\n=== .zarray\n",
    "\n=== c/0\n",
    "\n=== 0\n",
    "null",
    "NaN",
    "-Infinity",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\u0000",
    "0",
    "-1",
    "1e400",
    "18446744073709551615",
    "9223372036854775808",
    "\"shape\":",
    "\"chunks\":",
    "\"chunk_shape\":",
    "\"codecs\":",
    "\"sharding_indexed\"",
    "\"blosc\"",
    "\"<U2147483647\"",
    "\"|S0\"",
    "\"fill_value\":",
    "\"r16\"",
    "\"vlen-utf8\"",
    "[[[[[[[[[[[[[[[[",
];
/// Most files of one input.
const FILES_MAX: usize = 12;

/// Writes the files into a folder of this process and opens it as a store.
pub(super) fn store(data: &[u8]) {
    let root = std::env::temp_dir().join(format!("arcoforge-fuzz-{}.zarr", std::process::id()));
    // nothing is there the first time
    let _ = std::fs::remove_dir_all(&root);
    if std::fs::create_dir_all(&root).is_err() {
        return;
    }
    for (name, content) in split(data).into_iter().take(FILES_MAX) {
        if let Some(path) = inside(&root, &name) {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = std::fs::write(path, content);
        }
    }
    if let Ok(reader) = arcoforge_read::open_store(&root) {
        read_all(&*reader);
    }
    let _ = std::fs::remove_dir_all(&root);
}

fn split(data: &[u8]) -> Vec<(String, &[u8])> {
    let mark = MARK.as_bytes();
    let starts: Vec<usize> =
        (0..data.len()).filter(|&at| data.get(at..).is_some_and(|rest| rest.starts_with(mark))).collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    let parts = starts.iter().zip(ends).filter_map(|(&start, end)| data.get(start + mark.len()..end));
    let named = parts.map(|part| {
        let end = part.iter().position(|&b| b == b'\n').unwrap_or(part.len());
        let (name, content) = part.split_at(end);
        (String::from_utf8_lossy(name).into_owned(), content.get(1..).unwrap_or_default())
    });
    named.collect()
}

/// The path of a name that stays below the folder.
fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.len() < 64
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let parts: Vec<&str> = name.split('/').collect();
    (parts.len() < 8 && parts.iter().all(|part| plain(part))).then(|| root.join(name))
}

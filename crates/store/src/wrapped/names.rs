//! Names of members: which are unsafe, and which are not worth a look.

use arcoforge_core::error::{Code, Error, Result};

/// Bytes of a member's name at most.
pub(crate) const NAME_BYTES_MAX: usize = 1024;
/// Endings of members that go with data and are none, in lower case.
const ASIDE: [&str; 12] =
    [".txt", ".md", ".md5", ".sha", ".sha1", ".sha256", ".sha512", ".pdf", ".xml", ".json", ".html", ".htm"];

/// Refuses a name that leads, or could lead, out of the archive.
pub(crate) fn check(name: &str) -> Result<()> {
    let has_drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let why = if name.len() > NAME_BYTES_MAX {
        let found =
            format!("found a member with a name of {} bytes, expected at most {NAME_BYTES_MAX}", name.len());
        return Err(Error::new(Code::SourceLimit, found));
    } else if name.is_empty() {
        "has no name"
    } else if name.starts_with('/') {
        "has an absolute path"
    } else if name.split(['/', '\\']).any(|part| part == "..") {
        "has a path that leads out of the archive (`..`)"
    } else if has_drive {
        "has a path with a drive"
    } else if name.contains('\\') {
        "has a path with a backslash"
    } else if name.chars().any(char::is_control) {
        "has a name with a control character"
    } else {
        return Ok(());
    };
    Err(not_safe(name, why))
}

/// The refusal of an archive for one of its members.
pub(crate) fn not_safe(name: &str, why: &str) -> Error {
    let message = format!("the archive is not safe: member `{}` {why}", name.escape_debug());
    Error::new(Code::SourceUnsupported, message)
        .help("ask its provider; where you trust it, unpack it by hand and name the files")
}

/// Hidden files, and what macOS puts beside files: never meant, unless named in full.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Whether a member goes with data and is none: texts, checksums, documents, hidden files.
pub(crate) fn is_aside(name: &str) -> bool {
    let lower = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    is_hidden(name) || lower.starts_with("readme") || ASIDE.iter().any(|ending| lower.ends_with(ending))
}

/// Whether a member is the metadata of a Zarr store.
pub(crate) fn is_of_zarr(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some(".zgroup" | ".zarray" | ".zmetadata" | "zarr.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_names() {
        for (name, expected) in [
            ("a.nc", None),
            ("d/é b..nc", None),
            ("d/...nc", None),
            ("../a.nc", Some("`..`")),
            ("d/..", Some("`..`")),
            ("d\\..\\a.nc", Some("`..`")),
            ("/a.nc", Some("absolute")),
            ("\\\\host\\a.nc", Some("backslash")),
            ("d\\a.nc", Some("backslash")),
            ("C:a.nc", Some("drive")),
            ("a\0.nc", Some("control")),
            ("", Some("no name")),
        ] {
            let found = check(name).err().map(|e| e.message);
            assert_eq!(found.is_some(), expected.is_some(), "{name}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}");
        }
        assert_eq!(check(&"a".repeat(1025)).map_err(|e| e.code), Err(Code::SourceLimit));
    }

    #[test]
    fn what_goes_with_data() {
        for (name, aside, hidden) in [
            ("a.nc", false, false),
            ("d/a", false, false),
            ("d/README", true, false),
            ("readme.nc.first", true, false),
            ("a.nc.MD5", true, false),
            ("INSPIRE.xml", true, false),
            ("__MACOSX/._a.nc", true, true),
            (".git/a.nc", true, true),
        ] {
            assert_eq!((is_aside(name), is_hidden(name)), (aside, hidden), "{name}");
        }
    }
}

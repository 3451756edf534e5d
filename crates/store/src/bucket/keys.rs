//! Which keys may be written: those that are the same object everywhere.

use arcoforge_core::error::{Code, Error, Result};

/// Bytes that a key may have, on every store.
const BYTES_MAX: usize = 1024;

/// Checks a key: parts between `/`, none of them empty, `.` or `..`, no controls.
pub(super) fn check(key: &str) -> Result<()> {
    let wrong = key.is_empty()
        || key.len() > BYTES_MAX
        || key.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        || key.chars().any(char::is_control);
    if !wrong {
        return Ok(());
    }
    Err(Error::new(
        Code::SourceUnsupported,
        format!("found the key {key:?}, which can't name an object here"),
    )
    .help(format!("a key has up to {BYTES_MAX} bytes in parts between `/`, none of them empty, `.` or `..`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let long = "a".repeat(BYTES_MAX);
        for (key, good) in [
            ("a", true),
            ("zarr.json", true),
            ("a b/c=1/é", true),
            ("c/0/0", true),
            ("..a", true),
            (&long, true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("a/../b", false),
            ("./a", false),
            ("a\nb", false),
            (&format!("{long}a"), false),
        ] {
            assert_eq!(check(key).is_ok(), good, "{key}");
        }
    }
}

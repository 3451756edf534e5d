//! One version of an object for a whole run: what is opened twice must be the same both times.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use arcoforge_core::error::Result;

use super::head::{opaque, same_version};
use super::honest::changed;
use crate::local::lock;
use crate::object::Validator;

/// What was seen of each object when it was first opened; a few words for each, since a run may open millions.
#[derive(Debug, Default)]
pub(crate) struct Versions(Mutex<HashMap<u64, Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    size: u64,
    etag: Option<u64>,
    modified_ns: Option<i64>,
}

impl Versions {
    /// Remembers an object that was opened.
    ///
    /// # Errors
    /// `source-changed` if another version of it was opened before.
    pub(crate) fn check(&self, shown: &str, validator: &Validator) -> Result<()> {
        let now = Seen {
            size: validator.size,
            etag: validator.etag.as_deref().map(|etag| hash(opaque(etag))),
            modified_ns: validator.modified_ns,
        };
        let first = *lock(&self.0).entry(hash(shown)).or_insert(now);
        if same_version(&first.validator(), &now.validator()) { Ok(()) } else { Err(changed(shown)) }
    }
}

impl Seen {
    fn validator(self) -> Validator {
        let etag = self.etag.map(|etag| etag.to_string());
        Validator { size: self.size, etag, modified_ns: self.modified_ns }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use arcoforge_core::error::Code;

    use super::*;

    #[test]
    fn the_first_version_counts() {
        let versions = Versions::default();
        let v = |size, etag: Option<&str>, modified_ns| Validator {
            size,
            etag: etag.map(str::to_owned),
            modified_ns,
        };
        for (url, validator, same) in [
            ("a", v(1, Some("\"1\""), None), true),
            ("a", v(1, Some("W/\"1\""), Some(5)), true),
            ("a", v(1, Some("\"2\""), None), false),
            ("a", v(2, Some("\"1\""), None), false),
            ("a", v(1, Some("\"1\""), None), true),
            ("b", v(1, Some("\"2\""), None), true),
            ("c", v(1, None, Some(1)), true),
            ("c", v(1, None, Some(2)), false),
            ("d", v(1, None, None), true),
            ("d", v(1, Some("\"1\""), None), true),
            ("d", v(3, None, None), false),
        ] {
            let found = versions.check(url, &validator).map_err(|e| e.code);
            assert_eq!(found, if same { Ok(()) } else { Err(Code::SourceChanged) }, "{url} {validator:?}");
        }
    }
}

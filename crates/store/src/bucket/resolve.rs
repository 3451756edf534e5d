//! Conditional puts whose answer was lost: what lies there tells whether they landed.
//!
//! A put bears an id in the object's metadata, and the ids of the conditional puts that it followed. After a timeout, a
//! broken connection or an answer 500 the object is looked at: one with this id, or one that came after it, shows that the
//! put did land. Its own repetition can't land twice, since the condition is not met any more.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arcoforge_core::error::{Code, Error, Result};
use object_store::path::Path;
use object_store::{Attribute, Attributes, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::access::Handles;
use super::address::path_of;
use super::refusal::Refusal;
use super::remote::Remote;
use super::{Item, Put};
use crate::http::Failure;

/// Names in the metadata: letters only, which every store and proxy takes.
const ID: &str = "arcoforgeput";
const AFTER: &str = "arcoforgeafter";
/// Ids of puts before that an object bears.
const AFTER_MAX: usize = 16;

/// An id that no other put has, on any machine.
pub(super) fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let half = |salt: u8| {
        // the keys of a hasher come from the system's randomness
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u8(salt);
        hasher.write_u64(count);
        hasher.write_u128(now);
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

/// Metadata that bears an id.
pub(super) fn bearing(id: &str, after: &[String]) -> Attributes {
    let mut attributes = Attributes::with_capacity(2);
    attributes.insert(Attribute::Metadata(ID.into()), id.to_owned().into());
    if !after.is_empty() {
        attributes.insert(Attribute::Metadata(AFTER.into()), after.join(".").into());
    }
    attributes
}

/// Whether an object is of the put with this id.
pub(super) fn bears(attributes: &Attributes, id: &str) -> bool {
    ids(attributes).first().is_some_and(|found| found == id)
}

/// The id of an object's put, and those before it.
fn ids(attributes: &Attributes) -> Vec<String> {
    let text = |name: &'static str| attributes.get(&Attribute::Metadata(name.into())).map(AsRef::as_ref);
    let Some(id) = text(ID) else { return Vec::new() };
    let after = text(AFTER).unwrap_or_default().split('.').filter(|id| !id.is_empty());
    std::iter::once(id).chain(after).map(str::to_owned).collect()
}

/// One conditional put, from its first try to its last.
struct Attempt<'a> {
    remote: &'a Remote,
    path: Path,
    shown: &'a str,
    expected: Option<&'a str>,
    payload: PutPayload,
    id: String,
    after: Vec<String>,
    /// A try may have landed.
    lost: bool,
}

impl Remote {
    /// Puts an object where there is none, or over the version `expected`; see the module.
    pub(super) fn put_resolved(&self, key: &str, expected: Option<&str>, bytes: Vec<u8>) -> Result<Put> {
        let shown = self.shown(key);
        let path = path_of(key, &shown)?;
        let mut after = Vec::new();
        if expected.is_some() {
            let there = self.tries(&shown, || self.look(&path, &shown))?;
            match there {
                Some((item, attributes)) if item.etag.as_deref() == expected => after = ids(&attributes),
                _ => return Ok(Put::Conflict),
            }
            after.truncate(AFTER_MAX);
        }
        let payload = PutPayload::from(bytes);
        let id = fresh_id();
        let mut attempt =
            Attempt { remote: self, path, shown: &shown, expected, payload, id, after, lost: false };
        let ended = self.tries(&shown, || attempt.again());
        ended.map_err(|error| if attempt.lost { unknown(error) } else { error })
    }
}

/// Nobody can tell whether it landed: servers gave no answer to the last try, nor to the question after it.
fn unknown(mut error: Error) -> Error {
    if error.code != Code::Interrupted {
        error.message = format!("{}; whether the object was written is not known", error.message);
    }
    error
}

impl Attempt<'_> {
    fn again(&mut self) -> Result<Put, Failure> {
        if self.lost
            && let Some(put) = self.outcome()?
        {
            return Ok(put);
        }
        match self.put() {
            Ok(put) => Ok(put),
            Err(refused) if refused.is_unmet() || (refused.is_missing() && self.expected.is_some()) => {
                // an earlier try may have met the condition, here or on the way (proxies repeat requests, too)
                self.lost = true;
                let outcome = self.outcome()?;
                // nothing stands in the way any more: two were at it at once (409), or what was there is gone
                outcome.ok_or_else(|| Failure::soon(refused.failure.error))
            }
            Err(refused) => {
                self.lost |= refused.is_lost();
                Err(refused.failure)
            }
        }
    }

    fn put(&self) -> Result<Put, Refusal> {
        let mode = match self.expected {
            None => PutMode::Create,
            Some(etag) => PutMode::Update(UpdateVersion {
                e_tag: Some(etag.to_owned()),
                version: Some(etag.to_owned()),
            }),
        };
        let attributes = bearing(&self.id, &self.after);
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let done = self.remote.once(self.shown, |handles: Handles| {
            let (path, payload, options) = (&self.path, self.payload.clone(), options.clone());
            async move { handles.objects.put_opts(path, payload, options).await }
        })?;
        let etag = self.remote.version_put(&done, self.shown);
        etag.map(|etag| Put::Done { etag }).map_err(|failure| Refusal { status: Some(200), failure })
    }

    /// How it ended, by what lies there; `None` where it did not land, and still can.
    fn outcome(&self) -> Result<Option<Put>, Failure> {
        let Some((Item { etag, .. }, attributes)) = self.remote.look(&self.path, self.shown)? else {
            // what was expected is gone: the put did not land, or what it put was deleted; neither can land now
            return Ok(self.expected.is_some().then_some(Put::Conflict));
        };
        let ids = ids(&attributes);
        Ok(match (ids.iter().position(|id| *id == self.id), self.expected) {
            (Some(0), _) => Some(Put::Done { etag: etag.unwrap_or_default() }),
            (Some(_), _) => Some(Put::Done { etag: format!("\"replaced-{}\"", self.id) }),
            (None, Some(expected)) if etag.as_deref() == Some(expected) => None,
            (None, _) => Some(Put::Conflict),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_borne_and_differ() {
        let (a, b) = (fresh_id(), fresh_id());
        assert_ne!(a, b);
        for (attributes, expected) in [
            (Attributes::new(), vec![]),
            (bearing(&a, &[]), vec![a.clone()]),
            (bearing(&a, &[b.clone(), "c".to_owned()]), vec![a.clone(), b.clone(), "c".to_owned()]),
        ] {
            assert_eq!(ids(&attributes), expected);
            assert_eq!(bears(&attributes, &a), !expected.is_empty());
            assert!(!bears(&attributes, &b));
        }
    }
}

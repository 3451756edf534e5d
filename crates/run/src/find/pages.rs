//! Catalogs are read page by page: within limits, and never around in a circle.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::figures::hex;
use arcoforge_store::{Ask, Page, redact, resolve};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::session::Session;

/// Most pages of one search.
const PAGES_MAX: usize = 100_000;
/// Most pages one behind the other that bring nothing new.
const IDLE_MAX: usize = 10;
/// Most inputs that a catalog names.
pub(super) const RECORDS_MAX: usize = 10_000_000;

/// The pages of one search so far.
pub(super) struct Pages<'a> {
    session: &'a Session<'a>,
    asked: BTreeSet<String>,
    idle: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(session: &'a Session<'a>) -> Self {
        Self { session, asked: BTreeSet::new(), idle: 0 }
    }

    /// Asks for a page that was not asked for yet.
    ///
    /// # Errors
    /// `source-limit` for one that was, and for too many; those of asking.
    pub(super) fn ask(&mut self, ask: &Ask<'_>) -> Result<Page> {
        self.session.check_interrupt()?;
        let mut hash = Sha256::new();
        for part in [ask.url, ask.post.unwrap_or_default()] {
            hash.update(part);
            hash.update([0]);
        }
        for (name, value) in ask.fields {
            hash.update(format!("{name}\0{value}\0"));
        }
        if !self.asked.insert(hex(&hash.finalize())) {
            let message = format!(
                "the catalog's pages lead around in a circle: page {} was read before",
                self.asked.len() + 1
            );
            return Err(self.endless(message, ask.url));
        }
        if self.asked.len() > PAGES_MAX {
            return Err(self.endless(format!("found more than {PAGES_MAX} pages"), ask.url));
        }
        self.session.sources.page(ask)
    }

    /// Notes how many new records a page brought.
    ///
    /// # Errors
    /// `source-limit` where pages go on and bring nothing any more, or where there are too many records.
    pub(super) fn brought(&mut self, new: usize, all: usize, url: &str) -> Result<()> {
        self.idle = if new == 0 { self.idle + 1 } else { 0 };
        if self.idle > IDLE_MAX {
            return Err(self.endless(
                format!("{IDLE_MAX} pages brought nothing new, and still there is a next one"),
                url,
            ));
        }
        if all > RECORDS_MAX {
            return Err(Error::new(Code::SourceLimit, format!("found more than {RECORDS_MAX} inputs"))
                .at(redact(url)));
        }
        Ok(())
    }

    fn endless(&self, message: String, url: &str) -> Error {
        Error::new(Code::SourceLimit, message)
            .at(redact(url))
            .help("the server's paging is broken, or the search is too wide: narrow it, or list the inputs in a table")
    }
}

/// The JSON of a page.
///
/// # Errors
/// `source-format` for what is no JSON.
pub(super) fn json(page: &Page) -> Result<Value> {
    let wrong = |e: serde_json::Error| {
        let start: String =
            page.text.trim_start().chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let message = format!("found a page that begins with `{start}`, expected JSON");
        Error::new(Code::SourceFormat, message)
            .caused_by(e)
            .at(redact(&page.url))
            .help("check the catalog's URL")
    };
    serde_json::from_str(&page.text).map_err(wrong)
}

/// The next page of the same server. A server behind a proxy may not know that it is asked over TLS.
///
/// # Errors
/// `source-denied` for a page of another host.
pub(super) fn next_url(base: &str, link: &str) -> Result<String> {
    let resolved = if is_web(base) { resolve(base, link) } else { Some(super::record::target(base, link)?) };
    let Some(url) = resolved else {
        return Err(Error::new(Code::SourceFormat, "the link to the next page is no URL").at(redact(base)));
    };
    if !is_web(base) {
        return Ok(url);
    }
    if host(&url) != host(base) {
        let message = format!("the next page is on another host: `{}`", redact(&url));
        return Err(Error::new(Code::SourceDenied, message)
            .at(redact(base))
            .help("pages of a catalog are read from the host that was named only"));
    }
    match (base.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(_), Some(rest)) => Ok(format!("https://{rest}")),
        _ => Ok(url),
    }
}

pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Host and port, in lower case.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    host.trim_end_matches(":443").trim_end_matches(":80").to_owned()
}

/// A URL with parameters behind those that it has.
pub(super) fn with_parameters<'p>(
    url: &str,
    parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> String {
    let mut out = url.to_owned();
    for (name, value) in parameters {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(&format!("{}={}", escape(name), escape(value)));
    }
    out
}

/// What has no meaning of its own in a query.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,:*/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A catalog that counted more than its pages held.
pub(super) fn shrunk(counted: u64, held: u64, url: &str) -> Error {
    let message = format!("the catalog counted {counted} records, its pages held {held}");
    Error::new(Code::SourceChanged, message)
        .at(redact(url))
        .help("it may have changed while it was read: run again")
}

//! Pages of listings and catalogs: small bodies, read whole as text.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use ureq::http::HeaderMap;

use super::body::unpacked;
use super::client::{Answer, Client};
use super::failure::{Failure, explain_transport};
use crate::local::explain_io;
use crate::location::{Location, redact};
use crate::object::read_range;
use crate::sources::Sources;

/// Most bytes of one page.
pub(crate) const PAGE_BYTES_MAX: u64 = 64 << 20;
/// What servers answer to a POST that they do not take at this address.
const NO_POST: [u16; 4] = [404, 405, 415, 501];
/// What servers answer to a search that they do not understand; the body says why.
const WITH_REASON: [u16; 2] = [400, 422];

/// A question to a catalog.
#[derive(Clone, Copy, Default)]
pub struct Ask<'a> {
    /// Where: `http://`, `https://`, or a path of this machine.
    pub url: &'a str,
    /// The JSON that is posted; none for a GET.
    pub post: Option<&'a str>,
    /// Further fields of the header.
    pub fields: &'a [(&'a str, &'a str)],
}

/// A page as it was answered.
#[derive(Clone, Default)]
pub struct Page {
    /// Its text; what is not UTF-8 is replaced.
    pub text: String,
    /// Where it came from, after redirects and with its secrets: what its links start from, and never shown.
    pub url: String,
    /// The server takes no POST here; the text is its excuse.
    pub no_post: bool,
    fields: HeaderMap,
}

impl Page {
    /// A field of the answer's header.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
}

// what came from a URL with secrets may repeat them
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("url", &redact(&self.url)).finish_non_exhaustive()
    }
}

impl Sources {
    /// Reads a page whole, with the retries and within the limits that hold for inputs.
    ///
    /// # Errors
    /// As of [`Sources::open`]; `source-limit` for more than 64 MiB.
    pub fn page(&self, ask: &Ask<'_>) -> Result<Page> {
        match Location::parse(ask.url)? {
            Location::Local(path) => {
                self.check_local(ask.url)?;
                Ok(Page { text: local(&path)?, url: ask.url.to_owned(), ..Page::default() })
            }
            Location::Http(url) => {
                let shown = redact(&url);
                self.client().with_retries(&shown, || once(self.client(), &url, ask, &shown))
            }
            Location::Bucket(_) | Location::Ftp(_) => {
                let object = self.open(ask.url)?;
                let shown = object.url().to_owned();
                // one byte more tells that it is too long
                let end = object.validator().size.min(PAGE_BYTES_MAX + 1);
                let text = text(read_range(&*object, 0..end)?, &shown)?;
                Ok(Page { text, url: ask.url.to_owned(), ..Page::default() })
            }
        }
    }
}

fn local(path: &Path) -> Result<String> {
    let shown = path.display().to_string();
    let open = File::open(path).map_err(|e| explain_io(e, path).at(&shown))?;
    let mut bytes = Vec::new();
    open.take(PAGE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| explain_io(e, path).at(&shown))?;
    text(bytes, &shown)
}

fn once(client: &Client, url: &str, ask: &Ask<'_>, shown: &str) -> Result<Page, Failure> {
    let mut also = WITH_REASON.to_vec();
    also.extend(ask.post.iter().flat_map(|_| NO_POST));
    let answer = client.ask(url, ask.post, ask.fields, &also)?;
    let (status, url, fields) = (answer.status, answer.full_url.clone(), answer.fields.clone());
    let bytes = body(answer, client, shown)?;
    let text = text(bytes, shown).map_err(Failure::never)?;
    if status != 200 && !NO_POST.contains(&status) {
        let reason: String = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect();
        let message = format!("the server answered {status} to a request for a page: {reason}");
        return Err(Failure::never(Error::new(Code::SourceUnreachable, message).at(shown)));
    }
    Ok(Page { text, url, no_post: status != 200, fields })
}

fn body(answer: Answer<'_>, client: &Client, shown: &str) -> Result<Vec<u8>, Failure> {
    let expected = answer.head.content_length;
    let mut body = unpacked(answer, shown)?;
    let mut bytes = Vec::new();
    let read = body.by_ref().take(PAGE_BYTES_MAX + 1).read_to_end(&mut bytes);
    client.check_interrupted(shown).map_err(Failure::never)?;
    read.map_err(|e| explain_transport(e.into(), shown, client.options().read_timeout))?;
    match expected {
        Some(expected) if body.received() < expected && bytes.len() as u64 <= PAGE_BYTES_MAX => {
            Err(Failure::short(shown, body.received(), expected))
        }
        _ => Ok(bytes),
    }
}

fn text(bytes: Vec<u8>, shown: &str) -> Result<String> {
    if bytes.len() as u64 > PAGE_BYTES_MAX {
        let message = format!("found a page of more than {} MiB", PAGE_BYTES_MAX >> 20);
        return Err(Error::new(Code::SourceLimit, message).at(shown).help("ask for less at a time"));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

//! Redirects, followed here and not by the HTTP library: every hop is shown what belongs to its host, and nothing else.

use std::io::Read;
use std::ops::Range;

use arcoforge_core::error::{Code, Error};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::failure::{Failure, explain_transport};
use crate::credentials::{Login, Pass};
use crate::location::{escape, host_of, scheme_of};

/// Redirects that are followed.
const REDIRECTS_MAX: u32 = 10;
/// Bytes of a redirect's body that are read so that its connection can be used again.
const DRAINED_BYTES_MAX: u64 = 64 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Only the header of the answer.
    pub(super) head_only: bool,
    pub(super) url: &'a str,
    pub(super) range: Option<&'a Range<u64>>,
    pub(super) fields: &'a [(&'a str, &'a str)],
    /// The body of a POST, JSON text; else it is a GET or a HEAD.
    pub(super) post: Option<&'a str>,
    /// Answers of these statuses are none that fail.
    pub(super) also: &'a [u16],
    pub(super) shown: &'a str,
}

impl<'a> Asked<'a> {
    /// A GET of the whole.
    pub(super) const fn of(url: &'a str, shown: &'a str) -> Self {
        Self { head_only: false, url, range: None, fields: &[], post: None, also: &[], shown }
    }
}

/// An answer that is no redirect.
pub(super) struct Followed {
    pub(super) response: Response<Body>,
    /// The URL that answered, without what a login adds to it.
    pub(super) url: String,
    /// What it was shown.
    pub(super) pass: Pass,
}

/// Sends a request, and again to wherever it is redirected.
pub(super) fn follow(
    agent: &Agent,
    login: Option<&Login>,
    asked: &Asked<'_>,
    read_timeout: std::time::Duration,
) -> Result<Followed, Failure> {
    let mut url = asked.url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let pass = match login {
            Some(login) => login.pass(&url, asked.url).map_err(|e| Failure::never(e.at(asked.shown)))?,
            None => Pass::default(),
        };
        let response = send(agent, &url, &pass, asked, read_timeout)?;
        if let Some(login) = login {
            let fields = response.headers().get_all("set-cookie").iter();
            login.keep_cookies(&url, fields.filter_map(|field| field.to_str().ok()));
        }
        let Some(next) = location(&response) else { return Ok(Followed { response, url, pass }) };
        let next = join(&url, &next).ok_or_else(|| not_valid(asked.shown))?;
        // so that the connection can be used again; where that fails, another one is made
        let mut body = response.into_body().into_reader().take(DRAINED_BYTES_MAX);
        let _ = std::io::copy(&mut body, &mut std::io::sink());
        url = match login {
            Some(login) => login.strip(next),
            None => next,
        };
    }
    Err(explain_transport(ureq::Error::TooManyRedirects, asked.shown, read_timeout))
}

fn send(
    agent: &Agent,
    url: &str,
    pass: &Pass,
    asked: &Asked<'_>,
    read_timeout: std::time::Duration,
) -> Result<Response<Body>, Failure> {
    let full = pass.url(url);
    // what decides who gets a secret and what connects must read the host alike
    let uri: Uri = full.parse().map_err(|_| not_valid(asked.shown))?;
    let authority = host_of(url);
    let (same, rest) = match (uri.host(), uri.scheme_str()) {
        (Some(host), Some(scheme)) => {
            (scheme == scheme_of(url), authority.strip_prefix(&host.to_ascii_lowercase()))
        }
        _ => (false, None),
    };
    if !same || !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':')) {
        return Err(not_valid(asked.shown));
    }
    let secrets = [("Authorization", &pass.authorization), ("Cookie", &pass.cookie)];
    let secrets = secrets.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.reveal())));
    let fields = asked.fields.iter().copied().chain(secrets);
    if let Some(json) = asked.post {
        let request = agent.post(uri).header("Content-Type", "application/json");
        let request = fields.fold(request, |request, (name, value)| request.header(name, value));
        return request.send(json).map_err(|e| explain_transport(e, asked.shown, read_timeout));
    }
    let mut request = if asked.head_only { agent.head(uri) } else { agent.get(uri) };
    if let Some(range) = asked.range {
        let last = range.end.saturating_sub(1);
        request = request.header("Range", format!("bytes={}-{last}", range.start));
    }
    for (name, value) in fields {
        request = request.header(name, value);
    }
    request.call().map_err(|e| explain_transport(e, asked.shown, read_timeout))
}

fn not_valid(shown: &str) -> Failure {
    let message = "the URL, or one that it redirects to, is not valid";
    Failure::never(Error::new(Code::SourceUnsupported, message).at(shown))
}

/// Where a redirect leads.
fn location(response: &Response<Body>) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let field = response.headers().get("location").filter(|_| redirects)?;
    let text = String::from_utf8_lossy(field.as_bytes()).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A reference against the URL that it was found at (RFC 3986, 5.2), without its fragment; none for another scheme than
/// HTTP's.
pub(super) fn join(base: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = base.split_once("://")?;
    let has_scheme = reference.split_once(':').is_some_and(|(s, _)| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if has_scheme {
        let (scheme, behind) = reference.split_once("://")?;
        let web = ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str());
        return (web && !behind.is_empty()).then(|| escape(reference).into_owned());
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or("/");
    let joined = if let Some(other) = reference.strip_prefix("//") {
        return Some(escape(&format!("{scheme}://{other}")).into_owned());
    } else if reference.is_empty() {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").split('#').next()?.to_owned()
    } else if reference.starts_with('/') {
        without_dots(reference)
    } else if reference.starts_with('?') {
        format!("{path}{reference}")
    } else {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        without_dots(&format!("{folder}/{reference}"))
    };
    Some(escape(&format!("{scheme}://{authority}{joined}")).into_owned())
}

/// A path without `.` and `..`; its query as it is.
fn without_dots(path: &str) -> String {
    let (path, query) = path.find('?').map_or((path, ""), |at| path.split_at(at));
    let mut parts: Vec<&str> = Vec::new();
    let ends_in_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if ends_in_folder && parts.last().is_none_or(|last| !last.is_empty()) {
        parts.push("");
    }
    format!("/{}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        // Expected values: Python's urllib.parse.urljoin, but for other schemes and user names.
        for (base, reference, expected) in [
            ("https://h/a/b?q", "c", Some("https://h/a/c")),
            ("https://h/a/b?q", "/c?x=/../y", Some("https://h/c?x=/../y")),
            ("https://h/a/b?q", "?x", Some("https://h/a/b?x")),
            ("https://h/a/b?q", "", Some("https://h/a/b?q")),
            ("https://h/a/b", "../c", Some("https://h/c")),
            ("https://h/a/b", "../../../c/./d", Some("https://h/c/d")),
            ("https://h/a/b/", "..", Some("https://h/a/")),
            ("https://h/a/b", ".", Some("https://h/a/")),
            ("https://h", "c", Some("https://h/c")),
            ("https://h:8/a", "//other/c", Some("https://other/c")),
            ("https://h/a", "http://other/c#part", Some("http://other/c")),
            ("https://h/a", "HTTPS://Other/c d", Some("HTTPS://Other/c%20d")),
            ("https://u:p@h/a", "b", Some("https://h/b")),
            ("https://h/a", "file:///etc/passwd", None),
            ("https://h/a", "ftp://h/a", None),
            ("https://h/a", "javascript:x", None),
            ("https://h/a/b", "c:d", None),
            ("https://h/a/b", "./c:d", Some("https://h/a/c:d")),
        ] {
            assert_eq!(join(base, reference).as_deref(), expected, "{base} {reference}");
        }
    }
}

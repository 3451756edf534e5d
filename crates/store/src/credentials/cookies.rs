//! Cookies of a login: what a server gave goes back to the same host, over TLS where it asked for that.

use std::fmt;

use crate::location::{host_of, scheme_of};

/// Cookies that are kept.
const COOKIES_MAX: usize = 100;
/// Bytes of one cookie.
const BYTES_MAX: usize = 8192;

/// The cookies of a run, in memory alone.
#[derive(Default)]
pub(crate) struct Jar(Vec<Cookie>);

struct Cookie {
    /// The host that gave it.
    host: String,
    /// It goes to hosts below `host`'s domain, too.
    domain: Option<String>,
    path: String,
    secure: bool,
    name: String,
    value: String,
}

// they are as good as passwords
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.0.len()).finish()
    }
}

impl Jar {
    /// Keeps what a `Set-Cookie` field of an answer of `url` says (RFC 6265, 5.2 and 5.3).
    pub(crate) fn keep(&mut self, url: &str, field: &str) {
        let mut parts = field.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim(), value.trim());
        let fits = |text: &str| text.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && b != b';');
        if name.is_empty() || !fits(name) || !fits(value) || field.len() > BYTES_MAX {
            return;
        }
        let (host, mut domain, mut path, mut secure, mut over) =
            (host_of(url), None, default_path(url), false, false);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" => domain = Some(value.trim().trim_start_matches('.').to_ascii_lowercase()),
                "path" if value.trim().starts_with('/') => path = value.trim().to_owned(),
                "secure" => secure = true,
                "max-age" => over |= value.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                _ => {}
            }
        }
        // a domain of one or two names may be a registry's, of which anybody can have a part
        let named = domain.as_deref().filter(|domain| !domain.is_empty());
        if named.is_some_and(|domain| !is_below(&host, domain)) {
            return;
        }
        let domain = named.filter(|domain| domain.split('.').count() > 2).map(str::to_owned);
        self.0.retain(|c| !(c.name == name && c.host == host && c.path == path));
        if !over && self.0.len() < COOKIES_MAX {
            let (name, value) = (name.to_owned(), value.to_owned());
            self.0.push(Cookie { host, domain, path, secure, name, value });
        }
    }

    /// The `Cookie` field of a request, if there is something to send.
    pub(crate) fn field(&self, url: &str) -> Option<String> {
        let (host, path, tls) = (host_of(url), path_of(url), scheme_of(url) == "https");
        let fits = |c: &&Cookie| {
            let at_home = c.host == host || c.domain.as_deref().is_some_and(|domain| is_below(&host, domain));
            let below = path
                .strip_prefix(c.path.as_str())
                .is_some_and(|rest| rest.is_empty() || c.path.ends_with('/') || rest.starts_with('/'));
            at_home && below && (tls || !c.secure)
        };
        let all: Vec<String> =
            self.0.iter().filter(fits).map(|c| format!("{}={}", c.name, c.value)).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or("/")
}

/// The folder of a URL (RFC 6265, 5.1.4).
fn default_path(url: &str) -> String {
    match path_of(url).rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder.to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_home() {
        // Expected values: Python's http.cookiejar with its default policy.
        for (from, field, to, expected) in [
            ("https://h.org/a/b", "s=1", "https://h.org/a/c", Some("s=1")),
            ("https://h.org/a/b", "s=1", "https://h.org/c", None),
            ("https://h.org/a/b", "s=1; Path=/", "https://h.org/c?x", Some("s=1")),
            ("https://h.org/a", "s=1; Path=/a", "https://h.org/ab", None),
            ("https://h.org/a", "s=1", "https://other.org/a", None),
            ("https://h.org/a", "s=1", "https://x.h.org/a", None),
            ("https://x.data.h.org/a", "s=1; Domain=.data.h.org", "https://y.data.h.org/a", Some("s=1")),
            ("https://x.h.org/a", "s=1; Domain=evil.org", "https://evil.org/a", None),
            ("https://x.org/a", "s=1; Domain=org", "https://evil.org/a", None),
            ("https://h.org/a", "s=1; Secure", "http://h.org/a", None),
            ("https://h.org/a", "s=1; Max-Age=0", "https://h.org/a", None),
            ("https://h.org:8/a", "s=1", "https://h.org:9/a", None),
            ("https://h.org/a", "no pair", "https://h.org/a", None),
        ] {
            let mut jar = Jar::default();
            jar.keep(from, field);
            assert_eq!(jar.field(to).as_deref(), expected, "{from} {field} {to}");
        }
        let mut jar = Jar::default();
        for field in ["s=1", "t=2", "s=3"] {
            jar.keep("https://h.org/", field);
        }
        assert_eq!(jar.field("https://h.org/").as_deref(), Some("t=2; s=3"));
        assert!(!format!("{jar:?}").contains('='));
    }
}

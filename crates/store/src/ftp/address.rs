//! What an `ftp://` or `ftps://` URL says (RFC 1738, 3.2).

use arcoforge_core::error::{Code, Error, Result};

use crate::credentials::Secret;
use crate::location::{percent_decoded, redact, scheme_of};

/// Where a file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// User name and password, where the URL has them.
    pub(super) account: Option<(String, Secret)>,
    /// From the folder in which a login begins; from the root where the URL says `//`.
    pub(super) path: String,
}

impl Address {
    /// # Errors
    /// `source-unsupported` for what is no such URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(Code::SourceUnsupported, what).at(redact(url));
        let (_, rest) = url.split_once("://").ok_or_else(|| wrong("found no URL"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (host, None),
        };
        let port = match port.filter(|port| !port.is_empty()) {
            Some(port) => {
                port.parse().ok().filter(|p| *p > 0).ok_or_else(|| wrong("the URL's port is not valid"))?
            }
            None => 21,
        };
        if host.is_empty() {
            return Err(wrong("found a URL without a host"));
        }
        let text = |text: &str| {
            let bytes =
                percent_decoded(text).ok_or_else(|| wrong("found a `%` without two hexadecimal digits"))?;
            let text = String::from_utf8(bytes).map_err(|_| wrong("the URL is not UTF-8"))?;
            if text.contains(['\r', '\n', '\0']) {
                Err(wrong("found a line's end in a URL"))
            } else {
                Ok(text)
            }
        };
        let account = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, password)) => Some((text(user)?, Secret::new(text(password)?))),
            None => None,
        };
        let encrypted = scheme_of(url) == "ftps";
        Ok(Self { encrypted, host: host.to_ascii_lowercase(), port, account, path: text(path)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, expected) in [
            ("ftp://h/a/b.nc", Some((false, "h", 21, None, "a/b.nc"))),
            ("ftps://H.org:990//a%20b", Some((true, "h.org", 990, None, "/a b"))),
            ("ftp://me:p%40ss@h:2121/a", Some((false, "h", 2121, Some(("me", "p@ss")), "a"))),
            ("ftp://me@h/", Some((false, "h", 21, Some(("me", "")), ""))),
            ("ftp://[::1]:21/%2Fetc", Some((false, "[::1]", 21, None, "/etc"))),
            ("ftp://h/a%0d%0aDELE%20b", None),
            ("ftp://me%0aQUIT@h/a", None),
            ("ftp:///a", None),
            ("ftp://h:x/a", None),
            ("ftp://h/%zz", None),
        ] {
            let found = Address::parse(url).ok();
            let found = found.as_ref().map(|a| {
                let account = a.account.as_ref().map(|(user, password)| (user.as_str(), password.reveal()));
                (a.encrypted, a.host.as_str(), a.port, account, a.path.as_str())
            });
            assert_eq!(found, expected, "{url}");
        }
    }
}

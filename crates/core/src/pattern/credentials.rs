//! Which login an archive asks for. A recipe names it; what is secret is held by the machine alone.

use serde::{Deserialize, Serialize};

use super::{Input, Source};
use crate::template::Template;

/// The login that a source needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// How servers are asked; where none is given, the machine that holds the credentials says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CredentialKind>,
    /// What the machine calls them: letters, digits, `-` and `_`.
    pub name: String,
    /// The hosts that get them, and no other: `data.org`, `data.org:8443`, `*.data.org`.
    pub hosts: Vec<String>,
}

/// How a server is shown who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// NASA's Earthdata Login: a token, or user name and password, which only the login server gets.
    Earthdata,
    /// User name and password (RFC 7617), for HTTP and FTP.
    Basic,
    /// A token (RFC 6750).
    Bearer,
    /// A part of every request's query string, as `api_key=…`.
    Query,
    /// The keys of an object store.
    S3,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Earthdata, Self::Basic, Self::Bearer, Self::Query, Self::S3];

    /// The word for it in recipes and keyring files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Earthdata => "earthdata",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Query => "query",
            Self::S3 => "s3",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

/// Whether the machine may call credentials so.
pub fn is_credential_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

impl Source {
    /// The hosts (with their ports, where URLs have them) that the recipe's own URLs lead to, in lower case; the first URL
    /// whose host depends on an axis is the error.
    pub fn hosts(&self) -> Result<Vec<String>, &str> {
        let mut urls: Vec<&str> = match &self.input {
            Input::Url(templates) => templates.iter().map(Template::as_str).collect(),
            Input::Files(files) => files.iter().map(String::as_str).collect(),
            Input::Find(find) => find.glob.iter().map(String::as_str).collect(),
        };
        urls.extend(self.overrides.iter().flat_map(|one| &one.url).map(Template::as_str));
        let mut hosts = Vec::new();
        for url in urls {
            let Some(host) = host(url) else { continue };
            if host.contains(['{', '*', '?', '[']) && !host.starts_with('[') {
                return Err(url);
            }
            let host = host.to_ascii_lowercase();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        Ok(hosts)
    }
}

/// `host:port` of a URL.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_urls() {
        for (urls, expected) in [
            (
                &["https://Data.org/{time}.nc", "https://data.org:8443/b.nc"][..],
                Ok(&["data.org", "data.org:8443"][..]),
            ),
            (&["a.nc", "file:///b.nc"], Ok(&[])),
            (&["ftp://user@h/a.nc", "https://[::1]:8/{time}"], Ok(&["h", "[::1]:8"])),
            (&["https://h/a", "https://{time}.h/a"], Err("https://{time}.h/a")),
        ] {
            let templates = urls.iter().map(|url| Template::parse(url).expect("a template")).collect();
            let source = Source::new(Input::Url(templates));
            let expected =
                expected.map(|hosts| hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>());
            assert_eq!(source.hosts(), expected);
        }
    }

    #[test]
    fn names() {
        for (name, fine) in [
            ("earthdata", true),
            ("My-archive_2", true),
            ("", false),
            ("2a", false),
            ("a b", false),
            ("a/b", false),
        ] {
            assert_eq!(is_credential_name(name), fine, "{name}");
        }
        assert!(CredentialKind::ALL.into_iter().all(|kind| CredentialKind::parse(kind.name()) == Some(kind)));
    }
}

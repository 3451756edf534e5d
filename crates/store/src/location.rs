//! From what the user wrote to where it is; and how to show it without secrets.

use std::borrow::Cow;
use std::path::PathBuf;

use arcoforge_core::error::{Code, Error, Result};

use crate::bucket::BucketUrl;

/// Where an input lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A path of this machine.
    Local(PathBuf),
    /// An `http://` or `https://` URL, without its fragment.
    Http(String),
    /// `s3://`, `gs://`, `az://` and what else buckets are written as.
    Bucket(BucketUrl),
    /// An `ftp://` or `ftps://` URL (with TLS), without its fragment.
    Ftp(String),
}

impl Location {
    /// Parses a path, a `file://` URL, an `http(s)://` URL, an `ftp(s)://` URL or a URL of a bucket.
    ///
    /// # Errors
    /// `source-unsupported` for any other scheme.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(bucket) = BucketUrl::parse(text) {
            return bucket.map(Self::Bucket);
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return match text.strip_prefix("file:/") {
                Some(rest) => Ok(Self::Local(PathBuf::from(unescape(&format!("/{rest}"), text)?))),
                None => plain_path(text),
            };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => http(text, rest),
            "ftp" | "ftps" => Ok(Self::Ftp(text.split('#').next().unwrap_or(text).to_owned())),
            "file" => file_url(text, rest),
            other => Err(Error::new(
                Code::SourceUnsupported,
                format!(
                    "found a URL of scheme `{other}://`, expected `https://`, `http://`, `s3://`, `gs://`, `az://`, `ftp://`, \
                     `file://` or a path"
                ),
            )
            .at(redact(text))
            .help("download the files first, or use the HTTPS address of the same data")),
        }
    }

    /// Whether reading it needs the network.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Bucket(_) | Self::Ftp(_))
    }
}

fn plain_path(text: &str) -> Result<Location> {
    if text.is_empty() {
        return Err(Error::new(Code::SourceNotFound, "found an empty path, expected a file or URL"));
    }
    if text.contains("::") && text.contains("://") {
        return Err(Error::new(
            Code::SourceUnsupported,
            "found a chain of file systems (`::`), expected one URL or path",
        )
        .at(redact(text))
        .help("give the last URL of the chain; `--cache DIR` keeps downloads"));
    }
    Ok(Location::Local(PathBuf::from(text)))
}

fn http(text: &str, rest: &str) -> Result<Location> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err(Error::new(Code::SourceUnsupported, "found a URL without a host").at(redact(text)));
    }
    let text = text.split('#').next().unwrap_or(text);
    Ok(Location::Http(escape(text).into_owned()))
}

/// Escapes what may not stand in a request line: blanks, controls and what is not ASCII.
pub(crate) fn escape(url: &str) -> Cow<'_, str> {
    if url.bytes().all(|b| b.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&b)) {
        return Cow::Borrowed(url);
    }
    let mut out = String::with_capacity(url.len() + 16);
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(out)
}

fn file_url(text: &str, rest: &str) -> Result<Location> {
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if !(host.is_empty() || host.eq_ignore_ascii_case("localhost")) {
        return Err(Error::new(
            Code::SourceUnsupported,
            format!("found host `{host}` in a `file://` URL, expected none"),
        )
        .at(text)
        .help("an absolute path has three slashes: `file:///data/a.nc`"));
    }
    Ok(Location::Local(PathBuf::from(unescape(path, text)?)))
}

fn unescape(path: &str, url: &str) -> Result<String> {
    let bytes = percent_decoded(path).ok_or_else(|| {
        Error::new(Code::SourceNotFound, "found a `%` without two hexadecimal digits")
            .at(url)
            .help("write `%25` for a percent sign in a `file://` URL")
    })?;
    String::from_utf8(bytes)
        .map_err(|e| Error::new(Code::SourceUnsupported, "the path is not UTF-8").caused_by(e).at(url))
}

/// The bytes of what URLs write with `%`; `None` where two hexadecimal digits do not follow.
pub(crate) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?];
                u8::try_from(digits[0] * 16 + digits[1]).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

/// `scheme` and what follows `://`, where `text` begins with a scheme (RFC 3986, 3.1).
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    valid.then_some((scheme, rest))
}

/// The scheme of a URL in lower case; empty for a path.
pub(crate) fn scheme_of(url: &str) -> String {
    split_scheme(url).map_or_else(String::new, |(scheme, _)| scheme.to_ascii_lowercase())
}

/// `host:port` in lower case, the unit of connection limits.
pub(crate) fn host_of(url: &str) -> String {
    let rest = split_scheme(url).map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase()
}

/// Host and first part of the path: what is taken for one service.
pub(crate) fn service_of(url: &str) -> String {
    let rest = split_scheme(url).map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let first = path.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{}/{first}", host_of(url))
}

/// Names of query parameters whose values are secrets, compared in lower case; parts of a name count.
const SECRETS: [&str; 14] = [
    "signature",
    "credential",
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "keyid",
    "session",
    "auth",
];
/// The same, where the whole name must be equal.
const SECRETS_EXACT: [&str; 6] = ["sig", "key", "pw", "pwd", "pass", "sas"];

/// A URL without user name, password and the values of secret query parameters: for messages, logs and locks.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = split_scheme(url) else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut out = format!("{scheme}://{host}");
    let Some((path, query)) = path.split_once('?') else {
        out.push_str(path);
        return out;
    };
    out.push_str(path);
    for (at, pair) in query.split('&').enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                out.push_str(name);
                out.push_str("=REDACTED");
            }
            _ => out.push_str(pair),
        }
    }
    out
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS_EXACT.contains(&name.as_str()) || SECRETS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let local = |path: &str| Ok(Location::Local(PathBuf::from(path)));
        let http = |url: &str| Ok(Location::Http(url.to_owned()));
        let bucket = |url: &str| Ok(Location::Bucket(BucketUrl::parse(url).unwrap().unwrap()));
        for (text, expected) in [
            ("a.nc", local("a.nc")),
            ("/data/a b.nc", local("/data/a b.nc")),
            ("data/50%.nc", local("data/50%.nc")),
            ("file:///data/a%20b.nc", local("/data/a b.nc")),
            ("file://localhost/data/a.nc", local("/data/a.nc")),
            ("file:/data/a.nc", local("/data/a.nc")),
            ("https://h/a.nc", http("https://h/a.nc")),
            ("HTTP://H:80/a.nc", http("HTTP://H:80/a.nc")),
            ("https://h/a b/é.nc#part", http("https://h/a%20b/%C3%A9.nc")),
            ("https://h/a%20b.nc?x={y}", http("https://h/a%20b.nc?x=%7By%7D")),
            ("s3://bucket/a.nc", bucket("s3://bucket/a.nc")),
            ("gs://bucket/a b.nc", bucket("gs://bucket/a b.nc")),
            ("s3://id:secret@bucket/a.nc", Err(Code::SourceUnsupported)),
            ("ftp://h/a b.nc#part", Ok(Location::Ftp("ftp://h/a b.nc".to_owned()))),
            ("gopher://h/a.nc", Err(Code::SourceUnsupported)),
            ("file://server/a.nc", Err(Code::SourceUnsupported)),
            ("file:///a%2", Err(Code::SourceNotFound)),
            ("file:///a%ff.nc", Err(Code::SourceUnsupported)),
            ("simplecache::https://h/a.nc", Err(Code::SourceUnsupported)),
            ("https:///a.nc", Err(Code::SourceUnsupported)),
            ("https://:80/a.nc", Err(Code::SourceUnsupported)),
            ("", Err(Code::SourceNotFound)),
        ] {
            assert_eq!(Location::parse(text).map_err(|e| e.code), expected, "{text}");
        }
    }

    #[test]
    fn secrets_never_show() {
        for (url, shown) in [
            ("https://h/a.nc", "https://h/a.nc"),
            ("https://user:pass@h:8/a.nc", "https://h:8/a.nc"),
            ("https://u:p@ss@h/a", "https://h/a"),
            ("https://h/a?time=1&token=abc", "https://h/a?time=1&token=REDACTED"),
            (
                "https://h/a?X-Amz-Signature=1&X-Amz-Date=2",
                "https://h/a?X-Amz-Signature=REDACTED&X-Amz-Date=2",
            ),
            (
                "https://h/a?sig=1&AWSAccessKeyId=2&key=3",
                "https://h/a?sig=REDACTED&AWSAccessKeyId=REDACTED&key=REDACTED",
            ),
            ("https://h?api_key=1", "https://h?api_key=REDACTED"),
            ("https://h/a?b", "https://h/a?b"),
            ("/data/a?token=1.nc", "/data/a?token=1.nc"),
            ("s3://id:secret@bucket/a", "s3://bucket/a"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }

    #[test]
    fn hosts_and_services() {
        for (url, host, service) in [
            ("https://u:p@Host.org:8080/thredds/a/b.nc", "host.org:8080", "host.org:8080/thredds"),
            ("http://h", "h", "h/"),
            ("http://h/a?x=/y", "h", "h/a"),
        ] {
            assert_eq!((host_of(url), service_of(url)), (host.to_owned(), service.to_owned()));
        }
    }
}

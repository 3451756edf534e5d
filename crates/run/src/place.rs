//! Where a dataset goes.

use std::fmt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};

/// Schemes of object stores.
const BUCKETS: [&str; 3] = ["s3", "gs", "az"];

/// Whether a URL is of an object store.
pub(crate) fn is_bucket(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| BUCKETS.contains(&scheme))
}

/// A target as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A prefix in an object store, as in `s3://bucket/sst.zarr`.
    Bucket(String),
}

impl Place {
    /// From a path, a `file://` URL or the URL of an object store; closing slashes are nothing.
    ///
    /// # Errors
    /// `usage` for an empty name or a bucket without a name in it, `target-unsupported` for another scheme.
    pub fn parse(text: &str) -> Result<Self> {
        let path = text.strip_prefix("file://").unwrap_or(text);
        if path.trim().is_empty() {
            let error = Error::new(Code::Usage, "found an empty name of a target, expected a folder");
            return Err(error.help("name the store to write, as in `--to sst.zarr`"));
        }
        let name = path.trim_end_matches('/');
        let Some((scheme, rest)) = path.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(if name.is_empty() { "/" } else { name })));
        };
        if !BUCKETS.contains(&scheme) {
            let message = format!("found a URL of scheme `{scheme}://` as the target");
            return Err(Error::new(Code::TargetUnsupported, message)
                .at(text)
                .help("bake to a folder, or to `s3://`, `gs://` or `az://`"));
        }
        if !rest.trim_matches('/').contains('/') {
            return Err(Error::new(Code::Usage, "found a bucket, expected the name of a store in it")
                .at(text)
                .help(format!("as in `--to {name}/sst.zarr`")));
        }
        Ok(Self::Bucket(name.to_owned()))
    }

    /// The folder; `None` for a place in an object store.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }

    /// Whether it lies in another one, or is the same.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(path), Self::Folder(other)) => path.starts_with(other),
            (Self::Bucket(url), Self::Bucket(other)) => {
                url.strip_prefix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let folder = |path: &str| Ok(Place::Folder(path.into()));
        let bucket = |url: &str| Ok(Place::Bucket(url.into()));
        for (text, expected) in [
            ("sst.zarr", folder("sst.zarr")),
            ("a/sst.zarr/", folder("a/sst.zarr")),
            ("/", folder("/")),
            ("file:///data/sst.zarr", folder("/data/sst.zarr")),
            ("s3://bucket/sst.zarr", bucket("s3://bucket/sst.zarr")),
            ("gs://bucket/a/sst.zarr/", bucket("gs://bucket/a/sst.zarr")),
            ("", Err(Code::Usage)),
            ("s3://bucket", Err(Code::Usage)),
            ("s3://bucket/", Err(Code::Usage)),
            ("https://host/sst.zarr", Err(Code::TargetUnsupported)),
        ] {
            assert_eq!(Place::parse(text).map_err(|e| e.code), expected, "{text}");
        }
    }

    #[test]
    fn within() {
        for (one, other, expected) in [
            ("a/b", "a", true),
            ("a", "a", true),
            ("ab", "a", false),
            ("s3://b/x/y", "s3://b/x", true),
            ("s3://b/xy", "s3://b/x", false),
        ] {
            let (one, other) = (Place::parse(one).expect("place"), Place::parse(other).expect("place"));
            assert_eq!(one.is_within(&other), expected, "{one} in {other}");
        }
    }
}

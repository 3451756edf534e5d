//! `s3://bucket/key`, `gs://bucket/key`, `az://container/key` and what else these are written as.

use arcoforge_core::error::{Code, Error, Result};

use crate::location::redact;

/// Whose interface a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketKind {
    /// Amazon S3, and all that speak as it does.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

/// A bucket, and a key or prefix in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketUrl {
    /// Whose interface it speaks.
    pub kind: BucketKind,
    /// The bucket, on Azure the container.
    pub bucket: String,
    /// Azure's account, where the URL names it; else the environment does.
    pub account: Option<String>,
    /// As it is, without escapes and a first `/`; may be empty.
    pub key: String,
}

impl BucketKind {
    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }

    fn of(scheme: &str) -> Option<Self> {
        Some(match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" | "s3n" => Self::S3,
            "gs" | "gcs" => Self::Gs,
            "az" | "azure" | "adl" | "abfs" | "abfss" => Self::Az,
            _ => return None,
        })
    }
}

impl BucketUrl {
    /// Parses a URL; `None` where it is none of a bucket. Keys stand as they are: nothing is escaped, `?` and `#` are
    /// parts of it.
    ///
    /// # Errors
    /// `source-unsupported` without a bucket's name, or with a login.
    pub fn parse(text: &str) -> Option<Result<Self>> {
        let (scheme, rest) = text.split_once("://")?;
        let kind = BucketKind::of(scheme)?;
        Some(Self::parse_rest(kind, rest).map_err(|error| error.at(redact(text))))
    }

    fn parse_rest(kind: BucketKind, rest: &str) -> Result<Self> {
        let (place, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, account) = match place.split_once('@') {
            None => (place, None),
            // abfss://container@account.dfs.core.windows.net/key
            Some((container, host)) if kind == BucketKind::Az && !container.contains(':') => {
                (container, Some(host.split('.').next().unwrap_or(host)))
            }
            Some(_) => {
                return Err(Error::new(
                    Code::SourceUnsupported,
                    "found a login in the URL of a bucket, expected the bucket's name alone",
                )
                .help("give keys in the environment: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`"));
            }
        };
        let named = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_$".contains(c))
        };
        if !named(bucket) || account.is_some_and(|account| !named(account)) {
            return Err(Error::new(
                Code::SourceUnsupported,
                format!(
                    "found `{place}` as the name of a bucket, expected letters, digits, `.`, `-` and `_`"
                ),
            )
            .help(format!("write `{}://BUCKET/KEY`", kind.scheme())));
        }
        let (bucket, account) = (bucket.to_owned(), account.map(str::to_owned));
        Ok(Self { kind, bucket, account, key: key.to_owned() })
    }

    /// The URL of the bucket itself.
    pub fn root(&self) -> String {
        match &self.account {
            Some(account) => format!("abfss://{}@{account}.dfs.core.windows.net", self.bucket),
            None => format!("{}://{}", self.kind.scheme(), self.bucket),
        }
    }

    /// The URL with the key: the same for all ways to write it.
    pub fn text(&self) -> String {
        format!("{}/{}", self.root(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("s3://noaa-goes16/ABI/a b.nc", Some(Ok(("s3://noaa-goes16", "ABI/a b.nc")))),
            ("S3A://b/k?x#y", Some(Ok(("s3://b", "k?x#y")))),
            ("s3://b", Some(Ok(("s3://b", "")))),
            ("gs://b/a//b", Some(Ok(("gs://b", "a//b")))),
            ("gcs://b/a", Some(Ok(("gs://b", "a")))),
            ("az://c/a", Some(Ok(("az://c", "a")))),
            ("abfss://c@acc.dfs.core.windows.net/a", Some(Ok(("abfss://c@acc.dfs.core.windows.net", "a")))),
            ("abfs://c@acc/a", Some(Ok(("abfss://c@acc.dfs.core.windows.net", "a")))),
            ("s3:///a", Some(Err(Code::SourceUnsupported))),
            ("s3://id:secret@b/a", Some(Err(Code::SourceUnsupported))),
            ("s3://b:80/a", Some(Err(Code::SourceUnsupported))),
            ("https://b.s3.amazonaws.com/a", None),
            ("a/b", None),
        ] {
            let found = BucketUrl::parse(text);
            let found = found.map(|url| url.map(|url| (url.root(), url.key)).map_err(|e| e.code));
            let expected =
                expected.map(|e: Result<(&str, &str), Code>| e.map(|(a, b)| (a.to_owned(), b.to_owned())));
            assert_eq!(found, expected, "{text}");
        }
    }
}

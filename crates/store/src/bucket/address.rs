//! From `s3://bucket/key` to a request that a server answers: for reading by our own HTTP objects.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, Weak};

use arcoforge_core::error::{Code, Error, Result};
use object_store::path::Path;
use object_store::{Extensions, GetOptions};
use ureq::http::HeaderMap;

use super::access::{BucketOptions, Handles, S3Place};
use super::connector::{Connector, OnlySigned, region_of};
use super::url::{BucketKind, BucketUrl};
use super::wait::block_on;
use crate::credentials::S3Keys;
use crate::http::{Client, Failure};
use crate::local::lock;

/// The buckets of a run.
#[derive(Debug)]
pub(crate) struct Addresses {
    options: BucketOptions,
    clouds: Mutex<BTreeMap<String, Arc<Cloud>>>,
}

/// One bucket, as far as it is known.
pub(super) struct Cloud {
    pub(super) root: BucketUrl,
    options: BucketOptions,
    connector: Connector,
    /// The region that the handles are for, where a server told it.
    opened: Mutex<Option<(Option<String>, Handles)>>,
}

/// A request, ready to be sent.
pub(crate) struct Addressed {
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    cloud: Arc<Cloud>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Addresses {
    pub(crate) fn new(options: BucketOptions) -> Self {
        Self { options, clouds: Mutex::default() }
    }

    /// What all objects of a bucket share.
    pub(super) fn cloud(&self, client: &Weak<Client>, url: &BucketUrl) -> Arc<Cloud> {
        let root = BucketUrl { key: String::new(), ..url.clone() };
        let mut clouds = lock(&self.clouds);
        let made = clouds.entry(root.root()).or_insert_with(|| {
            Arc::new(Cloud {
                root,
                options: self.options.clone(),
                connector: Connector { client: Weak::clone(client), region: Arc::default() },
                opened: Mutex::default(),
            })
        });
        Arc::clone(made)
    }

    /// How the bucket of inputs of S3 is reached.
    pub(crate) fn s3_place(&self, client: &Weak<Client>, url: &BucketUrl) -> Result<S3Place> {
        self.cloud(client, url).s3_place()
    }

    /// The request for an object or a range of it; `None` where the URL is none of a bucket.
    pub(crate) fn address(
        &self,
        client: &Weak<Client>,
        url: &str,
        range: Option<&Range<u64>>,
        head: bool,
    ) -> Result<Option<Addressed>, Failure> {
        let Some(parsed) = BucketUrl::parse(url) else { return Ok(None) };
        let parsed = parsed.map_err(Failure::never)?;
        let path = path_of(&parsed.key, url).map_err(Failure::never)?;
        let cloud = self.cloud(client, &parsed);
        let handles = cloud.handles().map_err(Failure::never)?;
        let wanted = OnlySigned::default();
        let mut extensions = Extensions::new();
        extensions.insert(wanted.clone());
        let range = range.cloned().map(object_store::GetRange::Bounded);
        let options = GetOptions { head, range, extensions, ..GetOptions::default() };
        let answer = block_on(handles.objects.get_opts(&path, options));
        if let Some(signed) = lock(&wanted.0).take() {
            return Ok(Some(Addressed { url: signed.url, headers: signed.headers, cloud }));
        }
        // nothing was asked for: there are no keys to be had
        let failure = match answer {
            Err(error) => super::refusal::refusal(error, url).failure,
            Ok(_) => {
                Failure::never(Error::new(Code::Bug, "a request was sent that was only to be signed").at(url))
            }
        };
        Err(failure)
    }
}

impl Addressed {
    /// A failure that goes away at once, where the answer says that the bucket lies in another region.
    pub(crate) fn moved(&self, headers: &HeaderMap, status: u16, shown: &str) -> Option<Failure> {
        let region = region_of(headers, status)?;
        *lock(&self.cloud.connector.region) = Some(region.clone());
        let message = format!("the bucket lies in another region, `{region}`");
        self.cloud.has_moved().then(|| Failure::soon(Error::new(Code::SourceUnreachable, message).at(shown)))
    }
}

impl Cloud {
    /// The way into the bucket, made with the first request, and again where it lies elsewhere.
    pub(super) fn handles(&self) -> Result<Handles> {
        let told = lock(&self.connector.region).clone();
        let mut opened = lock(&self.opened);
        if let Some((region, handles)) = &*opened
            && (told.is_none() || *region == told)
        {
            return Ok(handles.clone());
        }
        let handles = self.options()?.connect(&self.root, self.connector.clone(), told.as_deref())?;
        Ok(opened.insert((told, handles)).1.clone())
    }

    /// What is asked for with: of these inputs what the recipe names, before the environment.
    fn options(&self) -> Result<Cow<'_, BucketOptions>> {
        Ok(match self.keys()? {
            Some(keys) => Cow::Owned(self.options.with_keys(&keys)),
            None => Cow::Borrowed(&self.options),
        })
    }

    /// How a bucket of S3 is reached, in the region that a server told before that in the options.
    fn s3_place(&self) -> Result<S3Place> {
        let place = self.options()?.s3_place();
        let told = lock(&self.connector.region).clone();
        Ok(S3Place { region: told.or(place.region), ..place })
    }

    /// The keys that the recipe names for the bucket, where inputs are read.
    fn keys(&self) -> Result<Option<S3Keys>> {
        if self.root.kind != BucketKind::S3 {
            return Ok(None);
        }
        let client = self.connector.client.upgrade();
        let login = client.as_ref().and_then(|client| client.login.as_ref());
        login.map_or(Ok(None), |login| login.keys_of(&self.root.bucket))
    }

    /// Whether a server told another region than the one in use.
    pub(super) fn has_moved(&self) -> bool {
        let told = lock(&self.connector.region).clone();
        told.is_some() && lock(&self.opened).as_ref().is_some_and(|(region, _)| *region != told)
    }
}

/// A key as the library takes it.
pub(super) fn path_of(key: &str, shown: &str) -> Result<Path> {
    let wrong = |message: &str| {
        Error::new(Code::SourceUnsupported, message.to_owned())
            .at(shown)
            .help("parts between `/` may be neither empty, `.` nor `..`")
    };
    if key.is_empty() {
        return Err(wrong("found a bucket without a key, expected an object in it"));
    }
    Path::parse(key).map_err(|e| wrong("found a key that can't be asked for").caused_by(e)).and_then(|path| {
        if path.as_ref() == key { Ok(path) } else { Err(wrong("found a key that can't be asked for")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request for the first ten bytes, with variables `NAME=value`.
    fn asked(url: &str, variables: &str) -> Result<(String, HeaderMap), Failure> {
        let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let addresses = Addresses::new(BucketOptions { variables });
        let addressed = addresses.address(&Weak::new(), url, Some(&(0..10)), false)?;
        let addressed = addressed.ok_or_else(|| Failure::never(Error::new(Code::Bug, "no bucket")))?;
        Ok((addressed.url, addressed.headers))
    }

    #[test]
    fn requests_go_to_the_store_signed_or_not() {
        const S3: &str = "AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=hush AWS_EC2_METADATA_DISABLED=true";
        const AZ: &str = "AZURE_STORAGE_ACCOUNT_NAME=acc";
        for (url, variables, expected, signed) in [
            ("s3://b/a c/x.nc", "", "https://b.s3.us-east-1.amazonaws.com/a%20c/x.nc", None),
            ("s3://b.c/k", "AWS_REGION=eu-west-1", "https://s3.eu-west-1.amazonaws.com/b.c/k", None),
            (
                "s3://b/k",
                S3,
                "https://b.s3.us-east-1.amazonaws.com/k",
                Some("AWS4-HMAC-SHA256 Credential=AKID/"),
            ),
            (
                "s3://b/k",
                &format!("{S3} AWS_NO_SIGN_REQUEST=YES"),
                "https://b.s3.us-east-1.amazonaws.com/k",
                None,
            ),
            ("s3://b/k", "AWS_ENDPOINT_URL=http://h:1/", "http://h:1/b/k", None),
            ("s3://b/k", "AWS_ENDPOINT_URL=http://h AWS_ENDPOINT_URL_S3=http://s", "http://s/b/k", None),
            ("gs://b/a c/k", "", "https://storage.googleapis.com/b/a%20c%2Fk", None),
            (
                "gs://b/k",
                "GOOGLE_BEARER_TOKEN=hush",
                "https://storage.googleapis.com/b/k",
                Some("Bearer hush"),
            ),
            ("gs://b/k", "STORAGE_EMULATOR_HOST=h:4443", "http://h:4443/b/k", None),
            ("az://c/a/k", AZ, "https://acc.blob.core.windows.net/c/a/k", None),
            ("abfss://c@acc.dfs.core.windows.net/k", "", "https://acc.blob.core.windows.net/c/k", None),
            (
                "az://c/k",
                &format!("{AZ} AZURE_STORAGE_ACCOUNT_KEY=aHVzaA=="),
                "https://acc.blob.core.windows.net/c/k",
                Some("SharedKey acc:"),
            ),
            (
                "az://c/k",
                &format!("{AZ} AZURE_STORAGE_SAS_TOKEN=sv=1&sig=hush"),
                "https://acc.blob.core.windows.net/c/k?sv=1&sig=hush",
                None,
            ),
            (
                "az://c/k",
                "AZURE_STORAGE_CONNECTION_STRING=AccountName=acc;AccountKey=aHVzaA==;BlobEndpoint=http://h:1/acc",
                "http://h:1/acc/c/k",
                Some("SharedKey acc:"),
            ),
        ] {
            let (found, headers) = asked(url, variables).expect(url);
            assert_eq!(found, expected, "{url} {variables}");
            let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
            match signed {
                Some(begin) => {
                    assert!(authorization.is_some_and(|a| a.starts_with(begin)), "{authorization:?}");
                }
                None => assert_eq!(authorization, None, "{url} {variables}"),
            }
            let range =
                headers.get("range").or(headers.get("x-ms-range")).and_then(|value| value.to_str().ok());
            assert_eq!(range, Some("bytes=0-9"), "{url}");
        }
    }

    #[test]
    fn what_the_environment_lacks_is_refused() {
        for (url, variables, code) in [
            ("az://c/k", "", Code::SourceDenied),
            ("s3://b/k", "AWS_ACCESS_KEY_ID=half", Code::SourceDenied),
            ("s3://b", "", Code::SourceUnsupported),
        ] {
            assert_eq!(
                asked(url, variables).map(drop).map_err(|f| f.error.code),
                Err(code),
                "{url} {variables}"
            );
        }
        assert!(asked("https://h/a", "").is_err_and(|failure| failure.error.code == Code::Bug));
    }

    #[test]
    fn places_are_where_requests_go() {
        let place = |region: Option<&str>, endpoint: Option<&str>, anonymous| S3Place {
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            anonymous,
        };
        const S3: &str = "AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=hush";
        for (variables, told, expected) in [
            ("", None, place(None, None, true)),
            (S3, None, place(None, None, false)),
            (S3, Some("eu-west-1"), place(Some("eu-west-1"), None, false)),
            ("AWS_REGION=us-east-2", Some("eu-west-1"), place(Some("eu-west-1"), None, true)),
            (&format!("{S3} AWS_SKIP_SIGNATURE=true"), None, place(None, None, true)),
            ("AWS_REGION=r AWS_ENDPOINT_URL=http://h:1", None, place(Some("r"), Some("http://h:1"), true)),
        ] {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let addresses = Addresses::new(BucketOptions { variables });
            let url = BucketUrl::parse("s3://b/k").expect("a bucket").expect("a name");
            let cloud = addresses.cloud(&Weak::new(), &url);
            *lock(&cloud.connector.region) = told.map(str::to_owned);
            assert_eq!(addresses.s3_place(&Weak::new(), &url).map_err(|e| e.code), Ok(expected));
        }
    }
}

//! From `s3://bucket/key` to a request that a server answers: for reading by our own HTTP objects.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, Weak};

use arcoforge_core::error::{Code, Error, Result};
use object_store::path::Path;
use object_store::{Extensions, GetOptions};
use ureq::http::HeaderMap;

use super::access::{BucketOptions, Handles};
use super::connector::{Connector, OnlySigned, region_of};
use super::url::BucketUrl;
use super::wait::block_on;
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
        let handles = self.options.connect(&self.root, self.connector.clone(), told.as_deref())?;
        Ok(opened.insert((told, handles)).1.clone())
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

//! A bucket of an object store as a place of objects.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{Attributes, CopyOptions, GetOptions, GetRange, ObjectMeta, PutOptions, PutResult};

use super::access::Handles;
use super::address::{Cloud, path_of};
use super::multipart::RemoteUpload;
use super::refusal::{Refusal, refusal};
use super::url::{BucketKind, BucketUrl};
use super::wait::block_on;
use super::{Got, Item, Page, PageOf, Place, Put, Upload};
use crate::http::{Client, Failure};
use crate::object::beyond_end;

/// Keys that one request deletes.
const DELETED_AT_ONCE: usize = 1000;

/// Requests of one bucket, repeated within the limits of the client.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    client: Arc<Client>,
    pub(super) cloud: Arc<Cloud>,
    guard: Option<Guard>,
}

/// Asked before every try whether it may be made.
#[derive(Clone)]
pub(crate) struct Guard(pub(crate) Arc<dyn Fn() -> Result<()> + Send + Sync>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Remote {
    pub(crate) fn new(client: &Arc<Client>, url: &BucketUrl) -> Self {
        let cloud = client.addresses.cloud(&Arc::downgrade(client), url);
        Self { client: Arc::clone(client), cloud, guard: None }
    }

    /// Tries within the limits of the client, as long as that is allowed.
    pub(super) fn tries<T>(&self, shown: &str, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        self.client.with_retries(shown, || {
            if let Some(guard) = &self.guard {
                (guard.0)().map_err(Failure::never)?;
            }
            attempt()
        })
    }

    pub(super) fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.cloud.root.root())
    }

    /// One try; a second one where the bucket turns out to lie in another region.
    pub(super) fn once<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        shown: &str,
        ask: impl Fn(Handles) -> F,
    ) -> Result<T, Refusal> {
        let mut moved = false;
        loop {
            let handles = self
                .cloud
                .handles()
                .map_err(|error| Refusal { status: Some(400), failure: Failure::never(error) })?;
            let refused = match block_on(ask(handles)) {
                Ok(done) => return Ok(done),
                Err(error) => refusal(error, shown),
            };
            let elsewhere = matches!(refused.status, Some(301 | 307 | 400 | 403)) && self.cloud.has_moved();
            if moved || !elsewhere {
                return Err(refused);
            }
            moved = true;
        }
    }

    /// Tries until it succeeds; a refusal of what does not exist is an answer, too.
    fn ask<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        shown: &str,
        ask: impl Fn(Handles) -> F,
    ) -> Result<Option<T>> {
        self.tries(shown, || match self.once(shown, &ask) {
            Ok(done) => Ok(Some(done)),
            Err(refused) if refused.is_missing() => Ok(None),
            Err(refused) => Err(refused.failure),
        })
    }

    /// What lies at a key, with its metadata.
    pub(super) fn look(&self, path: &Path, shown: &str) -> Result<Option<(Item, Attributes)>, Failure> {
        let ask = |handles: Handles| async move {
            handles.objects.get_opts(path, GetOptions { head: true, ..GetOptions::default() }).await
        };
        match self.once(shown, ask) {
            Ok(found) => Ok(Some((self.item(&found.meta), found.attributes))),
            Err(refused) if refused.is_missing() => Ok(None),
            Err(refused) => Err(refused.failure),
        }
    }

    fn item(&self, meta: &ObjectMeta) -> Item {
        Item {
            key: meta.location.to_string(),
            size: meta.size,
            etag: self.version(meta.e_tag.as_deref(), meta.version.as_deref()),
            modified_ns: meta.last_modified.timestamp_nanos_opt(),
        }
    }

    fn version(&self, etag: Option<&str>, version: Option<&str>) -> Option<String> {
        let told = if self.cloud.root.kind == BucketKind::Gs { version } else { etag };
        told.map(str::to_owned)
    }

    /// The entity tag of what was put.
    pub(super) fn version_put(&self, result: &PutResult, shown: &str) -> Result<String, Failure> {
        self.version(result.e_tag.as_deref(), result.version.as_deref()).ok_or_else(|| {
            let message = "the server names no entity tag of what it took, so that nothing can be relied on";
            Failure::never(Error::new(Code::SourceUnsupported, message).at(shown))
        })
    }
}

impl Place for Remote {
    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Got>> {
        let shown = self.shown(key);
        let path = path_of(key, &shown)?;
        if let Some(range) = range.as_ref().filter(|range| range.start >= range.end) {
            let Some(item) = self.head(key)? else { return Ok(None) };
            let fits = range.start == range.end && range.end <= item.size;
            let empty = Got { bytes: Vec::new(), item: item.clone() };
            return if fits {
                Ok(Some(empty))
            } else {
                Err(beyond_end(&shown, range.start, range.end, item.size))
            };
        }
        let ask = |handles: Handles| {
            let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
            let path = &path;
            async move {
                let found = handles.objects.get_opts(path, options).await?;
                let meta = found.meta.clone();
                Ok((meta, found.bytes().await?))
            }
        };
        let Some((meta, bytes)) = self.ask(&shown, ask)? else { return Ok(None) };
        if let Some(range) = range.filter(|range| range.end - range.start != bytes.len() as u64) {
            return Err(beyond_end(&shown, range.start, range.end, meta.size));
        }
        Ok(Some(Got { bytes: bytes.into(), item: self.item(&meta) }))
    }

    fn head(&self, key: &str) -> Result<Option<Item>> {
        let shown = self.shown(key);
        let path = path_of(key, &shown)?;
        let found = self.tries(&shown, || self.look(&path, &shown))?;
        Ok(found.map(|(item, _)| item))
    }

    fn page(&self, prefix: &str, deep: bool, next: Option<&str>) -> Result<PageOf> {
        let shown = self.shown(prefix);
        let ask = |handles: Handles| {
            let options = PaginatedListOptions {
                delimiter: (!deep).then_some("/".into()),
                page_token: next.map(str::to_owned),
                ..PaginatedListOptions::default()
            };
            let prefix = (!prefix.is_empty()).then_some(prefix);
            async move { handles.lists.list_paginated(prefix, options).await }
        };
        let Some(found) = self.ask(&shown, ask)? else {
            let error =
                Error::new(Code::SourceNotFound, "the bucket does not exist").at(self.cloud.root.root());
            return Err(error.help("check the bucket's name"));
        };
        let items = found.result.objects.iter().map(|meta| self.item(meta)).collect();
        let folders = found.result.common_prefixes.iter().map(|prefix| format!("{prefix}/")).collect();
        Ok(PageOf { page: Page { items, folders }, next: found.page_token })
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String> {
        let shown = self.shown(key);
        let path = path_of(key, &shown)?;
        let payload = object_store::PutPayload::from(bytes);
        let ask = |handles: Handles| {
            let (path, payload) = (&path, payload.clone());
            async move { handles.objects.put_opts(path, payload, PutOptions::default()).await }
        };
        self.tries(&shown, || {
            let done = self.once(&shown, ask).map_err(|refused| refused.failure)?;
            self.version_put(&done, &shown)
        })
    }

    fn put_if(&self, key: &str, expected: Option<&str>, bytes: Vec<u8>) -> Result<Put> {
        self.put_resolved(key, expected, bytes)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        for some in keys.chunks(DELETED_AT_ONCE) {
            let shown = self.shown(some.first().map_or("", String::as_str));
            let paths: Vec<Path> = some.iter().map(|key| path_of(key, &shown)).collect::<Result<_>>()?;
            let ask = |handles: Handles| {
                let paths = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
                async move {
                    let gone = handles.objects.delete_stream(paths).map(|gone| match gone {
                        Err(object_store::Error::NotFound { .. }) => Ok(()),
                        other => other.map(drop),
                    });
                    gone.try_collect::<Vec<()>>().await
                }
            };
            // of one that does not exist only some stores speak, and then nothing is left to do but the others
            self.ask(&shown, ask)?;
        }
        Ok(())
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let (shown, shown_to) = (self.shown(from), self.shown(to));
        let (from, to) = (path_of(from, &shown)?, path_of(to, &shown_to)?);
        let ask = |handles: Handles| {
            let (from, to) = (&from, &to);
            async move { handles.objects.copy_opts(from, to, CopyOptions::default()).await }
        };
        self.ask(&shown, ask)?
            .ok_or_else(|| Error::new(Code::SourceNotFound, "the object to copy does not exist").at(&*shown))
    }

    fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        Ok(Box::new(RemoteUpload::begin(self.clone(), key)?))
    }

    fn guarded(&self, guard: Guard) -> Option<Arc<dyn Place>> {
        Some(Arc::new(Self { guard: Some(guard), ..self.clone() }))
    }
}

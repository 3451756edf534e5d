//! A repository in an object store. What lets one of several writers win is the store's own conditional write.

use std::ops::Range;

use arcoforge_core::error::Result;
use arcoforge_store::{Bucket, Put};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::objects::{Expected, Listed, Objects};

impl Objects for Bucket {
    fn shown(&self) -> String {
        self.url().to_owned()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<(Bytes, String)>> {
        let got = Self::get(self, key, range)?;
        Ok(got.map(|got| (got.bytes.into(), got.item.etag.unwrap_or_default())))
    }

    fn put(&self, key: &str, bytes: Bytes, expected: &Expected) -> Result<Option<String>> {
        let bytes = bytes.to_vec();
        let put = match expected {
            Expected::Anything => return Self::put(self, key, bytes).map(Some),
            Expected::Absent => self.put_if_absent(key, bytes)?,
            Expected::Version(etag) => self.put_if_match(key, etag, bytes)?,
        };
        Ok(match put {
            Put::Done { etag } => Some(etag),
            Put::Conflict => None,
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for page in Self::list(self, prefix) {
            listed.extend(page?.items.into_iter().map(|item| Listed {
                key: item.key,
                bytes: item.size,
                modified: time(item.modified_ns),
            }));
        }
        Ok(listed)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        Self::delete(self, keys)
    }

    fn modified(&self, key: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.head(key)?.map(|item| time(item.modified_ns)))
    }
}

fn time(ns: Option<i64>) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ns.unwrap_or(0))
}

//! Globs over the keys of buckets.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};
use glob::Pattern;

use super::{Entry, GLOB, is_glob, store_among};
use crate::bucket::{Bucket, BucketUrl, Item};
use crate::sources::Sources;

/// Files that make a folder a Zarr store.
const ZARR_KEYS: [&str; 4] = ["zarr.json", ".zgroup", ".zarray", ".zmetadata"];

impl Sources {
    /// Lists the objects that a pattern of a bucket's URL names: `s3://bucket/2020/*/a_*.nc`. Wildcards are as of
    /// [`list_local`](crate::list_local); what ends at `/`, or is no object, stands for all objects below it. Only what can
    /// match is listed: from the first wildcard's name on, folder by folder, and below `**` all at once.
    ///
    /// # Errors
    /// `source-not-found` where nothing matches, `source-not-data` where keys of a Zarr store would be among them; those
    /// of asking the store.
    pub fn list_bucket(&self, pattern: &str) -> Result<Vec<Entry>> {
        let url = match BucketUrl::parse(pattern) {
            Some(url) => url?,
            None => return Err(Error::new(Code::Bug, "a pattern of no bucket").at(pattern)),
        };
        let (key, member) =
            url.key.split_once('#').map_or((&*url.key, None), |(key, member)| (key, Some(member)));
        let root = url.root();
        let bucket = self.bucket_of_inputs(&BucketUrl { key: String::new(), ..url.clone() });
        let mut found = if is_glob(key) { matching(&bucket, key)? } else { below(&bucket, key)? };
        found.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
        without_markers(&mut found);
        if found.is_empty() {
            return Err(nothing(pattern, key));
        }
        let named = |item: Item| {
            let path = match member {
                Some(member) => format!("{root}/{}#{member}", item.key),
                None => format!("{root}/{}", item.key),
            };
            Entry { path, size: Some(item.size), modified_ns: item.modified_ns }
        };
        Ok(found.into_iter().map(named).collect())
    }
}

/// An object, or all below what is none.
fn below(bucket: &Bucket, key: &str) -> Result<Vec<Item>> {
    if !key.is_empty() && !key.ends_with('/') {
        if let Some(item) = bucket.head(key)? {
            return Ok(vec![item]);
        }
        return below(bucket, &format!("{key}/"));
    }
    let items = bucket.list(key).all()?.items;
    refuse_stores(bucket, &items)?;
    Ok(items)
}

fn matching(bucket: &Bucket, glob: &str) -> Result<Vec<Item>> {
    let pattern = Pattern::new(glob).map_err(|e| {
        Error::new(Code::SourceNotFound, "the pattern is not a valid glob")
            .caused_by(e)
            .at(bucket.url_of(glob))
            .help("`**` stands alone between slashes; `[[]` matches a bracket")
    })?;
    let parts: Vec<&str> = glob.split('/').collect();
    let mut found = Vec::new();
    descend(bucket, "", &parts, &mut found)?;
    found.retain(|item| pattern.matches_with(&item.key, GLOB));
    if parts.contains(&"**") {
        refuse_stores(bucket, &found)?;
    }
    Ok(found)
}

/// Collects what may match below `base`, which is empty or ends at `/`.
fn descend(bucket: &Bucket, base: &str, parts: &[&str], found: &mut Vec<Item>) -> Result<()> {
    let literal = parts.iter().take_while(|part| !is_glob(part)).count();
    let (fixed, rest) = parts.split_at(literal);
    let base = fixed.iter().fold(base.to_owned(), |base, part| format!("{base}{part}/"));
    let Some((part, deeper)) = rest.split_first() else {
        // a name behind wildcards: whether it is there is asked for it alone
        found.extend(bucket.head(base.trim_end_matches('/'))?);
        return Ok(());
    };
    let start = part.split(['*', '?', '[']).next().unwrap_or_default();
    let prefix = format!("{base}{start}");
    if *part == "**" {
        found.extend(bucket.list(&prefix).all()?.items);
        return Ok(());
    }
    let name = Pattern::new(part).map_err(|e| {
        Error::new(Code::SourceNotFound, "the pattern is not a valid glob")
            .caused_by(e)
            .at(bucket.url_of(part))
    })?;
    for page in bucket.list_folder(&prefix) {
        let page = page?;
        if deeper.is_empty() {
            found.extend(page.items);
            continue;
        }
        for folder in &page.folders {
            let own = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            if name.matches_with(own, GLOB) {
                descend(bucket, folder, deeper, found)?;
            }
        }
    }
    Ok(())
}

/// Empty objects that stand for folders, as consoles of stores make them.
fn without_markers(items: &mut Vec<Item>) {
    let folders: BTreeSet<String> = items
        .iter()
        .flat_map(|item| item.key.match_indices('/').filter_map(|(at, _)| item.key.get(..at)))
        .map(str::to_owned)
        .collect();
    items.retain(|item| item.size > 0 || !folders.contains(&item.key));
}

fn refuse_stores(bucket: &Bucket, items: &[Item]) -> Result<()> {
    for item in items {
        let (folder, name) = item.key.rsplit_once('/').unwrap_or(("", &item.key));
        if ZARR_KEYS.contains(&name) {
            return Err(store_among(std::path::Path::new(&bucket.url_of(folder))));
        }
    }
    Ok(())
}

fn nothing(pattern: &str, key: &str) -> Error {
    let message =
        if is_glob(key) { "the pattern matches no object" } else { "nothing lies there, nor below it" };
    let help = if pattern.contains('{') {
        "braces are not expanded here: give one pattern for each alternative"
    } else {
        "check the pattern; keys are told apart by case, and `*` stays between slashes"
    };
    Error::new(Code::SourceNotFound, message).at(pattern).help(help)
}

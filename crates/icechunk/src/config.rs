//! A repository's configuration: the places that virtual chunks may lie in.
//!
//! The library is built without the storages of others, so that it knows no place on a file system, nor in some clouds. Its
//! format does: what stands there is read and written here as plain values, and hidden from the library while that opens.

use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use icechunk::RepositoryConfig;
use icechunk::asset_manager::{AssetManager, write_repo_info};
use icechunk::format::IcechunkFormatError;
use icechunk::format::format_constants::SpecVersionBin;
use icechunk::format::repo_info::RepoInfo;
use icechunk::repository::{RepositoryError, RepositoryErrorKind};
use icechunk::storage::{Storage, StorageContext, VersionInfo};
use icechunk::virtual_chunks::VirtualChunkContainer;
use icechunk_storage::UNATTRIBUTED_LABELS;
use serde_json::{Map, Value, json};

use crate::objects::Caught;
use crate::repository::{Home, Repository};
use crate::runtime::wait;
use crate::storage::Kept;

/// Under which key the places of virtual chunks stand.
const CONTAINERS: &str = "virtual_chunk_containers";
/// How many changes a repository lists in one object; the library's default.
const UPDATES_PER_FILE: u16 = 1000;

/// A place that virtual chunks lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// With what their URLs begin, up to and with a `/`.
    pub prefix: String,
    /// How readers get there.
    pub access: Access,
}

/// How readers get to the place of virtual chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// By the file system; the prefix begins with `file://`.
    File,
    /// By HTTP, without a login.
    Http,
    /// By the protocol of S3. Nothing secret: readers bring their own keys.
    S3 {
        /// The region of the bucket, where it is known.
        region: Option<String>,
        /// Where that is not Amazon's.
        endpoint: Option<String>,
        /// Nobody needs a key.
        anonymous: bool,
    },
}

impl Container {
    fn store(&self) -> Value {
        match &self.access {
            Access::File => json!({"local_file_system": self.prefix.trim_start_matches("file://")}),
            Access::Http => json!({"http": {}}),
            Access::S3 { region, endpoint, anonymous } => {
                let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
                let kind = if endpoint.is_some() { "s3_compatible" } else { "s3" };
                json!({kind: {
                    "region": region,
                    "endpoint_url": endpoint,
                    "anonymous": anonymous,
                    "allow_http": plain,
                    "force_path_style": endpoint.is_some(),
                    "network_stream_timeout_seconds": 60,
                    "requester_pays": false,
                    "checksum_algorithm": null,
                }})
            }
        }
    }
}

impl Repository {
    /// Sees to it that readers know the places of virtual chunks: those that the repository names already stay.
    ///
    /// # Errors
    /// `target-unsupported` where it names one with other ways to get there; `target-unwritable`.
    pub fn add_containers(&self, wanted: &[Container]) -> Result<()> {
        let (info, _) = self.info()?;
        let config = read(&info).map_err(|e| self.home.failed("can't read the configuration", &e))?;
        let Some(_) = with(&config, wanted).map_err(|e| e.at(self.home.place()))? else { return Ok(()) };
        let update = |info: Arc<RepoInfo>, backup: &str, _: VersionInfo| {
            let config = read(&info).map_err(of_format)?;
            // others may have changed it meanwhile; what contradicts is seen again by the next run
            match with(&config, wanted).ok().flatten() {
                None => Ok(info),
                Some(config) => {
                    let version = info.spec_version().map_err(of_format)?;
                    info.set_config(version, &config, backup, UPDATES_PER_FILE)
                        .map(Arc::new)
                        .map_err(of_format)
                }
            }
        };
        let retries = *RepositoryConfig::default().repo_update_retries();
        let updated = wait(self.inner.asset_manager().update_repo_info(&retries, update))?;
        updated.map(drop).map_err(|e| self.home.failed("can't change the configuration", &e))
    }

    /// The prefixes of all places that the repository names, sorted.
    ///
    /// # Errors
    /// `target-unwritable` where it can't be read.
    pub fn container_prefixes(&self) -> Result<Vec<String>> {
        let (info, _) = self.info()?;
        let config = read(&info).map_err(|e| self.home.failed("can't read the configuration", &e))?;
        let mut found: Vec<String> = containers(&config).into_iter().map(|(prefix, _)| prefix).collect();
        found.sort_unstable();
        Ok(found)
    }

    fn info(&self) -> Result<(Arc<RepoInfo>, VersionInfo)> {
        wait(self.inner.asset_manager().fetch_repo_info())?
            .map_err(|e| self.home.failed("can't read the repository", &e))
    }
}

fn of_format(error: IcechunkFormatError) -> RepositoryError {
    RepositoryError::capture(RepositoryErrorKind::FormatError(error.kind))
}

/// The configuration as it stands in the repository.
fn read(info: &RepoInfo) -> std::result::Result<Value, IcechunkFormatError> {
    Ok(info.config::<Value>()?.unwrap_or(Value::Null))
}

/// Prefixes and values of all places.
fn containers(config: &Value) -> Vec<(String, Value)> {
    let named = config.get(CONTAINERS).and_then(Value::as_object);
    let prefix = |one: &Value| one.get("url_prefix").and_then(Value::as_str).map(str::to_owned);
    named.into_iter().flat_map(Map::values).filter_map(|one| Some((prefix(one)?, one.clone()))).collect()
}

/// The configuration with these places; `None` where it has them.
fn with(config: &Value, wanted: &[Container]) -> Result<Option<Value>> {
    let known = containers(config);
    let mut new = Map::new();
    for container in wanted {
        let store = container.store();
        // readers take the longest prefix that fits
        let fits = known.iter().filter(|(prefix, _)| container.prefix.starts_with(prefix.as_str()));
        let nearest = fits.max_by_key(|(prefix, _)| prefix.len());
        if let Some((prefix, there)) = nearest {
            match differs(there.get("store").unwrap_or(&Value::Null), &store) {
                None => continue,
                Some((field, found, expected)) if *prefix == container.prefix => {
                    let message = format!(
                        "the repository has `{prefix}` as a place of virtual chunks with {field} {found}, expected {expected}, by which these \
                         inputs are read"
                    );
                    return Err(Error::new(Code::TargetUnsupported, message).help(
                        "bake to another repository, or reach the files as those before were reached",
                    ));
                }
                Some(_) => {}
            }
        }
        let one = json!({"name": null, "url_prefix": container.prefix, "store": store});
        new.insert(container.prefix.clone(), one);
    }
    if new.is_empty() {
        return Ok(None);
    }
    let mut config = match config {
        Value::Null => serde_json::to_value(RepositoryConfig::default())
            .map_err(|e| Error::new(Code::Bug, "no JSON").caused_by(e))?,
        config => config.clone(),
    };
    if let Some(fields) = config.as_object_mut() {
        match fields.get_mut(CONTAINERS).and_then(Value::as_object_mut) {
            Some(all) => all.extend(new),
            None => drop(fields.insert(CONTAINERS.to_owned(), Value::Object(new))),
        }
    }
    Ok(Some(config))
}

/// What sends readers by two ways to different files: the field, found and expected. That of a file system names a folder,
/// which readers pass over; who signs, and where one side knows no region, is no other place.
fn differs(there: &Value, wanted: &Value) -> Option<(&'static str, String, String)> {
    let of = |store: &Value| {
        let (kind, fields) = store.as_object().and_then(|all| all.iter().next())?;
        let text = |name: &str| Some(fields.get(name)?.as_str()?.trim_end_matches('/').to_owned());
        Some((kind.clone(), text("endpoint_url"), text("region")))
    };
    let nothing = || (String::new(), None, None);
    let (a, b) = (of(there).unwrap_or_else(nothing), of(wanted).unwrap_or_else(nothing));
    let protocol = |kind: &str| if kind == "s3_compatible" { "s3" } else { kind }.to_owned();
    let quoted = |text: String| format!("`{text}`");
    if protocol(&a.0) != protocol(&b.0) {
        return Some(("the protocol", quoted(protocol(&a.0)), quoted(protocol(&b.0))));
    }
    if a.1 != b.1 {
        let shown = |endpoint: Option<String>| endpoint.map_or_else(|| "of Amazon's own".to_owned(), quoted);
        return Some(("the endpoint", shown(a.1), shown(b.1)));
    }
    match (a.2, b.2) {
        (Some(a), Some(b)) if a != b => Some(("the region", quoted(a), quoted(b))),
        _ => None,
    }
}

/// Hides from the library the places that it knows nothing of, where there are any.
pub(crate) fn hide(home: &Home) -> Result<bool> {
    let failed = |e: &dyn std::fmt::Display| home.failed("can't read the configuration", &e.to_string());
    let storage: Arc<dyn Storage + Send + Sync> = Arc::<Kept>::clone(&home.kept);
    let settings = wait(storage.default_settings())?.map_err(|e| failed(&e))?;
    let manager = AssetManager::new_no_cache(storage, settings.clone(), SpecVersionBin::current(), 1, 1);
    // one that is damaged is told of by who opens it
    let Ok((info, _)) = wait(manager.fetch_repo_info())? else { return Ok(false) };
    let mut config = read(&info).map_err(|e| failed(&e))?;
    let Some(all) = config.get_mut(CONTAINERS).and_then(Value::as_object_mut) else { return Ok(false) };
    let before = all.len();
    all.retain(|_, one| serde_json::from_value::<VirtualChunkContainer>(one.clone()).is_ok());
    if all.len() == before {
        return Ok(false);
    }
    let version = info.spec_version().map_err(|e| failed(&e))?;
    let known = info.set_config(version, &config, "", UPDATES_PER_FILE).map_err(|e| failed(&e))?;
    let caught = Arc::new(Caught::default());
    let memory = Kept::new(Arc::<Caught>::clone(&caught));
    let context = StorageContext::without_node(&settings, &UNATTRIBUTED_LABELS);
    let created = VersionInfo::for_creation();
    let written = write_repo_info(Arc::new(known), version, &created, 1, None, &memory, &context, None);
    wait(written)?.map_err(|e| failed(&e))?;
    home.kept.show(Some(caught.bytes()));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(prefix: &str, access: Access) -> Container {
        Container { prefix: prefix.to_owned(), access }
    }

    #[test]
    fn places_are_added_once() {
        let s3 = |endpoint: Option<&str>| Access::S3 {
            region: None,
            endpoint: endpoint.map(str::to_owned),
            anonymous: true,
        };
        let before = [
            container("file:///data/", Access::File),
            container("s3://b/", s3(None)),
            container("https://host/a/", Access::Http),
        ];
        let config = with(&Value::Null, &before).expect("a configuration").expect("a change");
        let rows = [
            (container("file:///data/", Access::File), Ok(false)),
            (container("file:///data/deeper/", Access::File), Ok(false)),
            (container("file:///dat/", Access::File), Ok(true)),
            (container("https://host/", Access::Http), Ok(true)),
            (container("https://host/a/b/", Access::Http), Ok(false)),
            (container("s3://b/", s3(None)), Ok(false)),
            (container("s3://b/", s3(Some("http://other"))), Err(Code::TargetUnsupported)),
            (container("s3://b/x/", s3(Some("http://other"))), Ok(true)),
        ];
        for (wanted, expected) in rows {
            let found = with(&config, std::slice::from_ref(&wanted));
            assert_eq!(found.map(|config| config.is_some()).map_err(|e| e.code), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_place_stays_where_it_is_the_same() {
        let s3 = |region: Option<&str>, endpoint: Option<&str>, anonymous| Access::S3 {
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            anonymous,
        };
        let before = s3(Some("eu-west-1"), Some("http://h:1"), false);
        let rows = [
            (before.clone(), s3(None, Some("http://h:1"), false), None),
            (before.clone(), s3(Some("eu-west-1"), Some("http://h:1/"), true), None),
            (s3(None, None, true), s3(Some("eu-west-1"), None, false), None),
            (
                before.clone(),
                s3(Some("x"), Some("http://h:1"), false),
                Some("the region `eu-west-1`, expected `x`"),
            ),
            (
                before.clone(),
                s3(None, None, false),
                Some("the endpoint `http://h:1`, expected of Amazon's own"),
            ),
            (before, Access::File, Some("the protocol `s3`, expected `local_file_system`")),
        ];
        for (there, wanted, expected) in rows {
            let config = with(&Value::Null, &[container("s3://b/", there.clone())]);
            let config = config.expect("a configuration").expect("a change");
            let found = with(&config, &[container("s3://b/", wanted.clone())]);
            match (&found, expected) {
                (Ok(None), None) => {}
                (Err(error), Some(part)) if error.message.contains(part) => {}
                _ => panic!("{there:?} {wanted:?}: {found:?}"),
            }
        }
    }
}

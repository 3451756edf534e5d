//! The places that virtual chunks of an Icechunk repository lie in.

use std::collections::BTreeMap;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_icechunk::{Access, Container, location};
use arcoforge_store::{S3Place, Sources};

/// Whether a target of references can name a file.
///
/// Clients of Icechunk read files, HTTP without queries, and S3; fsspec reads all else, too.
pub(super) fn is_nameable(format: TargetFormat, url: &str) -> bool {
    if format != TargetFormat::IcechunkVirtual {
        return true;
    }
    let scheme = url.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let kind = match scheme.as_ref().map(|(scheme, rest)| (scheme.as_str(), rest)) {
        None | Some(("s3", _)) => true,
        Some(("http" | "https", rest)) => !rest.contains(['?', '#']),
        Some(_) => false,
    };
    kind && location(url).is_ok()
}

/// The places of files: of this machine the folder that they all lie in, of every server and bucket the same.
///
/// # Errors
/// `bug` for what [`is_nameable`] refuses, and for a file that readers would look for in no place.
pub(crate) fn containers<'a>(
    urls: impl Iterator<Item = &'a str>,
    access: &dyn Fn(&str) -> Result<Access>,
) -> Result<Vec<Container>> {
    let locations: Vec<String> =
        urls.map(|url| location(url).map(|found| found.compared)).collect::<Result<_>>()?;
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for url in &locations {
        let begin = url.find("://").map_or(0, |at| at + "://".len());
        let authority = url.get(begin..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| begin + at);
        let folder = url.rfind('/').map_or(url.len(), |at| at.max(authority));
        let folder = url.get(..folder).unwrap_or_default().to_owned() + "/";
        let key = url.get(..authority).unwrap_or_default().to_owned();
        match places.get_mut(&key) {
            Some(common) => *common = common_folder(common, &folder, key.len()),
            None => drop(places.insert(key, folder)),
        }
    }
    let found: Vec<Container> = places
        .into_values()
        .map(|prefix| Ok(Container { access: access(&prefix)?, prefix }))
        .collect::<Result<_>>()?;
    match locations.iter().find(|url| !found.iter().any(|one| url.starts_with(&one.prefix))) {
        None => Ok(found),
        Some(url) => Err(Error::new(Code::Bug, "a file lies in no place that readers know of").at(url)),
    }
}

/// The longest folder in which both lie.
fn common_folder(a: &str, b: &str, authority: usize) -> String {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.as_bytes().get(..same).and_then(|same| same.iter().rposition(|&byte| byte == b'/'));
    let end = end.unwrap_or(authority).max(authority);
    a.get(..=end).unwrap_or(a).to_owned()
}

/// How readers get to a place: as the bake got there.
///
/// # Errors
/// `bug` for what [`is_nameable`] refuses; `source-denied` where the machine does not hold the keys that the recipe names.
pub(crate) fn access(sources: &Sources, prefix: &str) -> Result<Access> {
    match prefix.split_once("://").map(|(scheme, _)| scheme) {
        Some("file") => Ok(Access::File),
        Some("http" | "https") => Ok(Access::Http),
        Some("s3") => {
            let S3Place { region, endpoint, anonymous } = sources.s3_place(prefix)?;
            Ok(Access::S3 { region, endpoint, anonymous })
        }
        _ => Err(Error::new(Code::Bug, format!("no virtual chunk can lie in `{prefix}`"))),
    }
}

/// Python that opens a repository with virtual chunks: its clients read from nowhere unless they are told to.
pub(crate) fn permission(containers: &[Container]) -> String {
    let allowed: Vec<String> = containers
        .iter()
        .map(|container| {
            let by = match &container.access {
                Access::File => "icechunk.Credentials.LocalFileSystemAccess()",
                Access::Http => "icechunk.Credentials.HttpAccess()",
                Access::S3 { anonymous: true, .. } => "icechunk.s3_anonymous_credentials()",
                Access::S3 { .. } => "icechunk.s3_from_env_credentials()",
            };
            format!("{:?}: {by}", container.prefix)
        })
        .collect();
    format!("authorize_virtual_chunk_access=icechunk.containers_credentials({{{}}})", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use arcoforge_store::SourceOptions;

    use super::*;

    #[test]
    fn places_of_files() {
        let rows: [(&[&str], &[&str]); 9] = [
            (&["/data/a/1.nc", "/data/a/2.nc"], &["file:///data/a/"]),
            (&["/data/a/1.nc", "/data/ab/2.nc"], &["file:///data/"]),
            (&["/a.nc", "/data/2.nc"], &["file:///"]),
            (&["http://h:1/x/1.nc", "http://h:1/x/y/2.nc", "http://h/3.nc"], &["http://h/", "http://h:1/x/"]),
            (&["https://h/a%20b/1.nc"], &["https://h/a b/"]),
            (&["/data/b/../a/1.nc", "/data/a/2.nc"], &["file:///data/a/"]),
            (&["HTTP://HOST:80/x/../y/1.nc", "http://host/y/z/2.nc"], &["http://host/y/"]),
            (&["https://h:443/1.nc", "https://h:8443/2.nc"], &["https://h/", "https://h:8443/"]),
            (&["s3://b/x/1.nc", "s3://c/1.nc", "/d/1.nc"], &["file:///d/", "s3://b/x/", "s3://c/"]),
        ];
        for (urls, expected) in rows {
            let sources = Sources::new(SourceOptions::default());
            let by = |prefix: &str| access(&sources, prefix);
            let found = containers(urls.iter().copied(), &by).expect("places");
            let found: Vec<&str> = found.iter().map(|one| one.prefix.as_str()).collect();
            assert_eq!(found, expected, "{urls:?}");
        }
    }

    #[test]
    fn what_clients_read() {
        for (url, expected) in [
            ("/data/a.nc", true),
            ("https://h/a.nc", true),
            ("https://h/a.nc?token=1", false),
            ("s3://b/a?b.nc", true),
            ("HTTPS://H/a.nc", true),
            ("https://h/a//b.nc", false),
            ("ftp://h/a.nc", false),
            ("az://c/a.nc", false),
        ] {
            assert_eq!(is_nameable(TargetFormat::IcechunkVirtual, url), expected, "{url}");
            assert!(is_nameable(TargetFormat::KerchunkJson, url));
        }
    }
}

//! Which hosts credentials belong to.

use crate::location::{host_of, scheme_of};

/// NASA's login server: the only one that gets the password of an Earthdata account.
pub(crate) const EARTHDATA_LOGIN: &str = "urs.earthdata.nasa.gov";
/// Hosts of NASA's archives, which take tokens of Earthdata accounts.
const EARTHDATA: [&str; 7] = [
    EARTHDATA_LOGIN,
    "*.earthdata.nasa.gov",
    "*.earthdatacloud.nasa.gov",
    "*.eosdis.nasa.gov",
    "n5eil01u.ecs.nsidc.org",
    "e4ftl01.cr.usgs.gov",
    "oceandata.sci.gsfc.nasa.gov",
];

/// Whether a URL leads to one of these hosts (`data.org`, `data.org:8443`, `*.data.org`). Without a port, that of the URL's
/// scheme is meant.
pub(crate) fn is_among(url: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|host| belongs(url, host))
}

/// Whether a URL leads to an archive of NASA's.
pub(crate) fn is_earthdata(url: &str) -> bool {
    EARTHDATA.iter().any(|host| belongs(url, host))
}

fn belongs(url: &str, pattern: &str) -> bool {
    let scheme = scheme_of(url);
    let authority = host_of(url);
    let (host, port) = split(&authority);
    let (name, wanted) = split(pattern);
    let usual = match scheme.as_str() {
        "https" => "443",
        "http" => "80",
        "ftp" | "ftps" => "21",
        _ => return false,
    };
    let same_port = port.unwrap_or(usual) == wanted.unwrap_or(usual);
    let host = host.strip_suffix('.').unwrap_or(host);
    same_port
        && match name.strip_prefix('*') {
            Some(behind) => host.len() > behind.len() && host.ends_with(behind),
            None => host.eq_ignore_ascii_case(name),
        }
}

/// Name and port; an IPv6 address keeps its brackets.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && !port.is_empty() => (host, Some(port)),
        Some((host, "")) => (host, None),
        _ => (authority, None),
    }
}

/// Whether every URL of the host that a recipe names is of a host that the machine names, as far as can be told: `*.a.org`
/// covers `b.a.org` and itself.
pub(crate) fn covers(machine: &str, recipe: &str) -> bool {
    machine.eq_ignore_ascii_case(recipe)
        || ["https", "http", "ftp"].iter().any(|scheme| belongs(&format!("{scheme}://{recipe}/"), machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_hosts() {
        for (url, host, expected) in [
            ("https://data.org/a", "data.org", true),
            ("https://DATA.org/a", "data.org", true),
            ("https://data.org./a", "data.org", true),
            ("https://data.org:443/a", "data.org", true),
            ("https://data.org:8443/a", "data.org", false),
            ("https://data.org:8443/a", "data.org:8443", true),
            ("https://data.org/a", "data.org:8443", false),
            ("https://data.org/a", "data.org:443", true),
            ("http://data.org/a", "data.org:443", false),
            ("ftp://data.org/a", "data.org", true),
            ("https://evildata.org/a", "data.org", false),
            ("https://data.org.evil.com/a", "data.org", false),
            ("https://data.org@evil.com/a", "data.org", false),
            ("https://evil.com/data.org", "data.org", false),
            ("https://evil.com?@data.org/", "data.org", false),
            ("https://evil.com#@data.org/", "data.org", false),
            ("https://a.data.org/a", "*.data.org", true),
            ("https://data.org/a", "*.data.org", false),
            ("https://evildata.org/a", "*.data.org", false),
            ("https://[::1]:8/a", "[::1]:8", true),
            ("https://[::1]/a", "[::1]:8", false),
            ("gopher://data.org/a", "data.org", false),
            ("/data.org", "data.org", false),
        ] {
            assert_eq!(belongs(url, host), expected, "{url} {host}");
        }
        assert!(is_earthdata("https://data.gesdisc.earthdata.nasa.gov/a"));
        assert!(!is_earthdata("https://earthdata.nasa.gov.evil.com/a"));
    }
}

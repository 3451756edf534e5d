//! What a catalog says of one input, and the keys that it gives.

use std::collections::BTreeMap;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::names::nearest;
use arcoforge_core::pattern::{Algorithm, Checksum};
use arcoforge_store::{redact, resolve};
use serde_json::Value;

/// One input of a catalog.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) url: String,
    pub(super) size: Option<u64>,
    /// Nanoseconds since 1970.
    pub(super) modified_ns: Option<i64>,
    pub(super) checksum: Option<Checksum>,
    /// Axis → what the catalog's field holds.
    pub(super) keys: BTreeMap<String, Value>,
}

/// Axis → field, and what to call a record in messages.
pub(super) type Fields = BTreeMap<String, String>;

/// The values of the fields that give keys. `what` names the record.
///
/// # Errors
/// `recipe-source` for a field that the record does not have.
pub(super) fn keys(fields: &Fields, record: &Value, what: &str) -> Result<BTreeMap<String, Value>> {
    let one = |(axis, field): (&String, &String)| match lookup(record, field) {
        Some(value) if !value.is_null() => Ok((axis.clone(), value.clone())),
        found => {
            let problem = if found.is_some() { "is null" } else { "is absent" };
            let message =
                format!("the field `{field}`, which gives the keys of axis `{axis}`, {problem} in `{what}`");
            let all = paths(record);
            let near = nearest(field, all.iter().map(String::as_str)).or_else(|| {
                let end = format!(".{field}");
                all.iter().find(|path| path.ends_with(&end)).map(String::as_str)
            });
            let help = match near.filter(|near| *near != field) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the record has {}", shown(&all)),
            };
            Err(Error::new(Code::RecipeSource, message).help(help))
        }
    };
    fields.iter().map(one).collect()
}

/// The value of a field: `properties.datetime`, `links.0.href`, a name with points in it. A list of one value is that value.
pub(super) fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let found = at(value, path, 16)?;
    match found.as_array().map(Vec::as_slice) {
        Some([only]) => Some(only),
        _ => Some(found),
    }
}

fn at<'v>(value: &'v Value, path: &str, depth: usize) -> Option<&'v Value> {
    let step = |name: &str| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    };
    if let Some(found) = step(path) {
        return Some(found);
    }
    let depth = depth.checked_sub(1)?;
    path.match_indices('.')
        .find_map(|(point, _)| at(step(path.get(..point)?)?, path.get(point + 1..)?, depth))
}

/// The fields of a record and of the maps in it.
fn paths(record: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        match value {
            Value::Object(map) if name == "properties" => {
                all.extend(map.keys().map(|inner| format!("{name}.{inner}")));
            }
            Value::Object(_) | Value::Array(_) => {}
            _ => all.push(name.clone()),
        }
    }
    all
}

fn shown(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        text.push("…".to_owned());
    }
    if text.is_empty() { "no fields".to_owned() } else { text.join(", ") }
}

/// Where a link of a catalog leads. One of the web never leads to files of this machine.
///
/// # Errors
/// `source-denied` for such a link, `source-format` for one that is no URL.
pub(super) fn target(base: &str, link: &str) -> Result<String> {
    let link = link.trim();
    let is_web = base.starts_with("http://") || base.starts_with("https://");
    let scheme = link.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("file") if is_web => {
            let message = format!("the catalog links to `{link}`, a file of this machine");
            Err(Error::new(Code::SourceDenied, message).at(redact(base)))
        }
        Some("http" | "https") if is_web => resolve(base, link).ok_or_else(|| no_url(base, link)),
        Some(_) => Ok(link.to_owned()),
        None if is_web => resolve(base, link).ok_or_else(|| no_url(base, link)),
        None => {
            let base = base.strip_prefix("file://").unwrap_or(base);
            let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
            let link = link.strip_prefix("./").unwrap_or(link);
            let whole = link.starts_with('/') || folder.is_empty();
            Ok(if whole { link.to_owned() } else { format!("{folder}/{link}") })
        }
    }
}

fn no_url(base: &str, link: &str) -> Error {
    let message = format!("the catalog has the link `{}`, which is no URL", redact(link));
    Error::new(Code::SourceFormat, message).at(redact(base))
}

/// `sha256:DIGITS`, or digits whose number tells the algorithm.
pub(super) fn checksum(text: &str) -> Option<Checksum> {
    let text = text.trim();
    let (algorithm, hex) = match text.split_once(':') {
        Some((name, hex)) => (Algorithm::parse(&name.replace('-', ""))?, hex),
        None => (Algorithm::of_digits(text.len())?, text),
    };
    let whole = hex.len() == algorithm.digits() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

/// A checksum as a multihash in hexadecimal digits, as the file extension of STAC has it.
pub(super) fn multihash(text: &str) -> Option<Checksum> {
    let text = text.trim().to_ascii_lowercase();
    let kinds = [
        ("1220", Algorithm::Sha256),
        ("1340", Algorithm::Sha512),
        ("1114", Algorithm::Sha1),
        ("d50110", Algorithm::Md5),
    ];
    kinds.into_iter().find_map(|(prefix, algorithm)| {
        let hex = text.strip_prefix(prefix).filter(|hex| hex.len() == algorithm.digits())?;
        hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| Checksum { algorithm, hex: hex.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields() {
        let record = json!({
            "id": "a", "properties": {"datetime": "2020", "eo:bands": [{"name": "B1"}], "a.b": 3}, "one": ["x"],
            "two": [1, 2],
        });
        for (path, expected) in [
            ("id", Some(json!("a"))),
            ("properties.datetime", Some(json!("2020"))),
            ("properties.eo:bands.0.name", Some(json!("B1"))),
            ("properties.a.b", Some(json!(3))),
            ("one", Some(json!("x"))),
            ("two.1", Some(json!(2))),
            ("properties", Some(record["properties"].clone())),
            ("datetime", None),
            ("properties.", None),
            ("", None),
        ] {
            assert_eq!(lookup(&record, path), expected.as_ref(), "{path}");
        }
        let fields = |field: &str| [("time".to_owned(), field.to_owned())].into();
        let error = keys(&fields("datetime"), &record, "a").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean `properties.datetime`?"));
    }

    #[test]
    fn links_of_catalogs() {
        for (base, link, expected) in [
            ("https://h/a/c.json", "b.nc", Ok("https://h/a/b.nc")),
            ("https://h/a/c.json", "../b.nc", Ok("https://h/b.nc")),
            ("https://h/a/c.json", "s3://bucket/b.nc", Ok("s3://bucket/b.nc")),
            ("https://h/a/c.json", "https://other/b.nc", Ok("https://other/b.nc")),
            ("https://h/a/c.json", "file:///etc/passwd", Err(Code::SourceDenied)),
            ("https://h/a/c.json", "/etc/passwd", Ok("https://h/etc/passwd")),
            ("https://h/a/c.json", "mailto:a@b", Err(Code::SourceFormat)),
            ("a/c.json", "./b.nc", Ok("a/b.nc")),
            ("a/c.json", "/b.nc", Ok("/b.nc")),
            ("c.json", "b.nc", Ok("b.nc")),
            ("c.json", "https://h/b.nc", Ok("https://h/b.nc")),
        ] {
            let found = target(base, link).map_err(|e| e.code);
            assert_eq!(found.as_deref(), expected.as_ref().copied(), "{base} {link}");
        }
    }

    #[test]
    fn checksums() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        for (text, expected) in [
            (md5.to_owned(), true),
            (format!("MD5:{}", md5.to_uppercase()), true),
            (format!("sha256:{md5}"), false),
            (format!("{md5}0"), false),
            (String::new(), false),
        ] {
            assert_eq!(checksum(&text).is_some_and(|c| c.hex == md5), expected, "{text}");
        }
        assert_eq!(multihash(&format!("d50110{md5}")).map(|c| c.hex).as_deref(), Some(md5));
        assert!(multihash(md5).is_none());
    }
}

//! Inputs with their keys: by a field of the catalog, or by the regular expression on path or URL.

use std::collections::BTreeMap;

use arcoforge_core::axis::{Axis, Key};
use arcoforge_core::calendar::Calendar;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Catalog, Find, Pick};
use arcoforge_core::strftime::Strftime;
use arcoforge_store::{Entry, redact};
use regex::Regex;
use serde_json::Value;

use super::record::Record;
use super::{Fact, cmr, esgf, resolve, stac, table, thredds};
use crate::session::{Event, Session};

/// An input and its keys.
type Keyed = (BTreeMap<String, Key>, Record);

/// Inputs with the keys that tell their places, and what the catalog says of them.
pub(super) struct Listed {
    pub(super) found: Vec<(BTreeMap<String, Key>, String)>,
    /// By the URL as it is shown.
    pub(super) facts: BTreeMap<String, Fact>,
}

/// Lists folders or asks the catalog. Opens no input.
pub(super) fn listed(session: &Session<'_>, find: &Find, axes: &[Axis]) -> Result<Listed> {
    let records = records(session, find)?;
    let keyed = keyed(session, find, axes, records)?;
    let keyed = if find.pick == Some(Pick::Latest) { latest(session, keyed) } else { keyed };
    let fact = |record: &Record| Fact { size: record.size, checksum: record.checksum.clone() };
    let is_known =
        |record: &&Record| find.catalog.is_some() && (record.size.is_some() || record.checksum.is_some());
    let facts = keyed.iter().map(|(_, record)| record).filter(is_known);
    let facts = facts.map(|record| (redact(&record.url), fact(record))).collect();
    Ok(Listed { found: keyed.into_iter().map(|(keys, record)| (keys, record.url)).collect(), facts })
}

fn records(session: &Session<'_>, find: &Find) -> Result<Vec<Record>> {
    let fields = &find.keys;
    let Some(catalog) = &find.catalog else {
        let patterns: Vec<String> =
            find.glob.iter().map(|glob| resolve(glob, &session.options.base)).collect();
        let record =
            |Entry { path, size, modified_ns }| Record { url: path, size, modified_ns, ..Record::default() };
        return Ok(session.sources.list(&patterns)?.into_iter().map(record).collect());
    };
    let local = |url: &str| resolve(url, &session.options.base);
    let mut records = match catalog {
        Catalog::Stac(stac) => stac::search(
            session,
            &arcoforge_core::pattern::Stac { url: local(&stac.url), ..stac.clone() },
            fields,
        )?,
        Catalog::Cmr(cmr) => cmr::search(session, cmr, fields)?,
        Catalog::Thredds(thredds) => {
            let url = local(&thredds.url);
            thredds::search(session, &arcoforge_core::pattern::Thredds { url, ..thredds.clone() }, fields)?
        }
        Catalog::Esgf(esgf) => esgf::search(session, esgf, fields)?,
        // the rows of a table are in the order that somebody chose
        Catalog::Table(table) => return non_empty(table::read(session, table, fields)?),
    };
    // the order of answers is not to be relied on
    records.sort_by(|a, b| a.url.cmp(&b.url));
    non_empty(records)
}

fn non_empty(records: Vec<Record>) -> Result<Vec<Record>> {
    if records.is_empty() {
        let help =
            "check the names, the dates and the box of the search; a browser shows what the catalog has";
        return Err(
            Error::new(Code::SourceNotFound, "the catalog was searched, and nothing was found").help(help)
        );
    }
    Ok(records)
}

/// Records that match the expression, with their keys; what does not match is said.
fn keyed(session: &Session<'_>, find: &Find, axes: &[Axis], records: Vec<Record>) -> Result<Vec<Keyed>> {
    let regex = find.regex.as_deref().map(Regex::new).transpose().map_err(|e| {
        Error::new(Code::RecipeSource, format!("`source.find.regex` is not a regular expression: {e}"))
    })?;
    let all = records.len();
    let mut keyed = Vec::new();
    let mut ignored = Vec::new();
    for record in records {
        let mut keys = BTreeMap::new();
        if let Some(regex) = &regex {
            let Some(captures) = regex.captures(&record.url) else {
                ignored.push(redact(&record.url));
                continue;
            };
            for name in regex.capture_names().flatten() {
                let Some(text) = captures.name(name).map(|m| m.as_str()) else { continue };
                let key = key_of(find, axes, name, text).map_err(|e| e.at(redact(&record.url)))?;
                keys.insert(name.to_owned(), key);
            }
        }
        for (name, value) in &record.keys {
            let key = key_of_value(find, axes, name, value).map_err(|e| e.at(redact(&record.url)))?;
            keys.insert(name.clone(), key);
        }
        keyed.push((keys, record));
    }
    if let Some(first) = ignored.first() {
        if keyed.is_empty() {
            return Err(Error::new(
                Code::SourceNotFound,
                format!("`source.find.regex` matches none of {all} files"),
            )
            .at(first)
            .help("the expression is matched against whole paths, anywhere in them"));
        }
        let count = ignored.len();
        session.tell(&Event::Note(format!(
            "{count} of {all} files do not match `source.find.regex` and are left out, such as {first}"
        )));
    }
    Ok(keyed)
}

/// Of several files with the same keys the one written last; how many stand back is said.
fn latest(session: &Session<'_>, keyed: Vec<Keyed>) -> Vec<Keyed> {
    let mut best: Vec<Keyed> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut behind: Option<(usize, String)> = None;
    for (keys, record) in keyed {
        let label = format!("{keys:?}");
        let Some(known) = at.get(&label).and_then(|&at| best.get_mut(at)) else {
            at.insert(label, best.len());
            best.push((keys, record));
            continue;
        };
        let is_newer = (record.modified_ns, &record.url) > (known.1.modified_ns, &known.1.url);
        let other = if is_newer { std::mem::replace(&mut known.1, record) } else { record };
        behind.get_or_insert_with(|| (0, redact(&other.url))).0 += 1;
    }
    if let Some((count, first)) = behind {
        session.tell(&Event::Note(format!(
            "{count} files stand back behind later ones at their positions (`pick: latest`), such as {first}"
        )));
    }
    best
}

/// The key that a text gives along an axis.
fn key_of(find: &Find, axes: &[Axis], name: &str, text: &str) -> Result<Key> {
    let axis = axes.iter().find(|axis| axis.name == name);
    match (find.parse.get(name), axis) {
        (Some(format), _) => {
            let calendar = axis.map_or(Calendar::Standard, |axis| axis.keys.calendar());
            let date = Strftime::parse(format).map_err(|(_, why)| why).and_then(|f| f.read(text, calendar));
            Ok(Key::Date(date.map_err(|why| {
                let message = format!("`{text}` is not a date of the form `{format}`: {why}");
                Error::new(Code::RecipeSource, message)
            })?))
        }
        (None, Some(axis)) => axis.keys.parse_key(text),
        (None, None) => Ok(Key::guess(text)),
    }
}

/// The key that a value of a catalog gives along an axis.
fn key_of_value(find: &Find, axes: &[Axis], name: &str, value: &Value) -> Result<Key> {
    match value {
        Value::String(text) => key_of(find, axes, name, text),
        Value::Number(number) => key_of(find, axes, name, &number.to_string()),
        Value::Bool(flag) => Ok(Key::Text(flag.to_string())),
        _ => {
            let message = format!(
                "the field `{}` holds no single value: {value}",
                find.keys.get(name).map_or(name, String::as_str)
            );
            Err(Error::new(Code::RecipeSource, message))
        }
    }
}

//! Items of a `SpatioTemporal` Asset Catalog: the item search of an API (STAC API 1.0), or a catalog of files.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::Stac;
use arcoforge_store::{Ask, Page, redact};
use serde_json::{Map, Value, json};

use super::pages::{Pages, is_web, json as json_of, next_url, with_parameters};
use super::record::{Fields, Record, keys, multihash, target};
use super::stac_files;
use crate::session::{Event, Session};

/// Items of one page that are asked for.
const LIMIT: u64 = 250;

/// Where and how a page is asked for.
enum Turn {
    Get(String),
    Post(String, Value),
}

/// The inputs among the items that a search finds.
pub(super) fn search(session: &Session<'_>, stac: &Stac, fields: &Fields) -> Result<Vec<Record>> {
    let wanted = Wanted { assets: &stac.assets, fields };
    let conditions: Map<String, Value> = serde_json::from_str(&stac.search)
        .map_err(|e| Error::new(Code::Bug, "a search is no JSON").caused_by(e))?;
    if is_web(&stac.url) && stac.url.trim_end_matches('/').ends_with("/search") {
        return by_api(session, stac.url.trim_end_matches('/'), &conditions, &wanted);
    }
    let page = session.sources.page(&Ask { url: &stac.url, ..Ask::default() })?;
    let root = json_of(&page)?;
    let search = links(&root).find(|link| link["rel"] == "search").and_then(|link| link["href"].as_str());
    match search {
        Some(href) if is_web(&page.url) => by_api(session, &next_url(&page.url, href)?, &conditions, &wanted),
        _ => stac_files::search(session, (&page.url, root), &conditions, &wanted),
    }
}

/// Page by page, by POST, or by GET where the server takes no POST.
fn by_api(
    session: &Session<'_>,
    url: &str,
    conditions: &Map<String, Value>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Record>> {
    let mut pages = Pages::new(session);
    let mut body = conditions.clone();
    body.insert("limit".to_owned(), LIMIT.into());
    let mut turn = Turn::Post(url.to_owned(), Value::Object(body.clone()));
    let (mut records, mut seen, mut counted) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let mut page = ask(&mut pages, &turn)?;
        if page.no_post && seen.is_empty() {
            page = ask(&mut pages, &Turn::Get(get_url(url, &body)))?;
        }
        let answer = json_of(&page)?;
        let Some(items) = answer["features"].as_array() else {
            let message = "found JSON without `features`, expected the items of a STAC search";
            let help = "`source.find.stac.url` is an API's landing page, its search, or a catalog";
            return Err(Error::new(Code::SourceFormat, message).at(redact(url)).help(help));
        };
        counted = matched(&answer).or(counted);
        let before = seen.len();
        for item in items {
            if seen.insert(id_of(item)) {
                records.extend(wanted.records(item, &page.url)?);
            }
        }
        let next = links(&answer).find(|link| link["rel"] == "next");
        let Some(next) = next else { break };
        pages.brought(seen.len() - before, records.len(), url)?;
        turn = following(next, &page.url, &body)?;
    }
    let held = seen.len() as u64;
    if let Some(counted) = counted.filter(|counted| *counted > held) {
        // some servers only estimate
        let message = format!("the catalog counted {counted} items, its pages held {held}: {}", redact(url));
        session.tell(&Event::Warning(message));
    }
    Ok(records)
}

fn ask(pages: &mut Pages<'_>, turn: &Turn) -> Result<Page> {
    const FIELDS: &[(&str, &str)] = &[("Accept", "application/geo+json, application/json")];
    match turn {
        Turn::Get(url) => pages.ask(&Ask { url, post: None, fields: FIELDS }),
        Turn::Post(url, body) => pages.ask(&Ask { url, post: Some(&body.to_string()), fields: FIELDS }),
    }
}

/// How the next page is asked for (STAC API, pagination).
fn following(link: &Value, base: &str, first: &Map<String, Value>) -> Result<Turn> {
    let url = next_url(base, link["href"].as_str().unwrap_or_default())?;
    if !link["method"].as_str().is_some_and(|method| method.eq_ignore_ascii_case("POST")) {
        return Ok(Turn::Get(url));
    }
    let own = link["body"].as_object().cloned().unwrap_or_default();
    let merge = link["merge"].as_bool() == Some(true);
    let mut body = if merge { first.clone() } else { Map::new() };
    body.extend(own);
    Ok(Turn::Post(url, Value::Object(body)))
}

/// How many items there are, where the answer says so.
fn matched(answer: &Value) -> Option<u64> {
    ["/numberMatched", "/context/matched"].iter().find_map(|path| answer.pointer(path)?.as_u64())
}

/// The search as a GET.
fn get_url(url: &str, body: &Map<String, Value>) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    };
    let all: Vec<(&str, String)> = body.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    with_parameters(url, all.iter().map(|(name, value)| (*name, value.as_str())))
}

/// The links of an object.
pub(super) fn links(value: &Value) -> impl Iterator<Item = &Value> {
    value["links"].as_array().into_iter().flatten()
}

/// What tells an item from others.
pub(super) fn id_of(item: &Value) -> String {
    json!([item["collection"], item["id"]]).to_string()
}

/// What is taken of items.
pub(super) struct Wanted<'a> {
    assets: &'a [String],
    fields: &'a Fields,
}

impl Wanted<'_> {
    /// The inputs of an item: one for each asset that is asked for. `base` is where the item was read.
    pub(super) fn records(&self, item: &Value, base: &str) -> Result<Vec<Record>> {
        let id = item["id"].as_str().unwrap_or("an item without an id");
        let own = links(item).find(|link| link["rel"] == "self").and_then(|link| link["href"].as_str());
        let base = match own {
            Some(own) if is_web(base) && is_web(own) => own,
            _ => base,
        };
        let assets = item["assets"].as_object();
        let names: Vec<&str> = assets.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let mut records = Vec::new();
        for name in self.chosen(item, id, &names)? {
            let Some(asset) = assets.and_then(|assets| assets.get(name)) else {
                let message = format!("the item `{id}` has no asset `{name}`");
                let help = format!("it has {}; narrow the search to items that have it", ticked(&names));
                return Err(Error::new(Code::SourceNotFound, message).help(help));
            };
            let url = target(base, asset["href"].as_str().unwrap_or_default())?;
            let extended = self.fields.values().any(|field| field == "asset");
            let keys = if extended {
                let mut item = item.clone();
                item["asset"] = name.into();
                keys(self.fields, &item, id)?
            } else {
                keys(self.fields, item, id)?
            };
            let modified = asset["updated"].as_str().or_else(|| item["properties"]["updated"].as_str());
            records.push(Record {
                url,
                size: asset["file:size"].as_u64(),
                modified_ns: modified.and_then(super::instant),
                checksum: asset["file:checksum"].as_str().and_then(multihash),
                keys,
            });
        }
        Ok(records)
    }

    /// The assets asked for, or the only one that has data.
    fn chosen<'n>(&'n self, item: &Value, id: &str, names: &[&'n str]) -> Result<Vec<&'n str>> {
        if !self.assets.is_empty() {
            return Ok(self.assets.iter().map(String::as_str).collect());
        }
        let has_data = |name: &&&str| {
            let roles = item["assets"][**name]["roles"].as_array();
            roles.is_some_and(|roles| roles.iter().any(|role| role == "data"))
        };
        let data: Vec<&str> = names.iter().filter(has_data).copied().collect();
        match (data.as_slice(), names) {
            ([only], _) | ([], [only]) => Ok(vec![*only]),
            _ => {
                let message = format!("the item `{id}` has {} assets, and none is asked for", names.len());
                let help = format!("name one or more in `source.find.stac.asset`: {}", ticked(names));
                Err(Error::new(Code::RecipeSource, message).help(help))
            }
        }
    }
}

fn ticked(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

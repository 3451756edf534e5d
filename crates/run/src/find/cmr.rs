//! Granules of NASA's Common Metadata Repository, by its granule search: JSON, pages by `CMR-Search-After`.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Access, Cmr};
use arcoforge_store::Ask;
use serde_json::Value;

use super::pages::{Pages, json, shrunk, with_parameters};
use super::record::{Fields, Record, keys, target};
use crate::session::Session;

/// Granules of one page; the most that the server gives.
const PAGE_SIZE: &str = "2000";
/// What the relation of a link to data ends with, by how it is reached.
const DATA: [(&str, Access); 2] = [("/data#", Access::Https), ("/s3#", Access::S3)];

/// Every data file of the granules that a search finds.
pub(super) fn search(session: &Session<'_>, cmr: &Cmr, fields: &Fields) -> Result<Vec<Record>> {
    let search = cmr.url.trim_end_matches('/');
    let search =
        if search.ends_with("granules.json") { search.to_owned() } else { format!("{search}/granules.json") };
    let parameters = cmr.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let url = with_parameters(&search, parameters.chain([("page_size", PAGE_SIZE)]));
    let mut pages = Pages::new(session);
    let (mut records, mut seen, mut after) = (Vec::new(), BTreeSet::new(), None::<String>);
    let (mut counted, mut held) = (None, 0_u64);
    loop {
        let field = after.as_deref().map(|after| ("CMR-Search-After", after));
        let page = pages.ask(&Ask { url: &url, fields: field.as_slice(), ..Ask::default() })?;
        counted = page.field("CMR-Hits").and_then(|hits| hits.trim().parse::<u64>().ok()).or(counted);
        let answer = json(&page)?;
        let Some(granules) = answer.pointer("/feed/entry").and_then(Value::as_array) else {
            let message = "found JSON without `feed.entry`, expected granules of CMR";
            return Err(Error::new(Code::SourceFormat, message).at(url).help("check `source.find.cmr.url`"));
        };
        let before = seen.len();
        for granule in granules {
            let id = granule["id"].as_str().unwrap_or_default();
            if seen.insert(id.to_owned()) {
                held += 1;
                records.extend(files(granule, cmr, fields, &page.url)?);
            }
        }
        after = page.field("CMR-Search-After").map(str::to_owned);
        if after.is_none() || granules.is_empty() {
            break;
        }
        pages.brought(seen.len() - before, records.len(), &url)?;
    }
    match counted {
        Some(counted) if counted > held => Err(shrunk(counted, held, &url)),
        _ => Ok(records),
    }
}

/// The data files of a granule.
fn files(granule: &Value, cmr: &Cmr, fields: &Fields, base: &str) -> Result<Vec<Record>> {
    let name = ["producer_granule_id", "title", "id"].iter().find_map(|name| granule[*name].as_str());
    let name = name.unwrap_or("a granule without a name");
    let links = || granule["links"].as_array().into_iter().flatten();
    let mut urls = BTreeSet::new();
    for link in links() {
        let text = |name: &str| link[name].as_str().unwrap_or_default();
        let is_own = link["inherited"].as_bool() != Some(true);
        let is_data = DATA.iter().any(|(end, _)| text("rel").ends_with(end));
        let access = if text("href").starts_with("s3://") { Access::S3 } else { Access::Https };
        if is_own && is_data && access == cmr.access {
            urls.insert(target(base, text("href"))?);
        }
    }
    if urls.is_empty() {
        let kind = if cmr.access == Access::S3 { "s3" } else { "https" };
        let message = format!("the granule `{name}` has no link to its data by {kind}");
        let help = "try the other `source.find.cmr.access`, or narrow the search to granules that have files";
        return Err(Error::new(Code::SourceNotFound, message).help(help));
    }
    let keys = keys(fields, granule, name)?;
    let modified_ns = granule["updated"].as_str().and_then(super::instant);
    let record = |url| Record { url, keys: keys.clone(), modified_ns, ..Record::default() };
    Ok(urls.into_iter().map(record).collect())
}

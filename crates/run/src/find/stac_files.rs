//! A STAC catalog of files: catalogs lead to collections, these to items. What a search asks is asked here.

use std::collections::BTreeSet;

use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Ask, redact};
use serde_json::{Map, Value};

use super::pages::{Pages, RECORDS_MAX, json, next_url};
use super::record::Record;
use super::stac::{Wanted, id_of, links};
use crate::pool;
use crate::session::Session;

/// Most files of one catalog.
const FILES_MAX: usize = 1_000_000;
/// Links that lead down.
const DOWN: [&str; 3] = ["child", "item", "items"];

/// The inputs among the items below a catalog, a collection, an item or a list of items.
pub(super) fn search(
    session: &Session<'_>,
    (url, root): (&str, Value),
    search: &Map<String, Value>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Record>> {
    let search = Conditions::of(search).map_err(|e| e.at(redact(url)))?;
    let (mut seen, mut items) = (BTreeSet::from([url.to_owned()]), BTreeSet::new());
    let mut records = Vec::new();
    let mut level = vec![(url.to_owned(), root)];
    while !level.is_empty() {
        let mut below = Vec::new();
        for (url, value) in &level {
            let features = value["features"].as_array();
            let own = (value["type"] == "Feature").then_some(value);
            for item in features.into_iter().flatten().chain(own) {
                if items.insert(id_of(item)) && search.takes(item) {
                    records.extend(wanted.records(item, url)?);
                }
            }
            check_kind(value, url)?;
            let pages = features.map(|_| "next");
            for link in links(value).filter(|_| own.is_none() && search.may_hold(value)) {
                let rel = link["rel"].as_str().unwrap_or_default();
                let leads_down = if features.is_some() { pages == Some(rel) } else { DOWN.contains(&rel) };
                if leads_down {
                    let next = next_url(url, link["href"].as_str().unwrap_or_default())?;
                    below.extend(seen.insert(next.clone()).then_some(next));
                }
            }
        }
        if seen.len() > FILES_MAX || records.len() > RECORDS_MAX {
            let message = format!("the catalog has more than {FILES_MAX} files");
            return Err(Error::new(Code::SourceLimit, message).at(redact(url)).help("begin at a collection"));
        }
        level = read_all(session, &below)?;
    }
    Ok(records)
}

fn check_kind(value: &Value, url: &str) -> Result<()> {
    if ["Catalog", "Collection", "Feature", "FeatureCollection"].iter().any(|kind| value["type"] == *kind) {
        return Ok(());
    }
    let message =
        format!("found JSON of type {}, expected a STAC catalog, collection or item", value["type"]);
    Err(Error::new(Code::SourceFormat, message).at(redact(url)))
}

/// Several files, as many at a time as a host may be asked.
fn read_all(session: &Session<'_>, urls: &[String]) -> Result<Vec<(String, Value)>> {
    let one = |(): &mut (), at: usize| {
        let url = urls.get(at).map(String::as_str).unwrap_or_default();
        let page = Pages::new(session).ask(&Ask { url, ..Ask::default() })?;
        Ok((url.to_owned(), json(&page)?))
    };
    let threads = session.options.connections as usize;
    pool::map(threads.max(1), urls.len(), true, || (), one)
        .map_err(|errors| errors.into_iter().next().unwrap_or_else(|| Error::new(Code::Bug, "no error")))
}

/// What items must be.
struct Conditions {
    collections: Vec<String>,
    ids: Vec<String>,
    bbox: Option<[f64; 4]>,
    /// Nanoseconds since 1970.
    time: Option<(i128, i128)>,
}

impl Conditions {
    /// Files answer no queries.
    fn of(search: &Map<String, Value>) -> Result<Self> {
        if let Some(name) = ["query", "filter", "intersects"].iter().find(|name| search.contains_key(**name))
        {
            let message = format!("`{name}` needs an API that searches, and this is a catalog of files");
            let help = "`collections`, `ids`, `bbox` and `datetime` can be asked of files; so can `regex`";
            return Err(Error::new(Code::RecipeSource, message).help(help));
        }
        let texts = |name: &str| {
            let all = search.get(name).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let ends = search.get("datetime").and_then(Value::as_str).map(|text| {
            let (from, to) = text.split_once('/').unwrap_or((text, text));
            (instant(from).unwrap_or(i128::MIN), instant(to).unwrap_or(i128::MAX))
        });
        let bbox = search.get("bbox").and_then(corners);
        Ok(Self { collections: texts("collections"), ids: texts("ids"), bbox, time: ends })
    }

    /// Whether items below may be taken: those of another collection are not.
    fn may_hold(&self, value: &Value) -> bool {
        let other =
            |id: &str| !self.collections.is_empty() && !self.collections.iter().any(|name| name == id);
        !(value["type"] == "Collection" && value["id"].as_str().is_some_and(other))
    }

    fn takes(&self, item: &Value) -> bool {
        let named = |names: &[String], field: &str| {
            names.is_empty()
                || item[field].as_str().is_some_and(|value| names.iter().any(|name| name == value))
        };
        named(&self.collections, "collection")
            && named(&self.ids, "id")
            && self.is_near(item)
            && self.is_then(item)
    }

    fn is_near(&self, item: &Value) -> bool {
        let (Some([west, south, east, north]), Some(own)) = (self.bbox, corners(&item["bbox"])) else {
            return self.bbox.is_none();
        };
        // a box over the date line has its west end east of the east end
        let parts = |west: f64, east: f64| {
            if west <= east { vec![(west, east)] } else { vec![(west, 180.0), (-180.0, east)] }
        };
        let own_parts = parts(own[0], own[2]);
        let beside = |(w, e): (f64, f64)| own_parts.iter().any(|(own_w, own_e)| *own_w <= e && *own_e >= w);
        own[1] <= north && own[3] >= south && parts(west, east).into_iter().any(beside)
    }

    fn is_then(&self, item: &Value) -> bool {
        let Some((from, to)) = self.time else { return true };
        let date = |name: &str| item["properties"][name].as_str().and_then(instant);
        let first = date("start_datetime").or_else(|| date("datetime"));
        let last = date("end_datetime").or_else(|| date("datetime"));
        first.zip(last).is_some_and(|(first, last)| first <= to && last >= from)
    }
}

fn instant(text: &str) -> Option<i128> {
    let calendar = Calendar::ProlepticGregorian;
    DateTime::parse(text, calendar).ok().map(|date| calendar.to_ns(&date))
}

/// West, south, east, north, whether there are heights between them or not.
fn corners(value: &Value) -> Option<[f64; 4]> {
    let all: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    match all.as_slice() {
        [w, s, e, n] | [w, s, _, e, n, _] => Some([*w, *s, *e, *n]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn which_items_are_taken() {
        let item = json!({
            "id": "a", "collection": "c", "bbox": [170.0, -10.0, -170.0, 10.0],
            "properties": {"datetime": "2020-05-01T12:00:00Z"},
        });
        let high = json!({"id": "b", "bbox": [0, 0, 5, 10, 10, 50], "properties":
            {"datetime": null, "start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-12-31T00:00:00Z"}});
        for (search, expected) in [
            (json!({}), [true, true]),
            (json!({"collections": ["c"]}), [true, false]),
            (json!({"ids": ["b", "x"]}), [false, true]),
            (json!({"bbox": [175, 0, 179, 1]}), [true, false]),
            (json!({"bbox": [-175, 0, -171, 1]}), [true, false]),
            (json!({"bbox": [160, 0, -179, 1]}), [true, false]),
            (json!({"bbox": [9, 9, 20, 20]}), [false, true]),
            (json!({"bbox": [11, 11, 20, 20]}), [false, false]),
            (json!({"datetime": "2020-05-01T12:00:00Z"}), [true, true]),
            (json!({"datetime": "2020-05-02T00:00:00Z/.."}), [false, true]),
            (json!({"datetime": "../2019-12-31T00:00:00Z"}), [false, false]),
        ] {
            let conditions = Conditions::of(search.as_object().unwrap()).unwrap();
            assert_eq!([conditions.takes(&item), conditions.takes(&high)], expected, "{search}");
        }
        assert!(Conditions::of(json!({"query": {}}).as_object().unwrap()).is_err());
    }
}

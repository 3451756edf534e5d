//! Catalogs as meant: searches that their servers take as they are.

use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::pattern::{Access, Catalog, Cmr, Esgf, Service, Stac, Table, Thredds};
use serde_json::{Map, Value};

use crate::diagnostic::Span;
use crate::find::{self, At, CmrSearch, EsgfSearch, Json, StacSearch, ThreddsCatalog, UrlTable};
use crate::node::shorten;
use crate::read::{Cx, Entries, OneOrMany, Text};
use crate::scalar::Raw;
use crate::values::{Flag, Real, choice};

/// NASA's search.
const CMR: &str = "https://cmr.earthdata.nasa.gov/search";

/// The catalog that is asked; `None` where a listing is, or what is wrong was reported.
pub(crate) fn catalog(written: &mut find::Find, cx: &mut Cx) -> Option<Catalog> {
    let stac = written.stac.take().and_then(|w| cx.within("stac", |cx| stac(w.value, cx))).map(Catalog::Stac);
    let cmr = written.cmr.take().and_then(|w| cx.within("cmr", |cx| cmr(w, cx))).map(Catalog::Cmr);
    let thredds = written
        .thredds
        .take()
        .and_then(|w| cx.within("thredds", |cx| thredds(w.value, cx)))
        .map(Catalog::Thredds);
    let esgf = written.esgf.take().and_then(|w| cx.within("esgf", |cx| esgf(w, cx))).map(Catalog::Esgf);
    let table =
        written.table.take().and_then(|w| cx.within("table", |cx| table(w.value, cx))).map(Catalog::Table);
    stac.or(cmr).or(thredds).or(esgf).or(table)
}

fn stac(written: StacSearch, cx: &mut Cx) -> Option<Stac> {
    let mut search = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        value.map(|value| search.insert(name.to_owned(), value));
    };
    put("collections", written.collections.map(|names| texts(names).into()));
    put("ids", written.ids.map(|names| texts(names).into()));
    if let (Some(_), Some(other)) = (&written.bbox, &written.intersects) {
        let message = "`intersects` and `bbox` are two forms of one condition".to_owned();
        cx.bad_value::<()>(&other.span, message, Some("give one of them".into()));
    }
    put("bbox", written.bbox.and_then(|b| cx.within("bbox", |cx| bbox(&b, &[4, 6], cx))).map(Value::from));
    put("intersects", written.intersects.map(|json| json.value));
    if let Some(datetime) = written.datetime {
        let (from, to) = dates(&datetime, cx)?;
        put("datetime", Some(joined(from, to).into()));
    }
    put("query", written.query.and_then(|query| object("query", query, cx)));
    if let Some(filter) = written.filter {
        let language = if filter.value.is_string() { "cql2-text" } else { "cql2-json" };
        put("filter-lang", Some(language.into()));
        put("filter", Some(filter.value));
    }
    let assets = written.asset.map_or_else(Vec::new, texts);
    Some(Stac { url: address(written.url?, cx)?, search: Value::Object(search).to_string(), assets })
}

fn object(name: &str, json: Json, cx: &mut Cx) -> Option<Value> {
    if json.value.is_object() {
        return Some(json.value);
    }
    let message = format!("`source.find.stac.{name}` takes a map of properties to conditions");
    let help = "for example `{eo:cloud_cover: {lt: 10}}`; CQL2 goes into `filter`".to_owned();
    cx.bad_value(&json.span, message, Some(help))
}

fn cmr(At { value: written, span }: At<CmrSearch>, cx: &mut Cx) -> Option<Cmr> {
    let mut parameters = Vec::new();
    let named = [
        ("short_name", written.short_name),
        ("version", written.version),
        ("collection_concept_id", written.concept_id),
        ("provider", written.provider),
    ];
    let known = |name: &str| named.iter().any(|(other, text)| *other == name && text.is_some());
    if !known("short_name") && !known("collection_concept_id") {
        let help = "for example `cmr: {short_name: MUR-JPL-L4-GLOB-v4.1}`";
        cx.missing_key(&span, "short_name", Some(help));
        return None;
    }
    parameters.extend(named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.value))));
    if let Some(temporal) = written.temporal {
        let (from, to) = dates(&temporal, cx)?;
        let text = |end: Option<String>| end.unwrap_or_default();
        parameters.push(("temporal".to_owned(), format!("{},{}", text(from), text(to))));
    }
    if let Some(numbers) = written.bounding_box {
        let numbers = cx.within("bounding_box", |cx| bbox(&numbers, &[4], cx))?;
        let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
        parameters.push(("bounding_box".to_owned(), numbers.join(",")));
    }
    let own = ["page_size", "page_num", "offset", "scroll", "search_after", "sort_key"];
    parameters.extend(further(written.parameters, &own, cx));
    let access = written
        .access
        .and_then(|text| cx.within("access", |cx| choice(&text, &["https", "s3"], "a kind of link", cx)));
    let access = if access == Some(1) { Access::S3 } else { Access::Https };
    let url = written.url.map_or_else(|| Some(CMR.to_owned()), |url| address(url, cx))?;
    Some(Cmr { url, parameters, access })
}

/// Parameters as they are handed on, without those that paging needs.
fn further(written: Option<Entries<Raw>>, own: &[&str], cx: &mut Cx) -> Vec<(String, String)> {
    let entries = written.map_or_else(Vec::new, |entries| entries.0);
    let mut parameters = Vec::new();
    for (name, value) in entries {
        refuse_own(&name, own, cx);
        parameters.push((name.value, value.text));
    }
    parameters
}

fn refuse_own(name: &Text, own: &[&str], cx: &mut Cx) {
    if own.contains(&name.value.as_str()) {
        let message = format!("`{}` is set by whoever turns the pages", name.value);
        cx.bad_value::<()>(&name.span, message, Some("leave it out".into()));
    }
}

fn thredds(written: ThreddsCatalog, cx: &mut Cx) -> Option<Thredds> {
    let service = written
        .service
        .and_then(|text| cx.within("service", |cx| choice(&text, &["http", "dap"], "a service", cx)));
    let service = if service == Some(1) { Service::Dap } else { Service::Http };
    let url = written.url?;
    if let Some(rest) = url.value.strip_suffix(".html") {
        let message = "the page for people was given, expected the catalog's XML".to_owned();
        return cx.bad_value(&url.span, message, Some(format!("write `{rest}.xml`")));
    }
    Some(Thredds { url: address(url, cx)?, follow: written.follow.map_or_else(Vec::new, texts), service })
}

fn esgf(At { value: written, span }: At<EsgfSearch>, cx: &mut Cx) -> Option<Esgf> {
    let own = ["limit", "offset", "type", "format", "fields", "latest", "shards"];
    let mut parameters = Vec::new();
    for (facet, values) in written.facets?.0 {
        refuse_own(&facet, &own, cx);
        let values: Vec<String> = values.0.into_iter().map(|value| value.text).collect();
        // several values of a facet are alternatives
        parameters.push((facet.value, values.join(",")));
    }
    if parameters.is_empty() {
        let message = "`source.find.esgf.facets` names no facet, which would be every file".to_owned();
        return cx.bad_value(&span, message, Some("for example `{project: CMIP6}`".into()));
    }
    let latest = written.latest.is_none_or(|Flag { value, .. }| value);
    parameters.push(("latest".to_owned(), latest.to_string()));
    let nodes = written.nodes.map_or_else(Vec::new, texts);
    Some(Esgf { url: address(written.url?, cx)?, parameters, nodes })
}

fn table(written: UrlTable, cx: &mut Cx) -> Option<Table> {
    let file = written.file?;
    if file.value.trim().is_empty() {
        return cx.bad_value(&file.span, "`source.find.table.file` is empty".into(), None);
    }
    let column = |text: Option<Text>| text.map(|text| text.value);
    let url = column(written.url).unwrap_or_else(|| "url".to_owned());
    Some(Table { file: file.value, url, checksum: column(written.checksum), size: column(written.size) })
}

fn texts(names: OneOrMany<Text>) -> Vec<String> {
    names.0.into_iter().map(|name| name.value).collect()
}

/// The address of a catalog: of the web, or a file.
fn address(url: Text, cx: &mut Cx) -> Option<String> {
    let scheme = url.value.split_once("://").map_or("file", |(scheme, _)| scheme);
    if !url.value.trim().is_empty() && ["https", "http", "file"].contains(&scheme) {
        return Some(url.value);
    }
    let message = format!("`{}` is no address of a catalog", shorten(&url.value));
    cx.bad_value(&url.span, message, Some("expected `https://…`, or a file".into()))
}

/// West, south, east, north; with heights between them where there may be six.
fn bbox(numbers: &[Real], counts: &[usize], cx: &mut Cx) -> Option<Vec<f64>> {
    let all: Vec<f64> = numbers.iter().map(|number| number.value).collect();
    let at: Span = numbers.first().map_or(0..0, |number| number.span.clone());
    let half = all.len() / 2;
    let latitudes = all.get(1).copied().zip(all.get(half + 1).copied());
    let problem = match latitudes {
        _ if !counts.contains(&all.len()) => {
            format!("has {} numbers, expected west, south, east, north", all.len())
        }
        _ if all.iter().any(|number| !number.is_finite()) => "takes finite numbers".to_owned(),
        Some((south, north)) if !(-90.0..=90.0).contains(&south) || !(-90.0..=90.0).contains(&north) => {
            "has a latitude beyond 90 degrees; the order is west, south, east, north".to_owned()
        }
        Some((south, north)) if south > north => "has its south end north of the north end".to_owned(),
        _ => return Some(all),
    };
    let message = format!("{} {problem}", cx.place());
    cx.bad_value(&at, message, None)
}

/// The first and the last instant of a date or a range of dates; open ends are `None`.
fn dates(text: &Text, cx: &mut Cx) -> Option<(Option<String>, Option<String>)> {
    let calendar = Calendar::ProlepticGregorian;
    let (from, to) = text.value.split_once('/').unwrap_or((&text.value, &text.value));
    let is_open = |end: &str| matches!(end.trim(), "" | "..");
    let first = |end: &str| DateTime::parse(end.trim(), calendar);
    let last = |end: &str| DateTime::parse_last(end.trim(), calendar);
    let mut read = |end: &str, read: &dyn Fn(&str) -> arcoforge_core::error::Result<DateTime>| {
        if is_open(end) {
            return Some(None);
        }
        match read(end) {
            Ok(date) => Some(Some(date)),
            Err(error) => {
                let help = error.help.map(|help| format!("{help}; a range has a slash between its ends"));
                cx.bad_value(&text.span, error.message, help)
            }
        }
    };
    let ends = (read(from, &first)?, read(to, &last)?);
    let problem = match &ends {
        (None, None) => "an open range has one end at least",
        (Some(from), Some(to)) if calendar.to_ns(to) < calendar.to_ns(from) => {
            "the range ends before it begins"
        }
        _ => return Some((ends.0.as_ref().map(rfc3339), ends.1.as_ref().map(rfc3339))),
    };
    cx.bad_value(&text.span, format!("`{}`: {problem}", shorten(&text.value)), None)
}

/// As RFC 3339 wants it, to the second.
fn rfc3339(date: &DateTime) -> String {
    let DateTime { year, month, day, hour, minute, second, .. } = date;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn joined(from: Option<String>, to: Option<String>) -> String {
    let end = |end: Option<String>| end.unwrap_or_else(|| "..".to_owned());
    if from == to { end(from) } else { format!("{}/{}", end(from), end(to)) }
}

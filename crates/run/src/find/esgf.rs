//! Files of the Earth System Grid Federation, by the search of an index node: Solr's JSON, pages by offset.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::Esgf;
use arcoforge_store::{Ask, redact};
use serde_json::Value;

use super::pages::{Pages, json, shrunk, with_parameters};
use super::record::{Fields, Record, checksum, keys, lookup, target};
use crate::session::Session;

/// Files of one page.
const LIMIT: &str = "1000";

/// How well a replica is liked, best first: its node's place in the list, an original, the node's name.
type Rank = (usize, bool, String);

/// Every file that a search finds, each once: of replicas the one of the node that is liked most.
pub(super) fn search(session: &Session<'_>, esgf: &Esgf, fields: &Fields) -> Result<Vec<Record>> {
    let mut pages = Pages::new(session);
    let mut chosen: BTreeMap<String, (Rank, Record)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut offset = 0_u64;
    loop {
        let url = page_url(esgf, offset);
        let page = pages.ask(&Ask { url: &url, ..Ask::default() })?;
        let answer = json(&page)?;
        let documents = answer.pointer("/response/docs").and_then(Value::as_array);
        let counted = answer.pointer("/response/numFound").and_then(Value::as_u64);
        let (Some(documents), Some(counted)) = (documents, counted) else {
            let message =
                "found JSON without `response.docs` and `response.numFound`, expected files of ESGF";
            let help = "check `source.find.esgf.url`: it ends with `/esg-search/search`";
            return Err(Error::new(Code::SourceFormat, message).at(redact(&url)).help(help));
        };
        let before = seen.len();
        for document in documents {
            let id = text(document, "id").unwrap_or_default();
            if !seen.insert(id.to_owned()) {
                continue;
            }
            let file = ["master_id", "instance_id", "id"].iter().find_map(|name| text(document, name));
            let rank = rank(document, &esgf.nodes);
            let better = chosen.get(file.unwrap_or(id)).is_none_or(|(known, _)| rank < *known);
            if better {
                let record = record(document, fields, &page.url)?;
                chosen.insert(file.unwrap_or(id).to_owned(), (rank, record));
            }
        }
        offset += documents.len() as u64;
        if offset >= counted {
            break;
        }
        if documents.is_empty() {
            return Err(shrunk(counted, offset, &url));
        }
        pages.brought(seen.len() - before, seen.len(), &url)?;
    }
    Ok(chosen.into_values().map(|(_, record)| record).collect())
}

fn page_url(esgf: &Esgf, offset: u64) -> String {
    let offset = offset.to_string();
    let parameters = esgf.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // without a list of nodes the original is taken, and only originals are asked for
    let originals = (esgf.nodes.is_empty() && !esgf.parameters.iter().any(|(name, _)| name == "replica"))
        .then_some(("replica", "false"));
    let own = [
        ("type", "File"),
        ("format", "application/solr+json"),
        ("limit", LIMIT),
        ("offset", offset.as_str()),
    ];
    with_parameters(&esgf.url, parameters.chain(originals).chain(own))
}

fn text<'d>(document: &'d Value, name: &str) -> Option<&'d str> {
    lookup(document, name)?.as_str()
}

fn rank(document: &Value, nodes: &[String]) -> Rank {
    let node = text(document, "data_node").unwrap_or_default();
    let place = nodes.iter().position(|other| other == node).unwrap_or(nodes.len());
    let replica = lookup(document, "replica").and_then(Value::as_bool).unwrap_or(false);
    (place, replica, node.to_owned())
}

fn record(document: &Value, fields: &Fields, base: &str) -> Result<Record> {
    let name = text(document, "title").or_else(|| text(document, "id")).unwrap_or("a file without a name");
    let urls: Vec<&str> =
        document["url"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let served = |service: &str| {
        urls.iter().find_map(|url| {
            let mut parts = url.split('|');
            let link = parts.next()?;
            (parts.next_back()? == service).then_some(link)
        })
    };
    let Some(link) = served("HTTPServer") else {
        let services: Vec<&str> = urls.iter().filter_map(|url| url.rsplit('|').next()).collect();
        let message = format!("the file `{name}` is served by {}, not over HTTP", services.join(", "));
        let help = "prefer another data node in `source.find.esgf.nodes`";
        return Err(Error::new(Code::SourceNotFound, message).help(help));
    };
    let sum = text(document, "checksum").and_then(|digits| {
        let kind = text(document, "checksum_type").unwrap_or_default();
        checksum(&format!("{kind}:{digits}")).or_else(|| checksum(digits))
    });
    Ok(Record {
        url: target(base, link)?,
        size: lookup(document, "size").and_then(Value::as_u64),
        modified_ns: text(document, "timestamp").and_then(super::instant),
        checksum: sum,
        keys: keys(fields, document, name)?,
    })
}

//! Datasets of THREDDS catalogs (client catalog specification 1.0): the catalogs that one refers to are followed.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::names::matches;
use arcoforge_core::pattern::{Service, Thredds};
use arcoforge_store::{Ask, redact, resolve};
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::json;

use super::pages::{Pages, host, is_web, next_url};
use super::record::{Fields, Record, keys, target};
use crate::pool;
use crate::session::{Event, Session};

/// Most catalogs that are followed.
const CATALOGS_MAX: usize = 50_000;
/// Most elements of one catalog.
const NODES_MAX: u32 = 5_000_000;
/// Most datasets within each other.
const DEPTH_MAX: usize = 128;

/// What one catalog says.
#[derive(Default)]
struct Read {
    records: Vec<Record>,
    /// Catalogs that it refers to.
    next: Vec<String>,
    /// Datasets that the service does not serve.
    unserved: Vec<String>,
    /// Catalogs of other hosts.
    elsewhere: Vec<String>,
}

/// Every dataset of a catalog that a service serves.
pub(super) fn search(session: &Session<'_>, thredds: &Thredds, fields: &Fields) -> Result<Vec<Record>> {
    let mut seen = BTreeSet::from([thredds.url.clone()]);
    let mut level = vec![thredds.url.clone()];
    let mut all = Read::default();
    while !level.is_empty() {
        let one = |(): &mut (), at: usize| {
            let url = level.get(at).map(String::as_str).unwrap_or_default();
            let page = Pages::new(session).ask(&Ask { url, ..Ask::default() })?;
            read(&page.text, url, thredds, fields).map_err(|e| e.at(redact(url)))
        };
        let threads = (session.options.connections as usize).max(1);
        let found = pool::map(threads, level.len(), true, || (), one).map_err(|errors| {
            errors.into_iter().next().unwrap_or_else(|| Error::new(Code::Bug, "no error"))
        })?;
        level = Vec::new();
        for read in found {
            all.records.extend(read.records);
            all.unserved.extend(read.unserved);
            all.elsewhere.extend(read.elsewhere);
            level.extend(read.next.into_iter().filter(|url| seen.insert(url.clone())));
        }
        if seen.len() > CATALOGS_MAX {
            let message = format!("the catalog refers to more than {CATALOGS_MAX} others");
            let help = "begin further below, or name those to follow in `source.find.thredds.follow`";
            return Err(Error::new(Code::SourceLimit, message).at(redact(&thredds.url)).help(help));
        }
    }
    tell(session, thredds, &all);
    Ok(all.records)
}

/// What is left out is said.
fn tell(session: &Session<'_>, thredds: &Thredds, all: &Read) {
    let service = type_of(thredds.service);
    for (names, what) in [
        (&all.unserved, format!("of the catalog's datasets are not served by {service}")),
        (&all.elsewhere, "catalogs of other hosts are not followed".to_owned()),
    ] {
        if let Some(first) = names.first() {
            session.tell(&Event::Warning(format!("{} {what}, such as `{first}`", names.len())));
        }
    }
}

const fn type_of(service: Service) -> &'static str {
    match service {
        Service::Http => "HTTPServer",
        Service::Dap => "OPENDAP",
    }
}

fn read(text: &str, url: &str, thredds: &Thredds, fields: &Fields) -> Result<Read> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|e| {
        let help = "the address of a catalog for programs ends with `catalog.xml`";
        Error::new(Code::SourceFormat, "found a page that is no XML, expected a THREDDS catalog")
            .caused_by(e)
            .help(help)
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "catalog" {
        let message = format!("found XML of `{}`, expected a THREDDS catalog", root.tag_name().name());
        return Err(Error::new(Code::SourceFormat, message));
    }
    let mut services = BTreeMap::new();
    services_of(root, 0, &mut services);
    let mut walk = Walk { url, thredds, fields, services, read: Read::default() };
    walk.below(root, None, 0)?;
    Ok(walk.read)
}

/// Name → what is served by it: type and base, those of compound services included.
type Services<'x> = BTreeMap<&'x str, Vec<(&'x str, &'x str)>>;

fn services_of<'x>(node: Node<'x, '_>, depth: usize, all: &mut Services<'x>) -> Vec<(&'x str, &'x str)> {
    let mut own = Vec::new();
    for service in node.children().filter(|child| child.has_tag_name_local("service") && depth < DEPTH_MAX) {
        let attribute = |name: &str| service.attribute(name).unwrap_or_default();
        let mut served = vec![(attribute("serviceType"), attribute("base"))];
        served.extend(services_of(service, depth + 1, all));
        all.insert(attribute("name"), served.clone());
        own.extend(served);
    }
    own
}

struct Walk<'x> {
    url: &'x str,
    thredds: &'x Thredds,
    fields: &'x Fields,
    services: Services<'x>,
    read: Read,
}

impl<'x> Walk<'x> {
    /// What lies in a catalog or a dataset; `inherited` is the name of the service that it says for those.
    fn below(&mut self, node: Node<'x, '_>, inherited: Option<&'x str>, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::new(
                Code::SourceLimit,
                format!("more than {DEPTH_MAX} datasets lie within each other"),
            ));
        }
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "dataset" => self.dataset(child, inherited, depth)?,
                "catalogRef" => self.reference(child)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn dataset(&mut self, node: Node<'x, '_>, inherited: Option<&'x str>, depth: usize) -> Result<()> {
        let of = |node: Node<'x, '_>| {
            let element = node.children().find(|child| child.has_tag_name_local("serviceName"));
            element.and_then(|name| name.text()).map(str::trim)
        };
        let metadata = node.children().filter(|child| child.has_tag_name_local("metadata"));
        let (mut own, mut handed) = (of(node).or_else(|| node.attribute("serviceName")), inherited);
        for metadata in metadata {
            if metadata.attribute("inherited") == Some("true") {
                handed = of(metadata).or(handed);
            }
            own = own.or_else(|| of(metadata));
        }
        self.leaf(node, own.or(handed))?;
        self.below(node, handed, depth + 1)
    }

    /// The file that a dataset is, if it is one.
    fn leaf(&mut self, node: Node<'x, '_>, service: Option<&'x str>) -> Result<()> {
        let mut paths: Vec<(Option<&str>, &str)> =
            node.attribute("urlPath").map(|path| (service, path)).into_iter().collect();
        for access in node.children().filter(|child| child.has_tag_name_local("access")) {
            paths.extend(
                access.attribute("urlPath").map(|path| (access.attribute("serviceName").or(service), path)),
            );
        }
        if paths.is_empty() {
            return Ok(());
        }
        let name = node.attribute("name").unwrap_or_default();
        let wanted = type_of(self.thredds.service);
        let served = paths.iter().find_map(|(service, path)| {
            let all = self.services.get((*service)?)?;
            let (_, base) = all.iter().find(|(kind, _)| kind.eq_ignore_ascii_case(wanted))?;
            Some((*base, *path))
        });
        let Some((base, path)) = served else {
            self.read.unserved.push(name.to_owned());
            return Ok(());
        };
        let url = target(self.url, &format!("{base}{}", escaped(path)))?;
        let record = json!({"name": name, "id": node.attribute("ID"), "path": path});
        let modified =
            node.children().find(|c| c.has_tag_name_local("date") && c.attribute("type") == Some("modified"));
        let modified_ns = modified.and_then(|date| date.text()).and_then(super::instant);
        let keys = keys(self.fields, &record, name)?;
        self.read.records.push(Record { url, modified_ns, keys, ..Record::default() });
        Ok(())
    }

    fn reference(&mut self, node: Node<'x, '_>) -> Result<()> {
        let link = |name: &str| node.attributes().find(|a| a.name() == name).map(|a| a.value());
        let Some(href) = link("href") else { return Ok(()) };
        let names = [link("title"), link("name"), link("ID"), Some(href), folder_of(href)];
        let follow = &self.thredds.follow;
        let is_meant = |pattern: &String| names.into_iter().flatten().any(|name| matches(pattern, name));
        if !follow.is_empty() && !follow.iter().any(is_meant) {
            return Ok(());
        }
        // a relative one is of this host, whatever it is
        let absolute = if is_web(self.url) { resolve(self.url, href) } else { None };
        match absolute.filter(|url| host(url) != host(self.url)) {
            Some(other) => self.read.elsewhere.push(redact(&other)),
            None => self.read.next.push(next_url(self.url, href)?),
        }
        Ok(())
    }
}

/// `2020` of `2020/catalog.xml`.
fn folder_of(href: &str) -> Option<&str> {
    href.rsplit_once('/')?.0.rsplit('/').next()
}

/// A path of a catalog, which is written without escapes, in a URL.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('#', "%23").replace('?', "%3F")
}

/// Names of elements without their namespace: 0.6 and 1.0 differ in it.
trait Local {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl Local for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_inherited() {
        let text = r#"<?xml version="1.0"?>
<catalog xmlns="http://www.unidata.ucar.edu/namespaces/thredds/InvCatalog/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink">
 <service name="all" serviceType="Compound" base="">
  <service name="odap" serviceType="OpenDAP" base="/thredds/dodsC/"/>
  <service name="http" serviceType="HTTPServer" base="/thredds/fileServer/"/>
 </service>
 <service name="dap" serviceType="OPENDAP" base="/thredds/dodsC/"/>
 <dataset name="all"><metadata inherited="true"><serviceName>all</serviceName></metadata>
  <dataset name="a b.nc" urlPath="x/a b#1.nc"><date type="modified">2020-01-02T00:00:00Z</date></dataset>
  <dataset name="best" urlPath="x/best"><serviceName>dap</serviceName></dataset>
  <dataset name="c.nc"><access serviceName="http" urlPath="c.nc"/></dataset>
 </dataset>
 <dataset name="alone.nc" urlPath="alone.nc" serviceName="http"/>
 <catalogRef xlink:href="2020/catalog.xml" xlink:title="Year 2020"/>
 <catalogRef xlink:href="/thredds/2021/catalog.xml" xlink:title="Year 2021"/>
 <catalogRef xlink:href="https://other.org/catalog.xml" xlink:title="Year 2020 elsewhere"/>
</catalog>"#;
        for (service, follow, expected) in [
            (
                Service::Http,
                vec!["*2020*".to_owned()],
                "https://h/thredds/fileServer/x/a b%231.nc https://h/thredds/fileServer/c.nc \
                 https://h/thredds/fileServer/alone.nc | https://h/thredds/catalog/2020/catalog.xml | best | \
                 https://other.org/catalog.xml",
            ),
            (
                Service::Dap,
                vec!["2021".to_owned()],
                "https://h/thredds/dodsC/x/a b%231.nc https://h/thredds/dodsC/x/best | \
                 https://h/thredds/2021/catalog.xml | c.nc alone.nc | ",
            ),
        ] {
            let url = "https://h/thredds/catalog/catalog.xml";
            let thredds = Thredds { url: url.to_owned(), follow, service };
            let found = read(text, url, &thredds, &Fields::new()).unwrap();
            let urls: Vec<&str> = found.records.iter().map(|record| record.url.as_str()).collect();
            let parts =
                [urls.join(" "), found.next.join(" "), found.unserved.join(" "), found.elsewhere.join(" ")];
            assert_eq!(parts.join(" | "), expected);
        }
    }
}

//! The groups and arrays of a store: from consolidated metadata where there is any, else from its directories.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::Format;
use arcoforge_store::Keyed;
use serde_json::{Map, Value};

use super::dims::join;
use super::files;
use super::json;

/// No store is walked deeper.
const DEPTH_MAX: usize = 32;
/// No more groups and arrays are read.
const NODES_MAX: usize = 100_000;

/// The metadata documents of a store.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nodes {
    pub(super) format: Format,
    /// In the order of consolidated metadata, else by path. The root has the empty path.
    pub(super) nodes: Vec<(String, Node)>,
}

/// A group or an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The array's metadata; `None` for a group.
    pub(super) array: Option<Value>,
    pub(super) attrs: Map<String, Value>,
}

/// Reads all metadata of a store.
pub(super) fn read(store: &dyn Keyed) -> Result<Nodes> {
    if let Some(document) = files::json(store, "zarr.json")? {
        let nodes = match consolidated_v3(&document) {
            Some(consolidated) => {
                let mut nodes = vec![(String::new(), node_v3(document.clone()))];
                nodes.extend(
                    consolidated.iter().map(|(path, document)| (path.clone(), node_v3(document.clone()))),
                );
                nodes
            }
            None => walk(store, &|path| Ok(files::json(store, &join(path, "zarr.json"))?.map(node_v3)))?,
        };
        return checked(Format::Zarr3, nodes);
    }
    let consolidated = files::json(store, ".zmetadata")?;
    let nodes = match consolidated.as_ref().and_then(|document| json::object(document, "metadata")) {
        Some(documents) => consolidated_v2(documents),
        None => walk(store, &|path| node_v2(store, path))?,
    };
    if nodes.is_empty() {
        return Err(not_a_store());
    }
    checked(Format::Zarr2, nodes)
}

fn not_a_store() -> Error {
    let message = "found a store without `zarr.json`, `.zgroup` or `.zarray`, expected that of a Zarr store";
    Error::new(Code::SourceFormat, message)
}

/// Refuses paths that lead out of the store, and names that occur twice.
fn checked(format: Format, nodes: Vec<(String, Node)>) -> Result<Nodes> {
    let mut seen = BTreeSet::new();
    for (path, _) in &nodes {
        let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(['\0', '\\']);
        if (!path.is_empty() && path.split('/').any(bad)) || !seen.insert(path.as_str()) {
            let message = format!(
                "the metadata names the group or array `{path}`, which is no valid path or occurs twice"
            );
            return Err(Error::new(Code::SourceCorrupt, message));
        }
    }
    Ok(Nodes { format, nodes })
}

fn consolidated_v3(document: &Value) -> Option<&Map<String, Value>> {
    json::object(json::get(document, "consolidated_metadata")?, "metadata")
}

fn node_v3(document: Value) -> Node {
    let attrs = json::object(&document, "attributes").cloned().unwrap_or_default();
    let is_array = json::text(&document, "node_type") == Some("array");
    Node { array: is_array.then_some(document), attrs }
}

fn node_v2(store: &dyn Keyed, path: &str) -> Result<Option<Node>> {
    let document = |name| files::json(store, &join(path, name));
    let array = document(".zarray")?;
    if array.is_none() && document(".zgroup")?.is_none() {
        return Ok(None);
    }
    let attrs = match document(".zattrs")? {
        Some(Value::Object(attrs)) => attrs,
        _ => Map::new(),
    };
    Ok(Some(Node { array, attrs }))
}

/// Keys are `PATH/.zarray`, `PATH/.zgroup`, `PATH/.zattrs`, in any order.
fn consolidated_v2(documents: &Map<String, Value>) -> Vec<(String, Node)> {
    let mut order = Vec::new();
    let mut nodes: BTreeMap<&str, Node> = BTreeMap::new();
    for (key, document) in documents {
        let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
        if ![".zarray", ".zgroup", ".zattrs"].contains(&name) {
            continue;
        }
        let node = nodes.entry(path).or_insert_with(|| {
            order.push(path);
            Node { array: None, attrs: Map::new() }
        });
        match (name, document) {
            (".zarray", array) => node.array = Some(array.clone()),
            (".zattrs", Value::Object(attrs)) => node.attrs = attrs.clone(),
            _ => {}
        }
    }
    order.into_iter().filter_map(|path| nodes.remove(path).map(|node| (path.to_owned(), node))).collect()
}

/// Walks directories in the order of their names. What lies below an array is not looked at.
fn walk(store: &dyn Keyed, read: &dyn Fn(&str) -> Result<Option<Node>>) -> Result<Vec<(String, Node)>> {
    let mut nodes = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((path, depth)) = open.pop() {
        let Some(node) = read(&path)? else { continue };
        let is_group = node.array.is_none();
        if is_group && depth < DEPTH_MAX {
            let below = store.folders(&path)?;
            open.extend(below.into_iter().rev().map(|name| (join(&path, &name), depth + 1)));
        }
        nodes.push((path, node));
        if nodes.len() > NODES_MAX {
            let message = format!("the store has more than {NODES_MAX} groups and arrays");
            return Err(Error::new(Code::SourceLimit, message));
        }
    }
    Ok(nodes)
}

//! The objects of a file: groups, datasets, and the links between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::schema::Unreadable;
use hdf5_reader::btree_v1;
use hdf5_reader::btree_v2::BTreeV2Record;
use hdf5_reader::io::Cursor;
use hdf5_reader::local_heap::LocalHeap;
use hdf5_reader::messages::link::{self, LinkMessage, LinkTarget};
use hdf5_reader::messages::{link_info, symbol_table_msg};
use hdf5_reader::symbol_table::SymbolTableNode;

use super::dense::Dense;
use super::fault::{Parsed, corrupt};
use super::file::File;
use super::header::{Header, kind, read_header};

/// Deepest nesting of groups.
const DEPTH_MAX: usize = 64;
/// Most objects of one file.
const OBJECTS_MAX: usize = 1 << 20;
/// Most groups: hard links that meet again double them at every level.
const GROUPS_MAX: usize = 1 << 16;
/// Most soft links followed for one name.
const HOPS_MAX: usize = 16;

/// A group or dataset with its path (no leading slash; the root's is empty).
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) path: String,
    pub(super) address: u64,
    pub(super) header: Arc<Header>,
}

/// Everything that is linked from the root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The root first, parents before children.
    pub(super) groups: Vec<Object>,
    /// A group's own before those of the groups in it.
    pub(super) datasets: Vec<Object>,
    /// Links that lead nowhere in this file.
    pub(super) unreadable: Vec<Unreadable>,
}

/// Walks the file from its root.
pub(super) fn walk(file: &File) -> Parsed<Tree> {
    let mut walker = Walker { file, tree: Tree::default(), headers: BTreeMap::new(), links: BTreeMap::new() };
    let root = Object { path: String::new(), address: file.root, header: walker.header(file.root)? };
    walker.group(root, &mut Vec::new())?;
    Ok(walker.tree)
}

/// The path of a child.
pub(super) fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

struct Walker<'a> {
    file: &'a File,
    tree: Tree,
    headers: BTreeMap<u64, Arc<Header>>,
    links: BTreeMap<u64, Arc<Vec<LinkMessage>>>,
}

impl Walker<'_> {
    fn header(&mut self, address: u64) -> Parsed<Arc<Header>> {
        if let Some(header) = self.headers.get(&address) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(read_header(self.file, address)?);
        self.headers.insert(address, Arc::clone(&header));
        Ok(header)
    }

    fn links(&mut self, address: u64) -> Parsed<Arc<Vec<LinkMessage>>> {
        if let Some(links) = self.links.get(&address) {
            return Ok(Arc::clone(links));
        }
        let header = self.header(address)?;
        let links = Arc::new(links_of(self.file, &header)?);
        self.links.insert(address, Arc::clone(&links));
        Ok(links)
    }

    fn group(&mut self, group: Object, above: &mut Vec<u64>) -> Parsed<()> {
        let links = self.links(group.address)?;
        let (path, address) = (group.path.clone(), group.address);
        self.tree.groups.push(group);
        above.push(address);
        let mut children = Vec::new();
        for link in links.iter() {
            let child = join(&path, &link.name);
            match self.target(address, &link.target)? {
                Ok(target) => self.object(child, target, above, &mut children)?,
                Err(reason) => self.tree.unreadable.push(Unreadable { name: child, reason }),
            }
        }
        for child in children {
            self.group(child, above)?;
        }
        above.pop();
        Ok(())
    }

    /// Files a child away; groups are walked after the datasets beside them.
    fn object(&mut self, path: String, address: u64, above: &[u64], groups: &mut Vec<Object>) -> Parsed<()> {
        if self.tree.groups.len() + self.tree.datasets.len() > OBJECTS_MAX {
            return corrupt(format!("more than {OBJECTS_MAX} objects are linked"));
        }
        if self.tree.groups.len() + groups.len() > GROUPS_MAX {
            return corrupt(format!("more than {GROUPS_MAX} groups are linked, at `{path}`"));
        }
        let header = match self.header(address) {
            Ok(header) => header,
            Err(fault) => {
                let reason = fault.unsupported().map_err(|error| error.in_variable(&path))?;
                self.tree.unreadable.push(Unreadable { name: path, reason });
                return Ok(());
            }
        };
        if header.is_dataset() {
            self.tree.datasets.push(Object { path, address, header });
        } else if header.is_group() {
            if above.contains(&address) {
                let reason = "is a link back to a group above it".to_owned();
                self.tree.unreadable.push(Unreadable { name: path, reason });
            } else if above.len() >= DEPTH_MAX {
                return corrupt(format!("groups are nested more than {DEPTH_MAX} deep at `{path}`"));
            } else {
                groups.push(Object { path, address, header });
            }
        }
        Ok(())
    }

    /// The address that a link leads to, or why it leads nowhere in this file.
    fn target(&mut self, group: u64, target: &LinkTarget) -> Parsed<Result<u64, String>> {
        match target {
            LinkTarget::Hard { address } => Ok(Ok(*address)),
            LinkTarget::External { filename, path } => {
                Ok(Err(format!("is a link to `{path}` in another file, `{filename}`")))
            }
            LinkTarget::Soft { path } => {
                let mut hops = 0;
                Ok(self
                    .resolve(group, path, &mut hops)?
                    .ok_or_else(|| format!("is a link to `{path}`, not found")))
            }
        }
    }

    /// Follows a path from a group; `None` where it leads nowhere in this file.
    fn resolve(&mut self, group: u64, path: &str, hops: &mut usize) -> Parsed<Option<u64>> {
        *hops += 1;
        if *hops > HOPS_MAX {
            return Ok(None);
        }
        let mut at = if path.starts_with('/') { self.file.root } else { group };
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let links = self.links(at)?;
            let Some(link) = links.iter().find(|link| link.name == part) else { return Ok(None) };
            let next = match &link.target {
                LinkTarget::Hard { address } => Some(*address),
                LinkTarget::Soft { path } => self.resolve(at, path, hops)?,
                LinkTarget::External { .. } => None,
            };
            match next {
                Some(address) => at = address,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// The links of a group, in creation order where the file tracks it, else by name.
fn links_of(file: &File, header: &Header) -> Parsed<Vec<LinkMessage>> {
    if let Some(message) = header.get(kind::SYMBOL_TABLE) {
        return symbol_table(file, &message.data);
    }
    let mut links = Vec::new();
    for message in header.messages.iter().filter(|m| m.kind == kind::LINK) {
        links.push(parse_link(file, &message.payload(file)?)?);
    }
    if let Some(message) = header.get(kind::LINK_INFO) {
        let mut cursor = Cursor::new(&message.data);
        let info = link_info::parse(&mut cursor, file.offset_size, file.length_size, message.data.len())?;
        dense_links(file, &info, &mut links)?;
    }
    links.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    if links.iter().all(|link| link.creation_order.is_some()) {
        links.sort_by_key(|link| link.creation_order);
    }
    Ok(links)
}

fn parse_link(file: &File, bytes: &[u8]) -> Parsed<LinkMessage> {
    Ok(link::parse(&mut Cursor::new(bytes), file.offset_size, file.length_size, bytes.len())?)
}

fn dense_links(file: &File, info: &link_info::LinkInfoMessage, links: &mut Vec<LinkMessage>) -> Parsed<()> {
    let Some(dense) = Dense::read(file, info.fractal_heap_address, info.btree_name_index_address)? else {
        return Ok(());
    };
    for record in &dense.records {
        let BTreeV2Record::LinkNameHash { heap_id, .. } = record else {
            return corrupt("index of links holds records of another type");
        };
        links.push(parse_link(file, &dense.object(heap_id)?)?);
    }
    Ok(())
}

/// The links of a group of the old style: a B-tree of symbol table nodes, names in a local heap.
fn symbol_table(file: &File, message: &[u8]) -> Parsed<Vec<LinkMessage>> {
    let (storage, offsets, lengths) = (file.storage(), file.offset_size, file.length_size);
    let table = symbol_table_msg::parse(&mut Cursor::new(message), offsets, lengths, message.len())?;
    let heap = LocalHeap::parse_at_storage(storage, table.heap_address, offsets, lengths)?;
    let leaves = btree_v1::collect_btree_v1_leaves_storage(
        storage,
        table.btree_address,
        offsets,
        lengths,
        None,
        &[],
        None,
    )?;
    let mut links = Vec::new();
    for (_, address) in leaves {
        let prefix = storage.read_range(address, 8)?;
        let count = prefix.get(6..8).map_or(0, |b| b.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b)));
        let bytes = storage.read_range(address, 8 + count * (2 * usize::from(offsets) + 24))?;
        let node = SymbolTableNode::parse(&mut Cursor::new(bytes.as_ref()), offsets, lengths)?;
        for entry in node.entries {
            let name = heap.get_string_storage(entry.link_name_offset, storage)?;
            let target = if entry.cache_type == 2 {
                let [a, b, c, d, ..] = entry.scratch;
                let path = heap.get_string_storage(u64::from(u32::from_le_bytes([a, b, c, d])), storage)?;
                LinkTarget::Soft { path }
            } else {
                LinkTarget::Hard { address: entry.object_header_address }
            };
            links.push(LinkMessage { name, target, creation_order: None });
        }
    }
    Ok(links)
}

//! Zarr stores of version 2 and 3, wherever their objects lie: in a folder, on a server, behind references.
//!
//! Metadata is taken from the consolidated document where there is one. An array that uses what this reader does not
//! know (a codec, a data type, an extension) is listed as unreadable, by name and with the reason.

mod attrs;
mod cells;
mod dims;
mod element;
mod files;
mod json;
mod load;
mod meta;
mod nodes;
mod refs;
mod v2;
mod v3;
mod vlen;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable, Variable};
use arcoforge_store::Keyed;

use self::dims::Named;
use self::meta::ArrayMeta;
use crate::Reader;

/// An open Zarr store.
#[derive(Debug)]
pub struct ZarrReader {
    url: String,
    format: Format,
    schema: Schema,
    store: Arc<dyn Keyed>,
    /// By name: the path in the store, which is another for an array that is a store of its own.
    arrays: BTreeMap<String, (String, ArrayMeta)>,
}

/// Reads all metadata of the store in a local folder; no chunk is touched.
///
/// # Errors
/// As of [`crate::open_store`].
pub fn open(root: &Path) -> Result<ZarrReader> {
    let url = root.display().to_string();
    if root.is_dir() {
        return open_keyed(arcoforge_store::folder(root), &url);
    }
    Err(match root.exists() {
        true => Error::new(Code::SourceFormat, "found a file, expected the directory of a Zarr store"),
        false => Error::new(Code::SourceNotFound, "found no such directory"),
    }
    .at(url))
}

/// The same of a store wherever it lies; `url` stands for it in messages.
///
/// # Errors
/// As of [`crate::open_store`], and those of the store.
pub fn open_keyed(store: Arc<dyn Keyed>, url: &str) -> Result<ZarrReader> {
    let nodes = nodes::read(&*store).map_err(|e| e.at(url))?;
    let mut schema = Schema::default();
    let mut found: Vec<(String, String, ArrayMeta)> = Vec::new();
    for (path, node) in nodes.nodes {
        let Some(array) = &node.array else {
            let attrs = attrs::attrs(Some(&node.attrs), &[]);
            match path.is_empty() {
                true => schema.attrs = attrs,
                false => schema.groups.push((path, attrs)),
            }
            continue;
        };
        let name = if path.is_empty() { root_name(url) } else { path.clone() };
        let meta = match nodes.format {
            Format::Zarr2 => v2::array(array, Some(&node.attrs)),
            _ => v3::array(array),
        };
        match meta {
            Ok(meta) => found.push((name, path, meta)),
            Err(reason) => schema.unreadable.push(Unreadable { name, reason }),
        }
    }
    schema.groups.sort_by(|a, b| a.0.cmp(&b.0));
    let named: Vec<Named<'_>> = found.iter().map(|(path, _, meta)| named(path, meta)).collect();
    for ((path, _, meta), own) in found.iter().zip(&named) {
        let dims = dims::resolve(own, &named);
        match dims.iter().enumerate().find(|(at, dim)| dims.iter().take(*at).any(|d| d == *dim)) {
            Some((_, dim)) => {
                let reason = format!("it has the dimension `{dim}` twice, which a dataset can't hold");
                schema.unreadable.push(Unreadable { name: path.clone(), reason });
            }
            None => schema.variables.push(Arc::new(variable(path, dims, meta))),
        }
    }
    let arrays = found.into_iter().map(|(name, path, meta)| (name, (path, meta))).collect();
    Ok(ZarrReader { url: url.to_owned(), store, format: nodes.format, schema, arrays })
}

/// The name of an array that is a store of its own: the last part of its path, without `.zarr`.
fn root_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".zarr").unwrap_or(name);
    if name.is_empty() || name == "." || name == ".." { "array".to_owned() } else { name.to_owned() }
}

fn named<'a>(path: &'a str, meta: &'a ArrayMeta) -> Named<'a> {
    let dims = match &meta.dims {
        Some(dims) => dims.iter().map(Option::as_deref).collect(),
        None => vec![None; meta.shape.len()],
    };
    Named { path, dims, shape: &meta.shape }
}

fn variable(path: &str, dims: Vec<String>, meta: &ArrayMeta) -> Variable {
    let storage = match meta.element {
        element::Element::Number(_) => Storage::Chunks {
            chunk: meta.chunk.clone(),
            encoding: meta.encoding.clone(),
            unwritten: meta.unwritten.0.clone(),
            chunked: true,
        },
        _ => Storage::Whole,
    };
    Variable {
        name: path.to_owned(),
        dims,
        shape: meta.shape.clone(),
        dtype: meta.element.dtype(),
        attrs: meta.attrs.clone(),
        fill: meta.fill.clone(),
        storage,
    }
}

impl ZarrReader {
    /// The path of an array in the store, and what its metadata says.
    fn array(&self, variable: &str) -> Result<&(String, ArrayMeta)> {
        let known = self.schema.variable(variable).and_then(|_| self.arrays.get(variable));
        known.ok_or_else(|| crate::no_variable(variable, &self.schema))
    }

    /// The shape of a variable's chunks, and of its shards if it has any. Texts have them too.
    pub fn chunks(&self, variable: &str) -> Option<(&[u64], Option<&[u64]>)> {
        let (_, meta) = self.arrays.get(variable)?;
        Some((&meta.chunk, meta.shard.map(|_| meta.outer.as_slice())))
    }
}

impl Reader for ZarrReader {
    fn format(&self) -> Format {
        self.format
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        let place = |e: Error| e.in_variable(variable).at(&self.url);
        let (path, array) = self.array(variable).map_err(place)?;
        refs::all(&*self.store, array, path).map_err(place)
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        let place = |e: Error| e.in_variable(variable).at(&self.url);
        let (path, array) = self.array(variable).map_err(place)?;
        crate::check_region(region, &array.shape).map_err(place)?;
        load::region(&*self.store, array, path, region).map_err(place)
    }
}

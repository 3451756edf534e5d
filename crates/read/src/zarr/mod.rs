//! Zarr stores of version 2 and 3 in local directories, for `verify`, `inspect` and updates.
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
mod v2;
mod v3;
mod vlen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable, Variable};

use self::dims::Named;
use self::meta::ArrayMeta;
use crate::Reader;

/// An open Zarr store.
#[derive(Debug)]
pub struct ZarrReader {
    url: String,
    format: Format,
    schema: Schema,
    arrays: BTreeMap<String, (PathBuf, ArrayMeta)>,
}

/// Reads all metadata of a store; no chunk is touched.
///
/// # Errors
/// As of [`crate::open_store`].
pub fn open(root: &Path) -> Result<ZarrReader> {
    let url = root.display().to_string();
    let nodes = nodes::read(root).map_err(|e| e.at(&url))?;
    let mut schema = Schema::default();
    let mut found: Vec<(String, PathBuf, ArrayMeta)> = Vec::new();
    for (path, node) in nodes.nodes {
        let Some(array) = &node.array else {
            let attrs = attrs::attrs(Some(&node.attrs), &[]);
            match path.is_empty() {
                true => schema.attrs = attrs,
                false => schema.groups.push((path, attrs)),
            }
            continue;
        };
        let name = if path.is_empty() { root_name(root) } else { path.clone() };
        let meta = match nodes.format {
            Format::Zarr2 => v2::array(array, Some(&node.attrs)),
            _ => v3::array(array),
        };
        match meta {
            Ok(meta) => found.push((name, root.join(&path), meta)),
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
    let arrays = found.into_iter().map(|(path, directory, meta)| (path, (directory, meta))).collect();
    Ok(ZarrReader { url, format: nodes.format, schema, arrays })
}

/// The name of an array that is a store of its own: the directory's, without `.zarr`.
fn root_name(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".zarr").unwrap_or(&name);
    if name.is_empty() { "array".to_owned() } else { name.to_owned() }
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
        let message =
            "chunks of a Zarr store are objects of their own, expected one file that holds them all";
        Err(Error::new(Code::SourceUnsupported, message).in_variable(variable).at(&self.url))
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        let place = |e: Error| e.in_variable(variable).at(&self.url);
        let known = self.schema.variable(variable).and_then(|_| self.arrays.get(variable));
        let (directory, array) = known.ok_or_else(|| place(crate::no_variable(variable, &self.schema)))?;
        crate::check_region(region, &array.shape).map_err(place)?;
        load::region(array, directory, region).map_err(place)
    }
}

//! GRIB, editions 1 and 2 (WMO FM 92): a file of messages as variables.
//!
//! Headers are read by ranges, values only when they are asked for: a field is one chunk, whose only codec is
//! [`Codec::Grib`](arcoforge_core::codec::Codec::Grib). Names, coordinates and attributes are those that cfgrib gives;
//! docs/design/0018-grib.md says where they differ, and what becomes of fields that make no hypercube together.

mod attrs;
mod concepts;
mod cubes;
mod families;
mod far;
mod grid;
mod hints;
mod index;
mod keys;
mod names;
mod product;
mod tables;
mod time;
mod values;
mod variables;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable};
use arcoforge_store::object::read_range;
use arcoforge_store::{Buffered, Object};

use self::cubes::{Cubes, cubes};
use self::index::{Field, Index};
use self::variables::{Source, global, variables};
use crate::Reader;

/// An open GRIB file.
#[derive(Debug)]
pub struct GribReader {
    object: Arc<Buffered>,
    format: Format,
    schema: Schema,
    index: Index,
    cubes: Cubes,
    sources: BTreeMap<String, Source>,
}

/// Reads the headers of all messages of a file.
///
/// # Errors
/// [`Code::SourceCorrupt`] with the message's number where one is cut off or damaged, [`Code::SourceFormat`] where there
/// is none. Fields that can't be read are in the schema's `unreadable`, by the names of their variables.
pub fn open(object: Arc<dyn Object>) -> Result<GribReader> {
    let object = Arc::new(Buffered::new(object));
    let url = object.url().to_owned();
    let index = Index::read(&object).map_err(|e| e.at(&url))?;
    let mut failed = None;
    let cubes = cubes(&index, |a, b| {
        let field = |n: u32| index.fields.get(n as usize);
        match (field(a), field(b)) {
            (Some(a), Some(b)) => same(&object, a, b).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                false
            }),
            _ => false,
        }
    });
    if let Some(error) = failed {
        return Err(error.at(&url));
    }
    let mut schema = Schema { attrs: global(&index), ..Schema::default() };
    let mut sources = BTreeMap::new();
    for (variable, source) in variables(&index, &cubes).all {
        sources.insert(variable.name.clone(), source);
        schema.variables.push(Arc::new(variable));
    }
    let refused = index.refused.iter().chain(cubes.refused.iter().map(|(name, reason)| (name, reason)));
    let mut unreadable: Vec<Unreadable> =
        refused.map(|(name, reason)| Unreadable { name: name.clone(), reason: reason.clone() }).collect();
    for one in &mut unreadable {
        // a variable of which some fields are read keeps its name
        if schema.variable(&one.name).is_some() {
            one.name = format!("{}_unreadable", one.name);
        }
    }
    schema.unreadable = unreadable;
    object.clear();
    let format = if index.second_edition { Format::Grib2 } else { Format::Grib1 };
    Ok(GribReader { object, format, schema, index, cubes, sources })
}

/// Whether two fields have the same bytes.
fn same(object: &Buffered, a: &Field, b: &Field) -> Result<bool> {
    if a.bytes != b.bytes {
        return Ok(false);
    }
    let bytes = |field: &Field| read_range(object, field.offset..field.offset + field.bytes);
    Ok(bytes(a)? == bytes(b)?)
}

impl GribReader {
    fn source(&self, variable: &str) -> Result<&Source> {
        let source = self.sources.get(variable);
        source.ok_or_else(|| crate::no_variable(variable, &self.schema).at(self.object.url()))
    }
}

impl Reader for GribReader {
    fn format(&self) -> Format {
        self.format
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn remark(&self) -> Option<&str> {
        self.index.remark.as_deref()
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        match self.source(variable)? {
            Source::Numbers(bytes) => Ok(vec![ChunkRef::Inline(Arc::clone(bytes))]),
            Source::Fields(number) => {
                let fields = self.cubes.cubes.get(*number).map(|cube| cube.fields().collect::<Vec<_>>());
                let reference =
                    |field: Option<u32>| match field.and_then(|n| self.index.fields.get(n as usize)) {
                        Some(field) => {
                            ChunkRef::Stored { offset: field.offset, bytes: field.bytes, filter_mask: 0 }
                        }
                        None => ChunkRef::Unallocated,
                    };
                Ok(fields.unwrap_or_default().into_iter().map(reference).collect())
            }
            Source::Grid(..) => {
                let error = Error::new(Code::Bug, "found chunks asked of a variable that is read as a whole");
                Err(error.in_variable(variable).at(self.object.url()))
            }
        }
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        let place = |error: Error| error.in_variable(variable).at(self.object.url());
        let source = self.source(variable)?;
        let Some(of) = self.schema.variable(variable) else {
            return Err(crate::no_variable(variable, &self.schema).at(self.object.url()));
        };
        crate::check_region(region, &of.shape).map_err(place)?;
        match (source, &of.storage) {
            (Source::Numbers(bytes), _) => values::cut(of, bytes, region),
            (Source::Grid(grid, coordinate), _) => {
                let values = self
                    .index
                    .grids
                    .get(*grid)
                    .and_then(|grid| grid.values(grid.coordinates.get(*coordinate)?));
                let bytes: Vec<u8> =
                    values.unwrap_or_default().iter().flat_map(|v| v.to_le_bytes()).collect();
                values::cut(of, &bytes, region)
            }
            (Source::Fields(_), Storage::Chunks { chunk, encoding, unwritten, .. }) => {
                let refs = self.chunk_refs(variable)?;
                values::fields(self.object.inner().as_ref(), of, (chunk, encoding, unwritten), &refs, region)
            }
            (Source::Fields(_), Storage::Whole) => Err(Error::new(Code::Bug, "found a field without chunks")),
        }
        .map_err(place)
    }
}

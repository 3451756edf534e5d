//! Facts as rows of tables.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::attrs::Attrs;
use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::{ChunkRefs, Region};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::schema::{Format, Schema, Storage, Unreadable, Variable};
use arcoforge_store::Validator;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::super::{Facts, Known};

/// All of a file. What stands for something else is its number in a table.
#[derive(Serialize, Deserialize)]
pub(super) struct Tables {
    names: Vec<Arc<str>>,
    attrs: Vec<Attrs>,
    variables: Vec<VariableRow>,
    schemas: Vec<SchemaRow>,
    refs: Vec<ChunkRefs>,
    values: Vec<BlockRow>,
    inputs: Vec<InputRow>,
}

#[derive(Serialize, Deserialize)]
struct InputRow {
    name: Arc<str>,
    version: Version,
    /// Name and validator once it is open, where they are others.
    open: Option<(Arc<str>, Version)>,
    format: Format,
    schema: u32,
    refs: Vec<(u32, u32)>,
    values: Vec<(u32, Vec<Range<u64>>, u32)>,
    digests: Vec<(u128, u128)>,
    checksums: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Version {
    size: u64,
    etag: Option<String>,
    modified_ns: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct SchemaRow {
    attrs: u32,
    groups: Vec<(String, u32)>,
    variables: Vec<u32>,
    unreadable: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct VariableRow {
    name: String,
    dims: Vec<String>,
    shape: Vec<u64>,
    dtype: DataType,
    attrs: u32,
    fill: Option<Scalar>,
    chunks: Option<ChunksRow>,
}

#[derive(Serialize, Deserialize)]
struct ChunksRow {
    chunk: Vec<u64>,
    /// As JSON: codecs are named in it.
    encoding: String,
    unwritten: Scalar,
    chunked: bool,
}

/// Values as they lie in memory, without a copy.
struct BlockRow(Arc<Block>);

/// How they are read.
#[derive(Deserialize)]
enum Read {
    Bytes(DataType, Vec<u64>, #[serde(deserialize_with = "raw::deserialize")] Vec<u8>),
    Text(Vec<u64>, Vec<String>),
}

/// The same, to be written.
#[derive(Serialize)]
enum Written<'a> {
    Bytes(DataType, &'a [u64], #[serde(serialize_with = "raw::serialize")] &'a [u8]),
    Text(&'a [u64], &'a [String]),
}

impl Serialize for BlockRow {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Block { dtype, shape, data } = &*self.0;
        match data {
            BlockData::Bytes(bytes) => Written::Bytes(*dtype, shape, bytes).serialize(to),
            BlockData::Text(texts) => Written::Text(shape, texts).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for BlockRow {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Arc::new(match Read::deserialize(from)? {
            Read::Bytes(dtype, shape, bytes) => Block::from_bytes(dtype, shape, bytes),
            Read::Text(shape, texts) => Block::from_text(shape, texts),
        })))
    }
}

/// The digest of what would be written.
struct Digested(Xxh3);

impl postcard::ser_flavors::Flavor for Digested {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.update(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Rows of one table, equal ones once.
struct Table<T> {
    rows: Vec<T>,
    /// Rows by the digest of what is written of them.
    known: HashMap<u128, u32>,
    /// What is shared in memory is looked at once: rows by their place there.
    shared: HashMap<usize, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), known: HashMap::new(), shared: HashMap::new() }
    }
}

impl<T: Serialize> Table<T> {
    fn add(&mut self, row: T) -> Option<u32> {
        let mut serializer = postcard::Serializer { output: Digested(Xxh3::new()) };
        row.serialize(&mut serializer).ok()?;
        let key = serializer.output.0.digest128();
        let next = u32::try_from(self.rows.len()).ok()?;
        let number = *self.known.entry(key).or_insert(next);
        if number == next {
            self.rows.push(row);
        }
        Some(number)
    }
}

/// Facts become rows.
#[derive(Default)]
struct Writer {
    names: Table<Arc<str>>,
    attrs: Table<Attrs>,
    variables: Table<VariableRow>,
    schemas: Table<SchemaRow>,
    refs: Table<ChunkRefs>,
    values: Table<BlockRow>,
}

impl Tables {
    /// The tables of facts; `None` where numbers do not suffice.
    pub(super) fn of(known: &Known) -> Option<Self> {
        let mut writer = Writer::default();
        let mut order: Vec<(&Arc<str>, &Arc<Facts>)> = known.iter().collect();
        order.sort_unstable_by_key(|(name, _)| *name);
        let inputs =
            order.into_iter().map(|(name, facts)| writer.input(name, facts)).collect::<Option<_>>()?;
        Some(Self {
            names: writer.names.rows,
            attrs: writer.attrs.rows,
            variables: writer.variables.rows,
            schemas: writer.schemas.rows,
            refs: writer.refs.rows,
            values: writer.values.rows,
            inputs,
        })
    }

    /// The facts of tables; `None` where a number stands for nothing.
    pub(super) fn known(self) -> Option<Known> {
        let variables = self.variables.into_iter().map(|row| variable(row, &self.attrs));
        let variables: Vec<Arc<Variable>> = variables.collect::<Option<_>>()?;
        let schemas = self.schemas.into_iter().map(|row| schema(row, &self.attrs, &variables));
        let schemas: Vec<Arc<Schema>> = schemas.collect::<Option<_>>()?;
        let values: Vec<Arc<Block>> = self.values.into_iter().map(|row| row.0).collect();
        let name = |at: u32| self.names.get(at as usize).map(Arc::clone);
        let mut known = Known::with_capacity(self.inputs.len());
        for row in self.inputs {
            let refs = row.refs.into_iter();
            let refs = refs.map(|(of, at)| Some((name(of)?, self.refs.get(at as usize)?.clone())));
            let held = row.values.into_iter();
            let held = held.map(|(of, region, at)| {
                Some((name(of)?, Region(region), Arc::clone(values.get(at as usize)?)))
            });
            let version = Validator::from(row.version);
            let (url, validator) = match row.open {
                Some((url, validator)) => (url, validator.into()),
                None => (Arc::clone(&row.name), version.clone()),
            };
            let facts = Facts {
                version,
                url,
                validator,
                format: row.format,
                schema: Arc::clone(schemas.get(row.schema as usize)?),
                refs: refs.collect::<Option<_>>()?,
                values: held.collect::<Option<_>>()?,
                digests: row.digests,
                checksums: row.checksums,
            };
            known.insert(row.name, Arc::new(facts));
        }
        Some(known)
    }
}

impl Writer {
    fn input(&mut self, name: &Arc<str>, facts: &Facts) -> Option<InputRow> {
        let same = facts.url == *name && facts.validator == facts.version;
        let refs = facts.refs.iter();
        let refs =
            refs.map(|(of, refs)| Some((self.names.add(Arc::clone(of))?, self.refs.add(refs.clone())?)));
        let refs = refs.collect::<Option<_>>()?;
        let values = facts.values.iter();
        let values = values.map(|(of, region, block)| {
            Some((self.names.add(Arc::clone(of))?, region.0.clone(), self.block(block)?))
        });
        let values = values.collect::<Option<_>>()?;
        Some(InputRow {
            name: Arc::clone(name),
            version: (&facts.version).into(),
            open: (!same).then(|| (Arc::clone(&facts.url), (&facts.validator).into())),
            format: facts.format,
            schema: self.schema(&facts.schema)?,
            refs,
            values,
            digests: facts.digests.clone(),
            checksums: facts.checksums.clone(),
        })
    }

    fn schema(&mut self, schema: &Arc<Schema>) -> Option<u32> {
        let place = Arc::as_ptr(schema) as usize;
        if let Some(number) = self.schemas.shared.get(&place) {
            return Some(*number);
        }
        let groups =
            schema.groups.iter().map(|(path, attrs)| Some((path.clone(), self.attrs.add(attrs.clone())?)));
        let groups = groups.collect::<Option<_>>()?;
        let variables =
            schema.variables.iter().map(|variable| self.variable(variable)).collect::<Option<_>>()?;
        let unreadable = schema.unreadable.iter().map(|u| (u.name.clone(), u.reason.clone())).collect();
        let attrs = self.attrs.add(schema.attrs.clone())?;
        let number = self.schemas.add(SchemaRow { attrs, groups, variables, unreadable })?;
        self.schemas.shared.insert(place, number);
        Some(number)
    }

    fn variable(&mut self, variable: &Arc<Variable>) -> Option<u32> {
        let place = Arc::as_ptr(variable) as usize;
        if let Some(number) = self.variables.shared.get(&place) {
            return Some(*number);
        }
        let chunks = match &variable.storage {
            Storage::Whole => None,
            Storage::Chunks { chunk, encoding, unwritten, chunked } => Some(ChunksRow {
                chunk: chunk.clone(),
                encoding: serde_json::to_string(encoding).ok()?,
                unwritten: unwritten.clone(),
                chunked: *chunked,
            }),
        };
        let row = VariableRow {
            name: variable.name.clone(),
            dims: variable.dims.clone(),
            shape: variable.shape.clone(),
            dtype: variable.dtype,
            attrs: self.attrs.add(variable.attrs.clone())?,
            fill: variable.fill.clone(),
            chunks,
        };
        let number = self.variables.add(row)?;
        self.variables.shared.insert(place, number);
        Some(number)
    }

    fn block(&mut self, block: &Arc<Block>) -> Option<u32> {
        let place = Arc::as_ptr(block) as usize;
        if let Some(number) = self.values.shared.get(&place) {
            return Some(*number);
        }
        let number = self.values.add(BlockRow(Arc::clone(block)))?;
        self.values.shared.insert(place, number);
        Some(number)
    }
}

fn variable(row: VariableRow, attrs: &[Attrs]) -> Option<Arc<Variable>> {
    let storage = match row.chunks {
        None => Storage::Whole,
        Some(ChunksRow { chunk, encoding, unwritten, chunked }) => {
            let encoding: Encoding = serde_json::from_str(&encoding).ok()?;
            Storage::Chunks { chunk, encoding, unwritten, chunked }
        }
    };
    let VariableRow { name, dims, shape, dtype, fill, .. } = row;
    let attrs = attrs.get(row.attrs as usize)?.clone();
    Some(Arc::new(Variable { name, dims, shape, dtype, attrs, fill, storage }))
}

fn schema(row: SchemaRow, attrs: &[Attrs], variables: &[Arc<Variable>]) -> Option<Arc<Schema>> {
    let of = |at: u32| attrs.get(at as usize).cloned();
    let groups = row.groups.into_iter().map(|(path, at)| Some((path, of(at)?)));
    let unreadable = row.unreadable.into_iter().map(|(name, reason)| Unreadable { name, reason });
    let variables = row.variables.into_iter().map(|at| variables.get(at as usize).map(Arc::clone));
    Some(Arc::new(Schema {
        attrs: of(row.attrs)?,
        groups: groups.collect::<Option<_>>()?,
        variables: variables.collect::<Option<_>>()?,
        unreadable: unreadable.collect(),
    }))
}

impl From<&Validator> for Version {
    fn from(validator: &Validator) -> Self {
        let Validator { size, etag, modified_ns } = validator.clone();
        Self { size, etag, modified_ns }
    }
}

impl From<Version> for Validator {
    fn from(version: Version) -> Self {
        let Version { size, etag, modified_ns } = version;
        Self { size, etag, modified_ns }
    }
}

/// Bytes as bytes, not one by one.
mod raw {
    use std::fmt;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

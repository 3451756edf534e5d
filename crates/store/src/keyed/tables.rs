//! References as fsspec's `LazyReferenceMapper` keeps them: `.zmetadata` with the metadata of all nodes, and for every array
//! `NAME/refs.N.parq`, Parquet tables of `record_size` chunks each, in C order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::json;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use super::leads::{Entry, Leads, names_below};
use super::{Held, Keyed, Located, document};
use crate::local::lock;
use crate::object::Object;
use crate::sources::Sources;

/// Tables that are kept.
const TABLES_KEPT: usize = 16;
/// Chunks in one table.
const RECORDS_MAX: u64 = 1 << 24;

/// Tables of references, each read when it is needed.
#[derive(Debug)]
pub(super) struct Tables {
    /// The folder of the tables, for messages.
    url: Arc<str>,
    store: Arc<dyn Keyed>,
    documents: BTreeMap<Box<str>, Arc<[u8]>>,
    /// Of every array the number of chunks along each dimension.
    counts: BTreeMap<Box<str>, Vec<u64>>,
    record_size: u64,
    leads: Leads,
    kept: Mutex<VecDeque<(Name, Table)>>,
}

/// An array and the number of a table.
type Name = (Box<str>, u64);
type Table = Arc<Vec<Option<Entry>>>;

impl Tables {
    /// The references of a folder; `None` where it holds none.
    pub(super) fn open(
        sources: &Arc<Sources>,
        (url, store): (&Arc<str>, &Arc<dyn Keyed>),
        told_by_server: bool,
    ) -> Result<Option<Self>> {
        let Some(bytes) = document(&**store, ".zmetadata")? else { return Ok(None) };
        let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("\"record_size\""))
        else {
            return Ok(None);
        };
        let all = json::parse(text).map_err(|e| damaged("`.zmetadata` is damaged").caused_by(e))?;
        let (Some(size), Some(nodes)) =
            (all.get("record_size"), all.get("metadata").and_then(Value::as_object))
        else {
            return Ok(None);
        };
        let record_size = size.as_u64().filter(|size| (1..=RECORDS_MAX).contains(size)).ok_or_else(|| {
            damaged(format!("found a `record_size` of {size}, expected a number from 1 to {RECORDS_MAX}"))
        })?;
        let mut counts = BTreeMap::new();
        for (key, node) in nodes {
            let Some(name) = key.strip_suffix("/.zarray") else { continue };
            if node.get("dimension_separator").is_some_and(|separator| separator == "/") {
                let message =
                    "found keys of chunks with `/`, expected `.`, as tables of references have them";
                return Err(Error::new(Code::SourceUnsupported, message).at(format!("{url}/{key}")));
            }
            let found = chunks(node).ok_or_else(|| damaged(format!("`{key}` is damaged")))?;
            counts.insert(Box::from(name), found);
        }
        let documents = nodes.iter().map(|(key, node)| (key.as_str().into(), written(node))).collect();
        let (url, store, leads) = (Arc::clone(url), Arc::clone(store), Leads::new(sources, told_by_server));
        Ok(Some(Self { url, store, documents, counts, record_size, leads, kept: Mutex::default() }))
    }

    /// Bytes of all metadata.
    pub(super) fn bytes(&self) -> u64 {
        self.documents.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// Whether any array's first chunks lead to another machine.
    pub(super) fn is_remote(&self) -> Result<bool> {
        for name in self.counts.keys() {
            self.table(name, 0)?;
            if self.leads.are_remote() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is said of a key; `None` where nothing is.
    fn entry(&self, key: &str) -> Result<Option<Entry>> {
        if let Some(bytes) = self.documents.get(key) {
            return Ok(Some(Entry::Bytes(Arc::clone(bytes))));
        }
        let Some((name, chunk)) = key.rsplit_once('/') else { return Ok(None) };
        let Some(number) = self.counts.get(name).and_then(|counts| number(counts, chunk)) else {
            return Ok(None);
        };
        let table = self.table(name, number / self.record_size)?;
        let row = usize::try_from(number % self.record_size).ok();
        Ok(row.and_then(|row| table.get(row)).cloned().flatten())
    }

    /// One table; without rows where it is not there.
    fn table(&self, name: &str, record: u64) -> Result<Table> {
        let mut kept = lock(&self.kept);
        if let Some((_, table)) = kept.iter().find(|((of, number), _)| &**of == name && *number == record) {
            return Ok(Arc::clone(table));
        }
        let key = format!("{name}/refs.{record}.parq");
        let table = match document(&*self.store, &key)? {
            Some(bytes) => self.rows(bytes).map_err(|e| e.at(format!("{}/{key}", self.url)))?,
            None => Vec::new(),
        };
        let table = Arc::new(table);
        if kept.len() >= TABLES_KEPT {
            kept.pop_front();
        }
        kept.push_back(((name.into(), record), Arc::clone(&table)));
        Ok(table)
    }

    fn rows(&self, bytes: Vec<u8>) -> Result<Vec<Option<Entry>>> {
        let failed = |e| damaged("the table is no valid Parquet file").caused_by(e);
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(failed)?;
        let count = reader.metadata().file_metadata().num_rows();
        if u64::try_from(count).map_or(true, |count| count > self.record_size) {
            let message =
                format!("found {count} references in a table, expected at most {}", self.record_size);
            return Err(damaged(message));
        }
        let mut rows = Vec::new();
        for row in reader.get_row_iter(None).map_err(failed)? {
            rows.push(self.row(&row.map_err(failed)?)?);
        }
        Ok(rows)
    }

    /// One row: bytes, else a range of a URL, of all of it where it is of no bytes at 0; else nothing.
    fn row(&self, row: &Row) -> Result<Option<Entry>> {
        let (mut url, mut range) = (None, [0; 2]);
        for (name, field) in row.get_column_iter() {
            match (name.as_str(), field) {
                ("raw", Field::Bytes(bytes)) => return Ok(Some(Entry::Bytes(bytes.data().into()))),
                ("raw", Field::Str(text)) => return Ok(Some(Entry::Bytes(text.as_bytes().into()))),
                ("path", Field::Str(text)) => url = Some(self.leads.number(text)),
                ("path", Field::Bytes(bytes)) => {
                    url = std::str::from_utf8(bytes.data()).ok().map(|url| self.leads.number(url));
                }
                ("offset", field) => range[0] = whole(field)?,
                ("size", field) => range[1] = whole(field)?,
                _ => {}
            }
        }
        let [offset, bytes] = range;
        let range = (range != [0, 0]).then_some((offset, bytes));
        Ok(url.map(|url| Entry::Range(url, range)))
    }
}

impl Keyed for Tables {
    fn get(&self, key: &str) -> Result<Option<Held>> {
        self.entry(key)?.map(|entry| self.leads.held(&entry)).transpose()
    }

    fn locate(&self, keys: &[String]) -> Result<Vec<Option<Located>>> {
        keys.iter().map(|key| self.entry(key)?.map(|entry| self.leads.located(&entry)).transpose()).collect()
    }

    fn folders(&self, below: &str) -> Result<Vec<String>> {
        Ok(names_below(&self.documents, below))
    }

    fn member(&self, number: u32) -> Result<Arc<dyn Object>> {
        self.leads.object(number)
    }
}

/// Metadata as its bytes; it may be kept as text.
fn written(node: &Value) -> Arc<[u8]> {
    match node {
        Value::String(text) => text.as_bytes().into(),
        node => json::text(node).into_bytes().into(),
    }
}

/// Chunks along each dimension of an array.
fn chunks(node: &Value) -> Option<Vec<u64>> {
    let numbers =
        |key: &str| node.get(key)?.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<_>>>();
    let (shape, chunks) = (numbers("shape")?, numbers("chunks")?);
    let fits = shape.len() == chunks.len() && !chunks.contains(&0);
    fits.then(|| shape.iter().zip(&chunks).map(|(length, chunk)| length.div_ceil(*chunk)).collect())
}

/// The number of a chunk in C order, of its indices as text; `None` where there is no such chunk.
fn number(counts: &[u64], chunk: &str) -> Option<u64> {
    if counts.is_empty() {
        return (chunk == "0").then_some(0);
    }
    let mut number = 0u64;
    let mut indices = chunk.split('.');
    for count in counts {
        let index = indices.next()?.parse::<u64>().ok().filter(|index| index < count)?;
        number = number.checked_mul(*count)?.checked_add(index)?;
    }
    indices.next().is_none().then_some(number)
}

/// An offset or a length.
fn whole(field: &Field) -> Result<u64> {
    let number = match field {
        Field::Long(number) => u64::try_from(*number).ok(),
        Field::ULong(number) => Some(*number),
        Field::Int(number) => u64::try_from(*number).ok(),
        Field::UInt(number) => Some((*number).into()),
        Field::Null => Some(0),
        _ => None,
    };
    number.ok_or_else(|| damaged(format!("found an offset or a size of {field}, expected a number of bytes")))
}

fn damaged(message: impl Into<String>) -> Error {
    Error::new(Code::SourceCorrupt, format!("the references are damaged: {}", message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_numbers() {
        let rows: [(&[u64], &str, Option<u64>); 8] = [
            (&[], "0", Some(0)),
            (&[], "1", None),
            (&[3], "2", Some(2)),
            (&[3], "3", None),
            (&[2, 3, 4], "1.2.3", Some(23)),
            (&[2, 3, 4], "1.2", None),
            (&[2, 3], "1.2.0", None),
            (&[2, 3], "x.0", None),
        ];
        for (counts, chunk, expected) in rows {
            assert_eq!(number(counts, chunk), expected, "{counts:?} {chunk}");
        }
    }
}

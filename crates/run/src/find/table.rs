//! Inputs of a table: CSV (RFC 4180) or Parquet, a row for each.

use arcoforge_core::csv;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::names::nearest;
use arcoforge_core::pattern::Table;
use arcoforge_store::object::read_range;
use serde_json::{Map, Value};

use super::pages::RECORDS_MAX;
use super::record::{Fields, Record, checksum, keys, target};
use super::{parquet_file, resolve};
use crate::session::Session;

/// The largest table.
const TABLE_BYTES_MAX: u64 = 1 << 30;

/// Columns by name, and rows of as many values.
pub(super) type Rows = (Vec<String>, Vec<Vec<Value>>);

/// The inputs of every row.
pub(super) fn read(session: &Session<'_>, table: &Table, fields: &Fields) -> Result<Vec<Record>> {
    let file = resolve(&table.file, &session.options.base);
    let object = session.sources.open(&file).map_err(|e| e.help("the table of `source.find.table`"))?;
    let size = object.validator().size;
    if size > TABLE_BYTES_MAX {
        let message = format!("found a table of {size} bytes, expected at most {TABLE_BYTES_MAX}");
        return Err(Error::new(Code::SourceLimit, message).at(&file));
    }
    let bytes = read_range(object.as_ref(), 0..size)?;
    let (names, rows) = rows(bytes, table, fields).map_err(|e| e.at(&file))?;
    let column = |name: &str| {
        names.iter().position(|other| other == name).ok_or_else(|| no_column(name, &names).at(&file))
    };
    let url = column(&table.url)?;
    let sum = table.checksum.as_deref().map(column).transpose()?;
    let bytes = table.size.as_deref().map(column).transpose()?;
    for field in fields.values() {
        column(field)?;
    }
    let one = |(at, row): (usize, &Vec<Value>)| {
        let text = |column: usize| row.get(column).map(plain).unwrap_or_default();
        let wrong =
            |message: String| Error::new(Code::RecipeSource, format!("row {}: {message}", at + 1)).at(&file);
        let link = text(url);
        if link.trim().is_empty() {
            return Err(wrong(format!("the column `{}` is empty", table.url)));
        }
        let sum = match sum.map(text).filter(|text| !text.trim().is_empty()) {
            Some(text) => Some(checksum(&text).ok_or_else(|| wrong(format!("`{text}` is no checksum")))?),
            None => None,
        };
        let size = match bytes.map(text).filter(|text| !text.trim().is_empty()) {
            Some(text) => {
                Some(text.trim().parse().map_err(|_| wrong(format!("`{text}` is no number of bytes")))?)
            }
            None => None,
        };
        let values: Map<String, Value> = names.iter().cloned().zip(row.iter().cloned()).collect();
        let keys = if fields.is_empty() {
            Default::default()
        } else {
            keys(fields, &values.into(), &format!("row {}", at + 1))?
        };
        Ok(Record { url: target(&file, &link)?, size, checksum: sum, keys, modified_ns: None })
    };
    rows.iter().enumerate().map(one).collect()
}

/// The format is told by the content.
fn rows(bytes: Vec<u8>, table: &Table, fields: &Fields) -> Result<Rows> {
    if bytes.starts_with(b"PAR1") {
        let mut wanted = vec![table.url.as_str()];
        wanted.extend(table.checksum.as_deref());
        wanted.extend(table.size.as_deref());
        wanted.extend(fields.values().map(String::as_str));
        return parquet_file::rows(bytes, &wanted, RECORDS_MAX);
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        Error::new(Code::SourceFormat, "the table is neither Parquet nor UTF-8 text").caused_by(e)
    })?;
    let (names, rows) = csv::table(&text, RECORDS_MAX)
        .map_err(|message| Error::new(Code::SourceFormat, format!("the table is no CSV: {message}")))?;
    let cell = |cell: String| if cell.is_empty() { Value::Null } else { Value::String(cell) };
    Ok((names, rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn no_column(name: &str, names: &[String]) -> Error {
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    };
    Error::new(Code::RecipeSource, format!("the table has no column `{name}`")).help(help)
}

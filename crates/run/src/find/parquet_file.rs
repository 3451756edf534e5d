//! Some columns of a Parquet file, row by row.

use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::error::{Code, Error, Result};
use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::table::{Rows, no_column};

/// The wanted columns of every row.
///
/// # Errors
/// `recipe-source` for a column that there is not or that is nested, `source-corrupt` for a damaged file, `source-limit` for
/// more than `rows_max` rows.
pub(super) fn rows(bytes: Vec<u8>, wanted: &[&str], rows_max: usize) -> Result<Rows> {
    let damaged =
        |e: ParquetError| Error::new(Code::SourceCorrupt, "the table is no valid Parquet file").caused_by(e);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(damaged)?;
    let file = reader.metadata().file_metadata();
    let count = usize::try_from(file.num_rows()).unwrap_or(usize::MAX);
    if count > rows_max {
        return Err(Error::new(
            Code::SourceLimit,
            format!("the table has {count} rows, expected at most {rows_max}"),
        ));
    }
    let schema = file.schema();
    let all: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let mut chosen = Vec::new();
    for name in wanted {
        let field = schema.get_fields().iter().find(|field| field.name() == *name);
        let field = field.ok_or_else(|| no_column(name, &all))?;
        if !field.is_primitive() || field.get_physical_type() == Physical::INT96 {
            let message = format!("the column `{name}` holds no single values that can be read");
            return Err(Error::new(Code::RecipeSource, message));
        }
        if !chosen.iter().any(|known: &std::sync::Arc<Type>| known.name() == *name) {
            chosen.push(std::sync::Arc::clone(field));
        }
    }
    let projection = Type::group_type_builder(schema.name()).with_fields(chosen).build().map_err(damaged)?;
    let mut names: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    for row in reader.get_row_iter(Some(projection)).map_err(damaged)? {
        let row = row.map_err(damaged)?;
        names.get_or_insert_with(|| row.get_column_iter().map(|(name, _)| name.clone()).collect());
        rows.push(row.get_column_iter().map(|(_, field)| value(field)).collect());
    }
    Ok((names.unwrap_or_else(|| wanted.iter().map(|name| (*name).to_owned()).collect()), rows))
}

fn value(field: &Field) -> Value {
    match field {
        Field::Bool(flag) => (*flag).into(),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => (*number).into(),
        Field::Double(number) => (*number).into(),
        Field::Str(text) => text.clone().into(),
        // text that its writer did not mark as such
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Date(days) => instant(i128::from(*days) * 86_400_000_000_000),
        Field::TimestampMillis(count) => instant(i128::from(*count) * 1_000_000),
        Field::TimestampMicros(count) => instant(i128::from(*count) * 1_000),
        _ => Value::Null,
    }
}

/// Nanoseconds since 1970 as a date.
fn instant(ns: i128) -> Value {
    let calendar = Calendar::ProlepticGregorian;
    let epoch = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    let date = calendar.to_ns(&epoch).checked_add(ns).and_then(|ns| calendar.from_ns(ns));
    date.map_or(Value::Null, |date| date.to_string().into())
}

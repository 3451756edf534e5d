//! Prints the schema of a NetCDF or HDF5 file, or of the directory of a Zarr store, as JSON, and writes the values of every variable into a folder:
//! `N.bin` (little-endian, C order) or `N.json` (texts), N counting the variables. For comparing with other readers.
//!
//! `cargo run --release -p arcoforge-read --example dump -- FILE [FOLDER]`, or `-- --time FILE` for the time that one
//! opening takes once the bytes are in memory.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::sync::Arc;

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::block::{BlockData, scalar_to_le};
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::schema::{Storage, Variable};
use arcoforge_read::Reader;
use arcoforge_store::object::{Object, Validator};
use serde_json::{Map, Value, json};

fn main() {
    let mut args = std::env::args().skip(1);
    let (file, folder) = (args.next().unwrap_or_default(), args.next());
    if let (file, Some(path)) = (file.as_str(), &folder)
        && file == "--time"
    {
        time(path);
        return;
    }
    if let Err(error) = dump(&file, folder.as_deref()) {
        println!("{}", json!({"error": error.to_string(), "code": error.code.as_str()}));
        std::process::exit(error.code.exit_status().into());
    }
}

fn time(path: &str) {
    let Ok(object) = Bytes::open(path) else { return };
    let object = Arc::new(object);
    let start = std::time::Instant::now();
    let rounds = 1000;
    let opened = (0..rounds).filter(|_| arcoforge_read::open(object.clone()).is_ok()).count();
    println!(
        "{:.1} us for one of {opened} openings of {path}",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    );
}

fn dump(file: &str, folder: Option<&str>) -> Result<()> {
    let reader = match Path::new(file).is_dir() {
        true => arcoforge_read::open_store(Path::new(file))?,
        false => arcoforge_read::open(Arc::new(Bytes::open(file)?))?,
    };
    let schema = reader.schema();
    let variables: Vec<Value> =
        schema.variables.iter().enumerate().map(|(n, v)| variable(reader.as_ref(), v, n, folder)).collect();
    let groups: Vec<Value> =
        schema.groups.iter().map(|(name, a)| json!({"name": name, "attrs": attrs(a)})).collect();
    let unreadable: Map<String, Value> =
        schema.unreadable.iter().map(|u| (u.name.clone(), Value::from(u.reason.clone()))).collect();
    let printed = json!({
        "format": reader.format().to_string(), "attrs": attrs(&schema.attrs), "groups": groups,
        "variables": variables, "unreadable": unreadable,
    });
    println!("{printed}");
    Ok(())
}

fn variable(reader: &dyn Reader, variable: &Variable, n: usize, folder: Option<&str>) -> Value {
    let mut printed = json!({
        "name": variable.name, "dims": variable.dims, "shape": variable.shape, "dtype": variable.dtype.name(),
        "attrs": attrs(&variable.attrs), "fill": variable.fill.as_ref().map(|f| scalar(variable.dtype, f)),
    });
    if let Storage::Chunks { chunk, encoding, unwritten, chunked } = &variable.storage {
        let refs = reader.chunk_refs(&variable.name);
        let count = |of: fn(&ChunkRef) -> bool| {
            refs.as_ref().map(|r| r.iter().filter(|c| of(c)).count()).unwrap_or(0)
        };
        printed["storage"] = json!({
            "chunk": chunk, "encoding": encoding, "unwritten": scalar(variable.dtype, unwritten), "chunked": chunked,
            "stored": count(|c| matches!(c, ChunkRef::Stored { .. })),
            "unallocated": count(|c| matches!(c, ChunkRef::Unallocated)),
            "error": refs.as_ref().err().map(ToString::to_string),
        });
    }
    if let Some(folder) = folder {
        let values = reader.read(&variable.name, &Region::whole(&variable.shape));
        let written = values.and_then(|block| match block.data {
            BlockData::Bytes(bytes) => write(&Path::new(folder).join(format!("{n}.bin")), &bytes),
            BlockData::Text(texts) => {
                write(&Path::new(folder).join(format!("{n}.json")), Value::from(texts).to_string().as_bytes())
            }
        });
        if let Err(error) = written {
            printed["error"] = json!(error.to_string());
        }
    }
    printed
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| Error::new(Code::TargetUnwritable, "can't write").caused_by(e))
}

/// Numbers as the hex digits of their little-endian bytes, so that nothing is rounded.
fn scalar(dtype: DataType, value: &Scalar) -> Value {
    let mut bytes = Vec::new();
    match value {
        Scalar::Text(text) => json!(text),
        _ if scalar_to_le(dtype, value, &mut bytes) => {
            json!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
        }
        _ => json!(null),
    }
}

fn attrs(attrs: &Attrs) -> Value {
    let list = attrs.iter().map(|(name, value)| match value {
        AttrValue::Text(text) => json!([name, "text", text]),
        AttrValue::Texts(texts) => json!([name, "texts", texts]),
        AttrValue::Json(text) => json!([name, "json", text]),
        AttrValue::Numbers { dtype, values } => {
            json!([name, dtype.name(), values.iter().map(|v| scalar(*dtype, v)).collect::<Vec<_>>()])
        }
    });
    list.collect()
}

/// A file in memory.
#[derive(Debug)]
struct Bytes {
    url: String,
    bytes: Vec<u8>,
    validator: Validator,
}

impl Bytes {
    fn open(path: &str) -> Result<Self> {
        let bytes = std::fs::read(path)
            .map_err(|e| Error::new(Code::SourceNotFound, "can't read").caused_by(e).at(path))?;
        let validator = Validator { size: bytes.len() as u64, ..Validator::default() };
        Ok(Self { url: path.to_owned(), bytes, validator })
    }
}

impl Object for Bytes {
    fn url(&self) -> &str {
        &self.url
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.bytes.get(start..start.saturating_add(out.len()));
        let short =
            || Error::new(Code::SourceCorrupt, format!("found nothing at byte {offset}")).at(&self.url);
        out.copy_from_slice(found.ok_or_else(short)?);
        Ok(())
    }

    fn is_remote(&self) -> bool {
        false
    }
}

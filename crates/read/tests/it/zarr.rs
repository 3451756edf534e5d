//! Zarr stores as zarr-python and xarray read them: fixtures and `expected.json` are from `oracle/zarr_cases.py`.

use std::path::{Path, PathBuf};

use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region, indices};
use arcoforge_core::error::Code;
use arcoforge_core::schema::{Format, Variable};
use arcoforge_read::zarr::ZarrReader;
use arcoforge_read::{Reader, open_store, zarr};
use serde_json::{Value, json};

use crate::mutate::Mutations;
use crate::netcdf3::{hex, scalar_json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/zarr")
}

/// A folder of its own, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("arcoforge-read-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is listed as unreadable, and a word of the reason.
const UNREADABLE: &[(&str, &str, &str)] = &[
    ("v2", "c_delta", "`delta`"),
    ("v2", "c_lz4", "`lz4`"),
    ("v2", "fortran", "Fortran"),
    ("v2", "when", "<M8[s]"),
    ("v3", "c_lz4", "`lz4`"),
    ("v3", "transposed", "transposed"),
    ("v3", "when", "datetime64"),
];

#[test]
fn fixtures_read_as_zarr_python_reads_them() {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(fixtures().join("expected.json")).unwrap()).unwrap();
    for (store, arrays) in expected.as_object().unwrap() {
        let reader = zarr::open(&fixtures().join(store)).unwrap_or_else(|e| panic!("{store}: {e}"));
        let mut unreadable = UNREADABLE.iter().filter(|row| row.0 == store);
        let mut compared = 0;
        for (name, expected) in arrays.as_object().unwrap() {
            let Some(variable) = reader.schema().variable(name) else {
                let (_, name, word) =
                    unreadable.find(|row| row.1 == name).unwrap_or_else(|| panic!("{store} lacks {name}"));
                let found = reader.schema().unreadable.iter().find(|u| u.name == *name).unwrap();
                assert!(found.reason.contains(word), "{store}: {name}: {}", found.reason);
                continue;
            };
            check_array(&format!("{store}: {name}"), &reader, variable, expected);
            compared += 1;
        }
        assert_eq!(compared, reader.schema().variables.len(), "{store}");
        assert_eq!(unreadable.next(), None);
    }
}

fn check_array(place: &str, reader: &ZarrReader, variable: &Variable, expected: &Value) {
    assert_eq!(json!(variable.shape), expected["shape"], "{place}");
    let (chunk, shard) = reader.chunks(&variable.name).unwrap();
    assert_eq!(
        (json!(chunk), json!(shard)),
        (expected["chunks"].clone(), expected["shards"].clone()),
        "{place}"
    );
    let block = reader
        .read(&variable.name, &Region::whole(&variable.shape))
        .unwrap_or_else(|e| panic!("{place}: {e}"));
    match block.bytes() {
        Some(bytes) => {
            assert_eq!(variable.dtype.name(), expected["dtype"], "{place}");
            assert_eq!(hex(bytes), expected["hex"].as_str().unwrap(), "{place}");
        }
        None => assert_eq!(json!(block.texts().unwrap()), expected["texts"], "{place}"),
    }
    if let Some(dims) = expected.get("dims") {
        assert_eq!(json!(variable.dims), *dims, "{place}");
        assert_eq!(variable.fill.as_ref().map_or(Value::Null, scalar_json), expected["fill"], "{place}");
        let mut names: Vec<&str> = variable.attrs.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(json!(names), expected["attrs"], "{place}");
    }
    check_parts(place, reader, variable);
}

/// Boxes of several shapes, read by themselves, have the cells of the whole.
fn check_parts(place: &str, reader: &ZarrReader, variable: &Variable) {
    let whole = reader.read(&variable.name, &Region::whole(&variable.shape)).unwrap();
    let cells = ChunkGrid::new(variable.shape.clone(), vec![1; variable.shape.len()]);
    for length in [1, 3, 5] {
        let grid = ChunkGrid::new(variable.shape.clone(), vec![length; variable.shape.len()]);
        for flat in (0..grid.len()).step_by(if length == 1 { 7 } else { 1 }) {
            let region = grid.region(&grid.index(flat));
            let part = reader.read(&variable.name, &region).unwrap();
            for (at, index) in indices(&region).enumerate() {
                let cell = usize::try_from(cells.flat(&index)).unwrap();
                assert!(part.scalar(at).unwrap().same(&whole.scalar(cell).unwrap()), "{place} {index:?}");
            }
        }
    }
}

#[test]
fn groups_dimensions_and_attributes() {
    let reader = open_store(&fixtures().join("v3")).unwrap();
    let schema = reader.schema();
    assert_eq!((reader.format(), schema.attrs.text("title")), (Format::Zarr3, Some("v3")));
    let groups: Vec<&str> = schema.groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(groups, ["sub", "sub/below"]);
    assert_eq!(schema.groups[1].1.f64("level"), Some(2.0));
    assert_eq!(schema.variable("sub/below/d").unwrap().dims, ["sub/below/x", "sub/below/y"]);
    assert_eq!(schema.variable("c_gzip").unwrap().dims, ["c_gzip_dim_0"]);
    // chunks are objects of their own, each at the beginning of its place in the whole
    let chunks = reader.chunk_refs("c_gzip").unwrap();
    let offsets = chunks.iter().map(|chunk| match chunk {
        ChunkRef::Stored { offset, .. } => offset % (1 << 40),
        other => panic!("found {other:?}"),
    });
    assert_eq!(offsets.collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(open_store(&fixtures().join("v2")).unwrap().format(), Format::Zarr2);
}

#[test]
fn what_is_no_store_is_named() {
    let scratch = Scratch::new("no-store");
    scratch.write("empty/readme.txt", "x");
    scratch.write("file", "x");
    scratch.write("broken/zarr.json", "{\"zarr_format\": 3");
    let escape =
        json!({"zarr_format": 3, "node_type": "group", "consolidated_metadata": {"metadata": {"../x": {}}}});
    scratch.write("escape/zarr.json", escape.to_string());
    let rows = [
        ("nothing", Code::SourceNotFound, "no such directory"),
        ("empty", Code::SourceFormat, "without `zarr.json`"),
        ("file", Code::SourceFormat, "found a file"),
        ("broken", Code::SourceCorrupt, "zarr.json"),
        ("escape", Code::SourceCorrupt, "`../x`"),
    ];
    for (name, code, message) in rows {
        let error = zarr::open(&scratch.0.join(name)).unwrap_err();
        assert!(
            error.code == code && error.to_string().contains(message),
            "{name}: {:?} {error}",
            error.code
        );
    }
}

/// Copies one array of the fixtures, with one file changed.
fn with_changed(scratch: &Scratch, array: &str, key: &str, bytes: &[u8]) -> zarr::ZarrReader {
    let from = fixtures().join(array);
    let to = scratch.0.join("changed");
    let _ = std::fs::remove_dir_all(&to);
    copy(&from, &to);
    std::fs::write(to.join(key), bytes).unwrap();
    zarr::open(&to).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn damaged_chunks_are_refused_with_their_place() {
    let scratch = Scratch::new("damaged");
    let rows = [
        ("v3/c_zstd_crc", "c/1", &b"short"[..]),
        ("v3/c_none", "c/0", b"short"),
        ("v3/text", "c/0", b""),
        ("v3/shard_end_int16", "c/0/0", b"no index"),
        ("v3/shard_start_str", "c/0/0", &[0xff; 70]),
        ("v2/text", "0", b"\x02\x01\x21\x01\xff\xff\xff\xff\x00\x00\x00\x00"),
        // 537 MB out of 44 bytes
        (
            "v2/text",
            "0",
            b"\x02\x013: [\n \x01\x17\0\0\x17\0\0\0'\0\0\0\x03\0\0\0\x01\0\0\0a\0\0\0\0\x06\0\0\0d\xc3\xa9j",
        ),
    ];
    for (array, key, bytes) in rows {
        let reader = with_changed(&scratch, array, key, bytes);
        let variable = reader.schema().variables[0].clone();
        let error = reader.read(&variable.name, &Region::whole(&variable.shape)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error.code, Code::SourceCorrupt | Code::SourceUnsupported), "{array}: {text}");
        assert!(
            text.contains(key) && text.contains("chunk [") && text.contains("`changed`"),
            "{array}: {text}"
        );
    }
}

#[test]
fn mutated_stores_never_panic() {
    let scratch = Scratch::new("mutated");
    let rows = [
        ("v3/shard_end_int16", "c/0/0"),
        ("v3/shard_start_str", "c/0/0"),
        ("v3/text", "c/1"),
        ("v3/c_blosc", "c/0"),
        ("v3/shard_end_int16", "zarr.json"),
        ("v2/c_shuffle", ".zarray"),
    ];
    for (array, key) in rows {
        let file = std::fs::read(fixtures().join(array).join(key)).unwrap();
        copy(&fixtures().join(array), &scratch.0);
        for mutated in Mutations::new(&file, 250) {
            scratch.write(key, mutated);
            let Ok(reader) = zarr::open(&scratch.0) else { continue };
            for variable in &reader.schema().variables {
                let region = Region(variable.shape.iter().map(|&n| 0..n.min(10)).collect());
                if let Ok(block) = reader.read(&variable.name, &region) {
                    assert_eq!(block.shape, region.shape());
                }
            }
        }
        std::fs::remove_dir_all(&scratch.0).unwrap();
    }
}

//! NetCDF classic files as netCDF4-python reads them: fixtures and `expected.json` are from `oracle/netcdf3_cases.py`.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use arcoforge_codec::Scratch;
use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::Code;
use arcoforge_core::schema::{Schema, Storage, Variable};
use arcoforge_read::{Reader, netcdf3, open};
use serde_json::Value;

use crate::memory::Memory;
use crate::mutate::Mutations;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/netcdf3")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

#[test]
fn fixtures_read_as_the_c_library_reads_them() {
    let expected: Value = serde_json::from_slice(&bytes("expected.json")).unwrap();
    let expected = expected.as_object().unwrap();
    assert!(expected.len() > 25);
    for (name, file) in expected {
        let reader = open(Memory::new(bytes(name))).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(reader.format().to_string(), file["format"].as_str().unwrap(), "{name}");
        assert_eq!(attrs_json(&reader.schema().attrs), file["attrs"], "{name}");
        let names: Vec<&str> = reader.schema().variables.iter().map(|v| v.name.as_str()).collect();
        let variables = file["variables"].as_array().unwrap();
        assert_eq!(
            names,
            variables.iter().map(|v| v["name"].as_str().unwrap()).collect::<Vec<_>>(),
            "{name}"
        );
        for expected in variables {
            let variable = reader.schema().variable(expected["name"].as_str().unwrap()).unwrap();
            check_variable(name, reader.as_ref(), variable, expected);
        }
    }
}

fn check_variable(file: &str, reader: &dyn Reader, variable: &Variable, expected: &Value) {
    let place = format!("{file}: {}", variable.name);
    assert_eq!(serde_json::json!(variable.dims), expected["dims"], "{place}");
    assert_eq!(serde_json::json!(variable.shape), expected["shape"], "{place}");
    assert_eq!(variable.dtype.name(), expected["dtype"], "{place}");
    assert_eq!(attrs_json(&variable.attrs), expected["attrs"], "{place}");
    assert_eq!(variable.fill.as_ref().map_or(Value::Null, scalar_json), expected["fill"], "{place}");
    let whole = Region::whole(&variable.shape);
    let block = reader.read(&variable.name, &whole).unwrap_or_else(|e| panic!("{place}: {e}"));
    match block.bytes() {
        Some(bytes) => assert_eq!(hex(bytes), expected["hex"].as_str().unwrap(), "{place}"),
        None => assert_eq!(serde_json::json!(block.texts().unwrap()), expected["texts"], "{place}"),
    }
    check_parts(reader, variable, &place);
}

/// Every single cell and every row, read by itself, is that of the whole.
fn check_parts(reader: &dyn Reader, variable: &Variable, place: &str) {
    let whole = reader.read(&variable.name, &Region::whole(&variable.shape)).unwrap();
    for chunk in
        [vec![1; variable.shape.len()], variable.shape.iter().map(|n| n.div_ceil(2).max(1)).collect()]
    {
        let grid = ChunkGrid::new(variable.shape.clone(), chunk);
        for flat in 0..grid.len() {
            let region = grid.region(&grid.index(flat));
            let part = reader.read(&variable.name, &region).unwrap();
            assert_eq!(part.shape, region.shape(), "{place}");
            for (at, index) in arcoforge_core::chunk::indices(&region).enumerate() {
                let cell = ChunkGrid::new(variable.shape.clone(), vec![1; variable.shape.len()]).flat(&index);
                let (a, b) =
                    (part.scalar(at).unwrap(), whole.scalar(usize::try_from(cell).unwrap()).unwrap());
                assert!(a.same(&b), "{place} {index:?}");
            }
        }
    }
}

fn attrs_json(attrs: &Attrs) -> Value {
    let json = |value: &AttrValue| match value {
        AttrValue::Text(text) => serde_json::json!({"type": "text", "value": text}),
        AttrValue::Texts(texts) => serde_json::json!({"type": "texts", "value": texts}),
        AttrValue::Json(text) => serde_json::json!({"type": "json", "value": text}),
        AttrValue::Numbers { dtype, values } => {
            serde_json::json!({"type": dtype.name(), "value": values.iter().map(scalar_json).collect::<Vec<_>>()})
        }
    };
    Value::Object(attrs.iter().map(|(name, value)| (name.to_owned(), json(value))).collect())
}

pub(crate) fn scalar_json(value: &Scalar) -> Value {
    match value {
        Scalar::Float(x) => serde_json::json!({"bits": format!("{:016x}", x.to_bits())}),
        Scalar::Int(x) => serde_json::json!(x),
        Scalar::UInt(x) => serde_json::json!(x),
        Scalar::Bool(x) => serde_json::json!(x),
        Scalar::Text(x) => serde_json::json!(x),
        Scalar::Complex(re, im) => serde_json::json!([re, im]),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A header written by hand: big-endian words.
struct Header(Vec<u8>);

impl Header {
    fn new(version: u8, records: u32) -> Self {
        let mut bytes = vec![b'C', b'D', b'F', version];
        bytes.extend(records.to_be_bytes());
        Self(bytes)
    }

    fn words(mut self, words: &[u32]) -> Self {
        self.0.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        self
    }

    fn name(mut self, name: &str) -> Self {
        self.0.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        self.0.extend(name.bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Zeros behind it.
    fn padded(mut self, bytes: usize) -> Vec<u8> {
        self.0.resize(bytes.max(self.0.len()), 0);
        self.0
    }
}

/// One dimension `x`, one float variable `v(x)` at `begin`.
fn one_variable(records: u32, length: u32, begin: u32) -> Header {
    Header::new(1, records)
        .words(&[10, 1])
        .name("x")
        .words(&[length, 0, 0, 11, 1])
        .name("v")
        .words(&[1, 0, 0, 0, 5, 0, begin])
}

#[test]
fn damaged_headers_fail_fast_and_by_name() {
    let whole = bytes("classic_r4.nc");
    let rows: Vec<(&str, Vec<u8>, Code, &str)> = vec![
        ("short by one byte", whole[..whole.len() - 3].to_vec(), Code::SourceCorrupt, "truncated: found"),
        ("ends in the header", whole[..200].to_vec(), Code::SourceCorrupt, "damaged"),
        (
            "huge dimension",
            one_variable(0, 1 << 31, 96).padded(4096),
            Code::SourceCorrupt,
            "header needs 8589934688",
        ),
        (
            "more records than bytes",
            one_variable(u32::MAX - 1, 0, 96).padded(4096),
            Code::SourceCorrupt,
            "header needs",
        ),
        (
            "data inside the header",
            one_variable(0, 2, 8).padded(4096),
            Code::SourceCorrupt,
            "inside the header",
        ),
        (
            "absurd dimensions",
            Header::new(1, 0).words(&[10, u32::MAX - 1]).padded(4096),
            Code::SourceCorrupt,
            "4294967294 entries",
        ),
        (
            "absurd attributes",
            Header::new(1, 0).words(&[0, 0, 12, 70_000]).padded(1 << 21),
            Code::SourceCorrupt,
            "limit",
        ),
        (
            "absurd name",
            Header::new(1, 0).words(&[10, 1, u32::MAX - 1]).padded(4096),
            Code::SourceCorrupt,
            "needs 4294967294",
        ),
        ("wrong tag", Header::new(1, 0).words(&[13, 1]).padded(4096), Code::SourceCorrupt, "tag 0xd"),
        (
            "two record dimensions",
            Header::new(1, 0)
                .words(&[10, 2])
                .name("a")
                .words(&[0])
                .name("b")
                .words(&[0, 0, 0, 0, 0])
                .padded(0),
            Code::SourceCorrupt,
            "two dimensions are record",
        ),
        (
            "type of CDF-5 in CDF-1",
            Header::new(1, 0).words(&[0, 0, 12, 1]).name("a").words(&[7, 1, 0, 0, 0]).padded(0),
            Code::SourceCorrupt,
            "type 7",
        ),
        (
            "subfiles of PnetCDF",
            Header::new(1, 0)
                .words(&[0, 0, 12, 1])
                .name("_PnetCDF_SubFiling.num_subfiles")
                .words(&[4, 1, 2, 0, 0])
                .padded(0),
            Code::SourceUnsupported,
            "PnetCDF",
        ),
    ];
    for (what, file, code, message) in rows {
        let error = netcdf3::open(Memory::new(file)).err().unwrap_or_else(|| panic!("{what} was read"));
        assert_eq!(error.code, code, "{what}: {error}");
        assert!(error.to_string().contains(message), "{what}: {error}");
        assert!(error.to_string().contains("memory.nc"), "{what}: {error}");
    }
}

#[test]
fn what_a_dataset_cannot_hold_is_unreadable_by_name() {
    let twice = Header::new(1, 0)
        .words(&[10, 1])
        .name("n")
        .words(&[2, 0, 0, 11, 3])
        .name("covariance")
        .words(&[2, 0, 0, 0, 0, 5, 16, 200])
        .name("a/b")
        .words(&[1, 0, 0, 0, 5, 8, 216])
        .name("n")
        .words(&[1, 0, 0, 0, 5, 8, 224])
        .padded(232);
    let reader = netcdf3::open(Memory::new(twice)).unwrap();
    let reasons: Vec<(&str, &str)> =
        reader.schema().unreadable.iter().map(|u| (u.name.as_str(), u.reason.as_str())).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons[0].0 == "covariance" && reasons[0].1.contains("`n` twice"));
    assert!(reasons[1].0 == "a/b" && reasons[1].1.contains("slash"));
    assert_eq!(reader.schema().variables.len(), 1);
    let error = reader.read("covariance", &Region::whole(&[2, 2])).unwrap_err();
    assert_eq!(error.code, Code::SourceUnsupported);
}

#[test]
fn zeros_behind_a_name_are_no_part_of_it() {
    // as ref_nctest_64bit_offset.nc of netCDF-C has it
    let file = Header::new(1, 0).words(&[10, 1]).name("pp\0\0\0\0").words(&[2, 0, 0, 11, 1]).name("v\0");
    let file = file.words(&[1, 0, 0, 0, 5, 8, 96]).padded(104);
    let reader = netcdf3::open(Memory::new(file)).unwrap();
    assert_eq!(reader.schema().dims(), [("pp".to_owned(), 2)]);
    assert_eq!(reader.schema().variables[0].name, "v");
}

#[test]
fn a_long_header_is_read_by_ranges_and_no_value_with_it() {
    // one attribute of 300 KiB that begins before and ends behind the first read, then 8 MiB of data
    let length: u32 = 300 << 10;
    let header = Header::new(1, 0)
        .words(&[10, 1])
        .name("x")
        .words(&[2 << 20, 12, 1])
        .name("history")
        .words(&[2, length]);
    let mut header = Header(header.padded(0));
    header.0.resize(header.0.len() + length as usize, b'h');
    let begin = 1 << 20;
    let header = header.words(&[11, 1]).name("v").words(&[1, 0, 0, 0, 5, 8 << 20, begin]);
    let object = Memory::new(header.padded(begin as usize + (8 << 20)));
    let reader = netcdf3::open(object.clone()).unwrap();
    assert_eq!(reader.schema().attrs.text("history").map(str::len), Some(300 << 10));
    assert!(object.read.load(Ordering::Relaxed) < 1 << 20 | 1, "the header's bytes and few more");
    let Storage::Chunks { chunk, chunked, .. } = &reader.schema().variables[0].storage else { panic!() };
    assert_eq!((chunk.as_slice(), *chunked), (&[1 << 19][..], false));
}

#[test]
fn chunk_references_tile_the_data() {
    let mut compared = 0;
    for name in ["classic_r4.nc", "data64_r4.nc", "offset64_lone_i2_3.nc"] {
        let file = bytes(name);
        let reader = netcdf3::open(Memory::new(file.clone())).unwrap();
        for variable in &reader.schema().variables {
            let Storage::Chunks { chunk, encoding, .. } = &variable.storage else { continue };
            let grid = ChunkGrid::new(variable.shape.clone(), chunk.clone());
            let refs = reader.chunk_refs(&variable.name).unwrap();
            assert_eq!(refs.len() as u64, grid.len());
            for (flat, chunk_ref) in refs.iter().enumerate() {
                let ChunkRef::Stored { offset, bytes, filter_mask: 0 } = chunk_ref else {
                    panic!("{chunk_ref:?}")
                };
                let stored = &file[*offset as usize..][..*bytes as usize];
                let region = grid.region(&grid.index(flat as u64));
                let block = reader.read(&variable.name, &region).unwrap();
                let mut decoded = vec![0; block.bytes().unwrap().len()];
                let swap_size = variable.dtype.swap_size();
                arcoforge_codec::decode(encoding, swap_size, 0, stored, &mut decoded, &mut Scratch::new())
                    .unwrap();
                assert_eq!(block.bytes().unwrap(), decoded, "{name}: {} {region:?}", variable.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 60);
}

#[test]
#[allow(clippy::reversed_empty_ranges)] // that is what is refused
fn regions_outside_of_an_array_are_refused() {
    let reader = netcdf3::open(Memory::new(bytes("classic_r4.nc"))).unwrap();
    for region in
        [Region(vec![]), Region(vec![0..4, 0..4]), Region(vec![3..2, 0..3]), Region(vec![0..u64::MAX, 0..3])]
    {
        assert_eq!(reader.read("f4_tx", &region).unwrap_err().code, Code::Bug);
    }
    assert!(reader.read("nothing", &Region(vec![])).is_err());
}

#[test]
fn mutated_headers_never_panic_nor_take_much_memory() {
    let mut opened = 0;
    for name in ["classic_r4.nc", "offset64_r1.nc", "data64_r4.nc", "fills.nc", "streaming_r4.nc"] {
        let file = bytes(name);
        for mutated in Mutations::new(&file, 1500) {
            let Ok(reader) = netcdf3::open(Memory::new(mutated)) else { continue };
            opened += 1;
            read_all(&reader, reader.schema(), file.len() as u64);
        }
    }
    assert!(opened > 300, "only {opened} mutations still open, so little was tested");
}

/// Reads every variable; none can be longer than its file, but for elements without bytes.
fn read_all(reader: &dyn Reader, schema: &Schema, file_bytes: u64) {
    for variable in &schema.variables {
        let bytes = variable.dtype.size().map_or(0, |size| variable.cells() * size as u64);
        assert!(bytes <= file_bytes, "`{}` of {bytes} bytes in a file of {file_bytes}", variable.name);
        if variable.cells() <= file_bytes {
            let block = reader.read(&variable.name, &Region::whole(&variable.shape)).unwrap();
            assert_eq!(block.shape, variable.shape);
        }
        if matches!(variable.storage, Storage::Chunks { .. }) {
            assert!(reader.chunk_refs(&variable.name).unwrap().len() as u64 <= file_bytes);
        }
    }
}

//! HDF5 and NetCDF-4. The files in `fixtures/hdf5` were written by `tests/oracle/hdf5_cases.py FOLDER fixtures` with
//! h5py 3.16 and netCDF4 1.7.5 (HDF5 2.0.0); what is expected here is what that script wrote, and what netCDF4 and
//! `ncdump` show of `model.nc`.
#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init, clippy::reversed_empty_ranges)]

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::attrs::AttrValue;
use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkGrid, ChunkRef, Region, indices};
use arcoforge_core::codec::Encoding;
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::{Code, Result};
use arcoforge_core::schema::{Format, Storage};
use arcoforge_read::Reader;
use arcoforge_read::hdf5::{Hdf5Reader, decode_foreign, open};

use crate::memory::Memory;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/it/fixtures/hdf5/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn reader(name: &str) -> Hdf5Reader {
    open(Memory::new(fixture(name))).unwrap()
}

fn whole(reader: &Hdf5Reader, name: &str) -> Block {
    reader.read(name, &Region::whole(&reader.schema().variable(name).unwrap().shape)).unwrap()
}

fn numbers(reader: &Hdf5Reader, name: &str) -> Vec<f64> {
    whole(reader, name).to_f64().unwrap()
}

fn texts(reader: &Hdf5Reader, name: &str) -> Vec<String> {
    whole(reader, name).texts().unwrap().to_vec()
}

fn counted(from: i64, count: i64) -> Vec<f64> {
    (from..from + count).map(|n| n as f64).collect()
}

#[test]
fn every_chunk_index_with_every_maximal_shape() {
    for file in ["index_earliest.h5", "index_latest.h5"] {
        let reader = reader(file);
        assert_eq!(reader.format(), Format::Hdf5);
        assert_eq!(reader.schema().variables.len(), 27);
        for variable in &reader.schema().variables {
            assert_eq!(numbers(&reader, &variable.name), counted(1000, 35), "{} in {file}", variable.name);
        }
    }
}

#[test]
fn chunk_references_are_what_the_codecs_need() {
    for (file, name) in
        [("index_latest.h5", "gzip_5"), ("index_latest.h5", "early_4"), ("filter_masks.h5", "mask")]
    {
        let reader = reader(file);
        let (bytes, whole) = (fixture(file), whole(&reader, name));
        let variable = reader.schema().variable(name).unwrap();
        let Storage::Chunks { chunk, encoding, .. } = &variable.storage else {
            panic!("{name} has no chunks")
        };
        let grid = ChunkGrid::new(variable.shape.clone(), chunk.clone());
        let refs = reader.chunk_refs(name).unwrap();
        assert_eq!(refs.len() as u64, grid.len());
        for (flat, found) in (0..).zip(&refs) {
            let ChunkRef::Stored { offset, bytes: length, filter_mask } = found else { panic!("{found:?}") };
            let stored = &bytes[*offset as usize..][..*length as usize];
            let mut decoded = vec![0; grid.chunk_cells() as usize * 4];
            decode(encoding, 4, *filter_mask, stored, &mut decoded, &mut Scratch::new()).unwrap();
            let cells = grid.region(&grid.index(flat));
            for index in indices(&cells) {
                let at =
                    |shape: &[u64], index: &[u64]| shape.iter().zip(index).fold(0, |at, (n, i)| at * n + i);
                let inside: Vec<u64> = index.iter().zip(cells.start()).map(|(i, s)| i - s).collect();
                let from = at(chunk, &inside) as usize * 4;
                let expected = whole.scalar(at(&variable.shape, &index) as usize);
                let found = i32::from_le_bytes(decoded[from..from + 4].try_into().unwrap());
                assert_eq!(Some(Scalar::Int(found.into())), expected, "{name} {index:?}");
            }
        }
    }
}

#[test]
fn regions_are_parts_of_the_whole() {
    let reader = reader("index_latest.h5");
    for (rows, columns) in [(0..5, 0..7), (1..4, 2..6), (2..2, 0..7), (4..5, 6..7), (0..2, 0..3)] {
        let block = reader.read("gzip_4", &Region(vec![rows.clone(), columns.clone()])).unwrap();
        let expected: Vec<f64> =
            rows.clone().flat_map(|r| columns.clone().map(move |c| (1000 + r * 7 + c) as f64)).collect();
        assert_eq!(block.to_f64().unwrap(), expected, "{rows:?} {columns:?}");
    }
    for region in [vec![0..6, 0..7], vec![0..5], vec![3..2, 0..7]] {
        assert_eq!(reader.read("gzip_4", &Region(region)).unwrap_err().code, Code::Bug);
    }
}

#[test]
fn filter_masks_and_precision() {
    let reader = reader("filter_masks.h5");
    let rows = [
        ("mask", DataType::Int32, counted(1, 24)),
        ("bits12", DataType::Int16, counted(-29, 72)),
        ("bits12_nbit", DataType::Int16, counted(-29, 72)),
        ("bits20_be_nbit", DataType::UInt32, counted(1, 72)),
        ("bits16_nbit", DataType::Int16, counted(-29, 72)),
    ];
    for (name, dtype, expected) in rows {
        assert_eq!(reader.schema().variable(name).unwrap().dtype, dtype, "{name}");
        assert_eq!(numbers(&reader, name), expected, "{name}");
    }
}

#[test]
fn behind_a_user_block_and_texts_of_all_kinds() {
    let reader = reader("userblock.h5");
    assert_eq!(numbers(&reader, "contiguous"), counted(1, 12));
    assert_eq!(numbers(&reader, "chunked"), counted(1, 20));
    let long = ["a", "", "long text, longer than sixteen bytes", "caf\u{e9}", "\u{6c34}"];
    let rows: [(&str, &[&str]); 7] = [
        ("heap_text", &long),
        ("heap_text_chunked", &long),
        ("fixed_text", &["ab", "abcd", ""]),
        ("scalar_text", &["one text"]),
        ("chars", &["ab", "x"]),
        ("unwritten_text", &["", ""]),
        ("spaced_text", &["ab", " cd"]),
    ];
    for (name, expected) in rows {
        assert_eq!(reader.schema().variable(name).unwrap().dtype, DataType::Text);
        assert_eq!(texts(&reader, name), expected, "{name}");
    }
    let part = reader.read("heap_text_chunked", &Region(vec![1..4])).unwrap();
    assert_eq!(part.texts().unwrap(), &long[1..4]);
}

#[test]
fn the_netcdf_model_is_kept() {
    let reader = reader("model.nc");
    let schema = reader.schema();
    assert_eq!(reader.format(), Format::Netcdf4);
    let rows: [(&str, &[&str], &[u64], DataType); 15] = [
        ("time", &["time"], &[10], DataType::Float64),
        ("short", &["time", "x"], &[10, 4], DataType::Int16),
        ("nofill", &["time", "x"], &[10, 4], DataType::Int32),
        ("default", &["time"], &[10], DataType::Float32),
        ("none", &["time", "x"], &[10, 4], DataType::Float32),
        ("n", &["x", "n"], &[4, 6], DataType::Int32),
        ("names", &["x"], &[4], DataType::Text),
        ("flag", &["time"], &[10], DataType::Text),
        ("texts", &["x"], &[4], DataType::Text),
        ("kind", &["x"], &[4], DataType::UInt8),
        ("large", &["x"], &[4], DataType::Float32),
        ("last", &[], &[], DataType::Float64),
        ("model/t", &["time", "model/y", "x"], &[10, 3, 4], DataType::Float32),
        ("model/y", &["model/y"], &[3], DataType::Float32),
        ("model/deep/v", &["model/y"], &[3], DataType::Int64),
    ];
    for (name, dims, shape, dtype) in rows {
        let variable = schema.variable(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!((variable.dims.as_slice(), variable.dtype), (strings(dims).as_slice(), dtype), "{name}");
        assert_eq!(variable.shape, shape, "{name}");
    }
    assert_eq!(schema.variables.len(), rows.len());
    assert_eq!(schema.unreadable, []);
    let groups: Vec<&str> = schema.groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(groups, ["model", "model/deep"]);
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn attributes_keep_order_and_type() {
    let reader = reader("model.nc");
    let names: Vec<&str> = reader.schema().attrs.iter().map(|(name, _)| name).collect();
    let expected = [
        "z11", "z10", "z9", "z8", "z7", "z6", "z4", "z3", "z2", "z1", "z0", "strings", "empty", "bytes",
        "wide",
    ];
    assert_eq!(names, expected);
    let attrs = &reader.schema().attrs;
    let numbers = |dtype, values: &[Scalar]| AttrValue::Numbers { dtype, values: values.to_vec() };
    let rows = [
        ("z3", AttrValue::Text("again".into())),
        ("z11", numbers(DataType::Int64, &[Scalar::Int(0)])),
        ("strings", AttrValue::Texts(strings(&["a", "bc"]))),
        ("empty", AttrValue::Text(String::new())),
        ("bytes", numbers(DataType::Int8, &[Scalar::Int(1), Scalar::Int(2)])),
        ("wide", numbers(DataType::UInt64, &[Scalar::UInt(1 << 63)])),
    ];
    for (name, expected) in rows {
        assert_eq!(attrs.get(name), Some(&expected), "{name}");
    }
    let deep = &reader.schema().variable("model/deep/v").unwrap().attrs;
    assert_eq!(
        deep.iter().map(|(n, _)| n.to_owned()).collect::<Vec<_>>(),
        (1..=20).rev().map(|n| format!("a{n}")).collect::<Vec<_>>()
    );
}

#[test]
fn missing_records_are_the_fill_value() {
    let reader = reader("model.nc");
    let filled = |written: Vec<f64>, fill: f64, cells: usize| {
        let missing = cells - written.len();
        written.into_iter().chain(std::iter::repeat_n(fill, missing)).collect::<Vec<_>>()
    };
    let default = f64::from(9.969_21e36_f32);
    assert_eq!(numbers(&reader, "short"), filled(counted(1, 16), -5.0, 40));
    assert_eq!(numbers(&reader, "nofill"), filled(counted(1, 20), -2_147_483_647.0, 40));
    assert_eq!(numbers(&reader, "default"), filled(counted(0, 5), default, 10));
    assert_eq!(numbers(&reader, "none"), filled(vec![], default, 40));
    assert_eq!(numbers(&reader, "large"), filled(vec![1.0, 2.0, 3.0], f64::from(1e20_f32), 4));
    assert_eq!(reader.schema().variable("short").unwrap().fill, Some(Scalar::Int(-5)));
}

#[test]
fn characters_and_enums() {
    let reader = reader("model.nc");
    assert_eq!(texts(&reader, "names"), ["one", "tw\u{f6}", "", "abcdef"]);
    assert_eq!(texts(&reader, "flag"), ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    assert_eq!(texts(&reader, "texts"), ["a", "", "\u{6c34}", "d"]);
    assert!(reader.schema().variable("names").unwrap().attrs.get("_Encoding").is_none());
    let kind = reader.schema().variable("kind").unwrap();
    assert_eq!(numbers(&reader, "kind"), [0.0, 1.0, 0.0, 255.0]);
    assert_eq!(kind.fill, Some(Scalar::UInt(255)));
    assert_eq!(kind.attrs.text("flag_meanings"), Some("clear cloudy none"));
}

#[test]
fn nothing_is_left_out_in_silence() {
    let reader = reader("plain.h5");
    let found: Vec<&str> = reader.schema().unreadable.iter().map(|u| u.name.as_str()).collect();
    let expected = [
        "dangling",
        "outside",
        "group/up",
        "compound",
        "external",
        "float80",
        "null",
        "opaque",
        "reference",
        "sequence",
        "virtual",
        "a@reference",
        "hard@reference",
    ];
    assert_eq!(found, expected);
    for name in ["virtual", "compound"] {
        let error = reader.read(name, &Region(vec![])).unwrap_err();
        assert_eq!((error.code, error.place.variable.as_deref()), (Code::SourceUnsupported, Some(name)));
    }
    let names: Vec<&str> = reader.schema().variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "hard", "lat", "soft", "group/c", "group/inner/d"]);
}

#[test]
fn dimensions_without_scales_are_named_as_by_netcdf() {
    // netCDF4.Dataset("unscaled.h5") and its groups, variable by variable
    let rows: [(&str, &[&str]); 6] = [
        ("a", &["lat", "phony_dim_17"]),
        ("b", &["phony_dim_18", "lat", "phony_dim_19"]),
        ("grows", &["phony_dim_20", "phony_dim_17"]),
        ("group/c", &["group/phony_dim_9", "group/phony_dim_10"]),
        ("group/inner/d", &["group/inner/phony_dim_6", "group/inner/phony_dim_7", "group/inner/phony_dim_8"]),
        ("z/c", &["z/phony_dim_13", "z/phony_dim_14"]),
    ];
    let reader = reader("unscaled.h5");
    for (name, dims) in rows {
        assert_eq!(reader.schema().variable(name).unwrap().dims, strings(dims), "{name}");
    }
}

/// Opens and reads everything, as far as it goes; a panic or another code than a source's fails the test.
fn exhaust(bytes: Vec<u8>) -> Result<()> {
    let checked = |code: Code| assert_eq!(code.exit_status(), 5, "{code}");
    let reader = open(Memory::new(bytes)).inspect_err(|error| checked(error.code))?;
    for variable in &reader.schema().variables {
        if variable.cells() < 1 << 20 {
            let read = reader.read(&variable.name, &Region::whole(&variable.shape));
            let _ = read.inspect_err(|error| {
                checked(error.code);
                assert_eq!(error.place.variable.as_ref(), Some(&variable.name));
            });
        }
    }
    Ok(())
}

#[test]
fn truncated_files_are_refused() {
    for (file, step) in [("model.nc", 499), ("index_latest.h5", 499), ("userblock.h5", 199)] {
        let bytes = fixture(file);
        for length in (0..bytes.len()).step_by(step) {
            let error = exhaust(bytes[..length].to_vec()).unwrap_err();
            assert!(matches!(error.code, Code::SourceCorrupt | Code::SourceFormat), "{error} at {length}");
        }
    }
}

#[test]
fn damaged_files_end_in_errors_not_panics() {
    for file in
        ["model.nc", "index_earliest.h5", "index_latest.h5", "plain.h5", "userblock.h5", "filter_masks.h5"]
    {
        let bytes = fixture(file);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % damaged.len();
                damaged[at] = (state >> 24) as u8;
            }
            let _ = exhaust(damaged);
        }
    }
}

/// Bytes of `model.nc` that fuzzing changed: sizes of gigabytes, which must be refused before memory is taken.
#[test]
fn declared_sizes_take_no_memory() {
    let changed: [(&[(usize, u8)], &str); 2] = [
        (&[(0x4a1c, 255), (0x4b0f, 34), (0x4b10, 234), (0x4b11, 241), (0x4b12, 37)], "chunks, more than"),
        (&[(0x845e, 3), (0x854a, 136), (0x854b, 193), (0x854c, 250), (0x854d, 55)], "bytes at most"),
    ];
    for (changes, expected) in changed {
        let mut bytes = fixture("model.nc");
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        let reader = open(Memory::new(bytes)).unwrap();
        let names = reader.schema().variables.iter().map(|v| (v.name.clone(), v.shape.clone()));
        let read = |(name, shape): (String, Vec<u64>)| {
            let corner = Region(shape.iter().map(|&n| n.saturating_sub(2)..n).collect());
            [reader.chunk_refs(&name).err(), reader.read(&name, &corner).err()]
        };
        let errors: Vec<String> = names.flat_map(read).flatten().map(|error| error.to_string()).collect();
        assert!(errors.iter().any(|error| error.contains(expected)), "{expected}: {errors:?}");
    }
}

#[test]
fn foreign_codecs_are_only_hdf5s_own() {
    let codec = arcoforge_core::codec::Codec::Lzf;
    assert_eq!(decode_foreign(&codec, &[], 10).unwrap_err().code, Code::SourceUnsupported);
    let codec = arcoforge_core::codec::Codec::Szip { params: vec![141, 8, 32, 32] };
    let mut out = [0; 8];
    let mut scratch = Scratch::with_foreign(decode_foreign);
    let encoding = Encoding { codecs: vec![codec], ..Encoding::raw() };
    let error = decode(&encoding, 4, 0, &[255; 12], &mut out, &mut scratch).unwrap_err();
    assert_eq!(error.code, Code::SourceCorrupt);
}

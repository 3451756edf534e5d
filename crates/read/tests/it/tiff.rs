//! TIFF files as GDAL writes them: fixtures and `values.txt` are from `oracle/tiff.py`.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::schema::{Format, Storage};
use arcoforge_read::{open, tiff};

use crate::memory::Memory;
use crate::mutate::Mutations;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/tiff")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.tif"))).unwrap()
}

/// Name, shape, type, CRC-32 of the values.
fn table() -> Vec<(String, Vec<u64>, String, String)> {
    let text = std::fs::read_to_string(fixtures().join("values.txt")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let shape = fields[1].split(',').map(|n| n.parse().unwrap()).collect();
        (fields[0].to_owned(), shape, fields[2].to_owned(), fields[3].to_owned())
    };
    text.lines().map(row).collect()
}

/// CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn fixtures_read_as_they_were_made() {
    assert_eq!(table().len(), 10);
    for (name, shape, dtype, crc) in table() {
        let reader = open(Memory::new(bytes(&name))).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(reader.format(), Format::Tiff);
        let names: Vec<&str> = reader.schema().variables.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["band", "x", "y", "spatial_ref", "band_data"], "{name}");
        let variable = reader.schema().variable("band_data").unwrap();
        assert_eq!((&variable.shape, variable.dtype.name()), (&shape, dtype.as_str()), "{name}");
        assert_eq!(variable.dims, ["band", "y", "x"]);
        let whole =
            reader.read("band_data", &Region::whole(&shape)).unwrap_or_else(|e| panic!("{name}: {e}"));
        if crc != "lossy" {
            assert_eq!(format!("{:08x}", crc32(whole.bytes().unwrap())), crc, "{name}");
        }
        // any box has the same cells as the whole
        let part = Region(vec![shape[0] - 1..shape[0], 3..18, 7..20]);
        let block = reader.read("band_data", &part).unwrap();
        let mut cells = arcoforge_core::chunk::indices(&part);
        let same = (0..).map_while(|at| Some((at, cells.next()?))).all(|(at, index)| {
            let flat = (index[0] * 19 + index[1]) * 21 + index[2];
            block.scalar(at).unwrap().same(&whole.scalar(usize::try_from(flat).unwrap()).unwrap())
        });
        assert!(same, "{name}");
        let x = reader.read("x", &Region::whole(&[2])).unwrap();
        assert_eq!(x.to_f64().unwrap(), [500_005.0, 500_015.0]);
        let mapping = reader.schema().variable("spatial_ref").unwrap();
        assert_eq!(mapping.attrs.text("grid_mapping_name"), Some("transverse_mercator"));
    }
}

#[test]
fn missing_tiles_have_the_value_for_missing_cells() {
    let reader = open(Memory::new(bytes("sparse"))).unwrap();
    assert_eq!(reader.schema().variable("band_data").unwrap().fill, Some(Scalar::Int(-7)));
    let refs = reader.chunk_refs("band_data").unwrap();
    assert!(refs.len() == 4 && refs.iter().all(|one| *one == ChunkRef::Unallocated), "{refs:?}");
}

#[test]
fn rows_without_compression_are_cut_anew() {
    let reader = open(Memory::new(bytes("plain"))).unwrap();
    let refs = reader.chunk_refs("band_data").unwrap();
    assert!(matches!(refs.as_slice(), [ChunkRef::Stored { bytes: 798, .. }]), "{refs:?}");
    let Storage::Chunks { chunk, encoding, .. } = &reader.schema().variable("band_data").unwrap().storage
    else {
        panic!("no chunks");
    };
    assert!(chunk == &[1, 19, 21] && encoding.codecs.is_empty());
}

#[test]
fn opening_reads_the_head_once() {
    let memory = Memory::new([bytes("lzw-predictor2"), vec![0; 1 << 20]].concat());
    let reader = tiff::open(memory.clone()).unwrap();
    assert_eq!(memory.reads.load(Ordering::Relaxed), 1);
    drop(reader);
}

#[test]
fn changed_files_end_with_an_error_or_values() {
    for (name, ..) in table() {
        for changed in Mutations::new(&bytes(&name), 400) {
            let Ok(reader) = tiff::open(Memory::new(changed)) else { continue };
            let reader: &dyn arcoforge_read::Reader = &reader;
            for variable in reader.schema().variables.iter().filter(|v| v.bytes() < 1 << 20) {
                let _ = reader.read(&variable.name, &Region::whole(&variable.shape));
            }
        }
    }
}

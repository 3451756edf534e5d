//! GRIB files as far as no other library is needed: what is cut off or changed is an error, and never more.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arcoforge_core::error::Code;
use arcoforge_core::schema::Format;
use arcoforge_read::Reader;
use arcoforge_read::grib::open;

use crate::memory::Memory;

/// A message of edition 2 with 2 x 2 points of one value (0 bits each), 2 m temperature at a step in hours.
fn message(step: u8, value: f32) -> Vec<u8> {
    let mut sections = Vec::new();
    let mut add = |number: u8, content: &[u8]| {
        sections.extend((content.len() as u32 + 5).to_be_bytes());
        sections.push(number);
        sections.extend_from_slice(content);
    };
    add(1, &[0, 7, 0, 0, 2, 1, 1, 7, 228, 1, 2, 6, 0, 0, 0, 1]);
    let mut grid = vec![0, 0, 0, 0, 4, 0, 0, 0, 0, 6];
    grid.extend([0; 15]);
    for number in [2u32, 2, 0, u32::MAX, 50_000_000, 10_000_000] {
        grid.extend(number.to_be_bytes());
    }
    grid.push(0x30);
    for number in [49_000_000u32, 11_000_000, 1_000_000, 1_000_000] {
        grid.extend(number.to_be_bytes());
    }
    grid.push(0);
    add(3, &grid);
    let mut product = vec![0, 0, 0, 0, 0, 0, 2, 0, 96, 0, 0, 0, 1, 0, 0, 0, step];
    product.extend([103, 0, 0, 0, 0, 2, 255, 255, 255, 255, 255, 255]);
    add(4, &product);
    let mut packing = vec![0, 0, 0, 4, 0, 0];
    packing.extend(value.to_be_bytes());
    packing.extend([0, 0, 0, 0, 0, 0]);
    add(5, &packing);
    add(6, &[255]);
    add(7, &[]);
    let length = sections.len() as u64 + 20;
    [b"GRIB\0\0\0\x02", &length.to_be_bytes()[..], &sections, b"7777"].concat()
}

#[test]
fn steps_become_a_dimension() {
    let file = [message(6, 280.0), b"\0\0".to_vec(), message(0, 279.0), message(24, 281.0)].concat();
    let reader = open(Memory::new(file)).expect("opened");
    assert_eq!(reader.format(), Format::Grib2);
    let schema = reader.schema();
    let names: Vec<&str> = schema.variables.iter().map(|v| v.name.as_str()).collect();
    let expected = ["time", "step", "heightAboveGround", "valid_time", "latitude", "longitude", "t2m"];
    assert_eq!(names, expected);
    let t2m = schema.variable("t2m").expect("t2m");
    assert_eq!((t2m.dims.join(" "), &t2m.shape[..]), ("step latitude longitude".into(), &[3, 2, 2][..]));
    assert_eq!(reader.chunk_refs("t2m").expect("refs").len(), 3);
    let whole = arcoforge_core::chunk::Region::whole(&[3]);
    let steps = reader.read("step", &whole).expect("steps").to_f64().expect("numbers");
    assert_eq!(steps, [0.0, 6.0, 24.0]);
}

#[test]
fn whatever_is_cut_off_or_changed_is_an_error_or_a_schema() {
    let file = [message(0, 280.0), message(6, 280.0)].concat();
    for length in 0..file.len() {
        if let Err(error) = open(Memory::new(&file[..length])) {
            assert!(matches!(error.code, Code::SourceCorrupt | Code::SourceFormat), "{error} at {length}");
        }
    }
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = file.clone();
            changed[at] = value;
            let _ = open(Memory::new(changed));
        }
    }
}

#[test]
fn many_messages_are_indexed_by_few_reads() {
    let file: Vec<u8> = (0..200).flat_map(|n| message(n, 280.0)).collect();
    let memory = Memory::new(file);
    let reader = open(Arc::clone(&memory) as _).expect("opened");
    assert_eq!(reader.schema().variable("t2m").map(|v| v.shape[0]), Some(200));
    assert!(memory.reads.load(Ordering::Relaxed) <= 4, "{memory:?}");
}

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
    message_of(step, value, &[255], &[])
}

/// The same, with its bitmap and bytes that stand for values.
fn message_of(step: u8, value: f32, bitmap: &[u8], packed: &[u8]) -> Vec<u8> {
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
    add(6, bitmap);
    add(7, packed);
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

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Messages of all lengths with anything between them, and where they begin.
    fn file(&mut self) -> (Vec<u8>, Vec<u64>) {
        let (mut file, mut starts) = (Vec::new(), Vec::new());
        let lengths: &[usize] =
            self.one_of(&[&[0, 10][..], &[400_000], &[0, 90_000, 300_000, 700_000], &[70_000, 200_000]]);
        let masks = self.one_of(&[&[0][..], &[0, 100_000], &[3_000, 80_000]]);
        for step in 0..3 + self.below(20) {
            file.resize(
                file.len() + self.one_of(&[0, 0, 0, 1, 300, 5_000, 70_000]) * self.below(2) as usize,
                0,
            );
            starts.push(file.len() as u64);
            let mut bitmap = vec![0; 1 + self.one_of(masks)];
            bitmap[0] = if bitmap.len() == 1 { 255 } else { 0 };
            file.extend(message_of(step as u8, 280.0, &bitmap, &vec![0; self.one_of(lengths)]));
        }
        (file, starts)
    }

    /// An index, which may be right, and whether it is.
    fn index(&mut self, starts: &[u64], size: u64) -> (Vec<u8>, bool) {
        let mut named = starts.to_vec();
        match self.below(6) {
            0 => {
                named.pop();
            }
            1 => named.push(self.below(2 * size)),
            2 => {
                let at = self.below(named.len() as u64) as usize;
                named[at] = self.below(size);
            }
            3 => named.iter_mut().for_each(|start| *start += 1),
            _ => {}
        }
        named.sort_unstable();
        let lines = named.iter().enumerate().map(|(n, start)| format!("{n}:{start}:d=2024010206:TMP\n"));
        named.dedup();
        (lines.collect::<String>().into_bytes(), named == starts)
    }
}

#[test]
fn a_file_on_a_server_is_what_it_is_whatever_its_index_says() {
    let mut numbers = Numbers(7);
    let (mut read, mut told, mut right) = (0, 0, 0);
    for round in 0..200 {
        let (file, starts) = numbers.file();
        let (index, is_right) = numbers.index(&starts, file.len() as u64);
        let near = open(Memory::new(file.clone())).expect("opened");
        for index in [None, Some(index)] {
            let has_index = index.is_some();
            let memory = Memory::far(file.clone(), index);
            let far = open(Arc::clone(&memory) as _).expect("opened");
            assert_eq!(far.schema(), near.schema(), "{round}");
            let refs = |reader: &dyn Reader| reader.chunk_refs("t2m").expect("refs");
            assert_eq!(refs(&far), refs(&near), "{round}");
            // what is right is never called wrong; what is wrong may never have been asked for
            assert!(far.remark().is_none() || (has_index && !is_right), "{round}: {:?}", far.remark());
            read += memory.read.load(Ordering::Relaxed);
            told += u64::from(far.remark().is_some());
            right += file.len() as u64;
        }
    }
    assert!(told > 10, "{told}");
    assert!(read < right / 2, "{read} of {right}");
}

#[test]
fn damage_on_a_server_is_told_as_damage_here() {
    let mut numbers = Numbers(11);
    for round in 0..300 {
        let (mut file, starts) = numbers.file();
        let (index, _) = numbers.index(&starts, file.len() as u64);
        match numbers.below(2) {
            0 => file.truncate(numbers.below(file.len() as u64) as usize),
            _ => {
                let at = numbers.one_of(&starts) + numbers.below(190);
                file[at as usize] ^= 1 << numbers.below(8);
            }
        }
        let found = |memory| open(memory).map(|reader| reader.schema().clone()).map_err(|e| e.to_string());
        assert_eq!(found(Memory::far(file.clone(), Some(index))), found(Memory::new(file)), "{round}");
    }
}

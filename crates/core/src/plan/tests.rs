//! Chunks, shards, slabs and codecs that the planner chooses, and that they tile every array.

#![allow(clippy::type_complexity)] // rows of data

use std::collections::BTreeMap;

use super::*;
use crate::attrs::Attrs;
use crate::block::Block;
use crate::chunk::indices;
use crate::codec::{Codec, Encoding};
use crate::combine::Content;
use crate::combine::{Along, Held, Piece, Pieces};
use crate::dtype::{DataType, Scalar};
use crate::recipe::{ChunkLength, Codecs, TargetFormat};
use crate::schema::{Schema, Storage, Variable};
use crate::steps::FileView;

const V3: TargetCaps = TargetCaps {
    format: TargetFormat::Zarr3,
    codecs: &["gzip", "zstd", "blosc", "crc32c"],
    codecs_extension: &["shuffle", "zlib"],
    shards: true,
    references: false,
};
const V2: TargetCaps = TargetCaps {
    format: TargetFormat::Zarr2,
    codecs: &["shuffle", "zlib", "gzip", "zstd", "blosc"],
    codecs_extension: &[],
    shards: false,
    references: false,
};

/// One float32 variable over `files` files of equal shape, concatenated along its first dimension.
struct Case {
    files: u64,
    shape: Vec<u64>,
    source: Vec<u64>,
    chunked: bool,
    codecs: Vec<Codec>,
    chunks: &'static str,
    shards: &'static str,
    caps: TargetCaps,
    output: Codecs,
    memory_mib: u64,
    workers: usize,
}

impl Case {
    fn new(files: u64, shape: &[u64], source: &[u64]) -> Self {
        Self {
            files,
            shape: shape.to_vec(),
            source: source.to_vec(),
            chunked: true,
            codecs: vec![Codec::Shuffle { element_size: 4 }, Codec::Zlib { level: 4 }],
            chunks: "",
            shards: "",
            caps: V3,
            output: Codecs::Default,
            memory_mib: 1024,
            workers: 2,
        }
    }

    fn plan(&self) -> Result<Plan> {
        self.plan_within(self.memory_mib << 20)
    }

    fn plan_within(&self, memory_bytes: u64) -> Result<Plan> {
        let names = ["time", "lat", "lon"];
        let mut shape = self.shape.clone();
        let storage = Storage::Chunks {
            chunk: self.source.clone(),
            encoding: Encoding { codecs: self.codecs.clone(), ..Encoding::raw() },
            unwritten: Scalar::Float(0.0),
            chunked: self.chunked,
        };
        let in_file = Variable {
            name: "x".to_owned(),
            dims: names.iter().take(shape.len()).map(|n| (*n).to_owned()).collect(),
            shape: shape.clone(),
            dtype: DataType::Float32,
            attrs: Attrs::new(),
            fill: None,
            storage,
        };
        let schema = Schema { variables: vec![Arc::new(in_file.clone())], ..Schema::default() };
        let file = |n: u64| File {
            url: format!("{n}.nc").into(),
            index: [n as u32].as_slice().into(),
            view: Arc::new(FileView::new(&schema)),
            values: Held::default(),
        };
        let files: Vec<File> = (0..self.files).map(file).collect();
        let length = shape.first().copied().unwrap_or(1);
        if let Some(first) = shape.first_mut() {
            *first = length * self.files;
        }
        let offsets: Vec<u64> = (0..=self.files).map(|n| n * length).collect();
        let pieces = Pieces {
            along: if shape.is_empty() { Vec::new() } else { vec![Along::of_files(0, &offsets)] },
            files: (0..self.files).map(|n| Some(Piece { file: n as u32, variable: 0 })).collect(),
        };
        let combined = combined(Variable { shape, ..in_file }, false, Content::Pieces(pieces));
        let output = Output {
            chunks: lengths(self.chunks),
            shards: lengths(self.shards),
            codecs: self.output.clone(),
            ..Output::default()
        };
        let budget = Budget { memory_bytes, asked: true, workers: self.workers };
        plan(combined, &files, &output, &self.caps, budget, None)
    }
}

fn combined(var: Variable, coordinate: bool, content: Content) -> Combined {
    let variable = CombinedVar { var: Arc::new(var), coordinate, unwritten: Scalar::Float(0.0), content };
    Combined {
        attrs: Attrs::new(),
        groups: Vec::new(),
        variables: vec![variable],
        concat: vec!["time".to_owned()],
        left_out: Vec::new(),
        notes: Vec::new(),
        compare: Vec::new(),
        pyramid: None,
    }
}

/// `time=20 lat=whole lon=4MiB`.
fn lengths(text: &str) -> BTreeMap<String, ChunkLength> {
    let length = |value: &str| match (value, value.strip_suffix("MiB")) {
        ("whole", _) => ChunkLength::Whole,
        (_, Some(mib)) => ChunkLength::Bytes(mib.parse::<u64>().unwrap() << 20),
        (cells, None) => ChunkLength::Cells(cells.parse().unwrap()),
    };
    let pair = |part: &str| part.split_once('=').map(|(dim, value)| (dim.to_owned(), length(value)));
    text.split_whitespace().filter_map(pair).collect()
}

fn show(shape: &[u64]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn chunks_and_shards() {
    let day = [1, 720, 1440];
    let rows: &[(&str, u64, &[u64], &[u64], &str, &str, &str)] = &[
        ("the sources' chunks, in shards", 60, &day, &day, "", "", "1 720 1440 / 32 720 1440"),
        ("a part of a file a chunk", 60, &day, &[1, 360, 720], "", "", "1 360 720 / 32 720 1440"),
        ("as asked, the rest whole", 60, &day, &day, "time=20", "", "20 720 1440"),
        ("whole", 60, &day, &day, "time=whole lat=90 lon=90", "", "60 90 90"),
        ("a size along one dimension", 60, &day, &day, "time=16MiB", "", "4 720 1440"),
        ("a size never above the array", 3, &day, &day, "time=64MiB", "", "3 720 1440"),
        (
            "longer than the array: only where it may grow",
            3,
            &day,
            &day,
            "time=20 lat=1000",
            "",
            "20 720 1440",
        ),
        ("shards as asked", 60, &day, &day, "time=5", "time=20", "5 720 1440 / 20 720 1440"),
        (
            "shards that are whole hold whole chunks",
            61,
            &day,
            &day,
            "time=5",
            "time=whole",
            "5 720 1440 / 65 720 1440",
        ),
        (
            "shards of a size hold whole chunks",
            60,
            &day,
            &day,
            "time=5",
            "time=100MiB",
            "5 720 1440 / 25 720 1440",
        ),
        (
            "shards longer than the array",
            60,
            &day,
            &day,
            "time=5 lat=400",
            "lat=1000",
            "5 400 1440 / 5 800 1440",
        ),
        ("small source chunks are not kept", 10, &[10, 720, 1440], &[1, 10, 10], "", "", "4 720 1440"),
        ("cuts between source chunks", 1, &[1, 5000, 5000], &[1, 300, 50], "", "", "1 2400 1250"),
        (
            "a chunk that nobody chose divides the shard that somebody did",
            10,
            &[10, 720, 1440],
            &[1, 10, 10],
            "",
            "time=6",
            "3 720 1440 / 6 720 1440",
        ),
        ("a long series", 100, &[1000], &[10], "", "", "100000"),
    ];
    for (what, files, shape, source, chunks, shards, expected) in rows {
        let plan = Case { chunks, shards, ..Case::new(*files, shape, source) }.plan().expect(what);
        let spec = &plan.arrays[0].spec;
        let shard = spec.shard.as_ref().map_or(String::new(), |s| format!(" / {}", show(s)));
        assert_eq!(format!("{}{shard}", show(&spec.chunk)), *expected, "{what}");
    }
}

#[test]
fn slabs_within_memory() {
    // 1 GiB of float32 in 256 steps of time; what is asked, MiB, then: slab, how often decoded, workers, scratch storage
    let (shape, source): ([u64; 3], [u64; 3]) = ([1, 1024, 1024], [1, 1024, 1024]);
    let rows = [
        ("time=1", 128, "1 1024 1024", 1.0, (2, 1), ""),
        ("time=20", 1024, "20 1024 1024", 1.0, (2, 1), ""),
        // one slab for two threads
        ("time=256 lat=64 lon=64", 2048, "256 1024 1024", 1.0, (1, 2), ""),
        ("time=256 lat=64 lon=64", 512, "256 192 1024", 1.0, (2, 1), "57 1024 1024 / 57 192 1024"),
        ("time=256 lat=64 lon=64", 256, "256 64 1024", 1.0, (2, 1), "25 1024 1024 / 25 64 1024"),
        ("time=256 lat=64 lon=64", 128, "256 64 640", 1.0, (2, 1), "9 1024 1024 / 9 64 640"),
    ];
    for (chunks, memory_mib, slab, decodes, workers, scratch) in rows {
        let plan = Case { chunks, memory_mib, ..Case::new(256, &shape, &source) }.plan().expect(chunks);
        let array = &plan.arrays[0];
        let through = array.scratch.as_ref();
        let through =
            through.map_or(String::new(), |s| format!("{} / {}", show(&s.read), show(&s.intermediate)));
        let found = (show(&array.slab), array.decodes, (plan.workers, plan.threads), through);
        let expected = (slab.to_owned(), decodes, workers, scratch.to_owned());
        assert_eq!(found, expected, "{chunks} in {memory_mib} MiB");
        assert!(plan.peak_bytes <= memory_mib << 20, "{chunks} in {memory_mib} MiB: {}", plan.peak_bytes);
        assert_eq!(plan.scratch_bytes(), if scratch.is_empty() { 0 } else { 1 << 30 }, "{chunks}");
    }
    let refused = Case { chunks: "time=whole", memory_mib: 256, ..Case::new(256, &shape, &source) };
    let error = refused.plan().expect_err("one chunk of 1 GiB");
    assert_eq!((error.code, error.place.variable.as_deref()), (Code::MemoryLimit, Some("x")));
    assert!(error.message.contains("256 MiB") && error.message.contains("1024, 1024"), "{}", error.message);
    let huge = Case { chunks: "time=9223372036854775807", ..Case::new(2, &shape, &source) };
    assert_eq!(huge.plan().expect_err("more than 64 bits count").code, Code::MemoryLimit);
}

#[test]
fn source_chunks_that_are_cut_are_told() {
    // source chunk and chunk along time, memory: slab along time, decodes
    let rows = [
        (20, 1, 4096, 20, 1.0),
        (20, 30, 4096, 60, 1.0),
        (20, 3, 4096, 60, 1.0),
        (20, 3, 430, 21, 1.9),
        (1, 7, 4096, 7, 1.0),
    ];
    for (source, chunk, memory_mib, slab, decodes) in rows {
        let chunks: &'static str = Box::leak(format!("time={chunk}").into_boxed_str());
        let case = Case {
            chunks,
            memory_mib,
            workers: 1,
            ..Case::new(10, &[60, 1000, 1000], &[source, 1000, 1000])
        };
        let plan = case.plan().expect(chunks);
        let array = &plan.arrays[0];
        assert_eq!(array.slab[0], slab, "{source} to {chunk}");
        assert!((array.decodes - decodes).abs() < 1e-3, "{source} to {chunk}: {}", array.decodes);
    }
}

#[test]
fn copies_and_why_not() {
    let day: [u64; 3] = [1, 720, 1440];
    let base = || Case { caps: V2, ..Case::new(6, &day, &day) };
    let rows: Vec<(&str, Case, &str)> = vec![
        ("v2 names zlib and shuffle", base(), ""),
        (
            "v3 does not",
            Case { caps: V3, ..base() },
            "no name for shuffle, zlib (`codecs: source` allows it)",
        ),
        ("but for those who ask", Case { caps: V3, output: Codecs::Source, ..base() }, ""),
        (
            "contiguous",
            Case { chunked: false, chunks: "time=1", codecs: Vec::new(), output: Codecs::Source, ..base() },
            "as one piece",
        ),
        ("not compressed", Case { codecs: Vec::new(), ..base() }, "not compressed"),
        ("another shape", Case { chunks: "time=2", ..base() }, "in the target"),
        (
            "other codecs",
            Case { output: Codecs::Chain(vec![Codec::Zlib { level: 1 }]), ..base() },
            "other codecs",
        ),
        ("the same codecs", Case { output: Codecs::Chain(base().codecs), ..base() }, ""),
        (
            "files end within chunks",
            Case::new(6, &[3, 720, 1440], &[2, 720, 1440]),
            "do not end where chunks do",
        ),
        ("a codec of HDF5 alone", Case { codecs: vec![Codec::Lzf], ..base() }, "no name for lzf"),
    ];
    for (what, case, expected) in rows {
        let plan = case.plan().expect(what);
        let array = &plan.arrays[0];
        assert_eq!(array.mode == Mode::Copy, expected.is_empty(), "{what}: {}", array.reason);
        assert!(array.reason.contains(expected), "{what}: {}", array.reason);
    }
}

#[test]
fn what_can_not_be_planned() {
    let day: [u64; 3] = [1, 720, 1440];
    let base = || Case::new(6, &day, &day);
    let rows: Vec<(&str, Case, &str)> = vec![
        ("a name", Case { chunks: "tmie=2", ..base() }, "`tmie`"),
        ("nothing", Case { chunks: "time=0", ..base() }, "length of 0"),
        ("two sizes", Case { chunks: "time=2MiB lat=2MiB", ..base() }, "more than one dimension"),
        ("no multiple", Case { chunks: "time=4", shards: "time=6", ..base() }, "whole chunks of 4"),
        ("no shards in v2", Case { shards: "time=6", caps: V2, ..base() }, "Zarr v2"),
        ("no such codec", Case { output: Codecs::Chain(vec![Codec::Lzf]), ..base() }, "lzf"),
    ];
    for (what, case, expected) in rows {
        let error = case.plan().map(|plan| format!("{:?}", plan.arrays)).expect_err(what);
        assert_eq!(error.code, Code::OutputInvalid, "{what}");
        assert!(
            error.message.contains(expected) && error.help.is_some() || what == "nothing",
            "{what}: {error}"
        );
    }
}

#[test]
fn values_in_hand() {
    // dimensions, coordinate, asked: chunk
    let rows: &[(&[(&str, u64)], bool, &str, &str)] = &[
        (&[("time", 10)], true, "time=1", "65536"),
        (&[("time", 10), ("nv", 2)], true, "", "65536 2"),
        (&[("lat", 720)], true, "lat=10", "720"),
        (&[("time", 10), ("scan", 2000)], true, "", "2048 2000"),
        (&[("lat", 72), ("lon", 144)], false, "lat=10", "10 144"),
        (&[("time", 10)], false, "time=1", "65536"),
        (&[], false, "", ""),
    ];
    for (dims, coordinate, chunks, expected) in rows {
        let shape: Vec<u64> = dims.iter().map(|d| d.1).collect();
        let cells = shape.iter().product::<u64>() as usize;
        let block = Block::from_bytes(DataType::Float32, shape.clone(), vec![0; 4 * cells]);
        let var = Variable {
            name: "x".to_owned(),
            dims: dims.iter().map(|d| d.0.to_owned()).collect(),
            shape,
            dtype: DataType::Float32,
            attrs: Attrs::new(),
            fill: None,
            storage: Storage::Whole,
        };
        let output = Output { chunks: lengths(chunks), ..Output::default() };
        let budget = Budget { memory_bytes: 1 << 30, asked: true, workers: 2 };
        let combined = combined(var, *coordinate, Content::Values(Arc::new(block)));
        let plan = plan(combined, &[], &output, &V3, budget, None).expect(expected);
        assert_eq!(
            (show(&plan.arrays[0].spec.chunk), plan.arrays[0].mode),
            ((*expected).to_owned(), Mode::Values)
        );
        tiles(&plan.arrays[0], expected);
    }
}

/// Tasks and slabs own every cell once; within a shard chunks come slab by slab in C order.
fn tiles(array: &ArrayPlan, what: &str) {
    let (spec, tasks) = (&array.spec, array.tasks());
    let chunks = spec.chunks();
    let mut seen = vec![false; chunks.len() as usize];
    let mut cells = 0;
    for task in 0..tasks.len() {
        let whole = tasks.region(&tasks.index(task));
        let mut order = Vec::new();
        for slab in array.slabs(task) {
            assert_eq!(slab.intersect(&whole).as_ref(), Some(&slab), "{what}");
            cells += slab.cells();
            for index in indices(&chunks.covering(&slab)) {
                let chunk = chunks.region(&index);
                assert!(
                    chunk.0.is_empty() || chunk.intersect(&slab).as_ref() == Some(&chunk),
                    "{what}: a chunk is cut"
                );
                let flat = chunks.flat(&index);
                assert!(!std::mem::replace(&mut seen[flat as usize], true), "{what}: twice");
                order.push(flat);
            }
        }
        assert!(spec.shard.is_none() || order.is_sorted(), "{what}: not in C order");
    }
    assert!(seen.iter().all(|s| *s), "{what}: a chunk has no task");
    assert_eq!(cells, spec.shape.iter().product::<u64>(), "{what}");
}

#[test]
fn tasks_and_slabs_tile_every_array() {
    let mut state = 1_u64;
    let mut random = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (state >> 33) % most
    };
    let (mut planned, mut staged) = (0, 0);
    for number in 0..3000 {
        let rank = (number % 3 + 1) as usize;
        let shape: Vec<u64> = (0..rank).map(|_| random(40)).collect();
        let source: Vec<u64> = shape.iter().map(|&n| random(n)).collect();
        let names = ["time", "lat", "lon"];
        let (mut chunks, mut shards) = (String::new(), String::new());
        for name in names.iter().take(rank) {
            let chunk = random(30);
            if random(3) > 1 {
                chunks.push_str(&format!("{name}={chunk} "));
                if random(2) > 1 {
                    shards.push_str(&format!("{name}={} ", chunk * random(5)));
                }
            }
        }
        let what = format!("{number}: {shape:?} {source:?} chunks {chunks} shards {shards}");
        let case = Case {
            chunks: Box::leak(chunks.into_boxed_str()),
            shards: Box::leak(shards.into_boxed_str()),
            memory_mib: 48,
            ..Case::new(random(4), &shape, &source)
        };
        // a few kilobytes of memory, so that slabs are cut
        let plan = case.plan_within(Budget::BASE_BYTES + (5 << 20) + random(400) * 4096);
        if let Ok(plan) = plan {
            planned += 1;
            tiles(&plan.arrays[0], &what);
            assert!(plan.arrays[0].decodes >= 1.0, "{what}");
            staged += u32::from(plan.scratch_tasks() > 0);
        }
    }
    assert!(planned > 2000 && staged > 100, "{planned} plans, {staged} of two stages");
}

#[test]
fn the_way_is_chosen_by_its_cost() {
    // 64 files of (4, 512, 512) float32, 256 MiB in all; source chunk, codecs, chunks, MiB: one pass or two, decodes
    let zlib = vec![Codec::Shuffle { element_size: 4 }, Codec::Zlib { level: 4 }];
    let rows: Vec<(&str, [u64; 3], Vec<Codec>, &str, u64, (bool, f64))> = vec![
        ("enough memory", [1, 512, 512], zlib.clone(), "time=whole lat=64 lon=64", 1024, (false, 1.0)),
        (
            "decoded twice is less than scratch",
            [1, 512, 512],
            zlib.clone(),
            "time=whole lat=64 lon=64",
            270,
            (false, 2.0),
        ),
        (
            "decoded more often is more",
            [1, 512, 512],
            zlib.clone(),
            "time=whole lat=64 lon=64",
            128,
            (true, 1.0),
        ),
        (
            "cells as they are stored are read in runs",
            [1, 512, 512],
            Vec::new(),
            "time=whole lat=64 lon=64",
            128,
            (false, 1.0),
        ),
    ];
    for (what, source, codecs, chunks, memory_mib, expected) in rows {
        let case = Case { chunks, codecs, memory_mib, workers: 1, ..Case::new(64, &[4, 512, 512], &source) };
        let plan = case.plan().expect(what);
        let array = &plan.arrays[0];
        assert_eq!((array.scratch.is_some(), array.decodes), expected, "{what}: {array:?}");
        assert!(plan.peak_bytes <= memory_mib << 20, "{what}: {}", plan.peak_bytes);
    }
}

#[test]
fn chunks_that_fit_only_apart_take_two_stages() {
    // a source chunk of 64 MiB, which needs three times as much, and a chunk of 64 MiB, which is encoded over its cells
    let case = |memory_mib, source: [u64; 3]| Case {
        chunks: "time=64 lat=512 lon=512",
        memory_mib,
        workers: 4,
        ..Case::new(2, &[32, 1024, 1024], &source)
    };
    let plan = case(340, [16, 1024, 1024]).plan().expect("340 MiB");
    let array = &plan.arrays[0];
    assert!(array.scratch.is_some() && plan.workers == 1, "{array:?}");
    // where a chunk alone is too large, the message says whose it is
    let rows = [
        (95, [1, 1024, 1024], "64, 512, 512] cells at", "choose smaller chunks"),
        (200, [32, 1024, 1024], "[32, 1024, 1024] cells of the files", "--memory"),
    ];
    for (memory_mib, source, message, help) in rows {
        let error = case(memory_mib, source).plan().expect_err(message);
        assert!(error.message.contains(message), "{}", error.message);
        assert!(error.help.as_deref().is_some_and(|h| h.contains(help)), "{error:?}");
    }
}

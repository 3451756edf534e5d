//! Bakes of the small archive that the repository carries, verified against their sources.

#![allow(clippy::expect_used)] // helpers of tests

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arcoforge_core::axis::{Axis, AxisKind, Keys};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec};
use arcoforge_core::error::Code;
use arcoforge_core::pattern::{Find, Input, Source};
use arcoforge_core::plan::{Budget, Mode};
use arcoforge_core::recipe::{About, ChunkLength, Codecs, Output, Policies, Recipe, Step, TargetFormat};
use arcoforge_run::{Event, Existing, Options, Outcome, Prepared, Session, Stage, bake_locked, verify};

fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/oisst-small/archive")
}

fn recipe() -> Recipe {
    let glob = vec![archive().join("*/*.nc").display().to_string()];
    Recipe {
        name: "oisst-small".into(),
        about: About::default(),
        axes: vec![Axis {
            name: "time".into(),
            kind: AxisKind::Concat,
            keys: Keys::Found,
            items_per_file: Some(1),
        }],
        source: Source::new(Input::Find(Find { glob, ..Find::default() })),
        steps: Vec::new(),
        combine: Policies::default(),
        output: Output::default(),
        checks: Vec::new(),
        test: BTreeMap::new(),
    }
}

fn lengths(of: &[(&str, u64)]) -> BTreeMap<String, ChunkLength> {
    of.iter().map(|(dim, n)| ((*dim).to_owned(), ChunkLength::Cells(*n))).collect()
}

fn session(workers: usize) -> Session<'static> {
    Session::new(
        Options { budget: Budget { memory_bytes: 256 << 20, asked: true, workers }, ..Options::default() },
        |_| {},
    )
}

fn bake(recipe: &Recipe, target: &Path, workers: usize) -> Outcome<Prepared> {
    let session = session(workers);
    let (_, prepared) = bake_locked(&session, recipe, None, target, Existing::Refuse)?;
    verify(&session, &prepared, target, 1)?;
    Ok(prepared)
}

/// Every file below a folder with its bytes.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(tree(&path).into_iter().map(|(p, b)| (Path::new(&entry.file_name()).join(p), b)));
        } else {
            found.insert(entry.file_name().into(), std::fs::read(&path).expect("readable"));
        }
    }
    found
}

fn outputs() -> Vec<(&'static str, Output)> {
    let base = Output::default;
    let zstd = Codecs::Chain(vec![Codec::Blosc(Blosc {
        cname: "zstd".into(),
        clevel: 3,
        shuffle: BloscShuffle::Shuffle,
        typesize: 0,
        blocksize: 0,
    })]);
    vec![
        ("default", base()),
        ("v2, copied", Output { format: TargetFormat::Zarr2, ..base() }),
        (
            "copied into shards",
            Output {
                chunks: lengths(&[("time", 1)]),
                shards: lengths(&[("time", 20)]),
                codecs: Codecs::Source,
                ..base()
            },
        ),
        ("maps of 20 days", Output { chunks: lengths(&[("time", 20)]), ..base() }),
        (
            "time series",
            Output { chunks: lengths(&[("time", 36), ("lat", 7), ("lon", 5)]), codecs: zstd, ..base() },
        ),
        (
            "time series in shards",
            Output {
                chunks: lengths(&[("time", 6), ("lat", 7), ("lon", 5)]),
                shards: lengths(&[("time", 12), ("lat", 14), ("lon", 20)]),
                ..base()
            },
        ),
        (
            "v2, chunks over the end",
            Output { format: TargetFormat::Zarr2, chunks: lengths(&[("time", 50), ("lat", 100)]), ..base() },
        ),
    ]
}

#[test]
fn every_layout_holds_the_same_values_whatever_the_workers() {
    for (name, output) in outputs() {
        for steps in [vec![], vec![Step::Squeeze(vec!["zlev".into()]), Step::Transpose(vec!["lon".into()])]] {
            let recipe = Recipe { output: output.clone(), steps, ..recipe() };
            let folder = tempfile::tempdir().expect("a folder");
            let (one, many) = (folder.path().join("one.zarr"), folder.path().join("many.zarr"));
            bake(&recipe, &one, 1).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            bake(&recipe, &many, 3).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert!(tree(&one) == tree(&many), "{name}: bytes depend on the number of workers");
        }
    }
}

#[test]
fn stored_chunks_are_copied_where_they_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let modes = |output: Output| -> Vec<Mode> {
        let recipe = Recipe { output, ..recipe() };
        let target = folder.path().join("t.zarr");
        let prepared = bake(&recipe, &target, 1).expect("baked");
        std::fs::remove_dir_all(&target).expect("removed");
        prepared.plan.arrays.iter().filter(|a| a.spec.shape.len() > 2).map(|a| a.mode).collect()
    };
    let chunks = lengths(&[("time", 1)]);
    let all = |mode: Mode, modes: Vec<Mode>| {
        assert!(modes.iter().all(|m| *m == mode) && !modes.is_empty(), "{modes:?}");
    };
    all(
        Mode::Copy,
        modes(Output { format: TargetFormat::Zarr2, chunks: chunks.clone(), ..Output::default() }),
    );
    all(Mode::Decode, modes(Output { chunks: chunks.clone(), ..Output::default() }));
    all(Mode::Copy, modes(Output { chunks, codecs: Codecs::Source, ..Output::default() }));
}

#[test]
fn a_second_bake_does_nothing_and_another_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("t.zarr");
    bake(&recipe(), &target, 2).expect("baked");
    let session = session(2);
    let (again, _) =
        bake_locked(&session, &recipe(), None, &target, Existing::Refuse).expect("nothing to do");
    assert!(again.nothing_to_do);
    let other = Recipe { steps: vec![Step::Squeeze(vec!["zlev".into()])], ..recipe() };
    let before = tree(&target);
    let errors =
        bake_locked(&session, &other, None, &target, Existing::Refuse).expect_err("the target exists");
    assert_eq!(errors.first().map(|e| e.code), Some(Code::TargetExists));
    assert!(tree(&target) == before, "a refused bake touched the target");
    let (replaced, _) = bake_locked(&session, &other, None, &target, Existing::Overwrite).expect("replaced");
    assert!(!replaced.nothing_to_do && tree(&target) != before);
}

#[test]
fn a_store_that_appears_meanwhile_is_never_replaced() {
    for stage in [Stage::Plan, Stage::Bake, Stage::Publish] {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, text) = (folder.path().join("t.zarr"), "{\"node_type\": \"group\", \"zarr_format\": 3}");
        let appears = |event: &Event| {
            if matches!(event, Event::Started { stage: begun, .. } if *begun == stage) {
                std::fs::create_dir(&target).expect("a folder");
                std::fs::write(target.join("zarr.json"), text).expect("written");
            }
        };
        let session = Session::new(Options::default(), appears);
        let errors =
            bake_locked(&session, &recipe(), None, &target, Existing::Refuse).expect_err("it appeared");
        assert_eq!(errors.first().map(|e| e.code), Some(Code::TargetExists), "{stage:?}");
        assert_eq!(tree(&target).len(), 1, "{stage:?}: the store that appeared");
    }
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("t.zarr");
    let options =
        Options { budget: Budget { memory_bytes: 49 << 20, asked: true, workers: 1 }, ..Options::default() };
    let output = Output { chunks: lengths(&[("time", 100_000)]), ..Output::default() };
    let session = Session::new(options, |_| {});
    let errors = bake_locked(&session, &Recipe { output, ..recipe() }, None, &target, Existing::Refuse)
        .expect_err("too large");
    let error = errors.first().expect("one");
    assert_eq!(error.code, Code::MemoryLimit);
    assert!(error.message.contains("49 MiB"), "{}", error.message);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "something was left behind");
}

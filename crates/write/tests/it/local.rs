//! How a store comes to its place, and what it never touches.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Result};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_store::files::Exchange;
use arcoforge_write::{LocalStore, Objects, Written, check_target};
use tempfile::TempDir;

use crate::cases::{Case, cases, fill};

struct Place {
    folder: TempDir,
    target: PathBuf,
    staging: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("deep/er/a.zarr");
        // a bake's folder has the name of a digest
        let staging = folder.path().join(format!("deep/er/a.zarr.bake/{:064x}/store", 1234));
        Self { folder, target, staging }
    }

    fn store(&self) -> Result<LocalStore> {
        LocalStore::create(&self.target, &self.staging)
    }

    fn filled(&self, case: &str) -> Result<LocalStore> {
        let store = self.store()?;
        fill(&find(case), &store)?;
        Ok(store)
    }

    fn has(&self, array: &str) -> bool {
        self.target.join(array).join("zarr.json").is_file()
    }
}

fn find(name: &str) -> Case {
    cases(TargetFormat::Zarr3).into_iter().find(|case| case.name == name).expect("a case")
}

#[test]
fn nothing_is_seen_before_it_is_published() -> Result<()> {
    let place = Place::new();
    let mut store = place.filled("ranks")?;
    assert!(!place.target.exists());
    let published = store.publish(false)?;
    assert!(place.has("one") && published.replaced.is_none() && published.leftover.is_none());
    assert!(!place.staging.exists());
    assert_eq!(store.publish(false)?, published, "again does nothing");
    assert!(!place.staging.with_file_name("store.publishing").exists());
    Ok(())
}

#[test]
fn an_older_store_is_exchanged_only_with_overwrite() -> Result<()> {
    let place = Place::new();
    place.filled("ranks")?.publish(false)?;
    let mut store = place.filled("sparse")?;
    assert_eq!(store.publish(false).map_err(|e| e.code), Err(Code::TargetExists));
    assert!(place.has("one") && !place.has("nan") && place.staging.exists());
    let published = store.publish(true)?;
    assert!(published.replaced == Some(Exchange::Atomic) && published.leftover.is_none());
    assert!(place.has("nan") && !place.has("one") && !place.staging.exists());
    Ok(())
}

#[test]
fn an_abandoned_store_leaves_nothing() -> Result<()> {
    let place = Place::new();
    place.filled("ranks")?.abandon()?;
    assert!(!place.target.exists() && !place.staging.exists());
    place.store()?.abandon()
}

#[test]
fn what_was_written_before_is_kept_and_can_be_written_again() -> Result<()> {
    let place = Place::new();
    place.store()?.write("a/c/0/0", b"first, and longer")?;
    let store = place.store()?;
    assert_eq!(fs::read(place.staging.join("a/c/0/0")).ok().as_deref(), Some(&b"first, and longer"[..]));
    let written = store.write("a/c/0/0", b"123456789")?;
    assert_eq!(written, Written { bytes: 9, crc32c: 0xe306_9283 }, "the check value of CRC-32C");
    assert_eq!(fs::read(place.staging.join("a/c/0/0")).ok().as_deref(), Some(&b"123456789"[..]));
    Ok(())
}

#[test]
fn what_is_left_out_is_not_what_a_run_before_wrote() -> Result<()> {
    let place = Place::new();
    let store = place.store()?;
    store.write("a/c/0/0", b"first")?;
    for key in ["a/c/0/0", "a/c/0/0", "a/c/7/0", "b/c"] {
        store.leave_out(key)?;
        assert!(!place.staging.join(key).exists(), "{key}");
    }
    assert!(store.leave_out("../out").is_err());
    Ok(())
}

#[test]
fn many_threads_write_at_once() -> Result<()> {
    let place = Place::new();
    let store = place.store()?;
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..50 {
                    store.write(&format!("a/c/{n}/{thread}"), &[thread; 100]).expect("written");
                }
            });
        }
    });
    let count: usize = (0..50)
        .map(|n| fs::read_dir(place.staging.join(format!("a/c/{n}"))).map_or(0, Iterator::count))
        .sum();
    assert_eq!(count, 400);
    Ok(())
}

#[test]
fn a_shard_streams_to_its_file() -> Result<()> {
    let place = Place::new();
    let store = place.store()?;
    let mut shard = store.shard("a/c/0", 2)?;
    assert!(!place.staging.join("a").exists(), "made with the first chunk only");
    shard.append(&[7; 100_000])?;
    shard.skip()?;
    let written = shard.finish()?.expect("a shard");
    let bytes = fs::read(place.staging.join("a/c/0")).expect("a file");
    assert_eq!(written, Written::of(&bytes));
    assert_eq!(written.bytes, 100_000 + 36);
    let mut nothing = store.shard("b/c/0", 1)?;
    nothing.skip()?;
    assert_eq!(nothing.finish()?, None);
    assert!(!place.staging.join("b").exists());
    Ok(())
}

#[test]
fn keys_stay_inside() -> Result<()> {
    let store = Place::new().store()?;
    for key in ["", "/etc/x", "../x", "a/../../x", "./a"] {
        assert_eq!(store.write(key, b"").map_err(|e| e.code), Err(Code::Bug), "{key}");
        assert_eq!(store.shard(key, 1).map(drop).map_err(|e| e.code), Err(Code::Bug), "{key}");
    }
    Ok(())
}

#[test]
fn a_store_without_metadata_is_not_published() -> Result<()> {
    let place = Place::new();
    let mut store = place.store()?;
    store.write("a/c/0", b"x")?;
    assert_eq!(store.publish(true).map_err(|e| e.code), Err(Code::Bug));
    assert!(!place.target.exists());
    Ok(())
}

/// What lies at the target: how it is made, the code without and with `overwrite`, words of the message.
type TargetRow = (&'static str, fn(&Path), Option<Code>, Option<Code>, &'static str);

#[test]
fn what_may_be_replaced() -> Result<()> {
    const EXISTS: Option<Code> = Some(Code::TargetExists);
    const UNWRITABLE: Option<Code> = Some(Code::TargetUnwritable);
    let rows: [TargetRow; 9] = [
        ("nothing", |_| {}, None, None, ""),
        ("an empty directory", |path| make(path), None, None, ""),
        ("a v3 store", |path| put(path, "zarr.json"), EXISTS, None, "found a Zarr store"),
        ("a v2 store", |path| put(path, ".zgroup"), EXISTS, None, "found a Zarr store"),
        ("someone's folder", |path| put(path, "thesis.tex"), EXISTS, EXISTS, "no Zarr store"),
        ("a hidden file", |path| put(path, ".git"), EXISTS, EXISTS, "no Zarr store"),
        ("a file", |path| write(path), EXISTS, EXISTS, "found a file"),
        ("a link", |path| symlink("/tmp", path).expect("a link"), EXISTS, EXISTS, "symbolic link"),
        ("below a file", |path| write(path.parent().expect("one")), UNWRITABLE, UNWRITABLE, "not a folder"),
    ];
    for (what, prepare, without, with, words) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("above/a.zarr");
        if what != "below a file" {
            make(&folder.path().join("above"));
        }
        prepare(&target);
        for (overwrite, expected) in [(false, without), (true, with)] {
            let found = check_target(&target, overwrite);
            let message = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert_eq!(found.err().map(|e| e.code), expected, "{what}, {overwrite}: {message}");
            assert!(expected.is_none() || message.contains(words), "{what}: {message}");
            assert!(expected.is_none() || message.contains("a.zarr"), "{what}: {message}");
        }
    }
    Ok(())
}

#[test]
fn what_came_meanwhile_is_not_touched() -> Result<()> {
    let place = Place::new();
    let mut store = place.filled("ranks")?;
    put(&place.target, "thesis.tex");
    for overwrite in [false, true] {
        assert_eq!(store.publish(overwrite).map_err(|e| e.code), Err(Code::TargetExists));
        assert!(place.target.join("thesis.tex").exists() && place.staging.join("zarr.json").exists());
    }
    Ok(())
}

/// Between the exchange and the removal of the old store: the staging directory holds the old store then, and must not
/// be published again.
#[test]
fn a_publication_that_was_cut_off_is_finished() -> Result<()> {
    let place = Place::new();
    place.filled("ranks")?.publish(false)?;
    drop(place.filled("sparse")?);
    let note = place.staging.with_file_name("store.publishing");
    let found = fs::metadata(&place.staging).expect("a directory");
    let made = found.created().ok().and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let id = format!("{} {}", found.ino(), made.unwrap_or_default().as_nanos());
    fs::write(&note, &id).expect("a note");

    let store = place.store()?;
    assert!(!store.is_published(), "cut off before the exchange");
    assert!(!note.exists() && place.staging.join("nan/zarr.json").exists());
    drop(store);

    fs::write(&note, &id).expect("a note");
    let aside = place.folder.path().join("aside");
    fs::rename(&place.target, &aside).expect("moved");
    fs::rename(&place.staging, &place.target).expect("moved");
    fs::rename(&aside, &place.staging).expect("moved");
    let mut store = place.store()?;
    assert!(store.is_published(), "cut off after the exchange");
    assert!(place.has("nan") && !place.staging.exists() && !note.exists());
    store.publish(true)?;
    assert!(place.has("nan"));
    Ok(())
}

fn make(path: &Path) {
    fs::create_dir_all(path).expect("a directory");
}

fn write(path: &Path) {
    fs::write(path, "x").expect("a file");
}

fn put(path: &Path, name: &str) {
    make(path);
    write(&path.join(name));
}

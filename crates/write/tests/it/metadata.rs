//! Metadata as text, and which objects a store holds. What zarr-python and xarray make of it is checked by
//! tests/oracle/read_back.py.

use std::collections::BTreeSet;
use std::path::Path;

use arcoforge_core::error::Result;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_write::{LocalStore, metadata};

use crate::cases::{self, cases};

const FORMATS: [TargetFormat; 2] = [TargetFormat::Zarr3, TargetFormat::Zarr2];

/// Set `ARCOFORGE_BLESS=1` to write the golden files anew, then read the difference.
#[test]
fn metadata_is_as_reviewed() -> Result<()> {
    for format in FORMATS {
        for case in cases(format) {
            let mut text = String::new();
            for (key, bytes) in metadata(&case.dataset)? {
                let root = key == "zarr.json" || key.ends_with(".zmetadata");
                if !root || case.name == "groups" {
                    text.push_str(&format!("== {key}\n{}", String::from_utf8_lossy(&bytes)));
                }
            }
            let name = format!("{}-{format:?}.txt", case.name).to_lowercase();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
            if std::env::var_os("ARCOFORGE_BLESS").is_some() {
                std::fs::write(&path, &text).expect("golden files can be written");
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(golden == text, "{} differs:\n{text}", path.display());
        }
    }
    Ok(())
}

#[test]
fn what_makes_a_store_visible_is_written_last() -> Result<()> {
    for (format, last) in FORMATS.into_iter().zip(["zarr.json", ".zmetadata"]) {
        for case in cases(format) {
            let keys: Vec<String> = metadata(&case.dataset)?.into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys.last().map(String::as_str), Some(last), "{}", case.name);
            let at = |key: &str| keys.iter().position(|k| k == key);
            assert!(at("product/input/zarr.json") <= at("product/zarr.json"), "inner groups come first");
        }
    }
    Ok(())
}

#[test]
fn a_store_holds_the_keys_of_its_chunks_and_nothing_else() -> Result<()> {
    let rows = [
        (TargetFormat::Zarr3, "sparse", "nan/c/0/0 nan/c/2/2 nan/zarr.json"),
        (TargetFormat::Zarr3, "shards", "holes/c/0/0 holes/c/2/1 holes/zarr.json"),
        (TargetFormat::Zarr3, "shards", "nothing/zarr.json"),
        (TargetFormat::Zarr3, "ranks", "scalar/c scalar/zarr.json"),
        (TargetFormat::Zarr3, "ranks", "empty/zarr.json"),
        (TargetFormat::Zarr2, "sparse", "nan/.zarray nan/.zattrs nan/0.0 nan/2.2"),
        (TargetFormat::Zarr2, "ranks", "scalar/.zarray scalar/.zattrs scalar/0"),
        (TargetFormat::Zarr2, "ranks", "empty/.zarray empty/.zattrs"),
        (TargetFormat::Zarr2, "ranks", "chunk_beyond/.zarray chunk_beyond/.zattrs chunk_beyond/0.0"),
    ];
    for (format, name, expected) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let case = cases(format).into_iter().find(|case| case.name == name).expect("a case");
        let mut store = LocalStore::create(folder.path().join("a.zarr"), folder.path().join("bake"))?;
        cases::fill(&case, &store)?;
        store.publish(false)?;
        let array = expected.split('/').next().unwrap_or_default();
        let all = keys(&folder.path().join("a.zarr"), "");
        let of_array = all.iter().filter(|key| key.starts_with(&format!("{array}/")));
        assert_eq!(of_array.cloned().collect::<Vec<_>>().join(" "), expected, "{name} {format:?}");
        assert!(cases::expected(&case)["arrays"][array].is_object());
    }
    Ok(())
}

fn keys(folder: &Path, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(keys(&entry.path(), &format!("{key}/")));
        } else {
            found.insert(key);
        }
    }
    found
}

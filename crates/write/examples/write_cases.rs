//! Writes small datasets of every kind, and what a reader should find in them, for other implementations to read:
//!
//!     cargo run --release -p arcoforge-write --example write_cases -- DIRECTORY
//!     python crates/write/tests/oracle/read_back.py DIRECTORY
#![allow(clippy::expect_used, clippy::print_stderr, missing_docs)]

mod cases;

use std::path::Path;
use std::process::ExitCode;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_write::LocalStore;
use serde_json::{Map, Value};

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: write_cases DIRECTORY");
        return ExitCode::from(2);
    };
    match write(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> Result<()> {
    let mut all = Map::new();
    for format in [TargetFormat::Zarr3, TargetFormat::Zarr2] {
        for case in cases::cases(format) {
            let name = format!("{}-{format:?}.zarr", case.name).to_lowercase();
            let target = directory.join(&name);
            let mut store = LocalStore::create(&target, directory.join(format!("{name}.bake/store")))?;
            cases::fill(&case, &store)?;
            store.publish(true)?;
            all.insert(name, cases::expected(&case));
        }
    }
    std::fs::write(directory.join("expected.json"), format!("{:#}\n", Value::from(all)))
        .map_err(|e| Error::new(Code::TargetUnwritable, "can't write expected.json").caused_by(e))
}

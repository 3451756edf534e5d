//! Files of receipts while they are written.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arcoforge_core::error::Result;
use arcoforge_store::files::unwritable;
use serde::Serialize;

use super::lines::{Digits, Entry, Footer, Header, Line, Scratched, Unit, VERSION};
use super::trust::boot;

/// Appends receipts, from several threads.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Writer {
    /// A new file in the folder of receipts. What earlier runs left there stays.
    pub(crate) fn create(folder: &Path, unit: Option<&Unit>) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| unwritable(folder, e))?;
        let mut number = 0_u32;
        let (path, file) = loop {
            // a process of another machine may have the same number
            let path = folder.join(format!("{}-{number}.jsonl", std::process::id()));
            match File::options().create_new(true).append(true).open(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
                other => break (path.clone(), other.map_err(|e| unwritable(&path, e))?),
            }
        };
        let writer = Self { path, file: Mutex::new(BufWriter::new(file)) };
        writer.line(&Header { version: VERSION, boot: boot(), unit: unit.cloned() })?;
        Ok(writer)
    }

    /// Notes an object that is complete.
    pub(crate) fn note(&self, array: &str, entry: &Entry) -> Result<()> {
        self.line(&Line {
            array: array.into(),
            object: entry.object,
            bytes: entry.written.map(|w| w.bytes),
            crc32c: entry.written.map(|w| w.crc32c),
            changed: entry.changed_ns,
            chunks: Digits(&entry.chunks),
        })
    }

    /// Takes back everything that was noted. Whether these were all receipts of the folder.
    pub(crate) fn withdraw(&self) -> bool {
        let _left = fs::remove_file(&self.path);
        self.path.parent().is_some_and(|folder| fs::remove_dir(folder).is_ok())
    }

    /// Notes a task of the first stage that is complete.
    pub(crate) fn note_scratch(&self, division: &str, task: u64) -> Result<()> {
        self.line(&Scratched { scratch: task, of: division.to_owned() })
    }

    /// Says that all objects noted so far were flushed to the disk, and flushes that.
    pub(crate) fn durable(&self) -> Result<()> {
        self.line(&Footer { durable: true })?;
        let file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.get_ref().sync_all().map_err(|e| unwritable(&self.path, e))
    }

    /// One line after the other, a short one in one write: what a killed process leaves is whole lines and at most one
    /// torn at the end.
    fn line(&self, line: &impl Serialize) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let written = serde_json::to_writer(&mut *file, line).map_err(std::io::Error::from);
        written
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.flush())
            .map_err(|e| unwritable(&self.path, e))
    }
}

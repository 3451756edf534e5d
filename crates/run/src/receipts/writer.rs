//! Receipts while they are written: to a file, or to whatever else keeps lines.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arcoforge_core::error::{Error, Result};
use arcoforge_store::files::unwritable;
use serde::Serialize;

use super::lines::{Digits, Entry, Footer, Header, Line, Scratched, Unit, VERSION};
use super::trust::boot;

/// What keeps the lines of one run: written to it, one after the other.
pub(crate) trait Log: Write + Send {
    /// A line is whole. What a killed process leaves is whole lines and at most one torn at the end.
    fn line_ends(&mut self) -> Result<()>;

    /// Everything written so far survives the system's end.
    fn sync(&mut self) -> Result<()>;

    /// Takes back everything that was written. Whether the bake has no other receipts.
    fn withdraw(&mut self) -> bool;

    /// Where it lies, in an error.
    fn unwritable(&self, error: std::io::Error) -> Error;
}

/// Appends receipts, from several threads.
pub(crate) struct Writer {
    log: Mutex<Box<dyn Log>>,
}

impl Writer {
    /// A new file in the folder of receipts. What earlier runs left there stays.
    pub(crate) fn create(folder: &Path, unit: Option<&Unit>) -> Result<Self> {
        Self::to(FileLog::create(folder)?, unit)
    }

    /// Begins with the header.
    pub(crate) fn to(log: impl Log + 'static, unit: Option<&Unit>) -> Result<Self> {
        let writer = Self { log: Mutex::new(Box::new(log)) };
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
            tag: entry.tag,
            chunks: Digits(&entry.chunks),
        })
    }

    /// Takes back everything that was noted. Whether these were all receipts of the bake.
    pub(crate) fn withdraw(&self) -> bool {
        self.log().withdraw()
    }

    /// Notes a task of the first stage that is complete.
    pub(crate) fn note_scratch(&self, division: &str, task: u64) -> Result<()> {
        self.line(&Scratched { scratch: task, of: division.to_owned() })
    }

    /// Says that all objects noted so far were flushed to the disk, and flushes that.
    pub(crate) fn durable(&self) -> Result<()> {
        self.line(&Footer { durable: true })?;
        self.log().sync()
    }

    fn log(&self) -> MutexGuard<'_, Box<dyn Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: &impl Serialize) -> Result<()> {
        let mut log = self.log();
        let log = log.as_mut();
        let written = serde_json::to_writer(&mut *log, line).map_err(std::io::Error::from);
        written.and_then(|()| log.write_all(b"\n")).map_err(|e| log.unwritable(e))?;
        log.line_ends()
    }
}

/// A file of its own in a folder.
struct FileLog {
    path: PathBuf,
    file: BufWriter<File>,
}

impl FileLog {
    fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| unwritable(folder, e))?;
        let mut number = 0_u32;
        loop {
            // a process of another machine may have the same number
            let path = folder.join(format!("{}-{number}.jsonl", std::process::id()));
            match File::options().create_new(true).append(true).open(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
                Ok(file) => return Ok(Self { path, file: BufWriter::new(file) }),
                Err(e) => return Err(unwritable(&path, e)),
            }
        }
    }
}

impl Write for FileLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Log for FileLog {
    fn line_ends(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| unwritable(&self.path, e))
    }

    fn sync(&mut self) -> Result<()> {
        self.file.get_ref().sync_all().map_err(|e| unwritable(&self.path, e))
    }

    fn withdraw(&mut self) -> bool {
        let _left = fs::remove_file(&self.path);
        self.path.parent().is_some_and(|folder| fs::remove_dir(folder).is_ok())
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        unwritable(&self.path, error)
    }
}

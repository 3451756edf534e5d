//! Receipts in an object store: segments of lines, each an object.
//!
//! An object store appends to nothing. Lines are collected for a few seconds and then put under a key of their own; what a
//! killed process had collected is made again.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::Bucket;

use crate::receipts::Log;
use crate::signature::this_run;

/// How long lines are collected.
const SEGMENT_TIME: Duration = Duration::from_secs(5);
/// How many bytes of lines are.
const SEGMENT_BYTES: usize = 1 << 20;

/// The segments of one run below `prefix`.
pub(super) struct Segments {
    beside: Bucket,
    /// The same, also after Ctrl-C: what was made until then is not made again.
    at_end: Bucket,
    /// Key of a segment without its number.
    prefix: String,
    header: Vec<u8>,
    lines: Vec<u8>,
    begun: Instant,
    written: Vec<String>,
}

impl Segments {
    pub(super) fn new(beside: &Bucket, at_end: Bucket, digest: &str) -> Self {
        Self {
            beside: beside.clone(),
            at_end,
            prefix: format!("{digest}/receipts/{:016x}", RandomState::new().hash_one(this_run())),
            header: Vec::new(),
            lines: Vec::new(),
            begun: Instant::now(),
            written: Vec::new(),
        }
    }

    fn put(&mut self) -> Result<()> {
        if self.lines.len() <= self.header.len() {
            return Ok(());
        }
        let key = format!("{}-{:06}.jsonl", self.prefix, self.written.len());
        match self.beside.put(&key, self.lines.clone()) {
            Err(error) if error.code == Code::Interrupted => self.at_end.put(&key, self.lines.clone())?,
            other => other?,
        };
        self.written.push(key);
        self.lines.truncate(self.header.len());
        self.begun = Instant::now();
        Ok(())
    }
}

impl Write for Segments {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log for Segments {
    fn line_ends(&mut self) -> Result<()> {
        if self.header.is_empty() {
            // the first line: every segment begins with it
            self.header = self.lines.clone();
        }
        let due = self.lines.len() >= SEGMENT_BYTES || self.begun.elapsed() >= SEGMENT_TIME;
        if due { self.put() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        self.put()
    }

    fn withdraw(&mut self) -> bool {
        self.lines.truncate(self.header.len());
        let _left = self.beside.delete(&self.written);
        false
    }

    fn unwritable(&self, error: io::Error) -> Error {
        Error::new(Code::TargetUnwritable, "receipts can't be written").caused_by(error).at(self.beside.url())
    }
}

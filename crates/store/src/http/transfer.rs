//! Whole bodies on their way to a file: into the cache, or into a temporary file where a server does not serve ranges.
//!
//! An attempt that breaks off leaves what it got. The next one asks for the rest, where a strong validator tells the
//! version (`If-Range`); the last bytes that are there are asked for again and compared, so that a server that answers
//! another range than it says is found out. Else it begins anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arcoforge_core::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::body::{Copy, Counted, Wire, unpacked};
use super::client::{Answer, Client};
use super::digest::BodyDigest;
use super::failure::Failure;
use super::head::{Head, same_version};
use super::page;
use crate::files::{atomic_write, free_bytes, unwritable};
use crate::object::Validator;

/// Bytes copied at a time.
const COPY_BYTES: usize = 128 * 1024;
/// Bytes that are asked for again where a download goes on, to be compared.
const OVERLAP_BYTES: u64 = 4096;
/// The version of what is noted of a part.
const VERSION: u32 = 1;

/// One file being downloaded.
pub(crate) struct Transfer<'a> {
    client: &'a Client,
    shown: &'a str,
    path: PathBuf,
    /// What of the file is there.
    part: Option<Part>,
    /// Where a part that a later run may use is noted, if at all.
    note: Option<PathBuf>,
    noted: bool,
    done: bool,
}

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    version: u32,
    url: String,
    /// Bytes that are there.
    bytes: u64,
    /// Bytes of the whole file.
    size: u64,
    etag: Option<String>,
    last_modified: Option<String>,
    digest: Option<BodyDigest>,
}

/// A file that is complete.
pub(crate) struct Downloaded {
    pub(crate) validator: Validator,
    pub(crate) last_modified: Option<String>,
}

impl<'a> Transfer<'a> {
    /// To a new file at `path`.
    pub(crate) fn new(client: &'a Client, shown: &'a str, path: PathBuf) -> Self {
        Self { client, shown, path, part: None, note: None, noted: false, done: false }
    }

    /// To a file at `path`, of which a run that broke off may have left a part; what it noted stands beside it.
    pub(crate) fn going_on(client: &'a Client, shown: &'a str, path: PathBuf) -> Self {
        let note = path.with_extension("json");
        let part = Part::read(&note, &path, shown);
        let noted = part.is_some();
        Self { client, shown, path, part, note: Some(note), noted, done: false }
    }

    /// How messages call it.
    pub(crate) fn shown(&self) -> &'a str {
        self.shown
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks for the rest of the part that is there; `None` where there is none, or nothing that could show that it is
    /// still the same file.
    pub(crate) fn ask_for_rest(&self, url: &str) -> Result<Option<Answer<'a>>, Failure> {
        let Some(part) = &self.part else { return Ok(None) };
        let Some(mark) = part.etag.as_deref().or(part.last_modified.as_deref()) else { return Ok(None) };
        self.client.get(url, Some(&part.asked()), &[("If-Range", mark)]).map(Some)
    }

    /// Takes the body of an answer: a whole file (200), or the rest (206).
    ///
    /// A web page, a body shorter than its `Content-Length`, packing that can't be undone, another checksum than the
    /// server said, or more bytes than the disk has free are failures.
    pub(crate) fn take(&mut self, answer: Answer<'_>) -> Result<Downloaded, Failure> {
        let taken = match answer.status {
            206 => self.rest(answer),
            _ => self.whole(answer),
        };
        let (validator, last_modified, digest) = taken?;
        if let Some(digest) = digest
            && let Err(failure) = digest.check(&self.path, self.shown)
        {
            self.forget();
            return Err(failure);
        }
        self.done = true;
        if self.noted
            && let Some(note) = &self.note
        {
            let _ = fs::remove_file(note);
        }
        Ok(Downloaded { validator, last_modified })
    }

    fn whole(&mut self, answer: Answer<'_>) -> Result<Taken, Failure> {
        self.forget();
        check_space(&answer, self.shown, &self.path).map_err(Failure::never)?;
        let head = answer.head.clone();
        let answered_by = answer.answered_by.clone();
        let mut reader = unpacked(answer, self.shown)?;
        let copy = Copy {
            client: self.client,
            shown: self.shown,
            expected: head.content_length,
            packed: head.encoding.is_some(),
        };
        let mut start = vec![0; page::LOOKED_AT];
        let length = copy.fill(&mut *reader, &mut start)?;
        start.truncate(length);
        if let Some(error) = page::refuse(&head, &start, self.shown, &answered_by) {
            return Err(Failure::never(error));
        }
        let mut file = File::create_new(&self.path).map_err(|e| self.disk(e))?;
        file.write_all(&start).map_err(|e| self.disk(e))?;
        self.part = Part::of(&head, self.shown, length as u64);
        let size = self.copy(&copy, &mut *reader, &mut file, length as u64)?;
        Ok((head.validator(size), head.last_modified.clone(), head.digest))
    }

    fn rest(&mut self, mut answer: Answer<'_>) -> Result<Taken, Failure> {
        let part = self.part.clone().filter(|part| part.is_continued_by(&answer.head));
        let Some(part) = part else {
            self.forget();
            return Err(Failure::soon(other_rest(self.shown)));
        };
        let asked = part.asked();
        let mut file =
            OpenOptions::new().read(true).write(true).open(&self.path).map_err(|e| self.disk(e))?;
        let (mut there, mut sent) = (vec![0; part.overlap()], vec![0; part.overlap()]);
        file.read_exact_at(&mut there, asked.start).map_err(|e| self.disk(e))?;
        let copy = Copy {
            client: self.client,
            shown: self.shown,
            expected: Some(asked.end - asked.start),
            packed: false,
        };
        let mut reader = Counted::new(&mut answer);
        let filled = copy.fill(&mut reader, &mut sent)?;
        if filled < sent.len() {
            return Err(Failure::short(self.shown, filled, asked.end - asked.start));
        }
        if there != sent {
            self.forget();
            return Err(Failure::soon(other_rest(self.shown)));
        }
        file.seek(SeekFrom::Start(part.bytes)).map_err(|e| self.disk(e))?;
        self.copy(&copy, &mut reader, &mut file, part.bytes)?;
        let head =
            Head { etag: part.etag.clone(), last_modified: part.last_modified.clone(), ..Head::default() };
        Ok((head.validator(part.size), part.last_modified, part.digest))
    }

    /// Copies the rest of a body behind the `there` bytes of the file that it has already; returns the file's size.
    fn copy(
        &mut self,
        copy: &Copy<'_>,
        reader: &mut dyn Wire,
        file: &mut File,
        there: u64,
    ) -> Result<u64, Failure> {
        let (mut size, mut noted_at) = (there, there);
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            self.client.check_interrupted(self.shown).map_err(Failure::never)?;
            let count = copy.fill_some(reader, &mut buffer);
            file.write_all(buffer.get(..count.length).unwrap_or_default()).map_err(|e| self.disk(e))?;
            size = size.saturating_add(count.length as u64);
            if let Some(part) = &mut self.part {
                part.bytes = size;
            }
            if let Some(failure) = count.failure {
                return Err(self.gained(failure, size - there));
            }
            if size - noted_at >= self.client.options().kept_bytes {
                noted_at = size;
                self.write_note(file)?;
            }
            if count.length < buffer.len() {
                break;
            }
        }
        // a connection that was shut down may look like the end of a body
        self.client.check_interrupted(self.shown).map_err(Failure::never)?;
        match copy.expected {
            Some(expected) if reader.received() != expected => {
                Err(self.gained(Failure::short(self.shown, reader.received(), expected), size - there))
            }
            _ => Ok(size),
        }
    }

    /// A failure after `bytes` that need not be fetched again, if the next attempt can go on.
    fn gained(&self, mut failure: Failure, bytes: u64) -> Failure {
        failure.gained = if self.part.is_some() { bytes } else { 0 };
        failure
    }

    /// Notes how much is there, once it is on the disk.
    fn write_note(&mut self, file: &File) -> Result<(), Failure> {
        let (Some(note), Some(part)) = (&self.note, &self.part) else { return Ok(()) };
        file.sync_data().map_err(|e| self.disk(e))?;
        if let Ok(text) = serde_json::to_vec(part) {
            atomic_write(note, &text).map_err(Failure::never)?;
            self.noted = true;
        }
        Ok(())
    }

    /// Forgets what is there, and begins anew.
    fn forget(&mut self) {
        self.part = None;
        if let Some(note) = &self.note {
            let _ = fs::remove_file(note);
        }
        self.noted = false;
        let _ = fs::remove_file(&self.path);
    }

    fn disk(&self, e: io::Error) -> Failure {
        Failure::never(
            unwritable(&self.path, e).help("give `--scratch DIR` or `--cache DIR` on a disk with space"),
        )
    }
}

type Taken = (Validator, Option<String>, Option<BodyDigest>);

impl Drop for Transfer<'_> {
    /// What is not complete goes away, but for a part that was noted.
    fn drop(&mut self) {
        let kept = self.noted && self.part.is_some();
        if !self.done && !kept {
            self.forget();
        }
    }
}

impl Part {
    /// The beginning of the body of a 200, where a later request can go on from it.
    fn of(head: &Head, shown: &str, bytes: u64) -> Option<Self> {
        let etag = head.etag.clone().filter(|etag| !etag.starts_with("W/"));
        let last_modified = head.last_modified.clone();
        let strong = etag.is_some() || head.is_strong_date();
        let size = head.content_length.filter(|_| strong && head.encoding.is_none())?;
        let (version, url, digest) = (VERSION, shown.to_owned(), head.digest.clone());
        Some(Self { version, url, bytes, size, etag, last_modified, digest })
    }

    /// What was noted of a part, if it is all there; what goes beyond it is cut off.
    fn read(note: &Path, path: &Path, shown: &str) -> Option<Self> {
        let part: Self = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
        let file = OpenOptions::new().write(true).open(path).ok()?;
        let there = file.metadata().ok()?.len();
        let fits =
            part.version == VERSION && part.url == shown && part.bytes <= there && part.bytes < part.size;
        (fits && file.set_len(part.bytes).is_ok()).then_some(part)
    }

    const fn overlap(&self) -> usize {
        (if self.bytes < OVERLAP_BYTES { self.bytes } else { OVERLAP_BYTES }) as usize
    }

    const fn asked(&self) -> Range<u64> {
        self.bytes - self.overlap() as u64..self.size
    }

    fn is_continued_by(&self, head: &Head) -> bool {
        let asked = self.asked();
        let content = head.content_range;
        let validator = |head: &Head, size| head.validator(size);
        let own =
            Head { etag: self.etag.clone(), last_modified: self.last_modified.clone(), ..Head::default() };
        content.and_then(|c| c.range) == Some((asked.start, asked.end.saturating_sub(1)))
            && content.and_then(|c| c.total).is_none_or(|total| total == self.size)
            && head.encoding.is_none()
            && same_version(&validator(head, self.size), &validator(&own, self.size))
    }
}

fn other_rest(shown: &str) -> Error {
    Error::new(Code::SourceUnreachable, "the server sent another range than the rest of the file asked for")
        .at(shown)
}

fn check_space(answer: &Answer<'_>, shown: &str, path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let (Some(needed), Some(free)) = (answer.head.content_length, free_bytes(folder)) else {
        return Ok(());
    };
    if needed <= free {
        return Ok(());
    }
    Err(Error::new(
        Code::SourceLimit,
        format!(
            "the server announces {needed} bytes to be read whole, `{}` has {free} free",
            folder.display()
        ),
    )
    .at(shown)
    .help("give `--cache DIR` on a larger disk, or use a server that serves ranges"))
}

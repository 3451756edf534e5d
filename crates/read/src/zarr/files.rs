//! Reads files and directories of a store; what is absent is `None`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use serde_json::Value;

use super::json;

/// No metadata document is longer.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// An open chunk or shard.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    /// Its length.
    pub(super) bytes: u64,
}

/// A metadata document.
pub(super) fn json(path: &Path) -> Result<Option<Value>> {
    let Some(mut stored) = open(path)? else { return Ok(None) };
    if stored.bytes > DOCUMENT_BYTES_MAX {
        let message =
            format!("found metadata of {} bytes, more than the limit of {DOCUMENT_BYTES_MAX}", stored.bytes);
        return Err(Error::new(Code::SourceLimit, message).at(path.display().to_string()));
    }
    let bytes = stored.read(0, stored.bytes).map_err(|e| e.at(path.display().to_string()))?;
    match json::parse(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(what) => Err(Error::new(Code::SourceCorrupt, format!("the metadata is damaged: {what}"))
            .at(path.display().to_string())),
    }
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<Option<Stored>> {
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    match opened {
        Ok((_, metadata)) if metadata.is_dir() => Ok(None),
        Ok((file, metadata)) => Ok(Some(Stored { file, bytes: metadata.len() })),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(failed(path, e)),
    }
}

/// The names of the directories in a directory, sorted; those that are not UTF-8 can't be in a store.
pub(super) fn directories(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| failed(path, e))? {
        let entry = entry.map_err(|e| failed(path, e))?;
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn failed(path: &Path, error: io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::PermissionDenied => Code::SourceDenied,
        _ => Code::SourceUnreachable,
    };
    Error::new(code, "the store can't be read").caused_by(error).at(path.display().to_string())
}

impl Stored {
    /// Reads a range, which has to lie inside the file.
    pub(super) fn read(&mut self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let too_long = || {
            let message =
                format!("found a reference to {bytes} bytes from {offset} on in a file of {}", self.bytes);
            Error::new(Code::SourceCorrupt, message)
        };
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            return Err(too_long());
        }
        let mut out = vec![0; usize::try_from(bytes).map_err(|_| too_long())?];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut out));
        match read {
            Ok(()) => Ok(out),
            Err(e) => {
                Err(Error::new(Code::SourceChanged, "the file became shorter while it was read").caused_by(e))
            }
        }
    }
}

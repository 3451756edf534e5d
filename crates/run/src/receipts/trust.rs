//! How far a receipt is trusted: by the object's length, its checksum, and what was flushed to the disk.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use arcoforge_store::files::changed_ns;
use arcoforge_write::Written;

use super::lines::Footer;

/// What an object of the noted length must have besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: whoever takes it looks further.
    Length,
    /// The time of change that was noted; else the checksum. An object that an update linked is one with that of the
    /// published store, into which others may write.
    Time,
    /// The checksum.
    Checksum,
}

/// Whether an object is what was noted.
pub(super) fn is_there(path: &Path, written: Written, changed: Option<u64>, proof: Proof) -> bool {
    let Some(found) = fs::metadata(path).ok().filter(|found| found.is_file() && found.len() == written.bytes)
    else {
        return false;
    };
    let untouched = || changed.is_some_and(|changed| i128::from(changed) == changed_ns(&found));
    match proof {
        Proof::Length => true,
        Proof::Time if untouched() => true,
        Proof::Time | Proof::Checksum => checksum(path) == Some(written.crc32c),
    }
}

/// CRC-32C of a file.
pub(crate) fn checksum(path: &Path) -> Option<u32> {
    let mut file = File::open(path).ok()?;
    let (mut buffer, mut written) = (vec![0; 1 << 20], Written::EMPTY);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(written.crc32c),
            n => written = written.and(buffer.get(..n)?),
        }
    }
}

/// Whether the last line says that everything was flushed.
pub(super) fn is_durable(path: &Path) -> bool {
    let tail = || {
        let (mut file, mut text) = (File::open(path)?, Vec::new());
        // far longer than that line
        let start = file.metadata()?.len().saturating_sub(4096);
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut text).map(|_| text)
    };
    let Ok(text): std::io::Result<Vec<u8>> = tail() else { return false };
    let last = text.strip_suffix(b"\n").and_then(|text| text.rsplit(|b| *b == b'\n').next());
    last.and_then(|line| serde_json::from_slice::<Footer>(line).ok()).is_some_and(|footer| footer.durable)
}

/// What tells one run of the operating system from another; `None` where it does not say.
pub(super) fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

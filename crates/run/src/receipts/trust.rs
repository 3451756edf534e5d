//! How far a receipt is trusted: by the object's length, its checksum, and what was flushed to the disk.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use arcoforge_write::Written;

use super::lines::Footer;

/// Whether an object has the length that was noted, and where that does not suffice, the checksum.
pub(super) fn is_there(path: &Path, written: Written, trusted: bool) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == written.bytes)
        && (trusted || checksum(path) == Some(written.crc32c))
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

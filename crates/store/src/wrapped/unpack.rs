//! From a compressed stream to a file, within limits that are checked before the disk is taken.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use flate2::Crc;

use super::allowance::Allowance;
use super::kind::Packing;
use super::stream::{Input, Memory, Stop, unpack};
use crate::files::{fill, free_bytes, unwritable};
use crate::http::Client;
use crate::local::RemoveOnDrop;

/// Bytes unpacked at a time.
const COPY_BYTES: usize = 128 * 1024;
/// After so many bytes the space on the disk is looked at again.
const SPACE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of the disk that are left to others.
const RESERVED_BYTES: u64 = 64 * 1024 * 1024;

/// What compressed and archived inputs may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes that one file may have, unpacked.
    pub bytes_max: u64,
    /// How many times its packed size a file may have, beyond [`Self::ratio_free_bytes`].
    pub ratio_max: u64,
    /// Bytes up to which any ratio will do.
    pub ratio_free_bytes: u64,
    /// Members of one archive.
    pub members_max: u64,
    /// Bytes of memory for the decoders of all streams that are unpacked at a time: one waits for others, and one that
    /// alone needs more is refused.
    pub memory_bytes: u64,
    /// Bytes of memory that all else takes: told where more must be allowed.
    pub other_bytes: u64,
}

impl Default for UnpackLimits {
    /// 64 GiB a file, 1,000 : 1 beyond 64 MiB, 100,000 members, and 256 MiB of memory.
    fn default() -> Self {
        Self {
            bytes_max: 64 << 30,
            ratio_max: 1_000,
            ratio_free_bytes: 64 << 20,
            members_max: 100_000,
            memory_bytes: 256 << 20,
            other_bytes: 0,
        }
    }
}

/// One stream to be unpacked.
pub(crate) struct Job<'a> {
    pub(crate) client: &'a Client,
    pub(crate) limits: &'a UnpackLimits,
    pub(crate) allowance: &'a Allowance,
    /// How messages call it.
    pub(crate) shown: &'a str,
    pub(crate) packing: Packing,
    /// Bytes of the stream.
    pub(crate) packed: u64,
    /// Size and CRC-32 as the archive has them.
    pub(crate) expected: Option<(u64, u32)>,
}

impl Job<'_> {
    /// Unpacks to a new file; what is not complete is removed again.
    pub(crate) fn to_file(&self, input: Input, path: &Path) -> Result<()> {
        self.write(input, path).map_err(|e| e.at(self.shown))
    }

    fn write(&self, input: Input, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(path);
        let declared = self.expected.map_or(self.packed, |(size, _)| size);
        self.check_size(self.expected.map_or(0, |(size, _)| size))?;
        check_space(folder, declared)?;
        let disk = |e| unwritable(path, e).help("give `--cache DIR` on a disk with space, or set `TMPDIR`");
        let file = File::create_new(path).map_err(disk)?;
        let guard = RemoveOnDrop(path.to_owned());
        let mut file = BufWriter::new(file);
        let (mut written, mut looked_at, mut crc) = (0_u64, 0_u64, Crc::new());
        let mut buffer = vec![0; COPY_BYTES];
        let mut copy = |reader: &mut dyn Read| loop {
            self.client.check_interrupted(self.shown).map_err(Stop::Failed)?;
            let count = fill(reader, &mut buffer)?;
            written = written.saturating_add(count as u64);
            self.check_size(written).map_err(Stop::Failed)?;
            if written - looked_at >= SPACE_BYTES {
                looked_at = written;
                check_space(folder, SPACE_BYTES).map_err(Stop::Failed)?;
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            if self.expected.is_some() {
                crc.update(bytes);
            }
            file.write_all(bytes).map_err(|e| Stop::Failed(disk(e)))?;
            if count < COPY_BYTES {
                return Ok(true);
            }
        };
        let check = || self.client.check_interrupted(self.shown);
        let memory = Memory { allowance: self.allowance, check: &check };
        unpack(self.packing, input, &memory, &mut copy)?;
        file.flush().map_err(disk)?;
        self.check_end(written, crc.sum())?;
        std::mem::forget(guard);
        Ok(())
    }

    fn check_size(&self, size: u64) -> Result<()> {
        let UnpackLimits { bytes_max, ratio_max, ratio_free_bytes, .. } = *self.limits;
        if let Some((expected, _)) = self.expected.filter(|(expected, _)| size > *expected) {
            return Err(Error::new(
                Code::SourceCorrupt,
                format!("unpacks to more than the {expected} bytes that the archive says"),
            )
            .help("the archive is damaged or made to overflow: fetch it again"));
        }
        if size > bytes_max {
            let message = format!("unpacks to {size} bytes or more, expected at most {bytes_max}");
            return Err(Error::new(Code::SourceLimit, message).help("unpack it by hand and name the file"));
        }
        if size > ratio_free_bytes && size / ratio_max.max(1) > self.packed {
            return Err(Error::new(
                Code::SourceLimit,
                format!(
                    "{} bytes unpack to {size} or more, expected at most {ratio_max} times as many",
                    self.packed
                ),
            )
            .help(
                "files made to fill disks look so; where you trust it, unpack it by hand and name the file",
            ));
        }
        Ok(())
    }

    fn check_end(&self, written: u64, crc: u32) -> Result<()> {
        match self.expected {
            Some((size, _)) if size != written => Err(Error::new(
                Code::SourceCorrupt,
                format!("unpacks to {written} bytes, the archive says {size}"),
            )
            .help("the archive is truncated or damaged: fetch it again")),
            Some((_, expected)) if expected != crc => Err(Error::new(
                Code::SourceCorrupt,
                format!("unpacks to bytes of checksum {crc:08x} (CRC-32), the archive says {expected:08x}"),
            )
            .help("the archive is damaged: fetch it again")),
            _ => Ok(()),
        }
    }
}

fn check_space(folder: &Path, needed: u64) -> Result<()> {
    let Some(free) = free_bytes(folder) else { return Ok(()) };
    if needed.saturating_add(RESERVED_BYTES) <= free {
        return Ok(());
    }
    let folder = folder.display();
    Err(Error::new(Code::SourceLimit, format!("unpacking takes {needed} bytes, `{folder}` has {free} free"))
        .help("give `--cache DIR` on a larger disk, or set `TMPDIR` to a folder on one"))
}

/// The first bytes of a stream, as far as they can be unpacked.
pub(crate) fn head(packing: Packing, input: Input, memory: &Memory<'_>, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    unpack(packing, input, memory, &mut |reader| {
        filled = fill(reader, &mut bytes)?;
        Ok(false)
    })?;
    bytes.truncate(filled);
    Ok(bytes)
}

//! Compressed streams, read once from their beginning, with little in memory.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use flate2::bufread::{DeflateDecoder, GzDecoder};

use super::allowance::{Allowance, Taken};
use super::kind::Packing;
use super::needs;
use crate::files::fill;
use crate::object::{Object, read_range};

/// Bytes of the first read and of the largest: another machine is asked for more with each.
const READ_BYTES_MIN: u64 = 256 * 1024;
const READ_BYTES_MAX: u64 = 8 * 1024 * 1024;
const LOCAL_BYTES_MAX: u64 = 256 * 1024;
/// KiB that the dictionary of xz may take: `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB: u32 = 130 * 1024;
/// Power of two of the window of zstd: what `zstd -d` accepts without further ado.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// What a decoder may hold at most, whatever memory is allowed.
const WINDOW_BYTES_MAX: u64 = (XZ_MEMORY_KIB as u64) << 10;

/// A range of an object, read forward.
pub(crate) struct Input {
    object: Arc<dyn Object>,
    range: Range<u64>,
    buffer: Vec<u8>,
    used: usize,
    wanted: u64,
    /// Why the object could not be read; decoders would hide it.
    failed: Rc<RefCell<Option<Error>>>,
}

impl Input {
    /// Bytes of an object; `first` holds those that are in hand already.
    pub(crate) fn new(object: Arc<dyn Object>, range: Range<u64>, first: Vec<u8>) -> Self {
        let start = range.start.saturating_add(first.len() as u64).min(range.end);
        let range = start..range.end;
        Self { object, range, buffer: first, used: 0, wanted: READ_BYTES_MIN, failed: Rc::default() }
    }

    /// So many bytes, or as many as are left, without taking them.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.used < count && self.range.start < self.range.end {
            let kept = self.buffer.split_off(self.used);
            self.refill().map_err(|e| self.unread(e))?;
            self.buffer.splice(..0, kept);
        }
        Ok(self.buffer.get(self.used..).unwrap_or_default())
    }

    /// Keeps why the object can't be read.
    fn unread(&self, error: Error) -> io::Error {
        self.failed.borrow_mut().get_or_insert(error);
        io::Error::other("the packed bytes can't be read")
    }

    fn refill(&mut self) -> Result<()> {
        let max = if self.object.is_remote() { READ_BYTES_MAX } else { LOCAL_BYTES_MAX };
        let end = self.range.start.saturating_add(self.wanted).min(self.range.end);
        self.buffer = read_range(&*self.object, self.range.start..end)?;
        self.used = 0;
        self.range.start = end;
        self.wanted = (self.wanted * 4).min(max);
        Ok(())
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.buffer.len() && self.range.start < self.range.end {
            self.refill().map_err(|e| self.unread(e))?;
        }
        Ok(self.buffer.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.buffer.len());
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(out.len());
        if let (Some(out), Some(bytes)) = (out.get_mut(..count), bytes.get(..count)) {
            out.copy_from_slice(bytes);
        }
        self.consume(count);
        Ok(count)
    }
}

/// Why a part of the unpacked bytes was not taken.
pub(crate) enum Stop {
    /// The stream can't be unpacked.
    Stream(io::Error),
    /// All else.
    Failed(Error),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Self::Stream(e)
    }
}

/// Memory for decoders, and what is asked while it is waited for.
pub(crate) struct Memory<'a> {
    pub(crate) allowance: &'a Allowance,
    pub(crate) check: &'a dyn Fn() -> Result<()>,
}

impl Memory<'_> {
    /// What the decoder of the stream that begins here will hold.
    fn take(&self, packing: Packing, input: &mut Input) -> Result<Taken<'_>, Stop> {
        let bytes = needs::bytes(packing, input.peek(needs::PEEKED)?);
        // what is refused below, whatever is allowed, is not refused as what could be allowed
        let bytes = if bytes > WINDOW_BYTES_MAX { 0 } else { bytes };
        self.allowance.take(packing.name(), bytes, self.check).map_err(Stop::Failed)
    }
}

/// Unpacks a stream: `take` is given the decoder of each part of it, and reads it to its end, or says by `false` that
/// it has enough.
///
/// # Errors
/// `source-corrupt`, `source-limit` for windows that are too large, `memory-limit`, what reading the object or `take`
/// gave.
pub(crate) fn unpack(
    packing: Packing,
    mut input: Input,
    memory: &Memory<'_>,
    take: &mut dyn FnMut(&mut dyn Read) -> Result<bool, Stop>,
) -> Result<()> {
    let failed = Rc::clone(&input.failed);
    let mut one = |input: &mut Input| {
        let taken = memory.take(packing, input)?;
        let more = match packing {
            Packing::Gzip => take(&mut GzDecoder::new(input)),
            Packing::Bzip2 => take(&mut bzip2::bufread::BzDecoder::new(input)),
            Packing::Deflate => take(&mut DeflateDecoder::new(input)),
            Packing::Xz => take(&mut lzma_rust2::XzReader::new_mem_limit(input, false, XZ_MEMORY_KIB)),
            Packing::Zstd => zstd(input, take),
        };
        drop(taken);
        more
    };
    let done = match packing {
        Packing::Deflate => {
            one(&mut input).and_then(|all| if all { nothing_left(&mut input) } else { Ok(()) })
        }
        _ => parts(packing, &mut input, &mut one),
    };
    done.map_err(|stop| match (failed.borrow_mut().take(), stop) {
        (Some(error), _) | (None, Stop::Failed(error)) => error,
        (None, Stop::Stream(e)) => explain(packing, e),
    })
}

/// One frame.
fn zstd(input: &mut Input, take: &mut dyn FnMut(&mut dyn Read) -> Result<bool, Stop>) -> Result<bool, Stop> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?.single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    take(&mut decoder)
}

/// Streams one after the other, with zeros behind them where a tape or a disk filled up its block.
fn parts(
    packing: Packing,
    input: &mut Input,
    take: &mut dyn FnMut(&mut Input) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    let begins: &[u8] = match packing {
        Packing::Gzip => b"\x1f\x8b",
        Packing::Bzip2 => b"BZh",
        Packing::Xz => b"\xfd7zXZ\0",
        // frames, and such that are skipped: the decoder tells them
        Packing::Zstd | Packing::Deflate => b"",
    };
    loop {
        if !take(input)? {
            return Ok(());
        }
        let mut next = [0];
        while fill(input, &mut next)? == 1 && next[0] == 0 {}
        if next[0] == 0 {
            return Ok(());
        }
        // the first byte is back: a part begins with it
        input.used = input.used.saturating_sub(1);
        let rest = input.fill_buf()?;
        if !rest.iter().zip(begins).all(|(found, expected)| found == expected) {
            return Err(Stop::Failed(behind(packing)));
        }
    }
}

fn nothing_left(input: &mut Input) -> Result<(), Stop> {
    if input.fill_buf()?.is_empty() { Ok(()) } else { Err(Stop::Failed(behind(Packing::Deflate))) }
}

fn behind(packing: Packing) -> Error {
    let message =
        format!("found bytes behind the end of the {} stream that are no such stream", packing.name());
    Error::new(Code::SourceCorrupt, message)
        .help("the file is damaged, or something was appended: fetch it again")
}

fn explain(packing: Packing, e: io::Error) -> Error {
    let text = e.to_string();
    let name = packing.name();
    if e.kind() == io::ErrorKind::OutOfMemory || text.contains("too much memory") {
        return Error::new(
            Code::SourceLimit,
            format!("the {name} stream needs too large a window to be unpacked"),
        )
        .caused_by(e)
        .help("pack it again with the default window (without `--long`, `--ultra` or a larger dictionary)");
    }
    if e.kind() == io::ErrorKind::UnexpectedEof {
        return Error::new(Code::SourceCorrupt, format!("the {name} stream is truncated"))
            .caused_by(e)
            .help("the file was cut off: fetch it again");
    }
    Error::new(Code::SourceCorrupt, format!("the {name} stream is damaged"))
        .caused_by(e)
        .help("fetch the file again")
}

//! Compressed streams, read once from their beginning, with little in memory.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use flate2::bufread::{DeflateDecoder, GzDecoder};

use super::kind::Packing;
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
            self.refill().map_err(|e| {
                self.failed.borrow_mut().get_or_insert(e);
                io::Error::other("the packed bytes can't be read")
            })?;
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

/// Unpacks a stream: `take` is given the decoder of each part of it, and reads it to its end, or says by `false` that
/// it has enough.
///
/// # Errors
/// `source-corrupt`, `source-limit` for windows that are too large, what reading the object or `take` gave.
pub(crate) fn unpack(
    packing: Packing,
    mut input: Input,
    take: &mut dyn FnMut(&mut dyn Read) -> Result<bool, Stop>,
) -> Result<()> {
    let failed = Rc::clone(&input.failed);
    let done = match packing {
        Packing::Gzip => parts(packing, &mut input, &mut |input| take(&mut GzDecoder::new(input))),
        Packing::Bzip2 => {
            parts(packing, &mut input, &mut |input| take(&mut bzip2::bufread::BzDecoder::new(input)))
        }
        Packing::Deflate => take(&mut DeflateDecoder::new(&mut input))
            .and_then(|all| if all { nothing_left(&mut input) } else { Ok(()) }),
        Packing::Xz => {
            take(&mut lzma_rust2::XzReader::new_mem_limit(&mut input, true, XZ_MEMORY_KIB)).map(drop)
        }
        Packing::Zstd => zstd(&mut input, take),
    };
    done.map_err(|stop| match (failed.borrow_mut().take(), stop) {
        (Some(error), _) | (None, Stop::Failed(error)) => error,
        (None, Stop::Stream(e)) => explain(packing, e),
    })
}

fn zstd(input: &mut Input, take: &mut dyn FnMut(&mut dyn Read) -> Result<bool, Stop>) -> Result<(), Stop> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    take(&mut decoder).map(drop)
}

/// Streams one after the other, with zeros behind them where a tape or a disk filled up its block.
fn parts(
    packing: Packing,
    input: &mut Input,
    take: &mut dyn FnMut(&mut Input) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    let begins: &[u8] = if packing == Packing::Gzip { b"\x1f\x8b" } else { b"BZh" };
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

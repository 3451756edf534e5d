//! bzip2 streams (HDF5 filter 307).

use arcoforge_core::error::{Code, Error, Result};
use bzip2::{Action, Compress, Compression, Decompress, Status};

use crate::{bad_parameter, corrupt, too_long};

/// Decodes one stream into `out` and returns how many bytes came out; bytes behind the stream are ignored.
pub(crate) fn decode(stored: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut context = Decompress::new(false);
    let damaged = || corrupt(format!("`bzip2` data of {} bytes does not decode", stored.len()));
    let status = context.decompress(stored, out).map_err(|error| damaged().caused_by(error))?;
    let len = usize::try_from(context.total_out()).unwrap_or(usize::MAX);
    match status {
        Status::StreamEnd => Ok(len),
        // The end of the stream stands behind the last byte of output: one more step finds it.
        _ if len == out.len() => finish(&mut context, stored, out.len()).map(|()| len),
        _ => Err(damaged()),
    }
}

fn finish(context: &mut Decompress, stored: &[u8], bytes_max: usize) -> Result<()> {
    let read = usize::try_from(context.total_in()).unwrap_or(usize::MAX);
    let rest = stored.get(read..).unwrap_or_default();
    match context.decompress(rest, &mut [0]) {
        Ok(Status::StreamEnd) if context.total_out() == bytes_max as u64 => Ok(()),
        Ok(_) if context.total_out() > bytes_max as u64 => Err(too_long("bzip2", bytes_max)),
        Ok(_) => Err(corrupt("`bzip2` data ends before its stream does")),
        Err(error) => Err(corrupt("`bzip2` data does not decode").caused_by(error)),
    }
}

/// Encodes one stream at a level of 1 to 9.
pub(crate) fn encode(level: u32, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if !(1..=9).contains(&level) {
        return Err(bad_parameter(format!("level {level} of `bzip2`; 1 to 9 expected")));
    }
    let mut context = Compress::new(Compression::new(level), 30);
    out.clear();
    out.reserve(data.len() + data.len() / 64 + 1024);
    loop {
        let read = usize::try_from(context.total_in()).unwrap_or(usize::MAX);
        let status = context
            .compress_vec(data.get(read..).unwrap_or_default(), out, Action::Finish)
            .map_err(|error| Error::new(Code::Bug, "`bzip2` failed to encode").caused_by(error))?;
        if status == Status::StreamEnd {
            return Ok(());
        }
        out.reserve(out.capacity() / 2 + 1024);
    }
}

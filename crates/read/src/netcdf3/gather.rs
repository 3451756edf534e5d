//! Reads the bytes of a region: runs that lie near each other come with one read.

use std::ops::Range;

use arcoforge_core::chunk::Region;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::Object;

use super::layout::Array;

/// Gaps up to this are read and thrown away rather than skipped.
const GAP_BYTES_MAX: u64 = 16 << 10;
/// No single read of several runs is longer.
const SPAN_BYTES_MAX: u64 = 4 << 20;
/// Spans asked of the object at a time.
const SPANS_MAX: usize = 64;

/// The stored bytes of a region inside the array, in C order.
pub(super) fn gather(object: &dyn Object, array: &Array, region: &Region) -> Result<Vec<u8>> {
    let mut out = buffer(region.cells(), array.element_bytes)?;
    let mut runs = array.runs(region).peekable();
    if let Some((offset, length)) = runs.next_if(|&(_, length)| length == out.len() as u64) {
        object.read_into(offset, &mut out)?;
        debug_assert_eq!((runs.count(), length), (0, out.len() as u64));
        return Ok(out);
    }
    let mut rest = out.as_mut_slice();
    while runs.peek().is_some() {
        let mut spans: Vec<Range<u64>> = Vec::new();
        let mut pieces: Vec<(usize, u64, u64)> = Vec::new();
        while let Some(&(offset, length)) = runs.peek() {
            let end = offset + length; // inside the file: checked when it was opened
            let near = spans.last_mut().filter(|span| joins(span, offset, end)).map(|span| span.end = end);
            if near.is_none() && spans.len() == SPANS_MAX {
                break;
            }
            if near.is_none() {
                spans.push(offset..end);
            }
            pieces.push((spans.len() - 1, offset, length));
            runs.next();
        }
        let read = object.read_ranges(&spans)?;
        rest = scatter(&spans, &read, &pieces, rest)
            .ok_or_else(|| Error::new(Code::Bug, "found a read of another length than asked for"))?;
    }
    Ok(out)
}

fn joins(span: &Range<u64>, offset: u64, end: u64) -> bool {
    offset >= span.end && offset - span.end <= GAP_BYTES_MAX && end - span.start <= SPAN_BYTES_MAX
}

/// Copies every piece from its span to the front of `out`; returns what is behind the last one.
fn scatter<'a>(
    spans: &[Range<u64>],
    read: &[Vec<u8>],
    pieces: &[(usize, u64, u64)],
    mut out: &'a mut [u8],
) -> Option<&'a mut [u8]> {
    for &(span, offset, length) in pieces {
        let start = usize::try_from(offset - spans.get(span)?.start).ok()?;
        let length = usize::try_from(length).ok()?;
        let (front, rest) = out.split_at_mut_checked(length)?;
        front.copy_from_slice(read.get(span)?.get(start..start.checked_add(length)?)?);
        out = rest;
    }
    Some(out)
}

/// A buffer of zeros, or an error where there is not so much memory.
pub(super) fn buffer(cells: u64, element_bytes: u64) -> Result<Vec<u8>> {
    let bytes = cells.checked_mul(element_bytes).and_then(|n| usize::try_from(n).ok());
    let mut out = Vec::new();
    match bytes.filter(|&n| out.try_reserve_exact(n).is_ok()) {
        Some(bytes) => out.resize(bytes, 0),
        None => {
            let message =
                format!("a region of {cells} cells of {element_bytes} bytes does not fit in memory");
            return Err(Error::new(Code::SourceLimit, message));
        }
    }
    Ok(out)
}

//! DAP 2.0 (ESE-RFC-004): what is asked of a server, and what its answers hold.
//!
//! Values come as the classic format stores them, big-endian, but for 16-bit integers.

use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::{read_all, read_range};
use arcoforge_store::{Object, Sources};

use super::header::External;
use super::text::{Declared, parse_das, parse_dds};
use super::{Dataset, Part, Protocol, TEXT_BYTES_MAX, dap4, miscounted, refused, text_of, too_many_texts};

/// Bytes in which the values of an answer begin.
const PREAMBLE_BYTES_MAX: u64 = 1024 * 1024;

/// What a server says of the dataset at `url`, behind which names of variables may stand.
///
/// # Errors
/// Those of the server; where it speaks DAP4 alone, with the scheme to write.
pub(super) fn describe(sources: &Arc<Sources>, url: &str, shown: &str) -> Result<Dataset> {
    let (base, wanted) = url.split_once('?').map_or((url, None), |(base, wanted)| (base, Some(wanted)));
    if wanted.is_some_and(|wanted| wanted.contains(['[', '&', '%'])) {
        let message = "found a constraint with indices or selections, expected names of variables";
        return Err(Error::new(Code::SourceUnsupported, message).help("cut the dataset by a `subset` step"));
    }
    let query = wanted.map_or_else(String::new, |wanted| format!("?{wanted}"));
    let dds = sources.open(&format!("{base}.dds{query}"));
    let answer = dds.and_then(|dds| Ok((parse_dds(&text_of(&*dds)?)?, dds.validator().modified_ns)));
    let (declared, modified_ns) = answer.map_err(|e| match dap4::speaks(sources, base) {
        true => super::spoken(e, "DAP2", "DAP4", "dap4+https://…"),
        false => e,
    })?;
    let attributes = parse_das(&text_of(&*sources.open(&format!("{base}.das"))?)?)?;
    let mut dataset = Dataset::new(sources, base, shown, Protocol::Dap2, modified_ns);
    dataset.lay_out(declared, &attributes)?;
    Ok(dataset)
}

impl Dataset {
    /// The texts of a variable, of which there are `expected`.
    pub(super) fn texts_dap2(&self, one: &Declared, expected: u64) -> Result<Vec<Vec<u8>>> {
        let url = format!("{}.dods?{}", self.base, one.asked);
        let object = self.sources.open(&url)?;
        if object.validator().size > TEXT_BYTES_MAX {
            return Err(too_many_texts());
        }
        let (start, whole) = (values_begin(&*object)?, read_all(&*object)?);
        let short = || Error::new(Code::SourceCorrupt, "the answer ends within the texts");
        let start = usize::try_from(start).map_err(|_| short())?;
        let mut at = start;
        let number = |at: &mut usize| {
            let bytes = whole.get(*at..at.checked_add(4)?)?;
            *at += 4;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let count = if one.dims.is_empty() { 1 } else { number(&mut at).ok_or_else(short)? };
        if u64::from(count) != expected {
            return Err(miscounted(u64::from(count), expected));
        }
        let mut texts = Vec::new();
        for _ in 0..count {
            let length = number(&mut at).and_then(|length| usize::try_from(length).ok()).ok_or_else(short)?;
            let end = at.checked_add(length).ok_or_else(short)?;
            texts.push(whole.get(at..end).ok_or_else(short)?.to_vec());
            // the padding counts from the beginning of the values
            at = start + (end - start).next_multiple_of(4);
        }
        Ok(texts)
    }

    /// Cells of the part that one request brings, as the classic format stores them.
    pub(super) fn fetch_dap2(
        &self,
        asked: &str,
        external: External,
        part: &Part,
        cells: Range<u64>,
    ) -> Result<Vec<u8>> {
        let indices: String =
            part.hyperslab.iter().map(|(first, last)| format!("%5B{first}:1:{last}%5D")).collect();
        let object = self.sources.open(&format!("{}.dods?{asked}{indices}", self.base))?;
        let start = values_begin(&*object)?;
        let wire = wire_bytes(external);
        // a single value has no count in front of it, and stands in four bytes at least
        let (first, wire) = if part.hyperslab.is_empty() {
            (start, wire)
        } else {
            let counts = read_range(&*object, start..start + 8)?;
            let number =
                |at: usize| counts.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
            let expected = part.cells.end - part.cells.start;
            for count in [number(0), number(4)] {
                if count.map(u64::from) != Some(expected) {
                    return Err(miscounted(count.map_or(0, u64::from), expected));
                }
            }
            (start + 8, wire)
        };
        let from = first + (cells.start - part.cells.start) * wire;
        if part.hyperslab.is_empty() && external.bytes() == 1 {
            return read_range(&*object, from + 3..from + 4);
        }
        let bytes = read_range(&*object, from..from + (cells.end - cells.start) * wire)?;
        Ok(match external {
            External::Short | External::UShort => {
                bytes.chunks_exact(4).flat_map(|word| word.get(2..).unwrap_or_default()).copied().collect()
            }
            _ => bytes,
        })
    }
}

/// Bytes of a value on the wire (XDR, RFC 4506): small integers stand in four.
pub(super) const fn wire_bytes(external: External) -> u64 {
    match external {
        External::Short | External::UShort => 4,
        other => other.bytes(),
    }
}

/// Where the values of an answer begin: behind `Data:` on a line of its own.
fn values_begin(object: &dyn Object) -> Result<u64> {
    let size = object.validator().size;
    let mut length = 4096;
    loop {
        let start = read_range(object, 0..size.min(length))?;
        for mark in [&b"\nData:\n"[..], b"\nData:\r\n", b"\rData:\r"] {
            if let Some(at) = start.windows(mark.len()).position(|window| window == mark) {
                return Ok((at + mark.len()) as u64);
            }
        }
        if length >= size.min(PREAMBLE_BYTES_MAX) {
            let text = String::from_utf8_lossy(&start).into_owned();
            let other = || Error::new(Code::SourceCorrupt, "the server's answer holds no DAP2 values");
            return Err(refused(&text).unwrap_or_else(other));
        }
        length *= 16;
    }
}

/// Whether a server answers for a dataset by this version.
pub(super) fn speaks(sources: &Arc<Sources>, base: &str) -> bool {
    let dds = sources.open(&format!("{base}.dds"));
    dds.and_then(|dds| text_of(&*dds))
        .is_ok_and(|text| text.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("dataset")))
}

//! OPeNDAP servers (DAP 2.0, ESE-RFC-004; DAP 4.0, OPeNDAP's specification of 2016): datasets of which only the cells that
//! are wanted are asked for.
//!
//! What a server says of a dataset (DDS and DAS, or DMR) becomes the header of a file in the classic format, and the values
//! that the file has at an offset are asked for by a constraint on the variable that lies there, some megabytes of whole rows
//! at a time. What the format has no place for, groups and lists of texts, stands in names and texts behind [`SEPARATOR`].

mod chunks;
mod dap2;
mod dap4;
mod dmr;
mod dmr_attributes;
mod header;
mod text;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::read_all;
use arcoforge_store::{Object, Sources, Validator, redact};

use self::header::{BYTES_MAX, External, Variable, header};
use self::text::{Attribute, Declared, Kind};

/// Bytes of one answer, unless one row has more.
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a description, and of texts that are read at once.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Between a group's path and its attribute's name, and between the texts of a list: no XML can hold it.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// Of `dap2+` and `dap4+`.
const SCHEME_BYTES: usize = 5;

/// Opens a URL of the form `dap2+https://host/path`, `dap2+https://host/path?variable,variable`, `dap4+https://host/path` or
/// `dap4+https://host/path?dap4.ce=/variable;/group/variable`; `None` for any other.
///
/// # Errors
/// Those of the server; `source-unsupported` for structures, sequences and opaque values; `source-corrupt` for what is not DAP.
pub fn open(sources: &Arc<Sources>, url: &str) -> Option<Result<Arc<dyn Object>>> {
    let (scheme, base) = url.split_at_checked(SCHEME_BYTES).filter(|_| is_dataset(url))?;
    let shown = format!("{scheme}{}", redact(base));
    let described = match scheme {
        "dap4+" => dap4::describe(sources, base, &shown),
        _ => dap2::describe(sources, base, &shown),
    };
    Some(described.map(|dataset| Arc::new(dataset) as Arc<dyn Object>).map_err(|e| e.at(shown)))
}

/// Whether a URL is of a dataset that a server makes, and of no file.
pub fn is_dataset(url: &str) -> bool {
    let base = url.strip_prefix("dap2+").or_else(|| url.strip_prefix("dap4+"));
    base.is_some_and(|base| base.starts_with("http://") || base.starts_with("https://"))
}

/// Whether what was opened is of DAP4, whose names are paths.
pub(crate) fn has_paths(object: &dyn Object) -> bool {
    object.url().starts_with("dap4+")
}

/// A dataset as a file.
struct Dataset {
    sources: Arc<Sources>,
    base: String,
    shown: String,
    protocol: Protocol,
    validator: Validator,
    header: Vec<u8>,
    /// In the order of their values.
    arrays: Vec<Array>,
}

/// How a server is asked.
enum Protocol {
    Dap2,
    /// With what else stands in the URL's query, a `&` behind it.
    Dap4(String),
}

/// The values of one variable.
struct Array {
    begin: u64,
    bytes: u64,
    external: External,
    values: Values,
}

enum Values {
    /// Texts were read when the dataset was opened.
    Here(Vec<u8>),
    /// Asked for: the projection, and the lengths of dimensions.
    There(String, Vec<u64>),
}

/// What one request brings: a box of whole rows.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// First and last index of every dimension.
    hyperslab: Vec<(u64, u64)>,
    /// Which cells of the array, in C order.
    cells: Range<u64>,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset").field("url", &self.shown).finish_non_exhaustive()
    }
}

fn text_of(object: &dyn Object) -> Result<String> {
    if object.validator().size > TEXT_BYTES_MAX {
        let message = format!("the server's description has {} bytes", object.validator().size);
        return Err(Error::new(Code::SourceLimit, message));
    }
    let text = crate::text::from_bytes(&read_all(object)?);
    refused(&text).map_or(Ok(text), Err)
}

/// What a server says in place of an answer: `Error { code = 404; message = "…"; };`.
fn refused(text: &str) -> Option<Error> {
    let text = text.trim_start();
    let rest = text.strip_prefix("Error")?.trim_start().strip_prefix('{')?;
    let message =
        rest.split_once('"').and_then(|(_, m)| m.split_once('"')).map_or("", |(message, _)| message);
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    let code = if rest.contains("404") { Code::SourceNotFound } else { Code::SourceUnreachable };
    Some(Error::new(code, format!("the OPeNDAP server answered with an error: {message}")))
}

impl Dataset {
    fn new(
        sources: &Arc<Sources>,
        base: &str,
        shown: &str,
        protocol: Protocol,
        modified_ns: Option<i64>,
    ) -> Self {
        Self {
            sources: Arc::clone(sources),
            base: base.to_owned(),
            shown: shown.to_owned(),
            protocol,
            validator: Validator { size: 0, etag: None, modified_ns },
            header: Vec::new(),
            arrays: Vec::new(),
        }
    }

    /// Decides where everything lies in the file.
    fn lay_out(&mut self, declared: Vec<Declared>, attributes: &[Attribute]) -> Result<()> {
        let mut dims: Vec<(String, u64)> = Vec::new();
        let mut variables: Vec<Variable> = Vec::new();
        let mut values = Vec::new();
        let own: Vec<String> = declared.iter().filter(|d| !d.is_map).map(|d| d.name.clone()).collect();
        let mut mapped: Vec<String> = Vec::new();
        for one in declared {
            if one.is_map && (own.contains(&one.name) || mapped.contains(&one.name)) {
                continue;
            }
            if one.is_map {
                mapped.push(one.name.clone());
            }
            let of = |a: &&Attribute| a.of.as_deref() == Some(&one.name);
            let mut attributes: Vec<Attribute> = attributes.iter().filter(of).cloned().collect();
            let mut lengths: Vec<u64> = one.dims.iter().map(|(_, length)| *length).collect();
            let mut numbers = Vec::new();
            for (at, (name, length)) in one.dims.iter().enumerate() {
                let name = name.clone().unwrap_or_else(|| format!("{}_{at}", one.name));
                numbers.push(dimension(&mut dims, name, *length));
            }
            let signed = one.kind == Kind::Byte
                && attributes.iter().any(|a| a.name == "_Unsigned" && a.values == ["false"]);
            let external = External::of(one.kind, signed);
            let there = if one.kind == Kind::Text {
                let (bytes, length) = self.texts(&one, &lengths).map_err(|e| e.in_variable(&one.name))?;
                let name = format!("{}_strlen", one.name);
                let known = attributes
                    .iter()
                    .find(|a| a.name == "DODS.dimName")
                    .and_then(|a| a.values.first().cloned());
                numbers.push(dimension(&mut dims, known.unwrap_or(name), length));
                lengths.push(length);
                Values::Here(bytes)
            } else {
                Values::There(one.asked.clone(), lengths.clone())
            };
            attributes.retain(|a| !a.name.starts_with("DODS.") && (!signed || a.name != "_Unsigned"));
            let bytes = lengths.iter().try_fold(external.bytes(), |bytes, length| bytes.checked_mul(*length));
            let bytes = bytes.filter(|bytes| *bytes <= BYTES_MAX);
            let bytes = bytes
                .ok_or_else(|| Error::new(Code::SourceLimit, "the variable has more than 2^62 bytes"))?;
            variables.push(Variable { name: one.name, dims: numbers, external, attributes, bytes, begin: 0 });
            values.push(there);
        }
        let globals: Vec<Attribute> = attributes.iter().filter(|a| a.of.is_none()).cloned().collect();
        self.header = header(&dims, &globals, &mut variables)?;
        let end = variables.last().map_or(self.header.len() as u64, |v| v.begin + v.bytes);
        self.validator.size = end.next_multiple_of(4);
        let array = |(v, values): (&Variable, Values)| Array {
            begin: v.begin,
            bytes: v.bytes,
            external: v.external,
            values,
        };
        self.arrays = variables.iter().zip(values).map(array).collect();
        Ok(())
    }

    /// The texts of a variable, each filled up with zeros to the length of the longest.
    fn texts(&self, one: &Declared, lengths: &[u64]) -> Result<(Vec<u8>, u64)> {
        let expected = lengths.iter().try_fold(1_u64, |cells, length| cells.checked_mul(*length));
        let expected = expected.filter(|cells| *cells <= TEXT_BYTES_MAX).ok_or_else(too_many_texts)?;
        let texts = match &self.protocol {
            Protocol::Dap2 => self.texts_dap2(one, expected)?,
            Protocol::Dap4(query) => self.texts_dap4(query, one, expected)?,
        };
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
        if longest.saturating_mul(texts.len()) as u64 > TEXT_BYTES_MAX {
            return Err(too_many_texts());
        }
        let mut bytes = vec![0; longest * texts.len()];
        for (text, slot) in texts.iter().zip(bytes.chunks_mut(longest)) {
            slot.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        }
        Ok((bytes, longest as u64))
    }

    /// Cells of a part, as the classic format stores them.
    fn fetch(&self, asked: &str, external: External, part: &Part, cells: Range<u64>) -> Result<Vec<u8>> {
        match &self.protocol {
            Protocol::Dap2 => self.fetch_dap2(asked, external, part, cells),
            Protocol::Dap4(query) => self.fetch_dap4(query, asked, external, part, &cells),
        }
    }

    /// Fills `out` with the bytes of an array from `from`.
    fn read_array(&self, array: &Array, from: u64, out: &mut [u8]) -> Result<()> {
        let (asked, lengths) = match &array.values {
            Values::Here(bytes) => {
                let start = usize::try_from(from).unwrap_or(usize::MAX);
                let part = bytes.get(start..start.saturating_add(out.len())).unwrap_or_default();
                out.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                return Ok(());
            }
            Values::There(asked, lengths) => (asked, lengths),
        };
        let cell = array.external.bytes();
        let wire = match self.protocol {
            Protocol::Dap2 => dap2::wire_bytes(array.external),
            Protocol::Dap4(_) => cell,
        };
        let end = from + out.len() as u64;
        let mut at = from;
        while at < end {
            let part = part_of(lengths, wire, at / cell);
            let stop = end.min(part.cells.end * cell);
            let cells = at / cell..stop.div_ceil(cell);
            let bytes = self.fetch(asked, array.external, &part, cells.clone())?;
            let skipped = usize::try_from(at - cells.start * cell).unwrap_or(0);
            let (to, count) =
                (usize::try_from(at - from).unwrap_or(0), usize::try_from(stop - at).unwrap_or(0));
            let target = out.get_mut(to..to + count).unwrap_or_default();
            let source = bytes.get(skipped..skipped + count).unwrap_or_default();
            if source.len() != target.len() || count == 0 {
                return Err(Error::new(Code::Bug, "a part of an OPeNDAP answer has another size"));
            }
            target.copy_from_slice(source);
            at = stop;
        }
        Ok(())
    }
}

/// The number of a dimension, which is made where there is none with this name and length.
fn dimension(dims: &mut Vec<(String, u64)>, name: String, length: u64) -> usize {
    if let Some(at) = dims.iter().position(|(known, l)| *known == name && *l == length) {
        return at;
    }
    let taken = dims.iter().any(|(known, _)| *known == name);
    let name = if taken { format!("{name}_{length}") } else { name };
    if let Some(at) = dims.iter().position(|(known, _)| *known == name) {
        return at;
    }
    dims.push((name, length));
    dims.len() - 1
}

/// The error where a server does not answer by the version that it was asked by, but by the other.
fn spoken(error: Error, asked: &str, other: &str, url: &str) -> Error {
    let message = format!("the OPeNDAP server has no answer of {asked} for this dataset, but one of {other}");
    Error::new(Code::SourceFormat, message).caused_by(error).help(format!("write `{url}`"))
}

fn too_many_texts() -> Error {
    Error::new(Code::SourceLimit, "the texts are too large to be read")
}

fn miscounted(found: u64, expected: u64) -> Error {
    Error::new(Code::SourceCorrupt, format!("the OPeNDAP server sent {found} values, expected {expected}"))
}

/// The part of an array that holds a cell: whole rows along the first dimension below which rows are small enough.
fn part_of(lengths: &[u64], wire: u64, cell: u64) -> Part {
    let inner = |axis: usize| lengths.get(axis + 1..).unwrap_or_default().iter().product::<u64>().max(1);
    let split = (0..lengths.len()).find(|axis| inner(*axis).saturating_mul(wire) <= ANSWER_BYTES);
    let Some(axis) = split else { return Part { hyperslab: Vec::new(), cells: 0..1 } };
    let (row, length) = (inner(axis), lengths.get(axis).copied().unwrap_or(1).max(1));
    let rows = (ANSWER_BYTES / row.saturating_mul(wire).max(1)).clamp(1, length);
    let outer = cell / (row * length);
    let first = cell % (row * length) / row / rows * rows;
    let last = (first + rows).min(length) - 1;
    let mut hyperslab = Vec::with_capacity(lengths.len());
    let mut rest = outer;
    for length in lengths.iter().take(axis).rev() {
        let length = (*length).max(1);
        hyperslab.push((rest % length, rest % length));
        rest /= length;
    }
    hyperslab.reverse();
    hyperslab.push((first, last));
    hyperslab.extend(lengths.iter().skip(axis + 1).map(|length| (0, length.saturating_sub(1))));
    let begin = outer * row * length + first * row;
    Part { hyperslab, cells: begin..begin + (last - first + 1) * row }
}

impl Object for Dataset {
    fn url(&self) -> &str {
        &self.shown
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = u64::try_from(out.len()).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > self.validator.size) {
            let message =
                format!("found a reference beyond the {} bytes of the dataset", self.validator.size);
            return Err(Error::new(Code::SourceCorrupt, message).at(&self.shown));
        }
        out.fill(0);
        let end = end.unwrap_or(offset);
        let slot = |from: u64, to: u64| {
            let at = |offset_in: u64| usize::try_from(offset_in - offset).unwrap_or(0);
            at(from)..at(to)
        };
        let head = self.header.len() as u64;
        if offset < head {
            let stop = end.min(head);
            let part =
                self.header.get(usize::try_from(offset).unwrap_or(0)..usize::try_from(stop).unwrap_or(0));
            if let (Some(part), Some(target)) = (part, out.get_mut(slot(offset, stop))) {
                target.copy_from_slice(part);
            }
        }
        for array in &self.arrays {
            let (from, to) = (offset.max(array.begin), end.min(array.begin + array.bytes));
            if from < to
                && let Some(target) = out.get_mut(slot(from, to))
            {
                self.read_array(array, from - array.begin, target).map_err(|e| e.at(&self.shown))?;
            }
        }
        Ok(())
    }

    fn place(&self, _offset: u64) -> Result<Option<(Arc<str>, u64)>> {
        Ok(None)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_tile_arrays() {
        for lengths in [
            &[5_u64][..],
            &[3, 4],
            &[2, 3, 400, 1000],
            &[3_000_000],
            &[2, 3_000_000],
            &[1, 1, 1],
            &[7, 1_100_000],
        ] {
            let cells: u64 = lengths.iter().product();
            let mut at = 0;
            while at < cells {
                let part = part_of(lengths, 4, at);
                assert_eq!(part.cells.start, at, "{lengths:?}");
                let inside: u64 = part.hyperslab.iter().map(|(first, last)| last - first + 1).product();
                assert_eq!(inside, part.cells.end - part.cells.start, "{lengths:?}");
                assert!(inside * 4 <= ANSWER_BYTES || inside == 1, "{lengths:?}");
                assert_eq!(part_of(lengths, 4, part.cells.end - 1), part);
                // C order: the first cell's index is that of the box's first corner
                let index =
                    part.hyperslab.iter().zip(lengths).fold(0, |i, ((first, _), length)| i * length + first);
                assert_eq!(index, at, "{lengths:?}");
                at = part.cells.end;
            }
            assert_eq!(at, cells);
        }
        assert_eq!(part_of(&[], 4, 0), Part { hyperslab: Vec::new(), cells: 0..1 });
    }
}

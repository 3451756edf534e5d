//! DAP 4.0: what is asked of a server, and what its answers hold.

use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::Sources;
use arcoforge_store::object::read_all;

use super::chunks::{Answer, dechunk};
use super::dmr::{self, parse};
use super::header::External;
use super::text::Declared;
use super::{ANSWER_BYTES, Dataset, Part, Protocol, TEXT_BYTES_MAX, dap2};

/// What an answer has beside values: its description, headers of chunks.
const AROUND_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The keys of a query that are the protocol's own.
const WANTED: &str = "dap4.ce=";
const CHECKSUM: &str = "dap4.checksum=";

/// What a server says of the dataset at `url`, behind which `?dap4.ce=/variable;/group` may stand.
///
/// # Errors
/// Those of the server; where it speaks DAP2 alone, with the scheme to write.
pub(super) fn describe(sources: &Arc<Sources>, url: &str, shown: &str) -> Result<Dataset> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (wanted, others) = split(query)?;
    let others: String = others.iter().map(|pair| format!("{pair}&")).collect();
    let told_dap2 = |e: Error| match dap2::speaks(sources, base) {
        true => super::spoken(e, "DAP4", "DAP2", "dap2+https://…"),
        false => e,
    };
    let (text, modified_ns) = described(sources, base, &others).map_err(told_dap2)?;
    // what is refused by name, or is not there, is so by either version
    let (declared, attributes) = parse(&text, wanted.as_deref())
        .map_err(|e| if e.code == Code::SourceCorrupt { told_dap2(e) } else { e })?;
    let mut dataset = Dataset::new(sources, base, shown, Protocol::Dap4(others), modified_ns);
    dataset.lay_out(declared, &attributes)?;
    Ok(dataset)
}

/// The paths that a query asks for, and what else it has.
fn split(query: &str) -> Result<(Option<Vec<String>>, Vec<&str>)> {
    let (mut wanted, mut others) = (None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if let Some(constraint) = pair.strip_prefix(WANTED) {
            let constraint = super::text::unescaped(constraint);
            if constraint.contains(['[', '{', '|', '=']) {
                let message =
                    "found a constraint with indices, fields or filters, expected paths of variables";
                return Err(
                    Error::new(Code::SourceUnsupported, message).help("cut the dataset by a `subset` step")
                );
            }
            let paths = constraint.split(';').filter(|path| !path.is_empty());
            wanted = Some(paths.map(|path| dmr::names_of(path).join("/")).collect());
        } else if !pair.starts_with(CHECKSUM) {
            if !pair.contains('=') {
                let message = format!("found `?{pair}`, expected `?dap4.ce=` and paths of variables");
                return Err(Error::new(Code::SourceUnsupported, message)
                    .help("name variables so: `dap4+https://…?dap4.ce=/sst;/group/time`"));
            }
            others.push(pair);
        }
    }
    Ok((wanted, others))
}

fn described(sources: &Arc<Sources>, base: &str, others: &str) -> Result<(String, Option<i64>)> {
    let query = others.strip_suffix('&').map_or_else(String::new, |others| format!("?{others}"));
    let object = sources.open(&format!("{base}.dmr{query}"))?;
    let text = super::text_of(&*object)?;
    if !is_description(&text) {
        return Err(dmr::not_described(&text));
    }
    Ok((text, object.validator().modified_ns))
}

/// Whether a text may be a DMR: its first element is a dataset.
fn is_description(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while rest.starts_with("<?") || rest.starts_with("<!--") {
        let end = if rest.starts_with("<?") { "?>" } else { "-->" };
        rest = rest.split_once(end).map_or("", |(_, rest)| rest.trim_start());
    }
    rest.strip_prefix('<').is_some_and(|rest| {
        let name = rest.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        name.rsplit(':').next() == Some("Dataset")
    })
}

/// Whether a server answers for a dataset by this version.
pub(super) fn speaks(sources: &Arc<Sources>, base: &str) -> bool {
    described(sources, base, "").is_ok()
}

impl Dataset {
    /// The texts of a variable, of which there are `expected`.
    pub(super) fn texts_dap4(&self, query: &str, one: &Declared, expected: u64) -> Result<Vec<Vec<u8>>> {
        self.answer(query, &one.asked, "", TEXT_BYTES_MAX)?.texts(expected)
    }

    /// Cells of the part that one request brings, as the classic format stores them.
    pub(super) fn fetch_dap4(
        &self,
        query: &str,
        asked: &str,
        external: External,
        part: &Part,
        cells: &Range<u64>,
    ) -> Result<Vec<u8>> {
        let indices: String =
            part.hyperslab.iter().map(|(first, last)| format!("%5B{first}:1:{last}%5D")).collect();
        let count = part.cells.end - part.cells.start;
        let size = external.bytes();
        let values = self.answer(query, asked, &indices, ANSWER_BYTES)?.numbers(count, size)?;
        let place = |cell: u64| usize::try_from((cell - part.cells.start) * size).unwrap_or(usize::MAX);
        Ok(values.get(place(cells.start)..place(cells.end)).unwrap_or_default().to_vec())
    }

    fn answer(&self, query: &str, asked: &str, indices: &str, bytes_max: u64) -> Result<Answer> {
        let url = format!("{}.dap?{query}{WANTED}{asked}{indices}&{CHECKSUM}true", self.base);
        let object = self.sources.open(&url)?;
        let bytes = object.validator().size;
        if bytes > bytes_max + AROUND_BYTES_MAX {
            let message = format!(
                "the OPeNDAP server's answer has {bytes} bytes, expected {bytes_max} and a description at most"
            );
            return Err(Error::new(Code::SourceLimit, message));
        }
        dechunk(&read_all(&*object)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        for (query, paths, others) in [
            ("", None, vec![]),
            ("dap4.ce=/sst;/g/time", Some(vec!["sst", "g/time"]), vec![]),
            ("a=1&dap4.ce=sst&dap4.checksum=false&b=2", Some(vec!["sst"]), vec!["a=1", "b=2"]),
            ("dap4.ce=%2Fsst%20x", Some(vec!["sst x"]), vec![]),
        ] {
            let (found, left) = split(query).unwrap();
            assert_eq!(found, paths.map(|paths| paths.into_iter().map(str::to_owned).collect::<Vec<_>>()));
            assert_eq!(left, others);
        }
        for (query, says) in
            [("sst,time", "`?sst,time`"), ("dap4.ce=/sst%5B0:1:2%5D", "indices"), ("dap4.ce=a|b", "filters")]
        {
            assert!(split(query).unwrap_err().message.contains(says), "{query}");
        }
    }

    #[test]
    fn descriptions_are_told() {
        for (text, expected) in [
            ("<?xml version='1.0'?>\n<!-- <x> --><Dataset name='a'>", true),
            ("<dap:Dataset>", true),
            ("Dataset {", false),
            ("<!DOCTYPE html>", false),
            ("<?xml", false),
            ("", false),
        ] {
            assert_eq!(is_description(text), expected, "{text}");
        }
    }
}

//! Servers that promise a range and send other bytes: found out once for each service, before anything relies on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use arcoforge_core::error::{Code, Error};

use super::client::Client;
use super::failure::Failure;
use super::head::same_version;
use crate::local::lock;
use crate::location::{redact, service_of};
use crate::object::Validator;

/// Bytes that are asked for again and compared.
const PROBE_BYTES: usize = 512;

/// Which services (host and first part of the path) send the ranges that they promise.
#[derive(Debug, Default)]
pub(crate) struct Honesty(Mutex<BTreeMap<String, bool>>);

/// Whether the service sends the range that it is asked for: asks for a piece of the beginning, which is known, and
/// compares. One request for each service.
pub(crate) fn sends_what_it_says(
    client: &Client,
    url: &str,
    start: &[u8],
    validator: &Validator,
) -> Result<bool, Failure> {
    let service = service_of(url);
    if let Some(known) = lock(&client.honesty.0).get(&service) {
        return Ok(*known);
    }
    let Some((range, expected)) = telling_piece(start) else { return Ok(true) };
    let mut answer = client.get(url, Some(&range), &[])?;
    let mut found = vec![0; expected.len()];
    let honest = match (answer.status, answer.head.content_range) {
        (206, Some(content)) if content.range == Some((range.start, range.end.saturating_sub(1))) => {
            let size = content.total.unwrap_or(validator.size);
            if !same_version(&answer.head.validator(size), validator) {
                return Err(Failure::never(changed(&redact(url))));
            }
            answer.read_exactly(&mut found, &redact(url))?;
            found == expected
        }
        _ => false,
    };
    lock(&client.honesty.0).insert(service, honest);
    Ok(honest)
}

/// A piece that can't be taken for the beginning, nor for its neighbour one byte further.
pub(crate) fn telling_piece(start: &[u8]) -> Option<(Range<u64>, &[u8])> {
    let first = start.get(..PROBE_BYTES)?;
    [2, 3, 4, 5, 7].into_iter().find_map(|part| {
        let at = start.len() / part;
        let piece = start.get(at..at.checked_add(PROBE_BYTES)?)?;
        let next = start.get(at + 1..at + 1 + PROBE_BYTES)?;
        let at = u64::try_from(at).ok()?;
        (piece != first && piece != next).then(|| (at..at + PROBE_BYTES as u64, piece))
    })
}

/// The object is another one than when it was opened.
pub(crate) fn changed(shown: &str) -> Error {
    Error::new(Code::SourceChanged, "the object changed on the server since it was opened").at(shown).help(
        "wait until the archive is complete, then run again; if only entity tags differ between the servers \
         behind one name, `--cache DIR` reads each file in one request",
    )
}

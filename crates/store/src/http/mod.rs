//! Objects behind `http://` and `https://`.

mod ask;
mod backoff;
mod beginnings;
mod beside;
mod body;
mod client;
mod digest;
mod exchange;
mod failure;
mod follow;
mod guard;
mod head;
mod honest;
mod lanes;
mod page;
mod signed;
mod spool;
mod stop;
mod tls;
mod transfer;
mod versions;

pub use ask::{Ask, Page};
pub use tls::ROOTS_VARIABLE;

pub(crate) use failure::explain_transport;
pub(crate) use guard::{Refused, is_public};
pub(crate) use honest::{changed, telling_piece};
pub(crate) use tls::read_roots;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};

use crate::local::LocalObject;
use crate::location::redact;
use crate::object::{Beside, Object, Prefix, Validator, check_range, check_ranges, read_range};
use crate::ranges::{MERGED_BYTES_MAX, merge};
use crate::several;

pub(crate) use client::{Answer, Client};
pub(crate) use exchange::Exchanged;
pub(crate) use failure::{Failure, Retry};
pub(crate) use head::{days_since_1970, same_version};
pub(crate) use spool::Spooled;
pub(crate) use transfer::{Downloaded, Transfer};

/// An object on a server that serves ranges. Every answer is checked: the range that was asked for, all of its
/// bytes, and the same version of the object as when it was opened.
pub(crate) struct HttpObject {
    client: Arc<Client>,
    /// With its secrets, for requests only.
    full_url: String,
    shown: String,
    validator: Validator,
    /// The beginning, for a while.
    prefix: Arc<Prefix>,
}

impl fmt::Debug for HttpObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpObject")
            .field("url", &self.shown)
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

impl HttpObject {
    /// Asks for the beginning of an object; what comes back says all else. A server without ranges, or with wrong
    /// ones, is read whole into a temporary file.
    pub(crate) fn open(client: &Arc<Client>, url: &str) -> Result<Arc<dyn Object>> {
        let shown = redact(url);
        if let Some(spooled) = client.spools.find(url) {
            return Ok(spooled);
        }
        client.keys.with(url, || {
            if let Some(spooled) = client.spools.find(url) {
                return Ok(spooled as Arc<dyn Object>);
            }
            let mut whole = None;
            let object = client.with_retries(&shown, || open_once(client, url, &shown, &mut whole))?;
            client.versions.check(&shown, object.validator())?;
            Ok(object)
        })
    }

    fn fetch(&self, offset: u64, out: &mut [u8]) -> Result<(), Failure> {
        let end = check_range(&self.shown, offset, out.len(), self.validator.size).map_err(Failure::never)?;
        let range = offset..end;
        let mut answer = self.client.get(&self.full_url, Some(&range), &[])?;
        let in_range = |error: Error| error.at(&self.shown).in_range(range.start, range.end);
        let expected = (range.start, range.end.saturating_sub(1));
        let content = answer.head.content_range;
        if answer.status == 206 && content.and_then(|c| c.range) == Some(expected) {
            let size = content.and_then(|c| c.total).unwrap_or(self.validator.size);
            if !same_version(&answer.head.validator(size), &self.validator) {
                return Err(Failure::never(honest::changed(&self.shown)));
            }
            if let Some(encoding) = &answer.head.encoding {
                let message = format!("the server packs a range as `{encoding}`, although asked not to");
                return Err(Failure::never(in_range(Error::new(Code::SourceUnsupported, message))));
            }
            return answer.read_exactly(out, &self.shown).map_err(|mut failure| {
                failure.error = in_range(failure.error);
                failure
            });
        }
        Err(self.not_the_range(answer, &range))
    }

    /// Why an answer is not the range that was asked for.
    fn not_the_range(&self, mut answer: Answer<'_>, range: &Range<u64>) -> Failure {
        if answer.status == 416 {
            return Failure::never(honest::changed(&self.shown));
        }
        if answer.status == 200 {
            let mut start = vec![0; page::LOOKED_AT];
            let length = std::io::Read::read(&mut answer, &mut start).unwrap_or(0);
            start.truncate(length);
            if let Some(error) = page::refuse(&answer.head, &start, &self.shown, &answer.answered_by) {
                return Failure::never(error);
            }
        }
        let found = match answer.head.content_range.and_then(|c| c.range) {
            Some((start, last)) => format!("bytes {start}..{}", last.saturating_add(1)),
            None => "an answer without a range".to_owned(),
        };
        Failure::soon(
            Error::new(
                Code::SourceUnreachable,
                format!("the server sent {found} (status {}), expected the range asked for", answer.status),
            )
            .at(&self.shown)
            .in_range(range.start, range.end)
            .help("`--cache DIR` reads whole files instead of ranges"),
        )
    }

    /// Fetches merged ranges, several at a time where the host's limit allows.
    fn fetch_all(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let lanes = usize::try_from(self.client.options().connections_per_host).unwrap_or(1);
        several::at_once(ranges, lanes, |range| read_range(self, range.clone()))
    }
}

impl Object for HttpObject {
    fn url(&self) -> &str {
        &self.shown
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        check_range(&self.shown, offset, out.len(), self.validator.size)?;
        if out.is_empty() || self.prefix.copy(offset, out) {
            return Ok(());
        }
        self.client.with_retries(&self.shown, || self.fetch(offset, out))
    }

    fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        check_ranges(self, ranges)?;
        let merged = merge(ranges, self.client.options().gap_bytes, MERGED_BYTES_MAX);
        let fetched = self.fetch_all(&merged.iter().map(|m| m.range.clone()).collect::<Vec<_>>())?;
        let mut out = vec![Vec::new(); ranges.len()];
        for (merged, bytes) in merged.iter().zip(fetched) {
            if let ([only], Some(slot)) =
                (merged.members.as_slice(), merged.members.first().and_then(|at| out.get_mut(*at)))
                && ranges.get(*only) == Some(&merged.range)
            {
                *slot = bytes;
                continue;
            }
            for &at in &merged.members {
                if let (Some(range), Some(slot)) = (ranges.get(at), out.get_mut(at)) {
                    *slot = part(&bytes, merged.range.start, range).to_vec();
                }
            }
        }
        Ok(out)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn is_at_hand(&self, range: &Range<u64>) -> bool {
        self.prefix.holds(range)
    }

    fn beside(&self, file: Beside) -> Option<Vec<u8>> {
        beside::fetch(&self.client, &self.full_url, file)
    }

    fn take_prefix(&self) -> Option<Vec<u8>> {
        self.prefix.copy_all()
    }
}

/// `range` of the object, out of bytes that begin at `start` and contain it.
fn part<'a>(bytes: &'a [u8], start: u64, range: &Range<u64>) -> &'a [u8] {
    let at = |offset: u64| offset.checked_sub(start).and_then(|at| usize::try_from(at).ok());
    match (at(range.start), at(range.end)) {
        (Some(from), Some(to)) => bytes.get(from..to).unwrap_or_default(),
        _ => &[],
    }
}

/// A download that an earlier attempt began, and what removes its file in the end.
type Whole<'a> = Option<(Transfer<'a>, Spooled)>;

fn open_once<'a>(
    client: &'a Arc<Client>,
    url: &str,
    shown: &'a str,
    whole: &mut Whole<'a>,
) -> Result<Arc<dyn Object>, Failure> {
    if let Some((begun, _)) = whole
        && let Some(answer) = begun.ask_for_rest(url)?
    {
        return open_whole(client, url, shown, answer, whole);
    }
    let wanted = 0..client.options().prefix_bytes.max(1);
    let mut answer = client.get(url, Some(&wanted), &[])?;
    let content = answer.head.content_range;
    match (answer.status, content.and_then(|c| c.range), content.and_then(|c| c.total)) {
        (206, Some((0, last)), Some(size)) if last < wanted.end && answer.head.encoding.is_none() => {
            // `last` lies within what was asked for, so this much memory was offered.
            let mut prefix = vec![0; usize::try_from(last + 1).unwrap_or(0)];
            answer.read_exactly(&mut prefix, shown)?;
            if let Some(error) = page::refuse(&answer.head, &prefix, shown, &answer.answered_by) {
                return Err(Failure::never(error));
            }
            let validator = answer.head.validator(size);
            drop(answer);
            if last + 1 == size || honest::sends_what_it_says(client, url, &prefix, &validator)? {
                return Ok(ranged(client, url, shown, validator, prefix));
            }
        }
        (416, _, Some(0)) => return Err(Failure::never(empty(shown))),
        (200, _, _) => return open_whole(client, url, shown, answer, whole),
        _ => drop(answer),
    }
    open_whole(client, url, shown, client.get(url, None, &[])?, whole)
}

fn ranged(
    client: &Arc<Client>,
    url: &str,
    shown: &str,
    validator: Validator,
    prefix: Vec<u8>,
) -> Arc<dyn Object> {
    let length = prefix.len();
    let prefix = Arc::new(Prefix::new(Some(prefix)));
    client.beginnings.keep(length, &prefix);
    Arc::new(HttpObject {
        client: Arc::clone(client),
        full_url: url.to_owned(),
        shown: shown.to_owned(),
        validator,
        prefix,
    })
}

fn open_whole<'a>(
    client: &'a Client,
    url: &str,
    shown: &'a str,
    answer: Answer<'_>,
    whole: &mut Whole<'a>,
) -> Result<Arc<dyn Object>, Failure> {
    if !matches!(answer.status, 200 | 206) {
        let message = format!("the server answered {} to a request for the whole file", answer.status);
        *whole = None;
        return Err(Failure::soon(Error::new(Code::SourceUnreachable, message).at(shown)));
    }
    let (transfer, _) = match whole {
        Some(begun) => begun,
        None => {
            let (path, guard) = client.spools.path().map_err(Failure::never)?;
            whole.insert((Transfer::new(client, shown, path), guard))
        }
    };
    let Downloaded { validator, .. } = transfer.take(answer)?;
    let Some((transfer, guard)) = whole.take() else {
        return Err(Failure::never(Error::new(Code::Bug, "a download is gone").at(shown)));
    };
    let object = LocalObject::open(&client.files, transfer.path(), shown).map_err(Failure::never)?;
    let object = Arc::new(object.standing_for(validator, Some(Box::new(guard))));
    client.spools.keep(url, &object);
    Ok(object)
}

/// An error if what begins so is a web page in place of data.
pub(crate) fn page_in_place(start: &[u8], shown: &str) -> Option<Error> {
    page::refuse(&head::Head::default(), start, shown, shown)
}

pub(crate) fn empty(shown: &str) -> Error {
    Error::new(Code::SourceNotData, "the server sent an empty file")
        .at(shown)
        .help("check the URL in a browser")
}

//! What the header of an answer says: length, range, validator, kind and packing of the body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;

use super::digest::{self, BodyDigest};
use crate::object::Validator;

/// The fields of an answer's header that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) content_length: Option<u64>,
    pub(crate) content_range: Option<ContentRange>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) content_type: Option<String>,
    /// `Content-Encoding`, in lower case; none for `identity`.
    pub(crate) encoding: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// When the answer was made, by the server's clock: seconds since 1970.
    pub(crate) date: Option<i64>,
    /// What the server says that the whole body adds up to.
    pub(crate) digest: Option<BodyDigest>,
}

/// `Content-Range: bytes START-LAST/TOTAL`; `bytes */TOTAL` has no range, `/*` no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// First and last byte, both inclusive.
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) total: Option<u64>,
}

impl Head {
    /// Of an answer of `host`.
    pub(crate) fn of(headers: &HeaderMap, host: &str) -> Self {
        let text = |name: &str| {
            headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty())
        };
        let date = text("date").and_then(parse_date);
        let encoding = text("content-encoding").map(str::to_ascii_lowercase).filter(|v| v != "identity");
        Self {
            content_length: text("content-length").and_then(|v| v.parse().ok()),
            content_range: text("content-range").and_then(ContentRange::parse),
            etag: text("etag").map(str::to_owned),
            last_modified: text("last-modified").map(str::to_owned),
            content_type: text("content-type").map(str::to_ascii_lowercase),
            retry_after: text("retry-after").and_then(|v| retry_after(v, date)),
            date,
            digest: if encoding.is_none() { digest::of(headers, host) } else { None },
            encoding,
        }
    }

    /// The validator of an object of `size` bytes.
    pub(crate) fn validator(&self, size: u64) -> Validator {
        let modified_ns = self
            .last_modified
            .as_deref()
            .and_then(parse_date)
            .and_then(|seconds| seconds.checked_mul(1_000_000_000));
        Validator { size, etag: self.etag.clone(), modified_ns }
    }

    /// Whether `Last-Modified` alone tells the version: it is a minute older than the answer (RFC 9110, 8.8.2.2).
    pub(crate) fn is_strong_date(&self) -> bool {
        let modified = self.last_modified.as_deref().and_then(parse_date);
        modified.zip(self.date).is_some_and(|(modified, date)| date.saturating_sub(modified) >= 60)
    }

    pub(crate) fn is_html(&self) -> bool {
        self.content_type
            .as_deref()
            .is_some_and(|kind| kind.starts_with("text/html") || kind.starts_with("application/xhtml"))
    }
}

/// Whether two validators can belong to one version. Entity tags decide where both have one (weak or strong is all
/// the same, since servers change that with the encoding), else times; sizes must be equal in any case.
pub(crate) fn same_version(a: &Validator, b: &Validator) -> bool {
    let same_mark = match (&a.etag, &b.etag) {
        (Some(a), Some(b)) => opaque(a) == opaque(b),
        _ => match (a.modified_ns, b.modified_ns) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        },
    };
    same_mark && a.size == b.size
}

pub(super) fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

impl ContentRange {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("bytes")?.trim_start();
        let (range, total) = rest.split_once('/')?;
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let range = match range.trim() {
            "*" => None,
            range => {
                let (start, last) = range.split_once('-')?;
                let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
                if last < start || total.is_some_and(|total| last >= total) {
                    return None;
                }
                Some((start, last))
            }
        };
        Some(Self { range, total })
    }
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3). A date counts from the one that the answer itself bears, since
/// the server's clock need not agree with the one here.
fn retry_after(text: &str, answered: Option<i64>) -> Option<Duration> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = parse_date(text)?;
            u64::try_from(until.saturating_sub(answered.or_else(now)?)).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds))
}

/// Seconds since 1970, by the clock of this machine.
fn now() -> Option<i64> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok())
}

/// Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7), in any of its three forms.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut clock = None;
    let mut month = None;
    let mut numbers = Vec::new();
    for word in text.split([' ', ',', '-']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            clock = Some(parse_clock(word)?);
        } else if let Ok(number) = word.parse::<i64>() {
            numbers.push(number);
        } else if let Some(at) = month_of(word) {
            month.get_or_insert(at);
        }
    }
    let &[day, year] = numbers.as_slice() else { return None };
    // RFC 850 has two digits; what would lie in the far future is of the past century.
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    if !(1..=31).contains(&day) || !(1601..=9999).contains(&year) {
        return None;
    }
    Some(days_since_1970(year, month?, day) * 86_400 + clock?)
}

fn month_of(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let word = word.to_ascii_lowercase();
    MONTHS.iter().zip(1..).find(|(name, _)| **name == word).map(|(_, number)| number)
}

fn parse_clock(word: &str) -> Option<i64> {
    let parts: Vec<i64> = word.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts.as_slice() {
        &[h @ 0..=23, m @ 0..=59, s @ 0..=60] => Some(h * 3600 + m * 60 + s),
        _ => None,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; years count from March, so that leap days come last.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        // Expected values: Python's email.utils.parsedate_to_datetime(...).timestamp().
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sat, 29 Feb 2020 23:59:59 GMT", Some(1_583_020_799)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("yesterday", None),
            ("", None),
            ("Sun, 06 Nov 1994", None),
            ("Sun, 06 Nov 1994 25:00:00 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_asked_for() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let answered = parse_date(DATE);
        for (text, answered, expected) in [
            ("0", None, Some(0)),
            ("120", answered, Some(120)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", answered, Some(30)),
            ("Sunday, 06-Nov-94 09:49:37 GMT", answered, Some(3600)),
            // a date that is over
            ("Sun, 06 Nov 1994 08:00:00 GMT", answered, Some(0)),
            (DATE, None, Some(0)),
            ("-1", None, None),
            ("soon", answered, None),
            ("", None, None),
        ] {
            assert_eq!(retry_after(text, answered), expected.map(Duration::from_secs), "{text}");
        }
        let later = retry_after("Fri, 01 Jan 9999 00:00:00 GMT", None).expect("by the clock of this machine");
        assert!(later > Duration::from_secs(1_000_000_000));
    }

    #[test]
    fn content_ranges() {
        let some = |range, total| Some(ContentRange { range, total });
        for (text, expected) in [
            ("bytes 0-9/100", some(Some((0, 9)), Some(100))),
            ("bytes 90-99/100", some(Some((90, 99)), Some(100))),
            ("bytes=0-9/100", None),
            ("bytes 0-9/*", some(Some((0, 9)), None)),
            ("bytes */0", some(None, Some(0))),
            ("bytes 9-0/100", None),
            ("bytes 0-100/100", None),
            ("bytes 0-9", None),
            ("lines 0-9/100", None),
            ("bytes 0-99999999999999999999/*", None),
        ] {
            assert_eq!(ContentRange::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn versions() {
        let v = |size, etag: Option<&str>, modified_ns| Validator {
            size,
            etag: etag.map(str::to_owned),
            modified_ns,
        };
        for (a, b, same) in [
            (v(1, Some("\"a\""), None), v(1, Some("\"a\""), None), true),
            (v(1, Some("\"a\""), None), v(1, Some("W/\"a\""), None), true),
            (v(1, Some("\"a\""), None), v(1, Some("\"b\""), None), false),
            (v(1, Some("\"a\""), None), v(2, Some("\"a\""), None), false),
            (v(1, Some("\"a\""), Some(1)), v(1, Some("\"a\""), Some(2)), true),
            (v(1, None, Some(1)), v(1, None, Some(2)), false),
            (v(1, Some("\"a\""), Some(1)), v(1, None, Some(1)), true),
            (v(1, Some("\"a\""), Some(1)), v(1, None, Some(2)), false),
            (v(1, None, None), v(1, Some("\"a\""), Some(2)), true),
            (v(1, None, None), v(2, None, None), false),
        ] {
            assert_eq!(same_version(&a, &b), same, "{a:?} {b:?}");
        }
    }
}

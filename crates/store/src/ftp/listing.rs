//! Folders of FTP servers: MLSD (RFC 3659), else LIST as Unix and Windows write it, else names alone.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};

use arcoforge_core::error::{Code, Error, Result};

use super::address::Address;
use super::control::Control;
use super::with_control;
use crate::http::{Client, Failure, explain_transport};
use crate::listing::remote::{Child, Folders, Kind};
use crate::local::lock;
use crate::location::redact;
use crate::sources::SourceOptions;

/// Bytes of one folder's listing.
const LISTING_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Folders of a server, as globs see them.
pub(crate) struct Tree<'c> {
    client: &'c Arc<Client>,
    /// Those that no listing calls folders: a file, maybe.
    guessed: Mutex<BTreeSet<String>>,
}

impl<'c> Tree<'c> {
    pub(crate) fn new(client: &'c Arc<Client>) -> Self {
        Self { client, guessed: Mutex::default() }
    }
}

impl Folders for Tree<'_> {
    fn names(&self, folder: &str) -> Result<Vec<Child>> {
        let listed = match names(self.client, folder) {
            Err(error) if error.code == Code::SourceNotFound && lock(&self.guessed).contains(folder) => {
                vec![]
            }
            other => other?,
        };
        let untold = listed.iter().filter(|child| child.kind == Kind::Untold);
        lock(&self.guessed).extend(untold.map(|child| format!("{folder}{}/", child.segment)));
        Ok(listed)
    }
}

/// What lies directly in a folder; the URL ends with a slash.
///
/// # Errors
/// `source-not-found` where there is no such folder, and those of connections.
fn names(client: &Arc<Client>, folder: &str) -> Result<Vec<Child>> {
    let shown = redact(folder);
    let address = Address::parse(folder)?;
    let path = match address.path.trim_end_matches('/') {
        "" if address.path.starts_with('/') => "/",
        path => path,
    };
    client.with_retries(&shown, || {
        with_control(client, folder, &address, &shown, |control| {
            let options = client.options();
            for command in ["MLSD", "LIST", "NLST"] {
                let Some(text) = ask(control, command, path, options, &shown)? else { continue };
                let parse = match command {
                    "MLSD" => fact,
                    "LIST" => line,
                    _ => name_alone,
                };
                let lines = || text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("total "));
                let listed: Option<Vec<Option<Child>>> = lines().map(parse).collect();
                // a form that is not known: names alone, then
                let Some(listed) = listed else { continue };
                let own = |one: &Child| one.name != "." && one.name != ".." && !one.name.contains('/');
                return Ok(listed.into_iter().flatten().filter(own).collect());
            }
            let message = "the server lists folders in no form that is known";
            Err(Failure::never(Error::new(Code::SourceUnsupported, message).at(&shown)))
        })
    })
}

/// A listing's text; none where the server does not know the command.
fn ask(
    control: &mut Control,
    command: &str,
    path: &str,
    options: &SourceOptions,
    shown: &str,
) -> Result<Option<String>, Failure> {
    let argument = (!path.is_empty()).then_some(path);
    let mut transfer = match control.begin(command, argument, 0, options, shown) {
        Ok(transfer) => transfer,
        Err(failure) if failure.error.code == Code::SourceUnsupported => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut bytes = Vec::new();
    let read = (&mut transfer).take(LISTING_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|e| explain_transport(e.into(), shown, options.read_timeout))?;
    transfer.end(options, shown)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn child(name: &str, kind: Kind) -> Child {
    Child { name: name.to_owned(), segment: escaped(name), kind, ..Child::default() }
}

/// A line of MLSD: `type=file;size=3;modify=20200101000000; name`. `None` where it is none; `Some(None)` for what is
/// neither file nor folder.
fn fact(line: &str) -> Option<Option<Child>> {
    let (facts, name) = line.split_once(' ')?;
    let mut one = child(name, Kind::Untold);
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (key, value) = fact.split_once('=')?;
        match key.to_ascii_lowercase().as_str() {
            "type" => match value.to_ascii_lowercase().as_str() {
                "file" => one.kind = Kind::File,
                "dir" => one.kind = Kind::Folder,
                "cdir" | "pdir" => return Some(None),
                // links are told so by some servers
                _ => {}
            },
            "size" => one.size = value.parse().ok(),
            "modify" => one.modified_ns = time_ns(value),
            _ => {}
        }
    }
    Some(Some(one))
}

/// A line of LIST. Its times are in the server's zone, and often without a year: they are not taken.
fn line(line: &str) -> Option<Option<Child>> {
    let folder = |name| Some(Some(child(name, Kind::Folder)));
    let file = |name, size| Some(Some(Child { size: Some(size), ..child(name, Kind::File) }));
    let mut rest = line;
    let mut word = || {
        let text = rest.trim_start();
        let (word, behind) = text.split_at(text.find(' ').unwrap_or(text.len()));
        rest = behind;
        word
    };
    let first = word();
    if first.len() >= 10 && first.starts_with(['-', 'd', 'l']) {
        // mode, links, owner, group, bytes, month, day, time or year, name
        let words: Vec<&str> = (0..7).map(|_| word()).collect();
        let size = words.get(3)?.parse().ok()?;
        let name = rest.strip_prefix(' ')?;
        return match first.as_bytes().first() {
            Some(b'd') => folder(name),
            // where a link leads is not told
            Some(b'l') => {
                let name = name.split_once(" -> ").map_or(name, |(name, _)| name);
                Some(Some(child(name, Kind::Untold)))
            }
            _ => file(name, size),
        };
    }
    // 01-31-20  12:00PM  <DIR> or bytes, name
    if first.len() >= 8 && first.split('-').count() == 3 {
        let (_, what) = (word(), word());
        let name = rest.trim_start();
        return match what {
            "<DIR>" => folder(name),
            bytes => file(name, bytes.parse().ok()?),
        };
    }
    None
}

/// A line of NLST.
fn name_alone(line: &str) -> Option<Option<Child>> {
    Some(Some(child(line.trim_end().rsplit('/').next()?, Kind::Untold)))
}

/// Nanoseconds since 1970 of `YYYYMMDDHHMMSS[.fraction]` (RFC 3659, 2.3).
pub(super) fn time_ns(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if seconds.len() != 14 || !seconds.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| seconds.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = crate::http::days_since_1970(year, month, day);
    let whole = days.checked_mul(86_400)?.checked_add(hour * 3600 + minute * 60 + second)?;
    let digits: String = fraction.chars().take(9).chain(std::iter::repeat('0')).take(9).collect();
    whole.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)
}

/// A name as it stands in a URL.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_listings() {
        let some =
            |name, kind, size, modified_ns| Some(Some(Child { size, modified_ns, ..child(name, kind) }));
        // times by Python's calendar.timegm
        for (text, expected) in [
            (
                "type=file;size=3;modify=20200101000000;perm=r; a b.nc",
                some("a b.nc", Kind::File, Some(3), Some(1_577_836_800_000_000_000)),
            ),
            (
                "Type=dir;Modify=20200101000000.5; x",
                some("x", Kind::Folder, None, Some(1_577_836_800_500_000_000)),
            ),
            ("type=cdir; .", Some(None)),
            ("type=OS.unix=slink:/a; l", some("l", Kind::Untold, None, None)),
            ("-rw-r--r-- 1 ftp ftp 3 Jan 1 2020 a", None),
        ] {
            assert_eq!(fact(text), expected, "{text}");
        }
        for (text, expected) in [
            (
                "-rw-r--r--   1 ftp      ftp            3 Jan  1  2020 a b.nc",
                some("a b.nc", Kind::File, Some(3), None),
            ),
            ("drwxr-xr-x   2 ftp      ftp         4096 Jan  1 12:00 x", some("x", Kind::Folder, None, None)),
            (
                "lrwxrwxrwx   1 ftp      ftp            3 Jan  1 12:00 l -> x/y",
                some("l", Kind::Untold, None, None),
            ),
            ("01-31-20  12:00PM                  123 a b.nc", some("a b.nc", Kind::File, Some(123), None)),
            ("01-31-2020  12:00PM       <DIR>          x", some("x", Kind::Folder, None, None)),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
        assert_eq!(name_alone("/pub/a.nc"), some("a.nc", Kind::Untold, None, None));
        assert_eq!(
            (time_ns("20201301000000"), time_ns("2020"), time_ns("é0200101000000")),
            (None, None, None)
        );
        assert_eq!(escaped("a b#é.nc"), "a%20b%23%C3%A9.nc");
    }
}

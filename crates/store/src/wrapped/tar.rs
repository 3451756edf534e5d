//! The members of a tar archive, from its headers alone: POSIX ustar and pax, GNU, and what came before.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};

use super::members::{Member, Storage};
use super::names;
use super::window::Window;
use crate::object::Object;

const BLOCK: u64 = 512;
const BLOCK_BYTES: usize = 512;
/// Bytes of an extended header or a long name at most.
const EXTENDED_BYTES_MAX: u64 = 64 * 1024;
/// Bytes behind the end mark that are looked at: they should be zero.
const END_LOOKED_AT: u64 = 64 * 1024;

/// What extended headers say of the next member.
#[derive(Debug, Default)]
struct Extended {
    name: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

/// Whether a file begins with a header of tar: there is no other mark that all writers agree on than its checksum.
pub(crate) fn is_header(head: &[u8]) -> bool {
    head.get(..BLOCK_BYTES).is_some_and(|block| block.first() != Some(&0) && has_checksum(block))
}

/// Reads all headers. `step` is called at each, and may stop the walk.
///
/// # Errors
/// `source-corrupt`, `source-limit`, `source-unsupported` for members that are not safe to unpack.
pub(crate) fn members(
    object: &dyn Object,
    members_max: u64,
    mut step: impl FnMut() -> Result<()>,
) -> Result<Vec<Member>> {
    let mut walk = Walk { window: Window::new(object), at: 0, size: object.validator().size };
    let mut found = Vec::new();
    let mut extended = Extended::default();
    let mut headers = 0_u64;
    while let Some(block) = walk.header()? {
        step()?;
        headers += 1;
        if headers > members_max {
            return Err(too_many(members_max));
        }
        let kind = block.get(156).copied().unwrap_or(0);
        let size = number(&block, 124, 12).ok_or_else(|| walk.damaged("a header whose size is no number"))?;
        match kind {
            b'x' => extended.read(&walk.body(size)?).ok_or_else(|| walk.damaged("an extended header"))?,
            b'g' => {
                let mut all = Extended::default();
                all.read(&walk.body(size)?).ok_or_else(|| walk.damaged("an extended header"))?;
                if all.name.is_some() || all.size.is_some() {
                    return Err(walk.damaged("an extended header that names all members alike"));
                }
            }
            b'L' => extended.name = Some(text(until_nul(&walk.body(size)?))),
            b'K' | b'V' => drop(walk.body(size)?),
            _ => {
                let extended = std::mem::take(&mut extended);
                found.extend(walk.member(&block, kind, size, extended)?);
            }
        }
    }
    Ok(last_of_each(found))
}

/// The refusal of an archive with more members than allowed.
pub(crate) fn too_many(members_max: u64) -> Error {
    Error::new(Code::SourceLimit, format!("the archive has more than {members_max} members"))
        .help("unpack it by hand and name the files")
}

/// Of several members of one name the last: tar appends what replaces.
fn last_of_each(mut found: Vec<Member>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    found.reverse();
    found.retain(|member| seen.insert(member.name.clone()));
    found.reverse();
    found
}

struct Walk<'a> {
    window: Window<'a>,
    at: u64,
    size: u64,
}

impl Walk<'_> {
    /// The next header; `None` at the end mark.
    fn header(&mut self) -> Result<Option<Vec<u8>>> {
        if self.at.saturating_add(BLOCK) > self.size {
            return Err(self.truncated("before its end mark"));
        }
        let block = self.window.read(self.at, BLOCK_BYTES)?;
        if block.iter().all(|byte| *byte == 0) {
            self.check_end()?;
            return Ok(None);
        }
        if !has_checksum(&block) {
            return Err(self.damaged("a header with a wrong checksum"));
        }
        Ok(Some(block))
    }

    fn check_end(&mut self) -> Result<()> {
        let length = (self.size - self.at).min(END_LOOKED_AT);
        let rest = self.window.read(self.at, usize::try_from(length).unwrap_or(0))?;
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        Err(self.damaged("bytes behind the end mark, as of several archives in one file"))
    }

    /// Reads the content of the header at hand, and goes on behind it.
    fn body(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENDED_BYTES_MAX {
            let message = format!("a header of tar has {size} bytes, expected at most {EXTENDED_BYTES_MAX}");
            return Err(Error::new(Code::SourceLimit, message));
        }
        let start = self.skip(size, "in a header")?;
        self.window.read(start, usize::try_from(size).unwrap_or(0))
    }

    /// Goes on behind the content of the header at hand; where that content begins.
    fn skip(&mut self, size: u64, what: &str) -> Result<u64> {
        let start = self.at.saturating_add(BLOCK);
        let end = start.checked_add(size).filter(|end| *end <= self.size);
        let end = end.ok_or_else(|| self.truncated(what))?;
        self.at = end.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        Ok(start)
    }

    fn member(&mut self, block: &[u8], kind: u8, size: u64, extended: Extended) -> Result<Option<Member>> {
        let name = extended.name.unwrap_or_else(|| short_name(block));
        let mut shown = name.as_str();
        while let Some(rest) = shown.strip_prefix("./") {
            shown = rest.trim_start_matches('/');
        }
        let is_folder = kind == b'5' || shown.ends_with('/') || matches!(shown, "" | ".") && !name.is_empty();
        let name = if is_folder && shown.len() > 1 { shown.trim_end_matches('/') } else { shown }.to_owned();
        if !(is_folder && matches!(name.as_str(), "" | ".")) {
            names::check(&name)?;
        }
        if let Some(why) = refused(kind) {
            return Err(names::not_safe(&name, why));
        }
        if is_folder {
            self.at = self.at.saturating_add(BLOCK);
            return Ok(None);
        }
        let size = extended.size.unwrap_or(size);
        if kind == b'S' {
            self.skip_sparse_map(block)?;
        }
        let start = self.skip(size, &format!("in member `{name}`"))?;
        let storage = match kind {
            _ if extended.sparse || kind == b'S' => {
                Storage::Unreadable("is stored with holes (a sparse file)")
            }
            0 | b'0' | b'7' => Storage::Here(start),
            _ => Storage::Unreadable("is of a kind that arcoforge does not know"),
        };
        Ok(Some(Member { name, size, storage }))
    }

    /// Goes to the last of the blocks that say where a sparse file of old GNU tar has its data.
    fn skip_sparse_map(&mut self, block: &[u8]) -> Result<()> {
        let mut more = block.get(482).is_some_and(|flag| *flag != 0);
        while more {
            self.at = self.at.saturating_add(BLOCK);
            if self.at.saturating_add(BLOCK) > self.size {
                return Err(self.truncated("in a header"));
            }
            more = self.window.read(self.at, BLOCK_BYTES)?.get(504).is_some_and(|flag| *flag != 0);
        }
        Ok(())
    }

    fn truncated(&self, what: &str) -> Error {
        Error::new(Code::SourceCorrupt, format!("the tar archive ends {what}: it has {} bytes", self.size))
            .help("it is truncated: fetch it again")
    }

    fn damaged(&self, what: &str) -> Error {
        Error::new(Code::SourceCorrupt, format!("the tar archive is damaged: found {what}"))
            .in_range(self.at, self.at.saturating_add(BLOCK))
            .help("fetch the file again")
    }
}

/// Why an archive with a member of this kind is not unpacked.
fn refused(kind: u8) -> Option<&'static str> {
    match kind {
        b'1' => Some("is a hard link"),
        b'2' => Some("is a symbolic link"),
        b'3' | b'4' => Some("is a device"),
        b'6' => Some("is a pipe"),
        _ => None,
    }
}

impl Extended {
    /// Takes the records of a pax header (`LENGTH KEY=VALUE\n`); `None` where they are not well formed.
    fn read(&mut self, mut records: &[u8]) -> Option<()> {
        while !records.is_empty() {
            let blank = records.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(records.get(..blank)?).ok()?.parse().ok()?;
            let record = records.get(blank.checked_add(1)?..length)?.strip_suffix(b"\n")?;
            let equal = record.iter().position(|byte| *byte == b'=')?;
            let (key, value) = (record.get(..equal)?, record.get(equal + 1..)?);
            match key {
                b"path" if self.sparse && self.name.is_some() => {}
                b"path" => self.name = Some(text(value)),
                b"size" => self.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
                b"GNU.sparse.name" => (self.name, self.sparse) = (Some(text(value)), true),
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = records.get(length..)?;
        }
        Some(())
    }
}

fn has_checksum(block: &[u8]) -> bool {
    let Some(expected) = number(block, 148, 8) else { return false };
    let counted = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { *byte };
    let sum = |signed: bool| -> i64 {
        let value = |byte: u8| if signed { i64::from(i8::from_ne_bytes([byte])) } else { i64::from(byte) };
        block.iter().enumerate().map(|item| value(counted(item))).sum()
    };
    i64::try_from(expected).is_ok_and(|expected| expected == sum(false) || expected == sum(true))
}

/// A number in octal digits, or in base 256 where the highest bit is set.
fn number(block: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = block.get(at..at.checked_add(length)?)?;
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = std::str::from_utf8(until_nul(field)).ok()?.trim_matches(' ');
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn short_name(block: &[u8]) -> String {
    let field = |from: usize, to: usize| text(until_nul(block.get(from..to).unwrap_or_default()));
    let name = field(0, 100);
    let prefix = if block.get(257..263) == Some(b"ustar\0") { field(345, 500) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// UTF-8, else Latin-1.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

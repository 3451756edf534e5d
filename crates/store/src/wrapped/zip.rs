//! The members of a zip archive, from its directory: APPNOTE.TXT 6.3.10, zip64 included.

use std::collections::BTreeSet;

use arcoforge_core::error::{Code, Error, Result};

use super::kind::Packing;
use super::members::{Member, Storage, ZipEntry};
use super::names;
use super::tar::too_many;
use crate::object::{Object, read_range};

/// Bytes of the record at the end, without its comment.
const END_BYTES: usize = 22;
/// Bytes of a record of the directory and of a local header, without what varies.
const RECORD_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// The end with the longest comment, and the locator of zip64 before it.
const TAIL_BYTES: u64 = 22 + 65_535 + 20;
/// Bytes of a directory at most: it is read as a whole.
const DIRECTORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
const NAME_IS_UTF8: u16 = 1 << 11;

/// Where the directory is, and how many entries it has.
struct Directory {
    offset: u64,
    bytes: u64,
    entries: u64,
}

/// Reads the directory.
///
/// # Errors
/// `source-corrupt`, `source-limit`, `source-unsupported` for members that are not safe to unpack.
pub(crate) fn members(object: &dyn Object, members_max: u64) -> Result<Vec<Member>> {
    let directory = find(object)?;
    if directory.entries > members_max {
        return Err(too_many(members_max));
    }
    if directory.bytes > DIRECTORY_BYTES_MAX {
        let message = format!("the archive's directory has {} bytes, expected less", directory.bytes);
        return Err(Error::new(Code::SourceLimit, message).help("unpack it by hand and name the files"));
    }
    let bytes = read_range(object, directory.offset..directory.offset + directory.bytes)?;
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    for _ in 0..directory.entries {
        let (record, length) =
            record(rest).ok_or_else(|| damaged("its directory ends early or holds something else"))?;
        rest = rest.get(length..).unwrap_or_default();
        found.extend(record.member()?);
    }
    check_unique(&found)?;
    check_apart(found, directory.offset)
}

/// Finds the record at the end, and the one of zip64 where there is one.
fn find(object: &dyn Object) -> Result<Directory> {
    let size = object.validator().size;
    let tail_at = size.saturating_sub(TAIL_BYTES);
    let tail = read_range(object, tail_at..size)?;
    let at = end_record(&tail)?;
    let end = tail.get(at..).unwrap_or_default();
    let field = |offset| u64::from(u16_at(end, offset).unwrap_or(0));
    let wide = |offset| u64::from(u32_at(end, offset).unwrap_or(0));
    let mut directory = Directory { entries: field(10), bytes: wide(12), offset: wide(16) };
    let (mut parts, mut ends) = (vec![field(4), field(6)], tail_at + at as u64);
    if let Some(locator) =
        at.checked_sub(20).and_then(|at| tail.get(at..)).filter(|l| l.starts_with(b"PK\x06\x07"))
    {
        let start = u64_at(locator, 8).unwrap_or(u64::MAX);
        let record =
            start.checked_add(56).filter(|end| *end <= size).map(|end| read_range(object, start..end));
        let record = record.ok_or_else(|| damaged("its zip64 record lies beyond its end"))??;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(damaged("its zip64 record is not where it should be"));
        }
        let number = |offset| u64_at(&record, offset).unwrap_or(0);
        directory = Directory { entries: number(32), bytes: number(40), offset: number(48) };
        parts =
            vec![u64::from(u32_at(&record, 16).unwrap_or(0)), u64::from(u32_at(&record, 20).unwrap_or(0))];
        ends = start;
    }
    if parts.iter().any(|part| *part != 0) {
        return Err(Error::new(Code::SourceUnsupported, "the zip archive is one of several parts")
            .help("put the parts together first: `zip -s 0 PART.zip --out WHOLE.zip`"));
    }
    match directory.offset.checked_add(directory.bytes) {
        Some(end) if end <= ends => Ok(directory),
        _ => Err(damaged("its directory lies beyond its end")),
    }
}

/// Where the record at the end begins: the last one whose comment ends with the file, zeros behind it aside.
fn end_record(tail: &[u8]) -> Result<usize> {
    let last = tail.len().checked_sub(END_BYTES);
    let mut behind = None;
    for at in (0..=last.unwrap_or(0)).rev() {
        let Some(end) = tail.get(at..).filter(|end| end.starts_with(b"PK\x05\x06")) else { continue };
        let comment = usize::from(u16_at(end, 20).unwrap_or(u16::MAX));
        match end.get(END_BYTES + comment..) {
            Some(rest) if rest.iter().all(|byte| *byte == 0) => return Ok(at),
            Some(rest) => behind = behind.or(Some(rest.len())),
            None => {}
        }
    }
    Err(match behind {
        Some(count) => damaged(&format!("{count} bytes follow its end")),
        None => damaged("it has no directory at its end, so it is truncated"),
    })
}

/// One record of the directory, as written.
struct Record<'a> {
    flags: u16,
    method: u16,
    made_by: u8,
    mode: u32,
    crc: u32,
    name: &'a [u8],
    packed: u64,
    size: u64,
    header: u64,
}

/// The first record, and its length.
fn record(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let length = |offset| u16_at(bytes, offset).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let extra_at = RECORD_BYTES + name;
    let end = extra_at + extra + comment;
    bytes.get(..end)?;
    let wide = |offset| u32_at(bytes, offset).map(u64::from);
    let mut record = Record {
        flags: u16_at(bytes, 8)?,
        method: u16_at(bytes, 10)?,
        made_by: *bytes.get(5)?,
        mode: u32_at(bytes, 38)? >> 16,
        crc: u32_at(bytes, 16)?,
        name: bytes.get(RECORD_BYTES..extra_at)?,
        packed: wide(20)?,
        size: wide(24)?,
        header: wide(42)?,
    };
    record.widen(bytes.get(extra_at..extra_at + extra)?)?;
    Some((record, end))
}

impl Record<'_> {
    /// Takes 64-bit numbers from the extra field of zip64 for those that do not fit.
    fn widen(&mut self, mut extra: &[u8]) -> Option<()> {
        const FULL: u64 = 0xffff_ffff;
        let Some(mut zip64) = std::iter::from_fn(|| {
            let (id, length) = (u16_at(extra, 0)?, usize::from(u16_at(extra, 2)?));
            let field = extra.get(4..4 + length)?;
            extra = extra.get(4 + length..)?;
            Some((id, field))
        })
        .find_map(|(id, field)| (id == 1).then_some(field)) else {
            return Some(());
        };
        for number in [&mut self.size, &mut self.packed, &mut self.header] {
            if *number == FULL {
                *number = u64_at(zip64, 0)?;
                zip64 = zip64.get(8..)?;
            }
        }
        Some(())
    }

    /// The file that the record describes; `None` for a directory.
    fn member(&self) -> Result<Option<Member>> {
        let name = decoded(self.name, self.flags);
        let path = name.strip_prefix("./").unwrap_or(&name);
        let is_folder = path.ends_with('/') && path.len() > 1;
        names::check(if is_folder { path.trim_end_matches('/') } else { path })?;
        // 3 is Unix, 19 is macOS; other systems have no such bits
        let mode = if matches!(self.made_by, 3 | 19) { self.mode & 0o170_000 } else { 0 };
        match mode {
            0 | 0o100_000 | 0o040_000 => {}
            0o120_000 => return Err(names::not_safe(path, "is a symbolic link")),
            _ => return Err(names::not_safe(path, "is a device, socket or pipe")),
        }
        if is_folder {
            return Ok(None);
        }
        let storage = match self.packing() {
            Err(why) => Storage::Unreadable(why),
            Ok(None) if self.packed != self.size => {
                let message = format!(
                    "the zip archive is damaged: `{path}` is stored as it is, but in {} bytes and not {}",
                    self.packed, self.size
                );
                return Err(Error::new(Code::SourceCorrupt, message).help("fetch the file again"));
            }
            Ok(packing) => Storage::Zip(ZipEntry {
                header: self.header,
                end_max: u64::MAX,
                packed: self.packed,
                packing,
                method: self.method,
                crc: self.crc,
                name_bytes: u16::try_from(self.name.len()).unwrap_or(u16::MAX),
            }),
        };
        Ok(Some(Member { name: path.to_owned(), size: self.size, storage }))
    }

    fn packing(&self) -> Result<Option<Packing>, &'static str> {
        if self.flags & 1 != 0 || self.method == 99 {
            return Err("is encrypted");
        }
        match self.method {
            0 => Ok(None),
            8 => Ok(Some(Packing::Deflate)),
            12 => Ok(Some(Packing::Bzip2)),
            20 | 93 => Ok(Some(Packing::Zstd)),
            95 => Ok(Some(Packing::Xz)),
            9 => Err("is packed by Deflate64"),
            14 => Err("is packed by LZMA"),
            98 => Err("is packed by PPMd"),
            _ => Err("is packed by a method that arcoforge does not know"),
        }
    }
}

fn check_unique(found: &[Member]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match found.iter().find(|member| !seen.insert(member.name.as_str())) {
        None => Ok(()),
        Some(twice) => Err(damaged(&format!("member `{}` is in it twice", twice.name))),
    }
}

/// Refuses entries that lie over one another, and notes for each where it must end.
fn check_apart(mut found: Vec<Member>, directory: u64) -> Result<Vec<Member>> {
    let header = |member: &Member| match &member.storage {
        Storage::Zip(entry) => Some(entry.header),
        _ => None,
    };
    let mut starts: Vec<u64> = found.iter().filter_map(header).collect();
    starts.sort_unstable();
    for member in &mut found {
        let Storage::Zip(entry) = &mut member.storage else { continue };
        let next = starts.partition_point(|start| *start <= entry.header);
        entry.end_max = starts.get(next).copied().unwrap_or(directory).min(directory);
        let alone = starts.get(next.saturating_sub(2)).is_none_or(|start| next < 2 || *start != entry.header);
        let least = entry.packed.saturating_add(LOCAL_BYTES as u64).saturating_add(entry.name_bytes.into());
        if !alone || entry.header.saturating_add(least) > entry.end_max {
            return Err(damaged(&format!(
                "member `{}` lies over another one, or beyond the end, as in archives made to overflow",
                member.name
            )));
        }
    }
    Ok(found)
}

/// Reads an entry's local header: where its bytes begin, and the first of them where `ahead` bytes are read along.
pub(crate) fn locate(
    object: &dyn Object,
    member: &Member,
    entry: &ZipEntry,
    ahead: u64,
) -> Result<(u64, Vec<u8>)> {
    let header_bytes = LOCAL_BYTES as u64 + u64::from(entry.name_bytes);
    // extra fields of local headers are rarely longer
    let wanted = header_bytes.saturating_add(64).saturating_add(entry.packed.min(ahead));
    let end = entry.header.saturating_add(wanted).min(entry.end_max);
    let bytes = read_range(object, entry.header..end)?;
    let wrong = |what: &str| damaged(&format!("the header of member `{}` {what}", member.name));
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(wrong("is not where the directory says"));
    }
    let field = |offset| u16_at(&bytes, offset).unwrap_or(0);
    let name_end = LOCAL_BYTES + usize::from(field(26));
    let name = bytes.get(LOCAL_BYTES..name_end).map(|name| decoded(name, field(6)));
    let name = name.as_deref().map(|name| name.strip_prefix("./").unwrap_or(name));
    if name != Some(&member.name) || field(8) != entry.method || field(6) & 1 != 0 {
        return Err(wrong("differs from the directory (name, method or encryption)"));
    }
    let start = name_end + usize::from(field(28));
    let at = entry.header.saturating_add(start as u64);
    if at.saturating_add(entry.packed) > entry.end_max {
        return Err(wrong("leads beyond its end"));
    }
    let first = bytes.get(start..).unwrap_or_default();
    let length = usize::try_from(entry.packed).map_or(first.len(), |packed| packed.min(first.len()));
    Ok((at, first.get(..length).unwrap_or_default().to_vec()))
}

fn damaged(what: &str) -> Error {
    Error::new(Code::SourceCorrupt, format!("the zip archive is damaged: {what}"))
        .help("fetch the file again")
}

/// UTF-8 where it is said or well formed, else the characters of the first PCs.
fn decoded(name: &[u8], flags: u16) -> String {
    const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match std::str::from_utf8(name) {
        Ok(text) => text.to_owned(),
        Err(_) if flags & NAME_IS_UTF8 != 0 => String::from_utf8_lossy(name).into_owned(),
        Err(_) => name
            .iter()
            .map(|byte| match byte {
                0..128 => char::from(*byte),
                _ => CP437.chars().nth(usize::from(byte - 128)).unwrap_or('\u{fffd}'),
            })
            .collect(),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

//! The messages of a file one after the other: where their sections lie, without reading values.
//!
//! WMO Manual on Codes, FM 92-VIII (edition 1) and FM 92-XIV (edition 2). What lies between messages, such as headers of
//! bulletins and padding, is passed over, as ecCodes does.

use std::cell::RefCell;
use std::ops::Range;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::read_range;
use arcoforge_store::{Buffered, Object};

use super::far::Far;

const MAGIC: &[u8] = b"GRIB";
const END: &[u8] = b"7777";
/// How much is looked through for the next message, which mostly begins at once.
const SCAN_BYTES: [u64; 3] = [64, 2 << 10, 64 << 10];
/// No header section is read that is longer: grids of a billion points have less.
const SECTION_BYTES_MAX: u64 = 32 << 20;
/// What is read of the section of the product; vertical coordinates behind it are not.
const PRODUCT_BYTES_MAX: u64 = 4096;
/// Messages of edition 1 beyond 8 MiB say so with this bit of their length.
const LARGE: u64 = 0x80_0000;
/// And count their bytes in pieces of this length.
const LARGE_UNIT: u64 = 120;

/// The headers of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// 1 or 2.
    pub(super) edition: u8,
    /// Table 0.0 (edition 2).
    pub(super) discipline: u8,
    /// Section 1.
    pub(super) identification: Vec<u8>,
    /// Section 2 of edition 2; empty where there is none.
    pub(super) local: Vec<u8>,
    /// Section 3 (section 2 of edition 1); empty where the grid is one of a catalogue.
    pub(super) grid: Vec<u8>,
    /// Section 4 (edition 2), its beginning.
    pub(super) product: Vec<u8>,
    /// Section 5 (section 4 of edition 1), its beginning.
    pub(super) packing: Vec<u8>,
    /// The indicator of section 6; 0 or 255 in edition 1.
    pub(super) bitmap: u8,
}

/// A field and where its bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) headers: Headers,
    /// A whole message, or sections 5 to 7 of a field of several.
    pub(super) bytes: Range<u64>,
    /// The number of the message, from 1.
    pub(super) message: u64,
    /// Whether the message has several fields.
    pub(super) shared: bool,
}

/// A file being walked through.
pub(super) struct Walk<'a> {
    object: &'a Buffered,
    /// Reads where the file is on another machine.
    far: Option<RefCell<Far<'a>>>,
    size: u64,
    /// The number of the message that is read, and where it begins.
    message: u64,
    start: u64,
}

/// Calls `each` with every field of the file, in order; what is to be said of an index beside the file that is not its own.
///
/// # Errors
/// [`Code::SourceCorrupt`] with the number of the message and its first byte where it is cut off or damaged, and what
/// `each` returns.
pub(super) fn walk(object: &Buffered, mut each: impl FnMut(Found) -> Result<()>) -> Result<Option<String>> {
    let far = object.is_remote().then(|| RefCell::new(Far::new(object)));
    let mut walk = Walk { object, far, size: object.validator().size, message: 0, start: 0 };
    let mut at = 0;
    while let Some(start) = walk.next_message(at)? {
        walk.message += 1;
        walk.start = start;
        walk.far.iter().for_each(|far| far.borrow_mut().begin(walk.message, start));
        at = walk.read_message(&mut each)?;
    }
    match walk.message {
        0 => Err(Error::new(Code::SourceFormat, "found no GRIB message")),
        _ => Ok(walk.far.and_then(|far| far.borrow().remark())),
    }
}

impl Walk<'_> {
    /// Where the next message begins, from `at` on.
    fn next_message(&self, mut at: u64) -> Result<Option<u64>> {
        while at + 8 <= self.size {
            let mut passed = 0;
            for length in SCAN_BYTES {
                let bytes = self.read(at..at.saturating_add(length).min(self.size))?;
                if let Some(found) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) {
                    return Ok(Some(at + found as u64));
                }
                passed = bytes.len() as u64;
            }
            at += passed.saturating_sub(3).max(1);
        }
        Ok(None)
    }

    /// Reads the message at `start`; where it ends.
    fn read_message(&self, each: &mut impl FnMut(Found) -> Result<()>) -> Result<u64> {
        let head = self.part(0, 8)?;
        match head.get(7) {
            Some(1) => self.edition1(&head, each),
            Some(2) => self.edition2(&head, each),
            edition => {
                let edition = edition.copied().unwrap_or(0);
                let message = format!("found GRIB edition {edition}, expected 1 or 2, {}", self.place());
                Err(Error::new(Code::SourceUnsupported, message))
            }
        }
    }

    fn edition1(&self, head: &[u8], each: &mut impl FnMut(Found) -> Result<()>) -> Result<u64> {
        let mut headers = Headers { edition: 1, bitmap: 255, ..Headers::default() };
        headers.identification = self.section1(8, SECTION_BYTES_MAX)?;
        let mut at = 8 + headers.identification.len() as u64;
        let flags = headers.identification.get(7).copied().unwrap_or(0);
        if flags & 0x80 != 0 {
            headers.grid = self.section1(at, SECTION_BYTES_MAX)?;
            at += headers.grid.len() as u64;
        }
        if flags & 0x40 != 0 {
            let length = be(&self.part(at, 3)?);
            headers.bitmap = 0;
            at += length.max(6);
        }
        let packed = be(&self.part(at, 3)?);
        headers.packing = self.part(at, 14.min(self.size.saturating_sub(self.start + at)))?;
        let coded = be(head.get(4..7).unwrap_or_default());
        let length = match coded & LARGE != 0 && packed < LARGE_UNIT {
            true => ((coded & !LARGE) * LARGE_UNIT).saturating_sub(packed).saturating_add(4),
            false => coded,
        };
        let end = self.end(length)?;
        each(Found { headers, bytes: self.start..end, message: self.message, shared: false })?;
        Ok(end)
    }

    /// A section of edition 1, whose first three octets are its length.
    fn section1(&self, at: u64, max: u64) -> Result<Vec<u8>> {
        let length = be(&self.part(at, 3)?);
        self.check_length(length, 3, max, at)?;
        self.part(at, length)
    }

    fn edition2(&self, head: &[u8], each: &mut impl FnMut(Found) -> Result<()>) -> Result<u64> {
        let length = be(&self.part(8, 8)?);
        let end = self.end(length)?;
        let mut headers = Headers { edition: 2, bitmap: 255, ..Headers::default() };
        headers.discipline = head.get(6).copied().unwrap_or(0);
        let mut at = 16;
        let mut first: Option<(Headers, u64, u64)> = None;
        let (mut fields, mut packing_at) = (0u64, None);
        loop {
            let section = self.part(at, 4)?;
            if section == END {
                break;
            }
            let bytes = be(&section);
            self.check_length(bytes, 5, length.saturating_sub(at), at)?;
            let number = self.part(at + 4, 1)?.first().copied().unwrap_or(0);
            self.section2(number, at, bytes, &mut headers)?;
            match (number, packing_at) {
                (5, _) => packing_at = Some(at),
                (7, Some(from)) => {
                    if let Some((headers, from, to)) = first.take() {
                        self.field(each, headers, from..to)?;
                    }
                    fields += 1;
                    match fields {
                        1 => first = Some((headers.clone(), from, at + bytes)),
                        _ => self.field(each, headers.clone(), from..at + bytes)?,
                    }
                    packing_at = None;
                }
                (7, None) => return Err(self.damaged("section 7 follows no section 5")),
                _ => {}
            }
            at += bytes;
        }
        match first {
            Some((headers, ..)) => {
                each(Found { headers, bytes: self.start..end, message: self.message, shared: false })?;
            }
            None if fields == 0 => return Err(self.damaged("it has no field")),
            None => {}
        }
        Ok(end)
    }

    fn field(
        &self,
        each: &mut impl FnMut(Found) -> Result<()>,
        headers: Headers,
        part: Range<u64>,
    ) -> Result<()> {
        let bytes = self.start + part.start..self.start + part.end;
        each(Found { headers, bytes, message: self.message, shared: true })
    }

    /// Reads what is needed of a section of edition 2.
    fn section2(&self, number: u8, at: u64, bytes: u64, headers: &mut Headers) -> Result<()> {
        if matches!(number, 1..=3) {
            self.check_length(bytes, 5, SECTION_BYTES_MAX, at)?;
        }
        match number {
            1 => headers.identification = self.part(at, bytes)?,
            2 => headers.local = self.part(at, bytes)?,
            3 => headers.grid = self.part(at, bytes)?,
            4 => headers.product = self.part(at, bytes.min(PRODUCT_BYTES_MAX))?,
            5 => headers.packing = self.part(at, bytes.min(64))?,
            6 => headers.bitmap = self.part(at + 5, 1)?.first().copied().unwrap_or(255),
            7 => {}
            _ => return Err(self.damaged(&format!("it has a section {number}"))),
        }
        Ok(())
    }

    /// Where the message ends, which must be inside the file and say so.
    fn end(&self, length: u64) -> Result<u64> {
        let end = self.start.saturating_add(length);
        if end > self.size {
            let message = format!(
                "truncated: {} has {length} bytes, the file ends {} bytes before its end",
                self.place(),
                end - self.size
            );
            return Err(Error::new(Code::SourceCorrupt, message).help("fetch the file again"));
        }
        self.far.iter().for_each(|far| far.borrow_mut().length(length));
        if length < 12 || self.read(end - 4..end)? != END {
            return Err(self.damaged(&format!("its {length} bytes do not end with `7777`")));
        }
        Ok(end)
    }

    fn check_length(&self, found: u64, min: u64, max: u64, at: u64) -> Result<()> {
        match (min..=max).contains(&found) {
            true => Ok(()),
            false => Err(self.damaged(&format!(
                "its section at byte {} has {found} bytes, expected {min} to {max}",
                self.start + at
            ))),
        }
    }

    /// Bytes of the message.
    fn part(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        let from = self.start.saturating_add(at);
        let to = from.saturating_add(length);
        match to <= self.size {
            true => self.read(from..to),
            false => {
                let message = format!("truncated: the file ends at byte {} in {}", self.size, self.place());
                Err(Error::new(Code::SourceCorrupt, message).help("fetch the file again"))
            }
        }
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>> {
        match &self.far {
            Some(far) => far.borrow_mut().read(range),
            None => read_range(self.object, range),
        }
    }

    fn place(&self) -> String {
        format!("message {}, which begins at byte {},", self.message, self.start)
    }

    fn damaged(&self, what: &str) -> Error {
        Error::new(Code::SourceCorrupt, format!("GRIB {} is damaged: {what}", self.place()))
            .help("the file is truncated or damaged: fetch it again")
    }
}

/// A big-endian number of at most eight octets.
pub(super) fn be(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &b| value << 8 | u64::from(b))
}

//! Headers out of a file on another machine: in few requests, which leave values out where these are long.
//!
//! What is asked for is a guess, what comes is the file itself: where the next messages begin is known from the length of
//! the one before, and guessed from messages of one length or from an index beside the file. A wrong guess costs bytes and
//! never changes what is found, since every message is still told by its own first bytes and length.

use std::collections::BTreeMap;
use std::ops::Range;

use arcoforge_core::error::Result;
use arcoforge_store::object::read_range;
use arcoforge_store::{Beside, Buffered, Object};

use super::hints;
use super::walk::be;

/// One request is taken for as dear as so many bytes: what is shorter is read with its neighbours.
const GAP_BYTES: u64 = 64 << 10;
/// Where one has to be answered before the next can be sent, for as dear as so many.
const ALONE_BYTES: u64 = 256 << 10;
/// What is read of a message at first, and at most, without a reason.
const HEAD_BYTES: u64 = 4 << 10;
const HEAD_BYTES_MAX: u64 = 64 << 10;
/// Where headers lie close together all is read, in pieces of these lengths.
const BLOCK_BYTES: u64 = 512 << 10;
const BLOCK_BYTES_MAX: u64 = 4 << 20;
/// What is asked for in one go has at most so many bytes, and as many messages.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_MESSAGES: u64 = 256;
/// And they lie in so many bytes of the file, where nobody says where they begin.
const SPAN_BYTES: u64 = 64 << 20;
/// What is read where a section follows a bitmap or another field.
const BEYOND_BYTES: u64 = 512;
/// For fewer messages no index is asked for.
const MESSAGES_MIN: u64 = 4;
/// How archives name an index: wgrib2's beside its file, and that of ECMWF's open data.
const INDICES: [Beside; 2] = [Beside::Behind(".idx"), Beside::InPlace(".index")];

/// A file of another machine, of which headers are read.
pub(super) struct Far<'a> {
    object: &'a Buffered,
    size: u64,
    /// What was read, by where it begins.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Behind what was asked for last.
    reached: u64,
    message: Message,
    head_bytes: u64,
    block_bytes: u64,
    index: Index,
}

/// The message that is read.
#[derive(Default)]
struct Message {
    number: u64,
    start: u64,
    /// Its length, once it is known; until then that of the one before.
    bytes: u64,
    /// How many of one length came one after the other.
    alike: u64,
}

/// Where messages begin, as a file beside the file says.
enum Index {
    Unasked,
    None,
    Found(Vec<u64>),
    /// It is not of this file: why.
    Wrong(String),
}

impl<'a> Far<'a> {
    pub(super) fn new(object: &'a Buffered) -> Self {
        Self {
            object,
            size: object.validator().size,
            pieces: BTreeMap::new(),
            reached: 0,
            message: Message::default(),
            head_bytes: HEAD_BYTES,
            block_bytes: BLOCK_BYTES,
            index: Index::Unasked,
        }
    }

    /// A message begins; what lies before it is not needed any more.
    pub(super) fn begin(&mut self, number: u64, start: u64) {
        (self.message.number, self.message.start) = (number, start);
        self.pieces.retain(|at, bytes| at + bytes.len() as u64 > start);
        if let Index::Found(starts) = &self.index
            && starts.get(number as usize - 1) != Some(&start)
        {
            self.index =
                Index::Wrong(format!("message {number} begins at byte {start}, which it does not name"));
        }
    }

    /// The length of the message is known.
    pub(super) fn length(&mut self, bytes: u64) {
        let message = &mut self.message;
        message.alike = if message.bytes == bytes { message.alike + 1 } else { 1 };
        message.bytes = bytes;
    }

    /// What is to be said of the index once the last message was read; nothing where it is right or there is none.
    pub(super) fn remark(&self) -> Option<String> {
        let reason = match &self.index {
            Index::Wrong(reason) => reason.clone(),
            Index::Found(starts) if starts.len() as u64 != self.message.number => {
                format!("it names {} messages, the file has {}", starts.len(), self.message.number)
            }
            _ => return None,
        };
        let url = self.object.url();
        Some(format!("the index beside `{url}` is not of this file ({reason}): it was read without"))
    }

    /// Bytes of the file, with what will likely be asked for next.
    pub(super) fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>> {
        if range.end > self.size {
            return read_range(self.object, range);
        }
        if let Some(found) = self.object.kept(&range).or_else(|| self.find(&range)) {
            self.reached = range.end;
            return Ok(found);
        }
        self.fetch_for(&range)?;
        self.reached = range.end;
        match self.find(&range) {
            Some(found) => Ok(found),
            None => read_range(self.object, range),
        }
    }

    fn find(&self, range: &Range<u64>) -> Option<Vec<u8>> {
        let inside = |(at, bytes): (&u64, &Vec<u8>)| {
            let from = usize::try_from(range.start - at).ok()?;
            let to = usize::try_from(range.end - at).ok()?;
            bytes.get(from..to).map(<[u8]>::to_vec)
        };
        self.pieces.range(..=range.start).rev().find_map(inside)
    }

    /// Fetches a range, and what it is worth to fetch with it.
    fn fetch_for(&mut self, range: &Range<u64>) -> Result<()> {
        let passed = range.start.saturating_sub(self.reached);
        let in_message = range.start - self.message.start.min(range.start);
        let is_end = range.start + 4 == self.message.start + self.message.bytes;
        if !is_end && in_message < HEAD_BYTES_MAX && self.message.bytes > 2 * HEAD_BYTES_MAX {
            // headers are longer than was thought
            self.head_bytes = (in_message + HEAD_BYTES).next_power_of_two().min(HEAD_BYTES_MAX);
            let longer = range.start..range.end.max(self.message.start + self.head_bytes);
            return self.fetch(vec![longer]);
        }
        let one = range.start..range.end + self.head_bytes;
        if is_end && passed > GAP_BYTES {
            if self.message.alike > 1 {
                return self.fetch_alike(one);
            }
            self.ask_index(range.start);
            if let Index::Found(starts) = &self.index {
                let rest = starts.get(self.message.number as usize..).unwrap_or_default().to_vec();
                return self.fetch_indexed(one, &rest);
            }
        }
        if passed <= if is_end { ALONE_BYTES } else { GAP_BYTES } {
            let block = range.start..range.end.max(range.start + self.block_bytes);
            self.block_bytes = (2 * self.block_bytes).min(BLOCK_BYTES_MAX);
            return self.fetch(vec![block]);
        }
        self.block_bytes = BLOCK_BYTES;
        self.fetch(vec![one])
    }

    /// The messages that follow, if they are as long as those before.
    fn fetch_alike(&mut self, one: Range<u64>) -> Result<()> {
        let stride = self.message.bytes;
        // places without cheap requests read what lies between as well
        let most = (SPAN_BYTES / stride.max(1)).clamp(2, BATCH_MESSAGES);
        let pieces = (0..self.message.alike.min(most)).map(|n| {
            let by = n.saturating_mul(stride);
            one.start.saturating_add(by)..one.end.saturating_add(by)
        });
        self.fetch_heads(pieces.collect())
    }

    /// The messages that follow, if they begin where the index says.
    fn fetch_indexed(&mut self, one: Range<u64>, starts: &[u64]) -> Result<()> {
        let (mut pieces, mut bytes, mut end) = (vec![one.clone()], self.head_bytes, one.end);
        for &start in starts.iter().take(BATCH_MESSAGES as usize) {
            let piece = start.saturating_sub(4)..start.saturating_add(self.head_bytes);
            let between = piece.start.saturating_sub(end);
            bytes += self.head_bytes + 4 + if between > GAP_BYTES { 0 } else { between };
            if bytes > BATCH_BYTES {
                break;
            }
            end = piece.end;
            pieces.push(piece);
        }
        if pieces.len() == starts.len() + 1 {
            pieces.push(self.size.saturating_sub(4)..self.size);
        }
        self.fetch_heads(pieces)
    }

    /// Fetches pieces that begin 4 bytes before messages, then what their headers say of sections that lie further.
    fn fetch_heads(&mut self, pieces: Vec<Range<u64>>) -> Result<()> {
        let starts: Vec<u64> = pieces.iter().map(|piece| piece.start.saturating_add(4)).collect();
        self.fetch(pieces)?;
        let further = |start: u64| {
            let bytes = self.pieces.get(&(start - 4))?.get(4..)?;
            let at = start.checked_add(beyond(bytes)?)?;
            Some(at..at.checked_add(BEYOND_BYTES)?)
        };
        let further: Vec<Range<u64>> = starts.into_iter().filter_map(further).collect();
        self.fetch(further)
    }

    /// Reads ranges, as far as the file goes, near ones together and several at a time.
    fn fetch(&mut self, ranges: Vec<Range<u64>>) -> Result<()> {
        let inside = ranges.into_iter().map(|range| range.start..range.end.min(self.size));
        let ranges: Vec<Range<u64>> = inside.filter(|range| range.start < range.end).collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let read = self.object.read_ranges(&ranges)?;
        for (range, bytes) in ranges.into_iter().zip(read) {
            let kept = self.pieces.entry(range.start).or_default();
            if kept.len() < bytes.len() {
                *kept = bytes;
            }
        }
        Ok(())
    }

    /// Asks for an index, where it saves more requests than it costs.
    fn ask_index(&mut self, at: u64) {
        let messages = self.message.number.max(1);
        let left = (self.size - at.min(self.size)) / (at / messages).max(1);
        if !matches!(self.index, Index::Unasked) || left < MESSAGES_MIN {
            return;
        }
        let mut found =
            INDICES.iter().filter_map(|file| self.object.beside(*file)).map(|text| hints::starts(&text));
        self.index = match found.find_map(|starts| starts) {
            None => Index::None,
            Some(starts) => self.checked(starts),
        };
    }

    /// What can be told of an index before its messages are read.
    fn checked(&self, starts: Vec<u64>) -> Index {
        let Message { number, start, .. } = self.message;
        if let Some(last) = starts.last().filter(|last| **last >= self.size) {
            return Index::Wrong(format!("it names byte {last}, the file has {}", self.size));
        }
        match starts.get(number as usize - 1) == Some(&start) {
            true => Index::Found(starts),
            false => Index::Wrong(format!("message {number} begins at byte {start}, which it does not name")),
        }
    }
}

/// Where the first section lies that begins behind what is there of a message, from the message's first byte;
/// `None` where all that is needed is there.
fn beyond(head: &[u8]) -> Option<u64> {
    let number = |at: u64, octets: usize| {
        let at = usize::try_from(at).ok()?;
        head.get(at..at.checked_add(octets)?).map(be)
    };
    if !head.starts_with(b"GRIB") {
        return None;
    }
    if head.get(7) == Some(&1) {
        let mut at = 8 + number(8, 3)?;
        let flags = number(15, 1)?;
        if flags & 0x80 != 0 {
            at += number(at, 3)?;
        }
        if flags & 0x40 != 0 {
            at += number(at, 3)?;
        }
        return (at + 14 > head.len() as u64).then_some(at);
    }
    let (end, mut at) = (number(8, 8)?.saturating_sub(4), 16);
    while at < end {
        if at + 5 > head.len() as u64 {
            return Some(at);
        }
        at = at.checked_add(number(at, 4)?.max(5))?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_behind_what_is_there_are_told() {
        let section = |number: u8, bytes: usize| {
            let mut section = (bytes as u32).to_be_bytes().to_vec();
            section.push(number);
            section.resize(bytes, 0);
            section
        };
        let second = |sections: &[(u8, usize)]| {
            let body: Vec<u8> =
                sections.iter().flat_map(|(number, bytes)| section(*number, *bytes)).collect();
            let length = body.len() as u64 + 20;
            [b"GRIB\0\0\0\x02", &length.to_be_bytes()[..], &body, b"7777"].concat()
        };
        let plain = second(&[(1, 21), (3, 72), (4, 34), (5, 21), (6, 6), (7, 5000)]);
        let masked = second(&[(1, 21), (3, 72), (4, 34), (5, 21), (6, 3000), (7, 5000)]);
        let several = second(&[(1, 21), (3, 72), (4, 34), (5, 21), (6, 6), (7, 5000), (4, 34), (7, 10)]);
        let mut first = [b"GRIB\0\0\0\x01\0\0\x1c".as_slice(), &[0; 25], b"\0\0\x20", &[0; 29]].concat();
        first.extend([&[0, 11, 184][..], &[0; 2997], &[0, 0, 50], &[0; 47], b"7777"].concat());
        let flagged = |flags: u8| {
            let mut first = first.clone();
            first[15] = flags;
            first
        };
        // a message, how much of it is there, what lies further
        let rows = [
            (plain.clone(), 1000, None),
            (plain.clone(), 100, Some(109)),
            (plain, 12, None),
            (masked.clone(), 1000, Some(16 + 21 + 72 + 34 + 21 + 3000)),
            (masked, 5000, None),
            (several, 1000, Some(16 + 21 + 72 + 34 + 21 + 6 + 5000)),
            (flagged(0x80), 1000, None),
            (flagged(0xc0), 1000, Some(8 + 28 + 32 + 3000)),
            (flagged(0xc0), 4000, None),
            (b"BUFR and so on".to_vec(), 10, None),
        ];
        for (message, there, expected) in rows {
            let head = message.get(..there).unwrap_or(&message);
            assert_eq!(beyond(head), expected, "{there} of {}", message.len());
        }
    }
}

//! Answers of DAP4: chunks, each with a header, of which the first holds a description and the others values, a checksum behind
//! them (OPeNDAP DAP4 Specification, volume 1, "Data Response" and "Chunked Data Representation").

use arcoforge_codec::crc32;
use arcoforge_core::error::{Code, Error, Result};

use super::dmr;

/// The flags of a chunk.
const LAST: u8 = 1;
const ERROR: u8 = 2;
const LITTLE_ENDIAN: u8 = 4;
const NO_CHECKSUM: u8 = 8;
const HEADER_BYTES: usize = 4;
const SUM_BYTES: usize = 4;

/// What one answer holds of one variable.
#[derive(Debug)]
pub(super) struct Answer {
    little: bool,
    /// Whether the server says that no checksum follows the values.
    bare: bool,
    /// The bytes of all chunks but the first.
    bytes: Vec<u8>,
}

/// Puts the chunks of an answer together.
///
/// # Errors
/// What the server says in a chunk of errors; `source-corrupt` for what is cut, has bytes too many, or is no DAP4.
pub(super) fn dechunk(whole: &[u8]) -> Result<Answer> {
    let mut answer = Answer { little: false, bare: false, bytes: Vec::new() };
    let (mut rest, mut number) = (whole, 0_u64);
    loop {
        let Some((header, behind)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged(&format!(
                "it is cut off: {} bytes stand where chunk {} begins",
                rest.len(),
                number + 1
            )));
        };
        let [flags, length @ ..] = *header;
        if flags & !(LAST | ERROR | LITTLE_ENDIAN | NO_CHECKSUM) != 0 {
            return Err(not_a_chunk(rest, number));
        }
        let length = length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        let Some((content, behind)) = behind.split_at_checked(length) else {
            let message = format!(
                "it is cut off, or a length is wrong: chunk {} says {length} bytes and has {}",
                number + 1,
                behind.len()
            );
            return Err(damaged(&message));
        };
        if flags & ERROR != 0 {
            return Err(dmr::told(&String::from_utf8_lossy(content)));
        }
        if number == 0 && !content.trim_ascii_start().starts_with(b"<") {
            return Err(not_a_chunk(content, 0));
        }
        answer.little |= flags & LITTLE_ENDIAN != 0;
        answer.bare |= flags & NO_CHECKSUM != 0;
        if number > 0 {
            answer.bytes.extend_from_slice(content);
        }
        (rest, number) = (behind, number + 1);
        if flags & LAST != 0 {
            break;
        }
    }
    match rest.len() {
        0 => Ok(answer),
        left => Err(damaged(&format!("{left} bytes stand behind the last chunk"))),
    }
}

/// What a server sends that sends no chunks: a text of another protocol, a page, a message.
fn not_a_chunk(bytes: &[u8], number: u64) -> Error {
    if number > 0 {
        return damaged(&format!(
            "chunk {} has flags that do not exist: a length before it is wrong",
            number + 1
        ));
    }
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096)).unwrap_or_default()).into_owned();
    if text.trim_start().starts_with('<') {
        return dmr::told(&text);
    }
    if let Some(error) = super::refused(&text) {
        return error;
    }
    damaged(&format!("it begins with `{}`, expected a chunk with a description", crate::text::shown(bytes)))
}

fn damaged(what: &str) -> Error {
    Error::new(Code::SourceCorrupt, format!("the OPeNDAP server's answer is not valid DAP4: {what}"))
}

impl Answer {
    /// The values of a variable of numbers, big-endian, of which there are `count` of `size` bytes.
    ///
    /// # Errors
    /// `source-corrupt` where there are more or fewer, or the checksum is another.
    pub(super) fn numbers(mut self, count: u64, size: u64) -> Result<Vec<u8>> {
        let expected = usize::try_from(count.saturating_mul(size)).unwrap_or(usize::MAX);
        let found = self.bytes.len();
        let with_sum = expected.checked_add(SUM_BYTES) == Some(found);
        if found != expected && (self.bare || !with_sum) {
            return Err(damaged(&format!(
                "found {found} bytes of values, expected {expected} ({count} values)"
            )));
        }
        self.check(expected, |values| vec![crc32(values)])?;
        self.bytes.truncate(expected);
        let size = usize::try_from(size).unwrap_or(1).max(1);
        if self.little && size > 1 {
            self.bytes.chunks_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(self.bytes)
    }

    /// The texts of a variable, of which there are `count`.
    ///
    /// # Errors
    /// As of [`Answer::numbers`].
    pub(super) fn texts(self, count: u64) -> Result<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        let mut rest = self.bytes.as_slice();
        for _ in 0..count {
            let short = || damaged(&format!("it ends within text {} of {count}", texts.len() + 1));
            let (length, behind) = rest.split_first_chunk::<8>().ok_or_else(short)?;
            let length = if self.little { u64::from_le_bytes(*length) } else { u64::from_be_bytes(*length) };
            let length = usize::try_from(length).map_err(|_| short())?;
            let (text, behind) = behind.split_at_checked(length).ok_or_else(short)?;
            texts.push(text.to_vec());
            rest = behind;
        }
        if !rest.is_empty() && (self.bare || rest.len() != SUM_BYTES) {
            return Err(damaged(&format!("{} bytes stand behind the {count} texts", rest.len())));
        }
        // servers sum the texts alone (Hyrax), or their lengths with them
        self.check(self.bytes.len() - rest.len(), |values| vec![crc32(values), crc32(&texts.concat())])?;
        Ok(texts)
    }

    /// Holds the values, which are the first `end` bytes, to the checksum behind them, if there is one.
    fn check(&self, end: usize, sums: impl Fn(&[u8]) -> Vec<u32>) -> Result<()> {
        let (values, sum) = self.bytes.split_at_checked(end).unwrap_or((&self.bytes, &[]));
        let Some(sum) = sum.first_chunk::<SUM_BYTES>() else { return Ok(()) };
        let told = if self.little { u32::from_le_bytes(*sum) } else { u32::from_be_bytes(*sum) };
        let found = sums(values);
        if found.contains(&told) {
            return Ok(());
        }
        let found = found.first().copied().unwrap_or_default();
        let message = format!(
            "the values of the OPeNDAP server's answer have the checksum {found:08x}, the server says {told:08x}"
        );
        Err(Error::new(Code::SourceCorrupt, message).help("the answer was damaged on its way: run it again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(flags: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[flags], &length[1..], content].concat()
    }

    fn answer(flags: u8, contents: &[&[u8]]) -> Vec<u8> {
        let mut all = chunk(flags, b"<Dataset/>");
        for content in contents {
            all.extend(chunk(flags, content));
        }
        all.extend(chunk(flags | LAST, b""));
        all
    }

    #[test]
    fn values() {
        let sum = crc32(&[1, 2, 3, 4]);
        let (little, big) = (sum.to_le_bytes(), sum.to_be_bytes());
        let told_little = [&[1, 2, 3, 4][..], &little].concat();
        let told_big = [&[1, 2, 3, 4][..], &big].concat();
        for (flags, contents, expected) in [
            (LITTLE_ENDIAN, vec![&told_little[..3], &told_little[3..]], vec![2, 1, 4, 3]),
            (0, vec![&told_big[..]], vec![1, 2, 3, 4]),
            (LITTLE_ENDIAN | NO_CHECKSUM, vec![&told_big[..1], &told_big[1..4]], vec![2, 1, 4, 3]),
            (0, vec![&told_big[..4]], vec![1, 2, 3, 4]),
        ] {
            let whole = answer(flags, &contents);
            assert_eq!(dechunk(&whole).unwrap().numbers(2, 2).unwrap(), expected);
            for end in 0..whole.len() {
                let error = dechunk(&whole[..end]).unwrap_err();
                assert!(error.code == Code::SourceCorrupt, "{end}: {error:?}");
            }
        }
    }

    #[test]
    fn texts() {
        for little in [true, false] {
            let number = |n: u64| if little { n.to_le_bytes() } else { n.to_be_bytes() };
            let values = [&number(2)[..], b"ab", &number(0), &number(1), b"c"].concat();
            for sum in [crc32(&values), crc32(b"abc")] {
                let sum = if little { sum.to_le_bytes() } else { sum.to_be_bytes() };
                let flags = if little { LITTLE_ENDIAN } else { 0 };
                let whole = answer(flags, &[&values, &sum]);
                assert_eq!(dechunk(&whole).unwrap().texts(3).unwrap(), [&b"ab"[..], b"", b"c"]);
                assert!(
                    dechunk(&whole).unwrap().texts(4).is_err() && dechunk(&whole).unwrap().texts(2).is_err()
                );
            }
        }
    }

    #[test]
    fn no_changed_bit_changes_a_value() {
        let text = [&2_u64.to_le_bytes()[..], b"ab"].concat();
        let sum = |values: &[u8], flags: u8| match flags {
            0 => crc32(values).to_be_bytes(),
            _ => crc32(values).to_le_bytes(),
        };
        for flags in [0, LITTLE_ENDIAN] {
            let numbers = answer(flags, &[&[1, 2], &[3, 4], &sum(&[1, 2, 3, 4], flags)]);
            let texts = answer(LITTLE_ENDIAN, &[&text, &sum(&text, LITTLE_ENDIAN)]);
            let expected = dechunk(&numbers).unwrap().numbers(1, 4).unwrap();
            for (whole, is_text) in [(numbers, false), (texts, true)] {
                // a text's length that grows by those of the checksum makes it a part of the text
                let lengths = if is_text { 18 * 8..26 * 8 } else { 0..0 };
                for bit in (0..whole.len() * 8).filter(|bit| !lengths.contains(bit)) {
                    let mut other = whole.clone();
                    other[bit / 8] ^= 1 << (bit % 8);
                    let Ok(answer) = dechunk(&other) else { continue };
                    if is_text {
                        let found = answer.texts(1);
                        assert!(found.is_err() || found.is_ok_and(|texts| texts == [b"ab"]), "{bit}");
                    } else if let Ok(found) = answer.numbers(1, 4) {
                        assert_eq!(found, expected, "{bit}");
                    }
                }
            }
        }
    }

    #[test]
    fn damaged_answers() {
        let says = |whole: &[u8]| dechunk(whole).and_then(|answer| answer.numbers(1, 4)).unwrap_err().message;
        let good = answer(LITTLE_ENDIAN, &[&[1, 2, 3, 4]]);
        let mut long = good.clone();
        long[3] += 200;
        let mut short = good.clone();
        short[3] -= 1;
        for (whole, expected) in [
            (answer(0, &[&[1, 2, 3, 4, 0, 0, 0, 0]]), "checksum"),
            (answer(0, &[&[1, 2, 3]]), "3 bytes of values, expected 4"),
            (answer(NO_CHECKSUM, &[&[0; 8]]), "8 bytes of values, expected 4"),
            ([good, vec![0]].concat(), "1 bytes stand behind the last chunk"),
            (long, "chunk 1 says 210 bytes"),
            (short, "flags that do not exist"),
            (
                chunk(ERROR | LAST, b"<Error httpcode=\"400\"><Message>no such cell</Message></Error>"),
                "no such cell",
            ),
            (chunk(ERROR | LAST, b"plainly wrong"), "plainly wrong"),
            (b"<!DOCTYPE html><html><title>Form</title>".to_vec(), "web page"),
            (b"Dataset {\n} x;\nData:\n".to_vec(), "expected a chunk"),
            (b"Error { code = 3; message = \"no luck\"; };".to_vec(), "no luck"),
            (Vec::new(), "cut off"),
        ] {
            let message = says(&whole);
            assert!(message.contains(expected), "{message}");
        }
    }
}

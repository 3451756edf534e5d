//! Base64 with the standard alphabet (RFC 4648, section 4), which fill values and servers' checksums are written in.

/// The text, padded.
pub fn encode(bytes: &[u8]) -> String {
    const ALPHABET: [char; 64] = {
        let source = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut letters = ['A'; 64];
        let mut n = 0;
        while n < 64 {
            letters[n] = source[n] as char;
            n += 1;
        }
        letters
    };
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = ALPHABET.get((bits >> (18 - 6 * place) & 63) as usize);
            out.push(if place <= group.len() { letter.copied().unwrap_or('=') } else { '=' });
        }
    }
    out
}

/// The bytes; `None` for anything but complete, padded base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (body, padding) = match text.as_bytes() {
        [body @ .., b'=', b'='] => (body, 2),
        [body @ .., b'='] => (body, 1),
        body => (body, 0),
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for group in body.chunks(4) {
        let bits = group.iter().try_fold(0u32, |bits, &c| Some((bits << 6) | digit(c)?))?;
        let missing = 4 - group.len() as u32;
        let bytes = (bits << (6 * missing)).to_be_bytes();
        out.extend(bytes.into_iter().skip(1).take(3));
    }
    out.truncate(out.len().checked_sub(padding)?);
    Some(out)
}

fn digit(c: u8) -> Option<u32> {
    Some(u32::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_vectors_of_the_standard() {
        let rows = [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9", None),
            ("Zm 9", None),
            ("====", None),
        ];
        for (text, expected) in rows {
            assert_eq!(decode(text), expected.map(|t| t.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn what_is_encoded_is_padded() {
        let rows = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, expected) in rows {
            assert_eq!(encode(text.as_bytes()), expected);
        }
    }
}

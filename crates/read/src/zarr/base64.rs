//! Base64 with the standard alphabet (RFC 4648, section 4), which fill values are written in.

/// The bytes; `None` for anything but complete, padded base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
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
    use super::decode;

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
}

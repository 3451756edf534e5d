//! Bytes to text: what files call characters.

/// Bytes as text: UTF-8 where they are, else Latin-1, in which every byte is a character.
pub(crate) fn from_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(bytes),
    }
}

/// Every byte is the character of its number (ISO 8859-1).
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes before the zeros at the end.
pub(crate) fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The first bytes as a message shows them: printable ASCII as it is, the rest as `\xNN`.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(16).flat_map(|&b| std::ascii::escape_default(b)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        let rows: [(&[u8], &str); 5] = [
            (b"abc", "abc"),
            ("d\u{e9}f".as_bytes(), "d\u{e9}f"),
            (b"d\xe9f", "d\u{e9}f"),
            (b"", ""),
            (b"\xff", "\u{ff}"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(from_bytes(bytes), expected);
        }
        assert_eq!(trim_zeros(b"a\0b\0\0"), b"a\0b");
        assert_eq!(trim_zeros(b"\0\0"), b"");
        assert_eq!(shown(b"<a>\x00\x89"), "<a>\\x00\\x89");
    }
}

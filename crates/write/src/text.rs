//! Text elements as bytes: the `vlen-utf8` codec of Zarr (numcodecs' `VLenUTF8`, zarr-extensions' `vlen-utf8`).

use arcoforge_core::error::{Code, Error, Result};

/// Text elements as `vlen-utf8` stores them: their count, then for each its length in bytes and its UTF-8, lengths
/// as unsigned 32-bit little-endian numbers.
///
/// # Errors
/// `target-unsupported` where a length or the count does not fit 32 bits.
pub fn encode_text<T: AsRef<str>>(texts: &[T]) -> Result<Vec<u8>> {
    let bytes: usize = texts.iter().map(|text| text.as_ref().len().saturating_add(4)).sum();
    let mut out = Vec::with_capacity(bytes.saturating_add(4));
    out.extend_from_slice(&length(texts.len(), "texts in one chunk")?);
    for text in texts {
        let text = text.as_ref().as_bytes();
        out.extend_from_slice(&length(text.len(), "bytes in one text")?);
        out.extend_from_slice(text);
    }
    Ok(out)
}

fn length(length: usize, what: &str) -> Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(|_| {
        Error::new(Code::TargetUnsupported, format!("found {length} {what}, expected at most {}", u32::MAX))
            .help("make the chunks of this variable smaller")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numcodecs.VLenUTF8().encode(numpy.array(row, dtype=object))`, numcodecs 0.17.
    #[test]
    fn texts_are_as_numcodecs_writes_them() {
        let rows: [(&[&str], &str); 4] = [
            (&[], "00000000"),
            (&[""], "0100000000000000"),
            (&["a", "é"], "02000000010000006102000000c3a9"),
            (&["", "日", "xyz"], "030000000000000003000000e697a50300000078797a"),
        ];
        for (texts, expected) in rows {
            let found: String =
                encode_text(texts).unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(found, expected, "{texts:?}");
        }
    }
}

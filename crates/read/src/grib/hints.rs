//! Files that name the places of messages: wgrib2's inventories (`number:offset:d=...`) and the JSON lines of ECMWF's open
//! data (`{"_offset": ..., "_length": ...}`).

use serde_json::Value;

/// Where messages begin, in order, each once; `None` for what is no index.
pub(super) fn starts(text: &[u8]) -> Option<Vec<u64>> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut starts = lines.map(start).collect::<Option<Vec<u64>>>()?;
    starts.sort_unstable();
    // fields of one message have a line each
    starts.dedup();
    (!starts.is_empty()).then_some(starts)
}

fn start(line: &str) -> Option<u64> {
    if line.starts_with('{') {
        return serde_json::from_str::<Value>(line).ok()?.get("_offset")?.as_u64();
    }
    let mut words = line.split(':');
    words.next()?.parse::<f64>().ok()?;
    let start = words.next()?.parse().ok()?;
    words.next().map(|_date| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_understood_and_nothing_else() {
        let rows: &[(&str, Option<&[u64]>)] = &[
            (
                "1:0:d=2024010106:REFC:entire atmosphere:1 hour fcst:\n2:300:d=2024010106:TMP:",
                Some(&[0, 300]),
            ),
            ("1.1:0:d=2024:UGRD:\n1.2:0:d=2024:VGRD:\n2:77:d=2024:TMP:", Some(&[0, 77])),
            ("2:77:d=2024:TMP:\n1:0:d=2024:UGRD:\n\n", Some(&[0, 77])),
            ("{\"param\": \"2t\", \"_offset\": 5, \"_length\": 9}\n{\"_offset\": 0}\n", Some(&[0, 5])),
            ("", None),
            ("<html>1:0:</html>", None),
            ("1:0:d=2024\nand more", None),
            ("1:-4:d=2024", None),
            ("1", None),
            ("1:0", None),
            ("{\"_offset\": -1}", None),
            ("{\"_offset\": \"0\"}", None),
            ("[0, 5]", None),
        ];
        for (text, expected) in rows {
            assert_eq!(starts(text.as_bytes()).as_deref(), *expected, "{text}");
        }
        assert_eq!(starts(b"1:0:\xff"), None);
    }
}

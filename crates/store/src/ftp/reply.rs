//! Replies of FTP servers (RFC 959, 4.2), and what they mean.

use std::net::{IpAddr, Ipv4Addr};

use arcoforge_core::error::{Code, Error};

use crate::http::Failure;

/// Bytes of a reply.
pub(super) const REPLY_BYTES_MAX: usize = 64 * 1024;

/// One reply: its number, and its text, lines separated by `\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Reply {
    /// A reply out of complete lines; none as long as there are lines to come. An error for what is no reply.
    pub(super) fn parse(lines: &[String]) -> Result<Option<Self>, ()> {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(None) };
        let code = code_of(first).ok_or(())?;
        let ends = |line: &str| code_of(line) == Some(code) && !line[3..].starts_with('-');
        if !ends(last) {
            let goes_on = lines.len() > 1 || first.as_bytes().get(3) == Some(&b'-');
            return if goes_on { Ok(None) } else { Err(()) };
        }
        let texts: Vec<&str> = lines
            .iter()
            .map(|l| if code_of(l) == Some(code) { l.get(4..).unwrap_or("") } else { l })
            .collect();
        Ok(Some(Self { code, text: texts.join("\n") }))
    }

    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The first words, where they can be shown.
    fn words(&self) -> String {
        let words: String =
            self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
        words.trim().to_owned()
    }

    /// A reply that is not what was hoped for. What a server says to a password is not repeated.
    pub(super) fn failure(&self, command: &str, shown: &str) -> Failure {
        let said = |code, message: String| Error::new(code, message).at(shown);
        let words = if command == "PASS" || command == "USER" {
            String::new()
        } else {
            format!(" ({})", self.words())
        };
        let number = self.code;
        let lower = self.text.to_ascii_lowercase();
        let answered = |what: &str| format!("the server answered {number} {what}{words}");
        match number {
            400..500 => Failure::soon(
                said(Code::SourceUnreachable, answered(&format!("to {command}")))
                    .help("the server is busy or breaks off: lower the connections in `source.limits`, or run again later"),
            ),
            530 | 532 | 534 => Failure::never(
                said(Code::SourceDenied, answered("and lets nobody in without a login"))
                    .help("give `credentials` of the kind `basic` in `source`"),
            ),
            550 if lower.contains("denied") || lower.contains("permission") => Failure::never(
                said(Code::SourceDenied, answered("Forbidden"))
                    .help("the file may need a login: `credentials` of the kind `basic` in `source`"),
            ),
            550 | 553 => Failure::never(said(Code::SourceNotFound, answered("Not Found")).help(
                "check the URL; a template may have made a date or name that the archive lacks",
            )),
            _ => Failure::never(said(Code::SourceUnsupported, answered(&format!("to {command}")))
                .help("download the files first, or use another address of the same data")),
        }
    }
}

fn code_of(line: &str) -> Option<u16> {
    let digits = line.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let behind = line.as_bytes().get(3);
    if !matches!(behind, None | Some(b' ' | b'-')) {
        return None;
    }
    digits.parse().ok().filter(|code| (100..600).contains(code))
}

/// The port of `229 Entering Extended Passive Mode (|||port|)` (RFC 2428).
pub(super) fn extended_port(text: &str) -> Option<u16> {
    let inside = text.rsplit_once('(')?.1.split_once(')')?.0;
    let mark = inside.chars().next()?;
    let parts: Vec<&str> = inside.split(mark).collect();
    match parts.as_slice() {
        ["", "", "", port, ""] => port.parse().ok().filter(|port| *port > 0),
        _ => None,
    }
}

/// Address and port of `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`.
pub(super) fn passive_address(text: &str) -> Option<(IpAddr, u16)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text.get(start..)?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(digits.len());
    let numbers: Option<Vec<u8>> = digits.get(..end)?.split(',').map(|n| n.parse().ok()).collect();
    match numbers?.as_slice() {
        &[a, b, c, d, high, low] => {
            let port = u16::from_be_bytes([high, low]);
            (port > 0).then(|| (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        for (lines, expected) in [
            (&["220 ready"][..], Ok(Some((220, "ready")))),
            (&["220"], Ok(Some((220, "")))),
            (&["220-hello"], Ok(None)),
            (&["220-hello", "world"], Ok(None)),
            (&["220-hello", "220-x", " 220 y", "220 end"], Ok(Some((220, "hello\nx\n 220 y\nend")))),
            (&["220-hello", "221 other"], Ok(None)),
            (&["hello"], Err(())),
            (&["2200 x"], Err(())),
            (&["999 x"], Err(())),
            (&["é"], Err(())),
        ] {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            let expected = expected.map(|e| e.map(|(code, text)| Reply { code, text: text.to_owned() }));
            assert_eq!(Reply::parse(&lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn passive_replies() {
        for (text, expected) in [
            ("Entering Extended Passive Mode (|||6446|)", Some(6446)),
            ("Entering Extended Passive Mode (!!!6446!)", Some(6446)),
            ("Entering Extended Passive Mode (|||66666|)", None),
            ("Entering Extended Passive Mode (|1|10.0.0.1|6446|)", None),
            ("(|||0|)", None),
            ("no", None),
        ] {
            assert_eq!(extended_port(text), expected, "{text}");
        }
        let at = |ip: [u8; 4], port| Some((IpAddr::from(ip), port));
        for (text, expected) in [
            ("Entering Passive Mode (127,0,0,1,4,1)", at([127, 0, 0, 1], 1025)),
            ("Entering Passive Mode 10,0,0,1,0,21.", at([10, 0, 0, 1], 21)),
            ("(127,0,0,1,4)", None),
            ("(127,0,0,256,4,1)", None),
            ("(127,0,0,1,0,0)", None),
            ("", None),
        ] {
            assert_eq!(passive_address(text), expected, "{text}");
        }
    }
}

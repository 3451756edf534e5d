//! Checksums of inputs, as whoever publishes them gives them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the bytes of inputs must add up to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checksums {
    /// URL, path, or the name of the file alone → checksum.
    pub listed: BTreeMap<String, Checksum>,
    /// Paths or URLs of lists as `sha256sum` and its relatives write them.
    pub manifests: Vec<String>,
}

impl Checksums {
    /// Whether nothing is said of any input.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.manifests.is_empty()
    }
}

/// The checksum of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it is made.
    pub algorithm: Algorithm,
    /// Its digits in lower case, [`Algorithm::digits`] of them.
    pub hex: String,
}

/// As recipes and locks have it: `sha256:DIGITS`.
impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// Reads a manifest as `sha256sum` and its relatives write it: `DIGITS  NAME` or `SHA256 (NAME) = DIGITS` in each line;
/// empty lines and those behind `#` do not count. The number of digits tells the algorithm.
///
/// # Errors
/// The number of the first line that is neither, and what is wrong with it.
pub fn parse_manifest(text: &str) -> Result<Vec<(String, Checksum)>, String> {
    let lines = text.lines().map(str::trim_end).enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let read = |(at, line): (usize, &str)| {
        let entry = tagged(line).or_else(|| plain(line));
        entry.ok_or_else(|| {
            format!("line {} is not a checksum with a file's name: `{}`", at + 1, shorten(line))
        })
    };
    lines.map(read).collect()
}

/// `DIGITS  NAME`, `DIGITS *NAME`; a backslash before the digits says that some of the name are escaped.
fn plain(line: &str) -> Option<(String, Checksum)> {
    let (line, escaped) = match line.trim_start().strip_prefix('\\') {
        Some(rest) => (rest, true),
        None => (line.trim_start(), false),
    };
    let (hex, name) = line.split_once([' ', '\t'])?;
    let name = name.trim_start_matches([' ', '\t']);
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = if escaped { name.replace("\\n", "\n").replace("\\\\", "\\") } else { name.to_owned() };
    named(name, Algorithm::of_digits(hex.len())?, hex)
}

/// `SHA256 (NAME) = DIGITS`.
fn tagged(line: &str) -> Option<(String, Checksum)> {
    let (algorithm, rest) = line.trim_start().split_once(" (")?;
    let (name, hex) = rest.rsplit_once(") = ")?;
    named(name.to_owned(), Algorithm::parse(algorithm)?, hex.trim())
}

fn named(name: String, algorithm: Algorithm, hex: &str) -> Option<(String, Checksum)> {
    let whole = hex.len() == algorithm.digits() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    (whole && !name.is_empty()).then(|| (name, Checksum { algorithm, hex: hex.to_ascii_lowercase() }))
}

fn shorten(line: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1; it tells accidents, not attacks.
    Sha1,
    /// MD5; it tells accidents, not attacks.
    Md5,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5];

    /// The name in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
        }
    }

    /// The algorithm of a name, in either case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm whose checksums have this many hexadecimal digits.
    pub fn of_digits(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.digits() == digits)
    }

    /// Hexadecimal digits of a checksum.
    pub const fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
            Self::Sha1 => 40,
            Self::Md5 => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests() {
        let (md5, sha) = ("d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let rows: &[(String, &[(&str, Algorithm)])] = &[
            (
                format!("{md5}  a.nc\n{sha} *b/c d.nc\r\n"),
                &[("a.nc", Algorithm::Md5), ("b/c d.nc", Algorithm::Sha1)],
            ),
            (
                format!("# made by hand\n\nMD5 (a (1).nc) = {}\n", md5.to_uppercase()),
                &[("a (1).nc", Algorithm::Md5)],
            ),
            (format!("\\{md5}  a\\\\b.nc"), &[("a\\b.nc", Algorithm::Md5)]),
            (String::new(), &[]),
        ];
        for (text, expected) in rows {
            let found = parse_manifest(text).expect(text);
            let shown: Vec<(&str, Algorithm)> =
                found.iter().map(|(n, c)| (n.as_str(), c.algorithm)).collect();
            assert_eq!(shown, *expected, "{text}");
            assert!(found.iter().all(|(_, c)| c.hex == md5 || c.hex == sha), "{text}");
        }
        let good = format!("{md5}  a.nc\n");
        for wrong in
            [format!("{good}{md5}"), format!("{good}{md5}0  b.nc"), format!("{good}SHA256 (a) = {md5}")]
        {
            let message = parse_manifest(&wrong).expect_err(&wrong);
            assert!(message.starts_with("line 2 "), "{message}");
        }
    }
}

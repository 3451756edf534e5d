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

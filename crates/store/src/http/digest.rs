//! Checksums that servers send along, where it is sure what they are of.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use arcoforge_core::base64;
use arcoforge_core::error::{Code, Error};
use arcoforge_core::figures::hex;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use ureq::http::HeaderMap;

use super::failure::Failure;

/// Bytes hashed at a time.
const PART_BYTES: usize = 256 * 1024;

/// What the bytes of a body add up to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct BodyDigest {
    kind: Kind,
    hex: String,
}

/// From the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Crc32c,
    Md5,
    Sha256,
    Sha512,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "CRC-32C",
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::Md5 => 16,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// By the names of RFC 3230, RFC 9530 and of the object stores.
    fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "crc32c" => Some(Self::Crc32c),
            "md5" => Some(Self::Md5),
            "sha-256" => Some(Self::Sha256),
            "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// The strongest checksum of the whole body that the header of a 200 has. Of bodies that are packed for the way none is
/// taken, since servers do not agree on what is hashed then.
///
/// `Content-MD5` (RFC 1864), `Digest` (RFC 3230), `Repr-Digest` and `Content-Digest` (RFC 9530), `x-amz-checksum-*`,
/// `x-goog-hash`, and the entity tag of S3 where it is the MD5: of an object that was put in one piece and is not
/// encrypted with a key of its own.
pub(super) fn of(headers: &HeaderMap, host: &str) -> Option<BodyDigest> {
    let all = |name: &str| headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok());
    let mut found: Vec<Option<BodyDigest>> = Vec::new();
    found.extend(all("content-md5").map(|v| digest(Kind::Md5, v)));
    for name in ["digest", "repr-digest", "content-digest"] {
        // `crc32c` of RFC 3230 is written as a number
        let listed = all(name).flat_map(list).filter(|d| d.as_ref().is_some_and(|d| d.kind != Kind::Crc32c));
        found.extend(listed);
    }
    found.extend(all("x-amz-checksum-crc32c").map(|v| digest(Kind::Crc32c, v)));
    found.extend(all("x-amz-checksum-sha256").map(|v| digest(Kind::Sha256, v)));
    // what is kept packed may be unpacked for the way, and is hashed packed
    if all("x-goog-stored-content-encoding").all(|v| v == "identity") {
        found.extend(all("x-goog-hash").flat_map(list));
    }
    found.push(etag_of_s3(headers, host));
    found.into_iter().flatten().max()
}

/// `NAME=BASE64, NAME=:BASE64:`.
fn list(text: &str) -> impl Iterator<Item = Option<BodyDigest>> {
    text.split(',').map(|item| {
        let (name, value) = item.split_once('=')?;
        digest(Kind::named(name)?, value)
    })
}

fn digest(kind: Kind, base64: &str) -> Option<BodyDigest> {
    let value = base64.trim();
    let value = value.strip_prefix(':').and_then(|v| v.strip_suffix(':')).unwrap_or(value);
    let bytes = base64::decode(value).filter(|bytes| bytes.len() == kind.bytes())?;
    Some(BodyDigest { kind, hex: hex(&bytes) })
}

fn etag_of_s3(headers: &HeaderMap, host: &str) -> Option<BodyDigest> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let plain = text("x-amz-server-side-encryption").is_none_or(|how| how == "AES256")
        && text("x-amz-server-side-encryption-customer-algorithm").is_none();
    // directory buckets have entity tags that are no MD5
    let bucket = text("server") == Some("AmazonS3") && !host.contains("s3express");
    let tag = text("etag")?.strip_prefix('"')?.strip_suffix('"')?;
    let whole = tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (plain && bucket && whole).then(|| BodyDigest { kind: Kind::Md5, hex: tag.to_owned() })
}

impl BodyDigest {
    /// Compares a complete file with what the server said of it.
    pub(super) fn check(&self, path: &Path, shown: &str) -> Result<(), Failure> {
        let unread = |e| {
            Failure::never(
                Error::new(Code::SourceUnreachable, "a download can't be read again").caused_by(e).at(shown),
            )
        };
        let found = self.kind.of_file(path).map_err(unread)?;
        if found == self.hex {
            return Ok(());
        }
        let name = self.kind.name();
        let message = format!("the bytes have the {name} {found}, the server said {}", self.hex);
        Err(Failure::soon(
            Error::new(Code::SourceCorrupt, message)
                .at(shown)
                .help("the file was damaged on the way or lies damaged on the server: run again later"),
        ))
    }
}

impl Kind {
    fn of_file(self, path: &Path) -> io::Result<String> {
        Ok(match self {
            Self::Crc32c => {
                let mut sum = 0;
                each_part(path, |part| sum = crc32c::crc32c_append(sum, part))?;
                hex(&sum.to_be_bytes())
            }
            Self::Md5 => hashed(path, md5::Md5::new())?,
            Self::Sha256 => hashed(path, sha2::Sha256::new())?,
            Self::Sha512 => hashed(path, sha2::Sha512::new())?,
        })
    }
}

fn hashed<D: sha2::Digest>(path: &Path, mut hash: D) -> io::Result<String> {
    each_part(path, |part| hash.update(part))?;
    Ok(hex(&hash.finalize()))
}

fn each_part(path: &Path, mut work: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; PART_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => work(buffer.get(..count).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // of `abc`: Python's hashlib and base64; CRC-32C of `123456789` is e3069283 (RFC 3720, appendix B.4)
    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_headers_say() {
        let s3 = ("server", "AmazonS3");
        let tag = ("etag", "\"900150983cd24fb0d6963f7d28e17f72\"");
        type Row<'a> = (&'a [(&'static str, &'static str)], Option<(Kind, &'a str)>);
        let rows: &[Row<'_>] = &[
            (&[], None),
            (&[("content-md5", "kAFQmDzST7DWlj99KOF/cg==")], Some((Kind::Md5, MD5))),
            (&[("content-md5", "900150983cd24fb0d6963f7d28e17f72")], None),
            (&[("content-md5", "kAFQmDzST7DWlj99KOF/cg=")], None),
            (
                &[(
                    "digest",
                    "md5=kAFQmDzST7DWlj99KOF/cg==,SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
                )],
                Some((Kind::Sha256, SHA256)),
            ),
            (
                &[("repr-digest", "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:, unixsum=:AA==:")],
                Some((Kind::Sha256, SHA256)),
            ),
            (&[("digest", "adler32=03da0195, crc32c=e3069283")], None),
            (
                &[("x-goog-hash", "crc32c=4waSgw=="), ("x-goog-hash", "md5=kAFQmDzST7DWlj99KOF/cg==")],
                Some((Kind::Md5, MD5)),
            ),
            (&[("x-goog-hash", "crc32c=4waSgw==")], Some((Kind::Crc32c, "e3069283"))),
            (&[("x-goog-hash", "crc32c=4waSgw=="), ("x-goog-stored-content-encoding", "gzip")], None),
            (&[("x-amz-checksum-crc32c", "4waSgw==")], Some((Kind::Crc32c, "e3069283"))),
            // of parts, put together
            (&[("x-amz-checksum-crc32c", "4waSgw==-3")], None),
            (&[s3, tag], Some((Kind::Md5, MD5))),
            (&[s3, tag, ("x-amz-server-side-encryption", "AES256")], Some((Kind::Md5, MD5))),
            (&[s3, tag, ("x-amz-server-side-encryption", "aws:kms")], None),
            (&[s3, tag, ("x-amz-server-side-encryption-customer-algorithm", "AES256")], None),
            (&[s3, ("etag", "\"900150983cd24fb0d6963f7d28e17f72-5\"")], None),
            (&[s3, ("etag", "W/\"900150983cd24fb0d6963f7d28e17f72\"")], None),
            (&[("server", "nginx"), tag], None),
        ];
        for (fields, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in *fields {
                headers.append(*name, value.parse().expect("a value"));
            }
            let expected = expected.map(|(kind, hex)| BodyDigest { kind, hex: hex.to_owned() });
            assert_eq!(of(&headers, "bucket.s3.amazonaws.com"), expected, "{fields:?}");
        }
        let mut headers = HeaderMap::new();
        for (name, value) in [s3, tag] {
            headers.append(name, value.parse().expect("a value"));
        }
        assert_eq!(of(&headers, "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com"), None);
    }

    #[test]
    fn files_are_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        for (bytes, kind, right) in [
            (&b"abc"[..], Kind::Md5, MD5),
            (b"abc", Kind::Sha256, SHA256),
            (b"123456789", Kind::Crc32c, "e3069283"),
            (
                b"abc",
                Kind::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
                 454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            std::fs::write(&path, bytes).expect("written");
            let digest = BodyDigest { kind, hex: right.to_owned() };
            assert!(digest.check(&path, "u").is_ok(), "{kind:?}");
            std::fs::write(&path, b"abd").expect("written");
            let error = digest.check(&path, "u").expect_err("another").error;
            assert_eq!(error.code, Code::SourceCorrupt);
            assert!(error.message.contains(right) && error.message.contains(kind.name()), "{error}");
        }
    }
}

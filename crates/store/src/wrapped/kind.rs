//! What a file is wrapped in, by its first bytes.

use super::tar;

/// Bytes of the beginning that are looked at: a block of tar, and the places where HDF5 may begin.
pub(crate) const LOOKED_AT: u64 = 2056;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// RFC 1952, one or more members.
    Gzip,
    /// One or more streams of bzip2.
    Bzip2,
    /// One or more streams of xz.
    Xz,
    /// One or more frames of Zstandard.
    Zstd,
    /// RFC 1951, as zip has it.
    Deflate,
}

/// What the beginning of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Neither compressed nor an archive, as far as this crate can tell.
    Plain,
    /// One compressed file.
    Packed(Packing),
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
}

impl Packing {
    /// The name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }
}

impl Kind {
    /// Tells a file by its beginning, of at least [`LOOKED_AT`] bytes where it has as many.
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Packed(Packing::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Self::Packed(Packing::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Packed(Packing::Xz),
            // a frame, or one that is skipped
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Packed(Packing::Zstd),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ if tar::is_header(head) => Self::Tar,
            _ => Self::Plain,
        }
    }
}

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const DATA: [&[u8]; 8] =
    [b"CDF\x01", b"CDF\x02", b"CDF\x05", b"GRIB", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

/// Whether a member of an archive is data, or wraps what may be: judged by its content, never by its name.
pub(crate) fn is_data(head: &[u8]) -> bool {
    let hdf5 = [0, 512, 1024, 2048]
        .into_iter()
        .any(|offset| head.get(offset..).is_some_and(|rest| rest.starts_with(HDF5)));
    hdf5 || DATA.iter().any(|magic| head.starts_with(magic)) || Kind::of(head) != Kind::Plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_by_content() {
        for (head, expected, data) in [
            (&b"\x1f\x8b\x08\0"[..], Kind::Packed(Packing::Gzip), true),
            (b"\x1f\x8b\x07\0", Kind::Plain, false),
            (b"BZh91AY&SY", Kind::Packed(Packing::Bzip2), true),
            (b"BZh9 is not a file", Kind::Plain, false),
            (b"\xfd7zXZ\0", Kind::Packed(Packing::Xz), true),
            (b"\x28\xb5\x2f\xfd", Kind::Packed(Packing::Zstd), true),
            (b"\x5a\x2a\x4d\x18", Kind::Packed(Packing::Zstd), true),
            (b"PK\x03\x04", Kind::Zip, true),
            (b"PK\x05\x06", Kind::Zip, true),
            (b"\x89HDF\r\n\x1a\n", Kind::Plain, true),
            (b"CDF\x02", Kind::Plain, true),
            (b"CDF\x03", Kind::Plain, false),
            (b"GRIB", Kind::Plain, true),
            (b"MM\0*", Kind::Plain, true),
            (b"some text", Kind::Plain, false),
            (b"", Kind::Plain, false),
        ] {
            assert_eq!((Kind::of(head), is_data(head)), (expected, data), "{head:?}");
        }
    }
}

//! What is not data is told by its content, with what was found and what to do.

use arcoforge_core::error::Code;
use arcoforge_read::open;

use crate::memory::Memory;

#[test]
fn what_is_not_data_is_named() {
    let rows: Vec<(&[u8], Code, &str)> = vec![
        (b"", Code::SourceNotData, "an empty file"),
        (
            b"<!DOCTYPE html><html><head><title>404 Not\n Found</title>",
            Code::SourceNotData,
            "a web page (HTML) titled \"404 Not Found\"",
        ),
        (b"\n  <HTML><body>", Code::SourceNotData, "a web page"),
        (b"\xef\xbb\xbf<html>", Code::SourceNotData, "a web page"),
        (b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>", Code::SourceNotData, "XML"),
        (b"<?xml version=\"1.0\"?><!DOCTYPE x><html xmlns=\"x\">", Code::SourceNotData, "a web page"),
        (b"{\"message\": \"not found\"}", Code::SourceNotData, "not found"),
        // what only looks like a compression that is taken off
        (
            b"\x1f\x8b\x07\x00\x00\x00\x00\x00",
            Code::SourceFormat,
            "packed by gzip, bzip2, xz, zstd, zip or tar",
        ),
        (b"BZh9 is not a file", Code::SourceFormat, "`BZh9 is not a f"),
        (b"\x1f\x9d\x90\x00\x00\x00\x00\x00", Code::SourceUnsupported, "compress (.Z)"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", Code::SourceUnsupported, "7-Zip"),
        (b"GRIB\x00\x00\x00\x02", Code::SourceCorrupt, "truncated"),
        (b"BUFR\x00\x00\x00\x04", Code::SourceUnsupported, "BUFR"),
        (b"II*\x00\x08\x00\x00\x00", Code::SourceCorrupt, "the TIFF file is damaged"),
        (b"MM\x00*\x00\x00\x00\x08", Code::SourceCorrupt, "the TIFF file is damaged"),
        (b"II+\x00\x08\x00\x00\x00", Code::SourceCorrupt, "the TIFF file is damaged"),
        (b"\x0e\x03\x13\x01\x00\x00\x00\x00", Code::SourceUnsupported, "HDF4"),
        (b"netcdf x {\ndimensions:\n", Code::SourceUnsupported, "CDL"),
        (&[0; 5000], Code::SourceNotData, "zero bytes"),
        (b"CDF", Code::SourceCorrupt, "truncated: found 3 bytes"),
        (b"\x89HDF\r", Code::SourceCorrupt, "truncated: found 5 bytes"),
        (b"CDF\x03\x00\x00\x00\x00\x00", Code::SourceFormat, "CDF\\x03"),
        (b"hello, world", Code::SourceFormat, "`hello, world`"),
        (b"\x01\x02", Code::SourceFormat, "\\x01\\x02"),
    ];
    for (bytes, code, expected) in rows {
        let error = open(Memory::new(bytes)).err().unwrap_or_else(|| panic!("{expected} was opened"));
        let text = error.to_string();
        assert!(
            error.code == code && text.contains(expected),
            "{:?} {text}, expected {code:?} {expected}",
            error.code
        );
        assert!(text.contains("memory.nc") && error.help.is_some(), "{text}");
    }
}

#[test]
fn hdf5_is_found_behind_a_user_block() {
    for offset in [0, 512, 1024, 2048, 4096, 65536] {
        let mut bytes = vec![b'<'; offset];
        bytes.extend(b"\x89HDF\r\n\x1a\n");
        bytes.resize(offset + 4096, 0);
        let error = open(Memory::new(bytes)).err().map(|e| e.code);
        assert!(
            !matches!(error, None | Some(Code::SourceNotData | Code::SourceFormat)),
            "at {offset}: {error:?}"
        );
    }
}

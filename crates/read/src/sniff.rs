//! What a file is, by its first bytes; names and endings are never asked.

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::Object;
use arcoforge_store::object::read_range;

use crate::text::shown;
use crate::{netcdf3, tiff};

/// What the first read asks for; holds the signature of HDF5 behind a user block of up to 2 KiB.
const HEAD_BYTES: u64 = 4096;
/// A user block of HDF5 is not looked for beyond this.
const USER_BLOCK_BYTES_MAX: u64 = 1 << 30;
/// Headings of bulletins are shorter.
const HEADING_BYTES_MAX: usize = 512;
const HDF5_SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
const READS: &str = "arcoforge reads NetCDF (classic, 64-bit offset, CDF-5, NetCDF-4), HDF5, GRIB and TIFF files, plain or \
                     packed by gzip, bzip2, xz, zstd, zip or tar";

/// What the readers are chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A NetCDF classic file.
    Netcdf3,
    /// HDF5 of any kind, NetCDF-4 included.
    Hdf5,
    /// TIFF or BigTIFF, GeoTIFF included.
    Tiff,
    /// GRIB messages, maybe behind the header of a bulletin.
    Grib,
}

/// Content that is known and not read; the store takes gzip, bzip2, xz, zstd, zip and tar off before. Its first bytes, the code, what it is, what to do.
struct Other {
    magic: &'static [u8],
    code: Code,
    what: &'static str,
    help: &'static str,
}

macro_rules! others {
    ($($magic:literal $code:ident $what:literal $help:literal;)*) => {
        &[$(Other { magic: $magic, code: Code::$code, what: $what, help: $help }),*]
    };
}

const OTHERS: &[Other] = others! {
    b"\x1f\x9d" SourceUnsupported "a file compressed with compress (.Z)" "unpack it first: `uncompress FILE`";
    b"7z\xbc\xaf\x27\x1c" SourceUnsupported "a 7-Zip archive" "unpack it first";
    b"BUFR" SourceUnsupported "a BUFR file" "convert it to NetCDF first";
    b"\x0e\x03\x13\x01" SourceUnsupported "an HDF4 file" "convert it first, for example with `h4toh5` or `ncdump` and `ncgen`";
    b"SIMPLE  =" SourceUnsupported "a FITS file" "convert it to NetCDF first";
    b"%PDF" SourceNotData "a PDF document" "check the URL";
    b"\x89PNG" SourceNotData "a PNG image" "check the URL";
    b"\xff\xd8\xff" SourceNotData "a JPEG image" "check the URL";
    b"version https://git-lfs" SourceNotData "a pointer of Git LFS in place of the file" "fetch the file itself: `git lfs pull`";
};

/// Finds out what an object holds, from one read (and few more where an HDF5 user block is possible).
///
/// # Errors
/// [`Code::SourceNotData`] for an empty file, zeros, a web page or another server's answer;
/// [`Code::SourceUnsupported`] for formats and wrappings that are known; [`Code::SourceFormat`] for the rest.
pub(crate) fn sniff(object: &dyn Object) -> Result<Found> {
    let size = object.validator().size;
    let head = read_range(object, 0..size.min(HEAD_BYTES))?;
    if netcdf3::format_of(&head).is_some() {
        return Ok(Found::Netcdf3);
    }
    if tiff::is_tiff(&head) {
        return Ok(Found::Tiff);
    }
    let is_hdf5_at = |offset: usize| head.get(offset..).is_some_and(|rest| rest.starts_with(HDF5_SIGNATURE));
    if [0, 512, 1024, 2048].into_iter().any(is_hdf5_at) {
        return Ok(Found::Hdf5);
    }
    if is_grib(&head) {
        return Ok(Found::Grib);
    }
    if let Some(error) = refuse(&head, size, object.is_remote()) {
        return Err(error.at(object.url()));
    }
    let mut offset = HEAD_BYTES;
    while offset <= USER_BLOCK_BYTES_MAX && size >= offset + 8 {
        if read_range(object, offset..offset + 8)? == HDF5_SIGNATURE {
            return Ok(Found::Hdf5);
        }
        offset *= 2;
    }
    Err(unknown(&head).at(object.url()))
}

/// Whether messages begin here: at once, or behind what is put before bulletins of the WMO (GTS headings, `****` lengths).
fn is_grib(head: &[u8]) -> bool {
    let edition = |at: usize| matches!(head.get(at + 7), Some(1 | 2));
    let starts = |at: usize| head.get(at..).is_some_and(|rest| rest.starts_with(b"GRIB"));
    let heading = head.iter().take(HEADING_BYTES_MAX).enumerate().take_while(|(at, byte)| {
        starts(*at) || byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n' | 0x01 | 0x03 | 0)
    });
    let mut at = heading.map(|(at, _)| at);
    at.any(|at| starts(at) && edition(at))
}

/// The error for content that is known not to be a file that arcoforge reads.
fn refuse(head: &[u8], size: u64, remote: bool) -> Option<Error> {
    if size == 0 {
        return Some(not_data("an empty file (0 bytes)", "fetch the file again"));
    }
    if let Some(other) = OTHERS.iter().find(|other| head.starts_with(other.magic)) {
        return Some(Error::new(other.code, format!("found {}; {READS}", other.what)).help(other.help));
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Some(not_data("a video or image container", "check the URL"));
    }
    if head.starts_with(b"CDF")
        || (head.len() < 8 && [&b"CDF"[..], HDF5_SIGNATURE].iter().any(|s| s.starts_with(head)))
    {
        return Some(damaged_signature(head, size));
    }
    if head.iter().all(|&b| b == 0) {
        let what =
            if size <= HEAD_BYTES { "only zero bytes" } else { "zero bytes where the signature should be" };
        return Some(not_data(what, "the transfer failed or the file was never written: fetch it again"));
    }
    refuse_text(head, remote)
}

/// Web pages, and answers that servers give in place of a file.
fn refuse_text(head: &[u8], remote: bool) -> Option<Error> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start: String = String::from_utf8_lossy(head.trim_ascii_start()).chars().take(1024).collect();
    let lower = start.to_ascii_lowercase();
    let help = match remote {
        true => {
            "the server answered with something else than the file: check the URL, and whether it needs a login"
        }
        false => {
            "name data files only, as in `folder/*.nc`; where this one was fetched as data, the server had sent something \
             else: fetch it again"
        }
    };
    if lower.starts_with("<!doctype html")
        || lower.starts_with("<html")
        || lower.contains("<html") && lower.starts_with('<')
    {
        let title = title(&start).map_or_else(String::new, |title| format!(" titled \"{title}\""));
        return Some(not_data(&format!("a web page (HTML){title}"), help));
    }
    if lower.starts_with("<?xml") || lower.starts_with("<error") || lower.starts_with("<!--") {
        return Some(not_data(&format!("XML (`{}`)", one_line(&start)), help));
    }
    if lower.starts_with("{") || lower.starts_with("[{") {
        return Some(not_data(&format!("JSON (`{}`)", one_line(&start)), help));
    }
    if lower.starts_with("netcdf ") && lower.contains('{') {
        let error = Error::new(Code::SourceUnsupported, format!("found NetCDF as text (CDL); {READS}"));
        return Some(error.help("make a NetCDF file of it first: `ncgen -o FILE.nc FILE.cdl`"));
    }
    None
}

fn not_data(what: &str, help: &str) -> Error {
    Error::new(Code::SourceNotData, format!("found {what} instead of data; {READS}")).help(help)
}

fn damaged_signature(head: &[u8], size: u64) -> Error {
    let found = shown(head.get(..4).unwrap_or(head));
    match size {
        0..8 => Error::new(
            Code::SourceCorrupt,
            format!("truncated: found {size} bytes (`{found}`), shorter than any signature"),
        )
        .help("fetch the file again"),
        _ => Error::new(
            Code::SourceFormat,
            format!("found `{found}`, expected `CDF` and 1, 2 or 5 for a NetCDF classic file; {READS}"),
        )
        .help("check that the file is complete and is what its name says"),
    }
}

fn unknown(head: &[u8]) -> Error {
    let message = format!("the format is not known: the file begins with `{}`; {READS}", shown(head));
    Error::new(Code::SourceFormat, message).help("check that the file is complete and is what its name says")
}

/// The title of a web page, shortened.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")?.checked_add("<title>".len())?;
    let end = start.checked_add(lower.get(start..)?.find("</title>")?)?;
    page.get(start..end).map(one_line).filter(|title| !title.is_empty())
}

/// The beginning of a text on one line.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(80).collect()
}
